/* <MTLSOAuthClient>: the section, and the directives about OAuth clients. */
#ifndef MTO_CLIENT_SECTION_H
#define MTO_CLIENT_SECTION_H

#include "core/name.h"
#include "httpd/directives.h"

#include <httpd.h>

#include <http_config.h>

#define MTO_CLIENT_SECTION "<MTLSOAuthClient"

/* Handlers of the command table. All return NULL or the error for configtest. */
const char *mto_client_section_read(cmd_parms *cmd, void *config, const char *arguments);
const char *mto_client_section_set_subject(cmd_parms *cmd, void *unused, const char *kind, const char *value);

/* cmd->info: offset of a text in mto_client_section_t. */
const char *mto_client_section_set_file(cmd_parms *cmd, void *unused, const char *file);
const char *mto_client_section_set_key_id(cmd_parms *cmd, void *unused, const char *kid);

/* cmd->info: offset of a text in mto_trust_files_t. Of the section, else of the server. */
const char *mto_client_set_trust_file(cmd_parms *cmd, void *unused, const char *file);

/* Of the server. */
const char *mto_client_set_forward(cmd_parms *cmd, void *unused, const char *name);

#endif
