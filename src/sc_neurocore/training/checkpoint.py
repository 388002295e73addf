"""Checkpoints: a JSON file and the safetensors file that it names, whole at every moment.

checkpoint.json              what is not a tensor, and the name and SHA-256 of
state-<SHA-256>.safetensors  the tensors

The tensors are written first, under a name of their own; renaming the JSON over the old one is the
moment at which the new checkpoint replaces it. A process that is killed leaves the one or the
other, never a mixture.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from sc_neurocore.errors import DataError
from sc_neurocore.files import write_atomically

CHECKPOINT_NAME = "checkpoint.json"
VERSION = 2
# The second is what `write_atomically` writes before it renames.
_TENSORS = r"state-[0-9a-f]{16}\.safetensors"
_OURS = re.compile(rf"{_TENSORS}|\.({_TENSORS}|{re.escape(CHECKPOINT_NAME)})-\w+")


def save_checkpoint(
    folder: Path, content: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Replace the checkpoint in a folder, which is made if needed.

    Args:
        folder: Whatever else it holds stays.
        content: Plain JSON values.
        tensors: Of any device and memory format.
    """
    raw = save_tensors({name: each.detach().cpu().contiguous() for name, each in tensors.items()})
    digest = hashlib.sha256(raw).hexdigest()
    name = f"state-{digest[:16]}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / name, raw)
    record = {**content, "version": VERSION, "tensors": name, "sha256": digest}
    write_atomically(folder / CHECKPOINT_NAME, (json.dumps(record) + "\n").encode())
    for path in folder.iterdir():  # the tensors of before, and what a killed process left
        if path.name not in (name, CHECKPOINT_NAME) and _OURS.fullmatch(path.name):
            path.unlink(missing_ok=True)


def load_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Return the content and the tensors of the checkpoint in a folder, or None if there is none.

    Raises:
        DataError: If it is damaged, or of another version.
    """
    path = folder / CHECKPOINT_NAME
    if not path.exists():
        return None
    advice = f"remove {folder} to train from the start"
    try:
        content = json.loads(path.read_bytes())
        version, name, digest = content["version"], content["tensors"], content["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a checkpoint ({error!r}); {advice}") from None
    if version != VERSION:
        raise DataError(
            f"{path}: version {version!r}: this release reads version {VERSION}; {advice}, or "
            f"resume with the release that wrote it"
        )
    source = folder / name
    try:
        raw = source.read_bytes()
        if hashlib.sha256(raw).hexdigest() != digest:
            raise DataError(f"{source}: the tensors have changed since they were saved; {advice}")
        return content, load_tensors(raw)
    except (OSError, SafetensorError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{source}: cannot be read ({error}); {advice}") from None
