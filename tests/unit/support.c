#include "support.h"

#include "core/base64url.h"
#include "core/json_memory.h"

#include <apr_general.h>
#include <ftw.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS 6
#define KEYS  8

/* A case as cmocka carries it. */
typedef struct {
    support_check_fn *check;
    const void       *row;
} case_t;

static void remove_scratch(void);

static apr_pool_t         *pool;
static apr_array_header_t *cases; /* struct CMUnitTest */
static EVP_PKEY           *keys[KINDS][KEYS];
static char                scratch[200]; /* directory; empty: not made yet */

apr_pool_t *support_pool(void)
{
    if (pool == NULL) {
        if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS
            || !mto_json_memory_install()) {
            abort();
        }
        cases = apr_array_make(pool, 64, sizeof(struct CMUnitTest));
    }
    return pool;
}

apr_pool_t *support_pool_change(apr_pool_t *other)
{
    apr_pool_t *last = support_pool();

    pool = other;
    return last;
}

/* --- Tests
 * -------------------------------------------------------------------------------------------------- */

static void run_case(void **state)
{
    const case_t *one = *state;

    ERR_clear_error();
    one->check(one->row);
    if (ERR_peek_error() != 0) {
        fail_msg("OpenSSL's error queue is not empty: %s", ERR_reason_error_string(ERR_peek_error()));
    }
}

static void add(const char *name, support_check_fn *check, const void *row)
{
    case_t            *one = apr_palloc(support_pool(), sizeof *one);
    struct CMUnitTest *test = apr_array_push(cases);

    one->check = check;
    one->row = row;
    *test = (struct CMUnitTest){.name = name, .test_func = run_case, .initial_state = one};
}

void support_table(const char *rule, support_check_fn *check, const void *rows, size_t count, size_t row_size)
{
    size_t i;

    for (i = 0; i < count; i++) {
        const char *row = (const char *)rows + i * row_size;
        add(support_text("%s: %s", rule, *(const char *const *)row), check, row);
    }
}

void support_case(const char *rule, support_check_fn *check)
{
    support_pool();
    add(rule, check, NULL);
}

int support_run(const char *program)
{
    int failed, kind, i;

    failed = _cmocka_run_group_tests(program, (const struct CMUnitTest *)cases->elts, (size_t)cases->nelts, NULL, NULL);
    for (kind = 0; kind < KINDS; kind++) {
        for (i = 0; i < KEYS; i++) {
            EVP_PKEY_free(keys[kind][i]);
        }
    }
    remove_scratch();
    apr_pool_destroy(pool);
    apr_terminate();
    return failed > 0 ? 1 : 0;
}

const char *support_text(const char *format, ...)
{
    va_list     arguments;
    const char *text;

    va_start(arguments, format);
    text = apr_pvsprintf(support_pool(), format, arguments);
    va_end(arguments);
    return text;
}

const char *support_repeat(const char *text, int count)
{
    size_t size = strlen(text);
    char  *repeated = apr_palloc(support_pool(), size * (size_t)count + 1);
    int    i;

    for (i = 0; i < count; i++) {
        memcpy(repeated + (size_t)i * size, text, size);
    }
    repeated[size * (size_t)count] = '\0';
    return repeated;
}

void support_assert_refusal(mto_refusal_t refusal, mto_refusal_t wanted, const mto_verdict_t *verdict)
{
    if (refusal != wanted) {
        fail_msg("%s (%s), wanted %s", mto_refusal_row(refusal)->code, verdict->detail, mto_refusal_row(wanted)->code);
    }
    assert_int_equal(verdict->refusal, wanted);
}

/* --- Files
 * -------------------------------------------------------------------------------------------------- */

const char *support_path(const char *name)
{
    if (scratch[0] == '\0') {
        const char *root = getenv("TMPDIR");

        (void)apr_snprintf(scratch, sizeof scratch, "%s/mto-unit-XXXXXX",
                           root != NULL && *root != '\0' ? root : "/tmp");
        assert_non_null(mkdtemp(scratch));
    }
    return support_text("%s%s%s", scratch, *name != '\0' ? "/" : "", name);
}

void support_write(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about, (void)kind, (void)walk;
    return remove(path);
}

static void remove_scratch(void)
{
    if (scratch[0] != '\0') {
        (void)nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

/* --- Keys
 * --------------------------------------------------------------------------------------------------- */

static EVP_PKEY *generate(mto_key_kind_t kind)
{
    switch (kind) {
    case MTO_KEY_RSA:
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    case MTO_KEY_P256:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    case MTO_KEY_P384:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    case MTO_KEY_P521:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
    case MTO_KEY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case MTO_KEY_ED448:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    }
    return NULL;
}

EVP_PKEY *support_key(mto_key_kind_t kind, int number)
{
    EVP_PKEY **key = &keys[kind][number];

    if (*key == NULL) {
        *key = generate(kind);
        assert_non_null(*key);
    }
    return *key;
}

mto_key_kind_t support_kind_of(const char *alg)
{
    static const struct {
        const char    *alg;
        mto_key_kind_t kind;
    } kinds[] = {
        {"ES256", MTO_KEY_P256},    {"ES384", MTO_KEY_P384},      {"ES512", MTO_KEY_P521},
        {"EdDSA", MTO_KEY_ED25519}, {"Ed25519", MTO_KEY_ED25519}, {"Ed448", MTO_KEY_ED448},
    };
    size_t i;

    for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(alg, kinds[i].alg) == 0) {
            return kinds[i].kind;
        }
    }
    return MTO_KEY_RSA;
}

