/* lease: when an attempt is due, who may make it, how long until the next (DESIGN section 7). The clock is an argument.
 */
#include "support.h"
#include "threads.h"

#include "io/lease.h"

#include <sched.h>
#include <string.h>

#define SECOND   ((apr_interval_time_t)APR_USEC_PER_SEC)
#define REFRESH  (3600 * SECOND)
#define COOLDOWN (30 * SECOND)
#define DURATION (17 * SECOND)
/* The latest schedule that is believed: the jitter, and a minute for what another process read of the clock. */
#define LATEST (REFRESH + REFRESH / 10 + COOLDOWN + 60 * SECOND)

static const mto_pace_t pace = {REFRESH, COOLDOWN};

/* --- Who may start ------------------------------------------------------------------------------------------ */

#define NEVER INT64_MIN

typedef struct {
    const char *name;
    int64_t     next_attempt; /* from now; NEVER: the slot holds 0 */
    int64_t     fetching_until;
    int64_t     last_attempt;
    int         by_schedule; /* whether one may start without need, */
    int         in_need;     /* and with */
} start_t;

static const start_t starts[] = {
    {"never fetched", NEVER, NEVER, NEVER, 1, 1},
    {"due now", 0, NEVER, -REFRESH, 1, 1},
    {"due since long", -1000 * REFRESH, NEVER, -1001 * REFRESH, 1, 1},
    {"due in a microsecond", 1, NEVER, -REFRESH, 0, 1},
    {"due in a microsecond, first attempt", 1, NEVER, NEVER, 0, 1},
    {"due later, last attempt a cooldown ago", REFRESH, NEVER, -COOLDOWN, 0, 1},
    {"due later, last attempt just less than a cooldown ago", REFRESH, NEVER, 1 - COOLDOWN, 0, 0},
    {"due later, last attempt now", REFRESH, NEVER, 0, 0, 0},
    {"due as late as jitter makes it", REFRESH + REFRESH / 10, NEVER, 0, 0, 0},
    {"due now, last attempt now", 0, NEVER, 0, 1, 1},
    {"held, and due", 0, 1, -REFRESH, 0, 0},
    {"held for the first time", NEVER, DURATION, 0, 0, 0},
    {"held by one that just began", -1, DURATION, 0, 0, 0},
    {"held by one that ends in a microsecond", -1, 1, 1 - DURATION, 0, 0},
    {"its holder died, just now", -1, 0, -DURATION, 1, 1},
    {"its holder died long ago", -REFRESH, -REFRESH, -REFRESH - DURATION, 1, 1},
    {"its holder died, due later", REFRESH, -1, -DURATION - 1, 0, 0},
    {"its holder died a cooldown ago, due later", REFRESH, DURATION - COOLDOWN, -COOLDOWN, 0, 1},
    /* The clock was set back. */
    {"due as late as the clock allows", LATEST, NEVER, 0, 0, 0},
    {"due later than that", LATEST + 1, NEVER, 0, 1, 1},
    {"next attempt in the far future", 100 * REFRESH, NEVER, -REFRESH, 1, 1},
    {"next and last attempt in the far future", 101 * REFRESH, NEVER, 100 * REFRESH, 1, 1},
    {"last attempt in the far future, due later", REFRESH, NEVER, 100 * REFRESH, 0, 1},
    {"held until the far future", -1, 100 * REFRESH, -REFRESH, 1, 1},
    {"all in the far future", 101 * REFRESH, 100 * REFRESH + DURATION, 100 * REFRESH, 1, 1},
    {"held by one who read the time a minute later", -1, DURATION + APR_USEC_PER_SEC * 60, 1, 0, 0},
    {"held for longer than that", -1, DURATION + APR_USEC_PER_SEC * 60 + 1, 1, 1, 1},
};

static int64_t from_now(int64_t offset)
{
    return offset == NEVER ? 0 : NOW + offset;
}

static mto_lease_t lease_of(const start_t *row)
{
    mto_lease_t lease = {.next_attempt = from_now(row->next_attempt),
                         .fetching_until = from_now(row->fetching_until),
                         .last_attempt = from_now(row->last_attempt)};

    return lease;
}

