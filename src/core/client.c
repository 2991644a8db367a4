#include "core/client.h"

#include "core/base64url.h"
#include "core/json.h"
#include "core/pool.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most characters of an x5c element: a certificate of 64 KiB, which no TLS handshake carries. */
#define X5C_SIZE (64 * 1024 / 3 * 4)

struct mto_clients {
    atomic_uint references;
    apr_pool_t *pool;  /* its own, without parent, so that any thread may end it */
    apr_hash_t *by_id; /* const mto_client_t * */
};

/* The client that is being added, and where to say what is wrong with it. */
typedef struct {
    mto_clients_t               *clients;
    char                        *reason;
    mto_client_t                 client;
    mto_registered_certificate_t certificates[MTO_CLIENT_CERTIFICATES];
} draft_t;

static const struct {
    const char         *name;
    mto_client_method_t method;
} methods[] = {
    {"tls_client_auth", MTO_CLIENT_TLS},
    {"self_signed_tls_client_auth", MTO_CLIENT_SELF_SIGNED},
};

#define METHOD_COUNT (sizeof methods / sizeof methods[0])

const char *mto_client_method_name(mto_client_method_t method)
{
    size_t i;

    for (i = 0; i < METHOD_COUNT; i++) {
        if (methods[i].method == method) {
            return methods[i].name;
        }
    }
    return NULL;
}

static mto_client_method_t method_of(const char *name)
{
    size_t i;

    for (i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(name, methods[i].name) == 0) {
            return methods[i].method;
        }
    }
    return MTO_CLIENT_OTHER;
}

/* Says what is wrong. Returns 0. */
static int refuse(const draft_t *draft, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(const draft_t *draft, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(draft->reason, MTO_CLIENT_REASON_SIZE, format, arguments);
    va_end(arguments);
    return 0;
}

/* --- The set ------------------------------------------------------------------------------------------------------ */

mto_clients_t *mto_clients_create(void)
{
    mto_clients_t *clients = calloc(1, sizeof *clients);

    if (clients == NULL || (clients->pool = mto_pool_create()) == NULL) {
        free(clients);
        return NULL;
    }
    atomic_init(&clients->references, 1);
    clients->by_id = apr_hash_make(clients->pool);
    return clients;
}

mto_clients_t *mto_clients_retain(mto_clients_t *clients)
{
    if (clients != NULL) {
        atomic_fetch_add_explicit(&clients->references, 1, memory_order_relaxed);
    }
    return clients;
}

void mto_clients_release(mto_clients_t *clients)
{
    if (clients != NULL && atomic_fetch_sub_explicit(&clients->references, 1, memory_order_acq_rel) == 1) {
        apr_pool_destroy(clients->pool);
        free(clients);
    }
}

size_t mto_clients_count(const mto_clients_t *clients)
{
    return apr_hash_count(clients->by_id);
}

const mto_client_t *mto_clients_find(const mto_clients_t *clients, const char *id, size_t length)
{
    return length > 0 && length <= MTO_CLIENT_ID_SIZE ? apr_hash_get(clients->by_id, id, (apr_ssize_t)length) : NULL;
}

const mto_client_t *mto_clients_without_trust(const mto_clients_t *clients)
{
    apr_hash_index_t *i;

    /* With the set's own iterator: who asks has just made the set, and nobody else has it. */
    for (i = apr_hash_first(NULL, clients->by_id); i != NULL; i = apr_hash_next(i)) {
        const mto_client_t *client = apr_hash_this_val(i);

        if (client->method == MTO_CLIENT_TLS && client->trust == NULL) {
            return client;
        }
    }
    return NULL;
}

/* --- Adding clients ----------------------------------------------------------------------------------------------- */

/* RFC 6749 appendix A.1. The text itself is not shown before it is known to be fit for that. */
static int take_id(draft_t *draft, const char *id)
{
    const char *at;

    if (*id == '\0' || strlen(id) > MTO_CLIENT_ID_SIZE) {
        return refuse(draft, "client_id is not of 1 to 512 characters");
    }
    for (at = id; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7e) {
            return refuse(draft, "client_id has a character that is not printable ASCII");
        }
    }
    draft->client.id = id;
    return 1;
}

