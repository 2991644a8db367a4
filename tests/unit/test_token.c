/* token: read, proven once, admitted at every request (DESIGN section 2, "One request"; issue and RFC named per table).
 */
#include "hierarchy.h"

#include "core/token.h"
#include "vectors.h"

#include <apr_thread_proc.h>
#include <stdlib.h>
#include <string.h>

/* What most tokens say besides; no comma behind. */
#define CLAIMS "\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"alice\""
#define GOOD   "{" CLAIMS ",\"exp\":1700000300}"

static EVP_PKEY *signing_key(void)
{
    return support_key(MTO_KEY_ED25519, 0);
}

static const mto_keyset_t *signing_keys(void)
{
    return support_keyset(support_jwk(signing_key(), "k", NULL), NULL);
}

static const char *signed_token(const char *payload)
{
    return support_token("EdDSA", signing_key(), "k", payload);
}

static mto_refusal_t prove(mto_token_t **token, const char *text, const mto_keyset_t *keys, const mto_policy_t *policy,
                           mto_verdict_t *why)
{
    mto_presented_t *presented;
    mto_refusal_t    refusal = mto_presented_read(&presented, text, strlen(text), why);

    *token = NULL;
    if (refusal == MTO_ADMITTED) {
        refusal = mto_token_prove(token, presented, keys, policy, why);
    }
    assert_true((*token != NULL) == (refusal == MTO_ADMITTED));
    mto_presented_free(presented);
    return refusal;
}

/* A token that must prove well. */
static mto_token_t *proven(const char *text, const mto_keyset_t *keys, const mto_policy_t *policy)
{
    mto_verdict_t why = MTO_VERDICT_INIT;
    mto_token_t  *token;

    support_assert_refusal(prove(&token, text, keys, policy, &why), MTO_ADMITTED, &why);
    return token;
}

/* --- Reading ------------------------------------------------------------------------------------------------- */

/* A token of EdDSA whose payload has so many bytes: 20 characters of header, two dots, 86 of signature. */
static const char *token_with_payload_of(int size)
{
    const int fill = size - (int)strlen("{" CLAIMS ",\"exp\":1700000300,\"x\":\"\"}");

    return support_token("EdDSA", signing_key(), NULL,
                         support_text("{" CLAIMS ",\"exp\":1700000300,\"x\":\"%s\"}", support_repeat("a", fill)));
}

static void token_size_is_bounded(const void *unused)
{
    const mto_keyset_t *keys = support_keyset(support_jwk(signing_key(), NULL, NULL), NULL);
    const char         *most = token_with_payload_of((MTO_TOKEN_SIZE - 20 - 2 - 86) / 4 * 3);
    mto_verdict_t       larger = MTO_VERDICT_INIT, huge = MTO_VERDICT_INIT;
    mto_presented_t    *presented;

    (void)unused;
    assert_int_equal(strlen(most), MTO_TOKEN_SIZE);
    mto_token_release(proven(most, keys, support_policy()));
    most = support_text("%sA", most);
    support_assert_refusal(mto_presented_read(&presented, most, strlen(most), &larger), MTO_TOKEN_TOO_LARGE, &larger);
    assert_null(presented);
    support_assert_refusal(mto_presented_read(&presented, most, (size_t)-1, &huge), MTO_TOKEN_TOO_LARGE, &huge);
    mto_presented_free(NULL);
}

typedef struct {
    const char   *name;
    const char   *header;
    const char   *payload;
    mto_refusal_t refusal;
} reading_t;

static const reading_t readings[] = {
    {"good", "{\"alg\":\"EdDSA\"}", GOOD, MTO_ADMITTED},
    {"header and payload bad", "{\"alg\":\"none\"}", "[]", MTO_ALGORITHM_NOT_ALLOWED},
    {"crit", "{\"alg\":\"EdDSA\",\"crit\":[\"a\"]}", GOOD, MTO_CRITICAL_HEADER},
    {"payload an array", "{\"alg\":\"EdDSA\"}", "[]", MTO_CLAIMS_MALFORMED},
    {"payload empty", "{\"alg\":\"EdDSA\"}", "", MTO_CLAIMS_MALFORMED},
    {"payload prose", "{\"alg\":\"EdDSA\"}", "Payload", MTO_CLAIMS_MALFORMED},
    {"payload a token", "{\"alg\":\"EdDSA\",\"cty\":\"JWT\"}", RFC7515_A_3_JWS, MTO_CLAIMS_MALFORMED},
    {"claim twice", "{\"alg\":\"EdDSA\"}", "{\"iss\":\"a\",\"iss\":\"b\"}", MTO_CLAIMS_MALFORMED},
};

static void token_is_read_or_refused(const void *data)
{
    const reading_t *row = data;
    const char      *text = support_jws("EdDSA", signing_key(), row->header, row->payload);
    mto_verdict_t    why = MTO_VERDICT_INIT;
    mto_presented_t *presented;
    mto_refusal_t    refusal = mto_presented_read(&presented, text, strlen(text), &why);

    assert_true((presented != NULL) == (refusal == MTO_ADMITTED));
    mto_presented_free(presented);
    support_assert_refusal(refusal, row->refusal, &why);
}

static void changed_bit_is_refused(const void *unused)
{
    const char         *text = support_token("ES256", support_key(MTO_KEY_P256, 0), NULL, GOOD);
    const mto_keyset_t *keys = support_keyset(support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL), NULL);
    const mto_policy_t *policy = support_policy();
    char               *changed = strdup(text);
    size_t              bit;

    (void)unused;
    mto_token_release(proven(text, keys, policy));
    for (bit = 0; bit < 8 * strlen(text); bit++) {
        mto_verdict_t why = MTO_VERDICT_INIT;
        mto_token_t  *token;

        changed[bit / 8] = (char)(changed[bit / 8] ^ 1 << bit % 8);
        assert_int_not_equal(prove(&token, changed, keys, policy, &why), MTO_ADMITTED);
        changed[bit / 8] = text[bit / 8];
    }
    free(changed);
}

/* --- The order of prove: of several faults the first is told ------------------------------------------------- */

typedef struct {
    const char   *name;
    const char   *alg;          /* in the header */
    const char   *typ;          /* in the header */
    const char   *kid;          /* in the header */
    int           other_signer; /* somebody else signs */
    int           no_keys;      /* 1: NULL, 2: an empty set */
    const char   *payload;
    mto_refusal_t refusal;
} fault_t;

#define BAD "{\"iss\":\"https://evil.example\",\"sub\":\"\"}"

