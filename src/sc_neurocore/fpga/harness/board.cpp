// A board top behind a pseudo-terminal: what a host writes there goes to uart_rx bit by bit, and what
// uart_tx says comes back, so that the host cannot tell it from a board.
//
// Usage: simulator. The first line of its output is the name of the terminal; it ends when its
// standard input is closed. Macros: CLOCKS_PER_BIT, TIMEOUT_BITS, RESET_BITS, BUTTON_IDLE,
// LED_IDLE.
//
// While nothing happens, time stands still: a simulated board that waits costs no processor. It stands
// still only after the board has had the time to give up a packet that stopped.

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <deque>

#include "Vboard.h"

namespace {

constexpr uint64_t QUIET_CLOCKS = uint64_t(2) << TIMEOUT_BITS;
constexpr int CLOCKS_PER_LOOK = 64;

class Terminal {
public:
    bool open() {
        int slave = -1;
        char name[256];
        if (openpty(&master, &slave, name, nullptr, nullptr) != 0) return false;
        // The slave stays open here, so that a host may come and go.
        termios settings;
        tcgetattr(slave, &settings);
        cfmakeraw(&settings);
        tcsetattr(slave, TCSANOW, &settings);
        fcntl(master, F_SETFL, O_NONBLOCK);
        std::printf("%s\n", name);
        std::fflush(stdout);
        return true;
    }

    void take(std::deque<uint8_t>& bytes) {
        uint8_t part[4096];
        for (;;) {
            const ssize_t count = read(master, part, sizeof part);
            if (count <= 0) return;
            bytes.insert(bytes.end(), part, part + count);
        }
    }

    // A host that does not read loses bytes, as with a real line.
    void give(uint8_t byte) {
        if (write(master, &byte, 1) != 1) return;
    }

    // Waits for the host; returns false when the standard input was closed.
    bool wait() {
        pollfd sources[2] = {{master, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
        poll(sources, 2, -1);
        return sources[1].revents == 0;
    }

    bool is_wanted() {
        pollfd source = {STDIN_FILENO, POLLIN, 0};
        return poll(&source, 1, 0) == 0;
    }

private:
    int master = -1;
};

// Puts bytes on the line, one bit after the other.
class Speaker {
public:
    bool is_idle() const { return bits == 0 && bytes.empty(); }

    bool clock() {
        if (bits == 0 && !bytes.empty()) {
            shift = uint32_t(bytes.front()) << 1 | 0x200;
            bytes.pop_front();
            bits = 10;
            left = CLOCKS_PER_BIT;
        }
        const bool level = bits == 0 || (shift & 1);
        if (bits != 0 && --left == 0) {
            shift >>= 1;
            --bits;
            left = CLOCKS_PER_BIT;
        }
        return level;
    }

    std::deque<uint8_t> bytes;

private:
    uint32_t shift = 0;
    int bits = 0;
    int left = 0;
};

// Looks at each bit in its middle.
class Listener {
public:
    bool is_idle() const { return bits == 0; }

    // Returns a byte, or -1 while there is none.
    int clock(bool level) {
        if (bits == 0) {
            if (!level) {
                bits = 10;
                left = CLOCKS_PER_BIT / 2;
                shift = 0;
            }
            return -1;
        }
        if (--left != 0) return -1;
        left = CLOCKS_PER_BIT;
        shift = shift >> 1 | uint32_t(level) << 9;
        if (--bits != 0) return -1;
        return (shift & 0x200) && !(shift & 1) ? int(shift >> 1 & 0xff) : -1;
    }

private:
    uint32_t shift = 0;
    int bits = 0;
    int left = 0;
};

}  // namespace

int main() {
    VerilatedContext context;
    Vboard board{&context};
    board.button = BUTTON_IDLE;
    board.uart_rx = 1;
    // Nobody may talk to the board before its reset is over.
    for (int clock = 0; clock < 2 << RESET_BITS; ++clock) {
        board.clk_pin = 0;
        board.eval();
        board.clk_pin = 1;
        board.eval();
    }
    Terminal terminal;
    if (!terminal.open()) {
        std::perror("openpty");
        return 1;
    }
    Speaker speaker;
    Listener listener;
    uint64_t quiet = 0;
    for (uint64_t clock = 0;; ++clock) {
        if (clock % CLOCKS_PER_LOOK == 0) {
            terminal.take(speaker.bytes);
            if (clock % (uint64_t(1) << 20) == 0 && !terminal.is_wanted()) return 0;
        }
        board.clk_pin = 0;
        board.uart_rx = speaker.clock();
        board.eval();
        const int byte = listener.clock(board.uart_tx);
        if (byte >= 0) terminal.give(uint8_t(byte));
        board.clk_pin = 1;
        board.eval();
        const bool is_idle = speaker.is_idle() && listener.is_idle() && board.led_busy == LED_IDLE;
        quiet = is_idle ? quiet + 1 : 0;
        if (quiet > QUIET_CLOCKS) {
            if (!terminal.wait()) return 0;
            quiet = 0;
        }
    }
}
