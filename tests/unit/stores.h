/* Keystores for the unit programs, whose renewing thread is played by the test. */
#ifndef MTO_TEST_STORES_H
#define MTO_TEST_STORES_H

#include "io/keystore_private.h"

#include "support.h"

#define COOLDOWN  apr_time_from_sec(30)
#define MAX_STALE apr_time_from_sec(7200)

#define URL "https://as.example/jwks"

/* A store with a pool of its own, and what the renewing thread was called for. */
typedef struct {
    mto_key_source_t source;
    mto_keystore_t  *store;
    apr_pool_t      *pool;
    atomic_int       woken;
} fixture_t;

/* A store of that source without a renewing thread; to be destroyed. */
void store_create(fixture_t *fixture, mto_key_source_t source);

/* A store of a URL whose renewing thread is there. */
void store_create_remote(fixture_t *fixture);

void store_destroy(fixture_t *fixture);

/* What a renewing thread is woken by here: counts in woken. */
void count_wake(void *baton);

/* A new set with one reference. */
mto_keyset_t *new_set(const char *kid);

/* Puts a set into force that was fetched so long ago; borrowed. */
mto_keyset_t *put(fixture_t *fixture, mto_keyset_t *set, apr_interval_time_t ago);

/* Asks, and gives the newer set back; it must be told within a tenth of the wait. */
mto_keys_t ask_quickly(fixture_t *fixture, const mto_keyset_t *keys, unsigned most, const mto_keyset_t *wanted);

#endif
