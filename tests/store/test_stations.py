"""Stations have keys that are shown once and work until they are revoked."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from inspection.errors import (
    ConflictError,
    MetadataError,
    NotAuthenticatedError,
    NotFoundError,
    UnknownNameError,
)
from inspection.store import Store, audit, stations
from inspection.store.audit import Action
from tests.store.records import Clock


@pytest.fixture
def line(store: Store) -> stations.Station:
    """A station."""
    return stations.add(store, "line-1.toe", by="admin", description="鞋头")


def test_stations_are_listed_by_name(store: Store, line: stations.Station) -> None:
    other = stations.add(store, "Line-0", by="admin")
    assert stations.all_stations(store) == (other, line)
    assert stations.by_name(store, "line-1.toe") == line
    with pytest.raises(ConflictError):
        stations.add(store, "line-1.toe", by="admin")


@pytest.mark.parametrize("name", ["nowhere", "", "a/b", "\0", "\ud800", "x" * 300])
def test_an_unknown_station_names_the_known_ones(store: Store, line: stations.Station, name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        stations.by_name(store, name)
    assert "line-1.toe" in caught.value.hint


@pytest.mark.parametrize("name", ["", "a b", "../x", ".x", "x" * 65, "站", "a\0"])
def test_a_station_needs_a_plain_name(store: Store, name: str) -> None:
    with pytest.raises(MetadataError):
        stations.add(store, name, by="admin")


def test_a_key_belongs_to_its_station(store: Store, line: stations.Station) -> None:
    made = stations.create_key(store, "line-1.toe", by="admin", note="left camera")
    assert re.fullmatch(r"welt_[a-z2-9]{10}_[0-9a-f]{64}", made.text)
    found = stations.check_key(store, made.text)
    assert (found.station, found.note, found.created_by) == ("line-1.toe", "left camera", "admin")
    assert [entry.action for entry in audit.entries(store)] == [Action.KEY_CREATED, Action.STATION_ADDED]


def test_the_secret_is_kept_nowhere(store: Store, line: stations.Station) -> None:
    made = stations.create_key(store, "line-1.toe", by="admin")
    secret = made.text.rsplit("_", 1)[1]
    assert secret not in repr(made)
    with store.read() as connection:
        for table in ("api_keys", "audit"):
            assert secret not in str(connection.execute(sa.text(f"select * from {table}")).all())


def test_a_key_for_an_unknown_station_is_refused(store: Store) -> None:
    with pytest.raises(UnknownNameError):
        stations.create_key(store, "nowhere", by="admin")


def test_wrong_keys_are_refused(store: Store, line: stations.Station) -> None:
    made = stations.create_key(store, "line-1.toe", by="admin")
    other = stations.create_key(store, "line-1.toe", by="admin")
    mixed = made.text.rsplit("_", 1)[0] + "_" + other.text.rsplit("_", 1)[1]
    unknown = "welt_aaaaaaaaaa_" + "0" * 64
    for wrong in (
        "",
        "welt_",
        made.text[:-1],
        made.text + "0",
        made.text.upper(),
        mixed,
        unknown,
        "é\0\ud800",
    ):
        with pytest.raises(NotAuthenticatedError) as caught:
            stations.check_key(store, wrong)
        assert caught.value.hint
    stations.check_key(store, made.text)


def test_a_revoked_key_stops_at_once_on_every_replica(
    store: Store, line: stations.Station, reopen: Callable[[], Store], clock: Clock
) -> None:
    replica = reopen()
    made, stays = (stations.create_key(store, "line-1.toe", by="admin") for _ in range(2))
    stations.check_key(replica, made.text)
    clock.pass_by(hours=1)
    revoked = stations.revoke_key(store, made.key.key_id, by="wang")
    assert revoked.revoked_at == clock.time
    with pytest.raises(NotAuthenticatedError, match="revoked"):
        stations.check_key(replica, made.text)
    stations.check_key(replica, stays.text)
    clock.pass_by(hours=1)
    assert stations.revoke_key(store, made.key.key_id, by="li").revoked_at == revoked.revoked_at
    [entry] = audit.entries(store, subject=f"key:{made.key.key_id}", who="wang")
    assert entry.action is Action.KEY_REVOKED
    with pytest.raises(NotFoundError):
        stations.revoke_key(store, "aaaaaaaaaa", by="wang")


def test_keys_of_a_disabled_station_do_not_work(store: Store, line: stations.Station) -> None:
    made = stations.create_key(store, "line-1.toe", by="admin")
    assert not stations.disable(store, "line-1.toe", by="admin").active
    with pytest.raises(NotAuthenticatedError, match="disabled"):
        stations.check_key(store, made.text)
    stations.disable(store, "line-1.toe", by="admin")
    assert stations.enable(store, "line-1.toe", by="admin").active
    stations.check_key(store, made.text)


def test_keys_are_listed_by_station_newest_first(store: Store, line: stations.Station, clock: Clock) -> None:
    stations.add(store, "line-2", by="admin")
    one = stations.create_key(store, "line-1.toe", by="admin").key
    clock.pass_by(seconds=1)
    two = stations.create_key(store, "line-2", by="admin").key
    assert stations.keys(store) == (two, one)
    assert stations.keys(store, "line-1.toe") == (one,)


def test_the_last_use_is_noted_once_a_minute(
    store: Store, line: stations.Station, clock: Clock, reopen: Callable[[], Store]
) -> None:
    made = stations.create_key(store, "line-1.toe", by="admin")
    first = clock.time
    stations.check_key(store, made.text)
    clock.pass_by(seconds=59)
    stations.check_key(store, made.text)
    store.close()
    store = reopen()
    assert stations.keys(store)[0].last_used_at == first
    stations.check_key(store, made.text)  # another process knows from the database
    store.close()
    store = reopen()
    assert stations.keys(store)[0].last_used_at == first
    clock.pass_by(seconds=1)
    stations.check_key(store, made.text)
    store.close()
    assert stations.keys(reopen())[0].last_used_at == clock.time


def test_a_camera_does_not_wait_for_the_last_use_to_be_noted(
    store: Store, line: stations.Station, reopen: Callable[[], Store]
) -> None:
    made = stations.create_key(store, "line-1.toe", by="admin")
    with reopen().write() as connection:  # nobody else can write now
        connection.execute(sa.text("update api_keys set note = 'held'"))
        assert stations.check_key(store, made.text).station == "line-1.toe"
