"""Verilog: the compiler of neuron equations, the generators of accelerators and of streams."""
