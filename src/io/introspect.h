/* Asking issuers about tokens (RFC 7662): one exchange per token at a time in a process, made by its one thread that
 * goes out; requests wait for it, not many and not long. An issuer that fails is left alone for a while. */
#ifndef MTO_INTROSPECT_H
#define MTO_INTROSPECT_H

#include "core/policy.h"
#include "core/refusal.h"
#include "core/token.h"
#include "io/fetch.h"
#include "io/introspection_client.h"
#include "io/says.h"

#include <apr_time.h>
#include <stddef.h>

/* How long a request waits for an answer when it has a place to wait in; and without one, while the issuer answers
 * quickly: a burst of requests with a new token must not fail for want of places. */
#define MTO_ANSWER_WAIT  apr_time_from_sec(2)
#define MTO_ANSWER_GRACE (APR_USEC_PER_SEC / 2)

/* Longest time that "not active" is remembered, and for how many tokens. */
#define MTO_INACTIVE_TIME   apr_time_from_sec(10)
#define MTO_INACTIVE_TOKENS 1024

/* Exchanges of a process that may be under way. */
#define MTO_FLIGHTS 64

/* Bytes by which an answer is found: SHA-256 over the asker's identity and the token. */
#define MTO_ANSWER_ID_SIZE 32

/* Answers that other processes and machines know, too. Either function may take its time, but not much, and both may
 * fail: that costs a question to the issuer. Any thread. */
typedef struct {
    /* Copies an answer to json[0..room), and when it was given to *answered. Returns its size; 0: none is known. */
    size_t (*get)(void *baton, const unsigned char id[MTO_ANSWER_ID_SIZE], char *json, size_t room,
                  apr_time_t *answered);
    /* Keeps an answer, until end at most. */
    void (*put)(void *baton, const unsigned char id[MTO_ANSWER_ID_SIZE], const char *json, size_t size,
                apr_time_t answered, apr_time_t end);
    void *baton;
} mto_shared_answers_t;

typedef struct mto_introspector_t mto_introspector_t;

/* A token that its issuer is to be asked about. */
typedef struct {
    mto_asker_t        *asker;
    const mto_policy_t *policy; /* the block's */
    mto_token_t        *jwt;    /* the proven JWT that it is; NULL: an opaque token */
    const char         *text;
    size_t              length;
    unsigned            most; /* requests of this process that may wait at once */
} mto_question_t;

/* Prepares a process. fetcher: of the thread that calls mto_introspector_step. shared: NULL: none. What it is told goes
 * to say, from that thread. NULL when out of memory. Lives as long as the process. */
mto_introspector_t *mto_introspector_create(mto_fetcher_t *fetcher, const mto_shared_answers_t *shared,
                                            mto_says_fn *say, void *baton);

/* Starts the exchanges that requests ask for; mto_fetcher_run moves them on. */
void mto_introspector_step(mto_introspector_t *introspector);

/* No more exchanges: who waits is sent away. From the thread of mto_introspector_step, or when it has ended; the
 * fetcher is not run again, but destroyed. */
void mto_introspector_close(mto_introspector_t *introspector);

/* Has the token proven by its issuer's answer: one that is known and holds, or a new one. Refuses as
 * mto_token_prove_answer does, or with introspection_unavailable. Any thread. */
mto_refusal_t mto_introspect(mto_token_t **out, mto_introspector_t *introspector, const mto_question_t *question,
                             mto_verdict_t *why);

#endif
