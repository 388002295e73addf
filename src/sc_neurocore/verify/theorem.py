"""The theorem about a whole design: its lemmas, which of them are proved, and what is missing.

For every sequence of frames and handshakes each result and each state is that of the integer model:
that follows from the lemmas by induction over layers and steps (docs/certificate.md), which is one
of them. It is said to hold only where nothing is missing, and names what it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.geometry import Geometry
from sc_neurocore.verify.result import ProofResult

HOLDS, OPEN = "holds", "open"


def _always(_: Geometry) -> bool:
    return True


def _is_dense(geometry: Geometry) -> bool:
    return not geometry.windows


def _is_walked(geometry: Geometry) -> bool:
    return geometry.windows > 0


@dataclass(frozen=True)
class Lemma:
    """A part of the theorem.

    Attributes:
        name: What it is about, in the order of the data.
        claims: How the names of the claims begin that together prove it.
        needed: Of which designs it speaks.
    """

    name: str
    claims: tuple[str, ...]
    needed: Callable[[Geometry], bool] = _always


_STEP = "every output equals"
"""In the names of claims about neurons' steps, which begin with the module's."""

LEMMAS = (
    Lemma("frames: events of a frame, each once", ("loader:", "memories:")),
    Lemma(
        "memories: what was written is read, and files hold the numbers", ("memories:", "files:")
    ),
    Lemma("contents: numbers stand where they are looked for", ("contents:",)),
    Lemma("control: words, layers and steps in their order", ("controller:", "control:")),
    Lemma("windows: the words that a place sees", ("window:", "taps:"), _is_walked),
    Lemma("scanner: active inputs of a word, each once", ("scanner:",)),
    Lemma("sums: weight times value in every lane", ("accumulator:", "multipliers:")),
    Lemma(
        "streams: values and weights have the simulator's bits",
        ("streams:", "counts:"),
        lambda g: g.part_bits > 0,
    ),
    Lemma("rings: delayed sums", ("rings:",), lambda g: g.delay_bits > 0),
    Lemma("currents: the integer model's rule", ("currents:",)),
    Lemma(
        "widths: sums and scores fit",
        ("sums: no accumulator", "sums: no input", "scores:"),
        needed=_is_dense,
    ),
    Lemma("widths: sums and scores fit", ("sums: no accumulator", "scores:"), needed=_is_walked),
    Lemma("neurons: states, parameters and equations of their own", ("neurons:", _STEP)),
    Lemma("spikes: a word is read where it was gathered", ("places of spikes:", "spike store:")),
    Lemma("readout: scores and class", ("readout:",)),
    Lemma("wiring: tables, top and engine", ("files:", "top:", "engine:")),
    Lemma("order: modules find what they count on", ("control:", "order:")),
    Lemma("induction: the lemmas' steps make the model", ("schedule:",)),
)
"""In the order of the data."""

TRUSTED = (
    "Yosys' reading of Verilog, the solvers (CaDiCaL, z3), NumPy and Python, the integer model",
    "that each step of the abstract machine says what the lemmas say: docs/certificate.md",
    "that a device does what the Verilog says",
)
"""What no claim shows, in any design."""

OF_STREAMS = (
    "that the integer model's weights are the ones of the weights' streams, as the simulator of "
    "stochastic computing makes them (it is tested, not proved)"
)
"""What no claim shows where weights are counts of streams."""


def theorem_of(
    accelerator: Accelerator, proofs: Iterable[ProofResult], is_stochastic: bool = False
) -> dict[str, Any]:
    """Return what is known of the whole, as plain JSON values.

    Args:
        accelerator: The design: its sizes say which lemmas it needs.
        proofs: What was tried. A claim that is checked within a bound proves no lemma.
        is_stochastic: Whether the network's weights are counts of streams.

    Returns:
        `status`, "holds" or "open"; `missing`, all that is; what it `assumes` of the outside and
        what is `trusted`; and `lemmas`, each with its `name`, the `claims` that it rests on, its
        own `status` and what is `missing`.
    """
    known = list(proofs)
    lemmas = []
    for lemma in LEMMAS:
        if not lemma.needed(accelerator.geometry):
            continue
        missing: list[str] = []
        claims = []
        for begin in lemma.claims:
            found = [each for each in known if each.name.startswith(begin) or _is_step(each, begin)]
            claims += [each.name for each in found]
            if len(found) < (len(accelerator.neuron_modules) if begin == _STEP else 1):
                missing.append(f"no claim “{begin.rstrip(':')}”")
            missing += [
                f"{each.name}: {each.status}"
                for each in found
                if each.status != "proved" or each.bound
            ]
        lemmas.append(
            {
                "name": lemma.name,
                "status": OPEN if missing else HOLDS,
                "claims": claims,
                "missing": missing,
            }
        )
    all_missing = list(dict.fromkeys(text for each in lemmas for text in each["missing"]))
    return {
        "status": OPEN if all_missing else HOLDS,
        "missing": all_missing,
        "assumes": list(_assumed(accelerator)),
        "trusted": [*TRUSTED, *([OF_STREAMS] if is_stochastic else [])],
        "lemmas": lemmas,
    }


def _assumed(accelerator: Accelerator) -> Iterable[str]:
    yield "there was a reset before the first frame"
    g = accelerator.geometry
    if g.walks_frame and g.frame.channels % g.beat:
        yield "values beyond the channels of a place, in the last beat of each, are zero"
    elif not g.walks_frame and g.beats * g.beat > g.layers[0].inputs:
        yield "values beyond the end of a frame, in its last beat, are zero"
    if accelerator.weights == "loaded":
        yield "the weights that are loaded are those of the image, all of them, before that"


def _is_step(proof: ProofResult, begin: str) -> bool:
    return begin == _STEP and _STEP in proof.name
