/* What the unit programs about public keys share: keys that are taken or left, and thumbprints. */
#ifndef MTO_TEST_JWKS_H
#define MTO_TEST_JWKS_H

#include "core/jwk.h"

#include "support.h"

#define NO_KEY        "its members do not make a key"
#define CONTRADICTION "alg contradicts the key's type"
#define SIZE          "RSA modulus not of 2048 to 16384 bits"

/* Fails the case unless a key was left out for that reason; NULL: it is good. */
void assert_reason(const char *reason, const char *wanted);

/* Reads a JWK, whose reference it takes, and forgets OpenSSL's errors, which have cases of their own. */
void check_jwk(json_t *jwk, mto_jwk_mode_t mode, const char *wanted, int wanted_harmless);

/* The thumbprint as RFC 7638 section 3 makes it of a JWK that writes its members in the shortest or exact form. */
void write_thumbprint(const json_t *jwk, unsigned char thumbprint[MTO_THUMBPRINT_SIZE]);

/* Reads a good JWK and compares its thumbprint. */
void check_thumbprint(const json_t *jwk, const unsigned char wanted[MTO_THUMBPRINT_SIZE]);

#endif
