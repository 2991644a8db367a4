/* jwk: which keys get in (RFC 7517, RFC 7518 section 6, RFC 8037, RFC 8725 section 3), and under which thumbprint. */
#include "support.h"

#include "core/base64url.h"
#include "core/json.h"
#include "core/jwk.h"
#include "vectors.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- JWKs that differ from a good one in the members named ------------------------------------------------- */

#define NO_KIND       "a kty or crv that is not used here"
#define NO_KEY        "its members do not make a key"
#define CONTRADICTION "alg contradicts the key's type"
#define PRIVATE       "published with its private part: anybody can sign with it"
#define EXPONENT      "RSA exponent not an odd number from 3 to 64 bits"
#define SIZE          "RSA modulus not of 2048 to 16384 bits"

typedef struct {
    const char    *name;
    mto_key_kind_t kind;
    const char    *change;  /* members to set, as JSON; NULL: none */
    const char    *without; /* member to take out; NULL: none */
    const char    *reason;  /* NULL: the key is good */
    int            harmless;
} change_t;

static const change_t changes[] = {
    {"RSA", MTO_KEY_RSA, NULL, NULL, NULL, 0},
    {"P-256", MTO_KEY_P256, NULL, NULL, NULL, 0},
    {"P-384", MTO_KEY_P384, NULL, NULL, NULL, 0},
    {"P-521", MTO_KEY_P521, NULL, NULL, NULL, 0},
    {"Ed25519", MTO_KEY_ED25519, NULL, NULL, NULL, 0},
    {"Ed448", MTO_KEY_ED448, NULL, NULL, NULL, 0},
    {"unknown members", MTO_KEY_P256, "{\"x5c\":[],\"x5t\":1,\"exp\":{},\"crit\":[\"a\"]}", NULL, NULL, 0},

    {"alg RS512 on RSA", MTO_KEY_RSA, "{\"alg\":\"RS512\"}", NULL, NULL, 0},
    {"alg PS256 on RSA", MTO_KEY_RSA, "{\"alg\":\"PS256\"}", NULL, NULL, 0},
    {"alg ES256 on RSA", MTO_KEY_RSA, "{\"alg\":\"ES256\"}", NULL, CONTRADICTION, 0},
    {"alg EdDSA on RSA", MTO_KEY_RSA, "{\"alg\":\"EdDSA\"}", NULL, CONTRADICTION, 0},
    {"alg RS256 on P-256", MTO_KEY_P256, "{\"alg\":\"RS256\"}", NULL, CONTRADICTION, 0},
    {"alg ES384 on P-256", MTO_KEY_P256, "{\"alg\":\"ES384\"}", NULL, CONTRADICTION, 0},
    {"alg ES512 on P-384", MTO_KEY_P384, "{\"alg\":\"ES512\"}", NULL, CONTRADICTION, 0},
    {"alg ES512 on P-521", MTO_KEY_P521, "{\"alg\":\"ES512\"}", NULL, NULL, 0},
    {"alg EdDSA on Ed448", MTO_KEY_ED448, "{\"alg\":\"EdDSA\"}", NULL, NULL, 0},
    {"alg Ed25519 on Ed25519", MTO_KEY_ED25519, "{\"alg\":\"Ed25519\"}", NULL, NULL, 0},
    {"alg Ed25519 on Ed448", MTO_KEY_ED448, "{\"alg\":\"Ed25519\"}", NULL, CONTRADICTION, 0},
    {"alg Ed448 on Ed25519", MTO_KEY_ED25519, "{\"alg\":\"Ed448\"}", NULL, CONTRADICTION, 0},
    {"alg HS256 on RSA", MTO_KEY_RSA, "{\"alg\":\"HS256\"}", NULL, "an alg that is not used here", 1},
    {"alg none on RSA", MTO_KEY_RSA, "{\"alg\":\"none\"}", NULL, "an alg that is not used here", 1},
    {"alg RSA-OAEP on RSA", MTO_KEY_RSA, "{\"alg\":\"RSA-OAEP\"}", NULL, "an alg that is not used here", 1},
    {"alg rs256 on RSA", MTO_KEY_RSA, "{\"alg\":\"rs256\"}", NULL, "an alg that is not used here", 1},
    {"alg null", MTO_KEY_RSA, "{\"alg\":null}", NULL, "kid or alg is not a string", 0},
    {"alg a number", MTO_KEY_RSA, "{\"alg\":256}", NULL, "kid or alg is not a string", 0},
    {"alg a list", MTO_KEY_RSA, "{\"alg\":[\"RS256\"]}", NULL, "kid or alg is not a string", 0},

    {"use sig", MTO_KEY_P256, "{\"use\":\"sig\"}", NULL, NULL, 0},
    {"use enc", MTO_KEY_P256, "{\"use\":\"enc\"}", NULL, "use is not sig", 1},
    {"use enc and alg ES256", MTO_KEY_P256, "{\"use\":\"enc\",\"alg\":\"ES256\"}", NULL, "use is not sig", 1},
    {"use SIG", MTO_KEY_P256, "{\"use\":\"SIG\"}", NULL, "use is not sig", 1},
    {"use null", MTO_KEY_P256, "{\"use\":null}", NULL, "use is not sig", 1},
    {"use a list", MTO_KEY_P256, "{\"use\":[\"sig\"]}", NULL, "use is not sig", 1},
    {"key_ops verify", MTO_KEY_P256, "{\"key_ops\":[\"verify\"]}", NULL, NULL, 0},
    {"key_ops sign and verify", MTO_KEY_P256, "{\"key_ops\":[\"sign\",\"verify\"]}", NULL, NULL, 0},
    {"key_ops sign", MTO_KEY_P256, "{\"key_ops\":[\"sign\"]}", NULL, "key_ops has no verify", 1},
    {"key_ops empty", MTO_KEY_P256, "{\"key_ops\":[]}", NULL, "key_ops has no verify", 1},
    {"key_ops a string", MTO_KEY_P256, "{\"key_ops\":\"verify\"}", NULL, "key_ops has no verify", 1},
    {"key_ops null", MTO_KEY_P256, "{\"key_ops\":null}", NULL, "key_ops has no verify", 1},
    {"key_ops of a number", MTO_KEY_P256, "{\"key_ops\":[1]}", NULL, "key_ops has no verify", 1},
    {"use sig against key_ops encrypt", MTO_KEY_RSA, "{\"use\":\"sig\",\"key_ops\":[\"encrypt\"]}", NULL,
     "key_ops has no verify", 1},

    {"kty absent", MTO_KEY_RSA, NULL, "kty", NO_KIND, 1},
    {"kty null", MTO_KEY_RSA, "{\"kty\":null}", NULL, NO_KIND, 1},
    {"kty rsa", MTO_KEY_RSA, "{\"kty\":\"rsa\"}", NULL, NO_KIND, 1},
    {"kty AKP", MTO_KEY_RSA, "{\"kty\":\"AKP\"}", NULL, NO_KIND, 1},
    {"kty EC without crv", MTO_KEY_P256, NULL, "crv", NO_KIND, 1},
    {"crv secp256k1", MTO_KEY_P256, "{\"crv\":\"secp256k1\"}", NULL, NO_KIND, 1},
    {"crv p-256", MTO_KEY_P256, "{\"crv\":\"p-256\"}", NULL, NO_KIND, 1},
    {"crv X25519", MTO_KEY_ED25519, "{\"crv\":\"X25519\"}", NULL, NO_KIND, 1},
    {"crv Ed25519 of kty EC", MTO_KEY_ED25519, "{\"kty\":\"EC\"}", NULL, NO_KIND, 1},
    {"crv P-256 of kty OKP", MTO_KEY_P256, "{\"kty\":\"OKP\"}", NULL, NO_KIND, 1},
    {"kty oct", MTO_KEY_P256, "{\"kty\":\"oct\",\"k\":\"AAAA\"}", NULL, "a symmetric key", 0},
    {"kty oct without k", MTO_KEY_P256, "{\"kty\":\"oct\"}", NULL, NO_KIND, 1},
    {"k beside a public key", MTO_KEY_RSA, "{\"k\":\"AAAA\"}", NULL, "a symmetric key", 0},
    {"P-256 point called P-384", MTO_KEY_P256, "{\"crv\":\"P-384\"}", NULL, NO_KEY, 0},
    {"P-384 point called P-256", MTO_KEY_P384, "{\"crv\":\"P-256\"}", NULL, NO_KEY, 0},
    {"EC key called RSA", MTO_KEY_P256, "{\"kty\":\"RSA\"}", NULL, NO_KEY, 0},
    {"RSA key called EC", MTO_KEY_RSA, "{\"kty\":\"EC\",\"crv\":\"P-256\"}", NULL, NO_KEY, 0},
    {"Ed448 called Ed25519", MTO_KEY_ED448, "{\"crv\":\"Ed25519\"}", NULL, NO_KEY, 0},
    {"Ed25519 called Ed448", MTO_KEY_ED25519, "{\"crv\":\"Ed448\"}", NULL, NO_KEY, 0},

    {"kid empty", MTO_KEY_P256, "{\"kid\":\"\"}", NULL, NULL, 0},
    {"kid a number", MTO_KEY_P256, "{\"kid\":1}", NULL, "kid or alg is not a string", 0},
    {"kid null", MTO_KEY_P256, "{\"kid\":null}", NULL, "kid or alg is not a string", 0},
    {"kid a list", MTO_KEY_P256, "{\"kid\":[\"a\"]}", NULL, "kid or alg is not a string", 0},

    {"x absent", MTO_KEY_P256, NULL, "x", NO_KEY, 0},
    {"y absent", MTO_KEY_P256, NULL, "y", NO_KEY, 0},
    {"x empty", MTO_KEY_P256, "{\"x\":\"\"}", NULL, NO_KEY, 0},
    {"x a number", MTO_KEY_P256, "{\"x\":1}", NULL, NO_KEY, 0},
    {"x null", MTO_KEY_P256, "{\"x\":null}", NULL, NO_KEY, 0},
    {"x padded", MTO_KEY_P256, "{\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}", NULL, NO_KEY, 0},
    {"point not on the curve", MTO_KEY_P256, "{\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}", NULL, NO_KEY,
     0},
    {"point 0, 0", MTO_KEY_P256,
     "{\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
     "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
     NULL, NO_KEY, 0},
    {"coordinate not below the field prime", MTO_KEY_P256, "{\"x\":\"__________________________________________8\"}",
     NULL, NO_KEY, 0},
    {"Ed25519 of 31 bytes", MTO_KEY_ED25519, "{\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}", NULL, NO_KEY, 0},
    {"Ed25519 of 33 bytes", MTO_KEY_ED25519, "{\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURoA\"}", NULL, NO_KEY,
     0},
    {"Ed25519 without x", MTO_KEY_ED25519, NULL, "x", NO_KEY, 0},
    {"Ed25519 x with trailing bits", MTO_KEY_ED25519, "{\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp\"}", NULL,
     NO_KEY, 0},

    {"n absent", MTO_KEY_RSA, NULL, "n", NO_KEY, 0},
    {"e absent", MTO_KEY_RSA, NULL, "e", NO_KEY, 0},
    {"n of standard base64", MTO_KEY_RSA, "{\"n\":\"+/+/\"}", NULL, NO_KEY, 0},
    {"n of 24 bits", MTO_KEY_RSA, "{\"n\":\"____\"}", NULL, SIZE, 0},
    {"n of 0", MTO_KEY_RSA, "{\"n\":\"AAAA\"}", NULL, SIZE, 0},
    {"e of 0", MTO_KEY_RSA, "{\"e\":\"AA\"}", NULL, EXPONENT, 0},
    {"e of 1", MTO_KEY_RSA, "{\"e\":\"AQ\"}", NULL, EXPONENT, 0},
    {"e of 2", MTO_KEY_RSA, "{\"e\":\"Ag\"}", NULL, EXPONENT, 0},
    {"e of 65536", MTO_KEY_RSA, "{\"e\":\"AQAA\"}", NULL, EXPONENT, 0},
    {"e of 3", MTO_KEY_RSA, "{\"e\":\"Aw\"}", NULL, NULL, 0},
    {"e of 64 bits", MTO_KEY_RSA, "{\"e\":\"__________8\"}", NULL, NULL, 0},
    {"e of 65 bits", MTO_KEY_RSA, "{\"e\":\"Af_________-\"}", NULL, EXPONENT, 0},
    {"e of 65 bits, odd", MTO_KEY_RSA, "{\"e\":\"Af__________\"}", NULL, EXPONENT, 0},

    {"d", MTO_KEY_P256, "{\"d\":\"AAAA\"}", NULL, PRIVATE, 0},
    {"d of RSA", MTO_KEY_RSA, "{\"d\":\"AAAA\"}", NULL, PRIVATE, 0},
    {"d null", MTO_KEY_RSA, "{\"d\":null}", NULL, PRIVATE, 0},
    {"d with use enc", MTO_KEY_P256, "{\"d\":\"AAAA\",\"use\":\"enc\"}", NULL, PRIVATE, 0},
    {"p, a factor of n, without d", MTO_KEY_RSA, "{\"p\":\"AAAA\"}", NULL, PRIVATE, 0},
    {"q, a factor of n, without d", MTO_KEY_RSA, "{\"q\":\"AAAA\"}", NULL, PRIVATE, 0},
    {"dp, which gives p away, without d", MTO_KEY_RSA, "{\"dp\":\"AAAA\"}", NULL, PRIVATE, 0},
};

