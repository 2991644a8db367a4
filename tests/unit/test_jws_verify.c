/* jws: which keys are tried on a token, and that nothing but the signed text verifies (RFC 7515, RFC 7518, RFC 8725).
 */
#include "tokens.h"

#include "core/base64url.h"

#include <openssl/bn.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

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
    return support_run("jws_verify");
}
