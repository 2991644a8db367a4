#include "httpd/directives.h"

#include "httpd/client_section.h"
#include "httpd/introspection_section.h"
#include "httpd/location.h"
#include "httpd/metadata.h"
#include "httpd/section.h"
#include "httpd/trusted_proxy.h"
#include "httpd/values.h"
#include "httpd/warnings.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

/* --- Create, merge, find ------------------------------------------------------------------------------------------ */

void *mto_server_config_create(apr_pool_t *pool, server_rec *server)
{
    mto_server_config_t *config = apr_pcalloc(pool, sizeof *config);

    (void)server;
    config->written = mto_written_unset();
    config->blocks = apr_array_make(pool, 2, sizeof(mto_block_t *));
    config->client_sections = apr_array_make(pool, 2, sizeof(mto_client_section_t *));
    config->issuer_names = apr_array_make(pool, 2, sizeof(mto_issuer_names_t));
    config->resources = apr_array_make(pool, 2, sizeof(mto_published_t *));
    config->own_headers = apr_array_make(pool, 2, sizeof(const char *));
    config->opaque_places = apr_array_make(pool, 2, sizeof(mto_directory_config_t *));
    config->token_cache = MTO_UNSET;
    config->warnings = apr_array_make(pool, 2, sizeof(mto_warning_t));
    return config;
}

void *mto_directory_config_create(apr_pool_t *pool, char *directory)
{
    mto_directory_config_t *config = apr_pcalloc(pool, sizeof *config);

    (void)directory;
    config->require_tls = MTO_UNSET;
    config->other_clients = MTO_UNSET;
    config->forward_token = MTO_UNSET;
    config->preflight = MTO_UNSET;
    return config;
}

void *mto_directory_config_merge(apr_pool_t *pool, void *base_config, void *over_config)
{
    const mto_directory_config_t *base = base_config, *over = over_config;
    mto_directory_config_t       *merged = apr_pmemdup(pool, over, sizeof *over);

    if (over->demand.accepted_issuers == NULL) {
        merged->demand.accepted_issuers = base->demand.accepted_issuers;
        merged->accepted_where = base->accepted_where;
        merged->accepted_in_htaccess = base->accepted_in_htaccess;
    }
    if (over->opaque_issuer == NULL) {
        merged->opaque_issuer = base->opaque_issuer;
        merged->opaque_where = base->opaque_where;
        merged->opaque_in_htaccess = base->opaque_in_htaccess;
    }
    merged->demand.audiences = over->demand.audiences != NULL ? over->demand.audiences : base->demand.audiences;
    /* Tightens only: what an outer place demands no inner one takes back. */
    merged->demand.requires_mutual_tls = over->demand.requires_mutual_tls || base->demand.requires_mutual_tls;
    merged->token_sources = over->token_sources != NULL ? over->token_sources : base->token_sources;
    merged->require_tls = over->require_tls != MTO_UNSET ? over->require_tls : base->require_tls;
    merged->other_clients = over->other_clients != MTO_UNSET ? over->other_clients : base->other_clients;
    merged->claim_variables = mto_location_merge_claims(pool, base->claim_variables, over->claim_variables);
    merged->claim_headers = mto_location_merge_claims(pool, base->claim_headers, over->claim_headers);
    merged->resource = over->resource != NULL ? over->resource : base->resource;
    merged->forward_token = over->forward_token != MTO_UNSET ? over->forward_token : base->forward_token;
    merged->preflight = over->preflight != MTO_UNSET ? over->preflight : base->preflight;
    merged->mistake = over->mistake != NULL ? over->mistake : base->mistake;
    return merged;
}

mto_server_config_t *mto_server_config_of(const server_rec *server)
{
    return ap_get_module_config(server->module_config, &auth_mtls_oauth_module);
}

const mto_directory_config_t *mto_directory_config_of(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &auth_mtls_oauth_module);
}

