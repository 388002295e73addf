"""Kept builds are executed: none is taken that this user did not make, or that is not whole."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.errors import ToolFailedError, UserError
from sc_neurocore.files import CACHE_VARIABLE
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import Rendered, render_accelerator
from sc_neurocore.tools import programs
from sc_neurocore.verify import builds
from sc_neurocore.verify.builds import EXECUTABLE, kept_build
from sc_neurocore.verify.cosimulation import cosimulate, extreme_inputs
from sc_neurocore.verify.simulators import SIMULATORS, Bench, SimulatorName

RequireTool = Callable[..., None]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "simulators"


class Builder:
    """Builds of a few bytes; counts what was built."""

    def __init__(self) -> None:
        self.built = 0

    def __call__(self, sources: dict[str, bytes], recipe: tuple[str, ...] = ()) -> Path:
        return kept_build("small", sources, recipe, (), self.compile, sources)

    def compile(self, folder: Path) -> None:
        self.built += 1
        (folder / EXECUTABLE).write_bytes(b"".join(path.read_bytes() for path in folder.iterdir()))
        (folder / "left over").write_bytes(b"x" * 1000)


def test_everything_that_goes_in_decides(cache: Path) -> None:
    build = Builder()
    places = [
        build({"a": b"1"}),
        build({"a": b"1"}),
        build({"a": b"2"}),
        build({"b": b"1"}),
        build({"a": b"1", "b": b""}),
        build({"a": b"1"}, ("-O3",)),
    ]
    assert build.built == len(set(places)) == 5
    assert places[0] == places[1]
    assert places[0].parent == cache
    assert {path.name for path in places[0].iterdir()} == {EXECUTABLE, "a"}
    assert stat.S_IMODE(cache.stat().st_mode) == stat.S_IMODE(places[0].stat().st_mode) == 0o700


def test_a_version_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    build = Builder()
    places = set()
    for number in ("1", "2"):
        monkeypatch.setattr(programs, "version", lambda name, number=number: number)
        places.add(kept_build("small", {}, (), ("vvp",), build.compile))
    assert len(places) == 2


def test_a_build_that_failed_or_made_nothing_is_not_kept(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / EXECUTABLE).write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_build("small", {"a": b"1"}, (), (), fail)
    with pytest.raises(ToolFailedError, match="without an error and without a program"):
        kept_build("small", {"a": b"1"}, (), (), lambda folder: None)
    assert list(cache.iterdir()) == []
    assert Builder()({"a": b"1"}).is_dir()


@pytest.mark.parametrize("damage", ["gone", "empty", "writable", "open", "link", "link to folder"])
def test_what_is_not_whole_or_not_ours_alone_is_built_again(damage: str, tmp_path: Path) -> None:
    build = Builder()
    place = build({"a": b"1"})
    good = (place / EXECUTABLE).read_bytes()
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    (other / EXECUTABLE).write_bytes(b"#!/bin/sh\necho harm")
    executable = place / EXECUTABLE
    if damage == "gone":
        executable.unlink()
    elif damage == "empty":
        executable.write_bytes(b"")
    elif damage == "writable":
        executable.chmod(0o777)
    elif damage == "open":
        place.chmod(0o755)
    elif damage == "link":
        executable.unlink()
        executable.symlink_to(other / EXECUTABLE)
    else:
        place.rename(tmp_path / "away")
        place.symlink_to(other)
    assert build({"a": b"1"}) == place
    assert build.built == 2
    assert (place / EXECUTABLE).read_bytes() == good
    assert not place.is_symlink() and not executable.is_symlink()
    assert (other / EXECUTABLE).read_bytes().endswith(b"harm")


def test_a_cache_that_others_can_write_to_is_refused(cache: Path, tmp_path: Path) -> None:
    build = Builder()
    build({"a": b"1"})
    cache.chmod(0o777)
    with pytest.raises(UserError, match="not a folder that only you can write to"):
        build({"a": b"1"})
    cache.rename(tmp_path / "theirs")
    (tmp_path / "theirs").chmod(0o700)
    cache.symlink_to(tmp_path / "theirs")
    with pytest.raises(UserError, match="not a folder that only you can write to"):
        build({"a": b"1"})
    assert build.built == 1


def test_the_oldest_go(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "MOST_BYTES", 25_000)
    build = Builder()
    places = [build({"a": bytes([number]) * 5000}) for number in range(2)]
    for hours, place in ((2, places[1]), (3, places[0])):
        os.utime(place, (place.stat().st_mtime - 3600 * hours,) * 2)
    build({"a": b"new" * 2000})
    assert not places[0].exists() and places[1].exists()
    # What may be about to run stays, and use makes a build new.
    build({"a": bytes([1]) * 5000})
    build({"a": b"newer" * 2000})
    assert places[1].exists()
    (draft := cache / ".draft-killed").mkdir()
    os.utime(draft, (0, 0))
    build({"a": b"newest"})
    assert not draft.exists()


def test_a_simulator_that_lies_in_a_folder_is_not_run(
    make_network: Callable[..., IntegerNetwork], require_tool: RequireTool, tmp_path: Path
) -> None:
    """Formerly builds were kept beside the design, and somebody else's would have been run."""
    require_tool("iverilog")
    network = make_network([4, 3])
    accelerator = render_accelerator(network, 1).write(tmp_path / "design")
    inputs = extreme_inputs(network, 2)
    cosimulate(accelerator, network, inputs, "icarus")
    assert {path.name for path in (tmp_path / "design").iterdir()} == {"rtl"}
    assert not [path for path in (tmp_path / "design").rglob("*") if os.access(path, os.X_OK)
                and path.is_file()]  # fmt: skip


