/* Reading the values of directives: the texts of errors, and the settings that servers and issuer blocks share. */
#ifndef MTO_VALUES_H
#define MTO_VALUES_H

#include "core/policy.h"
#include "httpd/directives.h"

#include <httpd.h>

#include <http_config.h>

/* Nothing written. */
mto_written_t mto_written_unset(void);

/* A setting that is one word of a table. */
typedef struct {
    size_t            offset; /* of an int in mto_written_t */
    const mto_word_t *words;
} mto_word_setting_t;

/* A setting that is a time. */
typedef struct {
    size_t              offset; /* of an apr_interval_time_t in mto_written_t */
    apr_interval_time_t least, most;
    const char         *range; /* for the error */
    const char         *off;   /* word for 0; NULL: there is none */
} mto_time_setting_t;

extern const mto_word_setting_t mto_use_mutual_tls_setting;
extern const mto_word_setting_t mto_report_mutual_tls_setting;
extern const mto_word_setting_t mto_profile_setting;
extern const mto_time_setting_t mto_clock_skew_setting;
extern const mto_time_setting_t mto_max_token_lifetime_setting;
extern const mto_time_setting_t mto_jwks_refresh_setting;
extern const mto_time_setting_t mto_jwks_cooldown_setting;
extern const mto_time_setting_t mto_jwks_max_stale_setting;
extern const mto_time_setting_t mto_outgoing_timeout_setting;

/* "DIRECTIVE value: remedy", for a handler to return. Every error names these three. */
const char *mto_value_error(cmd_parms *cmd, const char *value, const char *remedy);

/* The error of a directive that is there twice in one place. */
const char *mto_value_twice(cmd_parms *cmd);

/* What the directive is given: its value, or all that stands there when that is none or several. */
const char *mto_value_given(cmd_parms *cmd, int argc, char *const argv[]);

/* The member at that offset, which the row of a directive in the command table has as its info. */
void *mto_value_member(void *whole, size_t offset);

/* Set a member that has not been written yet, or return the error: a text (until then NULL); a path (likewise), made
 * absolute below ServerRoot; the value of a word of a table (MTO_UNSET). */
const char *mto_value_once(cmd_parms *cmd, const char **member, const char *value);
const char *mto_value_path(cmd_parms *cmd, const char **member, const char *path);
const char *mto_value_word(cmd_parms *cmd, int *member, const mto_word_t *words, const char *word);

/* on: 1, off: 0. */
extern const mto_word_t mto_on_off_words[];

/* A time as one would write it, in the largest unit that needs no fraction. */
const char *mto_value_time_text(apr_interval_time_t time, apr_pool_t *pool);

/* Reads a time as the configuration writes it. Returns 0 when it is none. */
int mto_value_read_time(const char *text, apr_interval_time_t *time);

/* "file:line" of a directive. */
const char *mto_value_where(cmd_parms *cmd);

/* Whether "any" is among the values; *error when it does not stand alone, else NULL. */
int mto_value_says_any(cmd_parms *cmd, int argc, char *const argv[], const char **error);

/* Whether the directive stands in an .htaccess. */
int mto_value_in_htaccess(cmd_parms *cmd);

/* The values of a list directive (const char *); NULL with *error when there is none or one stands there twice. */
const apr_array_header_t *mto_value_texts(cmd_parms *cmd, int argc, char *const argv[], const char **error);

/* Sets a word of a server or of the open block. */
const char *mto_value_set_word(cmd_parms *cmd, const mto_word_setting_t *setting, const char *word);

/* Handlers of the command table for settings of a server or of the open block. cmd->info: a mto_time_setting_t. */
const char *mto_value_set_time(cmd_parms *cmd, void *unused, const char *text);

/* cmd->info: offset of a list of claim paths in mto_written_t. */
const char *mto_value_set_paths(cmd_parms *cmd, void *unused, int argc, char *const argv[]);

/* cmd->info: offset of a text in mto_written_t. */
const char *mto_value_set_file(cmd_parms *cmd, void *unused, const char *file);
const char *mto_value_set_proxy(cmd_parms *cmd, void *unused, const char *url);

const char *mto_value_set_suffix(cmd_parms *cmd, void *unused, int argc, char *const argv[]);
const char *mto_value_set_algorithms(cmd_parms *cmd, void *unused, int argc, char *const argv[]);

#endif
