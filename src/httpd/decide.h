/* Whether the token of a request is admitted: whose rules it falls under, what proves it, and what has been proven
 * before. */
#ifndef MTO_DECIDE_H
#define MTO_DECIDE_H

#include "core/token.h"
#include "httpd/answer.h"
#include "httpd/directives.h"

#include <httpd.h>

/* Decides about exchange->bearer over exchange->certificate, and fills issuer, presented, token and chain_trust of the
 * exchange as far as it comes. *presented: what exchange->presented points at, the caller's to free; NULL: nothing. */
mto_refusal_t mto_decide(request_rec *r, const mto_directory_config_t *directory, mto_exchange_t *exchange,
                         mto_presented_t **presented, mto_verdict_t *verdict);

#endif