def test_names_that_a_command_line_would_read_are_refused() -> None:
    for name in ("--exe", "a b.v", "x;y.v", "$(id).v", "../a.v", ""):
        with pytest.raises(UserError, match="expected letters, digits"):
            Bench("it", "top", {name: b""}, b"", ())
    with pytest.raises(UserError, match="expected an identifier"):
        Bench("it", "top; shell ls", {"a.v": b""}, b"", ())
    for files in ({"testbench.v": b""}, {"a.v": b""}):
        with pytest.raises(UserError, match="two files have the same name"):
            SIMULATORS["icarus"].build(Bench("it", "top", files, b"", (), {}, {"a.v": b""}))


ODD = "blanks, a quote's, $(touch harm); and ünïcode"


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("simulator", "odd"),
    [*((name, ODD) for name in SIMULATORS), *(("icarus", part) for part in ODD.split(", "))],
)
def test_odd_folders_for_temporary_files(
    simulator: SimulatorName,
    odd: str,
    make_network: Callable[..., IntegerNetwork],
    require_tool: RequireTool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_tool(*SIMULATORS[simulator].tools)
    folder = tmp_path / odd
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv(CACHE_VARIABLE, str(folder / "cache"))
    network = make_network([2, 2], steps=1)
    accelerator = render_accelerator(network, 1).write(folder / "design")
    assert cosimulate(accelerator, network, extreme_inputs(network, 2), simulator).holds
    assert {path.name for path in folder.iterdir()} == {"cache", "design"}
    assert not (Path.cwd() / "harm").exists()


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("simulator", "memory"), [*((name, "weights") for name in SIMULATORS), ("icarus", "neurons")]
)
def test_a_missing_memory_is_an_error(
    simulator: SimulatorName,
    memory: str,
    make_network: Callable[..., IntegerNetwork],
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool(*SIMULATORS[simulator].tools)
    network = make_network([2, 2], steps=1)
    rendered = render_accelerator(network, 1)
    contents = {
        name: content.replace(f"_{memory}.hex".encode(), b"_nowhere.hex")
        for name, content in rendered.contents.items()
    }
    assert contents != rendered.contents
    accelerator = Rendered(rendered.accelerator, contents).write(tmp_path / "design")
    with pytest.raises(ToolFailedError, match=r"nowhere\.hex"):
        cosimulate(accelerator, network, np.zeros((1, 2), dtype=int), simulator)


def test_verilator_calls_no_function_of_c(require_tool: RequireTool) -> None:
    require_tool("verilator", "c++")
    text = b"""module bench(input clk, input start, input [63:0] in, output [63:0] out);
        import "DPI-C" function int system(input string command);
        assign out = system("touch harm");
        endmodule"""
    with pytest.raises(ToolFailedError, match="syntax error"):
        SIMULATORS["verilator"].build(
            Bench("it", "bench", {"bench.v": text}, b"", ("vectors.cpp",))
        )


def test_yosys_sees_only_its_folder(require_tool: RequireTool, tmp_path: Path) -> None:
    require_tool("yosys", "c++")
    (tmp_path / "secret.v").write_text("module secret; endmodule\n")
    text = f'`include "{tmp_path}/secret.v"\nmodule bench; endmodule\n'.encode()
    with pytest.raises(ToolFailedError, match=r"secret\.v"):
        SIMULATORS["cxxrtl"].build(Bench("it", "bench", {"bench.v": text}, b"", ("vectors.cpp",)))
