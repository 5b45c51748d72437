"""How sure a figure is: resampling the scenes that it was measured on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000

Figure = Callable[[NDArray[np.intp]], float]
"""Of the scenes with these indices, some more than once."""


def interval(scenes: int, figure: Figure, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of a figure over scenes (Efron 1979)."""
    draw = np.random.default_rng(seed)
    values = [figure(draw.integers(scenes, size=scenes)) for _ in range(RESAMPLES)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)
