#include "httpd/checks.h"

#include "httpd/answer.h"
#include "httpd/directives.h"
#include "httpd/servers.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <stdatomic.h>
#include <string.h>

APLOG_USE_MODULE(auth_mtls_oauth);

static void warn(apr_pool_t *pool, server_rec *server, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void warn(apr_pool_t *pool, server_rec *server, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    APR_ARRAY_PUSH(mto_server_config_of(server)->warnings, const char *) = apr_pvsprintf(pool, format, arguments);
    va_end(arguments);
}

/* --- Looking into the configuration as it was written ------------------------------------------------------------- */

/* Other modules do not tell what they were told; the tree of directives does. */
typedef int match_fn(const char *value);

static int is_our_type(const char *value)
{
    return strcasecmp(value, MTO_AUTH_TYPE) == 0;
}

static int is_client_auth(const char *value)
{
    return strcasecmp(value, MTO_CLIENT_AUTH_TYPE) == 0;
}

static int is_pass(const char *value)
{
    return strcasecmp(value, "pass") == 0;
}

static int is_no_ca(const char *value)
{
    return strcasecmp(value, "optional_no_ca") == 0;
}

static int is_fake_basic(const char *value)
{
    return strcasecmp(value, "FakeBasicAuth") == 0 || strcasecmp(value, "+FakeBasicAuth") == 0;
}

static int is_any(const char *value)
{
    return *value != '\0';
}

static int is_not_off(const char *value)
{
    return strcasecmp(value, "off") != 0;
}

static int is_off(const char *value)
{
    return strcasecmp(value, "off") == 0;
}

static int is_not_none(const char *value)
{
    return strcasecmp(value, "none") != 0;
}

static int is_virtual_host(const ap_directive_t *directive)
{
    return strcasecmp(directive->directive, "<VirtualHost") == 0;
}

static int has_value(const char *values, match_fn *matches, apr_pool_t *pool)
{
    while (*values != '\0') {
        if (matches(ap_getword_conf(pool, &values))) {
            return 1;
        }
    }
    return 0;
}

/* Whether a directive of that name with a matching value stands in this list or below it, virtual hosts aside. */
static int has(const ap_directive_t *list, const char *name, match_fn *matches, apr_pool_t *pool)
{
    for (; list != NULL; list = list->next) {
        if (strcasecmp(list->directive, name) == 0 && has_value(list->args, matches, pool)) {
            return 1;
        }
        if (!is_virtual_host(list) && has(list->first_child, name, matches, pool)) {
            return 1;
        }
    }
    return 0;
}

/* What the directives of one server, or of all servers together, say. */
typedef struct {
    int our_type, tls, clear_text_meant, asks, wants;
    int client_auth, passes, no_ca, trusts_names;
} scope_t;

static scope_t look(const ap_directive_t *list, apr_pool_t *pool)
{
    scope_t scope;

    scope.our_type = has(list, "AuthType", is_our_type, pool);
    scope.tls = has(list, "SSLEngine", is_not_off, pool);
    scope.clear_text_meant = has(list, "MTLSOAuthRequireTLS", is_off, pool);
    scope.asks = has(list, "SSLVerifyClient", is_not_none, pool);
    scope.wants = has(list, "MTLSOAuthUseMutualTLS", is_not_none, pool);
    scope.client_auth = has(list, "AuthType", is_client_auth, pool);
    scope.passes = has(list, "MTLSOAuthOtherClients", is_pass, pool);
    scope.no_ca = has(list, "SSLVerifyClient", is_no_ca, pool);
    scope.trusts_names = has(list, "SSLUserName", is_any, pool) || has(list, "SSLOptions", is_fake_basic, pool);
    return scope;
}

static int wants_certificates(const server_rec *server)
{
    const apr_array_header_t *policies = mto_server_config_of(server)->policies;
    int                       i;

    for (i = 0; i < policies->nelts; i++) {
        if (APR_ARRAY_IDX(policies, i, const mto_policy_t *)->settings.use_mutual_tls != MTO_MUTUAL_TLS_NONE) {
            return 1;
        }
    }
    return 0;
}

/* Then TLS, and asking for certificates, may be theirs. */
static int has_proxies(const server_rec *server)
{
    const apr_array_header_t *proxies = mto_server_config_of(server)->trusted_proxies;

    return proxies != NULL && proxies->nelts > 0;
}

static void warn_of_client_auth(apr_pool_t *pool, server_rec *server, const scope_t *scope, const char *where)
{
    if (mto_server_config_of(server)->clients == NULL && !scope->passes) {
        warn(pool, server,
             "%s: AuthType " MTO_CLIENT_AUTH_TYPE ", but no client: every client ends as client_unknown; add "
             "MTLSOAuthClientsFile or an <MTLSOAuthClient> section",
             where);
    }
    if ((!scope->tls || !scope->asks) && !has_proxies(server)) {
        warn(pool, server,
             "%s: AuthType " MTO_CLIENT_AUTH_TYPE
             ", but the client's certificate is never asked for: every client ends "
             "as client_certificate_missing; add \"SSLEngine on\" and \"SSLVerifyClient optional_no_ca\"",
             where);
    }
}

static void warn_of_scope(apr_pool_t *pool, server_rec *server, const scope_t *scope, const char *where)
{
    if (scope->no_ca && scope->trusts_names && (scope->our_type || scope->client_auth)) {
        warn(pool, server,
             "%s: SSLUserName or FakeBasicAuth beside \"SSLVerifyClient optional_no_ca\": anybody can make a "
             "certificate with any name in it; take users from this module, or trust names in another virtual host",
             where);
    }
    if (scope->client_auth) {
        warn_of_client_auth(pool, server, scope, where);
    }
    if (!scope->our_type) {
        return;
    }
    if (mto_server_config_of(server)->policies->nelts == 0) {
        warn(pool, server,
             "%s: AuthType " MTO_AUTH_TYPE ", but no issuer: every token ends as issuer_unknown; add an "
             "<MTLSOAuthIssuer> section",
             where);
    }
    if (!scope->tls && !scope->clear_text_meant && !has_proxies(server)) {
        warn(pool, server,
             "%s: AuthType " MTO_AUTH_TYPE " without TLS: every token ends as tls_required; add \"SSLEngine on\", or "
             "\"MTLSOAuthRequireTLS off\" if TLS ends in front of this server",
             where);
    }
    else if (scope->tls && !scope->asks && !has_proxies(server) && (scope->wants || wants_certificates(server))) {
        warn(pool, server,
             "%s: SSLVerifyClient never asks for the client certificate that bound tokens need: they end as "
             "certificate_missing; add \"SSLVerifyClient optional_no_ca\"",
             where);
    }
}

static server_rec *server_defined_at(server_rec *main_server, const ap_directive_t *section)
{
    server_rec *server;

    for (server = main_server->next; server != NULL; server = server->next) {
        if (server->defn_name != NULL && strcmp(server->defn_name, section->filename) == 0
            && server->defn_line_number == (unsigned)section->line_num) {
            return server;
        }
    }
    return NULL;
}

/* A virtual host inherits what the main server says, and what its Locations say. */
static void check_scopes(apr_pool_t *pool, server_rec *main_server)
{
    const ap_directive_t *section;
    scope_t               outer = look(ap_conftree, pool), all = outer;

    for (section = ap_conftree; section != NULL; section = section->next) {
        server_rec *server = is_virtual_host(section) ? server_defined_at(main_server, section) : NULL;
        scope_t     scope;

        if (server == NULL) {
            continue;
        }
        scope = look(section->first_child, pool);
        all.tls |= scope.tls;
        all.asks |= scope.asks;
        all.clear_text_meant |= scope.clear_text_meant;
        scope.tls |= outer.tls;
        scope.asks |= outer.asks;
        scope.clear_text_meant |= outer.clear_text_meant;
        scope.wants |= outer.wants;
        all.no_ca |= scope.no_ca;
        scope.no_ca |= outer.no_ca;
        scope.trusts_names |= outer.trusts_names;
        warn_of_scope(pool, server, &scope,
                      apr_psprintf(pool, "virtual host %s (%s:%d)", server->server_hostname, section->filename,
                                   section->line_num));
    }
    warn_of_scope(pool, main_server, &all, "main server");
}

/* A report that is not stricter than what is enforced finds nothing, and looks as if there were nothing to find. */
static void check_reports(apr_pool_t *pool, server_rec *server)
{
    const apr_array_header_t *policies = mto_server_config_of(server)->policies;
    int                       i;

    for (i = 0; i < policies->nelts; i++) {
        const mto_policy_t   *policy = APR_ARRAY_IDX(policies, i, const mto_policy_t *);
        const mto_settings_t *settings = &policy->settings;

        if (settings->report_mutual_tls != MTO_MUTUAL_TLS_NONE
            && settings->report_mutual_tls <= settings->use_mutual_tls) {
            warn(pool, server,
                 "<MTLSOAuthIssuer %s>: MTLSOAuthReportMutualTLS %s reports nothing beside MTLSOAuthUseMutualTLS %s; "
                 "make "
                 "the former stricter, or \"MTLSOAuthReportMutualTLS off\"",
                 policy->issuer, mto_word_of(mto_report_mutual_tls_words, settings->report_mutual_tls),
                 mto_word_of(mto_mutual_tls_words, settings->use_mutual_tls));
        }
    }
}

/* --- FAPI --------------------------------------------------------------------------------------------------------- */

/* Whether anything tells this server that a token of the issuer has been revoked before it ends. */
static int sees_revocation(const server_rec *server, const mto_issuer_t *issuer)
{
    return (issuer->asker != NULL && issuer->policy.introspect_jwt) || mto_server_config_of(server)->denied != NULL;
}

/* FAPI 2.0 Security Profile section 5.3.4: a resource server verifies that a token is not revoked. */
static void check_fapi(apr_pool_t *pool, server_rec *server)
{
    const apr_array_header_t *policies = mto_server_config_of(server)->policies;
    int                       i;

    for (i = 0; i < policies->nelts; i++) {
        const mto_policy_t *policy = APR_ARRAY_IDX(policies, i, const mto_policy_t *);

        if (policy->settings.profile == MTO_PROFILE_FAPI2 && !sees_revocation(server, mto_issuer_of(policy))) {
            warn(pool, server,
                 "<MTLSOAuthIssuer %s>: MTLSOAuthProfile fapi2 wants revoked tokens refused, and nothing here tells "
                 "of them; add MTLSOAuthIntrospectionURI with MTLSOAuthIntrospectJWT on, or MTLSOAuthDenyFile",
                 policy->issuer);
        }
    }
}

/* --- Expressions that come too early ------------------------------------------------------------------------------ */

/* httpd holds "Require expr" against a request before it has authenticated anybody; where that refuses, it never does,
 * unless the expression names REMOTE_USER. */
static void check_expressions(apr_pool_t *pool, server_rec *main_server, const ap_directive_t *list)
{
    for (; list != NULL; list = list->next) {
        if (strcasecmp(list->directive, "Require") == 0 && strstr(list->args, "oauth_claim") != NULL
            && strstr(list->args, "REMOTE_USER") == NULL) {
            warn(pool, main_server,
                 "%s:%d: Require %s: is decided before there is a token, and refuses with 403 unless it stands in a "
                 "<RequireAny> with a line that needs a user; write \"%%{REMOTE_USER} != '' && ...\"",
                 list->filename, list->line_num, list->args);
        }
        check_expressions(pool, main_server, list->first_child);
    }
}

/* --- Users of two issuers ----------------------------------------------------------------------------------------- */

static int same_paths(const apr_array_header_t *a, const apr_array_header_t *b)
{
    int i;

    for (i = 0; a->nelts == b->nelts && i < a->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(a, i, const mto_claim_path_t *)->text,
                   APR_ARRAY_IDX(b, i, const mto_claim_path_t *)->text)
            != 0) {
            return 0;
        }
    }
    return a->nelts == b->nelts;
}

