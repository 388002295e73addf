"""Ask every framework for what its networks do; write golden/frameworks.json and .zip.

Run it where they are installed, which the tests do not need:

    pip install torch nir nirtorch snntorch
    pip install --no-deps norse sinabs spikingjelly rockpool pbr loguru
    python tests/interop/make_framework_golden.py
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from framework_runs import FRAMEWORKS

GOLDEN = Path(__file__).parent / "golden"


def main() -> None:
    rows = []
    place = GOLDEN / "frameworks.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for framework, make in FRAMEWORKS.items():
            for name, run in make().items():
                torch.manual_seed(0)
                done = run()
                file = f"{framework}-{len(rows)}.nir"
                archive.writestr(zipfile.ZipInfo(file), done.content(), zipfile.ZIP_DEFLATED)
                counts = np.asarray(done.spikes)
                rows.append(
                    {
                        "framework": framework,
                        "name": name,
                        "file": file,
                        "options": dict(done.options),
                        "spikes": int(counts.sum()),
                        "most": int(counts.max()),
                        "sha256": hashlib.sha256(counts.astype(np.uint8).tobytes()).hexdigest(),
                    }
                )
    packages = ("nir", "nirtorch", "torch", *FRAMEWORKS)
    versions = {each: importlib.metadata.version(each) for each in packages}
    text = json.dumps({"versions": versions, "runs": rows}, indent=2) + "\n"
    (GOLDEN / "frameworks.json").write_text(text)


if __name__ == "__main__":
    main()