static const fault_t faults[] = {
    {"no keys, and all else wrong", "EdDSA", "x", "?", 1, 1, BAD, MTO_KEYS_UNAVAILABLE},
    {"an empty set, and all else wrong", "EdDSA", "x", "?", 1, 2, BAD, MTO_KEYS_UNAVAILABLE},
    {"algorithm not allowed", "Ed25519", "x", "?", 1, 0, BAD, MTO_ALGORITHM_NOT_ALLOWED},
    {"unknown key", "EdDSA", "x", "?", 1, 0, BAD, MTO_KEY_UNKNOWN},
    {"signature", "EdDSA", "x", "k", 1, 0, BAD, MTO_SIGNATURE_INVALID},
    {"issuer", "EdDSA", "x", "k", 0, 0, BAD, MTO_ISSUER_UNKNOWN},
    {"issuer absent", "EdDSA", "x", "k", 0, 0, "{\"sub\":\"\"}", MTO_ISSUER_UNKNOWN},
    {"issuer with a slash behind", "EdDSA", "JWT", "k", 0, 0, "{\"iss\":\"" ISSUER "/\",\"exp\":1,\"sub\":\"a\"}",
     MTO_ISSUER_UNKNOWN},
    {"type", "EdDSA", "x", "k", 0, 0, "{\"iss\":\"" ISSUER "\",\"sub\":\"\"}", MTO_TYPE_NOT_ALLOWED},
    {"exp", "EdDSA", "JWT", "k", 0, 0, "{\"iss\":\"" ISSUER "\",\"sub\":\"\"}", MTO_CLAIM_MISSING},
    {"user", "EdDSA", "JWT", "k", 0, 0, "{\"iss\":\"" ISSUER "\",\"exp\":1,\"sub\":\"\"}", MTO_USER_CLAIM_MALFORMED},
    {"nothing: aud, time and binding are for admit", "EdDSA", "JWT", "k", 0, 0,
     "{\"iss\":\"" ISSUER "\",\"exp\":1,\"sub\":\"a\",\"cnf\":1}", MTO_ADMITTED},
};

static void first_fault_is_told(const void *data)
{
    const fault_t *row = data;
    mto_keyset_t  *empty = mto_keyset_create();
    mto_policy_t  *policy = support_policy();
    const char    *text = support_jws(
           "EdDSA", support_key(MTO_KEY_ED25519, row->other_signer),
           support_text("{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}", row->alg, row->typ, row->kid), row->payload);
    mto_verdict_t why = MTO_VERDICT_INIT;
    mto_refusal_t refusal;
    mto_token_t  *token;

    mto_keyset_seal(empty);
    policy->settings.algorithms &= ~mto_algorithm_bit(mto_algorithm_find("Ed25519"));
    refusal = prove(&token, text, row->no_keys == 0 ? signing_keys() : row->no_keys == 1 ? NULL : empty, policy, &why);
    mto_token_release(token);
    mto_keyset_release(empty);
    support_assert_refusal(refusal, row->refusal, &why);
}

/* token.h: on success the claims move. Who refuses still has iss and client to log. */
static void refused_token_keeps_its_claims(const void *unused)
{
    const char      *text = signed_token("{\"iss\":\"" ISSUER "\",\"exp\":1,\"sub\":\"\"}");
    mto_verdict_t    why = MTO_VERDICT_INIT;
    mto_presented_t *presented;
    mto_refusal_t    refusal;
    mto_token_t     *token;
    const char      *issuer;

    (void)unused;
    assert_int_equal(mto_presented_read(&presented, text, strlen(text), &why), MTO_ADMITTED);
    refusal = mto_token_prove(&token, presented, signing_keys(), support_policy(), &why);
    issuer = mto_presented_claims(presented)->issuer;
    issuer = support_text("%s", issuer != NULL ? issuer : "(none)");
    mto_presented_free(presented);
    support_assert_refusal(refusal, MTO_USER_CLAIM_MALFORMED, &why);
    assert_null(token);
    assert_string_equal(issuer, ISSUER);
}

/* --- Profiles (DESIGN section 4, RFC 9068, RFC 8725 section 3.11) --------------------------------------------- */

typedef struct {
    const char   *name;
    mto_profile_t profile;
    const char   *typ;     /* the header's member with its value; NULL: none */
    const char   *payload; /* members behind CLAIMS and exp */
    mto_refusal_t refusal;
} profile_t;

#define JWT       MTO_PROFILE_JWT
#define AT        MTO_PROFILE_RFC9068
#define AT_CLAIMS ",\"client_id\":\"c\",\"iat\":1700000000,\"jti\":\"1\""

static const profile_t profiles[] = {
    {"jwt, no typ", JWT, NULL, "", MTO_ADMITTED},
    {"jwt, JWT", JWT, "JWT", "", MTO_ADMITTED},
    {"jwt, jwt", JWT, "jwt", "", MTO_ADMITTED},
    {"jwt, application/jwt", JWT, "application/jwt", "", MTO_ADMITTED},
    {"jwt, at+jwt", JWT, "at+jwt", "", MTO_ADMITTED},
    {"jwt, AT+JWT", JWT, "AT+JWT", "", MTO_ADMITTED},
    {"jwt, Application/At+Jwt", JWT, "Application/At+Jwt", "", MTO_ADMITTED},
    {"jwt, typ empty", JWT, "", "", MTO_TYPE_NOT_ALLOWED},
    {"jwt, application/", JWT, "application/", "", MTO_TYPE_NOT_ALLOWED},
    {"jwt, application/ twice", JWT, "application/application/jwt", "", MTO_TYPE_NOT_ALLOWED},
    {"jwt, text/jwt", JWT, "text/jwt", "", MTO_TYPE_NOT_ALLOWED},
    {"jwt, logout+jwt", JWT, "logout+jwt", "", MTO_TYPE_NOT_ALLOWED},
    {"jwt, dpop+jwt", JWT, "dpop+jwt", "", MTO_TYPE_NOT_ALLOWED},
    {"jwt, secevent+jwt", JWT, "secevent+jwt", "", MTO_TYPE_NOT_ALLOWED},
    {"jwt, token-introspection+jwt", JWT, "token-introspection+jwt", "", MTO_TYPE_NOT_ALLOWED},
    {"jwt, at+jwt with a space", JWT, "at+jwt ", "", MTO_TYPE_NOT_ALLOWED},
    {"jwt, JOSE", JWT, "JOSE", "", MTO_TYPE_NOT_ALLOWED},
    {"jwt, events", JWT, NULL, ",\"events\":{}", MTO_TYPE_NOT_ALLOWED},
    {"jwt, at_hash", JWT, NULL, ",\"at_hash\":\"a\"", MTO_TYPE_NOT_ALLOWED},
    {"jwt, c_hash", JWT, "JWT", ",\"c_hash\":\"a\"", MTO_TYPE_NOT_ALLOWED},
    {"jwt, s_hash", JWT, "at+jwt", ",\"s_hash\":\"a\"", MTO_TYPE_NOT_ALLOWED},
    {"jwt, at_hash null", JWT, NULL, ",\"at_hash\":null", MTO_TYPE_NOT_ALLOWED},
    {"jwt, claim typ ID", JWT, NULL, ",\"typ\":\"ID\"", MTO_TYPE_NOT_ALLOWED},
    {"jwt, claim typ Refresh", JWT, NULL, ",\"typ\":\"Refresh\"", MTO_TYPE_NOT_ALLOWED},
    {"jwt, claim typ Offline", JWT, NULL, ",\"typ\":\"Offline\"", MTO_TYPE_NOT_ALLOWED},
    {"jwt, claim typ Logout", JWT, NULL, ",\"typ\":\"Logout\"", MTO_TYPE_NOT_ALLOWED},
    {"jwt, claim typ Bearer", JWT, NULL, ",\"typ\":\"Bearer\"", MTO_ADMITTED},
    {"jwt, claim typ a number", JWT, NULL, ",\"typ\":1", MTO_ADMITTED},
    {"jwt, nonce is no mark", JWT, NULL, ",\"nonce\":\"a\"", MTO_ADMITTED},

    {"rfc9068, at+jwt", AT, "at+jwt", AT_CLAIMS, MTO_ADMITTED},
    {"rfc9068, application/at+jwt", AT, "application/at+jwt", AT_CLAIMS, MTO_ADMITTED},
    {"rfc9068, At+JWT", AT, "At+JWT", AT_CLAIMS, MTO_ADMITTED},
    {"rfc9068, no typ", AT, NULL, AT_CLAIMS, MTO_TYPE_NOT_ALLOWED},
    {"rfc9068, JWT", AT, "JWT", AT_CLAIMS, MTO_TYPE_NOT_ALLOWED},
    {"rfc9068, typ empty", AT, "", AT_CLAIMS, MTO_TYPE_NOT_ALLOWED},
    {"rfc9068, at+jwt+x", AT, "at+jwt+x", AT_CLAIMS, MTO_TYPE_NOT_ALLOWED},
    {"rfc9068, client_id absent", AT, "at+jwt", ",\"iat\":1,\"jti\":\"1\"", MTO_CLAIM_MISSING},
    {"rfc9068, iat absent", AT, "at+jwt", ",\"client_id\":\"c\",\"jti\":\"1\"", MTO_CLAIM_MISSING},
    {"rfc9068, jti absent", AT, "at+jwt", ",\"client_id\":\"c\",\"iat\":1", MTO_CLAIM_MISSING},
    {"rfc9068, client_id null", AT, "at+jwt", ",\"client_id\":null,\"iat\":1,\"jti\":\"1\"", MTO_CLAIM_MISSING},
    {"rfc9068, jti null", AT, "at+jwt", ",\"client_id\":\"c\",\"iat\":1,\"jti\":null", MTO_CLAIM_MISSING},
    {"rfc9068, client_id a number", AT, "at+jwt", ",\"client_id\":1,\"iat\":1,\"jti\":\"1\"", MTO_CLAIMS_MALFORMED},
    {"rfc9068, jti a list", AT, "at+jwt", ",\"client_id\":\"c\",\"iat\":1,\"jti\":[]", MTO_CLAIMS_MALFORMED},
};

