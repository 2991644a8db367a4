#include "httpd/cache_worker.h"

#include "core/pool.h"
#include "io/circuit.h"

#include <apr_strings.h>
#include <errno.h>
#include <http_log.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

APLOG_USE_MODULE(auth_mtls_oauth);

/* Seconds that the end of a child waits for the thread, which may wait for a server in vain. */
#define JOIN_SECONDS 1

typedef enum { WAITS, FINISHED, ABANDONED } state_t;

typedef struct job_t {
    struct job_t *next;
    int           is_put;
    state_t       state; /* under the lock, as next is */
    unsigned char place[MTO_CACHE_PLACE_SIZE];
    apr_time_t    end;
    unsigned      size; /* of what is there; of a get whose value was not found 0 */
    unsigned char value[];
} job_t;

struct mto_cache_worker_t {
    const mto_cache_t *cache;
    apr_pool_t        *pool; /* for the thread alone */
    pthread_t          thread;
    pthread_mutex_t    lock; /* guards what follows */
    pthread_cond_t     work, done;
    job_t             *first, **last;
    unsigned           count;
    apr_time_t         busy_since; /* 0: waits for work */
    mto_circuit_t      circuit;
    int                stop;
};

/* --- The thread --------------------------------------------------------------------------------------------------- */

/* Does a job; whatever goes wrong is a value that is not there. Returns 0 when the cache failed. */
static int work_on(mto_cache_worker_t *worker, job_t *job)
{
    const mto_cache_t *cache = worker->cache;
    apr_status_t       status = APR_SUCCESS;
    unsigned           size = MTO_CACHE_VALUE_SIZE;

    if (cache->mutex != NULL && apr_global_mutex_lock(cache->mutex) != APR_SUCCESS) {
        job->size = job->is_put ? job->size : 0;
        return 0;
    }
    if (job->is_put) {
        status = cache->provider->store(cache->instance, cache->server, job->place, sizeof job->place, job->end,
                                        job->value, job->size, worker->pool);
    }
    else {
        status = cache->provider->retrieve(cache->instance, cache->server, job->place, sizeof job->place, job->value,
                                           &size, worker->pool);
        job->size = status == APR_SUCCESS && size <= MTO_CACHE_VALUE_SIZE ? size : 0;
    }
    if (cache->mutex != NULL) {
        (void)apr_global_mutex_unlock(cache->mutex);
    }
    apr_pool_clear(worker->pool);
    return status == APR_SUCCESS || APR_STATUS_IS_NOTFOUND(status);
}

static void tell_circuit(mto_cache_worker_t *worker, int works)
{
    if (works) {
        (void)mto_circuit_close(&worker->circuit);
    }
    else if (mto_circuit_count(&worker->circuit, apr_time_now())) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, worker->cache->server,
                     "MTLSOAuthSharedCache: it fails or is slow; this process does without it for %ld s",
                     (long)apr_time_sec(worker->circuit.pause));
    }
}

