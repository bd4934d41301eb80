"""Versions of recipes are kept for ever, one of them is in force, and each station knows what it works on."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from inspection.errors import ConflictError, MetadataError, NotFoundError, UnknownNameError
from inspection.store import Store, audit, recipes, stations
from inspection.store.recipes import Version


def publish(store: Store, name: str = "derby", *, in_force: bool = True, note: str = "") -> Version:
    return recipes.add(
        store,
        name=name,
        version=recipes.next_version(store, name),
        style="Derby 17",
        content='{"name": "derby", "zones": "鞋头"}',
        by="li",
        note=note,
        in_force=in_force,
    )


def test_versions_are_numbered_by_name_and_never_change(store: Store) -> None:
    first, second, other = publish(store), publish(store, note="wider toe"), publish(store, "oxford")
    assert [first.version, second.version, other.version] == [1, 2, 1]
    assert recipes.versions(store, "derby") == (second, first)
    assert recipes.version(store, "derby", 1) == first
    assert recipes.names(store) == ("derby", "oxford")
    with pytest.raises(DBAPIError, match="append-only"), store.write() as connection:
        connection.execute(sa.text("update recipe_versions set content = 'other'"))


def test_the_last_version_put_in_force_holds_and_an_older_one_can_come_back(store: Store) -> None:
    publish(store)
    second = publish(store)
    kept = publish(store, in_force=False)
    assert recipes.active(store) == (second,)
    before = recipes.revision(store)
    recipes.activate(store, "derby", 1, by="wang", note="version 2 missed the heel")
    assert [version.version for version in recipes.active(store)] == [1]
    assert recipes.revision(store) > before
    recipes.activate(store, "derby", kept.version, by="wang")
    assert recipes.active(store) == (kept,)
    told = [(each.version, each.by, each.note) for each in recipes.activations(store, "derby")]
    assert told == [(3, "wang", ""), (1, "wang", "version 2 missed the heel"), (2, "li", ""), (1, "li", "")]


def test_a_withdrawn_recipe_is_in_force_no_more_and_can_come_back(store: Store) -> None:
    publish(store)
    recipes.withdraw(store, "derby", by="li", note="discontinued")
    assert recipes.active(store) == ()
    recipes.activate(store, "derby", 1, by="li")
    assert [version.name for version in recipes.active(store)] == ["derby"]


def test_who_did_what_is_in_the_audit_trail(store: Store) -> None:
    publish(store, note="first")
    recipes.withdraw(store, "derby", by="wang")
    told = [
        (entry.who, entry.action.value, dict(entry.details))
        for entry in audit.entries(store, subject="recipe:derby")
    ]
    assert told == [
        ("wang", "recipe withdrawn", {"note": ""}),
        ("li", "recipe version in force", {"version": "1", "note": "first"}),
        ("li", "recipe version added", {"version": "1", "note": "first"}),
    ]


def test_two_who_publish_at_once_do_not_overwrite_each_other(store: Store) -> None:
    publish(store)
    with pytest.raises(ConflictError, match="Version 1"):
        recipes.add(
            store, name="derby", version=1, style=None, content="{}", by="wang", note="", in_force=True
        )
    assert len(recipes.versions(store, "derby")) == 1


def test_what_is_not_there_is_told_with_what_is(store: Store) -> None:
    publish(store)
    with pytest.raises(NotFoundError, match="no version 7") as caught:
        recipes.activate(store, "derby", 7, by="li")
    assert "1 to 1" in caught.value.hint
    with pytest.raises(NotFoundError, match="oxford") as unknown:
        recipes.versions(store, "oxford")
    assert "derby" in unknown.value.hint
    with pytest.raises(NotFoundError):
        recipes.withdraw(store, "oxford", by="li")
    with pytest.raises(MetadataError, match="501 characters"):
        publish(store, note="x" * 501)


def test_a_station_works_on_what_it_was_told_last(store: Store) -> None:
    stations.add(store, "line-1", by="li")
    assert recipes.look(store, "line-1") == recipes.Look(0, None)
    recipes.set_station(store, "line-1", recipe="derby", style="Derby 17", by="line-1")
    made = recipes.set_station(store, "line-1", recipe="oxford", style=None, by="line-1")
    assert recipes.station_recipe(store, "line-1") == made
    assert recipes.station_recipe(store, "line-2") is None
    recipes.clear_station(store, "line-1", by="li")
    assert recipes.station_recipe(store, "line-1") is None
    actions = [entry.action.value for entry in audit.entries(store, subject="station:line-1")]
    assert actions == ["recipe of station cleared", "recipe of station set", "recipe of station set",
                       "station added"]  # fmt: skip


def test_only_stations_that_exist_work_on_something(store: Store) -> None:
    with pytest.raises(UnknownNameError, match="line-9"):
        recipes.set_station(store, "line-9", recipe="derby", style=None, by="li")
    with pytest.raises(UnknownNameError, match="line-9"):
        recipes.clear_station(store, "line-9", by="li")
