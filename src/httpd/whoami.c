#include "httpd/whoami.h"

#include "core/escape.h"
#include "httpd/answer.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>
#include <jansson.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

APLOG_USE_MODULE(auth_mtls_oauth);

static json_t *text(apr_pool_t *pool, const char *value)
{
    return value != NULL ? json_string(mto_escape(pool, MTO_ESCAPE_PLAIN, value)) : json_null();
}

/* A name as RFC 4514 writes it. */
static json_t *name_of(apr_pool_t *pool, const X509_NAME *name)
{
    BIO    *out = BIO_new(BIO_s_mem());
    json_t *value = NULL;
    char   *written;
    long    size;

    if (out != NULL && X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        size = BIO_get_mem_data(out, &written);
        value = text(pool, apr_pstrmemdup(pool, written, (apr_size_t)size));
    }
    BIO_free(out);
    return value != NULL ? value : json_null();
}

/* As RFC 3339 has it. */
static json_t *time_of(const ASN1_TIME *time)
{
    struct tm broken;
    char      written[32];

    return ASN1_TIME_to_tm(time, &broken) == 1 && strftime(written, sizeof written, "%Y-%m-%dT%H:%M:%SZ", &broken) > 0
               ? json_string(written)
               : json_null();
}

/* Read anew here, and here only: requests are decided without. */
static json_t *describe_certificate(apr_pool_t *pool, const mto_certificate_t *certificate)
{
    const unsigned char *at;
    X509                *x509;
    json_t              *object;

    if (certificate == NULL) {
        return json_null();
    }
    at = certificate->der;
    x509 = d2i_X509(NULL, &at, (long)certificate->der_size);
    object = json_pack("{s:s}", "x5t#S256", certificate->x5t_text);
    if (x509 != NULL) {
        (void)json_object_set_new(object, "subject", name_of(pool, X509_get_subject_name(x509)));
        (void)json_object_set_new(object, "issuer", name_of(pool, X509_get_issuer_name(x509)));
        (void)json_object_set_new(object, "not_before", time_of(X509_get0_notBefore(x509)));
        (void)json_object_set_new(object, "not_after", time_of(X509_get0_notAfter(x509)));
    }
    X509_free(x509);
    ERR_clear_error();
    return object;
}

static void add_token(request_rec *r, json_t *document, const mto_exchange_t *exchange)
{
    const mto_token_texts_t *texts = mto_token_texts(exchange->token);
    const mto_policy_t      *policy = mto_token_policy(exchange->token);
    const json_t            *claims = mto_token_claims(exchange->token)->root;

    (void)json_object_set_new(document, "decision", json_string("admitted"));
    (void)json_object_set_new(document, "issuer", text(r->pool, policy->issuer));
    (void)json_object_set_new(document, "issuer_name", text(r->pool, policy->name));
    (void)json_object_set_new(document, "client_id", text(r->pool, texts->client_id));
    (void)json_object_set_new(document, "binding", text(r->pool, mto_binding_word(exchange->binding)));
    (void)json_object_set_new(document, "use_mutual_tls",
                              text(r->pool, mto_word_of(mto_mutual_tls_words, policy->settings.use_mutual_tls)));
    (void)json_object_set_new(
        document, "reported",
        exchange->reported != MTO_ADMITTED ? text(r->pool, mto_refusal_row(exchange->reported)->code) : json_null());
    (void)json_object_set_new(document, "key_id", text(r->pool, mto_token_kid(exchange->token)));
    (void)json_object_set_new(document, "claims", json_deep_copy(claims));
}

static void add_client(request_rec *r, json_t *document, const mto_exchange_t *exchange)
{
    (void)json_object_set_new(document, "decision", json_string("admitted"));
    (void)json_object_set_new(document, "client_id", text(r->pool, exchange->client_id));
    (void)json_object_set_new(document, "client_auth_method", text(r->pool, exchange->client_method));
}

int mto_whoami_handle(request_rec *r)
{
    const mto_exchange_t *exchange;
    json_t               *document;
    char                 *written;

    if (r->handler == NULL || strcmp(r->handler, MTO_WHOAMI_HANDLER) != 0) {
        return DECLINED;
    }
    r->allowed = AP_METHOD_BIT << M_GET;
    if (r->method_number != M_GET) {
        return r->method_number == M_OPTIONS ? DECLINED : HTTP_METHOD_NOT_ALLOWED;
    }
    exchange = mto_exchange_in_force(r);
    if (exchange == NULL || !exchange->admitted) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "SetHandler " MTO_WHOAMI_HANDLER ": this module did not authenticate the request; add AuthType "
                      "mTLS-OAuth and Require valid-user to its Location");
        return HTTP_FORBIDDEN;
    }
    ap_set_content_type(r, "application/json");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    r->no_cache = 1;
    if (r->header_only) {
        return OK;
    }
    document = json_pack("{s:o}", "user", text(r->pool, r->user));
    (void)json_object_set_new(document, "auth_type", text(r->pool, r->ap_auth_type));
    if (exchange->is_client_auth) {
        add_client(r, document, exchange);
    }
    else {
        add_token(r, document, exchange);
    }
    (void)json_object_set_new(document, "certificate", describe_certificate(r->pool, exchange->certificate));
    written = json_dumps(document, JSON_INDENT(2));
    ap_rputs(written != NULL ? written : "{}", r);
    ap_rputs("\n", r);
    free(written);
    json_decref(document);
    return OK;
}
