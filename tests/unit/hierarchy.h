/* A small PKI for the unit programs: a root, an intermediate below it, leaves below that, and their CRLs. Root and
 * intermediate are made once. */
#ifndef MTO_TEST_HIERARCHY_H
#define MTO_TEST_HIERARCHY_H

#include "certificates.h"

#include "core/trust.h"

/* Keys of P-256 by what they are for. */
enum { ROOT_KEY, MIDDLE_KEY, OTHER_KEY, LEAF_KEY };

EVP_PKEY *key_of(int number);

/* CN=Root, and CN=Middle (serial 2) below it; other_root is another CN=Root. */
X509 *root(void);
X509 *middle(void);
X509 *other_root(void);

/* Another CN=Middle with the same key and serial. */
X509 *make_middle(specification_t specification);

/* CN=leaf with serial 10 below middle, unless the specification says otherwise. */
X509 *make_leaf(specification_t specification);
X509 *leaf(void);
X509 *leaf_of_root(void);
X509 *leaf_revoked(void); /* serial 66 */
X509 *leaf_expired(void); /* a second before NOW */

/* PEM texts. */
const char *ca_root(void);
const char *ca_middle(void);
const char *ca_both(void);

/* CRLs that name at most one serial number (0: none), valid from and until (0: no nextUpdate) seconds from NOW. */
const char *crl_of_root(long from, long until, long serial);
const char *crl_of_middle(long from, long until, long serial);
const char *crls_empty(void);
const char *crls_leaf_revoked(void);
const char *crls_begin_later(void); /* middle's: a second from NOW */

/* A trust of these texts, to be released. crl may be NULL. */
mto_trust_t *trust_of(const char *ca, const char *crl);

#endif
