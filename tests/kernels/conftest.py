"""Which back ends the kernels' tests run on."""

from __future__ import annotations

import os

import pytest

from sc_neurocore.kernels.backends import BACK_ENDS, BackEnd

# Before anything imports Triton: what has no device here runs under its interpreter.
for _each in BACK_ENDS.values():
    if _each.interpreter is not None:
        os.environ.setdefault(_each.interpreter, "1")


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the soak what runs kernels so often that an interpreted back end takes too long."""
    for item in items:
        if item.get_closest_marker("often"):
            one = item.callspec.params.get("backend")
            if isinstance(one, BackEnd) and one.is_interpreted():
                item.add_marker(pytest.mark.soak)


@pytest.fixture(
    scope="module",
    params=[each for each in BACK_ENDS.values() if each.runs_on("cpu")],
    ids=lambda each: each.name,
)
def backend(request: pytest.FixtureRequest) -> BackEnd:
    """Each back end that runs on the processor; in CI all of them must be there."""
    one: BackEnd = request.param
    if not one.is_available() and not os.environ.get("CI"):
        pytest.skip(f"needs {one.package}, which make setup installs")
    return one
