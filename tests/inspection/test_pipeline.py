"""Drawn photos go through the real runtime and come out with the right verdict."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspection.calibration import calibrate
from inspection.domain import CalibrationSource, Finding, Grade, Metadata
from inspection.errors import ScaleError, UnknownNameError
from inspection.pipeline import STAGES, Setup, inspect, prepare, sensitivity
from inspection.recipes import open_recipes
from inspection.registry import Model, open_serving
from inspection.standards import open_standards
from tests import factories
from tests.factories import Spot

RECIPES = open_recipes()
STANDARDS = open_standards()


@pytest.fixture(scope="module")
def model(models_dir: Path) -> Model:
    return open_serving(models_dir, threads=1)


def setup_of(model: Model, *, mm_per_px: float | None = 0.1, view: str | None = None) -> Setup:
    metadata = Metadata(station="bench", mm_per_px=mm_per_px, view=view)
    return prepare(metadata, model=model, recipes=RECIPES, standards=STANDARDS)


def inspected(model: Model, *spots: Spot, mm_per_px: float = 0.1, view: str | None = None) -> Finding:
    photo = factories.make_photo(spots, mm_per_px=mm_per_px)
    return inspect(photo, setup_of(model, mm_per_px=mm_per_px, view=view), clock=lambda: 0.0)


def test_sound_leather_is_graded_a(model: Model) -> None:
    finding = inspected(model)
    assert finding.verdict.grade is Grade.A
    assert finding.defects == ()


def test_a_drawn_hole_is_found_measured_and_rejected(model: Model) -> None:
    hole = Spot((30, 22), length_mm=6, width_mm=4, angle_deg=25)
    finding = inspected(model, hole)
    (defect,) = finding.defects
    assert defect.kind == "hole"
    assert defect.zone == "upper"
    assert defect.length_mm == pytest.approx(6, abs=defect.uncertainty_mm)
    assert defect.width_mm == pytest.approx(4, abs=defect.uncertainty_mm)
    assert defect.area_mm2 == pytest.approx(hole.area_mm2, abs=defect.uncertainty_mm2)
    centre_mm = (defect.outline_px.mean(axis=0) + 0.5) * 0.1
    assert centre_mm == pytest.approx(hole.at_mm, abs=0.15)
    assert finding.verdict.grade is Grade.C
    assert finding.verdict.reasons[0].rule == "open-leather-primary"


def test_a_stain_is_judged_by_its_length_and_its_zone(model: Model) -> None:
    short = Spot((30, 22), 3.0, 1.0, kind="stain", shape="rectangle")
    long = Spot((30, 22), 7.0, 1.0, kind="stain", shape="rectangle")
    limit = Spot((30, 22), 5.0, 1.0, kind="stain")
    assert inspected(model, short).verdict.grade is Grade.B
    assert inspected(model, long).verdict.grade is Grade.C
    assert inspected(model, limit).verdict.grade is Grade.RECHECK
    assert inspected(model, long, view="heel").verdict.grade is Grade.B
    assert inspected(model, short, view="heel").verdict.grade is Grade.A


@given(
    length_mm=st.floats(4, 15),
    width_mm=st.floats(2.0, 4.0),
    angle_deg=st.floats(0, 180),
    at_mm=st.tuples(st.floats(12, 50), st.floats(12, 36)),
    kind=st.sampled_from(["hole", "stain"]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_drawn_defect_is_measured_within_its_uncertainty(
    model: Model, length_mm: float, width_mm: float, angle_deg: float, at_mm: tuple[float, float], kind: str
) -> None:
    spot = Spot(at_mm, length_mm, width_mm, angle_deg, kind=kind, shape="rectangle")
    (defect,) = inspected(model, spot).defects
    assert defect.kind == kind
    assert defect.length_mm == pytest.approx(math.hypot(length_mm, width_mm), abs=defect.uncertainty_mm)
    assert defect.width_mm == pytest.approx(min(length_mm, width_mm), abs=defect.uncertainty_mm)
    assert defect.area_mm2 == pytest.approx(spot.area_mm2, abs=defect.uncertainty_mm2)


@pytest.mark.parametrize("mm_per_px", [0.05, 0.1, 0.2])
def test_sizes_in_mm_do_not_depend_on_the_camera(model: Model, mm_per_px: float) -> None:
    spot = Spot((14, 11), 6, 3, 40)
    (defect,) = inspected(model, spot, mm_per_px=mm_per_px).defects
    assert defect.length_mm == pytest.approx(6, abs=0.25)
    assert defect.width_mm == pytest.approx(3, abs=0.25)


def test_without_a_scale_defects_are_listed_and_the_verdict_is_a_recheck(model: Model) -> None:
    photo = factories.make_photo([Spot((30, 22), 7, 1, kind="stain")])
    finding = inspect(photo, setup_of(model, mm_per_px=None), clock=lambda: 0.0)
    (defect,) = finding.defects
    assert defect.length_mm is None
    assert defect.box_px[2] == pytest.approx(70, abs=3)
    assert finding.calibration is None
    assert finding.verdict.grade is Grade.RECHECK
    assert finding.verdict.reasons[0].rule == "scale"


def test_every_stage_is_timed_by_the_clock_that_is_given(model: Model) -> None:
    ticks = itertools.count()
    finding = inspect(factories.make_photo(), setup_of(model), clock=lambda: float(next(ticks)))
    assert finding.took_ms == dict.fromkeys(STAGES, 1000.0)


def test_the_same_photo_gives_the_same_finding(model: Model) -> None:
    spots = [Spot((20, 15), 5, 2, 30), Spot((45, 30), 8, 1, kind="stain")]
    first, second = inspected(model, *spots), inspected(model, *spots)
    assert first.verdict == second.verdict
    assert [d.outline_px.tolist() for d in first.defects] == [d.outline_px.tolist() for d in second.defects]


def test_the_recipe_overrides_the_thresholds_of_the_model(model: Model) -> None:
    plain = setup_of(model)
    recipe = plain.recipe.model_copy(update={"thresholds": {"hole": 0.9}})
    assert sensitivity(plain).thresholds == {"hole": 0.5, "stain": 0.5}
    changed = Setup(model, recipe, plain.standard, plain.view, plain.calibration)
    assert sensitivity(changed).thresholds == {"hole": 0.9, "stain": 0.5}


def test_metadata_chooses_recipe_view_standard_and_scale(model: Model) -> None:
    setup = setup_of(model, mm_per_px=0.25, view="heel")
    assert (setup.recipe.name, setup.view, setup.standard.id) == ("default", "heel", "general")
    assert setup.calibration == calibrate(mm_per_px=0.25, calibration=None, view_mm_per_px=None, known={})
    assert setup.calibration is not None
    assert setup.calibration.source is CalibrationSource.CAMERA
    with pytest.raises(UnknownNameError):
        setup_of(model, view="inside")
    with pytest.raises(ScaleError):
        setup_of(model, mm_per_px=math.nan)
