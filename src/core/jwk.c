#include "core/jwk.h"

#include "core/base64url.h"
#include "core/json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest RSA number in bytes, and the largest JWK member that is decoded. */
#define NUMBER_SIZE (MTO_RSA_BITS_MOST / 8)
#define MEMBER_SIZE MTO_BASE64URL_DECODED_SIZE(MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE + 1))

/* Longest RSA modulus that is checked for being prime. */
#define RSA_BITS_CHECKED 4096

/* Room for the canonical JSON of RFC 7638: an RSA modulus and exponent of the largest size, and the member names. */
#define CANONICAL_SIZE (2 * MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE) + 64)

/* What kty and crv say, and what OpenSSL calls it. */
typedef struct {
    const char *kty;
    const char *crv;        /* NULL: the type has none */
    const char *group;      /* OpenSSL's name of the EC group or of the OKP key type; NULL for RSA */
    size_t      coordinate; /* exact bytes of x (and of y) */
} kind_row_t;

static const kind_row_t kinds[] = {
    [MTO_KEY_RSA] = {"RSA", NULL, NULL, 0},
    [MTO_KEY_P256] = {"EC", "P-256", "prime256v1", 32},
    [MTO_KEY_P384] = {"EC", "P-384", "secp384r1", 48},
    [MTO_KEY_P521] = {"EC", "P-521", "secp521r1", 66},
    [MTO_KEY_ED25519] = {"OKP", "Ed25519", "ED25519", 32},
    [MTO_KEY_ED448] = {"OKP", "Ed448", "ED448", 57},
};

#define KIND_COUNT ((int)(sizeof kinds / sizeof kinds[0]))

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

/* The named number of a key in base64url without leading zero octets (RFC 7518 section 6.3.1.1); 0 on failure. */
static int encode_number(const EVP_PKEY *pkey, const char *name, char out[MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE)])
{
    unsigned char bytes[NUMBER_SIZE];
    BIGNUM       *number = NULL;
    int           ok = EVP_PKEY_get_bn_param(pkey, name, &number) && BN_num_bytes(number) <= NUMBER_SIZE;

    if (ok) {
        mto_base64url_encode(out, bytes, (size_t)BN_bn2bin(number, bytes));
    }
    BN_free(number);
    return ok;
}

/* The named coordinate of an EC key in base64url at its full length (RFC 7518 section 6.2.1.2); 0 on failure. */
static int encode_coordinate(const EVP_PKEY *pkey, const char *name, size_t size, char *out)
{
    unsigned char bytes[66];
    BIGNUM       *number = NULL;
    int ok = EVP_PKEY_get_bn_param(pkey, name, &number) && BN_bn2binpad(number, bytes, (int)size) == (int)size;

    if (ok) {
        mto_base64url_encode(out, bytes, size);
    }
    BN_free(number);
    return ok;
}

/* Hashes the required members in the order and spelling of RFC 7638 section 3.2; 0 on failure. first and second: n and
 * e, x and y, or x alone, in base64url. */
static int hash_canonical(mto_key_kind_t kind, const char *first, const char *second,
                          unsigned char thumbprint[MTO_THUMBPRINT_SIZE])
{
    const kind_row_t *row = &kinds[kind];
    char              canonical[CANONICAL_SIZE];

    if (kind == MTO_KEY_RSA) {
        (void)snprintf(canonical, sizeof canonical, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", second, first);
    }
    else if (strcmp(row->kty, "EC") == 0) {
        (void)snprintf(canonical, sizeof canonical, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                       row->crv, first, second);
    }
    else {
        (void)snprintf(canonical, sizeof canonical, "{\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"%s\"}", row->crv, first);
    }
    return EVP_Digest(canonical, strlen(canonical), thumbprint, NULL, EVP_sha256(), NULL) == 1;
}

/* The RFC 7638 thumbprint of a key of that kind; 0 on failure. */
static int hash_key(const EVP_PKEY *pkey, mto_key_kind_t kind, unsigned char thumbprint[MTO_THUMBPRINT_SIZE])
{
    const kind_row_t *row = &kinds[kind];
    char              first[MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE)], second[MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE)];
    unsigned char     raw[57];
    size_t            raw_size = sizeof raw;

    int ok;

    if (kind == MTO_KEY_RSA) {
        ok = encode_number(pkey, OSSL_PKEY_PARAM_RSA_N, first) && encode_number(pkey, OSSL_PKEY_PARAM_RSA_E, second);
    }
    else if (strcmp(row->kty, "EC") == 0) {
        ok = encode_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_X, row->coordinate, first)
             && encode_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, row->coordinate, second);
    }
    else if ((ok = EVP_PKEY_get_raw_public_key(pkey, raw, &raw_size) == 1)) {
        mto_base64url_encode(first, raw, raw_size);
    }
    return ok && hash_canonical(kind, first, second, thumbprint);
}

