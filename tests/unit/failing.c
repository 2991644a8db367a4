#include "failing.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Static, so that looking at it never allocates. */
#define OF_THIS_THREAD static __thread __attribute__((tls_model("initial-exec")))

OF_THIS_THREAD unsigned long left, failed;
OF_THIS_THREAD failing_t     manner;

void failing_arm(unsigned long at, failing_t how)
{
    left = at;
    failed = 0;
    manner = how;
}

unsigned long failing_disarm(void)
{
    left = 0;
    return failed;
}

/* Whether the allocation that is asked for now fails. */
static int fails(void)
{
    if (left == 0 || --left > 0) {
        return 0;
    }
    if (manner == FAILING_FROM) {
        left = 1;
    }
    failed++;
    errno = ENOMEM;
    return 1;
}

/* --- The functions that are there otherwise: of libc, or of a sanitizer. ------------------------------------------ */

/* What dlsym itself asks for while they are looked up. Never given back. */
static _Alignas(16) char early[4096];
static size_t early_size;

static void *early_alloc(size_t size)
{
    size_t at = early_size;

    size = (size + 15) / 16 * 16;
    if (size > sizeof early - at) {
        return NULL;
    }
    early_size = at + size;
    return early + at;
}

static int is_early(const void *memory)
{
    return (uintptr_t)memory - (uintptr_t)early < sizeof early;
}

/* The next definition of a function behind this one; NULL while dlsym is at work. */
static void *next_of(const char *name)
{
    OF_THIS_THREAD volatile int looking; /* dlsym is declared not to come back here, and does */
    void                       *found = NULL;

    if (!looking) {
        looking = 1;
        found = dlsym(RTLD_NEXT, name);
        looking = 0;
    }
    return found;
}

/* A sanitizer's own, where one is linked in: it starts before dlsym can be asked. */
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *memory, size_t size) __attribute__((weak));
void  __interceptor_free(void *memory) __attribute__((weak));
void *__interceptor_aligned_alloc(size_t alignment, size_t size) __attribute__((weak));
int   __interceptor_posix_memalign(void **memory, size_t alignment, size_t size) __attribute__((weak));

#define NEXT(name)                                                                                                     \
    static __typeof__(name) *next;                                                                                     \
    if (next == NULL && __interceptor_##name != NULL) {                                                                \
        next = __interceptor_##name;                                                                                   \
    }                                                                                                                  \
    else if (next == NULL) {                                                                                           \
        void *found = next_of(#name);                                                                                  \
        memcpy(&next, &found, sizeof next);                                                                            \
    }

void *malloc(size_t size)
{
    NEXT(malloc);
    return next == NULL ? early_alloc(size) : fails() ? NULL : next(size);
}

void *calloc(size_t count, size_t size)
{
    NEXT(calloc);
    return next == NULL ? early_alloc(count * size) : fails() ? NULL : next(count, size);
}

void *realloc(void *memory, size_t size)
{
    NEXT(realloc);
    return next == NULL || is_early(memory) || fails() ? NULL : next(memory, size);
}

void free(void *memory)
{
    NEXT(free);
    if (next != NULL && !is_early(memory)) {
        next(memory);
    }
}

void *aligned_alloc(size_t alignment, size_t size)
{
    NEXT(aligned_alloc);
    return next == NULL || fails() ? NULL : next(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    NEXT(posix_memalign);
    return next == NULL || fails() ? ENOMEM : next(memory, alignment, size);
}
