#include "httpd/introspection_section.h"

#include "core/policy.h"
#include "httpd/section.h"
#include "httpd/values.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <string.h>

mto_introspection_written_t mto_introspection_unset(void)
{
    mto_introspection_written_t unset = {.jwt = MTO_UNSET, .cache = MTO_UNSET};

    return unset;
}

/* Sets a text once. */
static const char *set_text(cmd_parms *cmd, const char **member, const char *value)
{
    if (*member != NULL) {
        return mto_value_twice(cmd, value);
    }
    *member = value;
    return NULL;
}

static const char *set_file(cmd_parms *cmd, const char **member, const char *file)
{
    const char *path = ap_server_root_relative(cmd->pool, file);

    return path == NULL ? mto_value_error(cmd, file, "is not a path; name a readable file")
                        : set_text(cmd, member, path);
}

/* --- In a block --------------------------------------------------------------------------------------------------- */

/* What is written in the open block; NULL with *error: the directive stands elsewhere. */
static mto_introspection_written_t *written_of(cmd_parms *cmd, const char *value, const char **error)
{
    mto_block_t *block = mto_section_open(cmd);

    *error = block == NULL ? mto_value_error(cmd, value, "belongs into an " MTO_ISSUER_SECTION "> section") : NULL;
    return block == NULL ? NULL : &block->introspection;
}

const char *mto_introspection_set_uri(cmd_parms *cmd, void *unused, const char *url)
{
    const char                  *error, *refused = mto_fetch_refused_url(url);
    mto_introspection_written_t *written = written_of(cmd, url, &error);

    (void)unused;
    if (written == NULL) {
        return error;
    }
    return refused != NULL
               ? mto_value_error(cmd, url, apr_pstrcat(cmd->pool, "is ", refused, "; write an https URL", NULL))
               : set_text(cmd, &written->uri, url);
}

const char *mto_introspection_set_jwt(cmd_parms *cmd, void *unused, const char *word)
{
    static const mto_word_t      words[] = {{"off", 0}, {"on", 1}, {NULL, 0}};
    const char                  *error;
    mto_introspection_written_t *written = written_of(cmd, word, &error);
    int                          value = mto_word_value(words, word);

    (void)unused;
    if (written == NULL) {
        return error;
    }
    if (value == MTO_UNSET) {
        return mto_value_error(cmd, word, "is not one of on, off");
    }
    if (written->jwt != MTO_UNSET) {
        return mto_value_twice(cmd, word);
    }
    written->jwt = value;
    return NULL;
}

/* The longest time that an answer may be kept: for longer there is exp. */
#define CACHE_MOST apr_time_from_sec(86400)

const char *mto_introspection_set_cache(cmd_parms *cmd, void *unused, const char *word)
{
    const char                  *error;
    mto_introspection_written_t *written = written_of(cmd, word, &error);
    apr_interval_time_t          time;

    (void)unused;
    if (written == NULL) {
        return error;
    }
    if (strcasecmp(word, "off") == 0) {
        time = 0;
    }
    else if (strcasecmp(word, "exp") == 0) {
        time = MTO_ANSWER_UNTIL_EXP;
    }
    else if (!mto_value_read_time(word, &time) || time < apr_time_from_sec(1) || time > CACHE_MOST) {
        return mto_value_error(cmd, word, "is not off, exp or a time from 1s to 1d (for example 30s, 5min)");
    }
    if (written->cache != MTO_UNSET) {
        return mto_value_twice(cmd, word);
    }
    written->cache = time;
    return NULL;
}

/* RFC 6749 appendix A.1: visible characters and spaces. */
const char *mto_introspection_set_client_id(cmd_parms *cmd, void *unused, const char *id)
{
    const char                  *error, *at;
    mto_introspection_written_t *written = written_of(cmd, id, &error);

    (void)unused;
    if (written == NULL) {
        return error;
    }
    for (at = id; *at != '\0' && apr_isprint(*at); at++) {
    }
    if (*id == '\0' || *at != '\0') {
        return mto_value_error(cmd, id, "is not a client_id; write visible ASCII characters");
    }
    return set_text(cmd, &written->client_id, id);
}

