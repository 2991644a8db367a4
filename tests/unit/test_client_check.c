/* client: which certificate may speak for which registered client (RFC 8705 sections 2.1 and 2.2; THREATS "Binding and
 * client authentication"). */
#include "hierarchy.h"
#include "threads.h"

#include "core/base64url.h"
#include "core/client_check.h"

#include <string.h>

#define KEY  support_key(MTO_KEY_P256, 5)
#define KEY2 support_key(MTO_KEY_RSA, 0)

/* Self-signed certificates; the same one each time that it is asked for. */
static X509 *self_signed(mto_key_kind_t kind, int number, long serial)
{
    static X509 *made[6][8][4];
    X509       **slot = &made[kind][number][serial];

    if (*slot == NULL) {
        *slot = certificate_make(
            (specification_t){.common_name = "self", .key = support_key(kind, number), .serial = serial});
    }
    return *slot;
}

static X509 *owner(void)
{
    return self_signed(MTO_KEY_P256, 5, 1);
}

static X509 *owner_renewed(void) /* with the same key */
{
    return self_signed(MTO_KEY_P256, 5, 2);
}

static X509 *second(void)
{
    return self_signed(MTO_KEY_RSA, 0, 1);
}

static X509 *edwards(void)
{
    return self_signed(MTO_KEY_ED25519, 0, 1);
}

static X509 *no_certificate(void)
{
    return NULL;
}

static X509 *mallory(void) /* trusted, under another name */
{
    return make_leaf((specification_t){.common_name = "mallory", .serial = 11});
}

static X509 *leaf_with_dns(void)
{
    return make_leaf((specification_t){.extensions = {{NID_subject_alt_name, "DNS:x.example,DNS:a.example"}}});
}

static X509 *leaf_without_subject(void)
{
    X509      *certificate = leaf();
    X509_NAME *empty = X509_NAME_new();

    X509_set_subject_name(certificate, empty);
    X509_NAME_free(empty);
    certificate_sign(certificate, key_of(MIDDLE_KEY));
    return certificate;
}

/* --- Ways of registering the client "a" --------------------------------------------------------------------------- */

#define METADATA "\"client_id\":\"a\",\"token_endpoint_auth_method\":"

static const char *by_subject(void)
{
    return "[{" METADATA "\"tls_client_auth\",\"tls_client_auth_subject_dn\":\"CN=leaf\"}]";
}

static const char *by_dns(void)
{
    return "[{" METADATA "\"tls_client_auth\",\"tls_client_auth_san_dns\":\"A.example\"}]";
}

static const char *by_secret(void)
{
    return "[{" METADATA "\"client_secret_post\"}]";
}

static const char *with_jwks(const char *key_id, json_t *first, json_t *more)
{
    return support_text("[{" METADATA
                        "\"self_signed_tls_client_auth\",\"self_signed_certificate_key_id\":%s,\"jwks\":%s}]",
                        key_id, support_jwks(first, more, NULL));
}

static const char *by_x5c(void)
{
    return with_jwks("null", certificate_jwk(KEY, "k1", owner()), NULL);
}

static const char *by_two_x5c(void)
{
    return with_jwks("null", certificate_jwk(KEY, "k1", owner()), certificate_jwk(KEY2, "k2", second()));
}

static const char *by_pinned_x5c(void)
{
    return with_jwks("\"k2\"", certificate_jwk(KEY, "k1", owner()), certificate_jwk(KEY2, "k2", second()));
}

static const char *by_edwards_x5c(void)
{
    return with_jwks("null", certificate_jwk(support_key(MTO_KEY_ED25519, 0), NULL, edwards()), NULL);
}

static const char *by_x5c_of_another_key(void)
{
    return with_jwks("null", certificate_jwk(KEY2, "k1", owner()), NULL);
}

static const char *by_x5c_of_another_key_and_right(void)
{
    return with_jwks("null", certificate_jwk(KEY2, "k1", owner()), certificate_jwk(KEY, "k2", owner()));
}

/* The victim's certificate as the second of the chain. */
static const char *by_x5c_chain(void)
{
    json_t *jwk = certificate_jwk(KEY2, "k1", second());

    json_array_append_new(json_object_get(jwk, "x5c"), json_string(certificate_x5c(owner())));
    return with_jwks("null", jwk, NULL);
}

