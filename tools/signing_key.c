#include "signing_key.h"

#include "core/base64url.h"
#include "core/json.h"
#include "core/jws.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the longest number of a key. */
#define NUMBER_SIZE (MTO_RSA_BITS_MOST / 8)

/* Most numbers of a key: those of RSA. */
#define NUMBER_COUNT 8

/* A JWK member and what OpenSSL calls it. */
typedef struct {
    const char   *name;
    const char   *parameter;
    mto_members_t belongs; /* to the private part, or to both */
} member_t;

/* What kty and crv say, and what OpenSSL calls it. */
typedef struct {
    const char     *kty;
    const char     *crv;   /* NULL: the type has none */
    const char     *type;  /* OpenSSL's key type */
    const char     *group; /* OpenSSL's EC group; others NULL */
    size_t          size;  /* exact bytes of each member; 0: as many as the number has */
    const member_t *members;
} kind_t;

/* RFC 7518 sections 6.3.1 and 6.3.2 */
static const member_t rsa_members[] = {
    {"n", OSSL_PKEY_PARAM_RSA_N, MTO_MEMBERS_PUBLIC},
    {"e", OSSL_PKEY_PARAM_RSA_E, MTO_MEMBERS_PUBLIC},
    {"d", OSSL_PKEY_PARAM_RSA_D, MTO_MEMBERS_PRIVATE},
    {"p", OSSL_PKEY_PARAM_RSA_FACTOR1, MTO_MEMBERS_PRIVATE},
    {"q", OSSL_PKEY_PARAM_RSA_FACTOR2, MTO_MEMBERS_PRIVATE},
    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1, MTO_MEMBERS_PRIVATE},
    {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2, MTO_MEMBERS_PRIVATE},
    {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1, MTO_MEMBERS_PRIVATE},
    {NULL, NULL, MTO_MEMBERS_PUBLIC},
};

/* RFC 7518 sections 6.2.1 and 6.2.2 */
static const member_t ec_members[] = {
    {"x", OSSL_PKEY_PARAM_EC_PUB_X, MTO_MEMBERS_PUBLIC},
    {"y", OSSL_PKEY_PARAM_EC_PUB_Y, MTO_MEMBERS_PUBLIC},
    {"d", OSSL_PKEY_PARAM_PRIV_KEY, MTO_MEMBERS_PRIVATE},
    {NULL, NULL, MTO_MEMBERS_PUBLIC},
};

/* RFC 8037 section 2 */
static const member_t okp_members[] = {
    {"x", OSSL_PKEY_PARAM_PUB_KEY, MTO_MEMBERS_PUBLIC},
    {"d", OSSL_PKEY_PARAM_PRIV_KEY, MTO_MEMBERS_PRIVATE},
    {NULL, NULL, MTO_MEMBERS_PUBLIC},
};

static const kind_t kinds[] = {
    [MTO_KEY_RSA] = {"RSA", NULL, "RSA", NULL, 0, rsa_members},
    [MTO_KEY_P256] = {"EC", "P-256", "EC", "prime256v1", 32, ec_members},
    [MTO_KEY_P384] = {"EC", "P-384", "EC", "secp384r1", 48, ec_members},
    [MTO_KEY_P521] = {"EC", "P-521", "EC", "secp521r1", 66, ec_members},
    [MTO_KEY_ED25519] = {"OKP", "Ed25519", "ED25519", NULL, 32, okp_members},
    [MTO_KEY_ED448] = {"OKP", "Ed448", "ED448", NULL, 57, okp_members},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

void mto_signing_key_clear(mto_signing_key_t *key)
{
    EVP_PKEY_free(key->pkey);
    mto_key_clear(&key->verifier);
    memset(key, 0, sizeof *key);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* The members of a JWK in the forms that OpenSSL is given them in. OpenSSL borrows all of them until the end. */
typedef struct {
    OSSL_PARAM_BLD *builder;
    BIGNUM         *numbers[NUMBER_COUNT];
    size_t          number_count;
    unsigned char   point[1 + 2 * 66]; /* the public key of EC and OKP */
    unsigned char   secret[57];        /* the private key of OKP */
} material_t;

/* Decodes a base64url member of at most `most` bytes. Returns how many, 0 when it is not that. */
static size_t decode_member(unsigned char *out, size_t most, const json_t *jwk, const char *name)
{
    unsigned char bytes[MTO_BASE64URL_DECODED_SIZE(MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE))];
    const char   *text = mto_json_string(jwk, name);
    long          size = 0;

    if (text != NULL && strlen(text) < MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE)) {
        size = mto_base64url_decode(bytes, text, strlen(text));
    }
    if (size <= 0 || (size_t)size > most) {
        return 0;
    }
    memcpy(out, bytes, (size_t)size);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return (size_t)size;
}

