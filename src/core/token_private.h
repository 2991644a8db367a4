/* What a proven token is made of: for token.c, which proves a signed one, answer.c, which proves by the issuer's
 * answer, and admit.c. */
#ifndef MTO_TOKEN_PRIVATE_H
#define MTO_TOKEN_PRIVATE_H

#include "core/token.h"

#include <stdatomic.h>

struct mto_token_t {
    atomic_uint            references;
    const mto_policy_t    *policy;
    mto_claims_t           claims; /* of an answer: with the JWT's confirmation where it has none itself */
    char                  *user;
    mto_token_texts_t      texts; /* point into claims, but scope may be joined */
    char                  *joined_scope;
    char                   client_number[24];
    char                  *kid;
    size_t                 size;
    const mto_algorithm_t *algorithm; /* the proof of a JWT: what verified, and the set that it came from */
    uint64_t               keyset_serial;
    unsigned char          key_thumbprint[MTO_THUMBPRINT_SIZE];
    int                    is_answer;  /* the proof is the issuer's answer instead: */
    apr_time_t             answered;   /* when it was given, */
    apr_time_t             answer_end; /* until when it holds, */
    mto_token_t           *jwt;        /* and the proven JWT that it was asked about; NULL: an opaque token */
};

/* A new token of that policy with one reference; NULL when out of memory. */
mto_token_t *mto_token_create(const mto_policy_t *policy);

/* Fills user from claims, which may be the token's own by now. Refuses with user_claim_missing or user_claim_malformed.
 */
mto_refusal_t mto_token_read_user(mto_token_t *token, const mto_claims_t *claims, mto_verdict_t *why);

/* Finds out once, when all else is there, what every request with this token shows and how large it is. Refuses with
 * memory_unavailable. */
mto_refusal_t mto_token_settle(mto_token_t *token, mto_verdict_t *why);

/* Refuses with claim_missing when a claim of MTLSOAuthRequiredClaims is not there. */
mto_refusal_t mto_token_check_required(const mto_claims_t *claims, const mto_policy_t *policy, mto_verdict_t *why);

/* Refuses with type_not_allowed what carries the marks of an ID, refresh or logout token. */
mto_refusal_t mto_token_check_marks(const json_t *claims, mto_verdict_t *why);

#endif
