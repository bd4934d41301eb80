"""How well seams are measured: rendered scenes with exact truth, through drawn and through served maps.

The drawn maps have a network's faults, known ones; they tell what the geometry is worth. The served model
tells what both are worth together. Scenes come from seeds that no training uses.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bench.oracle import Faults, maps_of
from bench.sight import RowSight, sight_of
from bench.table import Figure, wilson
from inspection import runtime
from inspection.domain import Calibration, CalibrationSource, Lens, Maps, Seam, Zone, ZoneClass
from inspection.registry import Model, open_serving
from inspection.runtime import NetworkSpec
from inspection.seams import find_seams
from training.scenes import HELD_OUT
from training.synthesis.render import Sample, render
from training.synthesis.sampling import Request, sample
from training.synthesis.truth import RowTruth

F64 = npt.NDArray[np.float64]

SEED = 5_000_005
"""Of the scenes; training draws from others."""

SPEC = NetworkSpec(
    kinds=("sound", "hole"),
    mm_per_px=0.15,
    stride=2,
    tile_px=512,
    overlap_px=64,
    multiple=32,
    edge_outward_mm=Faults().outward_mm,
)
SIDE_2MP = 1414
GAPS = ("skipped_stitch", "broken_thread")
"""Kinds of defect that leave a stitch or its thread out."""
_MATCHED_MM = 0.5
_LEAST_HOLES = 6
"""A row that shows fewer in the photo is not counted."""
_UNKNOWABLE = {"wrong_margin", "uneven_rows"}
"""Faults that move or turn a whole row: no line through it tells where it was meant to go."""


_WHOLE = 0.9
"""Share of the stitches of a row that one seam has to hold to have found it whole."""
_MOSTLY = 0.5
"""Share of the stitches of a row that have to show for it to be one that can be seen."""


@dataclass
class Found:
    """How many of what there is were found, and how many more were sent to a person."""

    there: int = 0
    found: int = 0
    sent: int = 0

    def share(self) -> float:
        """Of what there is, NaN of nothing."""
        return self.found / self.there if self.there else float("nan")

    def share_sent(self) -> float:
        """Of what there is, with what was sent to a person."""
        return (self.found + self.sent) / self.there if self.there else float("nan")


@dataclass
class Tally:
    """What is counted over all scenes; ``_shown`` is what of it a camera could see, see ``sight``."""

    pitch: list[float] = field(default_factory=list)
    pitch_known: list[float] = field(default_factory=list)
    density: list[float] = field(default_factory=list)
    margin: list[float] = field(default_factory=list)
    margin_signed: list[float] = field(default_factory=list)
    run_off: list[float] = field(default_factory=list)
    inside: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    wide: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    rows: Found = field(default_factory=Found)
    rows_shown: Found = field(default_factory=Found)
    seams: int = 0
    joined: int = 0
    invented: int = 0
    gaps: Found = field(default_factory=Found)
    gaps_shown: Found = field(default_factory=Found)
    gaps_of: dict[str, Found] = field(default_factory=lambda: defaultdict(Found))
    doubts: int = 0
    false_gaps: int = 0
    metres: float = 0.0

    def compare(self, seam: Seam, name: str, true: float) -> float | None:
        """Error of a measurement, with whether its uncertainty holds; None where it is not known."""
        found = seam.measured(name)
        if found is None or found.uncertainty is None:
            return None
        error = found.value - true
        self.inside[name].append(abs(error) <= found.uncertainty)
        self.wide[name].append(found.uncertainty)
        return error


FAMILIES = tuple(sorted(family.value for family in HELD_OUT))
"""Of leather, that no training has seen."""


def scenes(
    count: int,
    *,
    mm_per_px: float,
    side_px: int = 640,
    tilted: bool = False,
    kinds: tuple[str, ...] = (),
    families: tuple[str, ...] = FAMILIES,
    first: int = 0,
) -> Iterator[Sample]:
    """Rendered photos with a seam; the camera looks straight down unless ``tilted``.

    Parameters
    ----------
    families : of leather; empty for all.
    first : photos before this number are left out.
    kinds : of defects that every photo has some of; empty for what comes by chance, and for sound photos too.
    """
    request = Request(
        side_px=side_px,
        mm_per_px=(mm_per_px, mm_per_px),
        leather_only=0.0,
        kinds=kinds,
        families=families,
        sound=0.0 if kinds else Request().sound,
    )
    index = made = 0
    while made < first + count:
        scene = sample(request, seed=SEED + round(1000 * mm_per_px), index=index)
        index += 1
        if not scene.seams:
            continue
        if not tilted:
            scene = replace(scene, camera=replace(scene.camera, tilt_x=0.0, tilt_y=0.0, distortion=0.0))
        made += 1
        if made > first:
            yield render(scene)


def calibration_of(made: Sample) -> Calibration:
    """The true calibration of a rendered photo."""
    g = made.truth.geometry
    if g.plain:
        return Calibration(made.truth.mm_per_px, CalibrationSource.REFERENCE)
    k = (
        g.distortion
    )  # the renderer takes distortion away by a polynomial, OpenCV puts it on: a series inverts it
    lens = Lens(
        focal_px=(g.reach_px, g.reach_px),
        centre_px=(float(g.middle_px[0]), float(g.middle_px[1])),
        distortion=(-k, 3 * k**2, 0.0, 0.0, -12 * k**3),
    )
    return Calibration(made.truth.mm_per_px, CalibrationSource.CHARUCO, homography=g.to_mm, lens=lens)


def whole_photo(made: Sample) -> Zone:
    """The zone of the default recipe."""
    h, w = made.rgb.shape[:2]
    outline = np.array([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]])
    return Zone("photo", ZoneClass.PRIMARY, outline)


def count_scene(
    tally: Tally, made: Sample, seams: tuple[Seam, ...], sight: Sequence[RowSight] | None = None
) -> None:
    """Compare the seams of one photo with its truth.

    Parameters
    ----------
    sight : what of each row shows; None leaves out what is counted of that.
    """
    rows = [(row, run) for row in made.truth.rows if len(run := _shown(row)) >= _LEAST_HOLES]
    none = np.empty(0, np.int64)
    all_px = np.concatenate([np.empty((0, 2)), *(row.holes_px for row in made.truth.rows)])
    owner = np.concatenate([none, *(np.full(len(row.holes_px), k) for k, row in enumerate(made.truth.rows))])
    place = np.concatenate([none, *(np.arange(len(row.holes_px)) for row in made.truth.rows)])
    matched: list[tuple[Seam, npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    for seam in seams if len(all_px) else ():
        d = np.hypot(*(seam.points_px[:, None] - all_px[None]).transpose(2, 0, 1))
        best = d.argmin(axis=1)
        near = d[np.arange(len(d)), best] * made.truth.mm_per_px < _MATCHED_MM
        matched.append((seam, np.where(near, owner[best], -1).astype(int), place[best]))
        tally.seams += 1
        tally.invented += bool(near.mean() < 0.5)
        counts = np.bincount(matched[-1][1][near].astype(int)) if near.any() else np.zeros(1, int)
        ranked = np.sort(counts)[::-1]
        tally.joined += bool(len(ranked) > 1 and ranked[1] >= 3)
        tally.metres += float(seam.pitch_mm.sum()) / 1000
    spoilt = _UNKNOWABLE & {defect.kind for defect in made.truth.defects}
    for row, run in rows:
        k = next(i for i, each in enumerate(made.truth.rows) if each is row)
        seen = None if sight is None else sight[k]
        held = [int(np.isin(which[at == k], run).sum()) for _, at, which in matched]
        best = int(np.argmax(held)) if held and max(held) >= 4 else None
        holes = np.empty(0, np.int64) if best is None else matched[best][2][matched[best][1] == k]
        _count_whole(tally, row, run, holes, seen)
        _count_gaps(tally, row, run, None if best is None else matched[best], seen, number=k)
        if best is not None:
            _count_row(tally, row, k, *matched[best], spoilt=bool(spoilt))
    for seam, at, which in matched:
        _count_false(tally, made, seam, at, which)


def _shown(row: RowTruth) -> npt.NDArray[np.int64]:
    """Indices of the longest run of holes that no panel covers."""
    padded = np.concatenate([[0], row.visible.astype(np.int8), [0]])
    starts, ends = np.flatnonzero(np.diff(padded) == 1), np.flatnonzero(np.diff(padded) == -1)
    if not len(starts):
        return np.empty(0, np.int64)
    best = int(np.argmax(ends - starts))
    return np.arange(starts[best], ends[best])


def _count_whole(
    tally: Tally,
    row: RowTruth,
    run: npt.NDArray[np.int64],
    holes: npt.NDArray[np.int64],
    sight: RowSight | None,
) -> None:
    """Whether a seam holds nearly all of a row, given those of its holes that it holds."""
    wanted = run[row.formed[run]]
    tally.rows.there += 1
    tally.rows.found += bool(np.isin(holes, run).sum() >= _WHOLE * len(wanted))
    if sight is None or sight.stitches[run[:-1]].mean() < _MOSTLY:
        return
    wanted = wanted[sight.holes[wanted]]
    tally.rows_shown.there += 1
    tally.rows_shown.found += bool(np.isin(wanted, holes).sum() >= _WHOLE * len(wanted))


def _count_row(
    tally: Tally,
    row: RowTruth,
    number: int,
    seam: Seam,
    at: npt.NDArray[np.int64],
    which: npt.NDArray[np.int64],
    *,
    spoilt: bool,
) -> None:
    own = np.flatnonzero(at == number)
    if not seam.readable or len(own) < 4 or len(own) < 0.8 * len(at):
        return
    for a, b in pairwise(own.tolist()):
        if b == a + 1 and abs(which[b] - which[a]) == 1:
            error = float(seam.pitch_mm[a] - row.pitch_mm[min(which[a], which[b])])
            tally.pitch.append(error)
            tally.pitch_known.append(float(seam.pitch_uncertainty_mm[a]))
            tally.inside["pitch of each stitch"].append(abs(error) <= seam.pitch_uncertainty_mm[a])
            tally.wide["pitch of each stitch"].append(float(seam.pitch_uncertainty_mm[a]))
    holes = np.sort(which[own])
    pitch = row.pitch_mm[holes[0] : holes[-1]]
    mean = float(pitch.mean())
    tally.compare(seam, "pitch_mean_mm", mean)
    if len(pitch) > 2 and not row.skipped and not row.broken:
        tally.compare(seam, "pitch_deviation_mm", float(pitch.std(ddof=1)))
    density = tally.compare(seam, "density_per_cm", 10 / mean)
    if density is not None:
        tally.density.append(10 * density)
    if len(row.margin_mm) and len(seam.margin_mm):
        true = row.margin_mm[which[own]]
        error_mm = seam.margin_mm[own] - true
        tally.margin += np.abs(error_mm[np.isfinite(error_mm)]).tolist()
        tally.margin_signed += error_mm[np.isfinite(error_mm)].tolist()
        tally.compare(seam, "margin_min_mm", float(true.min()))
        tally.compare(seam, "margin_max_mm", float(true.max()))
        tally.compare(seam, "margin_mean_mm", float(true.mean()))
    # What of a row goes under another panel, or over its own edge, is in its truth but not in the photo.
    if not spoilt and row.visible[holes[0] : holes[-1] + 1].all():
        error = tally.compare(seam, "run_off_mm", row.run_off_mm) or 0.0
        if seam.measured("run_off_mm"):
            tally.run_off.append(abs(error))


def _count_gaps(
    tally: Tally,
    row: RowTruth,
    run: npt.NDArray[np.int64],
    found: tuple[Seam, npt.NDArray[np.int64], npt.NDArray[np.int64]] | None,
    sight: RowSight | None,
    number: int,
) -> None:
    """Skipped and broken places of a row between sound stitches, and how many are called rightly."""
    skipped = [(group[0] - 1, group[-1] + 1, True) for group in _groups(row.skipped)]
    broken = [(group[0], group[-1] + 1, False) for group in _groups(row.broken)]
    for first, last, is_skip in skipped + broken:
        if first <= run[0] or last >= run[-1]:
            continue
        called = sent = False
        if found is not None:
            seam, at, which = found
            # Where the thread is gone over a skipped hole as well there is nothing of a skip to be seen.
            no_thread = is_skip and any(first <= place < last for place in row.broken)
            calls = {*(seam.skipped if is_skip else seam.broken), *(seam.broken if no_thread else ())}
            called = _any_over(calls, first, last, at, which, number)
            sent = not called and _any_over({*seam.unsure}, first, last, at, which, number)
        shown = sight is not None and any(
            first <= place < last for place in (sight.skipped if is_skip else sight.broken)
        )
        stitches = last - first - is_skip
        what = f"{'skips' if is_skip else 'breaks'} of {'one stitch' if stitches == 1 else 'more stitches'}"
        for tally_of in (tally.gaps, tally.gaps_of[what], *([tally.gaps_shown] if shown else [])):
            tally_of.there += 1
            tally_of.found += called
            tally_of.sent += sent


def _any_over(
    calls: set[int],
    first: int,
    last: int,
    at: npt.NDArray[np.int64],
    which: npt.NDArray[np.int64],
    number: int,
) -> bool:
    """Whether one of the called steps lies over holes first to last of row ``number``.

    A step from or to a point that is none of its holes lies between the next ones of it on either side.
    """
    own = np.flatnonzero(at == number)
    for i in calls:
        before, after = own[own <= i], own[own > i]
        if not len(after):  # a closed row goes on at its first hole
            after = own
        if not len(before) or not len(after):
            continue
        ends = which[before[-1]], which[after[0]]
        if min(ends) < last and max(ends) > first:
            return True
    return False


def _groups(places: tuple[int, ...]) -> list[list[int]]:
    found: list[list[int]] = []
    for place in sorted(places):
        if found and place == found[-1][-1] + 1:
            found[-1].append(place)
        else:
            found.append([place])
    return found


def _count_false(
    tally: Tally, made: Sample, seam: Seam, at: npt.NDArray[np.int64], which: npt.NDArray[np.int64]
) -> None:
    """Calls, and doubts, where nothing is skipped nor broken; steps of one place count once."""
    tally.false_gaps += _false_places(made, seam, {*seam.skipped, *seam.broken}, at, which)
    tally.doubts += _false_places(made, seam, set(seam.unsure), at, which)


def _false_places(
    made: Sample,
    seam: Seam,
    calls: set[int],
    at: npt.NDArray[np.int64],
    which: npt.NDArray[np.int64],
) -> int:
    false = []
    for i in sorted(calls):
        j = (i + 1) % len(at)
        true = False
        for n in (i, j):
            if at[n] >= 0:
                row = made.truth.rows[at[n]]
                wrong = [*row.skipped, *row.broken, *(b + 1 for b in row.broken)]
                true |= any(abs(int(which[n]) - w) <= 1 for w in wrong)
        if not true:
            false.append(i)
    return len(_groups(tuple(false)))


Mapper = Callable[[Sample, int], Maps]


Viewed = tuple[Sample, Sequence[RowSight] | None]
"""A photo with what shows of its rows, None where nobody looked."""


def measured(photos: Iterable[Viewed], mapper: Mapper, spec: NetworkSpec) -> Tally:
    """Go through all photos."""
    tally = Tally()
    cv2.setNumThreads(1)
    for k, (made, sight) in enumerate(photos):
        maps = mapper(made, k)
        zone, calibration = whole_photo(made), calibration_of(made)
        seams = find_seams(maps, made.rgb, (zone,), calibration, spec=spec)
        count_scene(tally, made, seams, sight)
    return tally


def figures(tally: Tally, of: str) -> list[Figure]:
    """The bars of seams."""

    def mean(values: list[float]) -> float:
        return float(np.mean(np.abs(values))) if values else float("nan")

    def share(part: int, whole: int) -> float:
        return part / whole if whole else float("nan")

    found = [
        ("mean absolute pitch error, mm", mean(tally.pitch), len(tally.pitch), "≤", 0.06),
        ("mean density error, stitches per 10 cm", mean(tally.density), len(tally.density), "≤", 0.2),
        ("mean margin error, mm", mean(tally.margin), len(tally.margin), "≤", 0.10),
        ("mean run-off error, mm", mean(tally.run_off), len(tally.run_off), "≤", 0.10),
        (
            "median stated uncertainty of pitch, mm",
            float(np.median(tally.pitch_known or [np.nan])),
            len(tally.pitch_known),
            "≤",
            0.15,
        ),
        ("rows found whole", tally.rows.share(), tally.rows.there, "≥", 0.98),
        (
            "rows found whole, of those that show",
            tally.rows_shown.share(),
            tally.rows_shown.there,
            "≥",
            0.98,
        ),
        ("seams joined wrongly", share(tally.joined, tally.seams), tally.seams, "≤", 0.02),
        ("seams that are none", share(tally.invented, tally.seams), tally.seams, "", 0),
        ("skipped and broken found", tally.gaps.share(), tally.gaps.there, "≥", 0.98),
        (
            "skipped and broken found or sent to a person",
            tally.gaps.share_sent(),
            tally.gaps.there,
            "",
            0,
        ),
        (
            "skipped and broken found, of those that show",
            tally.gaps_shown.share(),
            tally.gaps_shown.there,
            "≥",
            0.98,
        ),
        (
            "skipped and broken found or sent to a person, of those that show",
            tally.gaps_shown.share_sent(),
            tally.gaps_shown.there,
            "",
            0,
        ),
        ("false calls per 4 m", 4 * tally.false_gaps / max(tally.metres, 1e-9), tally.false_gaps, "≤", 1.0),
        (
            "places sent to a person for nothing per 4 m",
            4 * tally.doubts / max(tally.metres, 1e-9),
            tally.doubts,
            "",
            0,
        ),
    ]
    told = [
        Figure(
            f"{of}: {name} (n = {n})",
            f"{value:.3f}",
            f"{sign} {bar}" if sign else "",
            None if not sign else value <= bar if sign == "≤" else value >= bar,
        )
        for name, value, n, sign, bar in found
    ]
    if tally.margin_signed:
        signed = float(np.mean(tally.margin_signed))
        told.append(
            Figure(
                f"{of}: margin error with its sign, mm: more edge_outward_mm takes it away",
                f"{signed:.3f}",
                "",
                None,
            )
        )
    if tally.metres:
        rate = tally.false_gaps / tally.metres
        told.append(
            Figure(f"{of}: false calls per metre, what false_gaps_per_m says", f"{rate:.2f}", "", None)
        )
    for name, values in tally.inside.items():
        inside = float(np.mean(values))
        wide = float(np.median(tally.wide[name]))
        told.append(
            Figure(
                f"{of}: inside its uncertainty, {name} (n = {len(values)}, median ± {wide:.3f})",
                f"{inside:.3f}",
                "≥ 0.95",
                inside >= 0.95,
            )
        )
    return told


def took_ms(count: int) -> list[Figure]:
    """Time of seams in photos of 2 MP on one core, the best of three runs: other work only adds to it."""
    cv2.setNumThreads(1)
    told, stitches = [], []
    for k, made in enumerate(scenes(count, mm_per_px=0.15, side_px=SIDE_2MP)):
        maps, zone, calibration = drawn(made, k), whole_photo(made), calibration_of(made)
        runs = []
        for _ in range(3):
            began = time.process_time()
            seams = find_seams(maps, made.rgb, (zone,), calibration, spec=SPEC)
            runs.append((time.process_time() - began) * 1000)
        told.append(min(runs))
        stitches.append(sum(len(seam.points_px) for seam in seams))
    middle = float(np.median(told))
    name = f"ms for seams in a 2 MP photo, median (n = {count}, {np.median(stitches):.0f} stitches each)"
    return [Figure(name, f"{middle:.1f}", "≤ 25", middle <= 25)]


def drawn(made: Sample, number: int) -> Maps:
    """Maps drawn from the truth with a network's faults."""
    return maps_of(made, np.random.default_rng(number), Faults())