static void assert_reason(const char *reason, const char *wanted)
{
    if (wanted == NULL) {
        if (reason != NULL) {
            fail_msg("refused: %s", reason);
        }
        return;
    }
    if (reason == NULL) {
        fail_msg("accepted, wanted: %s", wanted);
    }
    assert_string_equal(reason, wanted);
}

/* Reads a JWK, whose reference it takes, and forgets OpenSSL's errors, which have cases of their own. */
static void check_jwk(json_t *jwk, mto_jwk_mode_t mode, const char *wanted, int wanted_harmless)
{
    mto_key_t   key = {0};
    int         harmless = -1;
    const char *reason = mto_key_read_jwk(&key, jwk, mode, &harmless);

    json_decref(jwk);
    if (reason == NULL) {
        assert_non_null(key.pkey);
    }
    mto_key_clear(&key);
    ERR_clear_error();
    assert_reason(reason, wanted);
    assert_int_equal(harmless, wanted_harmless);
}

static json_t *changed_jwk(const change_t *row)
{
    json_t *jwk = support_jwk(support_key(row->kind, 0), NULL, NULL);

    if (row->without != NULL) {
        json_object_del(jwk, row->without);
    }
    if (row->change != NULL) {
        json_object_update_new(jwk, json_loads(row->change, 0, NULL));
    }
    return jwk;
}

