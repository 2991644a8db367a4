/* keystore: what a request that asks for keys is told, and when; what is too old to be given out (DESIGN section 7).
 * The renewing thread is played by the test.
 */
#include "support.h"

#include "io/keystore_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COOLDOWN  apr_time_from_sec(30)
#define MAX_STALE apr_time_from_sec(7200)

#define URL "https://as.example/jwks"

/* --- Stores ------------------------------------------------------------------------------------------------- */

/* A store with a pool of its own, and what the renewing thread was called for. */
typedef struct {
    mto_key_source_t source;
    mto_keystore_t  *store;
    apr_pool_t      *pool;
    atomic_int       woken;
} fixture_t;

static void count_wake(void *baton)
{
    fixture_t *fixture = baton;

    atomic_fetch_add(&fixture->woken, 1);
}

static mto_key_source_t remote_source(void)
{
    mto_key_source_t source = {.issuer = ISSUER, .jwks_uri = URL, .settings = mto_source_settings_default()};

    source.settings.cooldown = COOLDOWN;
    source.settings.max_stale = MAX_STALE;
    return source;
}

static void create(fixture_t *fixture, mto_key_source_t source)
{
    const char *error = NULL;

    memset(fixture, 0, sizeof *fixture);
    fixture->source = source;
    assert_int_equal(apr_pool_create(&fixture->pool, NULL), APR_SUCCESS);
    fixture->store = mto_keystore_create(&fixture->source, NULL, NULL, &error, fixture->pool);
    assert_null(error);
    assert_non_null(fixture->store);
}

/* A store of a URL whose renewing thread is there. */
static void create_remote(fixture_t *fixture)
{
    create(fixture, remote_source());
    fixture->store->wake = count_wake;
    fixture->store->wake_baton = fixture;
}

static void destroy(fixture_t *fixture)
{
    apr_pool_destroy(fixture->pool);
}

/* A new set with one reference. */
static mto_keyset_t *new_set(const char *kid)
{
    const char   *json = support_jwks(support_jwk(support_key(MTO_KEY_ED25519, 0), kid, NULL), NULL);
    mto_keyset_t *set = mto_keyset_create();

    assert_null(mto_keyset_add_jwks(set, json, strlen(json), MTO_JWK_PUBLIC, NULL, NULL));
    mto_keyset_seal(set);
    return set;
}

/* Puts a set into force that was fetched so long ago; borrowed. */
static mto_keyset_t *put(fixture_t *fixture, mto_keyset_t *set, apr_interval_time_t ago)
{
    mto_issuer_metadata_t none = {NULL, NULL, NULL};

    mto_keystore_put(fixture->store, set, apr_time_now() - ago, &none);
    return set;
}

/* Asks, and gives the newer set back; it must be told within a tenth of the wait. */
static mto_keys_t ask_quickly(fixture_t *fixture, const mto_keyset_t *keys, unsigned most, const mto_keyset_t *wanted)
{
    mto_keyset_t *newer = (void *)fixture; /* must be overwritten */
    apr_time_t    began = apr_time_now();
    mto_keys_t    answer = mto_keystore_ask(fixture->store, keys, most, &newer);

    assert_true(apr_time_now() - began < MTO_KEYSTORE_WAIT / 10);
    assert_ptr_equal(newer, wanted);
    mto_keyset_release(newer);
    return answer;
}

/* --- What is told at once ----------------------------------------------------------------------------------- */

typedef struct {
    const char         *name;
    apr_interval_time_t ago;    /* when the set in force was fetched; -1: there is none */
    int                 holds;  /* whether the request has tried that set, else another one or none */
    int                 alone;  /* whether there is no renewing thread */
    unsigned            most;   /* requests that may wait */
    apr_interval_time_t last;   /* when the last attempt began, ago; -1: never. The next is due in an hour */
    mto_keys_t          answer; /* NEWER: the set in force */
} told_t;

static const told_t tolds[] = {
    {"a fresh set", 0, 1, 0, 4, 0, MTO_KEYS_SPOKEN},
    {"a fresh set, no renewing thread", 0, 1, 1, 4, 0, MTO_KEYS_SPOKEN},
    {"a fresh set, nobody may wait", 0, 1, 0, 0, 0, MTO_KEYS_SPOKEN},
    {"a set nearly a cooldown old", COOLDOWN - APR_USEC_PER_SEC, 1, 0, 4, COOLDOWN, MTO_KEYS_SPOKEN},
    {"a set from the future", -APR_USEC_PER_SEC * 3600, 1, 0, 4, 0, MTO_KEYS_SPOKEN},
    {"a newer set", 0, 0, 0, 4, 0, MTO_KEYS_NEWER},
    {"a newer set, no renewing thread", 0, 0, 1, 4, 0, MTO_KEYS_NEWER},
    {"a newer set, nobody may wait", 0, 0, 0, 0, 0, MTO_KEYS_NEWER},
    {"a newer set that is not fresh", COOLDOWN * 2, 0, 0, 4, 0, MTO_KEYS_NEWER},
    {"a newer set that is stale, no renewing thread", MAX_STALE * 2, 0, 1, 4, 0, MTO_KEYS_NONE},
    {"a newer set that is stale, not cooled down", MAX_STALE * 2, 0, 0, 4, 0, MTO_KEYS_NONE},
    {"a set a cooldown old, no renewing thread", COOLDOWN, 1, 1, 4, -1, MTO_KEYS_NONE},
    {"a set a cooldown old, nobody may wait", COOLDOWN, 1, 0, 0, -1, MTO_KEYS_NONE},
    {"a set a cooldown old, a failed attempt since", COOLDOWN, 1, 0, 4, 0, MTO_KEYS_NONE},
    {"no set, no renewing thread", -1, 0, 1, 4, -1, MTO_KEYS_NONE},
    {"no set, nobody may wait", -1, 0, 0, 0, -1, MTO_KEYS_NONE},
    {"no set, a failed attempt just now", -1, 0, 0, 4, 0, MTO_KEYS_NONE},
};

