/* A clock that a test can set: preloaded into httpd, it adds the seconds at the start of a file (an int64_t, named by
 * MTO_CLOCK) to the time of day. Waits of a condition that end at a time of day end when that clock shows it, as with a real
 * clock that is set; all other waits are as they were. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Nanoseconds after which a wait looks at the clock again. */
#define STEP 20000000

static const volatile int64_t *shift;

__attribute__((constructor)) static void open_shift(void)
{
    const char *file = getenv("MTO_CLOCK");
    int         opened = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    void       *mapped = opened < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, opened, 0);

    if (mapped != MAP_FAILED) {
        shift = mapped;
    }
    if (opened >= 0) {
        close(opened);
    }
}

static int64_t seconds(void)
{
    return shift ? *shift : 0;
}

static void *original(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    int result;

    if (!real) {
        real = original("clock_gettime");
    }
    result = real(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += seconds();
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec time;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (into) {
        *into = now.tv_sec;
    }
    return now.tv_sec;
}

static int is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Waits in steps, looking at the clock after each. */
static int wait_for_clock(int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *), pthread_cond_t *condition,
                          pthread_mutex_t *mutex, const struct timespec *end)
{
    struct timespec now, step;
    int             result = ETIMEDOUT;

    for (;;) {
        clock_gettime(CLOCK_REALTIME, &now);
        if (!is_before(&now, end)) {
            return result;
        }
        step = now;
        step.tv_nsec += STEP;
        if (step.tv_nsec >= 1000000000) {
            step.tv_nsec -= 1000000000;
            step.tv_sec++;
        }
        step = is_before(end, &step) ? *end : step;
        step.tv_sec -= seconds();
        result = wait(condition, mutex, &step);
        if (result != ETIMEDOUT) {
            return result;
        }
    }
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict end)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec monotonic;

    if (!real) {
        real = original("pthread_cond_timedwait");
    }
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    /* an end within a day of the monotonic clock is one of that clock, which no test sets */
    return llabs((long long)(end->tv_sec - monotonic.tv_sec)) > 86400 ? wait_for_clock(real, condition, mutex, end)
                                                                     : real(condition, mutex, end);
}

int pthread_timedjoin_np(pthread_t thread, void **value, const struct timespec *end)
{
    static int (*real)(pthread_t, void **, const struct timespec *);
    struct timespec moved = *end;

    if (!real) {
        real = original("pthread_timedjoin_np");
    }
    moved.tv_sec -= seconds();
    return real(thread, value, &moved);
}
