"""Pages in a real browser, on the real service: live rows, filters, the viewer, reviews, languages."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests import factories
from tests.browser.conftest import WAIT_MS, Line, Open, Watch, prepare
from tests.factories import Spot
from tests.running import free_port, serving

HOLE = Spot(at_mm=(20, 20), length_mm=6, width_mm=3)
STAIN = Spot(at_mm=(45, 30), length_mm=4, width_mm=2, kind="stain")

expect.set_options(timeout=WAIT_MS)


def row(page: Page, result_id: str) -> str:
    """Selector of a result's row; waits until the list is live."""
    expect(page.locator("[data-live-state]")).to_have_attribute("data-state", re.compile("on|paused"))
    return f'[data-live] > [data-id="{result_id}"]'


def mark(page: Page) -> None:
    """Leave a mark in the page that a reload would wipe away."""
    page.evaluate("window.notReloaded = true")


def assert_not_reloaded(page: Page) -> None:
    """Whether the mark is still there."""
    assert page.evaluate("window.notReloaded") is True


def open_result(open_page: Open, result_id: str, name: str = "ines", query: str = "") -> Page:
    """Open a result and wait for its photo."""
    page = open_page(name, f"/results/{result_id}{query}")
    page.wait_for_selector("[data-viewer][data-ready]")
    return page


def test_a_person_logs_in_and_out(open_page: Open, watch: Watch) -> None:
    watch.allowed.append("401 (Unauthorized)")
    page = open_page(None, "/results")
    page.fill("[name=name]", "ines")
    page.fill("[name=password]", "not the password")
    page.click("main button.primary")
    expect(page.get_by_role("alert")).to_contain_text("Name or password is wrong")
    page.fill("[name=password]", "correct horse battery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Results", exact=True)).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_posted_photo_shows_up_without_a_reload(open_page: Open, line: Line) -> None:
    line.post()
    page = open_page()
    row(page, "")
    mark(page)
    today = int(page.locator(".status .count b").first.inner_text())
    result_id = line.post(HOLE, part_id="P-live", style="Derby")
    new = page.locator(row(page, result_id))
    expect(new).to_be_visible()
    expect(new).to_contain_text("hole")
    expect(new).to_contain_text("P-live")
    expect(new.get_by_role("img", name="Grade C: reject")).to_be_visible()
    assert page.locator("[data-live] > li").first.get_attribute("data-id") == result_id
    thumbnail = new.locator("img")
    page.wait_for_function(
        "image => image.complete && image.naturalWidth > 0", arg=thumbnail.element_handle()
    )
    expect(page.locator(".status .count b").first).to_have_text(str(today + 1))
    assert_not_reloaded(page)


def test_a_list_that_is_being_read_does_not_move(open_page: Open, line: Line) -> None:
    for _ in range(12):
        line.post()
    page = open_page()
    row(page, "")
    page.mouse.wheel(0, 900)
    page.wait_for_function("window.scrollY > 200")
    result_id = line.post(HOLE)
    offer = page.get_by_role("button", name="1 new – show")
    expect(offer).to_be_visible()
    expect(page.locator(row(page, result_id))).to_have_count(0)
    expect(page.locator("[data-live-state]")).to_have_text("Live, paused")
    offer.click()
    expect(page.locator(row(page, result_id))).to_be_in_viewport()
    expect(page.locator("[data-live-state]")).to_have_text("Live")


def test_filters_keep_other_results_away_also_the_new_ones(open_page: Open, line: Line) -> None:
    line.post(lot_id="L-f")
    bad = line.post(HOLE, lot_id="L-f")
    page = open_page()
    row(page, "")
    mark(page)
    page.get_by_text("C – reject").click()
    page.wait_for_url("**/results?grade=C")
    page.locator(".filter-line summary").click()
    page.get_by_label("Lot").fill("L-f")
    page.wait_for_url("**/results?grade=C&lot=L-f")
    expect(page.locator("[data-live] > li")).to_have_count(1)
    expect(page.locator(row(page, bad))).to_be_visible()
    line.post(lot_id="L-f")
    line.post(HOLE, lot_id="other")
    fits = line.post(HOLE, lot_id="L-f")
    expect(page.locator(row(page, fits))).to_be_visible()
    expect(page.locator("[data-live] > li")).to_have_count(2)
    expect(page.locator("#filter-state")).to_have_text("filters: 2")
    assert_not_reloaded(page)
    page.locator(row(page, fits)).click()
    page.wait_for_url(f"**/results/{fits}?grade=C&lot=L-f")
    page.keyboard.press("j")
    page.wait_for_url(f"**/results/{bad}?grade=C&lot=L-f")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/results/{fits}?grade=C&lot=L-f")