static void *run(void *data)
{
    mto_cache_worker_t *worker = data;
    job_t              *job;
    int                 works;

    (void)pthread_mutex_lock(&worker->lock);
    while (!worker->stop) {
        job = worker->first;
        if (job == NULL) {
            worker->busy_since = 0;
            (void)pthread_cond_wait(&worker->work, &worker->lock);
            continue;
        }
        worker->first = job->next;
        worker->last = worker->first == NULL ? &worker->first : worker->last;
        worker->count--;
        worker->busy_since = apr_time_now();
        if (job->state != ABANDONED) {
            (void)pthread_mutex_unlock(&worker->lock);
            works = work_on(worker, job);
            (void)pthread_mutex_lock(&worker->lock);
            /* A value that does not fit is no fault of the cache, and one that was taken no proof that it answers. */
            if (job->state != ABANDONED && !job->is_put) {
                tell_circuit(worker, works);
            }
        }
        if (job->is_put || job->state == ABANDONED) {
            free(job);
        }
        else {
            job->state = FINISHED;
            (void)pthread_cond_broadcast(&worker->done);
        }
    }
    (void)pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* --- Requests ----------------------------------------------------------------------------------------------------- */

/* Whether a job may be given to the thread: it is not stuck, and the cache is not left alone. Under the lock. */
static int takes_jobs(mto_cache_worker_t *worker, apr_time_t now)
{
    if (worker->stop || worker->count >= MTO_CACHE_JOBS) {
        return 0;
    }
    if (worker->busy_since != 0 && (now - worker->busy_since > MTO_CACHE_WAIT || now < worker->busy_since)) {
        return 0;
    }
    return mto_circuit_lets(&worker->circuit, now);
}

/* The same for a put, which tells nothing of the cache: it is not what finds out after a pause. Under the lock. */
static int takes_puts(mto_cache_worker_t *worker, apr_time_t now)
{
    if (!takes_jobs(worker, now)) {
        return 0;
    }
    if (worker->circuit.probing) {
        mto_circuit_forget(&worker->circuit);
        return 0;
    }
    return 1;
}

static void enqueue(mto_cache_worker_t *worker, job_t *job)
{
    *worker->last = job;
    worker->last = &job->next;
    worker->count++;
    (void)pthread_cond_signal(&worker->work);
}

/* The monotonic time that is until of the wall clock. */
static struct timespec monotonic(apr_time_t until, apr_time_t now)
{
    struct timespec     end;
    apr_interval_time_t left = until > now ? until - now : 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += apr_time_sec(left);
    end.tv_nsec += 1000 * (left % APR_USEC_PER_SEC);
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    return end;
}

size_t mto_cache_worker_get(mto_cache_worker_t *worker, const unsigned char place[MTO_CACHE_PLACE_SIZE],
                            unsigned char *value, apr_time_t until)
{
    job_t          *job = calloc(1, sizeof *job + MTO_CACHE_VALUE_SIZE + 1);
    apr_time_t      now = apr_time_now();
    struct timespec end = monotonic(until, now);
    size_t          size = 0;
    int             status = 0;

    if (job == NULL) {
        return 0;
    }
    memcpy(job->place, place, sizeof job->place);
    (void)pthread_mutex_lock(&worker->lock);
    if (!takes_jobs(worker, now)) {
        job->state = FINISHED;
    }
    else {
        enqueue(worker, job);
    }
    while (job->state == WAITS && status != ETIMEDOUT && !worker->stop) {
        status = pthread_cond_timedwait(&worker->done, &worker->lock, &end);
    }
    if (job->state == WAITS) {
        job->state = ABANDONED; /* the thread's to free */
        tell_circuit(worker, 0);
        job = NULL;
    }
    (void)pthread_mutex_unlock(&worker->lock);
    if (job != NULL) {
        size = job->size;
        memcpy(value, job->value, size);
        free(job);
    }
    return size;
}

void mto_cache_worker_put(mto_cache_worker_t *worker, const unsigned char place[MTO_CACHE_PLACE_SIZE],
                          const unsigned char *value, size_t size, apr_time_t end)
{
    job_t *job = size <= MTO_CACHE_VALUE_SIZE ? calloc(1, sizeof *job + size) : NULL;

    if (job == NULL) {
        return;
    }
    job->is_put = 1;
    job->end = end;
    job->size = (unsigned)size;
    memcpy(job->place, place, sizeof job->place);
    memcpy(job->value, value, size);
    (void)pthread_mutex_lock(&worker->lock);
    if (takes_puts(worker, apr_time_now())) {
        enqueue(worker, job);
        job = NULL;
    }
    (void)pthread_mutex_unlock(&worker->lock);
    free(job);
}

/* --- Life --------------------------------------------------------------------------------------------------------- */

static apr_status_t stop(void *data)
{
    mto_cache_worker_t *worker = data;
    struct timespec     end;

    (void)pthread_mutex_lock(&worker->lock);
    worker->stop = 1;
    (void)pthread_cond_broadcast(&worker->work);
    (void)pthread_cond_broadcast(&worker->done);
    (void)pthread_mutex_unlock(&worker->lock);
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += JOIN_SECONDS;
    /* Worker, jobs and pool are left to the end of the process: requests may still be at it, and so may a thread that
     * waits for a server. */
    (void)pthread_timedjoin_np(worker->thread, NULL, &end);
    return APR_SUCCESS;
}

mto_cache_worker_t *mto_cache_worker_start(const mto_cache_t *cache, apr_pool_t *pool)
{
    mto_cache_worker_t *worker = calloc(1, sizeof *worker);
    pthread_condattr_t  attributes;
    sigset_t            before;
    int                 status;

    /* A pool of no other pool: the thread may outlive them all. */
    if (worker == NULL || (worker->pool = mto_pool_create()) == NULL) {
        free(worker);
        return NULL;
    }
    worker->cache = cache;
    worker->last = &worker->first;
    (void)pthread_mutex_init(&worker->lock, NULL);
    (void)pthread_cond_init(&worker->work, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&worker->done, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    (void)apr_setup_signal_thread(); /* none but those of its own faults */
    status = pthread_create(&worker->thread, NULL, run, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0) {
        free(worker);
        return NULL;
    }
    apr_pool_pre_cleanup_register(pool, worker, stop);
    return worker;
}
