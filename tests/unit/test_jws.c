/* jws: what is read as a token, which keys are tried on it, and that nothing but the signed text verifies (RFC 7515).
 */
#include "support.h"

#include "core/base64url.h"
#include "core/json.h"
#include "core/jws.h"
#include "vectors.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD "{\"a\":1}"

/* Reads and verifies. signer may be NULL. */
static mto_refusal_t verify_length(const char *text, size_t length, const mto_keyset_t *keys, unsigned algorithms,
                                   const mto_key_t **signer, mto_verdict_t *verdict)
{
    const mto_key_t *key = NULL;
    mto_refusal_t    refusal;
    mto_jws_t        jws;

    refusal = mto_jws_read(&jws, text, length, verdict);
    if (refusal == MTO_ADMITTED) {
        refusal = mto_jws_verify(&jws, keys, algorithms, &key, verdict);
        assert_true((key != NULL) == (refusal == MTO_ADMITTED));
    }
    if (signer != NULL) {
        *signer = key;
    }
    mto_jws_clear(&jws);
    return refusal;
}

static mto_refusal_t verify(const char *text, const mto_keyset_t *keys, mto_verdict_t *verdict)
{
    return verify_length(text, strlen(text), keys, MTO_ALGORITHMS_ALL, NULL, verdict);
}

static void assert_verdict(const char *text, const mto_keyset_t *keys, mto_refusal_t wanted)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_refusal_t refusal = verify(text, keys, &verdict);

    support_assert_refusal(refusal, wanted, &verdict);
}

/* --- Published tokens ---------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *jws;
    const char *jwk;
} published[] = {
    {"RFC 7515 appendix A.2, RS256", RFC7515_A_2_JWS, RFC7515_A_2_JWK},
    {"RFC 7515 appendix A.3, ES256", RFC7515_A_3_JWS, RFC7515_A_3_JWK},
    {"RFC 7515 appendix A.4, ES512", RFC7515_A_4_JWS, RFC7515_A_4_JWK},
    {"RFC 7520 section 4.1, RS256", RFC7520_4_1_JWS, RFC7520_4_1_JWK},
    {"RFC 7520 section 4.2, PS384", RFC7520_4_2_JWS, RFC7520_4_1_JWK},
    {"RFC 7520 section 4.3, ES512", RFC7520_4_3_JWS, RFC7520_4_3_JWK},
    {"RFC 8037 appendix A.4 and A.5, Ed25519", RFC8037_A_4_JWS, RFC8037_A_2_JWK},
};

static void published_token_verifies(const void *data)
{
    const char *const *row = data;
    size_t             i;

    assert_verdict(row[1], support_keyset(json_loads(row[2], 0, NULL), NULL), MTO_ADMITTED);
    for (i = 0; i < sizeof published / sizeof published[0]; i++) {
        if (strcmp(published[i].jwk, row[2]) != 0) { /* and with no other key */
            mto_verdict_t verdict = MTO_VERDICT_INIT;
            mto_keyset_t *keys = support_keyset(json_loads(published[i].jwk, 0, NULL), NULL);
            assert_int_not_equal(verify(row[1], keys, &verdict), MTO_ADMITTED);
        }
    }
}

/* --- Every algorithm ----------------------------------------------------------------------------------------- */

static const struct {
    const char *alg;
} algorithms[] = {{"RS256"}, {"RS384"}, {"RS512"}, {"PS256"}, {"PS384"},   {"PS512"},
                  {"ES256"}, {"ES384"}, {"ES512"}, {"EdDSA"}, {"Ed25519"}, {"Ed448"}};

static void token_verifies(const void *data)
{
    const char      *alg = *(const char *const *)data, *text;
    EVP_PKEY        *key = support_key(support_kind_of(alg), 0), *other = support_key(support_kind_of(alg), 1);
    mto_keyset_t    *keys = support_keyset(support_jwk(key, "a", alg), NULL);
    mto_verdict_t    verdict = MTO_VERDICT_INIT;
    const mto_key_t *signer;

    text = support_token(alg, key, "a", PAYLOAD);
    support_assert_refusal(verify_length(text, strlen(text), keys, MTO_ALGORITHMS_ALL, &signer, &verdict), MTO_ADMITTED,
                           &verdict);
    assert_ptr_equal(signer, mto_keyset_at(keys, 0));
    assert_verdict(support_token(alg, other, "a", PAYLOAD), keys, MTO_SIGNATURE_INVALID);
}

