"""Pages as a browser without scripts gets them: who sees what, forms nobody can forge, filters, problems."""

from __future__ import annotations

import dataclasses
import hashlib
import html
import inspect
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pytest

from inspection.access import Role
from inspection.domain import Grade
from inspection.errors import MetadataError
from inspection.registry import DataSource, Metric
from inspection.store import inspections, people, reviews
from inspection.web import contexts, desk, pages_results
from inspection.web.contexts import FilterForm, Zone
from inspection.web.deps import SESSION_COOKIE
from tests import factories
from tests.factories import Spot
from tests.web.serving import PASSWORD, Served, make_settings, serve

HTML = {"Accept": "text/html"}


def token(page: str) -> str:
    """The CSRF token of the forms of a page."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


def log_in(client: httpx.Client, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
    """Send the login form as a browser does."""
    form = client.get("/login", headers=HTML).text
    data = {"csrf_token": token(form), "name": name, "password": password, **fields}
    return client.post("/login", data=data, headers=HTML)


def browser(service: Served, token: str, **cookies: str) -> httpx.Client:
    """A client that asks for pages, of the person whose session this is."""
    return httpx.Client(
        base_url=service.url, headers=HTML, cookies={SESSION_COOKIE: token, **cookies}, timeout=30
    )


def begin_session(service: Served, role: Role) -> str:
    """Token of a new session of ``pages-<role>``."""
    with service.person(role, f"pages-{role}") as client:
        return client.cookies[SESSION_COOKIE]


@pytest.fixture(scope="module")
def sessions(served: Served) -> dict[Role, str]:
    """A session of a person of each role, begun once: a login costs what a password hash costs."""
    return {role: begin_session(served, role) for role in Role}


@pytest.fixture
def admin(served: Served, sessions: dict[Role, str]) -> Iterator[httpx.Client]:
    with browser(served, sessions[Role.ADMIN]) as client:
        yield client


@pytest.fixture
def inspector(served: Served, sessions: dict[Role, str]) -> Iterator[httpx.Client]:
    with browser(served, sessions[Role.INSPECTOR]) as client:
        yield client


@pytest.fixture
def viewer(served: Served, sessions: dict[Role, str]) -> Iterator[httpx.Client]:
    with browser(served, sessions[Role.VIEWER]) as client:
        yield client


def post_photo(served: Served, seed: int, *, hole: bool = True, **query: str) -> str:
    """Post a photo of leather with a hole, or without, and give its result's id."""
    spots = [Spot(at_mm=(20, 20), length_mm=5, width_mm=3)] if hole else []
    answer = served.post(factories.make_jpeg(spots, seed=seed), **{"mm_per_px": "0.1", **query})
    assert answer.status_code == 201, answer.text
    result_id: str = answer.json()["result_id"]
    return result_id


# Who may see what


@pytest.mark.parametrize(
    "path",
    ["/results", "/results?grade=C", "/model", "/standards", "/standards/general", "/stations", "/users"],
)
def test_who_is_not_logged_in_is_led_to_the_login_and_back(served: Served, path: str) -> None:
    with served.client(**HTML) as client:
        answer = client.get(path)
        assert answer.status_code == 303
        login = client.get(answer.headers["location"])
        assert html.escape(path) in login.text


def test_the_root_leads_to_the_results(served: Served) -> None:
    with served.client(**HTML) as client:
        assert client.get("/").headers["location"] == "/results"


def test_a_script_without_a_session_gets_401_and_not_a_login_page(served: Served) -> None:
    with served.client(Accept="*/*") as client:
        assert client.get("/results/rows").status_code == 401
        assert client.get("/status").status_code == 401


@pytest.mark.parametrize("role", [Role.VIEWER, Role.INSPECTOR, Role.ENGINEER])
def test_only_admins_see_stations_and_people(served: Served, sessions: dict[Role, str], role: Role) -> None:
    with browser(served, sessions[role]) as client:
        assert client.get("/stations").status_code == 403
        assert client.get("/users").status_code == 403
        menu = client.get("/results").text
        assert "/stations" not in menu
        assert "/users" not in menu


def test_every_role_sees_results_model_and_standards(served: Served, sessions: dict[Role, str]) -> None:
    for role in Role:
        with browser(served, sessions[role]) as client:
            assert client.get("/results").status_code == 200
            assert "dark-spots" in client.get("/model").text


