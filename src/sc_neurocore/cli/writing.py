"""Exported weights as files: safetensors for the arrays, JSON for what they mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as save_tensors

from sc_neurocore.equation.ode import Method
from sc_neurocore.errors import UserError
from sc_neurocore.files import write_atomically
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.folders import replace_files
from sc_neurocore.interop.exporting import differences, time_step, write_nir
from sc_neurocore.network.description import DelayDense, NetworkDescription, WeightedLayer
from sc_neurocore.network.encoding import WeightEncoding, encode_weights

FORMS = ("sc", "fixed", "nir")

_Arrays = dict[str, NDArray[Any]]


def write_export(
    description: NetworkDescription,
    form: str,
    folder: Path,
    encoding: str,
    format: str,
    weight_bits: int,
    dt: float | None = None,
    method: str | None = None,
) -> list[Path]:
    """Write FORM.json and FORM.safetensors, or nir.json and network.nir; return their paths.

    To be called as the folder's `sole_writer`.

    Raises:
        UserError: For a network that has no such form.
    """
    if form == "nir":
        return _write_nir(description, folder, dt, cast("Method | None", method))
    if dt is not None or method is not None:
        raise UserError(f"--dt and --method are for --to nir: {form} has no time constants")
    if form == "sc":
        content, arrays = _probabilities(description, cast(WeightEncoding, encoding))
    else:
        content, arrays = _integers(description, format, weight_bits)
    content = {"network": description.name, "sha256": description.content_hash, **content}
    tensors, meaning = f"{form}.safetensors", f"{form}.json"
    values = save_tensors({k: np.ascontiguousarray(v) for k, v in arrays.items()})
    replace_files(
        folder, {tensors: values, meaning: (json.dumps(content, indent=2) + "\n").encode()}
    )
    return [folder / meaning, folder / tensors]


def _write_nir(
    description: NetworkDescription, folder: Path, dt: float | None, method: Method | None
) -> list[Path]:
    network, meaning = folder / "network.nir", folder / "nir.json"
    content = {
        "network": description.name,
        "sha256": description.content_hash,
        **time_step(description, dt, method),
        "a_reader_that_ignores_our_notes_differs_in": differences(description, dt, method),
    }
    write_nir(description, network, dt=dt, method=method, allow_differences=True)
    write_atomically(meaning, (json.dumps(content, indent=2) + "\n").encode())
    return [meaning, network]


def _probabilities(
    description: NetworkDescription, encoding: WeightEncoding
) -> tuple[dict[str, Any], _Arrays]:
    arrays: _Arrays = {}
    layers = []
    for index, layer in enumerate(description.layers):
        if not isinstance(layer, WeightedLayer):
            continue
        encoded = encode_weights(layer.weight, layer.bias, encoding)
        parts: dict[str, NDArray[Any] | None]
        parts = {"values": encoded.values, "sign": encoded.sign, "bias": encoded.bias}
        if isinstance(layer, DelayDense):
            parts["delays"] = layer.delays
        arrays |= {f"layers.{index}.{k}": v for k, v in parts.items() if v is not None}
        layers.append({"layer": index, "scale": encoded.scale, "offset": encoded.offset})
    meaning = {
        "sign-magnitude": "weight = sign * scale * values",
        "bipolar": "weight = scale * (2 * values - 1)",
        "unipolar": "weight = offset + scale * values",
    }[encoding]
    return {"encoding": encoding, "meaning": meaning, "layers": layers}, arrays


def _integers(
    description: NetworkDescription, format: str, weight_bits: int
) -> tuple[dict[str, Any], _Arrays]:
    network = quantize(description, format, weight_bits)
    arrays: _Arrays = {}
    layers = []
    for index, layer in enumerate(network.layers):
        arrays[f"layers.{index}.parameters"] = layer.parameters
        parts = {f"layers.{index}.synapses.{i}": each for i, each in enumerate(layer.synapses)}
        if layer.feedback:
            parts[f"layers.{index}.feedback"] = layer.feedback
        for place, synapses in parts.items():
            arrays |= {f"{place}.{name}": each for name, each in synapses.arrays.items()}
        layers.append(
            {
                "place": layer.place,
                "shape": layer.shape,
                "shift": layer.shift,
                "accumulator_bits": layer.accumulator_bits,
                "neuron": layer.program.neuron.name,
                "synapses": {
                    place: {
                        "place": each.place,
                        **each.layer.model_dump(exclude=set(each.arrays)),
                        "weight_bits": each.weight_bits,
                        "scale_bits": each.scale_bits,
                        "sum_fraction_bits": each.output.fraction_bits,
                    }
                    for place, each in parts.items()
                },
            }
        )
    formats = network.fixed_point
    content = {
        "state_format": formats.text,
        "current_format": str(formats.current),
        "constant_fraction_bits": formats.constant_fraction_bits,
        "neurons": [
            {
                "equations": str(program.neuron),
                "constants": dict(program.folded),
                "parameters": [port.name for port in program.parameters],
            }
            for program in network.programs
        ],
        "meaning": "weight * 2^-scale_bits; an average is a sum; sums meet in the finest unit; "
        "current = saturate(accumulator >> shift)",
        "layers": layers,
    }
    return content, {name: array for name, array in arrays.items() if array.size}
