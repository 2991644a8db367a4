/* The form that a request brings: read before the handler runs, and played back to it byte for byte. */
#ifndef MTO_FORM_H
#define MTO_FORM_H

#include "core/refusal.h"

#include <httpd.h>

/* Most bytes of a form. */
#define MTO_FORM_SIZE (64 * 1024)

typedef struct {
    const char *text; /* as sent; not NUL-terminated */
    apr_size_t  length;
} mto_form_t;

/* Registers the input filter; at register_hooks. */
void mto_form_register(void);

/* Reads the body of r (Content-Length or chunked; waits for it) and puts it back for whoever reads it next. A request
 * without a body has an empty form. After an internal redirect the body is the one that was read before. Refuses with
 * form_malformed: not application/x-www-form-urlencoded, with a Content-Encoding, or cut; form_too_large. *status: what
 * httpd says where it gave the body up itself (LimitRequestBody, a timeout, a chunk that is none), else OK. */
mto_refusal_t mto_form_read(const mto_form_t **form, request_rec *r, int *status, mto_verdict_t *verdict);

/* Plays the body back to the handler of an internal redirect, too. Hook insert_filter. */
void mto_form_replay(request_rec *r);

#endif
