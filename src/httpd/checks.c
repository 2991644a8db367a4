#include "httpd/checks.h"

#include "httpd/answer.h"
#include "httpd/checks_private.h"
#include "httpd/directives.h"
#include "httpd/servers.h"
#include "httpd/warnings.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <stdatomic.h>
#include <string.h>

APLOG_USE_MODULE(auth_mtls_oauth);

/* --- Looking into the configuration as it was written ------------------------------------------------------------- */

static int is_our_type(const mto_said_t *said, apr_pool_t *pool)
{
    return mto_said_is(said, "AuthType") && strcasecmp(mto_said_word(said, 0, pool), MTO_AUTH_TYPE) == 0;
}

static int is_client_auth(const mto_said_t *said, apr_pool_t *pool)
{
    return mto_said_is(said, "AuthType") && strcasecmp(mto_said_word(said, 0, pool), MTO_CLIENT_AUTH_TYPE) == 0;
}

int mto_said_is_ours(const mto_said_t *said, apr_pool_t *pool)
{
    return is_our_type(said, pool) || is_client_auth(said, pool);
}

int mto_said_asks_for_certificate(const mto_said_t *said, apr_pool_t *pool)
{
    return mto_said_is(said, "SSLVerifyClient") && !mto_said_has(said, "none", pool);
}

/* What the directives of one server, or of all servers together, say. */
typedef struct {
    int our_type, clear_text_meant, wants, client_auth, passes;
    int tls, speaks_of_tls, asks, speaks_of_asking;
} scope_t;

static void look_at(scope_t *scope, const mto_said_t *said, apr_pool_t *pool)
{
    scope->our_type |= is_our_type(said, pool);
    scope->client_auth |= is_client_auth(said, pool);
    scope->speaks_of_tls |= mto_said_is(said, "SSLEngine");
    scope->tls |= mto_said_is(said, "SSLEngine") && !mto_said_has(said, "off", pool);
    scope->clear_text_meant |= mto_said_is(said, "MTLSOAuthRequireTLS") && mto_said_has(said, "off", pool);
    scope->speaks_of_asking |= mto_said_is(said, "SSLVerifyClient") && said->place == NULL;
    scope->asks |= mto_said_asks_for_certificate(said, pool);
    scope->wants |= mto_said_is(said, "MTLSOAuthUseMutualTLS") && !mto_said_has(said, "none", pool);
    scope->passes |= mto_said_is(said, "MTLSOAuthOtherClients") && mto_said_has(said, "pass", pool);
}

/* What stands outside of all virtual hosts; and in one, whose section is number `from`. */
static scope_t look_outside(const mto_checks_t *checks)
{
    scope_t scope = {0};
    int     i;

    for (i = 0; i < checks->all->nelts; i++) {
        const mto_said_t *said = &APR_ARRAY_IDX(checks->all, i, const mto_said_t);

        if (said->host == NULL) {
            look_at(&scope, said, checks->pool);
        }
    }
    return scope;
}

