"""Secrets of people and cameras: passwords, session tokens, API keys.

Passwords are chosen by people, so they are guessable: argon2id makes each guess cost memory and time. Session
tokens and API keys are 256 random bits, which no number of guesses reaches, so a plain SHA-256 protects them
as well as any slow hash would, and a camera does not pay tens of milliseconds per photo for it. Neither can
be read back from the database: what is stored is the hash alone.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
import secrets
import threading
from dataclasses import dataclass
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from inspection.errors import MetadataError, NotAuthenticatedError

__all__ = [
    "ApiKey",
    "PasswordRules",
    "Role",
    "check_password_rules",
    "csrf_token",
    "digest",
    "hash_password",
    "is_current",
    "new_api_key",
    "new_password",
    "new_token",
    "parse_api_key",
    "same_digest",
    "spend_verification",
    "verify_password",
]

_MAX_PASSWORD_LENGTH = 256  # characters; more costs hashing time and protects nothing
_KEY_ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # no l, o, 0, 1: ids are read aloud on a shop floor
_KEY_ID_LENGTH = 10  # 50 bits: ids never meet
_KEY = re.compile(rf"welt_([{_KEY_ID_ALPHABET}]{{{_KEY_ID_LENGTH}}})_([0-9a-f]{{64}})")
_SIDE_BY_SIDE = threading.BoundedSemaphore(2)
"""Hashes at one time: each takes ``memory_kib``, so a flood of logins cannot take the memory that photos
need.
"""


class Role(StrEnum):
    """What a person may do; each role includes those before it."""

    VIEWER = "viewer"
    INSPECTOR = "inspector"
    ENGINEER = "engineer"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what ``other`` may do."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class PasswordRules:
    """Cost of one password hash, and the shortest password taken.

    The default cost is the second recommendation of RFC 9106, for machines whose memory has other work to do.

    Attributes
    ----------
    time_cost : passes over the memory.
    memory_kib : memory of one hash, in KiB.
    parallelism : lanes.
    min_length : characters.
    """

    time_cost: int = 3
    memory_kib: int = 64 * 1024
    parallelism: int = 4
    min_length: int = 10


@dataclass(frozen=True)
class ApiKey:
    """A new API key: ``text`` goes to the camera, once; ``secret_sha256`` goes to the database."""

    key_id: str
    text: str
    secret_sha256: str


def _hasher(rules: PasswordRules) -> PasswordHasher:
    return PasswordHasher(
        time_cost=rules.time_cost, memory_cost=rules.memory_kib, parallelism=rules.parallelism
    )


def check_password_rules(password: str, rules: PasswordRules) -> None:
    """Raise MetadataError for a password that is too short, too long or not text."""
    if not rules.min_length <= len(password) <= _MAX_PASSWORD_LENGTH:
        raise MetadataError(
            f"the length of the password is {len(password)}",
            hint=f"Choose {rules.min_length} to {_MAX_PASSWORD_LENGTH} characters, such as a few odd words.",
        )
    if len(set(password)) < 4:
        raise MetadataError(
            "the password repeats the same few characters", hint="Choose one that mixes more characters."
        )
    try:
        password.encode()
    except UnicodeEncodeError as error:
        raise MetadataError(
            "the password holds a character that is not text", hint="Type the password instead of pasting it."
        ) from error


def hash_password(password: str, rules: PasswordRules) -> str:
    """argon2id hash with its parameters and salt, as one string."""
    with _SIDE_BY_SIDE:
        return _hasher(rules).hash(password)


def verify_password(password: str, hashed: str) -> bool:
    """Whether the password is the one that was hashed."""
    if len(password) > _MAX_PASSWORD_LENGTH:
        return False
    try:
        with _SIDE_BY_SIDE:
            return PasswordHasher().verify(hashed, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


@functools.lru_cache(maxsize=4)
def _hash_of_nobody(rules: PasswordRules) -> str:
    return hash_password(secrets.token_hex(16), rules)


def spend_verification(password: str, rules: PasswordRules) -> None:
    """Take as long as a real check, so that the time of an answer does not tell which names exist."""
    verify_password(password, _hash_of_nobody(rules))


def is_current(hashed: str, rules: PasswordRules) -> bool:
    """Whether the hash was made with these parameters; False means that the next login hashes it again."""
    return not _hasher(rules).check_needs_rehash(hashed)


def new_password() -> str:
    """A random password of 80 bits for a first login, easy to type."""
    letters = "".join(secrets.choice(_KEY_ID_ALPHABET) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def new_token() -> str:
    """A session token of 256 random bits, safe in a cookie."""
    return secrets.token_urlsafe(32)


def csrf_token(session_token: str) -> str:
    """The token that forms of this session carry.

    It follows from the session token, so it needs no storage; it says nothing about the session token back.
    """
    return hmac.new(session_token.encode(), b"welt csrf", hashlib.sha256).hexdigest()


def digest(secret: str) -> str:
    """SHA-256 of a secret of 256 random bits, in hex; never for passwords."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def same_digest(one: str, other: str) -> bool:
    """Compare two hex digests in a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


def new_api_key() -> ApiKey:
    """A key ``welt_<id>_<secret>``: the id finds its row, the secret of 256 random bits proves it."""
    key_id = "".join(secrets.choice(_KEY_ID_ALPHABET) for _ in range(_KEY_ID_LENGTH))
    secret = secrets.token_hex(32)
    return ApiKey(key_id=key_id, text=f"welt_{key_id}_{secret}", secret_sha256=digest(secret))


def parse_api_key(text: str) -> tuple[str, str]:
    """Id and SHA-256 of the secret of a key as a camera sends it; NotAuthenticatedError if it is no key."""
    match = _KEY.fullmatch(text)
    if match is None:
        raise NotAuthenticatedError(
            "the API key is not of the form welt_<id>_<secret>",
            hint="Copy the whole key as it was shown once, or create a new one for this station.",
        )
    return match[1], digest(match[2])
