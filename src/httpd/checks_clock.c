#include "httpd/checks_private.h"

#include "httpd/files.h"
#include "httpd/refresh.h"
#include "httpd/servers.h"
#include "httpd/times.h"
#include "httpd/warnings.h"

#include <apr_strings.h>
#include <dlfcn.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What tells of the same moment may differ by that much between machines. */
#define MARGIN apr_time_from_sec(300)

/* Something that has happened, and so was before now. */
typedef struct {
    apr_time_t  when;
    const char *what;
} event_t;

/* what: with one %s, for the name. */
static void happened(event_t *last, apr_time_t when, apr_pool_t *pool, const char *what, const char *name)
{
    if (when > last->when) {
        const char *place = strstr(what, "%s");

        last->when = when;
        last->what = apr_pstrcat(pool, apr_pstrmemdup(pool, what, (size_t)(place - what)), name, place + 2, NULL);
    }
}

/* The beginning of the validity of the first certificate of a PEM file; 0: there is none to be read. */
static apr_time_t begins(const char *file)
{
    FILE            *in = fopen(file, "re");
    X509            *certificate = in != NULL ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;
    const ASN1_TIME *time = certificate != NULL ? X509_get0_notBefore(certificate) : NULL;
    struct tm        parts;
    apr_time_t       result = 0;

    if (time != NULL && ASN1_TIME_to_tm(time, &parts) == 1) {
        result = apr_time_from_sec((apr_time_t)timegm(&parts));
    }
    X509_free(certificate);
    if (in != NULL) {
        (void)fclose(in);
    }
    return result;
}

static void look_at_configuration(event_t *last, const mto_checks_t *checks)
{
    const char *before = "";
    int         i;

    for (i = 0; i < checks->all->nelts; i++) {
        const mto_said_t *said = &APR_ARRAY_IDX(checks->all, i, const mto_said_t);
        const char       *file = said->directive->filename;

        if (file != NULL && strcmp(file, before) != 0) {
            happened(last, mto_file_modified(file), checks->pool, "%s was written", file);
            before = file;
        }
        if (mto_said_is(said, "SSLCertificateFile")) {
            file = ap_server_root_relative(checks->pool, mto_said_word(said, 0, checks->pool));
            happened(last, file != NULL ? begins(file) : 0, checks->pool, "the certificate in %s begins", file);
        }
    }
}

static void look_at_keys(event_t *last, const mto_checks_t *checks)
{
    const apr_array_header_t *stores = mto_servers_keystores(checks->main_server);
    const apr_array_header_t *files = mto_files_list(checks->main_server, checks->pool);
    mto_state_place_t         place;
    int                       i;

    for (i = 0; i < files->nelts; i++) {
        const mto_named_file_t *file = &APR_ARRAY_IDX(files, i, const mto_named_file_t);

        happened(last, file->modified, checks->pool, "%s was written", file->name);
    }
    if (mto_refresh_find_state(checks->main_server, &place) != NULL) {
        return;
    }
    for (i = 0; i < stores->nelts; i++) {
        const mto_key_source_t *source = mto_keystore_source(APR_ARRAY_IDX(stores, i, mto_keystore_t *));
        mto_state_t             state;
        int                     missing;

        if (!mto_key_source_is_local(source)) {
            (void)mto_state_read(&state, &place, source, apr_time_now(), &missing);
            happened(last, state.fetched, checks->pool, "the keys of %s were fetched", source->issuer);
            mto_state_clear(&state);
        }
    }
}

void mto_check_clock(const mto_checks_t *checks)
{
    event_t    last = {0, ""};
    apr_time_t now = apr_time_now();
    Dl_info    own;

    if (dladdr((const void *)&mto_check_clock, &own) != 0 && own.dli_fname != NULL) {
        happened(&last, mto_file_modified(own.dli_fname), checks->pool, "%s was built", own.dli_fname);
    }
    look_at_configuration(&last, checks);
    look_at_keys(&last, checks);
    if (last.when > now + MARGIN) {
        mto_warn(checks->pool, checks->main_server,
                 "set the clock: timedatectl set-ntp true\n"
                 "or, when it is right, the time of the file: touch FILE",
                 "the clock of this machine says %s, and %s at %s, which is later: tokens end as token_not_yet_valid, "
                 "and are taken for longer than their issuer meant",
                 mto_time_text(checks->pool, now), last.what, mto_time_text(checks->pool, last.when));
    }
}
