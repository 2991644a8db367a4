/* client: registrations read and refused, and which certificate may speak for whom (RFC 8705 section 2, RFC 7591
 * section 2; THREATS "Binding and client authentication"). */
#include "hierarchy.h"

#include "core/client.h"

#include <string.h>

static X509 *self_signed(mto_key_kind_t kind, int number, long serial)
{
    return certificate_make(
        (specification_t){.common_name = "self", .key = support_key(kind, number), .serial = serial});
}

#define KEY support_key(MTO_KEY_P256, 5)

static X509 *owner(void)
{
    static X509 *made;

    made = made != NULL ? made : self_signed(MTO_KEY_P256, 5, 1);
    return made;
}

/* --- Registrations ------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    const char *json;   /* %J: a JWK Set with the owner's x5c; %K: the same JWK without brackets around */
    const char *reason; /* must be in it; NULL: accepted */
    int         count;
} registration_t;

#define TLS  "\"token_endpoint_auth_method\":\"tls_client_auth\""
#define SELF "\"token_endpoint_auth_method\":\"self_signed_tls_client_auth\""
#define DN   "\"tls_client_auth_subject_dn\":\"CN=a\""
#define A    "\"client_id\":\"a\""

static const registration_t registrations[] = {
    {"no clients", "[]", NULL, 0},
    {"subject_dn", "[{" A "," TLS "," DN "}]", NULL, 1},
    {"san_dns", "[{" A "," TLS ",\"tls_client_auth_san_dns\":\"a.example\"}]", NULL, 1},
    {"san_uri", "[{" A "," TLS ",\"tls_client_auth_san_uri\":\"urn:a\"}]", NULL, 1},
    {"san_ip", "[{" A "," TLS ",\"tls_client_auth_san_ip\":\"::1\"}]", NULL, 1},
    {"san_email", "[{" A "," TLS ",\"tls_client_auth_san_email\":\"a@b\"}]", NULL, 1},
    {"the others are null", "[{" A "," TLS "," DN ",\"tls_client_auth_san_dns\":null}]", NULL, 1},
    {"other members", "[{" A "," TLS "," DN ",\"redirect_uris\":[],\"jwks\":1}]", NULL, 1},
    {"another method", "[{" A ",\"token_endpoint_auth_method\":\"private_key_jwt\",\"jwks_uri\":\"x\"}]", NULL, 1},
    {"no method", "[{" A "}]", NULL, 1},
    {"method is compared by case", "[{" A ",\"token_endpoint_auth_method\":\"TLS_client_auth\"}]", NULL, 1},
    {"x5c", "[{" A "," SELF ",\"jwks\":%J}]", NULL, 1},
    {"x5c, pinned", "[{" A "," SELF ",\"self_signed_certificate_key_id\":\"k\",\"jwks\":%J}]", NULL, 1},
    {"x5c beside keys of other uses",
     "[{" A "," SELF ",\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x5c\":[\"AA==\"]},{\"kty\":\"EC\","
     "\"crv\":\"P-256\",\"use\":\"enc\"},%K]}}]",
     NULL, 1},
    {"jwks and jwks_uri", "[{" A "," SELF ",\"jwks\":%J,\"jwks_uri\":\"https://a\"}]", NULL, 1},
    {"two clients", "[{" A "," TLS "," DN "},{\"client_id\":\"A\"}]", NULL, 2},
    {"id of all printable characters", "[{\"client_id\":\" !#%&~\\\\\\\"\"}]", NULL, 1},

    {"an object", "{" A "}", "not a JSON array", 0},
    {"an element that is no object", "[{" A "},1]", "element 1: not JSON", 0},
    {"a member twice", "[{" A "," A "}]", "element 0: a member occurs twice", 0},
    {"no id", "[{" TLS "," DN "}]", "element 0: client_id is missing", 0},
    {"id is a number", "[{\"client_id\":1}]", "element 0: client_id is not a string", 0},
    {"id is empty", "[{\"client_id\":\"\"}]", "element 0: client_id is not of 1 to 512", 0},
    {"id with a control character", "[{\"client_id\":\"a\\n\"}]", "element 0: client_id has a character", 0},
    {"id not in ASCII", "[{\"client_id\":\"\xc3\xbc\"}]", "element 0: client_id has a character", 0},
    {"id twice", "[{" A "},{\"client_id\":\"b\"},{" A "}]", "client \"a\": this client_id is registered twice", 0},
    {"method is no string", "[{" A ",\"token_endpoint_auth_method\":[]}]",
     "client \"a\": token_endpoint_auth_method is not a string", 0},
    {"no subject", "[{" A "," TLS "}]", "client \"a\": tls_client_auth without", 0},
    {"two subjects", "[{" A "," TLS "," DN ",\"tls_client_auth_san_ip\":\"::1\"}]",
     "client \"a\": tls_client_auth_subject_dn and tls_client_auth_san_ip: exactly one", 0},
    {"subject is no string", "[{" A "," TLS ",\"tls_client_auth_subject_dn\":[\"CN=a\"]}]",
     "client \"a\": tls_client_auth_subject_dn is not a string", 0},
    {"subject is empty", "[{" A "," TLS ",\"tls_client_auth_subject_dn\":\"\"}]",
     "client \"a\": tls_client_auth_subject_dn: empty", 0},
    {"subject is no DN", "[{" A "," TLS ",\"tls_client_auth_subject_dn\":\"a\"}]",
     "client \"a\": tls_client_auth_subject_dn: an attribute without '='", 0},
    {"wildcard", "[{" A "," TLS ",\"tls_client_auth_san_dns\":\"*.a\"}]", "tls_client_auth_san_dns: a wildcard", 0},
    {"no jwks", "[{" A "," SELF "}]", "client \"a\": self_signed_tls_client_auth without a jwks", 0},
    {"jwks_uri alone", "[{" A "," SELF ",\"jwks_uri\":\"https://a\"}]", "client \"a\": jwks_uri is not fetched", 0},
    {"jwks is a string", "[{" A "," SELF ",\"jwks\":\"{}\"}]", "without a jwks", 0},
    {"jwks is empty", "[{" A "," SELF ",\"jwks\":{}}]", "no array \"keys\"", 0},
    {"no keys", "[{" A "," SELF ",\"jwks\":{\"keys\":[]}}]", "no usable JWK of jwks has x5c", 0},
    {"no x5c",
     "[{" A "," SELF ",\"jwks\":{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
     "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}}]",
     "no usable JWK of jwks has x5c", 0},
    {"no key of that kid", "[{" A "," SELF ",\"self_signed_certificate_key_id\":\"x\",\"jwks\":%J}]",
     "client \"a\": no usable JWK of jwks has x5c and the kid \"x\"", 0},
    {"kid in another case", "[{" A "," SELF ",\"self_signed_certificate_key_id\":\"K\",\"jwks\":%J}]", "the kid \"K\"",
     0},
    {"a key that is cut",
     "[{" A "," SELF ",\"jwks\":{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg\"}]}}]",
     "a key of jwks: its members do not make a key", 0},
    {"a key that is none", "[{" A "," SELF ",\"jwks\":{\"keys\":[1]}}]", "a key of jwks: not a JSON object", 0},
    {"a private key beside",
     "[{" A "," SELF ",\"jwks\":{\"keys\":[%K,{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\",\"d\":\"\"}]}}]",
     "client \"a\": a key of jwks: published with its private part", 0},
    {"a symmetric key", "[{" A "," SELF ",\"jwks\":{\"keys\":[%K,{\"kty\":\"oct\",\"k\":\"\"}]}}]",
     "a key of jwks: a symmetric key", 0},
};

