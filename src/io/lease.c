#include "io/lease.h"

#include <string.h>

/* The first retry comes after half a second to a second. */
#define FIRST_RETRY APR_USEC_PER_SEC

/* How much later than ours the time may be that another process read just now, generously. */
#define CLOCKS_APART apr_time_from_sec(60)

/* Retries double at most so often; the cooldown has long been reached then. */
#define DOUBLINGS 16

/* most, less a random part of width. */
static apr_interval_time_t jittered(apr_interval_time_t most, apr_interval_time_t width, uint32_t random)
{
    return most - width * (apr_interval_time_t)(random % 1024) / 1023;
}

/* Times that no attempt of now could have set were set before the clock went back: they hold nobody up. */
static int is_allowed(const mto_lease_t *lease, const mto_pace_t *pace, int in_need, apr_time_t now)
{
    int64_t next = atomic_load(&lease->next_attempt), last = atomic_load(&lease->last_attempt);

    if (now >= next || next > now + pace->refresh + pace->refresh / 10 + pace->cooldown + CLOCKS_APART) {
        return 1;
    }
    return in_need && (now - last >= pace->cooldown || last > now + pace->cooldown);
}

int mto_lease_take(mto_lease_t *lease, const mto_pace_t *pace, int in_need, apr_time_t now,
                   apr_interval_time_t duration)
{
    int64_t until = atomic_load(&lease->fetching_until);

    /* A lease that ends much later than any taken now was taken before the clock was set back: it holds nobody up. */
    if ((until > now && until <= now + duration + CLOCKS_APART) || !is_allowed(lease, pace, in_need, now)) {
        return 0;
    }
    if (!atomic_compare_exchange_strong(&lease->fetching_until, &until, now + duration)) {
        return 0;
    }
    /* Whoever held it may have ended between the two looks. */
    if (!is_allowed(lease, pace, in_need, now)) {
        atomic_store(&lease->fetching_until, 0);
        return 0;
    }
    atomic_store(&lease->last_attempt, now);
    return 1;
}

int mto_lease_may_bring(const mto_lease_t *lease, const mto_pace_t *pace, apr_time_t now, apr_time_t until)
{
    return atomic_load(&lease->fetching_until) > now || is_allowed(lease, pace, 1, until);
}

apr_interval_time_t mto_lease_due_in(const mto_lease_t *lease, apr_time_t now)
{
    int64_t next = atomic_load(&lease->next_attempt);

    return next > now ? next - now : 0;
}

void mto_lease_end(mto_lease_t *lease, const mto_pace_t *pace, int well, apr_time_t now, uint32_t random)
{
    apr_interval_time_t wait = FIRST_RETRY;
    uint32_t            failures = atomic_load(&lease->failures), i;

    if (well) {
        atomic_store(&lease->failures, 0);
        /* Refresh give or take a tenth. */
        wait = jittered(pace->refresh + pace->refresh / 10, pace->refresh / 5, random);
    }
    else {
        atomic_store(&lease->failures, failures + 1);
        for (i = 0; i < failures && i < DOUBLINGS && wait < pace->cooldown; i++) {
            wait *= 2;
        }
        wait = wait < pace->cooldown || failures == 0 ? wait : pace->cooldown;
        wait = jittered(wait, wait / 2, random);
    }
    atomic_store(&lease->next_attempt, now + wait);
    atomic_fetch_add(&lease->ended, 1);
    atomic_store(&lease->fetching_until, 0);
}

void mto_lease_note(mto_lease_t *lease, const char *error, apr_time_t now)
{
    if (error == NULL) {
        atomic_fetch_add(&lease->went_well, 1);
        atomic_store(&lease->went_well_at, now);
        return;
    }
    mto_shared_text_put(&lease->error, error);
    atomic_fetch_add(&lease->went_wrong, 1);
    atomic_store(&lease->went_wrong_at, now);
}

void mto_lease_abandon(mto_lease_t *lease)
{
    atomic_store(&lease->next_attempt, 0);
    atomic_store(&lease->fetching_until, 0);
}

mto_lease_t *mto_lease_assign(mto_lease_t *slots, size_t count, const unsigned char identity[MTO_LEASE_IDENTITY_SIZE],
                              uint64_t configuration)
{
    mto_lease_t *spare = NULL;
    size_t       i;

    for (i = 0; i < count; i++) {
        if (slots[i].assigned != 0 && memcmp(slots[i].identity, identity, MTO_LEASE_IDENTITY_SIZE) == 0) {
            slots[i].assigned = configuration;
            return &slots[i];
        }
        if (slots[i].assigned == 0 ? spare == NULL || spare->assigned != 0
                                   : spare == NULL && slots[i].assigned + 1 < configuration) {
            spare = &slots[i];
        }
    }
    if (spare == NULL) {
        return NULL;
    }
    memset(spare, 0, sizeof *spare);
    memcpy(spare->identity, identity, MTO_LEASE_IDENTITY_SIZE);
    spare->assigned = configuration;
    return spare;
}
