#include "core/token_cache.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* Parts with a lock each. A lock is held for well under a microsecond, so these do for any number of threads; a small
 * cache has fewer, since each part is bounded on its own. */
#define SHARDS_MOST     16
#define SHARD_ENTRIES   64
#define SHARD_BYTES_MIN ((size_t)32 * 1024)

/* Entries under the hand that are searched for one that has ended, before one in use may have to go. */
#define LOOK_AHEAD 16

/* No slot. */
#define NONE UINT32_MAX

typedef struct {
    mto_token_key_t key;
    mto_token_t    *token; /* NULL: the slot is free */
    apr_time_t      end;   /* when the token ends */
    size_t          size;
    uint32_t        next; /* slot in the chain of a bucket or, of a free slot, of the free ones */
    int             seen; /* asked for since the hand passed */
} slot_t;

typedef struct {
    alignas(64) pthread_mutex_t lock; /* guards all that follows */
    slot_t   *slots;
    uint32_t *buckets; /* first slot of each chain */
    uint32_t  mask;    /* buckets - 1 */
    uint32_t  capacity, touched, free, hand;
    size_t    bytes, bytes_most;
    size_t    entries;
    uint64_t  hits, misses, evictions;
} shard_t;

struct mto_token_cache_t {
    EVP_MD  *sha256; /* fetched once: a fetch costs more than the hash */
    size_t   shard_count;
    shard_t *shards;
};

/* --- Making ------------------------------------------------------------------------------------------------------- */

static int shard_init(shard_t *shard, size_t entries)
{
    size_t buckets = 1, i;

    while (buckets < entries) {
        buckets *= 2;
    }
    shard->slots = calloc(entries, sizeof *shard->slots);
    shard->buckets = malloc(buckets * sizeof *shard->buckets);
    if (shard->slots == NULL || shard->buckets == NULL || pthread_mutex_init(&shard->lock, NULL) != 0) {
        free(shard->slots);
        free(shard->buckets);
        return 0;
    }
    for (i = 0; i < buckets; i++) {
        shard->buckets[i] = NONE;
    }
    shard->mask = (uint32_t)(buckets - 1);
    shard->capacity = (uint32_t)entries;
    shard->free = NONE;
    shard->bytes_most = entries * MTO_TOKEN_CACHE_BYTES;
    if (shard->bytes_most < SHARD_BYTES_MIN) {
        shard->bytes_most = SHARD_BYTES_MIN;
    }
    return 1;
}

mto_token_cache_t *mto_token_cache_create(size_t entries)
{
    mto_token_cache_t *cache = calloc(1, sizeof *cache);
    size_t             count = 1, i;

    if (cache == NULL) {
        return NULL;
    }
    while (count < SHARDS_MOST && entries / (count * 2) >= SHARD_ENTRIES) {
        count *= 2;
    }
    cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    cache->shards = aligned_alloc(alignof(shard_t), count * sizeof *cache->shards);
    if (cache->sha256 == NULL || cache->shards == NULL) {
        mto_token_cache_destroy(cache);
        ERR_clear_error();
        return NULL;
    }
    memset(cache->shards, 0, count * sizeof *cache->shards);
    for (i = 0; i < count; i++) {
        if (!shard_init(&cache->shards[i], entries / count + (i < entries % count))) {
            mto_token_cache_destroy(cache);
            return NULL;
        }
        cache->shard_count++;
    }
    return cache;
}

void mto_token_cache_destroy(mto_token_cache_t *cache)
{
    size_t i, j;

    if (cache == NULL) {
        return;
    }
    for (i = 0; i < cache->shard_count; i++) {
        shard_t *shard = &cache->shards[i];

        for (j = 0; j < shard->touched; j++) {
            mto_token_release(shard->slots[j].token);
        }
        (void)pthread_mutex_destroy(&shard->lock);
        free(shard->slots);
        free(shard->buckets);
    }
    free(cache->shards);
    EVP_MD_free(cache->sha256);
    free(cache);
}

/* --- Finding ------------------------------------------------------------------------------------------------------ */

int mto_token_cache_key(const mto_token_cache_t *cache, const void *server, const char *text, size_t length,
                        mto_token_key_t *key)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int         ok;

    ok = context != NULL && EVP_DigestInit_ex2(context, cache->sha256, NULL) == 1
         && EVP_DigestUpdate(context, &server, sizeof server) == 1 && EVP_DigestUpdate(context, text, length) == 1
         && EVP_DigestFinal_ex(context, key->hash, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (!ok) {
        ERR_clear_error();
    }
    return ok;
}

/* The hash is as good as random everywhere: its first octets choose the shard, others the bucket. */
static shard_t *shard_of(const mto_token_cache_t *cache, const mto_token_key_t *key)
{
    return &cache->shards[key->hash[0] % cache->shard_count];
}

static uint32_t *bucket_of(const shard_t *shard, const mto_token_key_t *key)
{
    uint32_t number;

    memcpy(&number, key->hash + 4, sizeof number);
    return &shard->buckets[number & shard->mask];
}

