/* token: read, and proven once (DESIGN section 2, "One request"; issue and RFC named per table). */
#include "threads.h"
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

/* --- Reading ------------------------------------------------------------------------------------------------- */

/* A token of EdDSA whose payload has so many bytes: 20 characters of header, two dots, 86 of signature. */
static const char *token_with_payload_of(int size)
{
    const int fill = size - (int)strlen("{" CLAIMS ",\"exp\":1700000300,\"x\":\"\"}");

    return support_token("EdDSA", signing_key(), NULL,
                         support_text("{" CLAIMS ",\"exp\":1700000300,\"x\":\"%s\"}", support_repeat("a", fill)));
}

static void token_size_is_bounded(const void *unused)
{
    const mto_keyset_t *keys = support_keyset(support_jwk(signing_key(), NULL, NULL), NULL);
    const char         *most = token_with_payload_of((MTO_TOKEN_SIZE - 20 - 2 - 86) / 4 * 3);
    mto_verdict_t       larger = MTO_VERDICT_INIT, huge = MTO_VERDICT_INIT;
    mto_presented_t    *presented;

    (void)unused;
    assert_int_equal(strlen(most), MTO_TOKEN_SIZE);
    mto_token_release(proven(most, keys, support_policy()));
    most = support_text("%sA", most);
    support_assert_refusal(mto_presented_read(&presented, most, strlen(most), &larger), MTO_TOKEN_TOO_LARGE, &larger);
    assert_null(presented);
    support_assert_refusal(mto_presented_read(&presented, most, (size_t)-1, &huge), MTO_TOKEN_TOO_LARGE, &huge);
    mto_presented_free(NULL);
}

typedef struct {
    const char   *name;
    const char   *header;
    const char   *payload;
    mto_refusal_t refusal;
} reading_t;

static const reading_t readings[] = {
    {"good", "{\"alg\":\"EdDSA\"}", GOOD, MTO_ADMITTED},
    {"header and payload bad", "{\"alg\":\"none\"}", "[]", MTO_ALGORITHM_NOT_ALLOWED},
    {"crit", "{\"alg\":\"EdDSA\",\"crit\":[\"a\"]}", GOOD, MTO_CRITICAL_HEADER},
    {"payload an array", "{\"alg\":\"EdDSA\"}", "[]", MTO_CLAIMS_MALFORMED},
    {"payload empty", "{\"alg\":\"EdDSA\"}", "", MTO_CLAIMS_MALFORMED},
    {"payload prose", "{\"alg\":\"EdDSA\"}", "Payload", MTO_CLAIMS_MALFORMED},
    {"payload a token", "{\"alg\":\"EdDSA\",\"cty\":\"JWT\"}", RFC7515_A_3_JWS, MTO_CLAIMS_MALFORMED},
    {"claim twice", "{\"alg\":\"EdDSA\"}", "{\"iss\":\"a\",\"iss\":\"b\"}", MTO_CLAIMS_MALFORMED},
};

static void token_is_read_or_refused(const void *data)
{
    const reading_t *row = data;
    const char      *text = support_jws("EdDSA", signing_key(), row->header, row->payload);
    mto_verdict_t    why = MTO_VERDICT_INIT;
    mto_presented_t *presented;
    mto_refusal_t    refusal = mto_presented_read(&presented, text, strlen(text), &why);

    assert_true((presented != NULL) == (refusal == MTO_ADMITTED));
    mto_presented_free(presented);
    support_assert_refusal(refusal, row->refusal, &why);
}

static void changed_bit_is_refused(const void *unused)
{
    const char         *text = support_token("ES256", support_key(MTO_KEY_P256, 0), NULL, GOOD);
    const mto_keyset_t *keys = support_keyset(support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL), NULL);
    const mto_policy_t *policy = support_policy();
    char               *changed = strdup(text);
    size_t              bit;

    (void)unused;
    mto_token_release(proven(text, keys, policy));
    for (bit = 0; bit < 8 * strlen(text); bit++) {
        mto_verdict_t why = MTO_VERDICT_INIT;
        mto_token_t  *token;

        changed[bit / 8] = (char)(changed[bit / 8] ^ 1 << bit % 8);
        assert_int_not_equal(prove(&token, changed, keys, policy, &why), MTO_ADMITTED);
        changed[bit / 8] = text[bit / 8];
    }
    free(changed);
}

/* --- The order of prove: of several faults the first is told ------------------------------------------------- */

typedef struct {
    const char   *name;
    const char   *alg;          /* in the header */
    const char   *typ;          /* in the header */
    const char   *kid;          /* in the header */
    int           other_signer; /* somebody else signs */
    int           no_keys;      /* 1: NULL, 2: an empty set */
    const char   *payload;
    mto_refusal_t refusal;
} fault_t;

