"""People: who they are, what they may do, how they log in and stay logged in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from inspection import access
from inspection.access import Role
from inspection.errors import (
    ConflictError,
    MetadataError,
    NotAuthenticatedError,
    NotFoundError,
    TooManyAttemptsError,
)
from inspection.store import audit, schema
from inspection.store.audit import Action
from inspection.store.database import Lock, Store

__all__ = [
    "Session",
    "User",
    "add",
    "authenticate",
    "by_name",
    "by_session",
    "change_password",
    "disable",
    "enable",
    "everyone",
    "log_in",
    "log_out",
    "set_password",
    "set_role",
]

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_FREE_ATTEMPTS = 5  # wrong passwords in a row before a pause; people mistype
_FIRST_PAUSE_S = 15.0  # doubles with each further one
_LONGEST_PAUSE_S = 900.0  # a name can be blocked for others no longer than this
_FORGET_AFTER = timedelta(hours=1)

_users = schema.users
_sessions = schema.sessions
_failures = schema.login_failures


@dataclass(frozen=True)
class User:
    """A person who may log in, unless disabled."""

    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None = None
    last_login_at: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether the person may log in."""
        return self.disabled_at is None


@dataclass(frozen=True)
class Session:
    """Somebody who is logged in.

    Attributes
    ----------
    token : for the cookie; known here only because the browser sent it or is about to get it.
    csrf_token : for the forms of this session.
    """

    user: User
    token: str
    csrf_token: str
    expires_at: datetime

    def __repr__(self) -> str:  # tokens must not get into logs
        return f"Session(user={self.user!r}, expires_at={self.expires_at!r})"


def add(store: Store, name: str, password: str, role: Role, *, by: str) -> User:
    """Add a person.

    Raises
    ------
    MetadataError : a name or password that is not taken.
    ConflictError : the name exists.
    """
    if _NAME.fullmatch(name) is None:
        raise MetadataError(
            f"{name!r} is not a name to log in with",
            hint="Use up to 64 lower-case letters, digits, dots, dashes, underscores or @, as in li.wei.",
        )
    access.check_password_rules(password, store.passwords)
    hashed = access.hash_password(password, store.passwords)
    user = User(name=name, role=role, created_at=store.now())
    try:
        with store.write(Lock.PEOPLE) as connection:
            connection.execute(
                sa.insert(_users).values(
                    name=name, role=role.value, password_hash=hashed, created_at=user.created_at
                )
            )
            _note(store, connection, by, Action.USER_ADDED, name, role=role.value)
    except IntegrityError as error:
        raise ConflictError(
            f"there is a user {name!r} already", hint="Choose another name, or enable that user again."
        ) from error
    return user


def by_name(store: Store, name: str) -> User:
    """The person of that name; NotFoundError if there is none."""
    with store.read() as connection:
        return _user(_row(connection, name))


def everyone(store: Store) -> tuple[User, ...]:
    """All people, disabled ones too, by name."""
    with store.read() as connection:
        return tuple(_user(row) for row in connection.execute(sa.select(_users).order_by(_users.c.name)))


def authenticate(store: Store, name: str, password: str) -> User:
    """The person whose name and password these are.

    An unknown name, a wrong password and a disabled person get the same answer after the same time.

    Raises
    ------
    NotAuthenticatedError : name or password is wrong.
    TooManyAttemptsError : too many wrong passwords for this name; ``retry_after_s`` says for how long.
    """
    known_form = _NAME.fullmatch(name) is not None
    if not known_form:
        access.spend_verification(password, store.passwords)
        raise _refusal()
    # Counted before the password is looked at, so that a hundred guesses at once do not all find the count at
    # zero.
    _count_attempt(store, name)
    with store.read() as connection:
        row = connection.execute(sa.select(_users).where(_users.c.name == name)).first()
    if row is None:
        access.spend_verification(password, store.passwords)
    verified = row is not None and access.verify_password(password, row.password_hash)
    if row is None or not verified or row.disabled_at is not None:
        with store.write() as connection:
            _note(store, connection, name, Action.LOGIN_REFUSED, name)
        raise _refusal()
    changes: dict[str, Any] = {"last_login_at": store.now()}
    if not access.is_current(row.password_hash, store.passwords):
        changes["password_hash"] = access.hash_password(password, store.passwords)
    with store.write() as connection:
        # Only if the password is still the one that was verified: it may have been changed meanwhile.
        connection.execute(
            sa.update(_users)
            .where(_users.c.name == name, _users.c.password_hash == row.password_hash)
            .values(changes)
        )
        connection.execute(sa.delete(_failures).where(_failures.c.name == name))
        _note(store, connection, name, Action.LOGIN, name)
        return _user(_row(connection, name))