static void profile_tells_access_tokens(const void *data)
{
    const profile_t *row = data;
    mto_policy_t    *policy = support_policy();
    const char      *typ = row->typ != NULL ? support_text(",\"typ\":\"%s\"", row->typ) : "";
    const char      *text = support_jws("EdDSA", signing_key(), support_text("{\"alg\":\"EdDSA\"%s}", typ),
                                        support_text("{" CLAIMS ",\"exp\":1700000300%s}", row->payload));
    mto_verdict_t    why = MTO_VERDICT_INIT;
    mto_refusal_t    refusal;
    mto_token_t     *token;

    policy->settings.profile = (int)row->profile;
    refusal = prove(&token, text, support_keyset(support_jwk(signing_key(), NULL, NULL), NULL), policy, &why);
    mto_token_release(token);
    support_assert_refusal(refusal, row->refusal, &why);
}

/* RFC 9068 section 2.2: iss, exp, aud, sub, client_id, iat and jti; each row has not one of them. */
static const struct {
    const char *name;
    const char *payload;
} incomplete[] = {
    {"exp", "{" CLAIMS AT_CLAIMS "}"},
    {"aud", "{\"iss\":\"" ISSUER "\",\"sub\":\"a\",\"exp\":1" AT_CLAIMS "}"},
    {"sub", "{\"iss\":\"" ISSUER "\",\"aud\":\"a\",\"exp\":1" AT_CLAIMS "}"},
    {"sub null", "{\"iss\":\"" ISSUER "\",\"aud\":\"a\",\"exp\":1,\"sub\":null" AT_CLAIMS "}"},
};

static void rfc9068_claim_is_missed(const void *data)
{
    mto_policy_t *policy = support_policy();
    const char   *text = support_jws("EdDSA", signing_key(), "{\"alg\":\"EdDSA\",\"kid\":\"k\",\"typ\":\"at+jwt\"}",
                                     ((const char *const *)data)[1]);
    mto_verdict_t why = MTO_VERDICT_INIT;
    mto_token_t  *token;

    policy->settings.profile = MTO_PROFILE_RFC9068;
    support_assert_refusal(prove(&token, text, signing_keys(), policy, &why), MTO_CLAIM_MISSING, &why);
}

/* --- Required claims ------------------------------------------------------------------------------------------ */

typedef struct {
    const char   *name;
    const char   *payload; /* members behind iss, aud and sub */
    mto_refusal_t refusal;
} required_t;

static const required_t required[] = {
    {"all there", ",\"exp\":1,\"a\":{\"b\":0},\"x.y\":\"\"", MTO_ADMITTED},
    {"of any type", ",\"exp\":1,\"a\":{\"b\":false},\"x.y\":[]", MTO_ADMITTED},
    {"exp absent", ",\"a\":{\"b\":0},\"x.y\":\"\"", MTO_CLAIM_MISSING},
    {"first absent", ",\"exp\":1,\"x.y\":\"\"", MTO_CLAIM_MISSING},
    {"first null", ",\"exp\":1,\"a\":{\"b\":null},\"x.y\":\"\"", MTO_CLAIM_MISSING},
    {"first has another shape", ",\"exp\":1,\"a\":\"b\",\"x.y\":\"\"", MTO_CLAIM_MISSING},
    {"second absent", ",\"exp\":1,\"a\":{\"b\":0}", MTO_CLAIM_MISSING},
    {"second as a path", ",\"exp\":1,\"a\":{\"b\":0},\"x\":{\"y\":1}", MTO_CLAIM_MISSING},
};

static void required_claims_are_there(const void *data)
{
    const required_t *row = data;
    mto_policy_t     *policy = support_policy();
    mto_verdict_t     why = MTO_VERDICT_INIT;
    mto_refusal_t     refusal;
    mto_token_t      *token;

    policy->settings.required_claims = support_paths("a.b", "x\\.y", NULL);
    refusal = prove(&token, signed_token(support_text("{" CLAIMS "%s}", row->payload)), signing_keys(), policy, &why);
    mto_token_release(token);
    support_assert_refusal(refusal, row->refusal, &why);
}

/* --- User and client ------------------------------------------------------------------------------------------ */

#define MISSING   "user_claim_missing"
#define MALFORMED "user_claim_malformed"

typedef struct {
    const char *name;
    const char *payload; /* members behind iss, aud and exp */
    const char *user;    /* by the claims upn, then sub, with the suffix @x; or the code of the refusal */
} user_t;

