/* Faults of the machine, preloaded into httpd. Each is switched on by a variable of the environment:
 *
 * MTO_NO_SHARED_MEMORY=NAME   there is none for the module whose file has that name; with MTO_NO_SHARED_MEMORY_FROM=BYTES,
 *                             none of so many bytes or more
 * MTO_HANGING_NAMES=SECONDS   names that end in .hangs.example.test are looked up for so long, and not found
 * MTO_DIE_LOCKED=FILE         the process that takes a global mutex for this project's module while that file is there
 *                             removes the file and is killed with the mutex in its hand */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *original(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* Whether an address is in a file whose name has this in it. */
static int is_in(const void *address, const char *name)
{
    Dl_info info;

    return name && dladdr(address, &info) && info.dli_fname && strstr(info.dli_fname, name);
}

int apr_shm_create(void **memory, size_t size, const char *file, void *pool)
{
    int (*real)(void **, size_t, const char *, void *) = original("apr_shm_create");

    const char *least = getenv("MTO_NO_SHARED_MEMORY_FROM");

    if (is_in(__builtin_return_address(0), getenv("MTO_NO_SHARED_MEMORY")) && size >= (size_t)atol(least ? least : "0")) {
        return ENOMEM;
    }
    return real(memory, size, file, pool);
}

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = original("getaddrinfo");
    const char *wait = getenv("MTO_HANGING_NAMES"), *end = node ? strstr(node, ".hangs.example.test") : NULL;

    if (wait && end) {
        sleep((unsigned)atoi(wait));
        return EAI_AGAIN;
    }
    return real(node, service, hints, found);
}

int apr_global_mutex_lock(void *mutex)
{
    int (*real)(void *) = original("apr_global_mutex_lock");
    int         result = real(mutex);
    const char *file = getenv("MTO_DIE_LOCKED");

    if (result == 0 && file && is_in(__builtin_return_address(0), "auth_mtls_oauth") && unlink(file) == 0) {
        kill(getpid(), SIGKILL);
    }
    return result;
}
