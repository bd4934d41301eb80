"""Grading is monotone, and a decision that was made stands when the measurement becomes better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspection.domain import Defect, Grade, Measurement, Seam, ZoneClass
from inspection.grading import Bounds, Seen, bounds, grade_seen, grade_shoe, shoe_reasons
from inspection.standards import Standard, open_standards
from inspection.taxonomy import KINDS

STANDARDS = open_standards()
QUICK = settings(max_examples=60, deadline=None)
RANK = {Grade.A: 0, Grade.B: 1, Grade.C: 2}

# Rules of every quantity and a combination that counts, so that nothing is left to the standards that ship.
EVERY_QUANTITY = Standard.model_validate(
    {
        **STANDARDS.get("leather-1002").model_dump(by_alias=True),
        "id": "every-quantity",
        "combination": {"minor_for_b": 2, "minor_for_c": 5, "major_for_b": 1, "major_for_c": 2},
        "rules": [
            *STANDARDS.get("leather-1002").rules,
            *(
                {
                    "id": f"of-{quantity.replace('_', '-')}",
                    "kinds": ["scratch", "stain"],
                    "zones": ["primary", "secondary"],
                    "quantity": quantity,
                    "limit": limit,
                    "unit": unit,
                    "severity": severity,
                    "clause": "9",
                    "provenance": "house",
                    **more,
                }
                for quantity, limit, unit, severity, more in (
                    ("count", 2, None, "minor", {"counts_over_mm": 2.0}),
                    ("density_per_dm2", 1.5, "1/dm2", "major", {"counts_over_mm": 1.0}),
                    ("spacing_mm", 12.0, "mm", "minor", {}),
                    ("sum_length_mm", 20.0, "mm", "minor", {"per": "shoe"}),
                    ("sum_area_mm2", 30.0, "mm2", "major", {}),
                    ("width_mm", 1.0, "mm", "minor", {"grade": "B"}),
                )
            ),
        ],
        "stitching": [
            *STANDARDS.get("sports").stitching,
            *STANDARDS.get("leather-1002").stitching[-1:],
        ],
    }
)
JUDGES = [*(STANDARDS.get(name) for name in STANDARDS.ids()), EVERY_QUANTITY]
JUDGED_BY = st.sampled_from(JUDGES)

SIZES = st.one_of(st.floats(0.05, 40), st.sampled_from([1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0]))
HALVES = st.one_of(st.just(0.0), st.floats(0.001, 3))
PLACES = st.floats(0, 900)


@st.composite
def defects(draw: st.DrawFn) -> Defect:
    length_mm = draw(SIZES)
    x, y = draw(PLACES), draw(PLACES)
    side_px = length_mm / 0.1
    half = draw(HALVES)
    return Defect(
        kind=draw(st.sampled_from(["scratch", "stain", "hole", "pinhole", "loose_grain", "unknown", *KINDS])),
        zone=draw(st.sampled_from(["vamp", "quarter"])),
        zone_class=draw(st.sampled_from(ZoneClass)),
        score=draw(st.floats(0.3, 1)),
        outline_px=np.array([(x, y), (x + side_px, y), (x + side_px, y + side_px)]),
        box_px=(x, y, side_px, side_px),
        length_mm=length_mm,
        width_mm=length_mm * draw(st.floats(0.1, 1)),
        area_mm2=length_mm * draw(st.floats(0.1, 5)),
        uncertainty_mm=half,
        uncertainty_mm2=draw(HALVES),
    )


def seam_of(pitch: np.ndarray, half: np.ndarray, values: dict[str, float], halves: float) -> Seam:
    signed = {"margin_min_mm", "margin_max_mm", "margin_mean_mm"}
    return Seam(
        zone="zone",
        zone_class=ZoneClass.PRIMARY,
        points_px=np.zeros((len(pitch) + 1, 2)),
        pitch_mm=pitch,
        pitch_uncertainty_mm=half,
        measurements=tuple(
            Measurement(
                name, value if name in signed else max(value, 0), "", 0.0 if name in COUNTS else halves
            )
            for name, value in values.items()
        ),
    )


COUNTS = ("skipped", "broken")
VALUES = st.fixed_dictionaries(
    {
        "density_per_cm": st.floats(1, 8),
        "skipped": st.integers(0, 2).map(float),
        "broken": st.integers(0, 1).map(float),
        "run_off_mm": st.floats(0, 3),
        "thread_end_mm": st.floats(0, 5),
        "margin_min_mm": st.floats(-1, 3),
        "margin_max_mm": st.floats(0, 4),
        "row_gap_min_mm": st.floats(0, 3),
        "pitch_deviation_mm": st.floats(0, 1),
    }
)
PITCHES = st.lists(st.floats(1, 6), min_size=1, max_size=30).map(np.array)


@st.composite
def seams(draw: st.DrawFn) -> Seam:
    pitch = draw(PITCHES)
    return seam_of(pitch, np.full(len(pitch), draw(st.floats(0, 0.5))), draw(VALUES), draw(HALVES))


AREA = {ZoneClass.PRIMARY: 20_000.0, ZoneClass.SECONDARY: 8_000.0}


def seen(found: list[Defect], sewn: list[Seam] | tuple[Seam, ...] = ()) -> Seen:
    return Seen(defects=found, seams=tuple(sewn), mm_per_px=0.1, zone_area_mm2=AREA)


def no_better(after: Bounds, before: Bounds) -> bool:
    return RANK[after.best] >= RANK[before.best] and RANK[after.worst] >= RANK[before.worst]


PHOTOS = st.lists(defects(), max_size=6)


@QUICK
@given(found=PHOTOS, more=defects(), standard=JUDGED_BY)
def test_one_more_defect_never_improves_a_grade(
    found: list[Defect], more: Defect, standard: Standard
) -> None:
    assert no_better(bounds([seen([*found, more])], standard), bounds([seen(found)], standard))


@QUICK
@given(found=st.lists(defects(), min_size=1, max_size=6), growth=st.floats(1, 5), standard=JUDGED_BY)
def test_a_bigger_defect_never_improves_a_grade(
    found: list[Defect], growth: float, standard: Standard
) -> None:
    small = found[0]
    x, y, width, height = small.box_px
    big = replace(
        small,
        length_mm=(small.length_mm or 0) * growth,
        width_mm=(small.width_mm or 0) * growth,
        area_mm2=(small.area_mm2 or 0) * growth**2,
        box_px=(x - width * (growth - 1) / 2, y - height * (growth - 1) / 2, width * growth, height * growth),
    )
    assert no_better(bounds([seen([big, *found[1:]])], standard), bounds([seen(found)], standard))


@QUICK
@given(found=st.lists(defects(), min_size=1, max_size=6), score=st.floats(0, 1), standard=JUDGED_BY)
def test_a_defect_that_is_seen_better_never_improves_a_grade(
    found: list[Defect], score: float, standard: Standard
) -> None:
    faint = found[0]
    clear = replace(faint, score=max(faint.score, score))
    assert no_better(bounds([seen([clear, *found[1:]])], standard), bounds([seen(found)], standard))


@QUICK
@given(found=st.lists(defects(), min_size=2, max_size=6), share=st.floats(0, 1), standard=JUDGED_BY)
def test_defects_closer_together_never_improve_a_grade(
    found: list[Defect], share: float, standard: Standard
) -> None:
    def moved(defect: Defect) -> Defect:
        x, y, width, height = defect.box_px
        return replace(
            defect,
            box_px=(
                (x + width / 2) * share - width / 2,
                (y + height / 2) * share - height / 2,
                width,
                height,
            ),
        )

    close = [moved(defect) for defect in found]
    assert no_better(bounds([seen(close)], standard), bounds([seen(found)], standard))


@QUICK
@given(found=PHOTOS, share=st.floats(0.05, 1), standard=JUDGED_BY)
def test_the_same_defects_on_less_area_never_improve_a_grade(
    found: list[Defect], share: float, standard: Standard
) -> None:
    dense = replace(seen(found), zone_area_mm2={zone: area * share for zone, area in AREA.items()})
    assert no_better(bounds([dense], standard), bounds([seen(found)], standard))


@QUICK
@given(sewn=seams(), standard=JUDGED_BY, worse=st.floats(0, 3))
def test_a_worse_seam_never_improves_a_grade(sewn: Seam, standard: Standard, worse: float) -> None:
    values = {measurement.name: measurement.value for measurement in sewn.measurements}
    halves = max(measurement.uncertainty or 0 for measurement in sewn.measurements)
    for name in values:
        if name == "density_per_cm":
            continue  # has no worse direction by itself
        least = name in ("margin_min_mm", "row_gap_min_mm")
        changed = {**values, name: values[name] - worse if least else values[name] + worse}
        bad = seam_of(sewn.pitch_mm, sewn.pitch_uncertainty_mm, changed, halves)
        if name == "row_gap_min_mm" and values[name] < worse:
            continue
        assert no_better(bounds([seen([], [bad])], standard), bounds([seen([], [sewn])], standard)), name


@QUICK
@given(sewn=seams(), standard=JUDGED_BY, at=st.integers(0, 100), stretch=st.floats(1, 4))
def test_a_longer_stretch_off_the_specification_never_improves_a_grade(
    sewn: Seam, standard: Standard, at: int, stretch: float
) -> None:
    # No standard here takes a stitch of 10 mm for right, so a longer one only lengthens the stretch.
    pitch = sewn.pitch_mm.copy()
    pitch[at % len(pitch)] = 10.0
    before = replace(sewn, pitch_mm=pitch)
    longer = pitch.copy()
    longer[at % len(pitch)] = 10.0 * stretch
    after = replace(sewn, pitch_mm=longer)
    assert no_better(bounds([seen([], [after])], standard), bounds([seen([], [before])], standard))


@QUICK
@given(found=PHOTOS, sewn=st.lists(seams(), max_size=2), standard=JUDGED_BY, share=st.floats(0, 1))
def test_a_smaller_uncertainty_never_flips_a_decision(
    found: list[Defect], sewn: list[Seam], standard: Standard, share: float
) -> None:
    sharp = [
        replace(
            defect,
            uncertainty_mm=(defect.uncertainty_mm or 0) * share,
            uncertainty_mm2=(defect.uncertainty_mm2 or 0) * share,
        )
        for defect in found
    ]
    sharp_seams = [
        replace(
            seam,
            pitch_uncertainty_mm=seam.pitch_uncertainty_mm * share,
            measurements=tuple(
                replace(each, uncertainty=(each.uncertainty or 0) * share) for each in seam.measurements
            ),
        )
        for seam in sewn
    ]
    before = bounds([seen(found, sewn)], standard)
    after = bounds([seen(sharp, sharp_seams)], standard)
    if before.grade is not Grade.RECHECK:
        assert after.grade is before.grade
    # Also undecided, the two ends only come together.
    assert RANK[before.best] <= RANK[after.best] <= RANK[after.worst] <= RANK[before.worst]


@QUICK
@given(found=PHOTOS, sewn=st.lists(seams(), max_size=2), standard=JUDGED_BY)
def test_a_verdict_says_the_same_as_its_bounds_and_gives_its_reasons(
    found: list[Defect], sewn: list[Seam], standard: Standard
) -> None:
    photo = seen(found, sewn)
    verdict, told = grade_seen(photo, standard), bounds([photo], standard)
    assert verdict.grade is told.grade
    if verdict.grade is not Grade.A:
        assert verdict.reasons
        grades = {reason.grade for reason in verdict.reasons}
        assert verdict.grade in grades
    for reason in verdict.reasons:
        assert reason.clause
        assert reason.basis in ("verified", "agreed", "house")
        assert reason.message.endswith(".")


@QUICK
@given(views=st.lists(PHOTOS, min_size=1, max_size=4), standard=JUDGED_BY)
def test_a_shoe_is_never_better_than_one_of_its_photos(views: list[list[Defect]], standard: Standard) -> None:
    photos = [seen(found) for found in views]
    shoe = bounds(photos, standard)
    assert grade_shoe(photos, standard).grade is shoe.grade
    assert all(no_better(shoe, bounds([photo], standard)) for photo in photos)


VIEWS = st.lists(PHOTOS, min_size=2, max_size=4)


@QUICK
@given(views=VIEWS, more=defects(), standard=JUDGED_BY)
def test_one_more_defect_in_a_view_never_improves_a_shoe(
    views: list[list[Defect]], more: Defect, standard: Standard
) -> None:
    before = [seen(view) for view in views]
    after = [seen([*views[0], more]), *before[1:]]
    assert no_better(bounds(after, standard), bounds(before, standard))


@QUICK
@given(views=VIEWS, growth=st.floats(1, 5), standard=JUDGED_BY)
def test_bigger_defects_of_a_view_never_improve_a_shoe(
    views: list[list[Defect]], growth: float, standard: Standard
) -> None:
    before = [seen(view) for view in views]
    grown = [
        replace(
            defect,
            length_mm=(defect.length_mm or 0) * growth,
            width_mm=(defect.width_mm or 0) * growth,
            area_mm2=(defect.area_mm2 or 0) * growth**2,
        )
        for defect in views[0]
    ]
    assert no_better(bounds([seen(grown), *before[1:]], standard), bounds(before, standard))


@QUICK
@given(views=VIEWS, share=st.floats(0, 1), standard=JUDGED_BY)
def test_a_smaller_uncertainty_never_flips_what_was_decided_of_a_shoe(
    views: list[list[Defect]], share: float, standard: Standard
) -> None:
    sharp = [
        seen(
            [
                replace(
                    defect,
                    uncertainty_mm=(defect.uncertainty_mm or 0) * share,
                    uncertainty_mm2=(defect.uncertainty_mm2 or 0) * share,
                )
                for defect in view
            ]
        )
        for view in views
    ]
    before, after = bounds([seen(view) for view in views], standard), bounds(sharp, standard)
    assert RANK[before.best] <= RANK[after.best] <= RANK[after.worst] <= RANK[before.worst]


@QUICK
@given(found=PHOTOS, sewn=st.lists(seams(), max_size=2), views=st.integers(2, 4), standard=JUDGED_BY)
def test_what_several_views_show_at_the_same_places_costs_for_certain_what_one_shows(
    found: list[Defect], sewn: list[Seam], views: int, standard: Standard
) -> None:
    photo = seen(found, sewn)
    shoe = bounds([photo] * views, standard)
    assert shoe.best is bounds([photo], standard).best


def one_rule(combination: dict[str, int], **rule: object) -> Standard:
    return Standard.model_validate(
        {
            **STANDARDS.get("general").model_dump(by_alias=True),
            "id": "one-rule",
            "combination": {"provenance": "house", **combination},
            "rules": [
                {
                    "id": "scratches",
                    "kinds": ["scratch"],
                    "zones": ["primary"],
                    "clause": "1",
                    "provenance": "house",
                    **rule,
                }
            ],
            "stitching": [],
        }
    )


FAULTS = one_rule(
    {"minor_for_b": 1, "minor_for_c": 4}, quantity="length_mm", limit=1.0, unit="mm", severity="minor"
)
COUNTED = one_rule({"major_for_c": 1}, quantity="count", limit=3, per="shoe", severity="major")
NAMES = ("vamp", "quarter", "toe")


@QUICK
@given(
    views=st.lists(st.lists(st.sampled_from(NAMES), max_size=4), min_size=2, max_size=4), scratch=defects()
)
def test_at_a_place_there_are_for_certain_as_many_as_one_view_shows_and_perhaps_as_many_as_all_do(
    views: list[list[str]], scratch: Defect
) -> None:
    scratch = replace(
        scratch, kind="scratch", zone_class=ZoneClass.PRIMARY, length_mm=5.0, uncertainty_mm=0.1
    )
    shoe = [seen([replace(scratch, zone=name) for name in view]) for view in views]
    certain = sum(max(view.count(name) for view in views) for name in NAMES)
    possible = sum(len(view) for view in views)

    def of_faults(number: int) -> Grade:
        return Grade.C if number >= 4 else Grade.B if number >= 1 else Grade.A

    assert bounds(shoe, FAULTS) == Bounds(of_faults(certain), of_faults(possible))
    fewest, most = (Grade.C if number > 3 else Grade.A for number in (certain, possible))
    assert bounds(shoe, COUNTED) == Bounds(fewest, most)


@QUICK
@given(found=PHOTOS, standard=JUDGED_BY)
def test_places_of_other_names_are_other_places(found: list[Defect], standard: Standard) -> None:
    elsewhere = [replace(defect, zone=f"other-{defect.zone}") for defect in found]
    apart, perhaps_one = (bounds([seen(found), seen(view)], standard) for view in (elsewhere, found))
    assert no_better(apart, perhaps_one)
    assert apart.worst is perhaps_one.worst


def test_every_kind_of_rule_took_part() -> None:
    quantities = {rule.quantity for standard in JUDGES for rule in standard.every_rule}
    assert len(quantities) >= 25
    with pytest.raises(KeyError):
        RANK[Grade.RECHECK]


@QUICK
@given(views=st.lists(PHOTOS, min_size=2, max_size=4), standard=JUDGED_BY)
def test_photos_and_what_they_break_together_make_the_verdict_of_the_shoe(
    views: list[list[Defect]], standard: Standard
) -> None:
    photos = [seen(view) for view in views]
    together = [reason.grade for reason in shoe_reasons(photos, standard)]
    alone = [grade_seen(photo, standard).grade for photo in photos]
    worst = min([*together, *alone], key=[Grade.C, Grade.RECHECK, Grade.B, Grade.A].index)
    assert worst is grade_shoe(photos, standard).grade
