/* Key sets: the keys of one issuer as one immutable, counted set, quick to look a key up in. */
#ifndef MTO_KEYSET_H
#define MTO_KEYSET_H

#include "core/jwk.h"

#include <stddef.h>
#include <stdint.h>

/* Most bytes of a JWK Set document or PEM file, and most keys of a set: an issuer in mid-rotation has a handful. */
#define MTO_KEYSET_BYTES (1024 * 1024)
#define MTO_KEYSET_KEYS  1000

typedef struct mto_keyset mto_keyset_t;

/* Called for each key of a document that was left out: position counts from 0, kid may be NULL, reason is static text.
 * harmless: not a mistake, just not for us (use "enc", a key type unknown here: RFC 7517 section 5). */
typedef void mto_keyset_skipped_fn(void *baton, size_t position, const char *kid, const char *reason, int harmless);

/* A new empty set with one reference, or NULL when out of memory. Fill it with the add functions, then seal it. */
mto_keyset_t *mto_keyset_create(void);

/* Adds the keys of a JWK Set document. Bad keys are skipped and told to skipped (may be NULL), the others are added.
 * Returns NULL, or a static text saying why the whole document was refused; the set is then as before. */
const char *mto_keyset_add_jwks(mto_keyset_t *set, const char *json, size_t length, mto_jwk_mode_t mode,
                                mto_keyset_skipped_fn *skipped, void *baton);

/* Adds the public key of a PEM public key or certificate, with a kid and algorithm (each may be NULL) that the caller
 * gives it. Returns NULL, or a static text saying why not. */
const char *mto_keyset_add_pem(mto_keyset_t *set, const char *pem, size_t length, const char *kid,
                               const mto_algorithm_t *algorithm);

/* Ends the filling: from here on the set never changes and may be shared by threads. */
void mto_keyset_seal(mto_keyset_t *set);

/* Takes and drops a reference; the last one frees. NULL is allowed. Thread-safe. */
mto_keyset_t *mto_keyset_retain(mto_keyset_t *set);
void          mto_keyset_release(mto_keyset_t *set);

/* Number of keys, and key i of a sealed set: ordered by kid, keys without one first; borrowed. */
size_t           mto_keyset_count(const mto_keyset_t *set);
const mto_key_t *mto_keyset_at(const mto_keyset_t *set, size_t i);

/* A number that no other sealed set of this process has. */
uint64_t mto_keyset_serial(const mto_keyset_t *set);

/* The keys of a sealed set with exactly this kid (NULL: those without one): *count of them, first returned. */
const mto_key_t *mto_keyset_find_kid(const mto_keyset_t *set, const char *kid, size_t *count);

/* The keys of that thumbprint in a sealed set, one at a call: the same key may be there under several kids. *position
 * is 0 at the first call; NULL: no more. Borrowed. */
const mto_key_t *mto_keyset_next(const mto_keyset_t *set, const unsigned char thumbprint[MTO_THUMBPRINT_SIZE],
                                 size_t *position);

/* Whether a sealed set holds the key of that thumbprint, usable with algorithm. */
int mto_keyset_holds(const mto_keyset_t *set, const unsigned char thumbprint[MTO_THUMBPRINT_SIZE],
                     const mto_algorithm_t *algorithm);

#endif
