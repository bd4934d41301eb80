"""People log in with their password, and nobody else does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from inspection import access
from inspection.access import PasswordRules, Role
from inspection.errors import (
    ConflictError,
    MetadataError,
    NotAuthenticatedError,
    NotFoundError,
    TooManyAttemptsError,
)
from inspection.store import Store, audit, open_store, people
from inspection.store.audit import Action
from tests.store.conftest import CHEAP, Database
from tests.store.records import Clock

PASSWORD = "correct horse 电池"


@pytest.fixture
def li(store: Store) -> people.User:
    """An inspector."""
    return people.add(store, "li", PASSWORD, Role.INSPECTOR, by="system")


def fail_to_log_in(store: Store, name: str, password: str = "wrong wrong wrong") -> NotAuthenticatedError:
    with pytest.raises(NotAuthenticatedError) as caught:
        people.authenticate(store, name, password)
    return caught.value


def actions(store: Store) -> list[Action]:
    return [entry.action for entry in reversed(audit.entries(store))]


def test_a_person_logs_in_stays_and_leaves(store: Store, li: people.User, clock: Clock) -> None:
    session = people.log_in(store, "li", PASSWORD, hours=12)
    assert session.user.role is Role.INSPECTOR
    assert session.user.last_login_at == clock.time
    again = people.by_session(store, session.token)
    assert again == session
    assert again.csrf_token == session.csrf_token != session.token
    people.log_out(store, session.token)
    with pytest.raises(NotAuthenticatedError):
        people.by_session(store, session.token)
    people.log_out(store, session.token)
    assert actions(store) == [Action.USER_ADDED, Action.LOGIN, Action.LOGOUT]


def test_a_session_ends_by_itself(store: Store, li: people.User, clock: Clock) -> None:
    session = people.log_in(store, "li", PASSWORD, hours=2)
    clock.pass_by(hours=1, minutes=59)
    people.by_session(store, session.token)
    clock.pass_by(minutes=1)
    with pytest.raises(NotAuthenticatedError):
        people.by_session(store, session.token)
    people.log_in(store, "li", PASSWORD, hours=2)
    with store.read() as connection:
        assert connection.execute(sa.text("select count(*) from sessions")).scalar() == 1


@pytest.mark.parametrize("token", ["", "x", "é", "\0", "\ud800", "x" * 10_000])
def test_a_token_that_is_none_is_refused(store: Store, token: str) -> None:
    with pytest.raises(NotAuthenticatedError):
        people.by_session(store, token)
    people.log_out(store, token)


def test_sessions_of_two_logins_differ(store: Store, li: people.User) -> None:
    one = people.log_in(store, "li", PASSWORD, hours=1)
    two = people.log_in(store, "li", PASSWORD, hours=1)
    assert one.token != two.token
    assert one.csrf_token != two.csrf_token
    people.log_out(store, one.token)
    assert people.by_session(store, two.token).user.name == "li"


def test_secrets_are_not_in_the_database_nor_in_what_is_printed(
    store: Store, li: people.User, database: Database
) -> None:
    session = people.log_in(store, "li", PASSWORD, hours=1)
    assert session.token not in repr(session)
    assert session.csrf_token not in repr(session)
    held = ""
    with store.read() as connection:
        for table in ("users", "sessions", "audit", "login_failures"):
            held += str(connection.execute(sa.text(f"select * from {table}")).all())
    for secret in (PASSWORD, session.token, session.csrf_token):
        assert secret not in held
    assert "$argon2id$" in held


def test_a_wrong_name_a_wrong_password_and_a_disabled_person_get_one_answer(
    store: Store, li: people.User
) -> None:
    people.add(store, "gone", PASSWORD, Role.VIEWER, by="system")
    people.disable(store, "gone", by="system")
    answers = [
        fail_to_log_in(store, "li"),
        fail_to_log_in(store, "nobody"),
        fail_to_log_in(store, "gone", PASSWORD),
        fail_to_log_in(store, "Not A Name\0\ud800"),
        fail_to_log_in(store, "li", "x" * 10_000),
        fail_to_log_in(store, "li", "\ud800\0 and more"),
    ]
    assert len({(answer.detail, answer.hint) for answer in answers}) == 1


def test_an_unknown_name_costs_the_same_hash_as_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: one argon2 verification each."""
    rules = PasswordRules(time_cost=1, memory_kib=64, parallelism=1)
    access.spend_verification("warm", rules)
    checked: list[str] = []
    verify = PasswordHasher.verify

    def counting(self: PasswordHasher, hashed: str, password: str) -> bool:
        checked.append(hashed.rsplit("$", 2)[0])
        return bool(verify(self, hashed, password))

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    access.verify_password("wrong", access.hash_password(PASSWORD, rules))
    access.spend_verification("wrong", rules)
    assert len(checked) == 2
    assert checked[0] == checked[1]


