#include "httpd/values.h"

#include "core/algorithm.h"
#include "httpd/directives.h"

#include <apr_strings.h>
#include <string.h>

const char *mto_value_error(cmd_parms *cmd, const char *value, const char *remedy)
{
    return apr_pstrcat(cmd->pool, cmd->cmd->name, *value != '\0' ? " " : "", value, ": ", remedy, NULL);
}

const char *mto_value_twice(cmd_parms *cmd)
{
    return mto_value_error(cmd, cmd->directive->args,
                           "the directive is given twice here; say it once, with all its values on one line");
}

const char *mto_value_given(cmd_parms *cmd, int argc, char *const argv[])
{
    return argc == 1 ? argv[0] : cmd->directive->args;
}

int mto_value_in_htaccess(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_HTACCESS) != NULL;
}

/* The settings that a directive of a server or a block is about. */
static mto_written_t *written_of(cmd_parms *cmd)
{
    mto_server_config_t *server = mto_server_config_of(cmd->server);

    return server->open_block != NULL ? &server->open_block->written : &server->written;
}

void *mto_value_member(void *whole, size_t offset)
{
    return (char *)whole + offset;
}

const char *mto_value_once(cmd_parms *cmd, const char **member, const char *value)
{
    if (*member != NULL) {
        return mto_value_twice(cmd);
    }
    *member = value;
    return NULL;
}

const char *mto_value_path(cmd_parms *cmd, const char **member, const char *path)
{
    const char *whole = ap_server_root_relative(cmd->pool, path);

    return whole != NULL ? mto_value_once(cmd, member, whole)
                         : mto_value_error(cmd, path, "is not a path; write one from / on, or from ServerRoot on");
}

static const char *list_of(const mto_word_t *words, apr_pool_t *pool)
{
    const char *list = words->word;

    for (words++; words->word != NULL; words++) {
        list = apr_pstrcat(pool, list, ", ", words->word, NULL);
    }
    return list;
}

const apr_array_header_t *mto_value_texts(cmd_parms *cmd, int argc, char *const argv[], const char **error)
{
    apr_array_header_t *texts = apr_array_make(cmd->pool, argc > 0 ? argc : 1, sizeof(const char *));
    int                 i, j;

    if (argc == 0 || *argv[0] == '\0') {
        *error = mto_value_error(cmd, "", "needs at least one value");
        return NULL;
    }
    for (i = 0; i < argc; i++) {
        for (j = 0; j < i; j++) {
            if (strcmp(argv[i], argv[j]) == 0) {
                *error = mto_value_error(cmd, argv[i], "stands here twice; say each value once");
                return NULL;
            }
        }
        APR_ARRAY_PUSH(texts, const char *) = argv[i];
    }
    return texts;
}

const mto_word_setting_t mto_use_mutual_tls_setting = {APR_OFFSETOF(mto_written_t, policy.use_mutual_tls),
                                                       mto_mutual_tls_words};
const mto_word_setting_t mto_report_mutual_tls_setting = {APR_OFFSETOF(mto_written_t, policy.report_mutual_tls),
                                                          mto_report_mutual_tls_words};
const mto_word_setting_t mto_profile_setting = {APR_OFFSETOF(mto_written_t, policy.profile), mto_profile_words};

const mto_word_t mto_on_off_words[] = {{"on", 1}, {"off", 0}, {NULL, 0}};

const char *mto_value_word(cmd_parms *cmd, int *member, const mto_word_t *words, const char *word)
{
    int value = mto_word_value(words, word);

    if (value == MTO_UNSET) {
        return mto_value_error(cmd, word, apr_pstrcat(cmd->pool, "is not one of ", list_of(words, cmd->pool), NULL));
    }
    if (*member != MTO_UNSET) {
        return mto_value_twice(cmd);
    }
    *member = value;
    return NULL;
}

const char *mto_value_set_word(cmd_parms *cmd, const mto_word_setting_t *setting, const char *word)
{
    return mto_value_word(cmd, mto_value_member(written_of(cmd), setting->offset), setting->words, word);
}

