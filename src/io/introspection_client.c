#include "io/introspection_client.h"

#include "core/pool.h"
#include "io/asker_private.h"

#include <apr_strings.h>
#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const mto_asker_method_t mto_asker_methods[] = {
    {"client_secret_basic", 1, 0, 1},
    {"client_secret_post", 1, 0, 0},
    {"tls_client_auth", 0, 1, 0},
    {"self_signed_tls_client_auth", 0, 1, 0},
    {NULL, 0, 0, 0},
};

/* --- Making ------------------------------------------------------------------------------------------------------- */

/* Adds a text to what is hashed, in a way that no other texts add up to the same. */
static const char *append(apr_pool_t *pool, const char *all, const char *text)
{
    return text == NULL ? apr_pstrcat(pool, all, "-,", NULL)
                        : apr_psprintf(pool, "%s%" APR_SIZE_T_FMT ":%s,", all, (apr_size_t)strlen(text), text);
}

static const char *identity_text(const mto_asker_settings_t *settings, apr_pool_t *pool)
{
    const char *all = append(pool, append(pool, "", settings->issuer), settings->uri);
    int         i;

    all = append(pool, all, settings->client_id);
    for (i = 0; settings->audiences != NULL && i < settings->audiences->nelts; i++) {
        all = append(pool, all, APR_ARRAY_IDX(settings->audiences, i, const char *));
    }
    return all;
}

static void hash(const char *text, unsigned char out[MTO_ASKER_IDENTITY_SIZE], apr_pool_t *pool)
{
    mto_pool_sha256(pool, text, strlen(text), out);
}

void mto_asker_key(const mto_asker_settings_t *settings, unsigned char key[MTO_ASKER_IDENTITY_SIZE], apr_pool_t *pool)
{
    const mto_source_settings_t *outgoing = &settings->outgoing;
    const char                  *all = identity_text(settings, pool);

    all = append(pool, append(pool, all, settings->secret_file), settings->method->word);
    all = append(pool, append(pool, all, outgoing->ca_file), outgoing->certificate_file);
    all = append(pool, append(pool, all, outgoing->key_file), outgoing->proxy);
    hash(apr_psprintf(pool, "%s%" APR_TIME_T_FMT, all, outgoing->timeout), key, pool);
}

static void wipe(char *text, size_t size)
{
    if (text != NULL) {
        OPENSSL_cleanse(text, size);
        free(text);
    }
}

/* The first line of the file is the secret. Returns NULL or what is wrong. */
static const char *read_secret(mto_asker_t *asker)
{
    char       *text = NULL;
    size_t      size, length, i;
    const char *reason = mto_watched_file_read(&asker->secret_file, &text, &size, MTO_CLIENT_SECRET_SIZE + 2);

    if (reason != NULL) {
        return reason;
    }
    length = strcspn(text, "\r\n");
    for (i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            reason = "a control character in the secret";
        }
    }
    if (length == 0) {
        reason = "no secret in its first line";
    }
    else if (length > MTO_CLIENT_SECRET_SIZE) {
        reason = "the secret is longer than 1024 bytes";
    }
    else if (text[length + strspn(text + length, "\r\n")] != '\0' || strlen(text) != size) {
        reason = "more than one line in it";
    }
    if (reason == NULL) {
        OPENSSL_cleanse(asker->secret, sizeof asker->secret);
        memcpy(asker->secret, text, length);
    }
    wipe(text, size);
    return reason;
}

static apr_status_t asker_end(void *data)
{
    mto_asker_t *asker = data;

    OPENSSL_cleanse(asker->secret, sizeof asker->secret);
    mto_outgoing_files_clear(&asker->outgoing);
    return APR_SUCCESS;
}

mto_asker_t *mto_asker_create(const mto_asker_settings_t *settings, mto_keystore_t *store, const char **error,
                              apr_pool_t *pool)
{
    mto_asker_t *asker = apr_pcalloc(pool, sizeof *asker);
    const char  *reason = NULL;

    asker->settings = settings;
    asker->store = store;
    hash(identity_text(settings, pool), asker->identity, pool);
    apr_pool_cleanup_register(pool, asker, asker_end, apr_pool_cleanup_null);
    *error = mto_outgoing_files_read(&asker->outgoing, &settings->outgoing, pool);
    if (*error == NULL && settings->method->needs_secret) {
        asker->secret_file.name = settings->secret_file;
        reason = read_secret(asker);
    }
    if (reason != NULL) {
        *error = apr_psprintf(pool,
                              "MTLSOAuthIntrospectionClientSecretFile %s: %s; name a readable file with the secret in "
                              "its only line",
                              settings->secret_file, reason);
    }
    return *error == NULL ? asker : NULL;
}

const mto_asker_settings_t *mto_asker_settings(const mto_asker_t *asker)
{
    return asker->settings;
}

const unsigned char *mto_asker_identity(const mto_asker_t *asker)
{
    return asker->identity;
}

