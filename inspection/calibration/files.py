"""Calibrations as JSON text: for files, and for the store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from inspection.calibration.choosing import MAX_MM_PER_PX, MIN_MM_PER_PX
from inspection.domain import Calibration, CalibrationSource, Lens
from inspection.errors import ConfigurationError

__all__ = ["CalibrationFile", "from_json", "to_json"]

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Row = tuple[Finite, Finite, Finite]


class LensFile(BaseModel):
    """See ``domain.Lens``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    focal_px: tuple[Positive, Positive]
    centre_px: tuple[Finite, Finite]
    distortion: tuple[Finite, Finite, Finite, Finite, Finite]


class CalibrationFile(BaseModel):
    """A calibration as it is written; see ``domain.Calibration`` for its fields.

    Attributes
    ----------
    height_mm : of the part's plane above the board, which a check takes off again.
    photos : boards that it was made of; 0 without a board.
    rms_px, coverage : see ``solving.Solution``.
    board, ruler_scale : what the photos showed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    schema_: Literal["welt.calibration/1"] = Field("welt.calibration/1", alias="schema")
    mm_per_px: Annotated[float, Field(ge=MIN_MM_PER_PX, le=MAX_MM_PER_PX, allow_inf_nan=False)]
    source: CalibrationSource
    homography: tuple[Row, Row, Row] | None = None
    lens: LensFile | None = None
    photo_size_px: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] | None = None
    lens_name: str | None = Field(None, max_length=200)
    distance_mm: Positive | None = None
    scale_uncertainty: Share = 0.0
    rms_mm: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    made_at: AwareDatetime | None = None
    height_mm: Finite = 0.0
    photos: Annotated[int, Field(ge=0)] = 0
    rms_px: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    coverage: Annotated[float, Field(ge=0, le=1)] | None = None
    board: str | None = None
    ruler_scale: Positive = 1.0

    @classmethod
    def of(cls, calibration: Calibration) -> CalibrationFile:
        """The file of a calibration; what a calibration does not know is left as it is by default."""
        homography, lens = calibration.homography, calibration.lens
        return cls(
            mm_per_px=calibration.mm_per_px,
            source=calibration.source,
            homography=None if homography is None else homography.tolist(),
            lens=None
            if lens is None
            else LensFile(focal_px=lens.focal_px, centre_px=lens.centre_px, distortion=lens.distortion),
            photo_size_px=calibration.photo_size_px,
            lens_name=calibration.lens_name,
            distance_mm=calibration.distance_mm,
            scale_uncertainty=calibration.scale_uncertainty,
            rms_mm=calibration.rms_mm,
            made_at=calibration.made_at,
        )

    def calibration(
        self, *, id: str | None = None, name: str | None = None, checked_at: datetime | None = None
    ) -> Calibration:
        """The calibration, with what a store knows beside it."""
        return Calibration(
            mm_per_px=self.mm_per_px,
            source=self.source,
            homography=None if self.homography is None else np.array(self.homography, np.float64),
            lens=None if self.lens is None else Lens(**self.lens.model_dump()),
            photo_size_px=self.photo_size_px,
            lens_name=self.lens_name,
            distance_mm=self.distance_mm,
            scale_uncertainty=self.scale_uncertainty,
            rms_mm=self.rms_mm,
            id=id,
            name=name,
            made_at=None if self.made_at is None else self.made_at.astimezone(UTC),
            checked_at=checked_at,
        )


def to_json(file: CalibrationFile) -> str:
    """JSON text, the same for the same calibration."""
    return file.model_dump_json(indent=2) + "\n"


def from_json(text: str, *, label: str) -> CalibrationFile:
    """Read what `to_json` wrote; ConfigurationError names the first fault.

    Parameters
    ----------
    label : of the file, for messages.
    """
    try:
        return CalibrationFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(
            f"{label}: {where}: {first['msg']}", hint="Use a file that welt calibrate --out wrote, unchanged."
        ) from error