def test_a_viewer_sees_no_review_form_and_cannot_send_one(served: Served, viewer: httpx.Client) -> None:
    result_id = post_photo(served, 100)
    page = viewer.get(f"/results/{result_id}")
    assert "data-decision" not in page.text
    data = {"csrf_token": token(page.text), "decision": "agree", "revision": "0"}
    assert viewer.post(f"/results/{result_id}/review", data=data).status_code == 403
    assert reviews.of_result(served.station.store, result_id) == ()


# Logging in


def test_a_person_logs_in_and_out(served: Served) -> None:
    with served.person(Role.VIEWER, "logs.in"):
        pass
    with served.client(**HTML) as client:
        answer = log_in(client, "Logs.In ", next="/model")
        assert (answer.status_code, answer.headers["location"]) == (303, "/model")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        page = client.get("/model")
        assert "logs.in" in page.text
        session = client.cookies[SESSION_COOKIE]
        out = client.post("/logout", data={"csrf_token": token(page.text)})
        assert out.headers["location"] == "/login"
        client.cookies.set(SESSION_COOKIE, session)
        assert client.get("/model").status_code == 303  # ended in the database too


def test_a_wrong_password_and_an_unknown_name_get_the_same_page(served: Served) -> None:
    with served.person(Role.VIEWER, "mistypes"):
        pass
    answers = []
    for name in ("mistypes", "nobody-here"):
        with served.client(**HTML) as client:
            answer = log_in(client, name, "not the password")
            assert answer.status_code == 401
            answers.append(re.sub(r'value="[^"]*"', "", answer.text))
    assert answers[0] == answers[1]


def test_a_name_with_too_many_wrong_passwords_has_to_wait(served: Served) -> None:
    with served.client(**HTML) as client:
        answers = [log_in(client, "guessed", f"guess {n}") for n in range(7)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert "Too many attempts" in answers[-1].text


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", ""],
)
def test_a_login_never_leads_elsewhere(served: Served, target: str) -> None:
    with served.person(Role.VIEWER, "followed.a.link"):
        pass
    with served.client(**HTML) as client:
        assert log_in(client, "followed.a.link", next=target).headers["location"] == "/results"
        assert client.get("/login", params={"next": target}).headers["location"] == "/results"


# Forms


FORMS = [
    ("/logout", {}),
    ("/language", {"language": "zh"}),
    ("/stations", {"name": "forged"}),
    ("/stations/line-1/keys", {}),
    ("/keys/abc/revoke", {}),
    ("/users", {"name": "forged", "role": "admin"}),
    ("/users/pages-admin/role", {"role": "viewer"}),
    ("/users/pages-admin/password", {}),
    ("/password", {"old": PASSWORD, "new": "another horse battery"}),
    ("/users/pages-admin/state", {"disabled": "yes"}),
]


@pytest.mark.parametrize(("path", "data"), FORMS, ids=[path for path, _ in FORMS])
@pytest.mark.parametrize("forged", [None, "", "0" * 64, "不是"])
def test_a_form_without_our_token_does_nothing(
    served: Served, admin: httpx.Client, path: str, data: dict[str, str], forged: str | None
) -> None:
    sent = data if forged is None else {**data, "csrf_token": forged}
    assert admin.post(path, data=sent).status_code == 403
    assert "forged" not in {user.name for user in people.everyone(served.station.store)}
    assert people.by_name(served.station.store, "pages-admin").role is Role.ADMIN


def test_the_login_form_without_our_token_logs_nobody_in(served: Served, admin: httpx.Client) -> None:
    with served.client(**HTML) as client:
        answer = client.post("/login", data={"name": "pages-admin", "password": PASSWORD})
        assert answer.status_code == 403
        assert SESSION_COOKIE not in client.cookies
        assert "open for too long" in answer.text


def test_the_token_of_one_session_does_not_fit_another(admin: httpx.Client, viewer: httpx.Client) -> None:
    others = token(viewer.get("/results").text)
    assert admin.post("/stations", data={"csrf_token": others, "name": "forged"}).status_code == 403


def test_an_endless_form_is_refused_before_it_is_read(served: Served) -> None:
    with served.client(**HTML) as client:
        answer = client.post("/login", content=b"name=" + b"x" * 100_000)
        assert answer.status_code == 413


