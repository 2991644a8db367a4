/* <MTLSOAuthIssuer>: the section, and the directives that stand in it alone. */
#ifndef MTO_SECTION_H
#define MTO_SECTION_H

#include "httpd/directives.h"

#include <httpd.h>

#include <http_config.h>

#define MTO_ISSUER_SECTION "<MTLSOAuthIssuer"

/* The section that the directive stands in; NULL: none. */
mto_block_t *mto_section_open(cmd_parms *cmd);

/* NULL, or the error of a directive that stands where it may not: inside, it belongs into a section; outside, into
 * none; of the main server, moreover, not into a virtual host. */
const char *mto_section_inside(cmd_parms *cmd, const char *value);
const char *mto_section_outside(cmd_parms *cmd, const char *value);
const char *mto_section_of_main_server(cmd_parms *cmd, const char *value);

/* Handlers of the command table. All return NULL or the error for configtest. */
const char *mto_section_read(cmd_parms *cmd, void *config, const char *arguments);
const char *mto_section_add_public_key_file(cmd_parms *cmd, void *unused, int argc, char *const argv[]);

/* cmd->info: offset of a text in mto_block_t: a path, and a URL that may be fetched. */
const char *mto_section_set_file(cmd_parms *cmd, void *unused, const char *file);
const char *mto_section_set_url(cmd_parms *cmd, void *unused, const char *url);

/* MTLSOAuthAudience of the block. */
const char *mto_section_set_audience(cmd_parms *cmd, mto_block_t *block, int argc, char *const argv[]);

#endif
