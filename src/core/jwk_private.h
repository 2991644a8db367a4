/* What jwk.c, which reads JWKs, key.c, which checks keys, and thumbprint.c, which names them, share. */
#ifndef MTO_JWK_PRIVATE_H
#define MTO_JWK_PRIVATE_H

#include "core/base64url.h"
#include "core/jwk.h"

/* Longest RSA number in bytes, and room for it in base64url. */
#define MTO_RSA_NUMBER_SIZE (MTO_RSA_BITS_MOST / 8)
#define MTO_RSA_NUMBER_TEXT MTO_BASE64URL_ENCODED_SIZE(MTO_RSA_NUMBER_SIZE)

/* What kty and crv say, and what OpenSSL calls it. */
typedef struct {
    const char *kty;
    const char *crv;        /* NULL: the type has none */
    const char *group;      /* OpenSSL's name of the EC group or of the OKP key type; NULL for RSA */
    size_t      coordinate; /* exact bytes of x (and of y) */
} mto_key_kind_row_t;

/* How many values mto_key_kind_t has, from 0. */
#define MTO_KEY_KINDS 6

/* The row of a kind. */
const mto_key_kind_row_t *mto_key_kind_row(int kind);

/* The kind of a key from OpenSSL's view of it; -1: none that verifies here. */
int mto_key_kind_of(const EVP_PKEY *pkey);

/* Fills *key from pkey, which it takes over, and checks what every key must hold to. Returns NULL or the reason. */
const char *mto_key_finish(mto_key_t *key, EVP_PKEY *pkey, const char *kid, const mto_algorithm_t *algorithm);

/* Hashes the required members in the order and spelling of RFC 7638 section 3.2; 0 on failure. first and second: n and
 * e, x and y, or x alone, in base64url. */
int mto_thumbprint_of_members(mto_key_kind_t kind, const char *first, const char *second,
                              unsigned char thumbprint[MTO_THUMBPRINT_SIZE]);

/* The RFC 7638 thumbprint of a key of that kind; 0 on failure. */
int mto_thumbprint_of_key(const EVP_PKEY *pkey, mto_key_kind_t kind, unsigned char thumbprint[MTO_THUMBPRINT_SIZE]);

#endif
