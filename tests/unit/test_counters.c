/* Counters, rankings and histories in shared memory: what is counted, by whom, where it stays, and what bounds it. */
#include "io/counters.h"
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND ((int64_t)1000000)
#define START  (1000000 * SECOND)

static mto_counters_t *make(void)
{
    mto_counters_t *counters = mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(counters != MAP_FAILED);
    counters->configurations = 1;
    return counters;
}

static mto_counter_slot_t *assign(mto_counters_t *counters, unsigned number)
{
    unsigned char identity[MTO_COUNTER_IDENTITY_SIZE] = {0};

    memcpy(identity, &number, sizeof number);
    return mto_counters_assign(counters, identity);
}

/* --- Slots -------------------------------------------------------------------------------------------------------- */

static void slots_are_found_by_identity(void **state)
{
    mto_counters_t     *counters = make();
    mto_counter_slot_t *a = assign(counters, 1), *b = assign(counters, 2);

    (void)state;
    assert_ptr_not_equal(a, b);
    mto_counters_admitted(a, MTO_BINDING_BOUND);
    counters->configurations++;
    assert_ptr_equal(assign(counters, 2), b); /* another order */
    assert_ptr_equal(assign(counters, 1), a);
    assert_int_equal(mto_counters_sum_admitted(a), 1);
    (void)munmap(counters, sizeof *counters);
}

static void a_slot_is_emptied_for_another(void **state)
{
    mto_counters_t     *counters = make();
    mto_counter_slot_t *old = assign(counters, 0), *last = &counters->slots[MTO_COUNTER_SLOTS - 1];
    unsigned            i;

    (void)state;
    mto_counters_refused(old, MTO_TOKEN_EXPIRED);
    for (i = 1; i < MTO_COUNTER_SLOTS - 1; i++) {
        assert_ptr_not_equal(assign(counters, i), last);
    }
    assert_ptr_equal(assign(counters, 5000), last);
    assert_ptr_equal(assign(counters, 5001), last);
    counters->configurations++; /* children of the one before still count in it */
    for (i = 1; i < MTO_COUNTER_SLOTS - 1; i++) {
        (void)assign(counters, i);
    }
    assert_ptr_equal(assign(counters, 5000), last);
    counters->configurations++;
    for (i = 1; i < MTO_COUNTER_SLOTS - 1; i++) {
        (void)assign(counters, i);
    }
    assert_ptr_equal(assign(counters, 5000), old);
    assert_int_equal(mto_counters_sum_refused(old), 0);
    (void)munmap(counters, sizeof *counters);
}

/* --- Counting ----------------------------------------------------------------------------------------------------- */

#define EACH 20000

static void *count_many(void *slot)
{
    int i;

    for (i = 0; i < EACH; i++) {
        mto_counters_admitted(slot, MTO_BINDING_BOUND);
        mto_counters_refused(slot, MTO_TOKEN_EXPIRED);
        mto_counters_reported(slot, MTO_BINDING_MISSING, i % 4 == 0 ? "often" : "always", START);
        mto_counters_proven(slot, 30);
    }
    return NULL;
}

static void nothing_is_lost_among_threads_and_processes(void **state)
{
    mto_counters_t     *counters = make();
    mto_counter_slot_t *slot = assign(counters, 1);
    mto_ranked_t        ranked[MTO_RANKING_ENTRIES];
    pthread_t           threads[3];
    pid_t               child = fork();
    int                 i, status;

    (void)state;
    if (child == 0) {
        (void)count_many(slot);
        _exit(0);
    }
    for (i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, slot), 0);
    }
    for (i = 0; i < 3; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(mto_counters_sum_admitted(slot), 4 * EACH);
    assert_int_equal(slot->refused[MTO_TOKEN_EXPIRED], 4 * EACH);
    assert_int_equal(slot->proving.buckets[1], 4 * EACH);
    assert_int_equal(slot->proving.microseconds, 4 * EACH * 30);
    assert_int_equal(mto_ranking_read(&slot->reported_clients, ranked), 2);
    assert_string_equal(ranked[0].name, "always");
    assert_int_equal(ranked[0].count + ranked[1].count + slot->reported_clients.missed, 4 * EACH);
    (void)munmap(counters, sizeof *counters);
}

static void without_a_slot_nothing_is_counted(void **state)
{
    (void)state;
    mto_counters_admitted(NULL, MTO_BINDING_BOUND);
    mto_counters_refused(NULL, MTO_TOKEN_EXPIRED);
    mto_counters_reported(NULL, MTO_BINDING_MISSING, "client", START);
    mto_counters_proven(NULL, 1);
    mto_counters_asked(NULL, MTO_ASKED_PROVEN, 1);
}

