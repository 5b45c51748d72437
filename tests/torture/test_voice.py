"""What is said in the torture is understood, and no sentence is like another."""

from __future__ import annotations

from tests.torture.speaking import WORDS, length_s, sentence
from tests.torture.voice import say
from tests.voice import understand


def test_every_word_is_understood() -> None:
    for word in WORDS:
        assert understand(say(f"{word} ba {word}", 0.1)) == f"{word} ba {word}"


def test_numbers_have_sentences_of_their_own() -> None:
    sentences = [sentence(number) for number in range(600)]
    assert len(set(sentences)) == len(sentences)
    assert understand(say(sentences[-1], 0.5)) == sentences[-1]
    assert len(say(sentences[-1], 0.5)) == round(length_s(sentences[-1]) * 16_000)
