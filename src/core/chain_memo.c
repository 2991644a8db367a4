#include "core/chain_memo.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Sets of a few verdicts, found by the first bytes of the leaf's hash. A server has far fewer clients at a time, and
 * one that is forgotten costs a verification. */
#define SETS 1024
#define WAYS 4

struct mto_chain_memo {
    pthread_mutex_t     lock;
    mto_chain_verdict_t sets[SETS][WAYS]; /* the newest of a set first */
};

mto_chain_memo_t *mto_chain_memo_create(void)
{
    mto_chain_memo_t *memo = calloc(1, sizeof *memo);

    if (memo != NULL) {
        (void)pthread_mutex_init(&memo->lock, NULL);
    }
    return memo;
}

void mto_chain_memo_free(mto_chain_memo_t *memo)
{
    if (memo != NULL) {
        (void)pthread_mutex_destroy(&memo->lock);
        free(memo);
    }
}

static mto_chain_verdict_t *set_of(mto_chain_memo_t *memo, const unsigned char x5t[MTO_X5T_SIZE])
{
    return memo->sets[(x5t[0] << 8 | x5t[1]) % SETS];
}

int mto_chain_memo_recall(mto_chain_memo_t *memo, const unsigned char x5t[MTO_X5T_SIZE], int64_t second,
                          mto_chain_verdict_t *found)
{
    const mto_chain_verdict_t *set = set_of(memo, x5t);
    int                        i, hit = 0;

    (void)pthread_mutex_lock(&memo->lock);
    for (i = 0; !hit && i < WAYS; i++) {
        hit =
            second >= set[i].period.from && second < set[i].period.until && memcmp(set[i].x5t, x5t, MTO_X5T_SIZE) == 0;
        if (hit) {
            *found = set[i];
        }
    }
    (void)pthread_mutex_unlock(&memo->lock);
    return hit;
}

void mto_chain_memo_keep(mto_chain_memo_t *memo, const mto_chain_verdict_t *verdict)
{
    mto_chain_verdict_t *set = set_of(memo, verdict->x5t);
    size_t               newer = 0;

    (void)pthread_mutex_lock(&memo->lock);
    while (newer < WAYS - 1 && memcmp(set[newer].x5t, verdict->x5t, MTO_X5T_SIZE) != 0) {
        newer++;
    }
    memmove(set + 1, set, newer * sizeof *set);
    set[0] = *verdict;
    (void)pthread_mutex_unlock(&memo->lock);
}
