/* Signed tokens for the unit programs: verified, and proven as those of an issuer with one key. */
#ifndef MTO_TEST_TOKENS_H
#define MTO_TEST_TOKENS_H

#include "core/jws.h"
#include "core/token.h"

#include "support.h"
#include "vectors.h"

/* --- Verified ------------------------------------------------------------------------------------------------ */

#define PAYLOAD "{\"a\":1}"

/* Reads and verifies. signer may be NULL. */
mto_refusal_t verify_length(const char *text, size_t length, const mto_keyset_t *keys, unsigned algorithms,
                            const mto_key_t **signer, mto_verdict_t *verdict);

/* The same with all algorithms. */
mto_refusal_t verify(const char *text, const mto_keyset_t *keys, mto_verdict_t *verdict);

/* Fails the case unless that is what comes of it. */
void assert_verdict(const char *text, const mto_keyset_t *keys, mto_refusal_t wanted);

/* --- Proven -------------------------------------------------------------------------------------------------- */

/* What most tokens say besides; no comma behind. */
#define CLAIMS "\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"alice\""
#define GOOD   "{" CLAIMS ",\"exp\":1700000300}"

/* A member behind them: bound to the certificate RFC8705_A_PEM. */
#define BOUND_TO ",\"cnf\":{\"x5t#S256\":\"" RFC8705_A_X5T "\"}"

/* The issuer's key (Ed25519), and the set of it with the kid k. */
EVP_PKEY           *signing_key(void);
const mto_keyset_t *signing_keys(void);

/* A token of that key and kid. */
const char *signed_token(const char *payload);

/* Reads and proves; *token is NULL after a refusal. */
mto_refusal_t prove(mto_token_t **token, const char *text, const mto_keyset_t *keys, const mto_policy_t *policy,
                    mto_verdict_t *why);

/* A token that must prove well; to be released. */
mto_token_t *proven(const char *text, const mto_keyset_t *keys, const mto_policy_t *policy);

#endif
