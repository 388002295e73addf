"""Whether a run holds: the rungs of the verification ladder that it climbed, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from sc_neurocore.report.contents import (
    Build,
    CoSimulation,
    FixedPointInference,
    Proof,
    StochasticInference,
    Summary,
)
from sc_neurocore.report.wording import STAGES, count, duration, percent, plural, points
from sc_neurocore.verify.standing import Standing

Kind: TypeAlias = Literal["good", "neutral", "bad", "missing"]

_MEASURED = "measured"  # a figure to read, not a check that could fail
_PASSED = "passed"
_FAILED = "failed"
_MISSING = "missing"
_WHY = {1: "a check failed", 2: "a user's mistake", 3: "a tool is missing", 130: "interrupted"}


class Rung(NamedTuple):
    """One rung: what is claimed, `proved`, `passed`, `failed` and so on, and what shows it."""

    claim: str
    status: str
    evidence: str


class Verdict(NamedTuple):
    """Whether everything holds, in one line and a sentence."""

    kind: Literal["good", "bad", "missing"]
    headline: str
    reason: str


def status_kind(status: str) -> Kind:
    """Return how a reader should take a status; any word that is not known is bad."""
    if status in ("proved", _PASSED):
        return "good"
    if status == _MEASURED or status.startswith("bounded"):
        return "neutral"
    return "missing" if status == _MISSING else "bad"


def missing(summary: Summary, stage: str) -> str:
    """Say that a stage left nothing, and why if that is known."""
    reason = summary.problems.get(stage)
    return f"{STAGES[stage]} did not finish" + (f": {reason}" if reason else ".")


def ladder(summary: Summary) -> list[Rung]:
    """Return the rungs of a run from the loosest check to the hardware."""
    float_accuracy = summary.train.accuracy if summary.train else None
    return [
        _stochastic(summary.sc, float_accuracy)
        if summary.sc
        else _absent(summary, "simulate", "Stochastic bitstreams against float"),
        _fixed(summary.fixed, float_accuracy)
        if summary.fixed
        else _absent(summary, "quantize", "Integer model against float"),
        cosimulated(summary.cosim)
        if summary.cosim
        else _absent(summary, "cosimulate", "RTL equals the integer model in co-simulation"),
        *(
            claims(summary.proofs)
            or [_absent(summary, "prove", "RTL equals the integer model for all inputs")]
        ),
        built(summary.fpga) if summary.fpga else _absent(summary, "build", "It fits the device"),
    ]


def judge(summary: Summary, design: Standing | None = None) -> Verdict:
    """Return the verdict: everything holds, something does not, or something is missing.

    Args:
        summary: What the run found.
        design: How the design in its folder stands now.
    """
    rungs = ladder(summary)
    failed = [rung.claim for rung in rungs if status_kind(rung.status) == "bad"]
    absent = [rung.claim for rung in rungs if rung.status == _MISSING]
    code = summary.exit_code
    reasons = []
    if failed:
        reasons.append(f"What does not hold: {'; '.join(failed)}.")
    if absent:
        reasons.append(f"What is missing: {'; '.join(absent)}.")
    if code:
        reasons.append(f"The run ended with exit code {code} ({_WHY.get(code, 'an error')}).")
    # A run that did not come to its proofs has no certificate; that is missing, not wrong.
    unlike = design is not None and design.status != "verified" and bool(summary.proofs)
    if design is not None and unlike:
        reasons.append(f"The design in the folder: {design.line}.")
    if failed or code == 1 or unlike:
        return Verdict("bad", "Not everything holds", " ".join(reasons))
    if reasons:
        return Verdict("missing", "This run is incomplete", " ".join(reasons))
    return Verdict("good", "Every stage holds", _praise(summary))


def _praise(summary: Summary) -> str:
    proved = sum(proof.is_proved for proof in summary.proofs)
    bounded = sum(proof.is_bounded for proof in summary.proofs)
    within = f", {count(bounded)} checked within a bound" if bounded else ""
    samples = summary.cosim.samples if summary.cosim else 0
    return (
        f"The Verilog gave the integers of the Python model on {plural(samples, 'test sample')}, "
        f"in every spike and every state; {plural(proved, 'claim')} proved{within}."
    )


def _absent(summary: Summary, stage: str, claim: str) -> Rung:
    return Rung(claim, _MISSING, missing(summary, stage))


def _stochastic(part: StochasticInference, reference: float | None) -> Rung:
    against = "" if reference is None else f", {points(part.accuracy - reference)}"
    return Rung(
        "Stochastic bitstreams against float",
        _MEASURED,
        f"{percent(part.accuracy)}{against}, with {part.length}-bit {part.source} streams",
    )


def _fixed(part: FixedPointInference, reference: float | None) -> Rung:
    against = "" if reference is None else f", {points(part.accuracy - reference)}"
    agreement = (
        ""
        if part.agreement is None
        else f"; the class of the float network in {percent(part.agreement)} of the samples"
    )
    spikes = ""
    if part.spike_agreement is not None and part.compared_samples is not None:
        spikes = (
            f"; spike counts of {plural(part.compared_samples, 'sample')} agree in "
            f"{percent(part.spike_agreement)}"
        )
    return Rung(
        "Integer model against float",
        _MEASURED,
        f"{percent(part.accuracy)}{against}, in {part.format}{agreement}{spikes}",
    )


def cosimulated(part: CoSimulation) -> Rung:
    """Return the rung of one run in a simulator."""
    checked = f"{plural(part.samples, 'sample')} of {plural(part.steps, 'step')}"
    if part.updates is not None:
        checked += f", {count(part.updates)} neuron updates"
    if part.inputs:
        checked += f" ({part.inputs})"
    differs = part.mismatches or not part.samples or part.first_mismatch
    return Rung(
        "RTL equals the integer model in co-simulation",
        _FAILED if differs else _PASSED,
        f"{plural(part.mismatches, 'mismatch', 'mismatches')} in {checked}, {part.simulator}",
    )


def sampled_step(module: str, simulator: str, inputs: int, mismatches: int) -> Rung:
    """Return the rung of random inputs through a neuron's step."""
    return Rung(
        f"{module} equals the integer evaluator on random inputs",
        _FAILED if mismatches or not inputs else _PASSED,
        f"{plural(mismatches, 'mismatch', 'mismatches')} in {plural(inputs, 'input')}, {simulator}",
    )