static const user_t users[] = {
    {"string", "\"sub\":\"alice\"", "alice@x"},
    {"first claim wins", "\"sub\":\"alice\",\"upn\":\"bob\"", "bob@x"},
    {"null counts as absent", "\"sub\":\"alice\",\"upn\":null", "alice@x"},
    {"first claim wins though it is bad", "\"sub\":\"alice\",\"upn\":\"\"", MALFORMED},
    {"both absent", "\"name\":\"alice\"", MISSING},
    {"both null", "\"sub\":null,\"upn\":null", MISSING},
    {"space", "\"sub\":\" \"", " @x"},
    {"UTF-8", "\"sub\":\"\xc3\xa9\xe2\x82\xac\"", "\xc3\xa9\xe2\x82\xac@x"},
    {"just above C1: U+00A0", "\"sub\":\"a\\u00a0b\"",
     "a\xc2\xa0"
     "b@x"},
    {"another character in C3", "\"sub\":\"\\u00c0\"", "\xc3\x80@x"},
    {"0", "\"sub\":0", "0@x"},
    {"integer", "\"sub\":42", "42@x"},
    {"largest integer", "\"sub\":9223372036854775807", "9223372036854775807@x"},
    {"-1", "\"sub\":-1", MALFORMED},
    {"1.5", "\"sub\":1.5", MALFORMED},
    {"1.0", "\"sub\":1.0", MALFORMED},
    {"true", "\"sub\":true", MALFORMED},
    {"a list", "\"sub\":[\"alice\"]", MALFORMED},
    {"an object", "\"sub\":{}", MALFORMED},
    {"empty", "\"sub\":\"\"", MALFORMED},
    {"line feed", "\"sub\":\"a\\nb\"", MALFORMED},
    {"carriage return", "\"sub\":\"a\\r\"", MALFORMED},
    {"tabulator", "\"sub\":\"\\ta\"", MALFORMED},
    {"U+0001", "\"sub\":\"\\u0001\"", MALFORMED},
    {"U+001F", "\"sub\":\"a\\u001f\"", MALFORMED},
    {"DEL", "\"sub\":\"a\\u007f\"", MALFORMED},
    {"U+0080, first of C1", "\"sub\":\"a\\u0080\"", MALFORMED},
    {"U+0085, next line", "\"sub\":\"a\xc2\x85\"", MALFORMED},
    {"U+009F, last of C1", "\"sub\":\"a\\u009f\"", MALFORMED},
    {"NUL", "\"sub\":\"a\\u0000\"", "claims_malformed"},
    {"Latin-1", "\"sub\":\"\xe9\"", "claims_malformed"},
};

static void check_user(const char *payload, const char *wanted)
{
    mto_policy_t *policy = support_policy();
    mto_verdict_t why = MTO_VERDICT_INIT;
    mto_refusal_t refusal;
    mto_token_t  *token;
    const char   *text = signed_token(support_text("{\"iss\":\"" ISSUER "\",\"exp\":1,%s}", payload));
    const char   *outcome;

    policy->settings.remote_user_claims = support_paths("upn", "sub", NULL);
    policy->settings.remote_user_suffix = "@x";
    refusal = prove(&token, text, signing_keys(), policy, &why);
    outcome = refusal == MTO_ADMITTED ? support_text("%s", mto_token_user(token)) : mto_refusal_row(refusal)->code;
    mto_token_release(token);
    assert_string_equal(outcome, wanted);
}

static void user_is_a_name(const void *data)
{
    const user_t *row = data;

    check_user(row->payload, row->user);
}

static void user_has_at_most_255_bytes(const void *unused)
{
    const char *name = support_repeat("a", 255), *accented = support_repeat("\xc3\xa9", 127);

    (void)unused;
    check_user(support_text("\"sub\":\"%s\"", name), support_text("%s@x", name));
    check_user(support_text("\"sub\":\"%sa\"", name), MALFORMED);
    check_user(support_text("\"sub\":\"%sa\"", accented), support_text("%sa@x", accented));
    check_user(support_text("\"sub\":\"%s\xc3\xa9\"", accented), MALFORMED);
    check_user(support_text("\"sub\":\"%s\"", support_repeat("a", 10000)), MALFORMED);
}

static const struct {
    const char *name;
    const char *payload; /* members behind CLAIMS and exp */
    const char *client;  /* NULL: none */
} clients[] = {
    {"client_id", ",\"client_id\":\"c\"", "c"},
    {"azp", ",\"azp\":\"c\"", "c"},
    {"appid", ",\"appid\":\"c\"", "c"},
    {"cid", ",\"cid\":\"c\"", "c"},
    {"client_id before azp", ",\"azp\":\"b\",\"client_id\":\"c\"", "c"},
    {"null counts as absent", ",\"azp\":\"c\",\"client_id\":null", "c"},
    {"none", "", NULL},
    {"a number is no text", ",\"client_id\":1,\"azp\":\"c\"", NULL},
    {"a line feed is no text", ",\"client_id\":\"a\\nb\"", NULL},
    {"a C1 control is no text", ",\"client_id\":\"a\\u009b\"", NULL},
};

static void client_is_a_text(const void *data)
{
    const char *const *row = data;
    mto_token_t       *token =
        proven(signed_token(support_text("{" CLAIMS ",\"exp\":1%s}", row[1])), signing_keys(), support_policy());
    const char *client = mto_token_texts(token)->client_id;

    assert_true((client == NULL) == (row[2] == NULL));
    assert_true(client == NULL || strcmp(client, row[2]) == 0);
    mto_token_release(token);
}

static void proven_token_says_what_it_is(const void *unused)
{
    const mto_policy_t *policy = support_policy();
    mto_token_t        *token = proven(signed_token(GOOD), signing_keys(), policy);

    (void)unused;
    assert_ptr_equal(mto_token_policy(token), policy);
    assert_string_equal(mto_token_claims(token)->issuer, ISSUER);
    assert_int_equal(mto_token_claims(token)->expires, NOW + apr_time_from_sec(300));
    assert_string_equal(mto_token_user(token), "alice");
    assert_null(mto_token_texts(token)->client_id);
    mto_token_release(token);
}

/* --- Admit: time (RFC 7519 section 4.1) ------------------------------------------------------------------------ */

typedef struct {
    const char   *name;
    const char   *times;    /* members behind CLAIMS; the request is at 1700000000 */
    int           skew;     /* seconds */
    int           lifetime; /* seconds; 0: off */
    apr_time_t    offset;   /* microseconds that the request is later */
    mto_refusal_t refusal;
} instant_t;

#define SECOND   APR_USEC_PER_SEC
#define EXPIRED  MTO_TOKEN_EXPIRED
#define NOT_YET  MTO_TOKEN_NOT_YET_VALID
#define TOO_LONG MTO_LIFETIME_EXCEEDED

