"""Networks whose neurons take several currents, made of networks whose neurons take one."""

from __future__ import annotations

from typing import Any

import numpy as np

from sc_neurocore.equation import parse_neuron
from sc_neurocore.network import NetworkDescription, Weighted

NEURONS = [
    parse_neuron(f"""
neuron {name}
input {", ".join(inputs)}
parameter beta = 0.9 in (0, 1)
parameter threshold = 1 in (0, inf)
state v = 0
state g = 0.25
{update}
spike v >= threshold
reset v = 0
""")
    for name, inputs, update in [
        ("Two", ("up", "down"), "update g = 0.5*g + down\nupdate v = beta*v + up - g*(v + 0.5)"),
        ("Three", ("a", "b", "c"), "update g = beta*g + a - c\nupdate v = 0.75*v + b - 0.25*c + g"),
    ]
]


def with_more_inputs(description: NetworkDescription, seed: int) -> NetworkDescription:
    """Give some of the neurons, one of them at least, several inputs, each with weights of its own.

    Neurons that no layer with weights stands in front of stay as they are.
    """
    random = np.random.default_rng(seed)
    layers: list[Any] = list(description.layers)
    stages = [
        stage
        for stage in description.stages()
        if any(isinstance(layer, Weighted) for _, layer in stage.between)
    ]
    chosen = {int(random.integers(len(stages)))}
    chosen |= {number for number in range(len(stages)) if random.random() < 0.6}
    for number in chosen:
        stage = stages[number]
        neuron = NEURONS[random.integers(len(NEURONS))]
        count = len(neuron.inputs)

        def more(array: Any, count: int = count) -> Any:
            """Return a shuffled copy for each input."""
            copies = [random.permutation(array.ravel()) for _ in range(count)]
            return np.concatenate([each.reshape(array.shape) for each in copies])

        place, layer = [each for each in stage.between if isinstance(each[1], Weighted)][-1]
        layers[place] = layer.model_copy(update=_more(layer, more))
        population = stage.population
        kept = {
            name: value
            for name, value in population.parameters.items()
            if name in neuron.parameters
        }
        fields = {} if population.feedback is None else _more(population.feedback, more)
        fields.pop("delays", None)
        layers[stage.place] = type(population)(neuron=neuron, parameters=kept, **fields)
    return description.with_layers(layers)


def _more(layer: Weighted, more: Any) -> dict[str, Any]:
    """Return the arrays of a layer with weights for several times as many outputs."""
    names = ("weight", "bias", "delays")
    found = {name: getattr(layer, name, None) for name in names}
    return {name: more(array) for name, array in found.items() if array is not None}
