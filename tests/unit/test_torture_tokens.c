/* Tokens and clients while memory runs out at every place in turn: who is wrong never gets in, who is right is admitted
 * as what he is, or told to come again (503). */
#include "hierarchy.h"
#include "tokens.h"
#include "torture.h"

#include "core/client_check.h"
#include "core/json.h"
#include "core/token_cache.h"

#include <string.h>

/* What came of a run is what would have come of it with memory enough, or a refusal of the server's making. */
static void assert_refusal(mto_refusal_t refusal, mto_refusal_t wanted, const mto_verdict_t *verdict)
{
    if (refusal != wanted && (failing_count() == 0 || mto_refusal_row(refusal)->status != 503)) {
        support_assert_refusal(refusal, wanted, verdict);
    }
    assert_int_equal(refusal, verdict->refusal);
}

static void assert_text(const char *text, const char *wanted)
{
    assert_true((text == NULL) == (wanted == NULL));
    if (wanted != NULL) {
        assert_string_equal(text, wanted);
    }
}

/* --- A JWT that was not seen before ------------------------------------------------------------------------------- */

#define USER   "alice-with-a-name-that-is-longer-than-a-buffer"
#define CLIENT "a-client-with-a-rather-long-name"
#define SCOPE  "read:everything write:something"
#define WHO                                                                                                            \
    "\"iss\":\"" ISSUER "\",\"aud\":[\"https://other.example\",\"" AUDIENCE "\"],\"sub\":\"" USER                      \
    "\",\"client_id\":\"" CLIENT                                                                                       \
    "\",\"scope\":[\"read:everything\",\"write:something\"],\"jti\":\"a-token-of-its-own\",\"iat\":1699999999"

typedef struct {
    const char *name;
    const char *alg;
    const char *payload;      /* %s: the thumbprint of the leaf */
    const char *header;       /* NULL: alg and kid alone */
    int         other_signer; /* somebody else signs */
    int         is_chained;   /* the certificate must chain to a CA */
    X509 *(*shown)(void);     /* NULL: no certificate */
    mto_refusal_t refusal;
} row_t;

#define BOUND_GOOD  "{" WHO ",\"exp\":1700000300,\"cnf\":{\"x5t#S256\":\"%s\"}}"
#define BOUND_OTHER "{" WHO ",\"exp\":1700000300,\"cnf\":{\"x5t#S256\":\"" RFC8705_A_X5T "\"}}%.0s"

static X509 *leaf_ca(void)
{
    return make_leaf((specification_t){.is_ca = 1});
}

static X509 *leaf_of_a_stranger(void)
{
    return make_leaf((specification_t){.issuer_key = key_of(OTHER_KEY)});
}

