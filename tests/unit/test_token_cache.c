/* token_cache: what is found by which key, what gives way, how much is held, under threads too (DESIGN section 2, step
 * 2 of "One request"; THREATS, "cache poisoning").
 */
#include "support.h"
#include "threads.h"

#include "core/token_cache.h"

#include <stdlib.h>
#include <string.h>

/* Two servers, told apart by their addresses. */
static const char servers[2];

/* A proven token that expires after so many seconds, to be released; claims follow, with a comma before each. */
static mto_token_t *proven(int seconds, const char *claims)
{
    EVP_PKEY         *key = support_key(MTO_KEY_ED25519, 0);
    static const char start[] = "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"alice\"";
    const char       *text =
        support_token("EdDSA", key, "k", support_text("%s,\"exp\":%d%s}", start, NOW_SECONDS + seconds, claims));
    static mto_keyset_t *keys;
    static mto_policy_t *policy;
    mto_presented_t     *presented;
    mto_token_t         *token;
    mto_verdict_t        why = MTO_VERDICT_INIT;

    if (keys == NULL) {
        keys = support_keyset(support_jwk(key, "k", NULL), NULL);
        policy = support_policy();
    }
    support_assert_refusal(mto_presented_read(&presented, text, strlen(text), &why), MTO_ADMITTED, &why);
    support_assert_refusal(mto_token_prove(&token, presented, keys, policy, &why), MTO_ADMITTED, &why);
    mto_presented_free(presented);
    return token;
}

static mto_token_t *numbered(int number, int seconds)
{
    return proven(seconds, support_text(",\"jti\":\"%d\"", number));
}

static mto_token_key_t key_of(mto_token_cache_t *cache, int number)
{
    const char     *text = support_text("token %d", number);
    mto_token_key_t key;

    assert_true(mto_token_cache_key(cache, &servers[0], text, strlen(text), &key));
    return key;
}

static void put(mto_token_cache_t *cache, int number, int seconds)
{
    mto_token_key_t key = key_of(cache, number);
    mto_token_t    *token = numbered(number, seconds);

    mto_token_cache_put(cache, &key, token, NOW);
    mto_token_release(token);
}

/* Whether that number is held; it must then be the token that was put. */
static int holds(mto_token_cache_t *cache, int number)
{
    mto_token_key_t key = key_of(cache, number);
    mto_token_t    *token = mto_token_cache_get(cache, &key);
    int             found = token != NULL;

    if (found) {
        assert_int_equal(atoi(mto_token_texts(token)->jti), number);
    }
    mto_token_release(token);
    return found;
}

static mto_token_cache_counts_t counts_of(mto_token_cache_t *cache)
{
    mto_token_cache_counts_t counts;

    mto_token_cache_count(cache, &counts);
    return counts;
}

/* --- Keys --------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    int         server;
    const char *text;
    int         same; /* as "header.payload.signature" at server 0 */
} key_row_t;

static const key_row_t key_rows[] = {
    {"the same token at the same server", 0, "header.payload.signature", 1},
    {"another server", 1, "header.payload.signature", 0},
    {"another last character", 0, "header.payload.signaturf", 0},
    {"another first character", 0, "geader.payload.signature", 0},
    {"a character less", 0, "header.payload.signatur", 0},
    {"a character more", 0, "header.payload.signature-", 0},
    {"nothing", 0, "", 0},
};

static void key_is_of_the_whole_token_and_the_server(const void *data)
{
    const key_row_t   *row = data;
    mto_token_cache_t *cache = mto_token_cache_create(16);
    mto_token_key_t    held, asked;
    mto_token_t       *token = numbered(1, 60), *found;

    assert_true(mto_token_cache_key(cache, &servers[0], "header.payload.signature", 24, &held));
    assert_true(mto_token_cache_key(cache, &servers[row->server], row->text, strlen(row->text), &asked));
    mto_token_cache_put(cache, &held, token, NOW);
    found = mto_token_cache_get(cache, &asked);
    assert_ptr_equal(found, row->same ? token : NULL);
    mto_token_release(found);
    mto_token_release(token);
    mto_token_cache_destroy(cache);
}

