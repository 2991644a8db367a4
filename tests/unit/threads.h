/* Threads for the unit programs: the same work by some at a time. */
#ifndef MTO_TEST_THREADS_H
#define MTO_TEST_THREADS_H

/* What each thread does with what they share; number counts the threads from 0. Returns how many mistakes it saw. No
 * assertions of cmocka: they are for the thread of the case. */
typedef int threads_work_fn(void *shared, int number);

/* Fails the case unless the work of every thread ends without a mistake. */
void threads_run(int count, threads_work_fn *work, void *shared);

#endif
