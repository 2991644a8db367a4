/* The signature algorithms, one const row each (RFC 7518 section 3.1, RFC 8037, RFC 9864). What has no row is refused.
 */
#ifndef MTO_ALGORITHM_H
#define MTO_ALGORITHM_H

#include <stddef.h>

/* The kinds of key, as JWK's kty and crv tell them apart. */
typedef enum {
    MTO_KEY_RSA,
    MTO_KEY_P256,
    MTO_KEY_P384,
    MTO_KEY_P521,
    MTO_KEY_ED25519,
    MTO_KEY_ED448,
} mto_key_kind_t;

#define MTO_KEY_KIND(kind) (1u << (kind))

typedef struct {
    const char *name;      /* JWS alg, case-sensitive */
    unsigned    kinds;     /* MTO_KEY_KIND bits of the keys that make such signatures */
    const char *digest;    /* OpenSSL's name; NULL: the signature scheme has its own (EdDSA) */
    int         padding;   /* RSA: RSA_PKCS1_PADDING or RSA_PKCS1_PSS_PADDING; others 0 */
    size_t      part_size; /* ECDSA: bytes of R and of S (RFC 7518 section 3.4); others 0 */
} mto_algorithm_t;

/* How many there are. A set of algorithms is an unsigned with bit i for row i. */
#define MTO_ALGORITHM_COUNT 12
#define MTO_ALGORITHMS_ALL  ((1u << MTO_ALGORITHM_COUNT) - 1)

/* Row i, 0 <= i < MTO_ALGORITHM_COUNT. */
const mto_algorithm_t *mto_algorithm_at(int i);

/* The row of that name, compared exactly; NULL: unknown (none and HS* are). */
const mto_algorithm_t *mto_algorithm_find(const char *name);

/* The number of a row: mto_algorithm_at the other way round. */
int mto_algorithm_number(const mto_algorithm_t *algorithm);

/* The bit of a row in a set of algorithms. */
unsigned mto_algorithm_bit(const mto_algorithm_t *algorithm);

#endif
