#include "io/renewal.h"

#include "core/issuer_metadata.h"
#include "io/fetch.h"
#include "io/keystore_private.h"

#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a step waits when nobody is in need, and when somebody is. */
#define IDLE_WAIT apr_time_from_sec(1)
#define BUSY_WAIT (APR_USEC_PER_SEC / 20)

/* An attempt makes at most this many exchanges: metadata, its OpenID form, key set. */
#define EXCHANGES 3

#define URL_SIZE 2048

struct mto_renewal_t {
    const apr_array_header_t *stores;
    const mto_state_place_t  *place;
    mto_says_fn              *say;
    void                     *baton;
    mto_fetcher_t            *fetcher;
    apr_time_t                files_looked_at;
};

/* One attempt to renew the keys of a store. */
typedef struct mto_attempt_t {
    mto_renewal_t  *renewal;
    mto_keystore_t *store;
    mto_lease_t    *lease; /* the one it holds */
    int             may_try_openid;
    char            url[URL_SIZE]; /* being fetched */
    mto_state_t     state;         /* what has come so far */
} mto_attempt_t;

static void say(mto_renewal_t *renewal, const mto_keystore_t *store, mto_says_t grave, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(mto_renewal_t *renewal, const mto_keystore_t *store, mto_says_t grave, const char *format, ...)
{
    char    text[1024];
    va_list arguments;
    int     used = snprintf(text, sizeof text, "keys of %s: ", store->source->issuer);

    if (used < 0 || used >= (int)sizeof text) {
        used = 0;
    }
    va_start(arguments, format);
    (void)vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    va_end(arguments);
    renewal->say(renewal->baton, grave, text);
}

/* --- The end of an attempt ---------------------------------------------------------------------------------------- */

static void end_attempt(mto_attempt_t *attempt, int well)
{
    mto_pace_t pace = mto_keystore_pace(attempt->store);
    uint32_t   random = 0;

    (void)RAND_bytes((unsigned char *)&random, sizeof random);
    mto_lease_end(attempt->lease, &pace, well, apr_time_now(), random);
    if (attempt->lease == attempt->store->shared) {
        attempt->store->shared_ended = atomic_load(&attempt->lease->ended); /* known here: no news in follow_others */
    }
    attempt->store->attempt = NULL;
    if (!well) {
        mto_keystore_tell(attempt->store);
    }
    mto_state_clear(&attempt->state);
    free(attempt);
}

static void fail(mto_attempt_t *attempt, const char *what, const char *why)
{
    say(attempt->renewal, attempt->store, MTO_SAYS_WARNING, "%s %s: %s%s", what, attempt->url, why,
        attempt->store->keys != NULL ? "; the last good set stays in force" : "; there are none");
    end_attempt(attempt, 0);
}

typedef struct {
    mto_renewal_t        *renewal;
    const mto_keystore_t *store;
} skipping_t;

static void say_skipped(void *baton, size_t position, const char *kid, const char *reason, int harmless)
{
    skipping_t *skipping = baton;

    if (!harmless) {
        say(skipping->renewal, skipping->store, MTO_SAYS_WARNING, "key %zu (kid %.60s) is left out: %s", position,
            kid != NULL ? kid : "none", reason);
    }
}

/* Turns a document into a set, or into the one in force when it is the same again. NULL with *reason: it will not do.
 */
static mto_keyset_t *read_set(mto_renewal_t *renewal, mto_keystore_t *store, const mto_state_t *state,
                              mto_keyset_skipped_fn *skipped, const char **reason)
{
    skipping_t    skipping = {renewal, store};
    unsigned char hash[sizeof store->jwks_hash];
    mto_keyset_t *keys;

    if (EVP_Digest(state->jwks, state->jwks_size, hash, NULL, EVP_sha256(), NULL) != 1) {
        *reason = "out of memory";
        return NULL;
    }
    if (store->keys != NULL && memcmp(hash, store->jwks_hash, sizeof hash) == 0) {
        return mto_keyset_retain(store->keys);
    }
    keys = mto_keyset_create();
    *reason = keys == NULL
                  ? "out of memory"
                  : mto_keyset_add_jwks(keys, state->jwks, state->jwks_size, MTO_JWK_PUBLIC, skipped, &skipping);
    if (*reason == NULL && mto_keyset_count(keys) == 0) {
        *reason = "no usable key in it";
    }
    if (*reason != NULL) {
        mto_keyset_release(keys);
        return NULL;
    }
    mto_keyset_seal(keys);
    memcpy(store->jwks_hash, hash, sizeof hash);
    return keys;
}

/* Writes the set for the other processes and the next start. Where that fails each process fetches for itself, and the
 * first that can write again calls the others back. */
static void share(mto_attempt_t *attempt)
{
    mto_renewal_t  *renewal = attempt->renewal;
    mto_keystore_t *store = attempt->store;
    const char     *reason;

    if (renewal->place->directory == NULL) {
        return;
    }
    reason = mto_state_write(renewal->place, store->source, &attempt->state);
    if (reason != NULL && !store->unwritable) {
        say(renewal, store, MTO_SAYS_WARNING,
            "MTLSOAuthStateDir %s cannot be written: %s; until then each process fetches for itself, and a restart "
            "starts "
            "without keys",
            renewal->place->directory, reason);
    }
    store->unwritable = reason != NULL;
    if (store->shared == NULL) {
        return;
    }
    atomic_store(&store->shared->unwritten, (uint32_t)store->unwritable);
    if (!store->unwritable) {
        store->generation = atomic_fetch_add(&store->shared->generation, 1) + 1;
    }
}

static void take_set(mto_attempt_t *attempt, const mto_fetched_t *fetched)
{
    mto_keystore_t *store = attempt->store;
    const char     *reason;
    mto_keyset_t   *keys;

    attempt->state.fetched = apr_time_now();
    attempt->state.jwks = malloc(fetched->size + 1);
    if (attempt->state.jwks == NULL) {
        fail(attempt, "the key set", "out of memory");
        return;
    }
    memcpy(attempt->state.jwks, fetched->body, fetched->size + 1);
    attempt->state.jwks_size = fetched->size;
    keys = read_set(attempt->renewal, store, &attempt->state, say_skipped, &reason);
    if (keys == NULL) {
        fail(attempt, "the key set", reason);
        return;
    }
    say(attempt->renewal, store, MTO_SAYS_INFO, "%zu from %s", mto_keyset_count(keys), attempt->url);
    share(attempt);
    mto_keystore_put(store, keys, attempt->state.fetched, &attempt->state.metadata);
    end_attempt(attempt, 1);
}

/* --- The exchanges of an attempt ---------------------------------------------------------------------------------- */

static mto_fetched_fn took_metadata, took_set;

/* Goes out for attempt->url with what the files said last; one that changed is read again first. */
static void go_out(mto_attempt_t *attempt, size_t cap, mto_fetched_fn *done)
{
    mto_keystore_t *store = attempt->store;
    mto_outgoing_t  outgoing = mto_outgoing_of(&store->outgoing, &store->source->settings);
    const char     *refused = mto_fetch_refused_url(attempt->url);

    if (refused != NULL) {
        fail(attempt, "URL", refused);
    }
    else if (!mto_fetcher_get(attempt->renewal->fetcher, attempt->url, &outgoing, cap, done, attempt)) {
        fail(attempt, "URL", "cannot be fetched");
    }
}

/* Why an exchange brought nothing; NULL: it brought a document. */
static const char *fault_of(const mto_fetched_t *fetched, char status[32])
{
    if (fetched->error != NULL) {
        return fetched->error;
    }
    (void)snprintf(status, 32, "HTTP status %ld", fetched->status);
    return fetched->status == 200 ? NULL : status;
}

static void took_set(void *baton, const mto_fetched_t *fetched)
{
    mto_attempt_t *attempt = baton;
    char           status[32];
    const char    *fault = fault_of(fetched, status);

    if (fault != NULL) {
        fail(attempt, "the key set", fault);
        return;
    }
    take_set(attempt, fetched);
}

static void go_for_set(mto_attempt_t *attempt, const char *url)
{
    if (snprintf(attempt->url, sizeof attempt->url, "%s", url) >= (int)sizeof attempt->url) {
        fail(attempt, "jwks_uri", "too long");
        return;
    }
    go_out(attempt, MTO_KEYSET_BYTES, took_set);
}

static void took_metadata(void *baton, const mto_fetched_t *fetched)
{
    mto_attempt_t *attempt = baton;
    char           status[32];
    const char    *fault = fault_of(fetched, status);

    if (fetched->error == NULL && (fetched->status == 404 || fetched->status == 410) && attempt->may_try_openid) {
        attempt->may_try_openid = 0;
        if (mto_issuer_metadata_openid_url(attempt->url, sizeof attempt->url, attempt->store->source->issuer)) {
            go_out(attempt, MTO_ISSUER_METADATA_BYTES, took_metadata);
            return;
        }
    }
    if (fault == NULL) {
        fault = mto_issuer_metadata_read(&attempt->state.metadata, fetched->body, fetched->size,
                                         attempt->store->source->issuer);
    }
    if (fault != NULL) {
        fail(attempt, "metadata", fault);
        return;
    }
    go_for_set(attempt, attempt->state.metadata.jwks_uri);
}

static void start_attempt(mto_renewal_t *renewal, mto_keystore_t *store, mto_lease_t *lease)
{
    const mto_key_source_t *source = store->source;
    mto_attempt_t          *attempt = calloc(1, sizeof *attempt);
    const char             *file, *reason;
    int                     fits;

    if (attempt == NULL) {
        mto_lease_abandon(lease);
        return;
    }
    attempt->renewal = renewal;
    attempt->store = store;
    attempt->lease = lease;
    store->attempt = attempt;
    reason = mto_outgoing_files_reread(&store->outgoing, &file);
    if (reason != NULL) {
        say(renewal, store, MTO_SAYS_ERROR, "%s: %s; what it held before stays in use", file, reason);
    }
    if (source->jwks_uri != NULL) {
        go_for_set(attempt, source->jwks_uri);
        return;
    }
    if (source->metadata_uri != NULL) {
        fits = snprintf(attempt->url, sizeof attempt->url, "%s", source->metadata_uri) < (int)sizeof attempt->url;
    }
    else {
        attempt->may_try_openid = 1;
        fits = mto_issuer_metadata_url(attempt->url, sizeof attempt->url, source->issuer);
    }
    if (!fits) {
        fail(attempt, "metadata", "the URL is too long");
        return;
    }
    go_out(attempt, MTO_ISSUER_METADATA_BYTES, took_metadata);
}

/* --- What other processes and editors did ------------------------------------------------------------------------- */

/* Of all processes one says what is wrong with a state file, once a generation. */
static int is_first_to_complain(mto_keystore_t *store)
{
    uint64_t mark = store->generation + 1;

    return store->shared == NULL || atomic_exchange(&store->shared->complained, mark) != mark;
}

static void adopt(mto_renewal_t *renewal, mto_keystore_t *store)
{
    mto_state_t   state;
    mto_keyset_t *keys = NULL;
    int           missing;
    const char   *reason = mto_state_read(&state, renewal->place, store->source, apr_time_now(), &missing);

    if (reason == NULL && state.fetched > store->fetched) {
        keys = read_set(renewal, store, &state, NULL, &reason); /* who fetched it has said what is left out */
    }
    if (keys != NULL) {
        mto_keystore_put(store, keys, state.fetched, &state.metadata);
    }
    else if (reason != NULL && !missing && is_first_to_complain(store)) {
        say(renewal, store, MTO_SAYS_WARNING, "the state file in %s is ignored: %s", renewal->place->directory, reason);
    }
    mto_state_clear(&state);
}

static void follow_others(mto_renewal_t *renewal, mto_keystore_t *store)
{
    uint64_t generation, ended;

    if (store->shared == NULL) {
        return;
    }
    /* In this order: who ends an attempt raises the generation first. */
    ended = atomic_load(&store->shared->ended);
    generation = atomic_load(&store->shared->generation);
    if (generation != store->generation) {
        store->generation = generation;
        adopt(renewal, store);
    }
    if (ended != store->shared_ended) {
        store->shared_ended = ended;
        mto_keystore_tell(store);
    }
}

/* Reads the files of a local source again when they changed. */
static void watch_files(mto_renewal_t *renewal, mto_keystore_t *store)
{
    mto_issuer_metadata_t none = {NULL, NULL, NULL};
    skipping_t            skipping = {renewal, store};
    const char           *error;
    apr_pool_t           *pool;
    mto_keyset_t         *keys;
    int                   i, changed = 0;

    for (i = 0; i < store->files->nelts; i++) {
        changed |= mto_watched_file_has_changed(&APR_ARRAY_IDX(store->files, i, mto_watched_file_t));
    }
    if (!changed || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return;
    }
    keys = mto_key_source_load(store->source, store->files, say_skipped, &skipping, &error, pool);
    if (keys != NULL) {
        say(renewal, store, MTO_SAYS_INFO, "%zu read again from files", mto_keyset_count(keys));
        mto_keystore_put(store, keys, 0, &none);
    }
    else {
        say(renewal, store, MTO_SAYS_ERROR, "%s; the last good set stays in force", error);
    }
    apr_pool_destroy(pool);
}

static void watch_all_files(mto_renewal_t *renewal)
{
    int i;

    for (i = 0; i < renewal->stores->nelts; i++) {
        mto_keystore_t *store = APR_ARRAY_IDX(renewal->stores, i, mto_keystore_t *);

        if (mto_key_source_is_local(store->source)) {
            watch_files(renewal, store);
        }
    }
}

void mto_renewal_watch(const apr_array_header_t *stores, mto_says_fn *say_fn, void *baton)
{
    mto_renewal_t renewal = {.stores = stores, .say = say_fn, .baton = baton};

    watch_all_files(&renewal);
}

/* --- All stores --------------------------------------------------------------------------------------------------- */

static void wake(void *renewal)
{
    mto_renewal_wake(renewal);
}

mto_renewal_t *mto_renewal_create(const apr_array_header_t *stores, const apr_array_header_t *leases,
                                  const mto_state_place_t *place, mto_says_fn *say_fn, void *baton, apr_pool_t *pool)
{
    mto_renewal_t *renewal = apr_pcalloc(pool, sizeof *renewal);
    int            i;

    renewal->stores = stores;
    renewal->place = place;
    renewal->say = say_fn;
    renewal->baton = baton;
    renewal->fetcher = mto_fetcher_create();
    if (renewal->fetcher == NULL) {
        return NULL;
    }
    for (i = 0; i < stores->nelts; i++) {
        mto_keystore_t *store = APR_ARRAY_IDX(stores, i, mto_keystore_t *);

        if (mto_key_source_is_local(store->source)) {
            continue;
        }
        store->wake = wake;
        store->wake_baton = renewal;
        if (place->directory == NULL) {
            continue;
        }
        store->shared = leases != NULL ? APR_ARRAY_IDX(leases, i, mto_lease_t *) : NULL;
        if (store->shared != NULL) {
            store->shared_ended = atomic_load(&store->shared->ended);
            store->generation = atomic_load(&store->shared->generation);
        }
        adopt(renewal, store);
        /* Nothing to begin with, though others may have fetched an hour ago: then a fetch is due as soon as it may be.
         */
        atomic_store(&store->in_need, store->keys == NULL);
    }
    return renewal;
}

mto_fetcher_t *mto_renewal_fetcher(mto_renewal_t *renewal)
{
    return renewal->fetcher;
}

/* Returns how long this store has nothing to do. */
static apr_interval_time_t renew(mto_renewal_t *renewal, mto_keystore_t *store, apr_time_t now)
{
    mto_pace_t          pace = mto_keystore_pace(store);
    apr_interval_time_t duration = EXCHANGES * store->source->settings.timeout + apr_time_from_sec(2), due;
    mto_lease_t        *lease;

    follow_others(renewal, store);
    lease = mto_keystore_lease(store);
    if (store->attempt == NULL && mto_lease_take(lease, &pace, atomic_load(&store->in_need), now, duration)) {
        start_attempt(renewal, store, lease);
    }
    due = mto_lease_due_in(lease, now);
    return atomic_load(&store->in_need) || due < BUSY_WAIT ? BUSY_WAIT : due;
}

void mto_renewal_step(mto_renewal_t *renewal)
{
    apr_interval_time_t wait = IDLE_WAIT, idle;
    apr_time_t          now = apr_time_now();
    int                 i;

    if (now - renewal->files_looked_at >= IDLE_WAIT || now < renewal->files_looked_at) {
        renewal->files_looked_at = now;
        watch_all_files(renewal);
    }
    for (i = 0; i < renewal->stores->nelts; i++) {
        mto_keystore_t *store = APR_ARRAY_IDX(renewal->stores, i, mto_keystore_t *);

        if (!mto_key_source_is_local(store->source)) {
            idle = renew(renewal, store, now);
            wait = idle < wait ? idle : wait;
        }
    }
    mto_fetcher_run(renewal->fetcher, wait);
}

void mto_renewal_wake(mto_renewal_t *renewal)
{
    mto_fetcher_wake(renewal->fetcher);
}

void mto_renewal_destroy(mto_renewal_t *renewal)
{
    int i;

    for (i = 0; i < renewal->stores->nelts; i++) {
        mto_keystore_t *store = APR_ARRAY_IDX(renewal->stores, i, mto_keystore_t *);

        (void)pthread_mutex_lock(&store->lock);
        store->wake = NULL;
        (void)pthread_cond_broadcast(&store->changed);
        (void)pthread_mutex_unlock(&store->lock);
        if (store->attempt != NULL) {
            mto_lease_abandon(store->attempt->lease);
            mto_state_clear(&store->attempt->state);
            free(store->attempt);
            store->attempt = NULL;
        }
    }
    mto_fetcher_destroy(renewal->fetcher);
}
