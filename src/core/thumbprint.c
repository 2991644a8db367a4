#include "core/jwk_private.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

/* Room for the canonical JSON of RFC 7638: an RSA modulus and exponent of the largest size, and the member names. */
#define CANONICAL_SIZE (2 * MTO_RSA_NUMBER_TEXT + 64)

/* The named number of a key in base64url without leading zero octets (RFC 7518 section 6.3.1.1); 0 on failure. */
static int encode_number(const EVP_PKEY *pkey, const char *name, char out[MTO_RSA_NUMBER_TEXT])
{
    unsigned char bytes[MTO_RSA_NUMBER_SIZE];
    BIGNUM       *number = NULL;
    int           ok = EVP_PKEY_get_bn_param(pkey, name, &number) && BN_num_bytes(number) <= MTO_RSA_NUMBER_SIZE;

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

int mto_thumbprint_of_members(mto_key_kind_t kind, const char *first, const char *second,
                              unsigned char thumbprint[MTO_THUMBPRINT_SIZE])
{
    const mto_key_kind_row_t *row = mto_key_kind_row(kind);
    char                      canonical[CANONICAL_SIZE];

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

int mto_thumbprint_of_key(const EVP_PKEY *pkey, mto_key_kind_t kind, unsigned char thumbprint[MTO_THUMBPRINT_SIZE])
{
    const mto_key_kind_row_t *row = mto_key_kind_row(kind);
    char                      first[MTO_RSA_NUMBER_TEXT], second[MTO_RSA_NUMBER_TEXT];
    unsigned char             raw[57];
    size_t                    raw_size = sizeof raw;

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
    return ok && mto_thumbprint_of_members(kind, first, second, thumbprint);
}

int mto_public_key_thumbprint(unsigned char thumbprint[MTO_THUMBPRINT_SIZE], const EVP_PKEY *pkey)
{
    int kind = mto_key_kind_of(pkey);
    int ok = kind >= 0 && mto_thumbprint_of_key(pkey, (mto_key_kind_t)kind, thumbprint);

    ERR_clear_error();
    return ok;
}
