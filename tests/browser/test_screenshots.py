"""Takes the pictures of README and docs from the real service, the shipped model and the sample photos.

Left out unless asked for with ``--write-screenshots``: pictures differ in a few pixels between machines.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from inspection import camera
from inspection.camera import Camera, Mode
from tests.browser.conftest import Line, Open, Watch, prepare
from tests.running import ROOT, serving

IMAGES = ROOT / "docs" / "images"
SAMPLE = ROOT / "datasets" / "sample"
MODELS = ROOT / "models"
SIZE = (1366, 768)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """The service as it ships, after the virtual camera has gone through the sample photos."""
    data_dir = tmp_path_factory.mktemp("screenshots") / "data"
    key = prepare(data_dir, MODELS, station="line-1")
    with serving(data_dir, MODELS) as running:
        sent = camera.run(
            Camera(folder=SAMPLE, url=running.url, key=key, settle_s=0),
            mode=Mode.REPLAY,
            stop=threading.Event(),
            tell=lambda notice: None,
        )
        assert sent.refused == 0
        yield Line(running, key, data_dir)


def take(page: Page, name: str) -> None:
    """Write the picture of what the window shows."""
    page.evaluate("document.fonts.ready")
    IMAGES.mkdir(parents=True, exist_ok=True)
    taken = page.screenshot(path=IMAGES / name, animations="disabled")
    assert taken.startswith(b"\x89PNG")


def with_defects(page: Page) -> str:
    """Path of the newest result that was rejected for its defects."""
    row = page.locator(".row:has(.chip)").filter(has=page.locator(".grade-C")).first
    path = row.locator("a.open").get_attribute("href")
    assert path is not None
    return path


def test_the_pictures_of_the_readme_are_taken(demo: Line, open_page: Open, watch: Watch) -> None:
    watch.home = demo.url
    page = open_page("ana", "/results?grade=A&grade=B&grade=C", url=demo.url, size=SIZE)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.row img')].slice(0, 6).every((image) => image.complete)"
    )
    take(page, "results.png")
    page.goto(f"{demo.url}{with_defects(page)}")
    page.wait_for_selector("[data-viewer][data-ready]")
    page.wait_for_timeout(800)  # for the photo to come to rest
    take(page, "result.png")
