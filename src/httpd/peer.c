#include "httpd/peer.h"

#include "httpd/directives.h"

#include <apr_optional_hooks.h>
#include <http_log.h>
#include <http_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>

APLOG_USE_MODULE(auth_mtls_oauth);

/* What has been found out about one certificate of a connection; never changed once it is published. The X509 is held,
 * so that its address means this certificate for as long as the connection lives. */
typedef struct memo_t {
    X509             *x509;
    unsigned char    *der;
    mto_certificate_t certificate;
    struct memo_t    *before; /* of the certificate that this one replaced; a stream may still look at it */
} memo_t;

/* A TLS connection, in its conn_config. */
typedef struct {
    SSL              *ssl; /* held: mod_ssl may end TLS while a request still runs */
    _Atomic(memo_t *) memo;
} tls_t;

/* On HTTP/2 every stream has a connection of its own under the one that speaks TLS. */
static conn_rec *tls_connection(const request_rec *r)
{
    return r->connection->master != NULL ? r->connection->master : r->connection;
}

int mto_peer_is_tls(const request_rec *r)
{
    return ap_ssl_conn_is_ssl(tls_connection(r));
}

/* --- The connection ----------------------------------------------------------------------------------------------- */

static void memo_free(memo_t *memo)
{
    X509_free(memo->x509);
    OPENSSL_free(memo->der);
    free(memo);
}

static apr_status_t tls_end(void *data)
{
    tls_t  *tls = data;
    memo_t *memo = atomic_load(&tls->memo), *before;

    for (; memo != NULL; memo = before) {
        before = memo->before;
        memo_free(memo);
    }
    SSL_free(tls->ssl);
    return APR_SUCCESS;
}

/* Called by mod_ssl before the first handshake of a connection, also of those to back ends, which are not meant. */
static int before_handshake(conn_rec *c, SSL *ssl, int is_proxy)
{
    tls_t *tls;

    if (is_proxy || SSL_up_ref(ssl) != 1) {
        return DECLINED;
    }
    tls = apr_pcalloc(c->pool, sizeof *tls);
    tls->ssl = ssl;
    apr_pool_cleanup_register(c->pool, tls, tls_end, apr_pool_cleanup_null);
    ap_set_module_config(c->conn_config, &auth_mtls_oauth_module, tls);
    return DECLINED;
}

/* As mod_ssl_openssl.h has it, which not every httpd installs. An optional hook: it may be added before mod_ssl is
 * loaded, and without it. */
typedef int ssl_HOOK_pre_handshake_t(conn_rec *c, SSL *ssl, int is_proxy);

void mto_peer_watch(void)
{
    APR_OPTIONAL_HOOK(ssl, pre_handshake, before_handshake, NULL, NULL, APR_HOOK_MIDDLE);
}

/* --- The certificate ---------------------------------------------------------------------------------------------- */

static memo_t *memo_create(X509 *x509)
{
    memo_t *memo = calloc(1, sizeof *memo);
    int     size;

    if (memo == NULL || X509_up_ref(x509) != 1) {
        free(memo);
        return NULL;
    }
    memo->x509 = x509;
    size = i2d_X509(x509, &memo->der);
    if (size <= 0 || !mto_certificate_read_der(&memo->certificate, memo->der, (size_t)size)) {
        memo_free(memo);
        ERR_clear_error();
        return NULL;
    }
    return memo;
}

/* The certificate of a connection as it is now. OpenSSL shows a new one as soon as it has arrived: it counts when the
 * handshake that brings it is over, and with it the proof of its key. NULL: there is none, or, with *unread, no memory
 * to read it. */
static const mto_certificate_t *current(tls_t *tls, int *unread)
{
    X509   *x509 = SSL_get0_peer_certificate(tls->ssl);
    memo_t *known = atomic_load(&tls->memo), *memo = NULL;

    if (x509 == NULL || (!SSL_is_init_finished(tls->ssl) && (known == NULL || known->x509 != x509))) {
        return NULL;
    }
    while (known == NULL || known->x509 != x509) {
        if (memo == NULL) {
            memo = memo_create(x509);
        }
        if (memo == NULL) {
            *unread = 1;
            return NULL;
        }
        memo->before = known;
        if (atomic_compare_exchange_strong(&tls->memo, &known, memo)) {
            return &memo->certificate;
        }
        /* another stream was faster; known is what it has published */
    }
    if (memo != NULL) {
        memo_free(memo);
    }
    return &known->certificate;
}

/* From a TLS module that does not hand its connections out: as a text, read anew each time. */
static const mto_certificate_t *from_variable(const request_rec *r, int *unread)
{
    mto_certificate_t *certificate = apr_palloc(r->pool, sizeof *certificate);
    const char        *pem = ap_ssl_var_lookup(r->pool, r->server, tls_connection(r), NULL, "SSL_CLIENT_CERT");

    ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, r, "certificate read from SSL_CLIENT_CERT");
    if (pem == NULL || *pem == '\0') {
        return NULL;
    }
    *unread = !mto_certificate_read_pem(certificate, pem, r->pool);
    return *unread ? NULL : certificate;
}

int mto_peer_certificate(const mto_certificate_t **certificate, const request_rec *r)
{
    tls_t *tls = ap_get_module_config(tls_connection(r)->conn_config, &auth_mtls_oauth_module);
    int    unread = 0;

    *certificate = NULL;
    if (mto_peer_is_tls(r)) {
        *certificate = tls != NULL ? current(tls, &unread) : from_variable(r, &unread);
    }
    return !unread;
}