static void jwk_is_taken_or_left(const void *data)
{
    const change_t *row = data;

    check_jwk(changed_jwk(row), MTO_JWK_PUBLIC, row->reason, row->harmless);
}

/* DESIGN section 2: OpenSSL's error queue is empty when a function returns. */
static void jwk_leaves_no_errors(const void *data)
{
    const change_t *row = data;
    json_t         *jwk = changed_jwk(row);
    mto_key_t       key;
    int             harmless;

    (void)mto_key_read_jwk(&key, jwk, MTO_JWK_PUBLIC, &harmless);
    mto_key_clear(&key);
    json_decref(jwk);
}

static void private_members_are_ignored_on_demand(const void *unused)
{
    json_t *jwk = support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL);

    (void)unused;
    json_object_set_new(jwk, "d", json_string("AAAA"));
    check_jwk(jwk, MTO_JWK_IGNORE_PRIVATE, NULL, 0);
}

static void jwk_that_is_no_object_is_left_out(const void *unused)
{
    (void)unused;
    check_jwk(json_string("RSA"), MTO_JWK_PUBLIC, "not a JSON object", 0);
    check_jwk(json_null(), MTO_JWK_PUBLIC, "not a JSON object", 0);
    check_jwk(json_array(), MTO_JWK_PUBLIC, "not a JSON object", 0);
    check_jwk(json_object(), MTO_JWK_PUBLIC, NO_KIND, 1);
}

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

