#include "admission.h"

#include <string.h>

#define DENIED_X5T "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static mto_policy_t *make_policy(unsigned number)
{
    mto_policy_t  *policy = support_policy();
    mto_settings_t written = mto_settings_unset();

    switch (number) {
    case 1:
        written.profile = MTO_PROFILE_RFC9068;
        break;
    case 2:
        written.profile = MTO_PROFILE_FAPI2;
        break;
    case 3:
        written.use_mutual_tls = MTO_MUTUAL_TLS_NONE;
        written.report_mutual_tls = MTO_MUTUAL_TLS_REQUIRED;
        policy->introspection_cache = MTO_ANSWER_UNTIL_EXP;
        break;
    case 4:
        policy->introspect_jwt = 1;
        policy->introspection_cache = apr_time_from_sec(60);
        break;
    case 5:
        written.use_mutual_tls = MTO_MUTUAL_TLS_REQUIRED;
        written.max_token_lifetime = apr_time_from_sec(3600);
        written.remote_user_claims = support_paths("user.name", "client_id", NULL);
        written.remote_user_suffix = "@example";
        written.required_claims = support_paths("jti", "a.b", NULL);
        policy->audiences = NULL;
        policy->introspection_cache = MTO_ANSWER_UNTIL_EXP;
        break;
    default:
        break;
    }
    policy->settings = mto_settings_finish(&written, support_pool());
    return policy;
}

const mto_policy_t *fuzz_policy(unsigned number)
{
    static mto_policy_t *policies[FUZZ_POLICIES];

    if (policies[number] == NULL) {
        policies[number] = make_policy(number);
    }
    return policies[number];
}

static const mto_denylist_t *deny_list(void)
{
    static const char      text[] = "jti:denied\nsub:denied iss=" ISSUER "\nsub:elsewhere iss=https://other.example\n"
                                    "client:denied\nkid:denied\nx5t:" DENIED_X5T "\n";
    static mto_denylist_t *list;
    char                   reason[MTO_DENYLIST_REASON_SIZE];

    if (list == NULL) {
        list = mto_denylist_create(text, sizeof text - 1, reason);
        CHECK(list != NULL && mto_denylist_count(list) == 6);
    }
    return list;
}

/* --- One request -------------------------------------------------------------------------------------------------- */

static void check_time(const mto_claims_t *claims, const mto_settings_t *settings, apr_time_t now)
{
    apr_interval_time_t skew = settings->clock_skew;

    CHECK(claims->expires == MTO_TIME_ABSENT || claims->expires > now - skew);
    CHECK(claims->not_before == MTO_TIME_ABSENT || claims->not_before <= now + skew);
    CHECK(claims->issued_at == MTO_TIME_ABSENT || claims->issued_at <= now + skew);
}

/* wanted NULL: nobody asks. */
static void check_audience(const mto_claims_t *claims, const mto_claims_t *jwt, const apr_array_header_t *wanted)
{
    if (wanted == NULL) {
        return;
    }
    CHECK(claims->audience != NULL || (jwt != NULL && jwt->audience != NULL));
    CHECK(claims->audience == NULL || mto_claims_audience_is_one_of(claims, wanted));
    CHECK(jwt == NULL || jwt->audience == NULL || mto_claims_audience_is_one_of(jwt, wanted));
}

static void check_binding(const mto_claims_t *claims, int use, const mto_certificate_t *certificate)
{
    const mto_confirmation_t *confirmation = &claims->confirmation;
    int                       is_bound = confirmation->shape == MTO_CONFIRMATION_THUMBPRINT && certificate != NULL
                   && memcmp(confirmation->x5t, certificate->x5t, MTO_X5T_SIZE) == 0;

    CHECK(confirmation->shape != MTO_CONFIRMATION_UNSUPPORTED);
    CHECK(use != MTO_MUTUAL_TLS_REQUIRED || is_bound);
    CHECK(use != MTO_MUTUAL_TLS_REQUEST || is_bound || confirmation->shape == MTO_CONFIRMATION_ABSENT);
}

static void check_denied(const mto_claims_t *claims, const mto_token_t *token)
{
    const char *jti = json_string_value(json_object_get(claims->root, "jti"));
    const char *sub = json_string_value(json_object_get(claims->root, "sub"));
    const char *client = mto_token_texts(token)->client_id, *kid = mto_token_kid(token);

    CHECK(jti == NULL || strcmp(jti, "denied") != 0);
    CHECK(sub == NULL || strcmp(sub, "denied") != 0);
    CHECK(client == NULL || strcmp(client, "denied") != 0);
    CHECK(kid == NULL || strcmp(kid, "denied") != 0);
}