def test_a_lost_connection_is_said_and_nothing_is_missed(
    open_page: Open, watch: Watch, models_dir: Path, tmp_path: Path
) -> None:
    port = free_port()
    watch.home = f"http://127.0.0.1:{port}"
    watch.allowed += ["net::ERR_", "htmx:", "503 (Service Unavailable)"]
    data_dir = tmp_path / "data"
    key = prepare(data_dir, models_dir, station="line-1")
    with serving(data_dir, models_dir, port=port) as running:
        page = open_page(url=running.url)
        row(page, "")
        mark(page)
        running.stop()
    expect(page.locator("[data-live-state]")).to_have_text("Connection lost – reconnecting…")
    with serving(data_dir, models_dir, port=port) as running:
        result_id = Line(running, key, data_dir).post(HOLE)
        expect(page.locator(row(page, result_id))).to_be_visible()
        expect(page.locator("[data-live-state]")).to_have_text("Live")
        assert_not_reloaded(page)
        page.context.close()


def test_outlines_and_heat_go_on_and_off(open_page: Open, line: Line) -> None:
    page = open_result(open_page, line.post(HOLE, STAIN))
    outlines, heat = page.locator("#outlines"), page.locator("#heat")
    expect(outlines).to_be_visible()
    expect(outlines.locator("g")).to_have_count(2)
    expect(heat).to_be_hidden()
    page.keyboard.press("o")
    expect(outlines).to_be_hidden()
    page.get_by_role("button", name="Outlines").click()
    expect(outlines).to_be_visible()
    page.keyboard.press("h")
    expect(heat).to_be_visible()
    # In the hole the map says 1, which is red, and on sound leather 0, which is clear.
    colour = "([x, y]) => [...document.getElementById('heat').getContext('2d').getImageData(x, y, 1, 1).data]"
    page.wait_for_function("() => document.getElementById('heat').width === 320")
    page.wait_for_function(f"() => ({colour})([100, 100])[3] > 100")
    red, green, blue, alpha = page.evaluate(colour, [100, 100])
    assert (red, green, blue) == pytest.approx((200, 0, 0), abs=12)
    assert alpha == pytest.approx(166, abs=3)
    assert page.evaluate(colour, [20, 20])[3] < 10
    page.keyboard.press("h")
    expect(heat).to_be_hidden()


def test_outlines_lie_on_the_defects_at_every_zoom(open_page: Open, line: Line) -> None:
    page = open_result(open_page, line.post(HOLE))
    # The hole is 60 x 30 px around (200, 200) of 640 x 480.
    place = "element => element.getBoundingClientRect().toJSON()"
    for zoomed in (False, True):
        if zoomed:
            page.get_by_role("button", name="Zoom in").click()
            page.wait_for_timeout(600)
        whole = page.locator("#outlines").evaluate(place)
        found = page.locator("#outlines .line").evaluate(place)
        scale = whole["width"] / 640
        assert (found["x"] + found["width"] / 2 - whole["x"]) / scale == pytest.approx(200, abs=2)
        assert (found["y"] + found["height"] / 2 - whole["y"]) / scale == pytest.approx(200, abs=2)
        assert found["width"] / scale == pytest.approx(60, abs=5)


def turned_jpeg(*spots: Spot) -> bytes:
    """A photo that a camera took upright and stored lying, as its EXIF orientation says."""
    lying = np.rot90(factories.make_rgb(spots, width_px=480, height_px=640)).copy()
    directory = b"MM\0*\0\0\0\x08" + b"\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0" + b"\0\0\0\0"
    body = b"Exif\0\0" + directory
    jpeg = factories.encode_jpeg(lying)
    return jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]


def tiff(*spots: Spot) -> bytes:
    """A photo of a kind that browsers cannot show."""
    ok, encoded = cv2.imencode(".tiff", cv2.cvtColor(factories.make_rgb(spots), cv2.COLOR_RGB2BGR))
    assert ok
    return encoded.tobytes()


