"""constraints.txt pins every package that welt and its extras bring, to versions that fit each other."""

from __future__ import annotations

import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import licences

ROOT = Path(__file__).resolve().parent.parent
PINS = {
    canonicalize_name(pin.name): next(iter(pin.specifier)).version
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
    for pin in [Requirement(line)]
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = sorted(PROJECT["optional-dependencies"])


def wanted(extra: str) -> list[tuple[str, Requirement]]:
    """Who needs what: the extra itself, and every package that comes with it."""
    own = [("welt", Requirement(line)) for line in PROJECT["dependencies"]]
    own += [(f"welt[{extra}]", Requirement(line)) for line in PROJECT["optional-dependencies"][extra]]
    deeper = [
        (name, need)
        for name in licences.closure(extra)
        for line in distribution(name).requires or []
        for need in [Requirement(line)]
        if need.marker is None or need.marker.evaluate({"extra": ""})
    ]
    return own + deeper


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_can_be_installed_with_the_pinned_versions(extra: str) -> None:
    needs = wanted(extra)
    assert len(needs) > len(PROJECT["dependencies"])
    assert [f"{who} needs {need}" for who, need in needs if canonicalize_name(need.name) not in PINS] == []
    clashes = [
        f"{who} needs {need}, pinned is {PINS[canonicalize_name(need.name)]}"
        for who, need in needs
        if not need.specifier.contains(PINS[canonicalize_name(need.name)], prereleases=True)
    ]
    assert clashes == []