# Language


def test_the_language_is_remembered(served: Served, viewer: httpx.Client) -> None:
    page = viewer.get("/results", headers={"Accept-Language": "en"}).text
    assert '<html lang="en"' in page
    data = {"csrf_token": token(page), "language": "zh", "back": "/results?grade=C"}
    answer = viewer.post("/language", data=data)
    assert answer.headers["location"] == "/results?grade=C"
    assert '<html lang="zh-Hans"' in viewer.get("/results", headers={"Accept-Language": "en"}).text


def test_a_new_visitor_gets_the_language_of_the_browser(served: Served) -> None:
    with served.client(**HTML) as client:
        assert "登录" in client.get("/login", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text


# Results


def test_the_list_shows_what_was_found_where_and_why(served: Served, viewer: httpx.Client) -> None:
    result_id = post_photo(served, 101, part_id="P-101", lot_id="L-101", style="Derby 7")
    page = viewer.get("/results", params={"lot": "L-101"}).text
    assert f'href="/results/{result_id}?lot=L-101"' in page
    for text in (
        "Grade C: reject",
        "hole",
        "P-101",
        "L-101",
        "Derby 7",
        "line-1",
        "where grade A allows none",
    ):
        assert text in page


def test_what_a_camera_sends_is_shown_as_text(served: Served, viewer: httpx.Client) -> None:
    nasty = '<script>alert("x")</script>'
    result_id = post_photo(served, 102, part_id=nasty)
    for path in ("/results", f"/results/{result_id}", "/results?screen=floor"):
        page = viewer.get(path).text
        assert nasty not in page
        assert html.escape(nasty, quote=False).replace('"', "&#34;") in page


def test_filters_are_in_the_address(served: Served, viewer: httpx.Client) -> None:
    bad = post_photo(served, 103, lot_id="L-103", style="S-103")
    good = post_photo(served, 104, hole=False, lot_id="L-103", style="S-104")

    def listed(**query: str | list[str]) -> set[str]:
        page = viewer.get("/results", params={"lot": "L-103", **query})
        assert page.status_code == 200
        return set(re.findall(r'data-id="(\w+)"', page.text))

    assert listed() == {bad, good}
    assert listed(grade="C") == {bad}
    assert listed(grade=["C", "A"]) == {bad, good}
    assert listed(grade="nonsense") == {bad, good}
    assert listed(kind="hole") == {bad}
    assert listed(kind="") == {bad, good}
    assert listed(style="S-104") == {good}
    assert listed(station="line-2") == set()
    assert listed(station="line-1") == {bad, good}
    assert listed(since="2020-01-01T00:00") == {bad, good}
    assert listed(until="2020-01-01T00:00") == set()
    assert listed(reviewed="yes") == set()
    assert listed(reviewed="no") == {bad, good}


def test_a_time_that_is_none_is_left_out_and_told(viewer: httpx.Client) -> None:
    page = viewer.get("/results", params={"since": "yesterday", "grade": "C"})
    assert page.status_code == 200
    assert "The time yesterday was not understood" in page.text


def test_older_results_are_a_page_further(served: Served, viewer: httpx.Client) -> None:
    first = post_photo(served, 105, hole=False, lot_id="L-105")
    stored = inspections.by_id(served.station.store, first)
    document = json.loads(stored.record.document)
    for number in range(pages_results.PAGE_ROWS):
        result_id = f"01J{number:023d}"
        record = dataclasses.replace(
            stored.record,
            result_id=result_id,
            created_at=datetime.now(UTC),
            document=json.dumps({**document, "result_id": result_id}),
            idempotency_key=None,
        )
        inspections.add(served.station.store, record)
    page = viewer.get("/results", params={"lot": "L-105"}).text
    assert len(re.findall("data-id=", page)) == pages_results.PAGE_ROWS
    assert f'data-id="{first}"' not in page
    older = re.search(r'href="([^"]+)" rel="next"', page)
    assert older is not None
    second = viewer.get(html.unescape(older[1])).text
    assert re.findall(r'data-id="(\w+)"', second) == [first]
    assert 'data-live="held"' in second  # no new rows among old ones


def test_a_cursor_that_is_none_of_ours_is_a_problem_and_no_crash(viewer: httpx.Client) -> None:
    assert viewer.get("/results", params={"cursor": "nonsense"}).status_code == 422


def test_an_empty_list_says_how_to_post_a_photo(served: Served, viewer: httpx.Client) -> None:
    page = viewer.get("/results").text
    assert f"{served.url}/api/v1/inspections" in html.unescape(page)
    assert "No results yet" in page
    filtered = viewer.get("/results", params={"lot": "none of that name"}).text
    assert "Nothing matches the filter" in filtered


def test_the_live_list_asks_for_what_came_after(served: Served, viewer: httpx.Client) -> None:
    older = post_photo(served, 106, lot_id="L-106")
    seen = inspections.by_id(served.station.store, older).sequence
    newer = [post_photo(served, seed, lot_id="L-106") for seed in (107, 108)]
    rows = viewer.get("/results/rows", params={"after": seen, "lot": "L-106"}).text
    assert re.findall(r'data-id="(\w+)"', rows) == newer[::-1]
    assert "<html" not in rows
    only = viewer.get("/results/rows", params={"only": older}).text
    assert re.findall(r'data-id="(\w+)"', only) == [older]


def test_a_result_leads_to_its_neighbours_under_the_same_filters(
    served: Served, viewer: httpx.Client
) -> None:
    first = post_photo(served, 109, lot_id="L-109")
    post_photo(served, 110, hole=False, lot_id="L-109")  # between them, of another grade
    last = post_photo(served, 111, lot_id="L-109")
    page = viewer.get(f"/results/{last}", params={"lot": "L-109", "grade": "C"}).text
    assert f'href="/results/{first}?grade=C&amp;lot=L-109" data-next' in page
    page = viewer.get(f"/results/{first}", params={"lot": "L-109", "grade": "C"}).text
    assert f'href="/results/{last}?grade=C&amp;lot=L-109" data-previous' in page


def test_a_result_shows_the_rule_and_the_facts_behind_it(served: Served, viewer: httpx.Client) -> None:
    result_id = post_photo(served, 112, part_id="P-112", captured_at="2026-03-01T08:00:00Z")
    page = viewer.get(f"/results/{result_id}").text
    model = served.station.model.manifest
    for text in (
        "Clause 1.1",
        "published source",
        "0.1 mm per pixel, from the camera",
        model.sha256,
        "dark-spots 1",
        "General two-zone appearance profile",
        "2026-03-01 08:00:00",
        "640 × 480 px",
        f"/api/v1/inspections/{result_id}/photo",
        "counts from 0.50",
    ):
        assert text in page


def test_a_photo_without_a_scale_says_so_instead_of_sizes(served: Served, viewer: httpx.Client) -> None:
    answer = served.post(factories.make_jpeg([Spot(at_mm=(20, 20), length_mm=5, width_mm=3)], seed=113))
    page = viewer.get(f"/results/{answer.json()['result_id']}").text
    assert "Recheck: a person has to look" in page
    assert "The scale of the photo is not known" in page
    assert "No sizes" in page


def test_times_are_shown_in_the_zone_of_the_browser(served: Served, sessions: dict[Role, str]) -> None:
    result_id = post_photo(served, 114)
    created = inspections.by_id(served.station.store, result_id).record.created_at
    with browser(served, sessions[Role.VIEWER]) as client:
        assert f"{created:%Y-%m-%d %H:%M:%S} UTC" in client.get(f"/results/{result_id}").text
    with browser(served, sessions[Role.VIEWER], welt_zone="Asia%2FShanghai") as client:
        local = Zone.named("Asia/Shanghai").show(created).text
        assert local in client.get(f"/results/{result_id}").text


# Reviewing


def review(client: httpx.Client, result_id: str, **fields: str) -> httpx.Response:
    """Send the review form of a result's page."""
    page = client.get(f"/results/{result_id}").text
    seen = re.search(r'name="revision" value="(\d+)"', page)
    assert seen is not None
    data = {"csrf_token": token(page), "revision": seen[1], **fields}
    return client.post(f"/results/{result_id}/review", data=data)


def test_a_result_is_overridden_and_the_trail_tells(served: Served, inspector: httpx.Client) -> None:
    result_id = post_photo(served, 115, lot_id="L-115")
    answer = review(inspector, result_id, decision="B", comment=" only the <lining> ")
    assert answer.status_code == 303
    page = inspector.get(answer.headers["location"]).text
    assert "Overridden to B" in page
    assert "only the &lt;lining&gt;" in page
    assert "overridden, was C" in page
    assert "Send to rework" in page
    assert review(inspector, result_id, decision="agree").status_code == 303
    held = reviews.of_result(served.station.store, result_id)
    assert [(said.grade, said.decision.value, said.comment) for said in held] == [
        (Grade.B, "override", "only the <lining>"),
        (Grade.B, "agree", ""),
    ]
    row = inspector.get("/results", params={"lot": "L-115"}).text
    assert "Grade B: second" in row
    assert "overridden, was C" in row


def test_who_reviews_what_somebody_else_just_reviewed_is_told_kindly(
    served: Served, inspector: httpx.Client, admin: httpx.Client
) -> None:
    result_id = post_photo(served, 116)
    page = inspector.get(f"/results/{result_id}").text
    assert review(admin, result_id, decision="A").status_code == 303
    data = {"csrf_token": token(page), "revision": "0", "decision": "agree", "comment": "mine"}
    answer = inspector.post(f"/results/{result_id}/review", data=data)
    assert answer.status_code == 409
    assert "pages-admin reviewed this result while you were looking" in answer.text
    assert ">mine</textarea>" in answer.text
    assert 'name="revision" value="1"' in answer.text
    assert len(reviews.of_result(served.station.store, result_id)) == 1
    part = inspector.post(f"/results/{result_id}/review", data=data, headers={"HX-Request": "true"})
    assert part.status_code == 409
    assert "<html" not in part.text


@pytest.mark.parametrize("decision", ["", "D", "agree; A"])
def test_a_decision_that_is_none_is_refused(served: Served, inspector: httpx.Client, decision: str) -> None:
    result_id = post_photo(served, 117)
    assert review(inspector, result_id, decision=decision).status_code == 422
    assert reviews.of_result(served.station.store, result_id) == ()


# Stations and people


def test_a_key_is_shown_once_and_works_until_it_is_revoked(served: Served, admin: httpx.Client) -> None:
    csrf = token(admin.get("/stations").text)
    added = admin.post("/stations", data={"csrf_token": csrf, "name": "line-9", "description": "toe cam"})
    assert added.headers["location"] == "/stations?done=added&name=line-9"
    assert "Station line-9 was added." in admin.get(added.headers["location"]).text
    made = admin.post("/stations/line-9/keys", data={"csrf_token": csrf, "note": "toe camera"})
    found = re.search(r"welt_([a-z0-9]+)_[0-9a-f]{64}", made.text)
    assert found is not None
    later = admin.get("/stations").text
    assert found[0] not in later
    assert found[1] in later
    assert made.headers["cache-control"] == "no-store"

    def post(seed: int) -> int:
        with served.client(Authorization=f"Bearer {found[0]}") as camera:
            photo = factories.make_jpeg(seed=seed)
            sent = camera.post("/api/v1/inspections", content=photo, headers={"Content-Type": "image/jpeg"})
            return sent.status_code

    assert post(118) == 201
    admin.post(f"/keys/{found[1]}/revoke", data={"csrf_token": csrf})
    assert post(119) == 401
    assert "revoked" in admin.get("/stations").text


@pytest.mark.parametrize("name", ["", "no spaces", "../etc", "line-1"])
def test_a_station_name_that_is_not_taken_is_explained(admin: httpx.Client, name: str) -> None:
    csrf = token(admin.get("/stations").text)
    answer = admin.post("/stations", data={"csrf_token": csrf, "name": name, "description": "kept"})
    assert answer.status_code in (409, 422)
    assert 'class="notice bad"' in answer.text
    assert 'value="kept"' in answer.text


def test_an_admin_adds_somebody_who_can_log_in_until_disabled(served: Served, admin: httpx.Client) -> None:
    csrf = token(admin.get("/users").text)
    added = admin.post("/users", data={"csrf_token": csrf, "name": "New.Hand", "role": "inspector"})
    password = re.search(r'<code id="password">([^<]+)</code>', added.text)
    assert password is not None
    with served.client(**HTML) as client:
        assert log_in(client, "new.hand", password[1]).status_code == 303
        assert "inspector" in client.get("/results").text
        admin.post("/users/new.hand/role", data={"csrf_token": csrf, "role": "viewer"})
        assert "viewer" in client.get("/results").text
        admin.post("/users/new.hand/state", data={"csrf_token": csrf, "disabled": "yes"})
        assert client.get("/results").status_code == 303
        assert log_in(client, "new.hand", password[1]).status_code == 401
        admin.post("/users/new.hand/state", data={"csrf_token": csrf, "disabled": "no"})
        assert log_in(client, "new.hand", password[1]).status_code == 303


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": "Not A Name", "role": "viewer"}, 422),
        ({"name": "pages-admin", "role": "viewer"}, 409),
        ({"name": "fine", "role": "king"}, 422),
    ],
)
def test_a_person_that_cannot_be_added_is_explained(
    admin: httpx.Client, fields: dict[str, str], status: int
) -> None:
    csrf = token(admin.get("/users").text)
    answer = admin.post("/users", data={"csrf_token": csrf, **fields})
    assert answer.status_code == status
    assert 'class="notice bad"' in answer.text


