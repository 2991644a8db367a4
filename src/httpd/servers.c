#include "httpd/servers.h"

#include "httpd/answer.h"
#include "httpd/denials.h"
#include "httpd/introspection.h"
#include "httpd/metadata.h"
#include "httpd/own_headers.h"
#include "httpd/registry.h"
#include "httpd/trusted_proxy.h"
#include "httpd/values.h"
#include "httpd/warnings.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_log.h>
#include <string.h>

APLOG_USE_MODULE(auth_mtls_oauth);

#define ERROR_LINE APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0

typedef struct {
    apr_pool_t    *pool;
    server_rec    *main_server;
    apr_hash_t    *keystores; /* identity of a key source -> mto_keystore_t *: sources are shared by content */
    mto_registry_t registry;
    int            mistakes;
} finishing_t;

const mto_issuer_t *mto_issuer_of(const mto_policy_t *policy)
{
    return (const mto_issuer_t *)policy;
}

int mto_server_is_own(const server_rec *server, const server_rec *main_server)
{
    return server == main_server || mto_server_config_of(server) != mto_server_config_of(main_server);
}

const apr_array_header_t *mto_servers_in_order(server_rec *main_server, apr_pool_t *pool)
{
    apr_array_header_t *servers = apr_array_make(pool, 8, sizeof(server_rec *));
    server_rec         *server;
    int                 i, j;

    for (server = main_server; server != NULL; server = server->next) {
        APR_ARRAY_PUSH(servers, server_rec *) = server;
    }
    /* httpd has the last one first */
    for (i = 1, j = servers->nelts - 1; i < j; i++, j--) {
        server = APR_ARRAY_IDX(servers, i, server_rec *);
        APR_ARRAY_IDX(servers, i, server_rec *) = APR_ARRAY_IDX(servers, j, server_rec *);
        APR_ARRAY_IDX(servers, j, server_rec *) = server;
    }
    return servers;
}

static mto_block_t *block_at(const apr_array_header_t *blocks, int i)
{
    return APR_ARRAY_IDX(blocks, i, mto_block_t *);
}

int mto_block_is_in(const mto_block_t *block, const apr_array_header_t *blocks)
{
    int i;

    for (i = 0; i < blocks->nelts; i++) {
        if (block_at(blocks, i) == block) {
            return 1;
        }
    }
    return 0;
}

/* --- Keys --------------------------------------------------------------------------------------------------------- */

typedef struct {
    apr_pool_t        *pool;
    const mto_block_t *block;
    server_rec        *server;
} skipping_t;

static void note_skipped(void *baton, size_t position, const char *kid, const char *reason, int harmless)
{
    skipping_t *skipping = baton;

    if (!harmless) {
        mto_warn(skipping->pool, skipping->server, "mend the key in the file, or take it out of it",
                 "MTLSOAuthJWKSFile %s: key %" APR_SIZE_T_FMT " (kid %s) is left out: %s",
                 skipping->block->keys.jwks_file, (apr_size_t)position, kid != NULL ? kid : "none", reason);
    }
}

/* What the settings of a source must hold to among themselves. Returns NULL, or what is wrong and its remedy. */
static const char *check_source(const mto_source_settings_t *settings, apr_pool_t *pool)
{
    if (settings->max_stale < 2 * settings->refresh) {
        return apr_psprintf(
            pool,
            "MTLSOAuthJWKSMaxStale %s is less than twice MTLSOAuthJWKSRefresh %s: one failed fetch would "
            "lock everybody out; raise the former",
            mto_value_time_text(settings->max_stale, pool), mto_value_time_text(settings->refresh, pool));
    }
    if (settings->certificate_file != NULL && settings->key_file == NULL) {
        return apr_psprintf(pool,
                            "MTLSOAuthOutgoingCertificateFile %s stands without its key; add MTLSOAuthOutgoingKeyFile",
                            settings->certificate_file);
    }
    if (settings->certificate_file == NULL && settings->key_file != NULL) {
        return apr_psprintf(pool,
                            "MTLSOAuthOutgoingKeyFile %s stands without its certificate; add "
                            "MTLSOAuthOutgoingCertificateFile",
                            settings->key_file);
    }
    return NULL;
}

