#include "httpd/forward.h"

#include "core/trust.h"
#include "httpd/answer.h"
#include "httpd/directives.h"
#include "httpd/own_headers.h"
#include "httpd/registry.h"
#include "httpd/trusted_proxy.h"

#include <apr_base64.h>
#include <apr_strings.h>
#include <string.h>

/* The header of this server; NULL: none. */
static const char *header_of(const request_rec *r)
{
    const char *header = mto_server_config_of(r->server)->forward_client_cert;

    return header != NULL && *header != '\0' ? header : NULL;
}

int mto_forward_strip(request_rec *r)
{
    mto_proxy_keep_header(r);
    mto_own_headers_strip(r);
    return DECLINED;
}

/* --- The certificate ---------------------------------------------------------------------------------------------- */

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
        apr_table_setn(r->headers_in, apr_pstrcat(r->pool, header, MTO_CHAIN_SUFFIX, NULL), list);
    }
    mto_trust_release(trust);
}

static void set_certificate(request_rec *r, const mto_exchange_t *exchange)
{
    const char *header = header_of(r);

    if (header != NULL && exchange->certificate != NULL) {
        apr_table_setn(r->headers_in, header, byte_sequence(r->pool, exchange->certificate));
        set_chain(r, header, exchange);
    }
}

/* --- Claims ------------------------------------------------------------------------------------------------------- */

void mto_forward_variables(request_rec *r, const mto_exchange_t *exchange)
{
    const apr_array_header_t *targets = mto_directory_config_of(r)->claim_variables;
    int                       i;

    for (i = 0; targets != NULL && i < targets->nelts; i++) {
        const mto_claim_target_t *target = &APR_ARRAY_IDX(targets, i, const mto_claim_target_t);
        const char *value = mto_claim_value(mto_claims_find(mto_token_claims(exchange->token), target->path), r->pool);

        if (value != NULL) {
            apr_table_setn(r->subprocess_env, target->name, value);
        }
        else {
            apr_table_unset(r->subprocess_env, target->name); /* SetEnvIf may have put there what the client wanted */
        }
    }
}

/* A field value of visible ASCII and blanks: other bytes, % and blanks at the ends are %XX, so that decoding gives the
 * UTF-8 of the claim. */
static const char *percent_encode(apr_pool_t *pool, const char *value)
{
    static const char    hex[] = "0123456789ABCDEF";
    apr_size_t           length = strlen(value), i;
    char                *encoded = apr_palloc(pool, 3 * length + 1), *to = encoded;
    const unsigned char *bytes = (const unsigned char *)value;

    for (i = 0; i < length; i++) {
        if (bytes[i] > 0x20 && bytes[i] < 0x7f && bytes[i] != '%') {
            *to++ = value[i];
        }
        else if (bytes[i] == ' ' && i > 0 && i < length - 1) {
            *to++ = ' ';
        }
        else {
            *to++ = '%';
            *to++ = hex[bytes[i] >> 4];
            *to++ = hex[bytes[i] & 15];
        }
    }
    *to = '\0';
    return encoded;
}

static void set_claim_headers(request_rec *r, const mto_exchange_t *exchange)
{
    const apr_array_header_t *targets = mto_directory_config_of(r)->claim_headers;
    int                       i;

    for (i = 0; targets != NULL && i < targets->nelts; i++) {
        const mto_claim_target_t *target = &APR_ARRAY_IDX(targets, i, const mto_claim_target_t);
        const char *value = mto_claim_value(mto_claims_find(mto_token_claims(exchange->token), target->path), r->pool);

        if (value != NULL) {
            apr_table_setn(r->headers_in, target->name, percent_encode(r->pool, value));
        }
    }
}

/* --- The token ---------------------------------------------------------------------------------------------------- */

/* The pairs of a Cookie header that are not called name, or do not have the token; NULL: none is left. */
static const char *without_cookie(apr_pool_t *pool, const char *cookies, const char *name, const mto_bearer_t *bearer)
{
    apr_size_t  name_size = strlen(name), size;
    const char *kept = NULL, *token = apr_pstrmemdup(pool, bearer->text, bearer->length);

    for (; *(cookies += strspn(cookies, "; \t,")) != '\0'; cookies += size) {
        const char *pair;

        size = strcspn(cookies, ";,");
        pair = apr_pstrmemdup(pool, cookies, size);
        if (strncmp(pair, name, name_size) != 0 || pair[name_size] != '=' || strstr(pair, token) == NULL) {
            kept = kept == NULL ? pair : apr_pstrcat(pool, kept, "; ", pair, NULL);
        }
    }
    return kept;
}

