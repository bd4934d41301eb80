"""From the network's stitch map to rows of stitches in millimetres.

``find_seams`` is the stage: needle holes as peaks of the map (``points``), strung into rows along the
thread (``tracing``), placed finer in the photo itself (``refining``), looked at step by step for missing
stitches and thread (``gaps``), set against the panel's edge (``margins``) and the rows beside (``rows``),
and measured (``measures``).
"""

from inspection.seams.finding import find_seams

__all__ = ["find_seams"]
