// Sends the lines of the file inputs through the module bench, and writes the file outputs.
//
//   simulator +count=N
//
// A line is IN_WORDS words of 64 bits, and one of outputs OUT_WORDS; the low byte comes first. A line
// stands at the port `in` for CLOCKS clocks, in the first of which `start` is high, and every
// other line for GAP clocks more; then the port `out` is looked at. It belongs to the line that
// came DELAY lines before. With CLOCKS = 0 the module is combinational.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#if __has_include("design.cpp")

#include "design.cpp"

static CORE bench;
static void settle() { bench.step(); }
static void set_clock(bool value) { bench.p_clk.set<bool>(value); }
static void set_start(bool value) { bench.p_start.set<bool>(value); }
static void set_input(int word, uint32_t value) { bench.p_in.data[word] = value; }
template <std::size_t Bits>
static uint32_t part(const cxxrtl::value<Bits>& port, int word) { return port.data[word]; }
template <std::size_t Bits>
static uint32_t part(const cxxrtl::wire<Bits>& port, int word) { return port.curr.data[word]; }
static uint32_t output(int word) { return part(bench.p_out, word); }

#else

#include "Vcore.h"

static VerilatedContext context;
static Vcore bench{&context};
static void settle() { bench.eval(); }
static void set_clock(bool value) { bench.clk = value; }
static void set_start(bool value) { bench.start = value; }
static void set(QData& port, int word, uint32_t value) {
    port = word ? (port & 0xffffffff) | QData(value) << 32 : (port >> 32 << 32) | value;
}
template <std::size_t Words>
static void set(VlWide<Words>& port, int word, uint32_t value) { port[word] = value; }
static void set_input(int word, uint32_t value) { set(bench.in, word, value); }
static uint32_t part(QData port, int word) { return uint32_t(port >> (32 * word)); }
template <std::size_t Words>
static uint32_t part(const VlWide<Words>& port, int word) { return port[word]; }
static uint32_t output(int word) { return part(bench.out, word); }

#endif

static void fail(const char* message) {
    std::puts(message);
    std::exit(1);
}

int main(int argc, char** argv) {
    if (argc != 2 || std::strncmp(argv[1], "+count=", 7)) fail("arguments: +count=N");
    const long count = std::atol(argv[1] + 7);
    std::FILE* given = std::fopen("inputs", "rb");
    std::FILE* taken = std::fopen("outputs", "wb");
    if (!given || !taken) fail("cannot open the files");
    std::vector<uint32_t> in(2 * IN_WORDS), out(2 * OUT_WORDS);
    set_clock(false);
    for (long line = 0; line < count + DELAY; ++line) {
        if (line < count) {
            if (std::fread(in.data(), 4, in.size(), given) != in.size()) fail("cannot read inputs");
            for (int word = 0; word < 2 * IN_WORDS; ++word) set_input(word, in[word]);
        }
        set_start(true);
        settle();
        for (int clock = 0; clock < CLOCKS + (line & 1 ? GAP : 0); ++clock) {
            set_clock(true);
            settle();
            set_clock(false);
            set_start(false);
            settle();
        }
        if (line < DELAY) continue;
        for (int word = 0; word < 2 * OUT_WORDS; ++word) out[word] = output(word);
        if (std::fwrite(out.data(), 4, out.size(), taken) != out.size()) fail("cannot write outputs");
    }
    if (std::fclose(taken)) fail("cannot finish outputs: is the disk full?");
    std::puts("finished");
    return 0;
}
