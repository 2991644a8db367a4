/* Pools without parent, and what else ends the process where memory runs out, as httpd itself does. */
#ifndef MTO_POOL_H
#define MTO_POOL_H

#include <apr_pools.h>
#include <stddef.h>

/* A pool that any thread may make and end, with apr_pool_destroy; NULL: no memory. Later, when it gets no memory, it
 * ends the process, as httpd's own pools do: APR does not look whether it got any. */
apr_pool_t *mto_pool_create(void);

/* Ends the process as a pool does that gets no memory. */
void mto_pool_end(apr_pool_t *pool);

/* SHA-256 of data[0..size), for what must not be taken for something else. Where there is no memory for that it ends
 * the process as pool does. */
void mto_pool_sha256(apr_pool_t *pool, const void *data, size_t size, unsigned char hash[32]);

#endif
