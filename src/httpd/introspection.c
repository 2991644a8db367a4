#include "httpd/introspection.h"

#include "httpd/section.h"
#include "httpd/warnings.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_log.h>
#include <string.h>
#include <sys/stat.h>

APLOG_USE_MODULE(auth_mtls_oauth);

typedef struct {
    apr_pool_t *pool;
    server_rec *main_server;
    apr_hash_t *askers; /* key of a block's settings and keystore -> mto_asker_t * */
    int         mistakes;
} finishing_t;

static void complain(finishing_t *finishing, server_rec *server, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void complain(finishing_t *finishing, server_rec *server, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, server, "%s",
                 apr_pvsprintf(finishing->pool, format, arguments));
    va_end(arguments);
    finishing->mistakes++;
}

/* --- Opaque tokens ------------------------------------------------------------------------------------------------ */

/* How many policies of a server have that ISS or NAME, and the last one. */
static int count_matching(const server_rec *server, const char *issuer, const mto_policy_t **policy)
{
    const apr_array_header_t *policies = mto_server_config_of(server)->policies;
    apr_array_header_t        one = {NULL, sizeof issuer, 1, 1, (char *)&issuer};
    int                       i, count = 0;

    for (i = 0; i < policies->nelts; i++) {
        const mto_policy_t *candidate = APR_ARRAY_IDX(policies, i, const mto_policy_t *);

        if (mto_policy_is_one_of(candidate, &one)) {
            *policy = candidate;
            count++;
        }
    }
    return count;
}

const mto_issuer_t *mto_opaque_issuer(const server_rec *server, const mto_directory_config_t *directory)
{
    const char *name =
        directory->opaque_issuer != NULL ? directory->opaque_issuer : mto_server_config_of(server)->opaque_issuer;
    const mto_policy_t *policy;

    if (name == NULL || count_matching(server, name, &policy) != 1) {
        return NULL;
    }
    return mto_issuer_of(policy)->asker != NULL ? mto_issuer_of(policy) : NULL;
}

static const char *wrong_count(apr_pool_t *pool, const char *where, const char *name, int count)
{
    return apr_psprintf(pool, "%s: MTLSOAuthOpaqueTokenIssuer %s: %s", where, name,
                        count == 0 ? "no <MTLSOAuthIssuer> of this server has that ISS or NAME; add the section, or "
                                     "write one that is there"
                                   : "several sections have that ISS; write the NAME of one");
}

const char *mto_opaque_mistake(const request_rec *r, const mto_directory_config_t *directory)
{
    const mto_policy_t *policy;
    int                 count;

    if (!directory->opaque_in_htaccess) {
        return NULL;
    }
    count = count_matching(r->server, directory->opaque_issuer, &policy);
    if (count != 1) {
        return wrong_count(r->pool, directory->opaque_where, directory->opaque_issuer, count);
    }
    return mto_issuer_of(policy)->asker != NULL
               ? NULL
               : apr_psprintf(r->pool,
                              "%s: MTLSOAuthOpaqueTokenIssuer %s: its section does not ask the issuer; add "
                              "MTLSOAuthIntrospectionURI there",
                              directory->opaque_where, directory->opaque_issuer);
}

/* One that says so itself must be right; what a Location of the main server says must be right in some server. */
static void check_opaque(finishing_t *finishing, server_rec *server)
{
    mto_server_config_t *config = mto_server_config_of(server);
    const mto_policy_t  *policy;
    int                  count, i;

    if (config->opaque_issuer != NULL && (count = count_matching(server, config->opaque_issuer, &policy)) != 1) {
        complain(finishing, server, "%s",
                 wrong_count(finishing->pool, config->opaque_where, config->opaque_issuer, count));
    }
    for (i = 0; i < config->opaque_places->nelts; i++) {
        const mto_directory_config_t *place = APR_ARRAY_IDX(config->opaque_places, i, const mto_directory_config_t *);
        server_rec                   *other = server;

        count = count_matching(server, place->opaque_issuer, &policy);
        for (; server == finishing->main_server && count == 0 && other != NULL; other = other->next) {
            count = count_matching(other, place->opaque_issuer, &policy);
        }
        if (count != 1) {
            complain(finishing, server, "%s",
                     wrong_count(finishing->pool, place->opaque_where, place->opaque_issuer, count));
        }
    }
}

