/* The reasons to refuse a request, one row each, and the verdict that carries one to whoever answers and logs. */
#ifndef MTO_REFUSAL_H
#define MTO_REFUSAL_H

typedef enum {
    MTO_ADMITTED = 0,
    MTO_NO_TOKEN,
    MTO_TOKEN_REPEATED,
    MTO_REQUEST_MALFORMED,
    MTO_TLS_REQUIRED,
    MTO_TOKEN_MALFORMED,
    MTO_TOKEN_TOO_LARGE,
    MTO_ALGORITHM_NOT_ALLOWED,
    MTO_KEY_UNKNOWN,
    MTO_SIGNATURE_INVALID,
    MTO_TYPE_NOT_ALLOWED,
    MTO_CRITICAL_HEADER,
    MTO_CLAIMS_MALFORMED,
    MTO_ISSUER_UNKNOWN,
    MTO_ISSUER_NOT_ACCEPTED,
    MTO_AUDIENCE_MISMATCH,
    MTO_TOKEN_EXPIRED,
    MTO_TOKEN_NOT_YET_VALID,
    MTO_LIFETIME_EXCEEDED,
    MTO_CLAIM_MISSING,
    MTO_USER_CLAIM_MISSING,
    MTO_USER_CLAIM_MALFORMED,
    MTO_TOKEN_INACTIVE,
    MTO_TOKEN_REVOKED,
    MTO_BINDING_MISSING,
    MTO_BINDING_MALFORMED,
    MTO_BINDING_UNSUPPORTED,
    MTO_CERTIFICATE_MISSING,
    MTO_CERTIFICATE_MISMATCH,
    MTO_CERTIFICATE_UNTRUSTED,
    MTO_CERTIFICATE_EXPIRED,
    MTO_CERTIFICATE_REVOKED,
    MTO_AUTHENTICATION_TOO_WEAK,
    MTO_AUTHENTICATION_TOO_OLD,
    MTO_SCOPE_INSUFFICIENT,
    MTO_CLAIM_DENIED,
    MTO_KEYS_UNAVAILABLE,
    MTO_INTROSPECTION_UNAVAILABLE,
    MTO_MEMORY_UNAVAILABLE,
    MTO_CLIENT_ID_MISSING,
    MTO_CLIENT_ID_REPEATED,
    MTO_CLIENT_AUTH_MIXED,
    MTO_FORM_MALFORMED,
    MTO_FORM_TOO_LARGE,
    MTO_CLIENT_UNKNOWN,
    MTO_CLIENT_CERTIFICATE_MISSING,
    MTO_CLIENT_SUBJECT_MISMATCH,
    MTO_CLIENT_UNTRUSTED,
    MTO_CLIENT_CERTIFICATE_UNREGISTERED,
    MTO_REFUSAL_COUNT
} mto_refusal_t;

/* What a refusal means, to the client and to the operator. All strings are static ASCII. */
typedef struct {
    const char *code;   /* public name: log line, MTLS_OAUTH_REFUSAL, the tool */
    int         status; /* HTTP status; 200 for MTO_ADMITTED */
    const char *error;  /* error code of RFC 6750 section 3.1 or RFC 6749 section 5.2; NULL: the answer names none */
    const char *description; /* error_description, never more than the client may know; NULL when error is */
    const char *cause;       /* for the operator: what was found */
    const char *remedy;      /* for the operator: what mends it */
} mto_refusal_row_t;

/* How the token and the certificate of the connection stand to each other, once the token is admitted. */
typedef enum {
    MTO_BINDING_NONE = 0,        /* nothing decided */
    MTO_BINDING_UNBOUND,         /* the token names no certificate */
    MTO_BINDING_BOUND,           /* the token names the certificate of this connection */
    MTO_BINDING_BOUND_FORWARDED, /* bound, to the certificate that a trusted proxy says its client has */
    MTO_BINDING_UNCHECKED,       /* the token names something, and the policy is not to look */
} mto_binding_t;

/* Longest explanation of a verdict, its final NUL included; longer ones are cut. */
#define MTO_DETAIL_SIZE 160

/* The outcome of prove or admit. Start from MTO_VERDICT_INIT. */
typedef struct {
    mto_refusal_t refusal;                 /* MTO_ADMITTED until something refuses */
    mto_refusal_t reported;                /* what the reported policy would have refused */
    mto_binding_t binding;                 /* meaningful when refusal is MTO_ADMITTED */
    char          detail[MTO_DETAIL_SIZE]; /* for the log only, not escaped; "" when there is no more to say */
} mto_verdict_t;

#define MTO_VERDICT_INIT                                                                                               \
    {                                                                                                                  \
        MTO_ADMITTED, MTO_ADMITTED, MTO_BINDING_NONE, ""                                                               \
    }

/* The row of a refusal; never NULL, also for MTO_ADMITTED ("admitted"). */
const mto_refusal_row_t *mto_refusal_row(mto_refusal_t refusal);

/* The word for a binding as MTLS_OAUTH_BINDING shows it: bound, bound-forwarded, unbound, unchecked; NULL for
 * MTO_BINDING_NONE. */
const char *mto_binding_word(mto_binding_t binding);

/* Writes refusal and its explanation (printf format) into *verdict and returns refusal. The first refusal stands: when
 * *verdict carries one already, that one is kept and returned. */
mto_refusal_t mto_verdict_refuse(mto_verdict_t *verdict, mto_refusal_t refusal, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For the end of a function that began with errno = 0: when it has refused while memory ran out (errno is ENOMEM), the
 * refusal in *verdict becomes memory_unavailable, since nobody knows what was wrong, if anything. Returns the refusal.
 */
mto_refusal_t mto_verdict_mind_memory(mto_verdict_t *verdict);

#endif
