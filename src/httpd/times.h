/* Times as the operator reads them. */
#ifndef MTO_TIMES_H
#define MTO_TIMES_H

#include <apr_pools.h>
#include <apr_time.h>

/* An interval in words, "3 min"; less than none is "0 s". */
const char *mto_interval_text(apr_pool_t *pool, apr_interval_time_t interval);

/* How a moment lies to now, "3 min ago" or "in 3 min". */
const char *mto_ago_text(apr_pool_t *pool, apr_time_t now, apr_time_t time);

/* A moment, "2026-05-01T03:12:44Z". */
const char *mto_time_text(apr_pool_t *pool, apr_time_t time);

#endif
