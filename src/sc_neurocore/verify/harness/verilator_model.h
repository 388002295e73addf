// The generated core as Verilator compiles it, behind the calls that harness.cpp makes.

#pragma once

#include <cstddef>
#include <cstdint>

#include "Vcore.h"

class Model {
public:
    void settle() { core.eval(); }

    void clk(bool value) { core.clk = value; }
    void reset(bool value) { core.reset = value; }
    void in_valid(bool value) { core.in_valid = value; }
    void in_data(uint64_t value) { core.in_data = value; }
    void out_ready(bool value) { core.out_ready = value; }
    void count_address(uint32_t value) { core.count_address = value; }
    void hash_address(uint32_t value) { core.hash_address = value; }
#if WEIGHT_WORDS
    void weight_write(bool value) { core.weight_write = value; }
    void weight_address(uint32_t value) { core.weight_address = value; }
    void weight_data(uint32_t value) { core.weight_data = value; }
#endif

    bool in_ready() const { return core.in_ready; }
    bool out_valid() const { return core.out_valid; }
    uint32_t out_class() const { return core.out_class; }
    uint32_t count_value() const { return core.count_value; }
    uint32_t hash_word() const { return core.hash_word; }

    uint64_t trace_valid() const { return core.trace_valid; }
    uint64_t trace_spike() const { return core.trace_spike; }
    uint32_t trace_layer() const { return core.trace_layer; }
    uint32_t trace_neuron() const { return core.trace_neuron; }
    uint32_t trace_step() const { return core.trace_step; }
    uint32_t trace_state(int word) const { return part(core.trace_state, word); }

private:
    static uint32_t part(uint64_t value, int word) { return uint32_t(value >> (32 * word)); }
    template <std::size_t Words>
    static uint32_t part(const VlWide<Words>& value, int word) { return value[word]; }

    VerilatedContext context;
    Vcore core{&context};
};
