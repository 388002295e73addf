"""From an integer network to a complete accelerator in Verilog.

The engine (rtl/*.v) is written by hand and the same for every network. What is generated is small:
a top module that gives the engine its sizes, two tables of the layers' constants, the neuron's
equation, and the contents of two memories.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Unpack

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.equation_compiler import emit_neuron
from sc_neurocore.hdl.geometry import EngineOptions, Geometry, LayerGeometry, plan
from sc_neurocore.hdl.manifest import RamStyle, Schedule, WeightSource
from sc_neurocore.hdl.memories import neurons_text, weight_image, weights_texts
from sc_neurocore.hdl.names import KEYWORDS
from sc_neurocore.hdl.render import render
from sc_neurocore.hdl.step_geometry import StepGeometry, StepLayerGeometry

SOURCES = "rtl"
BOARD_SOURCES = "board"
"""Inside it: what belongs to a board and not to the core."""
BENCH_MODULES = ("testbench", "control")
"""Modules that are put around the top to simulate it and to prove its control."""

WEIGHTS_FILE = "weights.hex"
WEIGHT_IMAGE = "weights.bin"
NEURONS_FILE = "neurons.hex"


@dataclass(frozen=True)
class Field:
    """Where a state or parameter stands in a packed word: bits high down to low."""

    name: str
    high: int
    low: int

    @property
    def width(self) -> int:
        """Bits of the field."""
        return self.high - self.low + 1


@dataclass(frozen=True)
class Accelerator:
    """An accelerator: what was made of a network, and where its files lie.

    Attributes:
        directory: The folder that holds rtl/.
        top: The top module.
        verilog: The sources, relative to the directory, the top first.
        memories: The contents of the memories, relative to the directory.
        content_hash: SHA-256 of the network description it computes.
        steps: Time steps per frame.
        states: For each layer, where each state stands in the trace port's `trace_state`.
        geometry: The engine's sizes.
        neuron_modules: The modules of the neurons' steps, in the order of the network's programs.
        schedule: The order of work.
        weights: Whether the weights are in the bitstream ("rom"), or the last of the memories is
            their image (`weight_image`), which goes through the top's write port ("loaded").
    """

    directory: Path
    top: str
    verilog: tuple[Path, ...]
    memories: tuple[Path, ...]
    content_hash: str
    steps: int
    states: tuple[tuple[Field, ...], ...]
    geometry: Geometry | StepGeometry
    neuron_modules: tuple[str, ...]
    schedule: Schedule = "group-stationary"
    weights: WeightSource = "rom"

    @property
    def frames_per_sample(self) -> int:
        """Frames that go in for one result: one, or one for every step."""
        sizes = self.geometry
        per_step = isinstance(sizes, StepGeometry) and not sizes.is_static
        return self.steps if per_step else 1

    def stationary_geometry(self) -> Geometry:
        """Return the sizes of a group-stationary engine.

        Raises:
            UserError: If the schedule is another one.
        """
        if isinstance(self.geometry, StepGeometry):
            raise UserError(
                f"{self.directory}: schedule {self.schedule}: expected group-stationary"
            )
        return self.geometry

    def step_geometry(self) -> StepGeometry:
        """Return the sizes of a step-outer engine.

        Raises:
            UserError: If the schedule is another one.
        """
        if not isinstance(self.geometry, StepGeometry):
            raise UserError(f"{self.directory}: schedule {self.schedule}: expected step-outer")
        return self.geometry

    @property
    def values_per_sample(self) -> int:
        """Numbers that go in for one result."""
        return self.geometry.layers[0].inputs * self.frames_per_sample


@dataclass(frozen=True)
class Rendered:
    """An accelerator that stands in memory.

    Attributes:
        accelerator: What it is; its directory is not set.
        contents: The content of each file, by its path in the folder.
    """

    accelerator: Accelerator
    contents: Mapping[str, bytes]

    def write(self, directory: Path) -> Accelerator:
        """Write it into a folder of the caller's own, which is made if needed."""
        for name, content in self.contents.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return replace(self.accelerator, directory=directory)


def render_stationary(
    network: IntegerNetwork,
    lanes: int = 8,
    neuron_verilog: str | None = None,
    *,
    weights: WeightSource = "rom",
    ram_style: RamStyle = "huge",
    **options: Unpack[EngineOptions],
) -> Rendered:
    """Make a group-stationary accelerator of a network; the same arguments give the same bytes.

    Args:
        network: A feed-forward network with a static input.
        lanes: Neurons whose sums are formed at the same time: a power of two, 1 to 128.
        neuron_verilog: The text of the neuron's step module, if not what the equation compiler
            makes of the network's program.
        weights: "rom" puts the weights into the bitstream; "loaded" leaves their memory to be
            filled through a write port, with the bytes of `weight_image`, which is written too.
        ram_style: Where loaded weights go: "huge" is the single-port RAM of the iCE40 UP5K, which
            no bitstream can fill, "block" is the block RAM of every device.
        options: See `EngineOptions`.

    Raises:
        UserError: If the engine does not have what the network needs.
    """
    geometry = plan(network, lanes, **options)
    neuron = emit_neuron(network.program, pipeline=geometry.unit_latency)
    step_module = f"{neuron.name}_step"
    engine = engine_files(SOURCES)
    taken = {step_module, *BENCH_MODULES, *(Path(name).stem for name in engine)}
    top = top_name(network.name, taken)
    values = _template_values(network, geometry, top, step_module)
    values |= {"weights": weights, "ram_style": ram_style}
    values |= {"weight_files": _weight_files(geometry)}
    verilog = {
        f"{top}.v": render_verilog("top.v.j2", values),
        f"{top}_schedule.v": render_verilog("schedule.v.j2", values),
        f"{top}_constants.v": render_verilog("constants.v.j2", values),
        f"{top}_weights.v": render_verilog("weights.v.j2", values),
        f"{step_module}.v": (neuron_verilog or neuron.step).encode(),
        **engine,
    }
    memories = memory_files(network, geometry, weights)
    accelerator = Accelerator(
        directory=Path(),
        top=top,
        verilog=source_paths(verilog),
        memories=source_paths(memories),
        content_hash=network.content_hash,
        steps=network.steps,
        states=(tuple(values["states"]),) * len(network.layers),
        geometry=geometry,
        neuron_modules=(step_module,),
        weights=weights,
    )
    return Rendered(accelerator, in_sources(verilog | memories))


