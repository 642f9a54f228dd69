#include "base/circuit.h"

/* Probes that nobody heard of again. */
static bool are_lost(const neapi_circuit *circuit, int64_t now_us)
{
    return now_us >= circuit->probed_us + circuit->open_us;
}

static bool has_room(const neapi_circuit *circuit)
{
    return circuit->probing + circuit->passed < circuit->most_probes;
}

bool neapi_circuit_would_admit(const neapi_circuit *circuit, int64_t now_us)
{
    return !circuit->open ||
           (now_us >= circuit->open_until_us && (has_room(circuit) || are_lost(circuit, now_us)));
}

bool neapi_circuit_admit(neapi_circuit *circuit, int64_t now_us, neapi_circuit_pass *pass)
{
    if (!neapi_circuit_would_admit(circuit, now_us))
        return false;
    *pass = circuit->changes;
    if (!circuit->open)
        return true;
    if (!has_room(circuit))
        circuit->probing = circuit->passed = 0;
    circuit->probing++;
    circuit->probed_us = now_us;
    return true;
}

int64_t neapi_circuit_again_us(const neapi_circuit *circuit, int64_t now_us)
{
    return now_us < circuit->open_until_us ? circuit->open_until_us
                                           : circuit->probed_us + circuit->open_us;
}

static void change(neapi_circuit *circuit, bool open, int64_t now_us)
{
    circuit->changes++;
    circuit->open = open;
    circuit->open_until_us = now_us + circuit->open_us;
    circuit->failures = circuit->probing = circuit->passed = 0;
}

void neapi_circuit_note(neapi_circuit *circuit, neapi_circuit_pass pass, bool failed,
                        int64_t now_us)
{
    if (pass != circuit->changes)
        return;
    if (!circuit->open) {
        circuit->failures = failed ? circuit->failures + 1 : 0;
        if (circuit->failures >= circuit->most_failures)
            change(circuit, true, now_us);
        return;
    }
    if (circuit->probing > 0)
        circuit->probing--;
    if (failed)
        change(circuit, true, now_us);
    else if (++circuit->passed >= circuit->most_probes)
        change(circuit, false, now_us);
}
