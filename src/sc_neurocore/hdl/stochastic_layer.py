"""Stochastic layers and networks as Verilog, bit-exact with `SCDenseLayer` and `run_network`.

The circuits (stochastic/*.v) are written by hand and parameterised. What is generated says which
of them a layer needs: its sources, a comparator for each different stream, the wires from these to
the gates of every output, and the start values of the sums. All outputs of a layer work at the
same time, one bit of every stream in each clock.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.files import write_atomically
from sc_neurocore.hdl.names import check_identifier
from sc_neurocore.hdl.render import render
from sc_neurocore.hdl.stochastic_sources import Numbers, input_numbers, weight_numbers
from sc_neurocore.stochastic.layer import SCDenseLayer
from sc_neurocore.stochastic.sharing import SourcePair
from sc_neurocore.stochastic.sources import BITS

WeightPlace = Literal["constants", "ports"]

_PACKAGE, _TEMPLATES, _CIRCUITS = "sc_neurocore.hdl", "templates", "stochastic"


@dataclass(frozen=True)
class StochasticVerilog:
    """Generated modules and the hand-written ones that they use.

    Attributes:
        top: The top module.
        files: File names and texts, the top first.
    """

    top: str
    files: dict[str, str]

    def write(self, directory: str | Path) -> None:
        """Write the files into a folder, which is made if needed."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            write_atomically(folder / name, text.encode())


@dataclass(frozen=True)
class StochasticLayerVerilog(StochasticVerilog):
    """A layer on its own.

    Attributes:
        layer: What it computes.
        bits: Width of an input value.
        fraction_bits: Inputs are in units of 2 ** -fraction_bits.
        sum_bits: Width of a count.
        weights: Whether the weights are "constants" or "ports".
    """

    layer: SCDenseLayer
    bits: int
    fraction_bits: int
    sum_bits: int
    weights: WeightPlace

    def port_values(self) -> dict[str, int]:
        """Return what the weights' ports carry, if there are some."""
        if self.weights == "constants":
            return {}
        thresholds = self.layer.weight_thresholds().ravel().tolist()
        negative = self.layer.negative.ravel().tolist()
        starts = starting_sums(self.layer).tolist()
        return {
            "weight_thresholds": _packed(thresholds, BITS + 1),
            "weight_negative": _packed(negative, 1),
            "starts": _packed(starts, self.sum_bits),
        }


@dataclass(frozen=True)
class _Bank:
    """The comparators of one sequence of numbers, one for each different threshold."""

    name: str
    sequence: int
    thresholds: tuple[str, ...]


@dataclass(frozen=True)
class _Output:
    """What belongs to one output: a wire for each weight's stream, signs and the first sum."""

    streams: tuple[str, ...]
    negative: str
    start: str


def emit_layer(
    layer: SCDenseLayer,
    name: str = "stochastic_layer",
    *,
    bits: int | None = None,
    fraction_bits: int | None = None,
    weights: WeightPlace = "constants",
) -> StochasticLayerVerilog:
    """Write a layer as Verilog: a module that takes values and gives the counts.

    Args:
        layer: The layer; its bias is not part of its counts.
        name: The module's name.
        bits: Width of an input value; enough for 1 by default.
        fraction_bits: Input values are in units of 2 ** -fraction_bits: 16, or 15 for bipolar
            weights, by default, which are all the values that a threshold can have.
        weights: "constants", which synthesis folds into the comparators, or "ports".

    Returns:
        The modules. The same layer gives the same bytes.

    Raises:
        UserError: If hardware cannot make the source's numbers, a rotated stream is too long, or
            the input's format does not fit.
        EquationError: If Verilog cannot use the name.
    """
    if weights not in ("constants", "ports"):
        raise UserError(f"weights={weights!r}: expected 'constants' or 'ports'")
    finest = BITS - 1 if layer.weights.encoding == "bipolar" else BITS
    fraction_bits = finest if fraction_bits is None else fraction_bits
    bits = fraction_bits + 1 if bits is None else bits
    check_input_format(bits, fraction_bits, layer)
    top = check_identifier(name, "module name")
    sum_bits = signed_bits(layer.length * layer.n_in)
    streams = stream_values(layer.sources, layer.n_in, layer.length)
    values = {
        **streams,
        "top": top,
        "encoding": layer.weights.encoding,
        "inputs": layer.n_in,
        "outputs": layer.n_out,
        "bits": bits,
        "fraction_bits": fraction_bits,
        "is_bipolar": int(layer.weights.encoding == "bipolar"),
        "is_constant": weights == "constants",
        "sum_bits": sum_bits,
        "count_bits": layer.n_in.bit_length(),
        "numbers_module": f"{top}_numbers",
        "layer_module": f"{top}_gates",
        "x_enable": "run",
    }
    modules = {
        top: render(_PACKAGE, _TEMPLATES, "sc_dense.v.j2", values),
        **numbers_module(f"{top}_numbers", streams),
        **gates_module(
            f"{top}_gates", layer, starting_sums(layer), sum_bits, weights, is_ring=False
        ),
    }
    return StochasticLayerVerilog(
        top, with_circuits(modules), layer, bits, fraction_bits, sum_bits, weights
    )


def check_input_format(bits: int, fraction_bits: int, layer: SCDenseLayer) -> None:
    """Raise `UserError` unless the thresholds of all inputs are whole numbers."""
    finest = BITS - 1 if layer.weights.encoding == "bipolar" else BITS
    if not (0 <= fraction_bits <= finest and bits >= 1):
        raise UserError(
            f"inputs of {bits} bits, {fraction_bits} of them behind the point: "
            f"{layer.weights.encoding} streams are compared with values of at most {finest}"
        )


