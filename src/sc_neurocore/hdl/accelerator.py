"""From an integer network to a complete accelerator in Verilog.

The engine (rtl/*.v) is written by hand and the same for every network. What is generated is small:
a top module that gives the engine its sizes, a table of the layers, the neurons' equations, and the
contents of two memories.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any, Unpack

from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.equation_compiler import default_name, emit_neuron
from sc_neurocore.hdl.geometry import AUTO, EngineOptions, Geometry, LayerGeometry, Schedule
from sc_neurocore.hdl.manifest import BusName, RamStyle, WeightSource
from sc_neurocore.hdl.memories import memory_files, neurons_file, weight_files
from sc_neurocore.hdl.names import KEYWORDS
from sc_neurocore.hdl.planning import plan
from sc_neurocore.hdl.render import render
from sc_neurocore.hdl.verilog_text import parameter_value

SOURCES = "rtl"
BOARD_SOURCES = "board"
"""Inside it: what belongs to a board and not to the core."""
BUS_MODULES: Mapping[BusName, tuple[str, ...]] = {
    "axi-stream": ("snn_axis",),
    "axi-lite": ("snn_axi_lite", "snn_registers"),
    "wishbone": ("snn_wishbone", "snn_registers"),
    "events": ("snn_events",),
}
"""Hand-written modules that lie beside the engine's and are no part of it: see `hdl.bus`. The first
one gives the bus its name in the design's files."""
OF_BUSES = frozenset(chain.from_iterable(BUS_MODULES.values()))
BENCH_MODULES = (
    "testbench",
    "control",
    "additions",
    "currents",
    "lane_currents",
    "small",
    "small_reference",
    "wiring",
    "joined",
)
"""Modules that are put around the top to simulate it and to prove its claims."""


@dataclass(frozen=True)
class Field:
    """Where a state or parameter stands in a packed word: bits high down to low."""

    name: str
    high: int
    low: int
    signed: bool = True

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
    geometry: Geometry
    neuron_modules: tuple[str, ...]
    weights: WeightSource = "rom"

    @property
    def schedule(self) -> Schedule:
        """The order of work."""
        return self.geometry.schedule

    @property
    def frames_per_sample(self) -> int:
        """Frames that go in for one result: one, or one for every step."""
        return 1 if self.geometry.is_static else self.steps

    @property
    def values_per_sample(self) -> int:
        """Numbers that go in for one result."""
        return self.geometry.frame_inputs * self.frames_per_sample

    @property
    def clock_limit(self) -> int:
        """Clocks that no sample can need: every input active, nothing overlapping, twice."""
        geometry = self.geometry
        group = geometry.lanes + geometry.period + 32
        # A recurrent layer has its own spikes for inputs too; rings of delays may be cleared.
        clocks = sum(
            layer.groups
            * (1 << geometry.step_bits)
            * (
                geometry.most_fetched(layer) * geometry.parts(layer)
                + layer.is_recurrent * layer.outputs
                + group
            )
            for layer in geometry.layers
        )
        return 2 * (clocks + geometry.clear_clocks + 4 * self.values_per_sample) + 1000


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


def render_accelerator(
    network: IntegerNetwork,
    lanes: int = 8,
    schedule: str = AUTO,
    *,
    neuron_verilog: str | None = None,
    weights: WeightSource = "rom",
    ram_style: RamStyle = "huge",
    **options: Unpack[EngineOptions],
) -> Rendered:
    """Make an accelerator of a network; the same arguments give the same bytes.

    Args:
        network: Dense or delay-dense layers, each with neurons behind it.
        lanes: Neurons whose sums are formed at the same time: a power of two, 1 to 128.
        schedule: group-stationary, step-outer, or auto: the first of them that fits.
        neuron_verilog: The text of the neuron's step module, if not what the equation compiler
            makes of the network's program; for networks of one equation.
        weights: "rom" puts the weights into the bitstream; "loaded" leaves their memory to be
            filled through a write port, with the bytes of `weight_image`, which is written too.
        ram_style: Where loaded weights go: "huge" is the single-port RAM of the iCE40 UP5K, which
            no bitstream can fill, "block" is the block RAM of every device.
        options: See `EngineOptions`.

    Raises:
        UserError: If the engine does not have what the network needs.
    """
    geometry = plan(network, lanes, schedule, **options)
    return render_planned(
        network, geometry, neuron_verilog=neuron_verilog, weights=weights, ram_style=ram_style
    )


