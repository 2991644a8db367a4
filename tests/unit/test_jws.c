/* jws: what is read as a token, and what its header says (RFC 7515). */
#include "tokens.h"

#include <openssl/hmac.h>
#include <string.h>

/* --- Headers ------------------------------------------------------------------------------------------------- */

typedef struct {
    const char   *name;
    const char   *header;
    mto_refusal_t refusal; /* of a token that ES256 with the right key has signed */
} header_t;

static const header_t headers[] = {
    {"alg alone", "{\"alg\":\"ES256\"}", MTO_ADMITTED},
    {"white space", " {\r\n \"alg\" : \"ES256\" } ", MTO_ADMITTED},
    {"alg escaped", "{\"alg\":\"ES\\u0032\\u0035\\u0036\"}", MTO_ADMITTED},
    {"typ of any kind", "{\"alg\":\"ES256\",\"typ\":\"secevent+jwt\"}", MTO_ADMITTED},
    {"unknown members", "{\"alg\":\"ES256\",\"cty\":\"JWT\",\"x\":{\"y\":[]}}", MTO_ADMITTED},

    {"none", "{\"alg\":\"none\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"None", "{\"alg\":\"None\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"NONE", "{\"alg\":\"NONE\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"nOnE", "{\"alg\":\"nOnE\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg empty", "{\"alg\":\"\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg absent", "{}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg null", "{\"alg\":null}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg a number", "{\"alg\":256}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg a list", "{\"alg\":[\"ES256\"]}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg true", "{\"alg\":true}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg with NUL", "{\"alg\":\"ES256\\u0000\"}", MTO_TOKEN_MALFORMED},
    {"alg in lower case", "{\"alg\":\"es256\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg with a space", "{\"alg\":\"ES256 \"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"Alg", "{\"Alg\":\"ES256\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"alg twice", "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", MTO_TOKEN_MALFORMED},
    {"alg twice, one none", "{\"alg\":\"none\",\"alg\":\"ES256\"}", MTO_TOKEN_MALFORMED},
    {"alg and its escaped twin", "{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}", MTO_TOKEN_MALFORMED},
    {"ES256K", "{\"alg\":\"ES256K\"}", MTO_ALGORITHM_NOT_ALLOWED},
    {"HS256", "{\"alg\":\"HS256\"}", MTO_ALGORITHM_NOT_ALLOWED},

    {"crit exp", "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}", MTO_CRITICAL_HEADER},
    {"crit unknown", "{\"alg\":\"ES256\",\"crit\":[\"a\"],\"a\":1}", MTO_CRITICAL_HEADER},
    {"crit without its member", "{\"alg\":\"ES256\",\"crit\":[\"a\"]}", MTO_CRITICAL_HEADER},
    {"crit empty", "{\"alg\":\"ES256\",\"crit\":[]}", MTO_CRITICAL_HEADER},
    {"crit null", "{\"alg\":\"ES256\",\"crit\":null}", MTO_CRITICAL_HEADER},
    {"crit a string", "{\"alg\":\"ES256\",\"crit\":\"exp\"}", MTO_CRITICAL_HEADER},
    {"crit alg", "{\"alg\":\"ES256\",\"crit\":[\"alg\"]}", MTO_CRITICAL_HEADER},
    {"crit b64", "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", MTO_CRITICAL_HEADER},
    {"b64 false", "{\"alg\":\"ES256\",\"b64\":false}", MTO_CRITICAL_HEADER},
    {"b64 true", "{\"alg\":\"ES256\",\"b64\":true}", MTO_CRITICAL_HEADER},
    {"b64 null", "{\"alg\":\"ES256\",\"b64\":null}", MTO_CRITICAL_HEADER},

    {"enc: a JWE", "{\"alg\":\"ES256\",\"enc\":\"A128GCM\"}", MTO_TOKEN_MALFORMED},
    {"kid a number", "{\"alg\":\"ES256\",\"kid\":1}", MTO_TOKEN_MALFORMED},
    {"kid null", "{\"alg\":\"ES256\",\"kid\":null}", MTO_TOKEN_MALFORMED},
    {"kid a list", "{\"alg\":\"ES256\",\"kid\":[\"a\"]}", MTO_TOKEN_MALFORMED},
    {"kid with NUL", "{\"alg\":\"ES256\",\"kid\":\"a\\u0000\"}", MTO_TOKEN_MALFORMED},
    {"typ a number", "{\"alg\":\"ES256\",\"typ\":1}", MTO_TOKEN_MALFORMED},
    {"typ null", "{\"alg\":\"ES256\",\"typ\":null}", MTO_TOKEN_MALFORMED},
    {"kid of a path", "{\"alg\":\"ES256\",\"kid\":\"../../etc/passwd\"}", MTO_ADMITTED},

    {"an array", "[{\"alg\":\"ES256\"}]", MTO_TOKEN_MALFORMED},
    {"a string", "\"ES256\"", MTO_TOKEN_MALFORMED},
    {"bytes behind", "{\"alg\":\"ES256\"}x", MTO_TOKEN_MALFORMED},
    {"invalid UTF-8", "{\"alg\":\"ES256\",\"a\":\"\xff\"}", MTO_TOKEN_MALFORMED},
    {"empty", "", MTO_TOKEN_MALFORMED},
};

static void header_is_taken_or_refused(const void *data)
{
    const header_t *row = data;
    EVP_PKEY       *key = support_key(MTO_KEY_P256, 0);

    assert_verdict(support_jws("ES256", key, row->header, PAYLOAD), support_keyset(support_jwk(key, NULL, NULL), NULL),
                   row->refusal);
}

static void deep_header_is_refused(const void *unused)
{
    EVP_PKEY     *key = support_key(MTO_KEY_P256, 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    int           depth;

    (void)unused;
    for (depth = 31; depth <= 32; depth++) {
        const char *header =
            support_text("{\"alg\":\"ES256\",\"a\":%s%s}", support_repeat("[", depth), support_repeat("]", depth));
        assert_verdict(support_jws("ES256", key, header, PAYLOAD), keys,
                       depth == 31 ? MTO_ADMITTED : MTO_TOKEN_MALFORMED);
    }
}

/* The header brings the attacker's own key, as a whole, as a certificate, as an address (RFC 8725 section 3.10). */
static void keys_of_the_header_are_never_used(const void *unused)
{
    EVP_PKEY     *attacker = support_key(MTO_KEY_P256, 1), *honest = support_key(MTO_KEY_P256, 0);
    mto_keyset_t *keys = support_keyset(support_jwk(honest, NULL, NULL), NULL);
    const char   *jwk = support_json(support_jwk(attacker, NULL, NULL));
    const char   *certificate = strchr(support_certificate_pem(attacker), '\n'), *base64 = "", *header;

    (void)unused;
    for (; *certificate != '-'; certificate++) {
        base64 = *certificate == '\n' ? base64 : support_text("%s%c", base64, *certificate);
    }
    header = support_text("{\"alg\":\"ES256\",\"jwk\":%s,\"jku\":\"http://127.0.0.1:1/jwks\","
                          "\"x5u\":\"http://127.0.0.1:1/x5u\",\"x5c\":[\"%s\"]}",
                          jwk, base64);
    assert_verdict(support_jws("ES256", attacker, header, PAYLOAD), keys, MTO_SIGNATURE_INVALID);
    assert_verdict(support_jws("ES256", honest, header, PAYLOAD), keys, MTO_ADMITTED);
}

/* RFC 8725 section 2.1: what is public must not become a secret. */
static void hmac_with_the_public_key_is_refused(const void *unused)
{
    EVP_PKEY     *key = support_key(MTO_KEY_RSA, 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    const char   *pem = support_pem(key), *names[] = {"HS256", "HS384", "HS512", "RS256"};
    const char   *secrets[] = {pem, support_text("%.*s", (int)strlen(pem) - 1, pem), support_text("%s\n", pem), ""};
    size_t        i, j;

    (void)unused;
    for (i = 0; i < 4; i++) {
        for (j = 0; j < 4; j++) {
            const char *header = support_text("{\"alg\":\"%s\"}", names[i]);
            const char *text =
                support_text("%s.%s", support_base64url(header, strlen(header)), support_base64url(PAYLOAD, 7));
            unsigned char mac[64];
            unsigned      size = sizeof mac;

            assert_non_null(HMAC(EVP_get_digestbyname(support_text("SHA%s", names[i] + 2)), secrets[j],
                                 (int)strlen(secrets[j]), (const unsigned char *)text, strlen(text), mac, &size));
            assert_verdict(support_text("%s.%s", text, support_base64url(mac, size)), keys,
                           i < 3 ? MTO_ALGORITHM_NOT_ALLOWED : MTO_SIGNATURE_INVALID);
        }
    }
}

/* --- Segments ------------------------------------------------------------------------------------------------ */

#define H "eyJhbGciOiJFUzI1NiJ9" /* {"alg":"ES256"} */
#define P "eyJhIjoxfQ"           /* {"a":1} */
#define S "AAAA"

static const struct {
    const char *name;
    const char *text;
} malformed[] = {
    {"empty", ""},
    {"one segment", H},
    {"two segments", H "." P},
    {"four segments", H "." P "." S "." S},
    {"five segments: a JWE", H "." P "." S "." S "." S},
    {"no header", "." P "." S},
    {"no signature: unsecured", H "." P "."},
    {"dots alone", ".."},
    {"a dot in front", "." H "." P "." S},
    {"a dot behind", H "." P "." S "."},
    {"header padded", H "=." P "." S},
    {"payload padded", H "." P "==." S},
    {"signature padded", H "." P "." S "="},
    {"header with trailing bits", "eyJhbGciOiJFUzI1NiJ91." P "." S},
    {"payload with trailing bits", H ".eyJhIjoxfR." S},
    {"signature with trailing bits", H "." P ".AAB"},
    {"plus in the signature", H "." P ".AA+A"},
    {"slash in the payload", H ".eyJh/joxfQ." S},
    {"space between", H " ." P "." S},
    {"line feed between", H ".\n" P "." S},
    {"comma behind", H "." P "." S ","},
    {"JSON serialization", "{\"payload\":\"" P "\",\"protected\":\"" H "\",\"signature\":\"" S "\"}"},
    {"header is no JSON", "AAAA." P "." S},
    {"header is a JSON number", "MQ." P "." S},
    {"scheme in front", "Bearer " H "." P "." S},
};

static void text_is_no_token(const void *data)
{
    const char *const *row = data;

    assert_verdict(row[1], support_keyset(support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL), NULL),
                   MTO_TOKEN_MALFORMED);
}

static void many_dots_are_refused_at_once(const void *unused)
{
    mto_keyset_t *keys = support_keyset(support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL), NULL);
    apr_time_t    start = apr_time_now();

    (void)unused;
    assert_verdict(support_repeat(".", 100000), keys, MTO_TOKEN_MALFORMED);
    assert_verdict(support_text(H "." P "%s", support_repeat(".", 100000)), keys, MTO_TOKEN_MALFORMED);
    assert_true(apr_time_now() - start < apr_time_from_sec(1));
}

/* RFC 7515 section 7.1: the payload may be empty. What is signed is then the header and a dot, not a payload elsewhere.
 */
static void empty_payload_is_a_payload(const void *unused)
{
    EVP_PKEY     *key = support_key(MTO_KEY_P256, 0);
    mto_keyset_t *keys = support_keyset(support_jwk(key, NULL, NULL), NULL);
    const char   *token = support_token("ES256", key, NULL, PAYLOAD);

    (void)unused;
    assert_verdict(support_token("ES256", key, NULL, ""), keys, MTO_ADMITTED);
    assert_verdict(support_text("%.*s..%s", (int)(strchr(token, '.') - token), token, strrchr(token, '.') + 1), keys,
                   MTO_SIGNATURE_INVALID);
}

static void nul_in_the_text_is_refused(const void *unused)
{
    mto_verdict_t     verdict = MTO_VERDICT_INIT;
    static const char text[] = H "." P "." S "\0AAA";
    mto_keyset_t     *keys = support_keyset(support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL), NULL);

    (void)unused;
    support_assert_refusal(verify_length(text, sizeof text - 1, keys, MTO_ALGORITHMS_ALL, NULL, &verdict),
                           MTO_TOKEN_MALFORMED, &verdict);
}

static void parts_are_where_they_are(const void *unused)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    const char   *text = support_token("ES384", support_key(MTO_KEY_P384, 0), "k", "{\"payload\":true}");
    mto_jws_t     jws;

    (void)unused;
    support_assert_refusal(mto_jws_read(&jws, text, strlen(text), &verdict), MTO_ADMITTED, &verdict);
    assert_string_equal(jws.kid, "k");
    assert_null(jws.type);
    assert_ptr_equal(jws.algorithm, mto_algorithm_find("ES384"));
    assert_int_equal(jws.payload_size, 16);
    assert_memory_equal(jws.payload, "{\"payload\":true}", 16);
    assert_int_equal(jws.signature_size, 96);
    assert_int_equal(jws.signed_size, strrchr(text, '.') - text);
    mto_jws_clear(&jws);
    assert_null(jws.header);
    mto_jws_clear(&jws);
}

int main(void)
{
    support_table("RFC 7515 section 4, header", header_is_taken_or_refused, TABLE(headers));
    support_case("DESIGN section 4, depth of the header", deep_header_is_refused);
    support_case("RFC 8725 section 3.10, jwk, jku, x5u, x5c", keys_of_the_header_are_never_used);
    support_case("RFC 8725 section 2.1, HMAC keyed with the public key", hmac_with_the_public_key_is_refused);
    support_table("RFC 7515 section 7.1, three segments", text_is_no_token, TABLE(malformed));
    support_case("100000 dots are refused at once", many_dots_are_refused_at_once);
    support_case("RFC 7515 section 7.1, an empty payload", empty_payload_is_a_payload);
    support_case("RFC 7515 section 7.1, NUL behind", nul_in_the_text_is_refused);
    support_case("a token is taken apart", parts_are_where_they_are);
    return support_run("jws");
}
