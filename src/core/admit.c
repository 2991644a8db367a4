/* Whether a proven token may be used now, here, over this connection: mto_token_admit of token.h. */
#include "core/base64url.h"
#include "core/binding.h"
#include "core/token_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* now: the time of the request. The skew is taken from the clock, never added to a claim that may be at its end. */
static mto_refusal_t check_time(const mto_claims_t *claims, const mto_settings_t *settings, apr_time_t now,
                                mto_verdict_t *verdict)
{
    apr_interval_time_t most = settings->max_token_lifetime;

    if (claims->expires != MTO_TIME_ABSENT && now - settings->clock_skew >= claims->expires) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_EXPIRED, "exp was %" APR_TIME_T_FMT " s ago",
                                  apr_time_sec(now - claims->expires));
    }
    if (claims->not_before > now + settings->clock_skew) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_NOT_YET_VALID, "nbf is %" APR_TIME_T_FMT " s ahead",
                                  apr_time_sec(claims->not_before - now));
    }
    if (claims->issued_at > now + settings->clock_skew) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_NOT_YET_VALID, "iat is %" APR_TIME_T_FMT " s ahead",
                                  apr_time_sec(claims->issued_at - now));
    }
    if (most > 0) {
        apr_time_t start = claims->issued_at != MTO_TIME_ABSENT ? claims->issued_at : now;
        if (claims->expires > start && claims->expires - start > most) {
            return mto_verdict_refuse(verdict, MTO_LIFETIME_EXCEEDED, "%" APR_TIME_T_FMT " s, at most %" APR_TIME_T_FMT,
                                      apr_time_sec(claims->expires - start), apr_time_sec(most));
        }
    }
    return MTO_ADMITTED;
}

/* A key that was removed or replaced takes its tokens with it; one that was added disturbs none. */
static mto_refusal_t check_key(const mto_token_t *token, const mto_keyset_t *keys, mto_verdict_t *verdict)
{
    if (keys == NULL) {
        return mto_verdict_refuse(verdict, MTO_KEYS_UNAVAILABLE, "no keys of this issuer are in force");
    }
    if (mto_keyset_serial(keys) != token->keyset_serial
        && !mto_keyset_holds(keys, token->key_thumbprint, token->algorithm)) {
        return mto_verdict_refuse(verdict, MTO_KEY_UNKNOWN, "the key that signed it is no longer in force");
    }
    return MTO_ADMITTED;
}

static mto_refusal_t check_binding(const mto_token_t *token, const mto_occasion_t *at, mto_verdict_t *verdict)
{
    const mto_settings_t *settings = &token->policy->settings;
    mto_mutual_tls_t      use = (mto_mutual_tls_t)settings->use_mutual_tls;
    mto_mutual_tls_t      report = (mto_mutual_tls_t)settings->report_mutual_tls;
    const mto_shown_t     shown = {at->certificate, at->trust, at->now};
    mto_verdict_t         reported = MTO_VERDICT_INIT;

    if (at->location->requires_mutual_tls) {
        use = MTO_MUTUAL_TLS_REQUIRED;
    }
    if (mto_binding_decide(&token->claims.confirmation, &shown, use, verdict) != MTO_ADMITTED) {
        return verdict->refusal;
    }
    if (report > use) {
        verdict->reported = mto_binding_decide(&token->claims.confirmation, &shown, report, &reported);
        memcpy(verdict->detail, reported.detail, sizeof verdict->detail);
    }
    return MTO_ADMITTED;
}

/* --- The deny list ------------------------------------------------------------------------------------------------ */

static mto_refusal_t deny(const mto_token_t *token, const mto_occasion_t *at, mto_denied_kind_t kind, const char *value,
                          mto_verdict_t *verdict)
{
    unsigned long line = mto_denylist_find(at->denied, kind, value, token->policy->issuer, token->policy->name);

    return line == 0 ? MTO_ADMITTED
                     : mto_verdict_refuse(verdict, MTO_TOKEN_REVOKED, "line %lu of the deny list: %s:%.80s", line,
                                          mto_denied_kind_word(kind), value);
}

static mto_refusal_t deny_certificate(const mto_token_t *token, const mto_occasion_t *at, const unsigned char *x5t,
                                      mto_verdict_t *verdict)
{
    char text[MTO_BASE64URL_ENCODED_SIZE(MTO_X5T_SIZE)];

    mto_base64url_encode(text, x5t, MTO_X5T_SIZE);
    return deny(token, at, MTO_DENIED_X5T, text, verdict);
}

/* By the kid that its header has, and by those of the key that signed it: whoever has a key writes the header, and may
 * leave the kid out. */
static mto_refusal_t deny_key(const mto_token_t *token, const mto_occasion_t *at, mto_verdict_t *verdict)
{
    const mto_key_t *key;
    size_t           position = 0;

    (void)deny(token, at, MTO_DENIED_KID, token->kid, verdict);
    while (!token->is_answer && at->keys != NULL
           && (key = mto_keyset_next(at->keys, token->key_thumbprint, &position)) != NULL) {
        (void)deny(token, at, MTO_DENIED_KID, key->kid, verdict);
    }
    return verdict->refusal;
}

