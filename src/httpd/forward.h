/* What the back end is handed: the client's certificate (RFC 9440), claims of the token, the token itself or not; and
 * what nobody else may hand it. */
#ifndef MTO_FORWARD_H
#define MTO_FORWARD_H

#include "httpd/answer.h"

#include <httpd.h>

/* Takes the headers that only this server may set (own_headers.h) out of the request, and keeps what a trusted proxy
 * says in one of them. Hook post_read_request, before anything looks at headers. */
int mto_forward_strip(request_rec *r);

/* Sets the variables of MTLSOAuthClaimEnv for a request with an admitted token; one whose claim is absent or cannot be
 * shown is removed. */
void mto_forward_variables(request_rec *r, const mto_exchange_t *exchange);

/* Strips again, what trailers or an earlier request may have brought in, sets the headers of MTLSOAuthForwardClientCert
 * and MTLSOAuthClaimHeader for an authenticated request, and removes the token where MTLSOAuthForwardToken says off. A
 * request whose Authorization header does not tell who it is from is not cached. In hook fixups, last; always DECLINED.
 */
int mto_forward_set(request_rec *r);

#endif
