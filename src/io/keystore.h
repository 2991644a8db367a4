/* Where an issuer's keys come from: the files that its block names, read into one key set. */
#ifndef MTO_KEYSTORE_H
#define MTO_KEYSTORE_H

#include "core/keyset.h"

#include <apr_pools.h>
#include <apr_tables.h>

/* One MTLSOAuthPublicKeyFile. */
typedef struct {
    const char            *file;
    const char            *kid;       /* NULL: none given */
    const mto_algorithm_t *algorithm; /* NULL: none given */
} mto_public_key_file_t;

/* What a block says about its keys. */
typedef struct {
    const char               *jwks_file;        /* NULL: none */
    const apr_array_header_t *public_key_files; /* mto_public_key_file_t; NULL: none */
} mto_key_source_t;

/* A text that is the same for two sources exactly when they name the same keys; allocated from pool. */
const char *mto_key_source_identity(const mto_key_source_t *source, apr_pool_t *pool);

/* Reads the source's files into a sealed set with one reference. Keys that are left out are told to skipped. Returns
 * NULL with *error, allocated from pool, naming file and reason: a file cannot be read or parsed, or no usable key is
 * left. */
mto_keyset_t *mto_key_source_load(const mto_key_source_t *source, mto_keyset_skipped_fn *skipped, void *baton,
                                  const char **error, apr_pool_t *pool);

#endif
