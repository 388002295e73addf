"""Which engine a table was measured with."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sc_neurocore import hdl
from sc_neurocore.hdl.design import Design


def engine_hash() -> str:
    """Return a hash of the Verilog that accelerators are made of: other engines, other figures."""
    folder = Path(hdl.__file__).parent
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".v", ".j2"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def fingerprint(design: Design) -> str:
    """Return a hash of all that is simulated and built."""
    files = sorted(name for name in design.hashes if name.startswith("rtl/"))
    return hashlib.sha256("".join(design.hashes[name] for name in files).encode()).hexdigest()[:12]
