"""Reading configuration: every wrong key or value is named with its place, nothing is guessed."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from shared.config import default_state_dir, load, read_secret
from shared.config_keys import Secret
from shared.errors import ConfigError


class Oven(Struct, frozen=True, kw_only=True):
    """A table of every type that keys are made of."""

    heat_c: Annotated[int, Meta(description="Heat.", ge=30, le=300, extra={"unit": "°C"})] = 180
    share: Annotated[float, Meta(description="A share.", ge=0, le=1)] = 0.5
    fan: Annotated[bool, Meta(description="Whether it blows.")] = False
    dishes: Annotated[list[Annotated[str, Meta(min_length=2)]], Meta(description="Dishes.")] = []
    mode: Annotated[Literal["bake", "grill"], Meta(description="Mode.")] = "bake"
    code: Annotated[Secret | None, Meta(description="Child lock.")] = None
    log_file: Annotated[Path | None, Meta(description="Log.")] = None


class Door(Struct, frozen=True, kw_only=True):
    """A table with a key whose default depends on the machine."""

    label: Annotated[str, Meta(description="Label.", extra={"default": "the maker's name"})]


class Kitchen(Struct, frozen=True, kw_only=True):
    """A configuration."""

    oven: Oven = Oven()
    door: Door


def read(path: Path | None, environ: dict[str, str] | None = None) -> Kitchen:
    return load(Kitchen, path, "KITCHEN_", environ or {}, {("door", "label"): "Acme"})


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "kitchen.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def refused(path: Path | None, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read(path, environ)
    return str(caught.value)


def test_without_a_file_everything_has_its_default() -> None:
    assert read(None) == Kitchen(oven=Oven(), door=Door(label="Acme"))


def test_the_file_overrides_defaults_and_the_environment_overrides_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[oven]\nheat_c = 200\nfan = true\n[door]\nlabel = "mine"\n')
    kitchen = read(path, {"KITCHEN_OVEN_HEAT_C": "90", "OTHER": "x"})
    assert (kitchen.oven.heat_c, kitchen.oven.fan, kitchen.door.label) == (90, True, "mine")


def test_environment_values_are_read_by_the_type_of_their_key() -> None:
    oven = read(
        None,
        {
            "KITCHEN_OVEN_SHARE": "0.25",
            "KITCHEN_OVEN_FAN": "true",
            "KITCHEN_OVEN_DISHES": "pie, bread,",
            "KITCHEN_OVEN_MODE": "grill",
            "KITCHEN_OVEN_CODE": "1234",
            "KITCHEN_OVEN_LOG_FILE": "~/oven.log",
        },
    ).oven
    assert oven == Oven(
        share=0.25,
        fan=True,
        dishes=["pie", "bread"],
        mode="grill",
        code=Secret("1234"),
        log_file=Path.home() / "oven.log",
    )


def test_an_empty_variable_empties_a_list(tmp_path: Path) -> None:
    path = written(tmp_path, '[oven]\ndishes = ["pie"]\n')
    assert read(path, {"KITCHEN_OVEN_DISHES": ""}).oven.dishes == []


def test_a_tilde_in_a_path_is_the_home_folder(tmp_path: Path) -> None:
    path = written(tmp_path, '[oven]\nlog_file = "~/oven.log"\n')
    assert read(path).oven.log_file == Path.home() / "oven.log"


def test_a_wrong_key_is_named_with_file_line_and_the_nearest_right_one(tmp_path: Path) -> None:
    path = written(tmp_path, "# a comment\n\n[oven]\nfan = true\nheet_c = 200\n")
    message = refused(path)
    assert f"{path}, line 5: [oven] has no key heet_c. Did you mean heat_c?" in message
    assert "docs/configuration.md" in message


def test_a_wrong_table_is_named(tmp_path: Path) -> None:
    message = refused(written(tmp_path, "\n[owen]\nfan = true\n"))
    assert "line 2: there is no table [owen]. Did you mean oven?" in message


def test_a_name_like_no_other_is_answered_with_all_there_are(tmp_path: Path) -> None:
    assert "There are: door, oven." in refused(written(tmp_path, "[xyzzy]\n"))


def test_a_key_above_all_tables_is_named(tmp_path: Path) -> None:
    assert "line 1: oven is a table: write [oven]" in refused(written(tmp_path, "oven = 3\n"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("heat_c = 301", "[oven] heat_c = 301 is not allowed. Allowed: a whole number from 30 to"),
        ('heat_c = "hot"', "heat_c = 'hot' is not allowed"),
        ("heat_c = true", "heat_c = True is not allowed"),
        ("heat_c = 99.5", "heat_c = 99.5 is not allowed"),
        ("share = nan", "share = nan is not allowed. Allowed: a number from 0 to 1"),
        ("fan = 1", "Allowed: true or false"),
        ('mode = "boil"', 'Allowed: one of "bake", "grill"'),
        ('dishes = "pie"', "Allowed: a list of texts"),
        ('dishes = ["x"]', "dishes = ['x'] is not allowed"),
        ('log_file = ""', "Allowed: a path in quotes"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path: Path, line: str, said: str) -> None:
    message = refused(written(tmp_path, f"[oven]\n{line}\n"))
    assert "line 2: [oven]" in message
    assert said in message


def test_the_line_of_a_long_value_is_the_one_it_begins_on(tmp_path: Path) -> None:
    text = '[oven]\ncode = """\nheat_c = 1\n"""\ndishes = [\n  "pie",\n  "x",\n]\n'
    assert "line 5: [oven] dishes" in refused(written(tmp_path, text))


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    message = refused(
        written(tmp_path, "[oven]\nheat_c = 1\nfun = true\n[dor]\n"),
        {"KITCHEN_OVEN_SHARE": "much", "KITCHEN_OVEN_FANN": "true"},
    )
    for part in ("line 2", "line 3", "line 4", "KITCHEN_OVEN_SHARE = 'much'", "KITCHEN_OVEN_FANN"):
        assert part in message


def test_a_wrong_variable_is_named_with_the_nearest_right_one() -> None:
    message = refused(None, {"KITCHEN_OVEN_HEET_C": "200"})
    assert "environment variable KITCHEN_OVEN_HEET_C" in message
    assert "Did you mean KITCHEN_OVEN_HEAT_C?" in message


def test_a_variable_like_none_is_not_mistaken_for_one() -> None:
    assert "Did you mean" not in refused(None, {"KITCHEN_SINK": "200"})


def test_a_wrong_secret_is_not_shown(tmp_path: Path) -> None:
    assert "4711" not in refused(written(tmp_path, "[oven]\ncode = 4711\n"))


def test_a_secret_does_not_show_itself(tmp_path: Path) -> None:
    kitchen = read(written(tmp_path, '[oven]\ncode = "4711"\n'))
    assert kitchen.oven.code == "4711"
    assert "4711" not in repr(kitchen)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[oven]\nheat_c = \n", 2),
        ("[oven]\nfan = yes\n", 2),
        ("[oven]\nfan = true\nfan = true\n", 3),
        ("[oven]\n\ndishes = [\n'pie',\n", 3),
        ('[oven]\n\ncode = """\nabc\n', 3),
    ],
)
def test_what_is_not_toml_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = written(tmp_path, text)
    assert f"{path}, line {line}: not TOML" in refused(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.toml")
    assert "Is a directory" in refused(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    assert "not UTF-8" in refused(tmp_path / "latin.toml")


@pytest.mark.parametrize(("mode", "warnings"), [(0o644, 1), (0o640, 0), (0o600, 0)])
def test_a_secret_that_everybody_can_read_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warnings: int
) -> None:
    with caplog.at_level(logging.WARNING):
        read(written(tmp_path, '[oven]\ncode = "4711"\n', mode))
    assert len(caplog.records) == warnings
    assert "4711" not in caplog.text


def test_a_file_without_secrets_may_be_open_to_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read(written(tmp_path, "[oven]\nfan = true\n", 0o644))
    assert not caplog.records


def test_a_secret_is_read_from_a_file_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "token"
    path.write_text(" abc\n")
    path.chmod(0o640)
    assert read_secret(path) == "abc"
    assert not caplog.records
    path.chmod(0o644)
    read_secret(path)
    assert "chmod o-r" in caplog.text


def test_a_missing_or_empty_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_secret(tmp_path / "token")
    (tmp_path / "token").write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        read_secret(tmp_path / "token")


def test_state_is_kept_where_systemd_says_else_in_the_xdg_folder() -> None:
    assert default_state_dir({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "x") == Path(
        "/var/lib/a"
    )
    assert default_state_dir({"XDG_STATE_HOME": "/s"}, "x") == Path("/s/x")
    assert default_state_dir({}, "x") == Path.home() / ".local/state/x"


FILLING = st.lists(
    st.sampled_from(["# oven", "", 'dishes = [\n"a b",\n"cc"]', 'code = """\n[x]\n"""']),
    max_size=6,
    unique_by=lambda line: line[:4] or object(),
)


@given(FILLING, FILLING)
def test_the_line_is_right_wherever_the_mistake_stands(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], after: list[str]
) -> None:
    after = [line for line in after if line not in before]
    text = "\n".join(["[oven]", *before, "fun = true", *after])
    wanted = "\n".join(["[oven]", *before]).count("\n") + 2
    path = written(tmp_path_factory.getbasetemp(), text)
    assert f"line {wanted}: [oven] has no key fun" in refused(path)


@given(st.text(alphabet='[]oven.heat_c=1"\n\r\u2028 {}#,', max_size=60))
def test_no_text_does_anything_but_load_or_be_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = written(tmp_path_factory.getbasetemp(), text)
    with contextlib.suppress(ConfigError):
        read(path)
