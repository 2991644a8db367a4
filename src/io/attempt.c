#include "core/issuer_metadata.h"
#include "io/renewal_private.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_SIZE 2048

/* One attempt to renew the keys of a store. */
typedef struct mto_attempt_t {
    mto_renewal_t  *renewal;
    mto_keystore_t *store;
    mto_lease_t    *lease; /* the one it holds */
    int             may_try_openid;
    char            url[URL_SIZE]; /* being fetched */
    mto_state_t     state;         /* what has come so far */
} mto_attempt_t;

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
    char error[MTO_SHARED_TEXT_SIZE];

    (void)snprintf(error, sizeof error, "%s: %s", what, why); /* without the URL, which may be long */
    mto_lease_note(attempt->lease, error, apr_time_now());
    mto_renewal_say(attempt->renewal, attempt->store, MTO_SAYS_WARNING, "%s %s: %s%s", what, attempt->url, why,
                    attempt->store->keys != NULL ? "; the last good set stays in force" : "; there are none");
    end_attempt(attempt, 0);
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
        mto_renewal_say(
            renewal, store, MTO_SAYS_WARNING,
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
    keys = mto_renewal_read_set(attempt->renewal, store, &attempt->state, mto_renewal_say_skipped, &reason);
    if (keys == NULL) {
        fail(attempt, "the key set", reason);
        return;
    }
    mto_renewal_say(attempt->renewal, store, MTO_SAYS_INFO, "%zu from %s", mto_keyset_count(keys), attempt->url);
    share(attempt);
    mto_keystore_put(store, keys, attempt->state.fetched, &attempt->state.metadata);
    mto_lease_note(attempt->lease, NULL, attempt->state.fetched);
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

void mto_attempt_start(mto_renewal_t *renewal, mto_keystore_t *store, mto_lease_t *lease)
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
        mto_renewal_say(renewal, store, MTO_SAYS_ERROR, "%s: %s; what it held before stays in use", file, reason);
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

void mto_attempt_abandon(mto_attempt_t *attempt)
{
    mto_lease_abandon(attempt->lease);
    mto_state_clear(&attempt->state);
    attempt->store->attempt = NULL;
    free(attempt);
}