def test_a_password_is_reset_by_an_admin_and_changed_by_its_owner(
    served: Served, admin: httpx.Client
) -> None:
    with served.person(Role.VIEWER, "forgetful"):
        pass
    csrf = token(admin.get("/users").text)
    reset = admin.post("/users/forgetful/password", data={"csrf_token": csrf})
    first = re.search(r'<code id="password">([^<]+)</code>', reset.text)
    assert first is not None
    with served.client(**HTML) as client:
        assert log_in(client, "forgetful", PASSWORD).status_code == 401
        assert log_in(client, "forgetful", first[1]).status_code == 303
        form = token(client.get("/password").text)

        def change(old: str, new: str) -> httpx.Response:
            return client.post("/password", data={"csrf_token": form, "old": old, "new": new})

        assert "The password now is wrong." in change("not it", "a new horse battery").text
        assert "10 characters at least" in change(first[1], "short").text
        assert change(first[1], "a new horse battery").headers["location"] == "/login"
        assert client.get("/results").status_code == 303
        assert log_in(client, "forgetful", "a new horse battery").status_code == 303


# Model, problems, files


def test_the_model_page_shows_the_model_that_serves(served: Served, viewer: httpx.Client) -> None:
    page = html.unescape(viewer.get("/model").text)
    assert served.station.model.manifest.sha256 in page


