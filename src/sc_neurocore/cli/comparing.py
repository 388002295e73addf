"""Commands on what real numbers become: compare, and the choice of a format."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from sc_neurocore.cli import options
from sc_neurocore.cli.console import reporting
from sc_neurocore.cli.stages import (
    compared_samples,
    find_network,
    find_samples,
    integers_of,
    is_neuron,
    read_neuron,
)
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.files import write_atomically
from sc_neurocore.fixed.choosing import (
    AUTO_FORMAT,
    CLOSE_TARGET,
    USUAL_TARGET,
    Chosen,
    Target,
    choose_for_network,
    choose_for_neuron,
    is_auto,
)
from sc_neurocore.fixed.comparison import NeuronComparison, compare_neuron
from sc_neurocore.fixed.judgement import judge_network, judge_program
from sc_neurocore.fixed.lowering import lower
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.network_comparison import (
    COMPARED_SAMPLES,
    NetworkComparison,
    compare_network,
)
from sc_neurocore.fixed.qformat import FixedPoint
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.fixed.stimulus import STEPS, Stimulus, given_stimulus, standard_stimulus
from sc_neurocore.folders import sole_writer
from sc_neurocore.hdl.design import load_design
from sc_neurocore.hdl.manifest import MANIFEST
from sc_neurocore.network.description import NetworkDescription

Rows = list[tuple[str, ...]]
USUAL_FORMAT = "Q8.8"


def compare(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="NEURON.txt|RUN",
            help="One neuron's equations; or a run folder, saved network, compiled design or "
            ".nir file.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Currents (steps, channels) of a neuron, or, of one with several inputs, (steps, "
            "inputs) or (steps, channels, inputs): .npy, or text with a line a step; by default "
            "steps, a ramp, noise and pulses. Or samples of a network, as evaluate takes them; by "
            "default its own test samples.",
        ),
    ] = None,
    scale: options.Scale = None,
    format: options.NetworkFormat = None,
    constant_bits: options.ConstantBits = None,
    weight_bits: options.NetworkWeightBits = None,
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
        Path | None,
        typer.Option(metavar="DIR", help="Write comparison.html, .json and figures there."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Compare floats with integers: spikes, states over time, and where they first differ."""
    with reporting(as_json) as report:
        target = Target(agreement, state_error)
        if is_neuron(source):
            neuron = read_neuron(source)
            stimulus = currents(neuron, data, steps)
            chosen = chosen_for_neuron(
                neuron, stimulus, format or USUAL_FORMAT, constant_bits, target
            )
            found: NeuronComparison | NetworkComparison
            program = lower(neuron, chosen.formats)
            numerics = judge_program(program)
            found = compare_neuron(program, stimulus)
        else:
            description = find_network(source)
            asked = find_samples(description, None, data, scale, samples)
            inputs, origin = integers_of(asked)
            chosen, network = integers_for(
                source,
                description,
                format,
                constant_bits,
                weight_bits,
                (inputs, origin),
                None if target == USUAL_TARGET else target,
            )
            numerics = judge_network(network, description)
            found = compare_network(description, network, inputs, origin)
        content = {
            **found.as_dict(),
            "numerics": numerics.as_dict(),
            "tried": [each.as_dict() for each in chosen.tried],
        }
        said = [*numerics.lines(), *_rows(found)]
        rows: Rows = [("format", describe(chosen)), *tried_rows(chosen), *said]
        if out is not None:
            tables = {
                "Floats and integers": [("Format", describe(chosen)), *said],
                "Formats that were tried": tried_rows(chosen),
            }
            written = _write(out, content, found, chosen, tables)
            rows += [("written", path.as_posix()) for path in written]
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


@dataclass(frozen=True)
class Numbers:
    """What a network's numbers become: the format that was chosen, and the bits of its weights."""

    chosen: Chosen
    weight_bits: int

    def network(self, description: NetworkDescription) -> IntegerNetwork:
        """Return the network in integers."""
        formats = self.chosen.formats
        return quantize(
            description,
            formats.text,
            self.weight_bits,
            constant_bits=formats.constant_fraction_bits,
        )


