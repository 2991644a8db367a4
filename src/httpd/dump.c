#include "httpd/dump.h"

#include "core/base64url.h"
#include "core/certificate_field.h"
#include "httpd/denials.h"
#include "httpd/directives.h"
#include "httpd/metadata.h"
#include "httpd/registry.h"
#include "httpd/servers.h"
#include "httpd/shared_cache.h"

#include <apr_strings.h>
#include <http_core.h>
#include <string.h>

static void print_texts(apr_file_t *out, const char *directive, const apr_array_header_t *texts)
{
    int i;

    apr_file_printf(out, "    %s", directive);
    for (i = 0; i < texts->nelts; i++) {
        apr_file_printf(out, " %s", APR_ARRAY_IDX(texts, i, const char *));
    }
    apr_file_printf(out, "\n");
}

static void print_paths(apr_file_t *out, const char *directive, const apr_array_header_t *paths)
{
    int i;

    if (paths->nelts == 0) {
        return;
    }
    apr_file_printf(out, "    %s", directive);
    for (i = 0; i < paths->nelts; i++) {
        apr_file_printf(out, " %s", APR_ARRAY_IDX(paths, i, const mto_claim_path_t *)->text);
    }
    apr_file_printf(out, "\n");
}

static void print_algorithms(apr_file_t *out, unsigned algorithms)
{
    int i;

    apr_file_printf(out, "    MTLSOAuthAlgorithms");
    for (i = 0; i < MTO_ALGORITHM_COUNT; i++) {
        if ((algorithms & mto_algorithm_bit(mto_algorithm_at(i))) != 0) {
            apr_file_printf(out, " %s", mto_algorithm_at(i)->name);
        }
    }
    apr_file_printf(out, "\n");
}

static void print_time(apr_file_t *out, const char *directive, apr_interval_time_t time)
{
    if (time % APR_USEC_PER_SEC == 0) {
        apr_file_printf(out, "    %s %" APR_TIME_T_FMT "s\n", directive, apr_time_sec(time));
    }
    else {
        apr_file_printf(out, "    %s %" APR_TIME_T_FMT "ms\n", directive, time / 1000);
    }
}

static void print_text(apr_file_t *out, const char *directive, const char *value)
{
    if (value != NULL) {
        apr_file_printf(out, "    %s %s\n", directive, value);
    }
}

/* Without the user name and password that may stand in it. */
static void print_proxy(apr_file_t *out, const char *proxy)
{
    const char *host = proxy != NULL ? strstr(proxy, "://") : NULL, *at = host != NULL ? strrchr(host, '@') : NULL;

    if (at == NULL) {
        print_text(out, "MTLSOAuthOutgoingProxy", proxy);
        return;
    }
    apr_file_printf(out, "    MTLSOAuthOutgoingProxy %.*s://***%s\n", (int)(host - proxy), proxy, at);
}

static void print_outgoing(apr_file_t *out, const mto_source_settings_t *settings)
{
    print_time(out, "MTLSOAuthOutgoingTimeout", settings->timeout);
    print_text(out, "MTLSOAuthOutgoingCACertificateFile", settings->ca_file);
    print_text(out, "MTLSOAuthOutgoingCertificateFile", settings->certificate_file);
    print_text(out, "MTLSOAuthOutgoingKeyFile", settings->key_file);
    print_proxy(out, settings->proxy);
}

/* How a remote source is gone to; its keys are known at run time only. */
static void print_remote(apr_file_t *out, const mto_key_source_t *source)
{
    const mto_source_settings_t *settings = &source->settings;

    print_text(out, "MTLSOAuthJWKSURI", source->jwks_uri);
    print_text(out, "MTLSOAuthMetadataURI", source->metadata_uri);
    if (source->jwks_uri == NULL && source->metadata_uri == NULL) {
        apr_file_printf(out, "    # keys: discovered from the issuer\n");
    }
    print_time(out, "MTLSOAuthJWKSRefresh", settings->refresh);
    print_time(out, "MTLSOAuthJWKSCooldown", settings->cooldown);
    print_time(out, "MTLSOAuthJWKSMaxStale", settings->max_stale);
    print_outgoing(out, settings);
}

static void print_local(apr_file_t *out, const mto_key_source_t *source, const mto_keyset_t *keys)
{
    char   thumbprint[MTO_BASE64URL_ENCODED_SIZE(MTO_THUMBPRINT_SIZE)];
    size_t i;

    print_text(out, "MTLSOAuthJWKSFile", source->jwks_file);
    for (i = 0; source->public_key_files != NULL && i < (size_t)source->public_key_files->nelts; i++) {
        const mto_public_key_file_t *key = &APR_ARRAY_IDX(source->public_key_files, i, mto_public_key_file_t);

        apr_file_printf(out, "    MTLSOAuthPublicKeyFile %s", key->file);
        apr_file_printf(out, key->kid != NULL ? " kid=%s" : "", key->kid);
        apr_file_printf(out, key->algorithm != NULL ? " alg=%s" : "",
                        key->algorithm != NULL ? key->algorithm->name : NULL);
        apr_file_printf(out, "\n");
    }
    for (i = 0; i < mto_keyset_count(keys); i++) {
        const mto_key_t *key = mto_keyset_at(keys, i);

        mto_base64url_encode(thumbprint, key->thumbprint, sizeof key->thumbprint);
        apr_file_printf(out, "    # key kid=%s alg=%s thumbprint=%s\n", key->kid != NULL ? key->kid : "-",
                        key->algorithm != NULL ? key->algorithm->name : "-", thumbprint);
    }
}

