"""Says in a few lines what a test run left out, and why: python scripts/skipped.py REPORT.xml"""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def reasons(report: Path) -> Counter[str]:
    """How many tests were skipped for each reason, from pytest's JUnit report."""
    counted: Counter[str] = Counter()
    for skipped in ElementTree.parse(report).iter("skipped"):
        said = skipped.get("message") or "no reason given"
        counted[re.sub(r"\s+", " ", said).removeprefix("Skipped: ")] += 1
    return counted


def main() -> int:
    """Print one line a reason; nothing when every test ran."""
    report = Path(sys.argv[1])
    if not report.is_file():
        print("!! the tests left no report")
        return 1
    for reason, count in reasons(report).most_common():
        print(f"!! COULD NOT RUN HERE: {count} test{'s' if count > 1 else ''}: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
