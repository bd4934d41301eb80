"""Learns what good parts look like from a few photos, and finds what does not belong.

The method is that of PatchCore (Roth et al., "Towards Total Recall in Industrial Anomaly Detection",
CVPR 2022, arXiv:2106.08265): features of a network averaged over small neighbourhoods, a greedy coreset of
those of good photos, and for every place of a new photo the distance to the nearest of them. What differs is
said where it is done: the scale of the distances, teaching under changed light, and a limit that comes from
good photos which the bank has not seen.
"""

from inspection.novelty.bank import (
    FULL_SCALE,
    MAX_VECTORS,
    Bank,
    NoveltyMap,
    ZoneBank,
    bank_of_bytes,
    bank_to_bytes,
    look,
)
from inspection.novelty.fusing import MIN_AREA_MM2, as_maps, unexplained
from inspection.novelty.limits import LARGEST_SHARE, SMALLEST_SHARE, Limit, choose_limit, percentile_of
from inspection.novelty.serving import InForce, judge
from inspection.novelty.teaching import (
    MAX_PHOTOS,
    MIN_PHOTOS,
    Estimate,
    GoodPhoto,
    Lesson,
    Suspect,
    Taught,
    check_count,
    estimate,
    teach,
)

__all__ = [
    "FULL_SCALE",
    "LARGEST_SHARE",
    "MAX_PHOTOS",
    "MAX_VECTORS",
    "MIN_AREA_MM2",
    "MIN_PHOTOS",
    "SMALLEST_SHARE",
    "Bank",
    "Estimate",
    "GoodPhoto",
    "InForce",
    "Lesson",
    "Limit",
    "NoveltyMap",
    "Suspect",
    "Taught",
    "ZoneBank",
    "as_maps",
    "bank_of_bytes",
    "bank_to_bytes",
    "check_count",
    "choose_limit",
    "estimate",
    "judge",
    "look",
    "percentile_of",
    "teach",
    "unexplained",
]
