#include "httpd/preflight.h"

#include "httpd/own_headers.h"

#include <http_protocol.h>

static int has(const request_rec *r, const char *header)
{
    const char *value = apr_table_get(r->headers_in, header);

    return value != NULL && *value != '\0';
}

int mto_preflight_passes(const request_rec *r, const mto_directory_config_t *directory)
{
    return directory->preflight == 1 && r->method_number == M_OPTIONS && has(r, "Origin")
           && has(r, "Access-Control-Request-Method");
}

int mto_preflight_scrub(request_rec *r)
{
    static const char *const scrubbed[] = {"Authorization",     "Proxy-Authorization",    "Cookie",
                                           "Cookie2",           "X-HTTP-Method-Override", "X-HTTP-Method",
                                           "X-Method-Override", "Content-Length",         "Content-Type",
                                           "Content-Encoding",  "Transfer-Encoding",      "Trailer",
                                           "Upgrade",           "HTTP2-Settings",         "Expect"};
    apr_array_header_t      *names = apr_array_make(r->pool, 16, sizeof(const char *));
    int                      status = ap_discard_request_body(r);
    size_t                   i;

    for (i = 0; i < sizeof scrubbed / sizeof scrubbed[0]; i++) {
        APR_ARRAY_PUSH(names, const char *) = scrubbed[i];
    }
    mto_headers_strip(r, names);
    mto_own_headers_strip(r);
    return status;
}
