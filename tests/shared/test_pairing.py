"""Codes, links and proofs of pairing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pairing import ALPHABET, Code, Link, PairingError, proof, proves

SHA = "ab" * 32
codes = st.text(ALPHABET, min_size=12, max_size=12).map(lambda text: Code(text[:4], text[4:]))


@given(codes, st.sampled_from([str.lower, str.upper]), st.sampled_from(["-", "", " ", " - "]))
def test_a_code_is_understood_however_it_is_typed(
    code: Code, case: Callable[[str], str], between: str
) -> None:
    assert Code.parse(case(str(code)).replace("-", between)) == code


@given(st.text(max_size=20))
def test_what_is_no_code_is_refused_and_nothing_else_happens(text: str) -> None:
    try:
        code = Code.parse(text)
    except PairingError:
        pass
    else:
        assert set(code.public + code.secret) <= set(ALPHABET)
        assert (len(code.public), len(code.secret)) == (4, 8)


def test_codes_are_random() -> None:
    made = [Code.new() for _ in range(100)]
    assert len({code.secret for code in made}) == 100
    assert {letter for code in made for letter in code.secret} == set(ALPHABET)


@given(codes, st.sampled_from(["https://192.0.2.1:8770", "https://example.org/mira"]))
def test_a_link_holds_what_it_was_made_of(code: Code, url: str) -> None:
    for sha in (SHA, ""):
        link = Link(url, sha, code)
        assert Link.parse(f" {link}\n") == link


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://192.0.2.1:8770",
        f"http://192.0.2.1:8770#{SHA}#K7QF-2M9X-T4ZB",
        f"https://192.0.2.1:8770#{SHA}",
        f"https://#{SHA}#K7QF-2M9X-T4ZB",
        f"https://192.0.2.1:8770#{SHA[:-1]}#K7QF-2M9X-T4ZB",
        f"https://192.0.2.1:8770#{SHA}#K7QF-2M9X",
    ],
)
def test_what_is_no_link_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(PairingError) as refused:
        Link.parse(text)
    assert refused.value.hint


def test_a_proof_is_good_for_one_code_one_ca_and_one_side() -> None:
    code, other = Code("K7QF", "2M9XT4ZB"), Code("K7QF", "2M9XT4ZC")
    key = code.key()
    given_ = proof(key, "device", SHA)
    assert proves(given_, key, "device", SHA)
    assert not proves(given_, key, "hub", SHA)
    assert not proves(given_, key, "device", "cd" * 32)
    assert not proves(given_, other.key(), "device", SHA)
    assert not proves(given_, Code("K7QG", "2M9XT4ZB").key(), "device", SHA)
