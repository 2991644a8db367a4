#include "io/key_source.h"

#include "core/pool.h"

#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define UNSET (-1)

mto_source_settings_t mto_source_settings_unset(void)
{
    mto_source_settings_t unset = {UNSET, UNSET, UNSET, UNSET, NULL, NULL, NULL, NULL};

    return unset;
}

mto_source_settings_t mto_source_settings_default(void)
{
    mto_source_settings_t builtin = {
        .refresh = apr_time_from_sec(3600),
        .cooldown = apr_time_from_sec(30),
        .max_stale = apr_time_from_sec(86400),
        .timeout = apr_time_from_sec(5),
    };

    return builtin;
}

mto_source_settings_t mto_source_settings_merge(const mto_source_settings_t *base, const mto_source_settings_t *over)
{
    mto_source_settings_t merged = *base;

    merged.refresh = over->refresh != UNSET ? over->refresh : base->refresh;
    merged.cooldown = over->cooldown != UNSET ? over->cooldown : base->cooldown;
    merged.max_stale = over->max_stale != UNSET ? over->max_stale : base->max_stale;
    merged.timeout = over->timeout != UNSET ? over->timeout : base->timeout;
    merged.ca_file = over->ca_file != NULL ? over->ca_file : base->ca_file;
    merged.certificate_file = over->certificate_file != NULL ? over->certificate_file : base->certificate_file;
    merged.key_file = over->key_file != NULL ? over->key_file : base->key_file;
    merged.proxy = over->proxy != NULL ? over->proxy : base->proxy;
    return merged;
}

int mto_key_source_is_local(const mto_key_source_t *source)
{
    return source->jwks_file != NULL || source->public_key_files != NULL;
}

const char *mto_key_source_url(const mto_key_source_t *source)
{
    if (source->jwks_uri != NULL) {
        return source->jwks_uri;
    }
    return source->metadata_uri != NULL ? source->metadata_uri : source->issuer;
}

static const char *shown(const char *text)
{
    return text != NULL ? text : "";
}

void mto_key_source_origin(const mto_key_source_t *source, unsigned char origin[MTO_LEASE_IDENTITY_SIZE],
                           apr_pool_t *pool)
{
    const mto_source_settings_t *settings = &source->settings;
    const char                  *text;
    int                          i;

    /* No part can hold a newline: they are words of one line of the configuration. */
    if (mto_key_source_is_local(source)) {
        text = apr_pstrcat(pool, "file\n", shown(source->jwks_file), NULL);
        for (i = 0; source->public_key_files != NULL && i < source->public_key_files->nelts; i++) {
            const mto_public_key_file_t *key = &APR_ARRAY_IDX(source->public_key_files, i, mto_public_key_file_t);

            text = apr_pstrcat(pool, text, "\n", key->file, "\n", shown(key->kid), "\n",
                               key->algorithm != NULL ? key->algorithm->name : "", NULL);
        }
    }
    else {
        text = apr_pstrcat(pool, source->jwks_uri != NULL ? "jwks\n" : "metadata\n", mto_key_source_url(source), "\n",
                           source->issuer, "\n", shown(settings->ca_file), "\n", shown(settings->certificate_file),
                           "\n", shown(settings->key_file), "\n", shown(settings->proxy), NULL);
    }
    mto_pool_sha256(pool, text, strlen(text), origin);
}

void mto_key_source_identity(const mto_key_source_t *source, unsigned char identity[MTO_LEASE_IDENTITY_SIZE],
                             apr_pool_t *pool)
{
    const mto_source_settings_t *settings = &source->settings;
    struct {
        unsigned char       origin[MTO_LEASE_IDENTITY_SIZE];
        apr_interval_time_t times[4];
    } all;

    mto_key_source_origin(source, all.origin, pool);
    all.times[0] = settings->refresh;
    all.times[1] = settings->cooldown;
    all.times[2] = settings->max_stale;
    all.times[3] = settings->timeout;
    mto_pool_sha256(pool, &all, sizeof all, identity);
}

