/* A compact JWS and the key set that is to verify it: a line with the token, then the JWK Set. A JWS that is read has
 * one spelling; one that verifies does so by a key that fits, and with no other content; under keys of ours none
 * verifies. */
#include "harness.h"

#include "core/base64url.h"
#include "core/jws.h"
#include "core/token.h"

#include <string.h>

static const mto_keyset_t *own_keys;

void fuzz_prepare(void)
{
    own_keys = support_keyset(support_jwk(support_key(MTO_KEY_RSA, 0), NULL, NULL),
                              support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL),
                              support_jwk(support_key(MTO_KEY_ED25519, 0), NULL, NULL), NULL);
}

static void check_segment(const char *segment, size_t length, const unsigned char *bytes, size_t size)
{
    const char *text = support_base64url(bytes, size);

    CHECK(strlen(text) == length && memcmp(text, segment, length) == 0);
}

static void check_read(const mto_jws_t *jws, const char *text, size_t length)
{
    const char *payload = (const char *)memchr(text, '.', length) + 1;

    CHECK(jws->algorithm != NULL && jws->signature_size > 0 && jws->signed_size < length);
    CHECK(text[jws->signed_size] == '.');
    check_segment(payload, (size_t)(text + jws->signed_size - payload), jws->payload, jws->payload_size);
    check_segment(text + jws->signed_size + 1, length - jws->signed_size - 1, jws->signature, jws->signature_size);
    CHECK(json_is_object(jws->header) && fuzz_depth(jws->header) <= 32);
    CHECK(strcmp(json_string_value(json_object_get(jws->header, "alg")), jws->algorithm->name) == 0);
    CHECK(json_object_get(jws->header, "crit") == NULL && json_object_get(jws->header, "b64") == NULL);
    CHECK(json_object_get(jws->header, "enc") == NULL);
    CHECK(length > MTO_TOKEN_SIZE || !mto_token_is_opaque(text, length));
}

static mto_refusal_t verify(const char *text, size_t length, const mto_keyset_t *keys, unsigned algorithms,
                            const mto_key_t **signer)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_refusal_t refusal;
    mto_jws_t     jws;

    *signer = NULL;
    refusal = mto_jws_read(&jws, text, length, &verdict);
    if (refusal == MTO_ADMITTED) {
        refusal = mto_jws_verify(&jws, keys, algorithms, signer, &verdict);
    }
    mto_jws_clear(&jws);
    fuzz_check_verdict(refusal, &verdict);
    CHECK((refusal == MTO_ADMITTED) == (*signer != NULL));
    return refusal;
}

/* Another header with the same members, and the rest as it is: the signature is over the text, not over what it means.
 */
static void check_other_spelling(const mto_jws_t *jws, size_t length, const mto_keyset_t *keys)
{
    const char      *header = support_text(" %s", support_json(json_incref(jws->header)));
    const char      *text = support_base64url(header, strlen(header)), *rest = memchr(jws->text, '.', length), *all;
    size_t           size = length - (size_t)(rest - jws->text);
    const mto_key_t *signer;

    all = support_text("%s%s", text, fuzz_text(rest, size));
    CHECK(verify(all, strlen(all), keys, MTO_ALGORITHMS_ALL, &signer) != MTO_ADMITTED);
}

static void check_verified(const mto_jws_t *jws, size_t length, const mto_keyset_t *keys, const mto_key_t *signer)
{
    unsigned         others = MTO_ALGORITHMS_ALL & ~mto_algorithm_bit(jws->algorithm);
    const mto_key_t *ignored;

    CHECK(mto_key_fits(signer, jws->algorithm));
    CHECK(signer >= mto_keyset_at(keys, 0) && signer < mto_keyset_at(keys, 0) + mto_keyset_count(keys));
    CHECK(jws->kid == NULL || signer->kid == NULL || strcmp(jws->kid, signer->kid) == 0);
    CHECK(mto_keyset_holds(keys, signer->thumbprint, jws->algorithm));
    CHECK(verify(jws->text, length, keys, others, &ignored) == MTO_ALGORITHM_NOT_ALLOWED);
    check_other_spelling(jws, length, keys);
}

static void check_with(const char *text, size_t length, const char *jwks, size_t jwks_size, mto_jwk_mode_t mode)
{
    mto_keyset_t    *keys = mto_keyset_create();
    const char      *refused = mto_keyset_add_jwks(keys, jwks, jwks_size, mode, NULL, NULL);
    const mto_key_t *signer;
    mto_verdict_t    verdict = MTO_VERDICT_INIT;
    mto_jws_t        jws;

    mto_keyset_seal(keys);
    CHECK(refused == NULL || mto_keyset_count(keys) == 0);
    if (verify(text, length, keys, MTO_ALGORITHMS_ALL, &signer) == MTO_ADMITTED) {
        (void)mto_jws_read(&jws, text, length, &verdict);
        check_verified(&jws, length, keys, signer);
        mto_jws_clear(&jws);
    }
    mto_keyset_release(keys);
}

void fuzz_one(const char *data, size_t size)
{
    size_t           length;
    const char      *text = fuzz_line(&data, &size, &length);
    mto_verdict_t    verdict = MTO_VERDICT_INIT;
    const mto_key_t *signer;
    mto_jws_t        jws;
    mto_refusal_t    refusal = mto_jws_read(&jws, text, length, &verdict);

    fuzz_check_verdict(refusal, &verdict);
    if (refusal == MTO_ADMITTED) {
        check_read(&jws, text, length);
    }
    else {
        CHECK(refusal == MTO_TOKEN_MALFORMED || refusal == MTO_CRITICAL_HEADER || refusal == MTO_ALGORITHM_NOT_ALLOWED);
    }
    mto_jws_clear(&jws);
    CHECK(verify(text, length, own_keys, MTO_ALGORITHMS_ALL, &signer) != MTO_ADMITTED);
    check_with(text, length, data, size, MTO_JWK_PUBLIC);
    check_with(text, length, data, size, MTO_JWK_IGNORE_PRIVATE);
}