/* The thumbprint as RFC 7638 section 3 makes it of a JWK that writes its members in the shortest or exact form. */
static void write_thumbprint(const json_t *jwk, unsigned char thumbprint[MTO_THUMBPRINT_SIZE])
{
    static const char *const required[] = {"crv", "e", "kty", "n", "x", "y"};
    const char              *text = "";
    size_t                   i;

    for (i = 0; i < sizeof required / sizeof required[0]; i++) {
        const char *value = mto_json_string(jwk, required[i]);
        if (value != NULL) {
            text = support_text("%s%s\"%s\":\"%s\"", text, *text != '\0' ? "," : "", required[i], value);
        }
    }
    text = support_text("{%s}", text);
    assert_int_equal(EVP_Digest(text, strlen(text), thumbprint, NULL, EVP_sha256(), NULL), 1);
}

/* Reads a good JWK and compares its thumbprint. */
static void check_thumbprint(const json_t *jwk, const unsigned char wanted[MTO_THUMBPRINT_SIZE])
{
    mto_key_t key;
    int       harmless;

    assert_reason(mto_key_read_jwk(&key, jwk, MTO_JWK_PUBLIC, &harmless), NULL);
    assert_memory_equal(key.thumbprint, wanted, MTO_THUMBPRINT_SIZE);
    mto_key_clear(&key);
}

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

