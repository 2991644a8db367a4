/* An introspection answer: two bytes for the block and the JWT that was asked about, then the JSON. Nothing is proven
 * but by "active": true, nothing lasts longer than token or answer, and no answer loosens what the JWT demands. */
#include "admission.h"

#include "core/json.h"

#include <string.h>
#include <strings.h>

#define JWT                                                                                                            \
    "\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"alice\",\"exp\":1700000300,\"jti\":\"1\",\"a\":{\"b\":" \
    "1}"

#define JWTS 3

static const mto_keyset_t *keys, *other_keys;
static mto_token_t        *jwts[FUZZ_POLICIES][JWTS]; /* NULL: none (an opaque token), or the block would not have it */

static mto_token_t *proven(const char *text, const mto_policy_t *policy)
{
    mto_verdict_t    why = MTO_VERDICT_INIT;
    mto_presented_t *presented;
    mto_token_t     *token = NULL;

    if (mto_presented_read(&presented, text, strlen(text), &why) == MTO_ADMITTED) {
        (void)mto_token_prove(&token, presented, keys, policy, &why);
    }
    mto_presented_free(presented);
    return token;
}

void fuzz_prepare(void)
{
    EVP_PKEY   *key = support_key(MTO_KEY_ED25519, 0);
    const char *unbound = support_token("EdDSA", key, "k", "{" JWT "}");
    const char *bound = support_token(
        "EdDSA", key, "k", support_text("{" JWT ",\"cnf\":{\"x5t#S256\":\"%s\"}}", fuzz_certificate()->x5t_text));
    unsigned policy;

    keys = support_keyset(support_jwk(key, "k", NULL), NULL);
    other_keys = support_keyset(support_jwk(support_key(MTO_KEY_ED25519, 1), "k", NULL), NULL);
    for (policy = 0; policy < FUZZ_POLICIES; policy++) {
        jwts[policy][1] = proven(unbound, fuzz_policy(policy));
        jwts[policy][2] = proven(bound, fuzz_policy(policy));
    }
    CHECK(jwts[4][1] != NULL && jwts[4][2] != NULL);
}

static int is_text(const json_t *answer, const char *member, const char *word)
{
    const char *value = mto_json_string(answer, member);

    return value != NULL && strcasecmp(value, word) == 0;
}

static void check_end(const mto_token_t *token)
{
    apr_time_t          end = mto_token_answer_end(token);
    const mto_claims_t *claims = mto_token_claims(token), *jwt = mto_token_jwt_claims(token);

    CHECK(end >= NOW && end == mto_token_end(token));
    CHECK(end == NOW || claims->expires == MTO_TIME_ABSENT || end <= claims->expires);
    CHECK(end == NOW || jwt == NULL || end <= jwt->expires);
    CHECK(end == NOW || mto_token_policy(token)->introspection_cache > 0);
    CHECK(mto_token_holds(token, NOW) == (end > NOW) && !mto_token_holds(token, end));
}

static void check_proven(const mto_token_t *token, const mto_token_t *jwt, const json_t *answer)
{
    const json_t       *issuer = json_object_get(answer, "iss");
    const mto_claims_t *claims = mto_token_claims(token);

    CHECK(json_is_true(json_object_get(answer, "active")));
    CHECK(json_equal(claims->root, answer));
    CHECK(issuer == NULL || strcmp(json_string_value(issuer), ISSUER) == 0);
    CHECK(!is_text(answer, "token_type", "DPoP") && !is_text(answer, "token_use", "refresh_token"));
    CHECK(json_object_get(answer, "events") == NULL && json_object_get(answer, "at_hash") == NULL);
    CHECK(mto_token_proof(token) == (jwt != NULL ? MTO_PROOF_BOTH : MTO_PROOF_ANSWER));
    if (jwt != NULL && mto_token_claims(jwt)->confirmation.shape == MTO_CONFIRMATION_THUMBPRINT) {
        CHECK(claims->confirmation.shape == MTO_CONFIRMATION_THUMBPRINT);
        CHECK(memcmp(claims->confirmation.x5t, mto_token_claims(jwt)->confirmation.x5t, MTO_X5T_SIZE) == 0);
    }
    check_end(token);
    fuzz_check_admission(token, keys, other_keys);
}

static int is_of_answers(mto_refusal_t refusal)
{
    static const mto_refusal_t all[] = {
        MTO_INTROSPECTION_UNAVAILABLE, MTO_TOKEN_INACTIVE, MTO_CLAIMS_MALFORMED,  MTO_ISSUER_UNKNOWN,
        MTO_TYPE_NOT_ALLOWED,          MTO_CLAIM_MISSING,  MTO_BINDING_MALFORMED, MTO_USER_CLAIM_MISSING,
        MTO_USER_CLAIM_MALFORMED};
    size_t i;

    for (i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] == refusal) {
            return 1;
        }
    }
    return 0;
}

void fuzz_one(const char *data, size_t size)
{
    unsigned      policy = fuzz_choice(&data, &size, FUZZ_POLICIES);
    mto_token_t  *jwt = jwts[policy][fuzz_choice(&data, &size, JWTS)], *token;
    const char   *reason;
    json_t       *answer = mto_json_read_object(data, size, &reason);
    mto_verdict_t why = MTO_VERDICT_INIT;
    mto_refusal_t refusal = mto_token_prove_answer(&token, data, size, jwt, fuzz_policy(policy), NOW, &why);

    fuzz_check_verdict(refusal, &why);
    CHECK((token != NULL) == (refusal == MTO_ADMITTED));
    CHECK(answer != NULL || refusal == MTO_INTROSPECTION_UNAVAILABLE);
    if (token != NULL) {
        check_proven(token, jwt, answer);
    }
    else {
        CHECK(is_of_answers(refusal));
    }
    mto_token_release(token);
    json_decref(answer);
}