static int push_number(material_t *material, const json_t *jwk, const member_t *member)
{
    unsigned char bytes[NUMBER_SIZE];
    size_t        size = decode_member(bytes, sizeof bytes, jwk, member->name);
    BIGNUM       *number = size > 0 ? BN_bin2bn(bytes, (int)size, NULL) : NULL;

    OPENSSL_cleanse(bytes, sizeof bytes);
    if (number == NULL) {
        return 0;
    }
    material->numbers[material->number_count++] = number;
    return OSSL_PARAM_BLD_push_BN(material->builder, member->parameter, number) == 1;
}

/* The numbers beside n, e and d may be missing, but OpenSSL takes all of them or none (RFC 7518 section 6.3.2). */
static int fill_rsa(material_t *material, const json_t *jwk, const kind_t *kind)
{
    const member_t *member;

    for (member = kind->members; member->name != NULL; member++) {
        if (json_object_get(jwk, member->name) != NULL && !push_number(material, jwk, member)) {
            return 0;
        }
    }
    return 1;
}

static int fill_ec(material_t *material, const json_t *jwk, const kind_t *kind)
{
    unsigned char *x = material->point + 1, *y = x + kind->size;

    material->point[0] = POINT_CONVERSION_UNCOMPRESSED;
    return decode_member(x, kind->size, jwk, "x") == kind->size && decode_member(y, kind->size, jwk, "y") == kind->size
           && OSSL_PARAM_BLD_push_utf8_string(material->builder, OSSL_PKEY_PARAM_GROUP_NAME, kind->group, 0) == 1
           && OSSL_PARAM_BLD_push_octet_string(material->builder, OSSL_PKEY_PARAM_PUB_KEY, material->point,
                                               1 + 2 * kind->size)
                  == 1
           && push_number(material, jwk, &kind->members[2]);
}

static int fill_okp(material_t *material, const json_t *jwk, const kind_t *kind)
{
    return decode_member(material->point, kind->size, jwk, "x") == kind->size
           && decode_member(material->secret, kind->size, jwk, "d") == kind->size
           && OSSL_PARAM_BLD_push_octet_string(material->builder, OSSL_PKEY_PARAM_PUB_KEY, material->point, kind->size)
                  == 1
           && OSSL_PARAM_BLD_push_octet_string(material->builder, OSSL_PKEY_PARAM_PRIV_KEY, material->secret,
                                               kind->size)
                  == 1;
}

/* How each kty goes into OpenSSL. */
static const struct {
    const char *kty;
    int (*fill)(material_t *material, const json_t *jwk, const kind_t *kind);
} fillers[] = {
    {"RSA", fill_rsa},
    {"EC", fill_ec},
    {"OKP", fill_okp},
};

static int fill(material_t *material, const json_t *jwk, const kind_t *kind)
{
    size_t i = 0;

    while (strcmp(fillers[i].kty, kind->kty) != 0) {
        i++;
    }
    return fillers[i].fill(material, jwk, kind);
}

static EVP_PKEY *pkey_from_jwk(const json_t *jwk, const kind_t *kind)
{
    material_t    material = {.builder = OSSL_PARAM_BLD_new()};
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind->type, NULL);
    OSSL_PARAM   *parameters = NULL;
    EVP_PKEY     *pkey = NULL;

    if (material.builder != NULL && context != NULL && fill(&material, jwk, kind)
        && (parameters = OSSL_PARAM_BLD_to_param(material.builder)) != NULL && EVP_PKEY_fromdata_init(context) == 1) {
        (void)EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_KEYPAIR, parameters);
    }
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(material.builder);
    EVP_PKEY_CTX_free(context);
    while (material.number_count > 0) {
        BN_clear_free(material.numbers[--material.number_count]);
    }
    OPENSSL_cleanse(&material, sizeof material);
    return pkey;
}