static int take_subject(draft_t *draft, mto_name_kind_t kind, const char *value)
{
    const char *wrong = mto_name_check(kind, value);

    if (wrong != NULL) {
        return refuse(draft, "%s: %s", mto_name_member(kind), wrong);
    }
    draft->client.method = MTO_CLIENT_TLS;
    draft->client.subject_kind = kind;
    draft->client.subject = value;
    return 1;
}

/* The next one of the draft's certificates; NULL: there are too many, which has been said. */
static mto_registered_certificate_t *next_certificate(draft_t *draft)
{
    mto_registered_certificate_t *next;

    if (draft->client.certificate_count == MTO_CLIENT_CERTIFICATES) {
        (void)refuse(draft, "more than %d certificates", MTO_CLIENT_CERTIFICATES);
        return NULL;
    }
    next = &draft->certificates[draft->client.certificate_count++];
    memset(next, 0, sizeof *next);
    return next;
}

static int take_x5c(draft_t *draft, const json_t *x5c, mto_registered_certificate_t *registered)
{
    const json_t     *first = json_array_get(x5c, 0);
    size_t            length = json_string_length(first);
    unsigned char    *der = NULL;
    long              size = -1;
    mto_certificate_t certificate;
    int               ok;

    if (json_is_string(first) && length > 0 && length <= X5C_SIZE
        && (der = malloc(MTO_BASE64URL_DECODED_SIZE(length))) != NULL) {
        size = mto_base64_decode(der, json_string_value(first), length);
    }
    ok = size > 0 && mto_certificate_read_der(&certificate, der, (size_t)size);
    if (ok) {
        memcpy(registered->x5t, certificate.x5t, sizeof registered->x5t);
    }
    free(der);
    return ok ? 1
              : refuse(draft, "the first element of x5c is no certificate in base64 (not base64url, no line breaks)");
}

/* One JWK. key_id: the only kid that counts; NULL: any. */
static int take_jwk(draft_t *draft, const json_t *jwk, const char *key_id)
{
    const json_t                 *x5c = json_object_get(jwk, "x5c");
    const char                   *kid = mto_json_string(jwk, "kid"), *reason;
    mto_registered_certificate_t *registered;
    unsigned char                 key[MTO_THUMBPRINT_SIZE];
    int                           harmless;

    reason = mto_jwk_thumbprint(key, jwk, &harmless);
    if (reason != NULL && !harmless) {
        return refuse(draft, "a key of jwks: %s", reason);
    }
    if (reason != NULL || x5c == NULL || (key_id != NULL && (kid == NULL || strcmp(kid, key_id) != 0))) {
        return 1;
    }
    if ((registered = next_certificate(draft)) == NULL) {
        return 0;
    }
    memcpy(registered->key, key, sizeof registered->key);
    registered->has_key = 1;
    registered->kid = kid;
    return take_x5c(draft, x5c, registered);
}

static int take_jwks(draft_t *draft, const json_t *jwks, const char *key_id)
{
    const json_t *keys = json_object_get(jwks, "keys"), *jwk;
    size_t        i;

    draft->client.method = MTO_CLIENT_SELF_SIGNED;
    if (!json_is_array(keys)) {
        return refuse(draft, "jwks is no JWK Set: it has no array \"keys\"");
    }
    json_array_foreach(keys, i, jwk)
    {
        if (!take_jwk(draft, jwk, key_id)) {
            return 0;
        }
    }
    if (draft->client.certificate_count == 0) {
        return key_id != NULL ? refuse(draft, "no usable JWK of jwks has x5c and the kid \"%.100s\"", key_id)
                              : refuse(draft, "no usable JWK of jwks has x5c");
    }
    return 1;
}

/* taken: what the file has, one for each certificate of the draft; to be freed. */
static int take_pem_block(draft_t *draft, X509 **taken, const char *name, const unsigned char *data, long size)
{
    const unsigned char          *end = data;
    X509                         *x509 = strcmp(name, PEM_STRING_X509) == 0 ? d2i_X509(NULL, &end, size) : NULL;
    mto_registered_certificate_t *registered;
    mto_certificate_t             certificate;
    int                           is_whole = x509 != NULL && end == data + size;

    if (!is_whole || !mto_certificate_read_der(&certificate, data, (size_t)size)) {
        X509_free(x509);
        return refuse(draft, "a PEM block that is no certificate");
    }
    if ((registered = next_certificate(draft)) == NULL) {
        X509_free(x509);
        return 0;
    }
    taken[draft->client.certificate_count - 1] = x509;
    memcpy(registered->x5t, certificate.x5t, sizeof registered->x5t);
    return 1;
}

