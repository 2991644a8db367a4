/* The checks that look into the configuration as it was written: one file each. All add to the servers' warnings. */
#ifndef MTO_CHECKS_PRIVATE_H
#define MTO_CHECKS_PRIVATE_H

#include "httpd/tree.h"

typedef struct {
    apr_pool_t               *pool; /* of the configuration */
    server_rec               *main_server;
    const apr_array_header_t *all; /* mto_said_t */
} mto_checks_t;

/* The server that a <VirtualHost> made; the main server for NULL. */
server_rec *mto_checks_server(const mto_checks_t *checks, const ap_directive_t *host);

/* Whether a directive is an AuthType of ours; whether it makes mod_ssl ask for a client certificate. */
int mto_said_is_ours(const mto_said_t *said, apr_pool_t *pool);
int mto_said_asks_for_certificate(const mto_said_t *said, apr_pool_t *pool);

/* What each place lets in: our AuthType without a Require that asks for a user, or with one that asks in vain, or where
 * no certificate is asked for, although it is elsewhere; expressions that are decided before there is a token; the
 * operator's pages without a Require. */
void mto_check_places(const mto_checks_t *checks);

/* Names taken from certificates that nobody verified. */
void mto_check_names(const mto_checks_t *checks);

/* A clock that is behind something that has happened already. */
void mto_check_clock(const mto_checks_t *checks);

#endif
