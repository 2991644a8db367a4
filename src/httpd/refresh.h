/* The thread of each child that keeps keys, trusts, clients and lists fresh and asks issuers about tokens, and what all
 * children share for it. */
#ifndef MTO_REFRESH_H
#define MTO_REFRESH_H

#include "io/introspect.h"
#include "io/state_file.h"

#include <httpd.h>

/* Prepares what the children will share: a lease for each source in memory of the process pool, which outlives a
 * graceful restart, and the state directory. For post_config's second pass; warns where less is to be had, and never
 * fails. */
void mto_refresh_prepare(server_rec *main_server);

/* MTLSOAuthStateDir, or its default; "": off. */
const char *mto_refresh_state_directory(const server_rec *main_server);

/* Finds what a running server keeps there, to look into, and makes nothing. Returns NULL, or why it cannot be. */
const char *mto_refresh_find_state(const server_rec *main_server, mto_state_place_t *place);

/* Starts the child's thread, and has it stopped and joined before the child's pool ends. Hook child_init. */
void mto_refresh_start(apr_pool_t *child, server_rec *main_server);

/* Keeps what the parent made of files fresh, so that a child that starts late does not begin with keys that were taken
 * away since. Hook monitor, which httpd runs in the parent every ten seconds. */
int mto_refresh_watch(apr_pool_t *pool, server_rec *main_server);

/* Who asks issuers about tokens in this process; NULL: nobody does. */
mto_introspector_t *mto_refresh_introspector(void);

/* How many requests of this process may wait for one source at once: DESIGN section 4, fixed sizes. */
unsigned mto_refresh_waiters(void);

#endif