static void request_is_told_at_once(const void *data)
{
    const told_t *row = data;
    mto_keyset_t *set = NULL, *old = new_set("old");
    fixture_t     fixture;

    create_remote(&fixture);
    if (row->alone) {
        fixture.store->wake = NULL;
    }
    if (row->last >= 0) {
        atomic_store(&fixture.store->own.last_attempt, apr_time_now() - row->last);
        atomic_store(&fixture.store->own.next_attempt, apr_time_now() + apr_time_from_sec(3600));
    }
    if (row->ago != -1) {
        set = put(&fixture, new_set("a"), row->ago);
    }
    assert_int_equal(
        ask_quickly(&fixture, row->holds ? set : old, row->most, row->answer == MTO_KEYS_NEWER ? set : NULL),
        row->answer);
    assert_int_equal(
        ask_quickly(&fixture, row->holds ? set : NULL, row->most, row->answer == MTO_KEYS_NEWER ? set : NULL),
        row->answer);
    /* Who waits wakes; so does the first who may not wait, for the sake of those who come later. */
    assert_int_equal(atomic_load(&fixture.woken), row->most == 0 && row->answer == MTO_KEYS_NONE);
    mto_keyset_release(old);
    destroy(&fixture);
}

static void local_source_has_spoken(const void *unused)
{
    const char      *json = support_jwks(support_jwk(support_key(MTO_KEY_ED25519, 0), "a", NULL), NULL);
    mto_key_source_t source = {.issuer = ISSUER, .settings = mto_source_settings_default()};
    mto_keyset_t    *keys;
    fixture_t        fixture;

    (void)unused;
    source.jwks_file = support_path("jwks");
    support_write(source.jwks_file, json, strlen(json));
    create(&fixture, source);
    assert_int_equal(ask_quickly(&fixture, NULL, 4, NULL), MTO_KEYS_SPOKEN);
    keys = mto_keystore_keys(fixture.store, APR_INT64_MAX); /* files do not get stale */
    assert_non_null(keys);
    assert_int_equal(mto_keyset_count(keys), 1);
    assert_int_equal(ask_quickly(&fixture, keys, 4, NULL), MTO_KEYS_SPOKEN);
    mto_keyset_release(keys);
    destroy(&fixture);
}

static void broken_local_source_is_named(const void *unused)
{
    mto_key_source_t source = {.issuer = ISSUER, .settings = mto_source_settings_default()};
    const char      *error = NULL;
    apr_pool_t      *pool;

    (void)unused;
    source.jwks_file = support_path("missing");
    assert_int_equal(apr_pool_create(&pool, NULL), APR_SUCCESS);
    assert_null(mto_keystore_create(&source, NULL, NULL, &error, pool));
    assert_non_null(error);
    assert_memory_equal(error, "MTLSOAuthJWKSFile ", 18);
    assert_non_null(strstr(error, source.jwks_file));
    apr_pool_destroy(pool);
}

/* --- Waiting ------------------------------------------------------------------------------------------------ */

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

    create_remote(&fixture);
    begin(&request, &fixture, NULL, 1);
    wait_for_waiting(&fixture, 1);
    mto_keystore_tell(fixture.store);
    finish(&request, MTO_KEYS_NONE, NULL);
    destroy(&fixture);
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

    create_remote(&fixture);
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
    destroy(&fixture);
    assert_nobody_waits();
}

/* The limit is of the process: those who wait for another source count. */
static void more_than_most_are_told_at_once(const void *unused)
{
    request_t requests[3];
    fixture_t fixture, other;
    int       i;

    (void)unused;
    create_remote(&fixture);
    create_remote(&other);
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
    destroy(&fixture);
    destroy(&other);
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
        create_remote(&fixtures[i]);
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
    destroy(&fixtures[0]);
    destroy(&fixtures[1]);
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
    create_remote(&fixture);
    fixture.store->shared = &lease;
    assert_ptr_equal(mto_keystore_lease(fixture.store), &lease);
    assert_int_equal(ask_quickly(&fixture, NULL, 4, NULL), MTO_KEYS_NONE);
    atomic_store(&lease.fetching_until, apr_time_now() + apr_time_from_sec(10));
    begin(&request, &fixture, NULL, 4);
    wait_for_waiting(&fixture, 1);
    finish(&request, MTO_KEYS_NEWER, put(&fixture, new_set("a"), 0));
    atomic_store(&lease.unwritten, 1);
    assert_ptr_equal(mto_keystore_lease(fixture.store), &fixture.store->own);
    destroy(&fixture);
}

