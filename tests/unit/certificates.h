/* Certificates and CRLs for the unit programs, made by OpenSSL at run time. */
#ifndef MTO_TEST_CERTIFICATES_H
#define MTO_TEST_CERTIFICATES_H

#include "core/certificate.h"

#include "support.h"

#include <openssl/x509v3.h>

#define DAY 86400L

/* Most extensions that a specification gives. */
#define EXTENSIONS 3

/* What a certificate is to be. Zero: a client's, self-signed with key 0, valid from a day before NOW to a day after. */
typedef struct {
    const char *common_name; /* NULL: the subject is empty, or set by the caller afterwards */
    EVP_PKEY   *key;         /* NULL: key 0 of P-256 */
    X509       *issuer;      /* NULL: self-signed */
    EVP_PKEY   *issuer_key;
    long        from, until; /* seconds from NOW; both 0: a day each */
    long        serial;      /* 0: 1 */
    int         is_ca;
    const char *digest; /* NULL: SHA256 */
    int         is_version_1;
    struct {
        int         nid;
        const char *value; /* as in openssl.cnf */
    } extensions[EXTENSIONS];
} specification_t;

/* The certificate, which lives as long as the pool; to be changed and signed again with certificate_sign if need be. */
X509 *certificate_make(specification_t specification);
void  certificate_sign(X509 *certificate, EVP_PKEY *key);

/* A name, such as "CN" and "alice", as one more RDN (joins 0) or beside the last one (1). type: MBSTRING_UTF8 or
 * V_ASN1_...STRING. length -1: up to the NUL. */
void name_add(X509_NAME *name, const char *attribute, int type, const char *value, int length, int joins);

/* Gives the certificate, unsigned as yet, one more alternative name. type: GEN_... length -1: up to the NUL. */
void certificate_add_alternative(GENERAL_NAMES *names, int type, const void *value, int length);

/* What the core takes. */
mto_certificate_t certificate_der(X509 *certificate);

/* A member of x5c: base64, not base64url. */
const char *certificate_x5c(X509 *certificate);

/* The JWK of a key with a certificate in x5c, both as they are; a new reference. kid may be NULL. */
json_t *certificate_jwk(EVP_PKEY *key, const char *kid, X509 *certificate);

/* The PEM of certificates, one after the other; end with NULL. */
const char *certificates_pem(X509 *certificate, ...);

/* The PEM of a CRL by issuer that names these serial numbers (0 ends); from and until in seconds from NOW, until 0: it
 * has no nextUpdate. */
const char *crl_pem(X509 *issuer, EVP_PKEY *key, long from, long until, const long *serials);

#endif
