/* mtls-oauth check: what the module would say to a token, step by step. */
#include "input.h"
#include "verb.h"

#include "core/keyset.h"
#include "core/policy.h"
#include "core/token.h"

#include <apr_strings.h>
#include <string.h>

/* The calls of the core that a token passes, in the order in which the module makes them. */
typedef enum {
    READ,   /* mto_presented_read */
    CHOOSE, /* mto_policy_choose */
    PROVE,  /* mto_token_prove */
    ADMIT,  /* mto_token_admit */
} stage_t;

#define MOST_REFUSALS 8

/* One step of a stage and the refusals that end there. */
typedef struct {
    stage_t       stage;
    const char   *what;
    mto_refusal_t refusals[MOST_REFUSALS]; /* MTO_ADMITTED behind the last */
} step_t;

/* In the order of src/core/token.c. A refusal that no step of its stage lists ends at the first of them. */
static const step_t steps[] = {
    {READ, "size: at most 16 KiB", {MTO_TOKEN_TOO_LARGE}},
    {READ, "form: a signed JWT, without critical extensions", {MTO_TOKEN_MALFORMED, MTO_CRITICAL_HEADER}},
    {READ, "alg is known", {MTO_ALGORITHM_NOT_ALLOWED}},
    {READ, "claims have their types", {MTO_CLAIMS_MALFORMED}},
    {CHOOSE, "iss is the issuer", {MTO_ISSUER_UNKNOWN, MTO_ISSUER_NOT_ACCEPTED}},
    {CHOOSE, "aud has an audience that is wanted", {MTO_AUDIENCE_MISMATCH}},
    {PROVE, "there are keys", {MTO_KEYS_UNAVAILABLE}},
    {PROVE, "alg is allowed, and a key fits kid and alg", {MTO_ALGORITHM_NOT_ALLOWED, MTO_KEY_UNKNOWN}},
    {PROVE, "signature", {MTO_SIGNATURE_INVALID}},
    {PROVE, "type: an access token by the profile", {MTO_TYPE_NOT_ALLOWED, MTO_ISSUER_UNKNOWN}},
    {PROVE, "claims that must be there", {MTO_CLAIM_MISSING, MTO_CLAIMS_MALFORMED}},
    {PROVE, "user name", {MTO_USER_CLAIM_MISSING, MTO_USER_CLAIM_MALFORMED, MTO_TOKEN_MALFORMED}},
    {ADMIT, "time: exp, nbf, iat", {MTO_TOKEN_EXPIRED, MTO_TOKEN_NOT_YET_VALID}},
    {ADMIT, "lifetime", {MTO_LIFETIME_EXCEEDED}},
    {ADMIT, "audience and key are still in force", {MTO_AUDIENCE_MISMATCH, MTO_KEYS_UNAVAILABLE, MTO_KEY_UNKNOWN}},
    {ADMIT,
     "binding to the certificate",
     {MTO_BINDING_MISSING, MTO_BINDING_MALFORMED, MTO_BINDING_UNSUPPORTED, MTO_CERTIFICATE_MISSING,
      MTO_CERTIFICATE_MISMATCH, MTO_CERTIFICATE_UNTRUSTED, MTO_CERTIFICATE_EXPIRED, MTO_CERTIFICATE_REVOKED}},
};

#define STEP_COUNT (sizeof steps / sizeof steps[0])

static const char *const stage_words[] = {"read", "choose", "prove", "admit"};

typedef struct {
    const char         *issuer, *jwks_file, *certificate_file, *ca_file, *crl_file, *remote_user_suffix;
    const mto_word_t   *use_mutual_tls, *profile;
    unsigned            algorithms;
    const apr_int64_t  *clock_skew, *max_token_lifetime;
    apr_array_header_t *audiences, *remote_user_claims, *client_id_claims, *required_claims;
    const apr_time_t   *at;
} check_t;

/* --- Options of the policy ---------------------------------------------------------------------------------------- */

static const char *set_word(const mto_word_t **member, const mto_word_t *words, const char *value)
{
    int wanted = mto_word_value(words, value);

    if (wanted == MTO_UNSET) {
        return "another word is wanted";
    }
    while (words->value != wanted) {
        words++;
    }
    *member = words;
    return NULL;
}

static const char *set_use_mutual_tls(void *member, const char *value, apr_pool_t *pool)
{
    (void)pool;
    return set_word(member, mto_mutual_tls_words, value);
}

static const char *set_profile(void *member, const char *value, apr_pool_t *pool)
{
    (void)pool;
    return set_word(member, mto_profile_words, value);
}

