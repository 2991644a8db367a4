/* The other end of the request's connection: whether TLS protects it, and the certificate it proved. */
#ifndef MTO_PEER_H
#define MTO_PEER_H

#include "core/certificate.h"

#include <httpd.h>

/* Registers what is needed to see TLS connections begin. For register_hooks, whether mod_ssl is loaded or not. */
void mto_peer_watch(void);

/* Whether the request came over TLS. HTTP/2 streams ask their connection. */
int mto_peer_is_tls(const request_rec *r);

/* The client's certificate on this connection (RFC 8705 section 3: of the TLS layer, never of a header), asked anew for
 * each request, since TLS 1.2 renegotiation and TLS 1.3 post-handshake authentication may change it. *certificate lives
 * as long as r; NULL: the client showed none, or has not proven it. Returns 0 when there is one that could not be read,
 * as where memory runs out: that is not the same as none. Any thread: streams of HTTP/2 run side by side. */
int mto_peer_certificate(const mto_certificate_t **certificate, const request_rec *r);

#endif
