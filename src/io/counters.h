/* The operator's numbers: counters in memory that all processes share, changed by single atomic steps, one slot for
 * each issuer of each server, found again after a restart by what it counts and not by its position. */
#ifndef MTO_COUNTERS_H
#define MTO_COUNTERS_H

#include "core/refusal.h"
#include "io/history.h"
#include "io/ranking.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Slots; what finds none is counted in the last one, all together. */
#define MTO_COUNTER_SLOTS 512

/* Processes that tell what their caches hold. */
#define MTO_COUNTER_PROCESSES 256

/* Bytes of what tells one slot from another. */
#define MTO_COUNTER_IDENTITY_SIZE 32

/* More than there are refusals and bindings. */
#define MTO_COUNTER_CODES    64
#define MTO_COUNTER_BINDINGS 8

/* Upper bounds, in microseconds, of the histogram of the time that proving a token takes; one bucket more is for what
 * is longer. A proof takes 50 to 300; what is above 1000 waited for keys, an answer or a processor. */
#define MTO_TIME_BOUNDS  10
#define MTO_TIME_BUCKETS (MTO_TIME_BOUNDS + 1)
extern const uint32_t mto_time_bounds[MTO_TIME_BOUNDS];

/* How proofs by the issuer's answer ended. */
typedef enum {
    MTO_ASKED_PROVEN,      /* the answer proved the token */
    MTO_ASKED_REFUSED,     /* the answer, or what is wrong with it, refused it */
    MTO_ASKED_UNAVAILABLE, /* none came */
    MTO_ASKED_OUTCOMES
} mto_asked_t;

typedef struct {
    _Atomic uint64_t buckets[MTO_TIME_BUCKETS];
    _Atomic uint64_t microseconds; /* their sum */
} mto_times_t;

/* What is counted of one issuer of one server. All zero but identity: nothing yet. The numbers that every request
 * changes have a cache line of their own. */
typedef struct {
    unsigned char identity[MTO_COUNTER_IDENTITY_SIZE];
    uint64_t      assigned; /* number of the configuration that used it last; 0: free. Parent only */
    int           is_apart; /* its numbers are not in the history of all. Parent only */
    alignas(64) _Atomic uint64_t admitted[MTO_COUNTER_BINDINGS]; /* by mto_binding_t */
    _Atomic uint64_t refused[MTO_COUNTER_CODES];                 /* by mto_refusal_t, as is */
    _Atomic uint64_t reported[MTO_COUNTER_CODES];
    _Atomic uint64_t asked[MTO_ASKED_OUTCOMES];
    _Atomic uint64_t observed; /* admitted while the policy below was reported on */
    _Atomic int64_t  observed_since;
    _Atomic int32_t  observed_policy; /* mto_mutual_tls_t; 0: none */
    mto_times_t      proving, asking;
    mto_ranking_t    reported_clients;
    mto_history_t    history;
} mto_counter_slot_t;

/* One process as it was when it last told. */
typedef struct {
    _Atomic int64_t  process; /* its number; 0: the row is free */
    _Atomic int64_t  told;    /* when */
    _Atomic uint64_t entries, bytes, capacity;
} mto_process_row_t;

/* All zero at first. */
typedef struct {
    int64_t            started;        /* when the memory was made. Parent only, as is */
    uint64_t           configurations; /* starts and restarts so far */
    _Atomic int64_t    next_note;      /* of the histories */
    _Atomic uint64_t   hits, misses, evictions;
    mto_history_t      history; /* of all slots together */
    mto_process_row_t  processes[MTO_COUNTER_PROCESSES];
    mto_counter_slot_t slots[MTO_COUNTER_SLOTS];
} mto_counters_t;

/* What the caches of a process hold and have seen. */
typedef struct {
    uint64_t hits, misses, evictions, entries, bytes, capacity;
} mto_cache_sums_t;

/* The slot of that identity: the one it has, else a free one, else one that the two last configurations did not use,
 * emptied; else the last. configurations counts starts from 1. Parent only. */
mto_counter_slot_t *mto_counters_assign(mto_counters_t     *counters,
                                        const unsigned char identity[MTO_COUNTER_IDENTITY_SIZE]);

/* Counts one request each. slot NULL: nothing is counted. Any thread of any process. */
void mto_counters_admitted(mto_counter_slot_t *slot, mto_binding_t binding);
void mto_counters_refused(mto_counter_slot_t *slot, mto_refusal_t refusal);

/* Says under which policy reports are made, 0 for none. Under another one than before what has been reported counts no
 * more. Parent only. */
void mto_counters_observe(mto_counter_slot_t *slot, int policy, int64_t now);

/* Counts a request that was admitted, and that the reported policy would have admitted or not. */
void mto_counters_observed(mto_counter_slot_t *slot);

/* Counts a request that was admitted, and that the reported policy would have refused. client: its client_id; NULL:
 * none. now: in microseconds. */
void mto_counters_reported(mto_counter_slot_t *slot, mto_refusal_t refusal, const char *client, int64_t now);

/* Counts one proof of a token with keys, and one by its issuer's answer, which took that long. */
void mto_counters_proven(mto_counter_slot_t *slot, int64_t microseconds);
void mto_counters_asked(mto_counter_slot_t *slot, mto_asked_t outcome, int64_t microseconds);

/* Sums over a slot. */
uint64_t mto_counters_sum_admitted(const mto_counter_slot_t *slot);
uint64_t mto_counters_sum_refused(const mto_counter_slot_t *slot);
uint64_t mto_counters_sum_reported(const mto_counter_slot_t *slot);

/* Says what the caches of a process hold now, and adds what they have seen since it last said so, of which it keeps
 * *before. A process that says nothing for MTO_COUNTER_SILENCE is taken for gone. */
#define MTO_COUNTER_SILENCE 15000000
void mto_counters_tell(mto_counters_t *counters, int64_t process, int64_t now, const mto_cache_sums_t *sums,
                       mto_cache_sums_t *before);

/* Gives up the row of a process. */
void mto_counters_leave(mto_counters_t *counters, int64_t process);

/* The caches of all processes together; *processes: how many there are. */
mto_cache_sums_t mto_counters_caches(const mto_counters_t *counters, int64_t now, unsigned *processes);

/* Notes the histories, when that is due: of all who call at once, one does. */
void mto_counters_note(mto_counters_t *counters, int64_t now);

#endif