static const instant_t times[] = {
    {"before exp", ",\"exp\":1700000000", 0, 0, -1, MTO_ADMITTED},
    {"at exp", ",\"exp\":1700000000", 0, 0, 0, EXPIRED},
    {"1 us before exp and skew", ",\"exp\":1700000000", 30, 0, 30 * SECOND - 1, MTO_ADMITTED},
    {"at exp and skew", ",\"exp\":1700000000", 30, 0, 30 * SECOND, EXPIRED},
    {"1 s after exp and skew", ",\"exp\":1700000000", 30, 0, 31 * SECOND, EXPIRED},
    {"exp with a fraction, 1 us before", ",\"exp\":1700000000.5", 0, 0, SECOND / 2 - 1, MTO_ADMITTED},
    {"exp with a fraction, at it", ",\"exp\":1700000000.5", 0, 0, SECOND / 2, EXPIRED},
    {"exp 0", ",\"exp\":0", 300, 0, 0, EXPIRED},
    {"exp at the end of time", ",\"exp\":1e308", 300, 0, 0, MTO_ADMITTED},
    {"exp the largest integer", ",\"exp\":9223372036854775807", 300, 0, 0, MTO_ADMITTED},

    {"at nbf", ",\"exp\":1700000300,\"nbf\":1700000000", 0, 0, 0, MTO_ADMITTED},
    {"1 us before nbf", ",\"exp\":1700000300,\"nbf\":1700000000", 0, 0, -1, NOT_YET},
    {"skew before nbf", ",\"exp\":1700000300,\"nbf\":1700000030", 30, 0, 0, MTO_ADMITTED},
    {"skew and 1 us before nbf", ",\"exp\":1700000300,\"nbf\":1700000030", 30, 0, -1, NOT_YET},
    {"nbf at the end of time", ",\"exp\":1e308,\"nbf\":1e308", 300, 0, 0, NOT_YET},
    {"nbf 0", ",\"exp\":1700000300,\"nbf\":0", 0, 0, 0, MTO_ADMITTED},
    {"at iat", ",\"exp\":1700000300,\"iat\":1700000000", 0, 0, 0, MTO_ADMITTED},
    {"1 us before iat", ",\"exp\":1700000300,\"iat\":1700000000", 0, 0, -1, NOT_YET},
    {"skew before iat", ",\"exp\":1700000300,\"iat\":1700000030", 30, 0, 0, MTO_ADMITTED},
    {"skew and 1 us before iat", ",\"exp\":1700000300,\"iat\":1700000030", 30, 0, -1, NOT_YET},
    {"iat at the end of time", ",\"exp\":1e308,\"iat\":1e308", 300, 0, 0, NOT_YET},
    {"expired and not yet valid", ",\"exp\":1600000000,\"nbf\":1800000000", 30, 0, 0, EXPIRED},

    {"lifetime just allowed", ",\"exp\":1700003500,\"iat\":1699999900", 30, 3600, 0, MTO_ADMITTED},
    {"lifetime 1 s too long", ",\"exp\":1700003501,\"iat\":1699999900", 30, 3600, 0, TOO_LONG},
    {"lifetime 1 us too long", ",\"exp\":1700003500.000001,\"iat\":1699999900", 30, 3600, 0, TOO_LONG},
    {"lifetime too long, later", ",\"exp\":1700003501,\"iat\":1699999900", 30, 3600, 3000 * SECOND, TOO_LONG},
    {"lifetime without iat just allowed", ",\"exp\":1700003600", 30, 3600, 0, MTO_ADMITTED},
    {"lifetime without iat 1 us too long", ",\"exp\":1700003600", 30, 3600, -1, TOO_LONG},
    {"lifetime off", ",\"exp\":9999999999,\"iat\":0", 30, 0, 0, MTO_ADMITTED},
    {"lifetime from 0 to the end of time", ",\"exp\":1e308,\"iat\":0", 30, 3600, 0, TOO_LONG},
    {"lifetime to the end of time without iat", ",\"exp\":1e308", 30, 3600, 0, TOO_LONG},
    {"exp before iat, both within the skew", ",\"exp\":1699999990,\"iat\":1700000010", 30, 3600, 0, MTO_ADMITTED},
    {"nbf does not begin the lifetime", ",\"exp\":1700003501,\"iat\":1699999900,\"nbf\":1700000000", 30, 3600, 0,
     TOO_LONG},
};

static mto_refusal_t admit_at(const mto_token_t *token, const mto_keyset_t *keys, apr_time_t now,
                              mto_verdict_t *verdict)
{
    const mto_demand_t   nothing = {0};
    const mto_occasion_t occasion = {now, NULL, keys, &nothing, NULL, NULL};

    return mto_token_admit(token, &occasion, verdict);
}

static void time_is_kept_to_the_microsecond(const void *data)
{
    const instant_t    *row = data;
    mto_policy_t       *policy = support_policy();
    const mto_keyset_t *keys = signing_keys();
    mto_verdict_t       verdict = MTO_VERDICT_INIT;
    mto_refusal_t       refusal;
    mto_token_t        *token;

    policy->settings.clock_skew = apr_time_from_sec(row->skew);
    policy->settings.max_token_lifetime = apr_time_from_sec(row->lifetime);
    token = proven(signed_token(support_text("{" CLAIMS "%s}", row->times)), keys, policy);
    refusal = admit_at(token, keys, NOW + row->offset, &verdict);
    mto_token_release(token);
    support_assert_refusal(refusal, row->refusal, &verdict);
}

/* --- Admit: issuer and audience ---------------------------------------------------------------------------------- */

typedef struct {
    const char   *name;
    const char   *aud;      /* of the token; NULL: absent */
    const char   *block;    /* MTLSOAuthAudience of the block; NULL: any */
    const char   *location; /* of the Location; NULL: not written */
    const char   *accepted; /* MTLSOAuthAcceptIssuers of the Location; NULL: not written */
    mto_refusal_t refusal;
} audience_t;

static const audience_t audiences[] = {
    {"block", "\"a\"", "a", NULL, NULL, MTO_ADMITTED},
    {"block, in a list", "[\"x\",\"a\"]", "a", NULL, NULL, MTO_ADMITTED},
    {"block, another", "\"b\"", "a", NULL, NULL, MTO_AUDIENCE_MISMATCH},
    {"block, absent", NULL, "a", NULL, NULL, MTO_AUDIENCE_MISMATCH},
    {"block, empty list", "[]", "a", NULL, NULL, MTO_AUDIENCE_MISMATCH},
    {"block any, absent", NULL, NULL, NULL, NULL, MTO_ADMITTED},
    {"block any, Location", "\"b\"", NULL, "b", NULL, MTO_ADMITTED},
    {"block any, Location another", "\"a\"", NULL, "b", NULL, MTO_AUDIENCE_MISMATCH},
    {"block any, Location, absent", NULL, NULL, "b", NULL, MTO_AUDIENCE_MISMATCH},
    {"block and Location", "[\"a\",\"b\"]", "a", "b", NULL, MTO_ADMITTED},
    {"block, not Location", "[\"a\"]", "a", "b", NULL, MTO_AUDIENCE_MISMATCH},
    {"Location, not block", "[\"b\"]", "a", "b", NULL, MTO_AUDIENCE_MISMATCH},
    {"issuer accepted", "\"a\"", "a", NULL, ISSUER, MTO_ADMITTED},
    {"issuer accepted by name", "\"a\"", "a", NULL, "main", MTO_ADMITTED},
    {"issuer not accepted", "\"a\"", "a", NULL, "https://other.example", MTO_ISSUER_NOT_ACCEPTED},
    {"issuer not accepted, audience wrong", "\"b\"", "a", NULL, "other", MTO_ISSUER_NOT_ACCEPTED},
};

