#include "core/jwk_private.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* Longest RSA modulus that is checked for being prime. */
#define RSA_BITS_CHECKED 4096

static const mto_key_kind_row_t kinds[MTO_KEY_KINDS] = {
    [MTO_KEY_RSA] = {"RSA", NULL, NULL, 0},
    [MTO_KEY_P256] = {"EC", "P-256", "prime256v1", 32},
    [MTO_KEY_P384] = {"EC", "P-384", "secp384r1", 48},
    [MTO_KEY_P521] = {"EC", "P-521", "secp521r1", 66},
    [MTO_KEY_ED25519] = {"OKP", "Ed25519", "ED25519", 32},
    [MTO_KEY_ED448] = {"OKP", "Ed448", "ED448", 57},
};

const mto_key_kind_row_t *mto_key_kind_row(int kind)
{
    return &kinds[kind];
}

void mto_key_clear(mto_key_t *key)
{
    mto_verifier_free(key->verifier);
    EVP_PKEY_free(key->pkey);
    free(key->kid);
    key->verifier = NULL;
    key->pkey = NULL;
    key->kid = NULL;
}

int mto_key_fits(const mto_key_t *key, const mto_algorithm_t *algorithm)
{
    if ((algorithm->kinds & MTO_KEY_KIND(key->kind)) == 0) {
        return 0;
    }
    /* "EdDSA" and the name of the curve are one algorithm (RFC 9864 section 2.2 deprecates the former). */
    if (key->algorithm == NULL || key->algorithm == algorithm) {
        return 1;
    }
    return key->algorithm->digest == NULL && algorithm->digest == NULL;
}

int mto_key_kind_of(const EVP_PKEY *pkey)
{
    char group[32];
    int  kind;

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        return MTO_KEY_RSA;
    }
    if (!EVP_PKEY_is_a(pkey, "EC")) {
        return EVP_PKEY_is_a(pkey, "ED25519") ? MTO_KEY_ED25519 : EVP_PKEY_is_a(pkey, "ED448") ? MTO_KEY_ED448 : -1;
    }
    if (EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) != 1) {
        return -1;
    }
    for (kind = MTO_KEY_P256; kind <= MTO_KEY_P521; kind++) {
        if (strcmp(group, kinds[kind].group) == 0) {
            return kind;
        }
    }
    return -1;
}

/* EVP takes an exponent of 1 and short moduli; we do not (RFC 7518 section 3.3, RFC 8725 section 3.5). */
static const char *check_rsa(const EVP_PKEY *pkey)
{
    BIGNUM     *modulus = NULL, *exponent = NULL;
    int         bits = EVP_PKEY_get_bits(pkey);
    const char *reason = NULL;

    if (bits < MTO_RSA_BITS_LEAST || bits > MTO_RSA_BITS_MOST) {
        return "RSA modulus not of 2048 to 16384 bits";
    }
    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1 || !BN_is_odd(modulus)) {
        reason = "RSA modulus not odd";
    }
    else if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1 || !BN_is_odd(exponent)
             || BN_is_one(exponent) || BN_num_bits(exponent) > 64) {
        reason = "RSA exponent not an odd number from 3 to 64 bits";
    }
    BN_free(modulus);
    BN_free(exponent);
    return reason;
}

/* EVP looks at the form of these points alone. Under a key of small order a signature that fits every message is easily
 * made (RFC 8725 section 3.4), and a second spelling of a point is no key that anybody made: y is below the field's
 * prime p, and none of 0, 1, p - 1 and the two of order 8 that Ed25519 has. The sign of x, the topmost bit, does not
 * matter. */
