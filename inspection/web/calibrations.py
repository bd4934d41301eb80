"""The API of calibrations: photos of a board in, calibrations with their history out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Path, Query, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers

from inspection import calibrating
from inspection.calibrating import Session
from inspection.calibration.boards import BOARDS, board_named
from inspection.calibration.files import CalibrationFile
from inspection.calibration.printing import board_pdf
from inspection.document import Moment
from inspection.errors import CalibrationError, MetadataError, NotFoundError, UploadTooLargeError
from inspection.settings import Settings
from inspection.station import Station
from inspection.store import calibrations
from inspection.store.calibrations import CheckRecord, NewCalibration, StoredCalibration
from inspection.web.deps import CalibrationManager, Reader, SettingsDep, StationDep
from inspection.web.problems import problem_responses

__all__ = ["LargeForms", "Shots", "check", "make", "router"]

LARGEST_UPLOADS = 12.0
"""Times ``max_upload_mb`` that the photos of one calibration may have together: a dozen at their largest."""
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


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


router = APIRouter(route_class=LargeForms)


class CheckAnswer(BaseModel):
    """One check of a calibration."""

    model_config = ConfigDict(frozen=True)

    at: Moment
    by: str
    scale_error: float = Field(description="Measured over true length, less 1.")
    worst_mm: float = Field(description="Largest distance of a corner from its place.")
    holds: bool

    @classmethod
    def of(cls, record: CheckRecord) -> CheckAnswer:
        """The answer that tells of a check."""
        return cls(
            at=record.at,
            by=record.by,
            scale_error=record.scale_error,
            worst_mm=record.worst_mm,
            holds=record.holds,
        )


class CalibrationAnswer(BaseModel):
    """A calibration with its place in the history."""

    model_config = ConfigDict(frozen=True)

    calibration_id: str
    name: str
    station: str
    view: str
    made_at: Moment
    made_by: str
    note: str
    in_force: bool
    checked_at: Moment | None = Field(description="Of the last check that it passed.")
    has_coverage: bool
    content: CalibrationFile

    @classmethod
    def of(cls, stored: StoredCalibration) -> CalibrationAnswer:
        """The answer that tells of a calibration."""
        return cls(
            calibration_id=stored.calibration_id,
            name=stored.name,
            station=stored.station,
            view=stored.view,
            made_at=stored.made_at,
            made_by=stored.made_by,
            note=stored.note,
            in_force=stored.in_force,
            checked_at=stored.checked_at,
            has_coverage=stored.has_coverage,
            content=stored.file,
        )


class CalibrationList(BaseModel):
    """Calibrations, newest first."""

    items: list[CalibrationAnswer]


CalibrationName = Annotated[str, Path(pattern=NAME, description="Id or name of the calibration.")]
BoardName = Annotated[str, Path(pattern=r"^[a-z0-9]{1,16}$", description="Name of the board.")]
_Text = Annotated[str, Form(max_length=200)]


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


@router.post(
    "/api/v1/calibrations",
    name="create_calibration",
    status_code=201,
    tags=["calibrations"],
    summary="Make a calibration of photos of a board",
    responses=problem_responses(400, 401, 403, 409, 413, 422, 503),
)
async def create_calibration(
    caller: CalibrationManager,
    station: StationDep,
    settings: SettingsDep,
    plane: Annotated[UploadFile, File()],
    photos: Annotated[list[UploadFile] | None, File()] = None,
    station_name: Annotated[str, Form(alias="station", max_length=200)] = "",
    view: _Text = "",
    board: _Text = "a4",
    ruler_mm: _Text = "",
    height_mm: _Text = "",
    lens: _Text = "",
    name: _Text = "",
    note: _Text = "",
) -> CalibrationAnswer:
    """Make a calibration of photos of a board, and put it in force."""
    shots = Shots(
        station=station_name,
        view=view,
        board=board,
        ruler_mm=ruler_mm,
        height_mm=height_mm,
        lens=lens,
        name=name,
        note=note,
    )
    return CalibrationAnswer.of(await make(station, settings, shots, photos or [], plane, by=caller.name))


@router.post(
    "/api/v1/calibrations/{name}/checks",
    name="check_calibration",
    status_code=201,
    tags=["calibrations"],
    summary="Check a calibration with a photo of the board",
    responses=problem_responses(400, 401, 403, 404, 413, 422, 503),
)
async def check_calibration(
    name: CalibrationName,
    caller: CalibrationManager,
    station: StationDep,
    settings: SettingsDep,
    photo: Annotated[UploadFile, File()],
    board: _Text = "a4",
    ruler_mm: _Text = "",
) -> CheckAnswer:
    """Tell from a photo of the board whether a calibration still holds."""
    shots = Shots(board=board, ruler_mm=ruler_mm)
    return CheckAnswer.of(await check(station, settings, name, shots, photo, by=caller.name))


@router.get(
    "/api/v1/calibrations",
    name="list_calibrations",
    tags=["calibrations"],
    summary="The calibrations, newest first",
    responses=problem_responses(401, 403, 422, 503),
)
def list_calibrations(
    caller: Reader,
    station: StationDep,
    of_station: Annotated[str | None, Query(alias="station", max_length=128, pattern=r"^[^\x00]*$")] = None,
    view: Annotated[str | None, Query(max_length=128, pattern=r"^[^\x00]*$")] = None,
) -> CalibrationList:
    """All of them, or those of one station or view."""
    found = calibrations.history(station.store, station=of_station, view=view)
    return CalibrationList(items=[CalibrationAnswer.of(one) for one in found])


@router.get(
    "/api/v1/calibrations/{name}",
    name="read_calibration",
    tags=["calibrations"],
    summary="Read a calibration",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def read_calibration(name: CalibrationName, caller: Reader, station: StationDep) -> CalibrationAnswer:
    """By its id or name."""
    return CalibrationAnswer.of(calibrations.by_id(station.store, name))


@router.get(
    "/api/v1/calibrations/{name}/coverage",
    name="read_coverage",
    tags=["calibrations"],
    summary="Where the board was seen",
    response_class=Response,
    responses={
        200: {
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
            "description": "The frame of the photo; corners are coloured by their error.",
        },
        **problem_responses(401, 403, 404, 422, 503),
    },
)
def read_coverage(name: CalibrationName, caller: Reader, station: StationDep) -> Response:
    """The coverage map."""
    png = calibrations.coverage_png(station.store, name)
    return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=86400"})


@router.post(
    "/api/v1/calibrations/{name}/activate",
    name="activate_calibration",
    tags=["calibrations"],
    summary="Put a calibration in force",
    responses=problem_responses(401, 403, 404, 422, 503),
)
def activate_calibration(
    name: CalibrationName, caller: CalibrationManager, station: StationDep
) -> CalibrationAnswer:
    """At its station and view; also to go back to an earlier one."""
    return CalibrationAnswer.of(calibrations.activate(station.store, name, by=caller.name))


@router.get(
    "/api/v1/boards/{name}",
    name="read_board",
    tags=["calibrations"],
    summary="A calibration board to print",
    response_class=Response,
    responses={
        200: {
            "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
            "description": "One sheet at true size.",
        },
        **problem_responses(401, 403, 404, 422, 503),
    },
)
def read_board(name: BoardName, caller: Reader) -> Response:
    """The PDF; print it at 100 %."""
    if name not in BOARDS:
        raise NotFoundError(f"There is no board named {name!r}.", hint=f"Boards: {', '.join(BOARDS)}.")
    return Response(
        board_pdf(BOARDS[name]),
        media_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="welt-board-{name}.pdf"'},
    )
