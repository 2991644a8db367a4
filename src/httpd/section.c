#include "httpd/section.h"

#include "core/algorithm.h"
#include "httpd/introspection_section.h"
#include "httpd/values.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

mto_block_t *mto_section_open(cmd_parms *cmd)
{
    return mto_server_config_of(cmd->server)->open_block;
}

const char *mto_section_inside(cmd_parms *cmd, const char *value)
{
    return mto_section_open(cmd) != NULL
               ? NULL
               : mto_value_error(cmd, value, "belongs into an " MTO_ISSUER_SECTION "> section");
}

const char *mto_section_outside(cmd_parms *cmd, const char *value)
{
    return mto_section_open(cmd) == NULL
               ? NULL
               : mto_value_error(cmd, value, "does not belong into " MTO_ISSUER_SECTION ">; move it out");
}

const char *mto_section_of_main_server(cmd_parms *cmd, const char *value)
{
    return cmd->server->is_virtual
               ? mto_value_error(cmd, value, "holds for the whole server; move it out of the virtual host")
               : mto_section_outside(cmd, value);
}

/* --- Texts of a block --------------------------------------------------------------------------------------------- */

const char *mto_section_set_file(cmd_parms *cmd, void *unused, const char *file)
{
    const char *error = mto_section_inside(cmd, file);

    (void)unused;
    return error != NULL ? error
                         : mto_value_path(cmd, mto_value_member(mto_section_open(cmd), (size_t)cmd->info), file);
}

const char *mto_section_set_url(cmd_parms *cmd, void *unused, const char *url)
{
    const char *error = mto_section_inside(cmd, url), *refused = mto_fetch_refused_url(url);

    (void)unused;
    if (error == NULL && refused != NULL) {
        error = mto_value_error(cmd, url, apr_pstrcat(cmd->pool, "is ", refused, "; write an https URL", NULL));
    }
    return error != NULL ? error : mto_value_once(cmd, mto_value_member(mto_section_open(cmd), (size_t)cmd->info), url);
}

/* --- Keys of a block ---------------------------------------------------------------------------------------------- */

const char *mto_section_add_public_key_file(cmd_parms *cmd, void *unused, int argc, char *const argv[])
{
    mto_block_t          *block = mto_section_open(cmd);
    const char           *error = mto_section_inside(cmd, mto_value_given(cmd, argc, argv));
    mto_public_key_file_t key = {0};
    apr_array_header_t   *files;
    int                   i;

    (void)unused;
    if (error != NULL) {
        return error;
    }
    if (argc == 0) {
        return mto_value_error(cmd, "", "needs a readable PEM file with a public key or a certificate");
    }
    error = mto_value_path(cmd, &key.file, argv[0]);
    if (error != NULL) {
        return error;
    }
    for (i = 1; i < argc; i++) {
        if (strncmp(argv[i], "kid=", 4) == 0 && argv[i][4] != '\0' && key.kid == NULL) {
            key.kid = argv[i] + 4;
        }
        else if (strncmp(argv[i], "alg=", 4) == 0 && key.algorithm == NULL
                 && (key.algorithm = mto_algorithm_find(argv[i] + 4)) != NULL) {
            continue;
        }
        else {
            return mto_value_error(cmd, argv[i],
                                   "after the file come only kid=KID and alg=ALG (an algorithm that "
                                   "MTLSOAuthAlgorithms knows), each once");
        }
    }
    files = (apr_array_header_t *)block->keys.public_key_files;
    if (files == NULL) {
        block->keys.public_key_files = files = apr_array_make(cmd->pool, 2, sizeof key);
    }
    APR_ARRAY_PUSH(files, mto_public_key_file_t) = key;
    return NULL;
}

/* --- Audiences of a block ----------------------------------------------------------------------------------------- */

const char *mto_section_set_audience(cmd_parms *cmd, mto_block_t *block, int argc, char *const argv[])
{
    const char               *error;
    const apr_array_header_t *audiences = mto_value_texts(cmd, argc, argv, &error);

    if (audiences == NULL) {
        return error;
    }
    if (block->audiences != NULL || block->any_audience) {
        return mto_value_twice(cmd);
    }
    block->any_audience = mto_value_says_any(cmd, argc, argv, &error);
    block->audiences = block->any_audience ? NULL : audiences;
    return error;
}

/* --- The section -------------------------------------------------------------------------------------------------- */

static const char *section_error(cmd_parms *cmd, const char *value, const char *remedy)
{
    return apr_pstrcat(cmd->pool, MTO_ISSUER_SECTION, *value != '\0' ? " " : "", value, ">: ", remedy, NULL);
}

