/* The decision the module exists for: may a token with this confirmation be used over this connection (DESIGN section
 * 3, RFC 8705 section 3). */
#ifndef MTO_BINDING_H
#define MTO_BINDING_H

#include "core/certificate.h"
#include "core/claims.h"
#include "core/policy.h"
#include "core/refusal.h"

/* Decides by the table. certificate: the client's on this connection, NULL when it showed none. Refuses with
 * binding_missing, binding_malformed, binding_unsupported, certificate_missing or certificate_mismatch; else sets
 * verdict->binding. */
mto_refusal_t mto_binding_decide(const mto_confirmation_t *confirmation, const mto_certificate_t *certificate,
                                 mto_mutual_tls_t use, mto_verdict_t *verdict);

#endif
