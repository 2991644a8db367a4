#include "httpd/own_headers.h"

#include "httpd/directives.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

/* A header that HTTP or another part of the request lives by cannot be taken away from it. */
static int is_taken(const char *name)
{
    static const char *const taken[] = {
        "Accept",           "Authorization", "Connection", "Content-Encoding", "Content-Length",
        "Content-Type",     "Cookie",        "Expect",     "Forwarded",        "Host",
        "Origin",           "Range",         "TE",         "Trailer",          "Transfer-Encoding",
        "Upgrade",          "User-Agent",    "Via",        "X-Forwarded-For",  "X-Forwarded-Host",
        "X-Forwarded-Proto"};
    size_t i;

    for (i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (mto_header_reads_like(name, strlen(name), taken[i])) {
            return 1;
        }
    }
    return 0;
}

const char *mto_own_header_check(const char *name)
{
    const char *at = name;

    while (apr_isalnum(*at) || *at == '-') {
        at++;
    }
    return *name == '\0' || *at != '\0' || is_taken(name)
               ? "is not a header's name of letters, digits and dashes that nothing else needs"
               : NULL;
}

/* --- The list ----------------------------------------------------------------------------------------------------- */

int mto_header_reads_like(const char *name, apr_size_t length, const char *whole)
{
    apr_size_t i;

    for (i = 0; i < length && whole[i] != '\0'; i++) {
        if ((apr_isalnum(name[i]) || apr_isalnum(whole[i])) && apr_tolower(name[i]) != apr_tolower(whole[i])) {
            return 0;
        }
    }
    return i == length && whole[i] == '\0';
}

static int is_among(const apr_array_header_t *names, const char *name, apr_size_t length)
{
    int i;

    for (i = 0; i < names->nelts; i++) {
        if (mto_header_reads_like(name, length, APR_ARRAY_IDX(names, i, const char *))) {
            return 1;
        }
    }
    return 0;
}

static void add(apr_array_header_t *names, const char *name)
{
    if (!is_among(names, name, strlen(name))) {
        APR_ARRAY_PUSH(names, const char *) = name;
    }
}

void mto_own_header_add(server_rec *server, const char *name)
{
    add(mto_server_config_of(server)->own_headers, name);
}

/* header: NULL and "": none. */
static void add_certificate_header(apr_array_header_t *names, const char *header, apr_pool_t *pool)
{
    if (header != NULL && *header != '\0') {
        add(names, header);
        add(names, apr_pstrcat(pool, header, MTO_CHAIN_SUFFIX, NULL));
    }
}

void mto_own_headers_finish(server_rec *server, const server_rec *main_server, apr_pool_t *pool)
{
    mto_server_config_t       *config = mto_server_config_of(server);
    const mto_server_config_t *outer = mto_server_config_of(main_server);
    apr_array_header_t        *stripped = apr_array_copy(pool, config->own_headers);
    int                        i;

    for (i = 0; i < outer->own_headers->nelts; i++) {
        add(stripped, APR_ARRAY_IDX(outer->own_headers, i, const char *));
    }
    add_certificate_header(stripped, config->forward_client_cert, pool);
    add_certificate_header(stripped, config->certificate_header, pool);
    add_certificate_header(stripped, outer->forward_client_cert, pool);
    add_certificate_header(stripped, outer->certificate_header, pool);
    config->stripped_headers = stripped;
}

int mto_own_headers_have(const server_rec *server, const char *name)
{
    return is_among(mto_server_config_of(server)->stripped_headers, name, strlen(name));
}

/* --- Stripping ---------------------------------------------------------------------------------------------------- */

/* mod_proxy ends a name at a semicolon and at any white space as well (ap_get_token). */
#define SEPARATORS ",; \t\v\f\r\n"

/* Moves *list to its next name and returns the length of that; 0: there is none. */
static apr_size_t next_name(const char **list)
{
    *list += strspn(*list, SEPARATORS);
    return strcspn(*list, SEPARATORS);
}

/* Whether a Connection header's list has one of the names. */
static int mentions(const char *list, const apr_array_header_t *names)
{
    apr_size_t length;

    for (; list != NULL && (length = next_name(&list)) > 0; list += length) {
        if (is_among(names, list, length)) {
            return 1;
        }
    }
    return 0;
}

/* The list without them; NULL: nothing is left. */
static const char *without(apr_pool_t *pool, const char *list, const apr_array_header_t *names)
{
    const char *kept = NULL;
    apr_size_t  length;

    for (; (length = next_name(&list)) > 0; list += length) {
        if (!is_among(names, list, length)) {
            const char *name = apr_pstrmemdup(pool, list, length);
            kept = kept == NULL ? name : apr_pstrcat(pool, kept, ", ", name, NULL);
        }
    }
    return kept;
}

void mto_headers_strip(request_rec *r, const apr_array_header_t *names)
{
    const apr_array_header_t *headers = apr_table_elts(r->headers_in);
    const char               *list;
    int                       i = 0;

    while (names->nelts > 0 && i < headers->nelts) {
        const char *name = APR_ARRAY_IDX(headers, i, apr_table_entry_t).key;

        if (is_among(names, name, strlen(name))) {
            apr_table_unset(r->headers_in, apr_pstrdup(r->pool, name));
            i = 0; /* the entries have moved */
        }
        else {
            i++;
        }
    }
    list = apr_table_getm(r->pool, r->headers_in, "Connection"); /* trailers may have brought a second one */
    if (mentions(list, names)) {
        const char *kept = without(r->pool, list, names);

        if (kept != NULL) {
            apr_table_setn(r->headers_in, "Connection", kept);
        }
        else {
            apr_table_unset(r->headers_in, "Connection");
        }
    }
}

void mto_own_headers_strip(request_rec *r)
{
    mto_headers_strip(r, mto_server_config_of(r->server)->stripped_headers);
}
