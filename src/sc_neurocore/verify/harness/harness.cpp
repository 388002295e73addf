// Streams samples through a generated core and records everything that it shows.
//
//   simulator +count=N +seed=N +limit=N
//
// count    samples
// seed     0: inputs come and results go at once; otherwise the core is disturbed at random
// limit    clocks within which each sample must be done
//
// Files, all of 32-bit little-endian words:
// samples  count * FRAMES * INPUTS input values
// trace    for each update, in the order of the clock: neuron + spike * 2^31, step + layer * 2^16,
//          then the words of the packed states
// results  the 8 words of the network's hash; then for each attempt at a sample: what became of it
//          (0 a reset, 1 a result, 2 one that was taken before its scores were read, 3 one of which
//          something is unknown, which only a simulation in Verilog can find),
//          class, latency, interval, updates traced so far, clocks in which an input was withheld,
//          clocks in which a result had to wait, score of each output
//
// A sample is FRAMES frames of INPUTS values: one, or one for every step. Its result comes after all
// of them or, where a readout ends early, in place of a frame: then the frames left are not sent.
//
// The latency is that of a sample alone: the clocks from its last input to its result, or from when
// the result before was taken, if that was later. The interval is the clocks from the taking of one
// result to the next result, while inputs stream in; of the first sample, since its first input.
// While a result is read out, which takes time that does not count, the inputs stand still.
//
// With a seed, per sample: inputs are withheld never, seldom, often or mostly; a result is taken in
// its first clock, or waits for a few clocks, or for as long as a sample takes; a reset may fall into
// any clock, and then the sample is sent again. All the time, in_data is noise while in_valid is low,
// count_address moves unless it reads, out_ready moves while there is no result, and during reset
// in_valid moves too. The harness in Verilog (testbench.v.j2) draws the same numbers in the same
// order, so that all simulators see the same signals.
//
// Macros: INPUTS, FRAMES, OUTPUTS, OUTPUT_BITS (of a neuron's number), BEAT (inputs in one clock),
// INPUT_BITS, UNITS (updates in one clock), STATE_BITS (of one neuron), and WEIGHT_WORDS: unless it
// is 0, the weights come from the first so many 16-bit words of the file weights.bin, and
// WEIGHT_ADDRESS_BITS.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#if __has_include("design.cpp")
#include "cxxrtl_model.h"
#else
#include "verilator_model.h"
#endif

namespace {

constexpr int beats_of_frame = (INPUTS + BEAT - 1) / BEAT;
constexpr int beats = FRAMES * beats_of_frame;
constexpr int state_words = (STATE_BITS + 31) / 32;

enum Outcome : uint32_t { aborted = 0, complete = 1, unread = 2 };
enum Taking : uint32_t { at_once = 0, soon = 1, later = 2, late = 3 };
constexpr uint32_t longest_wait = 1000;

[[noreturn]] void fail(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(1);
}

class WordFile {
public:
    explicit WordFile(const char* path) : file(std::fopen(path, "wb")) {
        if (!file) fail(std::string("cannot write ") + path);
        words.reserve(capacity + state_words + OUTPUTS + 8);
    }
    ~WordFile() {
        flush();
        if (std::fclose(file)) fail("cannot finish an output file: is the disk full?");
    }
    void put(uint32_t word) { words.push_back(word); }
    void end_record() {
        if (words.size() >= capacity) flush();
    }

private:
    void flush() {
        if (std::fwrite(words.data(), 4, words.size(), file) != words.size())
            fail("cannot write an output file: is the disk full?");
        words.clear();
    }
    static constexpr std::size_t capacity = 1 << 16;
    std::FILE* file;
    std::vector<uint32_t> words;
};

std::vector<uint32_t> read_words(const char* path, std::size_t count) {
    std::vector<uint32_t> words(count);
    std::FILE* file = std::fopen(path, "rb");
    if (!file || std::fread(words.data(), 4, count, file) != count)
        fail(std::string("cannot read ") + path);
    std::fclose(file);
    return words;
}

constexpr uint64_t low_bits(int count) {
    return count < 64 ? (uint64_t(1) << count) - 1 : ~uint64_t(0);
}

// Marsaglia's 32-bit xorshift generator; with a zero seed nothing is ever drawn.
class Chance {
public:
    explicit Chance(uint32_t seed) : state(seed) {}
    bool ever() const { return state != 0; }
    uint32_t draw() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        return state;
    }
    bool sixteenths(uint32_t share) { return ever() && (draw() & 15) < share; }

private:
    uint32_t state;
};

class Bench {
public:
    Bench(std::vector<uint32_t> values, std::size_t count, uint32_t seed, uint64_t limit)
        : samples(std::move(values)), count(count), limit(limit), chance(seed) {
        model.in_valid(false);
        model.out_ready(false);
        model.reset(true);
        for (int i = 0; i < 4; ++i) tick();
        model.reset(false);
        for (uint32_t word = 0; word < 8; ++word) {
            model.hash_address(word);
            model.settle();
            results.put(model.hash_word());
        }
        tick();
#if WEIGHT_WORDS
        load_weights();
#endif
    }