/* Whether the Authorization header is the one that the token was read from: a site may have put its own there since. */
static int has_token(const char *authorization, const mto_bearer_t *bearer)
{
    apr_size_t length = authorization != NULL ? strlen(authorization) : 0;

    return length > bearer->length
           && memcmp(authorization + length - bearer->length, bearer->text, bearer->length) == 0;
}

static void set_or_unset(apr_table_t *headers, const char *name, const char *value)
{
    if (value != NULL) {
        apr_table_setn(headers, name, value);
    }
    else {
        apr_table_unset(headers, name);
    }
}

/* What mod_cache keeps apart by its Authorization header alone is not to be kept when that does not tell whose it is.
 */
static void keep_private(request_rec *r)
{
    r->no_cache = 1;
    apr_table_mergen(r->err_headers_out, "Cache-Control", "private");
}

/* By the rules of the place that read it, which directory is of. */
static void remove_token(request_rec *r, const mto_directory_config_t *directory, mto_exchange_t *exchange)
{
    const apr_array_header_t *sources = directory->token_sources;
    int                       i;

    if (has_token(apr_table_get(r->headers_in, "Authorization"), &exchange->bearer)) {
        apr_table_unset(r->headers_in, "Authorization");
    }
    /* Of all cookies that may have one: a copy beside the token that was read is as good. */
    for (i = 0; sources != NULL && i < sources->nelts; i++) {
        const char *cookie = APR_ARRAY_IDX(sources, i, mto_token_source_t).cookie;
        const char *cookies = apr_table_get(r->headers_in, "Cookie");

        if (cookie != NULL && cookies != NULL) {
            set_or_unset(r->headers_in, "Cookie", without_cookie(r->pool, cookies, cookie, &exchange->bearer));
        }
    }
    exchange->token_removed = 1;
}

/* For a place that wants it, behind one that did not. */
static void restore_token(request_rec *r, const mto_bearer_t *bearer)
{
    set_or_unset(r->headers_in, "Cookie", bearer->cookies);
    if (bearer->cookie == NULL) {
        set_or_unset(r->headers_in, "Authorization", bearer->authorization);
    }
}

/* A token that its place keeps from the back end is kept as well when httpd sends the request on to a place where
 * nobody is asked: an error page, for example, which may come before that place has had its last word. */
static void keep_token_back(request_rec *r)
{
    const request_rec *before = r;

    while ((before = before->main != NULL ? before->main : before->prev) != NULL) {
        const mto_directory_config_t *directory = mto_directory_config_of(before);
        mto_exchange_t               *exchange = mto_exchange_of(before);

        if (exchange != NULL && exchange->bearer.text != NULL && directory->forward_token == 0) {
            remove_token(r, directory, exchange);
            keep_private(r);
        }
    }
}

int mto_forward_set(request_rec *r)
{
    mto_exchange_t *exchange = mto_exchange_in_force(r);

    if (r->main != NULL && r->headers_in == r->main->headers_in) {
        /* Not every httpd gives a subrequest its own: what is said of this one, the main request is not. */
        r->headers_in = apr_table_copy(r->pool, r->headers_in);
    }
    mto_own_headers_strip(r);
    if (exchange == NULL || !exchange->admitted) {
        keep_token_back(r);
        return DECLINED;
    }
    set_certificate(r, exchange);
    if (exchange->token != NULL) {
        set_claim_headers(r, exchange);
        if (mto_directory_config_of(r)->forward_token == 0) {
            remove_token(r, mto_directory_config_of(r), exchange);
        }
        else if (mto_exchange_with_token(r) != NULL) {
            restore_token(r, &exchange->bearer);
        }
        if (!has_token(apr_table_get(r->headers_in, "Authorization"), &exchange->bearer)) {
            keep_private(r);
        }
    }
    return DECLINED;
}
