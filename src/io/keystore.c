#include "io/keystore_private.h"
#include "io/waiting.h"

#include <apr_strings.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static apr_status_t keystore_end(void *data)
{
    mto_keystore_t *store = data;

    mto_outgoing_files_clear(&store->outgoing);
    mto_keyset_release(store->keys);
    mto_issuer_metadata_clear(&store->metadata);
    (void)pthread_cond_destroy(&store->changed);
    (void)pthread_mutex_destroy(&store->lock);
    return APR_SUCCESS;
}

mto_keystore_t *mto_keystore_create(const mto_key_source_t *source, mto_keyset_skipped_fn *skipped, void *baton,
                                    const char **error, apr_pool_t *pool)
{
    mto_keystore_t    *store = apr_pcalloc(pool, sizeof *store);
    pthread_condattr_t attributes;

    store->source = source;
    (void)pthread_mutex_init(&store->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* a wait must not depend on who sets the clock */
    (void)pthread_cond_init(&store->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    apr_pool_cleanup_register(pool, store, keystore_end, apr_pool_cleanup_null);
    if (!mto_key_source_is_local(source)) {
        *error = mto_outgoing_files_read(&store->outgoing, &source->settings, pool);
        return *error == NULL ? store : NULL;
    }
    store->files = mto_key_source_files(source, pool);
    store->keys = mto_key_source_load(source, store->files, skipped, baton, error, pool);
    return store->keys != NULL ? store : NULL;
}

const mto_key_source_t *mto_keystore_source(const mto_keystore_t *store)
{
    return store->source;
}

mto_lease_t *mto_keystore_lease(mto_keystore_t *store)
{
    return store->shared != NULL && atomic_load(&store->shared->unwritten) == 0 ? store->shared : &store->own;
}

mto_pace_t mto_keystore_pace(const mto_keystore_t *store)
{
    mto_pace_t pace = {store->source->settings.refresh, store->source->settings.cooldown};

    return pace;
}

/* A set from after now was fetched before the clock went back: as good as new. */
static int is_stale(const mto_keystore_t *store, apr_time_t now)
{
    return !mto_key_source_is_local(store->source) && now - store->fetched > store->source->settings.max_stale;
}

mto_keyset_t *mto_keystore_keys(mto_keystore_t *store, apr_time_t now)
{
    mto_keyset_t *keys = NULL;

    (void)pthread_mutex_lock(&store->lock);
    if (store->keys != NULL && !is_stale(store, now)) {
        keys = mto_keyset_retain(store->keys);
    }
    (void)pthread_mutex_unlock(&store->lock);
    return keys;
}

void mto_keystore_report(mto_keystore_t *store, apr_time_t now, mto_keys_report_t *report)
{
    const mto_lease_t *lease;

    memset(report, 0, sizeof *report);
    report->is_local = mto_key_source_is_local(store->source);
    report->keys = mto_keystore_keys(store, now);
    (void)pthread_mutex_lock(&store->lock);
    report->fetched = store->fetched;
    lease = mto_keystore_lease(store);
    (void)pthread_mutex_unlock(&store->lock);
    report->is_alone = lease == &store->own;
    report->is_fetching = atomic_load(&lease->fetching_until) > now;
    report->next_attempt = atomic_load(&lease->next_attempt);
    report->failures = atomic_load(&lease->failures);
    report->went_well = atomic_load(&lease->went_well);
    report->went_wrong = atomic_load(&lease->went_wrong);
    report->went_well_at = atomic_load(&lease->went_well_at);
    report->went_wrong_at = atomic_load(&lease->went_wrong_at);
    mto_shared_text_get(&lease->error, report->error);
}

void mto_keystore_put(mto_keystore_t *store, mto_keyset_t *keys, apr_time_t fetched, mto_issuer_metadata_t *metadata)
{
    mto_issuer_metadata_t old_metadata;
    mto_keyset_t         *old;

    (void)pthread_mutex_lock(&store->lock);
    old = store->keys;
    old_metadata = store->metadata;
    store->keys = keys;
    store->fetched = fetched;
    store->metadata = *metadata;
    memset(metadata, 0, sizeof *metadata); /* transferred */
    store->ended++;
    atomic_store(&store->in_need, 0);
    (void)pthread_cond_broadcast(&store->changed);
    (void)pthread_mutex_unlock(&store->lock);
    mto_keyset_release(old);
    mto_issuer_metadata_clear(&old_metadata);
}

void mto_keystore_tell(mto_keystore_t *store)
{
    (void)pthread_mutex_lock(&store->lock);
    store->ended++;
    atomic_store(&store->in_need, 0);
    (void)pthread_cond_broadcast(&store->changed);
    (void)pthread_mutex_unlock(&store->lock);
}

static struct timespec end_of_wait(void)
{
    struct timespec end;

    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += apr_time_sec(MTO_KEYSTORE_WAIT);
    return end;
}

/* Whether the set in force is another than keys; then *newer is it. Under the lock. */
static int take_newer(mto_keystore_t *store, const mto_keyset_t *keys, apr_time_t now, mto_keyset_t **newer)
{
    if (store->keys == NULL || store->keys == keys || is_stale(store, now)) {
        return 0;
    }
    *newer = mto_keyset_retain(store->keys);
    return 1;
}

/* Whether the issuer has spoken less than a cooldown ago. What it will say in a while it said before the clock was set
 * back. Under the lock. */
static int has_spoken(const mto_keystore_t *store, apr_time_t now)
{
    apr_interval_time_t cooldown = store->source->settings.cooldown, age = now - store->fetched;

    return store->keys != NULL && age < cooldown && age > -cooldown;
}

mto_keys_t mto_keystore_ask(mto_keystore_t *store, const mto_keyset_t *keys, unsigned most, mto_keyset_t **newer)
{
    mto_pace_t      pace = mto_keystore_pace(store);
    apr_time_t      now = apr_time_now();
    struct timespec end = end_of_wait();
    mto_keys_t      answer = MTO_KEYS_NONE;
    uint64_t        ended;
    int             status = 0, has_place = 0;

    *newer = NULL;
    if (mto_key_source_is_local(store->source)) {
        return MTO_KEYS_SPOKEN;
    }
    (void)pthread_mutex_lock(&store->lock);
    ended = store->ended;
    while (!take_newer(store, keys, now, newer)) {
        if (has_spoken(store, now)) {
            answer = MTO_KEYS_SPOKEN;
            break;
        }
        /* One attempt that ends brings keys or it does not; who came while none may begin is told at once. */
        if (status == ETIMEDOUT || store->ended != ended || store->wake == NULL
            || !mto_lease_may_bring(mto_keystore_lease(store), &pace, now, now + MTO_KEYSTORE_WAIT)) {
            break;
        }
        has_place = has_place || mto_waiting_enter(most);
        /* Under the lock, so that nobody wakes what mto_renewal_destroy has ended. Without a place too the attempt is
         * made, for those who come later. */
        if (!atomic_exchange(&store->in_need, 1) || has_place) {
            store->wake(store->wake_baton);
        }
        if (!has_place) {
            break;
        }
        status = pthread_cond_timedwait(&store->changed, &store->lock, &end);
        now = apr_time_now();
    }
    (void)pthread_mutex_unlock(&store->lock);
    if (has_place) {
        mto_waiting_leave();
    }
    return *newer != NULL ? MTO_KEYS_NEWER : answer;
}

int mto_keystore_introspection_endpoint(mto_keystore_t *store, int with_certificate, char *out, size_t size)
{
    const mto_issuer_metadata_t *metadata = &store->metadata;
    const char                  *url;
    int                          fits;

    (void)pthread_mutex_lock(&store->lock);
    url = with_certificate && metadata->mtls_introspection_endpoint != NULL ? metadata->mtls_introspection_endpoint
                                                                            : metadata->introspection_endpoint;
    fits = url != NULL && strlen(url) < size;
    if (fits) {
        memcpy(out, url, strlen(url) + 1);
    }
    (void)pthread_mutex_unlock(&store->lock);
    return fits;
}