    void run() {
        taken = clock;
        while (sample < count) {
            plan();
            if (attempt()) {
                ++sample;
                tries = 0;
            } else {
                reset();
                ++tries;
            }
        }
        for (int i = 0; i < 8; ++i) {
            if (show().out_valid()) fail("a result came without a sample");
            cycle();
        }
    }

private:
    // Decides how the next attempt at a sample is disturbed. The first sample is reset when its result
    // is there, which shows how long a sample takes, and again at some moment before.
    void plan() {
        since = clock;
        withheld = waited = 0;
        reset_after = 0;
        if (!chance.ever()) return;
        static constexpr uint32_t shares[4] = {0, 1, 4, 12};
        input_pauses = shares[chance.draw() & 3];
        taking = Taking(chance.draw() & 3);
        reset_at_result = sample == 0 && tries == 0;
        const bool again = sample == 0 ? tries == 1 : tries < 2 && chance.sixteenths(4);
        if (again) reset_after = 1 + chance.draw() % duration;
    }

    // Brings the sample to its result and takes that, unless a reset is due: then returns false.
    bool attempt() {
        while (!show().out_valid()) {
            if (clock > since + limit) fail("a sample gave no result within the limit of clocks");
            if (is_reset_due()) return false;
            cycle();
        }
        if (last_inputs.size() <= sample) {
            if (beat == 0 || beat % beats_of_frame) fail("a result came before its frame was in");
            end_sample();  // early
        }
        const uint64_t begin = sample && last_inputs[sample] < taken ? taken : last_inputs[sample];
        const uint64_t shown = clock, updates_shown = updates;
        chosen = model.out_class();
        duration = uint32_t(clock - since) + 1;
        is_offered = true;
        if (chance.ever()) {
            if (reset_at_result) return false;
            if (taking == later && !wait(chance.draw() & 15)) return false;
            if (taking == late && !wait(duration < longest_wait ? duration : longest_wait)) return false;
        }
        paused = !chance.ever();
        uint32_t scores[OUTPUTS] = {};
        const Outcome outcome = chance.ever() && taking == at_once ? unread : complete;
        if (outcome == complete) {
            uint32_t neuron = chance.ever() ? chance.draw() % OUTPUTS : 0;
            for (int i = 0; i < OUTPUTS; ++i) {
                while (chance.sixteenths(4))
                    if (!wait(1)) return false;
                if (is_reset_due()) return false;
                reading = true;
                model.count_address(neuron);
                cycle();
                scores[neuron] = show().count_value();
                reading = false;
                neuron = neuron + 1 == OUTPUTS ? 0 : neuron + 1;
            }
            if (chance.ever() && !wait(chance.draw() & 3)) return false;
        }
        if (is_reset_due()) return false;
        paused = false;
        model.out_ready(true);
        is_taking = true;
        const uint64_t now = clock;
        cycle();
        is_taking = is_offered = false;
        model.out_ready(false);
        if (show().out_valid()) fail("one sample gave two results");
        put_attempt(outcome, uint32_t(shown - begin), uint32_t(shown - taken), updates_shown, scores);
        taken = now;
        return true;
    }

    // Lets a result stand; returns false if a reset is due.
    bool wait(uint32_t clocks) {
        for (; clocks; --clocks) {
            if (is_reset_due()) return false;
            cycle();
            ++waited;
        }
        return true;
    }

    bool is_reset_due() const { return reset_after && clock - since >= reset_after; }

    // Ends the attempt; what the core shows after the first clock of the reset belongs to the next.
    void reset() {
        static constexpr uint32_t none[OUTPUTS] = {};
        model.reset(true);
        for (uint32_t i = 0, clocks = 1 + (chance.draw() & 3); i < clocks; ++i) {
            model.in_valid(chance.draw() & 1);
            disturb(true);
            show();
            if (i && model.out_valid()) fail("a result is offered after reset");
            edge();
            if (i == 0) put_attempt(aborted, 0, 0, updates, none);
        }
        model.reset(false);
        last_inputs.resize(sample);
        beat = 0;
        offering = paused = reading = is_offered = false;
        taken = clock;
    }

    void put_attempt(Outcome outcome, uint32_t latency, uint32_t interval, uint64_t traced,
                     const uint32_t* scores) {
        for (uint32_t word : {uint32_t(outcome), outcome == aborted ? 0 : chosen, latency, interval,
                              uint32_t(traced), withheld, waited})
            results.put(word);
        for (int neuron = 0; neuron < OUTPUTS; ++neuron) results.put(scores[neuron]);
        results.end_record();
    }

    // Lets the core settle with the clock low, so that its outputs can be looked at.
    Model& show() {
        model.clk(false);
        model.settle();
        return model;
    }

    // The rising edge; what the core showed before it is recorded.
    void edge() {
        const uint64_t valid = model.trace_valid(), spikes = model.trace_spike();
        for (int unit = 0; unit < UNITS; ++unit) {
            if (!(valid >> unit & 1)) continue;
            trace.put((model.trace_neuron() + unit) | uint32_t(spikes >> unit & 1) << 31);
            trace.put(model.trace_step() | (model.trace_layer() << 16));
            for (int word = 0; word < state_words; ++word) trace.put(state(unit, word));
            trace.end_record();
            ++updates;
        }
        model.clk(true);
        model.settle();
        ++clock;
    }

