/* Who comes most often: a bounded table in shared memory, after the space-saving algorithm of Metwally and others, so
 * that a flood of names costs no memory and those that come often stay. */
#ifndef MTO_RANKING_H
#define MTO_RANKING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define MTO_RANKING_ENTRIES 64

/* Bytes of a name, its final NUL included; longer ones are cut. A multiple of 8. */
#define MTO_RANKING_NAME_SIZE 96

typedef struct {
    _Atomic uint64_t id; /* of the name; 0: free, or being written */
    _Atomic uint64_t count;
    _Atomic uint64_t inherited; /* of count: at most that much is of names that had the entry before */
    _Atomic uint64_t name[MTO_RANKING_NAME_SIZE / 8];
} mto_ranking_entry_t;

/* All zero: empty. */
typedef struct {
    _Atomic int64_t     writing_until; /* whoever puts a name in has until then; 0: nobody does */
    _Atomic uint64_t    missed;        /* names that came while somebody did */
    mto_ranking_entry_t entries[MTO_RANKING_ENTRIES];
} mto_ranking_t;

/* One entry as read. */
typedef struct {
    char     name[MTO_RANKING_NAME_SIZE];
    uint64_t count, inherited;
} mto_ranked_t;

/* Counts a name (NULL: "") once; now is in microseconds. A known name costs one atomic step; any thread of any process.
 * A process that dies in the middle holds up new names for a second. */
void mto_ranking_count(mto_ranking_t *ranking, const char *name, int64_t now);

/* Copies the entries to out, most frequent first; returns how many. */
size_t mto_ranking_read(const mto_ranking_t *ranking, mto_ranked_t out[MTO_RANKING_ENTRIES]);

#endif
