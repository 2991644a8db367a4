/* trust: chains as the configuration has them, validity, purpose, CRLs, and what is remembered (DESIGN section 3,
 * THREATS "Binding and client authentication"). */
#include "hierarchy.h"

#include <string.h>

/* --- Verdicts ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *(*ca)(void);
    const char *(*crl)(void); /* NULL: none */
    X509 *(*leaf)(void);
    mto_chain_t verdict;
    const char *detail; /* must be in it */
} row_t;

static const char *ca_other(void)
{
    return certificates_pem(other_root(), NULL);
}

static X509 *leaf_of_a_stranger(void)
{
    return make_leaf((specification_t){.issuer_key = key_of(OTHER_KEY)});
}

static X509 *leaf_self_signed(void)
{
    return certificate_make((specification_t){.common_name = "leaf", .key = key_of(LEAF_KEY)});
}

static X509 *leaf_ends_now(void)
{
    return make_leaf((specification_t){.from = -2 * DAY, .until = 0});
}

static X509 *leaf_ends_next(void)
{
    return make_leaf((specification_t){.from = -2 * DAY, .until = 1});
}

static X509 *leaf_begins_now(void)
{
    return make_leaf((specification_t){.from = 0, .until = DAY});
}

static X509 *leaf_begins_next(void)
{
    return make_leaf((specification_t){.from = 1, .until = DAY});
}

static X509 *leaf_ca(void)
{
    return make_leaf((specification_t){.is_ca = 1});
}

static X509 *leaf_server(void)
{
    return make_leaf((specification_t){.extensions = {{NID_ext_key_usage, "serverAuth"}}});
}

static X509 *leaf_client(void)
{
    return make_leaf((specification_t){.extensions = {{NID_ext_key_usage, "serverAuth,clientAuth"}}});
}

static X509 *leaf_any_usage(void)
{
    return make_leaf((specification_t){.extensions = {{NID_ext_key_usage, "anyExtendedKeyUsage"}}});
}

static X509 *leaf_encipherment(void)
{
    return make_leaf((specification_t){.extensions = {{NID_key_usage, "keyEncipherment"}}});
}

static X509 *leaf_sha1(void)
{
    return make_leaf((specification_t){.digest = "SHA1"});
}

static X509 *leaf_critical(void)
{
    return make_leaf((specification_t){.extensions = {{NID_netscape_comment, "critical,unknown to all"}}});
}

static const char *ca_middle_expired(void)
{
    return certificates_pem(make_middle((specification_t){.from = -9 * DAY, .until = -DAY}), root(), NULL);
}

static const char *ca_middle_server(void)
{
    return certificates_pem(make_middle((specification_t){.extensions = {{NID_ext_key_usage, "serverAuth"}}}), root(),
                            NULL);
}

static const char *crls_middle_revoked(void)
{
    return support_text("%s%s", crl_of_root(-DAY, DAY, 2), crl_of_middle(-DAY, DAY, 0));
}

static const char *crls_leaf_expired(void)
{
    return support_text("%s%s", crl_of_root(-DAY, DAY, 0), crl_of_middle(-DAY, -1, 66));
}

static const char *crls_root_expired(void)
{
    return support_text("%s%s", crl_of_root(-DAY, -1, 0), crl_of_middle(-DAY, DAY, 0));
}

static const char *crls_without_end(void)
{
    return support_text("%s%s", crl_of_root(-DAY, 0, 0), crl_of_middle(-DAY, 0, 66));
}

static const char *crls_old_and_new(void)
{
    return support_text("%s%s%s", crls_empty(), crl_of_middle(-9 * DAY, -8 * DAY, 10),
                        crl_of_root(-9 * DAY, -8 * DAY, 2));
}

static const char *crl_middle_alone(void)
{
    return crl_of_middle(-DAY, DAY, 66);
}

static const char *crl_root_alone(void)
{
    return crl_of_root(-DAY, DAY, 0);
}

static const char *crl_forged(void)
{
    return support_text("%s%s", crl_root_alone(), crl_pem(middle(), key_of(OTHER_KEY), -DAY, DAY, NULL));
}

#define GOOD      MTO_CHAIN_GOOD
#define UNTRUSTED MTO_CHAIN_UNTRUSTED
#define EXPIRED   MTO_CHAIN_EXPIRED
#define REVOKED   MTO_CHAIN_REVOKED

