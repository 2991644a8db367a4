#include "core/policy.h"

#include "core/algorithm.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const mto_word_t mto_mutual_tls_words[] = {
    {"none", MTO_MUTUAL_TLS_NONE},
    {"request", MTO_MUTUAL_TLS_REQUEST},
    {"required", MTO_MUTUAL_TLS_REQUIRED},
    {NULL, 0},
};

const mto_word_t mto_report_mutual_tls_words[] = {
    {"off", MTO_MUTUAL_TLS_NONE},
    {"request", MTO_MUTUAL_TLS_REQUEST},
    {"required", MTO_MUTUAL_TLS_REQUIRED},
    {NULL, 0},
};

const mto_word_t mto_profile_words[] = {
    {"jwt", MTO_PROFILE_JWT},
    {"rfc9068", MTO_PROFILE_RFC9068},
    {"fapi2", MTO_PROFILE_FAPI2},
    {NULL, 0},
};

int mto_word_value(const mto_word_t *words, const char *word)
{
    for (; words->word != NULL; words++) {
        if (strcasecmp(words->word, word) == 0) {
            return words->value;
        }
    }
    return MTO_UNSET;
}

const char *mto_word_of(const mto_word_t *words, int value)
{
    while (words->value != value) {
        words++;
    }
    return words->word;
}

mto_settings_t mto_settings_unset(void)
{
    mto_settings_t unset = {0};

    unset.use_mutual_tls = unset.report_mutual_tls = unset.profile = MTO_UNSET;
    unset.clock_skew = unset.max_token_lifetime = MTO_UNSET;
    return unset;
}

static const apr_array_header_t *paths_of(apr_pool_t *pool, const char *const *names)
{
    apr_array_header_t *paths = apr_array_make(pool, 4, sizeof(const mto_claim_path_t *));
    const char         *reason;

    for (; *names != NULL; names++) {
        APR_ARRAY_PUSH(paths, const mto_claim_path_t *) = mto_claim_path_parse(*names, pool, &reason);
    }
    return paths;
}

mto_settings_t mto_settings_default(apr_pool_t *pool)
{
    static const char *const user[] = {"sub", NULL}, *const none[] = {NULL};
    static const char *const client[] = {"client_id", "azp", "appid", "cid", NULL};
    mto_settings_t           builtin = {
                  .use_mutual_tls = MTO_MUTUAL_TLS_REQUEST,
                  .report_mutual_tls = MTO_MUTUAL_TLS_NONE,
                  .profile = MTO_PROFILE_JWT,
                  .algorithms = MTO_ALGORITHMS_ALL,
                  .clock_skew = apr_time_from_sec(30),
                  .max_token_lifetime = 0,
                  .remote_user_suffix = "",
    };

    builtin.remote_user_claims = paths_of(pool, user);
    builtin.client_id_claims = paths_of(pool, client);
    builtin.required_claims = paths_of(pool, none);
    return builtin;
}

mto_settings_t mto_settings_merge(const mto_settings_t *base, const mto_settings_t *over)
{
    mto_settings_t merged = *base;

    merged.use_mutual_tls = over->use_mutual_tls != MTO_UNSET ? over->use_mutual_tls : base->use_mutual_tls;
    merged.report_mutual_tls = over->report_mutual_tls != MTO_UNSET ? over->report_mutual_tls : base->report_mutual_tls;
    merged.profile = over->profile != MTO_UNSET ? over->profile : base->profile;
    merged.algorithms = over->algorithms != 0 ? over->algorithms : base->algorithms;
    merged.clock_skew = over->clock_skew != MTO_UNSET ? over->clock_skew : base->clock_skew;
    merged.max_token_lifetime =
        over->max_token_lifetime != MTO_UNSET ? over->max_token_lifetime : base->max_token_lifetime;
    merged.remote_user_claims = over->remote_user_claims != NULL ? over->remote_user_claims : base->remote_user_claims;
    merged.remote_user_suffix = over->remote_user_suffix != NULL ? over->remote_user_suffix : base->remote_user_suffix;
    merged.client_id_claims = over->client_id_claims != NULL ? over->client_id_claims : base->client_id_claims;
    merged.required_claims = over->required_claims != NULL ? over->required_claims : base->required_claims;
    return merged;
}

/* --- FAPI 2.0 ----------------------------------------------------------------------------------------------------- */

#define FAPI2_SKEW_LEAST apr_time_from_sec(10)
#define FAPI2_SKEW_MOST  apr_time_from_sec(59)

/* Ed25519 is EdDSA by its own name (RFC 9864). With EdDSA, token.c sees to it that the curve is Ed25519. */
static unsigned fapi2_algorithms(void)
{
    static const char *const names[] = {"PS256", "ES256", "EdDSA", "Ed25519"};
    unsigned                 algorithms = 0;
    size_t                   i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        algorithms |= mto_algorithm_bit(mto_algorithm_find(names[i]));
    }
    return algorithms;
}

