"""Which back ends the kernels' tests run on."""

from __future__ import annotations

import os

import pytest

from sc_neurocore.kernels.backends import BACK_ENDS, BackEnd


@pytest.fixture(
    scope="module",
    params=[each for each in BACK_ENDS.values() if "cpu" in each.devices],
    ids=lambda each: each.name,
)
def backend(request: pytest.FixtureRequest) -> BackEnd:
    """Each back end that runs on the processor; in CI all of them must be there."""
    one: BackEnd = request.param
    if not one.is_available() and not os.environ.get("CI"):
        pytest.skip(f"needs {one.package}, which make setup installs")
    return one
