#include "core/jws.h"
#include "core/token_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct mto_presented_t {
    mto_jws_t    jws;
    mto_claims_t claims;
};

/* --- As presented ------------------------------------------------------------------------------------------------- */

mto_refusal_t mto_presented_read(mto_presented_t **out, const char *text, size_t length, mto_verdict_t *why)
{
    mto_presented_t *presented;
    mto_refusal_t    refusal;

    *out = NULL;
    if (length > MTO_TOKEN_SIZE) {
        return mto_verdict_refuse(why, MTO_TOKEN_TOO_LARGE, "%zu bytes", length);
    }
    errno = 0;
    presented = calloc(1, sizeof *presented);
    if (presented == NULL) {
        return mto_verdict_refuse(why, MTO_MEMORY_UNAVAILABLE, "no memory to read it");
    }
    refusal = mto_jws_read(&presented->jws, text, length, why);
    if (refusal == MTO_ADMITTED) {
        refusal =
            mto_claims_read(&presented->claims, (const char *)presented->jws.payload, presented->jws.payload_size, why);
    }
    if (refusal != MTO_ADMITTED) {
        refusal = mto_verdict_mind_memory(why);
        mto_presented_free(presented);
        return refusal;
    }
    *out = presented;
    return MTO_ADMITTED;
}

const mto_claims_t *mto_presented_claims(const mto_presented_t *presented)
{
    return &presented->claims;
}

const char *mto_presented_kid(const mto_presented_t *presented)
{
    return presented->jws.kid;
}

void mto_presented_free(mto_presented_t *presented)
{
    if (presented != NULL) {
        mto_jws_clear(&presented->jws);
        mto_claims_clear(&presented->claims);
        free(presented);
    }
}

/* --- What it takes ------------------------------------------------------------------------------------------------ */

/* Bytes that malloc adds to a block, on average. */
#define BLOCK 16

static size_t size_of_text(const char *text)
{
    return text != NULL ? strlen(text) + 1 + BLOCK : 0;
}

/* --- Prove -------------------------------------------------------------------------------------------------------- */

