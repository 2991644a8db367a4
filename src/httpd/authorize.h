/* After authentication: the module's own Require lines, and what httpd's verdict on all of them becomes. */
#ifndef MTO_AUTHORIZE_H
#define MTO_AUTHORIZE_H

#include <apr_pools.h>
#include <httpd.h>

/* Registers "Require oauth-client ID...": the OAuth client is one of these, be it known from a token or authenticated
 * by its certificate. At register_hooks. */
void mto_authorize_register(apr_pool_t *pool);

/* Hook of the authorization phase, before mod_authz_core's: asks it, and answers 403 claim_denied where it would have
 * sent the 401 that httpd sends when a Require line refuses a known user. A new token would not help, and RFC 6750
 * section 3.1 keeps 401 for tokens that are no good. A client that is left to the back end is a user without a name to
 * the Require lines, and nobody afterwards. DECLINED when this module did not authenticate the request. */
int mto_authorize(request_rec *r);

#endif
