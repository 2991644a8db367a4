#include "io/circuit.h"

static int is_open(const mto_circuit_t *circuit)
{
    return circuit->failures >= MTO_CIRCUIT_FAILURES;
}

int mto_circuit_lets(mto_circuit_t *circuit, apr_time_t now)
{
    if (!is_open(circuit)) {
        return 1;
    }
    /* An end further away than the longest pause comes from a clock that was put back. */
    if ((now < circuit->open_until && circuit->open_until - now <= MTO_CIRCUIT_LONGEST) || circuit->probing) {
        return 0;
    }
    circuit->probing = 1;
    return 1;
}

void mto_circuit_forget(mto_circuit_t *circuit)
{
    circuit->probing = 0;
}

int mto_circuit_close(mto_circuit_t *circuit)
{
    int was_open = is_open(circuit);

    circuit->failures = 0;
    circuit->pause = 0;
    circuit->probing = 0;
    return was_open;
}

int mto_circuit_count(mto_circuit_t *circuit, apr_time_t now)
{
    if (is_open(circuit) && !circuit->probing) {
        return 0; /* one that was under way when it opened */
    }
    circuit->probing = 0;
    circuit->failures += !is_open(circuit);
    if (!is_open(circuit)) {
        return 0;
    }
    circuit->pause = circuit->pause == 0 ? MTO_CIRCUIT_PAUSE : 2 * circuit->pause;
    if (circuit->pause > MTO_CIRCUIT_LONGEST) {
        circuit->pause = MTO_CIRCUIT_LONGEST;
    }
    circuit->open_until = now + circuit->pause;
    return 1;
}