static void print_keys(apr_file_t *out, const mto_issuer_t *issuer)
{
    const mto_key_source_t *source = mto_keystore_source(issuer->keystore);
    mto_keyset_t           *keys;

    if (!mto_key_source_is_local(source)) {
        print_remote(out, source);
        return;
    }
    keys = mto_keystore_keys(issuer->keystore, apr_time_now());
    print_local(out, source, keys);
    mto_keyset_release(keys);
}

/* The files that an object is made of, as the directives that name them. */
static void print_object(apr_file_t *out, const mto_watched_object_t *object)
{
    const apr_array_header_t *files = object != NULL ? mto_watched_object_files(object) : NULL;
    int                       i;

    for (i = 0; files != NULL && i < files->nelts; i++) {
        const mto_object_file_t *file = &APR_ARRAY_IDX(files, i, mto_object_file_t);

        print_text(out, file->directive, file->name);
    }
}

static void print_clients(apr_file_t *out, const server_rec *server)
{
    const mto_server_config_t *config = mto_server_config_of(server);
    mto_clients_t             *clients = mto_registry_clients(server);

    print_text(out, "MTLSOAuthForwardClientCert", config->forward_client_cert);
    print_object(out, config->client_trust);
    print_object(out, config->clients);
    if (clients != NULL) {
        apr_file_printf(out, "    # OAuth clients: %" APR_SIZE_T_FMT "\n", (apr_size_t)mto_clients_count(clients));
    }
    mto_clients_release(clients);
}

static void print_proxies(apr_file_t *out, const mto_server_config_t *config)
{
    int i, count = config->trusted_proxies != NULL ? config->trusted_proxies->nelts : 0;

    for (i = 0; i < count; i++) {
        apr_file_printf(out, "%s %s%s", i == 0 ? "    MTLSOAuthTrustedProxy" : "",
                        APR_ARRAY_IDX(config->trusted_proxies, i, const mto_trusted_proxy_t).text,
                        i == count - 1 ? "\n" : "");
    }
    if (config->certificate_header != NULL && *config->certificate_header != '\0') {
        apr_file_printf(out, "    MTLSOAuthClientCertHeader %s %s\n", config->certificate_header,
                        mto_word_of(mto_field_format_words, config->certificate_format));
    }
    if (config->stripped_headers->nelts > 0) {
        print_texts(out, "# stripped from every request:", config->stripped_headers);
    }
}

static void print_resources(apr_file_t *out, const mto_server_config_t *config)
{
    int i;

    for (i = 0; i < config->published->nelts; i++) {
        const mto_published_t *published = APR_ARRAY_IDX(config->published, i, const mto_published_t *);

        apr_file_printf(out, "    MTLSOAuthResource %s\n    # published at %s\n", published->resource.identifier,
                        published->path);
    }
}

/* How the issuer is asked about tokens; of a local source also how to go out, which is printed nowhere else then. */
static void print_asker(apr_file_t *out, const mto_issuer_t *issuer)
{
    const mto_asker_settings_t *settings;
    apr_interval_time_t         cache = issuer->policy.introspection_cache;

    apr_file_printf(out, "    MTLSOAuthIntrospectJWT %s\n", issuer->policy.introspect_jwt ? "on" : "off");
    if (issuer->asker == NULL) {
        return;
    }
    settings = mto_asker_settings(issuer->asker);
    print_text(out, "MTLSOAuthIntrospectionURI", settings->uri);
    if (settings->uri == NULL) {
        apr_file_printf(out, "    # introspection: at the endpoint of the issuer's metadata\n");
    }
    print_text(out, "MTLSOAuthIntrospectionClientID", settings->client_id);
    print_text(out, "MTLSOAuthIntrospectionClientAuth", settings->method->word);
    print_text(out, "MTLSOAuthIntrospectionClientSecretFile", settings->secret_file);
    if (cache == 0 || cache == MTO_ANSWER_UNTIL_EXP) {
        print_text(out, "MTLSOAuthIntrospectionCache", cache == 0 ? "off" : "exp");
    }
    else {
        print_time(out, "MTLSOAuthIntrospectionCache", cache);
    }
    if (mto_key_source_is_local(mto_keystore_source(issuer->keystore))) {
        print_outgoing(out, &settings->outgoing);
    }
}