static void check_request(const mto_token_t *token, const mto_occasion_t *at)
{
    const mto_policy_t *policy = mto_token_policy(token);
    const mto_claims_t *claims = mto_token_claims(token);
    const mto_claims_t *jwt = mto_token_proof(token) == MTO_PROOF_BOTH ? mto_token_jwt_claims(token) : NULL;
    int           use = at->location->requires_mutual_tls ? MTO_MUTUAL_TLS_REQUIRED : policy->settings.use_mutual_tls;
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_refusal_t refusal = mto_token_admit(token, at, &verdict);

    fuzz_check_verdict(refusal, &verdict);
    if (refusal != MTO_ADMITTED) {
        return;
    }
    check_time(claims, &policy->settings, at->now);
    check_audience(claims, jwt, policy->audiences);
    check_audience(claims, jwt, at->location->audiences);
    check_binding(claims, use, at->certificate);
    if (jwt != NULL) {
        check_time(jwt, &policy->settings, at->now);
        CHECK(jwt->confirmation.shape != MTO_CONFIRMATION_THUMBPRINT
              || memcmp(jwt->confirmation.x5t, claims->confirmation.x5t, MTO_X5T_SIZE) == 0);
    }
    CHECK(mto_token_proof(token) == MTO_PROOF_ANSWER || at->keys != NULL);
    CHECK(at->now < mto_token_end(token) || mto_token_proof(token) != MTO_PROOF_SIGNATURE);
    CHECK(verdict.binding != MTO_BINDING_NONE && mto_binding_word(verdict.binding) != NULL);
    CHECK((verdict.binding == MTO_BINDING_BOUND)
          == (use != MTO_MUTUAL_TLS_NONE && claims->confirmation.shape == MTO_CONFIRMATION_THUMBPRINT));
    if (at->denied != NULL) {
        check_denied(claims, token);
    }
}

/* --- All of them -------------------------------------------------------------------------------------------------- */

static void check_shown(const mto_token_t *token)
{
    const mto_token_texts_t *texts = mto_token_texts(token);

    CHECK(mto_token_user(token) == NULL || fuzz_is_plain(mto_token_user(token)));
    CHECK(mto_token_user(token) != NULL || mto_token_policy(token)->introspect_jwt);
    CHECK(mto_token_user(token) == NULL
          || (mto_token_user(token)[0] != '\0' && strlen(mto_token_user(token)) <= MTO_USER_SIZE + 20));
    CHECK(texts->subject == NULL || fuzz_is_plain(texts->subject));
    CHECK(texts->client_id == NULL || fuzz_is_plain(texts->client_id));
    CHECK(texts->scope == NULL || fuzz_is_plain(texts->scope));
    CHECK(texts->jti == NULL || fuzz_is_plain(texts->jti));
    CHECK(mto_token_size(token) > sizeof(mto_claims_t));
}

void fuzz_check_admission(const mto_token_t *token, const mto_keyset_t *keys, const mto_keyset_t *other_keys)
{
    static const mto_demand_t nothing, binding = {.requires_mutual_tls = 1};
    const mto_demand_t        audience = {.audiences = support_texts(AUDIENCE, "https://other.example", NULL)};
    const mto_demand_t        issuer = {.accepted_issuers = support_texts("https://other.example", NULL)};
    const mto_demand_t *const demands[] = {&nothing, &binding, &audience};
    mto_certificate_t         named = *fuzz_certificate();
    const mto_certificate_t  *certificates[] = {NULL, fuzz_certificate(), &named};
    const apr_time_t          times[] = {NOW, NOW + apr_time_from_sec(600), NOW - apr_time_from_sec(600)};
    mto_verdict_t             verdict = MTO_VERDICT_INIT, gone = MTO_VERDICT_INIT;
    size_t                    i, j;

    check_shown(token);
    memcpy(named.x5t, mto_token_claims(token)->confirmation.x5t, MTO_X5T_SIZE);
    for (i = 0; i < 3; i++) {
        for (j = 0; j < 3; j++) {
            mto_occasion_t at = {times[(i + j) % 3], certificates[i], keys, demands[j], NULL, deny_list()};

            check_request(token, &at);
            at.now = NOW;
            at.denied = NULL;
            check_request(token, &at);
            at.keys = NULL;
            check_request(token, &at);
        }
    }
    {
        const mto_occasion_t elsewhere = {NOW, &named, keys, &issuer, NULL, NULL};
        const mto_occasion_t later = {NOW, &named, other_keys, &nothing, NULL, NULL};

        CHECK(mto_token_admit(token, &elsewhere, &verdict) == MTO_ISSUER_NOT_ACCEPTED);
        CHECK(mto_token_proof(token) == MTO_PROOF_ANSWER || mto_token_admit(token, &later, &gone) != MTO_ADMITTED);
    }
}
