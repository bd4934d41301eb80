"""The editor of recipes in a real browser: a zone is drawn, published, and a photo is graded by it."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2 as httpx
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import WAIT_MS, Line, Open, Watch
from tests.factories import Spot
from tests.web.test_recipes_api import textured

HOLE = Spot(at_mm=(12, 24), length_mm=6, width_mm=4)
expect.set_options(timeout=WAIT_MS)


def with_photo(open_page: Open, tmp_path: Path, *, name: str, language: str = "en-GB") -> Page:
    """The editor with a reference photo."""
    (tmp_path / "good.png").write_bytes(textured())
    page = open_page("ana", "/recipes/editor", language=language)
    page.fill("#name", name)
    page.set_input_files("#photo", tmp_path / "good.png")
    page.wait_for_selector("#canvas[data-ready]")
    return page


def click_at(page: Page, x: float, y: float) -> None:
    """Click at a share of the photo."""
    box = page.locator("#canvas image").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def test_a_view_is_named_by_the_pattern_that_the_service_knows(open_page: Open) -> None:
    page = open_page("ana", "/recipes/editor")
    for wrong in ("Left side", "-left", "left.side", "", "左"):
        page.fill("#new-view", wrong)
        page.click("#add-view")
        expect(page.locator("#view option")).to_have_count(1)
        expect(page.get_by_text("A view is named with small letters")).to_be_visible()
    page.fill("#new-view", " left_side-2 ")
    page.click("#add-view")
    expect(page.locator("#view option")).to_have_count(2)
    expect(page.locator("#view")).to_have_value("left_side-2")
    expect(page.locator("#new-view")).to_have_value("")


def test_a_drawn_zone_is_published_and_grades_the_next_photo(
    open_page: Open, line: Line, tmp_path: Path
) -> None:
    stored = line.post(HOLE)
    page = with_photo(open_page, tmp_path, name="drawn")
    page.click("[data-tool=zone]")
    for x, y in ((0.02, 0.02), (0.5, 0.02), (0.5, 0.98), (0.02, 0.98)):
        click_at(page, x, y)
    page.click("#finish")
    row = page.locator("#zones li")
    row.locator("input").first.fill("left-half")
    row.locator("select").select_option("secondary")
    page.click("[data-tool=seam]")
    click_at(page, 0.1, 0.5)
    click_at(page, 0.4, 0.6)
    page.keyboard.press("Enter")
    expect(page.locator("#seams li")).to_have_count(1)
    page.click(f'[data-try="{stored}"]')
    expect(page.locator("#trial")).to_be_visible()
    expect(page.locator("#tried-reasons")).to_contain_text("The part was not found")
    page.fill("#note", "drawn by hand")
    page.click("#publish")
    done = page.get_by_role("status").filter(has_text="drawn: version 1 is published and in force")
    expect(done).to_be_visible()
    expect(page.get_by_text("drawn by hand")).to_be_visible()

    answer = httpx.post(
        f"{line.url}/api/v1/inspections",
        params={"mm_per_px": "0.1", "recipe": "drawn"},
        content=textured(),
        headers={"Authorization": f"Bearer {line.key}", "Content-Type": "image/png"},
        timeout=30,
        trust_env=False,
    )
    told = answer.json()
    assert told["recipe"] == {"name": "drawn", "version": "1"}
    assert told["registration"]["found"] is True
    (zone,) = told["zones"]
    assert (zone["name"], zone["zone_class"]) == ("left-half", "secondary")
    assert abs(zone["outline_px"][0][0] - 0.02 * 640) < 6
    assert told["expected_seams"][0]["name"] == "seam-1"


def test_a_zone_is_drawn_with_the_keyboard_alone(open_page: Open, tmp_path: Path) -> None:
    page = with_photo(open_page, tmp_path, name="by-keys")
    page.focus("[data-tool=zone]")
    page.keyboard.press("Enter")
    page.focus("#canvas")
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press("Space")
        for _ in range(3):
            page.keyboard.press(f"Shift+{key}")
    page.keyboard.press("Enter")
    expect(page.locator("#zones li")).to_have_count(1)
    expect(page.locator("#canvas polygon.primary")).to_have_count(1)
    before = page.locator("#canvas polygon.primary").get_attribute("points")
    page.focus('#canvas [data-number="0"]')
    page.keyboard.press("ArrowLeft")
    assert page.locator("#canvas polygon.primary").get_attribute("points") != before


def test_what_is_wrong_with_a_draft_is_told_in_chinese(open_page: Open, tmp_path: Path, watch: Watch) -> None:
    watch.allowed.append("422 (Unprocessable")
    page = with_photo(open_page, tmp_path, name="wrong", language="zh-CN")
    page.click("[data-tool=zone]")
    for x, y in ((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)):
        click_at(page, x, y)
    page.click("#finish")
    page.click("#publish")
    expect(page.get_by_role("alert")).to_have_text(re.compile("轮廓自交"))


def draw_zone(page: Page) -> None:
    """A zone over the left half."""
    page.click("[data-tool=zone]")
    for x, y in ((0.02, 0.02), (0.5, 0.02), (0.5, 0.98), (0.02, 0.98)):
        click_at(page, x, y)
    page.click("#finish")


def test_every_change_can_be_taken_back(open_page: Open, tmp_path: Path) -> None:
    page = with_photo(open_page, tmp_path, name="undone")
    expect(page.locator("#zones")).to_contain_text("No zone yet")
    draw_zone(page)
    expect(page.locator("#zones li.part")).to_have_count(1)
    corners = page.locator("#canvas polygon.primary").get_attribute("points")
    page.focus('#canvas [data-number="1"]')
    page.keyboard.press("Shift+ArrowLeft")
    assert page.locator("#canvas polygon.primary").get_attribute("points") != corners
    page.click("#undo")
    assert page.locator("#canvas polygon.primary").get_attribute("points") == corners
    page.locator("#zones button").click()
    expect(page.locator("#zones li.part")).to_have_count(0)
    page.focus("#canvas")
    page.keyboard.press("Control+z")
    expect(page.locator("#zones li.part")).to_have_count(1)
    page.click("#undo")
    expect(page.locator("#zones li.part")).to_have_count(0)


def test_the_page_is_not_left_with_a_draft_that_nobody_kept(open_page: Open, tmp_path: Path) -> None:
    page = with_photo(open_page, tmp_path, name="unsaved")
    draw_zone(page)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", stay)
    page.goto("about:blank")
    assert asked == ["beforeunload"]


def test_a_name_that_cannot_be_one_is_told_with_one_that_can(
    open_page: Open, tmp_path: Path, watch: Watch
) -> None:
    watch.allowed.append("422 (Unprocessable")
    page = with_photo(open_page, tmp_path, name="Derby 17")
    draw_zone(page)
    page.click("#publish")
    expect(page.get_by_role("alert")).to_have_text(re.compile("^Name: .*for example derby-17$"))


def test_a_zone_with_a_fault_is_named(open_page: Open, line: Line, tmp_path: Path, watch: Watch) -> None:
    watch.allowed.append("422 (Unprocessable")
    line.post(HOLE)
    page = with_photo(open_page, tmp_path, name="faulty")
    draw_zone(page)
    row = page.locator("#zones li")
    row.locator("input").first.fill("toe-cap")
    row.locator("input[type=number]").fill("900")
    row.locator("input[type=number]").press("Tab")
    page.locator("[data-try]").first.click()
    alert = page.get_by_role("alert")
    expect(alert).to_have_text(re.compile("^View upper, Zone toe-cap, Height above the plane, mm: "))
    # The next trial begins without what went wrong in the one before.
    row.locator("input[type=number]").fill("2")
    row.locator("input[type=number]").press("Tab")
    page.locator("[data-try]").first.click()
    expect(page.locator("#trial")).to_be_visible()
    expect(alert).to_be_hidden()