int mto_asker_url(const mto_asker_t *asker, char url[MTO_INTROSPECTION_URL_SIZE])
{
    const mto_asker_settings_t *settings = asker->settings;

    if (settings->uri == NULL) {
        return mto_keystore_introspection_endpoint(asker->store, settings->method->needs_certificate, url,
                                                   MTO_INTROSPECTION_URL_SIZE);
    }
    return snprintf(url, MTO_INTROSPECTION_URL_SIZE, "%s", settings->uri) < MTO_INTROSPECTION_URL_SIZE;
}

/* --- A request ---------------------------------------------------------------------------------------------------- */

/* A text that grows; text NULL: out of memory. */
typedef struct {
    char  *text;
    size_t used, room;
} writer_t;

static void write_bytes(writer_t *writer, const char *bytes, size_t size)
{
    if (writer->text == NULL || size > writer->room - writer->used) {
        wipe(writer->text, writer->used);
        writer->text = NULL;
        return;
    }
    memcpy(writer->text + writer->used, bytes, size);
    writer->used += size;
}

static void write_text(writer_t *writer, const char *text)
{
    write_bytes(writer, text, strlen(text));
}

/* application/x-www-form-urlencoded (RFC 6749 appendix B). */
static void write_encoded(writer_t *writer, const char *value, size_t length)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t            i;

    for (i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)value[i];

        if ((byte < 0x80 && isalnum(byte)) || (byte != '\0' && strchr("-._*", byte) != NULL)) {
            write_bytes(writer, value + i, 1);
        }
        else {
            const char escape[3] = {'%', hex[byte >> 4], hex[byte & 15]};
            write_bytes(writer, escape, sizeof escape);
        }
    }
}

static void write_pair(writer_t *writer, const char *name, const char *value, size_t length)
{
    write_text(writer, writer->used > 0 ? "&" : "");
    write_text(writer, name);
    write_text(writer, "=");
    write_encoded(writer, value, length);
}

/* HTTP Basic with both parts encoded first (RFC 6749 section 2.3.1); NULL: out of memory. */
static char *make_authorization(const mto_asker_t *asker)
{
    static const char start[] = "Authorization: Basic ";
    size_t            room = 3 * (strlen(asker->settings->client_id) + strlen(asker->secret)) + 1;
    writer_t          plain = {malloc(room), 0, room};
    char             *header = malloc(sizeof start + (room + 2) / 3 * 4);

    write_encoded(&plain, asker->settings->client_id, strlen(asker->settings->client_id));
    write_text(&plain, ":");
    write_encoded(&plain, asker->secret, strlen(asker->secret));
    if (plain.text == NULL || header == NULL) {
        wipe(plain.text, plain.used);
        free(header);
        return NULL;
    }
    memcpy(header, start, sizeof start);
    (void)EVP_EncodeBlock((unsigned char *)header + sizeof start - 1, (const unsigned char *)plain.text,
                          (int)plain.used);
    wipe(plain.text, plain.used);
    return header;
}

/* Reads again what has changed. */
static void refresh(mto_asker_t *asker, mto_says_fn *say, void *baton)
{
    char        text[512];
    const char *file = NULL, *reason = mto_outgoing_files_reread(&asker->outgoing, &file);

    if (asker->secret_file.name != NULL && mto_watched_file_has_changed(&asker->secret_file)) {
        const char *wrong = read_secret(asker);

        file = wrong != NULL ? asker->secret_file.name : file;
        reason = wrong != NULL ? wrong : reason;
    }
    if (reason != NULL) {
        (void)snprintf(text, sizeof text, "introspection of %s: %s: %s; what it held before stays in use",
                       asker->settings->issuer, file, reason);
        say(baton, MTO_SAYS_ERROR, text);
    }
}

int mto_asker_request(mto_asker_t *asker, mto_asker_request_t *request, const char *token, size_t length,
                      mto_says_fn *say, void *baton)
{
    const mto_asker_settings_t *settings = asker->settings;
    size_t   room = 3 * (length + strlen(settings->client_id) + MTO_CLIENT_SECRET_SIZE) + 128, header = 0;
    writer_t form = {malloc(room), 0, room};

    memset(request, 0, sizeof *request);
    refresh(asker, say, baton);
    write_pair(&form, "token", token, length);
    write_pair(&form, "token_type_hint", "access_token", sizeof "access_token" - 1);
    if (!settings->method->in_header) {
        write_pair(&form, "client_id", settings->client_id, strlen(settings->client_id));
    }
    if (settings->method->needs_secret && !settings->method->in_header) {
        write_pair(&form, "client_secret", asker->secret, strlen(asker->secret));
    }
    request->body = form.text;
    request->size = form.used;
    request->headers[header++] = "Content-Type: application/x-www-form-urlencoded";
    request->headers[header++] = "Accept: application/json";
    if (settings->method->in_header) {
        request->authorization = make_authorization(asker);
        request->headers[header++] = request->authorization;
    }
    return request->body != NULL && (request->authorization != NULL || !settings->method->in_header);
}

mto_outgoing_t mto_asker_outgoing(const mto_asker_t *asker)
{
    return mto_outgoing_of(&asker->outgoing, &asker->settings->outgoing);
}

void mto_asker_request_clear(mto_asker_request_t *request)
{
    wipe(request->body, request->size);
    wipe(request->authorization, request->authorization != NULL ? strlen(request->authorization) : 0);
    memset(request, 0, sizeof *request);
}
