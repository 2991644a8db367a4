/* algorithm: the twelve of MTLSOAuthAlgorithms, and never another (RFC 7518 section 3, RFC 8037, RFC 9864).
 */
#include "support.h"

#include <openssl/rsa.h>

typedef struct {
    const char *name;
    unsigned    kinds;
    const char *digest;
    int         padding;
    size_t      part_size;
} row_t;

#define RSA           MTO_KEY_KIND(MTO_KEY_RSA)
#define EDWARDS_25519 MTO_KEY_KIND(MTO_KEY_ED25519)
#define EDWARDS_448   MTO_KEY_KIND(MTO_KEY_ED448)

static const row_t rows[] = {
    {"RS256", RSA, "SHA256", RSA_PKCS1_PADDING, 0},
    {"RS384", RSA, "SHA384", RSA_PKCS1_PADDING, 0},
    {"RS512", RSA, "SHA512", RSA_PKCS1_PADDING, 0},
    {"PS256", RSA, "SHA256", RSA_PKCS1_PSS_PADDING, 0},
    {"PS384", RSA, "SHA384", RSA_PKCS1_PSS_PADDING, 0},
    {"PS512", RSA, "SHA512", RSA_PKCS1_PSS_PADDING, 0},
    {"ES256", MTO_KEY_KIND(MTO_KEY_P256), "SHA256", 0, 32},
    {"ES384", MTO_KEY_KIND(MTO_KEY_P384), "SHA384", 0, 48},
    {"ES512", MTO_KEY_KIND(MTO_KEY_P521), "SHA512", 0, 66},
    {"EdDSA", EDWARDS_25519 | EDWARDS_448, NULL, 0, 0},
    {"Ed25519", EDWARDS_25519, NULL, 0, 0},
    {"Ed448", EDWARDS_448, NULL, 0, 0},
};

static void row_is_as_standardized(const void *data)
{
    const row_t           *row = data;
    const mto_algorithm_t *algorithm = mto_algorithm_find(row->name);

    assert_non_null(algorithm);
    assert_string_equal(algorithm->name, row->name);
    assert_int_equal(algorithm->kinds, row->kinds);
    if (row->digest == NULL) {
        assert_null(algorithm->digest);
    }
    else {
        assert_string_equal(algorithm->digest, row->digest);
    }
    assert_int_equal(algorithm->padding, row->padding);
    assert_int_equal(algorithm->part_size, row->part_size);
}

static void there_is_no_other_row(const void *unused)
{
    unsigned bits = 0;
    int      i;

    (void)unused;
    assert_int_equal(sizeof rows / sizeof rows[0], MTO_ALGORITHM_COUNT);
    for (i = 0; i < MTO_ALGORITHM_COUNT; i++) {
        const mto_algorithm_t *algorithm = mto_algorithm_at(i);
        assert_ptr_equal(mto_algorithm_find(algorithm->name), algorithm);
        assert_int_equal(mto_algorithm_bit(algorithm), 1u << i);
        bits |= mto_algorithm_bit(algorithm);
    }
    assert_int_equal(bits, MTO_ALGORITHMS_ALL);
}

static const struct {
    const char *name;
} unknown[] = {
    {"none"},    {"None"},      {"NONE"},   {"nOnE"},   {""},       {"HS256"},    {"HS384"},   {"HS512"},
    {"hs256"},   {"rs256"},     {"Rs256"},  {"RS256 "}, {" RS256"}, {"RS256\n"},  {"RS25"},    {"RS2566"},
    {"RS1"},     {"RSA"},       {"ES256K"}, {"es256"},  {"ES521"},  {"ESP256"},   {"eddsa"},   {"EDDSA"},
    {"ed25519"}, {"Ed25519ph"}, {"X25519"}, {"dir"},    {"A128KW"}, {"RSA-OAEP"}, {"ECDH-ES"}, {"PS"},
};

static void name_is_unknown(const void *data)
{
    assert_null(mto_algorithm_find(*(const char *const *)data));
}

int main(void)
{
    support_table("RFC 7518 section 3.1 and RFC 9864", row_is_as_standardized, TABLE(rows));
    support_case("each row has a bit of its own, and there are twelve", there_is_no_other_row);
    support_table("DESIGN section 4, never none, never HS, names compared exactly", name_is_unknown, TABLE(unknown));
    return support_run("algorithm");
}