/* A modulus with a zero octet in front, as some libraries write it. */
static const char *by_x5c_and_long_modulus(void)
{
    json_t       *jwk = certificate_jwk(KEY2, "k1", second());
    const char   *modulus = json_string_value(json_object_get(jwk, "n"));
    unsigned char bytes[300] = {0};
    long          size = mto_base64url_decode(bytes + 1, modulus, strlen(modulus));

    json_object_set_new(jwk, "n", json_string(support_base64url(bytes, (size_t)size + 1)));
    return with_jwks("null", jwk, NULL);
}

/* --- Verdicts ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *(*registered)(void);
    X509 *(*shown)(void);
    int           without_trust;
    mto_refusal_t refusal;
    const char   *detail; /* must be in it */
} row_t;

static const row_t rows[] = {
    {"trusted, subject equal", by_subject, leaf, 0, MTO_ADMITTED, ""},
    {"trusted, one of the DNS names equal", by_dns, leaf_with_dns, 0, MTO_ADMITTED, ""},
    {"nothing shown", by_subject, no_certificate, 0, MTO_CLIENT_CERTIFICATE_MISSING, ""},
    {"client B's certificate, client_id A", by_subject, mallory, 0, MTO_CLIENT_SUBJECT_MISMATCH,
     "dn: registered CN=leaf, shown CN=mallory"},
    {"empty subject", by_subject, leaf_without_subject, 0, MTO_CLIENT_SUBJECT_MISMATCH, "shown none"},
    {"no DNS name", by_dns, leaf, 0, MTO_CLIENT_SUBJECT_MISMATCH, "dns: registered A.example, shown none"},
    {"right subject, self-signed", by_subject, owner, 0, MTO_CLIENT_UNTRUSTED, "self-signed"},
    {"expired", by_subject, leaf_expired, 0, MTO_CLIENT_UNTRUSTED, "CN=leaf ended at"},
    {"revoked", by_subject, leaf_revoked, 0, MTO_CLIENT_UNTRUSTED, "the CRL of CN=Middle names"},
    {"a CA's certificate", by_subject, middle, 0, MTO_CLIENT_UNTRUSTED, "itself a CA"},
    {"nobody to trust", by_subject, leaf, 1, MTO_CLIENT_UNTRUSTED, "no CA certificate"},
    {"another method", by_secret, leaf, 0, MTO_CLIENT_UNKNOWN, "registered for client_secret_post"},
    {"another method, nothing shown", by_secret, no_certificate, 0, MTO_CLIENT_UNKNOWN, ""},

    {"registered x5c", by_x5c, owner, 0, MTO_ADMITTED, ""},
    {"registered x5c, nobody to trust", by_x5c, owner, 1, MTO_ADMITTED, ""},
    {"registered x5c, Ed25519", by_edwards_x5c, edwards, 0, MTO_ADMITTED, ""},
    {"registered x5c, RSA, second", by_two_x5c, second, 0, MTO_ADMITTED, ""},
    {"registered x5c, modulus with a zero in front", by_x5c_and_long_modulus, second, 0, MTO_ADMITTED, ""},
    {"no x5c shown", by_x5c, no_certificate, 0, MTO_CLIENT_CERTIFICATE_MISSING, ""},
    {"renewed certificate, same key", by_x5c, owner_renewed, 0, MTO_CLIENT_CERTIFICATE_UNREGISTERED, "registered "},
    {"somebody else's", by_x5c, second, 0, MTO_CLIENT_CERTIFICATE_UNREGISTERED, "x5t#S256 shown "},
    {"somebody else's, trusted", by_x5c, leaf, 0, MTO_CLIENT_CERTIFICATE_UNREGISTERED, ""},
    {"neither of two", by_two_x5c, leaf, 0, MTO_CLIENT_CERTIFICATE_UNREGISTERED, " and others"},
    {"pinned", by_pinned_x5c, second, 0, MTO_ADMITTED, ""},
    {"not the pinned one", by_pinned_x5c, owner, 0, MTO_CLIENT_CERTIFICATE_UNREGISTERED, ""},
    {"the second of an x5c", by_x5c_chain, owner, 0, MTO_CLIENT_CERTIFICATE_UNREGISTERED, ""},
    {"JWK of another key", by_x5c_of_another_key, owner, 0, MTO_CLIENT_CERTIFICATE_UNREGISTERED,
     "its JWK has another key"},
    {"JWK of another key, and one of the right", by_x5c_of_another_key_and_right, owner, 0, MTO_ADMITTED, ""},
};

static mto_clients_t *read_clients(const char *json)
{
    char           reason[MTO_CLIENT_REASON_SIZE];
    mto_clients_t *clients = mto_clients_create();

    if (!mto_clients_add_json(clients, json, strlen(json), reason)) {
        fail_msg("%s", reason);
    }
    return clients;
}

