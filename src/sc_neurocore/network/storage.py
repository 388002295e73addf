"""Network descriptions as files: `network.json` beside `network.safetensors`.

The JSON holds everything but the arrays; where an array stood, it holds the array's type, shape
and SHA-256. The SHA-256 of that JSON, written canonically, therefore covers the whole content:
it is the description's name in certificates and in the generated hardware.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from sc_neurocore.errors import DescriptionError
from sc_neurocore.files import read_at_most, write_atomically
from sc_neurocore.network.description import VERSION, NetworkDescription

JSON_NAME = "network.json"
TENSORS_NAME = "network.safetensors"
_MAXIMUM_BYTES = 1 << 30
_TENSOR = "$tensor"  # no neuron's parameter can have this name


def content_hash(description: NetworkDescription) -> str:
    """Return the SHA-256 over the description's canonical JSON and, through it, its arrays."""
    return _hash(_split(description)[0])


def save_description(description: NetworkDescription, folder: str | os.PathLike[str]) -> Path:
    """Write a description into a folder, which is made if needed; return the folder.

    Each file is written beside its place and renamed, so that an interrupted save leaves the old
    files whole. A JSON that does not belong to the tensors is found out when it is read.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in description_files(description).items():
        write_atomically(folder / name, content)
    return folder


def description_files(description: NetworkDescription) -> dict[str, bytes]:
    """Return the files of a saved description by name, the tensors first."""
    content, tensors = _split(description)
    text = json.dumps({**content, "sha256": _hash(content)}, indent=2) + "\n"
    return {TENSORS_NAME: save_tensors(tensors), JSON_NAME: text.encode()}


def load_description(path: str | os.PathLike[str]) -> NetworkDescription:
    """Read and check a saved description.

    Args:
        path: The folder, or its `network.json`.

    Raises:
        DescriptionError: If a file is missing, is not what it claims to be, has changed since it
            was written, has an unknown version, or describes a network that cannot be.
    """
    path = Path(path)
    folder = path.parent if path.name == JSON_NAME else path
    return parse_description(_read(folder / JSON_NAME), _read(folder / TENSORS_NAME), folder)


def parse_description(text: bytes, arrays: bytes, folder: Path) -> NetworkDescription:
    """Read and check the content of the two files of a saved description.

    Args:
        text: That of network.json.
        arrays: That of network.safetensors.
        folder: Where they are from, for messages.

    Raises:
        DescriptionError: As `load_description` does.
    """
    content = _parse_json(text, folder / JSON_NAME)
    if content.get("version") != VERSION:
        raise DescriptionError(
            f"{folder / JSON_NAME}: version {content.get('version')!r}: this release reads version "
            f"{VERSION}; export the network again, or install a release that knows the version"
        )
    recorded = content.pop("sha256", None)
    if recorded != _hash(content):
        raise DescriptionError(
            f"{folder / JSON_NAME}: the content does not match its SHA-256 ({recorded!r}): it was "
            f"changed after it was saved; restore it, or export the network again"
        )
    source = folder / TENSORS_NAME
    tensors = _parse_tensors(arrays, source)
    joined = _join(content, tensors, "", source)
    if tensors:
        raise DescriptionError(f"{source}: the tensors {sorted(tensors)} belong to no layer")
    return NetworkDescription(**joined)


def _hash(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _split(description: NetworkDescription) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the JSON content with references in place of arrays, and the arrays."""
    tensors: dict[str, NDArray[Any]] = {}

    def replace(value: Any, place: str) -> Any:
        if isinstance(value, np.ndarray):
            tensors[place] = np.ascontiguousarray(value).reshape(value.shape)  # 0 axes stay 0
            return _reference(value)
        prefix = f"{place}." if place else ""
        if isinstance(value, dict):
            return {key: replace(item, f"{prefix}{key}") for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [replace(item, f"{prefix}{index}") for index, item in enumerate(value)]
        return value

    return replace(description.model_dump(), ""), tensors


def _reference(array: NDArray[Any]) -> dict[str, Any]:
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    digest = hashlib.sha256(little_endian.tobytes()).hexdigest()
    return {_TENSOR: {"dtype": str(array.dtype), "shape": list(array.shape), "sha256": digest}}


def _is_reference(content: Any) -> bool:
    if not isinstance(content, dict) or content.keys() != {_TENSOR}:
        return False
    return isinstance(content[_TENSOR], dict)


def _join(content: Any, tensors: dict[str, NDArray[Any]], place: str, source: Path) -> Any:
    """Put the arrays back in place of their references, checking each and taking it out."""
    if _is_reference(content):
        if place not in tensors:
            raise DescriptionError(f"{source}: the tensor {place!r} is missing")
        array = tensors.pop(place)
        reference = _reference(array)
        for aspect in ("dtype", "shape", "sha256"):
            found, wanted = reference[_TENSOR][aspect], content[_TENSOR].get(aspect)
            if found != wanted:
                raise DescriptionError(
                    f"{source}: tensor {place!r} has {aspect} {found}: expected {wanted}; "
                    f"the file was changed or belongs to another network.json"
                )
        return array
    prefix = f"{place}." if place else ""
    if isinstance(content, dict):
        return {
            key: _join(item, tensors, f"{prefix}{key}", source) for key, item in content.items()
        }
    if isinstance(content, list):
        return [
            _join(item, tensors, f"{prefix}{index}", source) for index, item in enumerate(content)
        ]
    return content


def _read(path: Path) -> bytes:
    """Read a plain file, or one that a link leads to: weights may lie in a store elsewhere."""
    try:
        if path.exists() and not path.is_file():
            raise DescriptionError(f"{path} is no plain file: expected that of a saved network")
        with path.open("rb") as file:
            return read_at_most(file, _MAXIMUM_BYTES)
    except ValueError as error:
        raise DescriptionError(f"{path}: {error}, which no network has") from None
    except OSError as error:
        raise DescriptionError(
            f"{path}: {error.strerror}; a saved network is a folder with {JSON_NAME} and "
            f"{TENSORS_NAME}, such as 'sc-neurocore train' writes"
        ) from None


def _parse_json(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DescriptionError(f"{path}: not JSON ({error}); export the network again") from None
    if not isinstance(content, dict):
        raise DescriptionError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def _parse_tensors(raw: bytes, path: Path) -> dict[str, NDArray[Any]]:
    try:
        return load_tensors(raw)
    except (SafetensorError, KeyError, ValueError) as error:
        raise DescriptionError(
            f"{path}: not a safetensors file ({error}); export the network again"
        ) from None
