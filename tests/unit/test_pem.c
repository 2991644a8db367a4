/* jwk: which PEM texts make a key (MTLSOAuthPublicKeyFile). */
#include "jwks.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *pem_of_der(const void *der, size_t size)
{
    unsigned char *text = apr_palloc(support_pool(), size * 2 + 8);

    EVP_EncodeBlock(text, der, (int)size);
    return support_text("-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n", (const char *)text);
}

static const char *pem_public(void)
{
    return support_pem(support_key(MTO_KEY_P256, 0));
}

static const char *pem_certificate(void)
{
    return support_certificate_pem(support_key(MTO_KEY_P256, 0));
}

static const char *pem_certificate_of_rsa(void)
{
    return support_certificate_pem(support_key(MTO_KEY_RSA, 0));
}

static const char *pem_with_text_around(void)
{
    return support_text("# the issuer's key\r\n%s\nmore\n", pem_public());
}

static const char *pem_certificate_then_other_key(void)
{
    return support_text("%s%s", pem_certificate(), support_pem(support_key(MTO_KEY_P256, 1)));
}

static const char *pem_key_then_other_certificate(void)
{
    return support_text("%s%s", pem_public(), support_certificate_pem(support_key(MTO_KEY_P256, 1)));
}

static const char *pem_private(void)
{
    BIO        *bio = BIO_new(BIO_s_mem());
    const char *text;
    char       *data;
    long        size;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, support_key(MTO_KEY_P256, 0), NULL, NULL, 0, NULL, NULL), 1);
    size = BIO_get_mem_data(bio, &data);
    text = apr_pstrmemdup(support_pool(), data, (size_t)size);
    BIO_free(bio);
    return text;
}

static const char *pem_of_new_key(const char *type, const void *parameter)
{
    EVP_PKEY   *pkey = strcmp(type, "EC") == 0    ? EVP_PKEY_Q_keygen(NULL, NULL, type, (const char *)parameter)
                       : strcmp(type, "RSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, type, *(const size_t *)parameter)
                                                  : EVP_PKEY_Q_keygen(NULL, NULL, type);
    const char *text = support_pem(pkey);

    EVP_PKEY_free(pkey);
    return text;
}

static const char *pem_rsa_1024(void)
{
    static const size_t bits = 1024;
    return pem_of_new_key("RSA", &bits);
}

static const char *pem_secp256k1(void)
{
    return pem_of_new_key("EC", "secp256k1");
}

static const char *pem_x25519(void)
{
    return pem_of_new_key("X25519", NULL);
}

/* SubjectPublicKeyInfo of P-256 whose point is the one octet 00 (SEC 1 section 2.3.3). */
static const char *pem_infinity(void)
{
    static const unsigned char der[] = {0x30, 0x19, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                        0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x02, 0x00, 0x00};
    return pem_of_der(der, sizeof der);
}

/* The curve of P-256 written out, with the public key itself as generator: its private key is then 1 (CVE-2020-0601).
 */
static const char *pem_other_generator(void)
{
    EC_GROUP       *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM         *p = BN_new(), *a = BN_new(), *b = BN_new();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX   *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM     *parameters;
    EVP_PKEY       *pkey = NULL;
    unsigned char   point[65];
    const char     *text;
    size_t          size;

    assert_int_equal(EC_GROUP_get_curve(group, p, a, b, NULL), 1);
    assert_int_equal(EVP_PKEY_get_octet_string_param(support_key(MTO_KEY_P256, 0), "pub", point, sizeof point, &size),
                     1);
    OSSL_PARAM_BLD_push_utf8_string(builder, "field-type", "prime-field", 0);
    OSSL_PARAM_BLD_push_BN(builder, "p", p);
    OSSL_PARAM_BLD_push_BN(builder, "a", a);
    OSSL_PARAM_BLD_push_BN(builder, "b", b);
    OSSL_PARAM_BLD_push_BN(builder, "order", EC_GROUP_get0_order(group));
    OSSL_PARAM_BLD_push_octet_string(builder, "generator", point, size);
    OSSL_PARAM_BLD_push_octet_string(builder, "pub", point, size);
    parameters = OSSL_PARAM_BLD_to_param(builder);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters), 1);
    text = support_pem(pkey);
    EVP_PKEY_free(pkey);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_free(p), BN_free(a), BN_free(b);
    EC_GROUP_free(group);
    return text;
}

static const char *pem_damaged(void)
{
    return support_text("%.60s%s", pem_public(), "\n-----END PUBLIC KEY-----\n");
}

static const char *pem_empty(void)
{
    return "";
}

static const char *pem_jwks(void)
{
    return support_jwks(support_jwk(support_key(MTO_KEY_P256, 0), NULL, NULL), NULL);
}

#define NO_PEM     "neither a PEM public key nor a PEM certificate"
#define ANY_REASON "*"

