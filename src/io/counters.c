#include "io/counters.h"

#include <string.h>

_Static_assert(MTO_REFUSAL_COUNT <= MTO_COUNTER_CODES, "a refusal has no counter");
_Static_assert(MTO_BINDING_UNCHECKED < MTO_COUNTER_BINDINGS, "a binding has no counter");

const uint32_t mto_time_bounds[MTO_TIME_BOUNDS] = {25, 50, 100, 250, 500, 1000, 5000, 25000, 100000, 1000000};

/* --- Slots -------------------------------------------------------------------------------------------------------- */

mto_counter_slot_t *mto_counters_assign(mto_counters_t     *counters,
                                        const unsigned char identity[MTO_COUNTER_IDENTITY_SIZE])
{
    mto_counter_slot_t *spare = NULL;
    size_t              i;

    for (i = 0; i < MTO_COUNTER_SLOTS - 1; i++) {
        mto_counter_slot_t *slot = &counters->slots[i];

        if (slot->assigned != 0 && memcmp(slot->identity, identity, MTO_COUNTER_IDENTITY_SIZE) == 0) {
            slot->assigned = counters->configurations;
            return slot;
        }
        if (slot->assigned == 0 ? spare == NULL || spare->assigned != 0
                                : spare == NULL && slot->assigned + 1 < counters->configurations) {
            spare = slot;
        }
    }
    if (spare == NULL) {
        counters->slots[MTO_COUNTER_SLOTS - 1].assigned = counters->configurations;
        return &counters->slots[MTO_COUNTER_SLOTS - 1];
    }
    memset(spare, 0, sizeof *spare);
    memcpy(spare->identity, identity, MTO_COUNTER_IDENTITY_SIZE);
    spare->assigned = counters->configurations;
    return spare;
}

/* --- Counting ----------------------------------------------------------------------------------------------------- */

static void add(_Atomic uint64_t *number, uint64_t more)
{
    atomic_fetch_add_explicit(number, more, memory_order_relaxed);
}

static uint64_t sum(const _Atomic uint64_t *numbers, size_t count)
{
    uint64_t all = 0;
    size_t   i;

    for (i = 0; i < count; i++) {
        all += atomic_load_explicit(&numbers[i], memory_order_relaxed);
    }
    return all;
}

void mto_counters_admitted(mto_counter_slot_t *slot, mto_binding_t binding)
{
    if (slot != NULL) {
        add(&slot->admitted[binding], 1);
    }
}

void mto_counters_refused(mto_counter_slot_t *slot, mto_refusal_t refusal)
{
    if (slot != NULL) {
        add(&slot->refused[refusal], 1);
    }
}

void mto_counters_observe(mto_counter_slot_t *slot, int policy, int64_t now)
{
    size_t i;

    if (atomic_load(&slot->observed_policy) == policy) {
        return;
    }
    atomic_store(&slot->observed_policy, policy);
    atomic_store(&slot->observed_since, now);
    atomic_store(&slot->observed, 0);
    for (i = 0; i < MTO_COUNTER_CODES; i++) {
        atomic_store(&slot->reported[i], 0);
    }
    for (i = 0; i < MTO_RANKING_ENTRIES; i++) {
        atomic_store(&slot->reported_clients.entries[i].id, 0);
    }
    atomic_store(&slot->reported_clients.missed, 0);
}

void mto_counters_observed(mto_counter_slot_t *slot)
{
    if (slot != NULL) {
        add(&slot->observed, 1);
    }
}

void mto_counters_reported(mto_counter_slot_t *slot, mto_refusal_t refusal, const char *client, int64_t now)
{
    if (slot != NULL) {
        add(&slot->reported[refusal], 1);
        mto_ranking_count(&slot->reported_clients, client, now);
    }
}

static void add_time(mto_times_t *times, int64_t microseconds)
{
    size_t i = 0;

    microseconds = microseconds > 0 ? microseconds : 0; /* the clock may have been set back */
    while (i < MTO_TIME_BOUNDS && microseconds > mto_time_bounds[i]) {
        i++;
    }
    add(&times->buckets[i], 1);
    add(&times->microseconds, (uint64_t)microseconds);
}

void mto_counters_proven(mto_counter_slot_t *slot, int64_t microseconds)
{
    if (slot != NULL) {
        add_time(&slot->proving, microseconds);
    }
}

void mto_counters_asked(mto_counter_slot_t *slot, mto_asked_t outcome, int64_t microseconds)
{
    if (slot != NULL) {
        add(&slot->asked[outcome], 1);
        add_time(&slot->asking, microseconds);
    }
}

