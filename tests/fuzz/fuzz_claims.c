/* The claims of a token: a line with the path of one, then the payload. What is read has the types that the standards
 * give it, what may be shown has no control characters, and what names a certificate admits no other one. */
#include "harness.h"

#include "core/base64url.h"
#include "core/binding.h"
#include "core/claims.h"

#include <string.h>

void fuzz_prepare(void)
{
}

static void check_time(const json_t *root, const char *name, apr_time_t time)
{
    CHECK((time == MTO_TIME_ABSENT) == (json_object_get(root, name) == NULL));
    CHECK(time == MTO_TIME_ABSENT || time >= 0);
}

static void check_audience(const mto_claims_t *claims)
{
    const json_t *element;
    size_t        i;

    CHECK(claims->audience == json_object_get(claims->root, "aud"));
    CHECK(claims->audience == NULL || json_is_string(claims->audience) || json_is_array(claims->audience));
    json_array_foreach(claims->audience, i, element)
    {
        CHECK(json_is_string(element));
        CHECK(mto_claims_audience_is_one_of(claims, support_texts(json_string_value(element), NULL)));
    }
    if (json_is_string(claims->audience)) {
        CHECK(mto_claims_audience_is_one_of(claims, support_texts(json_string_value(claims->audience), NULL)));
    }
}

/* The decision on a confirmation, whatever it is: only the certificate that it names is let in as bound. */
static void check_binding(const mto_confirmation_t *confirmation)
{
    mto_certificate_t named = *fuzz_certificate();
    int               use, shown;

    memcpy(named.x5t, confirmation->x5t, sizeof named.x5t);
    for (use = MTO_MUTUAL_TLS_NONE; use <= MTO_MUTUAL_TLS_REQUIRED; use++) {
        for (shown = 0; shown < 3; shown++) {
            const mto_certificate_t *certificate = shown == 0 ? NULL : shown == 1 ? fuzz_certificate() : &named;
            const mto_shown_t        at = {certificate, NULL, NOW};
            mto_verdict_t            verdict = MTO_VERDICT_INIT;
            mto_refusal_t            refusal = mto_binding_decide(confirmation, &at, (mto_mutual_tls_t)use, &verdict);
            int                      is_it = certificate != NULL && confirmation->shape == MTO_CONFIRMATION_THUMBPRINT
                        && memcmp(certificate->x5t, confirmation->x5t, MTO_X5T_SIZE) == 0;

            fuzz_check_verdict(refusal, &verdict);
            CHECK(refusal != MTO_ADMITTED || use != MTO_MUTUAL_TLS_REQUIRED || is_it);
            CHECK(refusal != MTO_ADMITTED || use != MTO_MUTUAL_TLS_REQUEST || is_it
                  || confirmation->shape == MTO_CONFIRMATION_ABSENT);
            CHECK(refusal != MTO_ADMITTED || confirmation->shape != MTO_CONFIRMATION_UNSUPPORTED);
            CHECK(refusal != MTO_ADMITTED || verdict.binding != MTO_BINDING_BOUND || is_it);
        }
    }
}

static void check_confirmation(const mto_claims_t *claims)
{
    static const char *const others[] = {"jkt", "jwk", "jwe", "kid", "jku"};
    const json_t            *cnf = json_object_get(claims->root, "cnf");
    char                     text[MTO_X5T_TEXT_LENGTH + 1];
    size_t                   i;

    CHECK((claims->confirmation.shape == MTO_CONFIRMATION_ABSENT) == (cnf == NULL));
    if (claims->confirmation.shape == MTO_CONFIRMATION_THUMBPRINT) {
        const json_t *member = json_object_get(cnf, "x5t#S256");

        mto_base64url_encode(text, claims->confirmation.x5t, MTO_X5T_SIZE);
        CHECK(json_is_string(member) && strcmp(json_string_value(member), text) == 0);
        for (i = 0; i < sizeof others / sizeof others[0]; i++) {
            CHECK(json_object_get(cnf, others[i]) == NULL);
        }
    }
    check_binding(&claims->confirmation);
}

/* A mto_claim_test_fn. */
static int is_any(const char *text, const void *baton)
{
    (void)baton;
    return text != NULL;
}