typedef struct {
    const char *name;
    const char *(*make)(void);
    const char *alg;
    const char *reason; /* NULL: the key is key 0 of its kind */
} pem_t;

static const pem_t pems[] = {
    {"public key", pem_public, NULL, NULL},
    {"public key for ES256", pem_public, "ES256", NULL},
    {"public key for RS256", pem_public, "RS256", CONTRADICTION},
    {"certificate", pem_certificate, NULL, NULL},
    {"certificate of RSA", pem_certificate_of_rsa, "PS512", NULL},
    {"text around and CRLF", pem_with_text_around, NULL, NULL},
    {"of two blocks the first, a certificate", pem_certificate_then_other_key, NULL, NULL},
    {"of two blocks the first, a key", pem_key_then_other_certificate, NULL, NULL},
    {"private key", pem_private, NULL, NO_PEM},
    {"RSA of 1024 bits", pem_rsa_1024, NULL, SIZE},
    {"secp256k1", pem_secp256k1, NULL, "a key type that no JWS algorithm here uses"},
    {"X25519", pem_x25519, NULL, "a key type that no JWS algorithm here uses"},
    {"point at infinity", pem_infinity, NULL, ANY_REASON},
    {"P-256 with another generator", pem_other_generator, NULL, ANY_REASON},
    {"damaged", pem_damaged, NULL, NO_PEM},
    {"empty", pem_empty, NULL, NO_PEM},
    {"a JWK Set", pem_jwks, NULL, NO_PEM},
};

static void pem_is_taken_or_left(const void *data)
{
    const pem_t           *row = data;
    const mto_algorithm_t *algorithm = row->alg != NULL ? mto_algorithm_find(row->alg) : NULL;
    const char            *text = row->make(), *reason;
    mto_key_t              key = {0};
    int                    is_as_given = 0;

    reason = mto_key_read_pem(&key, text, strlen(text), "kid", algorithm);
    ERR_clear_error();
    if (reason == NULL) {
        is_as_given = strcmp(key.kid, "kid") == 0 && key.algorithm == algorithm
                      && EVP_PKEY_eq(key.pkey, support_key(key.kind, 0)) == 1;
    }
    mto_key_clear(&key);
    if (row->reason != NULL && strcmp(row->reason, ANY_REASON) == 0) {
        assert_non_null(reason);
        return;
    }
    assert_reason(reason, row->reason);
    assert_true(is_as_given || reason != NULL);
}

static void pem_leaves_no_errors(const void *data)
{
    const pem_t *row = data;
    const char  *text = row->make();
    mto_key_t    key = {0};

    ERR_clear_error();
    (void)mto_key_read_pem(&key, text, strlen(text), NULL, NULL);
    mto_key_clear(&key);
}

static void pem_ends_at_its_length(const void *unused)
{
    const char *text = pem_public();
    size_t      length;
    mto_key_t   key = {0};

    (void)unused;
    for (length = 0; length + 20 < strlen(text); length += 7) {
        char *cut = malloc(length + 1);
        memcpy(cut, text, length);
        assert_non_null(mto_key_read_pem(&key, cut, length, NULL, NULL));
        mto_key_clear(&key);
        free(cut);
    }
    ERR_clear_error();
}

/* Without a terminal the pass phrase would come from standard input, where a byte waits for it. */
static int asks_for_a_pass_phrase(const char *pem)
{
    struct pollfd waiting = {.fd = STDIN_FILENO, .events = POLLIN};
    mto_key_t     key = {0};
    int           pipe_ends[2];

    (void)setsid();
    if (pipe(pipe_ends) != 0 || write(pipe_ends[1], "x\n", 2) != 2 || dup2(pipe_ends[0], STDIN_FILENO) < 0) {
        return 1;
    }
    (void)alarm(10);
    (void)mto_key_read_pem(&key, pem, strlen(pem), NULL, NULL);
    mto_key_clear(&key);
    return poll(&waiting, 1, 0) != 1;
}

/* A server that starts must not stop to ask. */
static void nobody_is_asked_for_a_pass_phrase(const void *unused)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n"
                              "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
                              "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk=\n-----END PUBLIC KEY-----\n";
    pid_t             child = fork();
    int               status;

    (void)unused;
    if (child == 0) {
        _exit(asks_for_a_pass_phrase(pem));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    support_table("DESIGN section 4, MTLSOAuthPublicKeyFile", pem_is_taken_or_left, TABLE(pems));
    support_table("DESIGN section 2, an empty error queue after PEM", pem_leaves_no_errors, TABLE(pems));
    support_case("a PEM text ends at its length", pem_ends_at_its_length);
    support_case("nobody is asked for a pass phrase", nobody_is_asked_for_a_pass_phrase);
    return support_run("pem");
}