def test_guessing_has_to_pause_longer_and_longer(store: Store, li: people.User, clock: Clock) -> None:
    for _ in range(5):
        fail_to_log_in(store, "li")
    with pytest.raises(TooManyAttemptsError) as caught:
        people.authenticate(store, "li", PASSWORD)
    assert caught.value.status == 429
    assert caught.value.retry_after_s == 16
    clock.pass_by(seconds=15)
    fail_to_log_in(store, "li")
    clock.pass_by(seconds=16)
    with pytest.raises(TooManyAttemptsError) as caught:
        people.authenticate(store, "li", PASSWORD)
    assert caught.value.retry_after_s == 15
    clock.pass_by(seconds=15)
    people.authenticate(store, "li", PASSWORD)
    for _ in range(5):  # counted from zero again
        fail_to_log_in(store, "li")


def test_the_pause_is_never_over_a_quarter_of_an_hour(store: Store, clock: Clock) -> None:
    pauses: list[int] = []
    for _ in range(20):
        try:
            people.authenticate(store, "li", "wrong wrong wrong")
        except TooManyAttemptsError as error:
            pauses.append(error.retry_after_s or 0)
            clock.pass_by(seconds=pauses[-1])
        except NotAuthenticatedError:
            continue
    assert pauses[:3] == [16, 31, 61]
    assert max(pauses) == 901


def test_guesses_of_one_name_do_not_stop_another(store: Store, li: people.User) -> None:
    for _ in range(5):
        fail_to_log_in(store, "wang")
    with pytest.raises(TooManyAttemptsError):
        people.authenticate(store, "wang", PASSWORD)
    people.authenticate(store, "li", PASSWORD)


def test_guesses_at_the_same_moment_are_all_counted(store: Store, reopen: Callable[[], Store]) -> None:
    people.add(store, "li", PASSWORD, Role.ADMIN, by="system")
    replicas = [store, reopen()]
    together = threading.Barrier(12)

    def guess(number: int) -> str:
        together.wait()
        try:
            people.authenticate(replicas[number % 2], "li", f"wrong wrong {number}")
        except TooManyAttemptsError:
            return "paused"
        except NotAuthenticatedError:
            return "checked"
        return "in"

    with ThreadPoolExecutor(12) as threads:
        answers = sorted(threads.map(guess, range(12)))
    assert answers == ["checked"] * 5 + ["paused"] * 7


def test_failures_are_forgotten_and_do_not_pile_up(store: Store, clock: Clock) -> None:
    for number in range(30):
        fail_to_log_in(store, f"random{number}")
    clock.pass_by(hours=1, seconds=1)
    fail_to_log_in(store, "one-more")
    with store.read() as connection:
        assert connection.execute(sa.text("select count(*) from login_failures")).scalar() == 1


def test_an_administrator_can_end_the_pause_with_a_new_password(store: Store, li: people.User) -> None:
    for _ in range(5):
        fail_to_log_in(store, "li")
    people.set_password(store, "li", "another long one", by="admin")
    people.authenticate(store, "li", "another long one")
    fail_to_log_in(store, "li", PASSWORD)


def test_a_new_password_ends_all_sessions(store: Store, li: people.User) -> None:
    session = people.log_in(store, "li", PASSWORD, hours=1)
    with pytest.raises(NotAuthenticatedError):
        people.change_password(store, "li", old="wrong wrong wrong", new="another long one")
    with pytest.raises(MetadataError):
        people.change_password(store, "li", old=PASSWORD, new="short")
    assert people.by_session(store, session.token).user.name == "li"
    people.change_password(store, "li", old=PASSWORD, new="another long one")
    with pytest.raises(NotAuthenticatedError):
        people.by_session(store, session.token)
    people.authenticate(store, "li", "another long one")


def test_a_disabled_person_is_out_at_once_and_can_come_back(store: Store, li: people.User) -> None:
    session = people.log_in(store, "li", PASSWORD, hours=1)
    assert not people.disable(store, "li", by="admin").active
    with pytest.raises(NotAuthenticatedError):
        people.by_session(store, session.token)
    fail_to_log_in(store, "li", PASSWORD)
    people.disable(store, "li", by="admin")
    assert people.enable(store, "li", by="admin").active
    people.authenticate(store, "li", PASSWORD)
    assert actions(store).count(Action.USER_DISABLED) == 1