/* The number in base64url, at size bytes; 0: at its own. */
static json_t *number_member(const BIGNUM *number, int size)
{
    int            length = size > 0 ? size : BN_num_bytes(number);
    unsigned char *bytes = apr_palloc(support_pool(), (size_t)length + 1);

    assert_int_equal(BN_bn2binpad(number, bytes, length), length);
    return json_string(support_base64url(bytes, (size_t)length));
}

static json_t *key_member(const EVP_PKEY *pkey, const char *name, int size)
{
    BIGNUM *number = NULL;
    json_t *member;

    assert_int_equal(EVP_PKEY_get_bn_param(pkey, name, &number), 1);
    member = number_member(number, size);
    BN_free(number);
    return member;
}

json_t *support_rsa_jwk(const BIGNUM *modulus, const BIGNUM *exponent)
{
    return json_pack("{s:s, s:o, s:o}", "kty", "RSA", "n", number_member(modulus, 0), "e", number_member(exponent, 0));
}

json_t *support_jwk(EVP_PKEY *pkey, const char *kid, const char *alg)
{
    json_t       *jwk = json_object();
    unsigned char raw[57];
    size_t        size = sizeof raw;

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        json_object_set_new(jwk, "kty", json_string("RSA"));
        json_object_set_new(jwk, "n", key_member(pkey, OSSL_PKEY_PARAM_RSA_N, 0));
        json_object_set_new(jwk, "e", key_member(pkey, OSSL_PKEY_PARAM_RSA_E, 0));
    }
    else if (EVP_PKEY_is_a(pkey, "EC")) {
        int bits = EVP_PKEY_get_bits(pkey), coordinate = (bits + 7) / 8;
        json_object_set_new(jwk, "kty", json_string("EC"));
        json_object_set_new(jwk, "crv", json_string(support_text("P-%d", bits)));
        json_object_set_new(jwk, "x", key_member(pkey, OSSL_PKEY_PARAM_EC_PUB_X, coordinate));
        json_object_set_new(jwk, "y", key_member(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, coordinate));
    }
    else {
        assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, raw, &size), 1);
        json_object_set_new(jwk, "kty", json_string("OKP"));
        json_object_set_new(jwk, "crv", json_string(EVP_PKEY_is_a(pkey, "ED448") ? "Ed448" : "Ed25519"));
        json_object_set_new(jwk, "x", json_string(support_base64url(raw, size)));
    }
    if (kid != NULL) {
        json_object_set_new(jwk, "kid", json_string(kid));
    }
    if (alg != NULL) {
        json_object_set_new(jwk, "alg", json_string(alg));
    }
    return jwk;
}

const char *support_json(json_t *json)
{
    char       *text = json_dumps(json, JSON_COMPACT);
    const char *copy = apr_pstrdup(support_pool(), text);

    free(text);
    json_decref(json);
    return copy;
}

static const char *jwks_of(json_t *jwk, va_list more)
{
    json_t *array = json_array();

    for (; jwk != NULL; jwk = va_arg(more, json_t *)) {
        json_array_append_new(array, jwk);
    }
    return support_json(json_pack("{s:o}", "keys", array));
}

const char *support_jwks(json_t *jwk, ...)
{
    va_list     more;
    const char *text;

    va_start(more, jwk);
    text = jwks_of(jwk, more);
    va_end(more);
    return text;
}

static void fail_on_skipped(void *baton, size_t position, const char *kid, const char *reason, int harmless)
{
    (void)baton, (void)harmless;
    fail_msg("key %d (%s) was left out: %s", (int)position, kid != NULL ? kid : "no kid", reason);
}

static apr_status_t release_keyset(void *set)
{
    mto_keyset_release(set);
    return APR_SUCCESS;
}

mto_keyset_t *support_keyset(json_t *jwk, ...)
{
    mto_keyset_t *set = mto_keyset_create();
    const char   *text;
    va_list       more;

    apr_pool_cleanup_register(support_pool(), set, release_keyset, apr_pool_cleanup_null);
    va_start(more, jwk);
    text = jwks_of(jwk, more);
    va_end(more);
    assert_null(mto_keyset_add_jwks(set, text, strlen(text), MTO_JWK_PUBLIC, fail_on_skipped, NULL));
    mto_keyset_seal(set);
    return set;
}

