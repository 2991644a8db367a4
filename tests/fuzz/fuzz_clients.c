/* A file of registered clients, any bytes, in which @c, @x and @y stand for the certificate that is shown (as x5c has
 * it) and its key: each client of a file that is taken is found by its id with the method that it says, and let in with
 * no certificate of others; a file that is not taken is refused with a reason for the log. */
#include "harness.h"

#include "../unit/hierarchy.h"

#include "core/client_check.h"
#include "core/json.h"

#include <string.h>

static mto_trust_t      *trust;
static mto_certificate_t shown; /* CN=leaf, under that trust */
static const char       *shown_x5c;
static json_t           *shown_key;

void fuzz_prepare(void)
{
    char *base64;

    trust = trust_of(ca_both(), NULL);
    shown = certificate_der(leaf());
    base64 = apr_palloc(support_pool(), (shown.der_size + 2) / 3 * 4 + 1);
    (void)EVP_EncodeBlock((unsigned char *)base64, shown.der, (int)shown.der_size);
    shown_x5c = base64;
    shown_key = support_jwk(key_of(LEAF_KEY), NULL, NULL);
}

/* What a letter behind '@' stands for; NULL: for itself. */
static const char *meaning_of(char letter)
{
    return letter == 'c'                    ? shown_x5c
           : letter == 'x' || letter == 'y' ? mto_json_string(shown_key, letter == 'x' ? "x" : "y")
                                            : NULL;
}

/* Whether the client is registered with the certificate that is shown, and with its key. */
static int has_shown(const json_t *metadata)
{
    const json_t *jwk;
    size_t        i;

    json_array_foreach(json_object_get(json_object_get(metadata, "jwks"), "keys"), i, jwk)
    {
        const char *x5c = json_string_value(json_array_get(json_object_get(jwk, "x5c"), 0));

        if (x5c != NULL && strcmp(x5c, shown_x5c) == 0
            && json_equal(json_object_get(jwk, "x"), json_object_get(shown_key, "x"))
            && json_equal(json_object_get(jwk, "y"), json_object_get(shown_key, "y"))) {
            return 1;
        }
    }
    return 0;
}

static void check_client(const mto_client_t *client, const json_t *metadata)
{
    const json_t *method = json_object_get(metadata, "token_endpoint_auth_method");
    mto_verdict_t verdict = MTO_VERDICT_INIT, none = MTO_VERDICT_INIT, untrusted = MTO_VERDICT_INIT;
    mto_refusal_t refusal = mto_client_check(client, &shown, trust, NOW, &verdict);

    fuzz_check_verdict(refusal, &verdict);
    CHECK(mto_client_check(client, NULL, trust, NOW, &none) != MTO_ADMITTED);
    switch (client->method) {
    case MTO_CLIENT_TLS:
        CHECK(strcmp(json_string_value(method), "tls_client_auth") == 0);
        CHECK(mto_name_check(client->subject_kind, client->subject) == NULL);
        CHECK(
            strcmp(json_string_value(json_object_get(metadata, mto_name_member(client->subject_kind))), client->subject)
            == 0);
        CHECK(refusal != MTO_ADMITTED || client->subject_kind == MTO_NAME_DN); /* it has no alternative name */
        CHECK(mto_client_check(client, &shown, NULL, NOW, &untrusted) == MTO_CLIENT_UNTRUSTED);
        break;
    case MTO_CLIENT_SELF_SIGNED:
        CHECK(strcmp(json_string_value(method), "self_signed_tls_client_auth") == 0);
        CHECK(client->certificate_count >= 1 && client->certificate_count <= MTO_CLIENT_CERTIFICATES);
        CHECK(refusal != MTO_ADMITTED || has_shown(metadata));
        break;
    default:
        CHECK(refusal == MTO_CLIENT_UNKNOWN && strcmp(client->method_name, "tls_client_auth") != 0);
        CHECK(json_string_value(method) == NULL || strcmp(json_string_value(method), client->method_name) == 0);
    }
}

static void check_taken(const mto_clients_t *clients, const char *data, size_t size)
{
    json_t       *file = json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *metadata;
    size_t        i;

    CHECK(json_is_array(file) && json_array_size(file) == mto_clients_count(clients));
    json_array_foreach(file, i, metadata)
    {
        const char         *id = mto_json_string(metadata, "client_id");
        const mto_client_t *client;

        CHECK(id != NULL && fuzz_is_plain(id));
        client = mto_clients_find(clients, id, strlen(id));
        CHECK(client != NULL && strcmp(client->id, id) == 0);
        CHECK(mto_clients_find(clients, id, strlen(id) - 1) != client);
        check_client(client, metadata);
    }
    json_decref(file);
}

void fuzz_one(const char *data, size_t size)
{
    mto_clients_t *clients = mto_clients_create();
    char           reason[MTO_CLIENT_REASON_SIZE];

    data = fuzz_fill_in(data, &size, meaning_of);
    memset(reason, 'x', sizeof reason);
    if (mto_clients_add_json(clients, data, size, reason)) {
        check_taken(clients, data, size);
    }
    else {
        CHECK(memchr(reason, '\0', sizeof reason) != NULL && reason[0] != '\0');
    }
    mto_clients_release(clients);
}