/* What a claim is in the list: a text, or a whole number as it is written. */
static const char *listed(const json_t *claim, char number[24])
{
    if (!json_is_integer(claim)) {
        return json_string_value(claim);
    }
    (void)snprintf(number, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(claim));
    return number;
}

/* The certificate may be the one that the token names or, of a token that names none, the one of the connection. */
static mto_refusal_t check_denied(const mto_token_t *token, const mto_occasion_t *at, mto_verdict_t *verdict)
{
    const json_t             *root = token->claims.root;
    const mto_confirmation_t *confirmation = &token->claims.confirmation;
    char                      jti[24], sub[24];

    if (at->denied == NULL || mto_denylist_count(at->denied) == 0) {
        return MTO_ADMITTED;
    }
    (void)deny(token, at, MTO_DENIED_JTI, listed(json_object_get(root, "jti"), jti), verdict);
    (void)deny(token, at, MTO_DENIED_SUB, listed(json_object_get(root, "sub"), sub), verdict);
    (void)deny(token, at, MTO_DENIED_CLIENT, token->texts.client_id, verdict);
    (void)deny_key(token, at, verdict);
    if (confirmation->shape == MTO_CONFIRMATION_THUMBPRINT) {
        (void)deny_certificate(token, at, confirmation->x5t, verdict);
    }
    if (at->certificate != NULL) {
        (void)deny_certificate(token, at, at->certificate->x5t, verdict);
    }
    return verdict->refusal;
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

/* An aud must pass wherever there is one, and there must be one where anybody asks for it. */
static mto_refusal_t check_audience(const mto_token_t *token, const apr_array_header_t *wanted, const char *whose,
                                    mto_verdict_t *verdict)
{
    const mto_token_t *jwt = token->jwt;

    if (jwt != NULL && jwt->claims.audience != NULL
        && mto_policy_check_audience(&jwt->claims, wanted, whose, verdict) != MTO_ADMITTED) {
        return verdict->refusal;
    }
    if (jwt != NULL && jwt->claims.audience != NULL && token->claims.audience == NULL) {
        return MTO_ADMITTED;
    }
    return mto_policy_check_audience(&token->claims, wanted, whose, verdict);
}

static mto_refusal_t check_issuer(const mto_token_t *token, const mto_occasion_t *at, mto_verdict_t *verdict)
{
    const apr_array_header_t *accepted = at->location->accepted_issuers;

    return accepted == NULL || mto_policy_is_one_of(token->policy, accepted)
               ? MTO_ADMITTED
               : mto_verdict_refuse(verdict, MTO_ISSUER_NOT_ACCEPTED, "not in MTLSOAuthAcceptIssuers of this Location");
}

/* Whether what proved the token still stands. */
static mto_refusal_t check_proof(const mto_token_t *token, const mto_occasion_t *at, mto_verdict_t *verdict)
{
    if (!token->is_answer) {
        return check_key(token, at->keys, verdict);
    }
    if (at->now > token->answer_end) {
        return mto_verdict_refuse(verdict, MTO_INTROSPECTION_UNAVAILABLE, "the answer about the token holds no longer");
    }
    return token->jwt != NULL ? check_key(token->jwt, at->keys, verdict) : MTO_ADMITTED;
}

mto_refusal_t mto_token_preadmit(const mto_token_t *jwt, const mto_occasion_t *at, mto_verdict_t *verdict)
{
    mto_refusal_t refusal;

    if ((refusal = check_issuer(jwt, at, verdict)) != MTO_ADMITTED
        || (refusal = check_time(&jwt->claims, &jwt->policy->settings, at->now, verdict)) != MTO_ADMITTED
        || (refusal = check_key(jwt, at->keys, verdict)) != MTO_ADMITTED
        || (refusal = check_denied(jwt, at, verdict)) != MTO_ADMITTED) {
        return refusal;
    }
    /* Where it names none, the answer may. */
    return jwt->claims.confirmation.shape == MTO_CONFIRMATION_ABSENT ? MTO_ADMITTED : check_binding(jwt, at, verdict);
}

mto_refusal_t mto_token_admit(const mto_token_t *token, const mto_occasion_t *at, mto_verdict_t *verdict)
{
    const mto_settings_t *settings = &token->policy->settings;
    const mto_token_t    *jwt = token->jwt;
    mto_refusal_t         refusal;

    if ((refusal = check_issuer(token, at, verdict)) != MTO_ADMITTED
        || (refusal = check_time(&token->claims, settings, at->now, verdict)) != MTO_ADMITTED
        || (jwt != NULL && (refusal = check_time(&jwt->claims, settings, at->now, verdict)) != MTO_ADMITTED)
        || (refusal = check_audience(token, token->policy->audiences, "the issuer block wants one of", verdict))
               != MTO_ADMITTED
        || (refusal = check_audience(token, at->location->audiences, "the Location wants one of", verdict))
               != MTO_ADMITTED
        || (refusal = check_proof(token, at, verdict)) != MTO_ADMITTED
        || (refusal = check_denied(token, at, verdict)) != MTO_ADMITTED
        || (jwt != NULL && (refusal = check_denied(jwt, at, verdict)) != MTO_ADMITTED)) {
        return refusal;
    }
    errno = 0;
    (void)check_binding(token, at, verdict); /* a chain needs memory, nothing else here does */
    return mto_verdict_mind_memory(verdict);
}