static void check_start(const start_t *row, int in_need, int wanted)
{
    mto_lease_t lease = lease_of(row);

    assert_int_equal(mto_lease_take(&lease, &pace, in_need, NOW, DURATION) != 0, wanted);
    if (!wanted) {
        assert_int_equal(atomic_load(&lease.next_attempt), from_now(row->next_attempt));
        assert_int_equal(atomic_load(&lease.last_attempt), from_now(row->last_attempt));
        return;
    }
    assert_int_equal(atomic_load(&lease.fetching_until), NOW + DURATION);
    assert_int_equal(atomic_load(&lease.last_attempt), NOW);
    /* Nobody else, for whatever reason, until it ends or expires. */
    assert_false(mto_lease_take(&lease, &pace, 0, NOW, DURATION));
    assert_false(mto_lease_take(&lease, &pace, 1, NOW, DURATION));
    assert_false(mto_lease_take(&lease, &pace, 1, NOW + DURATION - 1, DURATION));
}

static void attempt_starts_by_schedule(const void *data)
{
    const start_t *row = data;

    check_start(row, 0, row->by_schedule);
}

static void attempt_starts_in_need(const void *data)
{
    const start_t *row = data;

    check_start(row, 1, row->in_need);
}

/* --- What a wait may bring ---------------------------------------------------------------------------------- */

#define WAIT (2 * SECOND)

typedef struct {
    const char *name;
    int64_t     next_attempt; /* as above */
    int64_t     fetching_until;
    int64_t     last_attempt;
    int         may_bring;
} wait_t;

static const wait_t waits[] = {
    {"never fetched", NEVER, NEVER, NEVER, 1},
    {"under way", REFRESH, 1, 0, 1},
    {"due during the wait", WAIT, NEVER, 0, 1},
    {"due after the wait", WAIT + 1, NEVER, 0, 0},
    {"cooled down", REFRESH, NEVER, -COOLDOWN, 1},
    {"cooled down during the wait", REFRESH, NEVER, WAIT - COOLDOWN, 1},
    {"cooled down after the wait", REFRESH, NEVER, WAIT - COOLDOWN + 1, 0},
    {"its holder died, not cooled down", REFRESH, -1, -DURATION, 0},
};

static void wait_may_bring_an_attempt(const void *data)
{
    const wait_t *row = data;
    mto_lease_t   lease = {.next_attempt = from_now(row->next_attempt),
                           .fetching_until = from_now(row->fetching_until),
                           .last_attempt = from_now(row->last_attempt)};

    assert_int_equal(mto_lease_may_bring(&lease, &pace, NOW, NOW + WAIT) != 0, row->may_bring);
}

static void due_in_counts_down_to_zero(const void *unused)
{
    mto_lease_t lease = {.next_attempt = NOW + 5};

    (void)unused;
    assert_int_equal(mto_lease_due_in(&lease, NOW), 5);
    assert_int_equal(mto_lease_due_in(&lease, NOW + 4), 1);
    assert_int_equal(mto_lease_due_in(&lease, NOW + 5), 0);
    assert_int_equal(mto_lease_due_in(&lease, NOW + REFRESH), 0);
    atomic_store(&lease.next_attempt, 0);
    assert_int_equal(mto_lease_due_in(&lease, NOW), 0);
}

/* --- The schedule ------------------------------------------------------------------------------------------- */

typedef struct {
    const char         *name;
    uint32_t            failures; /* before this end */
    int                 well;
    apr_interval_time_t least, most; /* until the next attempt */
} end_t;

