/* The Require lines of this module: read at start, compared at each request. */
#ifndef MTO_REQUIRE_H
#define MTO_REQUIRE_H

#include <apr_pools.h>
#include <httpd.h>

/* Registers oauth-scope, oauth-claim, oauth-client, oauth-issuer, oauth-bound, oauth-acr and oauth-auth-age (DESIGN
 * section 4). A line that is not met is noted in the request's exchange (mto_unmet_t), for mto_authorize to answer: it
 * may be one of a <RequireAny>, so nothing else is done about it here. At register_hooks. */
void mto_require_register(apr_pool_t *pool);

/* Whether a request that httpd would let through with nobody authenticated has met one of these lines under a "not" or
 * in a <RequireNone>, which httpd takes for met then; or one of an <AuthzProviderAlias>, of which nobody knows that.
 * OK: httpd has to authenticate, and to hold the lines against the user. Hook force_authn; DECLINED under an AuthType
 * of others. */
int mto_require_user(request_rec *r);

#endif
