#include "httpd/peer.h"

#include <http_ssl.h>

/* On HTTP/2 every stream has a connection of its own under the one that speaks TLS. */
static conn_rec *tls_connection(const request_rec *r)
{
    return r->connection->master != NULL ? r->connection->master : r->connection;
}

int mto_peer_is_tls(const request_rec *r)
{
    return ap_ssl_conn_is_ssl(tls_connection(r));
}

const mto_certificate_t *mto_peer_certificate(const request_rec *r)
{
    mto_certificate_t *certificate = apr_palloc(r->pool, sizeof *certificate);
    const char        *pem;

    if (!mto_peer_is_tls(r)) {
        return NULL;
    }
    pem = ap_ssl_var_lookup(r->pool, r->server, tls_connection(r), NULL, "SSL_CLIENT_CERT");
    return pem != NULL && mto_certificate_read_pem(certificate, pem, r->pool) ? certificate : NULL;
}
