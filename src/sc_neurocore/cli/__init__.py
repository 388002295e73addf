"""The command line: thin, over the Python interface, which reports progress as events."""

from sc_neurocore.cli.app import main

__all__ = ["main"]
