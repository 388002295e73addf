"""Pages of the site that the sources themselves say: the command line, Python, Verilog.

mkdocs calls the functions below; see https://www.mkdocs.org/user-guide/configuration/#hooks.
"""

from __future__ import annotations

import ast
import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.cli
from mkdocs.structure.files import File, Files

from sc_neurocore.cli.app import app

sys.path.insert(0, str(Path(__file__).parent))
from tutorials import tutorial_files

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "sc_neurocore"
PACKAGES = (
    "equation",
    "network",
    "data",
    "training",
    "interop",
    "fixed",
    "stochastic",
    "hdl",
    "verify",
    "fpga",
    "report",
)
"""What users call, in the order of the house; the rest serves these."""

LONG_TABLE = 40
"""Of so many rows people look for one; with more, they look for the page's next section."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made here."""
    for name, text in (*_pages(), *tutorial_files()):
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Point links out of docs/ to the repository, or take them away where none is known."""
    repository = (config["repo_url"] or "").rstrip("/")
    folder = posixpath.dirname(page.file.src_uri)

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, found[2]))
        if not (ROOT / target).exists():
            raise FileNotFoundError(f"{page.file.src_uri} links to {found[2]}, which is not there")
        known = f"[{found[1]}]({repository}/blob/main/{target})"
        return known if repository else f"{found[1]} (`{target}`)"

    linked = re.sub(r"\[([^\]]+)\]\(((?:\.\./)+(?!images)[^)#]+)\)", link, markdown)
    return re.sub(r"(?:^\|.*\n)+", _folded, linked + "\n", flags=re.MULTILINE)


def _folded(table: re.Match[str]) -> str:
    """Return a table, folded away if it is long."""
    lines = table[0].splitlines()
    rows = len(lines) - 2  # without the head and the line below it
    if rows <= LONG_TABLE:
        return table[0]
    return "\n".join([f'??? note "{rows} rows"\n', *(f"    {line}" for line in lines), "\n"])


def _pages() -> Iterator[tuple[str, str]]:
    yield "reference/command-line.md", _command_line()
    yield "reference/verilog.md", _verilog()
    rows = ["# The Python interface\n", "| package | what lives there |", "|---|---|"]
    for package in PACKAGES:
        modules = sorted(path.stem for path in (PACKAGE / package).glob("*.py"))
        shown = [each for each in modules if not each.startswith("_")]
        yield f"reference/python/{package}.md", _python(package, shown)
        purpose = _first_line(PACKAGE / package / "__init__.py")
        rows.append(f"| [{package}]({package}.md) | {purpose} |")
    yield "reference/python/index.md", "\n".join(rows) + "\n"


def _python(package: str, modules: list[str]) -> str:
    parts = [f"# sc_neurocore.{package}\n", _first_line(PACKAGE / package / "__init__.py") + "\n"]
    for module in modules:
        parts.append(
            f"## {module}\n\n::: sc_neurocore.{package}.{module}\n"
            "    options:\n      show_root_heading: false\n      show_root_toc_entry: false\n"
        )
    return "\n".join(parts)


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]


def _command_line() -> str:
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="sc-neurocore")
    parts = [
        "# The command line\n",
        group.help or "",
        "",
        "| command | what it does |",
        "|---|---|",
    ]
    names = group.list_commands(context)
    for name in names:
        purpose = (group.get_command(context, name).help or "").split("\n")[0]
        parts.append(f"| [`{name}`](#sc-neurocore-{name}) | {purpose} |")
    for name in names:
        text = typer.cli.get_docs_for_click(
            obj=group.get_command(context, name), ctx=context, name=name, call_prefix="sc-neurocore"
        )
        parts.append("\n" + re.sub(r"^# ", "## ", text))
    return "\n".join(parts)


def _verilog() -> str:
    """Return the headers of the modules that are written by hand: each states its contract."""
    parts = [
        "# Verilog modules\n",
        "Every accelerator is made of these, and of a top, tables and the neuron's step, which are "
        "generated. What stands here is the header of each file.\n",
    ]
    for folder in (PACKAGE / "hdl/rtl", PACKAGE / "hdl/stochastic", PACKAGE / "fpga/rtl"):
        for path in sorted(folder.glob("*.v")):
            lines = path.read_text("utf-8").splitlines()
            header = [line.removeprefix("//").removeprefix(" ") for line in _comment(lines)]
            parts.append(f"## {path.stem}\n\n```text\n" + "\n".join(header).strip() + "\n```\n")
    return "\n".join(parts)


def _comment(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith("//"):
            return
        if "SPDX" not in line:
            yield line