const char *mto_settings_weakness(const mto_settings_t *written, apr_pool_t *pool)
{
    if (written->profile != MTO_PROFILE_FAPI2) {
        return NULL;
    }
    if (written->use_mutual_tls != MTO_UNSET && written->use_mutual_tls != MTO_MUTUAL_TLS_REQUIRED) {
        return apr_psprintf(pool, "MTLSOAuthUseMutualTLS %s is weaker than MTLSOAuthProfile fapi2; say required",
                            mto_word_of(mto_mutual_tls_words, written->use_mutual_tls));
    }
    if ((written->algorithms & ~fapi2_algorithms()) != 0) {
        return "MTLSOAuthAlgorithms has others than PS256, ES256, EdDSA and Ed25519, which are all that "
               "MTLSOAuthProfile fapi2 allows; leave them out";
    }
    if (written->clock_skew != MTO_UNSET
        && (written->clock_skew < FAPI2_SKEW_LEAST || written->clock_skew > FAPI2_SKEW_MOST)) {
        return "MTLSOAuthClockSkew is not from 10s to 59s, as MTLSOAuthProfile fapi2 wants it; say for example 30s";
    }
    return NULL;
}

mto_settings_t mto_settings_finish(const mto_settings_t *written, apr_pool_t *pool)
{
    mto_settings_t defaults = mto_settings_default(pool);

    if (written->profile == MTO_PROFILE_FAPI2) {
        defaults.use_mutual_tls = MTO_MUTUAL_TLS_REQUIRED;
        defaults.algorithms = fapi2_algorithms();
    }
    return mto_settings_merge(&defaults, written);
}

/* --- Choosing ----------------------------------------------------------------------------------------------------- */

int mto_policy_is_one_of(const mto_policy_t *policy, const apr_array_header_t *issuers)
{
    int i;

    for (i = 0; i < issuers->nelts; i++) {
        const char *wanted = APR_ARRAY_IDX(issuers, i, const char *);
        if (strcmp(wanted, policy->issuer) == 0 || (policy->name != NULL && strcmp(wanted, policy->name) == 0)) {
            return 1;
        }
    }
    return 0;
}

/* Writes the token's audiences, separated by spaces, as far as they fit. */
static void write_audience(char *out, size_t size, const json_t *audience)
{
    const json_t *element;
    size_t        i, used = 0;

    out[0] = '\0';
    if (json_is_string(audience)) {
        (void)snprintf(out, size, "%s", json_string_value(audience));
    }
    json_array_foreach(audience, i, element)
    {
        if (used < size) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? " " : "", json_string_value(element));
        }
    }
}

/* Adds the wanted audiences to a text, as far as they fit. */
static void append_wanted(char *out, size_t size, const apr_array_header_t *wanted)
{
    size_t used = strlen(out);
    int    i;

    for (i = 0; i < wanted->nelts && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " " : "",
                                 APR_ARRAY_IDX(wanted, i, const char *));
    }
}

static mto_refusal_t refuse_audience(const mto_claims_t *claims, const char *wanted, const char *whose,
                                     mto_verdict_t *verdict)
{
    char has[MTO_DETAIL_SIZE / 2];

    write_audience(has, sizeof has, claims->audience);
    return mto_verdict_refuse(verdict, MTO_AUDIENCE_MISMATCH, "aud [%s]; %s [%s]",
                              claims->audience != NULL ? has : "absent", whose, wanted);
}

mto_refusal_t mto_policy_check_audience(const mto_claims_t *claims, const apr_array_header_t *wanted, const char *whose,
                                        mto_verdict_t *verdict)
{
    char text[MTO_DETAIL_SIZE / 2] = "";

    if (wanted == NULL || wanted->nelts == 0 || mto_claims_audience_is_one_of(claims, wanted)) {
        return MTO_ADMITTED;
    }
    append_wanted(text, sizeof text, wanted);
    return refuse_audience(claims, text, whose, verdict);
}

mto_refusal_t mto_policy_choose(const mto_policy_t **chosen, const apr_array_header_t *policies,
                                const mto_demand_t *demand, const mto_claims_t *claims, mto_verdict_t *verdict)
{
    char wanted[MTO_DETAIL_SIZE / 2] = "";
    int  i, of_issuer = 0, accepted = 0, matching = 0;

    if (claims->issuer == NULL) {
        return mto_verdict_refuse(verdict, MTO_ISSUER_UNKNOWN, "the token has no iss");
    }
    for (i = 0; i < policies->nelts; i++) {
        const mto_policy_t *policy = APR_ARRAY_IDX(policies, i, const mto_policy_t *);

        if (strcmp(policy->issuer, claims->issuer) != 0) {
            continue;
        }
        of_issuer++;
        if (demand->accepted_issuers != NULL && !mto_policy_is_one_of(policy, demand->accepted_issuers)) {
            continue;
        }
        accepted++;
        if (policy->audiences == NULL || mto_claims_audience_is_one_of(claims, policy->audiences)) {
            matching++;
            *chosen = policy;
        }
        else {
            append_wanted(wanted, sizeof wanted, policy->audiences);
        }
    }
    if (of_issuer == 0) {
        return mto_verdict_refuse(verdict, MTO_ISSUER_UNKNOWN, "no issuer block of this server has that iss");
    }
    if (accepted == 0) {
        return mto_verdict_refuse(verdict, MTO_ISSUER_NOT_ACCEPTED, "not in MTLSOAuthAcceptIssuers of this Location");
    }
    if (matching == 0) {
        return refuse_audience(claims, wanted, "the issuer block wants one of", verdict);
    }
    if (matching > 1) {
        return refuse_audience(claims, "only one", "belongs to several blocks of the issuer, wanted", verdict);
    }
    return MTO_ADMITTED;
}