static void times_fall_into_their_buckets(void **state)
{
    static const struct {
        int64_t microseconds;
        size_t  bucket;
    } rows[] = {{-5, 0}, {0, 0}, {25, 0}, {26, 1}, {50, 1}, {1000000, MTO_TIME_BOUNDS - 1}, {1000001, MTO_TIME_BOUNDS}};
    mto_counter_slot_t slot;
    size_t             i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        memset(&slot, 0, sizeof slot);
        mto_counters_proven(&slot, rows[i].microseconds);
        assert_int_equal(slot.proving.buckets[rows[i].bucket], 1);
    }
}

static void another_reported_policy_begins_anew(void **state)
{
    mto_counters_t     *counters = make();
    mto_counter_slot_t *slot = assign(counters, 1);
    mto_ranked_t        ranked[MTO_RANKING_ENTRIES];

    (void)state;
    mto_counters_observe(slot, 2, START);
    mto_counters_observed(slot);
    mto_counters_reported(slot, MTO_BINDING_MISSING, "client", START);
    mto_counters_observe(slot, 2, START + SECOND); /* a restart without a change */
    assert_int_equal(slot->observed, 1);
    assert_int_equal(slot->observed_since, START);
    assert_int_equal(mto_counters_sum_reported(slot), 1);
    mto_counters_observe(slot, 1, START + SECOND);
    assert_int_equal(slot->observed, 0);
    assert_int_equal(slot->observed_since, START + SECOND);
    assert_int_equal(mto_counters_sum_reported(slot), 0);
    assert_int_equal(mto_ranking_read(&slot->reported_clients, ranked), 0);
    (void)munmap(counters, sizeof *counters);
}

/* --- Rankings ----------------------------------------------------------------------------------------------------- */

static void who_comes_often_stays_in_a_flood(void **state)
{
    static mto_ranking_t ranking;
    mto_ranked_t         ranked[MTO_RANKING_ENTRIES];
    char                 name[32];
    int                  i;
    size_t               count;

    (void)state;
    memset(&ranking, 0, sizeof ranking);
    for (i = 0; i < 10000; i++) {
        (void)snprintf(name, sizeof name, "flood-%d", i);
        mto_ranking_count(&ranking, name, START);
        if (i >= 200) { /* the table is full when it comes first */
            mto_ranking_count(&ranking, "regular", START);
        }
    }
    count = mto_ranking_read(&ranking, ranked);
    assert_int_equal(count, MTO_RANKING_ENTRIES);
    assert_string_equal(ranked[0].name, "regular");
    assert_int_equal(ranked[0].count - ranked[0].inherited, 9800);
    assert_true(ranked[1].inherited > 0); /* and so it says of the others that they may be fewer */
}

static void names_are_cut_and_may_be_none(void **state)
{
    static mto_ranking_t ranking;
    mto_ranked_t         ranked[MTO_RANKING_ENTRIES];
    char                 name[500];

    (void)state;
    memset(&ranking, 0, sizeof ranking);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    mto_ranking_count(&ranking, name, START);
    mto_ranking_count(&ranking, name, START);
    mto_ranking_count(&ranking, NULL, START);
    assert_int_equal(mto_ranking_read(&ranking, ranked), 2);
    assert_int_equal(strlen(ranked[0].name), MTO_RANKING_NAME_SIZE - 1);
    assert_string_equal(ranked[1].name, "");
}

static void a_writer_that_died_holds_up_nobody_for_long(void **state)
{
    static mto_ranking_t ranking;
    mto_ranked_t         ranked[MTO_RANKING_ENTRIES];

    (void)state;
    memset(&ranking, 0, sizeof ranking);
    ranking.writing_until = START + SECOND;
    mto_ranking_count(&ranking, "a", START);
    assert_int_equal(mto_ranking_read(&ranking, ranked), 0);
    assert_int_equal(ranking.missed, 1);
    mto_ranking_count(&ranking, "a", START + SECOND);
    assert_int_equal(mto_ranking_read(&ranking, ranked), 1);
    ranking.writing_until = START + 100 * SECOND; /* before the clock was set back */
    mto_ranking_count(&ranking, "b", START);
    assert_int_equal(mto_ranking_read(&ranking, ranked), 2);
}

/* --- Histories ---------------------------------------------------------------------------------------------------- */

