/* A client's certificate before the CAs that are trusted. The first byte says whether the rest is a certificate in DER
 * or changes to a good one. None has a good chain but what a CA has issued, until its end, and unless it is revoked. */
#include "harness.h"

#include "../unit/hierarchy.h"

#include "core/trust.h"

#include <openssl/err.h>
#include <string.h>

static mto_trust_t      *plain, *revoking; /* the latter with a CRL that names the leaf */
static mto_certificate_t issued;
static X509             *issued_x509;

void fuzz_prepare(void)
{
    issued_x509 = make_leaf((specification_t){.serial = 66});
    issued = certificate_der(issued_x509);
    plain = trust_of(ca_both(), NULL);
    revoking = trust_of(ca_both(), crls_leaf_revoked());
}

static mto_chain_t verify(mto_trust_t *trust, const mto_certificate_t *leaf, apr_time_t now)
{
    char        detail[100];
    mto_chain_t chain = mto_trust_verify(trust, leaf, now, detail, sizeof detail);

    CHECK((chain == MTO_CHAIN_GOOD) == (detail[0] == '\0') && fuzz_is_plain_but_cut(detail));
    return chain;
}

/* Whether the CA has signed what it says: another spelling of lengths outside of that is the same certificate. */
static int is_issued(const mto_certificate_t *leaf)
{
    const unsigned char *end = leaf->der;
    X509                *x509 = d2i_X509(NULL, &end, (long)leaf->der_size);
    int same = x509 != NULL && X509_NAME_cmp(X509_get_subject_name(x509), X509_get_subject_name(issued_x509)) == 0
               && ASN1_INTEGER_cmp(X509_get0_serialNumber(x509), X509_get0_serialNumber(issued_x509)) == 0
               && EVP_PKEY_eq(X509_get0_pubkey(x509), X509_get0_pubkey(issued_x509)) == 1;

    X509_free(x509);
    ERR_clear_error();
    return same;
}

static void check_leaf(const char *der, size_t size)
{
    mto_certificate_t leaf;

    if (!mto_certificate_read_der(&leaf, (const unsigned char *)der, size)) {
        return;
    }
    if (verify(plain, &leaf, NOW) == MTO_CHAIN_GOOD) {
        apr_array_header_t *chain = mto_trust_chain(plain, &leaf, NOW, support_pool());

        CHECK(is_issued(&leaf));
        CHECK(chain != NULL && chain->nelts == 1); /* the one in the middle: the root is self-signed */
    }
    CHECK(verify(plain, &leaf, NOW + apr_time_from_sec(2 * DAY)) != MTO_CHAIN_GOOD);
    CHECK(verify(plain, &leaf, NOW - apr_time_from_sec(2 * DAY)) != MTO_CHAIN_GOOD);
    CHECK(verify(revoking, &leaf, NOW) != MTO_CHAIN_GOOD);
}

void fuzz_one(const char *data, size_t size)
{
    size_t length = issued.der_size;

    if (fuzz_choice(&data, &size, 2) == 0) {
        check_leaf(data, size);
        return;
    }
    data = fuzz_edit((const char *)issued.der, &length, data, size);
    check_leaf(data, length);
    CHECK(size >= 4 || verify(plain, &issued, NOW) == MTO_CHAIN_GOOD);
}
