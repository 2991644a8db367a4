#include "core/jwk_private.h"

#include "core/json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

/* The largest JWK member that is decoded. */
#define MEMBER_SIZE MTO_BASE64URL_DECODED_SIZE(MTO_BASE64URL_ENCODED_SIZE(MTO_RSA_NUMBER_SIZE + 1))

/* Decodes a base64url member into out; -1 when it is absent, no string, too long or not canonical. */
static long decode_member(const json_t *jwk, const char *name, unsigned char out[MEMBER_SIZE])
{
    const json_t *member = json_object_get(jwk, name);
    size_t        length = json_string_length(member);

    if (!json_is_string(member) || length == 0 || length > MTO_BASE64URL_ENCODED_SIZE(MTO_RSA_NUMBER_SIZE + 1)) {
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

static EVP_PKEY *read_ec(const json_t *jwk, const mto_key_kind_row_t *row)
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

static EVP_PKEY *read_okp(const json_t *jwk, const mto_key_kind_row_t *row)
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

    for (kind = 0; kty != NULL && kind < MTO_KEY_KINDS; kind++) {
        const mto_key_kind_row_t *row = mto_key_kind_row(kind);

        if (strcmp(kty, row->kty) == 0 && (row->crv == NULL || (crv != NULL && strcmp(crv, row->crv) == 0))) {
            return kind;
        }
    }
    return -1;
}

static EVP_PKEY *pkey_from_jwk(const json_t *jwk, int kind)
{
    const mto_key_kind_row_t *row = mto_key_kind_row(kind);

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
    reason = pkey == NULL ? "its members do not make a key"
                          : mto_key_finish(key, pkey, mto_json_string(jwk, "kid"), algorithm);
    ERR_clear_error();
    return reason;
}

/* A member in base64url again, without leading zero octets where it is a number; 0: see decode_member. */
static int copy_member(const json_t *jwk, const char *name, size_t coordinate, char out[MTO_RSA_NUMBER_TEXT])
{
    unsigned char bytes[MEMBER_SIZE];
    long          size = decode_member(jwk, name, bytes), zeros = 0;

    while (coordinate == 0 && zeros < size && bytes[zeros] == 0) {
        zeros++;
    }
    if (size - zeros <= 0 || size - zeros > MTO_RSA_NUMBER_SIZE || (coordinate > 0 && (size_t)size != coordinate)) {
        return 0;
    }
    mto_base64url_encode(out, bytes + zeros, (size_t)(size - zeros));
    return 1;
}

const char *mto_jwk_thumbprint(unsigned char thumbprint[MTO_THUMBPRINT_SIZE], const json_t *jwk, int *harmless)
{
    char                      first[MTO_RSA_NUMBER_TEXT], second[MTO_RSA_NUMBER_TEXT] = "";
    const mto_algorithm_t    *algorithm;
    mto_key_kind_t            kind;
    const char               *reason = look_at_jwk(jwk, MTO_JWK_PUBLIC, &kind, &algorithm, harmless);
    const mto_key_kind_row_t *row;
    int                       has_second;

    if (reason != NULL) {
        return reason;
    }
    row = mto_key_kind_row(kind);
    has_second = kind == MTO_KEY_RSA || strcmp(row->kty, "EC") == 0;
    if (!copy_member(jwk, kind == MTO_KEY_RSA ? "n" : "x", row->coordinate, first)
        || (has_second && !copy_member(jwk, kind == MTO_KEY_RSA ? "e" : "y", row->coordinate, second))
        || !mto_thumbprint_of_members(kind, first, second, thumbprint)) {
        return "its members do not make a key";
    }
    return NULL;
}