/* What a claim looks like to a back end, a log or a Require line. */
static void check_value(const json_t *claim)
{
    const char *value = mto_claim_value(claim, support_pool()), *text = mto_claim_text(claim);
    json_t     *list;

    CHECK(value == NULL || fuzz_is_plain(value));
    CHECK(text == NULL || fuzz_is_plain(text));
    CHECK(text == NULL || (value != NULL && strcmp(text, value) == 0));
    if (json_is_array(claim) && value != NULL) {
        list = json_loads(value, 0, NULL);
        CHECK(json_is_array(list) && json_array_size(list) == json_array_size(claim));
        json_decref(list);
    }
    CHECK(!json_is_object(claim) || (value == NULL && !mto_claim_matches(claim, is_any, NULL)));
    CHECK(!json_is_string(claim) || mto_claim_matches(claim, is_any, NULL));
}

static void check_scopes(const mto_claims_t *claims)
{
    const json_t *scope = json_object_get(claims->root, "scope"), *element;
    const char   *words;
    size_t        i, length;

    for (words = json_string_value(scope); words != NULL && *words != '\0'; words += length + (words[length] != '\0')) {
        length = strcspn(words, " ");
        CHECK(length == 0 || mto_claims_has_scope(claims, fuzz_text(words, length)));
    }
    json_array_foreach(scope, i, element)
    {
        CHECK(!json_is_string(element) || mto_claims_has_scope(claims, json_string_value(element)));
    }
    CHECK(scope == NULL || json_is_string(scope) || json_is_array(scope) || !mto_claims_has_scope(claims, "read"));
}

/* The path written anew is the same path. */
static void check_path(const mto_claim_path_t *path)
{
    const char             *text = "", *at, *reason;
    const mto_claim_path_t *again;
    int                     i;

    for (i = 0; i < path->count; i++) {
        text = i > 0 ? support_text("%s.", text) : text;
        for (at = path->names[i]; *at != '\0'; at++) {
            text = support_text(*at == '.' || *at == '\\' ? "%s\\%c" : "%s%c", text, *at);
        }
    }
    again = mto_claim_path_parse(text, support_pool(), &reason);
    CHECK(again != NULL && again->count == path->count);
    for (i = 0; i < path->count; i++) {
        CHECK(strcmp(again->names[i], path->names[i]) == 0);
    }
}

static void check_claims(const mto_claims_t *claims, const mto_claim_path_t *path)
{
    const json_t *claim, *issuer = json_object_get(claims->root, "iss");
    const char   *name;
    apr_time_t    time;

    CHECK(json_is_object(claims->root));
    CHECK(issuer == NULL ? claims->issuer == NULL : claims->issuer == json_string_value(issuer));
    check_time(claims->root, "exp", claims->expires);
    check_time(claims->root, "nbf", claims->not_before);
    check_time(claims->root, "iat", claims->issued_at);
    check_audience(claims);
    check_confirmation(claims);
    check_scopes(claims);
    CHECK(!mto_claims_time(claims, "auth_time", &time) || time == MTO_TIME_ABSENT || time >= 0);
    json_object_foreach(claims->root, name, claim)
    {
        check_value(claim);
    }
    if (path != NULL) {
        claim = mto_claims_find(claims, path);
        CHECK(!json_is_null(claim));
        CHECK(path->count > 1 || json_is_null(json_object_get(claims->root, path->names[0]))
              || claim == json_object_get(claims->root, path->names[0]));
        check_value(claim);
    }
}

void fuzz_one(const char *data, size_t size)
{
    const char             *text = fuzz_line_text(&data, &size), *reason = NULL;
    const mto_claim_path_t *path = strlen(text) < 200 ? mto_claim_path_parse(text, support_pool(), &reason) : NULL;
    mto_verdict_t           verdict = MTO_VERDICT_INIT;
    mto_claims_t            claims;
    mto_refusal_t           refusal = mto_claims_read(&claims, data, size, &verdict);

    CHECK(path != NULL || reason != NULL || strlen(text) >= 200);
    if (path != NULL) {
        check_path(path);
    }
    fuzz_check_verdict(refusal, &verdict);
    CHECK(refusal == MTO_ADMITTED || refusal == MTO_CLAIMS_MALFORMED);
    if (refusal == MTO_ADMITTED) {
        check_claims(&claims, path);
    }
    mto_claims_clear(&claims);
}
