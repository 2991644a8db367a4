#include "httpd/status_page.h"

#include "core/escape.h"
#include "httpd/times.h"

#include <apr_strings.h>
#include <http_protocol.h>
#include <string.h>

/* The page of a browser that runs no script is read again that often when it asks for it. */
#define RELOAD_SECONDS "10"

/* --- Small parts -------------------------------------------------------------------------------------------------- */

const char *mto_status_text(request_rec *r, const char *text)
{
    return mto_escape(r->pool, MTO_ESCAPE_HTML, text);
}

const char *mto_status_count(request_rec *r, uint64_t number)
{
    const char *digits = apr_psprintf(r->pool, "%" APR_UINT64_T_FMT, number);
    size_t      length = strlen(digits), i;
    char       *out = apr_palloc(r->pool, 4 * length + 1), *to = out;

    for (i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            memcpy(to, "\xe2\x80\xaf", 3); /* a narrow space that does not break */
            to += 3;
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

const char *mto_status_share(request_rec *r, uint64_t part, uint64_t whole)
{
    double share = whole > 0 ? 100.0 * (double)part / (double)whole : 0;

    return share > 0 && share < 10
               ? apr_psprintf(r->pool, "%.1f\xe2\x80\xaf%%", share < 0.1 ? 0.1 : share)
               : apr_psprintf(r->pool, "%.0f\xe2\x80\xaf%%", share > 99 && part < whole ? 99 : share);
}

void mto_status_bar(request_rec *r, uint64_t part, uint64_t whole, const char *kind)
{
    double share = whole > 0 ? 100.0 * (double)part / (double)whole : 0;

    ap_rprintf(r, "<svg class=\"bar\" aria-hidden=\"true\"><rect class=\"%s\" width=\"%.1f%%\" height=\"8\"/></svg>",
               kind, share);
}

/* --- Curves ------------------------------------------------------------------------------------------------------- */

#define CURVE_WIDTH  600
#define CURVE_HEIGHT 60

/* What happened per second between two moments; never less than nothing, as when a slot began anew. */
static double rate(const mto_view_curve_t *curve, size_t i, int refused)
{
    const mto_moment_t *from = &curve->moments[i - 1], *to = &curve->moments[i];
    uint64_t            before = refused ? from->refused : from->admitted, after = refused ? to->refused : to->admitted;
    double              seconds = (double)(to->time - from->time) / 1e6;

    return after > before && seconds > 0 ? (double)(after - before) / (seconds < 1 ? 1 : seconds) : 0;
}

static double highest_rate(const mto_view_curve_t *curve)
{
    double highest = 0;
    size_t i;

    for (i = 1; i < curve->count; i++) {
        double admitted = rate(curve, i, 0), refused = rate(curve, i, 1);

        highest = admitted > highest ? admitted : highest;
        highest = refused > highest ? refused : highest;
    }
    return highest;
}

/* One line, as steps' middles; kind: a class of the style. close: as an area. */
static void line(request_rec *r, const mto_view_curve_t *curve, double highest, int refused, const char *kind,
                 int close)
{
    apr_time_t first = curve->moments[0].time, span = curve->moments[curve->count - 1].time - first;
    size_t     i;

    ap_rprintf(r, "<path class=\"%s\" d=\"", kind);
    for (i = 1; i < curve->count; i++) {
        double x = span > 0 ? CURVE_WIDTH * (double)(curve->moments[i].time - first) / (double)span : CURVE_WIDTH;
        double y = CURVE_HEIGHT - 1 - (CURVE_HEIGHT - 4) * rate(curve, i, refused) / highest;

        if (i == 1) {
            ap_rprintf(r, "M0 %.1fL", close ? (double)CURVE_HEIGHT : y);
            if (close) {
                ap_rprintf(r, "0 %.1f ", y);
            }
        }
        ap_rprintf(r, "%.1f %.1f ", x, y);
    }
    ap_rprintf(r, close ? "%d %dZ\"/>" : "\"/>", CURVE_WIDTH, CURVE_HEIGHT);
}

void mto_status_curve(request_rec *r, const mto_view_curve_t *curve, int large)
{
    double highest = highest_rate(curve);

    ap_rprintf(r,
               "<svg class=\"curve%s\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" role=\"img\" "
               "aria-label=\"admitted and refused requests over time\"><line x1=\"0\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>",
               large ? " large" : "", CURVE_WIDTH, CURVE_HEIGHT, CURVE_WIDTH, CURVE_HEIGHT - 1, CURVE_HEIGHT - 1);
    if (highest > 0) {
        line(r, curve, highest, 0, "f", 1);
        line(r, curve, highest, 0, "a", 0);
        line(r, curve, highest, 1, "r", 0);
    }
    ap_rputs("</svg>\n", r);
    if (large) {
        ap_rprintf(r,
                   "<p class=\"key\"><span><i class=\"a\"></i>admitted</span><span><i class=\"r\"></i>refused</span>"
                   "<span>at most %.*f a second, over %s</span></p>\n",
                   highest < 10 ? 1 : 0, highest,
                   mto_interval_text(r->pool, curve->moments[curve->count - 1].time - curve->moments[0].time));
    }
}

/* --- The page ----------------------------------------------------------------------------------------------------- */

void mto_status_page_headers(request_rec *r)
{
    const char *csp = mto_status_csp(r->pool);

    apr_table_setn(r->headers_out, "Content-Security-Policy", csp != NULL ? csp : "default-src 'none'");
    apr_table_setn(r->headers_out, "Referrer-Policy", "no-referrer");
    if (r->args != NULL && strstr(r->args, "refresh") != NULL) {
        apr_table_setn(r->headers_out, "Refresh", RELOAD_SECONDS);
    }
}

static void tile(request_rec *r, const char *number, const char *kind, const char *text)
{
    ap_rprintf(r, "<div class=\"card tile\"><b class=\"%s\">%s</b><span>%s</span></div>\n", kind, number, text);
}

static void print_tiles(request_rec *r, const mto_view_t *view)
{
    uint64_t asked = view->all.admitted + view->all.refused, bound = mto_view_bound(&view->all);
    unsigned issuers = 0, good = 0;
    size_t   i;

    for (i = 0; i < view->row_count; i++) {
        issuers += view->rows[i].counted->kind == MTO_COUNTED_ISSUER;
        good += view->rows[i].counted->kind == MTO_COUNTED_ISSUER && view->rows[i].health == MTO_HEALTH_GOOD;
    }
    ap_rputs("<div class=\"tiles\">\n", r);
    tile(r, mto_status_count(r, view->all.admitted), "", "requests admitted");
    tile(r, mto_status_count(r, view->all.refused), "",
         apr_pstrcat(r->pool, "refused, ", mto_status_share(r, view->all.refused, asked), " of all", NULL));
    tile(r, mto_status_share(r, bound, view->all.admitted), "", "of the admitted with a bound token");
    tile(r, apr_psprintf(r->pool, "%u of %u", good, issuers), good == issuers ? "good" : "bad",
         "issuers with keys in order");
    ap_rputs("</div>\n<div class=\"card\">\n", r);
    mto_status_curve(r, &view->curve, 1);
    ap_rputs("</div>\n", r);
}

static void print_notes(request_rec *r, const mto_view_t *view)
{
    if (!view->is_shared) {
        ap_rputs("<p class=\"note warn\">No shared memory could be had: these numbers are of the process that answers, "
                 "one of several.</p>\n",
                 r);
    }
    if (view->row_count == 0) {
        ap_rputs("<p class=\"note\">No <code>&lt;MTLSOAuthIssuer&gt;</code> is configured: there is nothing to count."
                 "</p>\n",
                 r);
    }
}

void mto_status_page(request_rec *r, const mto_view_t *view)
{
    ap_rputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
             "<title>mTLS-OAuth status</title>\n<style>",
             r);
    ap_rputs(mto_status_css, r);
    ap_rvputs(r, "</style>\n</head>\n<body>\n<header><h1>mTLS-OAuth status</h1>\n<span class=\"dim\">",
              mto_status_text(r, r->server->server_hostname),
              "</span><span class=\"dim live\" aria-live=\"off\"><span id=\"said\"></span> "
              "<button id=\"toggle\" type=\"button\" hidden></button></span></header>\n<main id=\"live\">\n",
              NULL);
    ap_rprintf(r, "<p class=\"dim\">mod_auth_mtls_oauth " MTO_VERSION " \xc2\xb7 counting for %s \xc2\xb7 ",
               mto_interval_text(r->pool, view->now - view->started));
    ap_rprintf(r, "%" APR_UINT64_T_FMT " graceful restart%s \xc2\xb7 %u process%s</p>\n", view->restarts,
               view->restarts == 1 ? "" : "s", view->processes, view->processes == 1 ? "" : "es");
    print_notes(r, view);
    print_tiles(r, view);
    mto_status_issuers(r, view);
    mto_status_readiness(r, view);
    mto_status_refusals(r, view);
    mto_status_costs(r, view);
    ap_rputs("</main>\n<footer><a class=\"dim\" href=\"?auto\">?auto</a> has the numbers for scripts; "
             "<code>Accept: application/json</code> has all of them. "
             "<noscript>Without scripts: <a href=\"?refresh\">read again every " RELOAD_SECONDS " s</a>.</noscript>"
             "</footer>\n<script>",
             r);
    ap_rputs(mto_status_script, r);
    ap_rputs("</script>\n</body>\n</html>\n", r);
}
