/* Trailers that httpd makes headers of (MergeTrailers on) when the body is read: by then the headers have been looked
 * through, and a back end may not have got them yet (mod_proxy_fcgi reads first). */
#ifndef MTO_TRAILERS_H
#define MTO_TRAILERS_H

#include <httpd.h>

/* Registers the input filter; at register_hooks. */
void mto_trailers_register(void);

/* Keeps out of the headers of r what a trailer cannot say: the headers that only this server sets, who asks
 * (Authorization, Cookie) and what the body is (Content-Type, Content-Encoding; RFC 9110 section 6.5.1). Hook
 * insert_filter. */
void mto_trailers_watch(request_rec *r);

/* The same for whoever reads the body before that hook. before: r->headers_in as it was then. */
void mto_trailers_sift(request_rec *r, apr_table_t *before);

#endif