/* --- Thumbprints -------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *jwk;
    const char *thumbprint;
} published[] = {
    {"RFC 7638 section 3.1", RFC7638_3_1_JWK, RFC7638_3_1_THUMBPRINT},
    {"RFC 8037 appendix A.3", RFC8037_A_2_JWK, RFC8037_A_3_THUMBPRINT},
};

static void thumbprint_is_the_published_one(const void *data)
{
    const char *const *row = data;
    unsigned char      wanted[MTO_BASE64URL_DECODED_SIZE(43)];
    json_t            *jwk = json_loads(row[1], 0, NULL);

    assert_int_equal(mto_base64url_decode(wanted, row[2], strlen(row[2])), MTO_THUMBPRINT_SIZE);
    check_thumbprint(jwk, wanted);
    json_decref(jwk);
}

typedef struct {
    const char    *name;
    mto_key_kind_t kind;
} kind_t;

static const kind_t kinds[] = {
    {"RSA", MTO_KEY_RSA},    {"P-256", MTO_KEY_P256},      {"P-384", MTO_KEY_P384},
    {"P-521", MTO_KEY_P521}, {"Ed25519", MTO_KEY_ED25519}, {"Ed448", MTO_KEY_ED448},
};

static void thumbprint_is_of_the_required_members(const void *data)
{
    json_t       *jwk = support_jwk(support_key(((const kind_t *)data)->kind, 0), NULL, NULL);
    unsigned char wanted[MTO_THUMBPRINT_SIZE];

    write_thumbprint(jwk, wanted);
    json_object_set_new(jwk, "kid", json_string("a"));
    json_object_set_new(jwk, "use", json_string("sig"));
    check_thumbprint(jwk, wanted);
    json_decref(jwk);
}

/* RFC 7518 section 6.3.1.1 warns of the extra zero octet that some write; it is the same key. */
static void leading_zero_octets_of_rsa_numbers_change_nothing(const void *unused)
{
    json_t       *jwk = support_jwk(support_key(MTO_KEY_RSA, 0), NULL, NULL);
    unsigned char wanted[MTO_THUMBPRINT_SIZE], bytes[1 + MTO_BASE64URL_DECODED_SIZE(342)] = {0};
    const char   *n = mto_json_string(jwk, "n");

    (void)unused;
    write_thumbprint(jwk, wanted);
    assert_int_equal(mto_base64url_decode(bytes + 1, n, strlen(n)), 256);
    json_object_set_new(jwk, "n", json_string(support_base64url(bytes, 257)));
    json_object_set_new(jwk, "e", json_string("AAEAAQ"));
    check_thumbprint(jwk, wanted);
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

/* --- What a key may verify (RFC 8725 section 3.1) ----------------------------------------------------------- */

typedef struct {
    const char    *name;
    mto_key_kind_t kind;
    const char    *key_alg; /* NULL: the JWK has none */
    const char    *fitting; /* names of all algorithms that fit, each with a space behind */
} fit_t;

static const fit_t fits[] = {
    {"RSA", MTO_KEY_RSA, NULL, "RS256 RS384 RS512 PS256 PS384 PS512 "},
    {"RSA for RS256", MTO_KEY_RSA, "RS256", "RS256 "},
    {"RSA for PS256", MTO_KEY_RSA, "PS256", "PS256 "},
    {"P-256", MTO_KEY_P256, NULL, "ES256 "},
    {"P-384", MTO_KEY_P384, NULL, "ES384 "},
    {"P-521 for ES512", MTO_KEY_P521, "ES512", "ES512 "},
    {"Ed25519", MTO_KEY_ED25519, NULL, "EdDSA Ed25519 "},
    {"Ed448", MTO_KEY_ED448, NULL, "EdDSA Ed448 "},
    {"Ed25519 for EdDSA, both names of RFC 9864", MTO_KEY_ED25519, "EdDSA", "EdDSA Ed25519 "},
    {"Ed448 for EdDSA, both names of RFC 9864", MTO_KEY_ED448, "EdDSA", "EdDSA Ed448 "},
};

static void key_fits_these(const void *data)
{
    const fit_t *row = data;
    json_t      *jwk = support_jwk(support_key(row->kind, 0), NULL, row->key_alg);
    const char  *fitting = "";
    mto_key_t    key;
    int          harmless, i;

    assert_reason(mto_key_read_jwk(&key, jwk, MTO_JWK_PUBLIC, &harmless), NULL);
    for (i = 0; i < MTO_ALGORITHM_COUNT; i++) {
        if (mto_key_fits(&key, mto_algorithm_at(i))) {
            fitting = support_text("%s%s ", fitting, mto_algorithm_at(i)->name);
        }
    }
    mto_key_clear(&key);
    json_decref(jwk);
    assert_string_equal(fitting, row->fitting);
}

/* --- PEM ---------------------------------------------------------------------------------------------------- */

static const char *pem_of_der(const void *der, size_t size)
{
    unsigned char *text = apr_palloc(support_pool(), size * 2 + 8);

    EVP_EncodeBlock(text, der, (int)size);
    return support_text("-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n", (const char *)text);
}

static const char *pem_public(void)
{
    return support_pem(support_key(MTO_KEY_P256, 0));
}

static const char *pem_certificate(void)
{
    return support_certificate_pem(support_key(MTO_KEY_P256, 0));
}

static const char *pem_certificate_of_rsa(void)
{
    return support_certificate_pem(support_key(MTO_KEY_RSA, 0));
}

static const char *pem_with_text_around(void)
{
    return support_text("# the issuer's key\r\n%s\nmore\n", pem_public());
}

static const char *pem_certificate_then_other_key(void)
{
    return support_text("%s%s", pem_certificate(), support_pem(support_key(MTO_KEY_P256, 1)));
}

static const char *pem_key_then_other_certificate(void)
{
    return support_text("%s%s", pem_public(), support_certificate_pem(support_key(MTO_KEY_P256, 1)));
}

static const char *pem_private(void)
{
    BIO        *bio = BIO_new(BIO_s_mem());
    const char *text;
    char       *data;
    long        size;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, support_key(MTO_KEY_P256, 0), NULL, NULL, 0, NULL, NULL), 1);
    size = BIO_get_mem_data(bio, &data);
    text = apr_pstrmemdup(support_pool(), data, (size_t)size);
    BIO_free(bio);
    return text;
}

