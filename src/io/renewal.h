/* How key sets stay fresh: one thread of a process works on all of its keystores, fetching side by side, adopting what
 * other processes fetched, and re-reading files that changed (DESIGN section 7). */
#ifndef MTO_RENEWAL_H
#define MTO_RENEWAL_H

#include "io/fetch.h"
#include "io/keystore.h"

#include <apr_tables.h>

typedef struct mto_renewal_t mto_renewal_t;

/* Prepares a process: stores are its mto_keystore_t *, leases (mto_lease_t *, one for each store, NULL entries and NULL
 * itself allowed) what it shares with others, place where state is kept (no directory: nothing is shared). Adopts the
 * state that is there. Requests may ask from now on. It is no pool's: who gives up waiting for its thread
 * leaves it to that. Returns NULL when out of memory. libcurl must have been set up. */
mto_renewal_t *mto_renewal_create(const apr_array_header_t *stores, const apr_array_header_t *leases,
                                  const mto_state_place_t *place, mto_says_fn *say, void *baton);

/* What the renewal goes out with: others of the same thread may, too. */
mto_fetcher_t *mto_renewal_fetcher(mto_renewal_t *renewal);

/* Does what there is to do, and waits until there is more, a second at most. Thread of the renewal only. */
void mto_renewal_step(mto_renewal_t *renewal);

/* For a process that serves nothing, but whose children begin with what it has: re-reads the files that changed. */
void mto_renewal_watch(const apr_array_header_t *stores, mto_says_fn *say, void *baton);

/* Ends the wait of a step; from any thread. */
void mto_renewal_wake(mto_renewal_t *renewal);

/* Breaks off what is under way, leaving it to other processes, and frees; no request may ask any more. */
void mto_renewal_destroy(mto_renewal_t *renewal);

#endif
