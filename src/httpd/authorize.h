/* After authentication: what httpd's verdict on all Require lines becomes. */
#ifndef MTO_AUTHORIZE_H
#define MTO_AUTHORIZE_H

#include <httpd.h>

/* Hook of the authorization phase, before mod_authz_core's: asks it, and answers in its place where it would have sent
 * the 401 that httpd sends when a Require line refuses a known user. By what the first unmet Require lines of this
 * module ask (DESIGN section 5): a challenge for another authentication of the user (RFC 9470 section 3), for a bound
 * token (RFC 8705 section 3), or for scope (RFC 6750 section 3.1); else 403 claim_denied without challenge, since no
 * new token would help. A client that is left to the back end is a user without a name to the Require lines, and nobody
 * afterwards. A CORS preflight that may pass is not held against them at all. DECLINED when this module did not
 * authenticate the request. */
int mto_authorize(request_rec *r);

#endif
