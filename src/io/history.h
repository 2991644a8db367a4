/* How a number came about since the start, in bounded memory: totals at equal intervals, and when there is no more room
 * every second one is dropped and the interval doubled. */
#ifndef MTO_HISTORY_H
#define MTO_HISTORY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Even. Of a long time between half of it and all of it is there. */
#define MTO_HISTORY_POINTS 120

/* Microseconds between two totals at first. */
#define MTO_HISTORY_INTERVAL 10000000

typedef struct {
    _Atomic int64_t  time; /* microseconds since 1970 */
    _Atomic uint64_t admitted, refused;
} mto_history_point_t;

/* All zero: empty. One writer at a time, in whatever process; readers need no lock. */
typedef struct {
    _Atomic uint32_t    version; /* odd while points move */
    _Atomic uint32_t    count;
    _Atomic int64_t     interval; /* 0: MTO_HISTORY_INTERVAL */
    mto_history_point_t points[MTO_HISTORY_POINTS];
} mto_history_t;

/* One point as read: totals at that time. */
typedef struct {
    int64_t  time;
    uint64_t admitted, refused;
} mto_moment_t;

/* Notes the totals of now, unless the last ones were noted less than an interval ago. */
void mto_history_note(mto_history_t *history, int64_t now, uint64_t admitted, uint64_t refused);

/* Copies the points to out, oldest first; returns how many. */
size_t mto_history_read(const mto_history_t *history, mto_moment_t out[MTO_HISTORY_POINTS]);

#endif