/* One warning a server: the first two issuers whose users have the same names. */
static void check_users(apr_pool_t *pool, server_rec *server, const server_rec *main_server)
{
    const apr_array_header_t *policies = mto_server_config_of(server)->policies;
    const apr_array_header_t *main_blocks = mto_server_config_of(main_server)->blocks;
    int                       i, j;

    for (i = 0; i < policies->nelts; i++) {
        for (j = 0; j < i; j++) {
            const mto_issuer_t *a = mto_issuer_of(APR_ARRAY_IDX(policies, j, const mto_policy_t *));
            const mto_issuer_t *b = mto_issuer_of(APR_ARRAY_IDX(policies, i, const mto_policy_t *));

            if (strcmp(a->policy.issuer, b->policy.issuer) == 0
                || !same_paths(a->policy.settings.remote_user_claims, b->policy.settings.remote_user_claims)
                || strcmp(a->policy.settings.remote_user_suffix, b->policy.settings.remote_user_suffix) != 0) {
                continue;
            }
            /* Two inherited blocks have been warned of at the main server. */
            if (server != main_server && mto_block_is_in(a->block, main_blocks)
                && mto_block_is_in(b->block, main_blocks)) {
                continue;
            }
            warn(pool, server,
                 "<MTLSOAuthIssuer %s> and <MTLSOAuthIssuer %s>: the same user name may come from both and be two "
                 "persons; "
                 "add MTLSOAuthRemoteUserSuffix to one of them",
                 a->policy.issuer, b->policy.issuer);
            return;
        }
    }
}

