from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sc_neurocore.report.contents import Build, Summary
from sc_neurocore.report.ladder import built, judge, ladder, status_kind


def _statuses(summary: dict[str, Any]) -> list[str]:
    return [rung.status for rung in ladder(Summary.model_validate(summary))]


def test_a_good_run_climbs_every_rung(summary: dict[str, Any]) -> None:
    assert _statuses(summary) == ["measured", "measured", "passed", "proved", "passed"]
    (proved,) = (
        each for each in ladder(Summary.model_validate(summary)) if each.status == "proved"
    )
    assert proved.evidence == "2 claims in 41 s; each stands below"
    verdict = judge(Summary.model_validate(summary))
    assert verdict.kind == "good"
    assert "360 test samples" in verdict.reason and "2 claims proved" in verdict.reason


def test_an_empty_run_is_incomplete_and_names_what_is_missing() -> None:
    summary = Summary(name="digits", problems={"build": "nextpnr-ice40 is not installed"})
    assert {rung.status for rung in ladder(summary)} == {"missing"}
    assert ladder(summary)[-1].evidence == (
        "FPGA build did not finish: nextpnr-ice40 is not installed"
    )
    verdict = judge(summary)
    assert verdict.kind == "missing"
    assert all(rung.claim in verdict.reason for rung in ladder(summary))


def _spike(summary: dict[str, Any]) -> None:
    summary["cosim"]["spike_mismatches"] = 1


def _class(summary: dict[str, Any]) -> None:
    summary["cosim"]["class_mismatches"] = 1


def _nothing_simulated(summary: dict[str, Any]) -> None:
    summary["cosim"]["samples"] = 0


def _refuted(summary: dict[str, Any]) -> None:
    summary["proofs"][0]["status"] = "refuted"


def _timed_out(summary: dict[str, Any]) -> None:
    summary["proofs"][1]["status"] = "unknown"


def _no_bitstream(summary: dict[str, Any]) -> None:
    summary["fpga"]["bitstream"] = None


def _too_slow(summary: dict[str, Any]) -> None:
    summary["fpga"]["frequency_mhz"] = 100.0


@pytest.mark.parametrize(
    ("damage", "claim"),
    [
        (_spike, "RTL equals the integer model in co-simulation"),
        (_class, "RTL equals the integer model in co-simulation"),
        (_nothing_simulated, "RTL equals the integer model in co-simulation"),
        (_refuted, "lif_step computes the integer evaluator's LIF"),
        (_timed_out, "done exactly once per start"),
        (_no_bitstream, "It fits the device"),
        (_too_slow, "It fits the device"),
    ],
)
def test_one_broken_rung_breaks_the_verdict_whatever_the_exit_code(
    summary: dict[str, Any], damage: Callable[[dict[str, Any]], None], claim: str
) -> None:
    damage(summary)
    verdict = judge(Summary.model_validate(summary))
    assert verdict.kind == "bad"
    assert claim in verdict.reason


@pytest.mark.parametrize(
    ("code", "kind", "why"),
    [(1, "bad", "a check failed"), (3, "missing", "a tool is missing"), (137, "missing", "137")],
)
def test_an_exit_code_is_never_overruled(
    summary: dict[str, Any], code: int, kind: str, why: str
) -> None:
    verdict = judge(Summary.model_validate({**summary, "exit_code": code}))
    assert verdict.kind == kind
    assert why in verdict.reason


def test_a_bounded_proof_is_no_failure_but_does_not_look_like_a_proof(
    summary: dict[str, Any],
) -> None:
    summary["proofs"][1] |= {"status": "bounded(20)", "bound": "20 clocks, few inputs"}
    bounded = Summary.model_validate(summary)
    assert judge(bounded).reason.endswith("1 claim proved, 1 checked within a bound.")
    evidence = [rung.evidence for rung in ladder(bounded) if rung.status == "bounded(20)"]
    assert evidence[0].startswith("20 clocks, few inputs; ")
    assert status_kind("bounded(20)") == "neutral"
    assert status_kind("a word that nobody knows") == "bad"


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"fmax_mhz": 30.0, "frequency_mhz": 40.0}, "failed", "40 MHz was asked for"),
        ({"fmax_mhz": 30.0, "frequency_mhz": 40.0, "is_asked": False}, "passed", "aimed at"),
        ({"bitstream": None}, "failed", "no bitstream"),
        ({"bitstream": None, "project": "build/a.xpr"}, "passed", "which was not run"),
    ],
)
def test_a_build_fails_by_what_was_asked_of_it(
    changes: dict[str, Any], status: str, words: str
) -> None:
    plain = {"device": "up5k", "luts": 1, "brams": 2, "fmax_mhz": None, "bitstream": "a.bin"}
    rung = built(Build.model_validate(plain | changes))
    assert (rung.status, words in rung.evidence) == (status, True)
