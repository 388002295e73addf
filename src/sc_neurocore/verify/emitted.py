"""What the emitted files say is what the network needs: read back through Yosys, value by value.

Proofs take the engine, its sizes and its tables from the files. That these are the sizes, tables
and numbers of this network is shown here, whoever wrote the files.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock

from sc_neurocore.errors import CheckFailedError, ToolFailedError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import SOURCES, Accelerator
from sc_neurocore.hdl.design import Design, render_core
from sc_neurocore.hdl.geometry import Geometry, LayerGeometry
from sc_neurocore.hdl.memories import memory_files
from sc_neurocore.tools import programs
from sc_neurocore.verify.bench import MEMORIES
from sc_neurocore.verify.edited_circuits import new_state, same_circuit
from sc_neurocore.verify.elaborated import (
    Elaboration,
    compare,
    elaborate,
    evaluate,
    table,
)
from sc_neurocore.verify.planned import other_plan, parameters_inside
from sc_neurocore.verify.result import ProofResult

NAME = "files: sizes, tables and numbers are those of the network"
ENGINE, LAYERS = "engine", "layers"
WALKERS = tuple(f"snn_{name}.v" for name in ("controller", "loader", "places", "scanner", "window"))
"""Their contracts count on what the modules around them do, which is argued and not proved: only
the circuits that would be written are vouched for."""
READOUT = "snn_readout.v"
"""The same is so of this one."""
_MOST_NAMED = 4
_ONE_AT_A_TIME = Lock()


def check_emitted(design: Design) -> ProofResult:
    """Compare the files of a design with its network, as Yosys elaborates them.

    Every parameter of the engine and of its modules, every entry of the layers' table, every word
    of the memories' files, the network's identity; what was planned, with the network itself
    (`verify.planned`); and that there is nothing which clocked proofs cannot see: latches, falling
    edges, asynchronous resets, a second clock, black boxes, wires with no driver or several. Where
    somebody edited the files, the circuits of the top module, of the engine that connects its
    parts, of the modules that walk words and inputs, of the memories and of the readout must also
    be the ones that would be written: they connect what the other proofs speak of, these put
    memories of their own in place of the design's, and that contracts fit what is around them is
    argued and not proved. Nor may the files remember more than would be written: no proof within a
    bound and no sample waits as long as a counter can. No proof and no simulation looks at a
    board's Verilog and pins, and none at how a bus is joined, so none of that may be edited.

    Raises:
        ToolMissingError: If Yosys is not installed.
        ToolFailedError: If it cannot read the files.
    """
    began = time.perf_counter()
    accelerator, network = design.accelerator, design.network
    expected = _expected_memories(accelerator, network)
    try:
        differences = list(_differences(design, expected))
    except programs.ToolTimeoutError:
        raise
    except ToolFailedError as error:
        if not design.edited:
            raise
        differences = [f"as they were edited, Yosys refuses the files: {error}"]
    words = sum(map(len, expected.values()))
    entries = len(accelerator.geometry.layers) * len(row_of_layer(accelerator.geometry, 0))
    detail = (
        f"{len(accelerator.geometry.parameters)} parameters, {entries} table entries and {words} "
        f"words of memory read back from the files and compared, each; modules have the engine's "
        f"sizes, and what was planned is what the network needs; one clock, no latch, no "
        f"falling edge, no asynchronous reset, nothing undriven"
    )
    if differences:
        rest = len(differences) - _MOST_NAMED
        more = f"; and {rest} more" if rest > 0 else ""
        detail = "; ".join(differences[:_MOST_NAMED]) + more
    return ProofResult(
        name=NAME,
        status="refuted" if differences else "proved",
        engine=f"Yosys {programs.version('yosys')}, exact comparison",
        seconds=round(time.perf_counter() - began, 3),
        detail=detail,
        assumptions=("Yosys reads Verilog as the other tools do",),
        figures={"words": words, "table_entries": entries},
    )


def _differences(design: Design, expected: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    accelerator = design.accelerator
    files = files_of(accelerator)
    found = elaborated(accelerator)
    yield from found.faults
    yield from compare(found, {ENGINE: accelerator.geometry.parameters})
    if ENGINE in found.instances:
        yield from compare(found, parameters_inside(found, ENGINE))
    yield from other_plan(accelerator, design.network)
    yield from _other_words(found, expected)
    yield from _other_image(accelerator, design.network)
    yield from _other_rows(files, found, accelerator.geometry)
    yield from _other_identity(files, found, design.network)
    if design.edited:
        yield from found.warnings
        ours = _generated(design)
        yield from _other_circuits(files, ours, accelerator.top)
        for each in new_state(found, elaborate(ours, accelerator.top)):
            yield f"{each}: what waits there for longer than anybody looks is not found"
        yield from _edited_board(design)
        yield from _edited_bus(design)


def elaborated(accelerator: Accelerator) -> Elaboration:
    """Return the emitted core as Yosys elaborates it: once, as long as its files are the same.

    Raises:
        ToolMissingError, ToolTimeoutError, ToolFailedError: As `elaborate`.
    """
    with _ONE_AT_A_TIME:
        return _elaborated(tuple(files_of(accelerator).items()), accelerator.top)


@lru_cache(maxsize=2)
def _elaborated(files: tuple[tuple[str, bytes], ...], top: str) -> Elaboration:
    return elaborate(dict(files), top)


def only_parameters_of(accelerator: Accelerator, module: str) -> dict[str, int]:
    """Return the numbers that a module has wherever it is in the emitted core.

    Raises:
        CheckFailedError: If it has several sets of them, or as `parameters_of`.
    """
    sizes, *others = parameters_of(accelerator, module)
    if others:
        raise CheckFailedError(
            f"{module} is in {accelerator.top} with {1 + len(others)} sets of parameters, expected "
            f"one: take back what was edited, or compile again"
        )
    return sizes


def parameters_of(accelerator: Accelerator, module: str) -> list[dict[str, int]]:
    """Return the numbers that the emitted core gives a module's parameters.

    Returns:
        One set for each way in which the module is there; none if the design has no such file.

    Raises:
        CheckFailedError: If its file is there and nothing uses it.
        ToolMissingError, ToolTimeoutError, ToolFailedError: As `elaborate`.
    """
    found: list[dict[str, int]] = []
    for instance in elaborated(accelerator).instances.values():
        numbers = {k: v for k, v in instance.parameters.items() if isinstance(v, int)}
        if instance.module == module and numbers not in found:
            found.append(numbers)
    file = Path(SOURCES) / f"{module}.v"
    if not found and file in accelerator.verilog:
        raise CheckFailedError(
            f"{accelerator.directory / file} is a part of {accelerator.top}, but nothing in the "
            f"design uses it: take back what was edited, or compile again"
        )
    return found


def files_of(accelerator: Accelerator) -> dict[str, bytes]:
    """Return the core's files as tools see them."""
    return {
        path.relative_to(SOURCES).as_posix(): (accelerator.directory / path).read_bytes()
        for path in (*accelerator.verilog, *accelerator.memories)
        if path.suffix in (".v", ".hex")
    }