void mto_checks_collect(apr_pool_t *pool, server_rec *main_server)
{
    server_rec *server;

    check_scopes(pool, main_server);
    check_expressions(pool, main_server, ap_conftree);
    for (server = main_server; server != NULL; server = server->next) {
        if (mto_server_is_own(server, main_server)) {
            check_reports(pool, server);
            check_fapi(pool, server);
            check_users(pool, server, main_server);
        }
    }
}

void mto_checks_log(server_rec *main_server)
{
    server_rec *server;
    int         i;

    for (server = main_server; server != NULL; server = server->next) {
        const apr_array_header_t *warnings = mto_server_config_of(server)->warnings;

        for (i = 0; mto_server_is_own(server, main_server) && i < warnings->nelts; i++) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server, "%s", APR_ARRAY_IDX(warnings, i, const char *));
        }
    }
}

/* --- At the first request ----------------------------------------------------------------------------------------- */

int mto_checks_unprotected(request_rec *r)
{
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    const char        *type;

    if (!ap_is_initial_req(r) || mto_exchange_of(r) != NULL || (type = ap_auth_type(r)) == NULL
        || (!is_our_type(type) && !is_client_auth(type)) || atomic_flag_test_and_set(&warned)) {
        return DECLINED;
    }
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  "AuthType %s let a request to %s through without %s: no Require line that holds for it asks for a "
                  "user; add \"Require valid-user\", or say \"AuthType None\" where this is meant",
                  is_our_type(type) ? MTO_AUTH_TYPE : MTO_CLIENT_AUTH_TYPE, ap_escape_logitem(r->pool, r->uri),
                  is_our_type(type) ? "a token" : "authenticating the client");
    return DECLINED;
}