static int names(const apr_array_header_t *places, const mto_policy_t *policy)
{
    int i;

    for (i = 0; i < places->nelts; i++) {
        const mto_directory_config_t *place = APR_ARRAY_IDX(places, i, const mto_directory_config_t *);
        apr_array_header_t            one = {NULL, sizeof(char *), 1, 1, (char *)&place->opaque_issuer};

        if (mto_policy_is_one_of(policy, &one)) {
            return 1;
        }
    }
    return 0;
}

/* Whether opaque tokens of a server fall under that policy, somewhere. */
static int takes_opaque(const finishing_t *finishing, const server_rec *server, const mto_policy_t *policy)
{
    const mto_server_config_t *config = mto_server_config_of(server);
    apr_array_header_t         one = {NULL, sizeof(char *), 1, 1, (char *)&config->opaque_issuer};

    return (config->opaque_issuer != NULL && mto_policy_is_one_of(policy, &one)) || names(config->opaque_places, policy)
           || names(mto_server_config_of(finishing->main_server)->opaque_places, policy);
}

/* --- Askers ------------------------------------------------------------------------------------------------------- */

static int is_discovered(const mto_key_source_t *source)
{
    return source->jwks_uri == NULL && !mto_key_source_is_local(source);
}

/* What a block that asks must hold to; NULL: it does. */
static const char *check_settings(const mto_asker_settings_t *settings, const mto_issuer_t *issuer, apr_pool_t *pool)
{
    const mto_asker_method_t *method = settings->method;

    if (settings->client_id == NULL) {
        return "MTLSOAuthIntrospectionClientID is missing: the issuer wants to know who asks; add our client_id there";
    }
    if (method->needs_secret && settings->secret_file == NULL) {
        return apr_psprintf(pool,
                            "MTLSOAuthIntrospectionClientAuth %s needs a secret; add "
                            "MTLSOAuthIntrospectionClientSecretFile",
                            method->word);
    }
    if (!method->needs_secret && settings->secret_file != NULL) {
        return apr_psprintf(pool,
                            "MTLSOAuthIntrospectionClientSecretFile %s stands beside MTLSOAuthIntrospectionClientAuth "
                            "%s, which uses none; take one of them out",
                            settings->secret_file, method->word);
    }
    if (method->needs_certificate
        && (settings->outgoing.certificate_file == NULL || settings->outgoing.key_file == NULL)) {
        return apr_psprintf(pool,
                            "MTLSOAuthIntrospectionClientAuth %s needs our certificate; add "
                            "MTLSOAuthOutgoingCertificateFile and MTLSOAuthOutgoingKeyFile, or "
                            "MTLSOAuthIntrospectionClientSecretFile for another method",
                            method->word);
    }
    if ((settings->outgoing.certificate_file == NULL) != (settings->outgoing.key_file == NULL)) {
        return "MTLSOAuthOutgoingCertificateFile and MTLSOAuthOutgoingKeyFile go together; add the other one";
    }
    if (settings->uri == NULL && !is_discovered(mto_keystore_source(issuer->keystore))) {
        return "the issuer is to be asked, and its metadata, which would say where, is not read beside "
               "MTLSOAuthJWKSURI, MTLSOAuthJWKSFile or MTLSOAuthPublicKeyFile; add MTLSOAuthIntrospectionURI";
    }
    return NULL;
}

static mto_asker_settings_t *settings_of(const finishing_t *finishing, const mto_issuer_t *issuer)
{
    const mto_introspection_written_t *written = &issuer->block->introspection;
    mto_asker_settings_t              *settings = apr_pcalloc(finishing->pool, sizeof *settings);
    const char                        *word;

    settings->issuer = issuer->policy.issuer;
    settings->audiences = issuer->policy.audiences;
    settings->uri = written->uri;
    settings->client_id = written->client_id;
    settings->secret_file = written->secret_file;
    settings->outgoing = issuer->outgoing;
    settings->method = written->method;
    if (settings->method == NULL) {
        word = written->secret_file != NULL ? "client_secret_basic" : "tls_client_auth";
        for (settings->method = mto_asker_methods; strcmp(settings->method->word, word) != 0; settings->method++) {
        }
    }
    return settings;
}

