#include "core/trust_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Called for each PEM block; returns NULL or what is wrong. */
typedef const char *block_fn(mto_trust_t *trust, const char *name, const unsigned char *data, long size);

static const char *each_block(mto_trust_t *trust, const char *pem, size_t size, block_fn *take)
{
    BIO           *bio = BIO_new_mem_buf(pem, (int)size);
    char          *name, *header;
    unsigned char *data;
    long           data_size;
    const char    *reason = bio == NULL ? "out of memory" : NULL;

    while (reason == NULL && PEM_read_bio(bio, &name, &header, &data, &data_size) == 1) {
        reason = take(trust, name, data, data_size);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
    }
    if (reason == NULL && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        reason = "a PEM block that cannot be read";
    }
    BIO_free(bio);
    return reason;
}

static const char *take_ca(mto_trust_t *trust, const char *name, const unsigned char *data, long size)
{
    const unsigned char *end = data;
    mto_trust_ca_t      *more, *ca;
    int                  der_size;

    if (strcmp(name, PEM_STRING_X509) != 0) {
        return "a PEM block that is no CERTIFICATE";
    }
    if (trust->ca_count == UINT16_MAX || (more = realloc(trust->ca, (trust->ca_count + 1) * sizeof *more)) == NULL) {
        return "more certificates than there is memory for";
    }
    trust->ca = more;
    ca = &more[trust->ca_count];
    *ca = (mto_trust_ca_t){.x509 = d2i_X509(NULL, &end, size)};
    if (ca->x509 == NULL || end != data + size) {
        X509_free(ca->x509);
        return "a certificate that cannot be read";
    }
    trust->ca_count++;
    if (X509_check_ca(ca->x509) == 0) {
        return "a certificate that is no CA's";
    }
    der_size = i2d_X509(ca->x509, &ca->der);
    if (der_size <= 0 || !mto_certificate_read_der(&ca->certificate, ca->der, (size_t)der_size)) {
        return "a certificate that cannot be read";
    }
    return NULL;
}

int64_t mto_trust_seconds(const ASN1_TIME *time)
{
    struct tm parts;

    return time != NULL && ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : INT64_MAX;
}

static const char *take_crl(mto_trust_t *trust, const char *name, const unsigned char *data, long size)
{
    const unsigned char *end = data;
    X509_CRL            *crl;
    X509_REVOKED        *revoked;
    int64_t             *more;
    int                  ok;

    if (strcmp(name, PEM_STRING_X509_CRL) != 0) {
        return "a PEM block that is no X509 CRL";
    }
    crl = d2i_X509_CRL(NULL, &end, size);
    if (crl == NULL || end != data + size) {
        X509_CRL_free(crl);
        return "a CRL that cannot be read";
    }
    /* The first look-up sorts the list; better now than in a request. */
    (void)X509_CRL_get0_by_serial(crl, &revoked, X509_get0_serialNumber(trust->ca[0].x509));
    more = realloc(trust->changes, (trust->change_count + 2) * sizeof *more);
    if (more != NULL) {
        trust->changes = more;
        more[trust->change_count++] = mto_trust_seconds(X509_CRL_get0_lastUpdate(crl));
        more[trust->change_count++] = mto_trust_seconds(X509_CRL_get0_nextUpdate(crl));
    }
    ok = more != NULL && X509_STORE_add_crl(trust->store, crl);
    X509_CRL_free(crl);
    return ok ? NULL : "out of memory";
}

static int compare_seconds(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;

    return (first > second) - (first < second);
}

/* A hash of a name, to be compared; 0 in *ok when out of memory. */
static unsigned long hash_of(const X509_NAME *name, int *ok)
{
    int           hashed = 0;
    unsigned long hash = X509_NAME_hash_ex(name, NULL, NULL, &hashed);

    *ok &= hashed;
    return hash;
}

/* Whether another certificate of the file has issued certificate i. */
static int is_issued_here(const mto_trust_t *trust, size_t i, const unsigned long *subjects, unsigned long issuer)
{
    size_t j;

    for (j = 0; j < trust->ca_count; j++) {
        if (j != i && subjects[j] == issuer && X509_check_issued(trust->ca[j].x509, trust->ca[i].x509) == X509_V_OK) {
            return 1;
        }
    }
    return 0;
}