def test_the_model_page_shows_measured_quality_and_sources(served: Served) -> None:
    model = served.station.model
    source = DataSource(
        name="hides", licence="CC-BY-4.0", attribution="A. Tanner", source="https://hides.example", photos=7
    )
    figures = (
        Metric(name="recall", data="hides never seen", kind="hole", value=0.912, low=0.85, high=0.96, n=120),
        Metric(name="AUPRO", data="hides never seen", kind="all", value=0.7, n=400),
    )
    manifest = model.manifest.model_copy(
        update={"metrics": figures, "data": (source,), "false_rejects": 0.05}
    )
    drawn = desk.Pages()
    shown = contexts.model_of(
        dataclasses.replace(model, manifest=manifest),
        words=drawn.words["zh"],
        zone=Zone.named(None),
        card="# Card\n<b>bold</b>",
    )
    frame = contexts.Frame(
        language=drawn.words["zh"].language,
        other_languages=(),
        csrf_token="",
        person=None,
        places=(),
        here="/model",
        zone="UTC",
        today=None,
        service=None,
        static_version="1",
    )
    view = contexts.ModelContext(model=shown)
    page = drawn.draw("model.html", words=drawn.words["zh"], frame=frame, view=view)
    for text in ("0.912", "0.850 – 0.960", "破洞", "全部", "CC-BY-4.0", "A. Tanner", "5.0%", "&lt;b&gt;bold"):
        assert text in page


