"""Who may do what: keys of stations, sessions of people, roles, and nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx2 as httpx
import pytest

from inspection.access import Role
from inspection.store import people, stations
from inspection.web.deps import CSRF_HEADER, KEY_ACTS, LEAST_ROLE, SESSION_COOKIE, Act, Caller
from tests.web.serving import PASSWORD, Served
from tests.web.test_bad_input import assert_problem

POST = "/api/v1/inspections"
SOME_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
READS = [
    POST,
    f"{POST}/{SOME_ID}",
    f"{POST}/{SOME_ID}/photo",
    f"{POST}/{SOME_ID}/overlay",
    f"{POST}/{SOME_ID}/surface",
    f"{POST}/{SOME_ID}/reviews",
    "/api/v1/models",
    "/api/v1/recipes",
    "/api/v1/standards",
    "/api/v1/stations",
    "/api/v1/stations/line-1/keys",
    "/api/v1/events",
]


def post_with(served: Served, photo: bytes, headers: dict[str, str]) -> httpx.Response:
    with served.client(**headers) as client:
        return client.post(POST, content=photo, headers={"Content-Type": "image/jpeg"})


@pytest.mark.parametrize("path", READS)
def test_nothing_is_shown_to_nobody(served: Served, path: str) -> None:
    with served.client() as client:
        answer = client.get(path)
    assert_problem(answer, 401, "not-authenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer welt_aaaaaaaaaa_" + "0" * 64},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic d2VsdDp3ZWx0"},
        {"X-API-Key": "welt_aaaaaaaaaa_" + "0" * 64},
        {"X-API-Key": ""},
        {"Cookie": f"{SESSION_COOKIE}=nonsense"},
    ],
)
def test_a_wrong_key_is_refused(served: Served, photo: bytes, headers: dict[str, str]) -> None:
    answer = post_with(served, photo, headers)
    assert_problem(answer, 401, "not-authenticated")
    assert answer.headers["www-authenticate"]


def test_a_key_with_a_wrong_secret_is_refused(served: Served, photo: bytes) -> None:
    wrong = served.key[:-1] + ("0" if served.key[-1] != "0" else "1")
    assert_problem(post_with(served, photo, {"X-API-Key": wrong}), 401, "not-authenticated")


def test_a_key_works_in_either_header(served: Served, photo: bytes) -> None:
    assert post_with(served, photo, {"X-API-Key": served.key}).status_code == 201
    assert post_with(served, photo, {"Authorization": f"bearer {served.key}"}).status_code == 201


def test_a_revoked_key_stops_working_at_once(served: Served, photo: bytes) -> None:
    store = served.station.store
    made = stations.create_key(store, "line-1", by="test")
    assert post_with(served, photo, {"X-API-Key": made.text}).status_code == 201
    stations.revoke_key(store, made.key.key_id, by="test")
    problem = assert_problem(post_with(served, photo, {"X-API-Key": made.text}), 401, "not-authenticated")
    assert "revoked" in problem["detail"]


def test_a_key_posts_for_its_own_station_only(served: Served, photo: bytes) -> None:
    assert served.post(photo).json()["station"] == "line-1"
    assert served.post(photo, station="line-1").status_code == 201
    problem = assert_problem(served.post(photo, station="line-2"), 403, "forbidden")
    assert "line-1" in problem["detail"]


def test_a_key_neither_reviews_nor_administers(served: Served, photo: bytes) -> None:
    result_id = served.post(photo).json()["result_id"]
    review = {"decision": "agree", "revision": 0}
    for answer in (
        served.camera.post(f"{POST}/{result_id}/reviews", json=review),
        served.camera.post("/api/v1/stations", json={"name": "x"}),
        served.camera.post("/api/v1/stations/line-1/keys", json={}),
        served.camera.get("/api/v1/stations/line-1/keys"),
        served.camera.delete("/api/v1/stations/line-1/keys/abc"),
    ):
        assert_problem(answer, 403, "forbidden")


@pytest.mark.parametrize("role", list(Role))
def test_the_table_of_rights_holds_for_people(served: Served, photo: bytes, role: Role) -> None:
    result_id = served.post(photo).json()["result_id"]
    with served.person(role) as person:
        assert person.get(POST).status_code == 200
        posted = person.post(
            POST, content=photo, params={"station": "line-2"}, headers={"Content-Type": "image/jpeg"}
        )
        reviewed = person.post(f"{POST}/{result_id}/reviews", json={"decision": "agree", "revision": 0})
        added = person.post("/api/v1/stations", json={"name": f"by-{role}"})
        changed = person.post("/api/v1/standards", json={"source": "x = 1"})
    caller = Caller(name="x", role=role, station=None)
    assert posted.status_code == (201 if caller.may(Act.INSPECT) else 403)
    assert reviewed.status_code == (201 if caller.may(Act.REVIEW) else 403)
    assert changed.status_code == (422 if caller.may(Act.MANAGE_STANDARDS) else 403)
    assert added.status_code == (201 if caller.may(Act.MANAGE_STATIONS) else 403)


def test_every_act_is_in_the_table() -> None:
    assert set(LEAST_ROLE) == set(Act)
    assert set(Act) >= KEY_ACTS


def test_a_person_has_to_name_the_station(served: Served, photo: bytes) -> None:
    with served.person(Role.INSPECTOR) as person:
        answer = person.post(POST, content=photo, headers={"Content-Type": "image/jpeg"})
    assert_problem(answer, 422, "metadata")


@pytest.mark.parametrize("token", [None, "", "0" * 64])
def test_a_session_needs_its_csrf_token_to_change_anything(
    served: Served, photo: bytes, token: str | None
) -> None:
    with served.person(Role.ADMIN) as person:
        del person.headers[CSRF_HEADER]
        headers = {} if token is None else {CSRF_HEADER: token}
        assert person.get("/api/v1/stations", headers=headers).status_code == 200
        answer = person.post("/api/v1/stations", json={"name": "forged"}, headers=headers)
    assert_problem(answer, 403, "forbidden")


def test_a_disabled_person_is_out_at_once(served: Served) -> None:
    with served.person(Role.VIEWER, "leaver") as person:
        assert person.get(POST).status_code == 200
        people.disable(served.station.store, "leaver", by="test")
        assert_problem(person.get(POST), 401, "not-authenticated")


def test_a_session_ends(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with served.person(Role.VIEWER, "sleeper") as person:
        assert person.get(POST).status_code == 200
        monkeypatch.setattr(served.station.store, "now", lambda: datetime.now(UTC) + timedelta(hours=2))
        assert_problem(person.get(POST), 401, "not-authenticated")


def test_an_admin_makes_and_revokes_keys_that_are_shown_once(served: Served, photo: bytes) -> None:
    with served.person(Role.ADMIN) as admin:
        assert admin.post("/api/v1/stations", json={"name": "toe-1", "description": "toe"}).status_code == 201
        assert_problem(admin.post("/api/v1/stations", json={"name": "toe-1"}), 409, "conflict")
        made = admin.post("/api/v1/stations/toe-1/keys", json={"note": "left camera"})
        assert made.status_code == 201
        assert made.headers["cache-control"] == "no-store"
        key, key_id = made.json()["text"], made.json()["key"]["key_id"]
        listed = admin.get("/api/v1/stations/toe-1/keys")
        assert [item["note"] for item in listed.json()["items"]] == ["left camera"]
        assert key.rsplit("_", 1)[1] not in listed.text
        assert post_with(served, photo, {"X-API-Key": key}).json()["station"] == "toe-1"
        assert_problem(admin.delete(f"/api/v1/stations/line-1/keys/{key_id}"), 404, "not-found")
        assert admin.delete(f"/api/v1/stations/toe-1/keys/{key_id}").json()["revoked_at"]
        assert_problem(post_with(served, photo, {"X-API-Key": key}), 401, "not-authenticated")
        assert_problem(admin.get("/api/v1/stations/nowhere/keys"), 404, "not-found")


def test_a_browser_that_is_not_logged_in_is_led_to_the_login(served: Served) -> None:
    with served.client(Accept="text/html") as browser:
        answer = browser.get("/results?grade=C", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fresults%3Fgrade%3DC"


def test_passwords_and_keys_are_nowhere_in_the_database(served: Served) -> None:
    database = served.app.state.settings.data_dir / "welt.db"
    with served.person(Role.VIEWER):
        held = b"".join(file.read_bytes() for file in database.parent.glob("welt.db*"))
    assert PASSWORD.encode() not in held
    assert served.key.rsplit("_", 1)[1].encode() not in held
