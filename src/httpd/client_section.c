#include "httpd/client_section.h"

#include "httpd/own_headers.h"
#include "httpd/section.h"
#include "httpd/values.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

/* --- Where a directive stands ------------------------------------------------------------------------------------- */

static mto_client_section_t *open_client(cmd_parms *cmd)
{
    return mto_server_config_of(cmd->server)->open_client;
}

static const char *only_in_client(cmd_parms *cmd, const char *value)
{
    return open_client(cmd) != NULL ? NULL
                                    : mto_value_error(cmd, value, "belongs into an " MTO_CLIENT_SECTION "> section");
}

/* --- In the section ----------------------------------------------------------------------------------------------- */

const char *mto_client_section_set_subject(cmd_parms *cmd, void *unused, const char *kind, const char *value)
{
    const char *error = only_in_client(cmd, kind), *wrong;
    int         i;

    (void)unused;
    if (error != NULL) {
        return error;
    }
    for (i = 0; i < MTO_NAME_KINDS && strcasecmp(kind, mto_name_word((mto_name_kind_t)i)) != 0; i++) {
    }
    if (i == MTO_NAME_KINDS) {
        return mto_value_error(cmd, kind, "is not one of dn, dns, uri, ip, email; write \"KIND VALUE\"");
    }
    wrong = mto_name_check((mto_name_kind_t)i, value);
    if (wrong != NULL) {
        return mto_value_error(cmd, apr_pstrcat(cmd->pool, kind, " ", value, NULL),
                               apr_pstrcat(cmd->pool, wrong, "; write the name as the certificate has it", NULL));
    }
    open_client(cmd)->subject_kind = (mto_name_kind_t)i;
    return mto_value_once(cmd, &open_client(cmd)->subject, value);
}

const char *mto_client_section_set_file(cmd_parms *cmd, void *unused, const char *file)
{
    const char *error = only_in_client(cmd, file);

    (void)unused;
    return error != NULL ? error : mto_value_path(cmd, mto_value_member(open_client(cmd), (size_t)cmd->info), file);
}

const char *mto_client_section_set_key_id(cmd_parms *cmd, void *unused, const char *kid)
{
    const char *error = only_in_client(cmd, kid);

    (void)unused;
    return error != NULL ? error : mto_value_once(cmd, &open_client(cmd)->key_id, kid);
}

/* --- In a server -------------------------------------------------------------------------------------------------- */

const char *mto_client_set_trust_file(cmd_parms *cmd, void *unused, const char *file)
{
    const char        *error = mto_section_outside(cmd, file);
    mto_trust_files_t *files =
        open_client(cmd) != NULL ? &open_client(cmd)->trust : &mto_server_config_of(cmd->server)->client_trust_files;

    (void)unused;
    return error != NULL ? error : mto_value_path(cmd, mto_value_member(files, (size_t)cmd->info), file);
}

const char *mto_client_set_forward(cmd_parms *cmd, void *unused, const char *name)
{
    const char *error = mto_section_outside(cmd, name);
    const char *wrong;

    (void)unused;
    if (error != NULL) {
        return error;
    }
    if (strcasecmp(name, "off") == 0) {
        return mto_value_once(cmd, &mto_server_config_of(cmd->server)->forward_client_cert, "");
    }
    wrong = mto_own_header_check(name);
    if (wrong != NULL) {
        return mto_value_error(cmd, name,
                               apr_pstrcat(cmd->pool, wrong, "; write Client-Cert (RFC 9440), or off", NULL));
    }
    return mto_value_once(cmd, &mto_server_config_of(cmd->server)->forward_client_cert, name);
}

/* --- The section itself ------------------------------------------------------------------------------------------- */

static const char *section_error(cmd_parms *cmd, const char *value, const char *remedy)
{
    return apr_pstrcat(cmd->pool, MTO_CLIENT_SECTION, *value != '\0' ? " " : "", value, ">: ", remedy, NULL);
}

