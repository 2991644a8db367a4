/* micro: nanoseconds of each step of a request, and of the same signatures by OpenSSL alone. Prints one line a step, or
 * JSON with --json.
 *
 *   micro [--json] JWKS TOKEN...
 *   micro --repeat STEP COUNT JWKS TOKEN   COUNT times one step (seen, first or bare), for callgrind; prints nothing
 *
 * JWKS: file with the key of each TOKEN, by kid. */
#include "core/base64url.h"
#include "core/binding.h"
#include "core/json.h"
#include "core/jws.h"
#include "core/token.h"
#include "core/token_cache.h"

#include <apr_strings.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS      7
#define ROUND_NANOS 30e6 /* long enough that the clock does not matter */

static apr_pool_t        *pool;
static mto_keyset_t      *keys;
static mto_policy_t       policy;
static mto_token_cache_t *cache;
static mto_certificate_t  certificate;
static const mto_demand_t no_demand;
static const char        *text; /* the token that is measured */
static size_t             length;
static mto_presented_t   *presented;
static mto_token_t       *token;
static mto_jws_t          jws;
static int                as_json;
static volatile size_t    sink; /* what is computed is used */

static void must(int ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "micro: %s\n", what);
        ERR_print_errors_fp(stderr);
        exit(1);
    }
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* --- The steps ---------------------------------------------------------------------------------------------------- */

static void decode(void)
{
    unsigned char payload[16384];
    const char   *start = strchr(text, '.') + 1;

    sink += (size_t)mto_base64url_decode(payload, start, (size_t)(strchr(start, '.') - start));
}

static void parse(void)
{
    const char        *reason;
    mto_json_region_t *region;

    sink += json_object_size(mto_json_read_object_in(&region, (const char *)jws.payload, jws.payload_size, &reason));
    mto_json_region_free(region);
}

static void hash(void)
{
    mto_token_key_t key;

    sink += (size_t)mto_token_cache_key(cache, &policy, text, length, &key);
}

static void read_whole(void)
{
    mto_verdict_t    why = MTO_VERDICT_INIT;
    mto_presented_t *one;

    must(mto_presented_read(&one, text, length, &why) == MTO_ADMITTED, why.detail);
    mto_presented_free(one);
}

static void verify(void)
{
    mto_verdict_t    why = MTO_VERDICT_INIT;
    const mto_key_t *signer;

    must(mto_jws_verify(&jws, keys, MTO_ALGORITHMS_ALL, &signer, &why) == MTO_ADMITTED, why.detail);
}

/* Only what OpenSSL cannot do without: a context that is ready, its signature in the form that it takes. */
static EVP_MD_CTX   *bare_context;
static unsigned char bare_signature[2048];
static size_t        bare_size;

static void bare(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    must(EVP_MD_CTX_copy_ex(context, bare_context) == 1
             && EVP_DigestVerify(context, bare_signature, bare_size, (const unsigned char *)text, jws.signed_size) == 1,
         "bare verification");
    EVP_MD_CTX_free(context);
}

static void bare_prepare(void)
{
    size_t           count;
    const mto_key_t *key = mto_keyset_find_kid(keys, jws.kid, &count);
    EVP_PKEY_CTX    *key_context;
    size_t           part = jws.algorithm->part_size;

    EVP_MD_CTX_free(bare_context);
    bare_context = EVP_MD_CTX_new();
    must(count == 1
             && EVP_DigestVerifyInit_ex(bare_context, &key_context, jws.algorithm->digest, NULL, NULL, key->pkey, NULL)
                    == 1,
         "no key for bare verification");
    if (jws.algorithm->padding != 0) {
        must(EVP_PKEY_CTX_set_rsa_padding(key_context, jws.algorithm->padding) > 0, "padding");
    }
    bare_size = jws.signature_size;
    memcpy(bare_signature, jws.signature, bare_size);
    if (part > 0) {
        ECDSA_SIG     *signature = ECDSA_SIG_new();
        unsigned char *to = bare_signature;

        (void)ECDSA_SIG_set0(signature, BN_bin2bn(jws.signature, (int)part, NULL),
                             BN_bin2bn(jws.signature + part, (int)part, NULL));
        bare_size = (size_t)i2d_ECDSA_SIG(signature, &to);
        ECDSA_SIG_free(signature);
    }
}

/* All that the first sight of a token takes, its place in the cache included. */
static void first_sight(void)
{
    mto_verdict_t  why = MTO_VERDICT_INIT;
    mto_occasion_t occasion = {
        .now = apr_time_now(), .certificate = &certificate, .keys = keys, .location = &no_demand};
    mto_presented_t *one;
    mto_token_t     *proven;
    mto_token_key_t  key;

    must(mto_token_cache_key(cache, &policy, text, length, &key), "key");
    must(mto_presented_read(&one, text, length, &why) == MTO_ADMITTED, why.detail);
    must(mto_token_prove(&proven, one, keys, &policy, &why) == MTO_ADMITTED, why.detail);
    must(mto_token_admit(proven, &occasion, &why) == MTO_ADMITTED, why.detail);
    mto_token_cache_put(cache, &key, proven, occasion.now);
    mto_token_release(proven);
    mto_presented_free(one);
}

static void look_up(void)
{
    static mto_token_key_t key;
    static const char     *of;

    if (of != text) {
        of = text;
        must(mto_token_cache_key(cache, &policy, text, length, &key), "key");
    }
    mto_token_release(mto_token_cache_get(cache, &key));
}

static void admit(void)
{
    mto_verdict_t  why = MTO_VERDICT_INIT;
    mto_occasion_t occasion = {
        .now = mto_token_end(token) - 1, .certificate = &certificate, .keys = keys, .location = &no_demand};

    must(mto_token_admit(token, &occasion, &why) == MTO_ADMITTED, why.detail);
}