def measure_gaps(models_dir: Path, *, count: int = 80) -> list[Figure]:
    """Missing stitches and thread through the served model, by kind and size, and what is called falsely.

    Photos with such faults, and as many as they come, of families that no training has seen.
    """
    model = open_serving(models_dir, threads=1)
    told: list[Figure] = []
    for name, kinds in (("with such faults", GAPS), ("as they come", ())):
        made = scenes(count, mm_per_px=0.15, kinds=kinds)
        photos = ((each, sight_of(each) if kinds else None) for each in made)
        tally = measured(photos, served_by(model), model.spec)
        if kinds:
            of = {"all": tally.gaps, "those that show": tally.gaps_shown} | dict(
                sorted(tally.gaps_of.items())
            )
            told += [_found(f"{count} photos {name}: found, {what}", found) for what, found in of.items()]
        metres = max(tally.metres, 1e-9)
        told += [
            Figure(
                f"{count} photos {name}: false calls per 4 m ({tally.false_gaps} on {metres:.1f} m)",
                f"{4 * tally.false_gaps / metres:.2f}",
                "≤ 1",
                4 * tally.false_gaps / metres <= 1,
            ),
            Figure(
                f"{count} photos {name}: places sent to a person for nothing per 4 m ({tally.doubts})",
                f"{4 * tally.doubts / metres:.2f}",
                "",
                None,
            ),
        ]
    return told