/* A file with a chain, such as a certificate comes with, would make its CAs certificates of the client as well. */
static int refuse_chain(draft_t *draft, X509 *const *taken)
{
    unsigned i, j;

    for (i = 0; i < draft->client.certificate_count; i++) {
        const X509_NAME *issuer = X509_get_issuer_name(taken[i]);

        for (j = 0; j < draft->client.certificate_count; j++) {
            if (X509_NAME_cmp(issuer, X509_get_subject_name(taken[i])) != 0
                && X509_NAME_cmp(issuer, X509_get_subject_name(taken[j])) == 0) {
                return refuse(draft,
                              "certificate %u is of a CA that issued certificate %u: a chain, and all of it would be "
                              "the client's; leave the client's certificate alone in the file",
                              j + 1, i + 1);
            }
        }
    }
    return 1;
}

static int take_pem(draft_t *draft, const char *pem)
{
    BIO           *bio = BIO_new_mem_buf(pem, -1);
    X509          *taken[MTO_CLIENT_CERTIFICATES] = {NULL};
    unsigned char *data;
    char          *name, *header;
    long           size;
    int            ok = bio != NULL, i;

    draft->client.method = MTO_CLIENT_SELF_SIGNED;
    ERR_clear_error();
    while (ok && PEM_read_bio(bio, &name, &header, &data, &size) == 1) {
        ok = take_pem_block(draft, taken, name, data, size);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
    }
    if (ok && (draft->client.certificate_count == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)) {
        ok = refuse(draft, "no certificate in PEM, or one that cannot be read");
    }
    ok = ok && refuse_chain(draft, taken);
    for (i = 0; i < MTO_CLIENT_CERTIFICATES; i++) {
        X509_free(taken[i]);
    }
    BIO_free(bio);
    ERR_clear_error();
    return ok;
}

/* Copies the draft into the set, where no client may have its id. */
static int add(draft_t *draft)
{
    apr_pool_t                   *pool = draft->clients->pool;
    mto_registered_certificate_t *certificates = NULL;
    mto_client_t                 *client;
    const char                   *name = mto_client_method_name(draft->client.method);
    unsigned                      i, count = draft->client.certificate_count;

    if (mto_clients_find(draft->clients, draft->client.id, strlen(draft->client.id)) != NULL) {
        return refuse(draft, "this client_id is registered twice");
    }
    if (count > 0) {
        certificates = apr_pmemdup(pool, draft->certificates, count * sizeof *certificates);
    }
    for (i = 0; i < count; i++) {
        certificates[i].kid = apr_pstrdup(pool, certificates[i].kid);
    }
    client = apr_pmemdup(pool, &draft->client, sizeof *client);
    client->id = apr_pstrdup(pool, client->id);
    client->method_name = name != NULL ? name : apr_pstrdup(pool, client->method_name);
    client->subject = apr_pstrdup(pool, client->subject);
    client->certificates = certificates;
    apr_hash_set(draft->clients->by_id, client->id, APR_HASH_KEY_STRING, client);
    return 1;
}

/* --- From JSON ---------------------------------------------------------------------------------------------------- */

/* A text member: NULL in *text when it is absent or null. 0: it is something else. */
static int read_text(draft_t *draft, const json_t *metadata, const char *member, const char **text)
{
    const json_t *value = json_object_get(metadata, member);

    *text = json_string_value(value);
    return value == NULL || json_is_null(value) || *text != NULL || refuse(draft, "%s is not a string", member);
}

static int read_tls_client(draft_t *draft, const json_t *metadata)
{
    const char     *value, *found = NULL;
    mto_name_kind_t kind, found_kind = MTO_NAME_DN;

    for (kind = MTO_NAME_DN; kind < MTO_NAME_KINDS; kind++) {
        if (!read_text(draft, metadata, mto_name_member(kind), &value)) {
            return 0;
        }
        if (value != NULL && found != NULL) {
            return refuse(draft, "%s and %s: exactly one is wanted", mto_name_member(found_kind),
                          mto_name_member(kind));
        }
        if (value != NULL) {
            found = value;
            found_kind = kind;
        }
    }
    return found != NULL
               ? take_subject(draft, found_kind, found)
               : refuse(draft, "tls_client_auth without a tls_client_auth_subject_dn or tls_client_auth_san_*");
}