/* The keystore of a block's source, made once for all blocks that name the same; NULL after an error line. */
static mto_keystore_t *keystore_of(finishing_t *finishing, server_rec *server, const mto_block_t *block,
                                   const mto_source_settings_t *defaults)
{
    apr_pool_t       *pool = finishing->pool;
    mto_key_source_t *source = apr_pmemdup(pool, &block->keys, sizeof *source);
    skipping_t        skipping = {pool, block, server};
    unsigned char    *identity = apr_palloc(pool, MTO_LEASE_IDENTITY_SIZE);
    const char       *error;
    mto_keystore_t   *store = NULL;

    source->issuer = block->issuer;
    source->settings = mto_source_settings_merge(defaults, &block->written.source);
    mto_key_source_identity(source, identity, pool);
    store = apr_hash_get(finishing->keystores, identity, MTO_LEASE_IDENTITY_SIZE);
    if (store != NULL) {
        return store;
    }
    error = mto_key_source_is_local(source) ? NULL : check_source(&source->settings, pool);
    if (error == NULL) {
        store = mto_keystore_create(source, note_skipped, &skipping, &error, pool);
    }
    if (store == NULL) {
        ap_log_error(ERROR_LINE, server, "%s: <MTLSOAuthIssuer %s>: %s", block->where, block->issuer, error);
        finishing->mistakes++;
        return NULL;
    }
    apr_hash_set(finishing->keystores, identity, MTO_LEASE_IDENTITY_SIZE, store);
    APR_ARRAY_PUSH(mto_server_config_of(finishing->main_server)->keystores, mto_keystore_t *) = store;
    return store;
}

/* --- The blocks of a server --------------------------------------------------------------------------------------- */

/* Own blocks, then those of the main server whose issuer has no block here. */
static apr_array_header_t *blocks_of(const finishing_t *finishing, const server_rec *server)
{
    const apr_array_header_t *own = mto_server_config_of(server)->blocks;
    const apr_array_header_t *inherited = mto_server_config_of(finishing->main_server)->blocks;
    apr_array_header_t       *blocks = apr_array_copy(finishing->pool, own);
    int                       i, j;

    for (i = 0; inherited != own && i < inherited->nelts; i++) {
        int hidden = 0;

        for (j = 0; j < own->nelts; j++) {
            hidden |= strcmp(block_at(inherited, i)->issuer, block_at(own, j)->issuer) == 0;
        }
        if (!hidden) {
            APR_ARRAY_PUSH(blocks, mto_block_t *) = block_at(inherited, i);
        }
    }
    return blocks;
}

static const char *shared_audience(const mto_block_t *a, const mto_block_t *b)
{
    int i, j;

    for (i = 0; i < a->audiences->nelts; i++) {
        for (j = 0; j < b->audiences->nelts; j++) {
            if (strcmp(APR_ARRAY_IDX(a->audiences, i, const char *), APR_ARRAY_IDX(b->audiences, j, const char *))
                == 0) {
                return APR_ARRAY_IDX(a->audiences, i, const char *);
            }
        }
    }
    return NULL;
}

/* What stands against two blocks in one server; NULL: nothing. */
static const char *conflict_of(const mto_block_t *a, const mto_block_t *b, apr_pool_t *pool)
{
    const char *audience;

    if (a->name != NULL && b->name != NULL && strcmp(a->name, b->name) == 0) {
        return apr_psprintf(pool, "has the same NAME %s; give each block its own", a->name);
    }
    if ((a->name != NULL && strcmp(a->name, b->issuer) == 0) || (b->name != NULL && strcmp(b->name, a->issuer) == 0)) {
        return "has the other's NAME as its issuer; choose another NAME";
    }
    if (strcmp(a->issuer, b->issuer) != 0) {
        return NULL;
    }
    if (a->name == NULL || b->name == NULL) {
        return "is for the same issuer; give both a NAME: <MTLSOAuthIssuer ISS NAME>";
    }
    if (a->any_audience || b->any_audience) {
        return "is for the same issuer, and one of them says \"MTLSOAuthAudience any\"; name disjoint audiences";
    }
    audience = shared_audience(a, b);
    return audience == NULL
               ? NULL
               : apr_psprintf(pool, "is for the same issuer and audience %s; make the audiences disjoint", audience);
}

