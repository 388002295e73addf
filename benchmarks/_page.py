"""docs/benchmarks.md, made from every JSON in benchmarks/results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
RESULTS = Path(__file__).parent / "results"
_MOST_COLUMNS = 13
_HEAD = """# Benchmarks

Made from the JSON files in [benchmarks/results](../benchmarks/results) by the scripts that wrote
them; nothing here is typed by hand. Times mean something only as ratios within one table, whose
rows were measured in one run.
"""


def render(results: Path = RESULTS) -> str:
    """Return the whole page."""
    sections = [_section(json.loads(path.read_bytes())) for path in sorted(results.glob("*.json"))]
    return "\n".join([_HEAD, *sections])


def _section(result: dict[str, Any]) -> str:
    machine, versions = result["machine"], result["versions"]
    used = ", ".join(f"{name} {version}" for name, version in versions.items())
    seeds = f"; seeds {', '.join(map(str, result['seeds']))}" if result["seeds"] else ""
    lines = [
        f"## {result['name'].replace('_', ' ')}",
        "",
        f"`{result['command']}` on {result['date'][:10]}: {machine['processor']}, "
        f"{machine['cores']} cores; {used}{seeds}. "
        f"[JSON](../benchmarks/results/{result['name']}.json)",
        "",
    ]
    if "figure" in result:
        lines += [f"![{result['figure']}](images/{result['name']}.png)", ""]
    if result["targets"]:
        lines += _table(["what", "asked", "measured", ""], map(_target, result["targets"]))
    lines += _rows(result["rows"])
    return "\n".join(lines)


def _target(target: dict[str, Any]) -> list[str]:
    is_met = (
        target["measured"] >= target["asked"]
        if target["op"] == ">="
        else target["measured"] <= target["asked"]
    )
    sign = {">=": "≥", "<=": "≤"}[target["op"]]
    verdict = "met" if is_met else "**missed**"
    return [target["what"], f"{sign} {target['asked']:g}", f"{target['measured']:g}", verdict]


def _rows(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the rows as one table for each set of columns; what is nested stays in the JSON."""
    lines: list[str] = []
    tables: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        flat = {key: value for key, value in row.items() if not isinstance(value, dict)}
        flat = {key: value for key, value in flat.items() if not _is_nested(value)}
        tables.setdefault(tuple(flat), []).append(flat)
    for columns, found in tables.items():
        # A column that says the same in every row is said once.
        constant = [key for key in columns if len(found) > 1 and _is_constant(found, key)]
        shown = [key for key in columns if key not in constant][:_MOST_COLUMNS]
        if constant:
            said = ", ".join(f"{_words(key)} {_cell(found[0][key])}" for key in constant)
            lines += [f"In every row: {said}.", ""]
        body = ([_cell(row[key]) for key in shown] for row in found)
        lines += _table([_words(key) for key in shown], body)
    return lines


def _is_nested(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, list | dict) for item in value)


def _is_constant(rows: Sequence[dict[str, Any]], key: str) -> bool:
    return all(row[key] == rows[0][key] for row in rows)


def _words(key: str) -> str:
    return key.replace("_percent", " (%)").replace("_mb", " (MB)").replace("_", " ")


def _cell(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case list():
            return ", ".join(map(_cell, value))
        case _:
            return str(value)


def _table(head: Sequence[str], rows: Iterator[list[str]] | Any) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]