def log_in(store: Store, name: str, password: str, *, hours: float) -> Session:
    """Check name and password as `authenticate` does, and begin a session of that many hours."""
    user = authenticate(store, name, password)
    token = access.new_token()
    now = store.now()
    expires_at = now + timedelta(hours=hours)
    with store.write() as connection:
        connection.execute(sa.delete(_sessions).where(_sessions.c.expires_at <= now))
        connection.execute(
            sa.insert(_sessions).values(
                token_sha256=access.digest(token), user_name=name, created_at=now, expires_at=expires_at
            )
        )
    return Session(user=user, token=token, csrf_token=access.csrf_token(token), expires_at=expires_at)


def by_session(store: Store, token: str) -> Session:
    """Who is logged in with this token, with the role they have now.

    Raises
    ------
    NotAuthenticatedError : unknown, expired or ended, or the person is disabled.
    """
    query = (
        sa.select(_users, _sessions.c.expires_at)
        .join_from(_sessions, _users, _users.c.name == _sessions.c.user_name)
        .where(
            _sessions.c.token_sha256 == access.digest(token),
            _sessions.c.expires_at > store.now(),
            _users.c.disabled_at.is_(None),
        )
    )
    with store.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise NotAuthenticatedError("the session has ended", hint="Log in again.")
    return Session(
        user=_user(row), token=token, csrf_token=access.csrf_token(token), expires_at=row.expires_at
    )


def log_out(store: Store, token: str) -> None:
    """End a session; nothing happens if it has ended."""
    with store.write() as connection:
        ended = connection.execute(
            sa.delete(_sessions)
            .where(_sessions.c.token_sha256 == access.digest(token))
            .returning(_sessions.c.user_name)
        ).scalar()
        if ended is not None:
            _note(store, connection, ended, Action.LOGOUT, ended)


def change_password(store: Store, name: str, *, old: str, new: str) -> None:
    """Change one's own password; all sessions of the person end.

    Raises
    ------
    NotAuthenticatedError, TooManyAttemptsError : the old password is wrong.
    MetadataError : the new one is not taken.
    """
    access.check_password_rules(new, store.passwords)
    authenticate(store, name, old)
    set_password(store, name, new, by=name)


def set_password(store: Store, name: str, password: str, *, by: str) -> None:
    """Give a person a new password; all their sessions end, and a pause after wrong passwords too."""
    access.check_password_rules(password, store.passwords)
    hashed = access.hash_password(password, store.passwords)
    with store.write(Lock.PEOPLE) as connection:
        _row(connection, name)
        connection.execute(sa.update(_users).where(_users.c.name == name).values(password_hash=hashed))
        connection.execute(sa.delete(_failures).where(_failures.c.name == name))
        _end_sessions(connection, name)
        _note(store, connection, by, Action.PASSWORD_CHANGED, name)


def set_role(store: Store, name: str, role: Role, *, by: str) -> User:
    """Change what a person may do, from their next request on; ConflictError for the last administrator."""
    with store.write(Lock.PEOPLE) as connection:
        row = _row(connection, name)
        if role is not Role.ADMIN:
            _keep_an_admin(connection, row)
        connection.execute(sa.update(_users).where(_users.c.name == name).values(role=role.value))
        _note(store, connection, by, Action.USER_ROLE_CHANGED, name, old=row.role, new=role.value)
        return _user(_row(connection, name))


