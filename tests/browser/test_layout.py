"""No text is cut or runs out of its box, on no page, in neither language, on a tablet, a desk or a wall."""

from __future__ import annotations

import os
from pathlib import Path

import httpx2 as httpx
import pytest

from inspection.web.deps import CSRF_HEADER, SESSION_COOKIE
from tests.browser.conftest import Line, Open, Watch
from tests.factories import Spot

HOLE = Spot(at_mm=(20, 20), length_mm=6, width_mm=3)
STAIN = Spot(at_mm=(45, 30), length_mm=4, width_mm=2, kind="stain")
WIDTHS_PX = (1024, 1280, 1920)
RUNS_OUT = """() => {
  const view = document.documentElement.clientWidth;
  const scrolls = (element) => {
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(at).overflowX)) return true;
    }
    return false;
  };
  const box = (element) => {
    let at = element;
    while (/^(inline|contents)$/.test(getComputedStyle(at).display)) at = at.parentElement;
    return at;
  };
  const faults = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, element = text.parentElement;
    if (!text.data.trim() || !element.checkVisibility()) continue;
    if (element.closest(".visually-hidden, svg, .skip, script, style, option, textarea")) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    const inner = range.getBoundingClientRect();
    if (!inner.width) continue;
    const told = `${element.tagName}.${element.className} ${text.data.trim().slice(0, 60)}`;
    if (scrolls(element)) continue;
    for (let at = box(element); at && at !== document.body; at = at.parentElement) {
      const outer = at.getBoundingClientRect();
      if (inner.right > outer.right + 1 || inner.left < outer.left - 1) {
        faults.push(`out of its ${at.tagName}.${at.className}: ${told}`);
        break;
      }
    }
    if (inner.right > view + 1 || inner.left < -1) faults.push(`beyond the screen: ${told}`);
  }
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    if (style.overflowX !== "hidden" || element.closest(".visually-hidden, .viewer, svg")) continue;
    if (element.scrollWidth > element.clientWidth + 1) {
      faults.push(`cut: ${element.tagName}.${element.className}`);
    }
    if (style.overflowY === "hidden" && element.scrollHeight > element.clientHeight + 1) {
      faults.push(`cut below: ${element.tagName}.${element.className}`);
    }
  }
  for (const element of document.querySelectorAll(".scroll")) {
    if (view >= 1280 && element.scrollWidth > element.clientWidth + 1) {
      faults.push(`a table has to be scrolled: ${element.textContent.trim().slice(0, 60)}`);
    }
  }
  if (document.documentElement.scrollWidth > view) faults.push("the page scrolls sideways");
  return [...new Set(faults)];
}"""
"""Texts wider than the box they stand in, wider than the screen, or cut by a box that hides the rest."""


@pytest.fixture(scope="module")
def paths(line: Line, sessions: dict[str, str]) -> list[str]:
    """Every page with something on it."""
    result_id = line.post(
        HOLE,
        STAIN,
        part_id="P-2026-11-0042",
        pair_id="PAIR-0042",
        foot="left",
        lot_id="LOT-2026-48",
        style="oxford-41",
    )
    line.post(
        part_id="P-2026-11-0043", pair_id="PAIR-0042", foot="right", lot_id="LOT-2026-48", style="oxford-41"
    )
    line.post(
        STAIN, view="toe", part_id="P-2026-11-0042", pair_id="PAIR-0042", foot="left", style="oxford-41"
    )
    with httpx.Client(base_url=line.url, trust_env=False, timeout=30) as client:
        client.cookies.set(SESSION_COOKIE, sessions["ana"])
        page = client.get("/results", headers={"Accept": "text/html"}).text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        opened = client.post(
            "/api/v1/lots",
            headers={CSRF_HEADER: token},
            json={"lot_id": "LOT-2026-48", "product": "oxford", "line": "line 1", "size": 500},
        )
        assert opened.status_code == 201, opened.text
        lot = opened.json()["number"]
    return [
        "/results",
        f"/results/{result_id}",
        "/results?screen=floor",
        "/results?station=nowhere",
        "/shoe?part_id=P-2026-11-0042",
        "/pair?pair_id=PAIR-0042",
        "/lots",
        f"/lots/{lot}",
        "/statistics",
        "/recipes",
        "/recipes/editor",
        "/standards",
        "/standards/general",
        "/teach",
        "/teach/default/side",
        "/model",
        "/calibration",
        "/stations",
        "/users",
        "/password",
        "/nothing-here",
    ]


@pytest.mark.parametrize(("language", "zone"), [("en-GB", "UTC"), ("zh-CN", "Asia/Shanghai")])
def test_every_text_fits_its_place(
    open_page: Open, line: Line, paths: list[str], watch: Watch, language: str, zone: str
) -> None:
    watch.allowed.append("404")  # the page that is not there
    page = open_page("ana", language=language, zone=zone)
    pictures = os.environ.get("WELT_TEST_PICTURES")
    faults = []
    for path in paths:
        page.goto(f"{line.url}{path}")
        for width in WIDTHS_PX:
            page.set_viewport_size({"width": width, "height": 800})
            faults += [f"{path} at {width} px: {fault}" for fault in page.evaluate(RUNS_OUT)]
            if pictures:
                name = path.strip("/").replace("/", "_").replace("?", "_")
                page.screenshot(
                    path=Path(pictures) / f"{name}.{language}.{width}.png", full_page=width == 1280
                )
    assert faults == []