static void check_blocks(finishing_t *finishing, server_rec *server, const apr_array_header_t *blocks)
{
    int i, j;

    for (i = 0; i < blocks->nelts; i++) {
        for (j = 0; j < i; j++) {
            const mto_block_t *a = block_at(blocks, j), *b = block_at(blocks, i);
            const char        *conflict = conflict_of(a, b, finishing->pool);

            if (conflict != NULL) {
                ap_log_error(ERROR_LINE, server, "%s: <MTLSOAuthIssuer %s> and the block at %s: the latter %s",
                             b->where, b->issuer, a->where, conflict);
                finishing->mistakes++;
            }
        }
    }
}

/* Files of a trust go together: of block, server and main server the first place that names any. */
static mto_watched_object_t *binding_trust_of(finishing_t *finishing, server_rec *server, const mto_block_t *block)
{
    const mto_trust_files_t *places[] = {&block->written.binding_trust,
                                         &mto_server_config_of(server)->written.binding_trust,
                                         &mto_server_config_of(finishing->main_server)->written.binding_trust};
    mto_watched_object_t    *trust;
    const char              *error;
    int                      i = 0;

    while (i < 2 && places[i]->ca_file == NULL && places[i]->crl_file == NULL) {
        i++;
    }
    trust = mto_registry_trust(&finishing->registry, places[i], &mto_binding_trust_directives, &error);
    if (error != NULL) {
        ap_log_error(ERROR_LINE, server, "%s: <MTLSOAuthIssuer %s>: %s", block->where, block->issuer, error);
        finishing->mistakes++;
    }
    return trust;
}

/* All but the policies. */
static void finish_rest(finishing_t *finishing, server_rec *server)
{
    mto_server_config_t *config = mto_server_config_of(server);
    const char          *error = mto_registry_finish(&finishing->registry, server);

    if (error == NULL) { /* blocks that all name files of their own do not look at those of the server */
        error = mto_registry_check_trust(&finishing->registry, &config->written.binding_trust,
                                         &mto_binding_trust_directives);
    }
    if (config->forward_client_cert == NULL) {
        config->forward_client_cert = mto_server_config_of(finishing->main_server)->forward_client_cert;
    }
    if (error == NULL) {
        error = mto_proxy_finish(config, mto_server_config_of(finishing->main_server));
    }
    if (error == NULL) {
        error = mto_metadata_finish(server, finishing->main_server, finishing->pool);
    }
    if (error != NULL) {
        ap_log_error(ERROR_LINE, server, "%s", error);
        finishing->mistakes++;
    }
    mto_own_headers_finish(server, finishing->main_server, finishing->pool);
}

/* outer: what main server and server say. */
static mto_settings_t settings_of(finishing_t *finishing, server_rec *server, const mto_block_t *block,
                                  const mto_settings_t *outer)
{
    mto_settings_t written = mto_settings_merge(outer, &block->written.policy);
    const char    *weakness = mto_settings_weakness(&written, finishing->pool);

    if (weakness != NULL) {
        ap_log_error(ERROR_LINE, server, "%s: <MTLSOAuthIssuer %s>: %s", block->where, block->issuer, weakness);
        finishing->mistakes++;
    }
    return mto_settings_finish(&written, finishing->pool);
}

