// Streams frames through a generated core and records everything that it shows.
//
//   harness SAMPLES TRACE RESULTS COUNT SEED LIMIT
//
// SAMPLES  COUNT * FRAMES * INPUTS input values
// TRACE    for each update, in the order of the clock: neuron + spike * 2^31, step + layer * 2^16,
//          then the words of the packed states
// RESULTS  the 8 words of the network's hash; then for each sample: class, latency, interval, updates
//          traced so far, score of each output
// SEED     0: inputs come and results go at once; otherwise both sides hesitate at random
// LIMIT    clocks within which each sample must be done
//
// A sample is FRAMES frames of INPUTS values: one, or one for every step. Its result comes after all
// of them or, where a readout ends early, in place of a frame: then the frames left are not sent.
//
// The latency is that of a sample alone: the clocks from its last input to its result, or from when
// the result before was taken, if that was later. The interval is the clocks from the taking of one
// result to the next result, while inputs stream in; of the first sample, since its first input.
// While a result is read out, which takes time that does not count, the inputs stand still.
//
// All files are 32-bit little-endian words. Macros: INPUTS, FRAMES, OUTPUTS, BEAT (inputs in one
// clock), INPUT_BITS, UNITS (updates in one clock), STATE_BITS (of one neuron), and WEIGHT_WORDS: unless it is
// 0, the weights come from the first so many 16-bit words of the file weights.bin.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "model.h"

namespace {

constexpr int beats_of_frame = (INPUTS + BEAT - 1) / BEAT;
constexpr int beats = FRAMES * beats_of_frame;
constexpr int state_words = (STATE_BITS + 31) / 32;

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

// Marsaglia's 32-bit xorshift generator; a zero seed never hesitates.
class Hesitation {
public:
    explicit Hesitation(uint32_t seed) : state(seed) {}
    bool ever() const { return state != 0; }
    bool now() {
        if (!state) return false;
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        return (state & 3) == 0;
    }

private:
    uint32_t state;
};

class Bench {
public:
    Bench(const char* trace_path, const char* results_path, uint32_t seed)
        : trace(trace_path), results(results_path), hesitation(seed) {
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

    void run(const uint32_t* values, std::size_t count, uint64_t limit) {
        samples = values;
        samples_left = count;
        uint64_t taken = clock;
        for (std::size_t sample = 0; sample < count; ++sample) {
            const uint64_t since = clock;
            while (!show().out_valid()) {
                if (clock > since + limit) fail("a sample gave no result within the limit of clocks");
                cycle();
            }
            if (last_inputs.size() <= sample) {
                if (beat == 0 || beat % beats_of_frame) fail("a result came before its frame was in");
                end_sample();  // early
            }
            const uint64_t begin = sample && last_inputs[sample] < taken ? taken : last_inputs[sample];
            const uint32_t chosen = model.out_class();
            results.put(chosen);
            results.put(uint32_t(clock - begin));
            results.put(uint32_t(clock - taken));
            results.put(updates);
            paused = !hesitation.ever();
            read_scores();
            while (hesitation.now()) cycle();
            paused = false;
            model.out_ready(true);
            show();
            if (!model.out_valid() || model.out_class() != chosen)
                fail("the result did not hold until it was taken");
            taken = clock;
            cycle();
            model.out_ready(false);
            if (show().out_valid()) fail("one sample gave two results");
            results.end_record();
        }
        for (int i = 0; i < 8; ++i) {
            if (show().out_valid()) fail("a result came without a sample");
            cycle();
        }
    }

private:
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
        return uint32_t(width < 32 ? value & ((uint64_t(1) << width) - 1) : value);
    }

    // One clock, in which the next beat of the inputs is offered.
    void cycle() {
        if (!offering && samples_left && !paused && !hesitation.now()) offering = true;
        if (offering) {
            uint64_t data = 0;
            const uint32_t* frame = samples + beat / beats_of_frame * INPUTS;
            const int first = beat % beats_of_frame * BEAT;
            for (int i = 0; i < BEAT && first + i < INPUTS; ++i)
                data |= uint64_t(frame[first + i]) << (INPUT_BITS * i);
            model.in_data(data);
        }
        model.in_valid(offering && !paused);
        const bool took = offering && !paused && show().in_ready();
        tick();
        if (!took) return;
        offering = false;
        last_input = clock - 1;
        if (++beat == beats) end_sample();
    }

    // Turns to the next sample: all of this one is in, or all that was wanted.
    void end_sample() {
        last_inputs.push_back(last_input);
        samples += FRAMES * INPUTS;
        --samples_left;
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

    void read_scores() {
        for (uint32_t neuron = 0; neuron < OUTPUTS; ++neuron) {
            model.count_address(neuron);
            cycle();
            results.put(show().count_value());
        }
    }

    Model model;
    WordFile trace;
    WordFile results;
    Hesitation hesitation;
    const uint32_t* samples = nullptr;
    std::size_t samples_left = 0;
    int beat = 0;  // of the sample
    bool offering = false, paused = false;
    uint64_t last_input = 0;
    std::vector<uint64_t> last_inputs;  // by sample, the clock of its last beat
    uint64_t clock = 0;
    uint32_t updates = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) fail("usage: harness SAMPLES TRACE RESULTS COUNT SEED LIMIT");
    const std::size_t count = std::strtoull(argv[4], nullptr, 10);
    const std::vector<uint32_t> samples = read_words(argv[1], count * FRAMES * INPUTS);
    Bench bench(argv[2], argv[3], uint32_t(std::strtoull(argv[5], nullptr, 10)));
    bench.run(samples.data(), count, std::strtoull(argv[6], nullptr, 10));
    return 0;
}
