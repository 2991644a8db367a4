#include "io/renewal_private.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How long a step waits when nobody is in need, and when somebody is. */
#define IDLE_WAIT apr_time_from_sec(1)
#define BUSY_WAIT (APR_USEC_PER_SEC / 20)

/* --- What attempts and others have in common ---------------------------------------------------------------------- */

void mto_renewal_say(mto_renewal_t *renewal, const mto_keystore_t *store, mto_says_t grave, const char *format, ...)
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

void mto_renewal_say_skipped(void *baton, size_t position, const char *kid, const char *reason, int harmless)
{
    mto_skipping_t *skipping = baton;

    if (!harmless) {
        mto_renewal_say(skipping->renewal, skipping->store, MTO_SAYS_WARNING, "key %zu (kid %.60s) is left out: %s",
                        position, kid != NULL ? kid : "none", reason);
    }
}

mto_keyset_t *mto_renewal_read_set(mto_renewal_t *renewal, mto_keystore_t *store, const mto_state_t *state,
                                   mto_keyset_skipped_fn *skipped, const char **reason)
{
    mto_skipping_t skipping = {renewal, store};
    unsigned char  hash[sizeof store->jwks_hash];
    mto_keyset_t  *keys;

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
    apr_time_t    now = apr_time_now();
    const char   *reason = mto_state_read(&state, renewal->place, store->source, now, &missing);

    /* What we have may be of before the clock was set back. */
    if (reason == NULL && (state.fetched > store->fetched || store->fetched > now)) {
        /* Who fetched it has said what is left out. */
        keys = mto_renewal_read_set(renewal, store, &state, NULL, &reason);
    }
    if (keys != NULL) {
        mto_keystore_put(store, keys, state.fetched, &state.metadata);
    }
    else if (reason != NULL && !missing && is_first_to_complain(store)) {
        mto_renewal_say(renewal, store, MTO_SAYS_WARNING, "the state file in %s is ignored: %s",
                        renewal->place->directory, reason);
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
    mto_skipping_t        skipping = {renewal, store};
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
    keys = mto_key_source_load(store->source, store->files, mto_renewal_say_skipped, &skipping, &error, pool);
    if (keys != NULL) {
        mto_renewal_say(renewal, store, MTO_SAYS_INFO, "%zu read again from files", mto_keyset_count(keys));
        mto_keystore_put(store, keys, 0, &none);
        mto_lease_note(&store->own, NULL, apr_time_now());
    }
    else {
        mto_renewal_say(renewal, store, MTO_SAYS_ERROR, "%s; the last good set stays in force", error);
        mto_lease_note(&store->own, error, apr_time_now());
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
                                  const mto_state_place_t *place, mto_says_fn *say_fn, void *baton)
{
    mto_renewal_t *renewal = calloc(1, sizeof *renewal);
    int            i;

    if (renewal == NULL) {
        return NULL;
    }
    renewal->stores = stores;
    renewal->place = place;
    renewal->say = say_fn;
    renewal->baton = baton;
    renewal->fetcher = mto_fetcher_create();
    if (renewal->fetcher == NULL) {
        free(renewal);
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
    apr_interval_time_t duration = MTO_ATTEMPT_EXCHANGES * store->source->settings.timeout + apr_time_from_sec(2), due;
    mto_lease_t        *lease;

    follow_others(renewal, store);
    lease = mto_keystore_lease(store);
    if (store->attempt == NULL && mto_lease_take(lease, &pace, atomic_load(&store->in_need), now, duration)) {
        mto_attempt_start(renewal, store, lease);
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
            mto_attempt_abandon(store->attempt);
        }
    }
    mto_fetcher_destroy(renewal->fetcher);
    free(renewal);
}