/* The row of a JWK's kty and crv; NULL: unknown here. */
static const kind_t *kind_of_jwk(const json_t *jwk)
{
    const char *kty = mto_json_string(jwk, "kty"), *crv = mto_json_string(jwk, "crv");
    size_t      i;

    for (i = 0; kty != NULL && i < KIND_COUNT; i++) {
        if (strcmp(kty, kinds[i].kty) == 0
            && (kinds[i].crv == NULL || (crv != NULL && strcmp(crv, kinds[i].crv) == 0))) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* The row of a key that OpenSSL holds; NULL: none that signs here. */
static const kind_t *kind_of_pkey(const EVP_PKEY *pkey)
{
    char   group[64] = "";
    size_t i;

    (void)EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL);
    for (i = 0; i < KIND_COUNT; i++) {
        if (EVP_PKEY_is_a(pkey, kinds[i].type) && (kinds[i].group == NULL || strcmp(group, kinds[i].group) == 0)) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* One member of a key as base64url; 0: failed. */
static int write_member(json_t *jwk, const EVP_PKEY *pkey, const kind_t *kind, const member_t *member)
{
    unsigned char bytes[NUMBER_SIZE];
    char          text[MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE)];
    size_t        size = sizeof bytes;
    BIGNUM       *number = NULL;
    int           ok;

    if (kind->members == okp_members) {
        ok = EVP_PKEY_get_octet_string_param(pkey, member->parameter, bytes, sizeof bytes, &size) == 1;
    }
    else {
        ok = EVP_PKEY_get_bn_param(pkey, member->parameter, &number) == 1 && BN_num_bytes(number) <= NUMBER_SIZE;
        size = !ok ? 0 : kind->size > 0 ? kind->size : (size_t)BN_num_bytes(number);
        ok = ok && BN_bn2binpad(number, bytes, (int)size) == (int)size;
    }
    if (ok) {
        mto_base64url_encode(text, bytes, size);
        ok = json_object_set_new(jwk, member->name, json_string(text)) == 0;
    }
    BN_clear_free(number);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(text, sizeof text);
    return ok;
}

/* What is in the private part beside d only speeds RSA up, and a key may lack it. */
static int may_be_missing(const member_t *member)
{
    return member->belongs == MTO_MEMBERS_PRIVATE && strcmp(member->name, "d") != 0;
}

json_t *mto_signing_key_write(const mto_signing_key_t *key, mto_members_t members)
{
    const kind_t   *kind = kind_of_pkey(key->pkey);
    const member_t *member = kind != NULL ? kind->members : NULL;
    json_t         *jwk = kind != NULL ? json_pack("{s:s, s:s*}", "kty", kind->kty, "crv", kind->crv) : NULL;

    for (; jwk != NULL && member->name != NULL; member++) {
        if (member->belongs <= members && !write_member(jwk, key->pkey, kind, member) && !may_be_missing(member)) {
            json_decref(jwk);
            jwk = NULL;
        }
    }
    ERR_clear_error();
    return jwk;
}

/* Reads the public part of key->pkey into key->verifier, with what a JWK said beside the key (NULL: nothing). key_ops
 * is left out: that of a private key speaks of signing. */
static const char *read_verifier(mto_signing_key_t *key, const json_t *said)
{
    static const char *const members[] = {"kid", "alg", "use"};
    json_t                  *jwk = mto_signing_key_write(key, MTO_MEMBERS_PUBLIC);
    const char              *reason = "a key type that no JWS algorithm here uses";
    int                      harmless;
    size_t                   i;

    for (i = 0; i < sizeof members / sizeof members[0]; i++) {
        (void)json_object_set(jwk, members[i], json_object_get(said, members[i]));
    }
    if (jwk != NULL) {
        reason = mto_key_read_jwk(&key->verifier, jwk, MTO_JWK_PUBLIC, &harmless);
    }
    json_decref(jwk);
    ERR_clear_error();
    return reason;
}

static const char *read_jwk(mto_signing_key_t *key, const char *text, size_t length)
{
    const char   *reason = "neither a PEM private key nor a private JWK";
    json_t       *jwk = mto_json_read_object(text, length, &reason);
    const kind_t *kind = kind_of_jwk(jwk);

    if (jwk == NULL) {
        return reason;
    }
    if (kind == NULL) {
        reason = json_object_get(jwk, "keys") != NULL ? "a JWK Set; a single private JWK is needed"
                                                      : "a kty or crv that is not used here";
    }
    else if (json_object_get(jwk, "d") == NULL) {
        reason = "a public key; the private one is needed";
    }
    else if ((key->pkey = pkey_from_jwk(jwk, kind)) == NULL) {
        reason = "its members do not make a key";
    }
    else {
        reason = read_verifier(key, jwk);
    }
    json_decref(jwk);
    return reason;
}

/* OpenSSL would ask the terminal for a passphrase, and this may run where nobody sits. */
static int no_passphrase(char *buffer, int size, int is_writing, void *baton)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)baton;
    return -1;
}