@pytest.mark.parametrize("kind", ["turned", "tiff"])
def test_outlines_lie_on_the_defects_of_photos_that_browsers_find_hard(
    open_page: Open, line: Line, watch: Watch, kind: str
) -> None:
    watch.allowed.append("willReadFrequently")  # this test reads pixels of the viewer; the page does not
    spot = Spot(at_mm=(10, 20), length_mm=6, width_mm=6)
    photo, media_type = (turned_jpeg(spot), "image/jpeg") if kind == "turned" else (tiff(spot), "image/tiff")
    page = open_result(open_page, line.post(photo=photo, media_type=media_type))
    # The pixels of the photo in the middle of the outline, and beside it.
    page.wait_for_function(
        """() => {
          const outline = document.querySelector('#outlines .line').getBoundingClientRect();
          const canvas = document.querySelector('.openseadragon-canvas canvas');
          const box = canvas.getBoundingClientRect();
          const scale = canvas.width / box.width;
          const pixels = canvas.getContext('2d');
          const red = (x, y) => pixels.getImageData((x - box.x) * scale, (y - box.y) * scale, 1, 1).data[0];
          const [x, y] = [outline.x + outline.width / 2, outline.y + outline.height / 2];
          return red(x, y) < 60 && [-1, 1].every((side) =>
            red(x + side * outline.width, y) > 100 && red(x, y + side * outline.height) > 100);
        }"""
    )


def test_a_defect_is_picked_in_the_photo_and_in_the_table(open_page: Open, line: Line) -> None:
    page = open_result(open_page, line.post(HOLE, STAIN))
    row_of_stain = page.locator("tr[data-defect-row]").filter(has_text="stain")
    row_of_stain.get_by_role("button").click()
    expect(row_of_stain).to_have_class("picked")
    expect(page.locator("#outlines g.picked")).to_have_count(1)
    page.get_by_role("button", name="Whole photo").click()
    page.wait_for_timeout(600)
    box = page.locator("#outlines").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 200 / 640, box["y"] + box["height"] * 200 / 480)
    expect(page.locator("tr.picked")).to_contain_text("hole")
    page.keyboard.press("Escape")
    expect(page.locator("tr.picked")).to_have_count(0)


def test_a_result_is_overridden_by_keyboard_and_the_trail_tells(open_page: Open, line: Line) -> None:
    result_id = line.post(HOLE)
    page = open_result(open_page, result_id)
    onlooker = open_page("vera")
    expect(onlooker.locator(row(onlooker, result_id))).to_contain_text("reject")
    mark(page)
    # As a reviewer does who makes the field larger: the browser writes a style, and htmx must not copy it.
    page.evaluate("document.getElementById('comment').style.height = '120px'")
    page.keyboard.press("c")
    page.keyboard.type("1 is only a mark on the lining")  # digits in a comment override nothing
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    trail = page.locator("ol.trail li")
    expect(trail).to_have_count(1)
    expect(trail).to_contain_text("Overridden to B")
    expect(trail).to_contain_text("1 is only a mark on the lining")
    expect(trail).to_contain_text("ines")
    expect(page.locator("#verdict")).to_contain_text("Grade B: second")
    expect(page.locator("#verdict")).to_contain_text("overridden, was C")
    page.keyboard.press("a")
    expect(trail).to_have_count(2)
    expect(trail.first).to_contain_text("Agreed with B")
    assert_not_reloaded(page)
    expect(onlooker.locator(row(onlooker, result_id))).to_contain_text("overridden, was C")


def test_a_second_reviewer_is_told_kindly_and_keeps_the_comment(
    open_page: Open, line: Line, watch: Watch
) -> None:
    watch.allowed.append("409 (Conflict)")
    result_id = line.post(HOLE)
    first, second = open_result(open_page, result_id), open_result(open_page, result_id, "ivo")
    first.keyboard.press("1")
    expect(first.locator("ol.trail li")).to_have_count(1)
    second.fill("#comment", "looks bad to me")
    second.locator("[data-decision=C]").click()
    expect(second.locator("#review .notice")).to_contain_text(
        "ines reviewed this result while you were looking"
    )
    expect(second.locator("#comment")).to_have_value("looks bad to me")
    expect(second.locator("ol.trail li")).to_have_count(1)
    second.locator("[data-decision=C]").click()
    expect(second.locator("ol.trail li")).to_have_count(2)
    expect(second.locator("#verdict")).to_contain_text("Grade C: reject")


def test_the_help_lists_the_keys(open_page: Open, line: Line) -> None:
    page = open_result(open_page, line.post())
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("heat map on and off")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_language_is_switched_and_remembered(open_page: Open, line: Line) -> None:
    line.post(HOLE, lot_id="L-zh")
    page = open_page("ines", "/results?lot=L-zh")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="检验结果")).to_be_visible()
    assert page.url.endswith("/results?lot=L-zh")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("[data-live] > li")).to_contain_text("破洞")
    expect(page.locator("[data-live] > li")).to_contain_text("不合格")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    result_id = line.post(STAIN, lot_id="L-zh")
    expect(page.locator(row(page, result_id))).to_contain_text("污渍")


