#include "httpd/introspection_section.h"

#include "core/policy.h"
#include "httpd/section.h"
#include "httpd/values.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

mto_introspection_written_t mto_introspection_unset(void)
{
    mto_introspection_written_t unset = {.jwt = MTO_UNSET, .cache = MTO_UNSET};

    return unset;
}

/* --- In a block --------------------------------------------------------------------------------------------------- */

const char *mto_introspection_set_jwt(cmd_parms *cmd, void *unused, const char *word)
{
    const char *error = mto_section_inside(cmd, word);

    (void)unused;
    return error != NULL ? error
                         : mto_value_word(cmd, &mto_section_open(cmd)->introspection.jwt, mto_on_off_words, word);
}

/* The longest time that an answer may be kept: for longer there is exp. */
#define CACHE_MOST apr_time_from_sec(86400)

const char *mto_introspection_set_cache(cmd_parms *cmd, void *unused, const char *word)
{
    const char         *error = mto_section_inside(cmd, word);
    mto_block_t        *block = mto_section_open(cmd);
    apr_interval_time_t time;

    (void)unused;
    if (error != NULL) {
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
    if (block->introspection.cache != MTO_UNSET) {
        return mto_value_twice(cmd);
    }
    block->introspection.cache = time;
    return NULL;
}

/* RFC 6749 appendix A.1: visible characters and spaces. */
const char *mto_introspection_set_client_id(cmd_parms *cmd, void *unused, const char *id)
{
    const char *error = mto_section_inside(cmd, id), *at;

    (void)unused;
    if (error != NULL) {
        return error;
    }
    for (at = id; *at != '\0' && apr_isprint(*at); at++) {
    }
    if (*id == '\0' || *at != '\0') {
        return mto_value_error(cmd, id, "is not a client_id; write visible ASCII characters");
    }
    return mto_value_once(cmd, &mto_section_open(cmd)->introspection.client_id, id);
}

const char *mto_introspection_set_client_auth(cmd_parms *cmd, void *unused, const char *word)
{
    const char               *error = mto_section_inside(cmd, word);
    mto_block_t              *block = mto_section_open(cmd);
    const mto_asker_method_t *method;

    (void)unused;
    if (error != NULL) {
        return error;
    }
    for (method = mto_asker_methods; method->word != NULL && strcasecmp(method->word, word) != 0; method++) {
    }
    if (method->word == NULL) {
        return mto_value_error(cmd, word,
                               "is not one of client_secret_basic, client_secret_post, tls_client_auth, "
                               "self_signed_tls_client_auth");
    }
    if (block->introspection.method != NULL) {
        return mto_value_twice(cmd);
    }
    block->introspection.method = method;
    return NULL;
}

/* --- In the main server ------------------------------------------------------------------------------------------- */

const char *mto_introspection_set_shared_cache(cmd_parms *cmd, void *unused, const char *provider)
{
    const char *error = mto_section_of_main_server(cmd, provider);

    (void)unused;
    return error != NULL ? error : mto_value_once(cmd, &mto_server_config_of(cmd->server)->shared_cache, provider);
}

const char *mto_introspection_set_shared_cache_key(cmd_parms *cmd, void *unused, const char *file)
{
    const char *error = mto_section_of_main_server(cmd, file);

    (void)unused;
    return error != NULL ? error : mto_value_path(cmd, &mto_server_config_of(cmd->server)->shared_cache_key, file);
}

/* --- MTLSOAuthOpaqueTokenIssuer ----------------------------------------------------------------------------------- */

static const char *set_opaque(cmd_parms *cmd, const char **member, int argc, char *const argv[])
{
    const char *given = mto_value_given(cmd, argc, argv);

    return argc == 1 && *given != '\0'
               ? mto_value_once(cmd, member, given)
               : mto_value_error(cmd, given, "takes one ISS or NAME of an " MTO_ISSUER_SECTION ">");
}

const char *mto_introspection_set_opaque(cmd_parms *cmd, int argc, char *const argv[])
{
    mto_server_config_t *server = mto_server_config_of(cmd->server);
    const char          *error = mto_section_outside(cmd, mto_value_given(cmd, argc, argv));

    server->opaque_where = mto_value_where(cmd);
    return error != NULL ? error : set_opaque(cmd, &server->opaque_issuer, argc, argv);
}

const char *mto_introspection_set_location_opaque(cmd_parms *cmd, mto_directory_config_t *directory, int argc,
                                                  char *const argv[])
{
    const char *error = set_opaque(cmd, &directory->opaque_issuer, argc, argv);

    directory->opaque_where = mto_value_where(cmd);
    directory->opaque_in_htaccess = mto_value_in_htaccess(cmd);
    if (error == NULL && !directory->opaque_in_htaccess) {
        APR_ARRAY_PUSH(mto_server_config_of(cmd->server)->opaque_places, mto_directory_config_t *) = directory;
    }
    return error;
}
