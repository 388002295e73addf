"""Commands on what real numbers become: compare, and the choice of a format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sc_neurocore.cli import options
from sc_neurocore.cli.console import reporting
from sc_neurocore.cli.stages import find_network, is_neuron, network_inputs, read_equations
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.errors import DataError
from sc_neurocore.files import write_atomically
from sc_neurocore.fixed.choosing import (
    USUAL_TARGET,
    Chosen,
    Target,
    choose_for_network,
    choose_for_neuron,
    is_auto,
)
from sc_neurocore.fixed.comparison import NeuronComparison, compare_neuron
from sc_neurocore.fixed.lowering import lower
from sc_neurocore.fixed.network_comparison import (
    COMPARED_SAMPLES,
    NetworkComparison,
    compare_network,
)
from sc_neurocore.fixed.qformat import FixedPoint
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.fixed.stimulus import STEPS, Stimulus, given_stimulus, standard_stimulus
from sc_neurocore.folders import sole_writer
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.report.comparison import both_over_time, error_by_width
from sc_neurocore.report.style import to_svg

Rows = list[tuple[str, ...]]


def compare(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="NEURON.txt|RUN",
            help="One neuron's equations; or a run folder, saved network or .nir file.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Currents (steps, channels) of a neuron, or a network's inputs as integers: "
            ".npy, or text with a line a step. By default steps, a ramp, noise and pulses, or the "
            "network's own test samples.",
        ),
    ] = None,
    format: options.Format = "Q8.8",
    constant_bits: options.ConstantBits = None,
    weight_bits: options.WeightBits = 8,
    steps: Annotated[int, typer.Option(min=10, help="Steps of the standard currents.")] = STEPS,
    samples: Annotated[
        int, typer.Option(min=1, help="At most so many inputs of a network.")
    ] = COMPARED_SAMPLES,
    agreement: Annotated[
        float, typer.Option(help="With --format auto: spike counts agree so far, 0 to 1.")
    ] = Target.agreement,
    state_error: Annotated[
        float, typer.Option(help="With --format auto: mean error of states, of their range.")
    ] = Target.state_error,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write comparison.json and figures there.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Compare floats with integers: spikes, states over time, and where they first differ."""
    with reporting(as_json) as report:
        target = Target(agreement, state_error)
        if is_neuron(source):
            neuron = parse_neuron(read_equations(source))
            stimulus = currents(neuron, data, steps)
            chosen = chosen_for_neuron(neuron, stimulus, format, constant_bits, target)
            found: NeuronComparison | NetworkComparison
            found = of_neuron = compare_neuron(lower(neuron, chosen.formats), stimulus)
            figures = _neuron_figures(of_neuron)
        else:
            description = find_network(source)
            inputs, origin = network_inputs(description, samples, _read(data) if data else None)
            chosen = chosen_for_network(
                description, format, constant_bits, weight_bits, (inputs, origin), target
            )
            formats = chosen.formats
            network = quantize(
                description,
                formats.text,
                weight_bits,
                constant_bits=formats.constant_fraction_bits,
            )
            found = of_network = compare_network(description, network, inputs, origin)
            figures = _network_figures(of_network)
        content = {**found.as_dict(), "tried": [each.as_dict() for each in chosen.tried]}
        rows: Rows = [("format", describe(chosen)), *tried_rows(chosen), *_rows(found)]
        if chosen.tried:
            figures["formats"] = _trade_off(chosen)
        if out is not None:
            rows += [("written", path.as_posix()) for path in _write(out, content, figures)]
        report.result(content, rows)


def chosen_for_neuron(
    neuron: Neuron,
    stimulus: Stimulus,
    format: str,
    constant_bits: int | None,
    target: Target = USUAL_TARGET,
) -> Chosen:
    """Return the format that is named, or choose one."""
    if not is_auto(format):
        return Chosen(FixedPoint.parse(format, constant_bits), ())
    return choose_for_neuron(neuron, stimulus, format, target, constant_bits)


def chosen_for_network(
    description: NetworkDescription,
    format: str,
    constant_bits: int | None,
    weight_bits: int,
    inputs: tuple[NDArray[np.int64], str] | None = None,
    target: Target = USUAL_TARGET,
) -> Chosen:
    """Return the format that is named, or choose one on inputs, or on those of the network."""
    if not is_auto(format):
        return Chosen(FixedPoint.parse(format, constant_bits), ())
    numbers, origin = inputs or network_inputs(description, COMPARED_SAMPLES)
    return choose_for_network(
        description, numbers, origin, weight_bits, format, target, constant_bits
    )


