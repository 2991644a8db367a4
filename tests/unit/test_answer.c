/* answer: a token proven by what its issuer says of it (RFC 7662, DESIGN section 8), and the deny list over all tokens.
 */
#include "support.h"

#include "core/token.h"

#include <string.h>

#define IAT      "\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"alice\",\"client_id\":\"app\""
#define JWT      "{" IAT ",\"exp\":1700000300,\"jti\":\"j1\"}"
#define ACTIVE   "\"active\":true,\"sub\":\"bob\""
#define BOUND_A  "\"cnf\":{\"x5t#S256\":\"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0\"}"
#define BOUND_A2 "\"cnf\":{\"x5t#S256\":\"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0\",\"more\":1}"
#define BOUND_B  "\"cnf\":{\"x5t#S256\":\"B4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0\"}"
#define MINUTE   apr_time_from_sec(60)

static EVP_PKEY *signing_key(void)
{
    return support_key(MTO_KEY_ED25519, 0);
}

static const mto_keyset_t *signing_keys(void)
{
    return support_keyset(support_jwk(signing_key(), "k", NULL), NULL);
}

static mto_policy_t *policy_of(apr_interval_time_t cache)
{
    mto_policy_t *policy = support_policy();

    policy->introspection_cache = cache;
    policy->introspect_jwt = 1;
    return policy;
}

/* A JWT that must prove well; NULL: no payload. */
static mto_token_t *jwt_of(const char *payload, const mto_keyset_t *keys, const mto_policy_t *policy)
{
    mto_verdict_t    why = MTO_VERDICT_INIT;
    mto_presented_t *presented;
    mto_token_t     *token;
    const char      *text;

    if (payload == NULL) {
        return NULL;
    }
    text = support_token("EdDSA", signing_key(), "k", payload);
    assert_int_equal(mto_presented_read(&presented, text, strlen(text), &why), MTO_ADMITTED);
    support_assert_refusal(mto_token_prove(&token, presented, keys, policy, &why), MTO_ADMITTED, &why);
    mto_presented_free(presented);
    return token;
}

static mto_token_t *answer_of(const char *json, mto_token_t *jwt, const mto_policy_t *policy)
{
    mto_verdict_t why = MTO_VERDICT_INIT;
    mto_token_t  *token;

    support_assert_refusal(mto_token_prove_answer(&token, json, strlen(json), jwt, policy, NOW, &why), MTO_ADMITTED,
                           &why);
    return token;
}

/* --- Proving -------------------------------------------------------------------------------------------------------
 */

typedef struct {
    const char   *name, *jwt, *answer;
    mto_refusal_t refusal;
} proof_row_t;

