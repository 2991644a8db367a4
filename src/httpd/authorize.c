#include "httpd/authorize.h"

#include "httpd/answer.h"

#include <apr_strings.h>
#include <http_request.h>
#include <string.h>

/* What the first unmet line of each kind becomes, in the order of mto_unmet_t. */
static const struct {
    mto_refusal_t refusal;
    const char   *parameter; /* of the challenge, which the line's values are put into; NULL: none */
    const char   *detail;
} answers[MTO_UNMET_COUNT] = {
    [MTO_UNMET_ACR] = {MTO_AUTHENTICATION_TOO_WEAK, "acr_values", "acr is none of"},
    [MTO_UNMET_AUTH_AGE] = {MTO_AUTHENTICATION_TOO_OLD, "max_age",
                            "the user's authentication is older, in seconds, than"},
    [MTO_UNMET_BOUND] = {MTO_BINDING_MISSING, NULL, "Require oauth-bound: the token is not bound"},
    [MTO_UNMET_SCOPE] = {MTO_SCOPE_INSUFFICIENT, "scope", "scope has none of"},
};

/* The parameters of the challenge: of the kind that refuses, and of the others that are refused with the same error, so
 * that one new authentication can meet both. */
static const char *parameters_of(request_rec *r, const mto_exchange_t *exchange, int chosen)
{
    const char *parameters = NULL, *error = mto_refusal_row(answers[chosen].refusal)->error;
    int         i;

    for (i = chosen; i < MTO_UNMET_COUNT; i++) {
        if (exchange->unmet[i] != NULL && answers[i].parameter != NULL
            && strcmp(mto_refusal_row(answers[i].refusal)->error, error) == 0) {
            parameters = apr_pstrcat(r->pool, parameters != NULL ? parameters : "", ", ", answers[i].parameter, "=\"",
                                     exchange->unmet[i], "\"", NULL);
        }
    }
    return parameters;
}

static int refuse(request_rec *r, mto_exchange_t *exchange)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    int           i = 0;

    while (i < MTO_UNMET_COUNT && exchange->unmet[i] == NULL) {
        i++;
    }
    if (i == MTO_UNMET_COUNT) {
        mto_verdict_refuse(&verdict, MTO_CLAIM_DENIED, "Require lines refuse this user");
    }
    else {
        mto_verdict_refuse(&verdict, answers[i].refusal, "%s%s%s", answers[i].detail,
                           *exchange->unmet[i] != '\0' ? " " : "", exchange->unmet[i]);
        exchange->parameters = parameters_of(r, exchange, i);
    }
    return mto_answer_refuse(r, exchange, &verdict);
}

int mto_authorize(request_rec *r)
{
    mto_exchange_t *exchange = mto_exchange_of(r);
    int             status;

    if (exchange != NULL && exchange->preflight) {
        r->user = NULL; /* what check_authn had to put there */
        return OK;
    }
    if (exchange == NULL || !(exchange->admitted || exchange->passed) || exchange->authorizing) {
        return DECLINED;
    }
    exchange->authorizing = 1;
    exchange->undecided = 0;
    memset(exchange->unmet, 0, sizeof exchange->unmet);
    status = ap_run_auth_checker(r);
    if (exchange->passed) {
        r->user = NULL; /* what check_authn had to put there */
    }
    exchange->authorizing = 0;
    return status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN || exchange->undecided ? refuse(r, exchange)
                                                                                          : status;
}
