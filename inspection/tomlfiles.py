"""Reads TOML files into checked values, naming file, key and remedy when one cannot be used."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from inspection.errors import ConfigurationError, FileFaultsError

__all__ = ["message_of", "own_faults", "read_folders", "read_toml"]

Checked = TypeVar("Checked", bound=BaseModel)
Fault = TypeVar("Fault", bound=Mapping[str, Any])
_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")
"""A choice as pydantic tells it where only some members of an enum are allowed."""


def read_toml(path: Path, model: type[Checked]) -> Checked:
    """Read and check one file.

    Raises
    ------
    ConfigurationError : cannot be read, or is not TOML.
    FileFaultsError : says something that ``model`` does not allow, each fault told by itself.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}.", hint="Check that the file exists, is UTF-8 and may be read."
        ) from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{path} is not valid TOML: {error}.", hint="Correct the line that the message names."
        ) from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise FileFaultsError(
            [
                (f"{path}: {_told(fault, content)}", _hint(fault, model))
                for fault in own_faults(error.errors())
            ]
        ) from error


def read_folders(folders: Iterable[Path], model: type[Checked]) -> dict[Path, Checked]:
    """Read every ``*.toml`` of the folders, in order of folder and name."""
    checked: dict[Path, Checked] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ConfigurationError(
                f"{folder} is not a folder.", hint="Make it, or correct the setting that names it."
            )
        for path in sorted(folder.glob("*.toml")):
            checked[path] = read_toml(path, model)
    return checked


def own_faults(faults: Sequence[Fault]) -> list[Fault]:
    """Faults as pydantic lists them; a list is not told to be too short where its entries are refused.

    Parameters
    ----------
    faults : with ``type`` and ``loc``, the keys and places that lead to each.
    """
    blamed = {fault["loc"][:length] for fault in faults for length in range(len(fault["loc"]))}
    return [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in blamed]


def message_of(fault: Mapping[str, Any]) -> str:
    """What pydantic says of a fault, in the words of those who write the value."""
    return _MEMBER.sub(r"\1", str(fault["msg"]).removeprefix("Value error, "))


def _told(fault: Mapping[str, Any], content: Mapping[str, object]) -> str:
    """A fault with its key; a list entry is also named by its own id or name."""
    key = _key(fault["loc"], content)
    return f"{key}: {message_of(fault)}" if key else message_of(fault)


def _key(location: tuple[int | str, ...], content: Mapping[str, object]) -> str:
    key, here = "", content  # type: str, object
    for step in location:
        if isinstance(step, int):
            here = here[step] if isinstance(here, list) and step < len(here) else None
            name = (here.get("id") or here.get("name")) if isinstance(here, dict) else None
            key += f"[{name or step}]"
        else:
            here = here.get(step) if isinstance(here, dict) else None
            key += f".{step}" if key else str(step)
    return key


def _hint(fault: Mapping[str, Any], model: type[BaseModel]) -> str:
    if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
        return f"Remove or correct the key; known keys are: {', '.join(sorted(model.model_fields))}."
    if fault["type"] == "extra_forbidden":
        return "Remove or correct the key; the files that ship show every key in use."
    if fault["type"] == "missing":
        return "Add the missing key; the files that ship show every key in use."
    return "Correct the value that the message names; the files that ship show every key in use."
