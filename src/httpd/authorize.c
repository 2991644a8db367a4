#include "httpd/authorize.h"

#include "httpd/answer.h"

#include <ap_provider.h>
#include <http_request.h>
#include <mod_auth.h>
#include <string.h>

/* --- Require oauth-client ----------------------------------------------------------------------------------------- */

static const char *client_of(const mto_exchange_t *exchange)
{
    if (exchange == NULL || !exchange->admitted) {
        return NULL;
    }
    return exchange->is_client_auth ? exchange->client_id : mto_token_texts(exchange->token)->client_id;
}

static authz_status check_client(request_rec *r, const char *line, const void *parsed)
{
    const char *client, *wanted;

    (void)parsed;
    if (r->user == NULL) {
        return AUTHZ_DENIED_NO_USER;
    }
    client = client_of(mto_exchange_in_force(r));
    while (client != NULL && *(wanted = ap_getword_conf(r->pool, &line)) != '\0') {
        if (strcmp(client, wanted) == 0) {
            return AUTHZ_GRANTED;
        }
    }
    return AUTHZ_DENIED;
}

static const char *parse_client(cmd_parms *cmd, const char *line, const void **parsed)
{
    (void)cmd;
    *parsed = NULL;
    return *line != '\0' ? NULL : "Require oauth-client: needs at least one client_id";
}

void mto_authorize_register(apr_pool_t *pool)
{
    static const authz_provider client_provider = {check_client, parse_client};

    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, "oauth-client", AUTHZ_PROVIDER_VERSION, &client_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
}

/* --- The verdict of all Require lines ----------------------------------------------------------------------------- */

int mto_authorize(request_rec *r)
{
    mto_exchange_t *exchange = mto_exchange_of(r);
    mto_verdict_t   verdict = MTO_VERDICT_INIT;
    int             status;

    if (exchange == NULL || !(exchange->admitted || exchange->passed) || exchange->authorizing) {
        return DECLINED;
    }
    exchange->authorizing = 1;
    status = ap_run_auth_checker(r);
    if (exchange->passed) {
        r->user = NULL; /* what check_authn had to put there */
    }
    exchange->authorizing = 0;
    if (status != HTTP_UNAUTHORIZED && status != HTTP_FORBIDDEN) {
        return status;
    }
    mto_verdict_refuse(&verdict, MTO_CLAIM_DENIED, "Require lines refuse this user");
    return mto_answer_refuse(r, exchange, &verdict);
}
