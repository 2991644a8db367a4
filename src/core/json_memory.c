#include "core/json_memory.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

/* Bytes of the pieces that a region consists of: as large as malloc of glibc hands out again as it got them back,
 * without a look at what lies beside them. What jansson 2.14 makes of a token is five to eight times as long as its
 * text. */
#define PIECE 1000

/* A block is as aligned as what jansson keeps in it. */
typedef uint64_t word_t;

typedef struct piece_t {
    struct piece_t *next;
    word_t          words[];
} piece_t;

struct mto_json_region_t {
    piece_t *pieces;   /* those that were added */
    char    *at, *end; /* what is free in the newest one */
    size_t   size;
    word_t   words[];
};

/* mto_json_memory_t * of the thread that reads a text. A variable of each thread would do, but for the memory that it
 * needs in a shared object. */
static pthread_key_t reading;
static int           installed;
static json_malloc_t malloc_before;
static json_free_t   free_before;

/* ---- Regions ---- */

static int add_piece(mto_json_region_t *region, size_t size)
{
    size_t   bytes = size > PIECE ? size : PIECE;
    piece_t *piece = malloc(sizeof *piece + bytes);

    if (piece == NULL) {
        return 0;
    }
    piece->next = region->pieces;
    region->pieces = piece;
    region->at = (char *)piece->words;
    region->end = region->at + bytes;
    region->size += sizeof *piece + bytes;
    return 1;
}

static void *take(mto_json_region_t *region, size_t size)
{
    char *block;

    size = (size + sizeof(word_t) - 1) & ~(sizeof(word_t) - 1);
    if (size > (size_t)(region->end - region->at) && !add_piece(region, size)) {
        return NULL;
    }
    block = region->at;
    region->at += size;
    return block;
}

void mto_json_region_free(mto_json_region_t *region)
{
    piece_t *piece;

    if (region == NULL) {
        return;
    }
    while ((piece = region->pieces) != NULL) {
        region->pieces = piece->next;
        free(piece);
    }
    free(region);
}

size_t mto_json_region_size(const mto_json_region_t *region)
{
    return region->size;
}

/* ---- Between jansson and malloc ---- */

static void *malloc_guarded(size_t size)
{
    mto_json_memory_t *memory = pthread_getspecific(reading);
    void              *block = NULL;

    if (memory == NULL || !memory->denied) {
        block = memory != NULL && memory->region != NULL ? take(memory->region, size) : malloc_before(size);
    }
    if (block == NULL) {
        errno = ENOMEM;
        if (memory != NULL) {
            memory->denied = 1;
        }
    }
    return block;
}

/* What a thread gives back while it reads into a region is of that region. */
static void free_guarded(void *block)
{
    const mto_json_memory_t *memory = block != NULL ? pthread_getspecific(reading) : NULL;

    if (memory == NULL || memory->region == NULL) {
        free_before(block);
    }
}

int mto_json_memory_install(void)
{
    if (pthread_key_create(&reading, NULL) != 0) {
        return 0;
    }
    json_get_alloc_funcs(&malloc_before, &free_before);
    json_set_alloc_funcs(malloc_guarded, free_guarded);
    installed = 1;
    return 1;
}

void mto_json_memory_remove(void)
{
    json_malloc_t malloc_now;
    json_free_t   free_now;

    if (!installed) {
        return;
    }
    json_get_alloc_funcs(&malloc_now, &free_now);
    if (malloc_now == malloc_guarded) {
        json_set_alloc_funcs(malloc_before, free_before);
    }
    (void)pthread_key_delete(reading);
    installed = 0;
}

/* ---- While a text is read or written ---- */

int mto_json_memory_begin(mto_json_memory_t *memory)
{
    memory->region = NULL;
    memory->denied = installed && pthread_setspecific(reading, memory) != 0;
    return !memory->denied;
}

int mto_json_memory_begin_region(mto_json_memory_t *memory)
{
    mto_json_region_t *region = installed ? malloc(sizeof *region + PIECE) : NULL;

    if (region == NULL || !mto_json_memory_begin(memory)) {
        free(region);
        memory->region = NULL;
        memory->denied = 1;
        return 0;
    }
    region->pieces = NULL;
    region->at = (char *)region->words;
    region->end = region->at + PIECE;
    region->size = sizeof *region + PIECE;
    memory->region = region;
    return 1;
}

void mto_json_memory_end(mto_json_memory_t *memory)
{
    (void)memory;
    if (installed) {
        (void)pthread_setspecific(reading, NULL);
    }
}
