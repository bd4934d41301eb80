"""What the pages of stations, keys and people show."""

from __future__ import annotations

from dataclasses import dataclass

from inspection.web.contexts.frame import Moment, Notice

__all__ = [
    "ShownKey",
    "ShownPassword",
    "ShownSecret",
    "ShownStation",
    "ShownUser",
    "StationsContext",
    "UsersContext",
]


@dataclass(frozen=True)
class ShownKey:
    """An API key without its secret."""

    id: str
    note: str
    created_at: Moment
    created_by: str
    last_used_at: Moment | None
    revoked_at: Moment | None
    revoke_url: str


@dataclass(frozen=True)
class ShownStation:
    """A station with its keys."""

    name: str
    description: str
    disabled: bool
    key_url: str
    keys: tuple[ShownKey, ...]


@dataclass(frozen=True)
class ShownSecret:
    """A key that was just made: shown this once. ``example`` is a command that uses it."""

    station: str
    text: str
    example: str


@dataclass(frozen=True)
class StationsContext:
    """stations.html."""

    stations: tuple[ShownStation, ...]
    notice: Notice | None = None
    new_key: ShownSecret | None = None
    draft_name: str = ""
    draft_description: str = ""


@dataclass(frozen=True)
class ShownUser:
    """A person in the table; ``itself`` is the one who looks at it, who cannot lock themselves out."""

    name: str
    role: str
    disabled: bool
    itself: bool
    last_login_at: Moment | None
    role_url: str
    state_url: str
    password_url: str


@dataclass(frozen=True)
class ShownPassword:
    """A new password of somebody: shown this once."""

    name: str
    text: str


@dataclass(frozen=True)
class UsersContext:
    """users.html."""

    users: tuple[ShownUser, ...]
    roles: tuple[str, ...]
    notice: Notice | None = None
    new_password: ShownPassword | None = None
    draft_name: str = ""
