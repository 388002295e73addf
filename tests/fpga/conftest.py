"""Fixtures for the board tops."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.tools import programs

BENCHES = Path(__file__).parent / "benches"
MODULES = (
    "board_uart_receiver",
    "board_uart_transmitter",
    "board_crc32",
    "board_packet_receiver",
    "board_packet_transmitter",
    "board_reset",
)
RTL = Path(__file__).parents[2] / "src/sc_neurocore/fpga/rtl"


@pytest.fixture
def run_bench(
    require_tool: Callable[..., None], tmp_path: Path
) -> Callable[[str, dict[str, str]], list[str]]:
    """Run a bench of benches/ with files beside it and return the lines that it prints."""
    require_tool("iverilog", "vvp")

    def run(bench: str, files: dict[str, str], **parameters: int) -> list[str]:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        sources = [str(BENCHES / f"{bench}.v"), *(str(RTL / f"{name}.v") for name in MODULES)]
        settings = [f"-P{bench}.{name}={value}" for name, value in parameters.items()]
        options = ["-g2005", "-Wall", "-Wno-timescale", "-s", bench, *settings, "-o", "bench"]
        programs.run("iverilog", [*options, *sources], tmp_path)
        return programs.run("vvp", ["-n", "bench"], tmp_path).stdout.splitlines()

    return run
