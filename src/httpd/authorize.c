#include "httpd/authorize.h"

#include "httpd/answer.h"

#include <http_request.h>

int mto_authorize(request_rec *r)
{
    mto_exchange_t *exchange = mto_exchange_of(r);
    mto_verdict_t   verdict = MTO_VERDICT_INIT;
    int             status;

    if (exchange == NULL || !exchange->admitted || exchange->authorizing) {
        return DECLINED;
    }
    exchange->authorizing = 1;
    status = ap_run_auth_checker(r);
    exchange->authorizing = 0;
    if (status != HTTP_UNAUTHORIZED && status != HTTP_FORBIDDEN) {
        return status;
    }
    mto_verdict_refuse(&verdict, MTO_CLAIM_DENIED, "Require lines refuse this user");
    return mto_answer_refuse(r, exchange, &verdict);
}
