/* OAuth clients while memory runs out at every place in turn: no certificate speaks for a client that it is not of. */
#include "hierarchy.h"
#include "torture.h"

#include "core/client_check.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define LONG_ID "a-client-with-a-rather-long-name"

static X509 *pinned(void)
{
    static X509 *made;

    if (made == NULL) {
        made = certificate_make((specification_t){.common_name = "self", .key = key_of(LEAF_KEY)});
    }
    return made;
}

static X509 *mallory(void)
{
    return make_leaf((specification_t){.common_name = "mallory"});
}

static X509 *leaf_ca(void)
{
    return make_leaf((specification_t){.is_ca = 1});
}

static X509 *leaf_with_names(void)
{
    return make_leaf((specification_t){.extensions = {{NID_subject_alt_name, "DNS:x.example,DNS:a.client.example"}}});
}

/* One client of each kind. */
static const char *registered(void)
{
    mto_certificate_t der = certificate_der(pinned());
    json_t           *jwk = support_jwk(key_of(LEAF_KEY), "the-key-of-this-client", NULL);
    char             *text = apr_palloc(support_pool(), der.der_size / 3 * 4 + 5);

    EVP_EncodeBlock((unsigned char *)text, der.der, (int)der.der_size);
    json_object_set_new(jwk, "x5c", json_pack("[s]", text));
    return support_text(
        "[{\"client_id\":\"" LONG_ID "\",\"token_endpoint_auth_method\":\"tls_client_auth\","
        "\"tls_client_auth_subject_dn\":\"CN=leaf\"},"
        "{\"client_id\":\"by-dns\",\"token_endpoint_auth_method\":\"tls_client_auth\","
        "\"tls_client_auth_san_dns\":\"a.client.example\"},"
        "{\"client_id\":\"by-key\",\"token_endpoint_auth_method\":\"self_signed_tls_client_auth\",\"jwks\":%s}]",
        support_jwks(jwk, NULL));
}

typedef struct {
    const char *name;
    const char *id;
    X509 *(*shown)(void);
    mto_refusal_t refusal;
} row_t;

static const row_t rows[] = {
    {"subject equal", LONG_ID, leaf, MTO_ADMITTED},
    {"another subject", LONG_ID, mallory, MTO_CLIENT_SUBJECT_MISMATCH},
    {"self-signed", LONG_ID, pinned, MTO_CLIENT_UNTRUSTED},
    {"revoked", LONG_ID, leaf_revoked, MTO_CLIENT_UNTRUSTED},
    {"a CA's", LONG_ID, leaf_ca, MTO_CLIENT_UNTRUSTED},
    {"one of the DNS names equal", "by-dns", leaf_with_names, MTO_ADMITTED},
    {"no DNS name", "by-dns", leaf, MTO_CLIENT_SUBJECT_MISMATCH},
    {"the registered certificate", "by-key", pinned, MTO_ADMITTED},
    {"another certificate", "by-key", leaf, MTO_CLIENT_CERTIFICATE_UNREGISTERED},
};

/* --- One client's certificate ------------------------------------------------------------------------------------- */

typedef struct {
    const row_t      *row;
    mto_clients_t    *clients;
    mto_certificate_t certificate;
    const char       *ca, *crl;
    mto_trust_t      *trust;
    mto_verdict_t     verdict;
} check_t;

static void check_prepare(void *state)
{
    check_t *check = state;

    /* One that has not seen the certificate yet. */
    check->trust = trust_of(check->ca, check->crl);
    check->verdict = (mto_verdict_t)MTO_VERDICT_INIT;
}

static void check_run(void *state)
{
    check_t            *check = state;
    const mto_client_t *client = mto_clients_find(check->clients, check->row->id, strlen(check->row->id));

    (void)mto_client_check(client, &check->certificate, check->trust, NOW, &check->verdict);
}

static void check_judge(void *state)
{
    const check_t *check = state;

    if (failing_count() == 0 || check->verdict.refusal != MTO_MEMORY_UNAVAILABLE) {
        support_assert_refusal(check->verdict.refusal, check->row->refusal, &check->verdict);
    }
}

static void check_clean(void *state)
{
    mto_trust_release(((check_t *)state)->trust);
}

static mto_clients_t *clients_of(const char *json)
{
    char           reason[MTO_CLIENT_REASON_SIZE];
    mto_clients_t *clients = mto_clients_create();

    if (!mto_clients_add_json(clients, json, strlen(json), reason)) {
        fail_msg("%s", reason);
    }
    return clients;
}

static void client_is_checked_or_put_off(const void *data)
{
    static const piece_t piece = {check_prepare, check_run, check_judge, check_clean, 0};
    check_t              check = {.row = data, .ca = ca_both(), .crl = crls_leaf_revoked()};

    check.clients = clients_of(registered());
    check.certificate = certificate_der(check.row->shown());
    (void)torture(&piece, &check);
    mto_clients_release(check.clients);
}

/* --- The file of clients ------------------------------------------------------------------------------------------ */

typedef struct {
    const char    *json;
    mto_clients_t *clients;
    int            ok;
    char           reason[MTO_CLIENT_REASON_SIZE];
} file_t;

static void file_run(void *state)
{
    file_t *file = state;

    file->reason[0] = '\0';
    file->clients = mto_clients_create();
    file->ok =
        file->clients != NULL && mto_clients_add_json(file->clients, file->json, strlen(file->json), file->reason);
}

/* All of them as they are registered, or none. */
static void file_judge(void *state)
{
    file_t *file = state;
    size_t  i;

    assert_true(file->ok || failing_count() > 0);
    assert_true(file->ok || file->clients == NULL || file->reason[0] != '\0');
    for (i = 0; file->ok && i < sizeof rows / sizeof rows[0]; i++) {
        check_t check = {.row = &rows[i], .clients = file->clients, .ca = ca_both(), .crl = crls_leaf_revoked()};

        if (rows[i].refusal == MTO_ADMITTED || i == sizeof rows / sizeof rows[0] - 1) {
            check.certificate = certificate_der(rows[i].shown());
            check_prepare(&check);
            check_run(&check);
            check_clean(&check);
            support_assert_refusal(check.verdict.refusal, rows[i].refusal, &check.verdict);
        }
    }
}

static void file_clean(void *state)
{
    mto_clients_release(((file_t *)state)->clients);
}

static void clients_are_all_there_or_none(const void *unused)
{
    static const piece_t piece = {NULL, file_run, file_judge, file_clean, 1};
    file_t               file = {.json = registered()};

    (void)unused;
    assert_true(torture(&piece, &file) > 50);
}

int main(void)
{
    support_table("allocations of a client's check", client_is_checked_or_put_off, TABLE(rows));
    support_case("allocations of reading the clients", clients_are_all_there_or_none);
    return support_run("torture_clients");
}
