/* What trust.c, which makes a trust, and chain.c, which verifies with it, share. */
#ifndef MTO_TRUST_PRIVATE_H
#define MTO_TRUST_PRIVATE_H

#include "core/chain_memo.h"
#include "core/trust.h"

#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdint.h>

typedef struct {
    X509             *x509;
    unsigned char    *der; /* OpenSSL's */
    mto_certificate_t certificate;
} mto_trust_ca_t;

struct mto_trust {
    atomic_uint references;
    X509_STORE *store;        /* anchors and CRLs */
    STACK_OF(X509) * issuers; /* all certificates of the file; borrowed from ca */
    mto_trust_ca_t   *ca;
    size_t            ca_count;
    int64_t          *changes; /* when a CRL comes into force or ends, ascending */
    size_t            change_count;
    mto_chain_memo_t *memo;
};

/* Seconds since 1970 of a time that OpenSSL found well-formed when it read it; INT64_MAX: it is absent. */
int64_t mto_trust_seconds(const ASN1_TIME *time);

#endif
