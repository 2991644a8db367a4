/* Which process renews an issuer's keys, and when: a slot in shared memory for each source, changed by atomic steps
 * alone, so that a process that dies in the middle holds up nobody for longer than its lease. */
#ifndef MTO_LEASE_H
#define MTO_LEASE_H

#include "io/shared_text.h"

#include <apr_time.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of what tells one source from another. */
#define MTO_LEASE_IDENTITY_SIZE 32

/* All zero: never fetched, due at once. Times are apr_time_t. */
typedef struct {
    unsigned char    identity[MTO_LEASE_IDENTITY_SIZE];
    uint64_t         assigned;       /* number of the configuration that used it last; 0: free. Parent only */
    _Atomic uint64_t generation;     /* goes up with every key set that was written for the others to read */
    _Atomic uint64_t ended;          /* goes up with every attempt that ended, well or not */
    _Atomic int64_t  next_attempt;   /* not before that time, unless a request is in need */
    _Atomic int64_t  fetching_until; /* somebody is at it; 0: nobody. What is over belongs to a process that died */
    _Atomic int64_t  last_attempt;   /* when the last one began */
    _Atomic uint64_t complained;     /* generation + 1 whose file was found bad */
    _Atomic uint32_t failures;       /* since the last success */
    _Atomic uint32_t unwritten;      /* a set could not be written: each process fetches for itself */
    /* For the operator alone: mto_lease_note. */
    _Atomic uint64_t  went_well, went_wrong;       /* attempts so far */
    _Atomic int64_t   went_well_at, went_wrong_at; /* the last of each; 0: none */
    mto_shared_text_t error;                       /* what was wrong with that one */
} mto_lease_t;

/* How often attempts are made. */
typedef struct {
    apr_interval_time_t refresh; /* after a success, give or take a tenth */
    apr_interval_time_t
        cooldown; /* least time between two attempts for the sake of unknown keys; most between retries */
} mto_pace_t;

/* Takes the right to make one attempt, for at most duration, when one is due: by schedule, or because a request is in
 * need and the last attempt began a cooldown ago. Returns 0 when none is due or somebody else is at it. */
int mto_lease_take(mto_lease_t *lease, const mto_pace_t *pace, int in_need, apr_time_t now,
                   apr_interval_time_t duration);

/* Whether an attempt is under way, or would be allowed for a request in need, before `until`. */
int mto_lease_may_bring(const mto_lease_t *lease, const mto_pace_t *pace, apr_time_t now, apr_time_t until);

/* How long until the next attempt is due by schedule; 0: it is. */
apr_interval_time_t mto_lease_due_in(const mto_lease_t *lease, apr_time_t now);

/* Ends an attempt. well: it brought a set; the next one is due after refresh +-10 %. Otherwise within a second, then
 * twice as long after each, up to the cooldown. random: any 32 bits, for the jitter. */
void mto_lease_end(mto_lease_t *lease, const mto_pace_t *pace, int well, apr_time_t now, uint32_t random);

/* Notes how an attempt went. error: what was wrong; NULL: it went well. By who holds the lease. */
void mto_lease_note(mto_lease_t *lease, const char *error, apr_time_t now);

/* Gives up an attempt that was broken off, so that another process may start one at once. */
void mto_lease_abandon(mto_lease_t *lease);

/* The slot of that identity among slots[0..count): the one it has, else a free one, else one that the two last
 * configurations did not use; NULL: all are in use. configuration counts starts and restarts from 1. Parent only. */
mto_lease_t *mto_lease_assign(mto_lease_t *slots, size_t count, const unsigned char identity[MTO_LEASE_IDENTITY_SIZE],
                              uint64_t configuration);

#endif
