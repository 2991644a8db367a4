/* CORS preflights: what a browser asks before it sends a request of a script, without any credentials. */
#ifndef MTO_PREFLIGHT_H
#define MTO_PREFLIGHT_H

#include "httpd/directives.h"

#include <httpd.h>

/* Whether a request is a preflight (OPTIONS with Origin and Access-Control-Request-Method) in a place that says
 * MTLSOAuthPreflight pass. */
int mto_preflight_passes(const request_rec *r, const mto_directory_config_t *directory);

/* Leaves a preflight nothing but the question: Authorization, Cookie, headers that make another method of it, those
 * that only this server may set, and the body are taken away, so that no back end does anything for it. Returns OK, or
 * the HTTP status of a body that cannot be read. */
int mto_preflight_scrub(request_rec *r);

#endif
