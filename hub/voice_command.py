"""`mira-hub voice embed`: the voice in a recording, as the hub sees it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from hub.speakers.spaces import CAMPPLUS, GE2E, GE2E_LEGACY, SIZES, SPACES
from shared.audio import SAMPLE_RATE
from shared.wav import read_wav


def add_voice_commands(commands: Any) -> None:
    """Adds `voice embed` to the commands of `mira-hub`."""
    voice = commands.add_parser("voice", help="what the hub makes of a voice")
    deeds = voice.add_subparsers(required=True, metavar="COMMAND")
    embed = deeds.add_parser(
        "embed",
        help="print the vector of the voice in a recording",
        description="Prints the vector of the voice that speaks in a recording, 256 numbers, as "
        "JSON. Vectors of one space can be compared: the more two of them point the same way, the "
        "likelier one person spoke both.",
    )
    embed.add_argument(
        "file", type=Path, metavar="FILE", help="a WAV file with one person's speech"
    )
    embed.add_argument(
        "--space",
        choices=SPACES,
        default=GE2E,
        help=f"{GE2E} (the default); {GE2E_LEGACY}, that of the legacy system's vectors; or "
        f"{CAMPPLUS} ({SIZES[CAMPPLUS]} numbers), in which the hub knows people best",
    )
    embed.add_argument(
        "--json",
        action="store_true",
        help="print an object instead: file, space, speech_s (seconds, without pauses), embedding",
    )
    embed.set_defaults(handler=_embed)


def _embed(args: argparse.Namespace) -> int:
    from hub.speakers.encoder import SpeakerEncoder, speech_of  # onnxruntime takes time to load

    pcm = read_wav(args.file)
    voice = [round(float(number), 8) for number in SpeakerEncoder().embed(pcm, args.space)]
    if args.json:
        told = {
            "file": str(args.file),
            "space": args.space,
            "speech_s": round(len(speech_of(pcm)) / SAMPLE_RATE, 2),
            "embedding": voice,
        }
        print(json.dumps(told))
    else:
        print(json.dumps(voice))
    return 0