static void issuer_and_audience_are_demanded(const void *data)
{
    const audience_t  *row = data;
    const mto_demand_t location = {row->accepted != NULL ? support_texts(row->accepted, NULL) : NULL,
                                   row->location != NULL ? support_texts(row->location, NULL) : NULL, 0};
    const mto_keyset_t  *keys = signing_keys();
    const mto_occasion_t occasion = {NOW, NULL, keys, &location, NULL, NULL};
    const char          *aud = row->aud != NULL ? support_text(",\"aud\":%s", row->aud) : "";
    mto_verdict_t        verdict = MTO_VERDICT_INIT;
    mto_policy_t        *policy = support_policy();
    mto_refusal_t        refusal;
    mto_token_t         *token;

    policy->name = "main";
    policy->audiences = row->block != NULL ? support_texts(row->block, NULL) : NULL;
    token = proven(signed_token(support_text("{\"iss\":\"" ISSUER "\",\"sub\":\"a\",\"exp\":1700000300%s}", aud)), keys,
                   policy);
    refusal = mto_token_admit(token, &occasion, &verdict);
    mto_token_release(token);
    support_assert_refusal(refusal, row->refusal, &verdict);
}

/* --- Admit: keys in force (DESIGN section 2, mto_token_t) --------------------------------------------------------- */

static mto_keyset_t *keys_same(void)
{
    return support_keyset(support_jwk(signing_key(), "k", NULL), NULL);
}

static mto_keyset_t *keys_added(void)
{
    return support_keyset(support_jwk(support_key(MTO_KEY_ED25519, 1), "a", NULL),
                          support_jwk(signing_key(), "k", NULL), NULL);
}

static mto_keyset_t *keys_renamed(void)
{
    return support_keyset(support_jwk(signing_key(), "new", NULL), NULL);
}

static mto_keyset_t *keys_replaced(void)
{
    return support_keyset(support_jwk(support_key(MTO_KEY_ED25519, 1), "k", NULL), NULL);
}

static mto_keyset_t *keys_removed(void)
{
    return support_keyset(support_jwk(support_key(MTO_KEY_ED25519, 1), "a", NULL), NULL);
}

static mto_keyset_t *keys_none(void)
{
    return NULL;
}

static mto_keyset_t *keys_empty(void)
{
    return support_keyset(NULL, NULL);
}

typedef struct {
    const char *name;
    mto_keyset_t *(*make)(void);
    mto_refusal_t refusal;
} keys_t;

static const keys_t key_sets[] = {
    {"the same keys read again", keys_same, MTO_ADMITTED},
    {"a key was added", keys_added, MTO_ADMITTED},
    {"the key has another kid", keys_renamed, MTO_ADMITTED},
    {"the key was replaced under its kid", keys_replaced, MTO_KEY_UNKNOWN},
    {"the key was removed", keys_removed, MTO_KEY_UNKNOWN},
    {"all keys were removed", keys_empty, MTO_KEY_UNKNOWN},
    {"no keys in force", keys_none, MTO_KEYS_UNAVAILABLE},
};

static void key_is_still_in_force(const void *data)
{
    const keys_t       *row = data;
    const mto_keyset_t *keys = signing_keys();
    mto_token_t        *token = proven(signed_token(GOOD), keys, support_policy());
    mto_verdict_t       before = MTO_VERDICT_INIT, verdict = MTO_VERDICT_INIT;
    mto_refusal_t       refusal;

    assert_int_equal(admit_at(token, keys, NOW, &before), MTO_ADMITTED);
    refusal = admit_at(token, row->make(), NOW, &verdict);
    mto_token_release(token);
    support_assert_refusal(refusal, row->refusal, &verdict);
}

/* The same key, now for another algorithm alone, no longer stands for the token. */
static void key_with_another_alg_is_another_key(const void *unused)
{
    EVP_PKEY     *key = support_key(MTO_KEY_RSA, 0);
    mto_token_t  *token = proven(support_token("RS256", key, "k", GOOD),
                                 support_keyset(support_jwk(key, "k", NULL), NULL), support_policy());
    mto_verdict_t same = MTO_VERDICT_INIT, other = MTO_VERDICT_INIT;

    (void)unused;
    assert_int_equal(admit_at(token, support_keyset(support_jwk(key, "k", "RS256"), NULL), NOW, &same), MTO_ADMITTED);
    assert_int_equal(admit_at(token, support_keyset(support_jwk(key, "k", "PS256"), NULL), NOW, &other),
                     MTO_KEY_UNKNOWN);
    mto_token_release(token);
}

/* --- Admit: binding, and what the reported policy says (DESIGN section 3) ------------------------------------------
 */

#define NONE     MTO_MUTUAL_TLS_NONE
#define REQUEST  MTO_MUTUAL_TLS_REQUEST
#define REQUIRED MTO_MUTUAL_TLS_REQUIRED
#define BOUND_TO ",\"cnf\":{\"x5t#S256\":\"" RFC8705_A_X5T "\"}"
#define JKT      ",\"cnf\":{\"jkt\":\"a\"}"

typedef enum { NO_CERTIFICATE, MATCHING, DIFFERING } shown_t;

typedef struct {
    const char      *name;
    const char      *cnf; /* member behind the other claims */
    mto_mutual_tls_t use, report;
    int              location_requires;
    shown_t          shown;
    const char      *outcome; /* word of the binding or code of the refusal */
    mto_refusal_t    reported;
} binding_t;

