#include "io/history.h"

/* A writer that died in the middle must not hold up readers for ever: what they then see is a curve with a dent. */
#define ATTEMPTS 100

static void copy(mto_history_point_t *to, const mto_history_point_t *from)
{
    atomic_store(&to->time, atomic_load(&from->time));
    atomic_store(&to->admitted, atomic_load(&from->admitted));
    atomic_store(&to->refused, atomic_load(&from->refused));
}

static void halve(mto_history_t *history, int64_t interval)
{
    uint32_t i;

    atomic_fetch_add(&history->version, 1);
    for (i = 1; i < MTO_HISTORY_POINTS / 2; i++) {
        copy(&history->points[i], &history->points[2 * i]);
    }
    atomic_store(&history->count, MTO_HISTORY_POINTS / 2);
    atomic_store(&history->interval, 2 * interval);
    atomic_fetch_add(&history->version, 1);
}

void mto_history_note(mto_history_t *history, int64_t now, uint64_t admitted, uint64_t refused)
{
    uint32_t             count = atomic_load(&history->count);
    int64_t              interval = atomic_load(&history->interval);
    mto_history_point_t *point;

    interval = interval != 0 ? interval : MTO_HISTORY_INTERVAL;
    if (count > 0) {
        int64_t passed = now - atomic_load(&history->points[count - 1].time);

        /* A clock that was set back makes no points until it has caught up; far behind, it never would in time. */
        if (passed >= -interval && passed < interval) {
            return;
        }
    }
    if (count == MTO_HISTORY_POINTS) {
        halve(history, interval);
        count = MTO_HISTORY_POINTS / 2;
    }
    point = &history->points[count];
    atomic_store(&point->time, now);
    atomic_store(&point->admitted, admitted);
    atomic_store(&point->refused, refused);
    atomic_store(&history->count, count + 1);
}

size_t mto_history_read(const mto_history_t *history, mto_moment_t out[MTO_HISTORY_POINTS])
{
    uint32_t count = 0, version, i;
    int      attempts = 0;

    do {
        version = atomic_load(&history->version);
        count = atomic_load(&history->count);
        count = count <= MTO_HISTORY_POINTS ? count : MTO_HISTORY_POINTS;
        for (i = 0; i < count; i++) {
            out[i].time = atomic_load(&history->points[i].time);
            out[i].admitted = atomic_load(&history->points[i].admitted);
            out[i].refused = atomic_load(&history->points[i].refused);
        }
    } while ((version % 2 != 0 || atomic_load(&history->version) != version) && ++attempts < ATTEMPTS);
    return count;
}
