// The generated core as Yosys' CXXRTL writes it, behind the calls that harness.cpp makes.
// CORE is the class that stands for the top module.

#pragma once

#include <cstddef>
#include <cstdint>

#include "design.cpp"

class Model {
public:
    void settle() { core.step(); }

    void clk(bool value) { core.p_clk.set(value); }
    void reset(bool value) { core.p_reset.set(value); }
    void in_valid(bool value) { core.p_in__valid.set(value); }
    void in_data(uint64_t value) { core.p_in__data.set<uint64_t>(value); }
    void out_ready(bool value) { core.p_out__ready.set(value); }
    void count_address(uint32_t value) { core.p_count__address.set(value); }
    void hash_address(uint32_t value) { core.p_hash__address.set(value); }
#if WEIGHT_WORDS
    void weight_write(bool value) { core.p_weight__write.set(value); }
    void weight_address(uint32_t value) { core.p_weight__address.set(value); }
    void weight_data(uint32_t value) { core.p_weight__data.set(value); }
#endif

    bool in_ready() const { return part(core.p_in__ready); }
    bool out_valid() const { return part(core.p_out__valid); }
    uint32_t out_class() const { return part(core.p_out__class); }
    uint32_t count_value() const { return part(core.p_count__value); }
    uint32_t hash_word() const { return part(core.p_hash__word); }

    uint64_t trace_valid() const { return whole(core.p_trace__valid); }
    uint64_t trace_spike() const { return whole(core.p_trace__spike); }
    uint32_t trace_layer() const { return part(core.p_trace__layer); }
    uint32_t trace_neuron() const { return part(core.p_trace__neuron); }
    uint32_t trace_step() const { return part(core.p_trace__step); }
    uint32_t trace_state(int word) const { return part(core.p_trace__state, word); }

private:
    // CXXRTL keeps an output as a value or, if a register drives it, as a wire.
    template <std::size_t Bits>
    static uint32_t part(const cxxrtl::value<Bits>& port, int word = 0) { return port.data[word]; }
    template <std::size_t Bits>
    static uint32_t part(const cxxrtl::wire<Bits>& port, int word = 0) { return port.curr.data[word]; }
    template <typename Port>
    static uint64_t whole(const Port& port) {
        uint64_t value = part(port);
        if (UNITS > 32) value |= uint64_t(part(port, 1)) << 32;
        return value;
    }

    CORE core;
};
