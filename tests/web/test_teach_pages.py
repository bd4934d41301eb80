"""The pages of teaching: from ticked results to a version in force, while the line goes on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx2 as httpx
import pytest

from inspection import novelty
from inspection.access import Role
from inspection.store import banks
from inspection.store.audit import Action
from inspection.store.banks import State
from tests import factories
from tests.novelty.conftest import good_rgb
from tests.novelty.test_teaching import PAINT
from tests.web.serving import Served, make_settings, serve
from tests.web.test_pages import begin_session, browser, token

pytestmark = pytest.mark.slow
"""Each teaching is a process of its own, with its own start."""

PAGE = "/teach/default/upper"
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def teaching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service whose model gives features, with eight good photos and a bad one of a view inspected."""
    folder = tmp_path_factory.mktemp("teaching")
    models = factories.write_models(folder / "models", embedding=True)
    with serve(make_settings(folder, models)) as served:
        for seed in range(8):
            _post(served, good_rgb(seed))
        yield served


def _post(served: Served, rgb: factories.RGB) -> dict[str, object]:
    meta = {"station": "line-1", "view": "upper", "mm_per_px": str(factories.MODEL_MM_PER_PX)}
    answer = served.camera.post(
        "/api/v1/inspections",
        params=meta,
        content=factories.encode_png(rgb),
        headers={"Content-Type": "image/png"},
    )
    assert answer.status_code == 201, answer.text
    content: dict[str, object] = answer.json()
    return content


@pytest.fixture(scope="module")
def engineer(teaching: Served) -> Iterator[httpx.Client]:
    with browser(teaching, begin_session(teaching, Role.ENGINEER)) as client:
        yield client


def _wait(served: Served) -> banks.Teaching:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        [newest] = banks.teachings(served.station.store, "default", "upper", limit=1)
        if newest.state is not State.RUNNING:
            return newest
        time.sleep(0.1)
    raise TimeoutError("the teaching did not end")


def _ticked(page: str) -> list[str]:
    return re.findall(r'name="result_id" value="(\w{26})" checked', page)


def test_good_results_are_taught_and_judge_the_next_photo(teaching: Served, engineer: httpx.Client) -> None:
    assert PAGE in engineer.get("/teach").text
    page = engineer.get(PAGE).text
    assert len(_ticked(page)) == 8
    form = {"csrf_token": token(page), "percent": "1", "why": "first"}
    begun = engineer.post(PAGE, data={**form, "result_id": _ticked(page)})
    assert begun.status_code == 303
    assert engineer.post(PAGE, data={**form, "result_id": _ticked(page)}).status_code == 409
    assert "%" in engineer.get(f"{PAGE}/state").text
    _post(teaching, good_rgb(20))  # the line goes on meanwhile
    ended = _wait(teaching)
    assert ended.state is State.DONE, ended
    teaching.station.banks.refresh()
    found = _post(teaching, good_rgb(70, PAINT))
    assert found["novelty"]["version"] == 1  # type: ignore[index]
    assert [defect["kind"] for defect in found["defects"]] == ["unknown"]  # type: ignore[attr-defined]
    shown = engineer.get(PAGE, params={"percent": "20"}).text
    assert "first" in shown
    assert "1 stored result " in shown
    changed = engineer.post(f"{PAGE}/limit", data={**form, "percent": "20", "seen_version": "1"})
    assert changed.status_code == 303
    stale = engineer.post(f"{PAGE}/limit", data={**form, "percent": "5", "seen_version": "1"})
    assert stale.status_code == 409
    assert (
        engineer.post(f"{PAGE}/rollback", data={**form, "version": "1", "seen_version": "2"}).status_code
        == 303
    )
    assert [one.version for one in banks.history(teaching.station.store, "default", "upper")] == [3, 2, 1]
    # One photo more, from its own page.
    good = _post(teaching, good_rgb(71))
    result = engineer.get(f"/results/{good['result_id']}").text
    assert f"/results/{good['result_id']}/good" in result
    assert engineer.post(f"/results/{good['result_id']}/good", data=form).status_code == 303
    assert _wait(teaching).state is State.DONE
    newest = banks.history(teaching.station.store, "default", "upper")[0]
    assert (newest.version, len(newest.photos)) == (4, 9)
    assert engineer.post(f"{PAGE}/off", data=form).status_code == 303
    assert teaching.station.banks.get("default", "upper") is None


