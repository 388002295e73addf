"""Rendering of the Verilog templates that lie beside the code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jinja2

from sc_neurocore import __version__

_SHARED = ("sc_neurocore.hdl", "templates")
"""What templates of other packages include: the core's instance is written once."""


def render(package: str, folder: str, name: str, values: Mapping[str, Any]) -> str:
    """Fill in a template, which also knows our `version`; an unknown name is an error.

    Args:
        package: The package that the template belongs to.
        folder: The package's folder of templates.
        name: The template's file name.
        values: What the template may use.
    """
    return _environment(package, folder).get_template(name).render(values)


@cache
def _environment(package: str, folder: str) -> jinja2.Environment:
    """Return the environment that compiles each of a folder's templates once."""
    own, shared = jinja2.PackageLoader(package, folder), jinja2.PackageLoader(*_SHARED)
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([own, shared]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["version"] = __version__
    return environment
