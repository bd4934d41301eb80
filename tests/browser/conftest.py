"""One service and one browser for all tests of the pages; says aloud when no Chromium could be had.

Every page that a test opens is watched: a request to anywhere but the service, an error in the console or a
breach of the security policy fails the test that caused it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from inspection.access import Role
from inspection.settings import Settings
from inspection.store import open_store, people
from inspection.web.deps import SESSION_COOKIE
from tests import factories
from tests.factories import Spot
from tests.running import ROOT, Running, make_key, serving

PASSWORD = "correct horse battery"
PEOPLE = {"ana": Role.ADMIN, "ines": Role.INSPECTOR, "ivo": Role.INSPECTOR, "vera": Role.VIEWER}
WAIT_MS = 15_000
"""Longest wait for something to show up; machines under load are slow, and nothing here measures time."""

_why_no_chromium = pytest.StashKey[str]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, so that they can be left out; leave out screenshots nobody asked for."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
    if not config.getoption("--write-screenshots"):
        unasked = [item for item in items if item.path.name == "test_screenshots.py"]
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in unasked]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Print, after everything else, that the pages were not tested."""
    yield
    why = terminalreporter.config.stash.get(_why_no_chromium, None)
    if why is not None:
        terminalreporter.write_sep("!", "PAGES NOT TESTED IN A BROWSER", red=True, bold=True)
        terminalreporter.write_line(why, red=True)


def find_chromium() -> str:
    """Path of a Chromium: the one that the test command found, else found or installed by the same script."""
    given = os.environ.get("WELT_TEST_CHROMIUM")
    if given:
        return given
    script = [str(ROOT / "scripts" / "browser.sh"), str(Path(sys.executable).parent)]
    found = subprocess.run(script, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise FileNotFoundError(found.stderr.strip().splitlines()[-1])
    return found.stdout.strip()


# Of the package, not of the session: Playwright keeps an event loop in this thread while it runs, and later
# tests want one of their own.
@pytest.fixture(scope="package")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A Chromium that can reach nothing but this machine."""
    try:
        chromium = find_chromium()
    except FileNotFoundError as error:
        request.config.stash[_why_no_chromium] = str(error)
        pytest.skip(f"no Chromium: {error}")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",  # tests run as root in containers
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
            ],
        )
        yield launched
        launched.close()


@dataclass
class Line:
    """A running service with a camera.

    Attributes
    ----------
    data_dir : of the service, to be started again on it.
    """

    running: Running
    key: str
    data_dir: Path
    seeds: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    @property
    def url(self) -> str:
        """Address of the service."""
        return self.running.url

    def post(
        self, *spots: Spot, photo: bytes | None = None, media_type: str = "image/jpeg", **meta: str
    ) -> str:
        """Post a photo of leather with these defects as the camera does, and give its result's id."""
        body = photo if photo is not None else factories.make_jpeg(spots, seed=next(self.seeds))
        query = {"mm_per_px": "0.1", **meta}
        answer = httpx.post(
            f"{self.url}/api/v1/inspections",
            params=query,
            content=body,
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": media_type},
            timeout=30,
            trust_env=False,
        )
        assert answer.status_code == 201, answer.text
        result_id: str = answer.json()["result_id"]
        return result_id


def log_in(url: str, name: str) -> str:
    """Token of a new session of that person."""
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        form = client.get("/login", headers={"Accept": "text/html"}).text
        token = form.partition('name="csrf_token" value="')[2].partition('"')[0]
        client.post("/login", data={"csrf_token": token, "name": name, "password": PASSWORD})
        return client.cookies[SESSION_COOKIE]


def prepare(data_dir: Path, models_dir: Path, *, station: str) -> str:
    """Add the people and a station to a fresh database, and give a key of the station."""
    key = make_key(data_dir, models_dir, station=station)
    with closing(open_store(Settings(data_dir=data_dir, models_dir=models_dir).database)) as store:
        for name, role in PEOPLE.items():
            people.add(store, name, PASSWORD, role, by="tests")
    return key


@pytest.fixture(scope="package")
def line(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Line]:
    """The real service in a process of its own, on a fresh database, with the dark-spot model."""
    data_dir = tmp_path_factory.mktemp("pages") / "data"
    key = prepare(data_dir, models_dir, station="line-1")
    with serving(data_dir, models_dir) as running:
        yield Line(running, key, data_dir)


@dataclass
class Watch:
    """What a browser context did that it must not do.

    Attributes
    ----------
    allowed : parts of console messages that the test itself causes.
    """

    home: str
    allowed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        """Note every request to elsewhere and every error."""
        context.on("request", lambda request: self._check_address(request.url))
        context.on("console", lambda message: self._note(message.type, message.text))
        context.on("weberror", lambda error: self.faults.append(f"uncaught: {error.error}"))

    def _check_address(self, url: str) -> None:
        if not url.startswith((f"{self.home}/", "data:", "blob:")):
            self.faults.append(f"request to {url}")

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.allowed):
            self.faults.append(f"{kind} in the console: {text}")


Open = Callable[..., Page]


@pytest.fixture(scope="package")
def sessions(line: Line) -> dict[str, str]:
    """Session tokens by person: one login each, since every login spends half a second on its password."""
    return {name: log_in(line.url, name) for name in PEOPLE}


@pytest.fixture
def watch(line: Line) -> Watch:
    """What the pages of this test did; checked at its end."""
    return Watch(line.url)


@pytest.fixture
def open_page(browser: Browser, line: Line, watch: Watch, sessions: dict[str, str]) -> Iterator[Open]:
    """Opens a page, of nobody or of somebody who is logged in; each call is a browser context of its own."""
    contexts: list[BrowserContext] = []

    def opened(
        name: str | None = "ines",
        path: str = "/results",
        *,
        size: tuple[int, int] = (1366, 768),
        language: str = "en-GB",
        zone: str = "Asia/Shanghai",
        url: str = line.url,
        **options: Any,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=language,
            timezone_id=zone,
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        watch.follow(context)
        if name is not None:
            token = sessions[name] if url == line.url else log_in(url, name)
            context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": url}])
        page = context.new_page()
        page.goto(f"{url}{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert watch.faults == []
