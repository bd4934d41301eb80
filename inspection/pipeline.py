"""Takes a photo through every stage, from pixels to verdict."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inspection import detecting, grading, locating, measuring, runtime, seams
from inspection.calibration import calibrate, fitted
from inspection.detecting import Sensitivity
from inspection.domain import Calibration, Finding, Metadata, Photo
from inspection.recipes import Recipe, Recipes
from inspection.registry import Model
from inspection.standards import Standard, Standards

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STAGES", "Setup", "inspect", "prepare"]

STAGES = ("network", "detecting", "seams", "measuring", "grading")
"""Names in ``Finding.took_ms``, in order; ``network`` includes pre-processing."""


@dataclass(frozen=True, eq=False)
class Setup:
    """All that a photo is judged with.

    Attributes
    ----------
    view : name of one of the recipe's views.
    calibration : None when the scale of the photo is not known.
    lens_name : of the photo; None where the camera does not say.
    """

    model: Model
    recipe: Recipe
    standard: Standard
    view: str
    calibration: Calibration | None
    lens_name: str | None = None


def prepare(
    metadata: Metadata,
    *,
    model: Model,
    recipes: Recipes,
    standards: Standards,
    stored: Calibration | None = None,
) -> Setup:
    """Choose recipe, view, standard and scale for a photo.

    Parameters
    ----------
    stored : the stored calibration that the metadata names, or without a name the one in force.

    Raises
    ------
    UnknownNameError, ScaleError : the metadata names or says something that cannot be used.
    """
    recipe = recipes.get(metadata.recipe)
    view = recipe.view_name(metadata.view)
    return Setup(
        model=model,
        recipe=recipe,
        standard=standards.get(recipe.standard),
        view=view,
        calibration=calibrate(
            mm_per_px=metadata.mm_per_px,
            calibration=metadata.calibration,
            view_mm_per_px=recipe.views[view].mm_per_px,
            known=recipe.calibrations,
            stored=stored,
        ),
        lens_name=metadata.lens,
    )


def inspect(photo: Photo, setup: Setup, *, clock: Callable[[], float]) -> Finding:
    """Inspect one photo.

    Parameters
    ----------
    clock : seconds that only go up, such as ``time.perf_counter``; for the stages' times alone, no result
        depends on it.
    """
    took_ms: dict[str, float] = {}

    def timed(stage: str) -> AbstractContextManager[None]:
        return _timed(stage, took_ms, clock)

    calibration = setup.calibration and fitted(
        setup.calibration, photo_size_px=(photo.width_px, photo.height_px), lens_name=setup.lens_name
    )
    mm_per_px = calibration.mm_per_px if calibration and calibration.gives_sizes else None
    with timed("network"):
        maps = runtime.infer(setup.model.network, photo.rgb, photo_mm_per_px=mm_per_px, spec=setup.model.spec)
    with timed("detecting"):
        view = setup.recipe.view(setup.view)
        zones = locating.locate(view, width_px=photo.width_px, height_px=photo.height_px)
        detection = detecting.detect(maps, zones, sensitivity(setup), mm_per_px=mm_per_px)
    with timed("seams"):
        found = seams.find_seams(maps, photo.rgb, zones, calibration, spec=setup.model.spec)
    with timed("measuring"):
        step_px = measuring.grid_step_px(maps)
        heights_mm = {zone.name: zone.height_mm for zone in zones}
        defects = measuring.measure(detection.defects, calibration, step_px=step_px, heights_mm=heights_mm)
        measurements = measuring.summarise(defects)
    with timed("grading"):
        verdict = grading.grade(
            defects,
            setup.standard,
            calibration,
            seams=found,
            zone_area_mm2={} if mm_per_px is None else measuring.zone_area_mm2(zones, mm_per_px),
            left_out=detection.left_out,
        )
    return Finding(
        verdict=verdict,
        zones=zones,
        defects=defects,
        measurements=measurements,
        maps=maps,
        calibration=calibration,
        left_out=detection.left_out,
        seams=found,
        took_ms=took_ms,
    )


def sensitivity(setup: Setup) -> Sensitivity:
    """Thresholds of the model, with those that the recipe overrides."""
    manifest, recipe = setup.model.manifest, setup.recipe
    return Sensitivity(
        thresholds={**manifest.thresholds, **recipe.thresholds},
        min_area_mm2={**manifest.min_area_mm2, **recipe.min_area_mm2},
        nominal_mm_per_px=manifest.mm_per_px,
    )


@contextmanager
def _timed(stage: str, took_ms: dict[str, float], clock: Callable[[], float]) -> Iterator[None]:
    began = clock()
    yield
    took_ms[stage] = (clock() - began) * 1000