def stream_values(sources: SourcePair, inputs: int, length: int) -> dict[str, Any]:
    """Return what the templates say of a layer's or network's streams."""
    about = f"inputs {sources.inputs}, weights {sources.weights}, {sources.sharing}"
    return {
        "length": length,
        "length_bits": max(1, (length - 1).bit_length()),
        "input_numbers": input_numbers(sources, inputs, length),
        "weight_numbers": weight_numbers(sources, inputs, length),
        "about": about,
    }


def numbers_module(name: str, streams: dict[str, Any]) -> dict[str, str]:
    """Write the module that makes the numbers of `stream_values`."""
    values = {
        "module": name,
        "inputs": streams["input_numbers"],
        "weights": streams["weight_numbers"],
        "about": streams["about"],
    }
    return {name: render(_PACKAGE, _TEMPLATES, "sc_numbers.v.j2", values)}


def gates_module(
    name: str,
    layer: SCDenseLayer,
    starts: NDArray[np.int64],
    sum_bits: int,
    weights: WeightPlace = "constants",
    *,
    is_ring: bool,
) -> dict[str, str]:
    """Write the module with a layer's weights, gates and counters.

    Args:
        name: The module's name.
        layer: The layer.
        starts: What each sum starts from, (n_out,).
        sum_bits: Width of a sum.
        weights: "constants" or "ports".
        is_ring: Whether the sums leave one after the other, or all side by side.
    """
    numbers: Numbers = weight_numbers(layer.sources, layer.n_in, layer.length)
    sequences = len(numbers.sequences)
    thresholds = layer.weight_thresholds()
    values = {
        "module": name,
        "encoding": layer.weights.encoding,
        "inputs": layer.n_in,
        "outputs": layer.n_out,
        "length": layer.length,
        "sequences": sequences,
        "is_constant": weights == "constants",
        "inclusive": int(numbers.inclusive),
        "is_bipolar": int(layer.weights.encoding == "bipolar"),
        "count_bits": layer.n_in.bit_length(),
        "sum_bits": sum_bits,
        "banks": _banks(thresholds, sequences),
        "is_ring": is_ring,
        "rows": list(_outputs(thresholds, layer.negative, starts, sum_bits, sequences)),
        "wrapped": _wrapped,
    }
    return {name: render(_PACKAGE, _TEMPLATES, "sc_layer.v.j2", values)}


def with_circuits(modules: dict[str, str]) -> dict[str, str]:
    """Return modules as files, and behind them all circuits that are written by hand."""
    found = {f"{name}.v": text for name, text in modules.items()}
    hand_written = sorted(
        (each for each in (files(_PACKAGE) / _CIRCUITS).iterdir() if each.name.endswith(".v")),
        key=lambda each: each.name,
    )
    for each in hand_written:
        if each.name in found:
            raise UserError(f"name {each.name[:-2]!r}: a circuit is called so; choose another")
    return found | {each.name: each.read_text(encoding="utf-8") for each in hand_written}


def starting_sums(layer: SCDenseLayer) -> NDArray[np.int64]:
    """Return what each sum starts from: what negative products count too much (sc_counter.v)."""
    starts: NDArray[np.int64] = -layer.length * layer.negative.sum(axis=1, dtype=np.int64)
    return starts


def signed_bits(largest: int) -> int:
    """Return the bits of a signed number that is no larger than this, nor smaller than minus it."""
    return largest.bit_length() + 1


def _banks(thresholds: NDArray[np.int64], sequences: int) -> list[_Bank]:
    banks = []
    for sequence in range(sequences):
        column = thresholds if sequences == 1 else thresholds[:, sequence]
        different = [each for each in np.unique(column).tolist() if each]
        if different:
            names = tuple(f"{BITS + 1}'d{each}" for each in different)
            banks.append(_Bank(f"w{sequence}", sequence, names))
    return banks


def _outputs(
    thresholds: NDArray[np.int64],
    negative: NDArray[np.bool_],
    starts: NDArray[np.int64],
    sum_bits: int,
    sequences: int,
) -> Iterable[_Output]:
    inputs = thresholds.shape[1]
    wires = []
    for sequence in range(sequences):
        column = thresholds if sequences == 1 else thresholds[:, sequence]
        different = [each for each in np.unique(column).tolist() if each]
        names = {each: f"w{sequence}[{index}]" for index, each in enumerate(different)}
        wires.append(names | {0: "1'b0"})  # a weight of 0 has no ones
    for row, signs, start in zip(
        thresholds.tolist(), negative.tolist(), starts.tolist(), strict=True
    ):
        streams = (wires[j if sequences > 1 else 0][each] for j, each in enumerate(row))
        yield _Output(
            tuple(streams),
            f"{inputs}'h{_packed(signs, 1):x}",
            f"{'-' * (start < 0)}{sum_bits}'sd{abs(start)}",
        )


def _packed(values: Sequence[int], width: int) -> int:
    """Put numbers side by side, the first in the low bits."""
    mask = (1 << width) - 1
    return sum((int(value) & mask) << (width * place) for place, value in enumerate(values))


def _wrapped(items: Iterable[str], indent: int) -> str:
    """Join the items of a concatenation, in several lines if they are many."""
    text = ", ".join(items)
    if len(text) < 60:
        return text
    margin = " " * indent
    lines = textwrap.wrap(text, 98, initial_indent=margin, subsequent_indent=margin)
    return "\n" + "\n".join(lines)
