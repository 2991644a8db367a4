/* Which certificate may speak for which client_id (RFC 8705 section 2). */
#ifndef MTO_CLIENT_CHECK_H
#define MTO_CLIENT_CHECK_H

#include "core/certificate.h"
#include "core/client.h"
#include "core/refusal.h"
#include "core/trust.h"

#include <apr_time.h>

/* Whether the holder of this certificate (NULL: none was shown) is that client, by the client's method.
 * client_certificate_missing; tls_client_auth: client_untrusted (by trust, at now; trust NULL counts as untrusted),
 * client_subject_mismatch; self_signed_tls_client_auth: client_certificate_unregistered unless the DER is that of a
 * registered certificate, whose JWK, if there is one, has the certificate's key (trust and time are not looked at, RFC
 * 8705 section 2.2); client_unknown for MTO_CLIENT_OTHER. The detail says what was registered and what was shown. */
mto_refusal_t mto_client_check(const mto_client_t *client, const mto_certificate_t *certificate, mto_trust_t *trust,
                               apr_time_t now, mto_verdict_t *verdict);

#endif
