"""Editions of standards are kept for ever; what is in force has a history, and can be taken back."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from inspection.errors import ConflictError, MetadataError, NotFoundError, StorageError
from inspection.store import Store, audit, schema, standards


def add(store: Store, edition: str, content: str = "{}", standard_id: str = "acme") -> standards.Edition:
    return standards.add(
        store, standard_id, edition, content=content, source="# TOML", by="li.wei", note="first"
    ).edition


def in_force(store: Store) -> dict[str, str]:
    return {edition.standard_id: edition.edition for edition in standards.in_force(store)[1]}


def test_an_edition_is_not_in_force_before_it_is_put_there(store: Store) -> None:
    added = add(store, "1")
    assert standards.editions(store, "acme") == (added,)
    assert in_force(store) == {}
    assert standards.latest(store) == 0
    made = standards.activate(store, "acme", "1", by="li.wei", note="agreed")
    assert in_force(store) == {"acme": "1"}
    assert standards.latest(store) == made.sequence > 0


def test_the_last_change_of_each_standard_holds_and_all_are_kept(store: Store) -> None:
    for edition in ("1", "2"):
        add(store, edition)
        standards.activate(store, "acme", edition, by="li.wei", note=f"edition {edition}")
    add(store, "9", standard_id="other")
    standards.activate(store, "other", "9", by="li.wei", note="other")
    assert in_force(store) == {"acme": "2", "other": "9"}
    standards.activate(store, "acme", "1", by="wang", note="taken back")
    assert in_force(store) == {"acme": "1", "other": "9"}
    standards.activate(store, "acme", None, by="wang", note="back to the file")
    assert in_force(store) == {"other": "9"}
    told = [(one.edition, one.by, one.note) for one in standards.activations(store, "acme")]
    assert told == [
        (None, "wang", "back to the file"),
        ("1", "wang", "taken back"),
        ("2", "li.wei", "edition 2"),
        ("1", "li.wei", "edition 1"),
    ]


def test_an_edition_never_changes(store: Store) -> None:
    first = standards.add(store, "acme", "1", content='{"a": 1}', source="", by="li.wei", note="first")
    again = standards.add(store, "acme", "1", content='{"a": 1}', source="", by="wang", note="second")
    assert (first.was_there, again.was_there) == (False, True)
    assert again.edition == first.edition
    with pytest.raises(ConflictError, match="edition '1' of 'acme' exists with other content"):
        add(store, "1", '{"a": 2}')
    for table in (schema.standard_editions, schema.standard_activations):
        standards.activate(store, "acme", "1", by="li.wei", note="x")
        for statement in (sa.delete(table), sa.update(table).values(note="other")):
            with pytest.raises((DBAPIError, StorageError)), store.write() as connection:
                connection.execute(statement)


def test_what_does_not_exist_or_has_no_reason_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError, match="'acme' has no edition '7'"):
        standards.activate(store, "acme", "7", by="li.wei", note="why")
    add(store, "1")
    with pytest.raises(MetadataError, match="no reason"):
        standards.activate(store, "acme", "1", by="li.wei", note="  ")
    with pytest.raises(MetadataError, match="2001 characters"):
        standards.activate(store, "acme", "1", by="li.wei", note="x" * 2001)
    with pytest.raises(MetadataError, match="cannot be stored"):
        add(store, "2\0")
    assert in_force(store) == {}


def test_of_two_who_change_it_at_once_one_is_told(store: Store) -> None:
    add(store, "1")
    add(store, "2")
    first = standards.activate(store, "acme", "1", by="li.wei", note="why", seen=0)
    with pytest.raises(ConflictError, match="somebody else"):
        standards.activate(store, "acme", "2", by="wang", note="why", seen=0)
    standards.activate(store, "acme", "2", by="wang", note="why", seen=first.sequence)
    assert in_force(store) == {"acme": "2"}


def test_every_change_is_in_the_audit_trail(store: Store) -> None:
    add(store, "1")
    standards.activate(store, "acme", "1", by="wang", note="agreed")
    told = [
        (entry.who, entry.action, entry.details) for entry in audit.entries(store, subject="standard:acme")
    ]
    assert told == [
        ("wang", audit.Action.STANDARD_ACTIVATED, {"edition": "1", "note": "agreed"}),
        ("li.wei", audit.Action.STANDARD_ADDED, {"edition": "1", "note": "first"}),
    ]