/* The asker of a block, made once for all that ask in the same way; NULL after an error line. */
static mto_asker_t *asker_of(finishing_t *finishing, server_rec *server, const mto_issuer_t *issuer)
{
    const mto_asker_settings_t *settings = settings_of(finishing, issuer);
    apr_array_header_t         *all = mto_server_config_of(finishing->main_server)->askers;
    struct {
        unsigned char   settings[MTO_ASKER_IDENTITY_SIZE];
        mto_keystore_t *store;
    } *key = apr_pcalloc(finishing->pool, sizeof *key);
    mto_asker_t *asker;
    const char  *error = check_settings(settings, issuer, finishing->pool);

    mto_asker_key(settings, key->settings, finishing->pool);
    key->store = issuer->keystore;
    asker = apr_hash_get(finishing->askers, key, sizeof *key);
    if (asker != NULL) {
        return asker;
    }
    if (error == NULL) {
        asker = mto_asker_create(settings, issuer->keystore, &error, finishing->pool);
    }
    if (asker == NULL) {
        complain(finishing, server, "%s: <MTLSOAuthIssuer %s>: %s", issuer->block->where, issuer->policy.issuer, error);
        return NULL;
    }
    apr_hash_set(finishing->askers, key, sizeof *key, asker);
    APR_ARRAY_PUSH(all, mto_asker_t *) = asker;
    return asker;
}

/* Says of a secret that everybody on the machine can read it. */
static void check_secret(finishing_t *finishing, server_rec *server, const char *directive, const char *file)
{
    struct stat status;

    if (file != NULL && stat(file, &status) == 0 && (status.st_mode & S_IROTH) != 0) {
        mto_warn(finishing->pool, server, apr_pstrcat(finishing->pool, "chmod o-r ", file, NULL),
                 "%s %s: everybody on this machine can read it", directive, file);
    }
}

static int says_anything(const mto_introspection_written_t *written)
{
    return written->uri != NULL || written->client_id != NULL || written->secret_file != NULL || written->method != NULL
           || written->cache != MTO_UNSET;
}

static void finish_issuer(finishing_t *finishing, server_rec *server, mto_issuer_t *issuer)
{
    const mto_introspection_written_t *written = &issuer->block->introspection;
    int                                opaque = takes_opaque(finishing, server, &issuer->policy);

    if (issuer->keystore == NULL) {
        return; /* has been complained of */
    }
    if (written->uri != NULL || issuer->policy.introspect_jwt || opaque) {
        issuer->asker = asker_of(finishing, server, issuer);
    }
    if (mto_block_is_in(issuer->block, mto_server_config_of(server)->blocks)) {
        check_secret(finishing, server, "MTLSOAuthIntrospectionClientSecretFile", written->secret_file);
        if (says_anything(written) && !issuer->policy.introspect_jwt && !opaque) {
            mto_warn(finishing->pool, server,
                     apr_pstrcat(finishing->pool,
                                 "add there: MTLSOAuthIntrospectJWT on\nor, outside of the section: "
                                 "MTLSOAuthOpaqueTokenIssuer ",
                                 issuer->policy.name != NULL ? issuer->policy.name : issuer->policy.issuer, NULL),
                     "%s: <MTLSOAuthIssuer %s>: says how to ask the issuer, and about no token it is asked",
                     issuer->block->where, issuer->policy.issuer);
        }
    }
}

int mto_introspection_finish(apr_pool_t *pool, server_rec *main_server)
{
    finishing_t finishing = {pool, main_server, apr_hash_make(pool), 0};
    server_rec *server;
    int         i;

    for (server = main_server; server != NULL; server = server->next) {
        if (mto_server_is_own(server, main_server)) {
            check_opaque(&finishing, server);
        }
    }
    for (server = main_server; server != NULL; server = server->next) {
        mto_server_config_t *config = mto_server_config_of(server);

        if (!mto_server_is_own(server, main_server)) {
            continue;
        }
        if (config->opaque_issuer == NULL) {
            config->opaque_issuer = mto_server_config_of(main_server)->opaque_issuer;
        }
        for (i = 0; i < config->policies->nelts; i++) {
            finish_issuer(&finishing, server, (mto_issuer_t *)APR_ARRAY_IDX(config->policies, i, mto_policy_t *));
        }
    }
    return finishing.mistakes;
}