static const proof_row_t proofs[] = {
    {"active", NULL, "{" ACTIVE "}", MTO_ADMITTED},
    {"active, of a JWT", JWT, "{" ACTIVE "}", MTO_ADMITTED},
    {"not active", NULL, "{\"active\":false}", MTO_TOKEN_INACTIVE},
    {"active not there", NULL, "{\"sub\":\"bob\"}", MTO_TOKEN_INACTIVE},
    {"active a text", NULL, "{\"active\":\"true\",\"sub\":\"bob\"}", MTO_TOKEN_INACTIVE},
    {"active a number", NULL, "{\"active\":1,\"sub\":\"bob\"}", MTO_TOKEN_INACTIVE},
    {"active null", NULL, "{\"active\":null,\"sub\":\"bob\"}", MTO_TOKEN_INACTIVE},
    {"not active, and wrong besides", NULL, "{\"active\":false,\"iss\":1}", MTO_TOKEN_INACTIVE},
    {"active twice", NULL, "{\"active\":false,\"active\":true}", MTO_INTROSPECTION_UNAVAILABLE},
    {"a page", NULL, "<html></html>", MTO_INTROSPECTION_UNAVAILABLE},
    {"an array", NULL, "[{" ACTIVE "}]", MTO_INTROSPECTION_UNAVAILABLE},
    {"nothing", NULL, "", MTO_INTROSPECTION_UNAVAILABLE},
    {"iss", NULL, "{" ACTIVE ",\"iss\":\"" ISSUER "\"}", MTO_ADMITTED},
    {"another iss", NULL, "{" ACTIVE ",\"iss\":\"https://other.example\"}", MTO_ISSUER_UNKNOWN},
    {"iss no text", NULL, "{" ACTIVE ",\"iss\":7}", MTO_CLAIMS_MALFORMED},
    {"aud no text", NULL, "{" ACTIVE ",\"aud\":7}", MTO_CLAIMS_MALFORMED},
    {"exp no number", NULL, "{" ACTIVE ",\"exp\":\"1700000300\"}", MTO_CLAIMS_MALFORMED},
    {"no user, though the JWT has one", JWT, "{\"active\":true}", MTO_USER_CLAIM_MISSING},
    {"user malformed", NULL, "{\"active\":true,\"sub\":\"\"}", MTO_USER_CLAIM_MALFORMED},
    {"bearer", NULL, "{" ACTIVE ",\"token_type\":\"Bearer\"}", MTO_ADMITTED},
    {"a DPoP token", NULL, "{" ACTIVE ",\"token_type\":\"DPoP\"}", MTO_TYPE_NOT_ALLOWED},
    {"a refresh token by token_type", NULL, "{" ACTIVE ",\"token_type\":\"refresh_token\"}", MTO_TYPE_NOT_ALLOWED},
    {"a refresh token by token_use", NULL, "{" ACTIVE ",\"token_use\":\"refresh_token\"}", MTO_TYPE_NOT_ALLOWED},
    {"a refresh token by typ", NULL, "{" ACTIVE ",\"typ\":\"Refresh\"}", MTO_TYPE_NOT_ALLOWED},
    {"an ID token", NULL, "{" ACTIVE ",\"at_hash\":\"x\"}", MTO_TYPE_NOT_ALLOWED},
    {"one cnf, of the JWT", "{" IAT ",\"exp\":1700000300," BOUND_A "}", "{" ACTIVE "}", MTO_ADMITTED},
    {"one cnf, of the answer", JWT, "{" ACTIVE "," BOUND_A "}", MTO_ADMITTED},
    {"the same cnf", "{" IAT ",\"exp\":1700000300," BOUND_A "}", "{" ACTIVE "," BOUND_A "}", MTO_ADMITTED},
    {"the same thumbprint", "{" IAT ",\"exp\":1700000300," BOUND_A "}", "{" ACTIVE "," BOUND_A2 "}", MTO_ADMITTED},
    {"two cnf", "{" IAT ",\"exp\":1700000300," BOUND_A "}", "{" ACTIVE "," BOUND_B "}", MTO_BINDING_MALFORMED},
    {"a cnf of another kind", "{" IAT ",\"exp\":1700000300," BOUND_A "}", "{" ACTIVE ",\"cnf\":{\"jkt\":\"x\"}}",
     MTO_BINDING_MALFORMED},
    {"an empty cnf", "{" IAT ",\"exp\":1700000300," BOUND_A "}", "{" ACTIVE ",\"cnf\":{}}", MTO_BINDING_MALFORMED},
};

static void answer_proves(const void *data)
{
    const proof_row_t  *row = data;
    const mto_policy_t *policy = policy_of(MINUTE);
    mto_verdict_t       why = MTO_VERDICT_INIT;
    mto_token_t        *token, *jwt = jwt_of(row->jwt, signing_keys(), policy);

    (void)mto_token_prove_answer(&token, row->answer, strlen(row->answer), jwt, policy, NOW, &why);
    mto_token_release(jwt);
    assert_true((token != NULL) == (row->refusal == MTO_ADMITTED));
    if (token != NULL) {
        assert_int_equal(mto_token_proof(token), row->jwt != NULL ? MTO_PROOF_BOTH : MTO_PROOF_ANSWER);
        assert_true(mto_token_end(token) == NOW + MINUTE);
        assert_string_equal(mto_token_user(token), "bob");
        assert_null(mto_token_texts(token)->client_id); /* the JWT's: claims do not mix */
        assert_true((mto_token_kid(token) != NULL) == (row->jwt != NULL));
    }
    mto_token_release(token);
    support_assert_refusal(why.refusal, row->refusal, &why);
}

