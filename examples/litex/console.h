// SPDX-License-Identifier: Apache-2.0
// The SoC's own registers by LiteX's names, and numbers on its UART.

#include <stdint.h>

#include "generated/csr.h"
#include "generated/mem.h"
#include "generated/soc.h"

#define WORD(address) (*(volatile uint32_t *)(uintptr_t)(address))

static inline void put(char character)
{
    while (WORD(CSR_UART_TXFULL_ADDR)) {
    }
    WORD(CSR_UART_RXTX_ADDR) = (uint8_t)character;
}

static inline void say(const char *text)
{
    while (*text)
        put(*text++);
}

static inline void say_number(int32_t number)
{
    char digits[12];
    char *at = digits + sizeof digits;
    uint32_t rest = number < 0 ? -(uint32_t)number : (uint32_t)number;

    *--at = 0;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--at = '-';
    say(at);
}

// Lets VexRiscv see the interrupts of these lines: a register of its own has the mask.
static inline void enable_interrupts(uint32_t lines)
{
    __asm__ volatile("csrw 0xbc0, %0" ::"r"(lines));
    __asm__ volatile("csrs mie, %0" ::"r"(1 << 11));
    __asm__ volatile("csrs mstatus, %0" ::"r"(1 << 3));
}
