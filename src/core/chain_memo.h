/* Good verdicts on chains, remembered: a table of fixed size that threads share. */
#ifndef MTO_CHAIN_MEMO_H
#define MTO_CHAIN_MEMO_H

#include "core/certificate.h"

#include <stdint.h>

/* Most certificates of a chain above the leaf. */
#define MTO_CHAIN_MEMO_LINKS 9

/* Seconds since 1970; until is the first second that does not belong to it any more. */
typedef struct {
    int64_t from, until;
} mto_period_t;

/* One verdict: the leaf it is on, the seconds for which it holds, and the chain above the leaf as numbers that mean
 * something to the caller. All zero it holds for no second. */
typedef struct {
    unsigned char x5t[MTO_X5T_SIZE];
    mto_period_t  period;
    uint16_t      links[MTO_CHAIN_MEMO_LINKS];
    uint16_t      link_count;
} mto_chain_verdict_t;

typedef struct mto_chain_memo mto_chain_memo_t;

/* An empty memo of about 300 KiB, which are used as they are needed; NULL: out of memory. */
mto_chain_memo_t *mto_chain_memo_create(void);

/* NULL is allowed. */
void mto_chain_memo_free(mto_chain_memo_t *memo);

/* Whether a verdict on that leaf holds at that second; it goes to *found. Thread-safe. */
int mto_chain_memo_recall(mto_chain_memo_t *memo, const unsigned char x5t[MTO_X5T_SIZE], int64_t second,
                          mto_chain_verdict_t *found);

/* Remembers a verdict instead of an older one on the same leaf, or of the oldest that is in its way. Thread-safe. */
void mto_chain_memo_keep(mto_chain_memo_t *memo, const mto_chain_verdict_t *verdict);

#endif