/* The slot of a key, or NONE. All 32 bytes count: equal beginnings are no equal tokens. */
static uint32_t find(const shard_t *shard, const mto_token_key_t *key)
{
    uint32_t at = *bucket_of(shard, key);

    while (at != NONE && memcmp(shard->slots[at].key.hash, key->hash, sizeof key->hash) != 0) {
        at = shard->slots[at].next;
    }
    return at;
}

mto_token_t *mto_token_cache_get(mto_token_cache_t *cache, const mto_token_key_t *key)
{
    shard_t     *shard = shard_of(cache, key);
    mto_token_t *token = NULL;
    uint32_t     at;

    (void)pthread_mutex_lock(&shard->lock);
    at = find(shard, key);
    if (at != NONE) {
        shard->slots[at].seen = 1;
        token = mto_token_retain(shard->slots[at].token);
        shard->hits++;
    }
    else {
        shard->misses++;
    }
    (void)pthread_mutex_unlock(&shard->lock);
    return token;
}

/* --- Holding ------------------------------------------------------------------------------------------------------ */

/* Which entry gives way: one that has ended, if one is near, else the next that was not asked for in a round. */
static uint32_t choose_victim(shard_t *shard, apr_time_t now)
{
    uint32_t at, i;

    for (i = 0; i < LOOK_AHEAD && i < shard->touched; i++) {
        at = (shard->hand + i) % shard->touched;
        if (shard->slots[at].token != NULL && shard->slots[at].end <= now) {
            return at;
        }
    }
    for (;;) {
        slot_t *slot;

        at = shard->hand;
        slot = &shard->slots[at];
        shard->hand = (shard->hand + 1) % shard->touched;
        if (slot->token != NULL && !slot->seen) {
            return at;
        }
        slot->seen = 0;
    }
}

/* Empties a slot; what it held is the caller's to release. */
static mto_token_t *take_out(shard_t *shard, uint32_t at)
{
    slot_t      *slot = &shard->slots[at];
    uint32_t    *link = bucket_of(shard, &slot->key);
    mto_token_t *token = slot->token;

    while (*link != at) {
        link = &shard->slots[*link].next;
    }
    *link = slot->next;
    slot->token = NULL;
    slot->next = shard->free;
    shard->free = at;
    shard->bytes -= slot->size;
    shard->entries--;
    return token;
}

static void put_in(shard_t *shard, const mto_token_key_t *key, mto_token_t *token)
{
    uint32_t at = shard->free, *bucket = bucket_of(shard, key);
    slot_t  *slot;

    if (at != NONE) {
        shard->free = shard->slots[at].next;
    }
    else {
        at = shard->touched++;
    }
    slot = &shard->slots[at];
    slot->key = *key;
    slot->token = mto_token_retain(token);
    slot->end = mto_token_end(token);
    slot->size = mto_token_size(token);
    slot->seen = 0; /* a token has to come twice to outlive a round: many that come once displace no one */
    slot->next = *bucket;
    *bucket = at;
    shard->bytes += slot->size;
    shard->entries++;
}

/* One step towards holding a token: returns what had to give way, and says whether it is held now. */
static mto_token_t *put_step(shard_t *shard, const mto_token_key_t *key, mto_token_t *token, apr_time_t now, int *held)
{
    uint32_t at = find(shard, key);

    *held = 0;
    if (at != NONE) {
        return take_out(shard, at);
    }
    if (shard->bytes + mto_token_size(token) > shard->bytes_most || shard->entries == shard->capacity) {
        shard->evictions++;
        return take_out(shard, choose_victim(shard, now));
    }
    put_in(shard, key, token);
    *held = 1;
    return NULL;
}

void mto_token_cache_put(mto_token_cache_t *cache, const mto_token_key_t *key, mto_token_t *token, apr_time_t now)
{
    shard_t *shard = shard_of(cache, key);
    int      held = mto_token_end(token) <= now || mto_token_size(token) > shard->bytes_most;

    while (!held) {
        mto_token_t *gone;

        (void)pthread_mutex_lock(&shard->lock);
        gone = put_step(shard, key, token, now, &held);
        (void)pthread_mutex_unlock(&shard->lock);
        mto_token_release(gone); /* freeing a token takes longer than all that is done under the lock */
    }
}

void mto_token_cache_count(mto_token_cache_t *cache, mto_token_cache_counts_t *counts)
{
    size_t i;

    memset(counts, 0, sizeof *counts);
    for (i = 0; i < cache->shard_count; i++) {
        shard_t *shard = &cache->shards[i];

        (void)pthread_mutex_lock(&shard->lock);
        counts->hits += shard->hits;
        counts->misses += shard->misses;
        counts->evictions += shard->evictions;
        counts->entries += shard->entries;
        counts->bytes += shard->bytes;
        (void)pthread_mutex_unlock(&shard->lock);
    }
}