static const row_t rows[] = {
    {"below root and intermediate", ca_both, NULL, leaf, GOOD, ""},
    {"below the root alone", ca_root, NULL, leaf_of_root, GOOD, ""},
    {"below an intermediate whose root is not there", ca_middle, NULL, leaf, GOOD, ""},
    {"serverAuth and clientAuth", ca_both, NULL, leaf_client, GOOD, ""},
    {"valid from this second", ca_both, NULL, leaf_begins_now, GOOD, ""},
    {"valid for one more second", ca_both, NULL, leaf_ends_next, GOOD, ""},

    {"the intermediate is not in the file", ca_root, NULL, leaf, UNTRUSTED,
     "no CA here is CN=Middle, who issued the certificate of CN=leaf"},
    {"below a CA of the same name and another key", ca_other, NULL, leaf_of_root, UNTRUSTED, "signature failure"},
    {"signed by somebody else in a CA's name", ca_both, NULL, leaf_of_a_stranger, UNTRUSTED,
     "signature failure: the certificate of CN=leaf"},
    {"self-signed", ca_both, NULL, leaf_self_signed, UNTRUSTED, "self-signed certificate"},
    {"itself a CA's certificate", ca_both, NULL, leaf_ca, UNTRUSTED, "itself a CA"},
    {"a certificate of the file", ca_both, NULL, middle, UNTRUSTED, "itself a CA"},
    {"the root", ca_root, NULL, root, UNTRUSTED, "itself a CA"},
    {"serverAuth only", ca_both, NULL, leaf_server, UNTRUSTED, "purpose: the certificate of CN=leaf"},
    {"anyExtendedKeyUsage only", ca_both, NULL, leaf_any_usage, UNTRUSTED, "purpose"},
    {"a key that may not sign", ca_both, NULL, leaf_encipherment, UNTRUSTED, "purpose"},
    {"an intermediate for servers only", ca_middle_server, NULL, leaf, UNTRUSTED,
     "purpose: the certificate of CN=Middle"},
    {"signed with SHA-1", ca_both, NULL, leaf_sha1, UNTRUSTED, "digest algorithm too weak"},
    {"an unknown critical extension", ca_both, NULL, leaf_critical, UNTRUSTED, "critical extension"},

    {"expired a second ago", ca_both, NULL, leaf_expired, EXPIRED,
     "the certificate of CN=leaf ended at 2023-11-14T22:13:19Z"},
    {"valid until this second", ca_both, NULL, leaf_ends_now, EXPIRED, "ended at 2023-11-14T22:13:20Z"},
    {"valid from the next second", ca_both, NULL, leaf_begins_next, EXPIRED,
     "the certificate of CN=leaf begins at 2023-11-14T22:13:21Z"},
    {"an expired intermediate", ca_middle_expired, NULL, leaf, EXPIRED, "the certificate of CN=Middle ended at"},

    {"no CRL names it", ca_both, crls_empty, leaf, GOOD, ""},
    {"another is revoked", ca_both, crls_leaf_revoked, leaf, GOOD, ""},
    {"revoked", ca_both, crls_leaf_revoked, leaf_revoked, REVOKED,
     "the CRL of CN=Middle names the certificate of CN=leaf"},
    {"the intermediate is revoked, its root is listed", ca_both, crls_middle_revoked, leaf, REVOKED,
     "the CRL of CN=Root names the certificate of CN=Middle"},
    {"the CRL ended", ca_both, crls_leaf_expired, leaf, UNTRUSTED,
     "the CRL of CN=Middle ended at 2023-11-14T22:13:19Z"},
    {"the CRL that ended names it", ca_both, crls_leaf_expired, leaf_revoked, UNTRUSTED, "ended at"},
    {"the root's CRL ended", ca_both, crls_root_expired, leaf, UNTRUSTED, "the CRL of CN=Root ended at"},
    {"the CRL is not in force yet", ca_both, crls_begin_later, leaf, UNTRUSTED,
     "the CRL of CN=Middle begins at 2023-11-14T22:13:21Z"},
    {"no CRL of the intermediate", ca_both, crl_root_alone, leaf, UNTRUSTED, "there is no CRL of CN=Middle"},
    {"no CRL of the root", ca_both, crl_middle_alone, leaf, UNTRUSTED, "there is no CRL of CN=Root"},
    {"the anchor is an intermediate, its issuer's CRL unknown", ca_middle, crl_middle_alone, leaf, GOOD, ""},
    {"likewise, and revoked", ca_middle, crl_middle_alone, leaf_revoked, REVOKED, "CN=Middle"},
    {"likewise, and no CRL", ca_middle, crl_root_alone, leaf, UNTRUSTED, "there is no CRL of CN=Middle"},
    {"CRLs without end", ca_both, crls_without_end, leaf, GOOD, ""},
    {"revoked by a CRL without end", ca_both, crls_without_end, leaf_revoked, REVOKED, ""},
    {"a newer CRL beside an old one", ca_both, crls_old_and_new, leaf, GOOD, ""},
    {"a CRL that somebody else signed", ca_both, crl_forged, leaf, UNTRUSTED, "CRL signature failure"},
};

static void verdict_is(const void *data)
{
    const row_t      *row = data;
    mto_trust_t      *trust = trust_of(row->ca(), row->crl != NULL ? row->crl() : NULL);
    mto_certificate_t certificate = certificate_der(row->leaf());
    char              detail[200] = "as it was";
    int               i;

    /* The second time from memory, when it is good. */
    for (i = 0; i < 2; i++) {
        mto_chain_t verdict = mto_trust_verify(trust, &certificate, NOW, detail, sizeof detail);

        if (verdict != row->verdict || strstr(detail, row->detail) == NULL
            || (*row->detail == '\0' && verdict == GOOD && *detail != '\0')) {
            fail_msg("%d: %s", verdict, detail);
        }
        assert_int_equal(mto_trust_verify(trust, &certificate, NOW, NULL, 0), row->verdict);
    }
    mto_trust_release(trust);
}

int main(void)
{
    support_table("verdict on a leaf", verdict_is, TABLE(rows));
    return support_run("trust");
}
