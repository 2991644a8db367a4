/* keystore: what a request that asks for keys is told at once, and what is too old to be given out (DESIGN section 7).
 * The renewing thread is played by the test. */
#include "stores.h"

#include <string.h>

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
    {"a set that was fetched in a moment", -APR_USEC_PER_SEC, 1, 0, 4, 0, MTO_KEYS_SPOKEN},
    {"a set from the future, a failed attempt since", -APR_USEC_PER_SEC * 3600, 1, 0, 4, 0, MTO_KEYS_NONE},
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

    store_create_remote(&fixture);
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
    store_destroy(&fixture);
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
    store_create(&fixture, source);
    assert_int_equal(ask_quickly(&fixture, NULL, 4, NULL), MTO_KEYS_SPOKEN);
    keys = mto_keystore_keys(fixture.store, APR_INT64_MAX); /* files do not get stale */
    assert_non_null(keys);
    assert_int_equal(mto_keyset_count(keys), 1);
    assert_int_equal(ask_quickly(&fixture, keys, 4, NULL), MTO_KEYS_SPOKEN);
    mto_keyset_release(keys);
    store_destroy(&fixture);
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

    store_create_remote(&fixture);
    assert_null(mto_keystore_keys(fixture.store, NOW));
    mto_keystore_put(fixture.store, set, NOW - row->ago, &none);
    keys = mto_keystore_keys(fixture.store, NOW);
    assert_ptr_equal(keys, row->given ? set : NULL);
    mto_keyset_release(keys);
    store_destroy(&fixture);
}

/* A request may keep a set that was replaced, and one whose store is gone. */
static void references_are_the_requests_own(const void *unused)
{
    mto_keyset_t *kept[10];
    fixture_t     fixture;
    int           i;

    (void)unused;
    store_create_remote(&fixture);
    for (i = 0; i < 10; i++) {
        (void)put(&fixture, new_set(support_text("%d", i)), 0);
        kept[i] = mto_keystore_keys(fixture.store, apr_time_now());
    }
    store_destroy(&fixture);
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
    store_create_remote(&fixture);
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
    store_destroy(&fixture);
}

int main(void)
{
    support_table("DESIGN section 7, told at once", request_is_told_at_once, TABLE(tolds));
    support_case("DESIGN section 7, told at once: keys of files", local_source_has_spoken);
    support_case("files that cannot be read are named", broken_local_source_is_named);
    support_table("DESIGN section 4, MTLSOAuthJWKSMaxStale", stale_set_is_not_given_out, TABLE(ages));
    support_case("references are the request's own", references_are_the_requests_own);
    support_case("metadata is taken over", metadata_is_taken_over);
    return support_run("keystore");
}
