/* token: what prove demands of the claims: the profile, required claims, user and client (issue and RFC named per
 * table). */
#include "tokens.h"

#include <string.h>

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
    {"a whole number is its digits", ",\"client_id\":-12,\"azp\":\"c\"", "-12"},
    {"another number is no text", ",\"client_id\":1.5,\"azp\":\"c\"", NULL},
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

int main(void)
{
    support_table("DESIGN section 4, MTLSOAuthProfile", profile_tells_access_tokens, TABLE(profiles));
    support_table("RFC 9068 section 2.2, missing", rfc9068_claim_is_missed, TABLE(incomplete));
    support_table("DESIGN section 4, MTLSOAuthRequiredClaims", required_claims_are_there, TABLE(required));
    support_table("DESIGN section 4, MTLSOAuthRemoteUserClaim", user_is_a_name, TABLE(users));
    support_case("DESIGN section 4, a user name of at most 255 bytes", user_has_at_most_255_bytes);
    support_table("DESIGN section 4, MTLSOAuthClientIDClaim", client_is_a_text, TABLE(clients));
    return support_run("token_claims");
}
