"""Finds the zones of a photo: where the recipe says they are, or where they moved with the part.

Without a reference photo, zones are shares of the photo. With one, the photo is laid on the reference and
zones and expected seams follow the part. A part that is not found for sure has no zones, and its photo goes
to a person: never a wrong zone.
"""

from inspection.locating.finding import find
from inspection.locating.learning import Reference, learn
from inspection.locating.placing import Located, locate
from inspection.locating.silhouettes import SIDE_PX, outline_of_part

__all__ = ["SIDE_PX", "Located", "Reference", "find", "learn", "locate", "outline_of_part"]