def chosen_for_network(
    description: NetworkDescription,
    format: str | None,
    constant_bits: int | None,
    weight_bits: int | None,
    inputs: tuple[NDArray[np.int64], str] | None = None,
    target: Target | None = None,
) -> Numbers:
    """Return the format that is named, or choose one on inputs, or on those of the network.

    Of a network that was imported, format and weights are chosen where nothing is named, so that
    integers do what its floats do.
    """
    is_imported = "nir_dt" in description.metadata
    if format is None:
        format = AUTO_FORMAT if is_imported else USUAL_FORMAT
    if not is_auto(format):
        return Numbers(Chosen(FixedPoint.parse(format, constant_bits), ()), weight_bits or 8)
    numbers, origin = inputs or integers_of(
        find_samples(description, samples=compared_samples(description))
    )
    chosen = choose_for_network(
        description,
        numbers,
        origin,
        None if is_imported and weight_bits is None else weight_bits or 8,
        format,
        target or (CLOSE_TARGET if is_imported else USUAL_TARGET),
        constant_bits,
    )
    return Numbers(chosen, chosen.weight_bits or weight_bits or 8)


def integers_for(
    source: Path,
    description: NetworkDescription,
    format: str | None,
    constant_bits: int | None,
    weight_bits: int | None,
    inputs: tuple[NDArray[np.int64], str],
    target: Target | None = None,
) -> tuple[Chosen, IntegerNetwork]:
    """Return the integers of what a command was given: a compiled design has its own already.

    Raises:
        UserError: If others are asked of a design.
    """
    if not (source / MANIFEST).exists():
        numbers = chosen_for_network(
            description, format, constant_bits, weight_bits, inputs, target
        )
        return numbers.chosen, numbers.network(description)
    asked = {"format": format, "constant-bits": constant_bits, "weight-bits": weight_bits}
    named = [f"--{name}" for name, value in asked.items() if value is not None]
    if named:
        raise UserError(
            f"{', '.join(named)}: {source} is a compiled design, whose integers are chosen; give "
            f"the folder or file of the network that it was compiled from to try others"
        )
    design = load_design(source)
    choices = design.manifest.choices
    return Chosen(FixedPoint.parse(choices.format, choices.constant_bits), ()), design.network


def describe(chosen: Chosen) -> str:
    """Say which format it is."""
    formats = chosen.formats
    return (
        f"{formats.text}, the current {formats.current.plain}, constants with "
        f"{formats.constant_fraction_bits} fraction bits"
    )


def tried_rows(chosen: Chosen) -> Rows:
    """Return a row for each format that was tried."""
    return [
        (f"  {each.format}, constants {each.constant_bits}", each.line) for each in chosen.tried
    ]


def currents(neuron: Neuron, data: Path | None, steps: int = STEPS) -> Stimulus:
    """Return the user's currents, or the standard ones."""
    if data is None:
        return standard_stimulus(neuron, steps=steps)
    return given_stimulus(_read(data), neuron.inputs)


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
        rows += found.warnings
    first = found.first_divergence
    return [*rows, ("first divergence", "none" if first is None else str(first))]


def _write(
    folder: Path,
    content: dict[str, Any],
    found: NeuronComparison | NetworkComparison,
    chosen: Chosen,
    tables: dict[str, Rows],
) -> list[Path]:
    from sc_neurocore.cli.drawing import drawings  # matplotlib takes half a second to begin
    from sc_neurocore.report.html import render
    from sc_neurocore.report.illustrations import Illustration
    from sc_neurocore.report.ladder import Verdict
    from sc_neurocore.report.sections import Account, section
    from sc_neurocore.report.tables import Table

    figures = drawings(found, chosen)
    if isinstance(found, NeuronComparison):
        subject = found.program.neuron.name
    else:
        subject = found.network.name
    is_close = found.spike_agreement >= USUAL_TARGET.agreement
    account = Account(
        name=subject,
        sentence="Floating point and integers side by side, on the same inputs.",
        verdict=Verdict(
            "good" if is_close else "bad",
            f"Spike counts agree in {found.spike_agreement:.1%}",
            f"In {describe(chosen)}.",
        ),
        sections=(
            *(
                section(name, name, Table(name, ("Quantity", "Value"), tuple(rows)))
                for name, rows in tables.items()
                if rows
            ),
            *(section(name, name, Illustration(svg, name)) for name, svg in figures.items()),
        ),
    )
    files = {
        "comparison.json": json.dumps(content, indent=2) + "\n",
        "comparison.html": render([account]),
    }
    files |= {f"{name}.svg": svg for name, svg in figures.items()}
    with sole_writer(folder, "compare"):
        for name, text in files.items():
            write_atomically(folder / name, text.encode())
    return [folder / name for name in files]
