"""The theorem holds only where every lemma is proved and nothing is missing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import OF_BUSES, Accelerator, render_accelerator
from sc_neurocore.verify.contract_table import CONTRACTS
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.theorem import LEMMAS, theorem_of

BEGINNINGS = sorted({begin for lemma in LEMMAS for begin in lemma.claims})
PROOFS = [ProofResult(f"{begin} …", "proved", "none", 0.0) for begin in BEGINNINGS]


@pytest.fixture
def accelerator(make_network: Callable[..., IntegerNetwork], tmp_path: Path) -> Accelerator:
    return render_accelerator(make_network([6, 9, 3], steps=5), 4).write(tmp_path)


def _with_windows(accelerator: Accelerator) -> Accelerator:
    return replace(accelerator, geometry=replace(accelerator.geometry, windows=1))


def test_it_holds_where_every_claim_is_proved_and_says_what_it_rests_on(
    accelerator: Accelerator,
) -> None:
    found = theorem_of(accelerator, PROOFS)
    assert found["status"] == "holds" and found["missing"] == []
    assert all(each["status"] == "holds" and each["claims"] for each in found["lemmas"])
    assert found["trusted"] and any("reset" in each for each in found["assumes"])
    loaded = theorem_of(replace(accelerator, weights="loaded"), PROOFS)
    assert len(loaded["assumes"]) == len(found["assumes"]) + 1


def test_with_windows_it_needs_what_places_see(accelerator: Accelerator) -> None:
    walked = _with_windows(accelerator)
    dense_only = [each for each in PROOFS if not each.name.startswith("sums: no input")]
    assert theorem_of(walked, dense_only)["status"] == "holds"
    found = theorem_of(walked, [each for each in PROOFS if not each.name.startswith("taps")])
    assert found["status"] == "open" and found["missing"] == ["no claim “taps”"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": "refuted"}, "refuted"),
        ({"status": "unknown"}, "unknown"),
        ({"status": "bounded(9)", "bound": "9 clocks"}, "bounded(9)"),
        (None, "no claim"),
    ],
)
@pytest.mark.parametrize("begin", ["loader:", "contents:", "scores:", "order:", "schedule:"])
def test_a_lemma_needs_all_of_its_claims(
    begin: str,
    change: dict[str, str] | None,
    says: str,
    accelerator: Accelerator,
) -> None:
    proofs = [each for each in PROOFS if not each.name.startswith(begin)]
    if change is not None:
        proofs += [replace(each, **change) for each in PROOFS if each not in proofs]  # type: ignore[arg-type]
    found = theorem_of(accelerator, proofs)
    assert found["status"] == "open"
    assert len(found["missing"]) == 1 and says in found["missing"][0]


def test_each_equation_needs_its_own_claim(accelerator: Accelerator) -> None:
    two = replace(accelerator, neuron_modules=(*accelerator.neuron_modules, "other_step"))
    assert theorem_of(two, PROOFS)["missing"] == ["no claim “every output equals”"]


def test_every_contract_belongs_to_a_lemma() -> None:
    of_the_core = [each for each in CONTRACTS.values() if each.module not in OF_BUSES]
    assert of_the_core != list(CONTRACTS.values())
    for contract in of_the_core:
        assert any(contract.name.startswith(begin) for begin in BEGINNINGS), contract.name


def test_lemmas_of_what_a_design_has_not_are_not_asked_for(accelerator: Accelerator) -> None:
    names = [each["name"] for each in theorem_of(accelerator, PROOFS)["lemmas"]]
    assert not any(name.startswith(("windows", "rings")) for name in names)
    names = [each["name"] for each in theorem_of(_with_windows(accelerator), PROOFS)["lemmas"]]
    assert any(name.startswith("windows") for name in names)
