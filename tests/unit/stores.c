#include "stores.h"

#include <string.h>

void count_wake(void *baton)
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

void store_create(fixture_t *fixture, mto_key_source_t source)
{
    const char *error = NULL;

    memset(fixture, 0, sizeof *fixture);
    fixture->source = source;
    assert_int_equal(apr_pool_create(&fixture->pool, NULL), APR_SUCCESS);
    fixture->store = mto_keystore_create(&fixture->source, NULL, NULL, &error, fixture->pool);
    assert_null(error);
    assert_non_null(fixture->store);
}

void store_create_remote(fixture_t *fixture)
{
    store_create(fixture, remote_source());
    fixture->store->wake = count_wake;
    fixture->store->wake_baton = fixture;
}

void store_destroy(fixture_t *fixture)
{
    apr_pool_destroy(fixture->pool);
}

mto_keyset_t *new_set(const char *kid)
{
    const char   *json = support_jwks(support_jwk(support_key(MTO_KEY_ED25519, 0), kid, NULL), NULL);
    mto_keyset_t *set = mto_keyset_create();

    assert_null(mto_keyset_add_jwks(set, json, strlen(json), MTO_JWK_PUBLIC, NULL, NULL));
    mto_keyset_seal(set);
    return set;
}

mto_keyset_t *put(fixture_t *fixture, mto_keyset_t *set, apr_interval_time_t ago)
{
    mto_issuer_metadata_t none = {NULL, NULL, NULL};

    mto_keystore_put(fixture->store, set, apr_time_now() - ago, &none);
    return set;
}

mto_keys_t ask_quickly(fixture_t *fixture, const mto_keyset_t *keys, unsigned most, const mto_keyset_t *wanted)
{
    mto_keyset_t *newer = (void *)fixture; /* must be overwritten */
    apr_time_t    began = apr_time_now();
    mto_keys_t    answer = mto_keystore_ask(fixture->store, keys, most, &newer);

    assert_true(apr_time_now() - began < MTO_KEYSTORE_WAIT / 10);
    assert_ptr_equal(newer, wanted);
    mto_keyset_release(newer);
    return answer;
}
