"""Everything that is installed or shipped may be used and passed on freely."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from scripts import licences

ROOT = Path(__file__).resolve().parent.parent
VENDORED = ROOT / "inspection" / "web" / "static" / "vendor"


def test_no_package_has_a_licence_that_is_not_accepted() -> None:
    assert [package.fault for package in licences.packages() if package.fault] == []


def test_the_service_has_only_permissive_packages() -> None:
    service = [package for package in licences.packages() if package.part in ("service", "postgres", "s3")]
    assert len(service) > 20
    assert [package.name for package in service if not licences.is_permissive(package.licence)] == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("(MIT OR GPL-3.0-only)", True),
        ("BSD-3-Clause AND MIT", True),
        ("MIT AND LGPL-2.1-or-later", False),
        ("AGPL-3.0-only", False),
        ("GPL-2.0-only", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_a_licence_expression_is_permissive_when_one_choice_is_so_throughout(
    expression: str, expected: bool
) -> None:
    assert licences.is_permissive(expression) is expected


@pytest.mark.parametrize(
    ("name", "licence", "part"),
    [
        ("ultralytics", "AGPL-3.0", "train"),
        ("psycopg", "LGPL-3.0-only", "postgres"),
        ("certifi", "MPL-2.0", "service"),
        ("nvidia-cublas", "LicenseRef-NVIDIA-Proprietary", "service"),
        ("hypothesis", "MPL-2.0", "train"),
        ("tqdm", "MPL-2.0 AND GPL-3.0-only", "train"),
    ],
)
def test_a_package_outside_its_accepted_part_is_refused(name: str, licence: str, part: str) -> None:
    assert licences.judge(name, licence, part).fault


def test_the_page_lists_every_package_with_its_licence() -> None:
    page = licences.PAGE.read_text(encoding="utf-8")
    missing = [p.name for p in licences.packages() if f"| {p.name} | {p.licence} | {p.part} |" not in page]
    assert missing == [], "run: python scripts/licences.py --write"


def test_every_vendored_script_has_its_licence_beside_it() -> None:
    assert VENDORED.is_dir()
    folders = [path for path in VENDORED.iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        texts = [path.read_text(encoding="utf-8") for path in folder.glob("LICENSE*")]
        assert texts, f"{folder} has no LICENSE file"
        assert not re.search(r"GNU (AFFERO|LESSER)? ?GENERAL PUBLIC", " ".join(texts), re.IGNORECASE), folder
    loose = [path.name for path in VENDORED.iterdir() if path.suffix in {".js", ".css"}]
    assert loose == [], "a vendored file needs a folder with its licence"


def test_the_project_is_apache_2_and_says_so_in_both_places() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_pinned_versions_name_no_host_and_no_file() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin)] == []


def test_every_package_that_the_project_names_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(line.split("==")[0]) for line in lines if "==" in line}
    assert {package.name for package in licences.packages()} - pinned == set(), "run: make lock"
