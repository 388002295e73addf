"""What a stranger may do to a design folder: one seeded change after the other.

Every word that a shell, Tcl, Yosys or a simulator could be made to obey contains `WITNESS`.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from sc_neurocore.files import sha256
from sc_neurocore.network.storage import _hash, _reference

WITNESS = "WITNESS"
OUTSIDE = "outside"
"""A folder beside the design, with `precious` and `rtl/top.v` in it: to be left alone."""

NAMES = (
    "/etc/passwd",
    f"../{OUTSIDE}/precious",
    f"rtl/../../{OUTSIDE}/precious",
    "..",
    ".",
    "",
    "/",
    "~/precious",
    "./rtl/top.v",
    "rtl//top.v",
    "rtl",
    "rtl/",
    "-rf",
    "--version",
    "a b.v",
    "a\nb.v",
    "a\0b",
    "a\tb",
    'a"b.v',
    "a'b.v",
    "a\\b.v",
    f"$(touch {WITNESS})",
    f"`touch {WITNESS}`",
    f"x; exec touch {WITNESS}",
    f"x; touch {WITNESS} #.v",
    f"[exec touch {WITNESS}]",
    f"{{x}} ; exec touch {WITNESS}",
    f"|touch {WITNESS}",
    "C:x",
    "\\\\server\\x",
    ".git/hooks/pre-commit",
    ".bashrc",
    ".sc-neurocore/journal.json",
    "design.json",
    "network.json",
    "certificate.json",
    "build/hx8k/top.bit",
    "\u202egnp.v",
    "\x1b[2J\x1b]0;x\x07",
    "\ud800",
    "ä.v",
    "CON",
    "x" * 300,
    "x/" * 3000 + "x",
    "%s%n{0}{{x}}",
    "{{ 7 * 7 }}",
)
NUMBERS: tuple[Any, ...] = (
    *(0, 1, 2, 3, 4, 7, 8, 16, 31, 64, 255, 256, 1000, 1 << 16, 1 << 20, 1 << 24, 1 << 31),
    *(1 << 63, 10**30, -1, -8, -(1 << 31), 0.5, 1e-300, 1e308, -0.0),
    *(float("nan"), float("inf"), -float("inf"), True),
)
FORMATS = ("Q8.8", "Q1.0", "Q16.16", "Q99.99", "UQ8.8", "Q8.8:nearest", "Q8.8:wrap", "Q0.0")
WORDS = (
    *FORMATS,
    *("rom", "loaded", "huge", "block", "group-stationary", "step-outer", "verilog", "memory"),
    *("network", "board", "constraints", "ulx3s", "icebreaker", "arty-a7", "ecp5-85k", "hx8k"),
    *("0" * 64, "f" * 64, "module", "LIF", "digits", "mnist", "dense", "population", "spikes"),
    *("sequence", "membrane", "first-to-3", "poisson"),
)

Change = Callable[[random.Random, Path], None]


def value(random: random.Random) -> Any:
    """Return something that may stand in a JSON file."""
    kind = random.randrange(9)
    if kind < 3:
        return random.choice(NUMBERS)
    if kind < 5:
        return random.choice(NAMES)
    if kind < 7:
        return random.choice(WORDS)
    if kind == 7:
        return random.choice((None, False, True, [], {}, [[]], [None], {"": {}}, {"$tensor": {}}))
    nested: Any = random.choice(NAMES)
    for _ in range(random.choice((3, 200))):
        nested = [nested] if random.random() < 0.5 else {"x": nested}
    return nested


def _places(content: Any) -> list[tuple[Any, Any]]:
    """Return every container with each key or index in it."""
    found: list[tuple[Any, Any]] = []
    stack = [content]
    while stack:
        each = stack.pop()
        if isinstance(each, dict | list):
            keys = list(each) if isinstance(each, dict) else list(range(len(each)))
            found += [(each, key) for key in keys]
            stack += [each[key] for key in keys]
    return found


def change_json(random: random.Random, content: Any) -> Any:
    """Change one thing in a JSON value, in place where that can be; return it."""
    places = _places(content)
    if not places or random.random() < 0.01:
        return value(random)
    container, key = random.choice(places)
    what = random.randrange(8)
    if what < 4:
        container[key] = value(random)
    elif what == 4:
        old = container[key]
        if isinstance(old, bool) or not isinstance(old, int | float):
            container[key] = value(random)
        else:
            container[key] = random.choice((old + 1, old - 1, old * 2, -old, old / 2, str(old)))
    elif what == 5:
        del container[key]
    elif what == 6:
        other, other_key = random.choice(places)
        container[key] = json.loads(json.dumps(other[other_key]))
    elif isinstance(container, list):
        container[key:key] = [container[key]] * random.choice((1, 3, 1100))
    else:
        container[random.choice(NAMES)] = value(random)
    return content


def dump(random: random.Random, content: Any) -> bytes:
    """Write JSON, now and then with what only parsers know: a key twice, endless brackets."""
    text = json.dumps(content, indent=random.choice((None, 2)))
    what = random.random()
    if what < 0.02:
        text = text.replace("{", '{"top": "x", "top": "y", ', 1)
    elif what < 0.03:
        text = "[" * random.choice((1000, 100_000)) + text
    elif what < 0.04:
        text = text.replace("1", "1" * random.choice((400, 10_000)), 1)
    elif what < 0.05:
        text = text + text
    return text.encode("utf-8", "surrogatepass")


def _load(path: Path) -> Any:
    try:
        # A change before this one may be there.
        is_usual = path.is_file() and path.stat().st_size < 1 << 22
        return json.loads(path.read_bytes()) if is_usual else None
    except (ValueError, RecursionError):
        return None


def _json_file(name: str) -> Change:
    def change(random: random.Random, folder: Path) -> None:
        content = _load(folder / name)
        if content is not None:
            for _ in range(random.choice((1, 1, 2, 4))):
                content = change_json(random, content)
            _write(folder / name, dump(random, content))

    return change


def _write(path: Path, content: bytes) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def a_network_that_is_whole(random: random.Random, folder: Path) -> None:
    """Change network or weights and put every hash right, so that what follows must cope."""
    path, arrays = folder / "network.json", folder / "network.safetensors"
    content, manifest = _load(path), _load(folder / "design.json")
    if not isinstance(content, dict) or not arrays.is_file():
        return
    try:
        tensors = dict(load_tensors(arrays.read_bytes()))
    except Exception:
        return
    if random.random() < 0.5 and tensors:
        name = random.choice(sorted(tensors))
        tensors[name] = _another_array(random, tensors[name])
        place = content
        for part in name.split("."):
            try:
                place = place[int(part)] if isinstance(place, list) else place[part]
            except (KeyError, IndexError, TypeError, ValueError):
                return
        if isinstance(place, dict) and "$tensor" in place:
            place.clear()
            place.update(_reference(tensors[name]))
        arrays.unlink()
        arrays.write_bytes(save_tensors({k: np.ascontiguousarray(v) for k, v in tensors.items()}))
    else:
        content = change_json(random, content)
    if not isinstance(content, dict):
        return
    content.pop("sha256", None)
    digest = _hash(content)
    _write(path, dump(random, {**content, "sha256": digest}))
    if isinstance(manifest, dict) and isinstance(manifest.get("network"), dict):
        manifest["network"]["sha256"] = digest
        _write(folder / "design.json", json.dumps(manifest).encode())


def _another_array(random: random.Random, array: Any) -> Any:
    what = random.randrange(6)
    if what == 0:
        return array * np.float64(random.choice((0, 1e30, 1e300, -1)))
    if what == 1:
        return np.full_like(array, random.choice((0, 1, 100, 30_000)))
    if what == 2 and array.dtype.kind == "f":
        return np.where(np.arange(array.size).reshape(array.shape) == 0, np.nan, array)
    if what == 3:
        return array.astype(random.choice(("float64", "int64", "int32", "uint8", "bool")))
    if what == 4:
        return array.reshape(-1)
    return np.concatenate([array] * random.choice((1, 2, 50)))


def bytes_of_a_file(random: random.Random, folder: Path) -> None:
    """Flip, cut, insert or repeat bytes of some file."""
    path = _some_file(random, folder)
    if path is None:
        return
    content = bytearray(path.read_bytes())
    at = random.randrange(len(content) + 1)
    what = random.randrange(5)
    if what == 0 and content:
        content[at % len(content)] ^= 1 << random.randrange(8)
    elif what == 1:
        del content[at:]
    elif what == 2:
        content[at:at] = random.randbytes(random.choice((1, 8, 4000)))
    elif what == 3:
        content[at : at + 8] = b"\xff" * 8
    else:
        content[at:at] = content[at : at + 3000]
    _write(path, bytes(content))


VERILOG = (
    f'initial $system("touch {WITNESS}");',
    f'initial $c("system(\\"touch {WITNESS}\\")");',
    'integer f; initial f = $fopen("../../WITNESS");',
    '`include "/etc/passwd"',
    '(* keep = "x" *) wire a;',
    "endmodule module other; ",
    "input [999999999:0] weight_data,",
    "(" * 3000 + ")" * 3000,
    "#(" + ")(" * 5000,
)


def verilog(random: random.Random, folder: Path) -> None:
    """Put a line into a Verilog file."""
    files = sorted(path for path in folder.rglob("*.v") if path.is_file())
    if files:
        path = random.choice(files)
        text = path.read_text(errors="replace")
        cut = random.choice([0, *(at for at, each in enumerate(text) if each == "\n")])
        _write(path, (text[:cut] + random.choice(VERILOG) + text[cut:]).encode())


def constraints(random: random.Random, folder: Path) -> None:
    """Put a constraints file where an earlier build would have left one."""
    pins = "set_property PACKAGE_PIN E3 [get_ports clk]\n"
    text = random.choice((pins, f"{pins}exec touch {WITNESS}\n", f"{pins}[exec touch {WITNESS}]"))
    text = random.choice((text, f"# {text[:-1]}\rexec touch {WITNESS}\n"))
    for top in ("tiny", "tiny_on_pins", "tiny_arty_a7"):
        _write(
            folder / "build" / "xc7a35t" / f"{top}.xdc", text.encode() + b"\xff" * (len(top) % 2)
        )


def _some_file(random: random.Random, folder: Path) -> Path | None:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    files = [path for path in files if path.stat().st_size < 1 << 22]
    return random.choice(files) if files else None


def something_else_in_a_place(random: random.Random, folder: Path) -> None:
    """Put a link, folder, pipe, socket, endless or forbidden file where a file or folder is."""
    places = sorted(path for path in folder.rglob("*") if not path.is_symlink())
    if not places:
        return
    path = random.choice(places)
    outside = folder.parent / OUTSIDE
    away = folder.parent / "away" / str(random.randrange(1 << 60))
    away.parent.mkdir(exist_ok=True)
    is_folder = path.is_dir()
    path.rename(away)
    what = random.randrange(9)
    if what == 0:
        path.symlink_to(outside / "rtl" if is_folder else outside / "precious")
    elif what == 1:
        path.symlink_to(
            random.choice((away, Path("/dev/zero"), Path("/"), path, Path("/proc/self")))
        )
    elif what == 2:
        path.mkdir()
        (path / "x").write_text("x")
    elif what == 3:
        os.mkfifo(path)
    elif what == 4:
        with path.open("wb") as file:
            file.truncate(random.choice((1 << 21, 1 << 40)))
    elif what == 5:
        os.link(outside / "precious", path)
    elif what == 6 and len(os.fspath(path)) < 100:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(os.fspath(path))
    elif what == 7:
        away.rename(path)
        path.chmod(0)
    elif not is_folder:
        path.write_bytes(b"")


def odd_names(random: random.Random, folder: Path) -> None:
    """Add a file of an odd name."""
    name = random.choice(NAMES).encode("utf-8", "surrogatepass").replace(b"\0", b"").strip(b"/.~")
    parent = os.fsencode(random.choice([folder, folder / "rtl", folder / "proof"]))
    path = Path(os.fsdecode(os.path.join(parent, name or b"\xff\xfe")))
    # Not through a link that an earlier change put there.
    with contextlib.suppress(OSError, ValueError), path.open("xb") as file:
        file.write(b"x")


def journal(random: random.Random, folder: Path) -> None:
    """Plant a journal, a list and staged files, as an interrupted command leaves them."""
    own = folder / ".sc-neurocore"
    if own.is_symlink() or (own.exists() and not own.is_dir()):
        return
    precious = sha256((folder.parent / OUTSIDE / "precious").read_bytes())
    names = [*NAMES, "design.json", "rtl/tiny.v", "certificate.json", "build/x", "report.html"]
    digests = [precious, sha256(b""), "x", 3, None]
    content: Any = {
        "write": [random.choice(names) for _ in range(random.randrange(4))],
        "remove": {random.choice(names): random.choice(digests) for _ in range(3)},
        "written": {random.choice(names): random.choice(digests)},
    }
    if random.random() < 0.3:
        content = change_json(random, content)
    for name in random.choice((("journal.json",), ("written.json",), ("journal.json", "x"))):
        _write(
            own / name,
            dump(
                random,
                content
                if name != "written.json"
                else {random.choice(names): random.choice(digests) for _ in range(5)},
            ),
        )
    staged = own / "staged"
    for number in (*range(3), "written.json", "journal.json"):
        place = staged / str(number)
        if staged.is_dir() and not staged.is_symlink() and os.path.lexists(place):
            continue
        what = random.randrange(5)
        with contextlib.suppress(OSError):
            staged.mkdir(parents=True, exist_ok=True)
            if what == 0:
                os.mkfifo(place)
            elif what == 1:
                place.symlink_to(folder.parent / OUTSIDE / "precious")
            elif what == 2:
                place.mkdir()
            else:
                place.write_text(f"#!/bin/sh\ntouch {WITNESS}\n")
                place.chmod(0o755)


CHANGES: tuple[tuple[float, Change], ...] = (
    (4, _json_file("design.json")),
    (3, a_network_that_is_whole),
    (1, _json_file("network.json")),
    (2, _json_file("certificate.json")),
    (3, _json_file("neuron.json")),
    (2, _json_file("summary.json")),
    (1, _json_file("results.json")),
    (2, _json_file("design/design.json")),
    (2, bytes_of_a_file),
    (2, verilog),
    (1, constraints),
    (4, something_else_in_a_place),
    (1, odd_names),
    (3, journal),
)


def change(random: random.Random, folder: Path) -> list[str]:
    """Change a folder once to three times; return what was done."""
    weights, changes = zip(*CHANGES, strict=True)
    chosen = random.choices(changes, weights, k=random.choice((1, 1, 2, 3)))
    for each in chosen:
        # What an earlier change left may have no end, no permissions or no meaning.
        with contextlib.suppress(OSError, ValueError, MemoryError, RecursionError):
            each(random, folder)
    return [each.__qualname__ for each in chosen]
