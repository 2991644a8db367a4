/* Private keys, for making tokens and keys: read from PEM or a private JWK, made anew, written as JWK, used to sign.
 * The core has public keys only. */
#ifndef MTO_SIGNING_KEY_H
#define MTO_SIGNING_KEY_H

#include "core/algorithm.h"
#include "core/jwk.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stddef.h>

/* Zero-initialised it holds nothing. */
typedef struct {
    EVP_PKEY *pkey;     /* with its private part */
    mto_key_t verifier; /* the public key as the core reads and checks it; kid and algorithm are in here */
} mto_signing_key_t;

/* Reads a PEM private key (not encrypted) or a private JWK. Returns NULL, or a static text saying why it is none. *key
 * is mto_signing_key_clear's to free, also after a failure. */
const char *mto_signing_key_read(mto_signing_key_t *key, const char *text, size_t length);

/* Makes a key for an algorithm, likewise, which is then the only one it may be used with. bits: of an RSA modulus;
 * others ignore it. */
const char *mto_signing_key_generate(mto_signing_key_t *key, const mto_algorithm_t *algorithm, unsigned bits);

void mto_signing_key_clear(mto_signing_key_t *key);

/* What a JWK says. PRIVATE holds the members of PUBLIC as well. */
typedef enum {
    MTO_MEMBERS_PUBLIC,
    MTO_MEMBERS_PRIVATE,
} mto_members_t;

/* Writes kty and the key itself as JWK (RFC 7518 section 6, RFC 8037 section 2): no kid, alg or use. A new reference;
 * NULL: failed. */
json_t *mto_signing_key_write(const mto_signing_key_t *key, mto_members_t members);

/* The algorithm to sign with when nobody names one: the key's own, else the first row that fits. */
const mto_algorithm_t *mto_signing_key_algorithm(const mto_signing_key_t *key);

/* Makes the compact JWS over header and payload and verifies it once, so that nothing leaves here which the key's own
 * public part refuses. Returns it from malloc, or NULL with a static *reason. */
char *mto_signing_key_sign(const mto_signing_key_t *key, const mto_algorithm_t *algorithm, const json_t *header,
                           const json_t *payload, const char **reason);

#endif
