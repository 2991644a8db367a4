/* What the back end is told of the client's certificate (RFC 9440), and what nobody else may tell it. */
#ifndef MTO_FORWARD_H
#define MTO_FORWARD_H

#include <httpd.h>

/* Takes the headers that MTLSOAuthForwardClientCert names, in every spelling that a back end may take for them, out of
 * the request and out of its Connection header. Hook post_read_request, before anything looks at headers. */
int mto_forward_strip(request_rec *r);

/* Strips again, what trailers or an earlier request may have brought in, and sets the headers for an authenticated
 * request with a certificate. Hook fixups, last. */
int mto_forward_set(request_rec *r);

#endif