def disable(store: Store, name: str, *, by: str) -> User:
    """Keep a person out, at once; what they did stays. ConflictError for the last administrator."""
    with store.write(Lock.PEOPLE) as connection:
        row = _row(connection, name)
        if row.disabled_at is None:
            _keep_an_admin(connection, row)
            connection.execute(sa.update(_users).where(_users.c.name == name).values(disabled_at=store.now()))
            _note(store, connection, by, Action.USER_DISABLED, name)
        _end_sessions(connection, name)
        return _user(_row(connection, name))


def enable(store: Store, name: str, *, by: str) -> User:
    """Let a disabled person in again, with the password they had."""
    with store.write(Lock.PEOPLE) as connection:
        row = _row(connection, name)
        if row.disabled_at is not None:
            connection.execute(sa.update(_users).where(_users.c.name == name).values(disabled_at=None))
            _note(store, connection, by, Action.USER_ENABLED, name)
        return _user(_row(connection, name))


def _refusal() -> NotAuthenticatedError:
    return NotAuthenticatedError(
        "name or password is wrong", hint="Check both; an administrator can set a new password."
    )


def _count_attempt(store: Store, name: str) -> None:
    """Count an attempt as wrong until it turns out right; TooManyAttemptsError while the name pauses."""
    now = store.now()
    with store.write(Lock.PEOPLE) as connection:
        connection.execute(sa.delete(_failures).where(_failures.c.last_at < now - _FORGET_AFTER))
        row = connection.execute(sa.select(_failures).where(_failures.c.name == name)).first()
        if row is None:
            connection.execute(sa.insert(_failures).values(name=name, failures=1, last_at=now))
            return
        if row.failures >= _FREE_ATTEMPTS:
            doublings = min(row.failures - _FREE_ATTEMPTS, 16)
            pause = timedelta(seconds=min(_FIRST_PAUSE_S * 2**doublings, _LONGEST_PAUSE_S))
            left = row.last_at + pause - now
            if left > timedelta(0):
                raise TooManyAttemptsError(
                    f"{row.failures} wrong passwords in a row for this name",
                    hint="Wait and try again, or ask an administrator for a new password.",
                    retry_after_s=int(left.total_seconds()) + 1,
                )
        connection.execute(
            sa.update(_failures)
            .where(_failures.c.name == name)
            .values(failures=_failures.c.failures + 1, last_at=now)
        )


def _keep_an_admin(connection: Connection, row: Row[Any]) -> None:
    if row.role != Role.ADMIN.value or row.disabled_at is not None:
        return
    others = connection.execute(
        sa.select(sa.func.count())
        .select_from(_users)
        .where(_users.c.role == Role.ADMIN.value, _users.c.disabled_at.is_(None), _users.c.name != row.name)
    ).scalar_one()
    if others == 0:
        raise ConflictError(
            f"{row.name!r} is the last administrator", hint="Make somebody else an administrator first."
        )


def _end_sessions(connection: Connection, name: str) -> None:
    connection.execute(sa.delete(_sessions).where(_sessions.c.user_name == name))


def _note(store: Store, connection: Connection, who: str, action: Action, name: str, **details: str) -> None:
    audit.note(connection, store.now(), who=who, action=action, subject=f"user:{name}", details=details)


def _row(connection: Connection, name: str) -> Row[Any]:
    # A name of another form cannot exist, and may hold what no database can compare with.
    row = None
    if _NAME.fullmatch(name) is not None:
        row = connection.execute(sa.select(_users).where(_users.c.name == name)).first()
    if row is None:
        raise NotFoundError(f"there is no user {name!r}", hint="See the list of users, or: welt users")
    return row


def _user(row: Row[Any]) -> User:
    return User(
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        last_login_at=row.last_login_at,
    )