def memory_files(
    network: IntegerNetwork, geometry: Geometry, weights: WeightSource
) -> dict[str, bytes]:
    """Return the files of a group-stationary design's memories: name and content."""
    memories = {NEURONS_FILE: neurons_text(network, geometry)}
    if weights == "rom":
        memories |= zip(_weight_files(geometry), weights_texts(network, geometry), strict=True)
    else:
        memories[WEIGHT_IMAGE] = weight_image(network, geometry)
    return memories


def _weight_files(geometry: Geometry) -> list[str]:
    """Return the names of the files of the weight memory's slices."""
    if geometry.weight_slices == 1:
        return [WEIGHTS_FILE]
    path = Path(WEIGHTS_FILE)
    return [f"{path.stem}_{number}{path.suffix}" for number in range(geometry.weight_slices)]


def source_paths(names: Iterable[str]) -> tuple[Path, ...]:
    """Return where files of a design lie, relative to its folder."""
    return tuple(Path(SOURCES) / name for name in names)


def in_sources(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the contents of files by their paths in a design's folder."""
    return {f"{SOURCES}/{name}": content for name, content in contents.items()}


def render_verilog(name: str, values: dict[str, Any]) -> bytes:
    """Fill in one of this package's templates."""
    return render("sc_neurocore.hdl", "templates", name, values).encode()


def engine_files(*folder: str) -> dict[str, bytes]:
    """Return the hand-written Verilog of a folder in this package: name and content."""
    place = files("sc_neurocore.hdl").joinpath(*folder)
    sources = [each for each in place.iterdir() if each.name.endswith(".v")]
    return {each.name: each.read_bytes() for each in sorted(sources, key=lambda each: each.name)}


def top_name(name: str, taken: set[str]) -> str:
    """Return the network's name, or one made from it where Verilog or another module has it."""
    tables = ("schedule", "constants", "weights", "layers")
    modules = {name, *(f"{name}_{part}" for part in tables)}
    return f"network_{name}" if name.lower() in KEYWORDS or modules & taken else name


def pack(ports: Iterable[Any]) -> list[Field]:
    """Pack ports from the lowest bit up."""
    fields: list[Field] = []
    low = 0
    for port in ports:
        fields.append(Field(port.name, low + port.width - 1, low))
        low += port.width
    return fields


def common_values(
    network: IntegerNetwork, geometry: Geometry | StepGeometry, top: str
) -> dict[str, Any]:
    """Return what the templates of both schedules say of a network."""

    def label(layer: LayerGeometry | StepLayerGeometry) -> str:
        """The case label of a layer; the last one takes the numbers that no layer has."""
        return "default" if layer.is_last else f"{geometry.layer_bits}'d{layer.number}"

    sizes = (geometry.layers[0].inputs, *(layer.outputs for layer in network.layers))
    return {
        "top": top,
        "g": geometry,
        "label": label,
        "network_name": network.name,
        "content_hash": network.content_hash,
        "hash_words": [network.content_hash[8 * i : 8 * i + 8] for i in range(8)],
        "sizes": "-".join(map(str, sizes)),
        "steps": network.steps,
        "inputs": sizes[0],
        "state_format": network.fixed_point.state,
        "current_format": network.fixed_point.current,
    }


def pack_initial_state(network: IntegerNetwork, fields: Iterable[Field]) -> int:
    """Return a neuron's states at rest, packed into one number.

    Args:
        network: The network.
        fields: Where each state stands.
    """
    return sum(
        (network.initial_state[field.name] % (1 << field.width)) << field.low for field in fields
    )


def _template_values(
    network: IntegerNetwork, geometry: Geometry, top: str, neuron_module: str
) -> dict[str, Any]:
    ports = network.program.inputs
    states = pack(port for port in ports if port.name in network.initial_state)
    initial = pack_initial_state(network, states)
    engine_parameters = geometry.parameters | {
        "INITIAL_STATE": f"{geometry.state_bits}'h{initial:x}",
        "NEURONS_FILE": f'"{NEURONS_FILE}"',
    }
    return common_values(network, geometry, top) | {
        "outputs": network.layers[-1].outputs,
        "neuron_name": network.program.neuron.name,
        "neuron_module": neuron_module,
        "states": states,
        "parameters": pack(network.program.parameters),
        "engine_parameters": list(engine_parameters.items()),
    }
