#include "io/ranking.h"

#include <stdlib.h>
#include <string.h>

/* Microseconds that putting in a name may take before its process is taken for dead; it takes less than one. */
#define WRITING 1000000

/* FNV-1a. Nobody gains by two names that share an entry: it shows the first of them. */
static uint64_t id_of(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    }
    return hash != 0 ? hash : 1;
}

static int count_known(mto_ranking_t *ranking, uint64_t id)
{
    size_t i;

    for (i = 0; i < MTO_RANKING_ENTRIES; i++) {
        if (atomic_load_explicit(&ranking->entries[i].id, memory_order_relaxed) == id) {
            atomic_fetch_add_explicit(&ranking->entries[i].count, 1, memory_order_relaxed);
            return 1;
        }
    }
    return 0;
}

/* A free entry, else the one with the smallest count. */
static mto_ranking_entry_t *choose(mto_ranking_t *ranking)
{
    mto_ranking_entry_t *least = &ranking->entries[0];
    size_t               i;

    for (i = 0; i < MTO_RANKING_ENTRIES; i++) {
        mto_ranking_entry_t *entry = &ranking->entries[i];

        if (atomic_load(&entry->id) == 0) {
            return entry;
        }
        least = atomic_load(&entry->count) < atomic_load(&least->count) ? entry : least;
    }
    return least;
}

static void put_in(mto_ranking_t *ranking, uint64_t id, const char *name)
{
    mto_ranking_entry_t *entry = choose(ranking);
    uint64_t             before = atomic_load(&entry->id) != 0 ? atomic_load(&entry->count) : 0;
    uint64_t             words[MTO_RANKING_NAME_SIZE / 8] = {0};
    size_t               length = strnlen(name, MTO_RANKING_NAME_SIZE - 1), i;

    memcpy(words, name, length);
    atomic_store(&entry->id, 0); /* who reads now sees that the name is not whole */
    for (i = 0; i < MTO_RANKING_NAME_SIZE / 8; i++) {
        atomic_store(&entry->name[i], words[i]);
    }
    atomic_store(&entry->inherited, before);
    atomic_store(&entry->count, before + 1);
    atomic_store(&entry->id, id);
}

void mto_ranking_count(mto_ranking_t *ranking, const char *name, int64_t now)
{
    uint64_t id;
    int64_t  until;

    name = name != NULL ? name : "";
    id = id_of(name);
    if (count_known(ranking, id)) {
        return;
    }
    until = atomic_load(&ranking->writing_until);
    /* What ends much later than any writing of now was begun before the clock was set back. */
    if ((until > now && until <= now + 2 * WRITING)
        || !atomic_compare_exchange_strong(&ranking->writing_until, &until, now + WRITING)) {
        atomic_fetch_add_explicit(&ranking->missed, 1, memory_order_relaxed);
        return;
    }
    if (!count_known(ranking, id)) {
        put_in(ranking, id, name);
    }
    atomic_store(&ranking->writing_until, 0);
}

static int read_entry(const mto_ranking_entry_t *entry, mto_ranked_t *out)
{
    uint64_t id = atomic_load(&entry->id), words[MTO_RANKING_NAME_SIZE / 8];
    size_t   i;

    out->count = atomic_load(&entry->count);
    out->inherited = atomic_load(&entry->inherited);
    for (i = 0; i < MTO_RANKING_NAME_SIZE / 8; i++) {
        words[i] = atomic_load(&entry->name[i]);
    }
    memcpy(out->name, words, sizeof out->name);
    out->name[sizeof out->name - 1] = '\0';
    return id != 0 && atomic_load(&entry->id) == id;
}

static int by_count(const void *a, const void *b)
{
    const mto_ranked_t *left = a, *right = b;

    if (left->count != right->count) {
        return left->count > right->count ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

size_t mto_ranking_read(const mto_ranking_t *ranking, mto_ranked_t out[MTO_RANKING_ENTRIES])
{
    size_t count = 0, i;

    for (i = 0; i < MTO_RANKING_ENTRIES; i++) {
        count += (size_t)read_entry(&ranking->entries[i], &out[count]);
    }
    qsort(out, count, sizeof *out, by_count);
    return count;
}
