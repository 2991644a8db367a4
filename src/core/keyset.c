#include "core/keyset.h"

#include "core/json.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct mto_keyset {
    atomic_uint references;
    uint64_t    serial;
    size_t      count;
    mto_key_t  *keys;    /* sealed: ordered by kid */
    uint16_t   *by_hash; /* sealed: numbers of keys, ordered by thumbprint */
};

mto_keyset_t *mto_keyset_create(void)
{
    mto_keyset_t *set = calloc(1, sizeof *set);

    if (set != NULL) {
        atomic_init(&set->references, 1);
    }
    return set;
}

mto_keyset_t *mto_keyset_retain(mto_keyset_t *set)
{
    if (set != NULL) {
        atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    }
    return set;
}

void mto_keyset_release(mto_keyset_t *set)
{
    size_t i;

    if (set == NULL || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (i = 0; i < set->count; i++) {
        mto_key_clear(&set->keys[i]);
    }
    free(set->keys);
    free(set->by_hash);
    free(set);
}

/* Keys without a kid come first; stable order among equals is the document's. */
static int compare_kids(const char *a, const char *b)
{
    if (a == NULL || b == NULL) {
        return (a != NULL) - (b != NULL);
    }
    return strcmp(a, b);
}

static int compare_hashes(const mto_keyset_t *set, size_t a, size_t b)
{
    return memcmp(set->keys[a].thumbprint, set->keys[b].thumbprint, MTO_THUMBPRINT_SIZE);
}

void mto_keyset_seal(mto_keyset_t *set)
{
    static atomic_uint_fast64_t last_serial;
    size_t                      i, j;

    /* Insertion sort: at most MTO_KEYSET_KEYS, once per load, and it keeps the document's order among equals. */
    for (i = 1; i < set->count; i++) {
        mto_key_t key = set->keys[i];
        for (j = i; j > 0 && compare_kids(set->keys[j - 1].kid, key.kid) > 0; j--) {
            set->keys[j] = set->keys[j - 1];
        }
        set->keys[j] = key;
    }
    for (i = 0; i < set->count; i++) {
        for (j = i; j > 0 && compare_hashes(set, set->by_hash[j - 1], i) > 0; j--) {
            set->by_hash[j] = set->by_hash[j - 1];
        }
        set->by_hash[j] = (uint16_t)i;
    }
    set->serial = atomic_fetch_add(&last_serial, 1) + 1;
}

size_t mto_keyset_count(const mto_keyset_t *set)
{
    return set->count;
}

const mto_key_t *mto_keyset_at(const mto_keyset_t *set, size_t i)
{
    return &set->keys[i];
}

uint64_t mto_keyset_serial(const mto_keyset_t *set)
{
    return set->serial;
}

static const mto_key_t *key_by_hash(const mto_keyset_t *set, size_t i)
{
    return &set->keys[set->by_hash[i]];
}

/* Index of the first key whose kid is not less than kid. */
static size_t lower_bound(const mto_keyset_t *set, const char *kid)
{
    size_t low = 0, high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_kids(set->keys[middle].kid, kid) < 0) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return low;
}

const mto_key_t *mto_keyset_find_kid(const mto_keyset_t *set, const char *kid, size_t *count)
{
    size_t first = lower_bound(set, kid), end = first;

    while (end < set->count && compare_kids(set->keys[end].kid, kid) == 0) {
        end++;
    }
    *count = end - first;
    return *count > 0 ? &set->keys[first] : NULL;
}

const mto_key_t *mto_keyset_next(const mto_keyset_t *set, const unsigned char thumbprint[MTO_THUMBPRINT_SIZE],
                                 size_t *position)
{
    size_t low = 0, high = set->count;

    while (*position == 0 && low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(key_by_hash(set, middle)->thumbprint, thumbprint, MTO_THUMBPRINT_SIZE) < 0) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    low += *position;
    if (low == set->count || memcmp(key_by_hash(set, low)->thumbprint, thumbprint, MTO_THUMBPRINT_SIZE) != 0) {
        return NULL;
    }
    *position = low + 1;
    return key_by_hash(set, low);
}

int mto_keyset_holds(const mto_keyset_t *set, const unsigned char thumbprint[MTO_THUMBPRINT_SIZE],
                     const mto_algorithm_t *algorithm)
{
    const mto_key_t *key;
    size_t           position = 0;

    while ((key = mto_keyset_next(set, thumbprint, &position)) != NULL) {
        if (mto_key_fits(key, algorithm)) {
            return 1;
        }
    }
    return 0;
}

static const char *set_append(mto_keyset_t *set, const mto_key_t *key)
{
    mto_key_t *keys;
    uint16_t  *by_hash;

    if (set->count == MTO_KEYSET_KEYS) {
        return "more than 1000 keys";
    }
    keys = realloc(set->keys, (set->count + 1) * sizeof *keys);
    if (keys == NULL) {
        return "out of memory";
    }
    set->keys = keys;
    by_hash = realloc(set->by_hash, (set->count + 1) * sizeof *by_hash);
    if (by_hash == NULL) {
        return "out of memory";
    }
    set->by_hash = by_hash;
    keys[set->count++] = *key;
    return NULL;
}

/* Drops the keys that were added after the first `count`. */
static void set_truncate(mto_keyset_t *set, size_t count)
{
    while (set->count > count) {
        mto_key_clear(&set->keys[--set->count]);
    }
}

const char *mto_keyset_add_jwks(mto_keyset_t *set, const char *json, size_t length, mto_jwk_mode_t mode,
                                mto_keyset_skipped_fn *skipped, void *baton)
{
    size_t        position, before = set->count;
    const char   *refused = NULL;
    const json_t *keys, *jwk;
    json_t       *document;

    if (length > MTO_KEYSET_BYTES) {
        return "larger than 1 MiB";
    }
    document = mto_json_read_object(json, length, &refused);
    if (document == NULL) {
        return refused;
    }
    keys = json_object_get(document, "keys");
    if (!json_is_array(keys)) {
        refused = "no array \"keys\"";
    }
    else if (json_array_size(keys) > MTO_KEYSET_KEYS) {
        refused = "more than 1000 keys";
    }
    json_array_foreach(keys, position, jwk)
    {
        mto_key_t   key = {0};
        int         harmless;
        const char *reason;

        if (refused != NULL) {
            break;
        }
        errno = 0;
        reason = mto_key_read_jwk(&key, jwk, mode, &harmless);
        if (reason == NULL) {
            refused = set_append(set, &key);
        }
        else if (errno == ENOMEM) {
            refused = "out of memory"; /* nothing is known against the key */
        }
        else if (skipped != NULL) {
            skipped(baton, position, mto_json_string(jwk, "kid"), reason, harmless);
        }
        if (reason != NULL || refused != NULL) {
            mto_key_clear(&key);
        }
    }
    if (refused != NULL) {
        set_truncate(set, before);
    }
    json_decref(document);
    return refused;
}

const char *mto_keyset_add_pem(mto_keyset_t *set, const char *pem, size_t length, const char *kid,
                               const mto_algorithm_t *algorithm)
{
    mto_key_t   key = {0};
    const char *reason = "larger than 1 MiB";

    if (length <= MTO_KEYSET_BYTES) {
        reason = mto_key_read_pem(&key, pem, length, kid, algorithm);
    }
    if (reason == NULL) {
        reason = set_append(set, &key);
    }
    if (reason != NULL) {
        mto_key_clear(&key);
    }
    return reason;
}