uint64_t mto_counters_sum_admitted(const mto_counter_slot_t *slot)
{
    return sum(slot->admitted, MTO_COUNTER_BINDINGS);
}

uint64_t mto_counters_sum_refused(const mto_counter_slot_t *slot)
{
    return sum(slot->refused, MTO_COUNTER_CODES);
}

uint64_t mto_counters_sum_reported(const mto_counter_slot_t *slot)
{
    return sum(slot->reported, MTO_COUNTER_CODES);
}

/* --- Caches of processes ------------------------------------------------------------------------------------------ */

static int is_silent(const mto_process_row_t *row, int64_t now)
{
    int64_t told = atomic_load(&row->told);

    return told + MTO_COUNTER_SILENCE < now || told > now + MTO_COUNTER_SILENCE;
}

/* The row of a process, one that it takes now, or NULL. */
static mto_process_row_t *row_of(mto_counters_t *counters, int64_t process, int64_t now)
{
    size_t i;

    for (i = 0; i < MTO_COUNTER_PROCESSES; i++) {
        if (atomic_load(&counters->processes[i].process) == process) {
            return &counters->processes[i];
        }
    }
    for (i = 0; i < MTO_COUNTER_PROCESSES; i++) {
        mto_process_row_t *row = &counters->processes[i];
        int64_t            held = atomic_load(&row->process);

        if ((held == 0 || is_silent(row, now)) && atomic_compare_exchange_strong(&row->process, &held, process)) {
            return row;
        }
    }
    return NULL;
}

void mto_counters_tell(mto_counters_t *counters, int64_t process, int64_t now, const mto_cache_sums_t *sums,
                       mto_cache_sums_t *before)
{
    mto_process_row_t *row = row_of(counters, process, now);

    add(&counters->hits, sums->hits - before->hits);
    add(&counters->misses, sums->misses - before->misses);
    add(&counters->evictions, sums->evictions - before->evictions);
    *before = *sums;
    if (row != NULL) {
        atomic_store(&row->entries, sums->entries);
        atomic_store(&row->bytes, sums->bytes);
        atomic_store(&row->capacity, sums->capacity);
        atomic_store(&row->told, now);
    }
}

void mto_counters_leave(mto_counters_t *counters, int64_t process)
{
    size_t i;

    for (i = 0; i < MTO_COUNTER_PROCESSES; i++) {
        if (atomic_load(&counters->processes[i].process) == process) {
            atomic_store(&counters->processes[i].told, 0);
            atomic_store(&counters->processes[i].process, 0);
        }
    }
}

mto_cache_sums_t mto_counters_caches(const mto_counters_t *counters, int64_t now, unsigned *processes)
{
    mto_cache_sums_t sums = {0};
    size_t           i;

    *processes = 0;
    for (i = 0; i < MTO_COUNTER_PROCESSES; i++) {
        const mto_process_row_t *row = &counters->processes[i];

        if (atomic_load(&row->process) != 0 && !is_silent(row, now)) {
            ++*processes;
            sums.entries += atomic_load(&row->entries);
            sums.bytes += atomic_load(&row->bytes);
            sums.capacity += atomic_load(&row->capacity);
        }
    }
    sums.hits = atomic_load(&counters->hits);
    sums.misses = atomic_load(&counters->misses);
    sums.evictions = atomic_load(&counters->evictions);
    return sums;
}

/* --- Histories ---------------------------------------------------------------------------------------------------- */

void mto_counters_note(mto_counters_t *counters, int64_t now)
{
    int64_t  due = atomic_load(&counters->next_note);
    uint64_t admitted = 0, refused = 0;
    size_t   i;

    if ((now < due && due <= now + 2 * MTO_HISTORY_INTERVAL)
        || !atomic_compare_exchange_strong(&counters->next_note, &due, now + MTO_HISTORY_INTERVAL)) {
        return;
    }
    for (i = 0; i < MTO_COUNTER_SLOTS; i++) {
        mto_counter_slot_t *slot = &counters->slots[i];
        uint64_t            slot_admitted, slot_refused;

        if (slot->assigned != 0) {
            slot_admitted = mto_counters_sum_admitted(slot);
            slot_refused = mto_counters_sum_refused(slot);
            mto_history_note(&slot->history, now, slot_admitted, slot_refused);
            admitted += slot->is_apart ? 0 : slot_admitted;
            refused += slot->is_apart ? 0 : slot_refused;
        }
    }
    mto_history_note(&counters->history, now, admitted, refused);
}