static const row_t rows[] = {
    {"RS256", "RS256", BOUND_GOOD, NULL, 0, 0, leaf, MTO_ADMITTED},
    {"PS256", "PS256", BOUND_GOOD, NULL, 0, 0, leaf, MTO_ADMITTED},
    {"ES256", "ES256", BOUND_GOOD, NULL, 0, 0, leaf, MTO_ADMITTED},
    {"EdDSA", "EdDSA", BOUND_GOOD, NULL, 0, 0, leaf, MTO_ADMITTED},
    {"ES256, chained", "ES256", BOUND_GOOD, NULL, 0, 1, leaf, MTO_ADMITTED},
    {"the key is another's", "ES256", BOUND_GOOD, NULL, 1, 0, leaf, MTO_SIGNATURE_INVALID},
    {"the key is another's, RSA", "RS256", BOUND_GOOD, NULL, 1, 0, leaf, MTO_SIGNATURE_INVALID},
    {"alg is none", "EdDSA", BOUND_GOOD, "{\"alg\":\"none\"}", 0, 0, leaf, MTO_ALGORITHM_NOT_ALLOWED},
    {"crit", "EdDSA", BOUND_GOOD, "{\"alg\":\"EdDSA\",\"crit\":[\"a-long-extension-name\"]}", 0, 0, leaf,
     MTO_CRITICAL_HEADER},
    {"a claim twice", "EdDSA", "{" WHO ",\"sub\":\"mallory\",\"exp\":1700000300}%.0s", NULL, 0, 0, leaf,
     MTO_CLAIMS_MALFORMED},
    {"bound to another certificate", "EdDSA", BOUND_OTHER, NULL, 0, 0, leaf, MTO_CERTIFICATE_MISMATCH},
    {"bound, and none is shown", "EdDSA", BOUND_GOOD, NULL, 0, 0, NULL, MTO_CERTIFICATE_MISSING},
    {"bound by other means", "EdDSA", "{" WHO ",\"exp\":1700000300,\"cnf\":{\"jkt\":\"%s\"}}", NULL, 0, 0, leaf,
     MTO_BINDING_UNSUPPORTED},
    {"not bound", "EdDSA", "{" WHO ",\"exp\":1700000300}%.0s", NULL, 0, 0, leaf, MTO_BINDING_MISSING},
    {"expired", "EdDSA", "{" WHO ",\"exp\":1600000000,\"cnf\":{\"x5t#S256\":\"%s\"}}", NULL, 0, 0, leaf,
     MTO_TOKEN_EXPIRED},
    {"without end", "EdDSA", "{" WHO ",\"cnf\":{\"x5t#S256\":\"%s\"}}", NULL, 0, 0, leaf, MTO_CLAIM_MISSING},
    {"an ID token", "EdDSA", "{" WHO ",\"exp\":1700000300,\"at_hash\":\"x\",\"cnf\":{\"x5t#S256\":\"%s\"}}", NULL, 0, 0,
     leaf, MTO_TYPE_NOT_ALLOWED},
    {"for another audience", "EdDSA",
     "{\"iss\":\"" ISSUER "\",\"aud\":\"https://other.example\",\"sub\":\"" USER
     "\",\"exp\":1700000300,\"cnf\":{\"x5t#S256\":\"%s\"}}",
     NULL, 0, 0, leaf, MTO_AUDIENCE_MISMATCH},
    {"of another issuer", "EdDSA",
     "{\"iss\":\"https://evil.example\",\"aud\":\"" AUDIENCE "\",\"sub\":\"" USER
     "\",\"exp\":1700000300,\"cnf\":{\"x5t#S256\":\"%s\"}}",
     NULL, 0, 0, leaf, MTO_ISSUER_UNKNOWN},
    {"denied", "EdDSA",
     "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE
     "\",\"sub\":\"mallory-the-denied-one\",\"exp\":1700000300,\"cnf\":{\"x5t#S256\":\"%s\"}}",
     NULL, 0, 0, leaf, MTO_TOKEN_REVOKED},
    {"the certificate is revoked", "EdDSA", BOUND_GOOD, NULL, 0, 1, leaf_revoked, MTO_CERTIFICATE_REVOKED},
    {"the certificate has expired", "EdDSA", BOUND_GOOD, NULL, 0, 1, leaf_expired, MTO_CERTIFICATE_EXPIRED},
    {"the certificate is a CA's", "EdDSA", BOUND_GOOD, NULL, 0, 1, leaf_ca, MTO_CERTIFICATE_UNTRUSTED},
    {"the certificate is a stranger's", "EdDSA", BOUND_GOOD, NULL, 0, 1, leaf_of_a_stranger, MTO_CERTIFICATE_UNTRUSTED},
};

/* One request. */
typedef struct {
    const row_t             *row;
    const char              *text;
    mto_policy_t            *policy;
    apr_array_header_t      *policies;
    mto_denylist_t          *denied;
    mto_certificate_t        certificate;
    json_t                  *jwk;
    const char              *ca, *crl;
    mto_token_cache_t       *cache;
    mto_keyset_t            *keys;
    mto_trust_t             *trust;
    mto_verdict_t            verdict;
    mto_presented_t         *presented;
    mto_token_t             *token, *found;
    const mto_certificate_t *shown;
} request_t;

static void request_prepare(void *state)
{
    request_t  *request = state;
    const char *jwks = json_dumps(request->jwk, 0);

    request->keys = mto_keyset_create();
    assert_null(mto_keyset_add_jwks(request->keys, jwks, strlen(jwks), MTO_JWK_PUBLIC, NULL, NULL));
    mto_keyset_seal(request->keys);
    free((void *)jwks);
    if (request->row->is_chained) {
        /* One that has not seen the certificate yet. */
        request->trust = trust_of(request->ca, request->crl);
    }
    request->verdict = (mto_verdict_t)MTO_VERDICT_INIT;
    request->cache = mto_token_cache_create(64);
    assert_non_null(request->cache);
}