static scope_t look_inside(const mto_checks_t *checks, int from)
{
    const ap_directive_t *host = APR_ARRAY_IDX(checks->all, from, const mto_said_t).directive;
    scope_t               scope = {0};
    int                   i;

    for (i = from + 1; i < checks->all->nelts && APR_ARRAY_IDX(checks->all, i, const mto_said_t).host == host; i++) {
        look_at(&scope, &APR_ARRAY_IDX(checks->all, i, const mto_said_t), checks->pool);
    }
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

static void warn_of_client_auth(const mto_checks_t *checks, server_rec *server, const scope_t *scope, const char *where)
{
    if (mto_server_config_of(server)->clients == NULL && !scope->passes) {
        mto_warn(checks->pool, server,
                 "add there: MTLSOAuthClientsFile conf/clients.json\n"
                 "or an <MTLSOAuthClient> section for each client",
                 "%s: AuthType " MTO_CLIENT_AUTH_TYPE ", but no client: every client ends as client_unknown", where);
    }
    if ((!scope->tls || !scope->asks) && !has_proxies(server)) {
        mto_warn(checks->pool, server,
                 scope->tls ? "write there: SSLVerifyClient optional_no_ca"
                            : "add there: SSLEngine on\nand: SSLVerifyClient optional_no_ca",
                 "%s: AuthType " MTO_CLIENT_AUTH_TYPE ", but the client's certificate is never asked for: every client "
                 "ends as client_certificate_missing",
                 where);
    }
}

static void warn_of_scope(const mto_checks_t *checks, server_rec *server, const scope_t *scope)
{
    const char *where = mto_server_title(server, checks->main_server, checks->pool);

    if (scope->client_auth) {
        warn_of_client_auth(checks, server, scope, where);
    }
    if (!scope->our_type) {
        return;
    }
    if (mto_server_config_of(server)->policies->nelts == 0) {
        mto_warn(checks->pool, server,
                 "add there: <MTLSOAuthIssuer https://your.issuer>, MTLSOAuthAudience https://this.api, "
                 "</MTLSOAuthIssuer>",
                 "%s: AuthType " MTO_AUTH_TYPE ", but no issuer: every token ends as issuer_unknown", where);
    }
    if (!scope->tls && !scope->clear_text_meant && !has_proxies(server)) {
        mto_warn(checks->pool, server,
                 "add there: SSLEngine on\n"
                 "or, if TLS ends in front of this server: MTLSOAuthRequireTLS off",
                 "%s: AuthType " MTO_AUTH_TYPE " without TLS: every token ends as tls_required", where);
    }
    else if (scope->tls && !scope->asks && !has_proxies(server) && (scope->wants || wants_certificates(server))) {
        mto_warn(checks->pool, server, "write there: SSLVerifyClient optional_no_ca",
                 "%s: SSLVerifyClient never asks for the client certificate that bound tokens need: they end as "
                 "certificate_missing",
                 where);
    }
}

server_rec *mto_checks_server(const mto_checks_t *checks, const ap_directive_t *host)
{
    server_rec *server;

    for (server = checks->main_server->next; host != NULL && server != NULL; server = server->next) {
        if (server->defn_name != NULL && strcmp(server->defn_name, host->filename) == 0
            && server->defn_line_number == (unsigned)host->line_num) {
            return server;
        }
    }
    return checks->main_server;
}

/* A virtual host inherits what the main server says, and what its Locations say. */
static void check_scopes(const mto_checks_t *checks)
{
    scope_t outer = look_outside(checks), any = outer;
    int     i;

    for (i = 0; i < checks->all->nelts; i++) {
        const mto_said_t *said = &APR_ARRAY_IDX(checks->all, i, const mto_said_t);
        server_rec       *server = checks->main_server;
        scope_t           scope;

        if (mto_said_is(said, "<VirtualHost")) {
            server = mto_checks_server(checks, said->directive);
        }
        if (server == checks->main_server) {
            continue;
        }
        scope = look_inside(checks, i);
        any.tls |= scope.tls;
        any.asks |= scope.asks;
        any.clear_text_meant |= scope.clear_text_meant;
        scope.tls |= outer.tls && !scope.speaks_of_tls;
        scope.asks |= outer.asks && !scope.speaks_of_asking;
        scope.clear_text_meant |= outer.clear_text_meant;
        scope.wants |= outer.wants;
        warn_of_scope(checks, server, &scope);
    }
    warn_of_scope(checks, checks->main_server, &any);
}

/* --- Policies ----------------------------------------------------------------------------------------------------- */

/* Inherited blocks have been spoken of at the main server. */
static int is_told_here(const mto_checks_t *checks, const server_rec *server, const mto_policy_t *policy)
{
    return server == checks->main_server
           || !mto_block_is_in(mto_issuer_of(policy)->block, mto_server_config_of(checks->main_server)->blocks);
}

static const char *section_of(const mto_checks_t *checks, const mto_policy_t *policy)
{
    return apr_psprintf(checks->pool, "%s: <MTLSOAuthIssuer %s%s%s>", mto_issuer_of(policy)->block->where,
                        policy->issuer, policy->name != NULL ? " " : "", policy->name != NULL ? policy->name : "");
}

/* A report that is not stricter than what is enforced finds nothing, and looks as if there were nothing to find. */
static void check_report(const mto_checks_t *checks, server_rec *server, const mto_policy_t *policy)
{
    const mto_settings_t *settings = &policy->settings;

    if (settings->report_mutual_tls == MTO_MUTUAL_TLS_NONE || settings->report_mutual_tls > settings->use_mutual_tls) {
        return;
    }
    mto_warn(checks->pool, server,
             settings->use_mutual_tls == MTO_MUTUAL_TLS_REQUIRED
                 ? "write there: MTLSOAuthReportMutualTLS off"
                 : "write there: MTLSOAuthReportMutualTLS required\nor: MTLSOAuthReportMutualTLS off",
             "%s: MTLSOAuthReportMutualTLS %s reports nothing beside MTLSOAuthUseMutualTLS %s",
             section_of(checks, policy), mto_word_of(mto_report_mutual_tls_words, settings->report_mutual_tls),
             mto_word_of(mto_mutual_tls_words, settings->use_mutual_tls));
}

/* Whether anything tells this server that a token of the issuer has been revoked before it ends. */
static int sees_revocation(const server_rec *server, const mto_issuer_t *issuer)
{
    return (issuer->asker != NULL && issuer->policy.introspect_jwt) || mto_server_config_of(server)->denied != NULL;
}

/* FAPI 2.0 Security Profile section 5.3.4: a resource server verifies that a token is not revoked. */
static void check_fapi(const mto_checks_t *checks, server_rec *server, const mto_policy_t *policy)
{
    if (policy->settings.profile == MTO_PROFILE_FAPI2 && !sees_revocation(server, mto_issuer_of(policy))) {
        mto_warn(checks->pool, server,
                 "add there: MTLSOAuthIntrospectionURI https://your.issuer/introspect\n"
                 "and: MTLSOAuthIntrospectJWT on\n"
                 "or, outside of the section: MTLSOAuthDenyFile conf/denied",
                 "%s: MTLSOAuthProfile fapi2 wants revoked tokens refused, and nothing here tells of them",
                 section_of(checks, policy));
    }
}

/* Whether a Location that holds in the server's asks for more than its sections do. */
static int demands_more(const mto_checks_t *checks, const server_rec *server, const char *directive, const char *word)
{
    int i;

    for (i = 0; i < checks->all->nelts; i++) {
        const mto_said_t *said = &APR_ARRAY_IDX(checks->all, i, const mto_said_t);

        if (said->place != NULL && mto_said_is(said, directive)
            && (word != NULL ? mto_said_has(said, word, checks->pool) : !mto_said_has(said, "any", checks->pool))
            && (said->host == NULL || mto_checks_server(checks, said->host) == server)) {
            return 1;
        }
    }
    return 0;
}

/* A token for another service that a thief, or that service itself, brings here. A bound one they cannot use. */
static void check_audience(const mto_checks_t *checks, server_rec *server, const mto_policy_t *policy)
{
    if (policy->audiences != NULL || policy->settings.use_mutual_tls == MTO_MUTUAL_TLS_REQUIRED
        || demands_more(checks, server, "MTLSOAuthAudience", NULL)
        || demands_more(checks, server, "MTLSOAuthUseMutualTLS", "required")) {
        return;
    }
    mto_warn(checks->pool, server,
             "write there what aud is in tokens for this server: MTLSOAuthAudience https://this.api\n"
             "or let none in that its client cannot prove: MTLSOAuthUseMutualTLS required",
             "%s: MTLSOAuthAudience any, and tokens need not be bound: whoever gets hold of a token for any other "
             "service of the issuer is let in with it",
             section_of(checks, policy));
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

static int same_users(const mto_policy_t *a, const mto_policy_t *b)
{
    return strcmp(a->issuer, b->issuer) != 0
           && same_paths(a->settings.remote_user_claims, b->settings.remote_user_claims)
           && strcmp(a->settings.remote_user_suffix, b->settings.remote_user_suffix) == 0;
}

/* One warning a server: the first two issuers whose users have the same names. */
static void check_users(const mto_checks_t *checks, server_rec *server)
{
    const apr_array_header_t *policies = mto_server_config_of(server)->policies;
    int                       i, j;

    for (i = 0; i < policies->nelts; i++) {
        for (j = 0; j < i; j++) {
            const mto_policy_t *a = APR_ARRAY_IDX(policies, j, const mto_policy_t *);
            const mto_policy_t *b = APR_ARRAY_IDX(policies, i, const mto_policy_t *);

            if (same_users(a, b) && (is_told_here(checks, server, a) || is_told_here(checks, server, b))) {
                mto_warn(checks->pool, server, "add to one of them: MTLSOAuthRemoteUserSuffix @its-name",
                         "%s and %s: the same user name may come from both and be two persons", section_of(checks, a),
                         section_of(checks, b));
                return;
            }
        }
    }
}

static void check_policies(const mto_checks_t *checks, server_rec *server)
{
    const apr_array_header_t *policies = mto_server_config_of(server)->policies;
    int                       i;

    for (i = 0; i < policies->nelts; i++) {
        const mto_policy_t *policy = APR_ARRAY_IDX(policies, i, const mto_policy_t *);

        check_report(checks, server, policy);
        check_fapi(checks, server, policy);
        if (is_told_here(checks, server, policy)) {
            check_audience(checks, server, policy);
        }
    }
    check_users(checks, server);
}

void mto_checks_collect(apr_pool_t *pool, server_rec *main_server)
{
    mto_checks_t checks = {pool, main_server, mto_tree_read(pool)};
    server_rec  *server;

    check_scopes(&checks);
    mto_check_places(&checks);
    mto_check_names(&checks);
    mto_check_clock(&checks);
    for (server = main_server; server != NULL; server = server->next) {
        if (mto_server_is_own(server, main_server)) {
            check_policies(&checks, server);
        }
    }
}

/* --- At the first request ----------------------------------------------------------------------------------------- */

/* Places are told apart by a hash of so many values: now and then two share their warning. */
#define PLACES 256

/* Whether the place that a request fell under, by its name in the configuration, is asked about for the first time. */
static int is_new_place(const request_rec *r)
{
    static atomic_flag     warned[PLACES]; /* zero is clear */
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const unsigned char   *at = (const unsigned char *)(core->d != NULL ? core->d : "");
    unsigned               hash = r->server->defn_line_number;

    while (*at != '\0') {
        hash = hash * 33 + *at++;
    }
    return !atomic_flag_test_and_set(&warned[hash % PLACES]);
}

int mto_checks_unprotected(request_rec *r)
{
    const char *type;
    int         is_bearer;

    if (!ap_is_initial_req(r) || mto_exchange_of(r) != NULL || !mto_authenticates(type = ap_auth_type(r))
        || !is_new_place(r)) {
        return DECLINED;
    }
    is_bearer = strcasecmp(type, MTO_AUTH_TYPE) == 0;
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  "AuthType %s let a request to %s through without %s: no Require line that holds for it asks for a "
                  "user; add \"Require valid-user\", or say \"AuthType None\" where this is meant",
                  is_bearer ? MTO_AUTH_TYPE : MTO_CLIENT_AUTH_TYPE, ap_escape_logitem(r->pool, r->uri),
                  is_bearer ? "a token" : "authenticating the client");
    return DECLINED;
}