static const char *pem_of_new_key(const char *type, const void *parameter)
{
    EVP_PKEY   *pkey = strcmp(type, "EC") == 0    ? EVP_PKEY_Q_keygen(NULL, NULL, type, (const char *)parameter)
                       : strcmp(type, "RSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, type, *(const size_t *)parameter)
                                                  : EVP_PKEY_Q_keygen(NULL, NULL, type);
    const char *text = support_pem(pkey);

    EVP_PKEY_free(pkey);
    return text;
}

static const char *pem_rsa_1024(void)
{
    static const size_t bits = 1024;
    return pem_of_new_key("RSA", &bits);
}

static const char *pem_secp256k1(void)
{
    return pem_of_new_key("EC", "secp256k1");
}

static const char *pem_x25519(void)
{
    return pem_of_new_key("X25519", NULL);
}

/* SubjectPublicKeyInfo of P-256 whose point is the one octet 00 (SEC 1 section 2.3.3). */
static const char *pem_infinity(void)
{
    static const unsigned char der[] = {0x30, 0x19, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                        0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x02, 0x00, 0x00};
    return pem_of_der(der, sizeof der);
}

/* The curve of P-256 written out, with the public key itself as generator: its private key is then 1 (CVE-2020-0601).
 */
static const char *pem_other_generator(void)
{
    EC_GROUP       *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM         *p = BN_new(), *a = BN_new(), *b = BN_new();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX   *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM     *parameters;
    EVP_PKEY       *pkey = NULL;
    unsigned char   point[65];
    const char     *text;
    size_t          size;

    assert_int_equal(EC_GROUP_get_curve(group, p, a, b, NULL), 1);
    assert_int_equal(EVP_PKEY_get_octet_string_param(support_key(MTO_KEY_P256, 0), "pub", point, sizeof point, &size),
                     1);
    OSSL_PARAM_BLD_push_utf8_string(builder, "field-type", "prime-field", 0);
    OSSL_PARAM_BLD_push_BN(builder, "p", p);
    OSSL_PARAM_BLD_push_BN(builder, "a", a);
    OSSL_PARAM_BLD_push_BN(builder, "b", b);
    OSSL_PARAM_BLD_push_BN(builder, "order", EC_GROUP_get0_order(group));
    OSSL_PARAM_BLD_push_octet_string(builder, "generator", point, size);
    OSSL_PARAM_BLD_push_octet_string(builder, "pub", point, size);
    parameters = OSSL_PARAM_BLD_to_param(builder);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters), 1);
    text = support_pem(pkey);
    EVP_PKEY_free(pkey);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_free(p), BN_free(a), BN_free(b);
    EC_GROUP_free(group);
    return text;
}