static void wait_ends(const void *unused)
{
    apr_time_t    began = apr_time_now();
    mto_keyset_t *newer;
    fixture_t     fixture;
    request_t     request;

    (void)unused;
    create_remote(&fixture);
    begin(&request, &fixture, NULL, 4);
    assert_int_equal(mto_keystore_ask(fixture.store, NULL, 4, &newer), MTO_KEYS_NONE);
    assert_null(newer);
    assert_in_range(apr_time_now() - began, MTO_KEYSTORE_WAIT - APR_USEC_PER_SEC / 20,
                    MTO_KEYSTORE_WAIT + APR_USEC_PER_SEC * 2);
    finish(&request, MTO_KEYS_NONE, NULL);
    destroy(&fixture);
    assert_nobody_waits();
}

/* --- What is given out -------------------------------------------------------------------------------------- */

typedef struct {
    const char         *name;
    apr_interval_time_t ago;
    int                 given;
} age_t;

static const age_t ages[] = {
    {"just fetched", 0, 1},
    {"as old as may be", MAX_STALE, 1},
    {"a microsecond too old", MAX_STALE + 1, 0},
    {"far too old", 100 * MAX_STALE, 0},
    {"from a microsecond ahead", -1, 1},
    {"from far ahead", -100 * MAX_STALE, 1},
};

static void stale_set_is_not_given_out(const void *data)
{
    const age_t          *row = data;
    mto_issuer_metadata_t none = {NULL, NULL, NULL};
    mto_keyset_t         *set = new_set("a"), *keys;
    fixture_t             fixture;

    create_remote(&fixture);
    assert_null(mto_keystore_keys(fixture.store, NOW));
    mto_keystore_put(fixture.store, set, NOW - row->ago, &none);
    keys = mto_keystore_keys(fixture.store, NOW);
    assert_ptr_equal(keys, row->given ? set : NULL);
    mto_keyset_release(keys);
    destroy(&fixture);
}

/* A request may keep a set that was replaced, and one whose store is gone. */
static void references_are_the_requests_own(const void *unused)
{
    mto_keyset_t *kept[10];
    fixture_t     fixture;
    int           i;

    (void)unused;
    create_remote(&fixture);
    for (i = 0; i < 10; i++) {
        (void)put(&fixture, new_set(support_text("%d", i)), 0);
        kept[i] = mto_keystore_keys(fixture.store, apr_time_now());
    }
    destroy(&fixture);
    for (i = 0; i < 10; i++) {
        assert_string_equal(mto_keyset_at(kept[i], 0)->kid, support_text("%d", i)); /* AddressSanitizer watches */
        mto_keyset_release(kept[i]);
    }
}

static void metadata_is_taken_over(const void *unused)
{
    mto_issuer_metadata_t metadata;
    fixture_t             fixture;
    int                   i;

    (void)unused;
    create_remote(&fixture);
    for (i = 0; i < 3; i++) {
        metadata = (mto_issuer_metadata_t){strdup(URL), strdup("https://as.example/i"), NULL};
        mto_keystore_put(fixture.store, new_set("a"), NOW, &metadata);
        assert_null(metadata.jwks_uri);
        assert_null(metadata.introspection_endpoint);
        assert_string_equal(fixture.store->metadata.introspection_endpoint, "https://as.example/i");
    }
    (void)put(&fixture, NULL, 0); /* no set at all any more */
    assert_null(mto_keystore_keys(fixture.store, NOW));
    assert_null(fixture.store->metadata.jwks_uri);
    destroy(&fixture);
}

int main(void)
{
    support_table("DESIGN section 7, told at once", request_is_told_at_once, TABLE(tolds));
    support_case("DESIGN section 7, told at once: keys of files", local_source_has_spoken);
    support_case("files that cannot be read are named", broken_local_source_is_named);
    support_table("DESIGN section 7, what ends a wait", waiting_requests_are_released, TABLE(waits));
    support_case("DESIGN section 4, at most so many wait", more_than_most_are_told_at_once);
    support_case("DESIGN section 4, at most so many wait: of two sources at once", limit_holds_in_the_same_instant);
    support_case("an attempt of another process is waited for", attempt_of_another_process_is_waited_for);
    support_case("DESIGN section 4, a wait ends after 2 seconds", wait_ends);
    support_table("DESIGN section 4, MTLSOAuthJWKSMaxStale", stale_set_is_not_given_out, TABLE(ages));
    support_case("references are the request's own", references_are_the_requests_own);
    support_case("metadata is taken over", metadata_is_taken_over);
    return support_run("keystore");
}
