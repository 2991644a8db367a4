#include "httpd/location.h"

#include "httpd/own_headers.h"
#include "httpd/values.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

/* --- One word of two ---------------------------------------------------------------------------------------------- */

const char *mto_location_set_require_tls(cmd_parms *cmd, mto_directory_config_t *directory, int argc,
                                         char *const argv[])
{
    return mto_value_word(cmd, &directory->require_tls, mto_on_off_words, mto_value_given(cmd, argc, argv));
}

const char *mto_location_set_other_clients(cmd_parms *cmd, mto_directory_config_t *directory, int argc,
                                           char *const argv[])
{
    static const mto_word_t words[] = {{"pass", 1}, {"refuse", 0}, {NULL, 0}};

    return mto_value_word(cmd, &directory->other_clients, words, mto_value_given(cmd, argc, argv));
}

const char *mto_location_set_forward_token(cmd_parms *cmd, mto_directory_config_t *directory, int argc,
                                           char *const argv[])
{
    return mto_value_word(cmd, &directory->forward_token, mto_on_off_words, mto_value_given(cmd, argc, argv));
}

const char *mto_location_set_preflight(cmd_parms *cmd, mto_directory_config_t *directory, int argc, char *const argv[])
{
    static const mto_word_t words[] = {{"pass", 1}, {"guard", 0}, {NULL, 0}};

    return mto_value_word(cmd, &directory->preflight, words, mto_value_given(cmd, argc, argv));
}

/* --- Claims for the back end -------------------------------------------------------------------------------------- */

/* The entry of that name; NULL: none. */
static const mto_claim_target_t *find(const apr_array_header_t *targets, const char *name)
{
    int i;

    for (i = 0; i < targets->nelts; i++) {
        const mto_claim_target_t *target = &APR_ARRAY_IDX(targets, i, const mto_claim_target_t);

        if (strcasecmp(target->name, name) == 0) {
            return target;
        }
    }
    return NULL;
}

const apr_array_header_t *mto_location_merge_claims(apr_pool_t *pool, const apr_array_header_t *base,
                                                    const apr_array_header_t *over)
{
    apr_array_header_t *merged;
    int                 i;

    if (base == NULL || over == NULL) {
        return base == NULL ? over : base;
    }
    merged = apr_array_copy(pool, over);
    for (i = 0; i < base->nelts; i++) {
        const mto_claim_target_t *target = &APR_ARRAY_IDX(base, i, const mto_claim_target_t);

        if (find(over, target->name) == NULL) {
            APR_ARRAY_PUSH(merged, mto_claim_target_t) = *target;
        }
    }
    return merged;
}

/* "NAME PATH", after the name has been found good. */
static const char *add_claim(cmd_parms *cmd, const apr_array_header_t **list, int argc, char *const argv[])
{
    apr_array_header_t *targets =
        *list != NULL ? apr_array_copy(cmd->pool, *list) : apr_array_make(cmd->pool, 2, sizeof(mto_claim_target_t));
    mto_claim_target_t *target;
    const char         *reason;

    if (argc != 2) {
        return mto_value_error(cmd, mto_value_given(cmd, argc, argv), "takes a name and the path of a claim");
    }
    if (find(targets, argv[0]) != NULL) {
        return mto_value_error(cmd, argv[0], "is given twice here; leave one out");
    }
    target = apr_array_push(targets);
    target->name = argv[0];
    target->path = mto_claim_path_parse(argv[1], cmd->pool, &reason);
    if (target->path == NULL) {
        return mto_value_error(
            cmd, argv[1],
            apr_pstrcat(cmd->pool, reason, "; write a claim as name or outer.inner, and \\. for a dot", NULL));
    }
    *list = targets;
    return NULL;
}

/* Whether a variable must be left to those who set it: the module itself, and what CGI makes of headers. */
static int is_taken(const char *variable)
{
    static const char *const prefixes[] = {"MTLS_OAUTH_", "HTTP_", "SSL_", "LD_"};
    static const char *const names[] = {"PATH", "REMOTE_USER", "REMOTE_ADDR", "AUTH_TYPE"};
    size_t                   i;

    for (i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncasecmp(variable, prefixes[i], strlen(prefixes[i])) == 0) {
            return 1;
        }
    }
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(variable, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

const char *mto_location_add_claim_env(cmd_parms *cmd, mto_directory_config_t *directory, int argc, char *const argv[])
{
    const char *name = argc > 0 ? argv[0] : "", *at = name;

    while (apr_isalnum(*at) || *at == '_') {
        at++;
    }
    if (*at != '\0' || *name == '\0' || apr_isdigit(*name) || is_taken(name)) {
        return mto_value_error(cmd, name,
                               "is not a name for a variable: write letters, digits and _, and none of MTLS_OAUTH_*, "
                               "HTTP_*, SSL_*, LD_*, REMOTE_USER, REMOTE_ADDR, AUTH_TYPE, PATH");
    }
    return add_claim(cmd, &directory->claim_variables, argc, argv);
}

const char *mto_location_add_claim_header(cmd_parms *cmd, mto_directory_config_t *directory, int argc,
                                          char *const argv[])
{
    const char *name = argc > 0 ? argv[0] : "", *error = mto_own_header_check(name);

    if (error != NULL) {
        return mto_value_error(cmd, name, apr_pstrcat(cmd->pool, error, "; write for example X-Department", NULL));
    }
    /* Whoever sends it to another place of this server must not be believed either, so an .htaccess, which only some
     * requests read, adds none. */
    if (!mto_value_in_htaccess(cmd)) {
        mto_own_header_add(cmd->server, name);
    }
    else if (!mto_own_headers_have(cmd->server, name)) {
        return mto_value_error(cmd, name,
                               "is not stripped from requests to this server; say MTLSOAuthClaimHeader with this name "
                               "in a <Location> or <Directory> of the server's configuration as well");
    }
    return add_claim(cmd, &directory->claim_headers, argc, argv);
}