apr_array_header_t *mto_key_source_files(const mto_key_source_t *source, apr_pool_t *pool)
{
    apr_array_header_t *files = apr_array_make(pool, 2, sizeof(mto_watched_file_t));
    int                 i;

    if (source->jwks_file != NULL) {
        mto_watched_file_t file = {.name = source->jwks_file};
        APR_ARRAY_PUSH(files, mto_watched_file_t) = file;
    }
    for (i = 0; source->public_key_files != NULL && i < source->public_key_files->nelts; i++) {
        mto_watched_file_t file = {.name = APR_ARRAY_IDX(source->public_key_files, i, mto_public_key_file_t).file};
        APR_ARRAY_PUSH(files, mto_watched_file_t) = file;
    }
    return files;
}

static int no_passphrase(char *buffer, int size, int writing, void *unused)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)unused;
    return -1;
}

static EVP_PKEY *private_key_of(const char *pem)
{
    BIO      *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

    BIO_free(bio);
    return key;
}

static X509 *certificate_of(const char *pem)
{
    BIO  *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

    BIO_free(bio);
    return certificate;
}

const char *mto_key_source_check_pem(const char *pem, int private_key)
{
    EVP_PKEY *key = private_key ? private_key_of(pem) : NULL;
    X509     *certificate = private_key ? NULL : certificate_of(pem);
    int       ok = key != NULL || certificate != NULL;

    EVP_PKEY_free(key);
    X509_free(certificate);
    ERR_clear_error();
    return ok ? NULL : private_key ? "no private key without a passphrase in it" : "no certificate in it";
}

int mto_key_source_is_pair(const char *certificate_pem, const char *key_pem)
{
    EVP_PKEY *key = private_key_of(key_pem);
    X509     *certificate = certificate_of(certificate_pem);
    int       ok = key != NULL && certificate != NULL && X509_check_private_key(certificate, key) == 1;

    EVP_PKEY_free(key);
    X509_free(certificate);
    ERR_clear_error();
    return ok;
}

mto_keyset_t *mto_key_source_load(const mto_key_source_t *source, const apr_array_header_t *files,
                                  mto_keyset_skipped_fn *skipped, void *baton, const char **error, apr_pool_t *pool)
{
    mto_keyset_t *set = mto_keyset_create();
    const char   *name = "", *reason = set == NULL ? "out of memory" : NULL;
    int           i, pems = source->jwks_file != NULL ? 1 : 0; /* index of the first PEM file */

    for (i = 0; reason == NULL && i < files->nelts; i++) {
        mto_watched_file_t *file = &APR_ARRAY_IDX(files, i, mto_watched_file_t);
        char               *text;
        size_t              size;

        name = file->name;
        reason = mto_watched_file_read(file, &text, &size, MTO_KEYSET_BYTES);
        if (reason == NULL && i < pems) {
            reason = mto_keyset_add_jwks(set, text, size, MTO_JWK_PUBLIC, skipped, baton);
        }
        else if (reason == NULL) {
            const mto_public_key_file_t *key =
                &APR_ARRAY_IDX(source->public_key_files, i - pems, mto_public_key_file_t);

            reason = mto_keyset_add_pem(set, text, size, key->kid, key->algorithm);
        }
        free(text);
    }
    if (reason == NULL && mto_keyset_count(set) == 0) {
        reason = "no usable key in it";
    }
    if (reason != NULL) {
        *error = apr_psprintf(pool, "%s %s: %s; name a readable file with the issuer's public keys",
                              name == source->jwks_file ? "MTLSOAuthJWKSFile" : "MTLSOAuthPublicKeyFile", name, reason);
        mto_keyset_release(set);
        return NULL;
    }
    mto_keyset_seal(set);
    return set;
}
