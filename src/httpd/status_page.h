/* The parts of the status page. */
#ifndef MTO_STATUS_PAGE_H
#define MTO_STATUS_PAGE_H

#include "httpd/status.h"

/* Style and script of the page, and the Content-Security-Policy that lets these two run and nothing else; NULL: the
 * hashes cannot be made. */
extern const char mto_status_css[];
extern const char mto_status_script[];
const char       *mto_status_csp(apr_pool_t *pool);

/* A text of others for the page. */
const char *mto_status_text(request_rec *r, const char *text);

/* A number with its thousands apart, and a share in per cent. */
const char *mto_status_count(request_rec *r, uint64_t number);
const char *mto_status_share(request_rec *r, uint64_t part, uint64_t whole);

/* What was admitted and refused per second over time, as a picture; large: for the head of the page. */
void mto_status_curve(request_rec *r, const mto_view_curve_t *curve, int large);

/* A bar that long of the whole; kind: a class of the style. */
void mto_status_bar(request_rec *r, uint64_t part, uint64_t whole, const char *kind);

/* The panels. */
void mto_status_issuers(request_rec *r, const mto_view_t *view);
void mto_status_refusals(request_rec *r, const mto_view_t *view);
void mto_status_readiness(request_rec *r, const mto_view_t *view);
void mto_status_costs(request_rec *r, const mto_view_t *view);

#endif
