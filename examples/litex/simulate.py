"""A LiteX SoC with a processor and a network on its bus, simulated: firmware classifies ten digits.

    python examples/litex/simulate.py

It needs `pip install 'sc-neurocore[litex]'`, Verilator 5 and a compiler for RISC-V (on Debian:
`apt install verilator gcc-riscv64-unknown-elf`). Exits with 1 where an answer is not the integers'.
"""

import argparse
import logging
import subprocess
import sys
import time
from contextlib import chdir
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np

try:
    from litex.build.generic_platform import Pins, Subsignal
    from litex.build.sim import SimPlatform
    from litex.soc.cores.cpu.vexriscv.core import GCC_FLAGS
    from litex.soc.integration import export
    from litex.soc.integration.common import get_mem_data
    from litex.soc.integration.soc_core import SoCCore
    from migen.genlib.io import CRG
except ImportError as error:
    sys.exit(f"{error.name} is missing: see the head of {Path(__file__).name}")

from sc_neurocore.data import load_split
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.design import Design, load_design
from sc_neurocore.hdl.self_check import vectors
from sc_neurocore.network import load_description

HERE = Path(__file__).resolve().parent
MODEL = HERE.parents[1] / "models/digits"
VARIANT = "standard"
COMPILER = "riscv64-unknown-elf-"
PINS = [
    ("sys_clk", 0, Pins(1)),
    (
        "serial",
        0,
        *(
            Subsignal(f"{way}_{name}", Pins(bits))
            for way in ("source", "sink")
            for name, bits in (("valid", 1), ("ready", 1), ("data", 8))
        ),
    ),
]


def make_soc(folder: Path, top: str) -> SoCCore:
    """Return a SoC with VexRiscv, and with the design's core on its bus."""
    platform = SimPlatform("SIM", list(PINS), name="soc")
    soc = SoCCore(
        platform,
        clk_freq=100_000_000,
        cpu_type="vexriscv",
        cpu_variant=VARIANT,
        uart_name="sim",
        integrated_rom_size=0x10000,
        integrated_sram_size=0x1000,
        ident="",
    )
    soc.crg = CRG(platform.request("sys_clk"))
    sys.path.insert(0, str(folder / "system"))
    import_module(top).add_core(soc)
    return soc


def write_headers(soc: SoCCore, folder: Path, top: str, work: Path) -> None:
    """Write what firmware knows of the SoC and of the core."""
    (work / "generated").mkdir(exist_ok=True)
    texts = {
        "generated/mem.h": export.get_mem_header(soc.mem_regions),
        "generated/soc.h": export.get_soc_header(soc.constants, with_access_functions=False),
        "generated/csr.h": export.get_csr_header(
            soc.csr.regions, soc.constants, with_access_functions=False
        ),
        "regions.ld": export.get_linker_regions(soc.mem_regions),
        "core.h": (folder / "system" / f"{top}.h").read_text(),
    }
    for name, text in texts.items():
        (work / name).write_text(text)


def write_samples(beats: np.ndarray, work: Path) -> None:
    """Write samples as C, (samples, beats of a sample)."""
    rows = ",\n".join("{" + ", ".join(map(str, row)) + "}" for row in beats.tolist())
    (work / "samples.h").write_text(
        f"#define SAMPLES {len(beats)}\n"
        f"static const uint32_t samples[SAMPLES][{beats.shape[1]}] = {{\n{rows}}};\n"
    )


def compile_firmware(source: Path, work: Path) -> Path:
    """Compile firmware and return its image."""
    flags = [*GCC_FLAGS[VARIANT].replace("rv32i2p0_m", "rv32im_zicsr").split(), "-Os", "-Wall"]
    flags += ["-Werror", "-ffreestanding", "-nostdlib", "-I.", f"-I{HERE}", f"-T{HERE / 'rom.ld'}"]
    flags += ["-Wl,--no-warn-rwx-segments"]
    files = [str(HERE / "start.S"), str(source), "-lgcc"]
    run([f"{COMPILER}gcc", *flags, "-o", "firmware.elf", *files], work)
    run([f"{COMPILER}objcopy", "-O", "binary", "firmware.elf", "firmware.bin"], work)
    return work / "firmware.bin"


def simulate(folder: Path, beats: np.ndarray, work: Path, source: Path) -> list[str]:
    """Build the SoC of a design with some firmware, run it, and return the lines of its UART."""
    work.mkdir(parents=True, exist_ok=True)
    top = load_design(folder).manifest.top
    soc = make_soc(folder, top)
    soc.finalize()
    write_headers(soc, folder, top, work)
    write_samples(beats, work)
    image = compile_firmware(source, work)
    soc.init_rom("rom", get_mem_data(str(image), endianness="little"), auto_size=False)
    with chdir(work):  # the memories' files go where it works
        soc.platform.get_verilog(soc, name="soc").write("soc.v")
    files = [str(path) for path, *_ in soc.platform.sources if str(path).endswith(".v")]
    options = ["--binary", "--timing", "-Wno-fatal", "-Wno-lint", "--top-module", "bench"]
    options += ["-MAKEFLAGS", "OPT_FAST=-O0"]  # compiling takes longer than the simulation
    run(["verilator", *options, *files, "soc.v", str(HERE / "bench.v")], work)
    said = run(["obj_dir/Vbench"], work).splitlines()
    return [line for line in said if not line.startswith("- ")]  # what Verilator adds


def run(command: list[str], work: Path) -> str:
    """Run a program and return what it says; end with that if it fails."""
    try:
        done = subprocess.run(command, cwd=work, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit(f"{command[0]} is missing: see the head of {Path(__file__).name}")
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed in {work}:\n{done.stdout}{done.stderr}")
    return done.stdout


def digits(design: Design, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what goes in for so many digits, and the class and scores that must come out."""
    values = load_split("digits", seed=0).test.network_inputs()[:count]
    return vectors(design.network, design.accelerator, values)


def main() -> None:
    logging.disable(logging.INFO)  # LiteX tells of all that it does
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/litex"), help="an empty folder")
    out = parser.parse_args().out.resolve()
    begin = time.monotonic()
    compile_design(load_description(MODEL), out / "core", lanes=8, bus="wishbone")
    beats, expected = digits(load_design(out / "core"), 10)
    *lines, clocks = simulate(out / "core", beats, out / "soc", HERE / "firmware.c")
    wanted = [" ".join(map(str, row)) for row in expected.tolist()]
    print("\n".join(lines))
    equal = sum(map(str.__eq__, lines, wanted)) if len(lines) == len(wanted) else 0
    tools = f"LiteX {version('litex')}, VexRiscv {version('pythondata-cpu-vexriscv')}"
    print(f"{tools}; {clocks}; {time.monotonic() - begin:.0f} s")
    print(f"{equal} of {len(wanted)}: class and scores are those of the integers")
    sys.exit(equal != len(wanted))


if __name__ == "__main__":
    main()
