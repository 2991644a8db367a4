#include "httpd/shared_cache.h"

#include "core/seal.h"
#include "httpd/cache_worker.h"
#include "httpd/directives.h"
#include "httpd/warnings.h"

#include <ap_provider.h>
#include <apr_strings.h>
#include <http_log.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <util_mutex.h>

APLOG_USE_MODULE(auth_mtls_oauth);

#define DIRECTIVE     "MTLSOAuthSharedCache"
#define KEY_DIRECTIVE "MTLSOAuthSharedCacheKeyFile"

/* The provider when nobody names one, and the only one whose content stays in this machine's memory. */
#define DEFAULT_PROVIDER "shmcb"

/* Of the mutex, and of the cache towards its provider. */
#define NAME "mtls-oauth"

/* What a provider may expect; seconds of the shortest answer. */
#define USUAL_SIZE   700
#define USUAL_EXPIRY 60

_Static_assert(MTO_CACHE_VALUE_SIZE >= MTO_ANSWER_SIZE + MTO_SEAL_OVERHEAD, "a sealed answer fits");
_Static_assert(MTO_CACHE_PLACE_SIZE == MTO_SEAL_ID_SIZE && MTO_ANSWER_ID_SIZE == MTO_SEAL_ID_SIZE, "one size of ids");

/* Made by the parent, inherited by the children. */
static struct {
    mto_cache_t           cache; /* provider NULL: there is none */
    mto_watched_object_t *keys;  /* mto_seal_t of the key file; NULL: there is no file */
    mto_seal_t           *own;   /* then these, made at start */
} prepared;

static mto_cache_worker_t *worker;

/* --- Keys --------------------------------------------------------------------------------------------------------- */

static void *make_keys(const void *baton, char *const texts[], const size_t sizes[], int *wrong,
                       char reason[MTO_WATCHED_REASON_SIZE])
{
    _Static_assert(MTO_SEAL_REASON_SIZE <= MTO_WATCHED_REASON_SIZE, "a reason fits");
    (void)baton;
    *wrong = 0;
    return mto_seal_create(texts[0], sizes[0], reason);
}

static void *retain_keys(void *keys)
{
    return mto_seal_retain(keys);
}

static void release_keys(void *keys)
{
    mto_seal_release(keys);
}

static const mto_object_class_t keys_class = {make_keys, retain_keys, release_keys};

static const char *read_keys(apr_pool_t *pool, server_rec *main_server, const char *name)
{
    mto_server_config_t *config = mto_server_config_of(main_server);
    apr_array_header_t  *files = apr_array_make(pool, 1, sizeof(mto_object_file_t));
    mto_object_file_t   *file = apr_array_push(files);
    const char          *error;
    struct stat          status;

    file->directive = KEY_DIRECTIVE;
    file->name = name;
    file->most = MTO_SEAL_FILE_BYTES;
    file->is_secret = 1;
    prepared.keys = mto_watched_object_create(&keys_class, NULL, files, &error, pool);
    if (prepared.keys == NULL) {
        return apr_pstrcat(pool, error, "; name a readable file with one key, or two", NULL);
    }
    APR_ARRAY_PUSH(config->watched, mto_watched_object_t *) = prepared.keys;
    if (stat(name, &status) == 0 && (status.st_mode & S_IROTH) != 0) {
        mto_warn(pool, main_server, apr_pstrcat(pool, "chmod o-r ", name, NULL),
                 KEY_DIRECTIVE " %s: everybody on this machine can read it", name);
    }
    return NULL;
}

static apr_status_t forget_own_key(void *unused)
{
    (void)unused;
    mto_seal_release(prepared.own);
    prepared.own = NULL;
    return APR_SUCCESS;
}

/* A key for a cache that ends with this configuration. */
static int make_own_key(apr_pool_t *pool)
{
    unsigned char random[32];
    char          text[64], reason[MTO_SEAL_REASON_SIZE];

    if (RAND_bytes(random, sizeof random) != 1) {
        return 0;
    }
    (void)EVP_EncodeBlock((unsigned char *)text, random, sizeof random);
    prepared.own = mto_seal_create(text, strlen(text), reason);
    OPENSSL_cleanse(random, sizeof random);
    OPENSSL_cleanse(text, sizeof text);
    apr_pool_cleanup_register(pool, NULL, forget_own_key, apr_pool_cleanup_null);
    return prepared.own != NULL;
}

