"""The API of calibrations: photos of a board in, calibrations with their history out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Path, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from inspection.calibration.boards import BOARDS
from inspection.calibration.files import CalibrationFile
from inspection.calibration.printing import board_pdf
from inspection.document import Moment
from inspection.errors import NotFoundError
from inspection.store import calibrations
from inspection.store.calibrations import CheckRecord, StoredCalibration
from inspection.web.calibration_forms import BoardDep, LargeForms, ShotsDep, check, make
from inspection.web.deps import CalibrationManager, Reader, SettingsDep, StationDep
from inspection.web.problems import problem_responses

__all__ = ["router"]

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


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
    shots: ShotsDep,
    plane: Annotated[UploadFile, File()],
    photos: Annotated[list[UploadFile] | None, File()] = None,
) -> CalibrationAnswer:
    """Make a calibration of photos of a board, and put it in force."""
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
    shots: BoardDep,
    photo: Annotated[UploadFile, File()],
) -> CheckAnswer:
    """Tell from a photo of the board whether a calibration still holds."""
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
