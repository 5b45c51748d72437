from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.simulation.scene import Scene
from edge.simulation.scene_draw import Material, draw_scene
from shared.errors import ConfigError

MATERIAL = Material(utterance=2, seconds=4.0, others=(0, 1, 5), recordings=3)
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, devices: tuple[int, int] = (3, 8), *, two_talkers: bool = False) -> Scene:
    return draw_scene(seed, devices, MATERIAL, two_talkers=two_talkers)


def share(holds: Iterable[bool]) -> float:
    each = list(holds)
    return sum(each) / len(each)


@pytest.fixture(scope="module")
def many() -> list[Scene]:
    return [drawn(seed) for seed in range(400)]


@given(seeds, st.booleans())
def test_the_same_seed_gives_the_same_scene(seed: int, two_talkers: bool) -> None:
    assert drawn(seed, two_talkers=two_talkers) == drawn(seed, two_talkers=two_talkers)


@given(seeds, st.booleans())
def test_everything_is_where_the_plan_says(seed: int, two_talkers: bool) -> None:
    scene = drawn(seed, two_talkers=two_talkers)
    house = scene.house

    assert 1 <= len(house.rooms) <= 4
    assert all(0.2 <= room.rt60_s <= 0.8 for room in house.rooms)
    assert 3 <= len(scene.microphones) <= 8
    assert house.devices == tuple(one.device for one in scene.microphones)
    assert all(house.room(d.room).contains(d.position) for d in house.devices)
    assert house.room(scene.source.room).contains(scene.source.position)
    assert all(house.room_at(point) for talker in scene.talkers for point in talker.way)
    for room in house.rooms:
        assert house.way(scene.room.name, room.name) is not None  # a way leads there


@given(seeds)
def test_microphones_are_off_by_no_more_than_was_said(seed: int) -> None:
    for one in drawn(seed).microphones:
        assert abs(one.clock_offset_ms) <= 80
        assert abs(one.clock_drift_ppm) <= 50
        assert abs(one.device.gain_db) <= 10
        assert 3400 <= one.device.bandwidth_hz <= 8000


@given(seeds)
def test_levels_are_those_of_people_and_of_what_disturbs_them(seed: int) -> None:
    scene = drawn(seed)
    talker = scene.talkers[0]

    assert 55 <= talker.level_db <= 70
    assert 0 <= talker.level_db - scene.source.level_db <= 30
    for competitor in scene.talkers[1:]:
        assert 3 <= talker.level_db - competitor.level_db <= 15


@given(seeds, st.booleans())
def test_a_second_talker_never_says_the_same(seed: int, two_talkers: bool) -> None:
    scene = drawn(seed, two_talkers=two_talkers)

    assert scene.talkers[0].utterance == 2
    assert all(talker.utterance in MATERIAL.others for talker in scene.talkers[1:])


@given(seeds)
def test_two_talkers_are_in_two_rooms_with_a_microphone_each_and_overlap(seed: int) -> None:
    scene = drawn(seed, two_talkers=True)
    one, other = scene.talkers
    rooms = [scene.house.room_at(talker.way[0]).name for talker in scene.talkers]

    assert rooms[0] != rooms[1]
    assert set(rooms) <= {microphone.device.room for microphone in scene.microphones}
    assert abs(one.level_db - other.level_db) <= 3
    assert one.started_s <= other.started_s < one.started_s + MATERIAL.seconds
    assert "two_talkers" in scene.kind
    assert "competing" not in scene.kind


@given(seeds)
def test_who_walks_goes_one_to_three_metres_in_small_steps(seed: int) -> None:
    way = drawn(seed).talkers[0].way
    if len(way) > 1:
        assert 1 <= way[0].distance_to(way[-1]) <= 3
        assert all(a.distance_to(b) <= 0.26 for a, b in pairwise(way))


def test_scenes_are_as_varied_as_they_should_be(many: list[Scene]) -> None:
    kinds = [scene.kind for scene in many]

    assert 0.4 < share("beside_noise" in kind for kind in kinds) < 0.6
    assert 0.4 < share("other_room" in kind for kind in kinds) < 0.65
    assert 0.14 < share("competing" in kind for kind in kinds) < 0.26
    assert 0.06 < share("walking" in kind for kind in kinds) < 0.14
    assert {kind[0] for kind in kinds} == {"fan", "tap", "television", "street", "recording"}
    assert {len(scene.microphones) for scene in many} == set(range(3, 9))
    assert {len(scene.house.rooms) for scene in many} == {1, 2, 3, 4}


def test_most_clocks_are_nearly_right_and_some_devices_clip_or_level_themselves(
    many: list[Scene],
) -> None:
    microphones = [one for scene in many for one in scene.microphones]

    assert share(abs(one.clock_offset_ms) <= 20 for one in microphones) > 0.7
    assert 0.05 < share(one.overdrive_db > 0 for one in microphones) < 0.2
    assert 0.15 < share(one.agc for one in microphones) < 0.35
    assert not any(one.agc and one.overdrive_db for one in microphones)


def test_a_microphones_number_says_nothing_about_its_place(many: list[Scene]) -> None:
    beside = [
        number for scene in many for number, one in enumerate(scene.microphones) if one.beside_noise
    ]
    assert set(beside) == set(range(8))


def test_distances_are_known_within_the_talkers_room_only(many: list[Scene]) -> None:
    for scene in many:
        for one in scene.microphones:
            distance_m = scene.distance_m(scene.talkers[0], one)
            assert (distance_m is None) == (one.device.room != scene.room.name)


def test_without_recordings_and_other_talkers_there_is_neither() -> None:
    alone = Material(utterance=0, seconds=3.0, others=(), recordings=0)
    scenes = [draw_scene(seed, (3, 8), alone) for seed in range(50)]

    assert all(scene.source.recording is None for scene in scenes)
    assert all(len(scene.talkers) == 1 for scene in scenes)
    assert {scene.source.kind for scene in scenes} == {"fan", "tap", "street"}


@given(seeds, st.integers(2, 12))
def test_the_number_of_devices_can_be_fixed(seed: int, devices: int) -> None:
    assert len(drawn(seed, (devices, devices)).microphones) == devices


@pytest.mark.parametrize("devices", [(1, 3), (5, 4), (3, 13)])
def test_as_many_devices_as_that_are_refused(devices: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="devices"):
        drawn(0, devices)


def test_two_talkers_need_two_people() -> None:
    with pytest.raises(ConfigError, match="two people"):
        draw_scene(0, (3, 8), Material(0, 3.0, (), 0), two_talkers=True)
