"""An estimate of energy from the work that the data cause: an estimate, and not a measurement.

The integer model counts what one sample causes on the average: products, additions, bits that
memories deliver. Each is multiplied by a published energy per operation:

    an integer addition of 32 bits 0.1 pJ, a product of 32 by 32 bits 3.1 pJ, 64 bits out of a
    memory of 8 KiB 10 pJ, all in 45 nm at 0.9 V: M. Horowitz, "Computing's energy problem (and what
    we can do about it)", ISSCC 2014. An addition is scaled by its bits, a product by the product of
    its widths, a memory by its bits.

    An FPGA takes about 14 times the dynamic energy of the same circuit in standard cells, and less
    where multipliers and memories are hard blocks: I. Kuon and J. Rose, "Measuring the gap between
    FPGAs and ASICs", IEEE TCAD 26(2), 2007.

Clock trees, control, pads and static power are not in it, nor is any difference of process.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.geometry import Geometry

ADDITION_PJ_PER_BIT = 0.1 / 32
PRODUCT_PJ_PER_SQUARE_BIT = 3.1 / 32**2
MEMORY_PJ_PER_BIT = 10 / 64
FPGA_FACTOR = 14.0
BASIS = (
    "estimate: operations counted in the integer model, energies of Horowitz (ISSCC 2014, 45 nm), "
    "times 14 for an FPGA's logic at most (Kuon and Rose, TCAD 2007); no static power, clocks or "
    "pads"
)
_SLICE = 250
_WITHOUT_ENERGY = ("input", "constant", "<<", ">>", "low", "wrap")


@dataclass(frozen=True)
class Activity:
    """What one sample causes on the average.

    Attributes:
        samples: Samples that were counted.
        events: Inputs that are not zero.
        spikes: Spikes of all neurons over all steps.
        accumulations: Weights that are added to a sum: what others call synaptic operations.
        products: Of these, those that are multiplied by an input first.
        updates: Updates of neurons.
        addition_bits: Bits of all additions and comparisons.
        product_bits: For all products, one width times the other.
        memory_bits: Bits that are read from memories or written to them.
    """

    samples: int
    events: float
    spikes: float
    accumulations: float
    products: float
    updates: float
    addition_bits: float
    product_bits: float
    memory_bits: float


@dataclass(frozen=True)
class EnergyEstimate:
    """Energy per sample; see the module for what it rests on.

    Attributes:
        activity: The work that it was computed from.
        operations_nj: The operations alone, in the standard cells of the source, in nJ: a floor.
        fpga_nj: The same on an FPGA, dynamic, at most, in nJ.
        samples_per_second: The throughput, if clocks per sample and the frequency were given.
        dynamic_mw: Dynamic power at that throughput, at most, in mW.
        basis: Where the figures come from, and that they are an estimate.
    """

    activity: Activity
    operations_nj: float
    fpga_nj: float
    samples_per_second: float | None
    dynamic_mw: float | None
    basis: str = BASIS

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return asdict(self)


def count_activity(network: IntegerNetwork, geometry: Geometry, inputs: ArrayLike) -> Activity:
    """Count the work of an accelerator on some samples.

    Args:
        network: The network in integers: dense layers, a static input.
        geometry: The sizes of its accelerator.
        inputs: (samples, inputs) integers.

    Raises:
        UserError: If there are no samples, or the network has convolutions, of which it is not
            counted how often a spike is read.
        DataError: If they do not fit the network.
    """
    frames = np.asarray(inputs)
    if frames.ndim != 2 or len(frames) == 0:
        raise UserError(f"inputs of shape {frames.shape}: expected (samples, inputs), not empty")
    if geometry.windows:
        raise UserError(f"{network.name} has windows: energy is estimated of dense layers only")
    events = np.count_nonzero(frames) / len(frames)
    spikes = np.zeros(len(network.layers))
    for start in range(0, len(frames), _SLICE):
        run = network.run(frames[start : start + _SLICE], record=True)
        spikes += [np.count_nonzero(layer) for layer in run.spikes]
    spikes /= len(frames)

    arriving = [events, *spikes[:-1]]
    sums = [count * layer.sums for count, layer in zip(arriving, network.layers, strict=True)]
    products = sums[0]
    updates = network.steps * sum(layer.outputs for layer in network.layers)
    program = network.program.program
    neuron_additions = [
        node.width for node in program.nodes if node.operator not in (*_WITHOUT_ENERGY, "*")
    ]
    per_sum = geometry.weight_bits * geometry.input_bits
    # The frame's events are read once by every group of the first layer, the spikes of a step once
    # by every group of the next; each neuron's own word once per update.
    event_bits = geometry.event_bits + geometry.input_bits
    own_bits = geometry.currents * geometry.bias_bits + geometry.parameter_bits
    groups = [layer.groups for layer in geometry.layers]
    spike_bits = sum(
        network.steps * layer.outputs * (1 + after)
        for layer, after in zip(network.layers[:-1], groups[1:], strict=True)
    )
    return Activity(
        samples=len(frames),
        events=float(events),
        spikes=float(spikes.sum()),
        accumulations=float(sum(sums)),
        products=float(products),
        updates=float(updates),
        addition_bits=float(sum(sums) * geometry.sum_bits + updates * sum(neuron_additions)),
        product_bits=float(
            products * per_sum
            + updates * sum(first * second for first, second in program.product_widths)
        ),
        memory_bits=float(
            sum(sums) * geometry.weight_bits
            + events * event_bits * (1 + groups[0])
            + spike_bits
            + updates * own_bits
        ),
    )


def estimate_energy(
    activity: Activity, cycles: float | None = None, frequency_mhz: float | None = None
) -> EnergyEstimate:
    """Turn counted work into energy.

    Args:
        activity: What `count_activity` counted.
        cycles: Clocks per sample, from co-simulation.
        frequency_mhz: The clock, in MHz.
    """
    picojoules = (
        activity.addition_bits * ADDITION_PJ_PER_BIT
        + activity.product_bits * PRODUCT_PJ_PER_SQUARE_BIT
        + activity.memory_bits * MEMORY_PJ_PER_BIT
    )
    fpga_nj = FPGA_FACTOR * picojoules / 1000
    rate = frequency_mhz * 1e6 / cycles if cycles and frequency_mhz else None
    return EnergyEstimate(
        activity=activity,
        operations_nj=picojoules / 1000,
        fpga_nj=fpga_nj,
        samples_per_second=rate,
        dynamic_mw=None if rate is None else fpga_nj * 1e-6 * rate,
    )