def _expected_memories(
    accelerator: Accelerator, network: IntegerNetwork
) -> dict[str, tuple[int, ...]]:
    """Return the words of each memory's file."""
    contents = memory_files(network, accelerator.geometry, accelerator.weights, accelerator.top)
    return {
        name: tuple(int(word, 16) for word in text.split())
        for name, text in contents.items()
        if name.endswith(".hex")
    }


def _other_words(found: Elaboration, expected: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    """Yield how the memories that files fill differ from the network's numbers."""
    seen = set()
    for instance in found.instances.values():
        for memory in instance.memories:
            if memory.words is None:
                continue
            names = {name for name in expected if f"./{name}" in instance.texts}
            seen |= names
            if len(names) != 1:
                yield f"{instance.path} is filled from no file of this network"
            elif memory.words != expected[next(iter(names))]:
                yield f"{next(iter(names))} ({instance.path}) does not hold this network's numbers"
    yield from (f"{name} fills no memory" for name in expected.keys() - seen)


def _other_image(accelerator: Accelerator, network: IntegerNetwork) -> Iterator[str]:
    """Yield that the image of weights that are loaded is not of this network."""
    contents = memory_files(network, accelerator.geometry, accelerator.weights, accelerator.top)
    for path in accelerator.memories:
        content = (accelerator.directory / path).read_bytes()
        if path.suffix != ".hex" and content != contents[path.name]:
            yield f"{path.as_posix()} does not hold this network's numbers"


def row_of_layer(geometry: Geometry, number: int) -> dict[str, int]:
    """Return what the table must say of a layer."""
    layer: LayerGeometry = geometry.layers[number]
    mask = (1 << geometry.row_bits) - 1
    return {
        "is_last": int(layer.is_last),
        "takes_frame": int(layer.takes_frame),
        "is_recurrent": int(layer.is_recurrent),
        "is_delayed": int(layer.is_delayed),
        "last_word": 0 if geometry.windows else layer.words - 1,
        "last_group": layer.groups - 1,
        "last_lane": layer.last_lane,
        "inputs": layer.inputs & mask,
        "outputs": layer.outputs & mask,
        "input_shift": layer.input_shift,
        "recurrent_shift": layer.recurrent_shift,
        "first_ring": layer.first_ring,
        "first_slot": layer.first_slot,
        "shift": layer.shift,
        "equation": layer.unit,
    }


def _other_rows(
    files: Mapping[str, bytes], found: Elaboration, geometry: Geometry
) -> Iterator[str]:
    """Yield the entries of the layers' table that are not the network's."""
    if LAYERS not in found.instances:
        yield f"{found.top} has no table of layers"
        return
    rows = table(files, found, LAYERS, ["layer"], len(geometry.layers))
    for number, row in enumerate(rows):
        needed = row_of_layer(geometry, number)
        for name in sorted(needed.keys() | row.keys()):
            if row.get(name) != needed.get(name):
                yield (
                    f"the table of layers says {name} = {row.get(name)} of layer {number}, the "
                    f"network needs {needed.get(name)}"
                )


def _other_identity(
    files: Mapping[str, bytes], found: Elaboration, network: IntegerNetwork
) -> Iterator[str]:
    """Yield that the core would say it is another network: hosts refuse it, or take it for one."""
    places = [{"hash_address": number} for number in range(8)]
    words = evaluate(files, found, "", places, outputs=["hash_word"])
    said = "".join(f"{each['hash_word']:08x}" for each in words)
    if said != network.content_hash:
        yield f"the core says that it computes network {said}, not {network.content_hash}"


def _generated(design: Design) -> dict[str, bytes]:
    """Return the core's files as this version writes them."""
    expected = render_core(design.network, design.manifest.choices)
    return {
        name.removeprefix(f"{SOURCES}/"): content
        for name, content in expected.contents.items()
        if name.endswith((".v", ".hex"))
    }


def _other_circuits(
    files: Mapping[str, bytes], ours: Mapping[str, bytes], name: str
) -> Iterator[str]:
    """Yield what was edited into another circuit, where no proof says all that it must do."""
    top = f"{name}.v"
    reasons = {top: "connects engine, tables and equations in another way than is generated"}
    memories = (f"{name}_weights.v", *MEMORIES)
    reasons |= dict.fromkeys(memories, "is another memory than is generated")
    reasons["snn_engine.v"] = "connects the engine's modules in another way than is generated"
    reasons |= dict.fromkeys(WALKERS, "walks words and inputs in another way than is generated")
    reasons[READOUT] = "is another readout than is generated, of classes and counts,"
    for file, reason in reasons.items():
        is_edited = file in ours and ours[file] != files[file]
        if is_edited and not same_circuit({**ours, file: files[file]}, ours, name):
            yield f"{file} {reason}: of that nothing is proved"


def _edited_board(design: Design) -> Iterator[str]:
    """Yield what was edited between the accelerator and the board's pins, and of the pins."""
    for path in design.manifest.paths("constraints"):
        name = path.as_posix()
        if changed := design.changed_lines(name):
            yield (
                f"{name}, which says where pins are and how fast the clock is, was edited "
                f"({'; '.join(changed[:_MOST_NAMED])}): of that nothing is proved or simulated"
            )
    for path in design.manifest.paths("board"):
        if path.as_posix() in (design.edited or ()):
            yield (
                f"{path.as_posix()}, which carries inputs and results over the board, was edited: "
                f"of that nothing is proved or simulated"
            )


def _edited_bus(design: Design) -> Iterator[str]:
    """Yield what was edited between the accelerator and a bus."""
    for path in design.manifest.paths("bus"):
        if path.as_posix() in (design.edited or ()):
            yield (
                f"{path.as_posix()}, which stands between the core and a bus, was edited: how they "
                f"are joined is neither proved nor simulated"
            )
