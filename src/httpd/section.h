/* <MTLSOAuthIssuer>: the section, and the directives that stand in it alone. */
#ifndef MTO_SECTION_H
#define MTO_SECTION_H

#include "httpd/directives.h"

#include <httpd.h>

#include <http_config.h>

#define MTO_ISSUER_SECTION "<MTLSOAuthIssuer"

/* The section that the directive stands in; NULL: none. */
mto_block_t *mto_section_open(cmd_parms *cmd);

/* Handlers of the command table. All return NULL or the error for configtest. */
const char *mto_section_read(cmd_parms *cmd, void *config, const char *arguments);
const char *mto_section_set_jwks_file(cmd_parms *cmd, void *unused, const char *file);
const char *mto_section_add_public_key_file(cmd_parms *cmd, void *unused, int argc, char *const argv[]);

/* cmd->info: offset of the URL in mto_key_source_t. */
const char *mto_section_set_key_url(cmd_parms *cmd, void *unused, const char *url);

/* MTLSOAuthAudience of the block. */
const char *mto_section_set_audience(cmd_parms *cmd, mto_block_t *block, int argc, char *const argv[]);

#endif