static const char *set_algorithms(void *member, const char *value, apr_pool_t *pool)
{
    char     *rest = apr_pstrdup(pool, value), *last, *name;
    unsigned *algorithms = member;

    for (name = apr_strtok(rest, " ,", &last); name != NULL; name = apr_strtok(NULL, " ,", &last)) {
        const mto_algorithm_t *algorithm = mto_algorithm_find(name);

        if (algorithm == NULL) {
            return "not all of these are algorithms here";
        }
        *algorithms |= mto_algorithm_bit(algorithm);
    }
    return *algorithms != 0 ? NULL : "at least one algorithm is wanted";
}

static const char *set_paths(void *member, const char *value, apr_pool_t *pool)
{
    char                *rest = apr_pstrdup(pool, value), *last, *text;
    apr_array_header_t **paths = member;
    const char          *reason;

    if (*paths == NULL) {
        *paths = apr_array_make(pool, 4, sizeof(const mto_claim_path_t *));
    }
    for (text = apr_strtok(rest, " ", &last); text != NULL; text = apr_strtok(NULL, " ", &last)) {
        const mto_claim_path_t *path = mto_claim_path_parse(text, pool, &reason);

        if (path == NULL) {
            return reason;
        }
        APR_ARRAY_PUSH(*paths, const mto_claim_path_t *) = path;
    }
    return (*paths)->nelts > 0 ? NULL : "at least one claim is wanted";
}

static const char *set_clock_skew(void *member, const char *value, apr_pool_t *pool)
{
    const char *reason = mto_option_number(member, value, pool);

    if (reason == NULL && **(const apr_int64_t **)member > apr_time_sec(MTO_CLOCK_SKEW_MOST)) {
        reason = "at most 300 seconds";
    }
    return reason;
}

/* *weakness: what of the options contradicts the profile, as at httpd's start; NULL: nothing. */
static mto_policy_t make_policy(const check_t *check, const char **weakness, apr_pool_t *pool)
{
    mto_settings_t said = mto_settings_unset();
    mto_policy_t   policy = {.issuer = check->issuer, .audiences = check->audiences};

    said.algorithms = check->algorithms;
    said.remote_user_claims = check->remote_user_claims;
    said.remote_user_suffix = check->remote_user_suffix;
    said.client_id_claims = check->client_id_claims;
    said.required_claims = check->required_claims;
    if (check->use_mutual_tls != NULL) {
        said.use_mutual_tls = check->use_mutual_tls->value;
    }
    if (check->profile != NULL) {
        said.profile = check->profile->value;
    }
    if (check->clock_skew != NULL) {
        said.clock_skew = apr_time_from_sec(*check->clock_skew);
    }
    if (check->max_token_lifetime != NULL) {
        said.max_token_lifetime = apr_time_from_sec(*check->max_token_lifetime);
    }
    *weakness = mto_settings_weakness(&said, pool);
    policy.settings = mto_settings_finish(&said, pool);
    return policy;
}

/* --- Keys --------------------------------------------------------------------------------------------------------- */

static void warn_of_skipped(void *baton, size_t position, const char *kid, const char *reason, int harmless)
{
    mto_complain("warning: %s: key %zu (%s%s) is left out: %s%s", (const char *)baton, position,
                 kid != NULL ? "kid " : "no kid", kid != NULL ? kid : "", reason,
                 harmless ? "; it is not meant for this" : "");
}

/* A sealed set; NULL: the file cannot be used, which has been said then. */
static mto_keyset_t *read_keys(const char *path, apr_pool_t *pool)
{
    mto_keyset_t *keys = mto_keyset_create();
    size_t        length;
    char         *text = mto_input_read(path, &length, pool);
    const char   *reason = keys != NULL ? NULL : "out of memory";

    if (reason == NULL && text != NULL) {
        reason = mto_keyset_add_jwks(keys, text, length, MTO_JWK_PUBLIC, warn_of_skipped, (void *)path);
    }
    if (reason != NULL) {
        mto_complain("%s: no JWK Set: %s", path, reason);
    }
    if (reason != NULL || text == NULL) {
        mto_keyset_release(keys);
        return NULL;
    }
    mto_keyset_seal(keys);
    return keys;
}

/* --- Decision and report ------------------------------------------------------------------------------------------ */

/* Takes the token through all stages. Returns the one at which it was refused, or the last; *token is the caller's to
 * release and stays NULL until it is proven. */
