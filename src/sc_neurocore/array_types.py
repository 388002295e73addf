"""What arrays of numbers are called, once for all packages."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""Numbers of any type."""

Integers: TypeAlias = NDArray[np.int64]

Floats: TypeAlias = NDArray[np.float64]
