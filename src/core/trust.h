/* Which certificates are trusted: CA certificates and CRLs in, a verdict on the chain of a leaf out. The chain is built
 * from what the configuration gives alone, since a resumed session shows no more than the leaf. */
#ifndef MTO_TRUST_H
#define MTO_TRUST_H

#include "core/certificate.h"

#include <apr_tables.h>
#include <apr_time.h>
#include <stddef.h>

/* Most bytes of a file of CA certificates, and of one of CRLs; most certificates between leaf and anchor. */
#define MTO_TRUST_CA_BYTES  (4 * 1024 * 1024)
#define MTO_TRUST_CRL_BYTES (64 * 1024 * 1024)
#define MTO_TRUST_DEPTH     8

typedef enum {
    MTO_CHAIN_GOOD = 0,
    MTO_CHAIN_UNTRUSTED, /* leads to none of the CAs, is not for TLS clients, is too weak, or no CRL in force says */
    MTO_CHAIN_EXPIRED,   /* a certificate of the chain is not valid yet or no longer */
    MTO_CHAIN_REVOKED,   /* by a CRL in force */
} mto_chain_t;

typedef struct mto_trust mto_trust_t;

/* Makes a trust of PEM texts. ca: CA certificates, roots and intermediates, each of them trusted. crl: at least one CRL
 * for each CA that is to issue certificates here, or NULL: revocation is not looked at. Returns NULL with a static
 * *reason: no certificate, one that is no CA, a block that cannot be read, no CRL where there should be one. One
 * reference. */
mto_trust_t *mto_trust_create(const char *ca, size_t ca_size, const char *crl, size_t crl_size, const char **reason);

/* Takes and drops a reference; the last one frees. NULL is allowed. Thread-safe. */
mto_trust_t *mto_trust_retain(mto_trust_t *trust);
void         mto_trust_release(mto_trust_t *trust);

/* Decides on the leaf at that time: chain to one of the CAs, purpose TLS client (RFC 5280 section 4.2.1.12; without
 * extended key usage any), not itself a CA's certificate, validity of each certificate, and, where there are CRLs, that
 * each but the anchor is under a CRL in force that does not name it. detail (NULL: none wanted) gets the reason of a
 * refusal, "" for MTO_CHAIN_GOOD. A good verdict is remembered by the leaf's SHA-256 until the first of the chain's
 * notAfter and the CRLs' nextUpdate. Thread-safe. */
mto_chain_t mto_trust_verify(mto_trust_t *trust, const mto_certificate_t *leaf, apr_time_t now, char *detail,
                             size_t detail_size);

/* The chain of a leaf that mto_trust_verify found good: mto_certificate_t each, allocated from pool, from the leaf's
 * issuer upwards, the anchor left out when it is self-signed (RFC 9440 section 2.3); NULL: there is none any more. */
apr_array_header_t *mto_trust_chain(mto_trust_t *trust, const mto_certificate_t *leaf, apr_time_t now,
                                    apr_pool_t *pool);

#endif
