/* Proof by the issuer's answer about a token (RFC 7662 section 2.2): mto_token_prove_answer of token.h. */
#include "core/token_private.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Whether a string member of the answer is, without regard to case, one of words. */
static int says(const json_t *answer, const char *member, const char *const *words)
{
    const char *value = json_string_value(json_object_get(answer, member));

    for (; value != NULL && *words != NULL; words++) {
        if (strcasecmp(value, *words) == 0) {
            return 1;
        }
    }
    return 0;
}

/* An issuer may know the refresh token that it was asked about, and one whose use must be proven in another way than
 * over TLS; both are active, and neither is a bearer token. */
static mto_refusal_t check_type(const json_t *answer, mto_verdict_t *why)
{
    static const char *const types[] = {"DPoP", "PoP", "N_A", "mac", "refresh_token", NULL};
    static const char *const uses[] = {"refresh_token", "id_token", NULL};

    if (says(answer, "token_type", types) || says(answer, "token_use", uses)) {
        return mto_verdict_refuse(why, MTO_TYPE_NOT_ALLOWED, "token_type or token_use of the answer: no bearer token");
    }
    return mto_token_check_marks(answer, why);
}

/* Two cnf must say the same; a thumbprint does whatever stands beside it. */
static int same_confirmation(const mto_claims_t *a, const mto_claims_t *b)
{
    if (a->confirmation.shape == MTO_CONFIRMATION_ABSENT || b->confirmation.shape == MTO_CONFIRMATION_ABSENT) {
        return 1;
    }
    if (a->confirmation.shape == MTO_CONFIRMATION_THUMBPRINT && b->confirmation.shape == MTO_CONFIRMATION_THUMBPRINT) {
        return memcmp(a->confirmation.x5t, b->confirmation.x5t, sizeof a->confirmation.x5t) == 0;
    }
    return json_equal(json_object_get(a->root, "cnf"), json_object_get(b->root, "cnf"));
}

static mto_refusal_t check_claims(const mto_claims_t *claims, const mto_token_t *jwt, const mto_policy_t *policy,
                                  mto_verdict_t *why)
{
    mto_refusal_t refusal;

    if (claims->issuer != NULL && strcmp(claims->issuer, policy->issuer) != 0) {
        return mto_verdict_refuse(why, MTO_ISSUER_UNKNOWN, "the introspection answer has another iss");
    }
    if ((refusal = check_type(claims->root, why)) != MTO_ADMITTED
        || (refusal = mto_token_check_required(claims, policy, why)) != MTO_ADMITTED) {
        return refusal;
    }
    if (policy->settings.max_token_lifetime > 0 && claims->expires == MTO_TIME_ABSENT && jwt == NULL) {
        return mto_verdict_refuse(why, MTO_CLAIM_MISSING, "exp, which MTLSOAuthMaxTokenLifetime needs");
    }
    if (jwt != NULL && !same_confirmation(claims, &jwt->claims)) {
        return mto_verdict_refuse(why, MTO_BINDING_MALFORMED, "the token and the answer about it have different cnf");
    }
    return MTO_ADMITTED;
}

static apr_time_t earlier(apr_time_t end, apr_time_t expires)
{
    return expires != MTO_TIME_ABSENT && expires < end ? expires : end;
}

/* Until when the answer holds. It always holds for the request that it was asked for. */
static apr_time_t end_of(const mto_token_t *token)
{
    apr_interval_time_t cache = token->policy->introspection_cache;
    apr_time_t          end, exp = token->claims.expires;

    if (cache == MTO_ANSWER_UNTIL_EXP) {
        end = exp != MTO_TIME_ABSENT ? exp : token->answered;
    }
    else {
        end = cache < APR_INT64_MAX - token->answered ? token->answered + cache : APR_INT64_MAX;
    }
    end = earlier(end, exp);
    if (token->jwt != NULL) {
        end = earlier(end, token->jwt->claims.expires);
    }
    return end > token->answered ? end : token->answered;
}

mto_refusal_t mto_token_prove_answer(mto_token_t **out, const char *json, size_t length, mto_token_t *jwt,
                                     const mto_policy_t *policy, apr_time_t answered, mto_verdict_t *why)
{
    mto_verdict_t reading = MTO_VERDICT_INIT;
    mto_token_t  *token;
    mto_refusal_t refusal;

    *out = NULL;
    errno = 0;
    token = mto_token_create(policy);
    if (token == NULL) {
        return mto_verdict_refuse(why, MTO_MEMORY_UNAVAILABLE, "no memory for the token");
    }
    refusal = mto_claims_read(&token->claims, json, length, &reading);
    if (token->claims.root == NULL) {
        refusal = mto_verdict_refuse(why, MTO_INTROSPECTION_UNAVAILABLE, "the answer: %s", reading.detail);
    }
    else if (!json_is_true(json_object_get(token->claims.root, "active"))) {
        refusal = mto_verdict_refuse(why, MTO_TOKEN_INACTIVE, "the issuer does not say \"active\": true of it");
    }
    else if (refusal != MTO_ADMITTED) {
        refusal = mto_verdict_refuse(why, refusal, "the introspection answer: %s", reading.detail);
    }
    else if ((refusal = check_claims(&token->claims, jwt, policy, why)) == MTO_ADMITTED) {
        refusal = mto_token_read_user(token, &token->claims, why);
    }
    if (refusal != MTO_ADMITTED) {
        mto_token_release(token);
        return mto_verdict_mind_memory(why);
    }
    token->is_answer = 1;
    token->answered = answered;
    token->jwt = mto_token_retain(jwt);
    if (jwt != NULL && token->claims.confirmation.shape == MTO_CONFIRMATION_ABSENT) {
        token->claims.confirmation = jwt->claims.confirmation;
    }
    token->answer_end = end_of(token);
    if (mto_token_settle(token, why) != MTO_ADMITTED) {
        mto_token_release(token);
        return why->refusal;
    }
    *out = token;
    return MTO_ADMITTED;
}

apr_time_t mto_token_answer_end(const mto_token_t *token)
{
    return token->is_answer ? token->answer_end : APR_INT64_MAX;
}

int mto_token_holds(const mto_token_t *token, apr_time_t now)
{
    if (!token->is_answer) {
        return 1;
    }
    /* One that ends when it begins is for its request alone. */
    return token->answer_end > token->answered && now < token->answer_end
           && token->answered - token->policy->settings.clock_skew <= now;
}

mto_proof_t mto_token_proof(const mto_token_t *token)
{
    if (!token->is_answer) {
        return MTO_PROOF_SIGNATURE;
    }
    return token->jwt != NULL ? MTO_PROOF_BOTH : MTO_PROOF_ANSWER;
}

const mto_claims_t *mto_token_jwt_claims(const mto_token_t *token)
{
    if (!token->is_answer) {
        return &token->claims;
    }
    return token->jwt != NULL ? &token->jwt->claims : NULL;
}
