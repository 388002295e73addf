"""Where the neurons of images fire: one input on its way through a design, as pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.report.activity import feature_maps
from sc_neurocore.report.illustrations import Illustration
from sc_neurocore.report.sections import Section, section
from sc_neurocore.report.style import WIDTH, new_figure, to_svg
from sc_neurocore.report.wording import plural

OneInput = Callable[[NetworkDescription], tuple[NDArray[np.int64], str]]
"""From a network to one input, (1, values) or (T, 1, values), and what it is."""

_AXES = 3  # of an image: channels, rows, columns
_HEIGHT_OF_A_ROW = 1.45


def maps_section(
    description: NetworkDescription, network: IntegerNetwork, one_input: OneInput
) -> Section | None:
    """Return pictures of an input and of where each layer of images fires; None without images.

    Args:
        description: The network.
        network: The same in integers.
        one_input: What goes through it.
    """
    images = [stage for stage in description.stages() if len(stage.shape) == _AXES]
    if not images or len(description.input.shape) != _AXES:
        return None
    inputs, origin = one_input(description)
    image, spikes = layer_maps(description, network, inputs)
    figure = new_figure(WIDTH, _HEIGHT_OF_A_ROW * (1 + len(spikes)))
    feature_maps.onto(figure, image, spikes)
    total = sum(int(each.sum()) for each in spikes.values())
    caption = (
        f"An input ({origin}), and where the {plural(len(spikes), 'layer')} of images fire: how "
        f"many channels at each place, the darker the more; {plural(total, 'spike')} in "
        f"{plural(description.steps, 'step')}. These are the integer model's: how far the "
        f"hardware is shown to equal it, the certificate says."
    )
    drawn = Illustration(to_svg(figure, "feature-maps", caption, themed=True), caption)
    return section("feature-maps", "Feature maps", drawn)


def layer_maps(
    description: NetworkDescription, network: IntegerNetwork, inputs: NDArray[np.int64]
) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """Return what `feature_maps` draws of one input.

    Args:
        description: The network.
        network: The same in integers.
        inputs: One input, as networks take them.

    Returns:
        The input, added up over its steps, (channels, rows, columns); and of each layer of images
        its spikes, (T, channels, rows, columns), by the layer's number among those with neurons.
    """
    run = network.run(inputs, record=True)
    shapes = [stage.shape for stage in description.stages()]
    spikes = {
        f"layer {number}": each[:, 0].reshape(-1, *shape)
        for number, (each, shape) in enumerate(zip(run.spikes, shapes, strict=True), 1)
        if len(shape) == _AXES
    }
    return inputs.reshape(-1, *description.input.shape).sum(axis=0), spikes
