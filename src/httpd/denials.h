/* The deny list of each server: made of MTLSOAuthDenyFile, and watched. */
#ifndef MTO_DENIALS_H
#define MTO_DENIALS_H

#include "core/denylist.h"

#include <httpd.h>

/* Gives each server the list of its file, or of the main server's. Returns the number of mistakes, after an error line
 * for each. */
int mto_denials_finish(apr_pool_t *pool, server_rec *main_server);

/* The list in force, a new reference; NULL: there is none. */
mto_denylist_t *mto_denials_take(const server_rec *server);

#endif