static const char *pem_damaged(void)
{
    return support_text("%.60s%s", pem_public(), "\n-----END PUBLIC KEY-----\n");
}

static const char *pem_empty(void)
{
    return "";
}

static const char *pem_jwks(void)
{
    return support_jwks(support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL), NULL);
}

#define NO_PEM     "neither a PEM public key nor a PEM certificate"
#define ANY_REASON "*"

typedef struct {
    const char *name;
    const char *(*make)(void);
    const char *alg;
    const char *reason; /* NULL: the key is key 0 of its kind */
} pem_t;

static const pem_t pems[] = {
    {"public key", pem_public, NULL, NULL},
    {"public key for ES256", pem_public, "ES256", NULL},
    {"public key for RS256", pem_public, "RS256", CONTRADICTION},
    {"certificate", pem_certificate, NULL, NULL},
    {"certificate of RSA", pem_certificate_of_rsa, "PS512", NULL},
    {"text around and CRLF", pem_with_text_around, NULL, NULL},
    {"of two blocks the first, a certificate", pem_certificate_then_other_key, NULL, NULL},
    {"of two blocks the first, a key", pem_key_then_other_certificate, NULL, NULL},
    {"private key", pem_private, NULL, NO_PEM},
    {"RSA of 1024 bits", pem_rsa_1024, NULL, SIZE},
    {"secp256k1", pem_secp256k1, NULL, "a key type that no JWS algorithm here uses"},
    {"X25519", pem_x25519, NULL, "a key type that no JWS algorithm here uses"},
    {"point at infinity", pem_infinity, NULL, ANY_REASON},
    {"P-256 with another generator", pem_other_generator, NULL, ANY_REASON},
    {"damaged", pem_damaged, NULL, NO_PEM},
    {"empty", pem_empty, NULL, NO_PEM},
    {"a JWK Set", pem_jwks, NULL, NO_PEM},
};