def test_a_suspect_is_shown_and_decided_on(teaching: Served, engineer: httpx.Client) -> None:
    bad = _post(teaching, good_rgb(72, PAINT))
    page = engineer.get(PAGE).text
    form = {"csrf_token": token(page), "percent": "1", "replace": "true"}
    taught = [*_ticked(page)[-8:], str(bad["result_id"])]
    assert engineer.post(PAGE, data={**form, "result_id": taught}).status_code == 303
    ended = _wait(teaching)
    assert ended.state is State.WAITING, ended
    shown = engineer.get(f"{PAGE}/state").text
    assert f"/results/{bad['result_id']}" in shown
    assert engineer.post(f"{PAGE}/suspects", data=form).status_code == 303
    assert _wait(teaching).state is State.DONE
    assert len(banks.history(teaching.station.store, "default", "upper")[0].photos) == len(taught) - 1


def test_a_teaching_whose_process_is_killed_changes_nothing(teaching: Served, engineer: httpx.Client) -> None:
    before = banks.history(teaching.station.store, "default", "upper")
    page = engineer.get(PAGE).text
    form = {"csrf_token": token(page), "percent": "1", "replace": "true", "result_id": _ticked(page)[:6]}
    assert engineer.post(PAGE, data=form).status_code == 303
    teaching.app.state.jobs.close()
    store = teaching.station.store
    [cut_off] = banks.teachings(store, "default", "upper", limit=1)
    assert cut_off.state is State.RUNNING
    assert banks.history(store, "default", "upper") == before
    # So that the next one need not wait until this one is seen to be dead.
    banks.note_progress(store, cut_off.teaching_id, progress=cut_off.progress, state=State.FAILED)


def test_too_few_are_refused_before_a_teaching_begins(teaching: Served, engineer: httpx.Client) -> None:
    begun = banks.teachings(teaching.station.store, "default", "upper", limit=500)
    page = engineer.get(PAGE).text
    form = {"csrf_token": token(page), "percent": "1"}
    refused = engineer.post(PAGE, data={**form, "result_id": _ticked(page)[:1]})
    assert refused.status_code == 422
    assert "Too few good photos to teach: 1" in refused.text
    chinese = {"Cookie": f"{_cookies(engineer)}; welt_language=zh"}
    assert "0 张良品照片太少" in engineer.post(PAGE, data=form, headers=chinese).text
    assert banks.teachings(teaching.station.store, "default", "upper", limit=500) == begun


