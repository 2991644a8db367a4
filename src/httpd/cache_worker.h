/* The thread of a child that talks to a small object cache (ap_socache), so that no request waits for it for long: some
 * providers wait for their server without end. */
#ifndef MTO_CACHE_WORKER_H
#define MTO_CACHE_WORKER_H

#include <httpd.h>

#include <ap_socache.h>
#include <apr_global_mutex.h>
#include <stddef.h>

/* Bytes of what a value is kept under, most bytes of a value. */
#define MTO_CACHE_PLACE_SIZE 32
#define MTO_CACHE_VALUE_SIZE (66 * 1024)

/* How long a request waits for a value; how many jobs may wait for the thread. */
#define MTO_CACHE_WAIT (APR_USEC_PER_SEC / 10)
#define MTO_CACHE_JOBS 64

/* The cache, made by the parent; must outlive the worker. */
typedef struct {
    const ap_socache_provider_t *provider;
    ap_socache_instance_t       *instance;
    apr_global_mutex_t          *mutex; /* NULL: the provider needs none */
    server_rec                  *server;
} mto_cache_t;

typedef struct mto_cache_worker_t mto_cache_worker_t;

/* Starts the thread; it ends before pool does. NULL: it could not be started. */
mto_cache_worker_t *mto_cache_worker_start(const mto_cache_t *cache, apr_pool_t *pool);

/* What is kept at a place, into value, which has MTO_CACHE_VALUE_SIZE bytes. Returns its size; 0: nothing is known, or
 * not in time: until is when to stop waiting. Any thread. */
size_t mto_cache_worker_get(mto_cache_worker_t *worker, const unsigned char place[MTO_CACHE_PLACE_SIZE],
                            unsigned char *value, apr_time_t until);

/* Keeps a value at a place until end, some time from now, or not at all. Any thread. */
void mto_cache_worker_put(mto_cache_worker_t *worker, const unsigned char place[MTO_CACHE_PLACE_SIZE],
                          const unsigned char *value, size_t size, apr_time_t end);

#endif
