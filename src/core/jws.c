#include "core/jws.h"

#include "core/base64url.h"
#include "core/json.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* The header members that decide how the rest is read. */
static mto_refusal_t read_header(mto_jws_t *jws, mto_verdict_t *verdict)
{
    const json_t *kid = json_object_get(jws->header, "kid"), *type = json_object_get(jws->header, "typ");
    const char   *alg = mto_json_string(jws->header, "alg");

    if (json_object_get(jws->header, "enc") != NULL) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_MALFORMED, "the header has enc: an encrypted token (JWE)");
    }
    if (json_object_get(jws->header, "crit") != NULL || json_object_get(jws->header, "b64") != NULL) {
        return mto_verdict_refuse(verdict, MTO_CRITICAL_HEADER, "the header has crit or b64");
    }
    if ((kid != NULL && !json_is_string(kid)) || (type != NULL && !json_is_string(type))) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_MALFORMED, "kid or typ in the header is not a string");
    }
    jws->kid = json_string_value(kid);
    jws->type = json_string_value(type);
    jws->algorithm = alg != NULL ? mto_algorithm_find(alg) : NULL;
    if (jws->algorithm == NULL) {
        return mto_verdict_refuse(verdict, MTO_ALGORITHM_NOT_ALLOWED, "alg %.40s is not supported",
                                  alg != NULL ? alg : "(none given)");
    }
    return MTO_ADMITTED;
}

mto_refusal_t mto_jws_read(mto_jws_t *jws, const char *text, size_t length, mto_verdict_t *verdict)
{
    const char    *end = text + length, *first_dot = memchr(text, '.', length), *second_dot = NULL;
    const char    *reason;
    unsigned char *signature;
    long           header_size, size;

    memset(jws, 0, sizeof *jws);
    jws->text = text;
    if (first_dot != NULL) {
        second_dot = memchr(first_dot + 1, '.', (size_t)(end - first_dot - 1));
    }
    if (second_dot == NULL || memchr(second_dot + 1, '.', (size_t)(end - second_dot - 1)) != NULL) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_MALFORMED, "not three segments");
    }
    jws->signed_size = (size_t)(second_dot - text);
    /* One buffer for all: the header is decoded where the payload goes next, since jansson copies what it reads. */
    jws->payload = malloc(MTO_BASE64URL_DECODED_SIZE(length) + 2);
    if (jws->payload == NULL) {
        return mto_verdict_refuse(verdict, MTO_MEMORY_UNAVAILABLE, "no memory to read it");
    }
    header_size = mto_base64url_decode(jws->payload, text, (size_t)(first_dot - text));
    if (header_size <= 0) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_MALFORMED, "the header is not base64url");
    }
    jws->header = mto_json_read_object_in(&jws->region, (const char *)jws->payload, (size_t)header_size, &reason);
    if (jws->header == NULL) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_MALFORMED, "the header is %s", reason);
    }
    size = mto_base64url_decode(jws->payload, first_dot + 1, (size_t)(second_dot - first_dot - 1));
    if (size < 0) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_MALFORMED, "the payload is not base64url");
    }
    jws->payload_size = (size_t)size;
    signature = jws->payload + size;
    size = mto_base64url_decode(signature, second_dot + 1, (size_t)(end - second_dot - 1));
    if (size <= 0) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_MALFORMED, "the signature is empty or not base64url");
    }
    jws->signature = signature;
    jws->signature_size = (size_t)size;
    return read_header(jws, verdict);
}

void mto_jws_clear(mto_jws_t *jws)
{
    mto_json_region_free(jws->region);
    free(jws->payload);
    memset(jws, 0, sizeof *jws);
}

/* --- Verifying ---------------------------------------------------------------------------------------------------- */

/* Adds those of keys[0..count) that fit, up to the limit. Returns how many fit in all. */
static size_t gather(const mto_key_t *candidates[MTO_JWS_CANDIDATES], size_t *gathered, const mto_key_t *keys,
                     size_t count, const mto_algorithm_t *algorithm)
{
    size_t i, fitting = 0;

    for (i = 0; i < count; i++) {
        if (!mto_key_fits(&keys[i], algorithm)) {
            continue;
        }
        fitting++;
        if (*gathered < MTO_JWS_CANDIDATES) {
            candidates[(*gathered)++] = &keys[i];
        }
    }
    return fitting;
}

mto_refusal_t mto_jws_verify(const mto_jws_t *jws, const mto_keyset_t *keys, unsigned algorithms,
                             const mto_key_t **signer, mto_verdict_t *verdict)
{
    const mto_key_t *candidates[MTO_JWS_CANDIDATES], *named = NULL, *nameless;
    size_t           i, count = 0, fitting = 0, named_count = 0, nameless_count;

    if ((mto_algorithm_bit(jws->algorithm) & algorithms) == 0) {
        return mto_verdict_refuse(verdict, MTO_ALGORITHM_NOT_ALLOWED, "alg %s is not among MTLSOAuthAlgorithms",
                                  jws->algorithm->name);
    }
    if (jws->kid != NULL) {
        named = mto_keyset_find_kid(keys, jws->kid, &named_count);
        fitting += gather(candidates, &count, named, named_count, jws->algorithm);
        nameless = mto_keyset_find_kid(keys, NULL, &nameless_count);
        fitting += gather(candidates, &count, nameless, nameless_count, jws->algorithm);
    }
    else if (mto_keyset_count(keys) > 0) {
        fitting = gather(candidates, &count, mto_keyset_at(keys, 0), mto_keyset_count(keys), jws->algorithm);
    }
    if (count == 0 && named_count > 0) {
        return mto_verdict_refuse(verdict, MTO_ALGORITHM_NOT_ALLOWED, "the key of that kid is not for alg %s",
                                  jws->algorithm->name);
    }
    if (count == 0) {
        return mto_verdict_refuse(verdict, MTO_KEY_UNKNOWN,
                                  jws->kid != NULL ? "no key has that kid" : "no key fits alg %s",
                                  jws->algorithm->name);
    }
    for (i = 0; i < count; i++) {
        if (mto_verifier_accepts(candidates[i]->verifier, jws->algorithm, jws->signature, jws->signature_size,
                                 jws->text, jws->signed_size)) {
            ERR_clear_error();
            *signer = candidates[i];
            return MTO_ADMITTED;
        }
    }
    ERR_clear_error();
    return mto_verdict_refuse(verdict, MTO_SIGNATURE_INVALID, "%zu of %zu fitting keys tried%s", count, fitting,
                              fitting > count ? "; a kid in the token would tell them apart" : "");
}
