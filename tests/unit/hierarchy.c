#include "hierarchy.h"

#include <string.h>

EVP_PKEY *key_of(int number)
{
    return support_key(MTO_KEY_P256, number);
}

X509 *root(void)
{
    static X509 *made;

    if (made == NULL) {
        made = certificate_make((specification_t){
            .common_name = "Root", .key = key_of(ROOT_KEY), .is_ca = 1, .from = -100 * DAY, .until = 100 * DAY});
    }
    return made;
}

X509 *make_middle(specification_t specification)
{
    specification.common_name = "Middle";
    specification.key = key_of(MIDDLE_KEY);
    specification.issuer = root();
    specification.issuer_key = key_of(ROOT_KEY);
    specification.serial = 2;
    specification.is_ca = 1;
    return certificate_make(specification);
}

X509 *middle(void)
{
    static X509 *made;

    if (made == NULL) {
        made = make_middle((specification_t){.from = -50 * DAY, .until = 50 * DAY});
    }
    return made;
}

X509 *other_root(void)
{
    return certificate_make((specification_t){.common_name = "Root", .key = key_of(OTHER_KEY), .is_ca = 1});
}

X509 *make_leaf(specification_t specification)
{
    specification.common_name = specification.common_name != NULL ? specification.common_name : "leaf";
    specification.key = specification.key != NULL ? specification.key : key_of(LEAF_KEY);
    specification.issuer = specification.issuer != NULL ? specification.issuer : middle();
    specification.issuer_key = specification.issuer_key != NULL ? specification.issuer_key : key_of(MIDDLE_KEY);
    specification.serial = specification.serial != 0 ? specification.serial : 10;
    return certificate_make(specification);
}

X509 *leaf_of_root(void)
{
    return make_leaf((specification_t){.issuer = root(), .issuer_key = key_of(ROOT_KEY)});
}

const char *ca_root(void)
{
    return certificates_pem(root(), NULL);
}

const char *ca_middle(void)
{
    return certificates_pem(middle(), NULL);
}

const char *ca_both(void)
{
    return certificates_pem(middle(), root(), NULL);
}

const char *crl_of_root(long from, long until, long serial)
{
    const long serials[] = {serial, 0};

    return crl_pem(root(), key_of(ROOT_KEY), from, until, serials);
}

const char *crl_of_middle(long from, long until, long serial)
{
    const long serials[] = {serial, 0};

    return crl_pem(middle(), key_of(MIDDLE_KEY), from, until, serials);
}

const char *crls_empty(void)
{
    return support_text("%s%s", crl_of_root(-DAY, DAY, 0), crl_of_middle(-DAY, DAY, 0));
}

mto_trust_t *trust_of(const char *ca, const char *crl)
{
    const char  *reason = NULL;
    mto_trust_t *trust = mto_trust_create(ca, strlen(ca), crl, crl != NULL ? strlen(crl) : 0, &reason);

    if (trust == NULL) {
        fail_msg("%s", reason);
    }
    return trust;
}

X509 *leaf(void)
{
    return make_leaf((specification_t){0});
}

X509 *leaf_revoked(void)
{
    return make_leaf((specification_t){.serial = 66});
}

X509 *leaf_expired(void)
{
    return make_leaf((specification_t){.from = -2 * DAY, .until = -1});
}

const char *crls_leaf_revoked(void)
{
    return support_text("%s%s", crl_of_root(-DAY, DAY, 0), crl_of_middle(-DAY, DAY, 66));
}

const char *crls_begin_later(void)
{
    return support_text("%s%s", crl_of_root(-DAY, DAY, 0), crl_of_middle(1, DAY, 0));
}