int mto_authenticates(const char *auth_type)
{
    return auth_type != NULL
           && (strcasecmp(auth_type, MTO_AUTH_TYPE) == 0 || strcasecmp(auth_type, MTO_CLIENT_AUTH_TYPE) == 0);
}

/* --- What the handlers share -------------------------------------------------------------------------------------- */

static int in_directory(const cmd_parms *cmd)
{
    return cmd->path != NULL;
}

static const char *set_state_directory(cmd_parms *cmd, void *unused, const char *directory)
{
    const char **member = &mto_server_config_of(cmd->server)->state_directory;
    const char  *error = mto_section_of_main_server(cmd, directory);

    (void)unused;
    if (error != NULL) {
        return error;
    }
    return strcasecmp(directory, "off") == 0 ? mto_value_once(cmd, member, "") : mto_value_path(cmd, member, directory);
}

/* cmd->info: offset of a path in mto_server_config_t. */
static const char *set_server_file(cmd_parms *cmd, void *unused, const char *file)
{
    const char *error = mto_section_outside(cmd, file);

    (void)unused;
    return error != NULL
               ? error
               : mto_value_path(cmd, mto_value_member(mto_server_config_of(cmd->server), (size_t)cmd->info), file);
}

static const char *set_token_cache(cmd_parms *cmd, void *unused, const char *entries)
{
    mto_server_config_t *server = mto_server_config_of(cmd->server);
    size_t               digits = strspn(entries, "0123456789");
    int                  value = digits > 0 && digits < 8 ? atoi(entries) : 0;
    const char          *error = mto_section_outside(cmd, entries);

    (void)unused;
    if (error != NULL) {
        return error;
    }
    if (server->token_cache != MTO_UNSET) {
        return mto_value_twice(cmd);
    }
    if (strcasecmp(entries, "off") == 0) {
        server->token_cache = 0;
        return NULL;
    }
    if (entries[digits] != '\0' || value < 1 || value > MTO_TOKEN_CACHE_ENTRIES_MOST) {
        return mto_value_error(cmd, entries, "is not off or a number of tokens from 1 to 1000000, such as 20000");
    }
    server->token_cache = value;
    return NULL;
}

/* --- Locations ---------------------------------------------------------------------------------------------------- */

static const char *set_location_audience(cmd_parms *cmd, mto_directory_config_t *directory, int argc,
                                         char *const argv[])
{
    const char               *error;
    const apr_array_header_t *audiences = mto_value_texts(cmd, argc, argv, &error);

    if (audiences == NULL) {
        return error;
    }
    if (directory->demand.audiences != NULL) {
        return mto_value_twice(cmd);
    }
    /* "any" takes back what an outer Location asked: an empty list is set, and demands nothing. */
    directory->demand.audiences =
        mto_value_says_any(cmd, argc, argv, &error) ? apr_array_make(cmd->pool, 1, sizeof(const char *)) : audiences;
    return error;
}

static const char *set_location_mutual_tls(cmd_parms *cmd, mto_directory_config_t *directory, int argc,
                                           char *const argv[])
{
    if (argc != 1 || mto_word_value(mto_mutual_tls_words, argv[0]) != MTO_MUTUAL_TLS_REQUIRED) {
        return mto_value_error(cmd, mto_value_given(cmd, argc, argv),
                               "a Location can only tighten: say \"required\" here, or set it in the issuer's section");
    }
    if (directory->demand.requires_mutual_tls) {
        return mto_value_twice(cmd);
    }
    directory->demand.requires_mutual_tls = 1;
    return NULL;
}

