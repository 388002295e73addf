"""Whether the design in a run's folder is the one that its certificate and bitstream speak of."""

from __future__ import annotations

from pathlib import Path

from sc_neurocore.errors import ScNeurocoreError
from sc_neurocore.files import inside
from sc_neurocore.fpga.build import check_build
from sc_neurocore.fpga.folder import opened
from sc_neurocore.hdl.manifest import MANIFEST
from sc_neurocore.report.contents import Summary
from sc_neurocore.verify.standing import Standing, standing

_DESIGN = "design"


def design_standing(folder: Path, summary: Summary) -> Standing | None:
    """Return how the design of a run stands now; None if there is none.

    Args:
        folder: The run's folder.
        summary: What the run found.
    """
    try:
        directory = inside(folder, _DESIGN)
        if not (directory / MANIFEST).exists():
            return None
        with opened(directory, allow_edited=True) as design:
            found = standing(design)
            if summary.fpga is not None and (problem := check_build(design, summary.fpga.device)):
                return Standing("changed since it was verified", problem)
            return found
    except ScNeurocoreError as error:
        return Standing("not verified", str(error))