static void required_claims_are_the_answers(const void *unused)
{
    mto_policy_t *policy = policy_of(MINUTE);
    mto_verdict_t why = MTO_VERDICT_INIT, lifetime = MTO_VERDICT_INIT;
    mto_token_t  *token, *jwt;

    (void)unused;
    policy->settings.required_claims = support_paths("group", NULL);
    jwt = jwt_of(JWT, signing_keys(), policy); /* need not have it: nothing is taken from there */
    assert_int_equal(mto_token_prove_answer(&token, "{" ACTIVE "}", sizeof "{" ACTIVE "}" - 1, jwt, policy, NOW, &why),
                     MTO_CLAIM_MISSING);
    mto_token_release(answer_of("{" ACTIVE ",\"group\":1}", jwt, policy));
    policy = policy_of(MINUTE);
    policy->settings.max_token_lifetime = MINUTE;
    assert_int_equal(
        mto_token_prove_answer(&token, "{" ACTIVE "}", sizeof "{" ACTIVE "}" - 1, NULL, policy, NOW, &lifetime),
        MTO_CLAIM_MISSING);
    mto_token_release(jwt);
}

/* --- How long an answer holds --------------------------------------------------------------------------------------
 */

typedef struct {
    const char         *name;
    apr_interval_time_t cache;
    const char         *jwt, *answer;
    int                 seconds; /* that it holds */
} hold_row_t;

static const hold_row_t holds[] = {
    {"off", 0, NULL, "{" ACTIVE ",\"exp\":1700000300}", 0},
    {"off, without exp", 0, NULL, "{" ACTIVE "}", 0},
    {"exp", MTO_ANSWER_UNTIL_EXP, NULL, "{" ACTIVE ",\"exp\":1700000300}", 300},
    {"exp, without exp", MTO_ANSWER_UNTIL_EXP, NULL, "{" ACTIVE "}", 0},
    {"exp, of the JWT alone", MTO_ANSWER_UNTIL_EXP, JWT, "{" ACTIVE "}", 0},
    {"exp, the JWT's sooner", MTO_ANSWER_UNTIL_EXP, JWT, "{" ACTIVE ",\"exp\":1700000400}", 300},
    {"exp, gone by", MTO_ANSWER_UNTIL_EXP, NULL, "{" ACTIVE ",\"exp\":1699999990}", 0},
    {"a time", MINUTE, NULL, "{" ACTIVE ",\"exp\":1700000300}", 60},
    {"a time, without exp", MINUTE, NULL, "{" ACTIVE "}", 60},
    {"a time, exp sooner", MINUTE, NULL, "{" ACTIVE ",\"exp\":1700000030}", 30},
    {"a time, the JWT's exp sooner", 10 * MINUTE, JWT, "{" ACTIVE "}", 300},
    {"a time, exp gone by", MINUTE, NULL, "{" ACTIVE ",\"exp\":1699999990}", 0},
};

static mto_refusal_t admit_at(const mto_token_t *token, const mto_keyset_t *keys, apr_time_t now)
{
    const mto_demand_t   nothing = {0};
    const mto_occasion_t occasion = {.now = now, .keys = keys, .location = &nothing};
    mto_verdict_t        verdict = MTO_VERDICT_INIT;

    return mto_token_admit(token, &occasion, &verdict);
}

static void answer_holds_as_long_as_the_mode_says(const void *data)
{
    const hold_row_t   *row = data;
    mto_policy_t       *policy = policy_of(row->cache);
    const mto_keyset_t *keys = signing_keys();
    mto_token_t        *jwt = jwt_of(row->jwt, keys, policy), *token = answer_of(row->answer, jwt, policy);
    apr_time_t          end = NOW + apr_time_from_sec(row->seconds);

    policy->audiences = NULL;
    assert_true(mto_token_answer_end(token) == end);
    assert_int_equal(mto_token_holds(token, NOW), row->seconds > 0);
    assert_int_equal(mto_token_holds(token, end - 1), row->seconds > 0);
    assert_false(mto_token_holds(token, end));
    /* Given in what is now the future: the clock went back, and nobody knows how far. */
    assert_false(mto_token_holds(token, NOW - policy->settings.clock_skew - 1));
    assert_int_equal(admit_at(token, keys, end), MTO_ADMITTED);
    assert_int_equal(admit_at(token, keys, end + 1), MTO_INTROSPECTION_UNAVAILABLE);
    mto_token_release(token);
    mto_token_release(jwt);
}

/* --- Admitting ------------------------------------------------------------------------------------------------------
 */

typedef struct {
    const char   *name, *jwt, *answer;
    const char   *location; /* an audience that it asks for; NULL: none */
    int           any, keys_gone;
    apr_time_t    later; /* seconds */
    mto_refusal_t refusal;
} admit_row_t;

