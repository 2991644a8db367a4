/* All that the operator's pages show, read once, so that one answer does not contradict itself. */
#ifndef MTO_VIEW_H
#define MTO_VIEW_H

#include "httpd/counting.h"
#include "io/counters.h"
#include "io/keystore.h"

#include <httpd.h>

/* How the keys of an issuer are, worst last. */
typedef enum {
    MTO_HEALTH_GOOD,
    MTO_HEALTH_WAITING, /* none yet, and nothing has gone wrong */
    MTO_HEALTH_FAILING, /* there are keys, and the last attempt to renew them failed */
    MTO_HEALTH_DEAD,    /* there are none: every token is refused */
} mto_health_t;

/* Whether MTLSOAuthUseMutualTLS required could be said. */
typedef enum {
    MTO_READY_IN_FORCE,  /* it is */
    MTO_READY_NOT_ASKED, /* nobody reports on it */
    MTO_READY_NOT_SEEN,  /* nothing was admitted since reports are made */
    MTO_READY_NO,        /* requests would have been refused */
    MTO_READY_AS_FAR_AS_SEEN,
} mto_ready_t;

/* A histogram as read, and the number of all times. */
typedef struct {
    uint64_t buckets[MTO_TIME_BUCKETS];
    uint64_t microseconds, count;
} mto_view_times_t;

/* What is counted in one slot, or in all of them. */
typedef struct {
    uint64_t         admitted, refused, reported;
    uint64_t         by_binding[MTO_COUNTER_BINDINGS];
    uint64_t         by_refusal[MTO_COUNTER_CODES];
    uint64_t         by_reported[MTO_COUNTER_CODES];
    uint64_t         asked[MTO_ASKED_OUTCOMES];
    mto_view_times_t proving, asking;
} mto_view_numbers_t;

/* Totals over time, the last of them now. */
typedef struct {
    size_t       count;
    mto_moment_t moments[MTO_HISTORY_POINTS + 1];
} mto_view_curve_t;

/* One slot. */
typedef struct {
    const mto_counted_t *counted;
    const char          *issuer, *name; /* "" where there is none */
    mto_view_numbers_t   numbers;
    mto_view_curve_t     curve;
    /* Of MTO_COUNTED_ISSUER: */
    mto_keys_report_t   keys;          /* its set is held as long as the request */
    apr_time_t          keys_modified; /* when their files were; 0: they are fetched */
    apr_time_t          keys_end;      /* when fetched ones are used no more; 0: of files, or none */
    mto_health_t        health;
    mto_ready_t         ready;
    uint64_t            observed; /* admitted since observed_since, while the reported policy was decided as well */
    apr_time_t          observed_since;
    size_t              client_count;
    const mto_ranked_t *clients; /* whom the reported policy would have refused, most frequent first */
    uint64_t            clients_missed;
} mto_view_row_t;

typedef struct {
    apr_time_t         now, started;
    uint64_t           restarts;
    int                is_shared; /* 0: the numbers are of the process that answers */
    unsigned           processes;
    mto_view_numbers_t all; /* of issuers and servers; not of clients */
    mto_view_curve_t   curve;
    mto_cache_sums_t   caches;
    size_t             row_count;
    mto_view_row_t    *rows;
} mto_view_t;

/* Reads everything, from r->pool; NULL: nothing is counted here. */
const mto_view_t *mto_view_read(request_rec *r);

/* Words of ours for each. */
const char *mto_health_word(mto_health_t health); /* good waiting failing dead */
const char *mto_ready_word(mto_ready_t ready);    /* in-force not-asked not-seen no as-far-as-seen */
const char *mto_asked_word(mto_asked_t outcome);  /* proven refused unavailable */

/* The sum of admitted requests whose token was bound, and whose token was not. */
uint64_t mto_view_bound(const mto_view_numbers_t *numbers);
uint64_t mto_view_unbound(const mto_view_numbers_t *numbers);

/* A number of which there is one; auto and json are its names. */
typedef struct {
    const char *in_auto, *in_json;
    uint64_t (*read)(const mto_view_t *view);
} mto_view_scalar_t;

extern const mto_view_scalar_t mto_view_scalars[]; /* ends with NULL names */

#endif
