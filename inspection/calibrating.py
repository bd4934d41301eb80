"""Turns photos of a board, as they come from a camera, into a calibration that can be stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inspection import imaging
from inspection.calibration.boards import Board, Sighting, find_board
from inspection.calibration.checking import Check, check
from inspection.calibration.coverage import coverage_png
from inspection.calibration.files import CalibrationFile
from inspection.calibration.printing import RULER_MM
from inspection.calibration.solving import (
    RULER_MEASURED,
    RULER_UNMEASURED,
    Solution,
    from_length,
    raised,
    solve,
    solve_plane,
)
from inspection.domain import Lens
from inspection.errors import CalibrationError, PhotoError

__all__ = ["MAX_PHOTOS", "Encoded", "Made", "Session", "check_photo", "from_board", "from_known_length"]

MAX_PHOTOS = 40
"""More tell nothing new, and each takes a second."""
_RULER_SHARE = 0.05  # a ruler off by more than this was misread

Encoded = tuple[str, bytes]
"""A photo's label and its encoded bytes."""


@dataclass(frozen=True)
class Session:
    """How the photos were taken.

    Attributes
    ----------
    ruler_mm : length of the printed ruler as somebody measured it; None when nobody did.
    height_mm : of the part's surface above the board, towards the camera.
    lens_name : what the camera calls its lens.
    max_pixels : largest photo accepted.
    """

    board: Board
    ruler_mm: float | None = None
    height_mm: float = 0.0
    lens_name: str | None = None
    max_pixels: int = 64_000_000

    @property
    def ruler_scale(self) -> float:
        """Measured over nominal length of the ruler; CalibrationError for one that was misread."""
        nominal_mm = RULER_MM[self.board.paper]
        scale = 1.0 if self.ruler_mm is None else self.ruler_mm / nominal_mm
        if not abs(scale - 1) <= _RULER_SHARE:
            raise CalibrationError(
                f"The ruler on the board {self.board.name} cannot measure {self.ruler_mm:g} mm: "
                f"it is {nominal_mm:g} mm when printed at 100 %.",
                hint="Measure it from its first to its last tick, in mm; or print again at 100 %.",
            )
        return scale

    @property
    def ruler_uncertainty(self) -> float:
        """Of the board's size, as a share, k = 2."""
        return RULER_UNMEASURED if self.ruler_mm is None else RULER_MEASURED


@dataclass(frozen=True, eq=False)
class Made:
    """A calibration that was just made; ``solution`` is None without a board."""

    file: CalibrationFile
    solution: Solution | None = None
    coverage_png: bytes | None = None


def from_board(
    tilted: Sequence[Encoded],
    plane: Encoded,
    session: Session,
    *,
    lens: Lens | None = None,
    with_lens: bool = True,
) -> Made:
    """Calibrate with a board.

    Parameters
    ----------
    plane : photo of the board on the plane of the part.
    lens : that is known already; then the plane alone is found, and ``tilted`` has to be empty.
    with_lens : False takes the lens as free of distortion, and the plane alone is found.

    Raises
    ------
    CalibrationError, BoardError, PhotoError : what is wrong with which photo, and what to do.
    """
    if len(tilted) + 1 > MAX_PHOTOS:
        raise CalibrationError(
            f"{len(tilted) + 1} photos are too many; {MAX_PHOTOS} are taken.",
            hint="8 to 15 good ones are best.",
        )
    sightings = [_sighting(photo, session) for photo in (*tilted, plane)]
    ruler = {"ruler_uncertainty": session.ruler_uncertainty, "ruler_scale": session.ruler_scale}
    if lens is None and with_lens:
        solution = solve(sightings[:-1], sightings[-1], **ruler)
    elif tilted:
        raise CalibrationError(
            "With a lens that is taken as known, one photo is enough.",
            hint="Give only the photo of the board on the plane of the part.",
        )
    else:
        solution = solve_plane(sightings[-1], lens=lens, **ruler)
    calibration = replace(raised(solution.calibration, session.height_mm), lens_name=session.lens_name)
    file = CalibrationFile.of(calibration).model_copy(
        update={
            "height_mm": session.height_mm,
            "photos": len(sightings),
            "rms_px": solution.rms_px,
            "coverage": solution.coverage,
            "board": session.board.name,
            "ruler_scale": session.ruler_scale,
        }
    )
    return Made(file, solution, coverage_png(solution))


def from_known_length(
    ends_px: tuple[tuple[float, float], tuple[float, float]],
    *,
    length_mm: float,
    uncertainty_mm: float,
    lens_name: str | None = None,
) -> Made:
    """Calibrate with a length that is known in a photo."""
    calibration = from_length(ends_px, length_mm=length_mm, uncertainty_mm=uncertainty_mm)
    return Made(CalibrationFile.of(replace(calibration, lens_name=lens_name)))


def check_photo(file: CalibrationFile, photo: Encoded, session: Session) -> Check:
    """Measure the board in a photo with a calibration; see `checking.check`.

    The board lies where it lay when the calibration was made, whatever ``height_mm`` that was for.
    """
    calibration = file.calibration()
    if file.height_mm and calibration.distance_mm is not None:
        calibration = raised(calibration, -file.height_mm)
    return check(calibration, _sighting(photo, session), ruler_scale=session.ruler_scale)


def _sighting(photo: Encoded, session: Session) -> Sighting:
    label, body = photo
    try:
        decoded = imaging.decode(body, max_pixels=session.max_pixels)
    except PhotoError as error:
        raise type(error)(f"{label}: {error.detail}", hint=error.hint) from error
    return find_board(decoded, session.board, label=label)