static stage_t decide(mto_token_t **token, const char *text, size_t length, const mto_policy_t *policy,
                      const mto_occasion_t *at, mto_verdict_t *verdict, apr_pool_t *pool)
{
    apr_array_header_t *policies = apr_array_make(pool, 1, sizeof(const mto_policy_t *));
    mto_presented_t    *presented = NULL;
    const mto_policy_t *chosen;
    stage_t             stage = READ;

    APR_ARRAY_PUSH(policies, const mto_policy_t *) = policy;
    if (mto_presented_read(&presented, text, length, verdict) == MTO_ADMITTED) {
        stage = CHOOSE;
        if (mto_policy_choose(&chosen, policies, at->location, mto_presented_claims(presented), verdict)
            == MTO_ADMITTED) {
            stage = PROVE;
            if (mto_token_prove(token, presented, at->keys, chosen, verdict) == MTO_ADMITTED) {
                stage = ADMIT;
                (void)mto_token_admit(*token, at, verdict);
            }
        }
    }
    mto_presented_free(presented);
    return stage;
}

static int ends_at(const step_t *step, mto_refusal_t refusal)
{
    int i;

    for (i = 0; i < MOST_REFUSALS && step->refusals[i] != MTO_ADMITTED; i++) {
        if (step->refusals[i] == refusal) {
            return 1;
        }
    }
    return 0;
}

/* Index of the step at which a stage refused; STEP_COUNT: at none. */
static size_t refusing_step(stage_t stage, mto_refusal_t refusal)
{
    size_t i, first = STEP_COUNT;

    if (refusal == MTO_ADMITTED) {
        return STEP_COUNT;
    }
    for (i = STEP_COUNT; i-- > 0;) {
        if (steps[i].stage == stage && ends_at(&steps[i], refusal)) {
            return i;
        }
        if (steps[i].stage == stage) {
            first = i;
        }
    }
    return first;
}

static void print_policy(const check_t *check, const mto_policy_t *policy, const mto_occasion_t *at)
{
    char text[MTO_TIME_TEXT_SIZE], x5t[MTO_X5T_TEXT_LENGTH + 1] = "none (no --cert)";
    int  i;

    (void)printf("issuer       %s\naudience    ", policy->issuer);
    for (i = 0; policy->audiences != NULL && i < policy->audiences->nelts; i++) {
        (void)printf(" %s", APR_ARRAY_IDX(policy->audiences, i, const char *));
    }
    if (at->certificate != NULL) {
        mto_certificate_x5t_text(at->certificate, x5t);
    }
    (void)printf("%s\nmutual TLS   %s\nprofile      %s\ncertificate  %s\ntime         %s%s\n\n",
                 policy->audiences == NULL ? " any (no --audience)" : "",
                 mto_word_of(mto_mutual_tls_words, policy->settings.use_mutual_tls),
                 mto_word_of(mto_profile_words, policy->settings.profile), x5t, mto_time_text(text, at->now),
                 check->at != NULL ? " (--at)" : "");
}

static void print_steps(stage_t stage, mto_refusal_t refusal)
{
    size_t i, refusing = refusing_step(stage, refusal);

    for (i = 0; i < STEP_COUNT; i++) {
        (void)printf("%-11s  %-6s  %s\n",
                     i < refusing    ? "passed"
                     : i == refusing ? "REFUSED"
                                     : "not reached",
                     stage_words[steps[i].stage], steps[i].what);
    }
    (void)puts("");
}

static int print_verdict(const mto_token_t *token, const mto_verdict_t *verdict)
{
    const char *client;

    if (verdict->refusal != MTO_ADMITTED) {
        return mto_print_refusal(verdict);
    }
    client = mto_token_texts(token)->client_id;
    (void)printf("admitted\nuser         %s\nclient       %s\nbinding      %s\n", mto_token_user(token),
                 client != NULL ? client : "(no claim names it)", mto_binding_word(verdict->binding));
    return MTO_EXIT_OK;
}