#define WITHOUT_AUD "{\"iss\":\"" ISSUER "\",\"sub\":\"alice\",\"exp\":1700000300}"

static const admit_row_t admissions[] = {
    {"aud in the answer", NULL, "{" ACTIVE ",\"aud\":\"" AUDIENCE "\"}", NULL, 0, 0, 0, MTO_ADMITTED},
    {"aud in neither", NULL, "{" ACTIVE "}", NULL, 0, 0, 0, MTO_AUDIENCE_MISMATCH},
    {"aud in neither, any", NULL, "{" ACTIVE "}", NULL, 1, 0, 0, MTO_ADMITTED},
    {"aud in the JWT alone", JWT, "{" ACTIVE "}", NULL, 0, 0, 0, MTO_ADMITTED},
    {"aud in both", JWT, "{" ACTIVE ",\"aud\":[\"x\",\"" AUDIENCE "\"]}", NULL, 0, 0, 0, MTO_ADMITTED},
    {"aud wrong in the answer", JWT, "{" ACTIVE ",\"aud\":\"x\"}", NULL, 0, 0, 0, MTO_AUDIENCE_MISMATCH},
    {"aud wrong in the JWT", "{\"iss\":\"" ISSUER "\",\"sub\":\"a\",\"aud\":\"x\",\"exp\":1700000300}",
     "{" ACTIVE ",\"aud\":\"" AUDIENCE "\"}", NULL, 0, 0, 0, MTO_AUDIENCE_MISMATCH},
    {"the Location's in the JWT alone", JWT, "{" ACTIVE "}", AUDIENCE, 1, 0, 0, MTO_ADMITTED},
    {"the Location's in the answer alone", WITHOUT_AUD, "{" ACTIVE ",\"aud\":\"l\"}", "l", 1, 0, 0, MTO_ADMITTED},
    {"the Location's in neither", WITHOUT_AUD, "{" ACTIVE "}", "l", 1, 0, 0, MTO_AUDIENCE_MISMATCH},
    {"nbf of the answer", JWT, "{" ACTIVE ",\"nbf\":1700000100}", NULL, 0, 0, 0, MTO_TOKEN_NOT_YET_VALID},
    {"nbf of the JWT", "{" IAT ",\"exp\":1700000300,\"nbf\":1700000100}", "{" ACTIVE "}", NULL, 0, 0, 0,
     MTO_TOKEN_NOT_YET_VALID},
    {"exp of the answer", NULL, "{" ACTIVE ",\"exp\":1699999960}", NULL, 1, 0, 0, MTO_TOKEN_EXPIRED},
    {"exp of the JWT", JWT, "{" ACTIVE "}", NULL, 0, 0, 400, MTO_TOKEN_EXPIRED},
    {"the JWT's key is gone", JWT, "{" ACTIVE "}", NULL, 0, 1, 0, MTO_KEY_UNKNOWN},
    {"an opaque token needs no key", NULL, "{" ACTIVE "}", NULL, 1, 1, 0, MTO_ADMITTED},
    {"bound by the JWT", "{" IAT ",\"exp\":1700000300," BOUND_A "}", "{" ACTIVE "}", NULL, 0, 0, 0,
     MTO_CERTIFICATE_MISSING},
    {"bound by the answer", JWT, "{" ACTIVE "," BOUND_A "}", NULL, 0, 0, 0, MTO_CERTIFICATE_MISSING},
};

static void checks_add_up(const void *data)
{
    const admit_row_t  *row = data;
    mto_policy_t       *policy = policy_of(MTO_ANSWER_UNTIL_EXP - 1);
    const mto_keyset_t *keys = signing_keys(),
                       *others = support_keyset(support_jwk(support_key(MTO_KEY_P256, 1), "k", NULL), NULL);
    const mto_demand_t   location = {.audiences = row->location != NULL ? support_texts(row->location, NULL) : NULL};
    const mto_occasion_t at = {
        .now = NOW + apr_time_from_sec(row->later), .keys = row->keys_gone ? others : keys, .location = &location};
    mto_token_t  *jwt = jwt_of(row->jwt, keys, policy), *token = answer_of(row->answer, jwt, policy);
    mto_verdict_t verdict = MTO_VERDICT_INIT;

    if (row->any) {
        policy->audiences = NULL;
    }
    (void)mto_token_admit(token, &at, &verdict);
    mto_token_release(token);
    mto_token_release(jwt);
    support_assert_refusal(verdict.refusal, row->refusal, &verdict);
}