def render_planned(
    network: IntegerNetwork,
    geometry: Geometry,
    *,
    neuron_verilog: str | None = None,
    weights: WeightSource = "rom",
    ram_style: RamStyle = "huge",
) -> Rendered:
    """Make an accelerator as it was planned; see `render_accelerator`."""
    neurons = [
        emit_neuron(program, name, pipeline=geometry.unit_latency)
        for program, name in zip(network.programs, _unit_names(network), strict=True)
    ]
    modules = tuple(f"{neuron.name}_step" for neuron in neurons)
    engine = _engine(geometry, weights)
    taken = {*modules, *BENCH_MODULES, *OF_BUSES, *(Path(name).stem for name in engine)}
    top = top_name(network.name, taken)
    values = _template_values(network, geometry, top, modules)
    values |= {
        "weights": weights,
        "ram_style": ram_style,
        "weight_files": weight_files(geometry, top),
    }
    verilog = {
        f"{top}.v": render_verilog("top.v.j2", values),
        f"{top}_layers.v": render_verilog("layers.v.j2", values),
        **(
            {f"{top}_windows.v": render_verilog("windows.v.j2", values)} if geometry.windows else {}
        ),
        f"{top}_weights.v": render_verilog("weights.v.j2", values),
        **{f"{neuron.name}_step.v": neuron.step.encode() for neuron in neurons},
        **engine,
    }
    if neuron_verilog is not None:
        verilog[f"{modules[0]}.v"] = neuron_verilog.encode()
    memories = memory_files(network, geometry, weights, top)
    equations = values["equations"]
    accelerator = Accelerator(
        directory=Path(),
        top=top,
        verilog=source_paths(verilog),
        memories=source_paths(memories),
        content_hash=network.content_hash,
        steps=network.steps,
        states=tuple(tuple(equations[layer.unit]["states"]) for layer in geometry.layers),
        geometry=geometry,
        neuron_modules=modules,
        weights=weights,
    )
    return Rendered(accelerator, in_sources(verilog | memories))


def _engine(geometry: Geometry, weights: WeightSource) -> dict[str, bytes]:
    """Return the engine's Verilog, without the modules that only other designs have."""
    unused = set() if geometry.delay_bits else {"snn_ring.v"}
    unused |= {"snn_column.v"} if weights == "rom" else set()
    unused |= set() if geometry.windows else {"snn_window.v"}
    unused |= set() if geometry.part_bits else {"snn_streams.v"}
    unused |= {f"{module}.v" for module in OF_BUSES}
    return {name: text for name, text in engine_files(SOURCES).items() if name not in unused}


def _unit_names(network: IntegerNetwork) -> Iterator[str]:
    """Yield a name for each program: neurons that share theirs are numbered.

    It carries the network's, so that two networks in one FPGA may have neurons of one name that
    differ in their numbers.
    """
    seen: dict[str, int] = {}
    for program in network.programs:
        name = f"{network.name}_{default_name(program)}"
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}_{seen[name]}"


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
    """Return the network's name, or one made from it where Verilog or another module has it.

    Upper and lower case count as the same: there are systems where their files are the same.
    Names without lower-case letters are those of devices' cells; board_… those of boards' modules.
    """
    of_buses = [first.removeprefix("snn_") for first, *_ in BUS_MODULES.values()]
    parts = ("layers", "windows", "weights", *of_buses)
    modules = {each.lower() for each in (name, *(f"{name}_{part}" for part in parts))}
    taken = {each.lower() for each in taken}
    is_of_others = name == name.upper() or name.lower().startswith("board_")
    return f"network_{name}" if is_of_others or modules & (KEYWORDS | taken) else name