static void pem_is_taken_or_left(const void *data)
{
    const pem_t           *row = data;
    const mto_algorithm_t *algorithm = row->alg != NULL ? mto_algorithm_find(row->alg) : NULL;
    const char            *text = row->make(), *reason;
    mto_key_t              key = {0};
    int                    is_as_given = 0;

    reason = mto_key_read_pem(&key, text, strlen(text), "kid", algorithm);
    ERR_clear_error();
    if (reason == NULL) {
        is_as_given = strcmp(key.kid, "kid") == 0 && key.algorithm == algorithm
                      && EVP_PKEY_eq(key.pkey, support_key(key.kind, 0)) == 1;
    }
    mto_key_clear(&key);
    if (row->reason != NULL && strcmp(row->reason, ANY_REASON) == 0) {
        assert_non_null(reason);
        return;
    }
    assert_reason(reason, row->reason);
    assert_true(is_as_given || reason != NULL);
}

static void pem_leaves_no_errors(const void *data)
{
    const pem_t *row = data;
    const char  *text = row->make();
    mto_key_t    key = {0};

    ERR_clear_error();
    (void)mto_key_read_pem(&key, text, strlen(text), NULL, NULL);
    mto_key_clear(&key);
}

static void pem_ends_at_its_length(const void *unused)
{
    const char *text = pem_public();
    size_t      length;
    mto_key_t   key = {0};

    (void)unused;
    for (length = 0; length + 20 < strlen(text); length += 7) {
        char *cut = malloc(length + 1);
        memcpy(cut, text, length);
        assert_non_null(mto_key_read_pem(&key, cut, length, NULL, NULL));
        mto_key_clear(&key);
        free(cut);
    }
    ERR_clear_error();
}

/* Without a terminal the pass phrase would come from standard input, where a byte waits for it. */
static int asks_for_a_pass_phrase(const char *pem)
{
    struct pollfd waiting = {.fd = STDIN_FILENO, .events = POLLIN};
    mto_key_t     key = {0};
    int           pipe_ends[2];

    (void)setsid();
    if (pipe(pipe_ends) != 0 || write(pipe_ends[1], "x\n", 2) != 2 || dup2(pipe_ends[0], STDIN_FILENO) < 0) {
        return 1;
    }
    (void)alarm(10);
    (void)mto_key_read_pem(&key, pem, strlen(pem), NULL, NULL);
    mto_key_clear(&key);
    return poll(&waiting, 1, 0) != 1;
}

/* A server that starts must not stop to ask. */
static void nobody_is_asked_for_a_pass_phrase(const void *unused)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n"
                              "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
                              "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk=\n-----END PUBLIC KEY-----\n";
    pid_t             child = fork();
    int               status;

    (void)unused;
    if (child == 0) {
        _exit(asks_for_a_pass_phrase(pem));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    support_table("RFC 7517 section 4, members of a JWK", jwk_is_taken_or_left, TABLE(changes));
    support_table("DESIGN section 2, an empty error queue after a JWK", jwk_leaves_no_errors, TABLE(changes));
    support_case("private members are ignored on demand", private_members_are_ignored_on_demand);
    support_case("RFC 7517 section 4, a JWK is an object", jwk_that_is_no_object_is_left_out);
    support_table("RFC 7518 section 6.2.1.2, exact length", coordinate_has_its_length, TABLE(coordinates));
    support_table("thumbprint of an RFC", thumbprint_is_the_published_one, TABLE(published));
    support_table("RFC 7638 section 3.2, thumbprint", thumbprint_is_of_the_required_members, TABLE(kinds));
    support_case("RFC 7518 section 6.3.1.1, leading zero octets", leading_zero_octets_of_rsa_numbers_change_nothing);
    support_table("RFC 7518 section 3.3 and RFC 8725 section 3.5, modulus", modulus_is_taken_or_left, TABLE(moduli));
    support_table("RFC 8725 section 3.4, points of small order", point_of_small_order_is_left_out, TABLE(small_points));
    support_table("RFC 8725 section 3.1, algorithms that fit", key_fits_these, TABLE(fits));
    support_table("DESIGN section 4, MTLSOAuthPublicKeyFile", pem_is_taken_or_left, TABLE(pems));
    support_table("DESIGN section 2, an empty error queue after PEM", pem_leaves_no_errors, TABLE(pems));
    support_case("a PEM text ends at its length", pem_ends_at_its_length);
    support_case("nobody is asked for a pass phrase", nobody_is_asked_for_a_pass_phrase);
    return support_run("jwk");
}