/* Keys that share all that chooses shard and bucket, and more, are still two. */
static void key_counts_to_its_last_byte(const void *unused)
{
    mto_token_cache_t *cache = mto_token_cache_create(1000);
    mto_token_key_t    key = key_of(cache, 1);
    mto_token_t       *token = numbered(1, 60);
    size_t             i;

    (void)unused;
    mto_token_cache_put(cache, &key, token, NOW);
    for (i = 0; i < sizeof key.hash; i++) {
        mto_token_key_t other = key;

        other.hash[i] ^= 0x80;
        assert_null(mto_token_cache_get(cache, &other));
    }
    mto_token_release(token);
    mto_token_cache_destroy(cache);
}

/* --- What is held ------------------------------------------------------------------------------------------- */

static void last_put_is_held(const void *unused)
{
    mto_token_cache_t *cache = mto_token_cache_create(4);
    mto_token_key_t    key = key_of(cache, 1);
    mto_token_t       *first = numbered(1, 60), *second = numbered(1, 90), *found;

    (void)unused;
    mto_token_cache_put(cache, &key, first, NOW);
    mto_token_cache_put(cache, &key, second, NOW);
    found = mto_token_cache_get(cache, &key);
    assert_ptr_equal(found, second);
    assert_int_equal(counts_of(cache).entries, 1);
    assert_int_equal(counts_of(cache).bytes, mto_token_size(second));
    assert_int_equal(counts_of(cache).evictions, 0);
    mto_token_release(first);
    mto_token_release(second);
    mto_token_cache_destroy(cache);
    /* A reference outlives the cache. */
    assert_string_equal(mto_token_user(found), "alice");
    mto_token_release(found);
}

typedef struct {
    const char *name;
    int         seconds; /* from now to exp */
    int         held;
} end_row_t;

/* The policy's skew is 30 s: until then admit may still admit. */
static const end_row_t end_rows[] = {
    {"an hour to come", 3600, 1}, {"just over", -1, 1}, {"within the skew", -29, 1},
    {"at its end", -30, 0},       {"ended", -31, 0},    {"ended long ago", -1000000, 0},
};

static void ended_token_is_not_held(const void *data)
{
    const end_row_t   *row = data;
    mto_token_cache_t *cache = mto_token_cache_create(4);

    put(cache, 1, row->seconds);
    assert_int_equal(holds(cache, 1), row->held);
    mto_token_cache_destroy(cache);
}

/* --- What gives way ----------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    size_t      entries;
} size_row_t;

static const size_row_t sizes[] = {{"1 entry", 1},       {"2 entries", 2},     {"63 entries", 63},
                                   {"128 entries", 128}, {"129 entries", 129}, {"1000 entries", 1000}};

static void entries_are_bounded(const void *data)
{
    const size_row_t        *row = data;
    mto_token_cache_t       *cache = mto_token_cache_create(row->entries);
    mto_token_cache_counts_t counts;
    int                      i, total = 3 * (int)row->entries, held = 0;

    for (i = 0; i < total; i++) {
        put(cache, i, 60);
        assert_true(holds(cache, i));
        assert_true(counts_of(cache).entries <= row->entries);
    }
    for (i = 0; i < total; i++) {
        held += holds(cache, i);
    }
    counts = counts_of(cache);
    assert_int_equal(held, row->entries);
    assert_int_equal(counts.entries, row->entries);
    assert_int_equal(counts.evictions, total - held);
    assert_int_equal(counts.hits, total + held);
    assert_int_equal(counts.misses, total - held);
    mto_token_cache_destroy(cache);
}

static void asked_for_outlives_not_asked_for(const void *unused)
{
    mto_token_cache_t *cache = mto_token_cache_create(8);
    int                i;

    (void)unused;
    for (i = 0; i < 8; i++) {
        put(cache, i, 60);
    }
    for (i = 0; i < 8; i += 2) {
        assert_true(holds(cache, i));
    }
    for (i = 8; i < 12; i++) {
        put(cache, i, 60);
    }
    for (i = 0; i < 12; i++) {
        assert_int_equal(holds(cache, i), i >= 8 || i % 2 == 0);
    }
    mto_token_cache_destroy(cache);
}

/* Many that come once displace at most each other and what nobody asks for. */
static void flood_spares_what_is_used(const void *unused)
{
    mto_token_cache_t *cache = mto_token_cache_create(8);
    int                i;

    (void)unused;
    put(cache, 0, 60);
    for (i = 1; i < 100; i++) {
        assert_true(holds(cache, 0));
        put(cache, i, 60);
    }
    assert_true(holds(cache, 0));
    mto_token_cache_destroy(cache);
}

