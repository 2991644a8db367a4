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

/* Whether a Require line needs to know who asks, so that httpd has him authenticated. */
static int asks_for_user(const mto_said_t *said, apr_pool_t *pool)
{
    static const char *const others[] = {"all", "ip", "host", "forward-dns", "local", "method", "env"};
    const char              *provider;
    size_t                   i;

    if (!mto_said_is(said, "Require")) {
        return 0;
    }
    provider = provider_of(said, pool);
    if (strcasecmp(provider, "expr") == 0) {
        return strstr(said->directive->args, "REMOTE_USER") != NULL
               || strstr(said->directive->args, "oauth_claim") != NULL;
    }
    for (i = 0; i < sizeof others / sizeof *others; i++) {
        if (strcasecmp(provider, others[i]) == 0) {
            return 0;
        }
    }
    return 1;
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

static void check_require(const mto_checks_t *checks, const mto_said_t *type)
{
    if (!is_asked_at(checks, type)) {
        mto_warn(checks->pool, mto_checks_server(checks, type->host), "add there: Require valid-user",
                 "%s: AuthType %s, but no Require line that asks for a user: nobody is asked for anything",
                 mto_said_place(type, checks->pool), mto_said_word(type, 0, checks->pool));
    }
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
    }
}
