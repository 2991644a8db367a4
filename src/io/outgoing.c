#include "io/outgoing.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

enum { CA, CERTIFICATE, KEY, FILES };

const char *mto_outgoing_files_read(mto_outgoing_files_t *files, const mto_source_settings_t *settings,
                                    apr_pool_t *pool)
{
    static const char *const directives[] = {"MTLSOAuthOutgoingCACertificateFile", "MTLSOAuthOutgoingCertificateFile",
                                             "MTLSOAuthOutgoingKeyFile"};
    const char *const        names[] = {settings->ca_file, settings->certificate_file, settings->key_file};
    size_t                   i, size;

    for (i = 0; i < FILES; i++) {
        const char *reason;

        files->files[i].name = names[i];
        if (names[i] == NULL) {
            continue;
        }
        reason = mto_watched_file_read(&files->files[i], &files->texts[i], &size, MTO_KEYSET_BYTES);
        if (reason == NULL) {
            reason = mto_key_source_check_pem(files->texts[i], i == KEY);
        }
        if (reason != NULL) {
            return apr_psprintf(pool, "%s %s: %s; name a readable PEM file", directives[i], names[i], reason);
        }
    }
    if (files->texts[CERTIFICATE] != NULL && files->texts[KEY] != NULL
        && !mto_key_source_is_pair(files->texts[CERTIFICATE], files->texts[KEY])) {
        return apr_psprintf(pool, "%s %s: it is not the key of the certificate in %s; name the files of one pair",
                            directives[KEY], names[KEY], names[CERTIFICATE]);
    }
    return NULL;
}

const char *mto_outgoing_files_reread(mto_outgoing_files_t *files, const char **file)
{
    const char *wrong = NULL;
    size_t      i, size;

    for (i = 0; i < FILES; i++) {
        mto_watched_file_t *watched = &files->files[i];
        const char         *reason;
        char               *text;

        if (watched->name == NULL || !mto_watched_file_has_changed(watched)) {
            continue;
        }
        reason = mto_watched_file_read(watched, &text, &size, MTO_KEYSET_BYTES);
        if (reason == NULL && (reason = mto_key_source_check_pem(text, i == KEY)) != NULL) {
            free(text);
        }
        if (reason != NULL) {
            wrong = reason;
            *file = watched->name;
            continue;
        }
        free(files->texts[i]);
        files->texts[i] = text;
    }
    return wrong;
}

mto_outgoing_t mto_outgoing_of(const mto_outgoing_files_t *files, const mto_source_settings_t *settings)
{
    mto_outgoing_t outgoing = {.proxy = settings->proxy, .timeout = settings->timeout};

    outgoing.ca_pem = files->texts[CA];
    outgoing.certificate_pem = files->texts[CERTIFICATE];
    outgoing.key_pem = files->texts[KEY];
    return outgoing;
}

void mto_outgoing_files_clear(mto_outgoing_files_t *files)
{
    size_t i;

    for (i = 0; i < FILES; i++) {
        free(files->texts[i]);
        files->texts[i] = NULL;
    }
}
