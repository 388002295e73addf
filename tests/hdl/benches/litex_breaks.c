// SPDX-License-Identifier: Apache-2.0
// What firmware may do wrong or change its mind about: a line for each, which tests/hdl/test_litex.py expects.

#include "console.h"
#include "core.h"
#include "samples.h"

#define CORE(offset) WORD(SNN_BASE + (offset))

// None is expected.
void trap(uint32_t cause)
{
    say("trap\n\4");
    for (;;) {
    }
}

static void say_line(uint32_t number)
{
    say_number((int32_t)number);
    put('\n');
}

static void send(uint32_t number, uint32_t writes)
{
    while (!(CORE(SNN_STATUS) & SNN_STATUS_READY)) {
    }
    for (uint32_t beat = 0; beat < writes; beat++)
        CORE(SNN_DATA) = samples[number][beat];
}

static void wait_for_a_result(void)
{
    while (!(CORE(SNN_STATUS) & SNN_STATUS_RESULT)) {
    }
}

static void take(void)
{
    wait_for_a_result();
    say_number((int32_t)CORE(SNN_CLASS));
    for (uint32_t output = 0; output < SNN_OUTPUTS; output++) {
        CORE(SNN_SCORE_ADDRESS) = output;
        put(' ');
        say_number((int32_t)CORE(SNN_SCORE));
    }
    put('\n');
    CORE(SNN_STATUS) = SNN_STATUS_RESULT;
}

int main(void)
{
    // In mid-frame, and in the midst of work: what comes next is answered as if nothing had been.
    send(0, SNN_WRITES_OF_A_FRAME / 2);
    CORE(SNN_CONTROL) = SNN_CONTROL_CLEAR;
    say_line(CORE(SNN_FRAMES));
    send(1, SNN_WRITES_OF_A_FRAME);
    CORE(SNN_CONTROL) = SNN_CONTROL_CLEAR;
    send(2, SNN_WRITES_OF_A_FRAME);
    take();

    // There is no class without a result.
    (void)CORE(SNN_CLASS);
    say_line(CORE(SNN_STATUS) & SNN_STATUS_ERROR);
    CORE(SNN_STATUS) = SNN_STATUS_ERROR;
    say_line(CORE(SNN_STATUS) & SNN_STATUS_ERROR);

    // The line to the processor is low unless it is asked for, and again when the result is taken.
    send(3, SNN_WRITES_OF_A_FRAME);
    wait_for_a_result();
    say_line(WORD(CSR_SNN_EV_STATUS_ADDR));
    CORE(SNN_CONTROL) = SNN_CONTROL_INTERRUPT;
    say_line(WORD(CSR_SNN_EV_STATUS_ADDR));
    take();
    say_line(WORD(CSR_SNN_EV_STATUS_ADDR));
    put(4);
    return 0;
}