/* As httpd/decide.c does it. */
static void request_run(void *state)
{
    request_t           *request = state;
    mto_verdict_t       *verdict = &request->verdict;
    const mto_demand_t   location = {NULL, NULL, 1};
    const mto_occasion_t occasion = {NOW, request->shown, request->keys, &location, request->trust, request->denied};
    const mto_policy_t  *policy;
    size_t               length = strlen(request->text);
    mto_token_key_t      key;
    int                  has_key = mto_token_cache_key(request->cache, request, request->text, length, &key);

    if (mto_presented_read(&request->presented, request->text, length, verdict) == MTO_ADMITTED
        && mto_policy_choose(&policy, request->policies, &location, mto_presented_claims(request->presented), verdict)
               == MTO_ADMITTED
        && mto_token_prove(&request->token, request->presented, request->keys, policy, verdict) == MTO_ADMITTED) {
        if (has_key) {
            mto_token_cache_put(request->cache, &key, request->token, NOW);
            request->found = mto_token_cache_get(request->cache, &key);
        }
        (void)mto_token_admit(request->found != NULL ? request->found : request->token, &occasion, verdict);
    }
}

static void request_judge(void *state)
{
    request_t *request = state;

    assert_refusal(request->verdict.refusal, request->row->refusal, &request->verdict);
    if (request->verdict.refusal == MTO_ADMITTED) {
        const mto_token_texts_t *texts = mto_token_texts(request->token);

        assert_int_equal(request->verdict.binding, MTO_BINDING_BOUND);
        assert_text(mto_token_user(request->token), USER);
        assert_text(texts->subject, USER);
        assert_text(texts->client_id, CLIENT);
        assert_text(texts->scope, SCOPE);
        assert_text(texts->jti, "a-token-of-its-own");
        assert_true(mto_claims_has_scope(mto_token_claims(request->token), "write:something"));
        assert_text(mto_token_kid(request->token), "the-key-of-this-issuer");
    }
}

static void request_clean(void *state)
{
    request_t *request = state;

    mto_token_release(request->found);
    mto_token_release(request->token);
    mto_presented_free(request->presented);
    request->found = request->token = NULL;
    request->presented = NULL;
    mto_token_cache_destroy(request->cache);
    mto_trust_release(request->trust);
    request->trust = NULL;
    mto_keyset_release(request->keys);
}

static const piece_t request_piece = {request_prepare, request_run, request_judge, request_clean, 0};

static void token_is_decided_or_put_off(const void *data)
{
    const row_t      *row = data;
    mto_key_kind_t    kind = support_kind_of(row->alg);
    request_t         request = {.row = row, .policy = support_policy(), .ca = ca_both(), .crl = crls_leaf_revoked()};
    static const char denied[] = "sub:mallory-the-denied-one\n";
    char              reason[MTO_DENYLIST_REASON_SIZE], thumbprint[MTO_X5T_TEXT_LENGTH + 1];
    const char       *header;

    request.certificate = certificate_der(row->shown != NULL ? row->shown() : leaf());
    request.shown = row->shown != NULL ? &request.certificate : NULL;
    mto_certificate_x5t_text(&request.certificate, thumbprint);
    request.policies = apr_array_make(support_pool(), 1, sizeof(const mto_policy_t *));
    APR_ARRAY_PUSH(request.policies, const mto_policy_t *) = request.policy;
    request.denied = mto_denylist_create(denied, sizeof denied - 1, reason);
    request.jwk = json_pack("{s:[o]}", "keys", support_jwk(support_key(kind, 0), "the-key-of-this-issuer", NULL));
    header = row->header != NULL ? row->header
                                 : support_text("{\"alg\":\"%s\",\"kid\":\"the-key-of-this-issuer\"}", row->alg);
    request.text =
        support_jws(row->alg, support_key(kind, row->other_signer), header, support_text(row->payload, thumbprint));
    assert_true(torture(&request_piece, &request) > 2);
    mto_denylist_release(request.denied);
    json_decref(request.jwk);
}

/* --- A token that its issuer is asked about ----------------------------------------------------------------------- */

typedef struct {
    const char   *name, *jwt, *answer;
    mto_refusal_t refusal;
} answer_t;

#define ACTIVE "\"active\":true," WHO ",\"exp\":1700000300"

