"""The spaces that voices lie in: vectors of one can be compared, and with no others."""

import numpy as np
from numpy.typing import NDArray

from models import campplus, voice

Embedding = NDArray[np.float32]
"""A voice: shape (256,), or (192,) in `campplus`; of unit length."""

CAMPPLUS = "campplus"
"""Made by CAM++ of the speech without its pauses: `hub.speakers.silence`."""
GE2E = "ge2e"
"""Made by the GE2E encoder with its own preprocessing, which takes out pauses as well."""
GE2E_LEGACY = "ge2e-legacy"
"""Made by the same encoder through the legacy system's filters: `hub.speakers.legacy_chain`."""
SPACES = (GE2E, GE2E_LEGACY, CAMPPLUS)

MAIN = (CAMPPLUS, GE2E)
"""Those in which a hub can tell people apart, the best first."""
SIZES = {CAMPPLUS: campplus.EMBEDDING, GE2E: voice.EMBEDDING, GE2E_LEGACY: voice.EMBEDDING}
"""How many numbers a voice is."""