/* --- Before the issuer is asked ------------------------------------------------------------------------------------
 */

typedef struct {
    const char   *name, *jwt, *denied;
    mto_refusal_t refusal;
} preadmit_row_t;

static const preadmit_row_t preadmissions[] = {
    {"good", JWT, "", MTO_ADMITTED},
    {"expired", "{" IAT ",\"exp\":1699999000}", "", MTO_TOKEN_EXPIRED},
    {"denied", JWT, "jti:j1", MTO_TOKEN_REVOKED},
    {"somebody else's", "{" IAT ",\"exp\":1700000300," BOUND_A "}", "", MTO_CERTIFICATE_MISSING},
    {"without aud, which the answer may have", WITHOUT_AUD, "", MTO_ADMITTED},
};

static void what_is_clear_is_not_asked(const void *data)
{
    const preadmit_row_t *row = data;
    mto_policy_t         *policy = policy_of(MINUTE);
    const mto_keyset_t   *keys = signing_keys();
    const mto_demand_t    nothing = {.requires_mutual_tls = 0};
    char                  reason[MTO_DENYLIST_REASON_SIZE];
    mto_denylist_t       *denied = mto_denylist_create(row->denied, strlen(row->denied), reason);
    const mto_occasion_t  at = {.now = NOW, .keys = keys, .location = &nothing, .denied = denied};
    mto_token_t          *jwt = jwt_of(row->jwt, keys, policy);
    mto_verdict_t         verdict = MTO_VERDICT_INIT;

    (void)mto_token_preadmit(jwt, &at, &verdict);
    mto_token_release(jwt);
    mto_denylist_release(denied);
    support_assert_refusal(verdict.refusal, row->refusal, &verdict);
}

/* --- The deny list --------------------------------------------------------------------------------------------------
 */

typedef struct {
    const char *name, *jwt, *answer; /* answer NULL: the JWT alone */
    const char *denied;
    int         certificate; /* that one is shown */
    int         is_denied;
} deny_row_t;