static const char *set_accept_issuers(cmd_parms *cmd, mto_directory_config_t *directory, int argc, char *const argv[])
{
    const char               *error;
    const apr_array_header_t *issuers = mto_value_texts(cmd, argc, argv, &error);

    if (issuers == NULL) {
        return error;
    }
    if (directory->demand.accepted_issuers != NULL) {
        return mto_value_twice(cmd);
    }
    directory->demand.accepted_issuers = issuers;
    directory->accepted_where = mto_value_where(cmd);
    directory->accepted_in_htaccess = mto_value_in_htaccess(cmd);
    if (!directory->accepted_in_htaccess) {
        mto_issuer_names_t *names = apr_array_push(mto_server_config_of(cmd->server)->issuer_names);

        names->directive = cmd->cmd->name;
        names->where = directory->accepted_where;
        names->issuers = issuers;
    }
    return NULL;
}

static const char *set_token_source(cmd_parms *cmd, mto_directory_config_t *directory, int argc, char *const argv[])
{
    static const char   cookie[] = "cookie:";
    apr_array_header_t *sources = apr_array_make(cmd->pool, 2, sizeof(mto_token_source_t));
    const char         *error;
    int                 i;

    if (mto_value_texts(cmd, argc, argv, &error) == NULL) {
        return error;
    }
    if (directory->token_sources != NULL) {
        return mto_value_twice(cmd);
    }
    for (i = 0; i < argc; i++) {
        mto_token_source_t *source = apr_array_push(sources);
        const char         *name = argv[i] + sizeof cookie - 1;

        source->cookie = NULL;
        if (strcasecmp(argv[i], "header") == 0) {
            continue;
        }
        if (strncasecmp(argv[i], cookie, sizeof cookie - 1) != 0 || *name == '\0'
            || name[strcspn(name, "=;,\" \t")] != '\0') {
            return mto_value_error(cmd, argv[i],
                                   "is not header or cookie:NAME; a token in the query or the body is never read");
        }
        source->cookie = name;
    }
    directory->token_sources = sources;
    return NULL;
}

/* A directive of context D, for cmd->info. */
typedef struct {
    mto_location_fn *set;
} location_directive_t;

static const location_directive_t location_audience = {set_location_audience};
static const location_directive_t location_mutual_tls = {set_location_mutual_tls};
static const location_directive_t accept_issuers = {set_accept_issuers};
static const location_directive_t token_source = {set_token_source};
static const location_directive_t require_tls = {mto_location_set_require_tls};
static const location_directive_t other_clients = {mto_location_set_other_clients};
static const location_directive_t claim_env = {mto_location_add_claim_env};
static const location_directive_t claim_header = {mto_location_add_claim_header};
static const location_directive_t forward_token = {mto_location_set_forward_token};
static const location_directive_t preflight = {mto_location_set_preflight};
static const location_directive_t resource = {mto_metadata_set};
static const location_directive_t opaque_issuer = {mto_introspection_set_location_opaque};

/* A mistake in the server's files is an error of configtest. One in an .htaccess is met by a request, and httpd would
 * answer that with 500; it is kept instead, and refuses requests to this directory with 503. */
static const char *set_in_location(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    const location_directive_t *directive = cmd->info;
    mto_directory_config_t     *directory = config;
    const char                 *value = mto_value_given(cmd, argc, argv), *error;

    if (mto_section_open(cmd) != NULL) {
        error = mto_value_error(cmd, value, "does not belong into " MTO_ISSUER_SECTION ">, but into a <Location>");
    }
    else if (ap_check_cmd_context(cmd, NOT_IN_LIMIT) != NULL) {
        error = mto_value_error(cmd, value, "holds for all methods; move it out of <Limit>");
    }
    else {
        error = directive->set(cmd, directory, argc, argv);
    }
    if (error == NULL || !mto_value_in_htaccess(cmd)) {
        return error;
    }
    directory->mistake = apr_pstrcat(cmd->pool, mto_value_where(cmd), ": ", error, NULL);
    return NULL;
}

/* --- Directives of blocks and of Locations ------------------------------------------------------------------------ */

