#include "core/json_memory.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

/* mto_json_memory_t * of the thread that reads a text. A variable of each thread would do, but for the memory that it
 * needs in a shared object. */
static pthread_key_t reading;
static int           installed;
static json_malloc_t malloc_before;
static json_free_t   free_before;

static void *malloc_guarded(size_t size)
{
    mto_json_memory_t *memory = pthread_getspecific(reading);
    void              *block = memory != NULL && memory->denied ? NULL : malloc_before(size);

    if (block == NULL) {
        errno = ENOMEM;
        if (memory != NULL) {
            memory->denied = 1;
        }
    }
    return block;
}

int mto_json_memory_install(void)
{
    if (pthread_key_create(&reading, NULL) != 0) {
        return 0;
    }
    json_get_alloc_funcs(&malloc_before, &free_before);
    json_set_alloc_funcs(malloc_guarded, free_before);
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

int mto_json_memory_begin(mto_json_memory_t *memory)
{
    memory->denied = installed && pthread_setspecific(reading, memory) != 0;
    return !memory->denied;
}

void mto_json_memory_end(mto_json_memory_t *memory)
{
    (void)memory;
    if (installed) {
        (void)pthread_setspecific(reading, NULL);
    }
}