/* The kind of a key from OpenSSL's view of it; -1: none that verifies here. */
static int kind_of(const EVP_PKEY *pkey)
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

/* Fills *key from pkey, which it takes over, and checks what every key must hold to. Returns NULL or the reason. */
static const char *key_finish(mto_key_t *key, EVP_PKEY *pkey, const char *kid, const mto_algorithm_t *algorithm)
{
    const char *reason = NULL;
    int         kind = kind_of(pkey);

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
    if (!hash_key(pkey, key->kind, key->thumbprint)) {
        return "the key cannot be written in canonical form";
    }
    if ((kid != NULL && (key->kid = strdup(kid)) == NULL) || (key->verifier = mto_verifier_create(pkey)) == NULL) {
        return "out of memory";
    }
    return NULL;
}

/* Decodes a base64url member into out; -1 when it is absent, no string, too long or not canonical. */
static long decode_member(const json_t *jwk, const char *name, unsigned char out[MEMBER_SIZE])
{
    const json_t *member = json_object_get(jwk, name);
    size_t        length = json_string_length(member);

    if (!json_is_string(member) || length == 0 || length > MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE + 1)) {
        return -1;
    }
    return mto_base64url_decode(out, json_string_value(member), length);
}

static EVP_PKEY *pkey_from_builder(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM   *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY     *pkey = NULL;

    if (context != NULL && parameters != NULL && EVP_PKEY_fromdata_init(context) == 1) {
        (void)EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters);
    }
    OSSL_PARAM_free(parameters);
    EVP_PKEY_CTX_free(context);
    return pkey;
}

static EVP_PKEY *read_rsa(const json_t *jwk)
{
    unsigned char   bytes[MEMBER_SIZE];
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM         *modulus = NULL, *exponent = NULL;
    EVP_PKEY       *pkey = NULL;
    long            size;

    if ((size = decode_member(jwk, "n", bytes)) > 0) {
        modulus = BN_bin2bn(bytes, (int)size, NULL);
    }
    if ((size = decode_member(jwk, "e", bytes)) > 0) {
        exponent = BN_bin2bn(bytes, (int)size, NULL);
    }
    if (builder != NULL && modulus != NULL && exponent != NULL
        && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1
        && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        pkey = pkey_from_builder("RSA", builder);
    }
    BN_free(modulus);
    BN_free(exponent);
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

static EVP_PKEY *read_ec(const json_t *jwk, const kind_row_t *row)
{
    unsigned char   x[MEMBER_SIZE], y[MEMBER_SIZE], point[1 + 2 * 66];
    OSSL_PARAM_BLD *builder;
    EVP_PKEY       *pkey = NULL;

    if (decode_member(jwk, "x", x) != (long)row->coordinate || decode_member(jwk, "y", y) != (long)row->coordinate) {
        return NULL;
    }
    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(point + 1, x, row->coordinate);
    memcpy(point + 1 + row->coordinate, y, row->coordinate);
    builder = OSSL_PARAM_BLD_new();
    if (builder != NULL && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, row->group, 0) == 1
        && OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * row->coordinate) == 1) {
        pkey = pkey_from_builder("EC", builder);
    }
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

static EVP_PKEY *read_okp(const json_t *jwk, const kind_row_t *row)
{
    unsigned char x[MEMBER_SIZE];

    if (decode_member(jwk, "x", x) != (long)row->coordinate) {
        return NULL;
    }
    return EVP_PKEY_new_raw_public_key_ex(NULL, row->group, NULL, x, row->coordinate);
}

/* Why a JWK is not for verifying signatures (RFC 7517 sections 4.2 and 4.3); NULL when it is, or does not say. */
static const char *not_for_signatures(const json_t *jwk)
{
    const json_t *use = json_object_get(jwk, "use"), *operations = json_object_get(jwk, "key_ops"), *operation;
    size_t        i;

    if (use != NULL && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0)) {
        return "use is not sig";
    }
    if (operations == NULL) {
        return NULL;
    }
    json_array_foreach(operations, i, operation)
    {
        if (json_is_string(operation) && strcmp(json_string_value(operation), "verify") == 0) {
            return NULL;
        }
    }
    return "key_ops has no verify";
}

/* The row of kinds for a JWK's kty and crv; -1: unknown here. */
static int kind_of_jwk(const json_t *jwk)
{
    const char *kty = mto_json_string(jwk, "kty"), *crv = mto_json_string(jwk, "crv");
    int         kind;

    for (kind = 0; kty != NULL && kind < KIND_COUNT; kind++) {
        if (strcmp(kty, kinds[kind].kty) == 0
            && (kinds[kind].crv == NULL || (crv != NULL && strcmp(crv, kinds[kind].crv) == 0))) {
            return kind;
        }
    }
    return -1;
}