const char *mto_introspection_set_secret_file(cmd_parms *cmd, void *unused, const char *file)
{
    const char                  *error;
    mto_introspection_written_t *written = written_of(cmd, file, &error);

    (void)unused;
    return written == NULL ? error : set_file(cmd, &written->secret_file, file);
}

const char *mto_introspection_set_client_auth(cmd_parms *cmd, void *unused, const char *word)
{
    const char                  *error;
    mto_introspection_written_t *written = written_of(cmd, word, &error);
    const mto_asker_method_t    *method;

    (void)unused;
    if (written == NULL) {
        return error;
    }
    for (method = mto_asker_methods; method->word != NULL && strcasecmp(method->word, word) != 0; method++) {
    }
    if (method->word == NULL) {
        return mto_value_error(cmd, word,
                               "is not one of client_secret_basic, client_secret_post, tls_client_auth, "
                               "self_signed_tls_client_auth");
    }
    if (written->method != NULL) {
        return mto_value_twice(cmd, word);
    }
    written->method = method;
    return NULL;
}

/* --- In a server -------------------------------------------------------------------------------------------------- */

static const char *only_in_server(cmd_parms *cmd, const char *value)
{
    return mto_section_open(cmd) == NULL
               ? NULL
               : mto_value_error(cmd, value, "does not belong into " MTO_ISSUER_SECTION ">; move it out");
}

static const char *only_in_main_server(cmd_parms *cmd, const char *value)
{
    return cmd->server->is_virtual
               ? mto_value_error(cmd, value, "holds for the whole server; move it out of the virtual host")
               : only_in_server(cmd, value);
}

const char *mto_introspection_set_deny_file(cmd_parms *cmd, void *unused, const char *file)
{
    const char *error = only_in_server(cmd, file);

    (void)unused;
    return error != NULL ? error : set_file(cmd, &mto_server_config_of(cmd->server)->deny_file, file);
}

const char *mto_introspection_set_shared_cache(cmd_parms *cmd, void *unused, const char *provider)
{
    const char *error = only_in_main_server(cmd, provider);

    (void)unused;
    return error != NULL ? error : set_text(cmd, &mto_server_config_of(cmd->server)->shared_cache, provider);
}

const char *mto_introspection_set_shared_cache_key(cmd_parms *cmd, void *unused, const char *file)
{
    const char *error = only_in_main_server(cmd, file);

    (void)unused;
    return error != NULL ? error : set_file(cmd, &mto_server_config_of(cmd->server)->shared_cache_key, file);
}

/* --- MTLSOAuthOpaqueTokenIssuer ----------------------------------------------------------------------------------- */

const char *mto_introspection_set_opaque(cmd_parms *cmd, const char *issuer)
{
    mto_server_config_t *server = mto_server_config_of(cmd->server);
    const char          *error = only_in_server(cmd, issuer);

    if (error == NULL) {
        error = set_text(cmd, &server->opaque_issuer, issuer);
        server->opaque_where = mto_value_where(cmd);
    }
    return error;
}

const char *mto_introspection_set_location_opaque(cmd_parms *cmd, mto_directory_config_t *directory, int argc,
                                                  char *const argv[])
{
    const char *error;

    if (argc != 1 || *argv[0] == '\0') {
        return mto_value_error(cmd, argc > 0 ? argv[0] : "", "takes one ISS or NAME of an " MTO_ISSUER_SECTION ">");
    }
    error = set_text(cmd, &directory->opaque_issuer, argv[0]);
    directory->opaque_where = mto_value_where(cmd);
    directory->opaque_in_htaccess = mto_value_in_htaccess(cmd);
    if (error == NULL && !directory->opaque_in_htaccess) {
        APR_ARRAY_PUSH(mto_server_config_of(cmd->server)->opaque_places, mto_directory_config_t *) = directory;
    }
    return error;
}
