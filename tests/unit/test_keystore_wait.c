/* keystore: requests that wait for keys, and what ends their wait (DESIGN section 7). The renewing thread is played by
 * the test. */
#include "stores.h"

#include <unistd.h>

#define THREADS 6

/* A request in a thread of its own. */
typedef struct {
    pthread_t           thread;
    fixture_t          *fixture;
    const mto_keyset_t *keys;
    unsigned            most;
    mto_keys_t          answer;
    mto_keyset_t       *newer;
    apr_interval_time_t took;
} request_t;

static void *ask_in_thread(void *data)
{
    request_t *request = data;
    apr_time_t began = apr_time_now();

    request->answer = mto_keystore_ask(request->fixture->store, request->keys, request->most, &request->newer);
    request->took = apr_time_now() - began;
    return NULL;
}

static void begin(request_t *request, fixture_t *fixture, const mto_keyset_t *keys, unsigned most)
{
    *request = (request_t){.fixture = fixture, .keys = keys, .most = most};
    assert_int_equal(pthread_create(&request->thread, NULL, ask_in_thread, request), 0);
}

/* Until so many wait for the first time: each of them calls wake under the lock, which it gives up only to wait. */
static void wait_for_waiting(fixture_t *fixture, int wanted)
{
    int tries;

    for (tries = 0; tries < 1000 && atomic_load(&fixture->woken) != wanted; tries++) {
        (void)usleep(1000);
    }
    assert_int_equal(atomic_load(&fixture->woken), wanted);
    (void)pthread_mutex_lock(&fixture->store->lock);
    (void)pthread_mutex_unlock(&fixture->store->lock);
}

static void finish(request_t *request, mto_keys_t answer, const mto_keyset_t *newer)
{
    assert_int_equal(pthread_join(request->thread, NULL), 0);
    assert_int_equal(request->answer, answer);
    assert_ptr_equal(request->newer, newer);
    mto_keyset_release(request->newer);
}

/* Nobody is counted as waiting any more: one of one may wait. */
static void assert_nobody_waits(void)
{
    fixture_t fixture;
    request_t request;

    store_create_remote(&fixture);
    begin(&request, &fixture, NULL, 1);
    wait_for_waiting(&fixture, 1);
    mto_keystore_tell(fixture.store);
    finish(&request, MTO_KEYS_NONE, NULL);
    store_destroy(&fixture);
}

/* What ends a wait. */
enum { PUT_NEW, PUT_SAME, PUT_STALE, TELL, RENEWAL_ENDS };

typedef struct {
    const char *name;
    int         has_set; /* whether there is an old set in force */
    int         end;
    mto_keys_t  answer; /* NEWER: the new set */
} wait_t;

static const wait_t waits[] = {
    {"a first set", 0, PUT_NEW, MTO_KEYS_NEWER},
    {"a new set", 1, PUT_NEW, MTO_KEYS_NEWER},
    {"the same set again: the issuer has spoken", 1, PUT_SAME, MTO_KEYS_SPOKEN},
    {"a set that is too old", 1, PUT_STALE, MTO_KEYS_NONE},
    {"a failed attempt, without a set", 0, TELL, MTO_KEYS_NONE},
    {"a failed attempt, with an old set", 1, TELL, MTO_KEYS_NONE},
    {"the end of the renewing thread", 1, RENEWAL_ENDS, MTO_KEYS_NONE},
};

static void waiting_requests_are_released(const void *data)
{
    const wait_t *row = data;
    mto_keyset_t *old = NULL, *set = NULL;
    request_t     requests[THREADS];
    fixture_t     fixture;
    int           i;

    store_create_remote(&fixture);
    if (row->has_set) {
        old = put(&fixture, new_set("old"), COOLDOWN);
    }
    for (i = 0; i < THREADS; i++) {
        begin(&requests[i], &fixture, old, THREADS);
    }
    wait_for_waiting(&fixture, THREADS);
    assert_int_equal(atomic_load(&fixture.store->in_need), 1);
    switch (row->end) {
    case PUT_NEW:
        set = put(&fixture, new_set("new"), 0);
        break;
    case PUT_SAME:
        (void)put(&fixture, mto_keyset_retain(old), 0);
        break;
    case PUT_STALE:
        mto_keyset_retain(old); /* the requests have it */
        (void)put(&fixture, new_set("stale"), MAX_STALE + APR_USEC_PER_SEC);
        break;
    case TELL:
        mto_keystore_tell(fixture.store);
        break;
    default:
        (void)pthread_mutex_lock(&fixture.store->lock);
        fixture.store->wake = NULL;
        (void)pthread_cond_broadcast(&fixture.store->changed);
        (void)pthread_mutex_unlock(&fixture.store->lock);
        break;
    }
    for (i = 0; i < THREADS; i++) {
        finish(&requests[i], row->answer, row->answer == MTO_KEYS_NEWER ? set : NULL);
        assert_true(requests[i].took < MTO_KEYSTORE_WAIT);
    }
    if (row->end != RENEWAL_ENDS) {
        assert_int_equal(atomic_load(&fixture.store->in_need), 0);
    }
    if (row->end == PUT_STALE) {
        mto_keyset_release(old);
    }
    store_destroy(&fixture);
    assert_nobody_waits();
}

