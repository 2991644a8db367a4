/* The decision the module exists for: may a token with this confirmation be used over this connection (DESIGN section
 * 3, RFC 8705 section 3). */
#ifndef MTO_BINDING_H
#define MTO_BINDING_H

#include "core/certificate.h"
#include "core/claims.h"
#include "core/policy.h"
#include "core/refusal.h"
#include "core/trust.h"

#include <apr_time.h>

/* What the connection shows, and who is asked about it; borrowed for the call. */
typedef struct {
    const mto_certificate_t *certificate; /* the client's; NULL: it showed none */
    mto_trust_t             *trust; /* what a certificate that the token names must also chain to; NULL: any will do
                                     * (RFC 8705 section 6.2) */
    apr_time_t now;
} mto_shown_t;

/* Decides by the table. Refuses with binding_missing, binding_malformed, binding_unsupported, certificate_missing,
 * certificate_mismatch, and where the thumbprint matches certificate_untrusted, certificate_expired or
 * certificate_revoked; else sets verdict->binding. */
mto_refusal_t mto_binding_decide(const mto_confirmation_t *confirmation, const mto_shown_t *shown, mto_mutual_tls_t use,
                                 mto_verdict_t *verdict);

#endif