def _cookies(client: httpx.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def test_programs_teach_by_the_api(teaching: Served) -> None:
    with teaching.person(Role.ENGINEER) as client:
        results = [str(_post(teaching, good_rgb(seed))["result_id"]) for seed in range(80, 86)]
        body = {"results": results, "replace": True, "keep": results, "why": "api"}
        begun = client.post("/api/v1/novelty/default/upper/teachings", json=body)
        assert begun.status_code == 202, begun.text
        assert _wait(teaching).state is State.DONE
        told = client.get(f"/api/v1/teachings/{begun.json()['teaching_id']}").json()
        assert told["state"] == "done"
        [newest] = client.get("/api/v1/novelty").json()["items"]
        assert newest["version"] == told["version"]
        assert newest["photos"] == 6
        tried = client.get("/api/v1/novelty/default/upper/preview", params={"false_rejects": 0.2}).json()
        assert tried["limit"] < newest["limit"]
        teaching.station.banks.refresh()
        judged = _post(teaching, good_rgb(90))
        heat = client.get(f"/api/v1/inspections/{judged['result_id']}/novelty")
        assert heat.headers["content-type"] == "image/png"
        limit = {"false_rejects": 0.2, "seen_version": newest["version"]}
        assert client.post("/api/v1/novelty/default/upper/limit", json=limit).status_code == 200
        assert client.post("/api/v1/novelty/default/upper/limit", json=limit).status_code == 409
        assert client.delete("/api/v1/novelty/default/upper").json()["on"] is False
        other = {"results": [results[0]], "false_rejects": 0.01}
        assert client.post("/api/v1/novelty/default/toe/teachings", json=other).status_code == 422
    assert teaching.camera.post("/api/v1/novelty/default/upper/teachings", json=body).status_code == 403


def test_what_was_taught_with_another_model_is_told_and_taught_again(
    teaching: Served, engineer: httpx.Client
) -> None:
    station = teaching.station
    photos = [str(_post(teaching, good_rgb(seed))["result_id"]) for seed in range(100, 106)]
    with teaching.person(Role.ENGINEER) as client:
        body = {"results": photos, "keep": photos, "replace": True, "false_rejects": 0.02}
        assert client.post("/api/v1/novelty/default/upper/teachings", json=body).status_code == 202
    assert _wait(teaching).state is State.DONE
    taught = banks.history(station.store, "default", "upper")[0]
    assert taught.bank_sha256 is not None
    assert "/again" not in engineer.get(PAGE).text
    # As a model with other features would have left it.
    model, features = "1" * 64, "2" * 64
    kept = novelty.bank_of_bytes(station.photos.get(taught.bank_sha256))
    bank = replace(kept, model_sha256=model, features_sha256=features)
    banks.add(
        station.store,
        replace(
            taught,
            bank_sha256=station.photos.put(novelty.bank_to_bytes(bank)),
            model_sha256=model,
            features_sha256=features,
        ),
        by="li",
        action=Action.TAUGHT,
        seen_version=taught.version,
    )
    station.banks.refresh()
    result = _post(teaching, good_rgb(110))
    assert result["novelty"] is None
    assert result["novelty_not_judged"] == "other_model"
    assert f'<a href="{PAGE}">Teach it again</a>' in engineer.get(f"/results/{result['result_id']}").text
    assert "taught with another model" in engineer.get("/teach").text
    page = engineer.get(PAGE).text
    assert f"Teach its {len(taught.photos)} stored photos again" in page
    with teaching.person(Role.ENGINEER) as client:
        [told, *_] = client.get("/api/v1/novelty/default/upper").json()["items"]
        assert (told["on"], told["fits_model"]) == (True, False)
    assert engineer.post(f"{PAGE}/again", data={"csrf_token": token(page)}).status_code == 303
    assert _wait(teaching).state is State.DONE
    newest = banks.history(station.store, "default", "upper")[0]
    assert (newest.version, newest.false_rejects) == (taught.version + 2, 0.02)
    assert newest.photos == taught.photos
    station.banks.refresh()
    assert _post(teaching, good_rgb(111))["novelty"] is not None


def test_only_engineers_teach(teaching: Served) -> None:
    with browser(teaching, begin_session(teaching, Role.INSPECTOR)) as inspector:
        page = inspector.get("/teach")
        assert page.status_code == 200
        answer = inspector.post(PAGE, data={"csrf_token": token(page.text), "percent": "1"})
        assert answer.status_code == 403
        assert inspector.get("/teach/default/moon").status_code == 404


def test_a_form_of_another_site_is_refused(teaching: Served, engineer: httpx.Client) -> None:
    for path in (
        PAGE,
        f"{PAGE}/limit",
        f"{PAGE}/off",
        f"{PAGE}/rollback",
        f"{PAGE}/suspects",
        f"{PAGE}/again",
    ):
        assert (
            engineer.post(path, data={"percent": "1", "seen_version": "0", "version": "1"}).status_code == 403
        )
