/* The trusts and the registered OAuth clients of every server: made of their files, and watched. */
#ifndef MTO_REGISTRY_H
#define MTO_REGISTRY_H

#include "core/client.h"
#include "core/trust.h"
#include "httpd/directives.h"

#include <httpd.h>

/* What is the same for all of one configuration. */
typedef struct {
    apr_pool_t *pool;
    server_rec *main_server;
} mto_registry_t;

/* Which directives name the two files of a trust. */
typedef struct {
    const char *ca_file, *crl_file;
} mto_trust_directives_t;

extern const mto_trust_directives_t mto_binding_trust_directives; /* MTLSOAuthBinding... */
extern const mto_trust_directives_t mto_client_trust_directives;  /* MTLSOAuthClient... */

/* What is wrong with files that one place names: NULL, or that there is a CRL without CAs. */
const char *mto_registry_check_trust(const mto_registry_t *registry, const mto_trust_files_t *files,
                                     const mto_trust_directives_t *directives);

/* The trust of these files, made once for all that name the same by the same directives. Returns NULL with *error NULL:
 * no CA file is named; else with what is wrong. */
mto_watched_object_t *mto_registry_trust(const mto_registry_t *registry, const mto_trust_files_t *files,
                                         const mto_trust_directives_t *directives, const char **error);

/* Finishes the clients of a server: own sections, those of the main server with other client_ids, and the clients file.
 * Returns NULL or what is wrong. */
const char *mto_registry_finish(const mto_registry_t *registry, server_rec *server);

/* What is in force, a new reference each; NULL: nothing is registered, no CA is named. */
mto_clients_t *mto_registry_clients(const server_rec *server);
mto_trust_t   *mto_registry_take_trust(mto_watched_object_t *trust);

/* The trust that a client's certificate must be under: its section's, else the server's. Not a new reference. */
mto_watched_object_t *mto_registry_trust_of(const server_rec *server, const mto_client_t *client);

#endif