static int run(void *request, const char *operand, apr_pool_t *pool)
{
    const check_t    *check = request;
    mto_verdict_t     verdict = MTO_VERDICT_INIT;
    const char       *weakness;
    mto_policy_t      policy = make_policy(check, &weakness, pool);
    mto_certificate_t certificate;
    mto_demand_t      location = {0};
    mto_occasion_t    at = {.now = check->at != NULL ? *check->at : apr_time_now(), .location = &location};
    mto_token_t      *token = NULL;
    mto_keyset_t     *keys;
    size_t            length;
    const char       *text = mto_input_token(operand, &length, pool);
    stage_t           stage;
    int               code;

    if (weakness != NULL) {
        return mto_complain("%s", weakness);
    }
    if (check->crl_file != NULL && check->ca_file == NULL) {
        return mto_complain("--binding-crl without --binding-ca");
    }
    if (text == NULL
        || (check->certificate_file != NULL && !mto_input_certificate(&certificate, check->certificate_file, pool))
        || (keys = read_keys(check->jwks_file, pool)) == NULL) {
        return MTO_EXIT_USAGE;
    }
    if (check->ca_file != NULL && (at.trust = mto_input_trust(check->ca_file, check->crl_file, pool)) == NULL) {
        mto_keyset_release(keys);
        return MTO_EXIT_USAGE;
    }
    at.certificate = check->certificate_file != NULL ? &certificate : NULL;
    at.keys = keys;
    stage = decide(&token, text, length, &policy, &at, &verdict, pool);
    print_policy(check, &policy, &at);
    print_steps(stage, verdict.refusal);
    code = print_verdict(token, &verdict);
    mto_token_release(token);
    mto_keyset_release(keys);
    mto_trust_release(at.trust);
    return code;
}

static const mto_option_t options[] = {
    {"issuer", "ISS", "as in <MTLSOAuthIssuer ISS>", mto_option_text, offsetof(check_t, issuer), MTO_OPTION_REQUIRED},
    {"jwks", "FILE", "the issuer's JWK Set, as in MTLSOAuthJWKSFile", mto_option_text, offsetof(check_t, jwks_file),
     MTO_OPTION_REQUIRED},
    {"audience", "AUD", "as in MTLSOAuthAudience; default: any", mto_option_texts, offsetof(check_t, audiences),
     MTO_OPTION_REPEATABLE},
    {"use-mutual-tls", "none|request|required", "as in MTLSOAuthUseMutualTLS; default request", set_use_mutual_tls,
     offsetof(check_t, use_mutual_tls), 0},
    {"profile", "jwt|rfc9068|fapi2", "as in MTLSOAuthProfile; default jwt", set_profile, offsetof(check_t, profile), 0},
    {"cert", "FILE", "the client's certificate, PEM or DER; default: the client shows none", mto_option_text,
     offsetof(check_t, certificate_file), 0},
    {"binding-ca", "FILE", "as in MTLSOAuthBindingCACertificateFile; default: any certificate will do", mto_option_text,
     offsetof(check_t, ca_file), 0},
    {"binding-crl", "FILE", "as in MTLSOAuthBindingCRLFile; default: revocation is not looked at", mto_option_text,
     offsetof(check_t, crl_file), 0},
    {"at", "TIME", "decide as of then: seconds since 1970 or 2024-12-31T23:59:59Z; default: now", mto_option_time,
     offsetof(check_t, at), 0},
    {"algorithms", "ALG...", "as in MTLSOAuthAlgorithms, separated by spaces or commas; default: all", set_algorithms,
     offsetof(check_t, algorithms), MTO_OPTION_REPEATABLE},
    {"clock-skew", "SECONDS", "as in MTLSOAuthClockSkew; default 30, at most 300", set_clock_skew,
     offsetof(check_t, clock_skew), 0},
    {"max-token-lifetime", "SECONDS", "as in MTLSOAuthMaxTokenLifetime; default 0: off", mto_option_number,
     offsetof(check_t, max_token_lifetime), 0},
    {"remote-user-claim", "PATH...", "as in MTLSOAuthRemoteUserClaim, separated by spaces; default sub", set_paths,
     offsetof(check_t, remote_user_claims), MTO_OPTION_REPEATABLE},
    {"remote-user-suffix", "TEXT", "as in MTLSOAuthRemoteUserSuffix; default: none", mto_option_text,
     offsetof(check_t, remote_user_suffix), 0},
    {"client-id-claim", "PATH...", "as in MTLSOAuthClientIDClaim; default client_id azp appid cid", set_paths,
     offsetof(check_t, client_id_claims), MTO_OPTION_REPEATABLE},
    {"required-claims", "PATH...", "as in MTLSOAuthRequiredClaims; default: none beyond exp", set_paths,
     offsetof(check_t, required_claims), MTO_OPTION_REPEATABLE},
    {NULL, NULL, NULL, NULL, 0, 0},
};

const mto_verb_t mto_check_verb = {
    .name = "check",
    .operand = "TOKEN|-",
    .summary = "Tell what the module would say to a token, step by step, and why.",
    .help = "- reads the token from standard input, which keeps it out of the list of processes.\n"
            "Exit code: 0 admitted, 1 refused, 2 a mistake on the command line or unreadable input.\n",
    .options = options,
    .request_size = sizeof(check_t),
    .run = run,
};
