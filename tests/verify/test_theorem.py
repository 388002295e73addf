"""The theorem holds only where every lemma is proved and nothing is missing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import BUS_MODULES
from sc_neurocore.hdl.geometry import Geometry
from sc_neurocore.hdl.planning import plan
from sc_neurocore.verify import theorem
from sc_neurocore.verify.contract_table import CONTRACTS
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.theorem import LEMMAS, theorem_of

BEGINNINGS = sorted({begin for lemma in LEMMAS for begin in lemma.claims})
PROOFS = [ProofResult(f"{begin} …", "proved", "none", 0.0) for begin in BEGINNINGS]


@pytest.fixture
def geometry(make_network: Callable[..., IntegerNetwork]) -> Geometry:
    return plan(make_network([6, 9, 3], steps=5), 4)


def test_what_is_missing_in_every_design_is_said(geometry: Geometry) -> None:
    found = theorem_of(geometry, PROOFS)
    assert found["status"] == "open"
    assert [each["name"] for each in found["lemmas"] if each["missing"]] == [
        lemma.name for lemma in LEMMAS if lemma.missing and lemma.needed(geometry)
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": "refuted"}, "refuted"),
        ({"status": "unknown"}, "unknown"),
        ({"status": "bounded(9)", "bound": "9 clocks"}, "bounded(9)"),
        (None, "no claim"),
    ],
)
@pytest.mark.parametrize("begin", ["loader:", "contents:", "scores:"])
def test_a_lemma_needs_all_of_its_claims(
    begin: str,
    change: dict[str, str] | None,
    says: str,
    geometry: Geometry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = tuple(replace(lemma, missing=()) for lemma in LEMMAS)
    monkeypatch.setattr(theorem, "LEMMAS", whole)
    assert theorem_of(geometry, PROOFS)["status"] == "holds"
    proofs = [each for each in PROOFS if not each.name.startswith(begin)]
    if change is not None:
        proofs += [replace(each, **change) for each in PROOFS if each not in proofs]  # type: ignore[arg-type]
    found = theorem_of(geometry, proofs)
    assert found["status"] == "open"
    assert len(found["missing"]) == 1 and says in found["missing"][0]


def test_every_contract_belongs_to_a_lemma() -> None:
    of_the_core = [each for each in CONTRACTS.values() if each.module not in BUS_MODULES.values()]
    assert of_the_core != list(CONTRACTS.values())
    for contract in of_the_core:
        assert any(contract.name.startswith(begin) for begin in BEGINNINGS), contract.name


def test_lemmas_of_what_a_design_has_not_are_not_asked_for(geometry: Geometry) -> None:
    names = [each["name"] for each in theorem_of(geometry, PROOFS)["lemmas"]]
    assert not any(name.startswith(("windows", "rings")) for name in names)
    names = [each["name"] for each in theorem_of(replace(geometry, windows=1), PROOFS)["lemmas"]]
    assert any(name.startswith("windows") for name in names)