static int has_siblings(const mto_block_t *block, const apr_array_header_t *blocks)
{
    int i, count = 0;

    for (i = 0; i < blocks->nelts; i++) {
        count += strcmp(block_at(blocks, i)->issuer, block->issuer) == 0;
    }
    return count > 1;
}

static void finish_server(finishing_t *finishing, server_rec *server)
{
    mto_server_config_t      *config = mto_server_config_of(server);
    const apr_array_header_t *blocks = blocks_of(finishing, server);
    apr_array_header_t       *policies = apr_array_make(finishing->pool, blocks->nelts + 1, sizeof(mto_policy_t *));
    const mto_written_t      *outer = &mto_server_config_of(finishing->main_server)->written;
    mto_settings_t            written = mto_settings_merge(&outer->policy, &config->written.policy);
    mto_source_settings_t     source_defaults = mto_source_settings_default();
    int                       i;

    source_defaults = mto_source_settings_merge(&source_defaults, &outer->source);
    source_defaults = mto_source_settings_merge(&source_defaults, &config->written.source);
    check_blocks(finishing, server, blocks);
    for (i = 0; i < blocks->nelts; i++) {
        const mto_block_t *block = block_at(blocks, i);
        mto_issuer_t      *issuer = apr_pcalloc(finishing->pool, sizeof *issuer);

        issuer->block = block;
        issuer->has_siblings = has_siblings(block, blocks);
        issuer->policy.issuer = block->issuer;
        issuer->policy.name = block->name;
        issuer->policy.audiences = block->audiences;
        issuer->policy.settings = settings_of(finishing, server, block, &written);
        issuer->policy.introspect_jwt = block->introspection.jwt == 1;
        issuer->policy.introspection_cache =
            block->introspection.cache != MTO_UNSET ? block->introspection.cache : MTO_INTROSPECTION_CACHE;
        issuer->outgoing = mto_source_settings_merge(&source_defaults, &block->written.source);
        issuer->keystore = keystore_of(finishing, server, block, &source_defaults);
        issuer->binding_trust = binding_trust_of(finishing, server, block);
        issuer->log_limits = mto_log_limits_create(finishing->pool);
        issuer->counters = apr_pcalloc(finishing->pool, sizeof(mto_counter_slot_t *));
        APR_ARRAY_PUSH(policies, const mto_policy_t *) = &issuer->policy;
    }
    config->policies = policies;
    config->log_limits = mto_log_limits_create(finishing->pool);
    finish_rest(finishing, server);
}

/* --- MTLSOAuthTokenCache ------------------------------------------------------------------------------------------ */

#define TOKEN_CACHE_DEFAULT 20000

int mto_server_token_cache(const server_rec *server, const server_rec *main_server)
{
    int own = mto_server_config_of(server)->token_cache, outer = mto_server_config_of(main_server)->token_cache;

    if (own != MTO_UNSET) {
        return own;
    }
    return outer != MTO_UNSET ? outer : TOKEN_CACHE_DEFAULT;
}

/* Never freed: workers of HTTP/2 may still serve while a child ends, and its memory ends with it. */
static mto_token_cache_t *make_token_cache(server_rec *server, int entries)
{
    mto_token_cache_t *cache = entries > 0 ? mto_token_cache_create((size_t)entries) : NULL;

    if (cache == NULL && entries > 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, APR_ENOMEM, server,
                     "MTLSOAuthTokenCache %d: without memory for it every token is proven anew, as with \"off\"",
                     entries);
    }
    return cache;
}

void mto_servers_remember_tokens(server_rec *main_server)
{
    mto_server_config_t *outer = mto_server_config_of(main_server);
    server_rec          *server;

    if (outer->keystores->nelts == 0) {
        return;
    }
    outer->tokens = make_token_cache(main_server, mto_server_token_cache(main_server, main_server));
    for (server = main_server->next; server != NULL; server = server->next) {
        mto_server_config_t *config = mto_server_config_of(server);

        if (config->token_cache == MTO_UNSET) {
            config->tokens = outer->tokens;
        }
        else if (config != outer) {
            config->tokens = make_token_cache(server, config->token_cache);
        }
    }
}

