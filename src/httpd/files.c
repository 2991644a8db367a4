#include "httpd/files.h"

#include "httpd/directives.h"
#include "httpd/servers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

apr_time_t mto_file_modified(const char *name)
{
    struct stat now;

    return stat(name, &now) == 0 ? apr_time_from_sec((apr_time_t)now.st_mtim.tv_sec) + now.st_mtim.tv_nsec / 1000 : 0;
}

apr_time_t mto_source_modified(const mto_key_source_t *source)
{
    apr_time_t last = source->jwks_file != NULL ? mto_file_modified(source->jwks_file) : 0;
    int        i;

    for (i = 0; source->public_key_files != NULL && i < source->public_key_files->nelts; i++) {
        apr_time_t when =
            mto_file_modified(APR_ARRAY_IDX(source->public_key_files, i, const mto_public_key_file_t).file);

        last = when > last ? when : last;
    }
    return last;
}

static void add(apr_array_header_t *files, const char *directive, const char *name, int is_secret)
{
    mto_named_file_t *file;
    int               i;

    if (name == NULL || *name == '\0') {
        return;
    }
    for (i = 0; i < files->nelts; i++) {
        file = &APR_ARRAY_IDX(files, i, mto_named_file_t);
        if (strcmp(file->directive, directive) == 0 && strcmp(file->name, name) == 0) {
            return;
        }
    }
    file = apr_array_push(files);
    file->directive = directive;
    file->name = name;
    file->modified = mto_file_modified(name);
    file->is_secret = is_secret;
}

static void add_outgoing(apr_array_header_t *files, const mto_source_settings_t *settings)
{
    add(files, "MTLSOAuthOutgoingCACertificateFile", settings->ca_file, 0);
    add(files, "MTLSOAuthOutgoingCertificateFile", settings->certificate_file, 1);
    add(files, "MTLSOAuthOutgoingKeyFile", settings->key_file, 1);
}

static void add_source(apr_array_header_t *files, const mto_key_source_t *source)
{
    int i;

    add(files, "MTLSOAuthJWKSFile", source->jwks_file, 0);
    for (i = 0; source->public_key_files != NULL && i < source->public_key_files->nelts; i++) {
        add(files, "MTLSOAuthPublicKeyFile", APR_ARRAY_IDX(source->public_key_files, i, mto_public_key_file_t).file, 0);
    }
    if (!mto_key_source_is_local(source)) {
        add_outgoing(files, &source->settings);
    }
}

static int last_modified_first(const void *a, const void *b)
{
    const mto_named_file_t *first = a, *second = b;

    return first->modified != second->modified ? (first->modified < second->modified ? 1 : -1)
                                               : strcmp(first->name, second->name);
}

apr_array_header_t *mto_files_list(const server_rec *main_server, apr_pool_t *pool)
{
    const mto_server_config_t *config = mto_server_config_of(main_server);
    const apr_array_header_t  *stores = mto_servers_keystores(main_server), *askers = mto_servers_askers(main_server);
    apr_array_header_t        *files = apr_array_make(pool, 8, sizeof(mto_named_file_t));
    int                        i, j;

    for (i = 0; i < stores->nelts; i++) {
        add_source(files, mto_keystore_source(APR_ARRAY_IDX(stores, i, mto_keystore_t *)));
    }
    for (i = 0; i < askers->nelts; i++) {
        const mto_asker_settings_t *settings = mto_asker_settings(APR_ARRAY_IDX(askers, i, mto_asker_t *));

        add(files, "MTLSOAuthIntrospectionClientSecretFile", settings->secret_file, 1);
        add_outgoing(files, &settings->outgoing);
    }
    for (i = 0; i < config->watched->nelts; i++) {
        const apr_array_header_t *parts =
            mto_watched_object_files(APR_ARRAY_IDX(config->watched, i, mto_watched_object_t *));

        for (j = 0; j < parts->nelts; j++) {
            const mto_object_file_t *part = &APR_ARRAY_IDX(parts, j, mto_object_file_t);

            add(files, part->directive, part->name, part->is_secret);
        }
    }
    qsort(files->elts, (size_t)files->nelts, sizeof(mto_named_file_t), last_modified_first);
    return files;
}
