/* jwk: which numbers make a key, by its kind (RFC 7518 sections 3.3 and 6, RFC 8725 section 3). */
#include "jwks.h"

#include "core/base64url.h"
#include "core/json.h"

#include <openssl/bn.h>
#include <stdlib.h>
#include <string.h>

/* --- Coordinates at exactly their length (RFC 7518 section 6.2.1.2) ----------------------------------------- */

typedef struct {
    const char    *name;
    mto_key_kind_t kind;
    const char    *curve;
    const char    *coordinate;
    size_t         size;
} coordinate_t;

static const coordinate_t coordinates[] = {
    {"P-256 x", MTO_KEY_P256, "P-256", "x", 32}, {"P-256 y", MTO_KEY_P256, "P-256", "y", 32},
    {"P-384 x", MTO_KEY_P384, "P-384", "x", 48}, {"P-384 y", MTO_KEY_P384, "P-384", "y", 48},
    {"P-521 x", MTO_KEY_P521, "P-521", "x", 66}, {"P-521 y", MTO_KEY_P521, "P-521", "y", 66},
};

/* Puts a coordinate of these bytes in a copy of a JWK and sees it left out. */
static void check_other_coordinate(json_t *jwk, const char *coordinate, const unsigned char *bytes, size_t size)
{
    json_t *other = json_copy(jwk);

    json_object_set_new(other, coordinate, json_string(support_base64url(bytes, size)));
    check_jwk(other, MTO_JWK_PUBLIC, NO_KEY, 0);
}

static void coordinate_has_its_length(const void *data)
{
    const coordinate_t *row = data;
    unsigned char       bytes[80] = {0}, thumbprint[MTO_THUMBPRINT_SIZE];
    json_t             *jwk = NULL;

    do { /* until the coordinate begins with a zero octet */
        EVP_PKEY   *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", row->curve);
        const char *text;

        json_decref(jwk);
        jwk = support_jwk(pkey, NULL, NULL);
        EVP_PKEY_free(pkey);
        text = mto_json_string(jwk, row->coordinate);
        assert_int_equal(mto_base64url_decode(bytes + 1, text, strlen(text)), row->size);
    } while (bytes[1] != 0);
    check_other_coordinate(jwk, row->coordinate, bytes + 2, row->size - 1);
    check_other_coordinate(jwk, row->coordinate, bytes, row->size + 1);
    write_thumbprint(jwk, thumbprint);
    check_thumbprint(jwk, thumbprint);
    json_decref(jwk);
}

/* --- RSA moduli --------------------------------------------------------------------------------------------- */

/* A modulus of so many bits that passes for one: a random odd number. */
static BIGNUM *random_modulus(int bits)
{
    BIGNUM *modulus = BN_new();

    assert_int_equal(BN_rand(modulus, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
    return modulus;
}

static BIGNUM *generated_modulus(size_t bits)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
    BIGNUM   *modulus = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(pkey, "n", &modulus), 1);
    EVP_PKEY_free(pkey);
    return modulus;
}

static BIGNUM *modulus_1024(void)
{
    return random_modulus(1024);
}

static BIGNUM *modulus_2047(void)
{
    return generated_modulus(2047);
}

static BIGNUM *modulus_2048(void)
{
    return generated_modulus(2048);
}

static BIGNUM *modulus_16385(void)
{
    return random_modulus(16385);
}

static BIGNUM *modulus_17000(void)
{
    return random_modulus(17000);
}

static BIGNUM *modulus_even(void)
{
    BIGNUM *modulus = generated_modulus(2048);

    BN_sub_word(modulus, 1);
    return modulus;
}

static BIGNUM *modulus_prime(void)
{
    return BN_get_rfc3526_prime_2048(NULL);
}

static BIGNUM *modulus_square(void)
{
    BIGNUM *modulus = BN_get_rfc2409_prime_1024(NULL);
    BN_CTX *context = BN_CTX_new();

    assert_int_equal(BN_sqr(modulus, modulus, context), 1);
    BN_CTX_free(context);
    return modulus;
}

