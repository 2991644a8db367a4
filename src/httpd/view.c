#include "httpd/view.h"

#include "httpd/files.h"

#include <string.h>

/* --- Words -------------------------------------------------------------------------------------------------------- */

const char *mto_health_word(mto_health_t health)
{
    static const char *const words[] = {"good", "waiting", "failing", "dead"};

    return words[health];
}

const char *mto_ready_word(mto_ready_t ready)
{
    static const char *const words[] = {"in-force", "not-asked", "not-seen", "no", "as-far-as-seen"};

    return words[ready];
}

const char *mto_asked_word(mto_asked_t outcome)
{
    static const char *const words[] = {"proven", "refused", "unavailable"};

    return words[outcome];
}

/* --- Numbers ------------------------------------------------------------------------------------------------------ */

/* Reads `count` counters into out, adds them to all (NULL: to nothing), and returns their sum. */
static uint64_t read_numbers(const _Atomic uint64_t *numbers, size_t count, uint64_t *out, uint64_t *all)
{
    uint64_t sum = 0;
    size_t   i;

    for (i = 0; i < count; i++) {
        out[i] = atomic_load_explicit(&numbers[i], memory_order_relaxed);
        sum += out[i];
        if (all != NULL) {
            all[i] += out[i];
        }
    }
    return sum;
}

static void read_times(const mto_times_t *times, mto_view_times_t *out, mto_view_times_t *all)
{
    out->count = read_numbers(times->buckets, MTO_TIME_BUCKETS, out->buckets, all != NULL ? all->buckets : NULL);
    out->microseconds = atomic_load_explicit(&times->microseconds, memory_order_relaxed);
    if (all != NULL) {
        all->count += out->count;
        all->microseconds += out->microseconds;
    }
}

/* all: what the numbers are added to; NULL: nothing. */
static void read_slot(const mto_counter_slot_t *slot, mto_view_numbers_t *out, mto_view_numbers_t *all)
{
    out->admitted = read_numbers(slot->admitted, MTO_COUNTER_BINDINGS, out->by_binding, all ? all->by_binding : NULL);
    out->refused = read_numbers(slot->refused, MTO_COUNTER_CODES, out->by_refusal, all ? all->by_refusal : NULL);
    out->reported = read_numbers(slot->reported, MTO_COUNTER_CODES, out->by_reported, all ? all->by_reported : NULL);
    (void)read_numbers(slot->asked, MTO_ASKED_OUTCOMES, out->asked, all ? all->asked : NULL);
    read_times(&slot->proving, &out->proving, all ? &all->proving : NULL);
    read_times(&slot->asking, &out->asking, all ? &all->asking : NULL);
    if (all != NULL) {
        all->admitted += out->admitted;
        all->refused += out->refused;
        all->reported += out->reported;
    }
}

uint64_t mto_view_bound(const mto_view_numbers_t *numbers)
{
    return numbers->by_binding[MTO_BINDING_BOUND] + numbers->by_binding[MTO_BINDING_BOUND_FORWARDED];
}

uint64_t mto_view_unbound(const mto_view_numbers_t *numbers)
{
    return numbers->by_binding[MTO_BINDING_UNBOUND] + numbers->by_binding[MTO_BINDING_UNCHECKED];
}

static void read_curve(const mto_history_t *history, apr_time_t now, const mto_view_numbers_t *numbers,
                       mto_view_curve_t *curve)
{
    mto_moment_t *last;

    curve->count = mto_history_read(history, curve->moments);
    last = &curve->moments[curve->count++];
    last->time = now;
    last->admitted = numbers->admitted;
    last->refused = numbers->refused;
}

/* --- Issuers ------------------------------------------------------------------------------------------------------ */

static mto_health_t health_of(const mto_keys_report_t *keys)
{
    if (keys->keys != NULL) {
        int file_broken = keys->is_local && keys->went_wrong_at > keys->went_well_at;

        return keys->failures > 0 || file_broken ? MTO_HEALTH_FAILING : MTO_HEALTH_GOOD;
    }
    return keys->went_well + keys->went_wrong == 0 ? MTO_HEALTH_WAITING : MTO_HEALTH_DEAD;
}

static mto_ready_t ready_of(const mto_view_row_t *row, const mto_settings_t *settings)
{
    if (settings->use_mutual_tls == MTO_MUTUAL_TLS_REQUIRED) {
        return MTO_READY_IN_FORCE;
    }
    if (settings->report_mutual_tls != MTO_MUTUAL_TLS_REQUIRED) {
        return MTO_READY_NOT_ASKED;
    }
    if (row->observed == 0) {
        return MTO_READY_NOT_SEEN;
    }
    return row->numbers.reported > 0 ? MTO_READY_NO : MTO_READY_AS_FAR_AS_SEEN;
}

static apr_status_t release_keys(void *keys)
{
    mto_keyset_release(keys);
    return APR_SUCCESS;
}

