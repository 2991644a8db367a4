#include "httpd/checks_private.h"

#include "httpd/directives.h"
#include "httpd/metrics.h"
#include "httpd/status.h"
#include "httpd/warnings.h"

#include <apr_strings.h>
#include <string.h>

typedef int match_fn(const mto_said_t *said, apr_pool_t *pool);

static const mto_said_t *said_at(const mto_checks_t *checks, int i)
{
    return &APR_ARRAY_IDX(checks->all, i, const mto_said_t);
}

/* Whether a place lies in that one, or is it. */
static int is_within(const ap_directive_t *place, const ap_directive_t *in)
{
    while (place != NULL && place != in) {
        place = place->parent;
    }
    return place == in;
}

/* Whether something that matches is said in that very place. */
static int is_said_in(const mto_checks_t *checks, const ap_directive_t *place, match_fn *matches)
{
    int i;

    for (i = 0; i < checks->all->nelts; i++) {
        if (is_within(said_at(checks, i)->place, place) && matches(said_at(checks, i), checks->pool)) {
            return 1;
        }
    }
    return 0;
}

/* Likewise, of the place alone: what a <Files> or an <If> in it says holds for some requests only. */
static int is_said_just_in(const mto_checks_t *checks, const ap_directive_t *place, match_fn *matches)
{
    int i;

    for (i = 0; i < checks->all->nelts; i++) {
        if (said_at(checks, i)->place == place && matches(said_at(checks, i), checks->pool)) {
            return 1;
        }
    }
    return 0;
}

/* Whether something that matches is said in a place that the one where `about` stands falls under, too. */
static int is_said_around(const mto_checks_t *checks, const mto_said_t *about, match_fn *matches)
{
    int i;

    for (i = 0; i < checks->all->nelts; i++) {
        const mto_said_t *said = said_at(checks, i);

        if (mto_hosts_meet(said->host, about->host) && matches(said, checks->pool)
            && mto_place_covers(said->place, about->place, checks->pool)) {
            return 1;
        }
    }
    return 0;
}

/* --- Require ------------------------------------------------------------------------------------------------------ */

static int is_require(const mto_said_t *said, apr_pool_t *pool)
{
    (void)pool;
    return mto_said_is(said, "Require");
}

/* "Require not ..." and "Require ..." begin with different words. */
static const char *provider_of(const mto_said_t *said, apr_pool_t *pool)
{
    const char *word = mto_said_word(said, 0, pool);

    return strcasecmp(word, "not") == 0 ? mto_said_word(said, 1, pool) : word;
}

static int opens(const mto_said_t *said, apr_pool_t *pool)
{
    return strcasecmp(provider_of(said, pool), "all") == 0 && mto_said_has(said, "granted", pool);
}

static int restricts(const mto_said_t *said, apr_pool_t *pool)
{
    return mto_said_is(said, "Require") && !opens(said, pool);
}

static int lets_nobody_in(const mto_said_t *said, apr_pool_t *pool)
{
    return mto_said_is(said, "Require") && strcasecmp(provider_of(said, pool), "all") == 0
           && mto_said_has(said, "denied", pool);
}

/* The outermost section of that name around a directive, within its place; NULL: none. */
static const ap_directive_t *section_around(const mto_said_t *said, const char *name)
{
    const ap_directive_t *section = said->directive->parent, *found = NULL;

    for (; section != NULL && section != said->place; section = section->parent) {
        if (strcasecmp(section->directive, name) == 0) {
            found = section;
        }
    }
    return found;
}

static int is_negated(const mto_said_t *said, apr_pool_t *pool)
{
    return strcasecmp(mto_said_word(said, 0, pool), "not") == 0 || section_around(said, "<RequireNone") != NULL;
}