/* Replaces %J and %K. */
static const char *filled(const char *json)
{
    const char *jwk = support_json(certificate_jwk(KEY, "k", owner())), *text = "", *at;

    while ((at = strstr(json, "%J")) != NULL || (at = strstr(json, "%K")) != NULL) {
        text = support_text("%s%.*s%s%s%s", text, (int)(at - json), json, at[1] == 'J' ? "{\"keys\":[" : "", jwk,
                            at[1] == 'J' ? "]}" : "");
        json = at + 2;
    }
    return support_text("%s%s", text, json);
}

static mto_clients_t *read_clients(const char *json, char reason[MTO_CLIENT_REASON_SIZE])
{
    mto_clients_t *clients = mto_clients_create();

    assert_non_null(clients);
    if (!mto_clients_add_json(clients, json, strlen(json), reason)) {
        mto_clients_release(clients);
        return NULL;
    }
    return clients;
}

static void registration_is_read_or_refused(const void *data)
{
    const registration_t *row = data;
    char                  reason[MTO_CLIENT_REASON_SIZE];
    mto_clients_t        *clients = read_clients(filled(row->json), reason);

    if ((clients != NULL) != (row->reason == NULL) || (row->reason != NULL && strstr(reason, row->reason) == NULL)) {
        fail_msg("%s", clients != NULL ? "accepted" : reason);
    }
    if (clients != NULL) {
        assert_int_equal(mto_clients_count(clients), row->count);
    }
    mto_clients_release(clients);
}

