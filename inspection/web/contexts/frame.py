"""What surrounds every page, and what many pages show: times, facts, notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from inspection.access import Role
from inspection.web.i18n import Language

__all__ = ["URLS", "Fact", "Frame", "Moment", "Notice", "Person", "Place", "Service", "Today", "Zone"]


@dataclass(frozen=True)
class Moment:
    """A time as it is shown.

    Attributes
    ----------
    iso : UTC, for the ``datetime`` attribute.
    text : in the viewer's zone; says UTC when the zone is not known yet.
    """

    iso: str
    text: str


@dataclass(frozen=True)
class Zone:
    """The viewer's time zone.

    Attributes
    ----------
    name : IANA name, or UTC when the browser has not told yet or told one that this machine does not know.
    """

    name: str
    info: ZoneInfo | None

    @classmethod
    def named(cls, name: str | None) -> Zone:
        """Zone of a cookie's value, which anyone may have written."""
        if not name or len(name) > 64:
            return cls("UTC", None)
        try:
            return cls(name, ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return cls("UTC", None)

    def show(self, at: datetime) -> Moment:
        """A time as it is shown to this viewer."""
        utc = at.astimezone(UTC)
        iso = utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self.info is None:
            return Moment(iso, f"{utc:%Y-%m-%d %H:%M:%S} UTC")
        return Moment(iso, f"{utc.astimezone(self.info):%Y-%m-%d %H:%M:%S}")

    def read(self, text: str) -> datetime:
        """Time of a ``datetime-local`` field; ValueError when it is none."""
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.info or UTC)
        return moment.astimezone(UTC)

    def day_of(self, at: datetime) -> datetime:
        """Midnight, in this zone, that began the day of ``at``; aware, UTC."""
        here = at.astimezone(self.info or UTC)
        return here.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


@dataclass(frozen=True)
class Fact:
    """A name with its value, both as shown; ``url`` is where the value leads."""

    name: str
    value: str
    url: str | None = None


@dataclass(frozen=True)
class Person:
    """Who is logged in."""

    name: str
    role: Role

    @property
    def may_review(self) -> bool:
        """Whether the review form is shown."""
        return self.role.includes(Role.INSPECTOR)

    @property
    def may_teach(self) -> bool:
        """Whether good photos may be taught."""
        return self.role.includes(Role.ENGINEER)

    @property
    def may_manage(self) -> bool:
        """Whether stations, keys and people are shown."""
        return self.role.includes(Role.ADMIN)


@dataclass(frozen=True)
class Place:
    """An entry of the menu; ``id`` names its text."""

    id: str
    url: str
    current: bool


@dataclass(frozen=True)
class Today:
    """Counts since midnight in the viewer's zone, by the verdict of the line."""

    inspected: int
    by_grade: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Service:
    """Whether photos can be inspected now, and if not, why."""

    ready: bool
    reasons: tuple[str, ...]


URLS: Mapping[str, str] = {
    "results": "/results",
    "status": "/status",
    "events": "/api/v1/events",
    "lots": "/lots",
    "statistics": "/statistics",
    "teach": "/teach",
    "model": "/model",
    "standards": "/standards",
    "recipes": "/recipes",
    "calibration": "/calibration",
    "stations": "/stations",
    "users": "/users",
    "login": "/login",
    "logout": "/logout",
    "language": "/language",
    "password": "/password",
}


@dataclass(frozen=True)
class Frame:
    """What surrounds every page.

    Attributes
    ----------
    csrf_token : for every form of the page.
    person : None when nobody is logged in.
    here : path and query of the page, to come back to after a change of language.
    zone : name of the viewer's time zone.
    today, service : None where they are not shown.
    static_version : changes with the static files, so that browsers keep them for long and still see changes.
    """

    language: Language
    other_languages: tuple[Language, ...]
    csrf_token: str
    person: Person | None
    places: tuple[Place, ...]
    here: str
    zone: str
    today: Today | None
    service: Service | None
    static_version: str
    urls: Mapping[str, str] = field(default_factory=lambda: URLS)

    def static(self, name: str) -> str:
        """Address of a static file."""
        return f"/static/{name}?v={self.static_version}"


@dataclass(frozen=True)
class Notice:
    """A message above a form; ``look`` is good, warn or bad."""

    look: str
    text: str