static int belongs_here(const char *directive)
{
    static const char *const here[] = {"MTLSOAuthClientSubject",           "MTLSOAuthClientCertificateFile",
                                       "MTLSOAuthClientJWKSFile",          "MTLSOAuthClientKeyID",
                                       "MTLSOAuthClientCACertificateFile", "MTLSOAuthClientCRLFile"};
    size_t                   i;

    for (i = 0; i < sizeof here / sizeof here[0]; i++) {
        if (strcasecmp(directive, here[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The CLIENT_ID of "CLIENT_ID>", which may be quoted. */
static const char *read_id(cmd_parms *cmd, const char *arguments, const char **id)
{
    const char *end = ap_strrchr_c(arguments, '>'), *whole;

    if (end == NULL || end[1] != '\0') {
        return section_error(cmd, arguments, "write <MTLSOAuthClient CLIENT_ID>, with the > at the end of the line");
    }
    whole = arguments = apr_pstrmemdup(cmd->pool, arguments, (apr_size_t)(end - arguments));
    *id = ap_getword_conf(cmd->pool, &arguments);
    return **id != '\0' && *arguments == '\0'
               ? NULL
               : section_error(cmd, whole,
                               "write <MTLSOAuthClient CLIENT_ID>: one client_id, in quotes if it has blanks");
}

/* What a whole section must hold to, whatever else is configured. */
static const char *check_section(cmd_parms *cmd, const mto_client_section_t *client)
{
    int ways = (client->subject != NULL) + (client->certificate_file != NULL) + (client->jwks_file != NULL);

    if (ways != 1) {
        return section_error(cmd, client->id,
                             "a client has exactly one of MTLSOAuthClientSubject (tls_client_auth), "
                             "MTLSOAuthClientCertificateFile and MTLSOAuthClientJWKSFile "
                             "(self_signed_tls_client_auth)");
    }
    if (client->key_id != NULL && client->jwks_file == NULL) {
        return section_error(cmd, client->id,
                             "MTLSOAuthClientKeyID names a key of MTLSOAuthClientJWKSFile; add that, or leave it out");
    }
    if (client->trust.ca_file == NULL && client->trust.crl_file != NULL) {
        return section_error(cmd, client->id,
                             "MTLSOAuthClientCRLFile belongs to the MTLSOAuthClientCACertificateFile of the same "
                             "place; add that to the section");
    }
    if (client->trust.ca_file != NULL && client->subject == NULL) {
        return section_error(cmd, client->id,
                             "MTLSOAuthClientCACertificateFile is for tls_client_auth: a registered certificate "
                             "counts by itself (RFC 8705 section 2.2); leave it out");
    }
    return NULL;
}

const char *mto_client_section_read(cmd_parms *cmd, void *config, const char *arguments)
{
    mto_server_config_t  *server = mto_server_config_of(cmd->server);
    mto_client_section_t *client = apr_pcalloc(cmd->pool, sizeof *client);
    const char           *error = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT | NOT_IN_LIMIT);
    ap_directive_t       *child;

    (void)config;
    if (error == NULL) {
        error = mto_section_outside(cmd, arguments);
    }
    if (error != NULL || (error = read_id(cmd, arguments, &client->id)) != NULL) {
        return error;
    }
    client->where = mto_value_where(cmd);
    for (child = cmd->directive->first_child; child != NULL; child = child->next) {
        if (!belongs_here(child->directive)) {
            return section_error(
                cmd, client->id,
                apr_pstrcat(cmd->pool, child->directive, " does not belong into this section; move it out", NULL));
        }
    }
    server->open_client = client;
    error = ap_walk_config(cmd->directive->first_child, cmd, cmd->context);
    server->open_client = NULL;
    if (error != NULL || (error = check_section(cmd, client)) != NULL) {
        return error;
    }
    APR_ARRAY_PUSH(server->client_sections, mto_client_section_t *) = client;
    return NULL;
}
