"""A design folder: a network, the formats it was compiled with, and the accelerator made of it.

The folder is complete: from the saved network description and the formats in design.json, anyone
can work out again the integers that the hardware must compute.
"""

from __future__ import annotations

import json
from pathlib import Path

from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.qformat import QFormat
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.hdl.accelerator import MANIFEST, Accelerator, generate, load_accelerator
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.storage import load_description, save_description


def compile_network(
    description: NetworkDescription,
    directory: Path,
    format: str | QFormat = "Q8.8",
    weight_bits: int = 8,
    lanes: int = 8,
) -> tuple[Accelerator, IntegerNetwork]:
    """Compile a network into a design folder.

    Args:
        description: A feed-forward network.
        directory: Where network.json, design.json and rtl/ go; made if needed.
        format: The format of the neurons' states.
        weight_bits: Width of a weight, 2 to 16.
        lanes: Multiply-accumulate lanes: a power of two.

    Raises:
        UserError: If the integers or the engine do not have what the network needs.
    """
    network = quantize(description, format, weight_bits)
    accelerator = generate(network, directory, lanes)
    save_description(description, directory)
    return accelerator, network


def load_design(directory: Path) -> tuple[Accelerator, IntegerNetwork]:
    """Read a design folder back, and work out its integers again.

    Raises:
        UserError: If the folder is not a design, or a file is damaged.
        CheckFailedError: If the saved network is not the one that the accelerator was made of.
    """
    accelerator = load_accelerator(directory)
    description = load_description(directory)
    if description.content_hash != accelerator.content_hash:
        raise CheckFailedError(
            f"{directory}: the saved network is {description.content_hash[:12]}…, but {MANIFEST} "
            f"was made of {accelerator.content_hash[:12]}…: compile the network again"
        )
    manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    try:
        state = QFormat.parse(manifest["state_format"])
        current = QFormat.parse(manifest["current_format"])
    except (KeyError, TypeError) as error:
        raise UserError(f"{directory / MANIFEST}: {error} is missing: compile again") from None
    extra_bits = current.integer_bits - state.integer_bits
    return accelerator, quantize(description, state, accelerator.geometry.weight_bits, extra_bits)
