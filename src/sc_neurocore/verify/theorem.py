"""The theorem about a whole design: its lemmas, which of them are proved, and what is missing.

For every sequence of frames and handshakes each result and each state is that of the integer model:
that would follow from the lemmas by induction over layers and steps (docs/certificate.md). It is
said to hold only where nothing is missing; until then the whole is sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sc_neurocore.hdl.geometry import Geometry
from sc_neurocore.verify.result import ProofResult

HOLDS, OPEN = "holds", "open"


def _always(_: Geometry) -> bool:
    return True


@dataclass(frozen=True)
class Lemma:
    """A part of the theorem.

    Attributes:
        name: What it is about, in the order of the data.
        claims: How the names of the claims begin that together prove it.
        missing: What no claim shows yet, in words.
        needed: Of which designs it speaks.
    """

    name: str
    claims: tuple[str, ...]
    missing: tuple[str, ...] = ()
    needed: Callable[[Geometry], bool] = _always


_STEP = "every output equals"
"""In the names of claims about neurons' steps, which begin with the module's."""

LEMMAS = (
    Lemma("frames: events of a frame, each once", ("loader:", "memories:")),
    Lemma(
        "memories: what was written is read, and files hold the numbers", ("memories:", "files:")
    ),
    Lemma(
        "contents: numbers stand where they are looked for",
        ("contents:",),
        needed=lambda g: not g.windows,
    ),
    Lemma(
        "contents: numbers stand where they are looked for",
        ("files:",),
        ("with windows, biases and parameters are compared with what would be written only",),
        needed=lambda g: g.windows > 0,
    ),
    Lemma("control: words, layers and steps in their order", ("controller:", "control:")),
    Lemma("windows: the words that a place sees", ("window:",), (), lambda g: g.windows > 0),
    Lemma("scanner: active inputs of a word, each once", ("scanner:",)),
    Lemma("sums: weight times value in every lane", ("accumulator:", "multipliers:")),
    Lemma("rings: delayed sums", ("rings:",), (), lambda g: g.delay_bits > 0),
    Lemma("currents: the integer model's rule", ("currents:",)),
    Lemma("widths: sums and scores fit", ("sums: no accumulator", "scores:")),
    Lemma("neurons: states, parameters and equations of their own", ("neurons:", _STEP)),
    Lemma("spikes: a word is read where it was gathered", ("places of spikes:", "spike store:")),
    Lemma("readout: scores and class", ("readout:",)),
    Lemma("wiring: tables, top and engine", ("files:", "top:", "engine:")),
    Lemma(
        "induction: contracts fit together, over layers and steps",
        (),
        (
            "what each module counts on is argued in the documentation, not all of it proved",
            "the induction over layers and steps is written down, not checked by a machine",
        ),
    ),
)
"""In the order of the data."""


def theorem_of(geometry: Geometry, proofs: Iterable[ProofResult]) -> dict[str, Any]:
    """Return what is known of the whole, as plain JSON values.

    Args:
        geometry: The design's sizes: which lemmas it needs.
        proofs: What was tried. A claim that is checked within a bound proves no lemma.

    Returns:
        `status`, "holds" or "open"; `lemmas`, each with its `name`, the `claims` that it rests on,
        its own `status` and what is `missing`; and `missing`, all of that together.
    """
    known = list(proofs)
    lemmas = []
    for lemma in LEMMAS:
        if not lemma.needed(geometry):
            continue
        missing = list(lemma.missing)
        claims = []
        for begin in lemma.claims:
            found = [each for each in known if each.name.startswith(begin) or _is_step(each, begin)]
            claims += [each.name for each in found]
            if not found:
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
        "lemmas": lemmas,
    }


def _is_step(proof: ProofResult, begin: str) -> bool:
    return begin == _STEP and _STEP in proof.name
