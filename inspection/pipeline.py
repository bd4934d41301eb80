"""Takes a photo through every stage, from pixels to verdict."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inspection import colour, detecting, expecting, grading, locating, measuring, novelty, runtime, seams
from inspection.calibration import calibrate, fitted
from inspection.detecting import Sensitivity
from inspection.domain import (
    Calibration,
    Defect,
    Finding,
    Foot,
    Maps,
    Measurement,
    Metadata,
    Novelty,
    Photo,
    PhotoColours,
    Zone,
)
from inspection.locating import Located, Reference
from inspection.novelty import InForce
from inspection.recipes import Recipe, Recipes
from inspection.registry import Model
from inspection.runtime import Output
from inspection.standards import Standard, Standards
from inspection.taxonomy import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STAGES", "Setup", "inspect", "prepare", "scale_of"]

Taught = Callable[[str, str], InForce | None]

STAGES = ("network", "locating", "detecting", "novelty", "seams", "measuring", "grading")
"""Names in ``Finding.took_ms``, in order; ``network`` includes pre-processing."""


@dataclass(frozen=True, eq=False)
class Setup:
    """All that a photo is judged with.

    Attributes
    ----------
    view : name of one of the recipe's views.
    calibration : None when the scale of the photo is not known.
    lens_name : of the photo; None where the camera does not say.
    taught : what good parts look like in this view, by features such as the model gives; None when it was not
        taught.
    taught_otherwise : it was taught with features of another model, so novelty is not judged.
    paired : the photo is of a shoe of a pair, so its colours are wanted to compare them.
    reference : what the photo is laid on; None where the recipe's view has no reference photo.
    foot : which shoe the photo shows; None where nobody said, and both ways are tried.
    """

    model: Model
    recipe: Recipe
    standard: Standard
    view: str
    calibration: Calibration | None
    lens_name: str | None = None
    taught: InForce | None = None
    taught_otherwise: bool = False
    paired: bool = False
    reference: Reference | None = None
    foot: Foot | None = None


def prepare(
    metadata: Metadata,
    *,
    model: Model,
    recipes: Recipes,
    standards: Standards,
    stored: Calibration | None = None,
    taught: Taught | None = None,
) -> Setup:
    """Choose recipe, view, standard and scale for a photo.

    Parameters
    ----------
    stored : the stored calibration that the metadata names, or without a name the one in force.
    taught : gives the bank in force for a recipe and a view, by their names; it is not used with features of
        another model than its own.

    Raises
    ------
    UnknownNameError, ScaleError : the metadata names or says something that cannot be used.
    """
    recipe = recipes.get(metadata.recipe)
    view = recipe.view_name(metadata.view)
    in_force = None if taught is None else taught(recipe.name, view)
    usable = in_force is not None and model.gives_features_of(
        model_sha256=in_force.bank.model_sha256, features_sha256=in_force.bank.features_sha256
    )
    return Setup(
        model=model,
        recipe=recipe,
        standard=standards.get(recipe.standard),
        view=view,
        calibration=scale_of(metadata, recipe, view, stored=stored),
        lens_name=metadata.lens,
        taught=in_force if usable else None,
        taught_otherwise=in_force is not None and not usable,
        paired=metadata.pair_id is not None,
    )


def scale_of(
    metadata: Metadata, recipe: Recipe, view: str, *, stored: Calibration | None
) -> Calibration | None:
    """Choose the scale of a photo; see `calibration.calibrate`."""
    return calibrate(
        mm_per_px=metadata.mm_per_px,
        calibration=metadata.calibration,
        view_mm_per_px=recipe.views[view].mm_per_px,
        known=recipe.calibrations,
        stored=stored,
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
        maps = runtime.infer(
            setup.model.network,
            photo.rgb,
            photo_mm_per_px=mm_per_px,
            spec=setup.model.spec,
            outputs=[output for output in Output if setup.taught or output is not Output.EMBEDDING],
        )
    with timed("locating"):
        located = locating.find(
            setup.recipe.view(setup.view), photo.rgb, reference=setup.reference, foot=setup.foot
        )
    zones = located.zones
    with timed("detecting"):
        detection = detecting.detect(
            maps, zones, sensitivity(setup), mm_per_px=mm_per_px, part_px=located.part_px
        )
    with timed("novelty"):
        # A part that was not found has no zones, and nothing to compare.
        novel = novelty.judge(maps, zones, setup.taught) if setup.taught and zones else None
        unknown = () if novel is None else _unknown(novel, maps, located, detection.defects, setup, mm_per_px)
    with timed("seams"):
        found = seams.find_seams(maps, photo.rgb, zones, calibration, spec=setup.model.spec)
        expected = located.seams
        if expected:
            expected, found = expecting.look_for(
                expected,
                found,
                zones,
                calibration,
                registration=located.registration,
                photo_size_px=(photo.width_px, photo.height_px),
                nominal_mm_per_px=setup.model.manifest.mm_per_px,
                looked=maps.stitches is not None,
            )
    with timed("measuring"):
        step_px = measuring.grid_step_px(maps)
        heights_mm = {zone.name: zone.height_mm for zone in zones}
        defects = measuring.measure(detection.defects, calibration, step_px=step_px, heights_mm=heights_mm)
        if novel is not None:
            rows, columns = novel.grid.shape
            coarse_px = max(photo.width_px / columns, photo.height_px / rows)
            defects += measuring.measure(unknown, calibration, step_px=coarse_px, heights_mm=heights_mm)
        measurements = measuring.summarise(defects)
        if setup.paired:
            measurements += _part_size(photo, zones, calibration)
        colours = _colours(photo, zones, defects, setup) if setup.paired and zones else None
    with timed("grading"):
        verdict = grading.grade(
            defects,
            setup.standard,
            calibration,
            seams=found,
            zone_area_mm2={} if mm_per_px is None else measuring.zone_area_mm2(zones, mm_per_px),
            left_out=detection.left_out,
            expected=expected,
        )
        if located.registration is not None and not located.registration.found:
            verdict = grading.not_located(located.registration)
        else:
            verdict = grading.with_cut_off_zones(verdict, zones, located.visible)
    return Finding(
        verdict=verdict,
        zones=zones,
        defects=defects,
        measurements=measurements,
        maps=maps,
        calibration=calibration,
        left_out=detection.left_out,
        seams=found,
        novelty=novel,
        colours=colours,
        expected_seams=expected,
        registration=located.registration,
        took_ms=took_ms,
    )


def _unknown(
    novel: Novelty,
    maps: Maps,
    located: Located,
    known: tuple[Defect, ...],
    setup: Setup,
    mm_per_px: float | None,
) -> tuple[Defect, ...]:
    """Novel regions that no known kind explains, as defects of kind unknown."""
    wanted = Sensitivity(
        thresholds={UNKNOWN: detecting.EXTENT_PROBABILITY},
        min_area_mm2={UNKNOWN: novelty.MIN_AREA_MM2},
        nominal_mm_per_px=setup.model.manifest.mm_per_px,
    )
    found = detecting.detect(
        novelty.as_maps(novel, photo_size_px=maps.photo_size_px),
        located.zones,
        wanted,
        mm_per_px=mm_per_px,
        part_px=located.part_px,
    )
    return novelty.unexplained(found.defects, known, novel, photo_size_px=maps.photo_size_px)


def _part_size(
    photo: Photo, zones: tuple[Zone, ...], calibration: Calibration | None
) -> tuple[Measurement, ...]:
    """Length and height of the shoe, where it lies wholly on a plain background and the scale is known."""
    if calibration is None or not calibration.gives_sizes:
        return ()
    outline_px = locating.outline_of_part(photo.rgb)
    if outline_px is None:
        return ()
    return measuring.size_of_part(
        outline_px,
        calibration,
        step_px=max(1.0, max(photo.width_px, photo.height_px) / locating.SIDE_PX),
        height_mm=max((zone.height_mm for zone in zones), default=0.0),
    )


def _colours(
    photo: Photo, zones: tuple[Zone, ...], defects: tuple[Defect, ...], setup: Setup
) -> PhotoColours | None:
    size_px = np.array([photo.width_px, photo.height_px], np.float64)
    return colour.zone_colours(
        photo,
        zones,
        leave_out=[defect.outline_px for defect in defects],
        patches=[
            colour.Patch(np.array(tile.outline, np.float64) * size_px - 0.5, tile.lab)
            for tile in setup.recipe.view(setup.view).white
        ],
    )


def sensitivity(setup: Setup) -> Sensitivity:
    """Thresholds of the model, with those that the recipe overrides."""
    return sensitivity_of(setup.model, setup.recipe)


def sensitivity_of(model: Model, recipe: Recipe) -> Sensitivity:
    """Thresholds of a model, with those that a recipe overrides."""
    manifest = model.manifest
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
