"""Networks from and to other frameworks, through NIR."""

from sc_neurocore.interop.exporting import differences, to_nir, write_nir
from sc_neurocore.interop.importing import from_nir, read_nir

__all__ = ["differences", "from_nir", "read_nir", "to_nir", "write_nir"]
