"""The back end that compiles derived scans with Triton, for GPUs."""
