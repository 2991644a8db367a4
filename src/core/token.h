/* The access token: read as presented, proven against its issuer's policy and keys or by the issuer's answer about it,
 * admitted anew at every request. Two ways lead in and one through. */
#ifndef MTO_TOKEN_H
#define MTO_TOKEN_H

#include "core/certificate.h"
#include "core/claims.h"
#include "core/denylist.h"
#include "core/keyset.h"
#include "core/policy.h"
#include "core/refusal.h"
#include "core/trust.h"

#include <apr_time.h>
#include <stddef.h>

/* Longest token in bytes. httpd itself stops at 8190 unless LimitRequestFieldSize is raised. */
#define MTO_TOKEN_SIZE (16 * 1024)

/* Bytes of a user name, without suffix. */
#define MTO_USER_SIZE 255

/* A token as presented: taken apart, nothing proven. Good for finding out whose rules it falls under, no more. */
typedef struct mto_presented_t mto_presented_t;

/* A proven token: immutable and counted. */
typedef struct mto_token_t mto_token_t;

/* What the environment shows of a token: strings without control characters, NULL where it has no such. Borrowed. */
typedef struct {
    const char *subject;
    const char *client_id; /* the first of MTLSOAuthClientIDClaim that is present */
    const char *scope;     /* scope, else scp; of an array its strings joined by spaces */
    const char *jti;
} mto_token_texts_t;

/* What this request brings; borrowed for the call. */
typedef struct {
    apr_time_t               now;
    const mto_certificate_t *certificate; /* the client's on this connection; NULL: none */
    const mto_keyset_t      *keys;        /* snapshot in force; NULL: none */
    const mto_demand_t      *location;    /* what this Location asks on top */
    mto_trust_t             *trust;       /* MTLSOAuthBindingCACertificateFile; NULL: any certificate will do */
    const mto_denylist_t    *denied;      /* NULL: none */
} mto_occasion_t;

/* Most bytes of an introspection answer. */
#define MTO_ANSWER_SIZE (64 * 1024)

/* Whether a token is opaque: anything but three segments whose first is a JSON object. A JWT that is misspelt, so that we
 * refuse it and its issuer may not, is none: what is denied of it would go unseen. */
int mto_token_is_opaque(const char *text, size_t length);

/* Refuses with token_too_large, or token_malformed when a character is none of RFC 6750 section 2.1. */
mto_refusal_t mto_token_check_opaque(const char *text, size_t length, mto_verdict_t *why);

/* Takes a compact JWS apart: header and claims. text must outlive *out. Refuses with token_too_large,
 * memory_unavailable, or as mto_jws_read and mto_claims_read do; *out is NULL then, else the caller's for mto_presented_free. */
mto_refusal_t mto_presented_read(mto_presented_t **out, const char *text, size_t length, mto_verdict_t *why);

/* The claims and the header's kid (NULL: none), unproven; borrowed. */
const mto_claims_t *mto_presented_claims(const mto_presented_t *presented);
const char         *mto_presented_kid(const mto_presented_t *presented);

/* NULL is allowed. */
void mto_presented_free(mto_presented_t *presented);

/* Proves everything that does not depend on the request: signature by a key of keys (NULL or empty: keys_unavailable),
 * issuer, profile, required claims and user name, by policy, which must outlive the token. Refuses as mto_jws_verify
 * does, or with type_not_allowed, issuer_unknown, claim_missing, claims_malformed, user_claim_missing,
 * user_claim_malformed. On success the claims move from *presented into *out, which has one reference. */
mto_refusal_t mto_token_prove(mto_token_t **out, mto_presented_t *presented, const mto_keyset_t *keys,
                              const mto_policy_t *policy, mto_verdict_t *why);

/* Proves a token by the issuer's answer about it (RFC 7662 section 2.2), json[0..length), given at `answered`. jwt: the
 * proven JWT that was asked about; NULL: an opaque token. Checks add up, claims do not mix: iss, type, exp, nbf and cnf
 * must pass in both; user, client and claims are those of the answer. Refuses with introspection_unavailable (not one
 * JSON object), token_inactive (anything but "active": true), claims_malformed, issuer_unknown, type_not_allowed,
 * claim_missing, binding_malformed (two different cnf), user_claim_missing or user_claim_malformed. On success *out has
 * one reference, and holds one of jwt. */
mto_refusal_t mto_token_prove_answer(mto_token_t **out, const char *json, size_t length, mto_token_t *jwt,
                                     const mto_policy_t *policy, apr_time_t answered, mto_verdict_t *why);

/* Until when the answer that proves a token may be used for further requests; of a JWT alone APR_INT64_MAX. Not after
 * its exp, nor the JWT's; not after answered when the policy says so. */
apr_time_t mto_token_answer_end(const mto_token_t *token);

/* Whether what proves a token may be used at now for another request: before that end, and not before it was given by
 * more than the clocks may differ. */
int mto_token_holds(const mto_token_t *token, apr_time_t now);

/* What proves a token. */
typedef enum {
    MTO_PROOF_SIGNATURE,
    MTO_PROOF_ANSWER, /* of an opaque token */
    MTO_PROOF_BOTH,
} mto_proof_t;

mto_proof_t mto_token_proof(const mto_token_t *token);

/* The claims of the JWT: those by which it falls under a policy. Of MTO_PROOF_ANSWER NULL. */
const mto_claims_t *mto_token_jwt_claims(const mto_token_t *token);

/* What can be refused of a proven JWT before its issuer is asked about it: accepted issuer, time, key, deny list, and
 * the binding where it names a certificate. Refuses as mto_token_admit does. */
mto_refusal_t mto_token_preadmit(const mto_token_t *jwt, const mto_occasion_t *at, mto_verdict_t *verdict);

/* Decides everything that depends on the request, each time: accepted issuer, time, lifetime, audiences of block and
 * Location, the key still in force or the answer still good, the deny list, the binding and, into verdict->reported,
 * the reported policy's view of it. */
mto_refusal_t mto_token_admit(const mto_token_t *token, const mto_occasion_t *at, mto_verdict_t *verdict);

/* Takes and drops a reference; the last one frees. NULL is allowed. Thread-safe. */
mto_token_t *mto_token_retain(mto_token_t *token);
void         mto_token_release(mto_token_t *token);

/* What a proven token is and says; borrowed. user: the name with its suffix. kid: the header's, NULL when it has none.
 */
const mto_policy_t      *mto_token_policy(const mto_token_t *token);
const mto_claims_t      *mto_token_claims(const mto_token_t *token);
const char              *mto_token_user(const mto_token_t *token);
const mto_token_texts_t *mto_token_texts(const mto_token_t *token);
const char              *mto_token_kid(const mto_token_t *token);

/* The time from which on admit refuses it as expired, or its answer holds no longer, whatever the request. */
apr_time_t mto_token_end(const mto_token_t *token);

/* The bytes of memory that it takes, about. */
size_t mto_token_size(const mto_token_t *token);

#endif