#define BAD "{\"iss\":\"https://evil.example\",\"sub\":\"\"}"

static const fault_t faults[] = {
    {"no keys, and all else wrong", "EdDSA", "x", "?", 1, 1, BAD, MTO_KEYS_UNAVAILABLE},
    {"an empty set, and all else wrong", "EdDSA", "x", "?", 1, 2, BAD, MTO_KEYS_UNAVAILABLE},
    {"algorithm not allowed", "Ed25519", "x", "?", 1, 0, BAD, MTO_ALGORITHM_NOT_ALLOWED},
    {"unknown key", "EdDSA", "x", "?", 1, 0, BAD, MTO_KEY_UNKNOWN},
    {"signature", "EdDSA", "x", "k", 1, 0, BAD, MTO_SIGNATURE_INVALID},
    {"issuer", "EdDSA", "x", "k", 0, 0, BAD, MTO_ISSUER_UNKNOWN},
    {"issuer absent", "EdDSA", "x", "k", 0, 0, "{\"sub\":\"\"}", MTO_ISSUER_UNKNOWN},
    {"issuer with a slash behind", "EdDSA", "JWT", "k", 0, 0, "{\"iss\":\"" ISSUER "/\",\"exp\":1,\"sub\":\"a\"}",
     MTO_ISSUER_UNKNOWN},
    {"type", "EdDSA", "x", "k", 0, 0, "{\"iss\":\"" ISSUER "\",\"sub\":\"\"}", MTO_TYPE_NOT_ALLOWED},
    {"exp", "EdDSA", "JWT", "k", 0, 0, "{\"iss\":\"" ISSUER "\",\"sub\":\"\"}", MTO_CLAIM_MISSING},
    {"user", "EdDSA", "JWT", "k", 0, 0, "{\"iss\":\"" ISSUER "\",\"exp\":1,\"sub\":\"\"}", MTO_USER_CLAIM_MALFORMED},
    {"nothing: aud, time and binding are for admit", "EdDSA", "JWT", "k", 0, 0,
     "{\"iss\":\"" ISSUER "\",\"exp\":1,\"sub\":\"a\",\"cnf\":1}", MTO_ADMITTED},
};

static void first_fault_is_told(const void *data)
{
    const fault_t *row = data;
    mto_keyset_t  *empty = mto_keyset_create();
    mto_policy_t  *policy = support_policy();
    const char    *text = support_jws(
           "EdDSA", support_key(MTO_KEY_ED25519, row->other_signer),
           support_text("{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}", row->alg, row->typ, row->kid), row->payload);
    mto_verdict_t why = MTO_VERDICT_INIT;
    mto_refusal_t refusal;
    mto_token_t  *token;

    mto_keyset_seal(empty);
    policy->settings.algorithms &= ~mto_algorithm_bit(mto_algorithm_find("Ed25519"));
    refusal = prove(&token, text, row->no_keys == 0 ? signing_keys() : row->no_keys == 1 ? NULL : empty, policy, &why);
    mto_token_release(token);
    mto_keyset_release(empty);
    support_assert_refusal(refusal, row->refusal, &why);
}

/* token.h: on success the claims move. Who refuses still has iss and client to log. */
static void refused_token_keeps_its_claims(const void *unused)
{
    const char      *text = signed_token("{\"iss\":\"" ISSUER "\",\"exp\":1,\"sub\":\"\"}");
    mto_verdict_t    why = MTO_VERDICT_INIT;
    mto_presented_t *presented;
    mto_refusal_t    refusal;
    mto_token_t     *token;
    const char      *issuer;

    (void)unused;
    assert_int_equal(mto_presented_read(&presented, text, strlen(text), &why), MTO_ADMITTED);
    refusal = mto_token_prove(&token, presented, signing_keys(), support_policy(), &why);
    issuer = mto_presented_claims(presented)->issuer;
    issuer = support_text("%s", issuer != NULL ? issuer : "(none)");
    mto_presented_free(presented);
    support_assert_refusal(refusal, MTO_USER_CLAIM_MALFORMED, &why);
    assert_null(token);
    assert_string_equal(issuer, ISSUER);
}

static void proven_token_says_what_it_is(const void *unused)
{
    const mto_policy_t *policy = support_policy();
    mto_token_t        *token = proven(signed_token(GOOD), signing_keys(), policy);

    (void)unused;
    assert_ptr_equal(mto_token_policy(token), policy);
    assert_string_equal(mto_token_claims(token)->issuer, ISSUER);
    assert_int_equal(mto_token_claims(token)->expires, NOW + apr_time_from_sec(300));
    assert_string_equal(mto_token_user(token), "alice");
    assert_null(mto_token_texts(token)->client_id);
    mto_token_release(token);
}

