// Streams frames through a generated core and records everything that it shows.
//
//   harness FRAMES TRACE RESULTS COUNT SEED LIMIT
//
// FRAMES   COUNT * INPUTS input values
// TRACE    for each update, in the order of the clock: neuron + spike * 2^31, step + layer * 2^16,
//          then STATE_WORDS words of packed states
// RESULTS  the 8 words of the network's hash; then for each frame: class, clocks from the first
//          input to the result, updates traced so far, spike count of each output
// SEED     0: inputs come and results go at once; otherwise both sides hesitate at random
// LIMIT    clocks within which each frame must be done
//
// All files are 32-bit little-endian words. INPUTS, OUTPUTS, STATE_WORDS and WEIGHT_WORDS are macros;
// unless the last is 0, the weights come from the first so many 16-bit words of the file weights.bin.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "model.h"

namespace {

[[noreturn]] void fail(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(1);
}

class WordFile {
public:
    explicit WordFile(const char* path) : file(std::fopen(path, "wb")) {
        if (!file) fail(std::string("cannot write ") + path);
        words.reserve(capacity + STATE_WORDS + 2);
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

    void run_frame(const uint32_t* values, uint64_t limit) {
        const uint64_t first = feed(values, limit);
        // A next input stands at the core all the time: it must not be taken before the result was.
        model.in_valid(true);
        while (!show().out_valid()) {
            if (model.in_ready()) fail("the core takes an input before it has given its result");
            if (clock > first + limit) fail("a frame gave no result within the limit of clocks");
            edge();
        }
        const uint32_t chosen = model.out_class();
        results.put(chosen);
        results.put(uint32_t(clock - first + 1));
        results.put(updates);
        read_counts();
        while (hesitation.now()) tick();
        model.out_ready(true);
        show();
        if (!model.out_valid() || model.out_class() != chosen)
            fail("the result did not hold until it was taken");
        if (model.in_ready()) fail("the core takes an input before its result was taken");
        edge();
        model.out_ready(false);
        model.in_valid(false);
        if (show().out_valid()) fail("one frame gave two results");
        results.end_record();
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
        if (model.trace_valid()) {
            trace.put(model.trace_neuron() | (uint32_t(model.trace_spike()) << 31));
            trace.put(model.trace_step() | (model.trace_layer() << 16));
            for (int word = 0; word < STATE_WORDS; ++word) trace.put(model.trace_state(word));
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

    // Returns the clock in which the first value was taken.
    uint64_t feed(const uint32_t* values, uint64_t limit) {
        uint64_t first = 0;
        const uint64_t begin = clock;
        for (int index = 0; index < INPUTS; ++index) {
            model.in_valid(false);
            while (hesitation.now()) tick();
            model.in_valid(true);
            model.in_data(values[index]);
            while (!show().in_ready()) {
                if (clock > begin + limit) fail("the core takes no input");
                edge();
            }
            if (index == 0) first = clock;
            edge();
        }
        return first;
    }

    void read_counts() {
        for (uint32_t neuron = 0; neuron < OUTPUTS; ++neuron) {
            model.count_address(neuron);
            tick();
            results.put(show().count_value());
        }
    }

    Model model;
    WordFile trace;
    WordFile results;
    Hesitation hesitation;
    uint64_t clock = 0;
    uint32_t updates = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) fail("usage: harness FRAMES TRACE RESULTS COUNT SEED LIMIT");
    const std::size_t count = std::strtoull(argv[4], nullptr, 10);
    const std::vector<uint32_t> frames = read_words(argv[1], count * INPUTS);
    Bench bench(argv[2], argv[3], uint32_t(std::strtoull(argv[5], nullptr, 10)));
    const uint64_t limit = std::strtoull(argv[6], nullptr, 10);
    for (std::size_t frame = 0; frame < count; ++frame)
        bench.run_frame(frames.data() + frame * INPUTS, limit);
    return 0;
}
