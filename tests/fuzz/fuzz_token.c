/* Tokens that somebody signs, changes, puts together or makes up. The first byte says which: a header (a line) and a
 * payload that the issuer signs; changes to a good token; parts of three good tokens; any text. Nothing is proven but
 * what the issuer has signed, and that only with the algorithm of its header. */
#include "admission.h"

#include "core/json.h"
#include "core/token_cache.h"

#include <string.h>

#define GOOD                                                                                                           \
    "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"alice\",\"client_id\":\"app\",\"exp\":1700000300,"     \
    "\"iat\":1700000000,\"jti\":\"1\",\"a\":{\"b\":1}}"

static const mto_keyset_t *keys, *silent; /* of the issuer; of one that signs nothing (see fuzz_seal.c) */
static const char         *good[MTO_ALGORITHM_COUNT];

static const char *kid_of(mto_key_kind_t kind)
{
    static const char *const kids[] = {"rsa", "p256", "p384", "p521", "ed25519", "ed448"};

    return kids[kind];
}

static const mto_keyset_t *make_keys(int number)
{
    json_t *jwks[6];
    int     kind;

    for (kind = MTO_KEY_RSA; kind <= MTO_KEY_ED448; kind++) {
        jwks[kind] = support_jwk(support_key((mto_key_kind_t)kind, number), kid_of((mto_key_kind_t)kind), NULL);
    }
    return support_keyset(jwks[0], jwks[1], jwks[2], jwks[3], jwks[4], jwks[5], NULL);
}

void fuzz_prepare(void)
{
    unsigned i;

    keys = make_keys(0);
    silent = make_keys(1);
    for (i = 0; i < MTO_ALGORITHM_COUNT; i++) {
        const char    *alg = mto_algorithm_at((int)i)->name;
        mto_key_kind_t kind = support_kind_of(alg);

        good[i] = support_token(alg, support_key(kind, 0), kid_of(kind), GOOD);
    }
    for (i = 0; i < FUZZ_POLICIES; i++) {
        (void)fuzz_policy(i);
    }
}

/* *token is NULL after a refusal. */
static mto_refusal_t prove(mto_token_t **token, const char *text, size_t length, const mto_keyset_t *with,
                           const mto_policy_t *policy)
{
    mto_verdict_t    why = MTO_VERDICT_INIT;
    mto_presented_t *presented;
    mto_refusal_t    refusal = mto_presented_read(&presented, text, length, &why);

    *token = NULL;
    CHECK((presented != NULL) == (refusal == MTO_ADMITTED));
    if (refusal == MTO_ADMITTED) {
        CHECK(!mto_token_is_opaque(text, length));
        refusal = mto_token_prove(token, presented, with, policy, &why);
    }
    mto_presented_free(presented);
    fuzz_check_verdict(refusal, &why);
    CHECK((*token != NULL) == (refusal == MTO_ADMITTED));
    return refusal;
}

static int is_proven(const char *text, size_t length, const mto_keyset_t *with)
{
    mto_token_t  *token;
    mto_refusal_t refusal = prove(&token, text, length, with, fuzz_policy(0));

    mto_token_release(token);
    return refusal == MTO_ADMITTED;
}

/* --- Signed by the issuer ----------------------------------------------------------------------------------------- */

/* Whether a header names that algorithm and key, or the algorithm and no key. */
static int names_key(const char *header, const mto_algorithm_t *algorithm, mto_key_kind_t kind)
{
    const char            *reason;
    json_t                *object = mto_json_read_object(header, strlen(header), &reason);
    const char            *alg = mto_json_string(object, "alg"), *named = mto_json_string(object, "kid");
    const mto_algorithm_t *row = alg != NULL ? mto_algorithm_find(alg) : NULL;
    /* The two names of EdDSA are one algorithm. */
    int fits = row != NULL
               && (row == algorithm
                   || (row->digest == NULL && algorithm->digest == NULL && (row->kinds & MTO_KEY_KIND(kind)) != 0))
               && (json_object_get(object, "kid") == NULL || (named != NULL && strcmp(named, kid_of(kind)) == 0));

    json_decref(object);
    return fits;
}

static void check_proven(const mto_token_t *token, const char *payload, const mto_policy_t *policy)
{
    const char *reason;
    json_t     *signed_claims = mto_json_read_object(payload, strlen(payload), &reason);

    CHECK(json_equal(mto_token_claims(token)->root, signed_claims));
    CHECK(strcmp(mto_token_claims(token)->issuer, policy->issuer) == 0);
    CHECK(mto_token_claims(token)->expires != MTO_TIME_ABSENT);
    CHECK(mto_token_policy(token) == policy && mto_token_proof(token) == MTO_PROOF_SIGNATURE);
    fuzz_check_admission(token, keys, silent);
    json_decref(signed_claims);
}