/* The first element of x5c, as %s. */
typedef struct {
    const char *name;
    const char *x5c;
    int         fits;
} x5c_t;

static const x5c_t x5cs[] = {
    {"one certificate", "[\"%s\"]", 1},
    {"its issuer behind", "[\"%s\",\"rubbish\"]", 1},
    {"a text", "\"%s\"", 0},
    {"nothing", "[]", 0},
    {"null", "null", 0},
    {"a number", "[1]", 0},
    {"empty", "[\"\"]", 0},
    {"line breaks", "[\"\\n%s\"]", 0},
    {"padded twice", "[\"%s=\"]", 0},
    {"no DER", "[\"aGVsbG8=\"]", 0},
    {"DER and a byte", "[\"MAMBAf8A\"]", 0},
    {"base64url", "[\"MAQBA__-\"]", 0},
    {"base64", "[\"MAQBA//+\"]", 1},
};

static void x5c_is_read_or_refused(const void *data)
{
    const x5c_t *row = data;
    char         reason[MTO_CLIENT_REASON_SIZE];
    const char  *percent = strstr(row->x5c, "%s"), *x5c = row->x5c, *jwk = support_json(support_jwk(KEY, NULL, NULL));

    if (percent != NULL) {
        x5c = support_text("%.*s%s%s", (int)(percent - x5c), x5c, certificate_x5c(owner()), percent + 2);
    }
    mto_clients_t *clients =
        read_clients(support_text("[{" A "," SELF ",\"jwks\":{\"keys\":[{\"x5c\":%s,%s]}}]", x5c, jwk + 1), reason);
    if ((clients != NULL) != row->fits) {
        fail_msg("%s", clients != NULL ? "accepted" : reason);
    }
    mto_clients_release(clients);
}

static void number_of_certificates_is_bounded(const void *unused)
{
    const char    *jwk = support_json(certificate_jwk(KEY, "k", owner()));
    char           reason[MTO_CLIENT_REASON_SIZE];
    mto_clients_t *clients;
    const char    *more = support_repeat(support_text(",%s", jwk), MTO_CLIENT_CERTIFICATES - 1);

    (void)unused;
    clients = read_clients(support_text("[{" A "," SELF ",\"jwks\":{\"keys\":[%s%s]}}]", jwk, more), reason);
    assert_non_null(clients);
    mto_clients_release(clients);
    assert_null(read_clients(support_text("[{" A "," SELF ",\"jwks\":{\"keys\":[%s%s,%s]}}]", jwk, more, jwk), reason));
    assert_string_equal(reason, "client \"a\": more than 32 certificates");
}

static void length_of_an_id_is_bounded(const void *unused)
{
    const char    *longest = support_repeat("a", MTO_CLIENT_ID_SIZE);
    char           reason[MTO_CLIENT_REASON_SIZE];
    mto_clients_t *clients = read_clients(support_text("[{\"client_id\":\"%s\"}]", longest), reason);

    (void)unused;
    assert_non_null(mto_clients_find(clients, longest, MTO_CLIENT_ID_SIZE));
    mto_clients_release(clients);
    assert_null(read_clients(support_text("[{\"client_id\":\"%sa\"}]", longest), reason));
}

static void id_is_found_by_all_its_bytes(const void *unused)
{
    char           reason[MTO_CLIENT_REASON_SIZE];
    mto_clients_t *clients = read_clients("[{\"client_id\":\"ab\"},{\"client_id\":\"abc\"}]", reason);

    (void)unused;
    assert_string_equal(mto_clients_find(clients, "abc", 3)->id, "abc");
    assert_string_equal(mto_clients_find(clients, "abc", 2)->id, "ab");
    assert_null(mto_clients_find(clients, "abc", 1));
    assert_null(mto_clients_find(clients, "ab\0", 3));
    assert_null(mto_clients_find(clients, "AB", 2));
    assert_null(mto_clients_find(clients, "", 0));
    mto_clients_release(clients);
}

/* --- By hand ------------------------------------------------------------------------------------------------------ */

typedef struct {
    const char        *name;
    mto_registration_t registration; /* certificate and jwks: any text stands for a good one, "-" for rubbish */
    const char        *reason;
} section_t;

