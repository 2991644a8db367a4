/* After authentication: what httpd's Require lines say of the token's user becomes this module's answer. */
#ifndef MTO_AUTHORIZE_H
#define MTO_AUTHORIZE_H

#include <httpd.h>

/* Hook of the authorization phase, before mod_authz_core's: asks it, and answers 403 claim_denied where it would have
 * sent the 401 that httpd sends when a Require line refuses a known user. A new token would not help, and RFC 6750
 * section 3.1 keeps 401 for tokens that are no good. DECLINED when this module did not authenticate the request. */
int mto_authorize(request_rec *r);

#endif
