/* SetHandler mtls-oauth-status, and the section on mod_status's page. */
#ifndef MTO_STATUS_H
#define MTO_STATUS_H

#include "httpd/view.h"

#include <httpd.h>

#define MTO_STATUS_HANDLER "mtls-oauth-status"

/* What each handler of numbers begins with: DECLINED when r is for another one, a status when r cannot be answered,
 * else OK with the view, after the headers are set: nobody keeps a copy, nobody guesses types. */
int mto_status_prepare(request_rec *r, const char *handler, const char *type, const mto_view_t **view);

/* Hook handler: HTML; ?auto lines of text; JSON for who prefers it. */
int mto_status_handle(request_rec *r);

/* Adds the section to mod_status's page, if that module is there. For register_hooks. */
void mto_status_register(void);

/* What stands behind ?auto, on this page (full) and on mod_status's: one "Key: value" a line. */
void mto_status_auto(request_rec *r, const mto_view_t *view, int full);

/* The JSON document. */
void mto_status_json(request_rec *r, const mto_view_t *view);

/* The HTML page, and its headers, which are to be set before it. */
void mto_status_page_headers(request_rec *r);
void mto_status_page(request_rec *r, const mto_view_t *view);

#endif
