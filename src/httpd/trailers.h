/* Trailers that httpd makes headers of (MergeTrailers on) when the body is read: by then the headers have been looked
 * through, and a back end may not have got them yet (mod_proxy_fcgi reads first). */
#ifndef MTO_TRAILERS_H
#define MTO_TRAILERS_H

#include <httpd.h>

/* Registers the input filter; at register_hooks. */
void mto_trailers_register(void);

/* Keeps out of the headers of r what a trailer cannot say: the headers that only this server sets, and who asks
 * (Authorization, Cookie; RFC 9110 section 6.5.1). Hook insert_filter. */
void mto_trailers_watch(request_rec *r);

#endif