static const end_t ends[] = {
    {"after a success", 0, 1, REFRESH - REFRESH / 10, REFRESH + REFRESH / 10},
    {"after a success after failures", 7, 1, REFRESH - REFRESH / 10, REFRESH + REFRESH / 10},
    {"first retry within a second", 0, 0, SECOND / 2, SECOND},
    {"second", 1, 0, SECOND, 2 * SECOND},
    {"third", 2, 0, 2 * SECOND, 4 * SECOND},
    {"fourth", 3, 0, 4 * SECOND, 8 * SECOND},
    {"fifth", 4, 0, 8 * SECOND, 16 * SECOND},
    {"sixth, capped by the cooldown", 5, 0, COOLDOWN / 2, COOLDOWN},
    {"seventh", 6, 0, COOLDOWN / 2, COOLDOWN},
    {"thousandth", 999, 0, COOLDOWN / 2, COOLDOWN},
    {"after very many", UINT32_MAX - 1, 0, COOLDOWN / 2, COOLDOWN},
};

static apr_interval_time_t wait_after(const end_t *row, uint32_t random)
{
    mto_lease_t lease = {.failures = row->failures, .fetching_until = NOW + DURATION, .ended = 6, .generation = 3};

    mto_lease_end(&lease, &pace, row->well, NOW, random);
    assert_int_equal(atomic_load(&lease.failures), row->well ? 0 : row->failures + 1);
    assert_int_equal(atomic_load(&lease.fetching_until), 0);
    assert_int_equal(atomic_load(&lease.ended), 7);
    assert_int_equal(atomic_load(&lease.generation), 3);
    return atomic_load(&lease.next_attempt) - NOW;
}