#define YEAR apr_time_from_sec(366 * 86400)

const mto_time_setting_t mto_clock_skew_setting = {APR_OFFSETOF(mto_written_t, policy.clock_skew), 0,
                                                   MTO_CLOCK_SKEW_MOST, "a time from 0 to 300s", NULL};
const mto_time_setting_t mto_max_token_lifetime_setting = {APR_OFFSETOF(mto_written_t, policy.max_token_lifetime),
                                                           apr_time_from_sec(1), YEAR,
                                                           "off or a time from 1s to 366 days", "off"};
const mto_time_setting_t mto_jwks_refresh_setting = {APR_OFFSETOF(mto_written_t, source.refresh), apr_time_from_sec(60),
                                                     YEAR, "a time from 60s to 366 days", NULL};
const mto_time_setting_t mto_jwks_cooldown_setting = {APR_OFFSETOF(mto_written_t, source.cooldown),
                                                      apr_time_from_sec(1), apr_time_from_sec(3600),
                                                      "a time from 1s to 1h", NULL};
const mto_time_setting_t mto_jwks_max_stale_setting = {
    APR_OFFSETOF(mto_written_t, source.max_stale), apr_time_from_sec(120), YEAR, "a time from 120s to 366 days", NULL};
const mto_time_setting_t mto_outgoing_timeout_setting = {APR_OFFSETOF(mto_written_t, source.timeout),
                                                         apr_time_from_sec(1), apr_time_from_sec(60),
                                                         "a time from 1s to 60s", NULL};

/* httpd's own parser takes whatever begins like a unit; here a time is digits and one of these. */
int mto_value_read_time(const char *text, apr_interval_time_t *time)
{
    static const struct {
        const char         *unit;
        apr_interval_time_t length;
    } units[] = {{"", APR_USEC_PER_SEC},         {"s", APR_USEC_PER_SEC},        {"ms", APR_USEC_PER_SEC / 1000},
                 {"min", 60 * APR_USEC_PER_SEC}, {"h", 3600 * APR_USEC_PER_SEC}, {"d", 86400 * APR_USEC_PER_SEC}};
    size_t digits = strspn(text, "0123456789"), i;

    for (i = 0; digits > 0 && digits <= 9 && i < sizeof units / sizeof units[0]; i++) {
        if (strcasecmp(text + digits, units[i].unit) == 0) {
            *time = apr_atoi64(text) * units[i].length;
            return 1;
        }
    }
    return 0;
}

const char *mto_value_set_time(cmd_parms *cmd, void *unused, const char *text)
{
    const mto_time_setting_t *setting = cmd->info;
    apr_interval_time_t      *member = mto_value_member(written_of(cmd), setting->offset), time;

    (void)unused;
    if (setting->off != NULL && strcasecmp(text, setting->off) == 0) {
        time = 0;
    }
    else if (!mto_value_read_time(text, &time) || time < setting->least || time > setting->most) {
        return mto_value_error(cmd, text,
                               apr_pstrcat(cmd->pool, "is not ", setting->range, " (for example 30s, 5min, 1h)", NULL));
    }
    if (*member != MTO_UNSET) {
        return mto_value_twice(cmd);
    }
    *member = time;
    return NULL;
}

const char *mto_value_set_paths(cmd_parms *cmd, void *unused, int argc, char *const argv[])
{
    const apr_array_header_t **member = mto_value_member(written_of(cmd), (size_t)cmd->info), *texts;
    apr_array_header_t        *paths = apr_array_make(cmd->pool, argc > 0 ? argc : 1, sizeof(const mto_claim_path_t *));
    const char                *error;
    int                        i;

    (void)unused;
    if (*member != NULL) {
        return mto_value_twice(cmd);
    }
    /* A pair of quotes with nothing in them: no claim, whatever the server says. */
    if (argc == 1 && *argv[0] == '\0' && cmd->info == (void *)APR_OFFSETOF(mto_written_t, policy.required_claims)) {
        *member = paths;
        return NULL;
    }
    texts = mto_value_texts(cmd, argc, argv, &error);
    if (texts == NULL) {
        return error;
    }
    for (i = 0; i < argc; i++) {
        const mto_claim_path_t *path = mto_claim_path_parse(argv[i], cmd->pool, &error);
        if (path == NULL) {
            return mto_value_error(
                cmd, argv[i],
                apr_pstrcat(cmd->pool, error, "; write a claim as name or outer.inner, and \\. for a dot", NULL));
        }
        APR_ARRAY_PUSH(paths, const mto_claim_path_t *) = path;
    }
    *member = paths;
    return NULL;
}

