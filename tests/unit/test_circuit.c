/* circuit: after some failures in a row nobody asks for a while, then one finds out. */
#include "support.h"

#include "io/circuit.h"

#define SECOND APR_USEC_PER_SEC

static void fail_times(mto_circuit_t *circuit, int times, apr_time_t now)
{
    for (; times > 0; times--) {
        (void)mto_circuit_count(circuit, now);
    }
}

static void opens_after_failures_in_a_row(const void *unused)
{
    mto_circuit_t circuit = {0};
    int           i;

    (void)unused;
    for (i = 0; i < 3; i++) {
        fail_times(&circuit, MTO_CIRCUIT_FAILURES - 1, NOW);
        assert_true(mto_circuit_lets(&circuit, NOW));
        assert_false(mto_circuit_close(&circuit)); /* a success in between */
    }
    fail_times(&circuit, MTO_CIRCUIT_FAILURES - 1, NOW);
    assert_true(mto_circuit_count(&circuit, NOW));
    assert_false(mto_circuit_lets(&circuit, NOW));
    assert_false(mto_circuit_lets(&circuit, NOW + SECOND - 1));
}

static void one_finds_out(const void *unused)
{
    mto_circuit_t circuit = {0};

    (void)unused;
    fail_times(&circuit, MTO_CIRCUIT_FAILURES, NOW);
    assert_true(mto_circuit_lets(&circuit, NOW + SECOND));
    assert_false(mto_circuit_lets(&circuit, NOW + SECOND));
    assert_true(mto_circuit_close(&circuit));
    assert_true(mto_circuit_lets(&circuit, NOW + SECOND) && mto_circuit_lets(&circuit, NOW + SECOND));
}

static void pause_doubles_to_its_longest(const void *unused)
{
    static const int pauses[] = {1, 2, 4, 8, 16, 30, 30};
    mto_circuit_t    circuit = {0};
    apr_time_t       now = NOW;
    size_t           i;

    (void)unused;
    fail_times(&circuit, MTO_CIRCUIT_FAILURES, now);
    for (i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        assert_false(mto_circuit_lets(&circuit, now + pauses[i] * SECOND - 1));
        now += pauses[i] * SECOND;
        assert_true(mto_circuit_lets(&circuit, now));
        assert_true(mto_circuit_count(&circuit, now));
    }
}

static void late_failures_do_not_prolong(const void *unused)
{
    mto_circuit_t circuit = {0};

    (void)unused;
    fail_times(&circuit, MTO_CIRCUIT_FAILURES, NOW);
    assert_false(mto_circuit_count(&circuit, NOW + SECOND / 2)); /* was under way */
    assert_true(mto_circuit_lets(&circuit, NOW + SECOND));
}

static void probe_that_came_to_nothing(const void *unused)
{
    mto_circuit_t circuit = {0};

    (void)unused;
    fail_times(&circuit, MTO_CIRCUIT_FAILURES, NOW);
    assert_true(mto_circuit_lets(&circuit, NOW + SECOND));
    mto_circuit_forget(&circuit);
    assert_true(mto_circuit_lets(&circuit, NOW + SECOND));
}

static void clock_that_was_put_back(const void *unused)
{
    mto_circuit_t circuit = {0};

    (void)unused;
    fail_times(&circuit, MTO_CIRCUIT_FAILURES, NOW);
    assert_true(mto_circuit_lets(&circuit, NOW - 3600 * SECOND)); /* not for an hour */
}

int main(void)
{
    support_case("it opens after failures in a row", opens_after_failures_in_a_row);
    support_case("after the pause one finds out", one_finds_out);
    support_case("the pause doubles", pause_doubles_to_its_longest);
    support_case("what was under way does not prolong it", late_failures_do_not_prolong);
    support_case("a probe that came to nothing", probe_that_came_to_nothing);
    support_case("THREATS, clock step", clock_that_was_put_back);
    return support_run("circuit");
}
