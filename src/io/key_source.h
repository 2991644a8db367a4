/* Where an issuer's keys come from, as its block says it: a URL, the issuer's metadata, or files; and how to go there.
 */
#ifndef MTO_KEY_SOURCE_H
#define MTO_KEY_SOURCE_H

#include "core/keyset.h"
#include "io/fetch.h"
#include "io/lease.h"
#include "io/watched_file.h"

#include <apr_pools.h>
#include <apr_tables.h>

/* The settings that a block may leave to its server, and so on: times are MTO_UNSET (-1), texts NULL when nobody wrote
 * them. */
typedef struct {
    apr_interval_time_t refresh, cooldown, max_stale, timeout;
    const char         *ca_file, *certificate_file, *key_file; /* PEM; "" and NULL: none */
    const char         *proxy;
} mto_source_settings_t;

/* One MTLSOAuthPublicKeyFile. */
typedef struct {
    const char            *file;
    const char            *kid;       /* NULL: none given */
    const mto_algorithm_t *algorithm; /* NULL: none given */
} mto_public_key_file_t;

/* What a block says about its keys. One of the first three, or else it is discovered from the issuer. */
typedef struct {
    const char               *issuer;
    const char               *jwks_uri;
    const char               *metadata_uri;
    const char               *jwks_file;        /* files: this, */
    const apr_array_header_t *public_key_files; /* and these: mto_public_key_file_t; NULL: none */
    mto_source_settings_t     settings;         /* finished */
} mto_key_source_t;

/* Nothing set; the built-in defaults; what over sets, and base for the rest. */
mto_source_settings_t mto_source_settings_unset(void);
mto_source_settings_t mto_source_settings_default(void);
mto_source_settings_t mto_source_settings_merge(const mto_source_settings_t *base, const mto_source_settings_t *over);

/* Whether keys come from files alone. */
int mto_key_source_is_local(const mto_key_source_t *source);

/* What the source is called where it is fetched from: the URL, or for a discovered one the issuer. */
const char *mto_key_source_url(const mto_key_source_t *source);

/* SHA-256 over where the keys come from and whom they are believed from: files, or issuer, URL and outgoing
 * settings. What one such origin brought is good for every source of that origin, and for no other. */
void mto_key_source_origin(const mto_key_source_t *source, unsigned char origin[MTO_LEASE_IDENTITY_SIZE],
                           apr_pool_t *pool);

/* SHA-256 over the origin and how often it is gone to: two sources with the same are one. */
void mto_key_source_identity(const mto_key_source_t *source, unsigned char identity[MTO_LEASE_IDENTITY_SIZE],
                             apr_pool_t *pool);

/* Reads the files of a local source into a sealed set with one reference. files: the watched files of the source, in
 * the order of mto_key_source_files. Keys that are left out are told to skipped. Returns NULL with *error, allocated
 * from pool, naming file and reason: a file cannot be read or parsed, or no usable key is left. */
mto_keyset_t *mto_key_source_load(const mto_key_source_t *source, const apr_array_header_t *files,
                                  mto_keyset_skipped_fn *skipped, void *baton, const char **error, apr_pool_t *pool);

/* What is wrong with a PEM text that should hold a certificate, or a private key; NULL: nothing. Static text. */
const char *mto_key_source_check_pem(const char *pem, int private_key);

/* Whether the first certificate of one PEM text and the private key of the other belong together. */
int mto_key_source_is_pair(const char *certificate_pem, const char *key_pem);

/* The files that hold keys, to be watched: mto_watched_file_t, not yet read. */
apr_array_header_t *mto_key_source_files(const mto_key_source_t *source, apr_pool_t *pool);

#endif