static const binding_t bindings[] = {
    {"unbound, request", "", REQUEST, NONE, 0, MATCHING, "unbound", MTO_ADMITTED},
    {"unbound, required", "", REQUIRED, NONE, 0, MATCHING, "binding_missing", MTO_ADMITTED},
    {"unbound, Location requires", "", REQUEST, NONE, 1, MATCHING, "binding_missing", MTO_ADMITTED},
    {"unbound, none, Location requires", "", NONE, NONE, 1, MATCHING, "binding_missing", MTO_ADMITTED},
    {"unbound, none, report request", "", NONE, REQUEST, 0, NO_CERTIFICATE, "unbound", MTO_ADMITTED},
    {"unbound, none, report required", "", NONE, REQUIRED, 0, NO_CERTIFICATE, "unbound", MTO_BINDING_MISSING},
    {"unbound, request, report required", "", REQUEST, REQUIRED, 0, NO_CERTIFICATE, "unbound", MTO_BINDING_MISSING},
    {"unbound, required, report required", "", REQUIRED, REQUIRED, 0, NO_CERTIFICATE, "binding_missing", MTO_ADMITTED},
    {"bound, request, match", BOUND_TO, REQUEST, NONE, 0, MATCHING, "bound", MTO_ADMITTED},
    {"bound, request, other", BOUND_TO, REQUEST, NONE, 0, DIFFERING, "certificate_mismatch", MTO_ADMITTED},
    {"bound, request, none shown", BOUND_TO, REQUEST, NONE, 0, NO_CERTIFICATE, "certificate_missing", MTO_ADMITTED},
    {"bound, required, match", BOUND_TO, REQUIRED, NONE, 0, MATCHING, "bound", MTO_ADMITTED},
    {"bound, required, other", BOUND_TO, REQUIRED, NONE, 0, DIFFERING, "certificate_mismatch", MTO_ADMITTED},
    {"bound, none, other", BOUND_TO, NONE, NONE, 0, DIFFERING, "unchecked", MTO_ADMITTED},
    {"bound, none, Location requires, other", BOUND_TO, NONE, NONE, 1, DIFFERING, "certificate_mismatch", MTO_ADMITTED},
    {"bound, none, Location requires, match", BOUND_TO, NONE, NONE, 1, MATCHING, "bound", MTO_ADMITTED},
    {"bound, none, report request, other", BOUND_TO, NONE, REQUEST, 0, DIFFERING, "unchecked",
     MTO_CERTIFICATE_MISMATCH},
    {"bound, none, report request, none shown", BOUND_TO, NONE, REQUEST, 0, NO_CERTIFICATE, "unchecked",
     MTO_CERTIFICATE_MISSING},
    {"bound, none, report request, match", BOUND_TO, NONE, REQUEST, 0, MATCHING, "unchecked", MTO_ADMITTED},
    {"bound, request, report required, match", BOUND_TO, REQUEST, REQUIRED, 0, MATCHING, "bound", MTO_ADMITTED},
    {"report weaker than what is enforced", "", REQUIRED, REQUEST, 0, MATCHING, "binding_missing", MTO_ADMITTED},
    {"malformed, none, report request", ",\"cnf\":1", NONE, REQUEST, 0, MATCHING, "unchecked", MTO_BINDING_MALFORMED},
    {"jkt, none", JKT, NONE, NONE, 0, MATCHING, "binding_unsupported", MTO_ADMITTED},
    {"jkt, none, report required", JKT, NONE, REQUIRED, 0, MATCHING, "binding_unsupported", MTO_ADMITTED},
    {"unknown, none, report required", ",\"cnf\":{}", NONE, REQUIRED, 0, MATCHING, "unchecked",
     MTO_BINDING_UNSUPPORTED},
};

/* The certificate of the connection, NULL when it shows none. */
static const mto_certificate_t *shown_certificate(shown_t shown)
{
    mto_certificate_t *certificate = apr_palloc(support_pool(), sizeof *certificate);
    const char        *pem = shown == MATCHING ? RFC8705_A_PEM : support_certificate_pem(support_key(MTO_KEY_P256, 0));

    assert_true(mto_certificate_read_pem(certificate, pem, support_pool()));
    return shown == NO_CERTIFICATE ? NULL : certificate;
}

static void binding_is_decided_and_reported(const void *data)
{
    const binding_t     *row = data;
    const mto_demand_t   location = {NULL, NULL, row->location_requires};
    const mto_keyset_t  *keys = signing_keys();
    const mto_occasion_t occasion = {NOW, shown_certificate(row->shown), keys, &location, NULL, NULL};
    mto_verdict_t        verdict = MTO_VERDICT_INIT;
    mto_policy_t        *policy = support_policy();
    mto_refusal_t        refusal;
    mto_token_t         *token;

    policy->settings.use_mutual_tls = (int)row->use;
    policy->settings.report_mutual_tls = (int)row->report;
    token = proven(signed_token(support_text("{" CLAIMS ",\"exp\":1700000300%s}", row->cnf)), keys, policy);
    refusal = mto_token_admit(token, &occasion, &verdict);
    mto_token_release(token);
    assert_int_equal(refusal, verdict.refusal);
    assert_string_equal(refusal == MTO_ADMITTED ? mto_binding_word(verdict.binding) : mto_refusal_row(refusal)->code,
                        row->outcome);
    assert_int_equal(verdict.reported, row->reported);
    assert_true((verdict.detail[0] != '\0') == (refusal != MTO_ADMITTED || row->reported != MTO_ADMITTED));
}

/* MTLSOAuthBindingCACertificateFile counts for the policy that is enforced and for the one that is reported. */
static void trust_is_asked_by_both_policies(const void *unused)
{
    static const struct {
        mto_mutual_tls_t use, report;
        mto_refusal_t    refusal, reported;
    } rows[] = {
        {REQUEST, NONE, MTO_CERTIFICATE_UNTRUSTED, MTO_ADMITTED},
        {NONE, REQUEST, MTO_ADMITTED, MTO_CERTIFICATE_UNTRUSTED},
        {NONE, NONE, MTO_ADMITTED, MTO_ADMITTED},
    };
    const mto_demand_t   location = {NULL, NULL, 0};
    const mto_keyset_t  *keys = signing_keys();
    mto_trust_t         *trust = trust_of(ca_root(), NULL);
    const mto_occasion_t occasion = {NOW, shown_certificate(MATCHING), keys, &location, trust, NULL};
    mto_policy_t        *policy = support_policy();
    size_t               i;

    (void)unused;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mto_verdict_t verdict = MTO_VERDICT_INIT;
        mto_token_t  *token;

        policy->settings.use_mutual_tls = (int)rows[i].use;
        policy->settings.report_mutual_tls = (int)rows[i].report;
        token = proven(signed_token("{" CLAIMS ",\"exp\":1700000300" BOUND_TO "}"), keys, policy);
        support_assert_refusal(mto_token_admit(token, &occasion, &verdict), rows[i].refusal, &verdict);
        assert_int_equal(verdict.reported, rows[i].reported);
        mto_token_release(token);
    }
    mto_trust_release(trust);
}

/* --- Admit: of several faults the first is told ---------------------------------------------------------------------
 */

typedef struct {
    const char *name;
    int         faults; /* how many of issuer, time, block, Location, key, binding, counted from the last, are wrong */
    mto_refusal_t refusal;
} order_t;

static const order_t orders[] = {
    {"nothing", 0, MTO_ADMITTED},
    {"binding", 1, MTO_CERTIFICATE_MISSING},
    {"key", 2, MTO_KEY_UNKNOWN},
    {"audience of the Location", 3, MTO_AUDIENCE_MISMATCH},
    {"audience of the block", 4, MTO_AUDIENCE_MISMATCH},
    {"time", 5, MTO_TOKEN_EXPIRED},
    {"issuer", 6, MTO_ISSUER_NOT_ACCEPTED},
};

