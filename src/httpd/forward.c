#include "httpd/forward.h"

#include "core/trust.h"
#include "httpd/answer.h"
#include "httpd/directives.h"
#include "httpd/registry.h"

#include <apr_base64.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

/* Added to the name for the header with the certificates above the client's (RFC 9440 section 2.3). */
#define CHAIN_SUFFIX "-Chain"

/* --- Stripping ---------------------------------------------------------------------------------------------------- */

/* Whether name[0..length) reads like `whole` to a back end: CGI and its like make one character of all that is neither
 * letter nor digit. */
static int reads_like(const char *name, apr_size_t length, const char *whole)
{
    apr_size_t i;

    for (i = 0; i < length && whole[i] != '\0'; i++) {
        if (apr_isalnum(name[i]) || apr_isalnum(whole[i])) {
            if (apr_tolower(name[i]) != apr_tolower(whole[i])) {
                return 0;
            }
        }
    }
    return i == length && whole[i] == '\0';
}

static int is_ours(const char *name, apr_size_t length, const char *header)
{
    apr_size_t prefix = strlen(header);

    return reads_like(name, length, header)
           || (length > prefix && reads_like(name, prefix, header)
               && reads_like(name + prefix, length - prefix, CHAIN_SUFFIX));
}

/* The list of a Connection header without our names: mod_proxy deletes what it names, ours too. NULL: nothing is left.
 */
static const char *without_ours(apr_pool_t *pool, const char *list, const char *header)
{
    const char *kept = NULL;

    while (*list != '\0') {
        apr_size_t length;

        list += strspn(list, ", \t");
        length = strcspn(list, ", \t");
        if (length > 0 && !is_ours(list, length, header)) {
            const char *name = apr_pstrmemdup(pool, list, length);
            kept = kept == NULL ? name : apr_pstrcat(pool, kept, ", ", name, NULL);
        }
        list += length;
    }
    return kept;
}

static int mentions(request_rec *r, const char *header)
{
    const char *list = apr_table_get(r->headers_in, "Connection");

    while (list != NULL && *list != '\0') {
        apr_size_t length;

        list += strspn(list, ", \t");
        length = strcspn(list, ", \t");
        if (length > 0 && is_ours(list, length, header)) {
            return 1;
        }
        list += length;
    }
    return 0;
}

static void strip(request_rec *r, const char *header)
{
    const apr_array_header_t *headers = apr_table_elts(r->headers_in);
    int                       i = 0;

    while (i < headers->nelts) {
        const char *name = APR_ARRAY_IDX(headers, i, apr_table_entry_t).key;

        if (is_ours(name, strlen(name), header)) {
            apr_table_unset(r->headers_in, apr_pstrdup(r->pool, name));
            i = 0; /* the entries have moved */
        }
        else {
            i++;
        }
    }
    if (mentions(r, header)) {
        const char *kept = without_ours(r->pool, apr_table_get(r->headers_in, "Connection"), header);

        if (kept != NULL) {
            apr_table_setn(r->headers_in, "Connection", kept);
        }
        else {
            apr_table_unset(r->headers_in, "Connection");
        }
    }
}

/* The header of this server; NULL: none. */
static const char *header_of(const request_rec *r)
{
    const char *header = mto_server_config_of(r->server)->forward_client_cert;

    return header != NULL && *header != '\0' ? header : NULL;
}

int mto_forward_strip(request_rec *r)
{
    const char *header = header_of(r);

    if (header != NULL) {
        strip(r, header);
    }
    return DECLINED;
}

/* --- Setting ------------------------------------------------------------------------------------------------------ */

/* A byte sequence of structured fields (RFC 8941 section 3.3.5): base64 between colons. */
static const char *byte_sequence(apr_pool_t *pool, const mto_certificate_t *certificate)
{
    char *text = apr_palloc(pool, (apr_size_t)apr_base64_encode_len((int)certificate->der_size) + 3);

    text[0] = ':';
    (void)apr_base64_encode_binary(text + 1, certificate->der, (int)certificate->der_size);
    return strcat(text, ":");
}

static void set_chain(request_rec *r, const char *header, const mto_exchange_t *exchange)
{
    mto_trust_t              *trust = mto_registry_take_trust(exchange->chain_trust);
    const apr_array_header_t *chain = NULL;
    const char               *list = NULL;
    int                       i;

    if (trust != NULL) {
        chain = mto_trust_chain(trust, exchange->certificate, r->request_time, r->pool);
    }
    for (i = 0; chain != NULL && i < chain->nelts; i++) {
        const char *one = byte_sequence(r->pool, &APR_ARRAY_IDX(chain, i, mto_certificate_t));
        list = list == NULL ? one : apr_pstrcat(r->pool, list, ", ", one, NULL);
    }
    if (list != NULL) {
        apr_table_setn(r->headers_in, apr_pstrcat(r->pool, header, CHAIN_SUFFIX, NULL), list);
    }
    mto_trust_release(trust);
}

int mto_forward_set(request_rec *r)
{
    const char           *header = header_of(r);
    const mto_exchange_t *exchange;

    if (header == NULL) {
        return DECLINED;
    }
    strip(r, header);
    exchange = mto_exchange_in_force(r);
    if (exchange != NULL && exchange->admitted && exchange->certificate != NULL) {
        apr_table_setn(r->headers_in, header, byte_sequence(r->pool, exchange->certificate));
        set_chain(r, header, exchange);
    }
    return DECLINED;
}
