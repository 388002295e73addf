"""Times the stochastic dense layer of the PyPI package's Rust engine; runs in its own environment.

Prints one JSON object: seconds per call and what was called.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from importlib.metadata import version

import numpy as np
import sc_neurocore_engine as engine


def main() -> None:
    request = json.loads(sys.argv[1])
    engine.set_num_threads(request["threads"])
    inputs, outputs, length = request["inputs"], request["outputs"], request["length"]
    rng = np.random.default_rng(0)
    layer = engine.DenseLayer(inputs, outputs, length)
    layer.set_weights(rng.random((outputs, inputs)).tolist())
    layer.refresh_packed_weights()
    values = rng.random((request["batch"], inputs))
    packed = np.array(engine.batch_encode(values[0], length), dtype=np.uint64)
    calls = {
        "values": lambda: layer.forward_batch_numpy(values),
        "streams": lambda: [layer.forward_prepacked_numpy(packed) for _ in range(len(values))],
    }
    call = calls[request["from"]]
    call()
    seconds = []
    for _ in range(request["repeats"]):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    print(
        json.dumps(
            {
                "seconds": statistics.median(seconds),
                "version": version("sc-neurocore-engine"),
                "simd": engine.simd_tier(),
            }
        )
    )


if __name__ == "__main__":
    main()