/* A cache gives the token back under its own text alone, and holds none that has ended. */
static void check_cached(mto_token_t *token, const char *text)
{
    mto_token_cache_t *cache = mto_token_cache_create(2);
    mto_token_key_t    key, other;
    mto_token_t       *held;

    CHECK(mto_token_cache_key(cache, cache, text, strlen(text), &key));
    CHECK(mto_token_cache_key(cache, cache, text, strlen(text) - 1, &other));
    mto_token_cache_put(cache, &key, token, NOW);
    held = mto_token_cache_get(cache, &key);
    CHECK(held == token
          || (held == NULL && (mto_token_end(token) <= NOW || mto_token_size(token) > 2 * MTO_TOKEN_CACHE_BYTES / 8)));
    CHECK(mto_token_cache_get(cache, &other) == NULL);
    mto_token_release(held);
    mto_token_cache_destroy(cache);
}

static void check_signed(const char *data, size_t size)
{
    const mto_algorithm_t *algorithm = mto_algorithm_at((int)fuzz_choice(&data, &size, MTO_ALGORITHM_COUNT));
    const mto_policy_t    *policy = fuzz_policy(fuzz_choice(&data, &size, FUZZ_POLICIES));
    mto_key_kind_t         kind = support_kind_of(algorithm->name);
    const char            *header = fuzz_line_text(&data, &size), *payload = fuzz_text(data, size), *text;
    mto_token_t           *token;
    mto_refusal_t          refusal;

    if (*header == '\0') {
        header = support_text("{\"alg\":\"%s\",\"kid\":\"%s\"}", algorithm->name, kid_of(kind));
    }
    text = support_jws(algorithm->name, support_key(kind, 0), header, payload);
    refusal = prove(&token, text, strlen(text), keys, policy);
    if (refusal == MTO_ADMITTED) {
        CHECK(names_key(header, algorithm, kind));
        check_proven(token, payload, policy);
        check_cached(token, text);
    }
    else if (names_key(header, algorithm, kind)) {
        CHECK(refusal != MTO_SIGNATURE_INVALID && refusal != MTO_KEY_UNKNOWN && refusal != MTO_KEYS_UNAVAILABLE);
    }
    mto_token_release(token);
}

/* --- Not signed by the issuer ------------------------------------------------------------------------------------- */

static void check_changed(const char *data, size_t size)
{
    const char *text = good[fuzz_choice(&data, &size, MTO_ALGORITHM_COUNT)];
    size_t      length = strlen(text);
    char       *changed = fuzz_edit(text, &length, data, size);
    int         is_same = length == strlen(text) && strncmp(changed, text, length) == 0;

    CHECK(is_proven(changed, length, keys) == is_same);
}

/* Segment i of a token; *length: of it. */
static const char *segment(const char *text, int i, size_t *length)
{
    for (; i > 0; i--) {
        text = strchr(text, '.') + 1;
    }
    *length = strcspn(text, ".");
    return text;
}

static void check_mixed(const char *data, size_t size)
{
    const char *text = "";
    unsigned    of[3];
    int         i;

    for (i = 0; i < 3; i++) {
        size_t      length;
        const char *part;

        of[i] = fuzz_choice(&data, &size, MTO_ALGORITHM_COUNT);
        part = segment(good[of[i]], i, &length);
        text = support_text("%s%s%.*s", text, i > 0 ? "." : "", (int)length, part);
    }
    /* All payloads are the same. */
    CHECK(is_proven(text, strlen(text), keys) == (of[0] == of[2]));
}

static void check_made_up(const char *data, size_t size)
{
    mto_verdict_t verdict = MTO_VERDICT_INIT;
    mto_refusal_t refusal = mto_token_check_opaque(data, size, &verdict);

    CHECK(!is_proven(data, size, silent));
    fuzz_check_verdict(refusal, &verdict);
    CHECK(refusal == MTO_ADMITTED || refusal == MTO_TOKEN_TOO_LARGE || refusal == MTO_TOKEN_MALFORMED);
    CHECK(refusal != MTO_ADMITTED || (memchr(data, '"', size) == NULL && memchr(data, ' ', size) == NULL));
    (void)mto_token_is_opaque(data, size);
}

void fuzz_one(const char *data, size_t size)
{
    static void (*const checks[])(const char *data, size_t size) = {check_signed, check_changed, check_mixed,
                                                                    check_made_up};
    unsigned choice = fuzz_choice(&data, &size, 4);

    checks[choice](data, size);
}
