#include "torture.h"

#include "support.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* More than any piece has: one that never comes to an end. */
#define ALLOCATIONS_MOST 100000

/* Allocations that fail one after the other, whatever the step. */
#define EACH_OF_THE_FIRST 100

static unsigned long failed;

unsigned long failing_count(void)
{
    return failed;
}

/* --- Pieces that may abort: what they had allocated is lost then, and nothing is judged. -------------------------- */

static sigjmp_buf before;

/* Of the leak sanitizer, where it is there. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static void go_back(int signal_number)
{
    (void)signal_number;
    siglongjmp(before, 1);
}

/* Returns 0 when it aborted. */
static int run_abortable(const piece_t *piece, void *state)
{
    struct sigaction action = {.sa_handler = go_back}, former;
    volatile int     ended = 0;

    if (__lsan_disable != NULL) {
        __lsan_disable();
    }
    (void)sigaction(SIGABRT, &action, &former);
    if (sigsetjmp(before, 1) == 0) {
        piece->run(state);
        ended = 1;
    }
    (void)sigaction(SIGABRT, &former, NULL);
    if (__lsan_enable != NULL) {
        __lsan_enable();
    }
    return ended;
}

/* --- Torture ------------------------------------------------------------------------------------------------------ */

/* One run. at 0: memory does not run out. Returns whether any allocation failed. */
static int once(const piece_t *piece, void *state, unsigned long at, failing_t how)
{
    int ended = 1;

    if (getenv("MTO_TORTURE_VERBOSE") != NULL) {
        (void)fprintf(stderr, "allocation %lu%s\n", at, how == FAILING_FROM ? " and all that follow" : "");
    }
    if (piece->prepare != NULL) {
        piece->prepare(state);
    }
    failing_arm(at, how);
    if (piece->may_abort) {
        ended = run_abortable(piece, state);
    }
    else {
        piece->run(state);
    }
    failed = failing_disarm();
    assert_true(ended || failed > 0);
    if (ended) {
        piece->judge(state);
    }
    if (ended && piece->clean != NULL) {
        piece->clean(state);
    }
    if (!ended) {
        ERR_clear_error();
    }
    assert_int_equal(ERR_peek_error(), 0);
    return failed > 0;
}

/* The next allocation that is to fail. make check leaves out most of the many inside OpenSSL: MTO_TORTURE_STEP says how
 * far one is from the next behind the first few; make torture leaves out none. */
static unsigned long next_of(unsigned long at)
{
    const char   *text = getenv("MTO_TORTURE_STEP");
    unsigned long step = text != NULL ? strtoul(text, NULL, 10) : 1;

    return at + (at < EACH_OF_THE_FIRST || step == 0 ? 1 : step);
}

unsigned long torture(const piece_t *piece, void *state)
{
    static const failing_t hows[] = {FAILING_ONE, FAILING_FROM};
    unsigned long          at = 0;
    size_t                 i;

    (void)once(piece, state, 0, FAILING_ONE);
    for (i = 0; i < sizeof hows / sizeof hows[0]; i++) {
        for (at = 1; once(piece, state, at, hows[i]); at = next_of(at)) {
            assert_true(at < ALLOCATIONS_MOST);
        }
    }
    (void)once(piece, state, 0, FAILING_ONE);
    return at - 1;
}