static const char *read_pem(mto_signing_key_t *key, const char *text, size_t length)
{
    BIO *bio = BIO_new_mem_buf(text, (int)length);

    if (bio != NULL) {
        key->pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    }
    BIO_free(bio);
    return key->pkey != NULL ? read_verifier(key, NULL) : "no PEM private key, or an encrypted one";
}

const char *mto_signing_key_read(mto_signing_key_t *key, const char *text, size_t length)
{
    static const char pem_mark[] = "-----BEGIN ";
    const char       *reason;

    memset(key, 0, sizeof *key);
    reason = memmem(text, length, pem_mark, sizeof pem_mark - 1) != NULL ? read_pem(key, text, length)
                                                                         : read_jwk(key, text, length);
    ERR_clear_error();
    return reason;
}

/* --- Making ------------------------------------------------------------------------------------------------------- */

const char *mto_signing_key_generate(mto_signing_key_t *key, const mto_algorithm_t *algorithm, unsigned bits)
{
    const kind_t *kind = kinds;
    json_t       *said = json_pack("{s:s}", "alg", algorithm->name);
    const char   *reason = "OpenSSL cannot make such a key";

    memset(key, 0, sizeof *key);
    /* EdDSA fits two kinds; the first, Ed25519, is the one that everybody has. */
    while ((algorithm->kinds & MTO_KEY_KIND(kind - kinds)) == 0) {
        kind++;
    }
    if (kind->members == rsa_members) {
        key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind->type, (size_t)bits);
    }
    else if (kind->group != NULL) {
        key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind->type, kind->group);
    }
    else {
        key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind->type);
    }
    if (key->pkey != NULL) {
        reason = read_verifier(key, said);
    }
    json_decref(said);
    ERR_clear_error();
    return reason;
}

const mto_algorithm_t *mto_signing_key_algorithm(const mto_signing_key_t *key)
{
    int i = 0;

    if (key->verifier.algorithm != NULL) {
        return key->verifier.algorithm;
    }
    /* Every kind of key has a row. */
    while (!mto_key_fits(&key->verifier, mto_algorithm_at(i))) {
        i++;
    }
    return mto_algorithm_at(i);
}

/* --- Signing ------------------------------------------------------------------------------------------------------ */

/* R and S of a DER signature at their fixed length (RFC 7518 section 3.4); 0: failed. */
static size_t ecdsa_from_der(unsigned char *raw, const unsigned char *der, size_t size, size_t part_size)
{
    const BIGNUM *r, *s;
    ECDSA_SIG    *signature = d2i_ECDSA_SIG(NULL, &der, (long)size);
    int           ok = 0;

    if (signature != NULL) {
        ECDSA_SIG_get0(signature, &r, &s);
        ok = BN_bn2binpad(r, raw, (int)part_size) > 0 && BN_bn2binpad(s, raw + part_size, (int)part_size) > 0;
    }
    ECDSA_SIG_free(signature);
    return ok ? 2 * part_size : 0;
}

