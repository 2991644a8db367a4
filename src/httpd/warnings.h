/* What is allowed and probably not meant: the one home of what is said about the configuration, for the log at start
 * and for httpd -t -D DUMP_MTLS_OAUTH. */
#ifndef MTO_WARNINGS_H
#define MTO_WARNINGS_H

#include <apr_pools.h>
#include <httpd.h>

/* One warning; element of mto_server_config_t.warnings. */
typedef struct {
    const char *text;   /* what is wrong, where, and what comes of it */
    const char *remedy; /* what to write, to copy; one way a line */
} mto_warning_t;

/* Adds a warning to those of a server. remedy lives as long as pool, or is static. */
void mto_warn(apr_pool_t *pool, server_rec *server, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Writes the warnings of all servers to the error log, one line each. */
void mto_warnings_log(server_rec *main_server);

/* How many there are. */
int mto_warnings_count(server_rec *main_server);

/* Prints them for the operator, those of each server together, remedies on lines of their own; or that there are none.
 */
void mto_warnings_print(apr_file_t *out, server_rec *main_server);

/* What a server is called where the operator reads of it: "main server NAME", "virtual host NAME (FILE:LINE)". */
const char *mto_server_title(const server_rec *server, const server_rec *main_server, apr_pool_t *pool);

#endif