def describe(chosen: Chosen) -> str:
    """Say which format it is."""
    formats = chosen.formats
    return (
        f"{formats.text}, the current {formats.current.plain}, constants with "
        f"{formats.constant_fraction_bits} fraction bits"
    )


def tried_rows(chosen: Chosen) -> Rows:
    """Return a row for each format that was tried."""
    return [(f"  {each.format}", each.line) for each in chosen.tried]


def currents(neuron: Neuron, data: Path | None, steps: int = STEPS) -> Stimulus:
    """Return the user's currents, or the standard ones."""
    return standard_stimulus(neuron, steps=steps) if data is None else given_stimulus(_read(data))


def _read(path: Path) -> NDArray[Any]:
    """Read an array from .npy, or from text with numbers between commas or blanks."""
    if not path.is_file():
        raise DataError(f"{path} is not there: expected a .npy file, or text with a line a step")
    try:
        if path.suffix == ".npy":
            array: NDArray[Any] = np.load(path, allow_pickle=False)
            return array
        text = path.read_text(encoding="utf-8").replace(",", " ")
        numbers = [[float(word) for word in line.split()] for line in text.splitlines()]
        return np.array([line for line in numbers if line])
    except (ValueError, EOFError) as error:
        raise DataError(
            f"{path}: {error}; expected a .npy file, or text with as many numbers in each line"
        ) from None


def _rows(found: NeuronComparison | NetworkComparison) -> Rows:
    rows: Rows = [("in all", found.line)]
    if isinstance(found, NeuronComparison):
        rows += [
            (name, f"{a} spikes in floats, {b} in integers")
            for name, (a, b) in found.counts.items()
        ]
        rows += [
            (
                f"state {name}",
                f"{each.low:.6g} to {each.high:.6g} in floats; differs by up to "
                f"{each.largest_error:.4g}",
            )
            for name, each in found.states.items()
        ]
        rows += [(each.severity, str(each)) for each in found.findings]
    else:
        rows += [
            (
                each.name,
                f"{each.spikes_float} spikes in floats, {each.spikes_integer} in integers, agree "
                f"in {each.spike_agreement:.1%}",
            )
            for each in found.layers
        ]
    first = found.first_divergence
    return [*rows, ("first divergence", "none" if first is None else str(first))]


def _neuron_figures(found: NeuronComparison) -> dict[str, Figure]:
    """Draw every channel of the stimulus."""
    figures = {}
    for channel, name in enumerate(found.stimulus.names):
        both = found.floats, found.integers
        different = np.flatnonzero(both[0].spikes[:, channel] != both[1].spikes[:, channel])
        figures[name.replace(" ", "-")] = both_over_time(
            f"{found.program.neuron.name} in {found.format}: {name}",
            {
                state: (trace[:, channel], both[1].states[state][:, channel])
                for state, trace in both[0].states.items()
            },
            (
                np.flatnonzero(both[0].spikes[:, channel]),
                np.flatnonzero(both[1].spikes[:, channel]),
            ),
            int(different[0]) if different.size else None,
        )
    return figures


def _network_figures(found: NetworkComparison) -> dict[str, Figure]:
    """Draw how many spikes each layer has in each step, all samples together."""
    rows = {
        layer.name.split(",")[0]: tuple(
            run.spikes[number].reshape(len(run.spikes[number]), -1).sum(axis=1)
            for run in (found.floats, found.integers)
        )
        for number, layer in enumerate(found.layers)
    }
    first = found.first_divergence
    figure = both_over_time(
        f"{found.network.name} in {found.format}: spikes of {found.samples} inputs",
        {name: (floats, integers) for name, (floats, integers) in rows.items()},
        divergence=first.step if first else None,
    )
    return {"spikes": figure}


def _trade_off(chosen: Chosen) -> Figure:
    tried = chosen.tried
    return error_by_width(
        [each.format for each in tried],
        [FixedPoint.parse(each.format).state.width for each in tried],
        [1 - each.spike_agreement for each in tried],
        [each.mean_state_error for each in tried],
        chosen.formats.text,
    )


def _write(folder: Path, content: dict[str, Any], figures: dict[str, Figure]) -> list[Path]:
    files = {"comparison.json": json.dumps(content, indent=2) + "\n"}
    files |= {
        f"{name}.svg": to_svg(figure, name, f"Floats and integers: {name}")
        for name, figure in figures.items()
    }
    with sole_writer(folder, "compare"):
        for name, text in files.items():
            write_atomically(folder / name, text.encode())
    return [folder / name for name in files]
