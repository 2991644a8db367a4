/* Proven tokens of this process, so that one that was seen before is neither parsed nor verified again. It remembers
 * what a token is, never that it was admitted: mto_token_admit decides at every request. */
#ifndef MTO_TOKEN_CACHE_H
#define MTO_TOKEN_CACHE_H

#include "core/token.h"

#include <apr_time.h>
#include <stddef.h>
#include <stdint.h>

/* Entries that one cache may be made for. */
#define MTO_TOKEN_CACHE_ENTRIES_MOST 1000000

/* Bytes that tokens may take, on average over the entries that a cache was made for: an ordinary token takes half of
 * it, and one of 16 KiB that is all small members a hundred times as much. */
#define MTO_TOKEN_CACHE_BYTES 4096

typedef struct mto_token_cache_t mto_token_cache_t;

/* What a token is found by: the SHA-256 of the server's identity and the whole token, signature included. */
typedef struct {
    unsigned char hash[32];
} mto_token_key_t;

/* What has happened so far, and what is held. */
typedef struct {
    uint64_t hits, misses, evictions;
    size_t   entries, bytes;
} mto_token_cache_counts_t;

/* A cache for that many entries, 1 to MTO_TOKEN_CACHE_ENTRIES_MOST, and MTO_TOKEN_CACHE_BYTES for each; NULL when out
 * of memory. Its memory is touched as it fills. */
mto_token_cache_t *mto_token_cache_create(size_t entries);

/* Releases what is held. No other thread may use the cache any more. NULL is allowed. */
void mto_token_cache_destroy(mto_token_cache_t *cache);

/* Makes the key of text[0..length) at a server, whose address tells it from others. Returns 0 when it cannot be made;
 * the token is then neither looked up nor put. Thread-safe, as are the following. */
int mto_token_cache_key(const mto_token_cache_t *cache, const void *server, const char *text, size_t length,
                        mto_token_key_t *key);

/* The proven token of a key, a new reference; NULL: not held. It may have ended, its key may be gone: admit tells. */
mto_token_t *mto_token_cache_get(mto_token_cache_t *cache, const mto_token_key_t *key);

/* Holds a token, in place of what was held under its key; takes a reference of its own. Others give way where entries
 * or bytes run out: first those that have ended by now, then those that were not asked for since the last round
 * (CLOCK). A token that has ended, or is too large for its share of the cache, is not held. */
void mto_token_cache_put(mto_token_cache_t *cache, const mto_token_key_t *key, mto_token_t *token, apr_time_t now);

void mto_token_cache_count(mto_token_cache_t *cache, mto_token_cache_counts_t *counts);

#endif
