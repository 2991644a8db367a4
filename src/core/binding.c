#include "core/binding.h"

#include <openssl/crypto.h>

static mto_refusal_t admit(mto_verdict_t *verdict, mto_binding_t binding)
{
    verdict->binding = binding;
    return MTO_ADMITTED;
}

static mto_refusal_t check_chain(const mto_shown_t *shown, mto_verdict_t *verdict)
{
    static const mto_refusal_t refusals[] = {
        [MTO_CHAIN_GOOD] = MTO_ADMITTED,
        [MTO_CHAIN_UNTRUSTED] = MTO_CERTIFICATE_UNTRUSTED,
        [MTO_CHAIN_EXPIRED] = MTO_CERTIFICATE_EXPIRED,
        [MTO_CHAIN_REVOKED] = MTO_CERTIFICATE_REVOKED,
    };
    char        detail[MTO_DETAIL_SIZE];
    mto_chain_t chain = mto_trust_verify(shown->trust, shown->certificate, shown->now, detail, sizeof detail);

    return chain == MTO_CHAIN_GOOD ? MTO_ADMITTED : mto_verdict_refuse(verdict, refusals[chain], "%s", detail);
}

static mto_refusal_t compare(const mto_confirmation_t *confirmation, const mto_shown_t *shown, mto_verdict_t *verdict)
{
    if (shown->certificate == NULL) {
        return mto_verdict_refuse(verdict, MTO_CERTIFICATE_MISSING, "the client showed no certificate");
    }
    if (CRYPTO_memcmp(confirmation->x5t, shown->certificate->x5t, MTO_X5T_SIZE) != 0) {
        return mto_verdict_refuse(verdict, MTO_CERTIFICATE_MISMATCH, "the token is bound to another certificate");
    }
    if (shown->trust != NULL && check_chain(shown, verdict) != MTO_ADMITTED) {
        return verdict->refusal;
    }
    return admit(verdict, MTO_BINDING_BOUND);
}

mto_refusal_t mto_binding_decide(const mto_confirmation_t *confirmation, const mto_shown_t *shown, mto_mutual_tls_t use,
                                 mto_verdict_t *verdict)
{
    switch (confirmation->shape) {
    case MTO_CONFIRMATION_ABSENT:
        if (use == MTO_MUTUAL_TLS_REQUIRED) {
            return mto_verdict_refuse(verdict, MTO_BINDING_MISSING, "the token has no cnf");
        }
        return admit(verdict, MTO_BINDING_UNBOUND);
    case MTO_CONFIRMATION_UNSUPPORTED: /* under every policy: RFC 9449 section 7.2 forbids it as a bearer token */
        return mto_verdict_refuse(verdict, MTO_BINDING_UNSUPPORTED, "cnf has %s", confirmation->detail);
    case MTO_CONFIRMATION_THUMBPRINT:
        return use == MTO_MUTUAL_TLS_NONE ? admit(verdict, MTO_BINDING_UNCHECKED)
                                          : compare(confirmation, shown, verdict);
    case MTO_CONFIRMATION_UNKNOWN:
        if (use == MTO_MUTUAL_TLS_NONE) {
            return admit(verdict, MTO_BINDING_UNCHECKED);
        }
        return mto_verdict_refuse(verdict, MTO_BINDING_UNSUPPORTED, "cnf has no member that is known here");
    case MTO_CONFIRMATION_MALFORMED:
        if (use == MTO_MUTUAL_TLS_NONE) {
            return admit(verdict, MTO_BINDING_UNCHECKED);
        }
        break;
    }
    return mto_verdict_refuse(verdict, MTO_BINDING_MALFORMED, "%s",
                              confirmation->detail != NULL ? confirmation->detail : "cnf has no known shape");
}
