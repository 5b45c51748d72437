from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.simulation.home import MIN_DEVICES, Point, make_home
from shared.errors import ConfigError
from shared.ids import CLIENT_ID
from tests.edge.simulation.homes import small_home

seeds = st.integers(0, 100_000)
counts = st.integers(MIN_DEVICES, 12)


@given(seeds, counts)
def test_the_same_seed_gives_the_same_home(seed: int, devices: int) -> None:
    assert make_home(seed, devices) == make_home(seed, devices)


def test_another_seed_gives_another_home() -> None:
    assert make_home(1) != make_home(2)


@given(seeds, counts)
def test_everything_is_where_the_plan_says(seed: int, devices: int) -> None:
    home = make_home(seed, devices)

    assert len(home.devices) == devices
    assert all(home.room(d.room).contains(d.position) for d in home.devices)
    assert home.room(home.noise.room).contains(home.noise.position)
    assert all(home.room_at(talker) for talker in home.talkers)
    for door in home.doors:
        assert all(home.room(name).contains(door.position) for name in door.rooms)


@given(seeds, counts)
def test_devices_have_names_of_their_own_that_can_be_client_ids(seed: int, devices: int) -> None:
    names = [device.name for device in make_home(seed, devices).devices]

    assert len(set(names)) == devices
    assert all(CLIENT_ID.fullmatch(name) for name in names)


@given(seeds, counts)
def test_one_device_is_beside_the_noise_and_one_behind_a_single_door(
    seed: int, devices: int
) -> None:
    home = make_home(seed, devices)
    distances = sorted(d.position.distance_to(home.noise.position) for d in home.devices)
    doors_away = [len(home.way(home.noise.room, d.room)) for d in home.devices]

    assert distances[0] < 0.7
    assert 1 in doors_away
    assert doors_away.count(0) >= 3


@given(seeds)
def test_devices_differ_in_gain_and_in_their_own_noise(seed: int) -> None:
    home = make_home(seed)

    assert all(-10 <= device.gain_db <= 10 for device in home.devices)
    assert len({device.gain_db for device in home.devices}) == len(home.devices)
    assert len({device.self_noise_db for device in home.devices}) == len(home.devices)


@given(seeds)
def test_most_is_said_near_the_noise_and_some_in_the_next_room(seed: int) -> None:
    home = make_home(seed)
    away = [home.room_at(talker).name != home.noise.room for talker in home.talkers]

    assert not any(away[:3])
    assert away[3]
    device_rooms = {device.room for device in home.devices}
    assert home.room_at(home.talkers[3]).name in device_rooms


def test_a_television_is_there_only_when_asked_for() -> None:
    assert make_home(0, noise="television").noise.kind == "television"
    assert all(make_home(seed).noise.kind != "television" for seed in range(40))


def test_a_home_with_too_few_devices_is_refused() -> None:
    with pytest.raises(ConfigError, match="3 devices"):
        make_home(0, MIN_DEVICES - 1)


def test_the_way_between_rooms_goes_through_the_fewest_doors() -> None:
    home = make_home(0)

    assert home.way("kitchen", "kitchen") == ()
    assert [door.rooms for door in home.way("kitchen", "bedroom")] == [
        ("living room", "kitchen"),
        ("living room", "hall"),
        ("hall", "bedroom"),
    ]


def test_a_place_outside_the_home_is_in_no_room() -> None:
    with pytest.raises(ConfigError, match="in no room"):
        small_home().room_at(Point(-1, 0, 0))


@pytest.mark.parametrize("seed", range(12))
def test_the_middle_of_a_room_keeps_clear_of_its_devices(seed: int) -> None:
    home = make_home(seed, devices=8)
    for room in home.rooms:
        middle = home.middle_of(room, apart_m=0.7)
        assert home.room_at(middle) is room
        assert all(middle.distance_to(device.position) >= 0.7 for device in home.devices)


def test_where_devices_leave_no_room_the_middle_is_the_middle() -> None:
    home = make_home(0)
    room = home.rooms[0]
    middle = home.middle_of(room, apart_m=20)
    assert middle == Point(room.x + room.width / 2, room.y + room.depth / 2, 1.5)