/* Splits "ISS [NAME]>" and checks both. */
static const char *read_section_start(cmd_parms *cmd, const char *arguments, mto_block_t *block)
{
    const char *end = ap_strrchr_c(arguments, '>'), *whole, *at;

    if (end == NULL || end[1] != '\0') {
        return section_error(cmd, arguments, "write <MTLSOAuthIssuer ISS [NAME]>, with the > at the end of the line");
    }
    whole = arguments = apr_pstrmemdup(cmd->pool, arguments, (apr_size_t)(end - arguments));
    block->issuer = ap_getword_conf(cmd->pool, &arguments);
    block->name = *arguments != '\0' ? ap_getword_conf(cmd->pool, &arguments) : NULL;
    if (*block->issuer == '\0' || *arguments != '\0') {
        return section_error(cmd, whole,
                             "write <MTLSOAuthIssuer ISS [NAME]>: the issuer as tokens have it in "
                             "iss, and a short name where one issuer has several sections");
    }
    for (at = block->issuer; *at != '\0'; at++) {
        if (apr_iscntrl(*at) || apr_isspace(*at)) {
            return section_error(cmd, block->issuer, "an issuer has no spaces or control characters");
        }
    }
    for (at = block->name; at != NULL && *at != '\0'; at++) {
        if (!apr_isalnum(*at) && strchr("._-", *at) == NULL) {
            return section_error(cmd, block->name, "a NAME is letters, digits, dots, dashes and underscores");
        }
    }
    return NULL;
}

static int is_ours(const char *directive)
{
    const command_rec *command;

    for (command = mto_directives; command->name != NULL; command++) {
        if (strcasecmp(command->name, directive) == 0) {
            return 1;
        }
    }
    return 0;
}

/* One source of keys: a URL, the metadata at a URL, files, or the metadata that the issuer's own name leads to. */
static const char *check_key_source(cmd_parms *cmd, const mto_block_t *block)
{
    const mto_key_source_t *keys = &block->keys;
    int sources = (keys->jwks_uri != NULL) + (keys->metadata_uri != NULL) + mto_key_source_is_local(keys);

    if (sources > 1) {
        return section_error(cmd, block->issuer,
                             "has several sources of keys; keep MTLSOAuthJWKSURI, or MTLSOAuthMetadataURI, or files");
    }
    if (sources == 0 && (mto_fetch_refused_url(block->issuer) != NULL || strpbrk(block->issuer, "?#") != NULL)) {
        return section_error(
            cmd, block->issuer,
            "has no keys, and they cannot be discovered from an issuer that is not an https URL of host and path; add "
            "MTLSOAuthJWKSURI, MTLSOAuthMetadataURI, MTLSOAuthJWKSFile or MTLSOAuthPublicKeyFile");
    }
    return NULL;
}

/* What a whole section must hold to, whatever else is configured. */
static const char *check_section(cmd_parms *cmd, const mto_block_t *block)
{
    const mto_settings_t *settings = &block->written.policy;
    const char           *error;

    if (block->audiences == NULL && !block->any_audience) {
        return section_error(cmd, block->issuer,
                             "has no MTLSOAuthAudience; add \"MTLSOAuthAudience https://this-api\" with "
                             "the aud of tokens meant for this server, or \"MTLSOAuthAudience any\"");
    }
    error = check_key_source(cmd, block);
    if (error != NULL) {
        return error;
    }
    if (settings->use_mutual_tls != MTO_UNSET && settings->report_mutual_tls > MTO_MUTUAL_TLS_NONE
        && settings->report_mutual_tls <= settings->use_mutual_tls) {
        return section_error(cmd, block->issuer,
                             "MTLSOAuthReportMutualTLS reports only what is stricter than "
                             "MTLSOAuthUseMutualTLS; set it to a stricter word or to off");
    }
    return NULL;
}

const char *mto_section_read(cmd_parms *cmd, void *config, const char *arguments)
{
    mto_server_config_t *server = mto_server_config_of(cmd->server);
    mto_block_t         *block = apr_pcalloc(cmd->pool, sizeof *block);
    const char          *error = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT | NOT_IN_LIMIT);
    ap_directive_t      *child;

    (void)config;
    if (error != NULL || (error = read_section_start(cmd, arguments, block)) != NULL) {
        return error;
    }
    block->where = mto_value_where(cmd);
    block->written = mto_written_unset();
    block->introspection = mto_introspection_unset();
    for (child = cmd->directive->first_child; child != NULL; child = child->next) {
        if (!is_ours(child->directive) || *child->directive == '<') {
            return section_error(
                cmd, block->issuer,
                apr_pstrcat(cmd->pool, child->directive, " does not belong into this section; move it out", NULL));
        }
    }
    server->open_block = block;
    error = ap_walk_config(cmd->directive->first_child, cmd, cmd->context);
    server->open_block = NULL;
    if (error != NULL || (error = check_section(cmd, block)) != NULL) {
        return error;
    }
    APR_ARRAY_PUSH(server->blocks, mto_block_t *) = block;
    return NULL;
}
