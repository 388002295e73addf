"""Each weight of a network with windows stands in front of what the model weighs with it.

What comes in to a layer is weighed by one matrix: of all its inputs times all its sums, and of all
delays. That which tables and memory make, as the engine walks them, is compared with that of the
integer model's own layers, number by number: of the model's, a column is what its layers make of
one input alone. So no formula of the generator is taken for granted. Max pooling is no matrix:
there it is compared which inputs are joined, and behind it the matrix of what was pooled.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Integers
from sc_neurocore.errors import CheckFailedError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.synapses import IntegerSynapses
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.geometry import Geometry
from sc_neurocore.network import MaxPool2d
from sc_neurocore.verify.contents import weights_and_delays
from sc_neurocore.verify.emitted import elaborated, files_of
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.windows import Seen, Tables, first_row, read_tables, seen

NAME = "taps: each weight stands in front of the inputs that the model weighs with it"
MOST_NUMBERS = 1 << 29
"""A layer with a larger matrix is compared for random inputs only."""
TRIALS, RANDOM_BITS = 4, 24
_WINDOWS = "windows"
_AT_A_TIME = 1 << 22
"""Numbers of a matrix that are made together."""


def check_taps(accelerator: Accelerator, network: IntegerNetwork) -> ProofResult:
    """Compare the matrix that each layer's table and weights make with the integer model's.

    Args:
        accelerator: A design with windows.
        network: Its network.

    Returns:
        `proved`; `refuted` with the first layer that weighs otherwise; or, where a matrix is larger
        than `MOST_NUMBERS`, `bounded`.

    Raises:
        ToolMissingError, ToolFailedError: As `elaborate`.
    """
    began = time.perf_counter()
    g = accelerator.geometry
    wrong, whole, sampled = "", 0, list[str]()
    try:
        files, design = files_of(accelerator), elaborated(accelerator)
        if _WINDOWS not in design.instances:
            raise CheckFailedError(f"{design.top} has no table of windows")
        tables = read_tables(files, design, _WINDOWS, g)
        if tables != (planned := Tables.planned(g)):
            raise CheckFailedError(f"the table of windows says {tables.first_difference(planned)}")
        weights, delays = weights_and_delays(accelerator)
        for number in range(len(g.layers)):
            size = matrix_size(g, network, number)
            is_whole = size <= MOST_NUMBERS
            whole += size * is_whole
            sampled += [] if is_whole else [str(number)]
            given = tables, g, weights, delays, network, number
            wrong = other_matrix(*given, is_whole=is_whole) or _other_feedback(*given)
            if wrong:
                break
    except (CheckFailedError, ValueError) as error:
        wrong = str(error)
    says = (
        f"checked, all {whole} numbers: each input times each sum of each layer, with its delay; "
        f"tables and weights, walked as “window” and “controller” say, weigh it as the integer "
        f"model does, once, and what is outside of the image not at all"
    )
    if g.joins:
        says += "; inputs are joined by OR that the model pools, and no others"
    bound = ""
    if sampled and not wrong:
        bound = (
            f"of layers {', '.join(sampled)}, whose matrix is large, {TRIALS} arrays of random "
            f"inputs of {RANDOM_BITS} bits"
        )
    return ProofResult(
        name=NAME,
        status="refuted" if wrong else f"bounded({TRIALS})" if bound else "proved",
        engine="exact comparison (NumPy)",
        seconds=round(time.perf_counter() - began, 3),
        detail=wrong or says,
        assumptions=("words and rows are walked as “window”, “controller” and “scanner” say",),
        bound=bound,
        figures={"numbers": whole},
    )


def matrix_size(g: Geometry, network: IntegerNetwork, number: int) -> int:
    """Return how many numbers the matrix of a layer has."""
    layer = network.layers[number]
    return (layer.inputs + layer.outputs * g.layers[number].is_recurrent) * layer.outputs


def other_matrix(
    tables: Tables,
    g: Geometry,
    weights: Integers,
    delays: Integers,
    network: IntegerNetwork,
    number: int,
    *,
    is_whole: bool = True,
) -> str:
    """Say in words where a layer weighs what comes in otherwise than the integer model.

    Args:
        tables: The tables of windows.
        g: The engine's sizes.
        weights: (rows of the weight memory, sums of a group).
        delays: Of the same shape.
        network: The network.
        number: The layer's.
        is_whole: Whether all of the matrix is compared, or what random inputs make of it.

    Raises:
        ValueError: As `seen`.
    """
    layer = network.layers[number]
    found = seen(tables, g, number)
    shape, behind = layer.input_shape, layer.synapses
    kinds = np.arange(layer.inputs)
    if behind and isinstance(behind[0].layer, MaxPool2d):
        front, behind = behind[0], behind[1:]
        shape = front.layer.output_shape(shape)
        kinds, numbers = _pooled(front, layer.input_shape)
        names = np.array([numbers.get(tuple(each[each >= 0]), -1) for each in found.inputs])
        # Where a place sees padding alone, something is read all the same, with weights of zero.
        if weights[found.rows[names < 0]].any():
            return f"layer {number} joins other inputs than the model pools"
        found = replace(found, inputs=np.maximum(names, 0)[:, np.newaxis])
    elif found.inputs.shape[1] > 1:
        return f"layer {number} joins inputs, and the model pools none"
    reach = int(delays.max(initial=0)) + 1
    nothing = _modelled(behind, np.zeros((1, *shape)), reach)
    for first, values in _probes(kinds, layer.outputs * reach, number, is_whole):
        made = _made(found, g, weights, delays, number, values[:, : kinds.max() + 1])
        model = _modelled(behind, values[:, kinds].reshape(-1, *shape), reach) - nothing
        none = made.shape[2] - model.shape[2]  # sums of equations that have fewer inputs
        wanted = np.pad(np.round(model).astype(np.int64), [(0, 0), (0, 0), (0, none)])
        if (made != wanted).any():
            late, one, output = (int(each[0]) for each in np.nonzero(made != wanted))
            what = f"input {first + one}" if is_whole else "random inputs"
            return (
                f"layer {number} makes {made[late, one, output]} of {what} in sum {output}, delay "
                f"{late}; the model makes {wanted[late, one, output]}"
            )
    return ""


def _pooled(
    front: IntegerSynapses, shape: tuple[int, ...]
) -> tuple[Integers, dict[tuple[int, ...], int]]:
    """Number the sets of inputs that max pooling joins.

    Returns:
        For each of its outputs the number of its set, -1 where it pools padding alone; and the
        number of each set of inputs.
    """
    pool = front.layer.sums(np.float64)
    inputs, step = int(np.prod(shape)), max(1, _AT_A_TIME // int(np.prod(shape)))
    members: dict[int, list[int]] = {}
    for first in range(0, inputs, step):
        ones = np.eye(min(step, inputs - first), inputs, first).reshape(-1, *shape)
        pooled = pool(ones).reshape(len(ones), -1)
        count = pooled.shape[1]
        for one, output in zip(*np.nonzero(pooled), strict=True):
            members.setdefault(int(output), []).append(first + int(one))
    numbers: dict[tuple[int, ...], int] = {}
    kinds = np.full(count, -1)
    for output, joined in members.items():
        kinds[output] = numbers.setdefault(tuple(joined), len(numbers))
    return kinds, numbers


def _probes(
    kinds: Integers, outputs: int, number: int, is_whole: bool
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield values to put in front of a layer, by kind of input, behind them 0 for padding."""
    count = int(kinds.max()) + 1
    if not is_whole:
        random = np.random.default_rng(number)
        for trial in range(TRIALS):
            values = random.integers(1, 1 << RANDOM_BITS, (1, count))
            yield trial, np.pad(values.astype(np.float64), ((0, 0), (0, 1)))
        return
    step = max(1, _AT_A_TIME // max(outputs, len(kinds)))
    for first in range(0, count, step):
        yield first, np.eye(min(step, count - first), count + 1, first)


def _made(
    found: Seen,
    g: Geometry,
    weights: Integers,
    delays: Integers,
    number: int,
    values: NDArray[np.float64],
) -> Integers:
    """Return the sums that tables and weights make of values.

    Args:
        found: What the layer's groups see.
        g: The engine's sizes.
        weights: (rows, sums of a group).
        delays: Of the same shape.
        number: The layer's.
        values: (trials, inputs).

    Returns:
        (delays from 0 up, trials, currents * neurons) in the description's order.
    """
    layer = g.layers[number]
    reach = int(delays.max(initial=0)) + 1
    sums = np.zeros((reach, len(values), layer.groups, g.group_sums), dtype=np.int64)
    is_used = np.any(values, axis=0)
    used = np.flatnonzero(is_used[found.inputs[:, 0]])
    inputs, rows = found.inputs[used, 0], found.rows[used]
    ends = np.searchsorted(found.groups[used], np.arange(layer.groups + 1))
    for group in range(layer.groups):
        part = slice(ends[group], ends[group + 1])
        of_rows, late = weights[rows[part]].astype(np.float64), delays[rows[part]]
        for delay in range(reach):
            sums[delay, :, group] = values[:, inputs[part]] @ np.where(late == delay, of_rows, 0)
    return _in_order(sums.reshape(reach, len(values), -1), g, number)


def _in_order(sums: NDArray[Any], g: Geometry, number: int) -> Integers:
    """Bring sums, group by group in the last axis, into the description's order."""
    firsts = g.layers[number].layout.numbers(g.lanes) * g.currents
    found: Integers = np.take(sums, np.add.outer(np.arange(g.currents), firsts).ravel(), axis=-1)
    return found


def _modelled(
    synapses: Sequence[IntegerSynapses], first: NDArray[Any], reach: int
) -> NDArray[np.float64]:
    """Return what the integer model's layers make of values in one step and those after it.

    Args:
        synapses: The layers.
        first: (trials, ...), what comes in in the first step; nothing comes later.
        reach: Steps.

    Returns:
        (steps, trials, sums), with the bias.
    """
    runners = [each.layer.sums(np.float64) for each in synapses]
    found = []
    for step in range(reach):
        at = first if step == 0 else np.zeros_like(first)
        for run in runners:
            at = run(at)
        found.append(at.reshape(len(at), -1))
    return np.stack(found)


def _other_feedback(
    tables: Tables,
    g: Geometry,
    weights: Integers,
    delays: Integers,
    network: IntegerNetwork,
    number: int,
) -> str:
    """Say which weight of a layer's own spikes is not the network's; they lie behind the others."""
    feedback, form = network.layers[number].feedback, g.layers[number]
    if feedback is None:
        return ""
    firsts = [first_row(tables, form, group) + form.inputs for group in range(form.groups)]
    rows = np.add.outer(np.arange(form.outputs), np.array(firsts))
    found = _in_order(weights[rows].reshape(form.outputs, -1), g, number)
    none = found.shape[1] - len(feedback.weight)
    wanted = np.pad(feedback.weight.T, ((0, 0), (0, none)))
    if delays[rows].any() or (found != wanted).any():
        return f"layer {number} weighs its own spikes in another way than the network"
    return ""
