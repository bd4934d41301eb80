"""docs/pages.md tells of every page and every key."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi.routing import APIRoute

from inspection.web import pages

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "pages.md").read_text(encoding="utf-8")
PARTS = {"/", "/status", "/results/rows", "/teach/{recipe}/{view}/state"}
"""Addresses that no person opens: parts of pages, and the way to the first one."""


def test_every_page_is_documented() -> None:
    paths = {
        route.path
        for router in pages.routers()
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
    }
    assert "/results" in paths
    for path in paths - PARTS:
        assert f"`{path}`" in DOCS, path


def test_every_key_is_documented() -> None:
    script = (Path(pages.__file__).parent / "static" / "viewer.js").read_text(encoding="utf-8")
    block = script.partition("const keys = {")[2].partition("\n  };")[0]
    keys = set(re.findall(r'(?:^|[,{]\s*|\n\s*)"?([a-zA-Z]|\d|[?+=-]|Arrow\w+|Escape)"?:', block))
    names = {"ArrowRight": "→", "ArrowLeft": "←", "Escape": "Esc", "=": "+"}
    assert {"j", "k", "a", "1", "4", "o", "h", "?"} <= keys
    for key in keys:
        assert f"`{names.get(key, key)}`" in DOCS, key
