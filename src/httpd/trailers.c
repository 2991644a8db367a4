#include "httpd/trailers.h"

#include "httpd/answer.h"
#include "httpd/directives.h"
#include "httpd/own_headers.h"

#include <util_filter.h>

#define FILTER_NAME "MTLS-OAUTH-TRAILERS"

static ap_filter_rec_t *filter;

static const apr_array_header_t *names_of(const request_rec *r)
{
    static const char *const others[] = {"Authorization", "Cookie", "Content-Type", "Content-Encoding"};
    apr_array_header_t      *names = apr_array_copy(r->pool, mto_server_config_of(r->server)->stripped_headers);
    size_t                   i;

    for (i = 0; i < sizeof others / sizeof others[0]; i++) {
        APR_ARRAY_PUSH(names, const char *) = others[i];
    }
    return names;
}

void mto_trailers_sift(request_rec *r, apr_table_t *before)
{
    if (r->headers_in != before) { /* headers and trailers have become one new table: made anew, without some of them */
        r->headers_in = r->trailers_in;
        mto_headers_strip(r, names_of(r));
        r->headers_in = apr_table_overlay(r->pool, before, r->trailers_in);
    }
}

static apr_status_t pass(ap_filter_t *f, apr_bucket_brigade *brigade, ap_input_mode_t mode, apr_read_type_e block,
                         apr_off_t most)
{
    request_rec *r = f->r;
    apr_table_t *before = r->headers_in;
    apr_status_t status = ap_get_brigade(f->next, brigade, mode, block, most);

    mto_trailers_sift(r, before);
    return status;
}

void mto_trailers_register(void)
{
    /* Next to the filters that read trailers, as in form.c. */
    filter = ap_register_input_filter(FILTER_NAME, pass, NULL, AP_FTYPE_PROTOCOL - 1);
}

void mto_trailers_watch(request_rec *r)
{
    int concerns = mto_server_config_of(r->server)->stripped_headers->nelts > 0 || mto_exchange_in_force(r) != NULL;

    if (r->main == NULL && concerns && ap_request_has_body(r)) {
        (void)ap_add_input_filter_handle(filter, NULL, r, r->connection);
    }
}
