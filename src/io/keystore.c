#include "io/keystore.h"

#include <apr_file_io.h>
#include <apr_strings.h>

const char *mto_key_source_identity(const mto_key_source_t *source, apr_pool_t *pool)
{
    const char *identity = apr_psprintf(pool, "jwks %s", source->jwks_file != NULL ? source->jwks_file : "-");
    int         i;

    for (i = 0; source->public_key_files != NULL && i < source->public_key_files->nelts; i++) {
        const mto_public_key_file_t *key = &APR_ARRAY_IDX(source->public_key_files, i, mto_public_key_file_t);
        /* No part can hold a newline: they are words of one line of the configuration. */
        identity = apr_pstrcat(pool, identity, "\nkey ", key->file, "\n", key->kid != NULL ? key->kid : "", "\n",
                               key->algorithm != NULL ? key->algorithm->name : "", NULL);
    }
    return identity;
}

/* Reads a whole regular file of at most MTO_KEYSET_BYTES. Returns NULL and fills *text, or returns what is wrong. */
static const char *read_file(const char *name, char **text, apr_size_t *size, apr_pool_t *pool)
{
    char         message[120];
    apr_finfo_t  info;
    apr_file_t  *file;
    apr_status_t status;

    /* Before it is opened: opening a pipe would wait for its other end. */
    status = apr_stat(&info, name, APR_FINFO_SIZE | APR_FINFO_TYPE, pool);
    if (status == APR_SUCCESS && info.filetype != APR_REG) {
        return "not a regular file";
    }
    if (status == APR_SUCCESS && info.size > MTO_KEYSET_BYTES) {
        return "larger than 1 MiB";
    }
    if (status == APR_SUCCESS) {
        status = apr_file_open(&file, name, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_FPROT_OS_DEFAULT, pool);
    }
    if (status != APR_SUCCESS) {
        return apr_pstrdup(pool, apr_strerror(status, message, sizeof message));
    }
    *size = (apr_size_t)info.size;
    *text = apr_palloc(pool, *size + 1);
    status = apr_file_read_full(file, *text, *size, size);
    apr_file_close(file);
    return status == APR_SUCCESS || status == APR_EOF
               ? NULL
               : apr_pstrdup(pool, apr_strerror(status, message, sizeof message));
}

mto_keyset_t *mto_key_source_load(const mto_key_source_t *source, mto_keyset_skipped_fn *skipped, void *baton,
                                  const char **error, apr_pool_t *pool)
{
    mto_keyset_t *set = mto_keyset_create();
    const char   *file = source->jwks_file, *reason = set == NULL ? "out of memory" : NULL;
    char         *text;
    apr_size_t    size;
    int           i;

    if (reason == NULL && file != NULL && (reason = read_file(file, &text, &size, pool)) == NULL) {
        reason = mto_keyset_add_jwks(set, text, size, MTO_JWK_PUBLIC, skipped, baton);
    }
    for (i = 0; reason == NULL && source->public_key_files != NULL && i < source->public_key_files->nelts; i++) {
        const mto_public_key_file_t *key = &APR_ARRAY_IDX(source->public_key_files, i, mto_public_key_file_t);

        file = key->file;
        if ((reason = read_file(file, &text, &size, pool)) == NULL) {
            reason = mto_keyset_add_pem(set, text, size, key->kid, key->algorithm);
        }
    }
    if (reason == NULL && mto_keyset_count(set) == 0) {
        reason = "no usable key in it";
    }
    if (reason != NULL) {
        *error = apr_psprintf(pool, "%s: %s", file != NULL ? file : "(no file)", reason);
        mto_keyset_release(set);
        return NULL;
    }
    mto_keyset_seal(set);
    return set;
}