static void ended_gives_way_first(const void *unused)
{
    mto_token_cache_t *cache = mto_token_cache_create(8);
    mto_token_key_t    key = key_of(cache, 100);
    mto_token_t       *token = numbered(100, 7200);
    int                i;

    (void)unused;
    for (i = 0; i < 8; i++) {
        put(cache, i, i == 5 ? 60 : 3600);
    }
    for (i = 0; i < 8; i++) {
        assert_true(i != 5 || holds(cache, i));
    }
    mto_token_cache_put(cache, &key, token, NOW + apr_time_from_sec(91));
    for (i = 0; i < 8; i++) {
        assert_int_equal(holds(cache, i), i != 5);
    }
    mto_token_release(token);
    mto_token_cache_destroy(cache);
}

/* --- Bytes -------------------------------------------------------------------------------------------------- */

static const char *many_members(int count)
{
    char *text = apr_palloc(support_pool(), (size_t)count * 12 + 1), *to = text;
    int   i;

    *to = '\0';
    for (i = 0; i < count; i++) {
        to += sprintf(to, ",\"%x\":0", 0x1000 + i);
    }
    return text;
}

static void bytes_are_bounded(const void *unused)
{
    mto_token_cache_t       *cache = mto_token_cache_create(100);
    size_t                   most = 100 * (size_t)MTO_TOKEN_CACHE_BYTES;
    const char              *members = many_members(200);
    mto_token_cache_counts_t counts;
    int                      i;

    (void)unused;
    for (i = 0; i < 100; i++) {
        mto_token_key_t key = key_of(cache, i);
        mto_token_t    *token = proven(60, support_text(",\"jti\":\"%d\"%s", i, members));

        assert_true(mto_token_size(token) > 5 * MTO_TOKEN_CACHE_BYTES);
        mto_token_cache_put(cache, &key, token, NOW);
        mto_token_release(token);
        counts = counts_of(cache);
        assert_true(counts.bytes <= most);
        assert_true(holds(cache, i));
    }
    assert_true(counts.entries < 20);
    for (i = 100; i < 200; i++) {
        put(cache, i, 60);
    }
    counts = counts_of(cache);
    assert_true(counts.entries > 80);
    assert_true(counts.bytes <= most);
    mto_token_cache_destroy(cache);
}

static void token_larger_than_its_share_is_not_held(const void *unused)
{
    mto_token_cache_t *cache = mto_token_cache_create(1);
    mto_token_key_t    key = key_of(cache, 2);
    mto_token_t       *token = proven(60, many_members(1000)), *found;

    (void)unused;
    put(cache, 1, 60);
    mto_token_cache_put(cache, &key, token, NOW);
    found = mto_token_cache_get(cache, &key);
    assert_null(found);
    assert_true(holds(cache, 1));
    mto_token_release(token);
    mto_token_cache_destroy(cache);
}

/* What jansson asks for while it reads each kind of claims, as the claims lie in memory without a region. */
static size_t allocated;

static void *count_malloc(size_t size)
{
    allocated += size;
    return malloc(size);
}

typedef struct {
    const char *name;
    const char *claims;
} claims_row_t;

static const claims_row_t claims_rows[] = {
    {"few claims", ""},
    {"a long text", ",\"t\":\"0123456789012345678901234567890123456789012345678901234567890123456789\""},
    {"a list", ",\"l\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\"]"},
    {"objects", ",\"o\":{\"a\":{\"b\":{\"c\":{}}},\"d\":[{},{},{}]}"},
    {"numbers", ",\"n\":[1,2,3,4.5,6.7,true,false,null]"},
    {"many members", ",\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":10,\"k\":11"},
};