static void next_attempt_is_within_its_bounds(const void *data)
{
    static const uint32_t corners[] = {0, 1, 1023, 1024, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    const end_t          *row = data;
    apr_interval_time_t   wait, shortest = INT64_MAX, longest = 0;
    uint32_t              i;

    for (i = 0; i < 0x10000 + sizeof corners / sizeof corners[0]; i++) {
        wait = wait_after(row, i < 0x10000 ? i * 0x10001U : corners[i - 0x10000]);
        shortest = wait < shortest ? wait : shortest;
        longest = wait > longest ? wait : longest;
    }
    assert_in_range(shortest, row->least, row->most);
    assert_in_range(longest, row->least, row->most);
    /* Processes that failed together shall not come back together: nearly all of the range is used. */
    assert_true(longest - shortest > (row->most - row->least) * 9 / 10);
}

static void short_cooldown_caps_retries(const void *unused)
{
    const mto_pace_t quick = {60 * SECOND, 3 * SECOND};
    uint32_t         failures;

    (void)unused;
    for (failures = 0; failures < 100; failures++) {
        mto_lease_t lease = {.failures = failures};

        mto_lease_end(&lease, &quick, 0, NOW, 0);
        assert_in_range(atomic_load(&lease.next_attempt) - NOW, 0, 3 * SECOND);
    }
}

/* The life of one lease over time. */
static void success_resets_failures(const void *unused)
{
    mto_lease_t lease = {.failures = 0};
    apr_time_t  now = NOW;
    int         i;

    (void)unused;
    for (i = 0; i < 20; i++) {
        assert_true(mto_lease_take(&lease, &pace, 0, now, DURATION));
        mto_lease_end(&lease, &pace, 0, now + SECOND, 0);
        assert_false(mto_lease_take(&lease, &pace, 0, now + SECOND, DURATION));
        now = atomic_load(&lease.next_attempt);
    }
    assert_true(mto_lease_take(&lease, &pace, 0, now, DURATION));
    mto_lease_end(&lease, &pace, 1, now, 0);
    assert_false(mto_lease_take(&lease, &pace, 0, now + SECOND, DURATION));
    now = atomic_load(&lease.next_attempt);
    assert_true(mto_lease_take(&lease, &pace, 0, now, DURATION));
    mto_lease_end(&lease, &pace, 0, now, 0);
    assert_in_range(atomic_load(&lease.next_attempt) - now, 1, SECOND);
}

static void abandoned_attempt_may_start_at_once(const void *unused)
{
    mto_lease_t lease = {.failures = 4, .ended = 6, .next_attempt = NOW + REFRESH};

    (void)unused;
    assert_true(mto_lease_take(&lease, &pace, 1, NOW, DURATION));
    mto_lease_abandon(&lease);
    assert_int_equal(atomic_load(&lease.failures), 4);
    assert_int_equal(mto_lease_due_in(&lease, NOW), 0);
    assert_true(mto_lease_take(&lease, &pace, 0, NOW, DURATION)); /* by schedule: not only for a request in need */
    assert_false(mto_lease_take(&lease, &pace, 1, NOW, DURATION));
}

/* --- Slots -------------------------------------------------------------------------------------------------- */

#define SLOTS 4

/* Each slot as the letter of its identity and the number of its configuration; "-" and 0: free. */
typedef struct {
    const char *name;
    const char *letters;
    uint64_t    assigned[SLOTS];
    char        letter;
    uint64_t    configuration;
    int         slot; /* wanted; -1: none */
    int         kept; /* whether what is in it stays */
} assignment_t;

static const assignment_t assignments[] = {
    {"the first of all", "----", {0, 0, 0, 0}, 'a', 1, 0, 0},
    {"the first that is free", "ab--", {1, 1, 0, 0}, 'c', 1, 2, 0},
    {"its own after a restart", "abc-", {1, 1, 1, 0}, 'b', 2, 1, 1},
    {"its own in the same configuration", "abc-", {1, 1, 1, 0}, 'b', 1, 1, 1},
    {"its own, behind a free one", "-b--", {0, 1, 0, 0}, 'b', 2, 1, 1},
    {"its own, behind one to reclaim", "ab--", {1, 1, 0, 0}, 'b', 9, 1, 1},
    {"its own, unused for long", "abcd", {9, 9, 9, 1}, 'd', 9, 3, 1},
    {"one that is free before one to reclaim", "ab-d", {1, 9, 0, 9}, 'e', 9, 2, 0},
    {"one to reclaim: unused by this and the last configuration", "abcd", {9, 9, 7, 9}, 'e', 9, 2, 0},
    {"one to reclaim: unused for long", "abcd", {9, 9, 9, 1}, 'e', 9, 3, 0},
    {"none: the last configuration used it", "abcd", {9, 9, 8, 9}, 'e', 9, -1, 0},
    {"none: full", "abcd", {9, 9, 9, 9}, 'e', 9, -1, 0},
    {"none: full of the first configuration", "abcd", {1, 1, 1, 1}, 'e', 1, -1, 0},
    {"none: full of the first configuration, at the second", "abcd", {1, 1, 1, 1}, 'e', 2, -1, 0},
};

static void slot_is_assigned(const void *data)
{
    const assignment_t *row = data;
    mto_lease_t         slots[SLOTS], before[SLOTS], *slot;
    unsigned char       identity[MTO_LEASE_IDENTITY_SIZE];
    int                 i;

    memset(slots, 0, sizeof slots);
    for (i = 0; i < SLOTS; i++) {
        if (row->assigned[i] != 0) {
            memset(slots[i].identity, row->letters[i], sizeof slots[i].identity);
            slots[i].assigned = row->assigned[i];
            atomic_store(&slots[i].generation, 5);
            atomic_store(&slots[i].next_attempt, NOW);
        }
    }
    memcpy(before, slots, sizeof slots);
    memset(identity, row->letter, sizeof identity);
    slot = mto_lease_assign(slots, SLOTS, identity, row->configuration);
    for (i = 0; i < SLOTS; i++) {
        if (i != row->slot) {
            assert_memory_equal(&slots[i], &before[i], sizeof slots[i]);
        }
    }
    if (row->slot < 0) {
        assert_null(slot);
        return;
    }
    assert_ptr_equal(slot, &slots[row->slot]);
    assert_memory_equal(slot->identity, identity, sizeof identity);
    assert_int_equal(slot->assigned, row->configuration);
    assert_int_equal(atomic_load(&slot->generation), row->kept ? 5 : 0);
    assert_int_equal(atomic_load(&slot->next_attempt), row->kept ? NOW : 0);
}

static void identity_is_compared_whole(const void *unused)
{
    mto_lease_t   slots[MTO_LEASE_IDENTITY_SIZE + 1];
    unsigned char identity[MTO_LEASE_IDENTITY_SIZE];
    int           i;

    (void)unused;
    memset(slots, 0, sizeof slots);
    memset(identity, 'a', sizeof identity);
    assert_ptr_equal(mto_lease_assign(slots, MTO_LEASE_IDENTITY_SIZE + 1, identity, 1), &slots[0]);
    for (i = 0; i < MTO_LEASE_IDENTITY_SIZE; i++) {
        identity[i] ^= 1;
        assert_ptr_equal(mto_lease_assign(slots, MTO_LEASE_IDENTITY_SIZE + 1, identity, 1), &slots[i + 1]);
        identity[i] ^= 1;
    }
    assert_ptr_equal(mto_lease_assign(slots, MTO_LEASE_IDENTITY_SIZE + 1, identity, 2), &slots[0]);
    assert_null(mto_lease_assign(slots, 0, identity, 1));
}

/* --- Many at once ------------------------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  20000

typedef struct {
    mto_lease_t lease;
    atomic_int  arrived; /* threads, at the ends of all rounds so far */
    atomic_int  winners; /* of this round */
    int         ends;    /* whether a winner ends at once, while the others are still asking */
} race_t;