static mto_seal_t *take_keys(void)
{
    return prepared.keys != NULL ? mto_watched_object_get(prepared.keys) : mto_seal_retain(prepared.own);
}

/* --- Start -------------------------------------------------------------------------------------------------------- */

int mto_shared_cache_register(apr_pool_t *pconf)
{
    return ap_mutex_register(pconf, NAME, NULL, APR_LOCK_DEFAULT, 0) == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static int is_off(const char *value)
{
    return value != NULL && strcasecmp(value, "off") == 0;
}

const char *mto_shared_cache_name(const server_rec *main_server)
{
    const char *value = mto_server_config_of(main_server)->shared_cache;

    return value != NULL ? value : DEFAULT_PROVIDER;
}

/* Whether there is anything to be kept. */
static int is_wanted(const server_rec *main_server)
{
    return mto_server_config_of(main_server)->askers->nelts > 0
           && !is_off(mto_server_config_of(main_server)->shared_cache);
}

/* Finds and makes what the directive names. Returns NULL or what is wrong. */
static const char *find_cache(apr_pool_t *pconf, apr_pool_t *ptemp, const server_rec *main_server)
{
    const mto_server_config_t *config = mto_server_config_of(main_server);
    const char                *value = mto_shared_cache_name(main_server), *colon = strchr(value, ':'), *wrong;
    char *name = colon != NULL ? apr_pstrmemdup(ptemp, value, (apr_size_t)(colon - value)) : apr_pstrdup(ptemp, value);

    prepared.cache.provider = ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, name, AP_SOCACHE_PROVIDER_VERSION);
    if (prepared.cache.provider == NULL) {
        return apr_psprintf(pconf,
                            DIRECTIVE " %s: no module provides it; add \"LoadModule socache_%s_module "
                                      "modules/mod_socache_%s.so\", or write PROVIDER:ARGUMENTS of one that is loaded",
                            value, name, name);
    }
    if (strcmp(name, DEFAULT_PROVIDER) != 0 && config->shared_cache_key == NULL) {
        return apr_psprintf(pconf,
                            DIRECTIVE " %s: others may read and write there; add " KEY_DIRECTIVE
                                      " with a key that \"openssl rand -base64 32\" makes",
                            value);
    }
    wrong = prepared.cache.provider->create(&prepared.cache.instance, colon != NULL ? colon + 1 : NULL, ptemp, pconf);
    return wrong == NULL ? NULL : apr_psprintf(pconf, DIRECTIVE " %s: %s; mend what follows %s", value, wrong, name);
}

int mto_shared_cache_check(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server)
{
    mto_server_config_t *config = mto_server_config_of(main_server);
    const char          *wrong = NULL;

    memset(&prepared, 0, sizeof prepared);
    if (config->shared_cache_key != NULL) {
        wrong = read_keys(pconf, main_server, config->shared_cache_key);
    }
    /* What is written must be right, wanted or not. */
    if (wrong == NULL && !is_off(config->shared_cache) && (config->shared_cache != NULL || is_wanted(main_server))) {
        wrong = find_cache(pconf, ptemp, main_server);
        if (wrong != NULL && config->shared_cache == NULL) {
            mto_warn(pconf, main_server,
                     "add, to have them share answers: LoadModule socache_shmcb_module modules/mod_socache_shmcb.so\n"
                     "or, when that is meant: " DIRECTIVE " off",
                     "each process asks issuers for itself");
            prepared.cache.provider = NULL;
            wrong = NULL;
        }
    }
    if (!is_wanted(main_server)) {
        prepared.cache.provider = NULL;
    }
    if (wrong != NULL) {
        ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, main_server, "%s", wrong);
        prepared.cache.provider = NULL;
        return 1;
    }
    return 0;
}

static apr_status_t destroy_cache(void *server)
{
    prepared.cache.provider->destroy(prepared.cache.instance, server);
    return APR_SUCCESS;
}