static void size_is_about_what_is_allocated(const void *data)
{
    const claims_row_t *row = data;
    mto_token_t        *token = proven(60, row->claims);
    char               *text = json_dumps(mto_token_claims(token)->root, JSON_COMPACT);
    json_malloc_t       malloc_before;
    json_free_t         free_before;

    allocated = 0;
    json_get_alloc_funcs(&malloc_before, &free_before);
    json_set_alloc_funcs(count_malloc, free);
    json_decref(json_loads(text, 0, NULL));
    json_set_alloc_funcs(malloc_before, free_before);
    free(text);
    /* what is filled in the last piece, and what lies beside the claims */
    assert_in_range(mto_token_size(token), allocated, allocated + 2000);
    mto_token_release(token);
}

/* --- Threads ------------------------------------------------------------------------------------------------ */

#define THREADS 8
#define TOKENS  48
#define ROUNDS  4000

typedef struct {
    mto_token_cache_t *cache;
    mto_token_key_t    keys[TOKENS];
    mto_token_t       *tokens[TOKENS];
} shared_t;

/* Looks for tokens and puts those that are not there, as requests do; returns how many were not what was asked for. */
static int work(void *data, int thread)
{
    shared_t *shared = data;
    unsigned  at = (unsigned)thread;
    int       i, mistakes = 0;

    for (i = 0; i < ROUNDS; i++) {
        unsigned     number = (at = at * 1103515245 + 12345) >> 16;
        mto_token_t *found;

        number %= TOKENS;
        found = mto_token_cache_get(shared->cache, &shared->keys[number]);
        if (found == NULL) {
            mto_token_cache_put(shared->cache, &shared->keys[number], shared->tokens[number],
                                NOW + apr_time_from_sec(i % 100));
        }
        else {
            mistakes += atoi(mto_token_texts(found)->jti) != (int)number;
        }
        mto_token_release(found);
    }
    return mistakes;
}

static void threads_share_a_cache(const void *data)
{
    const size_row_t        *row = data;
    mto_token_cache_counts_t counts;
    shared_t                 shared;
    int                      i;

    shared.cache = mto_token_cache_create(row->entries);
    for (i = 0; i < TOKENS; i++) {
        shared.keys[i] = key_of(shared.cache, i);
        shared.tokens[i] = numbered(i, i % 5 == 0 ? 10 : 3600);
    }
    threads_run(THREADS, work, &shared);
    counts = counts_of(shared.cache);
    assert_int_equal(counts.hits + counts.misses, THREADS * ROUNDS);
    assert_true(counts.entries <= row->entries);
    for (i = 0; i < TOKENS; i++) {
        mto_token_release(shared.tokens[i]);
    }
    mto_token_cache_destroy(shared.cache);
}

static const size_row_t thread_sizes[] = {{"a part that is full", 8}, {"room for all", 4096}};

int main(void)
{
    support_table("THREATS, cache poisoning: the key", key_is_of_the_whole_token_and_the_server, TABLE(key_rows));
    support_case("THREATS, equal prefixes of a hash", key_counts_to_its_last_byte);
    support_case("the last put is held", last_put_is_held);
    support_table("THREATS, cache beyond exp", ended_token_is_not_held, TABLE(end_rows));
    support_table("DESIGN section 2, bounded in entries", entries_are_bounded, TABLE(sizes));
    support_case("CLOCK: asked for outlives not asked for", asked_for_outlives_not_asked_for);
    support_case("CLOCK: a flood spares what is used", flood_spares_what_is_used);
    support_case("what has ended gives way first", ended_gives_way_first);
    support_case("DESIGN section 2, bounded in bytes", bytes_are_bounded);
    support_case("a token larger than its share", token_larger_than_its_share_is_not_held);
    support_table("the size of a token", size_is_about_what_is_allocated, TABLE(claims_rows));
    support_table("THREATS, threads share a cache", threads_share_a_cache, TABLE(thread_sizes));
    return support_run("token_cache");
}
