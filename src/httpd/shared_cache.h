/* The cache for introspection answers that processes and machines share: httpd's own small object caches, and what is
 * put there sealed. */
#ifndef MTO_SHARED_CACHE_H
#define MTO_SHARED_CACHE_H

#include "io/introspect.h"

#include <httpd.h>

/* Registers the mutex. For pre_config. */
int mto_shared_cache_register(apr_pool_t *pconf);

/* Finds the provider that MTLSOAuthSharedCache names and reads the keys, when anybody asks an issuer about tokens.
 * Returns the number of mistakes, after an error line for each. For check_config. */
int mto_shared_cache_check(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server);

/* Makes the cache; warns where there is none to be had. For post_config's second pass. */
void mto_shared_cache_prepare(apr_pool_t *pconf, server_rec *main_server);

/* The cache for a new child; NULL: none. */
const mto_shared_answers_t *mto_shared_cache_start(apr_pool_t *pchild);

/* What is in force, for the dump: "shmcb", "redis:host:port", "off". */
const char *mto_shared_cache_name(const server_rec *main_server);

#endif
