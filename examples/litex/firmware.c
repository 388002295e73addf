// SPDX-License-Identifier: Apache-2.0
// Feeds samples to the core and prints a line for each: the class, then the scores.

#include "console.h"
#include "core.h"
#include "samples.h"

#if SNN_WEIGHT_WORDS
#error "the weights are to be written first: see WEIGHT"
#endif

#define CORE(offset) WORD(SNN_BASE + (offset))

static volatile uint32_t answered;
static volatile int32_t class_of_it, scores[SNN_OUTPUTS];

// The interrupt: reads the result and takes it, which lowers the line.
void trap(uint32_t cause)
{
    if (cause != 0x8000000b) {
        say("trap\n\4");
        for (;;) {
        }
    }
    class_of_it = CORE(SNN_CLASS);
    for (uint32_t output = 0; output < SNN_OUTPUTS; output++) {
        CORE(SNN_SCORE_ADDRESS) = output;
        scores[output] = CORE(SNN_SCORE);
    }
    CORE(SNN_STATUS) = SNN_STATUS_RESULT;
    answered = 1;
}

static int is_the_network(void)
{
    static const uint32_t expected[8] = SNN_HASH_IS;

    for (uint32_t word = 0; word < 8; word++)
        if (CORE(SNN_HASH + 4 * word) != expected[word])
            return 0;
    return CORE(SNN_VERSION) == SNN_VERSION_IS;
}

static void send(const uint32_t *sample)
{
    for (uint32_t frame = 0; frame < SNN_FRAMES_OF_A_SAMPLE && !answered; frame++) {
        while (!answered && !(CORE(SNN_STATUS) & SNN_STATUS_READY)) {
        }
        for (uint32_t beat = 0; beat < SNN_WRITES_OF_A_FRAME && !answered; beat++)
            CORE(SNN_DATA) = *sample++;
    }
}

int main(void)
{
    if (!is_the_network()) {
        say("another network\n\4");
        return 1;
    }
    CORE(SNN_CONTROL) = SNN_CONTROL_CLEAR | SNN_CONTROL_INTERRUPT;
    WORD(CSR_SNN_EV_ENABLE_ADDR) = 1;
    enable_interrupts(1 << SNN_INTERRUPT);
    for (uint32_t number = 0; number < SAMPLES; number++) {
        answered = 0;
        send(samples[number]);
        while (!answered) {
        }
        say_number(class_of_it);
        for (uint32_t output = 0; output < SNN_OUTPUTS; output++) {
            put(' ');
            say_number(scores[output]);
        }
        put('\n');
    }
    if (CORE(SNN_STATUS) & SNN_STATUS_ERROR)
        say("an access was refused\n");
    put(4);  // the simulation ends
    return 0;
}
