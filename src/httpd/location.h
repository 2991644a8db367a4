/* Directives of Locations that concern what the back end is handed and what passes without a token. */
#ifndef MTO_LOCATION_H
#define MTO_LOCATION_H

#include "httpd/directives.h"

mto_location_fn mto_location_set_require_tls;
mto_location_fn mto_location_set_other_clients;
mto_location_fn mto_location_add_claim_env;
mto_location_fn mto_location_add_claim_header;
mto_location_fn mto_location_set_forward_token;
mto_location_fn mto_location_set_preflight;

/* What the outer and the inner place hand over (mto_claim_target_t): both, the inner one's where both name the same.
 * NULL: nothing. */
const apr_array_header_t *mto_location_merge_claims(apr_pool_t *pool, const apr_array_header_t *base,
                                                    const apr_array_header_t *over);

#endif
