/* A JWK Set, any bytes: a key that is taken is the key that its thumbprint names, is found again, and is none that
 * anybody knows the private part of. What is refused leaves nothing behind. */
#include "harness.h"

#include "core/json.h"
#include "core/keyset.h"

#include <string.h>

void fuzz_prepare(void)
{
}

/* One JWK by itself. Returns whether it is taken. */
static int check_jwk(const json_t *jwk)
{
    unsigned char thumbprint[MTO_THUMBPRINT_SIZE], again[MTO_THUMBPRINT_SIZE];
    int           harmless = 0, look_harmless = 0;
    mto_key_t     key;
    const char   *reason = mto_key_read_jwk(&key, jwk, MTO_JWK_PUBLIC, &harmless);
    const char   *look = mto_jwk_thumbprint(thumbprint, jwk, &look_harmless);

    if (reason == NULL) {
        const char *kid = mto_json_string(jwk, "kid");

        /* A JWK is hashed by what it says, and a key by what it is. */
        CHECK(look == NULL && memcmp(thumbprint, key.thumbprint, sizeof thumbprint) == 0);
        CHECK(mto_public_key_thumbprint(again, key.pkey) && memcmp(again, thumbprint, sizeof again) == 0);
        CHECK(kid == NULL ? key.kid == NULL : strcmp(kid, key.kid) == 0);
        CHECK(key.algorithm == NULL || mto_key_fits(&key, key.algorithm));
        CHECK(json_object_get(jwk, "d") == NULL && json_object_get(jwk, "k") == NULL);
        CHECK(key.kind != MTO_KEY_RSA || EVP_PKEY_get_bits(key.pkey) >= MTO_RSA_BITS_LEAST);
    }
    else {
        CHECK(look == NULL || harmless == look_harmless);
    }
    mto_key_clear(&key);
    return reason == NULL;
}

/* A mto_keyset_skipped_fn. */
static void count(void *baton, size_t position, const char *kid, const char *reason, int harmless)
{
    (void)position, (void)kid, (void)harmless;
    CHECK(reason != NULL);
    ++*(size_t *)baton;
}

static void check_set(const mto_keyset_t *set)
{
    size_t i, found;
    int    algorithm;

    for (i = 0; i < mto_keyset_count(set); i++) {
        const mto_key_t *key = mto_keyset_at(set, i), *first = mto_keyset_find_kid(set, key->kid, &found);

        CHECK(first != NULL && key >= first && key < first + found);
        for (algorithm = 0; algorithm < MTO_ALGORITHM_COUNT; algorithm++) {
            const mto_algorithm_t *row = mto_algorithm_at(algorithm);

            CHECK(!mto_key_fits(key, row) || mto_keyset_holds(set, key->thumbprint, row));
        }
    }
}

/* OpenSSL tries an RSA modulus with numbers by chance: one that has a small factor is found out now and not then. */
static size_t is_rsa(const json_t *jwk)
{
    const char *kty = mto_json_string(jwk, "kty");

    return kty != NULL && strcmp(kty, "RSA") == 0;
}

void fuzz_one(const char *data, size_t size)
{
    const char   *reason;
    json_t       *document = mto_json_read_object(data, size, &reason);
    const json_t *keys = json_object_get(document, "keys"), *jwk;
    mto_keyset_t *set = mto_keyset_create();
    size_t        i, taken = 0, skipped = 0, unsure = 0;
    const char   *refused = mto_keyset_add_jwks(set, data, size, MTO_JWK_PUBLIC, count, &skipped);

    CHECK((refused == NULL) == json_is_array(keys) || size > MTO_KEYSET_BYTES
          || json_array_size(keys) > MTO_KEYSET_KEYS);
    if (refused == NULL) {
        json_array_foreach(keys, i, jwk)
        {
            taken += (size_t)check_jwk(jwk);
            unsure += is_rsa(jwk);
        }
        CHECK(mto_keyset_count(set) + skipped == json_array_size(keys));
        CHECK(taken <= mto_keyset_count(set) + unsure && mto_keyset_count(set) <= taken + unsure);
    }
    else {
        CHECK(mto_keyset_count(set) == 0);
    }
    mto_keyset_seal(set);
    check_set(set);
    mto_keyset_release(set);
    json_decref(document);
}