static void eddsa_is_for_both_curves(const void *unused)
{
    EVP_PKEY *key = support_key(MTO_KEY_ED448, 0);

    (void)unused;
    assert_verdict(support_token("EdDSA", key, NULL, PAYLOAD), support_keyset(support_jwk(key, NULL, NULL), NULL),
                   MTO_ADMITTED);
    assert_verdict(support_token("Ed25519", key, NULL, PAYLOAD), support_keyset(support_jwk(key, NULL, NULL), NULL),
                   MTO_KEY_UNKNOWN);
}

static void changed_bit_is_refused(const void *data)
{
    const char   *alg = *(const char *const *)data, *text;
    EVP_PKEY     *key = support_key(support_kind_of(alg), 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    size_t        length, bit;
    char         *changed;

    text = support_token(alg, key, NULL, PAYLOAD);
    length = strlen(text);
    changed = strdup(text);
    for (bit = 0; bit < 8 * length; bit++) {
        mto_verdict_t verdict = MTO_VERDICT_INIT;
        changed[bit / 8] = (char)(changed[bit / 8] ^ 1 << bit % 8);
        if (verify_length(changed, length, keys, MTO_ALGORITHMS_ALL, NULL, &verdict) == MTO_ADMITTED) {
            fail_msg("bit %d of byte %d of %s", (int)(bit % 8), (int)(bit / 8), text);
        }
        changed[bit / 8] = text[bit / 8];
    }
    assert_verdict(changed, keys, MTO_ADMITTED);
    free(changed);
}

static void cut_or_longer_text_is_refused(const void *unused)
{
    EVP_PKEY     *key = support_key(MTO_KEY_P256, 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    const char   *text = support_token("ES256", key, NULL, PAYLOAD);
    size_t        length;

    (void)unused;
    for (length = 0; length < strlen(text); length++) {
        mto_verdict_t verdict = MTO_VERDICT_INIT;
        char         *cut = malloc(length + 1); /* exactly so long, for AddressSanitizer */
        memcpy(cut, text, length);
        assert_int_not_equal(verify_length(cut, length, keys, MTO_ALGORITHMS_ALL, NULL, &verdict), MTO_ADMITTED);
        free(cut);
    }
    assert_verdict(support_text("%sA", text), keys, MTO_SIGNATURE_INVALID);
    assert_verdict(support_text("%s.", text), keys, MTO_TOKEN_MALFORMED);
    assert_verdict(support_text("%s=", text), keys, MTO_TOKEN_MALFORMED);
    assert_verdict(support_text("%s\n", text), keys, MTO_TOKEN_MALFORMED);
    assert_verdict(support_text(" %s", text), keys, MTO_TOKEN_MALFORMED);
}

/* --- Algorithm and key (RFC 8725 section 3.1) ---------------------------------------------------------------- */

typedef struct {
    const char    *name;
    const char    *token_alg;
    const char    *key_alg; /* alg of the JWK; NULL: none */
    mto_key_kind_t kind;
    int            same_kid; /* as that of the key; 0: the token has none */
    mto_refusal_t  refusal;
} clash_t;

static const clash_t clashes[] = {
    {"RS256 for PS256", "RS256", "PS256", MTO_KEY_RSA, 1, MTO_ALGORITHM_NOT_ALLOWED},
    {"RS256 for PS256, no kid", "RS256", "PS256", MTO_KEY_RSA, 0, MTO_KEY_UNKNOWN},
    {"PS256 for RS256", "PS256", "RS256", MTO_KEY_RSA, 1, MTO_ALGORITHM_NOT_ALLOWED},
    {"RS512 for RS256", "RS512", "RS256", MTO_KEY_RSA, 1, MTO_ALGORITHM_NOT_ALLOWED},
    {"RS256 for RS256", "RS256", "RS256", MTO_KEY_RSA, 1, MTO_ADMITTED},
    {"RS512 for any RSA", "RS512", NULL, MTO_KEY_RSA, 1, MTO_ADMITTED},
    {"EdDSA for Ed25519's older name", "Ed25519", "EdDSA", MTO_KEY_ED25519, 1, MTO_ADMITTED},
};

static void algorithm_and_key_agree(const void *data)
{
    const clash_t *row = data;
    EVP_PKEY      *key = support_key(row->kind, 0);

    assert_verdict(support_token(row->token_alg, key, row->same_kid ? "a" : NULL, PAYLOAD),
                   support_keyset(support_jwk(key, "a", row->key_alg), NULL), row->refusal);
}

/* The signature is one that the key could make: only the header's alg is for another kind of key. */
static void alg_of_another_kind_is_refused(const void *data)
{
    const char                 *alg = *(const char *const *)data;
    static const mto_key_kind_t kinds[] = {MTO_KEY_RSA,  MTO_KEY_P256,    MTO_KEY_P384,
                                           MTO_KEY_P521, MTO_KEY_ED25519, MTO_KEY_ED448};
    static const char *const    signs[] = {"RS256", "ES256", "ES384", "ES512", "EdDSA", "EdDSA"};
    size_t                      i;

    for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        EVP_PKEY   *key = support_key(kinds[i], 0);
        const char *header = support_text("{\"alg\":\"%s\",\"kid\":\"a\"}", alg);

        if ((mto_algorithm_find(alg)->kinds & MTO_KEY_KIND(kinds[i])) == 0) {
            assert_verdict(support_jws(signs[i], key, header, PAYLOAD),
                           support_keyset(support_jwk(key, "a", NULL), NULL), MTO_ALGORITHM_NOT_ALLOWED);
        }
    }
}

static void algorithm_is_one_of_the_allowed(const void *data)
{
    const char   *alg = *(const char *const *)data;
    EVP_PKEY     *key = support_key(support_kind_of(alg), 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    const char   *text = support_token(alg, key, NULL, PAYLOAD);
    unsigned      bit = mto_algorithm_bit(mto_algorithm_find(alg));
    mto_verdict_t alone = MTO_VERDICT_INIT, others = MTO_VERDICT_INIT;

    support_assert_refusal(verify_length(text, strlen(text), keys, bit, NULL, &alone), MTO_ADMITTED, &alone);
    support_assert_refusal(verify_length(text, strlen(text), keys, MTO_ALGORITHMS_ALL & ~bit, NULL, &others),
                           MTO_ALGORITHM_NOT_ALLOWED, &others);
}

/* --- Which keys are tried ------------------------------------------------------------------------------------ */

/* In document order the P-256 keys 0, 1, … with these kids, one letter each; - is none. R: an RSA key without kid. */
typedef struct {
    const char   *name;
    const char   *set;
    const char   *kid;    /* the token's; NULL: none */
    int           signer; /* place of the signing key in set */
    mto_refusal_t refusal;
} candidate_t;

static const candidate_t candidates[] = {
    {"the key of the kid", "abc", "b", 1, MTO_ADMITTED},
    {"not the key of another kid", "abc", "b", 2, MTO_SIGNATURE_INVALID},
    {"unknown kid", "abc", "d", 0, MTO_KEY_UNKNOWN},
    {"unknown kid, a key without one", "ab-", "d", 2, MTO_ADMITTED},
    {"unknown kid, not the key of another", "ab-", "d", 0, MTO_SIGNATURE_INVALID},
    {"second key of the kid", "aab", "a", 1, MTO_ADMITTED},
    {"key without kid after that of the kid", "a-b", "a", 1, MTO_ADMITTED},
    {"fourth of the kid", "aaaaa", "a", 3, MTO_ADMITTED},
    {"the fifth of the kid is never tried", "aaaaa", "a", 4, MTO_SIGNATURE_INVALID},
    {"fourth: without kid", "aaa--", "a", 3, MTO_ADMITTED},
    {"the fifth without kid is never tried", "aaa--", "a", 4, MTO_SIGNATURE_INVALID},
    {"those of the kid come first", "----a", "a", 4, MTO_ADMITTED},
    {"then only three without kid", "----a", "a", 3, MTO_SIGNATURE_INVALID},
    {"the third without kid", "----a", "a", 2, MTO_ADMITTED},
    {"no kid in the token, any key", "abcd", NULL, 3, MTO_ADMITTED},
    {"no kid in the token, the fifth is never tried", "abcde", NULL, 4, MTO_SIGNATURE_INVALID},
    {"no kid in the token, those without come first", "abcde-", NULL, 5, MTO_ADMITTED},
    {"keys that do not fit are no tries", "RRRRRRaa", NULL, 7, MTO_ADMITTED},
    {"keys that do not fit are no tries, with kid", "RRRRRR-", "a", 6, MTO_ADMITTED},
    {"no key fits", "RR", NULL, -1, MTO_KEY_UNKNOWN},
    {"the empty kid is a kid", "ab", "", 0, MTO_KEY_UNKNOWN},
    {"an empty set", "", "a", -1, MTO_KEY_UNKNOWN},
    {"an empty set, no kid", "", NULL, -1, MTO_KEY_UNKNOWN},
};

static void candidate_is_tried_or_not(const void *data)
{
    const candidate_t *row = data;
    mto_keyset_t      *set = mto_keyset_create();
    EVP_PKEY          *signer = row->signer < 0 ? support_key(MTO_KEY_P256, 7) : support_key(MTO_KEY_P256, row->signer);
    mto_verdict_t      verdict = MTO_VERDICT_INIT;
    mto_refusal_t      refusal;
    int                i;

    for (i = 0; row->set[i] != '\0'; i++) {
        EVP_PKEY   *key = row->set[i] == 'R' ? support_key(MTO_KEY_RSA, 0) : support_key(MTO_KEY_P256, i);
        const char *kid = strchr("R-", row->set[i]) != NULL ? NULL : support_text("%c", row->set[i]);
        const char *json = support_jwks(support_jwk(key, kid, NULL), NULL);
        assert_null(mto_keyset_add_jwks(set, json, strlen(json), MTO_JWK_PUBLIC, NULL, NULL));
    }
    mto_keyset_seal(set);
    refusal = verify(support_token("ES256", signer, row->kid, PAYLOAD), set, &verdict);
    mto_keyset_release(set);
    support_assert_refusal(refusal, row->refusal, &verdict);
}

static void kid_of_an_unfit_key_leaves_the_nameless(const void *unused)
{
    EVP_PKEY     *key = support_key(MTO_KEY_P256, 0);
    mto_keyset_t *keys =
        support_keyset(support_jwk(support_key(MTO_KEY_RSA, 0), "a", NULL), support_jwk(key, NULL, NULL), NULL);

    (void)unused;
    assert_verdict(support_token("ES256", key, "a", PAYLOAD), keys, MTO_ADMITTED);
}

/* --- Signatures that are none -------------------------------------------------------------------------------- */

/* The token with other bytes for a signature. */
static const char *with_signature(const char *token, const unsigned char *signature, size_t size)
{
    return support_text("%.*s.%s", (int)(strrchr(token, '.') - token), token, support_base64url(signature, size));
}

typedef struct {
    const char *name;
    const char *alg;
    int         salt;
} salt_t;

static const salt_t salts[] = {
    {"PS256, no salt", "PS256", 0},
    {"PS256, 20 bytes", "PS256", 20},
    {"PS256, 31 bytes", "PS256", 31},
    {"PS256, 33 bytes", "PS256", 33},
    {"PS256, as much as fits", "PS256", RSA_PSS_SALTLEN_MAX},
    {"PS384, 32 bytes", "PS384", 32},
    {"PS384, 64 bytes", "PS384", 64},
    {"PS512, 32 bytes", "PS512", 32},
};

static void pss_salt_is_as_long_as_the_digest(const void *data)
{
    const salt_t  *row = data;
    EVP_PKEY      *key = support_key(MTO_KEY_RSA, 0);
    mto_keyset_t  *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    const char    *token = support_token(row->alg, key, NULL, PAYLOAD);
    const char    *text = support_text("%.*s", (int)(strrchr(token, '.') - token), token);
    unsigned char *signature;
    size_t         size;

    signature = support_signature(row->alg, key, text, row->salt, &size);
    assert_verdict(with_signature(token, signature, size), keys, MTO_SIGNATURE_INVALID);
    signature = support_signature(row->alg, key, text, RSA_PSS_SALTLEN_DIGEST, &size);
    assert_verdict(with_signature(token, signature, size), keys, MTO_ADMITTED);
}

/* DER is what OpenSSL itself writes (RFC 7518 section 3.4 wants R and S). */
static void ecdsa_in_der_is_refused(const void *unused)
{
    static const char *const names[] = {"ES256", "ES384", "ES512"};
    size_t                   i;

    (void)unused;
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        EVP_PKEY     *key = support_key(support_kind_of(names[i]), 0);
        const char   *token = support_token(names[i], key, NULL, PAYLOAD);
        EVP_MD_CTX   *context = EVP_MD_CTX_new();
        unsigned char der[200];
        size_t        size = sizeof der;

        assert_int_equal(
            EVP_DigestSignInit_ex(context, NULL, mto_algorithm_find(names[i])->digest, NULL, NULL, key, NULL), 1);
        assert_int_equal(
            EVP_DigestSign(context, der, &size, (const unsigned char *)token, (size_t)(strrchr(token, '.') - token)),
            1);
        EVP_MD_CTX_free(context);
        assert_verdict(with_signature(token, der, size), support_keyset(support_jwk(key, NULL, NULL), NULL),
                       MTO_SIGNATURE_INVALID);
    }
}

/* Bytes of another length: one missing at either end, one added at either end, half, twice. */
static void signature_has_its_length(const void *data)
{
    const char   *alg = *(const char *const *)data;
    EVP_PKEY     *key = support_key(support_kind_of(alg), 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    const char   *token = support_token(alg, key, NULL, PAYLOAD), *text = strrchr(token, '.') + 1;
    unsigned char bytes[1100] = {0}, *signature = bytes + 1;
    size_t        size = (size_t)mto_base64url_decode(signature, text, strlen(text));

    assert_verdict(with_signature(token, signature, size), keys, MTO_ADMITTED);
    assert_verdict(with_signature(token, signature, size - 1), keys, MTO_SIGNATURE_INVALID);
    assert_verdict(with_signature(token, signature + 1, size - 1), keys, MTO_SIGNATURE_INVALID);
    assert_verdict(with_signature(token, bytes, size + 1), keys, MTO_SIGNATURE_INVALID);
    assert_verdict(with_signature(token, signature, size + 1), keys, MTO_SIGNATURE_INVALID);
    assert_verdict(with_signature(token, signature, size / 2), keys, MTO_SIGNATURE_INVALID);
    assert_verdict(with_signature(token, signature, 1), keys, MTO_SIGNATURE_INVALID);
    memcpy(signature + size, signature, size);
    assert_verdict(with_signature(token, signature, 2 * size), keys, MTO_SIGNATURE_INVALID);
}

/* R and S of 0, of 1, of the order of the group and beyond (CVE-2022-21449). */
static void ecdsa_numbers_are_in_range(const void *unused)
{
    static const char *const numbers[] = {
        "0", "1", "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", /* the order of P-256 */
        "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632550",
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"};
    EVP_PKEY     *key = support_key(MTO_KEY_P256, 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    const char   *token = support_token("ES256", key, NULL, PAYLOAD);
    size_t        r, s, count = sizeof numbers / sizeof numbers[0];

    (void)unused;
    for (r = 0; r < count; r++) {
        for (s = 0; s < count; s++) {
            unsigned char signature[64];
            BIGNUM       *number = NULL;

            BN_hex2bn(&number, numbers[r]);
            BN_bn2binpad(number, signature, 32);
            BN_hex2bn(&number, numbers[s]);
            BN_bn2binpad(number, signature + 32, 32);
            BN_free(number);
            assert_verdict(with_signature(token, signature, sizeof signature), keys, MTO_SIGNATURE_INVALID);
        }
    }
}

/* A signature of zeros, and of ones, for every algorithm. */
static void constant_signature_is_refused(const void *data)
{
    const char   *alg = *(const char *const *)data;
    EVP_PKEY     *key = support_key(support_kind_of(alg), 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    const char   *token = support_token(alg, key, NULL, PAYLOAD), *text = strrchr(token, '.') + 1;
    unsigned char bytes[600];
    size_t        size = strlen(text) * 3 / 4;

    memset(bytes, 0, sizeof bytes);
    assert_verdict(with_signature(token, bytes, size), keys, MTO_SIGNATURE_INVALID);
    memset(bytes, 0xff, sizeof bytes);
    assert_verdict(with_signature(token, bytes, size), keys, MTO_SIGNATURE_INVALID);
}

/* --- Headers ------------------------------------------------------------------------------------------------- */

typedef struct {
    const char   *name;
    const char   *header;
    mto_refusal_t refusal; /* of a token that ES256 with the right key has signed */
} header_t;

static const header_t headers[] = {
    {"alg alone", "{\"alg\":\"ES256\"}", MTO_ADMITTED},
    {"white space", " {\r\n \"alg\" : \"ES256\" } ", MTO_ADMITTED},
    {"alg escaped", "{\"alg\":\"ES\\u0032\\u0035\\u0036\"}", MTO_ADMITTED},
    {"typ of any kind", "{\"alg\":\"ES256\",\"typ\":\"secevent+jwt\"}", MTO_ADMITTED},
    {"unknown members", "{\"alg\":\"ES256\",\"cty\":\"JWT\",\"x\":{\"y\":[]}}", MTO_ADMITTED},

    {"none", "{\"alg\":\"none\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"None", "{\"alg\":\"None\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"NONE", "{\"alg\":\"NONE\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"nOnE", "{\"alg\":\"nOnE\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg empty", "{\"alg\":\"\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg absent", "{}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg null", "{\"alg\":null}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg a number", "{\"alg\":256}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg a list", "{\"alg\":[\"ES256\"]}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg true", "{\"alg\":true}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg with NUL", "{\"alg\":\"ES256\\u0000\"}", MTO_TOKEN_MALFORMED},
    {"alg in lower case", "{\"alg\":\"es256\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg with a space", "{\"alg\":\"ES256 \"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"Alg", "{\"Alg\":\"ES256\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg twice", "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", MTO_TOKEN_MALFORMED},
    {"alg twice, one none", "{\"alg\":\"none\",\"alg\":\"ES256\"}", MTO_TOKEN_MALFORMED},
    {"alg and its escaped twin", "{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}", MTO_TOKEN_MALFORMED},
    {"ES256K", "{\"alg\":\"ES256K\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"HS256", "{\"alg\":\"HS256\"}", MTO_ALGORITHM_NOT_ALLOWED},

    {"crit exp", "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}", MTO_CRITICAL_HEADER},
    {"crit unknown", "{\"alg\":\"ES256\",\"crit\":[\"a\"],\"a\":1}", MTO_CRITICAL_HEADER},
    {"crit without its member", "{\"alg\":\"ES256\",\"crit\":[\"a\"]}", MTO_CRITICAL_HEADER},
    {"crit empty", "{\"alg\":\"ES256\",\"crit\":[]}", MTO_CRITICAL_HEADER},
    {"crit null", "{\"alg\":\"ES256\",\"crit\":null}", MTO_CRITICAL_HEADER},
    {"crit a string", "{\"alg\":\"ES256\",\"crit\":\"exp\"}", MTO_CRITICAL_HEADER},
    {"crit alg", "{\"alg\":\"ES256\",\"crit\":[\"alg\"]}", MTO_CRITICAL_HEADER},
    {"crit b64", "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", MTO_CRITICAL_HEADER},
    {"b64 false", "{\"alg\":\"ES256\",\"b64\":false}", MTO_CRITICAL_HEADER},
    {"b64 true", "{\"alg\":\"ES256\",\"b64\":true}", MTO_CRITICAL_HEADER},
    {"b64 null", "{\"alg\":\"ES256\",\"b64\":null}", MTO_CRITICAL_HEADER},

    {"enc: a JWE", "{\"alg\":\"ES256\",\"enc\":\"A128GCM\"}", MTO_TOKEN_MALFORMED},
    {"kid a number", "{\"alg\":\"ES256\",\"kid\":1}", MTO_TOKEN_MALFORMED},
    {"kid null", "{\"alg\":\"ES256\",\"kid\":null}", MTO_TOKEN_MALFORMED},
    {"kid a list", "{\"alg\":\"ES256\",\"kid\":[\"a\"]}", MTO_TOKEN_MALFORMED},
    {"kid with NUL", "{\"alg\":\"ES256\",\"kid\":\"a\\u0000\"}", MTO_TOKEN_MALFORMED},
    {"typ a number", "{\"alg\":\"ES256\",\"typ\":1}", MTO_TOKEN_MALFORMED},
    {"typ null", "{\"alg\":\"ES256\",\"typ\":null}", MTO_TOKEN_MALFORMED},
    {"kid of a path", "{\"alg\":\"ES256\",\"kid\":\"../../etc/passwd\"}", MTO_ADMITTED},

    {"an array", "[{\"alg\":\"ES256\"}]", MTO_TOKEN_MALFORMED},
    {"a string", "\"ES256\"", MTO_TOKEN_MALFORMED},
    {"bytes behind", "{\"alg\":\"ES256\"}x", MTO_TOKEN_MALFORMED},
    {"invalid UTF-8", "{\"alg\":\"ES256\",\"a\":\"\xff\"}", MTO_TOKEN_MALFORMED},
    {"empty", "", MTO_TOKEN_MALFORMED},
};

static void header_is_taken_or_refused(const void *data)
{
    const header_t *row = data;
    EVP_PKEY       *key = support_key(MTO_KEY_P256, 0);

    assert_verdict(support_jws("ES256", key, row->header, PAYLOAD), support_keyset(support_jwk(key, NULL, NULL), NULL),
                   row->refusal);
}

static void deep_header_is_refused(const void *unused)
{
    EVP_PKEY     *key = support_key(MTO_KEY_P256, 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    int           depth;

    (void)unused;
    for (depth = 31; depth <= 32; depth++) {
        const char *header =
            support_text("{\"alg\":\"ES256\",\"a\":%s%s}", support_repeat("[", depth), support_repeat("]", depth));
        assert_verdict(support_jws("ES256", key, header, PAYLOAD), keys,
                       depth == 31 ? MTO_ADMITTED : MTO_TOKEN_MALFORMED);
    }
}

/* The header brings the attacker's own key, as a whole, as a certificate, as an address (RFC 8725 section 3.10). */
static void keys_of_the_header_are_never_used(const void *unused)
{
    EVP_PKEY     *attacker = support_key(MTO_KEY_P256, 1), *honest = support_key(MTO_KEY_P256, 0);
    mto_keyset_t *keys = support_keyset(support_jwk(honest, NULL, NULL), NULL);
    const char   *jwk = support_json(support_jwk(attacker, NULL, NULL));
    const char   *certificate = strchr(support_certificate_pem(attacker), '\n'), *base64 = "", *header;

    (void)unused;
    for (; *certificate != '-'; certificate++) {
        base64 = *certificate == '\n' ? base64 : support_text("%s%c", base64, *certificate);
    }
    header = support_text("{\"alg\":\"ES256\",\"jwk\":%s,\"jku\":\"http://127.0.0.1:1/jwks\","
                          "\"x5u\":\"http://127.0.0.1:1/x5u\",\"x5c\":[\"%s\"]}",
                          jwk, base64);
    assert_verdict(support_jws("ES256", attacker, header, PAYLOAD), keys, MTO_SIGNATURE_INVALID);
    assert_verdict(support_jws("ES256", honest, header, PAYLOAD), keys, MTO_ADMITTED);
}

/* RFC 8725 section 2.1: what is public must not become a secret. */
static void hmac_with_the_public_key_is_refused(const void *unused)
{
    EVP_PKEY     *key = support_key(MTO_KEY_RSA, 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    const char   *pem = support_pem(key), *names[] = {"HS256", "HS384", "HS512", "RS256"};
    const char   *secrets[] = {pem, support_text("%.*s", (int)strlen(pem) - 1, pem), support_text("%s\n", pem), ""};
    size_t        i, j;

    (void)unused;
    for (i = 0; i < 4; i++) {
        for (j = 0; j < 4; j++) {
            const char *header = support_text("{\"alg\":\"%s\"}", names[i]);
            const char *text =
                support_text("%s.%s", support_base64url(header, strlen(header)), support_base64url(PAYLOAD, 7));
            unsigned char mac[64];
            unsigned      size = sizeof mac;

            assert_non_null(HMAC(EVP_get_digestbyname(support_text("SHA%s", names[i] + 2)), secrets[j],
                                 (int)strlen(secrets[j]), (const unsigned char *)text, strlen(text), mac, &size));
            assert_verdict(support_text("%s.%s", text, support_base64url(mac, size)), keys,
                           i < 3 ? MTO_ALGORITHM_NOT_ALLOWED : MTO_SIGNATURE_INVALID);
        }
    }
}

/* --- Segments ------------------------------------------------------------------------------------------------ */

#define H "eyJhbGciOiJFUzI1NiJ9" /* {"alg":"ES256"} */
#define P "eyJhIjoxfQ"           /* {"a":1} */
#define S "AAAA"

static const struct {
    const char *name;
    const char *text;
} malformed[] = {
    {"empty", ""},
    {"one segment", H},
    {"two segments", H "." P},
    {"four segments", H "." P "." S "." S},
    {"five segments: a JWE", H "." P "." S "." S "." S},
    {"no header", "." P "." S},
    {"no signature: unsecured", H "." P "."},
    {"dots alone", ".."},
    {"a dot in front", "." H "." P "." S},
    {"a dot behind", H "." P "." S "."},
    {"header padded", H "=." P "." S},
    {"payload padded", H "." P "==." S},
    {"signature padded", H "." P "." S "="},
    {"header with trailing bits", "eyJhbGciOiJFUzI1NiJ91." P "." S},
    {"payload with trailing bits", H ".eyJhIjoxfR." S},
    {"signature with trailing bits", H "." P ".AAB"},
    {"plus in the signature", H "." P ".AA+A"},
    {"slash in the payload", H ".eyJh/joxfQ." S},
    {"space between", H " ." P "." S},
    {"line feed between", H ".\n" P "." S},
    {"comma behind", H "." P "." S ","},
    {"JSON serialization", "{\"payload\":\"" P "\",\"protected\":\"" H "\",\"signature\":\"" S "\"}"},
    {"header is no JSON", "AAAA." P "." S},
    {"header is a JSON number", "MQ." P "." S},
    {"scheme in front", "Bearer " H "." P "." S},
};

static void text_is_no_token(const void *data)
{
    const char *const *row = data;

    assert_verdict(row[1], support_keyset(support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL), NULL),
                   MTO_TOKEN_MALFORMED);
}

static void many_dots_are_refused_at_once(const void *unused)
{
    mto_keyset_t *keys = support_keyset(support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL), NULL);
    apr_time_t    start = apr_time_now();

    (void)unused;
    assert_verdict(support_repeat(".", 100000), keys, MTO_TOKEN_MALFORMED);
    assert_verdict(support_text(H "." P "%s", support_repeat(".", 100000)), keys, MTO_TOKEN_MALFORMED);
    assert_true(apr_time_now() - start < apr_time_from_sec(1));
}

/* RFC 7515 section 7.1: the payload may be empty. What is signed is then the header and a dot, not a payload elsewhere.
 */
static void empty_payload_is_a_payload(const void *unused)
{
    EVP_PKEY     *key = support_key(MTO_KEY_P256, 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    const char   *token = support_token("ES256", key, NULL, PAYLOAD);

    (void)unused;
    assert_verdict(support_token("ES256", key, NULL, ""), keys, MTO_ADMITTED);
    assert_verdict(support_text("%.*s..%s", (int)(strchr(token, '.') - token), token, strrchr(token, '.') + 1), keys,
                   MTO_SIGNATURE_INVALID);
}

static void nul_in_the_text_is_refused(const void *unused)
{
    mto_verdict_t     verdict = MTO_VERDICT_INIT;
    static const char text[] = H "." P "." S "\0AAA";
    mto_keyset_t     *keys = support_keyset(support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL), NULL);

    (void)unused;
    support_assert_refusal(verify_length(text, sizeof text - 1, keys, MTO_ALGORITHMS_ALL, NULL, &verdict),
                           MTO_TOKEN_MALFORMED, &verdict);
}

static void parts_are_where_they_are(const void *unused)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    const char   *text = support_token("ES384", support_key(MTO_KEY_P384, 0), "k", "{\"payload\":true}");
    mto_jws_t     jws;

    (void)unused;
    support_assert_refusal(mto_jws_read(&jws, text, strlen(text), &verdict), MTO_ADMITTED, &verdict);
    assert_string_equal(jws.kid, "k");
    assert_null(jws.type);
    assert_ptr_equal(jws.algorithm, mto_algorithm_find("ES384"));
    assert_int_equal(jws.payload_size, 16);
    assert_memory_equal(jws.payload, "{\"payload\":true}", 16);
    assert_int_equal(jws.signature_size, 96);
    assert_int_equal(jws.signed_size, strrchr(text, '.') - text);
    mto_jws_clear(&jws);
    assert_null(jws.header);
    mto_jws_clear(&jws);
}

int main(void)
{
    support_table("published token", published_token_verifies, TABLE(published));
    support_table("RFC 7518 section 3.1, a token verifies with its key alone", token_verifies, TABLE(algorithms));
    support_case("RFC 8037 section 3.1, EdDSA is for both curves", eddsa_is_for_both_curves);
    support_table("every single-bit change is refused", changed_bit_is_refused, TABLE(algorithms));
    support_case("a cut or longer text is refused", cut_or_longer_text_is_refused);
    support_table("RFC 8725 section 3.1, alg of the key", algorithm_and_key_agree, TABLE(clashes));
    support_table("RFC 8725 section 3.1, kind of the key", alg_of_another_kind_is_refused, TABLE(algorithms));
    support_table("DESIGN section 4, MTLSOAuthAlgorithms", algorithm_is_one_of_the_allowed, TABLE(algorithms));
    support_table("DESIGN section 4, candidate keys", candidate_is_tried_or_not, TABLE(candidates));
    support_case("DESIGN section 4, the kid's key does not fit, one without kid does",
                 kid_of_an_unfit_key_leaves_the_nameless);
    support_table("RFC 7518 section 3.5, salt", pss_salt_is_as_long_as_the_digest, TABLE(salts));
    support_case("RFC 7518 section 3.4, no DER", ecdsa_in_der_is_refused);
    support_table("RFC 7518 section 3, length of a signature", signature_has_its_length, TABLE(algorithms));
    support_case("ECDSA, R and S in range", ecdsa_numbers_are_in_range);
    support_table("a signature of zeros or ones is refused", constant_signature_is_refused, TABLE(algorithms));
    support_table("RFC 7515 section 4, header", header_is_taken_or_refused, TABLE(headers));
    support_case("DESIGN section 4, depth of the header", deep_header_is_refused);
    support_case("RFC 8725 section 3.10, jwk, jku, x5u, x5c", keys_of_the_header_are_never_used);
    support_case("RFC 8725 section 2.1, HMAC keyed with the public key", hmac_with_the_public_key_is_refused);
    support_table("RFC 7515 section 7.1, three segments", text_is_no_token, TABLE(malformed));
    support_case("100000 dots are refused at once", many_dots_are_refused_at_once);
    support_case("RFC 7515 section 7.1, an empty payload", empty_payload_is_a_payload);
    support_case("RFC 7515 section 7.1, NUL behind", nul_in_the_text_is_refused);
    support_case("a token is taken apart", parts_are_where_they_are);
    return support_run("jws");
}