/* All that the module does for a token that was seen before, but for httpd's own tables. */
static void seen(void)
{
    mto_token_key_t key;
    mto_verdict_t   why = MTO_VERDICT_INIT;
    mto_occasion_t  occasion = {
         .now = mto_token_end(token) - 1, .certificate = &certificate, .keys = keys, .location = &no_demand};
    mto_token_t *found;

    must(mto_token_cache_key(cache, &policy, text, length, &key), "key");
    found = mto_token_cache_get(cache, &key);
    must(found != NULL && mto_token_admit(found, &occasion, &why) == MTO_ADMITTED, "not admitted");
    sink += mto_token_texts(found)->jti != NULL;
    mto_token_release(found);
}

/* --- Measuring ---------------------------------------------------------------------------------------------------- */

/* The best of some rounds: what the step takes when nothing else is in the way. */
static double nanos_of(void (*step)(void))
{
    double best = 1e18;
    int    round;

    for (round = 0; round < ROUNDS; round++) {
        double start = now(), end;
        long   count = 0, i;

        do {
            for (i = 0; i < 10; i++) {
                step();
            }
            count += 10;
            end = now();
        } while (end - start < ROUND_NANOS);
        best = (end - start) / (double)count < best ? (end - start) / (double)count : best;
    }
    return best;
}

static void measure(const char *algorithm, const char *name, void (*step)(void))
{
    static const char *comma = "";
    double             nanos = nanos_of(step);

    if (as_json) {
        (void)printf("%s\n \"%s %s\": %.0f", comma, algorithm, name, nanos);
        comma = ",";
        return;
    }
    (void)printf("%-8s %-24s %9.0f ns\n", algorithm, name, nanos);
}

static void take(const char *of)
{
    mto_verdict_t why = MTO_VERDICT_INIT;

    text = of;
    length = strlen(of);
    mto_jws_clear(&jws);
    must(mto_jws_read(&jws, text, length, &why) == MTO_ADMITTED, why.detail);
    must(mto_presented_read(&presented, text, length, &why) == MTO_ADMITTED, why.detail);
    policy.issuer = apr_pstrdup(pool, mto_presented_claims(presented)->issuer);
    memcpy(certificate.x5t, mto_presented_claims(presented)->confirmation.x5t, sizeof certificate.x5t);
    mto_token_release(token);
    must(mto_token_prove(&token, presented, keys, &policy, &why) == MTO_ADMITTED, why.detail);
    mto_presented_free(presented);
    first_sight();
}

static void measure_all(int is_first)
{
    const char *algorithm = jws.algorithm->name;

    if (is_first) {
        measure("", "base64url of the payload", decode);
        measure("", "JSON of the payload", parse);
        measure("", "read, nothing proven", read_whole);
        measure("", "SHA-256, the key", hash);
        measure("", "look-up", look_up);
        measure("", "admit", admit);
        measure("", "seen: all of the core", seen);
    }
    bare_prepare();
    measure(algorithm, "bare EVP", bare);
    measure(algorithm, "verify", verify);
    measure(algorithm, "first sight", first_sight);
}

/* COUNT times one step; 0 when there is none of that name. */
static int repeat(const char *name, long count)
{
    static const struct {
        const char *name;
        void (*step)(void);
    } steps[] = {{"seen", seen}, {"first", first_sight}, {"bare", bare}};
    size_t i;
    long   done;

    for (i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (strcmp(name, steps[i].name) == 0) {
            for (done = 0; done < count; done++) {
                steps[i].step();
            }
            return 1;
        }
    }
    return 0;
}

static void load_keys(const char *name)
{
    static char json[MTO_KEYSET_BYTES];
    FILE       *file = fopen(name, "r");
    size_t      size = file != NULL ? fread(json, 1, sizeof json, file) : 0;

    must(file != NULL, "cannot read the JWK Set");
    (void)fclose(file);
    keys = mto_keyset_create();
    must(mto_keyset_add_jwks(keys, json, size, MTO_JWK_PUBLIC, NULL, NULL) == NULL, "no JWK Set");
    mto_keyset_seal(keys);
}

int main(int argc, char **argv)
{
    const char *step = NULL;
    long        count = 0;
    int         i;

    (void)apr_initialize();
    (void)apr_pool_create(&pool, NULL);
    must(mto_json_memory_install(), "no memory");
    policy.settings = mto_settings_default(pool);
    policy.settings.use_mutual_tls = MTO_MUTUAL_TLS_REQUIRED;
    cache = mto_token_cache_create(20000);
    if (argc > 1 && strcmp(argv[1], "--json") == 0) {
        as_json = 1;
        argc--;
        argv++;
    }
    if (argc > 3 && strcmp(argv[1], "--repeat") == 0) {
        step = argv[2];
        count = atol(argv[3]);
        argc -= 3;
        argv += 3;
    }
    must(cache != NULL && argc > 2, "usage: micro [--json] JWKS TOKEN...");
    load_keys(argv[1]);
    if (step != NULL) {
        take(argv[2]);
        bare_prepare();
        must(repeat(step, count), "no such step");
        return 0;
    }
    if (as_json) {
        (void)printf("{");
    }
    for (i = 2; i < argc; i++) {
        take(argv[i]);
        measure_all(i == 2);
    }
    if (as_json) {
        (void)printf(",\n \"bytes of a token\": %zu, \"bytes remembered\": %zu}\n", length, mto_token_size(token));
    }
    else {
        (void)printf("%-8s %-24s %9zu bytes, of %zu bytes of token\n", "", "remembered token", mto_token_size(token),
                     length);
    }
    return 0;
}
