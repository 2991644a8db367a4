#include "threads.h"

#include "support.h"

#include <pthread.h>

typedef struct {
    pthread_t        thread;
    threads_work_fn *work;
    void            *shared;
    int              number;
    int              mistakes;
} worker_t;

static void *run(void *data)
{
    worker_t *worker = data;

    worker->mistakes = worker->work(worker->shared, worker->number);
    return NULL;
}

void threads_run(int count, threads_work_fn *work, void *shared)
{
    worker_t *workers = apr_palloc(support_pool(), (size_t)count * sizeof *workers);
    int       i;

    for (i = 0; i < count; i++) {
        workers[i] = (worker_t){.work = work, .shared = shared, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, run, &workers[i]), 0);
    }
    for (i = 0; i < count; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    }
    for (i = 0; i < count; i++) {
        assert_int_equal(workers[i].mistakes, 0);
    }
}