def claims(proofs: Sequence[Proof]) -> list[Rung]:
    """Return one rung for all that is proved, and one for each claim that is not, or in a bound."""
    proved = [each for each in proofs if each.is_proved]
    seconds = duration(sum(each.seconds for each in proved))
    rungs = [_claim(each) for each in proofs if not each.is_proved]
    if not proved:
        return rungs
    evidence = f"{plural(len(proved), 'claim')} in {seconds}; each stands below"
    return [Rung("RTL keeps its claims for all inputs", "proved", evidence), *rungs]


def _claim(part: Proof) -> Rung:
    evidence = f"{part.engine}, {duration(part.seconds)}"
    return Rung(part.name, part.status, f"{part.bound}; {evidence}" if part.bound else evidence)


def built(part: Build) -> Rung:
    """Return the rung of a build: a bitstream, or a project for the vendor's tools."""
    claim = "It fits the device"
    if part.bitstream is None and part.project is None:
        return Rung(claim, _FAILED, f"no bitstream for {part.device}")
    evidence = f"{part.device}, {count(part.luts)} LUTs, {plural(part.brams, 'block RAM')}"
    if part.bitstream is None:
        evidence += "; a project for the vendor's tools, which was not run"
    if part.fmax_mhz is None:
        return Rung(claim, _PASSED, evidence)
    evidence += f", up to {part.fmax_mhz:.1f} MHz"
    if part.frequency_mhz is None or part.fmax_mhz >= part.frequency_mhz:
        return Rung(claim, _PASSED, evidence)
    aim = f"{evidence}; {part.frequency_mhz:g} MHz"
    if not part.is_asked:
        return Rung(claim, _PASSED, f"{aim} were aimed at")
    return Rung(claim, _FAILED, f"{aim} was asked for")