static void admit_has_an_order(const void *data)
{
    const order_t     *row = data;
    const mto_demand_t location = {row->faults >= 6 ? support_texts("other", NULL) : NULL,
                                   row->faults >= 3 ? support_texts("location", NULL) : NULL, 0};
    mto_policy_t        *policy = support_policy();
    const mto_keyset_t  *keys = signing_keys();
    mto_token_t         *token = proven(signed_token("{" CLAIMS ",\"exp\":1700000300" BOUND_TO "}"), keys, policy);
    const mto_occasion_t occasion = {row->faults >= 5 ? NOW + apr_time_from_sec(400) : NOW,
                                     shown_certificate(row->faults >= 1 ? NO_CERTIFICATE : MATCHING),
                                     row->faults >= 2 ? keys_removed() : keys,
                                     &location,
                                     NULL,
                                     NULL};
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_refusal_t refusal;

    policy->audiences = row->faults >= 4 ? support_texts("block", NULL) : policy->audiences;
    refusal = mto_token_admit(token, &occasion, &verdict);
    mto_token_release(token);
    support_assert_refusal(refusal, row->refusal, &verdict);
    if (row->refusal == MTO_AUDIENCE_MISMATCH) {
        assert_non_null(strstr(verdict.detail, row->faults == 3 ? "[location]" : "[block]"));
    }
}

/* --- Life, and many threads -----------------------------------------------------------------------------------------
 */

static void last_reference_frees(const void *unused)
{
    mto_token_t *token = proven(signed_token(GOOD), signing_keys(), support_policy());

    (void)unused;
    assert_ptr_equal(mto_token_retain(token), token);
    mto_token_release(token);
    assert_string_equal(mto_token_user(token), "alice"); /* AddressSanitizer watches */
    mto_token_release(token);
    assert_null(mto_token_retain(NULL));
    mto_token_release(NULL);
}

#define THREADS 4
#define ROUNDS  50
#define TEXTS   4

/* What all threads share. */
typedef struct {
    mto_keyset_t            *keys;
    const mto_policy_t      *policy;
    const mto_certificate_t *certificate;
    mto_token_t             *token;
    const char              *texts[TEXTS], *forged[TEXTS];
} shared_t;

/* A mistake counts; cmocka's assertions are for the thread of the test. */
static int work_once(const shared_t *shared, int i)
{
    const mto_demand_t   nothing = {0};
    const mto_occasion_t occasion = {NOW, shared->certificate, shared->keys, &nothing, NULL, NULL};
    mto_verdict_t        why = MTO_VERDICT_INIT, forged = MTO_VERDICT_INIT, verdict = MTO_VERDICT_INIT, again = verdict;
    mto_token_t         *token = NULL, *other = NULL;
    mto_presented_t     *presented = NULL;
    int                  mistakes = 0;

    mto_keyset_retain(shared->keys);
    mistakes += mto_presented_read(&presented, shared->texts[i], strlen(shared->texts[i]), &why) != MTO_ADMITTED
                || mto_token_prove(&token, presented, shared->keys, shared->policy, &why) != MTO_ADMITTED
                || mto_token_admit(token, &occasion, &verdict) != MTO_ADMITTED || verdict.binding != MTO_BINDING_BOUND;
    mto_presented_free(presented);
    mistakes += mto_presented_read(&presented, shared->forged[i], strlen(shared->forged[i]), &forged) != MTO_ADMITTED
                || mto_token_prove(&other, presented, shared->keys, shared->policy, &forged) != MTO_SIGNATURE_INVALID;
    mto_presented_free(presented);
    mto_token_retain(shared->token);
    mistakes += mto_token_admit(shared->token, &occasion, &again) != MTO_ADMITTED;
    mto_token_release(shared->token);
    mto_token_release(token);
    mto_keyset_release(shared->keys);
    return mistakes;
}

static void *APR_THREAD_FUNC work(apr_thread_t *thread, void *data)
{
    int i, mistakes = 0;

    for (i = 0; i < ROUNDS; i++) {
        mistakes += work_once(data, i % TEXTS);
    }
    apr_thread_exit(thread, mistakes);
    return NULL;
}

static void threads_share_keys_and_tokens(const void *unused)
{
    static const char *const algs[TEXTS] = {"RS256", "PS384", "ES256", "EdDSA"};
    apr_thread_t            *threads[THREADS];
    json_t                  *jwks[TEXTS];
    shared_t                 shared;
    int                      i;

    (void)unused;
    for (i = 0; i < TEXTS; i++) {
        mto_key_kind_t kind = support_kind_of(algs[i]);
        const char    *payload = "{" CLAIMS ",\"exp\":1700000300" BOUND_TO "}";

        jwks[i] = support_jwk(support_key(kind, 0), algs[i], algs[i]);
        shared.texts[i] = support_token(algs[i], support_key(kind, 0), algs[i], payload);
        shared.forged[i] = support_token(algs[i], support_key(kind, 1), algs[i], payload);
    }
    shared.keys = support_keyset(jwks[0], jwks[1], jwks[2], jwks[3], NULL);
    shared.policy = support_policy();
    shared.certificate = shown_certificate(MATCHING);
    shared.token = proven(shared.texts[2], shared.keys, shared.policy);
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(apr_thread_create(&threads[i], NULL, work, &shared, support_pool()), APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        apr_status_t mistakes = -1;
        assert_int_equal(apr_thread_join(&mistakes, threads[i]), APR_SUCCESS);
        assert_int_equal(mistakes, 0);
    }
    mto_token_release(shared.token);
}

int main(void)
{
    support_case("DESIGN section 4, a token of at most 16 KiB", token_size_is_bounded);
    support_table("header before claims", token_is_read_or_refused, TABLE(readings));
    support_case("every single-bit change is refused", changed_bit_is_refused);
    support_table("the order of prove", first_fault_is_told, TABLE(faults));
    support_case("token.h, claims move on success only", refused_token_keeps_its_claims);
    support_table("DESIGN section 4, MTLSOAuthProfile", profile_tells_access_tokens, TABLE(profiles));
    support_table("RFC 9068 section 2.2, missing", rfc9068_claim_is_missed, TABLE(incomplete));
    support_table("DESIGN section 4, MTLSOAuthRequiredClaims", required_claims_are_there, TABLE(required));
    support_table("DESIGN section 4, MTLSOAuthRemoteUserClaim", user_is_a_name, TABLE(users));
    support_case("DESIGN section 4, a user name of at most 255 bytes", user_has_at_most_255_bytes);
    support_table("DESIGN section 4, MTLSOAuthClientIDClaim", client_is_a_text, TABLE(clients));
    support_case("a proven token says what it is", proven_token_says_what_it_is);
    support_table("RFC 7519 section 4.1, time", time_is_kept_to_the_microsecond, TABLE(times));
    support_table("DESIGN section 4, issuer and audience", issuer_and_audience_are_demanded, TABLE(audiences));
    support_table("DESIGN section 2, the key still in force", key_is_still_in_force, TABLE(key_sets));
    support_case("DESIGN section 2, a key now for another alg", key_with_another_alg_is_another_key);
    support_table("DESIGN section 3, binding", binding_is_decided_and_reported, TABLE(bindings));
    support_case("DESIGN section 3, a chain is wanted by both policies", trust_is_asked_by_both_policies);
    support_table("the order of admit", admit_has_an_order, TABLE(orders));
    support_case("the last reference frees", last_reference_frees);
    support_case("THREATS, threads share keys and tokens", threads_share_keys_and_tokens);
    return support_run("token");
}
