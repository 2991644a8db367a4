/* The directives about introspection, as they are written. */
#ifndef MTO_INTROSPECTION_SECTION_H
#define MTO_INTROSPECTION_SECTION_H

#include "httpd/directives.h"

#include <httpd.h>

#include <http_config.h>

/* Nothing written. */
mto_introspection_written_t mto_introspection_unset(void);

/* Handlers of the command table. All return NULL or the error for configtest. In a block: */
const char *mto_introspection_set_jwt(cmd_parms *cmd, void *unused, const char *word);
const char *mto_introspection_set_cache(cmd_parms *cmd, void *unused, const char *word);
const char *mto_introspection_set_client_id(cmd_parms *cmd, void *unused, const char *id);
const char *mto_introspection_set_client_auth(cmd_parms *cmd, void *unused, const char *word);

/* Of the main server: */
const char *mto_introspection_set_shared_cache(cmd_parms *cmd, void *unused, const char *provider);
const char *mto_introspection_set_shared_cache_key(cmd_parms *cmd, void *unused, const char *file);

/* MTLSOAuthOpaqueTokenIssuer, in a server and in a Location. */
const char *mto_introspection_set_opaque(cmd_parms *cmd, int argc, char *const argv[]);
const char *mto_introspection_set_location_opaque(cmd_parms *cmd, mto_directory_config_t *directory, int argc,
                                                  char *const argv[]);

#endif
