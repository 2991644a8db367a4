/* trust: what is remembered and for how long, the chain, the files it is made of, threads (DESIGN section 3). */
#include "hierarchy.h"
#include "threads.h"

#include <string.h>

#define GOOD      MTO_CHAIN_GOOD
#define UNTRUSTED MTO_CHAIN_UNTRUSTED
#define EXPIRED   MTO_CHAIN_EXPIRED
#define REVOKED   MTO_CHAIN_REVOKED

/* --- What is remembered ------------------------------------------------------------------------------------------- */

/* A verdict at some time, after one at NOW: what holds at NOW is not what holds then. */
typedef struct {
    const char *name;
    const char *(*crl)(void);
    X509 *(*leaf)(void);
    mto_chain_t now;
    long        later; /* seconds from NOW */
    mto_chain_t then;
} memory_t;

static X509 *leaf_short(void)
{
    return make_leaf((specification_t){.serial = 66, .from = -600, .until = 600});
}

static X509 *leaf_of_the_next_second(void)
{
    return make_leaf((specification_t){.from = 1, .until = DAY});
}

static const char *crls_short(void)
{
    return support_text("%s%s", crl_of_root(-900, 900, 0), crl_of_middle(-300, 300, 0));
}

static const char *crls_root_short(void)
{
    return support_text("%s%s", crl_of_root(-300, 300, 0), crl_of_middle(-900, 900, 0));
}

/* The next CRL, which names 66, is there already. */
static const char *crls_next(void)
{
    return support_text("%s%s%s", crl_of_root(-DAY, DAY, 0), crl_of_middle(-DAY, DAY, 0), crl_of_middle(100, DAY, 66));
}

static const memory_t memories[] = {
    {"same second", NULL, leaf_short, GOOD, 0, GOOD},
    {"last second of the leaf", NULL, leaf_short, GOOD, 599, GOOD},
    {"notAfter of the leaf", NULL, leaf_short, GOOD, 600, EXPIRED},
    {"clock goes back to notBefore", NULL, leaf_short, GOOD, -600, GOOD},
    {"clock goes back before notBefore", NULL, leaf_short, GOOD, -601, EXPIRED},
    {"notAfter of the intermediate", NULL, leaf, GOOD, 51 * DAY, EXPIRED},
    {"last second of the CRL", crls_short, leaf_short, GOOD, 299, GOOD},
    {"nextUpdate of the CRL", crls_short, leaf_short, GOOD, 300, UNTRUSTED},
    {"nextUpdate of the root's CRL", crls_root_short, leaf_short, GOOD, 300, UNTRUSTED},
    {"clock goes back to lastUpdate", crls_short, leaf_short, GOOD, -300, GOOD},
    {"clock goes back before lastUpdate", crls_short, leaf_short, GOOD, -301, UNTRUSTED},
    {"before the next CRL", crls_next, leaf_short, GOOD, 99, GOOD},
    {"a CRL that comes into force", crls_next, leaf_short, GOOD, 100, REVOKED},
    {"a bad verdict is not remembered", crls_begin_later, leaf, UNTRUSTED, 1, GOOD},
    {"not yet valid, then valid", NULL, leaf_of_the_next_second, EXPIRED, 1, GOOD},
};

static void memory_ends_in_time(const void *data)
{
    const memory_t   *row = data;
    mto_trust_t      *trust = trust_of(ca_both(), row->crl != NULL ? row->crl() : NULL);
    mto_certificate_t certificate = certificate_der(row->leaf());
    int               i;

    for (i = 0; i < 2; i++) {
        assert_int_equal(mto_trust_verify(trust, &certificate, NOW, NULL, 0), row->now);
        assert_int_equal(mto_trust_verify(trust, &certificate, NOW + apr_time_from_sec(row->later), NULL, 0),
                         row->then);
    }
    mto_trust_release(trust);
}

/* The hash stands for the certificate: what is verified again would be found to be rubbish. */
static void good_verdict_is_remembered(const void *unused)
{
    mto_trust_t      *trust = trust_of(ca_both(), crls_empty());
    mto_certificate_t good = certificate_der(leaf()), same = good, other = good;

    (void)unused;
    same.der = (const unsigned char *)"rubbish";
    same.der_size = 7;
    other.der = same.der;
    other.der_size = same.der_size;
    other.x5t[MTO_X5T_SIZE - 1] ^= 1;
    assert_int_equal(mto_trust_verify(trust, &same, NOW, NULL, 0), UNTRUSTED);
    assert_int_equal(mto_trust_verify(trust, &good, NOW, NULL, 0), GOOD);
    assert_int_equal(mto_trust_verify(trust, &same, NOW, NULL, 0), GOOD);
    assert_int_equal(mto_trust_verify(trust, &other, NOW, NULL, 0), UNTRUSTED);
    mto_trust_release(trust);
}

