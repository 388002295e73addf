"""How figures of a run are put into words, the same in tables, plots and the command line."""

from __future__ import annotations

import math

STAGES = {
    "train": "Training",
    "simulate": "Stochastic simulation",
    "quantize": "Quantisation",
    "compile": "Verilog generation",
    "cosimulate": "Co-simulation",
    "prove": "Proofs",
    "build": "FPGA build",
}
"""The stages of a run in their order: the keys of `summary.seconds` and their names."""

MODELS = {
    "float": "Float (PyTorch)",
    "sc": "Stochastic bitstreams",
    "integers": "Integer model",
    "rtl": "RTL (Verilog)",
}
"""The forms a network takes in a run: the keys of `results.predictions` and their names."""

RESOURCES = {
    "logic_cells": "Logic cells",
    "luts": "LUTs",
    "flip_flops": "Flip-flops",
    "brams": "Block RAMs",
    "sprams": "Single-port RAMs",
    "dsps": "Multipliers",
}
"""What a design takes of a device: the keys of `Build.used` and their names."""


def percent(fraction: float) -> str:
    """Write a fraction as a percentage: 0.9722 becomes 97.22 %."""
    return f"{100 * fraction:.2f} %"


def points(difference: float) -> str:
    """Write a difference of two fractions in percentage points, with its sign."""
    return f"{100 * difference:+.2f} points".replace("-", "\N{MINUS SIGN}")


def count(number: float) -> str:
    """Write a count with its thousands apart; whole unless it has a part after the point."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


def duration(seconds: float) -> str:
    """Write a time in seconds, or in minutes and seconds from a hundred seconds on."""
    if not math.isfinite(seconds):
        return f"{seconds} s"
    if seconds < 9.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60:02d} s"


def size(number_of_bytes: int) -> str:
    """Write a file's size: bytes, KiB or MiB."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if number_of_bytes >= unit:
            return f"{number_of_bytes / unit:.1f} {name}"
    return f"{number_of_bytes} bytes"


def shorten(name: str, letters: int = 12) -> str:
    """Cut a name that is too long for a plot; an ellipsis stands for the rest."""
    return name if len(name) <= letters else name[: letters - 1] + "\N{HORIZONTAL ELLIPSIS}"


def plural(number: float, noun: str, many: str = "") -> str:
    """Write a count and its noun: 1 step, 2 steps; `many` is a plural that takes more than an s."""
    return f"1 {noun}" if number == 1 else f"{count(number)} {many or noun + 's'}"
