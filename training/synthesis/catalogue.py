"""The kinds of defect that can be rendered, in the order of their indices in every mask."""

from __future__ import annotations

from inspection.taxonomy import KINDS, SOUND
from training.synthesis import leather_defects, stitch_defects
from training.synthesis.stitch_defects import Size

SIZES: dict[str, Size] = {**stitch_defects.SIZES, **leather_defects.SIZES}

KIND_NAMES: tuple[str, ...] = (SOUND, *(kind for kind in KINDS if kind in SIZES))