    void tick() {
        show();
        edge();
    }

    // Word `word` of a unit's states, cut out of the states of all units.
    uint32_t state(int unit, int word) const {
        const int low = unit * STATE_BITS + 32 * word;
        const int width = STATE_BITS - 32 * word;
        uint64_t value = model.trace_state(low / 32);
        if (low % 32 && low / 32 + 1 < (UNITS * STATE_BITS + 31) / 32)
            value |= uint64_t(model.trace_state(low / 32 + 1)) << 32;
        value >>= low % 32;
        return uint32_t(width < 32 ? value & low_bits(width) : value);
    }

    // One clock, in which the next beat of the inputs is offered.
    void cycle() {
        const bool has_result = (is_offered || chance.ever()) && show().out_valid();
        if (is_offered && (!has_result || model.out_class() != chosen))
            fail("the result did not hold until it was taken");
        if (!offering && fed() < count && !paused) {
            offering = !chance.sixteenths(input_pauses);
            withheld += !offering;
        }
        if (offering) {
            uint64_t data = 0;
            const uint32_t* frame = &samples[(fed() * FRAMES + beat / beats_of_frame) * INPUTS];
            const int first = beat % beats_of_frame * BEAT;
            for (int i = 0; i < BEAT && first + i < INPUTS; ++i)
                data |= uint64_t(frame[first + i]) << (INPUT_BITS * i);
            model.in_data(data);
        }
        const bool offers = offering && !paused;
        model.in_valid(offers);
        if (chance.ever()) {
            if (!is_taking) model.out_ready(!has_result && (chance.draw() & 1));
            disturb(!offers);
        }
        const bool took = show().in_ready() && offers;
        edge();
        if (!took) return;
        offering = false;
        last_input = clock - 1;
        if (++beat == beats) end_sample();
    }

    // Noise where the core must not listen.
    void disturb(bool with_data) {
        if (with_data) {
            const uint64_t high = chance.draw();
            model.in_data((high << 32 | chance.draw()) & low_bits(BEAT * INPUT_BITS));
        }
        if (!reading) model.count_address(chance.draw() & uint32_t(low_bits(OUTPUT_BITS)));
#if WEIGHT_WORDS
        model.weight_address(chance.draw() & uint32_t(low_bits(WEIGHT_ADDRESS_BITS)));
        model.weight_data(chance.draw() & 0xffff);
#endif
    }

    // The sample whose inputs go in.
    std::size_t fed() const { return last_inputs.size(); }

    // Turns to the next sample: all of this one is in, or all that was wanted.
    void end_sample() {
        last_inputs.push_back(last_input);
        beat = 0;
        offering = false;
    }

#if WEIGHT_WORDS
    void load_weights() {
        std::FILE* image = std::fopen("weights.bin", "rb");
        if (!image) fail("cannot read weights.bin");
        model.weight_write(true);
        for (uint32_t word = 0; word < WEIGHT_WORDS; ++word) {
            const int low = std::fgetc(image), high = std::fgetc(image);
            if (high == EOF) fail("weights.bin is too short");
            model.weight_address(word);
            model.weight_data(uint32_t(high) << 8 | uint32_t(low));
            tick();
        }
        model.weight_write(false);
        std::fclose(image);
    }
#endif

    Model model;
    WordFile trace{"trace"}, results{"results"};
    const std::vector<uint32_t> samples;
    const std::size_t count;
    const uint64_t limit;
    Chance chance;

    std::size_t sample = 0;  // whose result is awaited
    uint32_t tries = 0;      // at it, that a reset ended
    std::vector<uint64_t> last_inputs;  // by sample, the clock of its last beat
    uint64_t last_input = 0;
    int beat = 0;  // of the sample that goes in
    bool offering = false, paused = false, reading = false, is_offered = false, is_taking = false;
    uint32_t chosen = 0;

    uint32_t input_pauses = 0;  // in sixteenths
    Taking taking = at_once;
    bool reset_at_result = false;
    uint32_t reset_after = 0;  // 0: never
    uint32_t duration = 1;     // of the last sample
    uint64_t since = 0, taken = 0, clock = 0;
    uint32_t updates = 0, withheld = 0, waited = 0;
};

uint64_t argument(int argc, char** argv, const std::string& name) {
    const std::string start = "+" + name + "=";
    for (int i = 1; i < argc; ++i)
        if (!std::strncmp(argv[i], start.c_str(), start.size()))
            return std::strtoull(argv[i] + start.size(), nullptr, 10);
    fail("arguments: +count=N +seed=N +limit=N");
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t count = argument(argc, argv, "count");
    {
        Bench bench(read_words("samples", count * FRAMES * INPUTS), count,
                    uint32_t(argument(argc, argv, "seed")), argument(argc, argv, "limit"));
        bench.run();
    }
    std::puts("finished");
    return 0;
}
