"""Verilog: the compiler of neuron equations, the network generator and its testbenches."""
