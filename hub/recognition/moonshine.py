"""Moonshine (Jeffries et al. 2024, arXiv:2410.15608): English speech to text by onnxruntime.

An encoder turns samples into frames, a decoder writes one token after the other, greedily.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from hub.recognition.onnx_graph import folded_session
from hub.recognition.recogniser import (
    Cancelled,
    DecodeCancelled,
    RecogniserLoadError,
    Transcript,
    audible,
    never,
    nothing_said,
)
from hub.recognition.tokens import loop_length, read_vocabulary, text_of
from shared.audio import FULL_SCALE, SAMPLE_RATE, Pcm

TOKENS_PER_SECOND = 6.5
"""Nobody speaks more; a decoder that writes more has lost the thread."""
_BEGIN, _END = 1, 2
_SURELY_NOTHING = 0.95
"""How likely the end has to be right at the beginning, for nothing to have been said. Of noises it
was 0.98 or more; of digits that were spoken one by one, which base takes for nothing, 0.25 to 0.82
(of 30 such clips it lost 12)."""
_LEAST_CONFIDENCE = 0.6
"""Of a text that was nearly taken for nothing: the mean probability of its tokens that it needs.
Those digits had 0.66 to 0.88, and were right; what was made of noises 0.51 at most, of speech that
noise drowns 0.50."""
_LANGUAGE = "en"

_PROBE_S = 4
_PROBE_TOKENS = 15  # what the decoder writes for 4 s of fluent reading
_PROBE_RUNS = 3


class MoonshineRecogniser:
    """Moonshine with the weights in one folder (encoder, decoder, tokenizer).

    Args:
        name: what it is called in the catalogue.
        folder: where its three files are.

    Raises:
        RecogniserLoadError: onnxruntime cannot use them.
    """

    language = _LANGUAGE

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        try:
            self._vocabulary = read_vocabulary((folder / "tokenizer.bin").read_bytes())
            self._encoder = onnxruntime.InferenceSession(
                str(folder / "encoder_model.ort"), _options(), providers=["CPUExecutionProvider"]
            )
            self._decoder = folded_session(folder / "decoder_model_merged.ort", _options())
        except Exception as error:  # onnxruntime's errors share no narrower base
            raise RecogniserLoadError(
                f"{name} cannot be loaded from {folder}: {str(error).rstrip('.')}.",
                f"Check its weights with: mira-hub models verify {name}",
            ) from error
        self._encoder_inputs = {i.name for i in self._encoder.get_inputs()}
        self._decoder_inputs = {i.name: i.shape for i in self._decoder.get_inputs()}
        self._outputs = [o.name for o in self._decoder.get_outputs()]
        # After the first token the cross-attention's keys and values stay as they are.
        self._changing = [n for n in self._outputs if ".encoder." not in n]

    def transcribe(self, pcm: Pcm, cancelled: Cancelled = never) -> Transcript:
        """See `Recogniser`. Utterances of up to 30 s are what the model was trained on."""
        if not audible(pcm):
            return nothing_said(_LANGUAGE)
        tokens, log_probabilities = self._decode(pcm, cancelled)
        text = text_of(self._vocabulary, tokens)
        if not any(character.isalnum() for character in text):  # notes, dots: no words
            return nothing_said(_LANGUAGE)
        mean = float(np.mean(log_probabilities))
        return Transcript(text, math.exp(mean), mean, _LANGUAGE)

    def open_stream(self) -> MoonshineStream:
        """See `Recogniser`. Each feed decodes the utterance anew."""
        return MoonshineStream(self)

    def time_sentence(self) -> float:
        """Seconds that a fluent sentence of 4 s takes to decode: the best of three.

        Noise is as good as speech for this, for the decoder is made to write as many tokens.
        """
        noise = np.random.default_rng(0).integers(-3000, 3000, _PROBE_S * SAMPLE_RATE, np.int16)
        times = []
        for _ in range(_PROBE_RUNS):
            begun = time.perf_counter()
            self._decode(noise, never, exactly=_PROBE_TOKENS)
            times.append(time.perf_counter() - begun)
        return min(times)

    def _decode(
        self, pcm: Pcm, cancelled: Cancelled, exactly: int | None = None
    ) -> tuple[list[int], list[float]]:
        """The tokens, and the natural logarithm of each one's probability, the end's included."""
        audio = (pcm.astype(np.float32) / np.float32(FULL_SCALE))[np.newaxis]
        # Tiny's graphs want to know which samples count (all of them), base's do not ask.
        mask = np.ones(audio.shape, np.int64)
        if cancelled():
            raise DecodeCancelled
        frames = self._encoder.run(
            None, _known(self._encoder_inputs, input_values=audio, attention_mask=mask)
        )[0]
        fixed = _known(
            self._decoder_inputs, encoder_hidden_states=frames, encoder_attention_mask=mask
        )
        cache = {
            name: np.zeros((1, shape[1], 0, shape[3]), np.float32)
            for name, shape in self._decoder_inputs.items()
            if name.startswith("past_key_values")
        }
        tokens: list[int] = []
        log_probabilities: list[float] = []
        last = _BEGIN
        hesitant = False
        limit = exactly or math.ceil(len(pcm) / SAMPLE_RATE * TOKENS_PER_SECOND)
        for step in range(limit):
            if cancelled():
                raise DecodeCancelled
            wanted = self._changing if step else self._outputs
            logits, *present = self._decoder.run(
                wanted,
                {
                    "input_ids": np.array([[last]]),
                    "use_cache_branch": np.array([step > 0]),
                    **fixed,
                    **cache,
                },
            )
            for name, value in zip(wanted[1:], present, strict=True):
                cache[name.replace("present", "past_key_values")] = value
            last, log_probability = _likeliest(logits[0, -1])
            if not (exactly or step) and last == _END:
                if log_probability > math.log(_SURELY_NOTHING):
                    return [], []
                last, log_probability = _likeliest(logits[0, -1], but=_END)
                hesitant = True
            log_probabilities.append(log_probability)
            if exactly:
                continue
            if last == _END:
                break
            tokens.append(last)
            if repeated := loop_length(tokens):
                del tokens[-repeated:], log_probabilities[-repeated:]
                break
        if hesitant and np.mean(log_probabilities) < math.log(_LEAST_CONFIDENCE):
            return [], []
        return tokens, log_probabilities


class MoonshineStream:
    """Live text by decoding all that was said so far, again and again."""

    def __init__(self, recogniser: MoonshineRecogniser) -> None:
        self._recogniser = recogniser
        self._pcm: Pcm = np.zeros(0, np.int16)

    def feed(self, pcm: Pcm, cancelled: Cancelled = never) -> str:
        """See `PartialStream`."""
        self._pcm = np.concatenate([self._pcm, pcm])
        return self._recogniser.transcribe(self._pcm, cancelled).text


def _options() -> Any:
    """One thread: a second one gains a third at best, and takes the core that the hub runs on."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; its warnings are about how we load
    return options


def _known(wanted: set[str] | Mapping[str, object], **inputs: NDArray[Any]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name in wanted}


def _likeliest(logits: NDArray[np.float32], but: int | None = None) -> tuple[int, float]:
    """The likeliest token (except `but`), and the logarithm of its softmax probability.

    `logits` is (tokens,).
    """
    allowed = logits if but is None else np.where(np.arange(len(logits)) == but, -np.inf, logits)
    best = int(allowed.argmax())
    return best, -math.log(float(np.exp(logits - logits[best]).sum()))
