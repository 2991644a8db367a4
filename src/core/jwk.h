/* One public key, from a JWK (RFC 7517, RFC 7518 section 6, RFC 8037) or a PEM file, checked and ready to verify. */
#ifndef MTO_JWK_H
#define MTO_JWK_H

#include "core/algorithm.h"
#include "core/verifier.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stddef.h>

/* Bounds of an RSA modulus in bits: below is weak (RFC 7518 section 3.3), above costs more than it protects. */
#define MTO_RSA_BITS_LEAST 2048
#define MTO_RSA_BITS_MOST  16384

/* Bytes of a key's RFC 7638 SHA-256 thumbprint. */
#define MTO_THUMBPRINT_SIZE 32

typedef struct {
    EVP_PKEY              *pkey;
    mto_verifier_t        *verifier; /* verifies with it; shared by threads, like the key */
    mto_key_kind_t         kind;
    char                  *kid;       /* NULL: the key has none */
    const mto_algorithm_t *algorithm; /* the only one it may be used with; NULL: any that fits its kind */
    unsigned char          thumbprint[MTO_THUMBPRINT_SIZE]; /* RFC 7638 */
} mto_key_t;

/* How the private members of a JWK are taken. */
typedef enum {
    MTO_JWK_PUBLIC,         /* a key published with its private part is refused: anybody can sign with it */
    MTO_JWK_IGNORE_PRIVATE, /* private members are ignored: published test vectors carry them */
} mto_jwk_mode_t;

/* Reads one JWK into *key, which is then mto_key_clear's to free, also after a failure. Returns NULL, or a static text
 * saying why the key is left out; *harmless then says whether that is no mistake, just a key that is not for us (use
 * "enc", a key type unknown here: RFC 7517 section 5). */
const char *mto_key_read_jwk(mto_key_t *key, const json_t *jwk, mto_jwk_mode_t mode, int *harmless);

/* Reads the public key of a PEM public key or certificate into *key, likewise, and gives it kid and algorithm (each may
 * be NULL). Returns NULL or a static text saying why not. */
const char *mto_key_read_pem(mto_key_t *key, const char *pem, size_t length, const char *kid,
                             const mto_algorithm_t *algorithm);

/* The RFC 7638 thumbprint that a public JWK has by what it says, without making a key of it: whether it is a good one
 * is not looked at. Returns as mto_key_read_jwk does under MTO_JWK_PUBLIC. */
const char *mto_jwk_thumbprint(unsigned char thumbprint[MTO_THUMBPRINT_SIZE], const json_t *jwk, int *harmless);

/* The RFC 7638 thumbprint of a key; 0: a type that no JWS algorithm here uses. */
int mto_public_key_thumbprint(unsigned char thumbprint[MTO_THUMBPRINT_SIZE], const EVP_PKEY *pkey);

/* Frees what a key holds, not the key. */
void mto_key_clear(mto_key_t *key);

/* Whether a key may verify that algorithm: kind and, when the key names one, alg (RFC 8725 section 3.1). */
int mto_key_fits(const mto_key_t *key, const mto_algorithm_t *algorithm);

#endif