static int read_self_signed_client(draft_t *draft, const json_t *metadata)
{
    const json_t *jwks = json_object_get(metadata, "jwks");
    const char   *key_id;

    if (!json_is_object(jwks)) {
        return refuse(draft, json_object_get(metadata, "jwks_uri") != NULL
                                 ? "jwks_uri is not fetched: put the keys into jwks"
                                 : "self_signed_tls_client_auth without a jwks");
    }
    return read_text(draft, metadata, "self_signed_certificate_key_id", &key_id) && take_jwks(draft, jwks, key_id);
}

static int read_metadata(draft_t *draft, const json_t *metadata)
{
    const char *id, *method;

    if (!read_text(draft, metadata, "client_id", &id)) {
        return 0;
    }
    if (id == NULL) {
        return refuse(draft, "client_id is missing");
    }
    if (!take_id(draft, id) || !read_text(draft, metadata, "token_endpoint_auth_method", &method)) {
        return 0;
    }
    draft->client.method_name = method != NULL ? method : "client_secret_basic";
    switch (method_of(draft->client.method_name)) {
    case MTO_CLIENT_TLS:
        return read_tls_client(draft, metadata) && add(draft);
    case MTO_CLIENT_SELF_SIGNED:
        return read_self_signed_client(draft, metadata) && add(draft);
    default:
        return add(draft);
    }
}

/* An mto_json_element_fn; the reason gets the client's name in front. */
static int take_metadata(void *baton, size_t position, const json_t *metadata)
{
    draft_t *all = baton, draft;
    char     wrong[MTO_CLIENT_REASON_SIZE];

    draft.clients = all->clients;
    draft.reason = wrong;
    memset(&draft.client, 0, sizeof draft.client);
    if (read_metadata(&draft, metadata)) {
        return 1;
    }
    if (draft.client.id != NULL) {
        return refuse(all, "client \"%.200s\": %.180s", draft.client.id, wrong);
    }
    return refuse(all, "element %lu: %.300s", (unsigned long)position, wrong);
}

int mto_clients_add_json(mto_clients_t *clients, const char *json, size_t size, char reason[MTO_CLIENT_REASON_SIZE])
{
    draft_t     all = {.clients = clients, .reason = reason};
    const char *wrong = NULL;
    size_t      position;
    int         go_on;

    reason[0] = '\0';
    if (size > MTO_CLIENTS_BYTES) {
        return refuse(&all, "larger than 256 MiB");
    }
    go_on = mto_json_each_object(json, size, take_metadata, &all, &position, &wrong);
    ERR_clear_error();
    if (!go_on) {
        return wrong == NULL ? 0 : refuse(&all, "element %lu: %s", (unsigned long)position, wrong);
    }
    return 1;
}

/* --- By hand ------------------------------------------------------------------------------------------------------ */

static int read_jwks_text(draft_t *draft, const mto_registration_t *registration)
{
    const char *wrong = NULL;
    json_t     *jwks = mto_json_read_object(registration->jwks, strlen(registration->jwks), &wrong);
    int         ok =
        jwks != NULL ? take_jwks(draft, jwks, registration->key_id) && add(draft) : refuse(draft, "jwks: %s", wrong);

    json_decref(jwks);
    return ok;
}

int mto_clients_add(mto_clients_t *clients, const mto_registration_t *registration, char reason[MTO_CLIENT_REASON_SIZE])
{
    draft_t draft = {.clients = clients, .reason = reason};
    int given = (registration->subject != NULL) + (registration->certificate != NULL) + (registration->jwks != NULL);

    reason[0] = '\0';
    draft.client.trust = registration->trust;
    if (!take_id(&draft, registration->id)) {
        return 0;
    }
    if (given != 1) {
        return refuse(&draft, "exactly one of subject, certificate and jwks is wanted");
    }
    if (registration->key_id != NULL && registration->jwks == NULL) {
        return refuse(&draft, "a key id without jwks");
    }
    if (registration->subject != NULL) {
        return take_subject(&draft, registration->subject_kind, registration->subject) && add(&draft);
    }
    if (registration->certificate != NULL) {
        return take_pem(&draft, registration->certificate) && add(&draft);
    }
    return read_jwks_text(&draft, registration);
}
