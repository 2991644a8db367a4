/* A module that does at each request of a place what no verifier of signatures can do without: one EVP_DigestVerify, by
 * a context that is ready. What it adds to a request is the measure for what our module adds at the first sight of a
 * token: the same work in the same place, in a process that is woken for each request and whose caches hold httpd.
 *
 *   BareVerify KEY.pem SIGNED SIGNATURE    files: a public key, what is signed, the signature as OpenSSL takes it */
#include <httpd.h>

#include <apr_file_io.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

module AP_MODULE_DECLARE_DATA bare_evp_module;

typedef struct {
    EVP_MD_CTX          *context;
    const unsigned char *text, *signature;
    size_t               length, size;
} work_t;

static const unsigned char *read_whole(const char *name, size_t *size, apr_pool_t *pool)
{
    apr_file_t    *file;
    apr_finfo_t    info;
    unsigned char *content;

    if (apr_file_open(&file, name, APR_FOPEN_READ, 0, pool) != APR_SUCCESS
        || apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        return NULL;
    }
    *size = (size_t)info.size;
    content = apr_palloc(pool, *size);
    return apr_file_read_full(file, content, *size, NULL) == APR_SUCCESS ? content : NULL;
}

static EVP_MD_CTX *prepare(const char *name)
{
    FILE         *file = fopen(name, "r");
    EVP_PKEY     *key = file != NULL ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
    EVP_MD_CTX   *context = EVP_MD_CTX_new();
    const EVP_MD *digest = key != NULL && EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ? EVP_sha256() : NULL;

    if (file != NULL) {
        (void)fclose(file);
    }
    if (key == NULL || EVP_DigestVerifyInit(context, NULL, digest, NULL, key) != 1) {
        return NULL;
    }
    EVP_PKEY_free(key);
    return context;
}

static const char *bare_verify(cmd_parms *cmd, void *config, const char *key, const char *text, const char *signature)
{
    work_t *work = config;

    work->context = prepare(key);
    work->text = read_whole(text, &work->length, cmd->pool);
    work->signature = read_whole(signature, &work->size, cmd->pool);
    return work->context != NULL && work->text != NULL && work->signature != NULL ? NULL : "cannot read these files";
}

static int verify(request_rec *r)
{
    const work_t *work = ap_get_module_config(r->per_dir_config, &bare_evp_module);
    EVP_MD_CTX   *context;
    int           good;

    if (work->context == NULL || !ap_is_initial_req(r)) {
        return DECLINED;
    }
    context = EVP_MD_CTX_new();
    good = EVP_MD_CTX_copy_ex(context, work->context) == 1
           && EVP_DigestVerify(context, work->signature, work->size, work->text, work->length) == 1;
    EVP_MD_CTX_free(context);
    return good ? DECLINED : HTTP_INTERNAL_SERVER_ERROR;
}

static void *create(apr_pool_t *pool, char *directory)
{
    (void)directory;
    return apr_pcalloc(pool, sizeof(work_t));
}

static const command_rec directives[] = {
    AP_INIT_TAKE3("BareVerify", bare_verify, NULL, ACCESS_CONF, "KEY.pem SIGNED SIGNATURE"), {NULL}};

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_fixups(verify, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(bare_evp) = {STANDARD20_MODULE_STUFF, create, NULL, NULL, NULL, directives, register_hooks,
                               AP_MODULE_FLAG_NONE};