def test_pages_say_why_the_service_is_not_ready(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "data", tmp_path / "no-models-here")
    with (
        serve(settings, ready=False) as service,
        browser(service, begin_session(service, Role.VIEWER)) as client,
    ):
        page = html.unescape(client.get("/results").text)
        assert "Not ready" in page
        assert "no-models-here" in page
        assert "No model serves." in client.get("/model").text


def test_a_problem_is_a_page_for_people_and_a_document_for_programs(viewer: httpx.Client) -> None:
    page = viewer.get("/results/01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert page.status_code == 404
    assert "What to do:" in page.text
    assert "<html" in page.text
    chinese = viewer.get("/nothing-here", headers={"Accept-Language": "zh"})
    assert "未找到" in chinese.text
    document = viewer.get("/results/01ARZ3NDEKTSV4RRFFQ69G5FAV", headers={"Accept": "application/json"})
    assert document.headers["content-type"] == "application/problem+json"
    assert document.json()["hint"]


@pytest.mark.parametrize("result_id", ["..%2F..%2Fetc", "%00", "x" * 300, "01arz3ndektsv4rrffq69g5fav"])
def test_an_id_that_is_none_is_not_found(viewer: httpx.Client, result_id: str) -> None:
    assert viewer.get(f"/results/{result_id}").status_code in (404, 422)


def test_pages_are_kept_by_no_cache_and_files_by_every_cache(viewer: httpx.Client) -> None:
    page = viewer.get("/results")
    assert page.headers["cache-control"] == "no-store"
    address = re.search(r'href="(/static/welt\.css\?v=[0-9a-f]+)"', page.text)
    assert address is not None
    assert "immutable" in viewer.get(address[1]).headers["cache-control"]
    assert viewer.get("/static/welt.css").headers["cache-control"] == "no-cache"


def test_the_security_policy_allows_nothing_inline(viewer: httpx.Client) -> None:
    policy = viewer.get("/results").headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_code_of_others_is_as_it_came() -> None:
    vendor = Path(desk.__file__).parent / "static" / "vendor"
    readme = (vendor / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|.*\(`([^`]+)`\) \| `([0-9a-f]{64})` \|$", readme, flags=re.M)
    assert {file for file, _, _ in rows} == {
        path.relative_to(vendor).as_posix() for path in vendor.rglob("*.js")
    }
    for file, licence, sha256 in rows:
        assert hashlib.sha256((vendor / file).read_bytes()).hexdigest() == sha256
        assert (vendor / licence).is_file()


# Values


def test_contexts_are_frozen_and_say_what_they_are() -> None:
    classes = [
        value
        for _, value in inspect.getmembers(contexts, inspect.isclass)
        if value.__module__.startswith(contexts.__name__)
    ]
    assert len(classes) > 20
    for value in classes:
        assert dataclasses.is_dataclass(value), value
        assert value.__dataclass_params__.frozen, value  # type: ignore[attr-defined]
        assert value.__doc__
        assert not value.__doc__.startswith(f"{value.__name__}("), value


@pytest.mark.parametrize(
    "name", [None, "", "Nowhere/Land", "../../etc/passwd", "/etc/localtime", "x" * 65, "a\0b"]
)
def test_a_zone_that_is_none_is_utc(name: str | None) -> None:
    assert Zone.named(name).name == "UTC"


def test_a_day_begins_at_midnight_of_the_viewer() -> None:
    evening = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
    assert Zone.named("UTC").day_of(evening) == datetime(2026, 3, 1, tzinfo=UTC)
    # In Shanghai it is the next morning.
    assert Zone.named("Asia/Shanghai").day_of(evening) == datetime(2026, 3, 1, 16, tzinfo=UTC)


def test_filter_times_are_of_the_viewers_zone() -> None:
    form = FilterForm(since="2026-03-01T08:00", until="2026-03-01T09:00+00:00")
    filters = form.filters(Zone.named("Asia/Shanghai"))
    assert filters.created_from == datetime(2026, 3, 1, 0, tzinfo=UTC)
    assert filters.created_until == datetime(2026, 3, 1, 9, tzinfo=UTC)
    with pytest.raises(MetadataError):
        FilterForm(since="0001-01-01T00:00").filters(Zone.named("Asia/Shanghai"))


def test_addresses_carry_the_filters_that_are_set_and_no_others() -> None:
    form = FilterForm(grades=("B", "C"), lot="a b&c")
    assert form.url("/results", cursor="x") == "/results?grade=B&grade=C&lot=a+b%26c&cursor=x"
    assert FilterForm().url("/results") == "/results"
    assert (form.active, FilterForm().active) == (2, 0)
