#include "httpd/dump_private.h"

#include "core/base64url.h"
#include "httpd/times.h"

#include <apr_strings.h>
#include <string.h>

void mto_dump_time(apr_file_t *out, const char *directive, apr_interval_time_t time)
{
    if (time % APR_USEC_PER_SEC == 0) {
        apr_file_printf(out, "    %s %" APR_TIME_T_FMT "s\n", directive, apr_time_sec(time));
    }
    else {
        apr_file_printf(out, "    %s %" APR_TIME_T_FMT "ms\n", directive, time / 1000);
    }
}

void mto_dump_text(apr_file_t *out, const char *directive, const char *value)
{
    if (value != NULL) {
        apr_file_printf(out, "    %s %s\n", directive, value);
    }
}

/* Without the user name and password that may stand in it. */
static void print_proxy(apr_file_t *out, const char *proxy)
{
    const char *host = proxy != NULL ? strstr(proxy, "://") : NULL, *at = host != NULL ? strrchr(host, '@') : NULL;

    if (at == NULL) {
        mto_dump_text(out, "MTLSOAuthOutgoingProxy", proxy);
        return;
    }
    apr_file_printf(out, "    MTLSOAuthOutgoingProxy %.*s://***%s\n", (int)(host - proxy), proxy, at);
}

void mto_dump_outgoing(apr_file_t *out, const mto_source_settings_t *settings)
{
    mto_dump_time(out, "MTLSOAuthOutgoingTimeout", settings->timeout);
    mto_dump_text(out, "MTLSOAuthOutgoingCACertificateFile", settings->ca_file);
    mto_dump_text(out, "MTLSOAuthOutgoingCertificateFile", settings->certificate_file);
    mto_dump_text(out, "MTLSOAuthOutgoingKeyFile", settings->key_file);
    print_proxy(out, settings->proxy);
}

static void print_set(apr_file_t *out, const mto_keyset_t *keys)
{
    char   thumbprint[MTO_BASE64URL_ENCODED_SIZE(MTO_THUMBPRINT_SIZE)];
    size_t i;

    for (i = 0; i < mto_keyset_count(keys); i++) {
        const mto_key_t *key = mto_keyset_at(keys, i);

        mto_base64url_encode(thumbprint, key->thumbprint, sizeof key->thumbprint);
        apr_file_printf(out, "    # key kid=%s alg=%s thumbprint=%s\n", key->kid != NULL ? key->kid : "-",
                        key->algorithm != NULL ? key->algorithm->name : "-", thumbprint);
    }
}

/* --- Fetched keys: as the running server, or the last one, left them in the state directory ------------------------
 */

static mto_keyset_t *read_set(const mto_state_t *state, const char **reason)
{
    mto_keyset_t *keys = mto_keyset_create();

    *reason = keys != NULL ? mto_keyset_add_jwks(keys, state->jwks, state->jwks_size, MTO_JWK_PUBLIC, NULL, NULL)
                           : "out of memory";
    if (*reason != NULL) {
        mto_keyset_release(keys);
        return NULL;
    }
    mto_keyset_seal(keys);
    return keys;
}

/* What their age means. Attempts are made every refresh, give or take a tenth. */
static const char *age_text(apr_pool_t *pool, apr_time_t now, apr_time_t fetched, const mto_source_settings_t *settings)
{
    apr_time_t end = fetched + settings->max_stale;

    if (now >= end) {
        return apr_psprintf(pool,
                            "TOO OLD since %s (%s): every token ends as keys_unavailable until a fetch succeeds; the "
                            "error log says why none does",
                            mto_time_text(pool, end), mto_ago_text(pool, now, end));
    }
    return apr_psprintf(pool, "good until %s (%s)%s", mto_time_text(pool, end), mto_ago_text(pool, now, end),
                        now - fetched > settings->refresh + settings->refresh / 4
                            ? ", and OVERDUE: no server runs, or it cannot fetch them, and the error log says why"
                            : "");
}

