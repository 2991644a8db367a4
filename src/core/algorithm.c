#include "core/algorithm.h"

#include <assert.h>
#include <openssl/rsa.h>
#include <string.h>

#define RSA_KEYS     MTO_KEY_KIND(MTO_KEY_RSA)
#define ED25519_KEYS MTO_KEY_KIND(MTO_KEY_ED25519)
#define ED448_KEYS   MTO_KEY_KIND(MTO_KEY_ED448)

static const mto_algorithm_t rows[] = {
    {"RS256", RSA_KEYS, "SHA256", RSA_PKCS1_PADDING, 0},
    {"RS384", RSA_KEYS, "SHA384", RSA_PKCS1_PADDING, 0},
    {"RS512", RSA_KEYS, "SHA512", RSA_PKCS1_PADDING, 0},
    {"PS256", RSA_KEYS, "SHA256", RSA_PKCS1_PSS_PADDING, 0},
    {"PS384", RSA_KEYS, "SHA384", RSA_PKCS1_PSS_PADDING, 0},
    {"PS512", RSA_KEYS, "SHA512", RSA_PKCS1_PSS_PADDING, 0},
    {"ES256", MTO_KEY_KIND(MTO_KEY_P256), "SHA256", 0, 32},
    {"ES384", MTO_KEY_KIND(MTO_KEY_P384), "SHA384", 0, 48},
    {"ES512", MTO_KEY_KIND(MTO_KEY_P521), "SHA512", 0, 66},
    {"EdDSA", ED25519_KEYS | ED448_KEYS, NULL, 0, 0},
    {"Ed25519", ED25519_KEYS, NULL, 0, 0},
    {"Ed448", ED448_KEYS, NULL, 0, 0},
};

static_assert(sizeof rows / sizeof rows[0] == MTO_ALGORITHM_COUNT, "MTO_ALGORITHM_COUNT counts the rows");

const mto_algorithm_t *mto_algorithm_at(int i)
{
    return &rows[i];
}

const mto_algorithm_t *mto_algorithm_find(const char *name)
{
    size_t i;

    for (i = 0; i < MTO_ALGORITHM_COUNT; i++) {
        if (strcmp(name, rows[i].name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

int mto_algorithm_number(const mto_algorithm_t *algorithm)
{
    return (int)(algorithm - rows);
}

unsigned mto_algorithm_bit(const mto_algorithm_t *algorithm)
{
    return 1u << (algorithm - rows);
}
