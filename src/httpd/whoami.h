/* SetHandler mtls-oauth-whoami: what the module saw of this very request, told to who sent it. */
#ifndef MTO_WHOAMI_H
#define MTO_WHOAMI_H

#include <httpd.h>

#define MTO_WHOAMI_HANDLER "mtls-oauth-whoami"

/* Hook handler: JSON of certificate, claims and decision; 403 where this module did not authenticate the request. */
int mto_whoami_handle(request_rec *r);

#endif
