"""From speech to a voice: a vector of unit length, near those of the same person's other speech."""

from __future__ import annotations

import threading

import numpy as np

from hub.speakers.features import Signal
from hub.speakers.legacy_chain import legacy_chain
from hub.speakers.network import Campplus, Ge2e, Network
from hub.speakers.silence import raise_level, trim_silence
from hub.speakers.spaces import CAMPPLUS, GE2E, GE2E_LEGACY, MAIN, SPACES, Embedding
from models.location import WeightStore
from shared.audio import FULL_SCALE, SAMPLE_RATE, Pcm
from shared.errors import Fault, MiraError

NETWORKS: dict[str, type[Network]] = {CAMPPLUS: Campplus, GE2E: Ge2e, GE2E_LEGACY: Ge2e}
"""Which network makes the vectors of a space."""

SHORTEST_S = 1.6
"""Of speech, below which a voice cannot be told: the window of the GE2E encoder."""


class TooLittleSpeechError(MiraError):
    """There is not enough speech to tell a voice from."""

    code = "TOO_LITTLE_SPEECH"
    fault = Fault.PERSON


class SpeakerEncoder:
    """Makes vectors in each space whose weights are here; a network is loaded when it is needed.

    Args:
        store: where the weights are.
    """

    def __init__(self, store: WeightStore | None = None) -> None:
        self._store = store or WeightStore()
        self._networks: dict[type[Network], Network] = {}
        self._loading = threading.Lock()
        self.spaces = frozenset(
            space for space in SPACES if self._store.folder(NETWORKS[space].weights).is_dir()
        )
        """In which it can tell voices."""
        self.space = next((space for space in MAIN if space in self.spaces), MAIN[0])
        """The best of them, in which people are told apart."""

    @classmethod
    def load(cls, store: WeightStore | None = None) -> SpeakerEncoder:
        """One that has the weights of its best space at hand.

        Raises:
            WeightsError: none are here, or they are damaged; the hint says how to fetch them.
        """
        encoder = cls(store)
        encoder.network(encoder.space)
        return encoder

    def network(self, space: str) -> Network:
        """The network of a space, loaded.

        Raises:
            WeightsError: its weights are not here, or are damaged.
        """
        kind = NETWORKS[space]
        with self._loading:
            if kind not in self._networks:
                self._networks[kind] = kind(self._store.locate(kind.weights))
            return self._networks[kind]

    def embed(self, pcm: Pcm, space: str) -> Embedding:
        """The voice that speaks in an utterance.

        Args:
            pcm: shape (n,), int16, 16 kHz; one person's speech.
            space: one of `hub.speakers.spaces`.

        Raises:
            TooLittleSpeechError: less than 1.6 s of it is speech.
            ValueError: there is no such space.
            WeightsError: the weights for it are not here, or are damaged.
        """
        if space not in SPACES:
            raise ValueError(f"there is no space {space!r}")
        network, speech = self.network(space), speech_of(pcm)
        seconds = len(speech) / SAMPLE_RATE
        if seconds < SHORTEST_S:
            raise TooLittleSpeechError(
                f"There are {seconds:.2f} s of speech; {SHORTEST_S} s are needed to tell a voice.",
                "Say a whole sentence.",
                speech_s=round(seconds, 2),
            )
        return network.encode(legacy_chain(_signal(pcm)) if space == GE2E_LEGACY else speech)


def speech_of(pcm: Pcm) -> Signal:
    """The speech in an utterance as encoders are usually given it: raised, without pauses."""
    return trim_silence(raise_level(_signal(pcm)))


def _signal(pcm: Pcm) -> Signal:
    return pcm.astype(np.float32) / np.float32(FULL_SCALE)