/* Marks the certificates at which a chain may end. Those that another one of the file has issued are not among them:
 * OpenSSL asks no CRL about the certificate at which a chain ends, and one above would not be looked at. Returns 0 when
 * out of memory. */
static int find_anchors(const mto_trust_t *trust, unsigned char *is_anchor)
{
    unsigned long *subjects = calloc(trust->ca_count, sizeof *subjects);
    size_t         i, found = 0;
    int            ok = subjects != NULL;

    for (i = 0; ok && i < trust->ca_count; i++) {
        subjects[i] = hash_of(X509_get_subject_name(trust->ca[i].x509), &ok);
    }
    for (i = 0; ok && i < trust->ca_count; i++) {
        X509 *ca = trust->ca[i].x509;

        is_anchor[i] = (X509_get_extension_flags(ca) & EXFLAG_SS) != 0
                       || !is_issued_here(trust, i, subjects, hash_of(X509_get_issuer_name(ca), &ok));
        found += is_anchor[i];
    }
    /* CAs that have issued one another, and no root. */
    if (found == 0) {
        memset(is_anchor, 1, trust->ca_count);
    }
    free(subjects);
    return ok;
}

static const char *fill_store(mto_trust_t *trust)
{
    unsigned char *is_anchor = calloc(trust->ca_count, 1);
    int            ok = is_anchor != NULL;
    size_t         i;

    ok = ok && find_anchors(trust, is_anchor);
    for (i = 0; ok && i < trust->ca_count; i++) {
        ok = is_anchor[i] ? X509_STORE_add_cert(trust->store, trust->ca[i].x509)
                          : sk_X509_push(trust->issuers, trust->ca[i].x509) > 0;
    }
    free(is_anchor);
    return ok ? NULL : "out of memory";
}

static const char *fill(mto_trust_t *trust, const char *ca, size_t ca_size, const char *crl, size_t crl_size)
{
    const char *reason;

    if (ca_size > MTO_TRUST_CA_BYTES || crl_size > MTO_TRUST_CRL_BYTES) {
        return ca_size > MTO_TRUST_CA_BYTES ? "larger than 4 MiB" : "CRLs larger than 64 MiB";
    }
    if ((reason = each_block(trust, ca, ca_size, take_ca)) != NULL) {
        return reason;
    }
    if (trust->ca_count == 0) {
        return "no certificate in PEM";
    }
    if ((reason = fill_store(trust)) != NULL || crl == NULL) {
        return reason;
    }
    if ((reason = each_block(trust, crl, crl_size, take_crl)) != NULL) {
        return reason;
    }
    if (trust->change_count == 0) {
        return "no CRL in PEM";
    }
    qsort(trust->changes, trust->change_count, sizeof *trust->changes, compare_seconds);
    return NULL;
}

mto_trust_t *mto_trust_create(const char *ca, size_t ca_size, const char *crl, size_t crl_size, const char **reason)
{
    mto_trust_t *trust = calloc(1, sizeof *trust);

    *reason = "out of memory";
    if (trust == NULL) {
        return NULL;
    }
    atomic_init(&trust->references, 1);
    trust->store = X509_STORE_new();
    trust->issuers = sk_X509_new_null();
    trust->memo = mto_chain_memo_create();
    if (trust->store != NULL && trust->issuers != NULL && trust->memo != NULL) {
        ERR_clear_error();
        *reason = fill(trust, ca, ca_size, crl, crl_size);
    }
    ERR_clear_error();
    if (*reason != NULL) {
        mto_trust_release(trust);
        trust = NULL;
    }
    return trust;
}

mto_trust_t *mto_trust_retain(mto_trust_t *trust)
{
    if (trust != NULL) {
        atomic_fetch_add_explicit(&trust->references, 1, memory_order_relaxed);
    }
    return trust;
}

void mto_trust_release(mto_trust_t *trust)
{
    size_t i;

    if (trust == NULL || atomic_fetch_sub_explicit(&trust->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    X509_STORE_free(trust->store);
    sk_X509_free(trust->issuers);
    for (i = 0; i < trust->ca_count; i++) {
        X509_free(trust->ca[i].x509);
        OPENSSL_free(trust->ca[i].der);
    }
    free(trust->ca);
    free(trust->changes);
    mto_chain_memo_free(trust->memo);
    free(trust);
}
