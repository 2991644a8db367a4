/* Memory that runs out when a test says so: malloc, calloc, realloc and the aligned ones of the whole process,
 * libraries included. Linked into a program, or preloaded into one. */
#ifndef MTO_TEST_FAILING_H
#define MTO_TEST_FAILING_H

/* Whether memory comes back after it ran out. */
typedef enum {
    FAILING_ONE,  /* a single allocation fails */
    FAILING_FROM, /* that one and all that follow */
} failing_t;

/* From now on allocation number `at` of this thread, counted from 1, fails. */
void failing_arm(unsigned long at, failing_t how);

/* Ends that. Returns how many allocations failed. */
unsigned long failing_disarm(void);

#endif