static const answer_t answers[] = {
    {"opaque, active", NULL, "{" ACTIVE BOUND_TO "}", MTO_ADMITTED},
    {"a JWT, active", GOOD, "{" ACTIVE BOUND_TO "}", MTO_ADMITTED},
    {"not active", NULL, "{\"active\":false," WHO "}", MTO_TOKEN_INACTIVE},
    {"active, and not", NULL, "{" ACTIVE ",\"active\":false}", MTO_INTROSPECTION_UNAVAILABLE},
    {"of another issuer", NULL, "{\"active\":true,\"iss\":\"https://evil.example\",\"sub\":\"a\"}", MTO_ISSUER_UNKNOWN},
    {"bound by other means", NULL, "{" ACTIVE ",\"token_type\":\"DPoP\"}", MTO_TYPE_NOT_ALLOWED},
    {"two confirmations", "{" CLAIMS ",\"exp\":1700000300" BOUND_TO "}",
     "{" ACTIVE ",\"cnf\":{\"x5t#S256\":\"B4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0\"}}", MTO_BINDING_MALFORMED},
};

typedef struct {
    const answer_t *row;
    mto_policy_t   *policy;
    mto_token_t    *jwt, *token;
    mto_verdict_t   verdict;
} asked_t;

static void asked_run(void *state)
{
    asked_t *asked = state;

    asked->verdict = (mto_verdict_t)MTO_VERDICT_INIT;
    (void)mto_token_prove_answer(&asked->token, asked->row->answer, strlen(asked->row->answer), asked->jwt,
                                 asked->policy, NOW, &asked->verdict);
}

static void asked_judge(void *state)
{
    const asked_t *asked = state;

    assert_refusal(asked->verdict.refusal, asked->row->refusal, &asked->verdict);
    assert_true((asked->token != NULL) == (asked->verdict.refusal == MTO_ADMITTED));
    if (asked->token != NULL) {
        assert_text(mto_token_user(asked->token), USER);
        assert_text(mto_token_texts(asked->token)->scope, SCOPE);
        assert_int_equal(mto_token_claims(asked->token)->confirmation.shape, MTO_CONFIRMATION_THUMBPRINT);
    }
}

static void asked_clean(void *state)
{
    asked_t *asked = state;

    mto_token_release(asked->token);
}

static void answer_is_taken_or_put_off(const void *data)
{
    static const piece_t piece = {NULL, asked_run, asked_judge, asked_clean, 0};
    asked_t              asked = {.row = data, .policy = support_policy()};

    asked.policy->introspect_jwt = 1;
    asked.jwt = asked.row->jwt != NULL ? proven(signed_token(asked.row->jwt), signing_keys(), asked.policy) : NULL;
    assert_true(torture(&piece, &asked) > 1);
    mto_token_release(asked.jwt);
}

/* --- A text as long as jansson's buffers, and longer: it is read whole or not at all -------------------------------
 */

typedef struct {
    const char        *sub, *text, *reason;
    json_t            *object;
    mto_json_region_t *region;
} reading_t;

static void reading_run(void *state)
{
    reading_t *reading = state;

    reading->object = mto_json_read_object_in(&reading->region, reading->text, strlen(reading->text), &reading->reason);
}

static void reading_judge(void *state)
{
    const reading_t *reading = state;

    assert_true((reading->object == NULL) == (failing_count() > 0));
    assert_true((reading->object == NULL) == (reading->region == NULL));
    if (reading->object == NULL) {
        assert_string_equal(reading->reason, "out of memory");
    }
    else {
        assert_text(mto_json_string(reading->object, "sub"), reading->sub);
    }
}

static void reading_clean(void *state)
{
    mto_json_region_free(((reading_t *)state)->region);
}

static void text_is_read_whole_or_not(const void *unused)
{
    static const piece_t piece = {NULL, reading_run, reading_judge, reading_clean, 0};
    int                  length;

    (void)unused;
    for (length = 1; length < 5000; length += length / 3 + 1) {
        reading_t reading = {.sub = support_repeat("u", length)};

        reading.text = support_text("{\"a\":[{},{}],\"sub\":\"%s\",\"b\":[{},{}]}", reading.sub);
        assert_true(torture(&piece, &reading) >= (length < 200 ? 1 : 2));
    }
}

int main(void)
{
    support_table("allocations of an answer's proof", answer_is_taken_or_put_off, TABLE(answers));
    support_case("allocations of a text", text_is_read_whole_or_not);
    support_table("allocations of prove and admit", token_is_decided_or_put_off, TABLE(rows));
    return support_run("torture_tokens");
}
