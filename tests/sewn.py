"""Rendered photos of one straight seam across the middle, for tests that need to know what was sewn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inspection.seams.strips import Straightened, reduced
from training.synthesis.render import Sample, render
from training.synthesis.scene import (
    Camera,
    Distractor,
    Family,
    Lamp,
    Leather,
    Light,
    Rgb,
    Scene,
    Seam,
    StitchDefect,
    Thread,
)

__all__ = ["BROWN", "LIGHT", "MM_PER_PX", "PITCH_MM", "straight_seam", "strip_of"]

MM_PER_PX, PITCH_MM = 0.15, 3.0
BROWN: Rgb = (0.3, 0.2, 0.1)
LIGHT: Rgb = (0.7, 0.6, 0.5)


def straight_seam(
    *defects: StitchDefect,
    side_px: int,
    beyond_mm: float,
    leather: Rgb = BROWN,
    thread: Rgb = LIGHT,
    rows: int = 1,
    things: tuple[Distractor, ...] = (),
    jpeg: int | None = 92,
) -> Sample:
    """A square photo; places of defects are counted from 10 mm before its left side.

    Parameters
    ----------
    beyond_mm : how far the seam goes on beyond the right side.
    """
    side_mm = side_px * MM_PER_PX
    middle_mm = side_mm / 2
    seam = Seam(
        name="free",
        seed=5,
        thread=Thread(tex=70, colour=thread),
        pitch_mm=PITCH_MM,
        line_mm=((-10.0, middle_mm), (middle_mm, middle_mm), (side_mm + beyond_mm, middle_mm)),
        hole_mm=0.6,
        rows=rows,
        defects=defects,
    )
    scene = Scene(
        seed=1,
        width_px=side_px,
        height_px=side_px,
        mm_per_px=MM_PER_PX,
        base=Leather(Family.SMOOTH, seed=1, colour=leather, grain_mm=0.5, depth_mm=0.002),
        light=Light("bar", (Lamp(30, 50, 10, 1.0),)),
        camera=Camera(seed=1, jpeg=jpeg),
        seams=(seam,),
        distractors=things,
    )
    return render(scene)


def strip_of(photo: Sample) -> npt.NDArray[np.uint8]:
    """The photo's first row as the judge of stitches sees it, straightened by its true holes."""
    holes_px = photo.truth.rows[0].holes_px
    line = Straightened(holes_px, np.ones(len(holes_px) - 1, np.int64), closed=False)
    return line.strip(reduced(photo.rgb, mm_per_px=MM_PER_PX))
