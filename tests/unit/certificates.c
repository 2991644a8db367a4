#include "certificates.h"

#include <openssl/pem.h>
#include <string.h>

static apr_status_t free_certificate(void *certificate)
{
    X509_free(certificate);
    return APR_SUCCESS;
}

static const EVP_MD *digest_for(EVP_PKEY *key, const char *name)
{
    int is_eddsa = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");

    return is_eddsa ? NULL : EVP_get_digestbyname(name != NULL ? name : "SHA256");
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX      context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

X509 *certificate_make(specification_t specification)
{
    X509      *certificate = X509_new(), *issuer = specification.issuer != NULL ? specification.issuer : certificate;
    EVP_PKEY  *key = specification.key != NULL ? specification.key : support_key(MTO_KEY_P256, 0);
    EVP_PKEY  *issuer_key = specification.issuer != NULL ? specification.issuer_key : key;
    int        is_default = specification.from == 0 && specification.until == 0, i;
    X509_NAME *subject = X509_get_subject_name(certificate);

    apr_pool_cleanup_register(support_pool(), certificate, free_certificate, apr_pool_cleanup_null);
    X509_set_version(certificate, specification.is_version_1 ? X509_VERSION_1 : X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), specification.serial > 0 ? specification.serial : 1);
    ASN1_TIME_set(X509_getm_notBefore(certificate), NOW_SECONDS + (is_default ? -DAY : specification.from));
    ASN1_TIME_set(X509_getm_notAfter(certificate), NOW_SECONDS + (is_default ? DAY : specification.until));
    if (specification.common_name != NULL) {
        name_add(subject, "CN", MBSTRING_UTF8, specification.common_name, -1, 0);
    }
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    X509_set_pubkey(certificate, key);
    if (specification.is_ca) {
        add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
        add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    }
    for (i = 0; i < EXTENSIONS && specification.extensions[i].nid != 0; i++) {
        add_extension(certificate, issuer, specification.extensions[i].nid, specification.extensions[i].value);
    }
    assert_true(X509_sign(certificate, issuer_key, digest_for(issuer_key, specification.digest)) > 0);
    return certificate;
}

void certificate_sign(X509 *certificate, EVP_PKEY *key)
{
    assert_true(X509_sign(certificate, key, digest_for(key, NULL)) > 0);
}

void name_add(X509_NAME *name, const char *attribute, int type, const char *value, int length, int joins)
{
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, attribute, type, (const unsigned char *)value, length, -1, joins ? -1 : 0), 1);
}

void certificate_add_alternative(GENERAL_NAMES *names, int type, const void *value, int length)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING  *string = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

    assert_int_equal(ASN1_STRING_set(string, value, length), 1);
    GENERAL_NAME_set0_value(name, type, string);
    assert_true(sk_GENERAL_NAME_push(names, name) > 0);
}

mto_certificate_t certificate_der(X509 *certificate)
{
    unsigned char    *der = NULL;
    int               size = i2d_X509(certificate, &der);
    mto_certificate_t out;

    assert_true(size > 0);
    assert_true(mto_certificate_read_der(&out, apr_pmemdup(support_pool(), der, (size_t)size), (size_t)size));
    OPENSSL_free(der);
    return out;
}

const char *certificate_x5c(X509 *certificate)
{
    mto_certificate_t der = certificate_der(certificate);
    char             *text = apr_palloc(support_pool(), der.der_size / 3 * 4 + 5);

    EVP_EncodeBlock((unsigned char *)text, der.der, (int)der.der_size);
    return text;
}

json_t *certificate_jwk(EVP_PKEY *key, const char *kid, X509 *certificate)
{
    json_t *jwk = support_jwk(key, kid, NULL);

    json_object_set_new(jwk, "x5c", json_pack("[s]", certificate_x5c(certificate)));
    return jwk;
}

const char *certificates_pem(X509 *certificate, ...)
{
    BIO    *bio = BIO_new(BIO_s_mem());
    va_list more;

    va_start(more, certificate);
    for (; certificate != NULL; certificate = va_arg(more, X509 *)) {
        assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    }
    va_end(more);
    return support_take(bio);
}

const char *crl_pem(X509 *issuer, EVP_PKEY *key, long from, long until, const long *serials)
{
    X509_CRL  *crl = X509_CRL_new();
    ASN1_TIME *time = ASN1_TIME_set(NULL, NOW_SECONDS + from);
    BIO       *bio = BIO_new(BIO_s_mem());

    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
    X509_CRL_set1_lastUpdate(crl, time);
    if (until != 0) {
        ASN1_TIME_set(time, NOW_SECONDS + until);
        X509_CRL_set1_nextUpdate(crl, time);
    }
    ASN1_TIME_set(time, NOW_SECONDS + from);
    for (; serials != NULL && *serials != 0; serials++) {
        X509_REVOKED *revoked = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();

        ASN1_INTEGER_set(serial, *serials);
        X509_REVOKED_set_serialNumber(revoked, serial);
        X509_REVOKED_set_revocationDate(revoked, time);
        X509_CRL_add0_revoked(crl, revoked);
        ASN1_INTEGER_free(serial);
    }
    assert_true(X509_CRL_sign(crl, key, digest_for(key, NULL)) > 0);
    assert_int_equal(PEM_write_bio_X509_CRL(bio, crl), 1);
    ASN1_TIME_free(time);
    X509_CRL_free(crl);
    return support_take(bio);
}
