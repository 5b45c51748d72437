"""What is asked for: how many sentences are understood, and how many make actions for nothing.

Sentences that the parser was measured by, or others in the same format (tests/hub/actions/
sentences.py says which).
"""

from __future__ import annotations

import time
from pathlib import Path

from hub.actions.parser import parse
from tests.bench.tools.report import parser, percentile, result, say
from tests.hub.actions import sentences

FOLDER = Path(sentences.__file__).parent
SETS = (FOLDER / "sentences.jsonl", FOLDER / "fresh_sentences.jsonl")
REPEATS = 5


def main() -> None:
    """Measures each file and prints the figures of all."""
    options = parser("actions", __doc__)
    options.add_argument(
        "--sentences", type=Path, action="append", metavar="FILE", help="JSON lines to try instead"
    )
    files = options.parse_args().sentences or SETS
    read = [sentence for file in files for sentence in sentences.read(file)]
    figures = sentences.measure(read, parse)
    for wrong in figures.wrong:
        say(wrong)
    took_ms = []
    for sentence in read:
        began = time.perf_counter()
        for _ in range(REPEATS):
            parse(sentence.text, sentence.now, sentence.zone)
        took_ms.append((time.perf_counter() - began) * 1000 / REPEATS)
    result(
        asks=figures.asks,
        right=round(figures.right, 4),
        nothing=figures.nothing,
        false_actions=figures.false_actions,
        sentence_ms_median=round(percentile(took_ms, 50), 2) if took_ms else None,
        sentence_ms_p99=round(percentile(took_ms, 99), 2) if took_ms else None,
    )


if __name__ == "__main__":
    main()
