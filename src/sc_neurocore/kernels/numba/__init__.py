"""The scan of a neuron as compiled loops on the CPU."""
