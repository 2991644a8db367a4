/* Runs a piece of the core again and again, with another of its allocations failing each time, until none is left. */
#ifndef MTO_TEST_TORTURE_H
#define MTO_TEST_TORTURE_H

#include "failing.h"

/* One piece. state: whatever the case passed to torture. */
typedef struct {
    void (*prepare)(void *state); /* memory does not run out here yet; NULL: nothing to do */
    void (*run)(void *state);     /* here it does: no assertion in it */
    void (*judge)(void *state);   /* here no more. Fails the case when what came of it is not to be */
    void (*clean)(void *state);   /* frees; NULL: nothing to do */
    int may_abort;                /* run may abort: a pool does, in httpd too, when it gets no memory */
} piece_t;

/* Runs the piece whole, then with its first allocation failing, its second and so on, each alone and with all that
 * follow, and whole again. Returns how many allocations it has. failing_count in judge: how many failed this time. */
unsigned long torture(const piece_t *piece, void *state);

unsigned long failing_count(void);

#endif
