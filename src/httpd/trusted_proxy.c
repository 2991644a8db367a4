#include "httpd/trusted_proxy.h"

#include "core/certificate_field.h"
#include "httpd/own_headers.h"
#include "httpd/peer.h"
#include "httpd/section.h"
#include "httpd/values.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <string.h>

/* Where the top-level request keeps the header. */
#define NOTE "mtls-oauth-client-cert"

/* --- Directives --------------------------------------------------------------------------------------------------- */

static int says_off(int argc, char *const argv[])
{
    return argc == 1 && strcasecmp(argv[0], "off") == 0;
}

/* APR would make a network of the beginning of an address: 10.1 would be 10.1.0.0/16. */
static int is_whole(const char *address)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
}

static const char *read_subnet(cmd_parms *cmd, const char *text, apr_ipsubnet_t **subnet)
{
    char *address = apr_pstrdup(cmd->pool, text), *mask = strchr(address, '/');

    if (mask != NULL) {
        *mask++ = '\0';
    }
    if (mask != NULL && strspn(mask, "0.:") == strlen(mask)) {
        return mto_value_error(cmd, text, "would trust everybody; name the proxies");
    }
    return is_whole(address) && apr_ipsubnet_create(subnet, address, mask, cmd->pool) == APR_SUCCESS
               ? NULL
               : mto_value_error(cmd, text,
                                 "is not a whole address or network; write for example 192.0.2.7 or 2001:db8::/32");
}

const char *mto_proxy_set_trusted(cmd_parms *cmd, void *unused, int argc, char *const argv[])
{
    mto_server_config_t *server = mto_server_config_of(cmd->server);
    apr_array_header_t  *proxies = apr_array_make(cmd->pool, argc > 0 ? argc : 1, sizeof(mto_trusted_proxy_t));
    const char          *given = mto_value_given(cmd, argc, argv), *error = mto_section_outside(cmd, given);
    int                  i;

    (void)unused;
    if (error != NULL) {
        return error;
    }
    if (server->trusted_proxies != NULL) {
        return mto_value_twice(cmd);
    }
    if (mto_value_texts(cmd, argc, argv, &error) == NULL) {
        return error;
    }
    for (i = 0; !says_off(argc, argv) && i < argc; i++) {
        mto_trusted_proxy_t *proxy = apr_array_push(proxies);

        proxy->text = argv[i];
        error = read_subnet(cmd, argv[i], &proxy->subnet);
        if (error != NULL) {
            return error;
        }
    }
    server->trusted_proxies = proxies;
    return NULL;
}

const char *mto_proxy_set_header(cmd_parms *cmd, void *unused, const char *name, const char *format)
{
    mto_server_config_t *server = mto_server_config_of(cmd->server);
    const char          *error = mto_section_outside(cmd, name), *wrong = mto_own_header_check(name);
    int                  is_off = format == NULL && strcasecmp(name, "off") == 0;

    (void)unused;
    if (error == NULL && !is_off && wrong != NULL) {
        error = mto_value_error(cmd, name, apr_pstrcat(cmd->pool, wrong, "; write for example Client-Cert", NULL));
    }
    if (error != NULL || (error = mto_value_once(cmd, &server->certificate_header, is_off ? "" : name)) != NULL) {
        return error;
    }
    server->certificate_format = is_off ? 0 : mto_word_value(mto_field_format_words, format != NULL ? format : "");
    return server->certificate_format != MTO_UNSET
               ? NULL
               : mto_value_error(
                   cmd, format != NULL ? format : name,
                   "write \"MTLSOAuthClientCertHeader NAME FORMAT\", where FORMAT is one of rfc9440, pem, "
                   "pem-urlencoded, der-base64");
}

const char *mto_proxy_finish(mto_server_config_t *config, const mto_server_config_t *outer)
{
    if (config->trusted_proxies == NULL) {
        config->trusted_proxies = outer->trusted_proxies;
    }
    if (config->certificate_header == NULL) {
        config->certificate_header = outer->certificate_header;
        config->certificate_format = outer->certificate_format;
    }
    return config->certificate_header != NULL && *config->certificate_header != '\0'
                   && (config->trusted_proxies == NULL || config->trusted_proxies->nelts == 0)
               ? "MTLSOAuthClientCertHeader stands without MTLSOAuthTrustedProxy: nobody is trusted to send it; add "
                 "the "
                 "addresses of the proxies, or \"MTLSOAuthClientCertHeader off\""
               : NULL;
}

/* --- At a request ------------------------------------------------------------------------------------------------- */

int mto_proxy_is_trusted(const request_rec *r)
{
    const apr_array_header_t *proxies = mto_server_config_of(r->server)->trusted_proxies;
    const conn_rec           *c = r->connection->master != NULL ? r->connection->master : r->connection;
    int                       i;

    for (i = 0; proxies != NULL && i < proxies->nelts; i++) {
        if (apr_ipsubnet_test(APR_ARRAY_IDX(proxies, i, const mto_trusted_proxy_t).subnet, c->client_addr)) {
            return 1;
        }
    }
    return 0;
}

/* The header of this server; NULL: none. */
static const char *header_of(const request_rec *r)
{
    const char *header = mto_server_config_of(r->server)->certificate_header;

    return header != NULL && *header != '\0' ? header : NULL;
}

/* Whether a field says that there is no certificate: empty, or what mod_headers writes for a variable without a value.
 */
static int says_none(const request_rec *r, const char *field)
{
    return *field == '\0'
           || (mto_server_config_of(r->server)->certificate_format == MTO_FIELD_PEM && strcmp(field, "(null)") == 0);
}

void mto_proxy_keep_header(request_rec *r)
{
    const char *header = header_of(r), *value;

    if (header == NULL || !mto_proxy_is_trusted(r)) {
        return;
    }
    value = apr_table_getm(r->pool, r->headers_in, header); /* several are joined by commas, which no format has */
    if (value != NULL && !says_none(r, value)) {
        apr_table_setn(r->notes, NOTE, value);
    }
}

mto_refusal_t mto_proxy_certificate(const mto_certificate_t **certificate, int *forwarded, request_rec *r,
                                    mto_verdict_t *verdict)
{
    const request_rec *top = r;
    mto_certificate_t *read;
    const char        *value, *wrong;

    *forwarded = mto_proxy_is_trusted(r);
    *certificate = NULL;
    if (!*forwarded) {
        return mto_peer_certificate(certificate, r)
                   ? MTO_ADMITTED
                   : mto_verdict_refuse(verdict, MTO_MEMORY_UNAVAILABLE, "the client's certificate cannot be read");
    }
    while (top->main != NULL || top->prev != NULL) {
        top = top->main != NULL ? top->main : top->prev;
    }
    value = header_of(r) != NULL ? apr_table_get(top->notes, NOTE) : NULL;
    if (value == NULL) {
        return MTO_ADMITTED;
    }
    if (strchr(value, ',') != NULL) {
        return mto_verdict_refuse(verdict, MTO_REQUEST_MALFORMED, "%s occurs twice, or is a list", header_of(r));
    }
    read = apr_palloc(r->pool, sizeof *read);
    wrong = mto_certificate_read_field(read, (mto_field_format_t)mto_server_config_of(r->server)->certificate_format,
                                       value, r->pool);
    if (wrong != NULL) {
        return mto_verdict_refuse(verdict, MTO_REQUEST_MALFORMED, "%s %s", header_of(r), wrong);
    }
    *certificate = read;
    return MTO_ADMITTED;
}