static int is_one_of(const char *word, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcasecmp(word, *words) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Whether the header's typ is one of types, with or without the application/ in front (RFC 7515 section 4.1.9). */
static int is_type(const char *type, const char *const *types)
{
    static const char prefix[] = "application/";

    if (strncasecmp(type, prefix, sizeof prefix - 1) == 0) {
        type += sizeof prefix - 1;
    }
    return is_one_of(type, types);
}

/* Tokens of other kinds, which issuers sign with the same key (RFC 8725 section 3.12) and know as well. */
mto_refusal_t mto_token_check_marks(const json_t *claims, mto_verdict_t *why)
{
    static const char *const foreign_claims[] = {"events", "at_hash", "c_hash", "s_hash"};
    static const char *const foreign_types[] = {"ID", "Refresh", "Offline", "Logout", NULL};
    const char              *claimed_type = json_string_value(json_object_get(claims, "typ"));
    size_t                   i;

    for (i = 0; i < sizeof foreign_claims / sizeof foreign_claims[0]; i++) {
        if (json_object_get(claims, foreign_claims[i]) != NULL) {
            return mto_verdict_refuse(why, MTO_TYPE_NOT_ALLOWED, "claim %s: an ID or logout token", foreign_claims[i]);
        }
    }
    if (claimed_type != NULL && is_one_of(claimed_type, foreign_types)) {
        return mto_verdict_refuse(why, MTO_TYPE_NOT_ALLOWED, "claim typ is %s", claimed_type);
    }
    return MTO_ADMITTED;
}

static mto_refusal_t check_profile_jwt(const mto_presented_t *presented, mto_verdict_t *why)
{
    static const char *const types[] = {"JWT", "at+jwt", NULL};

    if (presented->jws.type != NULL && !is_type(presented->jws.type, types)) {
        return mto_verdict_refuse(why, MTO_TYPE_NOT_ALLOWED, "typ %.40s", presented->jws.type);
    }
    return mto_token_check_marks(presented->claims.root, why);
}

/* RFC 9068 section 2.2: the claims that every token has, and those among them that are strings. */
static mto_refusal_t check_profile_rfc9068(const mto_presented_t *presented, mto_verdict_t *why)
{
    static const char *const types[] = {"at+jwt", NULL};
    static const struct {
        const char *name;
        int         is_text;
    } claims[] = {{"iss", 1}, {"exp", 0}, {"aud", 0}, {"sub", 1}, {"client_id", 1}, {"iat", 0}, {"jti", 1}};
    size_t i;

    if (presented->jws.type == NULL || !is_type(presented->jws.type, types)) {
        return mto_verdict_refuse(why, MTO_TYPE_NOT_ALLOWED, "typ %.40s is not at+jwt",
                                  presented->jws.type != NULL ? presented->jws.type : "(none)");
    }
    for (i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        const json_t *claim = json_object_get(presented->claims.root, claims[i].name);

        if (claim == NULL || json_is_null(claim)) {
            return mto_verdict_refuse(why, MTO_CLAIM_MISSING, "%s, which RFC 9068 section 2.2 demands", claims[i].name);
        }
        if (claims[i].is_text && !json_is_string(claim)) {
            return mto_verdict_refuse(why, MTO_CLAIMS_MALFORMED, "%s is not a string", claims[i].name);
        }
    }
    return MTO_ADMITTED;
}

mto_refusal_t mto_token_check_required(const mto_claims_t *claims, const mto_policy_t *policy, mto_verdict_t *why)
{
    int i;

    for (i = 0; i < policy->settings.required_claims->nelts; i++) {
        const mto_claim_path_t *path = APR_ARRAY_IDX(policy->settings.required_claims, i, const mto_claim_path_t *);
        if (mto_claims_find(claims, path) == NULL) {
            return mto_verdict_refuse(why, MTO_CLAIM_MISSING, "%s, which MTLSOAuthRequiredClaims names", path->text);
        }
    }
    return MTO_ADMITTED;
}

mto_refusal_t mto_token_read_user(mto_token_t *token, const mto_claims_t *claims, mto_verdict_t *why)
{
    const mto_settings_t *settings = &token->policy->settings;
    const json_t         *claim = mto_claims_find_first(claims, settings->remote_user_claims);
    const char           *name = json_string_value(claim);
    char                  number[24];
    size_t                size, suffix_size = strlen(settings->remote_user_suffix) + 1;

    if (claim == NULL) {
        return mto_verdict_refuse(why, MTO_USER_CLAIM_MISSING, "none of MTLSOAuthRemoteUserClaim is there");
    }
    if (json_is_integer(claim) && json_integer_value(claim) >= 0) {
        (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(claim));
        name = number;
    }
    size = name != NULL ? strlen(name) : 0;
    if (size == 0 || size > MTO_USER_SIZE || mto_claim_has_controls(name)) {
        return mto_verdict_refuse(why, MTO_USER_CLAIM_MALFORMED,
                                  "not 1 to 255 bytes of text without control characters");
    }
    token->user = malloc(size + suffix_size);
    if (token->user == NULL) {
        return mto_verdict_refuse(why, MTO_MEMORY_UNAVAILABLE, "no memory for the user's name");
    }
    memcpy(token->user, name, size);
    memcpy(token->user + size, settings->remote_user_suffix, suffix_size);
    return MTO_ADMITTED;
}

/* The token's scope: scope, else scp; a string as it is, an array of strings joined by spaces (RFC 8693 section 4.2).
 * With a value that cannot be shown: NULL in *text. *joined: to be freed, NULL when nothing had to be joined. Returns 0
 * without memory. */
static int read_scope(const json_t *root, const char **text, char **joined)
{
    const json_t *scope = json_object_get(root, "scope"), *element;
    size_t        i, size = 1;
    char         *to;

    *joined = NULL;
    *text = NULL;
    if (scope == NULL) {
        scope = json_object_get(root, "scp");
    }
    if (!json_is_array(scope)) {
        *text = mto_claim_text(scope);
        return 1;
    }
    json_array_foreach(scope, i, element)
    {
        if (mto_claim_text(element) == NULL) {
            return 1;
        }
        size += json_string_length(element) + 1;
    }
    if (json_array_size(scope) == 0) {
        return 1;
    }
    *joined = to = malloc(size);
    if (to == NULL) {
        return 0;
    }
    json_array_foreach(scope, i, element)
    {
        to += snprintf(to, size - (size_t)(to - *joined), i == 0 ? "%s" : " %s", json_string_value(element));
    }
    *text = *joined;
    return 1;
}

/* A text, or a whole number as it is written. */
static const char *read_client_id(mto_token_t *token)
{
    const json_t *claim = mto_claims_find_first(&token->claims, token->policy->settings.client_id_claims);

    if (!json_is_integer(claim)) {
        return mto_claim_text(claim);
    }
    (void)snprintf(token->client_number, sizeof token->client_number, "%" JSON_INTEGER_FORMAT,
                   json_integer_value(claim));
    return token->client_number;
}

mto_refusal_t mto_token_settle(mto_token_t *token, mto_verdict_t *why)
{
    const json_t *root = token->claims.root;

    if (!read_scope(root, &token->texts.scope, &token->joined_scope)) {
        return mto_verdict_refuse(why, MTO_MEMORY_UNAVAILABLE, "no memory for the scope");
    }

    token->texts.subject = mto_claim_text(json_object_get(root, "sub"));
    token->texts.client_id = read_client_id(token);
    token->texts.jti = mto_claim_text(json_object_get(root, "jti"));
    token->size = sizeof *token + 2 * BLOCK + mto_json_region_size(token->claims.region) + size_of_text(token->user)
                  + size_of_text(token->kid) + size_of_text(token->joined_scope)
                  + (token->jwt != NULL ? token->jwt->size : 0);
    return MTO_ADMITTED;
}

static mto_refusal_t check_presented(const mto_presented_t *presented, const mto_policy_t *policy, mto_verdict_t *why)
{
    const mto_claims_t *claims = &presented->claims;
    mto_refusal_t       refusal;

    if (claims->issuer == NULL || strcmp(claims->issuer, policy->issuer) != 0) {
        return mto_verdict_refuse(why, MTO_ISSUER_UNKNOWN, "iss is not the issuer of these keys");
    }
    refusal = policy->settings.profile == MTO_PROFILE_RFC9068 ? check_profile_rfc9068(presented, why)
                                                              : check_profile_jwt(presented, why);
    if (refusal != MTO_ADMITTED) {
        return refusal;
    }
    if (claims->expires == MTO_TIME_ABSENT) {
        return mto_verdict_refuse(why, MTO_CLAIM_MISSING, "exp");
    }
    /* What is looked up in claims is looked up in the answer's, where there is one. */
    return policy->introspect_jwt ? MTO_ADMITTED : mto_token_check_required(claims, policy, why);
}

/* FAPI 2.0 Security Profile section 5.4.1: EdDSA is for Ed25519 alone, which the name of the algorithm does not say. */
static mto_refusal_t check_signer(const mto_key_t *signer, const mto_policy_t *policy, mto_verdict_t *why)
{
    return policy->settings.profile == MTO_PROFILE_FAPI2 && signer->kind == MTO_KEY_ED448
               ? mto_verdict_refuse(why, MTO_ALGORITHM_NOT_ALLOWED, "EdDSA with an Ed448 key")
               : MTO_ADMITTED;
}

/* Fills a token whose signature is right. The claims become its own when it succeeds. */
static mto_refusal_t fill(mto_token_t *token, mto_presented_t *presented, mto_verdict_t *why)
{
    mto_verdict_t ignored = MTO_VERDICT_INIT;
    int           has_answer = token->policy->introspect_jwt; /* the user is the one of the answer */

    if (mto_token_read_user(token, &presented->claims, has_answer ? &ignored : why) != MTO_ADMITTED && !has_answer) {
        return why->refusal;
    }
    if (presented->jws.kid != NULL && (token->kid = strdup(presented->jws.kid)) == NULL) {
        return mto_verdict_refuse(why, MTO_MEMORY_UNAVAILABLE, "no memory for the kid");
    }
    token->claims = presented->claims;
    if (mto_token_settle(token, why) != MTO_ADMITTED) {
        memset(&token->claims, 0, sizeof token->claims); /* still the other's */
        return why->refusal;
    }
    memset(&presented->claims, 0, sizeof presented->claims); /* transferred */
    return MTO_ADMITTED;
}

mto_refusal_t mto_token_prove(mto_token_t **out, mto_presented_t *presented, const mto_keyset_t *keys,
                              const mto_policy_t *policy, mto_verdict_t *why)
{
    const mto_key_t *signer;
    mto_token_t     *token;

    *out = NULL;
    if (keys == NULL || mto_keyset_count(keys) == 0) {
        return mto_verdict_refuse(why, MTO_KEYS_UNAVAILABLE, "no keys of this issuer are in force");
    }
    errno = 0;
    if (mto_jws_verify(&presented->jws, keys, policy->settings.algorithms, &signer, why) != MTO_ADMITTED
        || check_signer(signer, policy, why) != MTO_ADMITTED
        || check_presented(presented, policy, why) != MTO_ADMITTED) {
        return mto_verdict_mind_memory(why);
    }
    token = mto_token_create(policy);
    if (token == NULL) {
        return mto_verdict_refuse(why, MTO_MEMORY_UNAVAILABLE, "no memory for the token");
    }
    token->algorithm = presented->jws.algorithm;
    token->keyset_serial = mto_keyset_serial(keys);
    memcpy(token->key_thumbprint, signer->thumbprint, sizeof token->key_thumbprint);
    if (fill(token, presented, why) != MTO_ADMITTED) {
        mto_token_release(token);
        return why->refusal;
    }
    *out = token;
    return MTO_ADMITTED;
}

/* --- The proven token --------------------------------------------------------------------------------------------- */

mto_token_t *mto_token_create(const mto_policy_t *policy)
{
    mto_token_t *token = calloc(1, sizeof *token);

    if (token != NULL) {
        atomic_init(&token->references, 1);
        token->policy = policy;
    }
    return token;
}

mto_token_t *mto_token_retain(mto_token_t *token)
{
    if (token != NULL) {
        atomic_fetch_add_explicit(&token->references, 1, memory_order_relaxed);
    }
    return token;
}

void mto_token_release(mto_token_t *token)
{
    if (token == NULL || atomic_fetch_sub_explicit(&token->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    mto_token_release(token->jwt);
    mto_claims_clear(&token->claims);
    free(token->user);
    free(token->kid);
    free(token->joined_scope);
    free(token);
}

const mto_policy_t *mto_token_policy(const mto_token_t *token)
{
    return token->policy;
}

const mto_claims_t *mto_token_claims(const mto_token_t *token)
{
    return &token->claims;
}

const char *mto_token_user(const mto_token_t *token)
{
    return token->user;
}

const mto_token_texts_t *mto_token_texts(const mto_token_t *token)
{
    return &token->texts;
}

const char *mto_token_kid(const mto_token_t *token)
{
    return token->jwt != NULL ? token->jwt->kid : token->kid;
}

apr_time_t mto_token_end(const mto_token_t *token)
{
    apr_time_t          expires = token->claims.expires;
    apr_interval_time_t skew = token->policy->settings.clock_skew;

    if (token->is_answer) {
        return token->answer_end;
    }
    return expires > APR_INT64_MAX - skew ? APR_INT64_MAX : expires + skew;
}

size_t mto_token_size(const mto_token_t *token)
{
    return token->size;
}