/* --- The chain ---------------------------------------------------------------------------------------------------- */

static void chain_goes_upwards_without_the_root(const void *unused)
{
    mto_trust_t        *trust = trust_of(ca_both(), NULL), *anchored = trust_of(ca_middle(), NULL);
    mto_certificate_t   certificate = certificate_der(leaf()), direct = certificate_der(leaf_of_root());
    mto_certificate_t   expired = certificate_der(leaf_expired()), issuer = certificate_der(middle());
    apr_array_header_t *chain = NULL;
    int                 i;

    (void)unused;
    for (i = 0; i < 4; i++) {
        chain = mto_trust_chain(i % 2 == 0 ? trust : anchored, &certificate, NOW, support_pool());
        assert_int_equal(chain->nelts, 1);
        assert_memory_equal(APR_ARRAY_IDX(chain, 0, mto_certificate_t).x5t, issuer.x5t, MTO_X5T_SIZE);
    }
    assert_int_equal(mto_trust_chain(trust, &direct, NOW, support_pool())->nelts, 0);
    assert_null(mto_trust_chain(trust, &expired, NOW, support_pool()));
    mto_trust_release(trust);
    mto_trust_release(anchored);
    assert_memory_equal(APR_ARRAY_IDX(chain, 0, mto_certificate_t).der, issuer.der, issuer.der_size);
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *(*ca)(void);
    const char *(*crl)(void);
    const char *reason; /* NULL: accepted */
} file_t;

static const char *nothing(void)
{
    return "";
}

static const char *prose(void)
{
    return "no PEM here\n";
}

static const char *with_text(void)
{
    return support_text("subject=CN = Root\r\n\r\n%s\nbye\n", ca_both());
}

static const char *twice(void)
{
    return support_text("%s%s", ca_both(), ca_both());
}

static const char *version_1(void)
{
    return certificates_pem(certificate_make((specification_t){.common_name = "Root", .is_version_1 = 1}), NULL);
}

static const char *with_a_leaf(void)
{
    return certificates_pem(root(), leaf(), NULL);
}

static const char *with_a_key(void)
{
    return support_text("%s%s", ca_root(), support_pem(key_of(ROOT_KEY)));
}

static const char *cut(void)
{
    return apr_pstrmemdup(support_pool(), ca_root(), strlen(ca_root()) - 30);
}

static const char *cut_behind_a_good_one(void)
{
    return support_text("%s%s", ca_middle(), cut());
}

static const char *not_base64(void)
{
    return "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
}

static const char *not_der(void)
{
    return "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
}

static const char *crl_not_der(void)
{
    return "-----BEGIN X509 CRL-----\naGVsbG8=\n-----END X509 CRL-----\n";
}

static const char *too_large(void)
{
    return support_text("%s%s", ca_root(), support_repeat("x", MTO_TRUST_CA_BYTES));
}

static const file_t files[] = {
    {"text around", with_text, NULL, NULL},
    {"the same CA twice", twice, crls_empty, NULL},
    {"a root of version 1", version_1, NULL, NULL},
    {"empty", nothing, NULL, "no certificate in PEM"},
    {"no PEM", prose, NULL, "no certificate in PEM"},
    {"a leaf among the CAs", with_a_leaf, NULL, "a certificate that is no CA's"},
    {"a key among the CAs", with_a_key, NULL, "a PEM block that is no CERTIFICATE"},
    {"CRLs among the CAs", crls_empty, NULL, "a PEM block that is no CERTIFICATE"},
    {"cut", cut, NULL, "a PEM block that cannot be read"},
    {"a good one, and one cut", cut_behind_a_good_one, NULL, "a PEM block that cannot be read"},
    {"no base64", not_base64, NULL, "a PEM block that cannot be read"},
    {"no DER", not_der, NULL, "a certificate that cannot be read"},
    {"larger than 4 MiB", too_large, NULL, "larger than 4 MiB"},
    {"no CRL", ca_root, nothing, "no CRL in PEM"},
    {"a certificate among the CRLs", ca_root, ca_root, "a PEM block that is no X509 CRL"},
    {"no DER in the CRL", ca_root, crl_not_der, "a CRL that cannot be read"},
};

