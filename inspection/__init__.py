"""Footwear inspection at the line: photos in, graded and logged results out."""

__all__ = ["__version__"]

__version__ = "0.1.0"
