"""The spaces that voices lie in: vectors of one can be compared, and with no others."""

import numpy as np
from numpy.typing import NDArray

Embedding = NDArray[np.float32]
"""A voice: shape (256,), unit length, no negative numbers."""

GE2E = "ge2e"
"""Made by the GE2E encoder with its own preprocessing: `hub.speakers.silence`."""
GE2E_LEGACY = "ge2e-legacy"
"""Made by the same encoder through the legacy system's filters: `hub.speakers.legacy_chain`."""
SPACES = (GE2E, GE2E_LEGACY)