/* --- Life, and many threads -----------------------------------------------------------------------------------------
 */

static void last_reference_frees(const void *unused)
{
    mto_token_t *token = proven(signed_token(GOOD), signing_keys(), support_policy());

    (void)unused;
    assert_ptr_equal(mto_token_retain(token), token);
    mto_token_release(token);
    assert_string_equal(mto_token_user(token), "alice"); /* AddressSanitizer watches */
    mto_token_release(token);
    assert_null(mto_token_retain(NULL));
    mto_token_release(NULL);
}

#define THREADS 4
#define ROUNDS  50
#define TEXTS   4

/* What all threads share. */
typedef struct {
    mto_keyset_t            *keys;
    const mto_policy_t      *policy;
    const mto_certificate_t *certificate;
    mto_token_t             *token;
    const char              *texts[TEXTS], *forged[TEXTS];
} shared_t;

/* A mistake counts; cmocka's assertions are for the thread of the test. */
static int work_once(const shared_t *shared, int i)
{
    const mto_demand_t   nothing = {0};
    const mto_occasion_t occasion = {NOW, shared->certificate, shared->keys, &nothing, NULL, NULL};
    mto_verdict_t        why = MTO_VERDICT_INIT, forged = MTO_VERDICT_INIT, verdict = MTO_VERDICT_INIT, again = verdict;
    mto_token_t         *token = NULL, *other = NULL;
    mto_presented_t     *presented = NULL;
    int                  mistakes = 0;

    mto_keyset_retain(shared->keys);
    mistakes += mto_presented_read(&presented, shared->texts[i], strlen(shared->texts[i]), &why) != MTO_ADMITTED
                || mto_token_prove(&token, presented, shared->keys, shared->policy, &why) != MTO_ADMITTED
                || mto_token_admit(token, &occasion, &verdict) != MTO_ADMITTED || verdict.binding != MTO_BINDING_BOUND;
    mto_presented_free(presented);
    mistakes += mto_presented_read(&presented, shared->forged[i], strlen(shared->forged[i]), &forged) != MTO_ADMITTED
                || mto_token_prove(&other, presented, shared->keys, shared->policy, &forged) != MTO_SIGNATURE_INVALID;
    mto_presented_free(presented);
    mto_token_retain(shared->token);
    mistakes += mto_token_admit(shared->token, &occasion, &again) != MTO_ADMITTED;
    mto_token_release(shared->token);
    mto_token_release(token);
    mto_keyset_release(shared->keys);
    return mistakes;
}

static int work(void *shared, int number)
{
    int i, mistakes = 0;

    (void)number;
    for (i = 0; i < ROUNDS; i++) {
        mistakes += work_once(shared, i % TEXTS);
    }
    return mistakes;
}

static void threads_share_keys_and_tokens(const void *unused)
{
    static const char *const algs[TEXTS] = {"RS256", "PS384", "ES256", "EdDSA"};
    json_t                  *jwks[TEXTS];
    mto_certificate_t        certificate;
    shared_t                 shared;
    int                      i;

    (void)unused;
    for (i = 0; i < TEXTS; i++) {
        mto_key_kind_t kind = support_kind_of(algs[i]);
        const char    *payload = "{" CLAIMS ",\"exp\":1700000300" BOUND_TO "}";

        jwks[i] = support_jwk(support_key(kind, 0), algs[i], algs[i]);
        shared.texts[i] = support_token(algs[i], support_key(kind, 0), algs[i], payload);
        shared.forged[i] = support_token(algs[i], support_key(kind, 1), algs[i], payload);
    }
    shared.keys = support_keyset(jwks[0], jwks[1], jwks[2], jwks[3], NULL);
    shared.policy = support_policy();
    assert_true(mto_certificate_read_pem(&certificate, RFC8705_A_PEM, support_pool()));
    shared.certificate = &certificate;
    shared.token = proven(shared.texts[2], shared.keys, shared.policy);
    threads_run(THREADS, work, &shared);
    mto_token_release(shared.token);
}

int main(void)
{
    support_case("DESIGN section 4, a token of at most 16 KiB", token_size_is_bounded);
    support_table("header before claims", token_is_read_or_refused, TABLE(readings));
    support_case("every single-bit change is refused", changed_bit_is_refused);
    support_table("the order of prove", first_fault_is_told, TABLE(faults));
    support_case("token.h, claims move on success only", refused_token_keeps_its_claims);
    support_case("a proven token says what it is", proven_token_says_what_it_is);
    support_case("the last reference frees", last_reference_frees);
    support_case("THREATS, threads share keys and tokens", threads_share_keys_and_tokens);
    return support_run("token");
}