static const char *set_audience(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    mto_block_t *block = mto_section_open(cmd);

    if (block != NULL) {
        return mto_section_set_audience(cmd, block, argc, argv);
    }
    return in_directory(cmd) ? set_in_location(cmd, config, argc, argv)
                             : mto_value_error(cmd, mto_value_given(cmd, argc, argv),
                                               "belongs into an " MTO_ISSUER_SECTION "> section or a <Location>");
}

static const char *set_use_mutual_tls(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    if (in_directory(cmd)) {
        return set_in_location(cmd, config, argc, argv);
    }
    return mto_value_set_word(cmd, &mto_use_mutual_tls_setting, mto_value_given(cmd, argc, argv));
}

/* MTLSOAuthResource and its like. */
static const char *set_resource(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    return in_directory(cmd) ? set_in_location(cmd, config, argc, argv) : mto_metadata_set(cmd, NULL, argc, argv);
}

static const char *set_opaque_issuer(cmd_parms *cmd, void *config, int argc, char *const argv[])
{
    return in_directory(cmd) ? set_in_location(cmd, config, argc, argv) : mto_introspection_set_opaque(cmd, argc, argv);
}

/* A setting of servers and blocks that is one word; cmd->info: its mto_word_setting_t. */
static const char *set_word(cmd_parms *cmd, void *config, const char *word)
{
    (void)config;
    return mto_value_set_word(cmd, cmd->info, word);
}

#define PATHS_AT(member)  (void *)APR_OFFSETOF(mto_written_t, policy.member)
#define SOURCE_AT(member) (void *)APR_OFFSETOF(mto_written_t, source.member)
#define TRUST_AT(member)  (void *)APR_OFFSETOF(mto_written_t, binding_trust.member)
#define CLIENT_AT(member) (void *)APR_OFFSETOF(mto_client_section_t, member)
#define BLOCK_AT(member)  (void *)APR_OFFSETOF(mto_block_t, member)
#define SERVER_AT(member) (void *)APR_OFFSETOF(mto_server_config_t, member)
#define FILES_AT(member)  (void *)APR_OFFSETOF(mto_trust_files_t, member)