def pack(ports: Iterable[Any]) -> list[Field]:
    """Pack ports from the lowest bit up."""
    fields: list[Field] = []
    low = 0
    for port in ports:
        fields.append(Field(port.name, low + port.width - 1, low, port.signed))
        low += port.width
    return fields


def _template_values(
    network: IntegerNetwork, geometry: Geometry, top: str, modules: tuple[str, ...]
) -> dict[str, Any]:
    def label(layer: LayerGeometry) -> str:
        """The case label of a layer; the last one takes the numbers that no layer has."""
        return "default" if layer.is_last else f"{geometry.layer_bits}'d{layer.number}"

    sizes = (geometry.frame.size, *(layer.outputs for layer in network.layers))
    neurons = neurons_file(top)
    widths = geometry.parameter_widths
    parameters = {
        name: parameter_value(value, widths.get(name, 0))
        for name, value in geometry.parameters.items()
    }
    parameters["NEURONS_FILE"] = f'{{MEMORY_FOLDER, "/{neurons}"}}'
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
        "outputs": sizes[-1],
        "input_kind": network.input.kind,
        "readout": network.readout,
        "state_format": network.fixed_point.text,
        "current_format": network.fixed_point.current,
        "equations": [
            _equation(program, module, geometry)
            for program, module in zip(network.programs, modules, strict=True)
        ],
        "window_wires": window_wires(geometry),
        "window_ports": window_ports(geometry),
        "has_parameters": any(program.parameters for program in network.programs),
        "engine_parameters": list(parameters.items()),
    }


def window_wires(g: Geometry) -> list[tuple[str, int]]:
    """Return the ports of the table of windows beside the layer: name and width."""
    asked = {"row": g.coordinate_bits, "column": g.coordinate_bits}
    asked |= {"row_tap": g.tap_bits, "column_tap": g.tap_bits}
    found: dict[str, int] = {}
    for axis in ("row", "column"):
        found |= dict.fromkeys((f"first_{axis}_tap", f"last_{axis}_tap"), g.tap_bits)
        found |= {
            f"{axis}_tap_offset": g.address_bits,
            f"{axis}_tap_rows": g.row_bits,
            f"{axis}_tap_joined": g.joined_bits,
        }
    return list((asked | g.window_widths | found).items())


_OF_LAYERS = ("last_block", "first_row", "shares_rows", "shares_slots", "first_state")


def window_ports(g: Geometry) -> list[tuple[str, str, int]]:
    """Return the engine's ports for them: name there, name, and width; 0 for an output."""
    ports = []
    for name, width in window_wires(g):
        if name in _OF_LAYERS:
            ports.append((f"layer_{name}", name, width))
        elif name in ("row", "column", "row_tap", "column_tap"):
            ports.append((f"window_{name}", name, 0))
        elif name.endswith("_tap"):
            ports.append((f"place_{name}", name, width))
        elif "_tap_" in name:
            ports.append((name, name, width))
        else:
            ports.append((f"window_{name}", name, width))
    return ports


def _equation(program: NeuronProgram, module: str, geometry: Geometry) -> dict[str, Any]:
    """Return what the templates say of a neuron's equation."""
    states = pack(port for port in program.inputs if port.name in program.neuron.states)
    return {
        "name": program.neuron.name,
        "module": module,
        "states": states,
        "currents": pack(port for port in program.inputs if port.name in program.currents),
        "parameters": pack(program.parameters),
        "initial": f"{geometry.state_bits}'h{packed_initial_state(program):x}",
        "spare_bits": geometry.state_bits - sum(each.width for each in states),
    }


def packed_initial_state(program: NeuronProgram) -> int:
    """Return a neuron's states at rest, packed into one number."""
    formats = program.fixed_point
    states = pack(port for port in program.inputs if port.name in program.neuron.states)

    def bits(name: str, width: int) -> int:
        return int(formats.of(name).quantize(program.neuron.states[name])) % (1 << width)

    return sum(bits(each.name, each.width) << each.low for each in states)
