/* What one issuer block demands of a token: the values, the words the configuration has for them, the defaults, and
 * which of several blocks a token belongs to. */
#ifndef MTO_POLICY_H
#define MTO_POLICY_H

#include "core/claims.h"
#include "core/refusal.h"

#include <apr_tables.h>
#include <apr_time.h>

/* The three settings of MTLSOAuthUseMutualTLS, weakest first, so that the stricter of two is the greater. */
typedef enum {
    MTO_MUTUAL_TLS_NONE = 0,
    MTO_MUTUAL_TLS_REQUEST,
    MTO_MUTUAL_TLS_REQUIRED,
} mto_mutual_tls_t;

typedef enum {
    MTO_PROFILE_JWT = 0, /* a signed JWT that is not marked as something else than an access token */
    MTO_PROFILE_RFC9068, /* typ at+jwt and the claims of RFC 9068 section 2.2 */
    MTO_PROFILE_FAPI2,   /* as jwt, and what FAPI 2.0 Security Profile section 5.3.4 asks of the settings */
} mto_profile_t;

/* A setting whose enum or number nobody has written. Lists and texts are NULL then. */
#define MTO_UNSET (-1)

/* The values that a block may leave to its server, the server to the main server and that to the built-in defaults. */
typedef struct {
    int                       use_mutual_tls;     /* mto_mutual_tls_t or MTO_UNSET */
    int                       report_mutual_tls;  /* likewise; MTO_MUTUAL_TLS_NONE is "off" */
    int                       profile;            /* mto_profile_t or MTO_UNSET */
    unsigned                  algorithms;         /* set of algorithms; 0: unset */
    apr_interval_time_t       clock_skew;         /* or MTO_UNSET */
    apr_interval_time_t       max_token_lifetime; /* or MTO_UNSET; 0: off */
    const apr_array_header_t *remote_user_claims; /* const mto_claim_path_t *, the first present wins */
    const char               *remote_user_suffix; /* "" when there is none */
    const apr_array_header_t *client_id_claims;   /* const mto_claim_path_t *, likewise */
    const apr_array_header_t *required_claims;    /* const mto_claim_path_t * */
} mto_settings_t;

/* One issuer block as it holds in one server, finished at start and never changed. */
typedef struct mto_policy_t {
    const char               *issuer;         /* iss, compared byte for byte (RFC 8414 section 4) */
    const char               *name;           /* NULL: the block has none */
    const apr_array_header_t *audiences;      /* const char *; NULL: any */
    mto_settings_t            settings;       /* all set */
    int                       introspect_jwt; /* the issuer is asked about JWTs too, and its answer has the claims */
    apr_interval_time_t       introspection_cache; /* how long an answer holds: 0, MTO_ANSWER_UNTIL_EXP or a time */
} mto_policy_t;

/* An answer with exp holds until then; one without for its request alone. */
#define MTO_ANSWER_UNTIL_EXP APR_INT64_MAX

/* What a Location asks on top of the policy. Zero-initialised it asks nothing. */
typedef struct {
    const apr_array_header_t *accepted_issuers; /* const char *, an ISS or a NAME each; NULL: all of the server */
    const apr_array_header_t *audiences;        /* const char *; NULL: none */
    int requires_mutual_tls;                    /* binding as under MTO_MUTUAL_TLS_REQUIRED, whatever the policy says */
} mto_demand_t;

/* A word of the configuration and its value; tables end with a NULL word. */
typedef struct {
    const char *word;
    int         value;
} mto_word_t;

extern const mto_word_t mto_mutual_tls_words[];        /* none request required */
extern const mto_word_t mto_report_mutual_tls_words[]; /* off request required */
extern const mto_word_t mto_profile_words[];           /* jwt rfc9068 fapi2 */

/* The value of a word, compared without case; MTO_UNSET: not in the table. */
int mto_word_value(const mto_word_t *words, const char *word);

/* The word of a value that is in the table. */
const char *mto_word_of(const mto_word_t *words, int value);

/* The largest MTLSOAuthClockSkew. */
#define MTO_CLOCK_SKEW_MOST apr_time_from_sec(300)

/* Nothing set. */
mto_settings_t mto_settings_unset(void);

/* Everything set to its built-in default (DESIGN section 4); lists are allocated from pool. */
mto_settings_t mto_settings_default(apr_pool_t *pool);

/* What is written, and for the rest the built-in defaults of its profile; lists are allocated from pool. */
mto_settings_t mto_settings_finish(const mto_settings_t *written, apr_pool_t *pool);

/* What is written beside a profile and is weaker than it: NULL, or a text from pool. fapi2 (FAPI 2.0 Security Profile
 * sections 5.3.4 and 5.4.1) has binding required, the algorithms PS256, ES256 and EdDSA, and a skew of 10 to 59 s. */
const char *mto_settings_weakness(const mto_settings_t *written, apr_pool_t *pool);

/* What over sets, and base for the rest. Shares their lists. */
mto_settings_t mto_settings_merge(const mto_settings_t *base, const mto_settings_t *over);

/* Whether one of issuers (const char *, each an ISS or a NAME) means this policy. */
int mto_policy_is_one_of(const mto_policy_t *policy, const apr_array_header_t *issuers);

/* Finds the policy that a token with these unproven claims belongs to, of policies (const mto_policy_t *), for a
 * Location with this demand. Refuses with issuer_unknown, issuer_not_accepted, or audience_mismatch when none, or more
 * than one, of the issuer's accepted policies has an audience of the token. */
mto_refusal_t mto_policy_choose(const mto_policy_t **chosen, const apr_array_header_t *policies,
                                const mto_demand_t *demand, const mto_claims_t *claims, mto_verdict_t *verdict);

/* Refuses with audience_mismatch when aud has none of wanted (NULL or empty: all will do); the detail shows both lists.
 * whose: who asks, for the detail. */
mto_refusal_t mto_policy_check_audience(const mto_claims_t *claims, const apr_array_header_t *wanted, const char *whose,
                                        mto_verdict_t *verdict);

#endif
