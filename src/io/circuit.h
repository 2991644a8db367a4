/* Leaving somebody alone who fails: after some failures in a row nobody asks for a while, then one finds out. */
#ifndef MTO_CIRCUIT_H
#define MTO_CIRCUIT_H

#include <apr_time.h>

/* Failures in a row after which the circuit is open; the first pause, which doubles while the failures go on, and the
 * longest. */
#define MTO_CIRCUIT_FAILURES 5
#define MTO_CIRCUIT_PAUSE    apr_time_from_sec(1)
#define MTO_CIRCUIT_LONGEST  apr_time_from_sec(30)

/* Zero-initialised it is closed. One thread at a time. */
typedef struct {
    unsigned            failures;   /* in a row; no more are counted than open it */
    apr_time_t          open_until; /* when it is open */
    apr_interval_time_t pause;      /* that led to that */
    int                 probing;    /* one finds out */
} mto_circuit_t;

/* Whether to ask now. Of an open circuit 1 is returned once after each pause: that one must end with one of the
 * following. */
int mto_circuit_lets(mto_circuit_t *circuit, apr_time_t now);

/* Nothing came of what mto_circuit_lets let: the next may. */
void mto_circuit_forget(mto_circuit_t *circuit);

/* Counts a success, or a failure. Returns whether the circuit closed, or opened, by it. */
int mto_circuit_close(mto_circuit_t *circuit);
int mto_circuit_count(mto_circuit_t *circuit, apr_time_t now);

#endif