def _found(name: str, of: Found) -> Figure:
    low, high = wilson(of.share(), of.there) if of.there else (0.0, 1.0)
    counts = f"{of.found} of {of.there}, {of.found + of.sent} with those sent to a person"
    return Figure(
        f"{name} ({counts})", f"{of.share():.3f} ({low:.2f}-{high:.2f})", "≥ 0.98", of.share() >= 0.98
    )


def served_by(model: Model) -> Mapper:
    """The maps that a model gives."""

    def served(each: Sample, _: int) -> Maps:
        return runtime.infer(model.network, each.rgb, photo_mm_per_px=each.truth.mm_per_px, spec=model.spec)

    return served


def measure(models_dir: Path, *, count: int = 30) -> list[Figure]:
    """All bars, at 0.10 and 0.15 mm per pixel and through a tilted camera with a bent lens.

    Leathers are of families that no training has seen, but for one row of figures with all of them.
    """
    told = took_ms(max(3, count // 10))
    model = open_serving(models_dir, threads=1)
    for name, mm_per_px, tilted, kinds, families in (
        ("0.10 mm/px", 0.10, False, (), FAMILIES),
        ("0.15 mm/px", 0.15, False, (), FAMILIES),
        ("tilted", 0.12, True, (), FAMILIES),
        ("gaps", 0.15, False, GAPS, FAMILIES),
        ("0.15 mm/px, all families", 0.15, False, (), ()),
        ("gaps, all families", 0.15, False, GAPS, ()),
    ):
        made = scenes(count, mm_per_px=mm_per_px, tilted=tilted, kinds=kinds, families=families)
        photos = [(each, sight_of(each)) for each in made]
        told += figures(measured(photos, drawn, SPEC), f"drawn maps, {name}")
        if not model.spec.stitch_planes:
            continue

        told += figures(measured(photos, served_by(model), model.spec), f"served model, {name}")
    return told