static const deny_row_t denials[] = {
    {"nothing", JWT, NULL, "", 0, 0},
    {"a JWT's jti", JWT, NULL, "# x\njti:j1", 0, 1},
    {"a JWT's sub", JWT, NULL, "sub:alice iss=" ISSUER, 0, 1},
    {"a JWT's sub of another issuer", JWT, NULL, "sub:alice iss=urn:x", 0, 0},
    {"a JWT's client", JWT, NULL, "client:app", 0, 1},
    {"a JWT's kid", JWT, NULL, "kid:k", 0, 1},
    {"its certificate, which is not shown", "{" IAT ",\"exp\":1700000300," BOUND_A "}", NULL,
     "x5t:A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0", 0, 1},
    {"the connection's, of an unbound token", JWT, NULL, "x5t:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 1, 1},
    {"another certificate", JWT, NULL, "x5t:A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0", 1, 0},
    {"a number for a sub", "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":17,\"exp\":1700000300}", NULL,
     "sub:17", 0, 1},
    {"an answer's sub", NULL, "{" ACTIVE ",\"aud\":\"" AUDIENCE "\"}", "sub:bob", 0, 1},
    {"an answer's client", NULL, "{" ACTIVE ",\"aud\":\"" AUDIENCE "\",\"client_id\":\"c\"}", "client:c", 0, 1},
    {"the JWT's jti behind an answer", JWT, "{" ACTIVE "}", "jti:j1", 0, 1},
    {"the JWT's kid behind an answer", JWT, "{" ACTIVE "}", "kid:k", 0, 1},
    {"the JWT's sub behind an answer", JWT, "{" ACTIVE "}", "sub:alice", 0, 1},
    {"the JWT's client behind an answer", JWT, "{" ACTIVE "}", "client:app", 0, 1},
};

static void denied_is_refused(const void *data)
{
    const deny_row_t    *row = data;
    mto_policy_t        *policy = policy_of(MINUTE);
    const mto_keyset_t  *keys = signing_keys();
    const mto_demand_t   nothing = {.requires_mutual_tls = 0};
    char                 reason[MTO_DENYLIST_REASON_SIZE];
    mto_denylist_t      *denied = mto_denylist_create(row->denied, strlen(row->denied), reason);
    mto_certificate_t    shown = {.x5t = {0}};
    const mto_occasion_t at = {.now = NOW,
                               .certificate = row->certificate ? &shown : NULL,
                               .keys = keys,
                               .location = &nothing,
                               .denied = denied};
    mto_token_t         *jwt, *token;
    mto_verdict_t        verdict = MTO_VERDICT_INIT;

    policy->introspect_jwt = row->answer != NULL;
    jwt = jwt_of(row->jwt, keys, policy);
    token = row->answer != NULL ? answer_of(row->answer, jwt, policy) : mto_token_retain(jwt);
    (void)mto_token_admit(token, &at, &verdict);
    mto_token_release(token);
    mto_token_release(jwt);
    mto_denylist_release(denied);
    support_assert_refusal(verdict.refusal, row->is_denied ? MTO_TOKEN_REVOKED : MTO_ADMITTED, &verdict);
}

typedef struct {
    const char *name, *kid, *published; /* in the header; of the second JWK of the key. NULL: none */
    const char *denied;
    int         is_denied;
} key_row_t;

static const key_row_t denied_keys[] = {
    {"the kid of the header", "k", NULL, "kid:k", 1},
    {"no kid in the header", NULL, NULL, "kid:k", 1},
    {"the other kid of the key", "k", "other", "kid:other", 1},
    {"neither", NULL, "other", "kid:third", 0},
    {"no kid anywhere", NULL, NULL, "kid:K", 0},
};

/* A key that was lost is denied by its kid in the set: who has it writes the header. */
static void lost_key_is_refused(const void *data)
{
    const key_row_t    *row = data;
    EVP_PKEY           *key = signing_key();
    const mto_keyset_t *keys =
        support_keyset(support_jwk(support_key(MTO_KEY_ED25519, 1), "K", NULL), support_jwk(key, "k", NULL),
                       support_jwk(key, row->published, NULL), NULL);
    const mto_demand_t   nothing = {.requires_mutual_tls = 0};
    char                 reason[MTO_DENYLIST_REASON_SIZE];
    mto_denylist_t      *denied = mto_denylist_create(row->denied, strlen(row->denied), reason);
    const mto_occasion_t at = {.now = NOW, .keys = keys, .location = &nothing, .denied = denied};
    mto_policy_t        *policy = support_policy();
    mto_verdict_t        why = MTO_VERDICT_INIT, verdict = MTO_VERDICT_INIT;
    const char          *text = support_token("EdDSA", key, row->kid, JWT);
    mto_presented_t     *presented;
    mto_token_t         *token;

    assert_int_equal(mto_presented_read(&presented, text, strlen(text), &why), MTO_ADMITTED);
    support_assert_refusal(mto_token_prove(&token, presented, keys, policy, &why), MTO_ADMITTED, &why);
    mto_presented_free(presented);
    (void)mto_token_admit(token, &at, &verdict);
    mto_token_release(token);
    mto_denylist_release(denied);
    support_assert_refusal(verdict.refusal, row->is_denied ? MTO_TOKEN_REVOKED : MTO_ADMITTED, &verdict);
}

/* --- What is opaque ------------------------------------------------------------------------------------------------
 */

typedef struct {
    const char *name, *text;
    int         opaque;
} opaque_row_t;

static const opaque_row_t opaque[] = {
    {"a word", "Zm9vYmFy", 1},
    {"nothing", "", 1},
    {"a JWT", "eyJhbGciOiJFZERTQSJ9.e30.AAAA", 0},
    {"a JWT without a signature", "eyJhbGciOiJFZERTQSJ9.e30.", 0},
    {"a JWT whose signature has stray bits", "eyJhbGciOiJFZERTQSJ9.e30.AB", 0},
    {"a JWT without claims", "eyJhbGciOiJFZERTQSJ9..AAAA", 0},
    {"two segments", "eyJhbGciOiJFZERTQSJ9.e30", 1},
    {"four segments", "eyJhbGciOiJFZERTQSJ9.e30.AAAA.AAAA", 1},
    {"five segments (JWE)", "eyJhbGciOiJFZERTQSJ9.AAAA.AAAA.AAAA.AAAA", 1},
    {"three words", "aaaa.bbbb.cccc", 1},
    {"an array in front", "W10.e30.AAAA", 1},
    {"a JWT in another alphabet", "eyJhbGciOiJFZERTQSJ9.e30.A+A/", 0},
    {"a JWT with a dot behind, which Java's split drops", "eyJhbGciOiJFZERTQSJ9.e30.AAAA.", 0},
    {"a JWT with dots behind", "eyJhbGciOiJFZERTQSJ9.e30.AAAA...", 0},
    {"a JWT with padding", "eyJhbGciOiJFZERTQSIsIiI6MH0=.e30=.AAAA=", 0},
    {"a JWT with stray bits in the header", "eyJhbGciOiJFZERTQSIsIiI6MH1.e30.AAAA", 0},
    {"a JWT with strange characters in the header", "~e.yJhbGciOiJFZERTQSJ9.e30", 1},
    {"the same in three segments", "~ey~JhbGciOiJFZERTQSJ9.e30.AAAA", 0},
    {"a JWT with blanks in the header", "IAp7CSJhbGciOiJFZERTQSJ9.e30.AAAA", 0},
    {"a JWT with a member twice", "eyJhIjowLCJhIjowfQ.e30.AAAA", 0},
    {"a JWT with something behind the header", "eyJhIjowfSBhbmQgbW9yZQ.e30.AAAA", 0},
    {"a JWT with a byte order mark", "77u_eyJhIjowfQ.e30.AAAA", 0},
    {"a JWT with a header in UTF-16", "_v8AewAiAGEAIgA6ADAAfQ.e30.AAAA", 0},
    {"a brace and no more", "ew.e30.AAAA", 1},
    {"a brace and no member", "e2Fi.e30.AAAA", 1},
};

static void opaque_is_what_is_no_jwt(const void *data)
{
    const opaque_row_t *row = data;

    assert_int_equal(mto_token_is_opaque(row->text, strlen(row->text)), row->opaque);
}

typedef struct {
    const char   *name, *text;
    mto_refusal_t refusal;
} alphabet_row_t;

static const alphabet_row_t alphabets[] = {
    {"all there is", "aZ09-._~+/==", MTO_ADMITTED},         {"a blank", "a b", MTO_TOKEN_MALFORMED},
    {"an ampersand", "a&active=true", MTO_TOKEN_MALFORMED}, {"a quote", "a\"", MTO_TOKEN_MALFORMED},
    {"a high byte", "\xc3\xa4", MTO_TOKEN_MALFORMED},       {"a line end", "a\r\nb", MTO_TOKEN_MALFORMED},
};

static void opaque_token_has_an_alphabet(const void *data)
{
    const alphabet_row_t *row = data;
    mto_verdict_t         why = MTO_VERDICT_INIT;

    support_assert_refusal(mto_token_check_opaque(row->text, strlen(row->text), &why), row->refusal, &why);
}

static void opaque_token_has_a_size(const void *unused)
{
    const char   *most = support_repeat("a", MTO_TOKEN_SIZE);
    mto_verdict_t why = MTO_VERDICT_INIT;

    (void)unused;
    assert_int_equal(mto_token_check_opaque(most, MTO_TOKEN_SIZE, &why), MTO_ADMITTED);
    assert_int_equal(mto_token_check_opaque(most, MTO_TOKEN_SIZE + 1, &why), MTO_TOKEN_TOO_LARGE);
    assert_true(mto_token_is_opaque(most, MTO_TOKEN_SIZE + 1));
}

int main(void)
{
    support_table("RFC 7662 section 2.2, an answer", answer_proves, TABLE(proofs));
    support_case("DESIGN section 8, claims do not mix", required_claims_are_the_answers);
    support_table("DESIGN section 8, how long an answer holds", answer_holds_as_long_as_the_mode_says, TABLE(holds));
    support_table("DESIGN section 8, checks add up", checks_add_up, TABLE(admissions));
    support_table("a JWT that is refused anyway is not asked about", what_is_clear_is_not_asked, TABLE(preadmissions));
    support_table("issue 6, the deny list is honoured", denied_is_refused, TABLE(denials));
    support_table("a signing key that was lost", lost_key_is_refused, TABLE(denied_keys));
    support_table("DESIGN section 8, what is opaque", opaque_is_what_is_no_jwt, TABLE(opaque));
    support_table("RFC 6750 section 2.1, characters of a token", opaque_token_has_an_alphabet, TABLE(alphabets));
    support_case("DESIGN section 4, a token of at most 16 KiB", opaque_token_has_a_size);
    return support_run("answer");
}
