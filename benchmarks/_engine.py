"""Which engine a table was measured with."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sc_neurocore import hdl


def engine_hash() -> str:
    """Return a hash of the Verilog that accelerators are made of: other engines, other figures."""
    folder = Path(hdl.__file__).parent
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".v", ".j2"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