def test_a_chinese_browser_gets_chinese_at_first(open_page: Open) -> None:
    page = open_page(None, "/login", language="zh-CN")
    expect(page.get_by_role("button", name="登录")).to_be_visible()


def test_times_are_in_the_zone_of_the_browser_from_the_first_page_on(open_page: Open, line: Line) -> None:
    result_id = line.post()
    page = open_page()
    shown = page.locator(row(page, result_id)).locator("time")
    iso = shown.get_attribute("datetime")
    local = page.evaluate("iso => new Date(iso).toLocaleString('sv-SE')", iso)
    expect(shown).to_have_text(local)
    page.reload()
    expect(shown).to_have_text(local)


def test_the_shop_floor_screen_shows_the_last_result_huge(open_page: Open, line: Line) -> None:
    line.post()
    page = open_page(path="/results?screen=floor", size=(1920, 1080))
    row(page, "")
    mark(page)
    result_id = line.post(HOLE, part_id="P-floor")
    last = page.locator(f'.floor-last[data-id="{result_id}"]')
    expect(last).to_contain_text("P-floor")
    letter = last.locator(".grade b")
    expect(letter).to_have_text("C")
    box = letter.bounding_box()
    assert box is not None
    assert box["height"] > 200  # px: read from two metres
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
    assert_not_reloaded(page)


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_a_tablet_has_large_targets_and_nothing_beside_the_screen(
    open_page: Open, line: Line, language: str
) -> None:
    result_id = line.post(HOLE, STAIN)
    page = open_page("ana", size=(820, 1180), language=language, has_touch=True)
    paths = ("/results", "/results?grade=C&style=x", "/results?screen=floor", f"/results/{result_id}")
    for path in (*paths, "/model", "/stations", "/users"):
        page.goto(f"{line.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, a.button, select, input, nav a, label.pick')]
              .filter((element) => element.checkVisibility() && !element.matches('label.pick input'))
              .map((element) => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
              .filter(([, box]) => box.height < 44 || box.width < 44)
              .map(([html]) => html)"""
        )
        assert small == [], path


def test_nothing_moves_while_a_page_loads(open_page: Open, line: Line) -> None:
    result_id = line.post(HOLE)
    page = open_page("ines")
    page.add_init_script(
        """window.moved = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) window.moved += entry.value;
        }).observe({ type: 'layout-shift', buffered: true });"""
    )
    page.goto(f"{line.url}/results")
    thumbnails = (
        "() => [...document.querySelectorAll('.row img')].slice(0, 4).every((image) => image.complete)"
    )
    page.wait_for_function(thumbnails)
    assert page.evaluate("window.moved") < 0.02
    page.goto(f"{line.url}/results/{result_id}")
    page.wait_for_selector("[data-viewer][data-ready]")
    assert page.evaluate("window.moved") < 0.02


def test_everything_needed_works_without_scripts(open_page: Open, line: Line) -> None:
    result_id = line.post(HOLE, lot_id="L-plain")
    line.post(lot_id="L-plain")
    page = open_page("ines", "/results", java_script_enabled=False)
    page.get_by_text("C – reject").click()
    page.locator(".filter-line summary").click()
    page.get_by_label("Lot").fill("L-plain")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-live] > li")).to_have_count(1)
    page.locator(f'[data-id="{result_id}"] a.open').click()
    photo = page.locator(".viewer img")
    expect(photo).to_be_visible()
    page.fill("#comment", "without scripts")
    page.locator("[data-decision=B]").click()
    expect(page.locator("ol.trail li")).to_contain_text("without scripts")


def test_an_admin_makes_a_key_that_is_shown_once(open_page: Open, line: Line) -> None:
    page = open_page("ana", "/stations")
    page.get_by_label("Name").fill("line-2")
    page.get_by_role("button", name="Add a station").click()
    expect(page.get_by_role("status")).to_contain_text("Station line-2 was added.")
    section = page.locator("section").filter(has=page.get_by_role("heading", name="line-2", exact=True))
    section.get_by_role("button", name="Create a key").click()
    key = page.locator("#key").inner_text()
    Line(line.running, key, line.data_dir).post(HOLE)
    page.goto(f"{line.url}/stations")
    assert key not in page.content()
    section.get_by_text("Revoke…").click()
    section.get_by_role("button", name="Revoke for ever").click()
    expect(section).to_contain_text("revoked")
    with pytest.raises(AssertionError, match="revoked"):
        Line(line.running, key, line.data_dir).post(HOLE)