static int is_one_of(const char *word, const char *const *words)
{
    while (*words != NULL && strcasecmp(word, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

/* Whether a Require line needs to know who asks, so that httpd has him authenticated. Negated, those of httpd do not:
 * where there is no user they are met. Those of this module do (require.h). */
static int needs_user(const mto_said_t *said, apr_pool_t *pool)
{
    static const char *const others[] = {"all", "ip", "host", "forward-dns", "local", "method", "env", NULL};
    static const char *const about_users[] = {"user", "valid-user", "group", "expr", NULL};
    const char              *provider = mto_said_is(said, "Require") ? provider_of(said, pool) : "all";

    if (is_one_of(provider, others) || (is_one_of(provider, about_users) && is_negated(said, pool))) {
        return 0;
    }
    return strcasecmp(provider, "expr") != 0 || strstr(said->directive->args, "REMOTE_USER") != NULL;
}

static int is_about_claims(const mto_said_t *said)
{
    return mto_said_is(said, "Require") && strstr(said->directive->args, "oauth_claim") != NULL;
}

/* An expression about a claim is spoken of by itself. */
static int asks_for_user(const mto_said_t *said, apr_pool_t *pool)
{
    return needs_user(said, pool) || is_about_claims(said);
}

/* Places below inherit the AuthType, and may say who gets in. */
static int is_asked_below(const mto_checks_t *checks, const mto_said_t *type)
{
    int i;

    for (i = 0; i < checks->all->nelts; i++) {
        const mto_said_t *said = said_at(checks, i);

        if (said->place != NULL && mto_hosts_meet(said->host, type->host) && asks_for_user(said, checks->pool)
            && mto_place_covers(type->place, said->place, checks->pool)) {
            return 1;
        }
    }
    return 0;
}

static int allows_htaccess(const mto_said_t *said, apr_pool_t *pool)
{
    return mto_said_is(said, "AllowOverride") && !mto_said_has(said, "None", pool);
}

/* Requires of an inner place take the place of those around it, unless AuthMerging joins them. */
static int is_merging(const mto_said_t *said, apr_pool_t *pool)
{
    return mto_said_is(said, "AuthMerging") && !mto_said_has(said, "Off", pool);
}

static int is_asked_at(const mto_checks_t *checks, const mto_said_t *type)
{
    if (is_said_in(checks, type->place, asks_for_user) || is_said_in(checks, type->place, lets_nobody_in)
        || is_said_in(checks, type->place, is_merging) || is_said_in(checks, type->place, allows_htaccess)) {
        return 1;
    }
    return (!is_said_in(checks, type->place, is_require) && is_said_around(checks, type, asks_for_user))
           || is_asked_below(checks, type);
}

/* --- Lines that ask for a user in vain ---------------------------------------------------------------------------- */

/* Met by everybody for every method, and one of several of which any is enough. */
static int opens_the_place(const mto_said_t *said, apr_pool_t *pool)
{
    const ap_directive_t *section = said->directive->parent;

    while (section != NULL && section != said->place && strcasecmp(section->directive, "<RequireAny") == 0) {
        section = section->parent;
    }
    return mto_said_is(said, "Require") && section == said->place && !is_negated(said, pool) && opens(said, pool);
}

static int holds_for_all_methods(const mto_said_t *said, apr_pool_t *pool)
{
    return is_require(said, pool) && section_around(said, "<Limit") == NULL;
}

static int is_limited_user(const mto_said_t *said, apr_pool_t *pool)
{
    return asks_for_user(said, pool) && section_around(said, "<Limit") != NULL;
}

static int denies(const mto_said_t *said, apr_pool_t *pool)
{
    (void)pool;
    return mto_said_is(said, "Deny");
}

/* Somebody has thought of the other methods. */
static int speaks_of_methods(const mto_said_t *said, apr_pool_t *pool)
{
    return mto_said_is(said, "<LimitExcept") || mto_said_is(said, "AllowMethods") || denies(said, pool);
}

static int is_limited(const mto_said_t *said)
{
    return section_around(said, "<Limit") != NULL || section_around(said, "<LimitExcept") != NULL;
}

static int is_satisfied_by_any(const mto_said_t *said, apr_pool_t *pool)
{
    return mto_said_is(said, "Satisfy") && mto_said_has(said, "any", pool) && !is_limited(said);
}

static int allows_all(const mto_said_t *said, apr_pool_t *pool)
{
    return mto_said_is(said, "Allow") && mto_said_has(said, "all", pool) && !is_limited(said);
}

/* Why nobody is asked, although a line asks; NULL: that cannot be told, or they are. */
static const char *reason_of(const mto_checks_t *checks, const mto_said_t *type, const char **remedy)
{
    const ap_directive_t *place = type->place;

    if (is_said_in(checks, place, is_merging) || is_said_in(checks, place, allows_htaccess)) {
        return NULL;
    }
    if (is_said_just_in(checks, place, opens_the_place) && is_said_just_in(checks, place, asks_for_user)) {
        *remedy = "take out there: Require all granted";
        return "Require all granted beside lines that ask for a user, of which any one is enough: nobody is asked for "
               "anything";
    }
    if (is_said_in(checks, place, is_limited_user) && !is_said_in(checks, place, holds_for_all_methods)
        && !is_said_in(checks, place, speaks_of_methods) && !is_said_around(checks, type, speaks_of_methods)) {
        *remedy = "take <Limit> away from around the Require lines\n"
                  "or name its methods there, too: <LimitExcept GET POST>, Require all denied, </LimitExcept>";
        return "Require lines for the methods of <Limit> only: for all others nobody is asked for anything";
    }
    if (is_said_just_in(checks, place, is_satisfied_by_any) && is_said_just_in(checks, place, allows_all)
        && !is_said_in(checks, place, denies)) {
        *remedy = "write there: Satisfy All";
        return "Satisfy Any with Allow from all, which is enough: nobody is asked for anything";
    }
    return NULL;
}

static void check_require(const mto_checks_t *checks, const mto_said_t *type)
{
    const char *remedy = "add there: Require valid-user", *reason;

    reason = is_asked_at(checks, type) ? reason_of(checks, type, &remedy)
                                       : "no Require line that asks for a user: nobody is asked for anything";
    if (reason != NULL) {
        mto_warn(checks->pool, mto_checks_server(checks, type->host), remedy, "%s: AuthType %s, but %s",
                 mto_said_place(type, checks->pool), mto_said_word(type, 0, checks->pool), reason);
    }
}

/* --- Expressions that come too early ------------------------------------------------------------------------------ */

/* Whether another line of the <RequireAll> around it may have somebody authenticated, or one of the places around. */
static int is_asked_beside(const mto_checks_t *checks, const mto_said_t *said)
{
    const ap_directive_t *all = section_around(said, "<RequireAll");
    int                   i;

    for (i = 0; all != NULL && i < checks->all->nelts; i++) {
        const mto_said_t *other = said_at(checks, i);

        if (is_within(other->directive, all) && needs_user(other, checks->pool)) {
            return 1;
        }
    }
    return is_said_in(checks, said->place, is_merging);
}

/* httpd holds "Require expr" against a request before it has authenticated anybody; where that refuses, it never does,
 * unless the expression names REMOTE_USER. What it negates is met then. */
static void check_expression(const mto_checks_t *checks, const mto_said_t *said)
{
    const ap_directive_t *directive = said->directive;
    int                   negated = is_negated(said, checks->pool);

    if (!is_about_claims(said)
        || (negated ? is_asked_beside(checks, said) : strstr(directive->args, "REMOTE_USER") != NULL)) {
        return;
    }
    mto_warn(checks->pool, mto_checks_server(checks, said->host),
             negated ? "write beside it, both in a <RequireAll>: Require valid-user"
                     : "write there: Require expr %{REMOTE_USER} != '' && ...",
             "%s: Require %s: is decided before there is a token, and %s", mto_said_where(directive, checks->pool),
             directive->args,
             negated ? "keeps out nobody who comes without one"
                     : "refuses with 403 unless it stands in a <RequireAny> with a line that needs a user");
}

/* Whether our AuthType holds wherever the condition is asked. */
static int is_of_our_type(const mto_checks_t *checks, const mto_said_t *condition)
{
    return is_said_in(checks, condition->directive, mto_said_is_ours)
           || (condition->place != NULL && is_said_around(checks, condition, mto_said_is_ours));
}

/* httpd looks which conditions hold before it authenticates, and not again. */
static void check_condition(const mto_checks_t *checks, const mto_said_t *said)
{
    const char *condition = said->directive->args;

    if (strstr(condition, "oauth_claim") == NULL && strstr(condition, "MTLS_OAUTH_") == NULL
        && (strstr(condition, "REMOTE_USER") == NULL || !is_of_our_type(checks, said))) {
        return;
    }
    mto_warn(checks->pool, mto_checks_server(checks, said->host),
             "write instead: Require not oauth-claim PATH VALUE\n"
             "or: Require expr %{REMOTE_USER} != '' && ...\n"
             "or, at Header or RequestHeader: \"expr=...\"",
             "%s: %s %s is decided before there is a token, which it knows nothing of",
             mto_said_where(said->directive, checks->pool), said->directive->directive, condition);
}

/* --- The operator's pages ----------------------------------------------------------------------------------------- */

static void check_handler(const mto_checks_t *checks, const mto_said_t *handler)
{
    const char *name = mto_said_word(handler, 0, checks->pool);

    if (strcmp(name, MTO_STATUS_HANDLER) != 0 && strcmp(name, MTO_METRICS_HANDLER) != 0) {
        return;
    }
    if (is_said_in(checks, handler->place, restricts)
        || (!is_said_in(checks, handler->place, is_require) && is_said_around(checks, handler, restricts))) {
        return;
    }
    mto_warn(checks->pool, mto_checks_server(checks, handler->host),
             "write there: Require local\nor the addresses of who looks at it: Require ip 192.0.2.0/24",
             "%s: SetHandler %s, and everybody may read it: no Require line keeps anybody out",
             mto_said_place(handler, checks->pool), name);
}

/* --- SSLVerifyClient ---------------------------------------------------------------------------------------------- */

static int asks_here(const mto_checks_t *checks, const mto_said_t *type, int everywhere)
{
    int i, asks = 0, by_host = 0;

    for (i = 0; i < checks->all->nelts; i++) {
        const mto_said_t *said = said_at(checks, i);

        if (!mto_hosts_meet(said->host, type->host) || !mto_said_is(said, "SSLVerifyClient")) {
            continue;
        }
        if (said->place == NULL) {
            /* what the virtual host says itself overrules the main server */
            if (said->host != NULL || !by_host) {
                asks = mto_said_asks_for_certificate(said, checks->pool);
            }
            by_host |= said->host != NULL;
        }
        else if (mto_said_asks_for_certificate(said, checks->pool)
                 && (everywhere || mto_place_covers(said->place, type->place, checks->pool))) {
            return 1;
        }
    }
    return asks;
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

/* It is said, and not for this place. Where nobody says it, that is told of the server as a whole. */
static void check_asking(const mto_checks_t *checks, const mto_said_t *type)
{
    server_rec *server = mto_checks_server(checks, type->host);

    if (type->host == NULL || !wants_certificates(server) || !asks_here(checks, type, 1)
        || asks_here(checks, type, 0)) {
        return;
    }
    mto_warn(checks->pool, server,
             "write in the virtual host, outside of all sections: SSLVerifyClient optional_no_ca\n"
             "or there: SSLVerifyClient optional_no_ca",
             "%s: AuthType %s, but SSLVerifyClient asks for the client certificate in other places only: bound tokens "
             "end as certificate_missing",
             mto_said_place(type, checks->pool), mto_said_word(type, 0, checks->pool));
}

void mto_check_places(const mto_checks_t *checks)
{
    int i;

    for (i = 0; i < checks->all->nelts; i++) {
        const mto_said_t *said = said_at(checks, i);

        if (said->place != NULL && mto_said_is_ours(said, checks->pool)) {
            check_require(checks, said);
            check_asking(checks, said);
        }
        if (said->place != NULL && mto_said_is(said, "SetHandler")) {
            check_handler(checks, said);
        }
        if (mto_said_is(said, "Require")) {
            check_expression(checks, said);
        }
        if (mto_said_is(said, "<If") || mto_said_is(said, "<ElseIf")) {
            check_condition(checks, said);
        }
    }
}
