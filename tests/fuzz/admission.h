/* What must be so when a proven token is admitted, told again in short: for the targets that come by proven tokens. */
#ifndef MTO_FUZZ_ADMISSION_H
#define MTO_FUZZ_ADMISSION_H

#include "harness.h"

#include "core/token.h"

/* A block for each setting that decides something; made at the first call. */
#define FUZZ_POLICIES 6
const mto_policy_t *fuzz_policy(unsigned number);

/* Has the token admitted by all kinds of requests, and checks the outcome of each. keys: those that it was proven with;
 * other_keys: some without the key that signed it. */
void fuzz_check_admission(const mto_token_t *token, const mto_keyset_t *keys, const mto_keyset_t *other_keys);

#endif