static const char *check_edwards(const EVP_PKEY *pkey, mto_key_kind_t kind)
{
    static const char *const primes[] = {
        [MTO_KEY_ED25519] = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
        [MTO_KEY_ED448] = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
                          "ffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    static const char *const of_order_8[] = {"05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
                                             "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"};
    unsigned char            raw[57];
    size_t                   size = sizeof raw, i;
    BIGNUM                  *p = NULL, *y = NULL, *other = NULL;
    int                      ok = EVP_PKEY_get_raw_public_key(pkey, raw, &size) == 1 && BN_hex2bn(&p, primes[kind]) > 0;

    if (ok) {
        raw[size - 1] &= 0x7f;
        y = BN_lebin2bn(raw, (int)size, NULL);
        ok = y != NULL && BN_cmp(y, p) < 0 && !BN_is_zero(y) && !BN_is_one(y) && BN_sub_word(p, 1) == 1
             && BN_cmp(y, p) != 0;
    }
    for (i = 0; ok && kind == MTO_KEY_ED25519 && i < 2; i++) {
        ok = BN_hex2bn(&other, of_order_8[i]) > 0 && BN_cmp(y, other) != 0;
    }
    BN_free(p);
    BN_free(y);
    BN_free(other);
    return ok ? NULL : "no valid public key";
}

/* EVP_PKEY_public_check tries whether an RSA modulus is prime. That is milliseconds up to 4096 bits and near a second
 * at 16384, and a set may hold hundreds: beyond, an odd modulus within the bounds will do. */
static const char *check_public(EVP_PKEY *pkey, mto_key_kind_t kind)
{
    EVP_PKEY_CTX *context;
    int           ok;

    if (kind == MTO_KEY_RSA && EVP_PKEY_get_bits(pkey) > RSA_BITS_CHECKED) {
        return NULL;
    }
    context = EVP_PKEY_CTX_new(pkey, NULL);
    ok = context != NULL && EVP_PKEY_public_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    if (!ok) {
        return "no valid public key";
    }
    return kind == MTO_KEY_ED25519 || kind == MTO_KEY_ED448 ? check_edwards(pkey, kind) : NULL;
}

const char *mto_key_finish(mto_key_t *key, EVP_PKEY *pkey, const char *kid, const mto_algorithm_t *algorithm)
{
    const char *reason = NULL;
    int         kind = mto_key_kind_of(pkey);

    key->pkey = pkey;
    key->algorithm = algorithm;
    if (kind < 0) {
        return "a key type that no JWS algorithm here uses";
    }
    key->kind = (mto_key_kind_t)kind;
    if (algorithm != NULL && (algorithm->kinds & MTO_KEY_KIND(key->kind)) == 0) {
        return "alg contradicts the key's type";
    }
    if (kind == MTO_KEY_RSA && (reason = check_rsa(pkey)) != NULL) {
        return reason;
    }
    if ((reason = check_public(pkey, key->kind)) != NULL) {
        return reason;
    }
    if (!mto_thumbprint_of_key(pkey, key->kind, key->thumbprint)) {
        return "the key cannot be written in canonical form";
    }
    if ((kid != NULL && (key->kid = strdup(kid)) == NULL) || (key->verifier = mto_verifier_create(pkey)) == NULL) {
        return "out of memory";
    }
    return NULL;
}

/* The public key of the first PEM block that is a public key or a certificate. */
static EVP_PKEY *pkey_from_pem(const char *pem, size_t length)
{
    BIO                 *bio = BIO_new_mem_buf(pem, (int)length);
    EVP_PKEY            *pkey = NULL;
    X509                *certificate = NULL;
    char                *name = NULL, *header = NULL;
    unsigned char       *data = NULL;
    const unsigned char *at;
    long                 size;
    int                  found = 0;

    while (!found && bio != NULL && PEM_read_bio(bio, &name, &header, &data, &size) == 1) {
        at = data;
        if (strcmp(name, PEM_STRING_PUBLIC) == 0) {
            pkey = d2i_PUBKEY(NULL, &at, size);
            found = 1;
        }
        else if (strcmp(name, PEM_STRING_X509) == 0) {
            certificate = d2i_X509(NULL, &at, size);
            pkey = certificate != NULL ? X509_get_pubkey(certificate) : NULL;
            found = 1;
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
    }
    X509_free(certificate);
    BIO_free(bio);
    return pkey;
}

const char *mto_key_read_pem(mto_key_t *key, const char *pem, size_t length, const char *kid,
                             const mto_algorithm_t *algorithm)
{
    EVP_PKEY   *pkey = pkey_from_pem(pem, length);
    const char *reason;

    memset(key, 0, sizeof *key);
    reason =
        pkey == NULL ? "neither a PEM public key nor a PEM certificate" : mto_key_finish(key, pkey, kid, algorithm);
    ERR_clear_error();
    return reason;
}
