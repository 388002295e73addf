"""What is proved of inputs with a sign, and that a sign which is lost on the way is refuted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.design import Design
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population, Recurrent
from sc_neurocore.verify.claims import claims_of

RequireTool = Callable[..., None]
Change = Callable[[Path, str, str], None]


def compiled(folder: Path) -> Design:
    """Two layers on two lanes, one multiplier in a block and one in logic.

    Own spikes are worth less than an input's unit: so inputs are shifted.
    """
    random = np.random.default_rng(0)
    network = NetworkDescription(
        name="signs",
        input=InputEncoding(shape=(6,), bits=4, fraction_bits=2, signed=True),
        steps=4,
        layers=[
            Dense(weight=random.normal(0, 0.7, (8, 6)), bias=random.normal(0, 0.2, 8)),
            Recurrent(neuron=LIF, weight=random.normal(0, 0.04, (8, 8))),
            Dense(weight=random.normal(0, 0.7, (3, 8))),
            Population(neuron=LIF),
        ],
    )
    options = {"lanes": 2, "multipliers": {"logic": 1}}
    design = compile_design(network, folder, "Q4.8", 5, allow=["all"], **options).design
    sizes = design.accelerator.geometry
    assert sizes.value_bits > sizes.input_bits
    return design


def test_its_claims_are_proved(require_tool: RequireTool, tmp_path: Path) -> None:
    require_tool("sby")
    design = compiled(tmp_path)
    wanted = {"files", "joined", "sums", "schedule", "snn_product", "snn_accumulator"}
    for claim in claims_of(design):
        if claim.name in wanted:
            assert claim.prove(design).status == "proved", claim.name
            wanted.remove(claim.name)
    assert not wanted


@pytest.mark.parametrize(
    ("file", "old", "new", "claim"),
    [
        ("signs.v", ".SIGNED_INPUTS(1)", ".SIGNED_INPUTS(0)", "files"),
        ("snn_engine.v", "{SIGNED_INPUTS != 0 && token", "{1'b0 && token", "joined"),
        ("snn_engine.v", ".SIGNED_VALUES(SIGNED_INPUTS)", ".SIGNED_VALUES(0)", "files"),
        (
            "snn_product.v",
            "factor = {is_below_zero, value}",
            "factor = {1'b0, value}",
            "snn_product",
        ),
        ("snn_product.v", "if (is_below_zero) partial", "if (1'b0) partial", "snn_product"),
    ],
)
def test_a_lost_sign_is_refuted(
    file: str,
    old: str,
    new: str,
    claim: str,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("sby")
    design = compiled(tmp_path)
    change(design.accelerator.directory / "rtl" / file, old, new)
    (prove,) = (each.prove for each in claims_of(design) if each.name == claim)
    assert prove(design).status == "refuted"
