"""What one device costs: a whole daemon that hears somebody read, is elected and streams.

Real processes: a hub with the engine `fake`, and `mira-edge run`, with mDNS and everything else
that runs at home. The microphone is a sound card of ALSA's (its `file` plugin on a pipe that is
fed in real time, through PortAudio) where PortAudio is installed, else a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes.util
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from edge.activity import ActivityDetector
from edge.candidates import QUALITY_EVERY_FRAMES
from edge.microphone.sound_card import BLOCK_MS
from shared.audio import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, Pcm, pcm_to_bytes
from shared.quality.meter import QualityMeter
from tests.bench.tools import daemons
from tests.bench.tools.report import parser, positive_seconds, result, say
from tests.bench.tools.speech import reading, write_wav
from tests.bench.tools.store import Device, Understood, make_network, open_store, understood

BLOCK_SAMPLES = SAMPLE_RATE * BLOCK_MS // 1000
SETTLE_S = 4.0
"""After the start: imports, mDNS probing, the first connection."""
SCORED_S = 15.0
"""How much speech VAD and score hear alone."""
LONGEST_FRAMES = 30_000 // FRAME_MS
"""An utterance, and with it a meter, lasts no longer."""


def main() -> None:
    """Runs the bench."""
    options = parser("edge", "Processor time and memory of one device's daemon.")
    options.add_argument(
        "--seconds", type=positive_seconds, default=30.0, help="how long it is measured"
    )
    options.add_argument(
        "--microphone", choices=["auto", "card", "file"], default="auto", help="what it listens to"
    )
    args = options.parse_args()
    card = args.microphone == "card"
    if args.microphone == "auto":
        card = ctypes.util.find_library("portaudio") is not None
        if not card:
            say("PortAudio is not installed (apt install libportaudio2): a file is listened to")
    speech = reading()
    with tempfile.TemporaryDirectory(prefix="mira-bench-") as folder:
        figures = _measure_daemon(Path(folder), speech, args.seconds, card=card)
    say("VAD and score alone")
    short = speech[: round(min(args.seconds, SCORED_S)) * SAMPLE_RATE]
    flat_out = statistics.median(_scoring_share(short, real_time=False) for _ in range(5))
    result(
        **figures,
        scoring_share=round(_scoring_share(short, real_time=True), 4),
        scoring_share_flat_out=round(flat_out, 4),
    )


def _measure_daemon(folder: Path, speech: Pcm, seconds: float, *, card: bool) -> dict[str, object]:
    (device,) = asyncio.run(_make_store(folder))
    hub_config = daemons.hub_config(folder, "fake", "none")
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(daemons.running("mira-hub serve", folder, hub_config))
        if card:
            source = stack.enter_context(_sound_card(folder, speech))
        else:
            write_wav(folder / "speech.wav", speech)
            source = f"file:{folder / 'speech.wav'}"
        edge_config = daemons.edge_config(folder, device, hub.port, source)
        environ = {"HOME": str(folder)}  # ALSA reads ~/.asoundrc
        edge = stack.enter_context(daemons.running("mira-edge run", folder, edge_config, environ))
        time.sleep(SETTLE_S)
        say(f"the daemon hears {seconds:.0f} s of reading")
        begun, cpu_s, hub_cpu_s = time.monotonic(), edge.cpu_s(), hub.cpu_s()
        time.sleep(seconds)
        wall_s = time.monotonic() - begun
        figures = {
            "core_share": round((edge.cpu_s() - cpu_s) / wall_s, 4),
            "daemon_pss_mb": round(edge.pss_mb(), 1),
            "hub_core_share": round((hub.cpu_s() - hub_cpu_s) / wall_s, 4),
            "portaudio": edge.maps("libportaudio"),
            "seconds": round(wall_s, 1),
        }
    stored = asyncio.run(_read_store(folder))
    return {
        **figures,
        "interactions": len(stored),
        "streamed_s": round(sum(one.audio_s for one in stored), 1),
    }


async def _make_store(folder: Path) -> list[Device]:
    async with open_store(folder) as store:
        return await make_network(store, devices=1)


async def _read_store(folder: Path) -> list[Understood]:
    async with open_store(folder) as store:
        return await understood(store)


@contextlib.contextmanager
def _sound_card(folder: Path, speech: Pcm) -> Iterator[str]:
    """A sound card that hears `speech` again and again; gives its name for the configuration."""
    pipe = folder / "samples"
    os.mkfifo(pipe)
    (folder / ".asoundrc").write_text(
        f"""pcm.bench {{
            type file
            slave.pcm null
            file /dev/null
            infile {pipe}
            format raw
        }}"""
    )
    handle = os.open(pipe, os.O_RDWR)  # for reading too, so that nobody waits to open it
    os.set_blocking(handle, False)
    stop = threading.Event()
    blocks = len(speech) // BLOCK_SAMPLES

    def feed() -> None:
        begun, count = time.monotonic(), 0
        while not stop.wait(max(0.0, begun + count * BLOCK_MS / 1000 - time.monotonic())):
            at = count % blocks * BLOCK_SAMPLES
            with contextlib.suppress(BlockingIOError):  # nobody has opened the card yet
                os.write(handle, pcm_to_bytes(speech[at : at + BLOCK_SAMPLES]))
            count += 1

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield "card:bench"
    finally:
        stop.set()
        feeder.join()
        os.close(handle)


def _scoring_share(speech: Pcm, *, real_time: bool) -> float:
    """Share of a core for finding speech in `speech` and scoring it, in the daemon's portions."""
    frames = speech.reshape(-1, FRAME_SAMPLES)
    block = BLOCK_MS // FRAME_MS
    detector, meter = ActivityDetector(), QualityMeter()
    begun, cpu_s = time.monotonic(), time.process_time()
    for number, frame in enumerate(frames):
        if real_time and number % block == 0:
            time.sleep(max(0.0, begun + number * FRAME_MS / 1000 - time.monotonic()))
        if number % LONGEST_FRAMES == 0:
            meter = QualityMeter()
        detector.push(frame)
        if number % QUALITY_EVERY_FRAMES == QUALITY_EVERY_FRAMES - 1:
            meter.push(frames[number + 1 - QUALITY_EVERY_FRAMES : number + 1].reshape(-1))
            meter.score  # noqa: B018 - it is computed when it is asked for
    return (time.process_time() - cpu_s) / (len(speech) / SAMPLE_RATE)


if __name__ == "__main__":
    main()
