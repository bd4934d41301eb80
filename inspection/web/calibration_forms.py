"""Forms that bring photos of a board: the fields beside the photos, and what is made of both.

The API and the page take the same fields and call the same two functions.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Form, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.datastructures import Headers

from inspection import calibrating
from inspection.calibrating import Session
from inspection.calibration.boards import board_named
from inspection.errors import CalibrationError, MetadataError, UploadTooLargeError
from inspection.settings import Settings
from inspection.station import Station
from inspection.store import calibrations
from inspection.store.calibrations import CheckRecord, NewCalibration, StoredCalibration

__all__ = ["BoardDep", "LargeForms", "Shots", "ShotsDep", "check", "make"]

LARGEST_UPLOADS = 12.0
"""Times ``max_upload_mb`` that the photos of one calibration may have together: a dozen at their largest."""

_Text = Annotated[str, Form(max_length=200)]


class LargeForms(APIRoute):
    """Refuses a form that is too large before it is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_sized(request: Request) -> Response:
            if request.method == "POST":
                settings: Settings = request.app.state.settings
                _check_size(request.headers, LARGEST_UPLOADS * settings.max_upload_mb)
            return await handle(request)

        return handle_sized


def _check_size(headers: Headers, limit_mb: float) -> None:
    length = headers.get("content-length", "0" if "transfer-encoding" not in headers else "")
    if not length.isascii() or not length.isdigit() or int(length) > limit_mb * 1e6:
        raise UploadTooLargeError(
            f"The form has {length or 'an unknown number of'} bytes; {limit_mb:g} MB are taken.",
            hint="Send fewer photos of the board, or raise WELT_MAX_UPLOAD_MB.",
        )


class Shots(BaseModel):
    """The fields beside the photos of a form, as text; an empty one was left out."""

    model_config = ConfigDict(frozen=True)

    station: str = ""
    view: str = ""
    board: str = "a4"
    ruler_mm: str = ""
    height_mm: str = ""
    lens: str = ""
    name: str = ""
    note: str = ""

    def session(self, settings: Settings) -> Session:
        """How the photos were taken; MetadataError for a number that is none."""
        return Session(
            board_named(self.board.strip() or "a4"),
            ruler_mm=_number("ruler_mm", self.ruler_mm),
            height_mm=_number("height_mm", self.height_mm) or 0.0,
            lens_name=self.lens.strip() or None,
            max_pixels=int(settings.max_photo_mp * 1e6),
        )


def _shots_of(
    station: _Text = "",
    view: _Text = "",
    board: _Text = "a4",
    ruler_mm: _Text = "",
    height_mm: _Text = "",
    lens: _Text = "",
    name: _Text = "",
    note: _Text = "",
) -> Shots:
    return Shots(
        station=station,
        view=view,
        board=board,
        ruler_mm=ruler_mm,
        height_mm=height_mm,
        lens=lens,
        name=name,
        note=note,
    )


def _board_of(board: _Text = "a4", ruler_mm: _Text = "") -> Shots:
    return Shots(board=board, ruler_mm=ruler_mm)


ShotsDep = Annotated[Shots, Depends(_shots_of)]
"""The fields of a form that makes a calibration."""
BoardDep = Annotated[Shots, Depends(_board_of)]
"""The fields of a form that checks one."""


def _number(name: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e6:
        raise MetadataError(f"{name} is {text[:40]!r}, which is no number of mm.", hint="Write it like 199.8")
    return value


async def _bodies(photos: list[UploadFile], settings: Settings) -> list[calibrating.Encoded]:
    """Labels and bytes of the photos; an empty field of a form brings none."""
    named = [photo for photo in photos if photo.filename or photo.size]
    if len(named) > calibrating.MAX_PHOTOS:
        raise CalibrationError(
            f"{len(named)} photos are too many; {calibrating.MAX_PHOTOS} are taken.",
            hint="8 to 15 good ones are best.",
        )
    bodies = []
    for number, photo in enumerate(named, 1):
        if (photo.size or 0) > settings.max_upload_mb * 1e6:
            raise UploadTooLargeError(
                f"{photo.filename} has {(photo.size or 0) / 1e6:.1f} MB; "
                f"at most {settings.max_upload_mb:g} MB are accepted.",
                hint="Send a smaller photo, such as a JPEG of quality 95, or raise WELT_MAX_UPLOAD_MB.",
            )
        bodies.append((photo.filename or f"photo {number}", await photo.read()))
    return bodies


async def make(
    station: Station,
    settings: Settings,
    shots: Shots,
    photos: list[UploadFile],
    plane: UploadFile,
    *,
    by: str,
) -> StoredCalibration:
    """Calibrate with the photos of a form, and put the calibration in force."""
    tilted = await _bodies(photos, settings)
    flat = await _bodies([plane], settings)
    if not flat:
        raise CalibrationError(
            "There is no photo of the board on the plane of the part.",
            hint="Send it as plane: the board lying flat where the part will lie.",
        )

    def work() -> StoredCalibration:
        made = calibrating.from_board(tilted, flat[0], shots.session(settings))
        new = NewCalibration(
            shots.station.strip(),
            shots.view.strip(),
            made.file,
            name=shots.name.strip() or None,
            note=shots.note.strip(),
            coverage_png=made.coverage_png,
        )
        return calibrations.add(station.store, new, by=by)

    return await run_in_threadpool(work)


async def check(
    station: Station, settings: Settings, name: str, shots: Shots, photo: UploadFile, *, by: str
) -> CheckRecord:
    """Check a calibration with the photo of a form."""
    taken = await _bodies([photo], settings)
    if not taken:
        raise CalibrationError("There is no photo of the board.", hint="Send it as photo.")

    def work() -> CheckRecord:
        stored = calibrations.by_id(station.store, name)
        told = calibrating.check_photo(stored.file, taken[0], shots.session(settings))
        return calibrations.add_check(station.store, stored.calibration_id, told, by=by)

    return await run_in_threadpool(work)