/* Signs text[0..length) into signature, which has NUMBER_SIZE bytes. Returns how many it took; 0: failed. */
static size_t sign(unsigned char signature[NUMBER_SIZE], EVP_PKEY *pkey, const mto_algorithm_t *algorithm,
                   const char *text, size_t length)
{
    unsigned char made[NUMBER_SIZE];
    size_t        size = sizeof made;
    EVP_PKEY_CTX *key_context = NULL; /* borrowed from context */
    EVP_MD_CTX   *context = EVP_MD_CTX_new();
    int           ok =
        context != NULL && EVP_DigestSignInit_ex(context, &key_context, algorithm->digest, NULL, NULL, pkey, NULL) == 1;

    if (ok && algorithm->padding != 0) {
        ok = EVP_PKEY_CTX_set_rsa_padding(key_context, algorithm->padding) > 0;
    }
    if (ok && algorithm->padding == RSA_PKCS1_PSS_PADDING) {
        ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) > 0;
    }
    ok = ok && EVP_DigestSign(context, made, &size, (const unsigned char *)text, length) == 1;
    EVP_MD_CTX_free(context);
    if (!ok) {
        return 0;
    }
    if (algorithm->part_size > 0) {
        return ecdsa_from_der(signature, made, size, algorithm->part_size);
    }
    memcpy(signature, made, size);
    return size;
}

/* Writes a segment: base64url of some JSON. Returns its end. */
static char *write_segment(char *to, const char *json)
{
    mto_base64url_encode(to, (const unsigned char *)json, strlen(json));
    return to + strlen(to);
}

/* Whether the core accepts a JWS with the key's own public part, whatever kid the JWS has. */
static int is_accepted(const mto_signing_key_t *key, const char *text)
{
    mto_verdict_t    verdict = MTO_VERDICT_INIT;
    json_t          *set = json_pack("{s:[o]}", "keys", mto_signing_key_write(key, MTO_MEMBERS_PUBLIC));
    char            *set_text = set != NULL ? json_dumps(set, JSON_COMPACT) : NULL;
    mto_keyset_t    *keys = mto_keyset_create();
    const mto_key_t *signer;
    mto_jws_t        jws;
    int              ok = set_text != NULL && keys != NULL
             && mto_keyset_add_jwks(keys, set_text, strlen(set_text), MTO_JWK_PUBLIC, NULL, NULL) == NULL;

    if (ok) {
        mto_keyset_seal(keys);
        ok = mto_jws_read(&jws, text, strlen(text), &verdict) == MTO_ADMITTED
             && mto_jws_verify(&jws, keys, MTO_ALGORITHMS_ALL, &signer, &verdict) == MTO_ADMITTED;
        mto_jws_clear(&jws);
    }
    mto_keyset_release(keys);
    free(set_text);
    json_decref(set);
    return ok;
}

char *mto_signing_key_sign(const mto_signing_key_t *key, const mto_algorithm_t *algorithm, const json_t *header,
                           const json_t *payload, const char **reason)
{
    unsigned char signature[NUMBER_SIZE];
    char         *header_text = json_dumps(header, JSON_COMPACT), *payload_text = json_dumps(payload, JSON_COMPACT);
    char         *text = NULL, *to;
    size_t        size = 0;

    *reason = "out of memory";
    if (header_text != NULL && payload_text != NULL) {
        text = malloc(MTO_BASE64URL_ENCODED_SIZE(strlen(header_text)) + MTO_BASE64URL_ENCODED_SIZE(strlen(payload_text))
                      + MTO_BASE64URL_ENCODED_SIZE(NUMBER_SIZE));
    }
    if (text != NULL) {
        to = write_segment(text, header_text);
        *to++ = '.';
        to = write_segment(to, payload_text);
        size = sign(signature, key->pkey, algorithm, text, (size_t)(to - text));
        *to++ = '.';
        mto_base64url_encode(to, signature, size);
        *reason = "OpenSSL cannot sign with this key";
    }
    if (size > 0 && !is_accepted(key, text)) {
        *reason = "its private part does not belong to its public part";
        size = 0;
    }
    ERR_clear_error();
    free(header_text);
    free(payload_text);
    if (size == 0) {
        free(text);
        return NULL;
    }
    return text;
}
