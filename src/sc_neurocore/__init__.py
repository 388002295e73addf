"""SC-NeuroCore: spiking neural networks from PyTorch to a proved FPGA bitstream."""

__version__ = "0.1.0"
