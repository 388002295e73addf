"""Fixtures that every test module may use."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from sc_neurocore.tools.programs import is_available


@pytest.fixture
def require_tool() -> Callable[..., None]:
    """Skip the test when a program is missing; in CI a missing program is a failure."""

    def require(*names: str) -> None:
        for name in names:
            if not is_available(name):
                reason = f"needs {name}, which is not installed (sc-neurocore doctor says how)"
                if os.environ.get("CI"):
                    pytest.fail(f"in CI nothing may be skipped: {reason}")
                pytest.skip(reason)

    return require