const char *support_take(BIO *bio)
{
    char       *data;
    long        size = BIO_get_mem_data(bio, &data);
    const char *text = apr_pstrmemdup(support_pool(), data, (size_t)size);

    BIO_free(bio);
    return text;
}

const char *support_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
    return support_take(bio);
}

const char *support_certificate_pem(EVP_PKEY *pkey)
{
    return support_certificate_pem_of(pkey, 1);
}

const char *support_certificate_pem_of(EVP_PKEY *pkey, long serial)
{
    X509      *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    int        is_eddsa = EVP_PKEY_is_a(pkey, "ED25519") || EVP_PKEY_is_a(pkey, "ED448");
    BIO       *bio = BIO_new(BIO_s_mem());

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"client", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, pkey);
    assert_true(X509_sign(certificate, pkey, is_eddsa ? NULL : EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    X509_free(certificate);
    return support_take(bio);
}

/* --- Tokens
 * ------------------------------------------------------------------------------------------------- */

const char *support_base64url(const void *data, size_t size)
{
    char *text = apr_palloc(support_pool(), MTO_BASE64URL_ENCODED_SIZE(size));

    mto_base64url_encode(text, data, size);
    return text;
}

/* DER to R and S at their fixed length (RFC 7518 section 3.4). */
static unsigned char *fixed_length(const unsigned char *der, size_t der_size, size_t part)
{
    unsigned char *raw = apr_palloc(support_pool(), 2 * part);
    ECDSA_SIG     *signature = d2i_ECDSA_SIG(NULL, &der, (long)der_size);

    assert_non_null(signature);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, (int)part), part);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + part, (int)part), part);
    ECDSA_SIG_free(signature);
    return raw;
}

unsigned char *support_signature(const char *alg, EVP_PKEY *pkey, const char *text, int salt, size_t *size)
{
    const char    *digest = alg[0] == 'E' && alg[1] == 'd' ? NULL : support_text("SHA%s", alg + 2);
    size_t         part = EVP_PKEY_is_a(pkey, "EC") ? (size_t)(EVP_PKEY_get_bits(pkey) + 7) / 8 : 0;
    unsigned char *bytes;
    EVP_MD_CTX    *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX  *key_context = NULL;

    if (digest != NULL && strcmp(alg, "ES512") == 0) {
        digest = "SHA512";
    }
    assert_int_equal(EVP_DigestSignInit_ex(context, &key_context, digest, NULL, NULL, pkey, NULL), 1);
    if (alg[0] == 'P') {
        assert_true(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, salt) > 0);
    }
    *size = (size_t)EVP_PKEY_get_size(pkey);
    bytes = apr_palloc(support_pool(), *size);
    assert_int_equal(EVP_DigestSign(context, bytes, size, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(context);
    if (part > 0) {
        bytes = fixed_length(bytes, *size, part);
        *size = 2 * part;
    }
    return bytes;
}

const char *support_jws(const char *alg, EVP_PKEY *pkey, const char *header, const char *payload)
{
    const char *text =
        support_text("%s.%s", support_base64url(header, strlen(header)), support_base64url(payload, strlen(payload)));
    size_t         size;
    unsigned char *signature = support_signature(alg, pkey, text, RSA_PSS_SALTLEN_DIGEST, &size);

    return support_text("%s.%s", text, support_base64url(signature, size));
}

const char *support_token(const char *alg, EVP_PKEY *pkey, const char *kid, const char *payload)
{
    const char *header =
        kid != NULL ? support_text("{\"alg\":\"%s\",\"kid\":\"%s\"}", alg, kid) : support_text("{\"alg\":\"%s\"}", alg);

    return support_jws(alg, pkey, header, payload);
}

/* --- Policies
 * ----------------------------------------------------------------------------------------------- */

apr_array_header_t *support_texts(const char *text, ...)
{
    apr_array_header_t *texts = apr_array_make(support_pool(), 4, sizeof(const char *));
    va_list             more;

    va_start(more, text);
    for (; text != NULL; text = va_arg(more, const char *)) {
        APR_ARRAY_PUSH(texts, const char *) = text;
    }
    va_end(more);
    return texts;
}

apr_array_header_t *support_paths(const char *path, ...)
{
    apr_array_header_t *paths = apr_array_make(support_pool(), 4, sizeof(const mto_claim_path_t *));
    const char         *reason = NULL;
    va_list             more;

    va_start(more, path);
    for (; path != NULL; path = va_arg(more, const char *)) {
        const mto_claim_path_t *parsed = mto_claim_path_parse(path, support_pool(), &reason);
        assert_non_null(parsed);
        APR_ARRAY_PUSH(paths, const mto_claim_path_t *) = parsed;
    }
    va_end(more);
    return paths;
}

mto_policy_t *support_policy(void)
{
    mto_policy_t *policy = apr_pcalloc(support_pool(), sizeof *policy);

    policy->issuer = ISSUER;
    policy->audiences = support_texts(AUDIENCE, NULL);
    policy->settings = mto_settings_default(support_pool());
    return policy;
}