def test_a_role_changes_from_the_next_request_on(store: Store, li: people.User) -> None:
    session = people.log_in(store, "li", PASSWORD, hours=1)
    people.set_role(store, "li", Role.ENGINEER, by="admin")
    assert people.by_session(store, session.token).user.role is Role.ENGINEER
    entry = audit.entries(store, limit=1)[0]
    assert (entry.action, entry.who, entry.subject) == (Action.USER_ROLE_CHANGED, "admin", "user:li")
    assert entry.details == {"old": "inspector", "new": "engineer"}


def test_roles_include_those_below() -> None:
    assert Role.ADMIN.includes(Role.VIEWER)
    assert Role.INSPECTOR.includes(Role.INSPECTOR)
    assert not Role.INSPECTOR.includes(Role.ENGINEER)


def test_the_last_administrator_stays(store: Store) -> None:
    people.add(store, "one", PASSWORD, Role.ADMIN, by="system")
    people.add(store, "two", PASSWORD, Role.ADMIN, by="system")
    people.disable(store, "two", by="one")
    with pytest.raises(ConflictError, match="last administrator"):
        people.disable(store, "one", by="one")
    with pytest.raises(ConflictError, match="last administrator"):
        people.set_role(store, "one", Role.VIEWER, by="one")
    people.set_role(store, "one", Role.ADMIN, by="one")
    people.set_role(store, "two", Role.VIEWER, by="one")
    assert people.by_name(store, "one").role is Role.ADMIN


def test_of_administrators_who_demote_each_other_one_stays(store: Store, reopen: Callable[[], Store]) -> None:
    replicas = [store, reopen()]
    names = [f"admin{n}" for n in range(6)]
    for name in names:
        people.add(store, name, PASSWORD, Role.ADMIN, by="system")
    together = threading.Barrier(len(names))

    def step_down(number: int) -> None:
        together.wait()
        try:
            people.set_role(replicas[number % 2], names[number], Role.VIEWER, by=names[number])
        except ConflictError:
            return

    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(step_down, range(len(names))))
    assert [user.role for user in people.everyone(store)].count(Role.ADMIN) == 1


@pytest.mark.parametrize("name", ["", "Li", "li wei", "-li", "a" * 65, "李", "li\0", "\ud800"])
def test_a_name_that_cannot_be_typed_everywhere_is_refused(store: Store, name: str) -> None:
    with pytest.raises(MetadataError):
        people.add(store, name, PASSWORD, Role.VIEWER, by="system")
    with pytest.raises(NotFoundError):
        people.by_name(store, name)


@pytest.mark.parametrize("password", ["", "short", "aaaaaaaaaaaaaaa", "x" * 300, "long enough \ud800"])
def test_a_password_that_is_easy_to_guess_or_no_text_is_refused(store: Store, password: str) -> None:
    with pytest.raises(MetadataError):
        people.add(store, "li", password, Role.VIEWER, by="system")
    assert people.everyone(store) == ()


def test_a_name_is_taken_once(store: Store, li: people.User) -> None:
    with pytest.raises(ConflictError):
        people.add(store, "li", PASSWORD, Role.ADMIN, by="system")
    assert people.everyone(store) == (li,)


def test_a_hash_of_older_parameters_is_made_anew_at_the_next_login(
    store: Store, li: people.User, database: Database
) -> None:
    dearer = open_store(database.url, passwords=PasswordRules(time_cost=2, memory_kib=128, parallelism=1))
    fail_to_log_in(dearer, "li")
    assert "t=1,p=1" in hash_of(dearer, "li")
    people.authenticate(dearer, "li", PASSWORD)
    assert "m=128,t=2,p=1" in hash_of(dearer, "li")
    people.authenticate(dearer, "li", PASSWORD)
    dearer.close()


def hash_of(store: Store, name: str) -> str:
    with store.read() as connection:
        query = sa.text("select password_hash from users where name = :name")
        return str(connection.execute(query, {"name": name}).scalar_one())


def test_the_real_cost_is_that_of_rfc_9106() -> None:
    hashed = access.hash_password(PASSWORD, PasswordRules())
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert access.verify_password(PASSWORD, hashed)
    assert not access.verify_password(PASSWORD + " ", hashed)
    assert not access.is_current(access.hash_password(PASSWORD, CHEAP), PasswordRules())
    assert access.is_current(hashed, PasswordRules())


def test_a_damaged_hash_lets_nobody_in() -> None:
    assert not access.verify_password(PASSWORD, "")
    assert not access.verify_password(PASSWORD, "$argon2id$v=19$m=64,t=1,p=1$broken")


def test_first_passwords_are_random_and_taken() -> None:
    made = {access.new_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        access.check_password_rules(password, PasswordRules())