/* RSRC_CONF: servers, and blocks in them. OR_AUTHCFG: directories, Locations, .htaccess. */
const command_rec mto_directives[] = {
    AP_INIT_RAW_ARGS(MTO_ISSUER_SECTION, mto_section_read, NULL, RSRC_CONF,
                     "an issuer whose tokens are accepted: ISS as in the claim iss, and a NAME"),
    AP_INIT_TAKE_ARGV("MTLSOAuthAudience", set_audience, (void *)&location_audience, RSRC_CONF | OR_AUTHCFG,
                      "audiences of which a token's aud must have one, or any"),
    AP_INIT_TAKE_ARGV("MTLSOAuthUseMutualTLS", set_use_mutual_tls, (void *)&location_mutual_tls, RSRC_CONF | OR_AUTHCFG,
                      "none, request or required; in a Location only required"),
    AP_INIT_TAKE1("MTLSOAuthReportMutualTLS", set_word, (void *)&mto_report_mutual_tls_setting, RSRC_CONF,
                  "off, request or required: what is decided as well, and only reported"),
    AP_INIT_TAKE1("MTLSOAuthJWKSURI", mto_section_set_url, BLOCK_AT(keys.jwks_uri), RSRC_CONF,
                  "https URL of the issuer's JWK Set"),
    AP_INIT_TAKE1("MTLSOAuthMetadataURI", mto_section_set_url, BLOCK_AT(keys.metadata_uri), RSRC_CONF,
                  "https URL of the issuer's metadata (RFC 8414)"),
    AP_INIT_TAKE1("MTLSOAuthJWKSFile", mto_section_set_file, BLOCK_AT(keys.jwks_file), RSRC_CONF,
                  "file with the issuer's JWK Set"),
    AP_INIT_TAKE_ARGV("MTLSOAuthPublicKeyFile", mto_section_add_public_key_file, NULL, RSRC_CONF,
                      "PEM file with a public key or certificate of the issuer, then kid=KID and alg=ALG"),
    AP_INIT_TAKE_ARGV("MTLSOAuthAlgorithms", mto_value_set_algorithms, NULL, RSRC_CONF,
                      "signature algorithms that are accepted"),
    AP_INIT_TAKE1("MTLSOAuthProfile", set_word, (void *)&mto_profile_setting, RSRC_CONF, "jwt, rfc9068 or fapi2"),
    AP_INIT_TAKE1("MTLSOAuthClockSkew", mto_value_set_time, (void *)&mto_clock_skew_setting, RSRC_CONF,
                  "how far the clocks of issuer and server may be apart, at most 300s"),
    AP_INIT_TAKE1("MTLSOAuthMaxTokenLifetime", mto_value_set_time, (void *)&mto_max_token_lifetime_setting, RSRC_CONF,
                  "longest time from iat to exp, or off"),
    AP_INIT_TAKE_ARGV("MTLSOAuthRemoteUserClaim", mto_value_set_paths, PATHS_AT(remote_user_claims), RSRC_CONF,
                      "claims for REMOTE_USER; the first that is present wins"),
    AP_INIT_TAKE_ARGV("MTLSOAuthRemoteUserSuffix", mto_value_set_suffix, NULL, RSRC_CONF, "text added to REMOTE_USER"),
    AP_INIT_TAKE_ARGV("MTLSOAuthClientIDClaim", mto_value_set_paths, PATHS_AT(client_id_claims), RSRC_CONF,
                      "claims for the client's identifier; the first that is present wins"),
    AP_INIT_TAKE_ARGV("MTLSOAuthRequiredClaims", mto_value_set_paths, PATHS_AT(required_claims), RSRC_CONF,
                      "claims that a token must have besides exp"),
    AP_INIT_TAKE1("MTLSOAuthJWKSRefresh", mto_value_set_time, (void *)&mto_jwks_refresh_setting, RSRC_CONF,
                  "time after which keys are fetched again, at least 60s"),
    AP_INIT_TAKE1("MTLSOAuthJWKSCooldown", mto_value_set_time, (void *)&mto_jwks_cooldown_setting, RSRC_CONF,
                  "least time between two fetches for the sake of unknown keys"),
    AP_INIT_TAKE1("MTLSOAuthJWKSMaxStale", mto_value_set_time, (void *)&mto_jwks_max_stale_setting, RSRC_CONF,
                  "age at which keys that cannot be renewed are no longer used"),
    AP_INIT_TAKE1("MTLSOAuthOutgoingCACertificateFile", mto_value_set_file, SOURCE_AT(ca_file), RSRC_CONF,
                  "PEM file of the CAs that issuers' servers are trusted by"),
    AP_INIT_TAKE1("MTLSOAuthOutgoingCertificateFile", mto_value_set_file, SOURCE_AT(certificate_file), RSRC_CONF,
                  "PEM file of the certificate that is shown to issuers' servers"),
    AP_INIT_TAKE1("MTLSOAuthOutgoingKeyFile", mto_value_set_file, SOURCE_AT(key_file), RSRC_CONF,
                  "PEM file of its private key"),
    AP_INIT_TAKE1("MTLSOAuthOutgoingProxy", mto_value_set_proxy, SOURCE_AT(proxy), RSRC_CONF,
                  "URL of the proxy to issuers' servers"),
    AP_INIT_TAKE1("MTLSOAuthOutgoingTimeout", mto_value_set_time, (void *)&mto_outgoing_timeout_setting, RSRC_CONF,
                  "time that one exchange may take"),
    AP_INIT_TAKE1("MTLSOAuthStateDir", set_state_directory, NULL, RSRC_CONF, "directory for fetched key sets, or off"),
    AP_INIT_TAKE1("MTLSOAuthTokenCache", set_token_cache, NULL, RSRC_CONF,
                  "how many proven tokens a process remembers, or off"),
    AP_INIT_TAKE_ARGV("MTLSOAuthAcceptIssuers", set_in_location, (void *)&accept_issuers, OR_AUTHCFG,
                      "issuers, by ISS or NAME, whose tokens are accepted here"),
    AP_INIT_TAKE_ARGV("MTLSOAuthTokenSource", set_in_location, (void *)&token_source, OR_AUTHCFG,
                      "where the token is looked for: header, cookie:NAME"),
    AP_INIT_TAKE_ARGV("MTLSOAuthRequireTLS", set_in_location, (void *)&require_tls, OR_AUTHCFG,
                      "on or off: whether a token over clear text is refused"),
    AP_INIT_TAKE1("MTLSOAuthBindingCACertificateFile", mto_value_set_file, TRUST_AT(ca_file), RSRC_CONF,
                  "PEM file of the CAs that the certificates of bound tokens must chain to"),
    AP_INIT_TAKE1("MTLSOAuthBindingCRLFile", mto_value_set_file, TRUST_AT(crl_file), RSRC_CONF,
                  "PEM file of these CAs' CRLs"),
    AP_INIT_RAW_ARGS(MTO_CLIENT_SECTION, mto_client_section_read, NULL, RSRC_CONF,
                     "an OAuth client that authenticates by certificate: its client_id"),
    AP_INIT_TAKE1("MTLSOAuthClientsFile", set_server_file, SERVER_AT(clients_file), RSRC_CONF,
                  "JSON file of OAuth clients' metadata (RFC 7591)"),
    AP_INIT_TAKE2("MTLSOAuthClientSubject", mto_client_section_set_subject, NULL, RSRC_CONF,
                  "dn, dns, uri, ip or email, and the name that the client's certificate has"),
    AP_INIT_TAKE1("MTLSOAuthClientCertificateFile", mto_client_section_set_file, CLIENT_AT(certificate_file), RSRC_CONF,
                  "PEM file of the client's own certificate"),
    AP_INIT_TAKE1("MTLSOAuthClientJWKSFile", mto_client_section_set_file, CLIENT_AT(jwks_file), RSRC_CONF,
                  "the client's JWK Set, with its certificates in x5c"),
    AP_INIT_TAKE1("MTLSOAuthClientKeyID", mto_client_section_set_key_id, NULL, RSRC_CONF,
                  "kid of the only key of the JWK Set that counts"),
    AP_INIT_TAKE1("MTLSOAuthClientCACertificateFile", mto_client_set_trust_file, FILES_AT(ca_file), RSRC_CONF,
                  "PEM file of the CAs that certificates of tls_client_auth clients must chain to"),
    AP_INIT_TAKE1("MTLSOAuthClientCRLFile", mto_client_set_trust_file, FILES_AT(crl_file), RSRC_CONF,
                  "PEM file of these CAs' CRLs"),
    AP_INIT_TAKE1("MTLSOAuthForwardClientCert", mto_client_set_forward, NULL, RSRC_CONF,
                  "header that tells the back end the client's certificate, or off"),
    AP_INIT_TAKE_ARGV("MTLSOAuthTrustedProxy", mto_proxy_set_trusted, NULL, RSRC_CONF,
                      "addresses and networks of proxies that end TLS in front of this server, or off"),
    AP_INIT_TAKE12("MTLSOAuthClientCertHeader", mto_proxy_set_header, NULL, RSRC_CONF,
                   "header in which they tell the client's certificate, and its format; or off"),
    AP_INIT_TAKE_ARGV("MTLSOAuthOtherClients", set_in_location, (void *)&other_clients, OR_AUTHCFG,
                      "refuse or pass: clients of other methods than tls_client_auth and self_signed_tls_client_auth"),
    AP_INIT_TAKE_ARGV("MTLSOAuthClaimEnv", set_in_location, (void *)&claim_env, OR_AUTHCFG,
                      "an environment variable, and the claim that it shows"),
    AP_INIT_TAKE_ARGV("MTLSOAuthClaimHeader", set_in_location, (void *)&claim_header, OR_AUTHCFG,
                      "a request header for the back end, and the claim that it shows"),
    AP_INIT_TAKE_ARGV("MTLSOAuthForwardToken", set_in_location, (void *)&forward_token, OR_AUTHCFG,
                      "on or off: whether the back end gets the token"),
    AP_INIT_TAKE_ARGV("MTLSOAuthPreflight", set_in_location, (void *)&preflight, OR_AUTHCFG,
                      "guard or pass: whether CORS preflights need a token"),
    AP_INIT_TAKE_ARGV("MTLSOAuthResource", set_resource, (void *)&resource, RSRC_CONF | ACCESS_CONF,
                      "URL that identifies the protected resource (RFC 9728)"),
    AP_INIT_TAKE_ARGV("MTLSOAuthResourceName", set_resource, (void *)&resource, RSRC_CONF | ACCESS_CONF,
                      "its name, for people"),
    AP_INIT_TAKE_ARGV("MTLSOAuthResourceDocumentation", set_resource, (void *)&resource, RSRC_CONF | ACCESS_CONF,
                      "URL of its documentation"),
    AP_INIT_TAKE_ARGV("MTLSOAuthResourcePolicyURI", set_resource, (void *)&resource, RSRC_CONF | ACCESS_CONF,
                      "URL of the policy for its data"),
    AP_INIT_TAKE_ARGV("MTLSOAuthResourceScopes", set_resource, (void *)&resource, RSRC_CONF | ACCESS_CONF,
                      "scopes that clients may ask for"),
    AP_INIT_TAKE1("MTLSOAuthIntrospectionURI", mto_section_set_url, BLOCK_AT(introspection.uri), RSRC_CONF,
                  "https URL at which the issuer is asked about tokens (RFC 7662)"),
    AP_INIT_TAKE1("MTLSOAuthIntrospectJWT", mto_introspection_set_jwt, NULL, RSRC_CONF,
                  "on or off: whether the issuer is asked about JWTs too"),
    AP_INIT_TAKE1("MTLSOAuthIntrospectionCache", mto_introspection_set_cache, NULL, RSRC_CONF,
                  "how long an answer is used: off, exp or a time"),
    AP_INIT_TAKE1("MTLSOAuthIntrospectionClientID", mto_introspection_set_client_id, NULL, RSRC_CONF,
                  "our client_id at the issuer"),
    AP_INIT_TAKE1("MTLSOAuthIntrospectionClientSecretFile", mto_section_set_file, BLOCK_AT(introspection.secret_file),
                  RSRC_CONF, "file with our client secret"),
    AP_INIT_TAKE1("MTLSOAuthIntrospectionClientAuth", mto_introspection_set_client_auth, NULL, RSRC_CONF,
                  "client_secret_basic, client_secret_post, tls_client_auth or self_signed_tls_client_auth"),
    AP_INIT_TAKE_ARGV("MTLSOAuthOpaqueTokenIssuer", set_opaque_issuer, (void *)&opaque_issuer, RSRC_CONF | OR_AUTHCFG,
                      "ISS or NAME of the section that opaque tokens fall under"),
    AP_INIT_TAKE1("MTLSOAuthSharedCache", mto_introspection_set_shared_cache, NULL, RSRC_CONF,
                  "PROVIDER[:ARGUMENTS] of the cache that processes and machines share, or off"),
    AP_INIT_TAKE1("MTLSOAuthSharedCacheKeyFile", mto_introspection_set_shared_cache_key, NULL, RSRC_CONF,
                  "file with one or two keys that seal what is in it"),
    AP_INIT_TAKE1("MTLSOAuthDenyFile", set_server_file, SERVER_AT(deny_file), RSRC_CONF,
                  "file of tokens, subjects, clients, certificates and keys that are refused"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL},
};
