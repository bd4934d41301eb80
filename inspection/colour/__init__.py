"""Colours as people see them: CIELAB of a photo's zones under one light, CIEDE2000 between two photos."""

from inspection.colour.difference import ciede2000
from inspection.colour.light import ColourDifference, colour_differences
from inspection.colour.spaces import lab_of_linear, linear_of_lab, linear_of_srgb, srgb_of_linear
from inspection.colour.zones import Patch, zone_colours

__all__ = [
    "ColourDifference",
    "Patch",
    "ciede2000",
    "colour_differences",
    "lab_of_linear",
    "linear_of_lab",
    "linear_of_srgb",
    "srgb_of_linear",
    "zone_colours",
]
