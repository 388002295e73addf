"""Scores that cannot leave their registers: how large each can get, and how wide the readout is.

A score is a sum over the steps of a sample, of spikes or of a membrane. That it is one is the
readout's contract; here its width, as the emitted files give it to the readout, is compared with
the largest that a sum of so many steps can be.
"""

from __future__ import annotations

import time

from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.program import signed_width
from sc_neurocore.hdl.accelerator import Accelerator, Field
from sc_neurocore.verify.emitted import only_parameters_of
from sc_neurocore.verify.result import ProofResult

NAME = "scores: none can leave its register in the steps of a sample"
_MODULE = "snn_readout"


def prove_scores(accelerator: Accelerator, network: IntegerNetwork) -> ProofResult:
    """Compute how large a score can get, and compare it with the readout's registers.

    Args:
        accelerator: The design.
        network: Its network, whose steps, readout and formats count.

    Returns:
        `proved`, or `refuted` with what does not fit.

    Raises:
        CheckFailedError: If the design has several readouts, or none.
        ToolMissingError, ToolFailedError: As `elaborate`.
    """
    began = time.perf_counter()
    sizes = only_parameters_of(accelerator, _MODULE)
    name = network.layers[-1].program.neuron.membrane
    states = {each.name: each for each in accelerator.states[-1]}
    membrane = states[name] if network.readout == "membrane" else None
    low, high, needed = _needed(membrane, network.steps)
    wrong = _other_membrane(sizes, membrane)
    if needed > sizes["SCORE_BITS"]:
        wrong = f"{low} to {high} needs {needed} bits, and scores have {sizes['SCORE_BITS']}"
    if not 0 <= sizes["COUNT_THRESHOLD"] <= network.steps:
        wrong = f"a sample ends at {sizes['COUNT_THRESHOLD']} spikes, and has {network.steps} steps"
    what = "sums of a membrane" if sizes["MEMBRANE_BITS"] else "counts of spikes"
    return ProofResult(
        name=NAME,
        status="refuted" if wrong else "proved",
        engine="exact integers",
        seconds=round(time.perf_counter() - began, 3),
        detail=wrong
        or f"{what} over {network.steps} steps: {low} to {high}, {needed} bits of "
        f"{sizes['SCORE_BITS']}",
        assumptions=(
            "a neuron has one turn in each step of a sample: see “neurons”, “controller”",
        ),
        figures={"bits": sizes["SCORE_BITS"], "bits_needed": needed},
    )


def _needed(membrane: Field | None, steps: int) -> tuple[int, int, int]:
    """Return the least and the largest score, and the bits that its register needs."""
    if membrane is None:
        return 0, steps, steps.bit_length()  # it is compared without a sign
    least, most = _range(membrane)
    low, high = min(0, steps * least), max(0, steps * most)
    return low, high, signed_width(low, high)


def _other_membrane(sizes: dict[str, int], membrane: Field | None) -> str:
    """Say where the readout looks for other bits of the state than the membrane's, as a number."""
    width, place = sizes["MEMBRANE_BITS"], sizes["MEMBRANE_LOW"]
    if membrane is None:
        return f"scores are sums of {width} bits of the state, not counts" if width else ""
    if (width, place) != (membrane.width, membrane.low):
        stands = f"{membrane.name} has {membrane.width} at {membrane.low}"
        return f"scores are sums of {width} bits from {place}, and {stands}"
    if signed_width(*_range(membrane)) > width:
        return f"{membrane.name} has no sign, and scores take its highest bit for one"
    return ""


def _range(membrane: Field) -> tuple[int, int]:
    if membrane.signed:
        return -(1 << (membrane.width - 1)), (1 << (membrane.width - 1)) - 1
    return 0, (1 << membrane.width) - 1