/* The limit is of the process: those who wait for another source count. */
static void more_than_most_are_told_at_once(const void *unused)
{
    request_t requests[3];
    fixture_t fixture, other;
    int       i;

    (void)unused;
    store_create_remote(&fixture);
    store_create_remote(&other);
    for (i = 0; i < 3; i++) {
        begin(&requests[i], &fixture, NULL, 3);
    }
    wait_for_waiting(&fixture, 3);
    assert_int_equal(ask_quickly(&fixture, NULL, 3, NULL), MTO_KEYS_NONE);
    assert_int_equal(ask_quickly(&fixture, NULL, 1, NULL), MTO_KEYS_NONE);
    assert_int_equal(ask_quickly(&other, NULL, 3, NULL), MTO_KEYS_NONE);
    wait_for_waiting(&fixture, 3); /* they were not disturbed */
    mto_keystore_tell(fixture.store);
    for (i = 0; i < 3; i++) {
        finish(&requests[i], MTO_KEYS_NONE, NULL);
    }
    store_destroy(&fixture);
    store_destroy(&other);
}

/* Holds a request up on its way into the wait, until the other one is there too or has been told. */
static void wake_slowly(void *baton)
{
    static atomic_int on_their_way;
    int               tries;

    count_wake(baton);
    atomic_fetch_add(&on_their_way, 1);
    for (tries = 0; tries < 20 && atomic_load(&on_their_way) < 2; tries++) {
        (void)usleep(1000);
    }
}

static void limit_holds_in_the_same_instant(const void *unused)
{
    request_t requests[2];
    fixture_t fixtures[2];
    int       i;

    (void)unused;
    for (i = 0; i < 2; i++) {
        store_create_remote(&fixtures[i]);
        fixtures[i].store->wake = wake_slowly;
    }
    for (i = 0; i < 2; i++) {
        begin(&requests[i], &fixtures[i], NULL, 1);
    }
    (void)usleep(300000);
    for (i = 0; i < 2; i++) {
        mto_keystore_tell(fixtures[i].store);
        finish(&requests[i], MTO_KEYS_NONE, NULL);
    }
    store_destroy(&fixtures[0]);
    store_destroy(&fixtures[1]);
    /* One waited until it was told, the other was sent away. */
    assert_int_equal((requests[0].took > APR_USEC_PER_SEC / 10) + (requests[1].took > APR_USEC_PER_SEC / 10), 1);
}

/* An attempt of another process is waited for too, and shared slots count only while sets can be written. */
static void attempt_of_another_process_is_waited_for(const void *unused)
{
    mto_lease_t lease = {.last_attempt = apr_time_now(), .next_attempt = apr_time_now() + apr_time_from_sec(3600)};
    request_t   request;
    fixture_t   fixture;

    (void)unused;
    store_create_remote(&fixture);
    fixture.store->shared = &lease;
    assert_ptr_equal(mto_keystore_lease(fixture.store), &lease);
    assert_int_equal(ask_quickly(&fixture, NULL, 4, NULL), MTO_KEYS_NONE);
    atomic_store(&lease.fetching_until, apr_time_now() + apr_time_from_sec(10));
    begin(&request, &fixture, NULL, 4);
    wait_for_waiting(&fixture, 1);
    finish(&request, MTO_KEYS_NEWER, put(&fixture, new_set("a"), 0));
    atomic_store(&lease.unwritten, 1);
    assert_ptr_equal(mto_keystore_lease(fixture.store), &fixture.store->own);
    store_destroy(&fixture);
}

static void wait_ends(const void *unused)
{
    apr_time_t    began = apr_time_now();
    mto_keyset_t *newer;
    fixture_t     fixture;
    request_t     request;

    (void)unused;
    store_create_remote(&fixture);
    begin(&request, &fixture, NULL, 4);
    assert_int_equal(mto_keystore_ask(fixture.store, NULL, 4, &newer), MTO_KEYS_NONE);
    assert_null(newer);
    assert_in_range(apr_time_now() - began, MTO_KEYSTORE_WAIT - APR_USEC_PER_SEC / 20,
                    MTO_KEYSTORE_WAIT + APR_USEC_PER_SEC * 2);
    finish(&request, MTO_KEYS_NONE, NULL);
    store_destroy(&fixture);
    assert_nobody_waits();
}

int main(void)
{
    support_table("DESIGN section 7, what ends a wait", waiting_requests_are_released, TABLE(waits));
    support_case("DESIGN section 4, at most so many wait", more_than_most_are_told_at_once);
    support_case("DESIGN section 4, at most so many wait: of two sources at once", limit_holds_in_the_same_instant);
    support_case("an attempt of another process is waited for", attempt_of_another_process_is_waited_for);
    support_case("DESIGN section 4, a wait ends after 2 seconds", wait_ends);
    return support_run("keystore_wait");
}
