#include "httpd/warnings.h"

#include "httpd/directives.h"
#include "httpd/servers.h"

#include <apr_strings.h>
#include <http_log.h>
#include <string.h>

APLOG_USE_MODULE(auth_mtls_oauth);

void mto_warn(apr_pool_t *pool, server_rec *server, const char *remedy, const char *format, ...)
{
    mto_warning_t *warning = apr_array_push(mto_server_config_of(server)->warnings);
    va_list        arguments;

    va_start(arguments, format);
    warning->text = apr_pvsprintf(pool, format, arguments);
    va_end(arguments);
    warning->remedy = remedy;
}

const char *mto_server_title(const server_rec *server, const server_rec *main_server, apr_pool_t *pool)
{
    return server == main_server ? apr_pstrcat(pool, "main server ", server->server_hostname, NULL)
                                 : apr_psprintf(pool, "virtual host %s (%s:%u)", server->server_hostname,
                                                server->defn_name, server->defn_line_number);
}

void mto_warnings_log(server_rec *main_server)
{
    server_rec *server;
    int         i;

    for (server = main_server; server != NULL; server = server->next) {
        const apr_array_header_t *warnings = mto_server_config_of(server)->warnings;

        for (i = 0; mto_server_is_own(server, main_server) && i < warnings->nelts; i++) {
            const mto_warning_t *warning = &APR_ARRAY_IDX(warnings, i, const mto_warning_t);
            char                *remedy = apr_pstrdup(warnings->pool, warning->remedy), *end;

            while ((end = strchr(remedy, '\n')) != NULL) {
                *end = ' ';
            }
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server, "%s; %s", warning->text, remedy);
        }
    }
}

static void print_one(apr_file_t *out, const mto_warning_t *warning, const char *title)
{
    const char *text = warning->text, *line = warning->remedy;
    size_t      length = strlen(title);

    if (strncmp(text, title, length) == 0 && strncmp(text + length, ": ", 2) == 0) {
        text += length + 2; /* it stands above */
    }
    apr_file_printf(out, "  warning: %s\n", text);
    while (*line != '\0') {
        length = strcspn(line, "\n");
        apr_file_printf(out, "    %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

int mto_warnings_count(server_rec *main_server)
{
    server_rec *server;
    int         count = 0;

    for (server = main_server; server != NULL; server = server->next) {
        count += mto_server_is_own(server, main_server) ? mto_server_config_of(server)->warnings->nelts : 0;
    }
    return count;
}

void mto_warnings_print(apr_file_t *out, server_rec *main_server)
{
    apr_pool_t               *pool = apr_file_pool_get(out);
    const apr_array_header_t *servers = mto_servers_in_order(main_server, pool);
    int                       i, j;

    apr_file_printf(out, "\nwarnings: %d\n", mto_warnings_count(main_server));
    for (i = 0; i < servers->nelts; i++) {
        const server_rec         *server = APR_ARRAY_IDX(servers, i, const server_rec *);
        const apr_array_header_t *warnings = mto_server_config_of(server)->warnings;
        const char               *title = mto_server_title(server, main_server, pool);

        if (!mto_server_is_own(server, main_server) || warnings->nelts == 0) {
            continue;
        }
        apr_file_printf(out, "%s\n", title);
        for (j = 0; j < warnings->nelts; j++) {
            print_one(out, &APR_ARRAY_IDX(warnings, j, const mto_warning_t), title);
        }
    }
}