static const section_t sections[] = {
    {"subject", {.id = "a", .subject_kind = MTO_NAME_DNS, .subject = "a.example"}, NULL},
    {"certificate", {.id = "a", .certificate = "good"}, NULL},
    {"jwks", {.id = "a", .jwks = "good"}, NULL},
    {"jwks and key id", {.id = "a", .jwks = "good", .key_id = "k"}, NULL},
    {"nothing", {.id = "a"}, "exactly one of"},
    {"subject and certificate", {.id = "a", .subject = "CN=a", .certificate = "good"}, "exactly one of"},
    {"certificate and jwks", {.id = "a", .certificate = "good", .jwks = "good"}, "exactly one of"},
    {"key id and certificate", {.id = "a", .certificate = "good", .key_id = "k"}, "a key id without jwks"},
    {"key id that is not there", {.id = "a", .jwks = "good", .key_id = "x"}, "the kid \"x\""},
    {"bad subject", {.id = "a", .subject = "a"}, "tls_client_auth_subject_dn: an attribute without"},
    {"bad certificate", {.id = "a", .certificate = "-"}, "no certificate in PEM"},
    {"bad jwks", {.id = "a", .jwks = "-"}, "jwks: not JSON"},
    {"bad id", {.id = "", .jwks = "good"}, "client_id is not of 1 to 512"},
    {"taken id", {.id = "taken", .subject = "CN=a"}, "registered twice"},
};

static void section_is_read_or_refused(const void *data)
{
    const section_t   *row = data;
    mto_registration_t registration = row->registration;
    char               reason[MTO_CLIENT_REASON_SIZE];
    mto_clients_t     *clients = read_clients("[{\"client_id\":\"taken\"}]", reason);

    registration.trust = &clients;
    if (registration.certificate != NULL && *registration.certificate != '-') {
        registration.certificate = certificates_pem(owner(), self_signed(MTO_KEY_RSA, 0, 2), NULL);
    }
    if (registration.jwks != NULL && *registration.jwks != '-') {
        registration.jwks = support_jwks(certificate_jwk(KEY, "k", owner()), NULL);
    }
    if (mto_clients_add(clients, &registration, reason) != (row->reason == NULL)
        || (row->reason != NULL && strstr(reason, row->reason) == NULL)) {
        fail_msg("%s", reason);
    }
    if (row->reason == NULL) {
        assert_ptr_equal(mto_clients_find(clients, "a", 1)->trust, &clients);
        assert_null(mto_clients_find(clients, "taken", 5)->trust);
    }
    mto_clients_release(clients);
}

/* Whether these certificates may be registered as a client's, and why not. */
static int takes(const char *pem, char reason[MTO_CLIENT_REASON_SIZE])
{
    mto_registration_t registration = {.id = "a", .certificate = pem};
    mto_clients_t     *clients = mto_clients_create();
    int                takes = mto_clients_add(clients, &registration, reason);

    mto_clients_release(clients);
    return takes;
}

static void chain_is_refused(const void *unused)
{
    char        reason[MTO_CLIENT_REASON_SIZE];
    const char *chains[] = {certificates_pem(leaf(), middle(), NULL), certificates_pem(middle(), leaf(), NULL),
                            certificates_pem(owner(), leaf(), leaf_of_root(), root(), NULL),
                            certificates_pem(middle(), root(), NULL)};
    const char *others[] = {certificates_pem(leaf(), leaf_revoked(), leaf_of_root(), NULL),
                            certificates_pem(owner(), self_signed(MTO_KEY_P256, 5, 2), NULL)};
    size_t      i;

    (void)unused;
    for (i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        assert_false(takes(chains[i], reason));
        assert_non_null(strstr(reason, "a chain"));
    }
    assert_non_null(strstr(reason, "certificate 2 is of a CA that issued certificate 1"));
    for (i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (!takes(others[i], reason)) {
            fail_msg("%s", reason);
        }
    }
}

int main(void)
{
    support_table("RFC 7591 section 2, RFC 8705 section 2", registration_is_read_or_refused, TABLE(registrations));
    support_table("RFC 7517 section 4.7, x5c", x5c_is_read_or_refused, TABLE(x5cs));
    support_case("32 certificates a client", number_of_certificates_is_bounded);
    support_case("RFC 6749 appendix A.1, 512 bytes of client_id", length_of_an_id_is_bounded);
    support_case("a client is found by all bytes of its id", id_is_found_by_all_its_bytes);
    support_table("registered by hand", section_is_read_or_refused, TABLE(sections));
    support_case("a file with CAs of the client registers nothing", chain_is_refused);
    return support_run("client");
}