/* Waits for all threads, without sleeping while they are near: they shall go on in the same instant. */
static void meet(race_t *race, int times)
{
    int spins;

    atomic_fetch_add(&race->arrived, 1);
    for (spins = 1; atomic_load(&race->arrived) < times * THREADS; spins++) {
        if (spins % 200 == 0) {
            (void)sched_yield();
        }
    }
}

/* Each round is two refreshes later. Even threads are in need. */
static int take_in_rounds(void *data, int number)
{
    race_t    *race = data;
    apr_time_t now = NOW;
    int        round, wrong = 0;

    for (round = 0; round < ROUNDS; round++, now += 2 * REFRESH) {
        meet(race, 2 * round + 1);
        if (mto_lease_take(&race->lease, &pace, number % 2 == 0, now, DURATION)) {
            atomic_fetch_add(&race->winners, 1);
            if (race->ends) {
                mto_lease_end(&race->lease, &pace, 1, now, (uint32_t)round);
            }
        }
        meet(race, 2 * round + 2);
        wrong += number == 0 && atomic_exchange(&race->winners, 0) != 1;
    }
    return wrong;
}

static void run_race(int ends_at_once)
{
    static race_t race;

    memset(&race, 0, sizeof race);
    race.ends = ends_at_once;
    threads_run(THREADS, take_in_rounds, &race);
}

/* Nobody ends: each round but the first takes over from one that died. */
static void one_of_many_takes_a_dead_holders_lease(const void *unused)
{
    (void)unused;
    run_race(0);
}

static void one_of_many_makes_each_attempt(const void *unused)
{
    (void)unused;
    run_race(1);
}

int main(void)
{
    support_table("DESIGN section 7, attempts by schedule", attempt_starts_by_schedule, TABLE(starts));
    support_table("DESIGN section 7, attempts in need", attempt_starts_in_need, TABLE(starts));
    support_table("DESIGN section 7, what a wait may bring", wait_may_bring_an_attempt, TABLE(waits));
    support_case("how long until an attempt is due", due_in_counts_down_to_zero);
    support_table("DESIGN sections 4 and 7, next attempt", next_attempt_is_within_its_bounds, TABLE(ends));
    support_case("DESIGN section 7, retries grow to the cooldown", short_cooldown_caps_retries);
    support_case("a success resets failures", success_resets_failures);
    support_case("an abandoned attempt may start again at once", abandoned_attempt_may_start_at_once);
    support_table("slots of shared memory", slot_is_assigned, TABLE(assignments));
    support_case("slots of shared memory: every byte of the identity counts", identity_is_compared_whole);
    support_case("DESIGN section 7, of many one takes a dead holder's lease", one_of_many_takes_a_dead_holders_lease);
    support_case("DESIGN section 7, of many one makes each attempt", one_of_many_makes_each_attempt);
    return support_run("lease");
}