const char *mto_value_set_suffix(cmd_parms *cmd, void *unused, int argc, char *const argv[])
{
    const char *given = mto_value_given(cmd, argc, argv);

    (void)unused;
    return argc == 1 ? mto_value_once(cmd, &written_of(cmd)->policy.remote_user_suffix, given)
                     : mto_value_error(cmd, given, "takes one text; put one with spaces, and none, in quotes");
}

const char *mto_value_set_algorithms(cmd_parms *cmd, void *unused, int argc, char *const argv[])
{
    mto_settings_t *settings = &written_of(cmd)->policy;
    const char     *error;
    unsigned        algorithms = 0;
    int             i;

    (void)unused;
    if (settings->algorithms != 0) {
        return mto_value_twice(cmd);
    }
    if (mto_value_texts(cmd, argc, argv, &error) == NULL) {
        return error;
    }
    for (i = 0; i < argc; i++) {
        const mto_algorithm_t *algorithm = mto_algorithm_find(argv[i]);
        if (algorithm == NULL) {
            return mto_value_error(cmd, argv[i],
                                   "is not one of RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA "
                                   "Ed25519 Ed448; none and HS* are never accepted");
        }
        algorithms |= mto_algorithm_bit(algorithm);
    }
    settings->algorithms = algorithms;
    return NULL;
}

const char *mto_value_set_file(cmd_parms *cmd, void *unused, const char *file)
{
    (void)unused;
    return mto_value_path(cmd, mto_value_member(written_of(cmd), (size_t)cmd->info), file);
}

const char *mto_value_set_proxy(cmd_parms *cmd, void *unused, const char *url)
{
    (void)unused;
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0
               ? mto_value_once(cmd, mto_value_member(written_of(cmd), (size_t)cmd->info), url)
               : mto_value_error(cmd, url, "is not the URL of a proxy; write http://HOST:PORT");
}

const char *mto_value_time_text(apr_interval_time_t time, apr_pool_t *pool)
{
    static const struct {
        const char         *unit;
        apr_interval_time_t length;
    } units[] = {{"d", 86400 * APR_USEC_PER_SEC},
                 {"h", 3600 * APR_USEC_PER_SEC},
                 {"min", 60 * APR_USEC_PER_SEC},
                 {"s", APR_USEC_PER_SEC},
                 {"ms", APR_USEC_PER_SEC / 1000}};
    size_t i = 0;

    while (i < sizeof units / sizeof units[0] - 1 && (time == 0 || time % units[i].length != 0)) {
        i++;
    }
    return apr_psprintf(pool, "%" APR_TIME_T_FMT "%s", time / units[i].length, units[i].unit);
}

const char *mto_value_where(cmd_parms *cmd)
{
    return apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
}

int mto_value_says_any(cmd_parms *cmd, int argc, char *const argv[], const char **error)
{
    int i, any = 0;

    for (i = 0; i < argc; i++) {
        any |= strcasecmp(argv[i], "any") == 0;
    }
    *error = any && argc > 1 ? mto_value_error(cmd, "any", "stands alone: either any, or a list of audiences") : NULL;
    return any;
}

mto_written_t mto_written_unset(void)
{
    mto_written_t unset = {mto_settings_unset(), mto_source_settings_unset(), {NULL, NULL}};

    return unset;
}