/* --- Issuers that Locations name ---------------------------------------------------------------------------------- */

int mto_server_knows(const server_rec *server, const char *issuer)
{
    const mto_server_config_t *config = mto_server_config_of(server);
    apr_array_header_t         one = {NULL, sizeof issuer, 1, 1, (char *)&issuer};
    int                        i;

    for (i = 0; i < config->policies->nelts; i++) {
        if (mto_policy_is_one_of(APR_ARRAY_IDX(config->policies, i, const mto_policy_t *), &one)) {
            return 1;
        }
    }
    return 0;
}

const char *mto_unknown_issuer_text(const char *where, const char *directive, const char *issuer, apr_pool_t *pool)
{
    return apr_psprintf(pool,
                        "%s: %s %s: no <MTLSOAuthIssuer> of this server has that ISS or NAME; add the section, or "
                        "write one that is there",
                        where, directive, issuer);
}

/* A Location of the main server holds in every virtual host, so any server that knows the issuer will do for it. */
static int is_known(const finishing_t *finishing, const server_rec *server, const char *issuer)
{
    const server_rec *other;

    if (server != finishing->main_server) {
        return mto_server_knows(server, issuer);
    }
    for (other = server; other != NULL; other = other->next) {
        if (mto_server_knows(other, issuer)) {
            return 1;
        }
    }
    return 0;
}

static void check_issuer_names(finishing_t *finishing, server_rec *server)
{
    const apr_array_header_t *all = mto_server_config_of(server)->issuer_names;
    int                       i, j;

    for (i = 0; i < all->nelts; i++) {
        const mto_issuer_names_t *names = &APR_ARRAY_IDX(all, i, const mto_issuer_names_t);

        for (j = 0; j < names->issuers->nelts; j++) {
            const char *issuer = APR_ARRAY_IDX(names->issuers, j, const char *);

            if (!is_known(finishing, server, issuer)) {
                ap_log_error(ERROR_LINE, server, "%s",
                             mto_unknown_issuer_text(names->where, names->directive, issuer, finishing->pool));
                finishing->mistakes++;
            }
        }
    }
}

int mto_servers_finish(apr_pool_t *pool, server_rec *main_server)
{
    finishing_t finishing = {pool, main_server, apr_hash_make(pool), {pool, main_server}, 0};
    server_rec *server;

    mto_server_config_of(main_server)->keystores = apr_array_make(pool, 4, sizeof(mto_keystore_t *));
    mto_server_config_of(main_server)->askers = apr_array_make(pool, 4, sizeof(mto_asker_t *));
    mto_server_config_of(main_server)->watched = apr_array_make(pool, 4, sizeof(mto_watched_object_t *));
    for (server = main_server; server != NULL; server = server->next) {
        if (mto_server_is_own(server, main_server)) {
            finish_server(&finishing, server);
        }
    }
    for (server = main_server; server != NULL; server = server->next) {
        if (mto_server_is_own(server, main_server)) {
            check_issuer_names(&finishing, server);
        }
    }
    finishing.mistakes += mto_introspection_finish(pool, main_server);
    finishing.mistakes += mto_denials_finish(pool, main_server);
    return finishing.mistakes == 0 ? OK : !OK;
}

const apr_array_header_t *mto_servers_askers(const server_rec *main_server)
{
    return mto_server_config_of(main_server)->askers;
}

const apr_array_header_t *mto_servers_keystores(const server_rec *main_server)
{
    return mto_server_config_of(main_server)->keystores;
}

void mto_servers_renew_watched(const server_rec *main_server, mto_says_fn *say, void *baton)
{
    const apr_array_header_t *watched = mto_server_config_of(main_server)->watched;
    int                       i;

    for (i = 0; i < watched->nelts; i++) {
        mto_watched_object_renew(APR_ARRAY_IDX(watched, i, mto_watched_object_t *), say, baton);
    }
}