void mto_shared_cache_prepare(apr_pool_t *pconf, server_rec *main_server)
{
    static struct ap_socache_hints hints = {USUAL_SIZE, MTO_CACHE_PLACE_SIZE, apr_time_from_sec(USUAL_EXPIRY)};
    const ap_socache_provider_t   *provider = prepared.cache.provider;
    apr_status_t                   status = APR_SUCCESS;

    if (provider == NULL) {
        return;
    }
    prepared.cache.server = main_server;
    if ((provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) != 0) {
        status = ap_global_mutex_create(&prepared.cache.mutex, NULL, NAME, NULL, main_server, pconf, 0);
    }
    if (status == APR_SUCCESS) {
        status = provider->init(prepared.cache.instance, NAME, &hints, main_server, pconf);
    }
    if (status == APR_SUCCESS && prepared.keys == NULL && !make_own_key(pconf)) {
        status = APR_EGENERAL;
    }
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, main_server,
                     DIRECTIVE " %s: cannot be used; each process asks issuers for itself",
                     mto_shared_cache_name(main_server));
        prepared.cache.provider = NULL;
        return;
    }
    apr_pool_cleanup_register(pconf, main_server, destroy_cache, apr_pool_cleanup_null);
}

/* --- Get and put -------------------------------------------------------------------------------------------------- */

static size_t get(void *unused, const unsigned char id[MTO_ANSWER_ID_SIZE], char *json, size_t room,
                  apr_time_t *answered)
{
    unsigned char *sealed = malloc(MTO_CACHE_VALUE_SIZE), place[MTO_SEAL_ID_SIZE];
    mto_seal_t    *keys = take_keys();
    apr_time_t     now = apr_time_now();
    size_t         i, size = 0, found;

    (void)unused;
    for (i = 0; sealed != NULL && size == 0 && i < mto_seal_count(keys); i++) {
        mto_sealed_answer_t answer;

        if (!mto_seal_place(keys, i, id, place)) {
            break;
        }
        found = mto_cache_worker_get(worker, place, sealed, now + MTO_CACHE_WAIT);
        if (found > 0 && found - 1 < room && mto_seal_open(keys, i, place, sealed, found, now, json, &answer)) {
            size = answer.size;
            *answered = answer.answered;
        }
    }
    mto_seal_release(keys);
    free(sealed);
    return size;
}

static void put(void *unused, const unsigned char id[MTO_ANSWER_ID_SIZE], const char *json, size_t size,
                apr_time_t answered, apr_time_t end)
{
    mto_sealed_answer_t answer = {answered, end, json, size};
    unsigned char      *sealed = malloc(size + MTO_SEAL_OVERHEAD), place[MTO_SEAL_ID_SIZE], nonce[MTO_SEAL_NONCE_SIZE];
    mto_seal_t         *keys = take_keys();
    size_t              sealed_size;

    (void)unused;
    if (sealed != NULL && RAND_bytes(nonce, sizeof nonce) == 1 && mto_seal_place(keys, 0, id, place)
        && (sealed_size = mto_seal_close(keys, place, nonce, &answer, sealed)) > 0) {
        mto_cache_worker_put(worker, place, sealed, sealed_size, end);
    }
    mto_seal_release(keys);
    free(sealed);
}

const mto_shared_answers_t *mto_shared_cache_start(apr_pool_t *pchild)
{
    static const mto_shared_answers_t shared = {get, put, NULL};
    apr_status_t                      status = APR_SUCCESS;

    if (prepared.cache.provider == NULL) {
        return NULL;
    }
    if (prepared.cache.mutex != NULL) {
        status =
            apr_global_mutex_child_init(&prepared.cache.mutex, apr_global_mutex_lockfile(prepared.cache.mutex), pchild);
    }
    worker = status == APR_SUCCESS ? mto_cache_worker_start(&prepared.cache, pchild) : NULL;
    if (worker == NULL) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, prepared.cache.server,
                     DIRECTIVE ": cannot be used in this process, which asks issuers for itself");
        return NULL;
    }
    return &shared;
}