static BIGNUM *modulus_with_factor_3(void)
{
    BIGNUM *modulus = random_modulus(2048);

    while (BN_mod_word(modulus, 3) != 0) {
        BN_sub_word(modulus, 2);
    }
    return modulus;
}

typedef struct {
    const char *name;
    BIGNUM *(*make)(void);
    const char *reason;
} modulus_t;

static const modulus_t moduli[] = {
    {"1024 bits", modulus_1024, SIZE},
    {"2047 bits", modulus_2047, SIZE},
    {"2048 bits", modulus_2048, NULL},
    {"16385 bits", modulus_16385, SIZE},
    {"17000 bits", modulus_17000, NO_KEY},
    {"even", modulus_even, "RSA modulus not odd"},
    {"prime", modulus_prime, "no valid public key"},
    {"square of a prime", modulus_square, "no valid public key"},
    {"divisible by 3", modulus_with_factor_3, "no valid public key"},
};

static void modulus_is_taken_or_left(const void *data)
{
    const modulus_t *row = data;
    BIGNUM          *modulus = row->make(), *exponent = BN_new();
    json_t          *jwk;

    BN_set_word(exponent, 65537);
    jwk = support_rsa_jwk(modulus, exponent);
    BN_free(modulus);
    BN_free(exponent);
    check_jwk(jwk, MTO_JWK_PUBLIC, row->reason, 0);
}

/* --- Points of small order: with such a key anybody can sign (RFC 8725 section 3.4) -------------------------- */

static const struct {
    const char *name;
    const char *curve;
    const char *point; /* the encoding in hex: all of it, or first byte, a byte that repeats, last byte */
} small_points[] = {
    {"Ed25519, order 4: zeros", "Ed25519", "000000"},
    {"Ed25519, order 4: zeros and a sign", "Ed25519", "000080"},
    {"Ed25519, order 1", "Ed25519", "010000"},
    {"Ed25519, order 2", "Ed25519", "ecff7f"},
    {"Ed25519, order 8", "Ed25519", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"},
    {"Ed25519, order 8, the other", "Ed25519", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"},
    {"Ed25519, order 8 and a sign", "Ed25519", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"},
    {"Ed25519, zero spelled p", "Ed25519", "edff7f"},
    {"Ed25519, one spelled p + 1", "Ed25519", "eeff7f"},
    {"Ed448, order 4: zeros", "Ed448", "000000"},
    {"Ed448, order 1", "Ed448", "010000"},
    {"Ed448, order 2", "Ed448",
     "fefffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffffffffffffffffffffff0"
     "0"},
};

static void point_of_small_order_is_left_out(const void *data)
{
    const char *const *row = data;
    size_t             size = strcmp(row[1], "Ed448") == 0 ? 57 : 32;
    unsigned long      point = strtoul(row[2], NULL, 16);
    unsigned char      bytes[57];

    memset(bytes, (int)(point >> 8 & 0xff), size);
    bytes[0] = (unsigned char)(point >> 16);
    bytes[size - 1] = (unsigned char)(point & 0xff);
    if (strlen(row[2]) == 2 * size) {
        assert_int_equal(OPENSSL_hexstr2buf_ex(bytes, size, NULL, row[2], '\0'), 1);
    }
    check_jwk(json_pack("{s:s, s:s, s:s}", "kty", "OKP", "crv", row[1], "x", support_base64url(bytes, size)),
              MTO_JWK_PUBLIC, "no valid public key", 0);
}

int main(void)
{
    support_table("RFC 7518 section 6.2.1.2, exact length", coordinate_has_its_length, TABLE(coordinates));
    support_table("RFC 7518 section 3.3 and RFC 8725 section 3.5, modulus", modulus_is_taken_or_left, TABLE(moduli));
    support_table("RFC 8725 section 3.4, points of small order", point_of_small_order_is_left_out, TABLE(small_points));
    return support_run("jwk_numbers");
}
