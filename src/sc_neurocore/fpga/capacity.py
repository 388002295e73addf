"""What an accelerator will take of a device, before anything is built.

Memories are counted exactly, block by block (memory_blocks.py); of Gowin's it is the most that they
can take, since Yosys also puts narrow words side by side. Logic is estimated: a linear
function of the sizes below, fitted by least squares to builds that were measured
(measured_builds.json, written by benchmarks/logic_estimate.py), one fit for each family and
resource:

    1, lanes * bits of a sum, lanes * bits of a weight * bits of an input, products of the widths
    that the neuron units multiply, their states and currents in every stage, bits that choose
    between memory blocks, with delays lanes * (bits of a sum and of its address in the ring), with
    windows the bits that the module which walks them adds up

The estimate is raised by the largest error that the fit makes on those builds before it is held
against what the device has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fpga.memory_blocks import arrange, plan_memories, ram_blocks
from sc_neurocore.hdl.geometry import AUTO, MAXIMUM_LANES, EngineOptions, Geometry
from sc_neurocore.hdl.manifest import WeightSource
from sc_neurocore.hdl.planning import plan
from sc_neurocore.tools.devices import DEVICES, Device, find_device
from sc_neurocore.tools.families import Family

MEASURED = Path(__file__).with_name("measured_builds.json")
FITTED = ("logic_cells", "luts", "flip_flops")
_OPERATION_BITS_OF_A_MULTIPLIER = 18
_LEAST_ERROR = 0.1
# From fewer builds than it has features an estimate follows each, and says little of others.
# With more lanes than any of them had it was half of what was built.
_ERROR_OF_FEW_BUILDS = 0.5
_ERROR_BEYOND_THEM = 1.0
_KINDS = {"window_bits": "convolutions"}


def features(network: IntegerNetwork, geometry: Geometry, family: Family) -> dict[str, float]:
    """Return the sizes that logic is estimated from; products only where they take logic."""
    programs = [each.program for each in network.programs]
    products = [widths for program in programs for widths in program.product_widths]
    product_bits = sum(first * second for first, second in products)
    wide = _OPERATION_BITS_OF_A_MULTIPLIER
    pieces = sum(ceil(first / wide) * ceil(second / wide) for first, second in products)
    of_lane = ceil(geometry.weight_bits / wide) * ceil(geometry.value_bits / wide)
    has_hard = family.has_multipliers and (
        geometry.weight_bits + geometry.value_bits >= family.least_product_bits
    )
    sums = geometry.group_sums
    in_logic = sums - geometry.multipliers["block"] if has_hard else sums
    lane_product = in_logic * geometry.weight_bits * geometry.value_bits
    stages = geometry.units * (1 + geometry.unit_latency)
    return {
        "constant": 1,
        "lane_sum_bits": sums * geometry.sum_bits,
        "lane_product_bits": lane_product,
        "neuron_product_bits": 0 if family.has_multipliers else geometry.units * product_bits,
        "stage_bits": stages * (geometry.state_bits + geometry.currents * geometry.current_bits),
        "choice_bits": _choice_bits(geometry, family),
        "ring_bits": sums * (geometry.sum_bits + geometry.ring_bits + geometry.delay_bits)
        if geometry.delay_bits
        else 0,
        "window_bits": _window_bits(geometry),
        "multipliers": (
            (sums - in_logic) * of_lane + pieces * geometry.units if family.has_multipliers else 0
        ),
    }


def _window_bits(geometry: Geometry) -> int:
    """Return the bits that rtl/snn_window.v adds up or counts in a clock; its tables are small."""
    return geometry.windows * (15 * geometry.address_bits + 6 * geometry.row_bits)


def _choice_bits(geometry: Geometry, family: Family) -> float:
    """Return bits of a weight row times the blocks that each is chosen from, less one."""
    weights = plan_memories(geometry)[0]
    found = arrange(weights, family)
    return geometry.weight_slices * weights.bits * (found[1] - 1) if found else 0


@dataclass(frozen=True)
class Fit:
    """A linear estimate.

    Attributes:
        weights: By the name of a feature.
        error: The largest relative error on the builds that it was fitted to, 10 % at least, and
            50 % where they are few.
        most_lanes: Lanes up to which it says something: all, or where the builds are few those that
            were measured.
        unmeasured: What no build of the family had, in words: networks that it knows nothing of.
        least: Where the builds are few, what the smallest of them took: no estimate is below it.
    """

    weights: Mapping[str, float]
    error: float
    most_lanes: int = MAXIMUM_LANES
    unmeasured: tuple[str, ...] = ()
    least: float = 0.0

    def error_of(self, lanes: int) -> float:
        """Return by what share the estimate for so many lanes may be wrong."""
        return self.error if lanes <= self.most_lanes else max(self.error, _ERROR_BEYOND_THEM)

    def __call__(self, sizes: Mapping[str, float]) -> float:
        """Return the estimate."""
        return max(self.least, sum(self.weights[name] * sizes[name] for name in self.weights))


@cache
def fit(family: str, resource: str) -> Fit:
    """Fit the builds of a family.

    Args:
        family: The key of a family.
        resource: One of `FITTED`.

    Raises:
        UserError: If nothing of the family was measured.
    """
    rows = [row for row in _measured() if find_device(row["device"]).family.key == family]
    if not rows:
        raise UserError(
            f"family {family!r}: no builds in {MEASURED.name} to estimate logic from; measure some "
            f"with benchmarks/logic_estimate.py"
        )
    names = [name for name in rows[0]["features"] if name != "multipliers"]
    table = np.array([[row["features"][name] for name in names] for row in rows], dtype=float)
    seen = np.array([row["used"][resource] for row in rows], dtype=float)
    # Relative errors count: a small design's estimate should not be drowned by a large one's.
    kept = _not_negative(table / seen[:, np.newaxis])
    fitted = Fit(dict(zip(names, kept.tolist(), strict=True)), 0.0)
    errors = [abs(fitted(row["features"]) / row["used"][resource] - 1) for row in rows]
    are_few = len(rows) < len(names)
    least = _ERROR_OF_FEW_BUILDS if are_few else _LEAST_ERROR
    most = max(row["lanes"] for row in rows) if are_few else MAXIMUM_LANES
    missing = tuple(kind for name, kind in _KINDS.items() if not table[:, names.index(name)].any())
    # Few builds say nothing of designs that are smaller than all of them.
    smallest = float(seen.min()) if are_few else 0.0
    return Fit(fitted.weights, max(least, *errors), most, missing, smallest)


def _not_negative(table: Any) -> Any:
    """Solve table @ x = 1 by least squares without negative x: leave out what would be negative.

    Nothing takes less logic for being larger; a negative weight would only follow noise.
    """
    kept = np.ones(table.shape[1], dtype=bool)
    while True:
        solution = np.zeros(table.shape[1])
        solution[kept] = np.linalg.lstsq(table[:, kept], np.ones(len(table)), rcond=None)[0]
        if (solution >= -1e-9).all():
            return solution.clip(min=0)
        kept[np.argmin(solution)] = False


@cache
def _measured() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(MEASURED.read_bytes())
    return rows


@dataclass(frozen=True)
class Assessment:
    """What a network takes of a device with so many lanes.

    Attributes:
        geometry: The engine: of logic are the multipliers of lanes that the device has none for.
        weights: Whether the weights are in the bitstream or loaded at run time.
        used: Memory blocks, exact; multipliers and logic, estimated.
        error: How much of the logic the estimate may be wrong by, as a share.
        memories_fit: Whether the device has the memory blocks.
        fits: Whether the device has it all, with the logic raised by that share.
        sums: All of it in words.
    """

    geometry: Geometry
    weights: WeightSource
    used: dict[str, float]
    error: float
    memories_fit: bool
    fits: bool
    sums: str

    @property
    def lanes(self) -> int:
        """Multiply-accumulate lanes."""
        return self.geometry.lanes

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        engine = {"lanes": self.lanes, "multipliers": self.geometry.chosen_multipliers}
        return engine | {name: value for name, value in vars(self).items() if name != "geometry"}


def plan_for(
    network: IntegerNetwork,
    device: Device,
    lanes: int,
    schedule: str = AUTO,
    **options: Unpack[EngineOptions],
) -> Geometry:
    """Plan an engine for a device: of logic are the multipliers of lanes that it has none for."""
    geometry = plan(network, lanes, schedule, **options)
    needed = int(features(network, geometry, device.family)["multipliers"])
    excess = needed - device.available.get("dsps", 0)
    if not device.family.has_multipliers or excess <= 0:
        return geometry
    moved = min(geometry.multipliers["block"], excess)
    counts = dict(geometry.multipliers)
    counts |= {"block": counts["block"] - moved, "logic": counts["logic"] + moved}
    return replace(geometry, multipliers=counts)


def assess(
    network: IntegerNetwork,
    device: Device,
    lanes: int,
    weights: WeightSource = "rom",
    schedule: str = AUTO,
    **options: Unpack[EngineOptions],
) -> Assessment:
    """Work out what a network takes of a device.

    Args:
        network: The network in integers.
        device: The device.
        lanes: Multiply-accumulate lanes.
        weights: Whether the weights are in the bitstream or loaded at run time.
        schedule: The order of work, as `plan` takes it.
        options: See `EngineOptions`; lanes whose multiplier is made of logic are found here.

    Raises:
        UserError: If the engine does not have what the network needs.
    """
    family = device.family
    geometry = plan_for(network, device, lanes, schedule, **options)
    sizes = features(network, geometry, family)
    fits = {name: fit(family.key, name) for name in FITTED}
    blocks = dict.fromkeys((kind.resource for kind in family.memories), 0.0)
    blocks |= ram_blocks(plan_memories(geometry, weights), family)
    used = {name: float(round(each(sizes))) for name, each in fits.items()} | blocks
    if family.has_multipliers:
        used["dsps"] = sizes["multipliers"]
    errors = {name: each.error_of(lanes) for name, each in fits.items()}
    largest = used | {name: used[name] * (1 + error) for name, error in errors.items()}
    return Assessment(
        geometry=geometry,
        weights=weights,
        used=used,
        error=round(max(errors.values()), 3),
        memories_fit=device.fits(blocks),
        fits=device.fits(largest),
        sums=device.sums(used, [name for name in device.available if name in used]),
    )


def check_room(
    network: IntegerNetwork,
    device: Device,
    lanes: int,
    weights: WeightSource = "rom",
    schedule: str = AUTO,
    **options: Unpack[EngineOptions],
) -> None:
    """Raise for what certainly does not fit: it would come out only minutes later.

    Memories are counted exactly, where the family says so. Of logic it takes more than the estimate
    could be wrong by.

    Raises:
        CheckFailedError: With the sums.
    """
    found = assess(network, device, lanes, weights, schedule, **options)
    least = {name: number / (1 + found.error) for name, number in found.used.items()}
    logic = {name: number for name, number in least.items() if name in FITTED}
    if (found.memories_fit or device.family.packs_memories) and device.fits(logic):
        return
    raise CheckFailedError(
        f"{network.name} does not fit {device.title}: with {lanes} lanes it takes {found.sums}; "
        f"{_how_good(device, found.error)}. Compile "
        f"with fewer lanes or smaller weights, or build for a larger device"
    )


def _how_good(device: Device, error: float) -> str:
    blocks = "the most that they can take" if device.family.packs_memories else "exact"
    return f"memories are {blocks}, logic is an estimate, good to {100 * error:.0f} %"


def choose(
    network: IntegerNetwork,
    device: Device,
    lanes: int | None = None,
    schedule: str = AUTO,
    **options: Unpack[EngineOptions],
) -> tuple[Assessment, tuple[Assessment, ...]]:
    """Find the largest number of lanes with which a network fits a device.

    Weights are loaded at run time only where the device has single-port RAM and the bitstream
    cannot hold them.

    Args:
        network: The network in integers.
        device: The device.
        lanes: This many lanes and no others; then only memories, whose sums are exact, may be
            found not to fit.
        schedule: The order of work, as `plan` takes it.
        options: See `EngineOptions`.

    Returns:
        What fits, and all that was considered, by the number of lanes.

    Raises:
        CheckFailedError: If none fits; the message has the sums of the one that comes nearest.
        UserError: If the engine does not have what the network needs.
    """
    if lanes is None and (kinds := _unmeasured(network, device, schedule, options)):
        raise UserError(
            f"{network.name} has {' and '.join(kinds)}, and no such design was measured on "
            f"{device.family.title}, so that its logic cannot be estimated: say how many lanes "
            f"(--lanes 8), or measure some with benchmarks/logic_estimate.py"
        )
    fewest = max(options.get("units", 1), options.get("weight_slices", 1))
    numbers = [1 << power for power in range(MAXIMUM_LANES.bit_length())]
    most = max(fewest, fit(device.family.key, "logic_cells").most_lanes)
    numbers = [lanes] if lanes else [each for each in numbers if fewest <= each <= most]
    considered = tuple(_better_place(network, device, each, schedule, options) for each in numbers)
    packs = device.family.packs_memories  # then only synthesis knows
    fitting = [each for each in considered if each.fits or (lanes and (each.memories_fit or packs))]
    if not fitting:
        nearest = min(considered, key=lambda each: _load(each, device))
        wanted = f"{lanes} lanes" if lanes else "any number of lanes"
        raise CheckFailedError(
            f"{network.name} does not fit {device.title} with {wanted}. With {nearest.lanes} it "
            f"takes {nearest.sums}; {_how_good(device, nearest.error)}. Use smaller weights, other "
            f"lanes or a larger device: "
            f"{_devices_that_fit(network, nearest.lanes, schedule, options)}"
        )
    return max(fitting, key=lambda each: each.lanes), considered


def _unmeasured(
    network: IntegerNetwork, device: Device, schedule: str, options: EngineOptions
) -> list[str]:
    """Return what the network has that no measured build of the device's family had."""
    fewest = max(options.get("units", 1), options.get("weight_slices", 1))
    sizes = features(network, plan_for(network, device, fewest, schedule, **options), device.family)
    unknown = fit(device.family.key, "logic_cells").unmeasured
    return [kind for name, kind in _KINDS.items() if sizes[name] and kind in unknown]


