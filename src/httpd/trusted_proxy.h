/* Requests that come through a proxy where TLS ended: whether it is one that is trusted, and the certificate that it
 * says its client has. */
#ifndef MTO_TRUSTED_PROXY_H
#define MTO_TRUSTED_PROXY_H

#include "core/certificate.h"
#include "core/refusal.h"
#include "httpd/directives.h"

#include <httpd.h>

/* Handlers of the command table. */
const char *mto_proxy_set_trusted(cmd_parms *cmd, void *unused, int argc, char *const argv[]);
const char *mto_proxy_set_header(cmd_parms *cmd, void *unused, const char *name, const char *format);

/* Takes what a server leaves unset from the main server. Returns NULL, or what is wrong: a header that nobody is
 * trusted to send. */
const char *mto_proxy_finish(mto_server_config_t *config, const mto_server_config_t *outer);

/* Whether the TCP peer itself, not what mod_remoteip makes of it, is one of MTLSOAuthTrustedProxy. */
int mto_proxy_is_trusted(const request_rec *r);

/* Keeps the header of a trusted proxy, before it is stripped. Hook post_read_request. */
void mto_proxy_keep_header(request_rec *r);

/* The certificate that counts for a request: through a trusted proxy the one in its header, if any (RFC 9440 section
 * 2.2), else that of its TLS connection (RFC 8705 section 3). *certificate is NULL when there is none, *forwarded
 * whether it came in a header. Refuses with request_malformed: the header is there twice, or cannot be read. */
mto_refusal_t mto_proxy_certificate(const mto_certificate_t **certificate, int *forwarded, request_rec *r,
                                    mto_verdict_t *verdict);

#endif
