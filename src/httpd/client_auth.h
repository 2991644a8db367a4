/* AuthType TLS-Client-Auth: OAuth clients authenticated by their certificates (RFC 8705 section 2), in front of a
 * token, introspection, revocation or PAR endpoint. */
#ifndef MTO_CLIENT_AUTH_H
#define MTO_CLIENT_AUTH_H

#include "httpd/directives.h"

#include <httpd.h>

/* Decides on the client of a request, by client_id of its form and the certificate of its connection. Returns OK: the
 * client is authenticated (r->user), or one of another method and passed on without a user; else what the hook is to
 * return, the refusal being answered. */
int mto_client_authenticate(request_rec *r, const mto_directory_config_t *directory);

#endif