static EVP_PKEY *pkey_from_jwk(const json_t *jwk, int kind)
{
    const kind_row_t *row = &kinds[kind];

    if (kind == MTO_KEY_RSA) {
        return read_rsa(jwk);
    }
    return strcmp(row->kty, "EC") == 0 ? read_ec(jwk, row) : read_okp(jwk, row);
}

/* RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2: with any one of them the private key is known. */
static int has_private_part(const json_t *jwk)
{
    static const char *const members[] = {"d", "p", "q", "dp", "dq", "qi", "oth"};
    size_t                   i;

    for (i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (json_object_get(jwk, members[i]) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* What can be said of a JWK without making a key of it: its kind and algorithm (NULL: it names none). Returns as
 * mto_key_read_jwk does. */
static const char *look_at_jwk(const json_t *jwk, mto_jwk_mode_t mode, mto_key_kind_t *kind,
                               const mto_algorithm_t **algorithm, int *harmless)
{
    const json_t *kid = json_object_get(jwk, "kid"), *alg = json_object_get(jwk, "alg");
    const char   *reason;
    int           row;

    *harmless = 0;
    *algorithm = NULL;
    if (!json_is_object(jwk)) {
        return "not a JSON object";
    }
    if (json_object_get(jwk, "k") != NULL) {
        return "a symmetric key";
    }
    if (mode == MTO_JWK_PUBLIC && has_private_part(jwk)) {
        return "published with its private part: anybody can sign with it";
    }
    *harmless = 1;
    if ((row = kind_of_jwk(jwk)) < 0) {
        return "a kty or crv that is not used here";
    }
    *kind = (mto_key_kind_t)row;
    if ((reason = not_for_signatures(jwk)) != NULL) {
        return reason;
    }
    if (json_is_string(alg) && (*algorithm = mto_algorithm_find(json_string_value(alg))) == NULL) {
        return "an alg that is not used here";
    }
    *harmless = 0;
    if ((kid != NULL && !json_is_string(kid)) || (alg != NULL && !json_is_string(alg))) {
        return "kid or alg is not a string";
    }
    return NULL;
}

const char *mto_key_read_jwk(mto_key_t *key, const json_t *jwk, mto_jwk_mode_t mode, int *harmless)
{
    const mto_algorithm_t *algorithm;
    mto_key_kind_t         kind;
    const char            *reason;
    EVP_PKEY              *pkey;

    memset(key, 0, sizeof *key);
    if ((reason = look_at_jwk(jwk, mode, &kind, &algorithm, harmless)) != NULL) {
        return reason;
    }
    pkey = pkey_from_jwk(jwk, (int)kind);
    reason =
        pkey == NULL ? "its members do not make a key" : key_finish(key, pkey, mto_json_string(jwk, "kid"), algorithm);
    ERR_clear_error();
    return reason;
}

/* A member in base64url again, without leading zero octets where it is a number; 0: see decode_member. */
static int copy_member(const json_t *jwk, const char *name, size_t coordinate,
                       char out[MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE)])
{
    unsigned char bytes[MEMBER_SIZE];
    long          size = decode_member(jwk, name, bytes), zeros = 0;

    while (coordinate == 0 && zeros < size && bytes[zeros] == 0) {
        zeros++;
    }
    if (size - zeros <= 0 || size - zeros > NUMBER_SIZE || (coordinate > 0 && (size_t)size != coordinate)) {
        return 0;
    }
    mto_base64url_encode(out, bytes + zeros, (size_t)(size - zeros));
    return 1;
}

const char *mto_jwk_thumbprint(unsigned char thumbprint[MTO_THUMBPRINT_SIZE], const json_t *jwk, int *harmless)
{
    char first[MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE)], second[MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE)] = "";
    const mto_algorithm_t *algorithm;
    mto_key_kind_t         kind;
    const char            *reason = look_at_jwk(jwk, MTO_JWK_PUBLIC, &kind, &algorithm, harmless);
    int                    has_second;

    if (reason != NULL) {
        return reason;
    }
    has_second = kind == MTO_KEY_RSA || strcmp(kinds[kind].kty, "EC") == 0;
    if (!copy_member(jwk, kind == MTO_KEY_RSA ? "n" : "x", kinds[kind].coordinate, first)
        || (has_second && !copy_member(jwk, kind == MTO_KEY_RSA ? "e" : "y", kinds[kind].coordinate, second))
        || !hash_canonical(kind, first, second, thumbprint)) {
        return "its members do not make a key";
    }
    return NULL;
}

int mto_public_key_thumbprint(unsigned char thumbprint[MTO_THUMBPRINT_SIZE], const EVP_PKEY *pkey)
{
    int kind = kind_of(pkey);
    int ok = kind >= 0 && hash_key(pkey, (mto_key_kind_t)kind, thumbprint);

    ERR_clear_error();
    return ok;
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
    reason = pkey == NULL ? "neither a PEM public key nor a PEM certificate" : key_finish(key, pkey, kid, algorithm);
    ERR_clear_error();
    return reason;
}
