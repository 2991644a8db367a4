#include "httpd/dump.h"

#include "core/certificate_field.h"
#include "httpd/denials.h"
#include "httpd/directives.h"
#include "httpd/dump_private.h"
#include "httpd/files.h"
#include "httpd/metadata.h"
#include "httpd/refresh.h"
#include "httpd/registry.h"
#include "httpd/servers.h"
#include "httpd/shared_cache.h"
#include "httpd/times.h"
#include "httpd/warnings.h"

#include <apr_strings.h>
#include <http_core.h>
#include <string.h>
#include <sys/timex.h>

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

/* The files that an object is made of, as the directives that name them. */
static void print_object(apr_file_t *out, const mto_watched_object_t *object)
{
    const apr_array_header_t *files = object != NULL ? mto_watched_object_files(object) : NULL;
    int                       i;

    for (i = 0; files != NULL && i < files->nelts; i++) {
        const mto_object_file_t *file = &APR_ARRAY_IDX(files, i, mto_object_file_t);

        mto_dump_text(out, file->directive, file->name);
    }
}

static void print_clients(apr_file_t *out, const server_rec *server)
{
    const mto_server_config_t *config = mto_server_config_of(server);
    mto_clients_t             *clients = mto_registry_clients(server);

    mto_dump_text(out, "MTLSOAuthForwardClientCert", config->forward_client_cert);
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

/* The endpoint that the issuer's metadata named last; a client with a certificate goes by mtls_endpoint_aliases. */
static void print_endpoint(const mto_dump_t *dump, const mto_issuer_t *issuer, int with_certificate)
{
    mto_state_t state;
    const char *reason, *endpoint = NULL;

    if (mto_dump_read_state(dump, issuer, &state, &reason)) {
        reason = "it names none";
        endpoint = with_certificate && state.metadata.mtls_introspection_endpoint != NULL
                       ? state.metadata.mtls_introspection_endpoint
                       : state.metadata.introspection_endpoint;
    }
    if (endpoint != NULL) {
        apr_file_printf(dump->out, "    # introspection: at %s, as the metadata says\n", endpoint);
    }
    else {
        apr_file_printf(dump->out, "    # introspection: at the endpoint of the issuer's metadata: %s\n", reason);
    }
    mto_state_clear(&state);
}

/* How the issuer is asked about tokens; of a local source also how to go out, which is printed nowhere else then. */
static void print_asker(const mto_dump_t *dump, const mto_issuer_t *issuer)
{
    apr_file_t                 *out = dump->out;
    const mto_asker_settings_t *settings;
    apr_interval_time_t         cache = issuer->policy.introspection_cache;

    apr_file_printf(out, "    MTLSOAuthIntrospectJWT %s\n", issuer->policy.introspect_jwt ? "on" : "off");
    if (issuer->asker == NULL) {
        return;
    }
    settings = mto_asker_settings(issuer->asker);
    mto_dump_text(out, "MTLSOAuthIntrospectionURI", settings->uri);
    if (settings->uri == NULL) {
        print_endpoint(dump, issuer, settings->method->needs_certificate);
    }
    mto_dump_text(out, "MTLSOAuthIntrospectionClientID", settings->client_id);
    mto_dump_text(out, "MTLSOAuthIntrospectionClientAuth", settings->method->word);
    mto_dump_text(out, "MTLSOAuthIntrospectionClientSecretFile", settings->secret_file);
    if (cache == 0 || cache == MTO_ANSWER_UNTIL_EXP) {
        mto_dump_text(out, "MTLSOAuthIntrospectionCache", cache == 0 ? "off" : "exp");
    }
    else {
        mto_dump_time(out, "MTLSOAuthIntrospectionCache", cache);
    }
    if (mto_key_source_is_local(mto_keystore_source(issuer->keystore))) {
        mto_dump_outgoing(out, &settings->outgoing);
    }
}

/* What opaque tokens fall under, what is denied, and, of the main server, what is shared. */
static void print_rest(apr_file_t *out, const server_rec *server, const server_rec *main_server)
{
    const mto_server_config_t *config = mto_server_config_of(server);
    mto_denylist_t            *denied = mto_denials_take(server);

    mto_dump_text(out, "MTLSOAuthOpaqueTokenIssuer", config->opaque_issuer);
    if (denied != NULL) {
        print_object(out, config->denied);
        apr_file_printf(out, "    # denied: %" APR_SIZE_T_FMT "\n", (apr_size_t)mto_denylist_count(denied));
    }
    mto_denylist_release(denied);
    if (server == main_server && config->askers->nelts > 0) {
        mto_dump_text(out, "MTLSOAuthSharedCache", mto_shared_cache_name(main_server));
        mto_dump_text(out, "MTLSOAuthSharedCacheKeyFile", config->shared_cache_key);
    }
}

static void print_issuer(const mto_dump_t *dump, const mto_issuer_t *issuer)
{
    apr_file_t           *out = dump->out;
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
    mto_dump_time(out, "MTLSOAuthClockSkew", settings->clock_skew);
    if (settings->max_token_lifetime == 0) {
        apr_file_printf(out, "    MTLSOAuthMaxTokenLifetime off\n");
    }
    else {
        mto_dump_time(out, "MTLSOAuthMaxTokenLifetime", settings->max_token_lifetime);
    }
    print_paths(out, "MTLSOAuthRemoteUserClaim", settings->remote_user_claims);
    apr_file_printf(out, "    MTLSOAuthRemoteUserSuffix \"%s\"\n", settings->remote_user_suffix);
    print_paths(out, "MTLSOAuthClientIDClaim", settings->client_id_claims);
    print_paths(out, "MTLSOAuthRequiredClaims", settings->required_claims);
    print_object(out, issuer->binding_trust);
    mto_dump_keys(dump, issuer);
    print_asker(dump, issuer);
    apr_file_printf(out, "  </MTLSOAuthIssuer>\n");
}

static void print_server(const mto_dump_t *dump, server_rec *server)
{
    const mto_server_config_t *config = mto_server_config_of(server);
    apr_file_t                *out = dump->out;
    int                        i, is_own = mto_server_is_own(server, dump->main_server);

    apr_file_printf(out, "\n%s%s\n", mto_server_title(server, dump->main_server, apr_file_pool_get(out)),
                    is_own ? "" : ", as the main server");
    if (!is_own) {
        return;
    }
    if (mto_server_token_cache(server, dump->main_server) > 0) {
        apr_file_printf(out, "  MTLSOAuthTokenCache %d\n", mto_server_token_cache(server, dump->main_server));
    }
    else {
        apr_file_printf(out, "  MTLSOAuthTokenCache off\n");
    }
    for (i = 0; i < config->policies->nelts; i++) {
        print_issuer(dump, mto_issuer_of(APR_ARRAY_IDX(config->policies, i, const mto_policy_t *)));
    }
    print_clients(out, server);
    print_proxies(out, config);
    print_resources(out, config);
    print_rest(out, server, dump->main_server);
}

/* What the kernel thinks of its clock; "" when it does not say. */
static const char *clock_word(void)
{
    struct timex timex = {.modes = 0};
    int          state = adjtimex(&timex);

    return state == -1 ? "" : state == TIME_ERROR ? ", not kept by NTP as far as the kernel knows" : ", kept by NTP";
}

static void print_head(const mto_dump_t *dump)
{
    const char *directory = mto_refresh_state_directory(dump->main_server);

    apr_file_printf(dump->out, "mod_auth_mtls_oauth " MTO_VERSION ": finished policies\n");
    apr_file_printf(dump->out, "clock: %s%s\n", mto_time_text(apr_file_pool_get(dump->out), apr_time_now()),
                    clock_word());
    if (mto_warnings_count(dump->main_server) > 0) {
        apr_file_printf(dump->out, "warnings: %d, at the end\n", mto_warnings_count(dump->main_server));
    }
    if (*directory == '\0') {
        apr_file_printf(dump->out, "MTLSOAuthStateDir off\n");
    }
    else {
        apr_file_printf(dump->out, "MTLSOAuthStateDir %s%s%s\n", directory, dump->no_place != NULL ? " # " : "",
                        dump->no_place != NULL ? dump->no_place : "");
    }
}

/* What to look at first is at the end, where the terminal is. */
static void print_files(const mto_dump_t *dump)
{
    apr_pool_t               *pool = apr_file_pool_get(dump->out);
    const apr_array_header_t *files = mto_files_list(dump->main_server, pool);
    apr_time_t                now = apr_time_now();
    int                       i;

    apr_file_printf(dump->out, "\nwatched files: %d%s\n", files->nelts,
                    files->nelts > 1 ? ", the last changed first" : "");
    for (i = 0; i < files->nelts; i++) {
        const mto_named_file_t *file = &APR_ARRAY_IDX(files, i, const mto_named_file_t);

        apr_file_printf(
            dump->out, "  %-20s  %10s  %s %s\n", file->modified != 0 ? mto_time_text(pool, file->modified) : "gone",
            file->modified != 0 ? mto_ago_text(pool, now, file->modified) : "", file->directive, file->name);
    }
}

void mto_dump(apr_pool_t *pool, server_rec *main_server)
{
    mto_dump_t                dump = {.main_server = main_server};
    const apr_array_header_t *servers = mto_servers_in_order(main_server, pool);
    int                       i;

    if (!ap_exists_config_define("DUMP_MTLS_OAUTH") || apr_file_open_stdout(&dump.out, pool) != APR_SUCCESS) {
        return;
    }
    dump.no_place = mto_refresh_find_state(main_server, &dump.place);
    print_head(&dump);
    for (i = 0; i < servers->nelts; i++) {
        print_server(&dump, APR_ARRAY_IDX(servers, i, server_rec *));
    }
    print_files(&dump);
    mto_warnings_print(dump.out, main_server);
}
