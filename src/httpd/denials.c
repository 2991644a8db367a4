#include "httpd/denials.h"

#include "httpd/directives.h"
#include "httpd/servers.h"
#include "httpd/warnings.h"

#include <apr_strings.h>
#include <http_log.h>
#include <string.h>

APLOG_USE_MODULE(auth_mtls_oauth);

#define DIRECTIVE "MTLSOAuthDenyFile"

static void *make(const void *baton, char *const texts[], const size_t sizes[], int *wrong,
                  char reason[MTO_WATCHED_REASON_SIZE])
{
    _Static_assert(MTO_DENYLIST_REASON_SIZE <= MTO_WATCHED_REASON_SIZE, "a reason fits");
    (void)baton;
    *wrong = 0;
    return mto_denylist_create(texts[0], sizes[0], reason);
}

static void *retain(void *list)
{
    return mto_denylist_retain(list);
}

static void release(void *list)
{
    mto_denylist_release(list);
}

static const mto_object_class_t denylist_class = {make, retain, release};

/* The list of a file, made once for all servers that name it. */
static mto_watched_object_t *list_of(apr_pool_t *pool, const server_rec *main_server, const char *name,
                                     const char **error)
{
    apr_array_header_t   *watched = mto_server_config_of(main_server)->watched;
    apr_array_header_t   *files = apr_array_make(pool, 1, sizeof(mto_object_file_t));
    mto_object_file_t    *file = apr_array_push(files);
    mto_watched_object_t *object;
    int                   i;

    file->directive = DIRECTIVE;
    file->name = name;
    file->most = MTO_DENYLIST_BYTES;
    for (i = 0; i < watched->nelts; i++) {
        object = APR_ARRAY_IDX(watched, i, mto_watched_object_t *);
        if (mto_watched_object_is(object, &denylist_class, files)) {
            return object;
        }
    }
    object = mto_watched_object_create(&denylist_class, NULL, files, error, pool);
    if (object != NULL) {
        APR_ARRAY_PUSH(watched, mto_watched_object_t *) = object;
    }
    return object;
}

/* A list of the main server is there for the virtual hosts too. */
static int is_known(const server_rec *server, const server_rec *main_server, const char *issuer)
{
    if (server != main_server) {
        return mto_server_knows(server, issuer);
    }
    while (server != NULL && !mto_server_knows(server, issuer)) {
        server = server->next;
    }
    return server != NULL;
}

/* An entry for an issuer that no section is for denies nothing: probably a slip of the pen. */
static void warn_of_issuers(apr_pool_t *pool, server_rec *server, const server_rec *main_server, const char *name)
{
    mto_denylist_t *list = mto_denials_take(server);
    size_t          i;

    for (i = 0; i < mto_denylist_count(list); i++) {
        const char *issuer = mto_denylist_issuer_at(list, i);

        if (issuer != NULL && !is_known(server, main_server, issuer)) {
            mto_warn(pool, server, "write the ISS or NAME of a section that is there",
                     DIRECTIVE " %s: iss=%s: no <MTLSOAuthIssuer> of this server has that ISS or NAME, so the line "
                               "denies nothing here",
                     name, issuer);
            break; /* one tells enough */
        }
    }
    mto_denylist_release(list);
}

int mto_denials_finish(apr_pool_t *pool, server_rec *main_server)
{
    server_rec *server;
    int         mistakes = 0;

    for (server = main_server; server != NULL; server = server->next) {
        mto_server_config_t *config = mto_server_config_of(server), *outer = mto_server_config_of(main_server);
        const char          *error;

        if (!mto_server_is_own(server, main_server)) {
            continue;
        }
        if (config->deny_file == NULL) {
            config->denied = outer->denied;
            continue;
        }
        config->denied = list_of(pool, main_server, config->deny_file, &error);
        if (config->denied == NULL) {
            ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, server, "%s; name a readable list, or mend it",
                         error);
            mistakes++;
            continue;
        }
        warn_of_issuers(pool, server, main_server, config->deny_file);
    }
    return mistakes;
}

mto_denylist_t *mto_denials_take(const server_rec *server)
{
    mto_watched_object_t *denied = mto_server_config_of(server)->denied;

    return denied != NULL ? mto_watched_object_get(denied) : NULL;
}
