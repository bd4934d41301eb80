"""What the pages of logging in and of problems show."""

from __future__ import annotations

from dataclasses import dataclass

from inspection.web.contexts.frame import Notice

__all__ = ["LoginContext", "PasswordContext", "ProblemContext"]


@dataclass(frozen=True)
class LoginContext:
    """login.html: ``next`` is where to go afterwards, ``problem`` why the last attempt failed."""

    name: str
    next: str
    problem: str | None


@dataclass(frozen=True)
class PasswordContext:
    """password.html: ``notice`` says why the last attempt failed."""

    notice: Notice | None


@dataclass(frozen=True)
class ProblemContext:
    """problem.html: an error, for people.

    Attributes
    ----------
    detail : what happened, with the value that caused it.
    hint : what to do: that of the error, else that of its kind.
    detail_is_english, hint_is_english : whether they could not be told in another language.
    offer_login : whether logging in may help.
    """

    status: int
    title: str
    detail: str
    detail_is_english: bool
    hint: str
    hint_is_english: bool
    offer_login: bool
