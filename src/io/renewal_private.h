/* What renewal.c, which keeps the keys of all stores fresh, and attempt.c, which goes for those of one, share. */
#ifndef MTO_RENEWAL_PRIVATE_H
#define MTO_RENEWAL_PRIVATE_H

#include "io/fetch.h"
#include "io/keystore_private.h"
#include "io/renewal.h"

/* An attempt makes at most this many exchanges: metadata, its OpenID form, key set. */
#define MTO_ATTEMPT_EXCHANGES 3

struct mto_renewal_t {
    const apr_array_header_t *stores;
    const mto_state_place_t  *place;
    mto_says_fn              *say;
    void                     *baton;
    mto_fetcher_t            *fetcher;
    apr_time_t                files_looked_at;
};

/* Tells of the keys of a store. */
void mto_renewal_say(mto_renewal_t *renewal, const mto_keystore_t *store, mto_says_t grave, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whose keys were left out, for mto_renewal_say_skipped. */
typedef struct {
    mto_renewal_t        *renewal;
    const mto_keystore_t *store;
} mto_skipping_t;

/* A mto_keyset_skipped_fn that tells of keys left out by mistake. */
void mto_renewal_say_skipped(void *skipping, size_t position, const char *kid, const char *reason, int harmless);

/* Turns a document into a set, or into the one in force when it is the same again. NULL with *reason: it will not do.
 */
mto_keyset_t *mto_renewal_read_set(mto_renewal_t *renewal, mto_keystore_t *store, const mto_state_t *state,
                                   mto_keyset_skipped_fn *skipped, const char **reason);

/* Begins an attempt to renew the keys of a store that has none under way, with the lease that it holds. */
void mto_attempt_start(mto_renewal_t *renewal, mto_keystore_t *store, mto_lease_t *lease);

/* Gives up an attempt that is under way; the fetcher must not run any more. */
void mto_attempt_abandon(struct mto_attempt_t *attempt);

#endif
