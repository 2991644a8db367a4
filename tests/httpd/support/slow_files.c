/* A file system that is away when a test says so: preloaded into httpd, opening a file whose name ends in .slow waits as long
 * as the file MTO_SLOW names is there, unless root opens it. Who waits says so by an empty file of that name with its process number behind. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int opens(const char *path, int flags, mode_t mode)
{
    static int (*real)(const char *, int, ...);

    if (!real) {
        real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    }
    return real(path, flags, mode);
}

static void wait_for(const char *path)
{
    static const struct timespec moment = {0, 10000000};
    const char                  *marker = getenv("MTO_SLOW"), *end = strrchr(path, '.');
    char                         waits[4096];

    if (marker == NULL || end == NULL || strcmp(end, ".slow") != 0 || geteuid() == 0
        || access(marker, F_OK) != 0) {
        return;
    }
    (void)snprintf(waits, sizeof waits, "%s.%ld", marker, (long)getpid());
    (void)close(opens(waits, O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
    while (access(marker, F_OK) == 0) {
        (void)nanosleep(&moment, NULL);
    }
    (void)unlink(waits);
}

int open(const char *path, int flags, ...)
{
    va_list more;
    mode_t  mode;

    va_start(more, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    wait_for(path);
    return opens(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

/* What open becomes in a program that is compiled with _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags)
{
    wait_for(path);
    return opens(path, flags, 0);
}

int __open64_2(const char *path, int flags) __attribute__((alias("__open_2")));