def _devices_that_fit(
    network: IntegerNetwork, lanes: int, schedule: str, options: EngineOptions
) -> str:
    """Say which devices have room for a network with so many lanes, as they are listed."""
    fitting = [
        device.key
        for device in DEVICES.values()
        if not _unmeasured(network, device, schedule, options)
        and _better_place(network, device, lanes, schedule, options).fits
    ]
    if not fitting:
        return "none that is known here has room for it"
    return f"{', '.join(fitting)} {'have' if len(fitting) > 1 else 'has'} room for {lanes} lanes"


def _better_place(
    network: IntegerNetwork, device: Device, lanes: int, schedule: str, options: EngineOptions
) -> Assessment:
    """Assess with the weights where they fit, or fit better."""
    here = assess(network, device, lanes, schedule=schedule, **options)
    has_single_port = any(not kind.is_initialised for kind in device.family.memories)
    if here.fits or not has_single_port:
        return here
    loaded = assess(network, device, lanes, "loaded", schedule, **options)
    is_better = loaded.memories_fit and not here.memories_fit
    return loaded if is_better or _load(loaded, device) < _load(here, device) else here


def _load(assessment: Assessment, device: Device) -> float:
    """Return the share of the scarcest resource that is taken."""
    return max(assessment.used.get(name, 0) / number for name, number in device.available.items())