static void file_is_read_or_refused(const void *data)
{
    const file_t *row = data;
    const char   *ca = row->ca(), *crl = row->crl != NULL ? row->crl() : NULL, *reason = "as it was";
    mto_trust_t  *trust = mto_trust_create(ca, strlen(ca), crl, crl != NULL ? strlen(crl) : 0, &reason);

    assert_true((trust != NULL) == (row->reason == NULL));
    if (row->reason != NULL) {
        assert_string_equal(reason, row->reason);
    }
    mto_trust_release(trust);
}

/* 60,000 entries are a file of megabytes. */
static void large_crl_is_fine(const void *unused)
{
    long             *serials = apr_pcalloc(support_pool(), 60001 * sizeof *serials);
    mto_trust_t      *trust;
    mto_certificate_t good = certificate_der(leaf()), revoked = certificate_der(leaf_revoked());
    const char       *crls;
    int               i;

    (void)unused;
    for (i = 0; i < 60000; i++) {
        serials[i] = 60065 - i;
    }
    crls = support_text("%s%s", crl_of_root(-DAY, DAY, 0), crl_pem(middle(), key_of(MIDDLE_KEY), -DAY, DAY, serials));
    assert_true(strlen(crls) > 1024 * 1024);
    trust = trust_of(ca_both(), crls);
    assert_int_equal(mto_trust_verify(trust, &good, NOW, NULL, 0), GOOD);
    assert_int_equal(mto_trust_verify(trust, &revoked, NOW, NULL, 0), REVOKED);
    mto_trust_release(trust);
}

/* CAs that have issued one another, and no root, are trusted for what they are. */
static void cross_certificates_are_anchors(const void *unused)
{
    EVP_PKEY    *first_key = key_of(ROOT_KEY), *second_key = key_of(MIDDLE_KEY);
    X509        *first = certificate_make((specification_t){.common_name = "First", .key = first_key, .is_ca = 1});
    X509        *second = certificate_make((specification_t){.common_name = "Second", .key = second_key, .is_ca = 1});
    X509        *first_by_second = certificate_make((specification_t){
               .common_name = "First", .key = first_key, .issuer = second, .issuer_key = second_key, .is_ca = 1});
    X509        *second_by_first = certificate_make((specification_t){
               .common_name = "Second", .key = second_key, .issuer = first, .issuer_key = first_key, .is_ca = 1});
    mto_trust_t *trust = trust_of(certificates_pem(first_by_second, second_by_first, NULL), NULL);
    mto_certificate_t certificate =
        certificate_der(make_leaf((specification_t){.issuer = first, .issuer_key = first_key}));

    (void)unused;
    assert_int_equal(mto_trust_verify(trust, &certificate, NOW, NULL, 0), GOOD);
    mto_trust_release(trust);
}

/* --- Threads ------------------------------------------------------------------------------------------------------ */

#define THREADS 4
#define LEAVES  6

typedef struct {
    mto_trust_t      *trust;
    mto_certificate_t leaves[LEAVES];
    mto_chain_t       wanted[LEAVES];
} shared_t;

static int verify_often(void *data, int number)
{
    shared_t    *shared = data;
    mto_trust_t *trust = mto_trust_retain(shared->trust);
    char         detail[160];
    int          i, mistakes = 0;

    for (i = 0; i < 3000; i++) {
        int which = (i + number) % LEAVES;

        mistakes +=
            mto_trust_verify(trust, &shared->leaves[which], NOW + i, detail, sizeof detail) != shared->wanted[which];
    }
    mto_trust_release(trust);
    return mistakes;
}

static void threads_may_verify_side_by_side(const void *unused)
{
    shared_t shared = {.trust = trust_of(ca_both(), crls_leaf_revoked())};
    int      i;

    (void)unused;
    for (i = 0; i < LEAVES; i++) {
        int is_revoked = i == LEAVES - 1;

        shared.leaves[i] = certificate_der(make_leaf((specification_t){.serial = is_revoked ? 66 : 100 + i}));
        shared.wanted[i] = is_revoked ? REVOKED : GOOD;
    }
    threads_run(THREADS, verify_often, &shared);
    mto_trust_release(shared.trust);
    mto_trust_release(NULL);
}

int main(void)
{
    support_table("a remembered verdict ends in time", memory_ends_in_time, TABLE(memories));
    support_case("a good verdict is remembered by the whole hash", good_verdict_is_remembered);
    support_case("RFC 9440 section 2.3, chain from the leaf's issuer upwards", chain_goes_upwards_without_the_root);
    support_table("files", file_is_read_or_refused, TABLE(files));
    support_case("a CRL of megabytes", large_crl_is_fine);
    support_case("CAs that have issued one another", cross_certificates_are_anchors);
    support_case("threads verify side by side", threads_may_verify_side_by_side);
    return support_run("trust_memory");
}