static void a_history_reaches_back_to_the_start(void **state)
{
    static mto_history_t history;
    mto_moment_t         moments[MTO_HISTORY_POINTS];
    size_t               count, i;
    int64_t              second;

    (void)state;
    memset(&history, 0, sizeof history);
    for (second = 0; second < 30 * 24 * 3600; second += 10) {
        mto_history_note(&history, START + second * SECOND, (uint64_t)second, (uint64_t)second / 2);
    }
    count = mto_history_read(&history, moments);
    assert_in_range(count, MTO_HISTORY_POINTS / 2, MTO_HISTORY_POINTS);
    assert_int_equal(moments[0].time, START);
    for (i = 1; i < count; i++) {
        int64_t step = moments[1].time - moments[0].time;

        assert_int_equal(moments[i].time - moments[i - 1].time, step);
        assert_int_equal(moments[i].admitted, (moments[i].time - START) / SECOND);
        assert_int_equal(moments[i].refused, moments[i].admitted / 2);
    }
    assert_true(moments[count - 1].time > START + 29 * 24 * 3600 * SECOND);
}

static void a_history_takes_no_more_than_it_has_to(void **state)
{
    static mto_history_t history;
    mto_moment_t         moments[MTO_HISTORY_POINTS];

    (void)state;
    memset(&history, 0, sizeof history);
    mto_history_note(&history, START, 1, 0);
    mto_history_note(&history, START + 9 * SECOND, 2, 0);
    mto_history_note(&history, START - 5 * SECOND, 2, 0);
    assert_int_equal(mto_history_read(&history, moments), 1);
    mto_history_note(&history, START - 3600 * SECOND, 3, 0); /* the clock was set back: it goes on from there */
    assert_int_equal(mto_history_read(&history, moments), 2);
}

/* --- Caches ------------------------------------------------------------------------------------------------------- */

static void caches_of_all_processes_add_up(void **state)
{
    mto_counters_t  *counters = make();
    mto_cache_sums_t first = {10, 5, 1, 100, 4000, 200}, second = {1, 1, 0, 50, 2000, 200}, before1 = {0},
                     before2 = {0};
    mto_cache_sums_t sums;
    unsigned         processes;

    (void)state;
    mto_counters_tell(counters, 11, START, &first, &before1);
    mto_counters_tell(counters, 12, START, &second, &before2);
    first.hits += 5;
    mto_counters_tell(counters, 11, START + SECOND, &first, &before1);
    sums = mto_counters_caches(counters, START + SECOND, &processes);
    assert_int_equal(processes, 2);
    assert_int_equal(sums.hits, 16);
    assert_int_equal(sums.misses, 6);
    assert_int_equal(sums.entries, 150);
    assert_int_equal(sums.capacity, 400);
    mto_counters_leave(counters, 11);
    sums = mto_counters_caches(counters, START + SECOND, &processes);
    assert_int_equal(processes, 1);
    assert_int_equal(sums.hits, 16); /* what has been seen stays seen */
    assert_int_equal(sums.entries, 50);
    sums = mto_counters_caches(counters, START + 60 * SECOND, &processes); /* it died without a word */
    assert_int_equal(processes, 0);
    assert_int_equal(sums.entries, 0);
    (void)munmap(counters, sizeof *counters);
}

static void histories_are_noted_by_one(void **state)
{
    mto_counters_t     *counters = make();
    mto_counter_slot_t *slot = assign(counters, 1);
    mto_moment_t        moments[MTO_HISTORY_POINTS];

    (void)state;
    mto_counters_admitted(slot, MTO_BINDING_UNBOUND);
    mto_counters_note(counters, START);
    mto_counters_note(counters, START + SECOND);
    mto_counters_refused(slot, MTO_NO_TOKEN);
    mto_counters_note(counters, START + 10 * SECOND);
    assert_int_equal(mto_history_read(&slot->history, moments), 2);
    assert_int_equal(mto_history_read(&counters->history, moments), 2);
    assert_int_equal(moments[0].admitted, 1);
    assert_int_equal(moments[0].refused, 0);
    assert_int_equal(moments[1].refused, 1);
    (void)munmap(counters, sizeof *counters);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_found_by_identity),
        cmocka_unit_test(a_slot_is_emptied_for_another),
        cmocka_unit_test(nothing_is_lost_among_threads_and_processes),
        cmocka_unit_test(without_a_slot_nothing_is_counted),
        cmocka_unit_test(another_reported_policy_begins_anew),
        cmocka_unit_test(times_fall_into_their_buckets),
        cmocka_unit_test(who_comes_often_stays_in_a_flood),
        cmocka_unit_test(names_are_cut_and_may_be_none),
        cmocka_unit_test(a_writer_that_died_holds_up_nobody_for_long),
        cmocka_unit_test(a_history_reaches_back_to_the_start),
        cmocka_unit_test(a_history_takes_no_more_than_it_has_to),
        cmocka_unit_test(caches_of_all_processes_add_up),
        cmocka_unit_test(histories_are_noted_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