static void client_is_checked(const void *data)
{
    const row_t      *row = data;
    mto_clients_t    *clients = read_clients(row->registered());
    mto_trust_t      *trust = row->without_trust ? NULL : trust_of(ca_both(), crls_leaf_revoked());
    X509             *shown = row->shown();
    mto_certificate_t certificate = certificate_der(shown != NULL ? shown : leaf());
    mto_verdict_t     verdict = MTO_VERDICT_INIT;
    mto_refusal_t     refusal;

    refusal =
        mto_client_check(mto_clients_find(clients, "a", 1), shown != NULL ? &certificate : NULL, trust, NOW, &verdict);
    mto_clients_release(clients);
    mto_trust_release(trust);
    support_assert_refusal(refusal, row->refusal, &verdict);
    if (strstr(verdict.detail, row->detail) == NULL || (refusal == MTO_ADMITTED) != (verdict.detail[0] == '\0')) {
        fail_msg("%s", verdict.detail);
    }
}

/* --- By hand ------------------------------------------------------------------------------------------------------ */

static void every_certificate_of_the_file_counts(const void *unused)
{
    mto_clients_t     *clients = mto_clients_create();
    mto_registration_t registration = {.id = "a", .certificate = certificates_pem(owner(), second(), NULL)};
    mto_certificate_t  first = certificate_der(owner()), other = certificate_der(second()),
                      renewed = certificate_der(owner_renewed());
    char                reason[MTO_CLIENT_REASON_SIZE];
    mto_verdict_t       verdict = MTO_VERDICT_INIT;
    const mto_client_t *client;

    (void)unused;
    assert_true(mto_clients_add(clients, &registration, reason));
    client = mto_clients_find(clients, "a", 1);
    assert_int_equal(client->method, MTO_CLIENT_SELF_SIGNED);
    assert_string_equal(client->method_name, "self_signed_tls_client_auth");
    assert_int_equal(mto_client_check(client, &first, NULL, NOW, &verdict), MTO_ADMITTED);
    assert_int_equal(mto_client_check(client, &other, NULL, NOW, &verdict), MTO_ADMITTED);
    assert_int_equal(mto_client_check(client, &renewed, NULL, NOW, &verdict), MTO_CLIENT_CERTIFICATE_UNREGISTERED);
    mto_clients_release(clients);
}

/* --- Threads ------------------------------------------------------------------------------------------------------ */

#define THREADS 4

typedef struct {
    mto_clients_t    *clients;
    mto_trust_t      *trust;
    mto_certificate_t certificate;
} shared_t;

static int check_often(void *data, int number)
{
    shared_t      *shared = data;
    mto_clients_t *clients = shared->clients; /* one reference for each thread; the last one frees */
    int            i, mistakes = 0;

    (void)number;
    for (i = 0; i < 100; i++) {
        mto_verdict_t verdict = MTO_VERDICT_INIT;
        const char   *id = i % 2 == 0 ? "self" : "tls";

        mistakes += mto_client_check(mto_clients_find(clients, id, strlen(id)), &shared->certificate, shared->trust,
                                     NOW, &verdict)
                    != (i % 2 == 0 ? MTO_ADMITTED : MTO_CLIENT_UNTRUSTED);
    }
    mto_clients_release(clients);
    return mistakes;
}

static void threads_share_a_set(const void *unused)
{
    shared_t shared = {
        .clients = read_clients(support_text(
            "[{\"client_id\":\"tls\",\"token_endpoint_auth_method\":\"tls_client_auth\",\"tls_client_auth_subject_dn\":"
            "\"CN=self\"},{\"client_id\":\"self\",\"token_endpoint_auth_method\":"
            "\"self_signed_tls_client_auth\",\"jwks\":%s}]",
            support_jwks(certificate_jwk(KEY, NULL, owner()), NULL))),
        .trust = trust_of(ca_both(), NULL),
        .certificate = certificate_der(owner())};
    int i;

    (void)unused;
    for (i = 1; i < THREADS; i++) {
        assert_ptr_equal(mto_clients_retain(shared.clients), shared.clients);
    }
    threads_run(THREADS, check_often, &shared);
    mto_trust_release(shared.trust);
    mto_clients_release(NULL);
}

int main(void)
{
    support_table("RFC 8705 section 2", client_is_checked, TABLE(rows));
    support_case("every certificate of the file counts", every_certificate_of_the_file_counts);
    support_case("threads share a set", threads_share_a_set);
    return support_run("client_check");
}
