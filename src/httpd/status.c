#include "httpd/status.h"

#include "core/escape.h"

#include <apr_strings.h>
#include <http_config.h>
#include <http_log.h>
#include <http_protocol.h>
#include <mod_status.h>
#include <stdlib.h>
#include <string.h>

APLOG_USE_MODULE(auth_mtls_oauth);

int mto_status_prepare(request_rec *r, const char *handler, const char *type, const mto_view_t **view)
{
    if (r->handler == NULL || strcmp(r->handler, handler) != 0) {
        return DECLINED;
    }
    r->allowed = AP_METHOD_BIT << M_GET;
    if (r->method_number != M_GET) {
        return r->method_number == M_OPTIONS ? DECLINED : HTTP_METHOD_NOT_ALLOWED;
    }
    *view = mto_view_read(r);
    if (*view == NULL) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    ap_set_content_type(r, type);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    return OK;
}

/* The quality that an Accept header gives to exactly this type, in thousandths; -1: it does not name it. */
static int quality_of(const char *accept, const char *type)
{
    const char *at = accept != NULL ? ap_strcasestr(accept, type) : NULL, *end, *q;

    if (at == NULL) {
        return -1;
    }
    end = at + strcspn(at, ",");
    q = ap_strcasestr(at, ";q=");
    return q != NULL && q < end ? (int)(1000 * strtod(q + 3, NULL)) : 1000;
}

static int wants_json(const request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    int         json = quality_of(accept, "application/json");

    return json > 0 && json > quality_of(accept, "text/html");
}

static int wants_auto(const request_rec *r)
{
    return r->args != NULL && ap_strcasestr(r->args, "auto") != NULL;
}

int mto_status_handle(request_rec *r)
{
    const mto_view_t *view;
    int               is_auto = wants_auto(r), is_json = !is_auto && wants_json(r), status;

    status = mto_status_prepare(r, MTO_STATUS_HANDLER,
                                is_auto   ? "text/plain; charset=utf-8"
                                : is_json ? "application/json"
                                          : "text/html; charset=utf-8",
                                &view);
    if (status != OK) {
        return status;
    }
    apr_table_mergen(r->headers_out, "Vary", "Accept");
    if (!is_auto && !is_json) {
        mto_status_page_headers(r);
    }
    if (r->header_only) {
        return OK;
    }
    if (is_auto) {
        mto_status_auto(r, view, 1);
    }
    else if (is_json) {
        mto_status_json(r, view);
    }
    else {
        mto_status_page(r, view);
    }
    return OK;
}

/* --- mod_status --------------------------------------------------------------------------------------------------- */

static void print_row(request_rec *r, const mto_view_row_t *row)
{
    int         is_issuer = row->counted->kind == MTO_COUNTED_ISSUER;
    const char *what = is_issuer                                   ? mto_escape(r->pool, MTO_ESCAPE_HTML, row->issuer)
                       : row->counted->kind == MTO_COUNTED_CLIENTS ? "<i>OAuth clients</i>"
                                                                   : "<i>no known issuer</i>";

    ap_rprintf(r,
               "<tr><td>%s</td><td>%s %s</td><td>%s</td><td align=\"right\">%" APR_UINT64_T_FMT
               "</td><td align=\"right\">%" APR_UINT64_T_FMT "</td></tr>\n",
               mto_escape(r->pool, MTO_ESCAPE_HTML, row->counted->server), what,
               mto_escape(r->pool, MTO_ESCAPE_HTML, row->name), is_issuer ? mto_health_word(row->health) : "",
               row->numbers.admitted, row->numbers.refused);
}

/* mod_status's status_hook. */
static int add_section(request_rec *r, int flags)
{
    const mto_view_t *view = mto_view_read(r);
    size_t            i;

    if (view == NULL || view->row_count == 0) {
        return DECLINED;
    }
    if ((flags & AP_STATUS_SHORT) != 0) {
        mto_status_auto(r, view, 0);
        return OK;
    }
    ap_rprintf(r,
               "<hr />\n<h2>mod_auth_mtls_oauth</h2>\n<p>Admitted %" APR_UINT64_T_FMT " (%" APR_UINT64_T_FMT
               " bound), refused %" APR_UINT64_T_FMT ", reported %" APR_UINT64_T_FMT "; token cache %" APR_UINT64_T_FMT
               " hits, %" APR_UINT64_T_FMT " misses.</p>\n",
               view->all.admitted, mto_view_bound(&view->all), view->all.refused, view->all.reported, view->caches.hits,
               view->caches.misses);
    ap_rputs("<table border=\"0\"><tr><th>Server</th><th>Issuer</th><th>Keys</th><th>Admitted</th><th>Refused</th>"
             "</tr>\n",
             r);
    for (i = 0; i < view->row_count; i++) {
        print_row(r, &view->rows[i]);
    }
    ap_rputs("</table>\n", r);
    return OK;
}

void mto_status_register(void)
{
    APR_OPTIONAL_HOOK(ap, status_hook, add_section, NULL, NULL, APR_HOOK_MIDDLE);
}