/* What opaque tokens fall under, what is denied, and, of the main server, what is shared. */
static void print_rest(apr_file_t *out, const server_rec *server, const server_rec *main_server)
{
    const mto_server_config_t *config = mto_server_config_of(server);
    mto_denylist_t            *denied = mto_denials_take(server);

    print_text(out, "MTLSOAuthOpaqueTokenIssuer", config->opaque_issuer);
    if (denied != NULL) {
        print_object(out, config->denied);
        apr_file_printf(out, "    # denied: %" APR_SIZE_T_FMT "\n", (apr_size_t)mto_denylist_count(denied));
    }
    mto_denylist_release(denied);
    if (server == main_server && config->askers->nelts > 0) {
        print_text(out, "MTLSOAuthSharedCache", mto_shared_cache_name(main_server));
        print_text(out, "MTLSOAuthSharedCacheKeyFile", config->shared_cache_key);
    }
}

static void print_issuer(apr_file_t *out, const mto_issuer_t *issuer)
{
    const mto_policy_t   *policy = &issuer->policy;
    const mto_settings_t *settings = &policy->settings;

    apr_file_printf(out, "  <MTLSOAuthIssuer %s%s%s> # %s\n", policy->issuer, policy->name != NULL ? " " : "",
                    policy->name != NULL ? policy->name : "", issuer->block->where);
    if (policy->audiences != NULL) {
        print_texts(out, "MTLSOAuthAudience", policy->audiences);
    }
    else {
        apr_file_printf(out, "    MTLSOAuthAudience any\n");
    }
    apr_file_printf(out, "    MTLSOAuthUseMutualTLS %s\n", mto_word_of(mto_mutual_tls_words, settings->use_mutual_tls));
    apr_file_printf(out, "    MTLSOAuthReportMutualTLS %s\n",
                    mto_word_of(mto_report_mutual_tls_words, settings->report_mutual_tls));
    apr_file_printf(out, "    MTLSOAuthProfile %s\n", mto_word_of(mto_profile_words, settings->profile));
    print_algorithms(out, settings->algorithms);
    print_time(out, "MTLSOAuthClockSkew", settings->clock_skew);
    if (settings->max_token_lifetime == 0) {
        apr_file_printf(out, "    MTLSOAuthMaxTokenLifetime off\n");
    }
    else {
        print_time(out, "MTLSOAuthMaxTokenLifetime", settings->max_token_lifetime);
    }
    print_paths(out, "MTLSOAuthRemoteUserClaim", settings->remote_user_claims);
    apr_file_printf(out, "    MTLSOAuthRemoteUserSuffix \"%s\"\n", settings->remote_user_suffix);
    print_paths(out, "MTLSOAuthClientIDClaim", settings->client_id_claims);
    print_paths(out, "MTLSOAuthRequiredClaims", settings->required_claims);
    print_object(out, issuer->binding_trust);
    print_keys(out, issuer);
    print_asker(out, issuer);
    apr_file_printf(out, "  </MTLSOAuthIssuer>\n");
}

static void print_server(apr_file_t *out, server_rec *server, const server_rec *main_server)
{
    const mto_server_config_t *config = mto_server_config_of(server);
    int                        i;

    if (server == main_server) {
        apr_file_printf(out, "main server %s\n", server->server_hostname);
    }
    else {
        apr_file_printf(out, "virtual host %s (%s:%u)%s\n", server->server_hostname, server->defn_name,
                        server->defn_line_number, mto_server_is_own(server, main_server) ? "" : ", as the main server");
    }
    if (!mto_server_is_own(server, main_server)) {
        return;
    }
    if (mto_server_token_cache(server, main_server) > 0) {
        apr_file_printf(out, "  MTLSOAuthTokenCache %d\n", mto_server_token_cache(server, main_server));
    }
    else {
        apr_file_printf(out, "  MTLSOAuthTokenCache off\n");
    }
    for (i = 0; i < config->policies->nelts; i++) {
        print_issuer(out, mto_issuer_of(APR_ARRAY_IDX(config->policies, i, const mto_policy_t *)));
    }
    print_clients(out, server);
    print_proxies(out, config);
    print_resources(out, config);
    print_rest(out, server, main_server);
    for (i = 0; i < config->warnings->nelts; i++) {
        apr_file_printf(out, "  warning: %s\n", APR_ARRAY_IDX(config->warnings, i, const char *));
    }
}

void mto_dump(apr_pool_t *pool, server_rec *main_server)
{
    apr_file_t *out;
    server_rec *server;

    if (!ap_exists_config_define("DUMP_MTLS_OAUTH") || apr_file_open_stdout(&out, pool) != APR_SUCCESS) {
        return;
    }
    apr_file_printf(out, "mod_auth_mtls_oauth " MTO_VERSION ": finished policies\n");
    for (server = main_server; server != NULL; server = server->next) {
        print_server(out, server, main_server);
    }
}
