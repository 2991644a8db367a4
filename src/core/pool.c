#include "core/pool.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static int end_without_memory(int status)
{
    (void)status;
    (void)fputs("mod_auth_mtls_oauth: memory ran out\n", stderr);
    abort();
}

apr_pool_t *mto_pool_create(void)
{
    apr_pool_t *pool;

    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        return NULL;
    }
    apr_pool_abort_set(end_without_memory, pool);
    return pool;
}

void mto_pool_end(apr_pool_t *pool)
{
    apr_abortfunc_t end = apr_pool_abort_get(pool);

    (void)(end != NULL ? end(APR_ENOMEM) : 0);
    (void)end_without_memory(APR_ENOMEM);
}

void mto_pool_sha256(apr_pool_t *pool, const void *data, size_t size, unsigned char hash[32])
{
    if (EVP_Digest(data, size, hash, NULL, EVP_sha256(), NULL) != 1) {
        mto_pool_end(pool);
    }
}
