/* Which blocks ask their issuer about tokens, and which block opaque tokens fall under. */
#ifndef MTO_INTROSPECTION_H
#define MTO_INTROSPECTION_H

#include "httpd/directives.h"
#include "httpd/servers.h"

#include <httpd.h>

/* How long an answer is used when nobody says. */
#define MTO_INTROSPECTION_CACHE apr_time_from_sec(60)

/* Gives each block that asks its asker, in all servers, once their policies are finished. A block asks when it has an
 * MTLSOAuthIntrospectionURI or MTLSOAuthIntrospectJWT, or when an MTLSOAuthOpaqueTokenIssuer names it. Returns the
 * number of mistakes, after an error line for each. */
int mto_introspection_finish(apr_pool_t *pool, server_rec *main_server);

/* The issuer that opaque tokens fall under at this place; NULL: none. */
const mto_issuer_t *mto_opaque_issuer(const server_rec *server, const mto_directory_config_t *directory);

/* What is wrong with an MTLSOAuthOpaqueTokenIssuer that only an .htaccess says; NULL: nothing. */
const char *mto_opaque_mistake(const request_rec *r, const mto_directory_config_t *directory);

#endif
