/* What verifies signatures with one key: OpenSSL's contexts, made ready once for each algorithm that is used and copied
 * for each signature, since to set one up costs a search for its parts under locks. */
#ifndef MTO_VERIFIER_H
#define MTO_VERIFIER_H

#include "core/algorithm.h"

#include <openssl/evp.h>
#include <stddef.h>

typedef struct mto_verifier_t mto_verifier_t;

/* A verifier of a public key, which it takes a reference of; NULL when out of memory. */
mto_verifier_t *mto_verifier_create(EVP_PKEY *pkey);

/* NULL is allowed. */
void mto_verifier_free(mto_verifier_t *verifier);

/* Whether signature, as JOSE writes it (RFC 7518 section 3), is one of text by algorithm, which must fit the key. Any
 * number of threads, without a lock. May leave errors in OpenSSL's queue. */
int mto_verifier_accepts(mto_verifier_t *verifier, const mto_algorithm_t *algorithm, const unsigned char *signature,
                         size_t signature_size, const void *text, size_t size);

#endif
