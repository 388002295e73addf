"""Surrogate-gradient cells, networks, encoders, losses, the training loop and checkpoints."""
