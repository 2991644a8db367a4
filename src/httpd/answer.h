/* The answer to a request: challenge, environment, user and the one log line. */
#ifndef MTO_ANSWER_H
#define MTO_ANSWER_H

#include "core/certificate.h"
#include "core/refusal.h"
#include "core/token.h"
#include "httpd/bearer.h"
#include "httpd/servers.h"

#include <httpd.h>

/* What a token lacks that another one could have, in the order in which a request is refused for it (DESIGN section 5).
 */
typedef enum {
    MTO_UNMET_ACR,
    MTO_UNMET_AUTH_AGE,
    MTO_UNMET_BOUND,
    MTO_UNMET_SCOPE,
    MTO_UNMET_COUNT,
} mto_unmet_t;

/* What has been found out about a request so far. Zero-initialised it is nothing. */
typedef struct {
    mto_bearer_t             bearer;
    const mto_presented_t   *presented;             /* NULL: could not be read, or became token */
    const mto_issuer_t      *issuer;                /* whose rules the token falls under; NULL: not known */
    const mto_token_t       *token;                 /* proven; NULL: not, or not yet */
    const mto_certificate_t *certificate;           /* NULL: none */
    int                      certificate_forwarded; /* a trusted proxy said so */
    mto_watched_object_t *chain_trust; /* mto_trust_t that found the certificate's chain good; NULL: none was asked */
    int                   is_client_auth; /* AuthType TLS-Client-Auth; then */
    const char           *client_id;      /* as sent, NULL: none */
    const char           *client_method;  /* that admitted it */
    int                   passed;         /* not authenticated, and left to the back end */
    int                   preflight;      /* a CORS preflight, which passes as nobody */
    int                   admitted;
    int                   token_removed; /* the request no longer has it: MTLSOAuthForwardToken off */
    mto_binding_t         binding;       /* of an admitted token */
    mto_refusal_t         reported;      /* what the reported policy would have refused it for */
    /* What Require lines asked in vain: of the first line of each kind its values; NULL: no line of that kind. */
    const char *unmet[MTO_UNMET_COUNT];
    const char *parameters;                    /* what the challenge says more (", name=\"value\""); NULL: nothing */
    int         authorizing;                   /* authorize.c is asking httpd for its verdict */
    int         undecided;                     /* a Require line could not be held against it: then it is refused */
    int         log_only;                      /* of a top-level request that was not decided itself */
    int         refusal_logged, report_logged; /* of a top-level request: that line is written */
    int         refusal_counted, admission_counted; /* likewise: counting.c */
} mto_exchange_t;

/* How often one refusal of one issuer may write a line; the state of that. */
typedef struct mto_log_limit_t mto_log_limit_t;

/* One limit for each refusal, from pool. */
mto_log_limit_t *mto_log_limits_create(apr_pool_t *pool);

/* Makes the exchange of a request, in r->pool, and returns it. */
mto_exchange_t *mto_exchange_create(request_rec *r);

/* The exchange of a request; NULL: this module did not authenticate it. */
mto_exchange_t *mto_exchange_of(const request_rec *r);

/* The exchange that authenticated r: its own, or that of the request it was made from when httpd did not ask again,
 * since the same configuration holds for both (AP_AUTH_INTERNAL_PER_CONF); NULL: none. */
mto_exchange_t *mto_exchange_in_force(const request_rec *r);

/* The exchange of the top-level request behind r, made when there is none: there it is kept what has been logged and
 * counted, each once. */
mto_exchange_t *mto_exchange_of_top(request_rec *r);

/* The exchange nearest before r, which may be of another place, that has taken the token out of the headers that r has
 * come by; NULL: none has. */
const mto_exchange_t *mto_exchange_with_token(const request_rec *r);

/* Says of a request that httpd did not authenticate anew, since an internal redirect or a subrequest brought it to the
 * same configuration, whose it is: the variables of the exchange in force. Hook fixups, before others want them. */
int mto_answer_inherit(request_rec *r);

/* Refuses: sets MTLS_OAUTH_REFUSAL and, as the refusal's row says, WWW-Authenticate (RFC 6750 section 3) or
 * Retry-After, writes the log line, and returns the HTTP status. */
int mto_answer_refuse(request_rec *r, const mto_exchange_t *exchange, const mto_verdict_t *verdict);

/* Refuses a client: sets MTLS_OAUTH_REFUSAL, writes the log line, and the answer of RFC 6749 section 5.2; returns what
 * the hook is to return. All that is invalid_client looks the same. */
int mto_answer_refuse_client(request_rec *r, const mto_exchange_t *exchange, const mto_verdict_t *verdict);

/* Admits a client: sets user, AuthType and environment, and returns OK. */
int mto_answer_admit_client(request_rec *r, mto_exchange_t *exchange);

/* Admits: sets user, AuthType and environment, logs what the reported policy would have refused, and returns OK. */
int mto_answer_admit(request_rec *r, mto_exchange_t *exchange, const mto_verdict_t *verdict);

#endif