static void print_fetched(apr_file_t *out, const mto_state_t *state, const mto_source_settings_t *settings)
{
    apr_pool_t   *pool = apr_file_pool_get(out);
    apr_time_t    now = apr_time_now();
    const char   *reason;
    mto_keyset_t *keys = read_set(state, &reason);

    if (keys == NULL) {
        apr_file_printf(out, "    # keys: what was fetched %s is of no use: %s\n", mto_time_text(pool, state->fetched),
                        reason);
        return;
    }
    apr_file_printf(out, "    # keys: %" APR_SIZE_T_FMT ", fetched %s (%s), %s\n", (apr_size_t)mto_keyset_count(keys),
                    mto_time_text(pool, state->fetched), mto_ago_text(pool, now, state->fetched),
                    age_text(pool, now, state->fetched, settings));
    print_set(out, keys);
    mto_keyset_release(keys);
}

int mto_dump_read_state(const mto_dump_t *dump, const mto_issuer_t *issuer, mto_state_t *state, const char **reason)
{
    int missing = 0;

    memset(state, 0, sizeof *state);
    *reason = dump->no_place;
    if (*reason == NULL) {
        *reason = mto_state_read(state, &dump->place, mto_keystore_source(issuer->keystore), apr_time_now(), &missing);
        *reason = missing ? "none fetched yet" : *reason;
    }
    return *reason == NULL;
}

/* How a remote source is gone to, and what it brought last. */
static void print_remote(const mto_dump_t *dump, const mto_issuer_t *issuer, const mto_key_source_t *source)
{
    const mto_source_settings_t *settings = &source->settings;
    apr_file_t                  *out = dump->out;
    const char                  *reason;
    mto_state_t                  state;

    mto_dump_text(out, "MTLSOAuthJWKSURI", source->jwks_uri);
    mto_dump_text(out, "MTLSOAuthMetadataURI", source->metadata_uri);
    mto_dump_time(out, "MTLSOAuthJWKSRefresh", settings->refresh);
    mto_dump_time(out, "MTLSOAuthJWKSCooldown", settings->cooldown);
    mto_dump_time(out, "MTLSOAuthJWKSMaxStale", settings->max_stale);
    mto_dump_outgoing(out, settings);
    if (source->jwks_uri == NULL && source->metadata_uri == NULL) {
        apr_file_printf(out, "    # keys: discovered from the issuer\n");
    }
    if (mto_dump_read_state(dump, issuer, &state, &reason)) {
        if (state.metadata.jwks_uri != NULL) {
            apr_file_printf(out, "    # keys: at %s, as the metadata says\n", state.metadata.jwks_uri);
        }
        print_fetched(out, &state, settings);
    }
    else {
        apr_file_printf(out, "    # keys: not known: %s\n", reason);
    }
    mto_state_clear(&state);
}

/* --- Keys of files ------------------------------------------------------------------------------------------------ */

static void print_local(const mto_dump_t *dump, const mto_key_source_t *source, const mto_keyset_t *keys)
{
    apr_file_t *out = dump->out;
    int         i;

    mto_dump_text(out, "MTLSOAuthJWKSFile", source->jwks_file);
    for (i = 0; source->public_key_files != NULL && i < source->public_key_files->nelts; i++) {
        const mto_public_key_file_t *key = &APR_ARRAY_IDX(source->public_key_files, i, mto_public_key_file_t);

        apr_file_printf(out, "    MTLSOAuthPublicKeyFile %s", key->file);
        apr_file_printf(out, key->kid != NULL ? " kid=%s" : "", key->kid);
        apr_file_printf(out, key->algorithm != NULL ? " alg=%s" : "",
                        key->algorithm != NULL ? key->algorithm->name : NULL);
        apr_file_printf(out, "\n");
    }
    apr_file_printf(out, "    # keys: %" APR_SIZE_T_FMT "\n", (apr_size_t)mto_keyset_count(keys));
    print_set(out, keys);
}

void mto_dump_keys(const mto_dump_t *dump, const mto_issuer_t *issuer)
{
    const mto_key_source_t *source = mto_keystore_source(issuer->keystore);
    mto_keyset_t           *keys;

    if (!mto_key_source_is_local(source)) {
        print_remote(dump, issuer, source);
        return;
    }
    keys = mto_keystore_keys(issuer->keystore, apr_time_now());
    print_local(dump, source, keys);
    mto_keyset_release(keys);
}