static void read_issuer(request_rec *r, apr_time_t now, mto_view_row_t *row)
{
    const mto_issuer_t       *issuer = row->counted->issuer;
    const mto_key_source_t   *source = mto_keystore_source(issuer->keystore);
    const mto_counter_slot_t *slot = row->counted->slot;
    mto_ranked_t             *clients = apr_palloc(r->pool, MTO_RANKING_ENTRIES * sizeof *clients);

    row->issuer = issuer->policy.issuer;
    row->name = issuer->policy.name != NULL ? issuer->policy.name : "";
    mto_keystore_report(issuer->keystore, now, &row->keys);
    row->keys_modified = row->keys.is_local ? mto_source_modified(source) : 0;
    row->keys_end = row->keys.fetched > 0 ? row->keys.fetched + source->settings.max_stale : 0;
    apr_pool_cleanup_register(r->pool, row->keys.keys, release_keys, apr_pool_cleanup_null);
    row->observed = atomic_load(&slot->observed);
    row->observed_since = atomic_load(&slot->observed_since);
    row->client_count = mto_ranking_read(&slot->reported_clients, clients);
    row->clients = clients;
    row->clients_missed = atomic_load(&slot->reported_clients.missed);
    row->health = health_of(&row->keys);
    row->ready = ready_of(row, &issuer->policy.settings);
}

/* --- Everything --------------------------------------------------------------------------------------------------- */

const mto_view_t *mto_view_read(request_rec *r)
{
    const mto_counters_t     *counters = mto_counting_counters();
    const apr_array_header_t *slots = mto_counting_slots();
    mto_view_t               *view;
    int                       i;

    if (counters == NULL || slots == NULL) {
        return NULL;
    }
    view = apr_pcalloc(r->pool, sizeof *view);
    view->now = apr_time_now();
    view->started = counters->started;
    view->restarts = counters->configurations - 1;
    view->is_shared = mto_counting_is_shared();
    view->rows = apr_pcalloc(r->pool, (size_t)slots->nelts * sizeof *view->rows + 1);
    view->row_count = (size_t)slots->nelts;
    for (i = 0; i < slots->nelts; i++) {
        mto_view_row_t      *row = &view->rows[i];
        const mto_counted_t *counted = &APR_ARRAY_IDX(slots, i, mto_counted_t);

        row->counted = counted;
        row->issuer = row->name = "";
        read_slot(counted->slot, &row->numbers, counted->kind != MTO_COUNTED_CLIENTS ? &view->all : NULL);
        read_curve(&counted->slot->history, view->now, &row->numbers, &row->curve);
        if (counted->kind == MTO_COUNTED_ISSUER) {
            read_issuer(r, view->now, row);
        }
    }
    view->caches = mto_counters_caches(counters, view->now, &view->processes);
    read_curve(&counters->history, view->now, &view->all, &view->curve);
    return view;
}

/* --- Scalars ------------------------------------------------------------------------------------------------------ */

static uint64_t read_admitted(const mto_view_t *view)
{
    return view->all.admitted;
}

static uint64_t read_admitted_bound(const mto_view_t *view)
{
    return mto_view_bound(&view->all);
}

static uint64_t read_admitted_unbound(const mto_view_t *view)
{
    return mto_view_unbound(&view->all);
}

static uint64_t read_refused(const mto_view_t *view)
{
    return view->all.refused;
}

static uint64_t read_reported(const mto_view_t *view)
{
    return view->all.reported;
}

static uint64_t read_proofs(const mto_view_t *view)
{
    return view->all.proving.count;
}

static uint64_t read_proof_microseconds(const mto_view_t *view)
{
    return view->all.proving.microseconds;
}

static uint64_t read_token_cache_hits(const mto_view_t *view)
{
    return view->caches.hits;
}

static uint64_t read_token_cache_misses(const mto_view_t *view)
{
    return view->caches.misses;
}

static uint64_t read_token_cache_evictions(const mto_view_t *view)
{
    return view->caches.evictions;
}

static uint64_t read_token_cache_entries(const mto_view_t *view)
{
    return view->caches.entries;
}

static uint64_t read_token_cache_capacity(const mto_view_t *view)
{
    return view->caches.capacity;
}

static uint64_t read_token_cache_bytes(const mto_view_t *view)
{
    return view->caches.bytes;
}

static uint64_t read_processes(const mto_view_t *view)
{
    return view->processes;
}

static uint64_t read_graceful_restarts(const mto_view_t *view)
{
    return view->restarts;
}

static uint64_t read_uptime_seconds(const mto_view_t *view)
{
    return (uint64_t)apr_time_sec(view->now - view->started);
}

const mto_view_scalar_t mto_view_scalars[] = {
    {"Admitted", "admitted", read_admitted},
    {"AdmittedBound", "admitted_bound", read_admitted_bound},
    {"AdmittedUnbound", "admitted_unbound", read_admitted_unbound},
    {"Refused", "refused", read_refused},
    {"Reported", "reported", read_reported},
    {"ProofsTimed", "proofs", read_proofs},
    {"ProofMicroseconds", "proof_microseconds", read_proof_microseconds},
    {"TokenCacheHits", "token_cache_hits", read_token_cache_hits},
    {"TokenCacheMisses", "token_cache_misses", read_token_cache_misses},
    {"TokenCacheEvictions", "token_cache_evictions", read_token_cache_evictions},
    {"TokenCacheEntries", "token_cache_entries", read_token_cache_entries},
    {"TokenCacheCapacity", "token_cache_capacity", read_token_cache_capacity},
    {"TokenCacheBytes", "token_cache_bytes", read_token_cache_bytes},
    {"Processes", "processes", read_processes},
    {"GracefulRestarts", "graceful_restarts", read_graceful_restarts},
    {"UptimeSeconds", "uptime_seconds", read_uptime_seconds},
    {NULL, NULL, NULL},
};
