"""A page of every kind at three severities and scales, each distractor, leather and light: for eyes to judge.

What looks wrong here is wrong in training too; real photos stand beside it.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from inspection.errors import ConfigurationError
from inspection.taxonomy import KINDS
from training.synthesis import distractors, leather_defects, rigs, sampling, stitch_defects
from training.synthesis.catalogue import SIZES
from training.synthesis.export import new_folder
from training.synthesis.noise import stream
from training.synthesis.raster import U8
from training.synthesis.render import Sample, render
from training.synthesis.sampling import Request
from training.synthesis.scene import Distractor, Edge, Family, LeatherDefect, Panel, Scene, StitchDefect

SEVERITIES = (0.0, 0.5, 1.0)
SCALES_MM_PER_PX = (0.06, 0.12, 0.24)
_SIDE_PX = 256
_STAGE_FAMILIES = (
    Family.SMOOTH,
    Family.FULL_GRAIN,
    Family.PEBBLED,
    Family.CORRECTED,
    Family.NUBUCK,
    Family.SUEDE,
)


def stage(
    rng: np.random.Generator, mm_per_px: float, *, side_px: int = _SIDE_PX, kind: str | None = None
) -> Scene:
    """An empty scene on leather that can have that kind: leather, light and camera, without tilt."""
    families = [family for family in _STAGE_FAMILIES if kind is None or leather_defects.fits(kind, family)]
    light = rigs.a_light(rng)
    camera = replace(rigs.a_camera(rng, light.lamps[0].kelvin), tilt_x=0.0, tilt_y=0.0, distortion=0.0)
    return Scene(
        seed=1,
        width_px=side_px,
        height_px=side_px,
        mm_per_px=mm_per_px,
        base=sampling.a_leather(rng, families[int(rng.integers(len(families)))]),
        light=light,
        camera=camera,
    )


def sewn_stage(
    rng: np.random.Generator, mm_per_px: float, *, rows: int = 1, side_px: int = _SIDE_PX
) -> Scene:
    """A scene with one panel, sewn along its edge through the middle of the photo."""
    bare = stage(rng, mm_per_px, side_px=side_px)
    size = bare.width_mm
    edge = sampling.crossing(rng, size, size, bend=0.1, through=(size / 2, size / 2))
    own = replace(bare.base, seed=int(rng.integers(2**31)))
    panel = Panel(
        edge_mm=edge,
        leather=own,
        thickness_mm=round(float(rng.uniform(0.9, 1.6)), 3),
        edge=Edge(str(rng.choice(list(Edge)))),
        edge_colour=sampling.raw(own.colour),
    )
    seam = replace(sampling.a_seam(rng, Request(), "edge", sampling.a_thread(rng, own)), panel=0, rows=rows)
    return replace(bare, panels=(panel,), seams=(seam,))


def stitch_exemplar(kind: str, severity: float, mm_per_px: float, *, seed: int) -> Scene:
    """A scene with one stitching defect in its middle."""
    rng = stream(seed, kind)
    scene = sewn_stage(rng, mm_per_px, rows=2 if kind == "uneven_rows" else int(rng.integers(1, 3)))
    seam = scene.seams[0]
    defect = StitchDefect(
        kind=kind,
        seed=int(rng.integers(2**31)),
        at_mm=round(sampling.middle_of(seam, scene), 3),
        size_mm=round(SIZES[kind].at(severity), 3),
        length_mm=round(5 * seam.pitch_mm, 3) if kind in sampling.LONG else 0.0,
    )
    return replace(scene, seams=(replace(seam, defects=(defect,)),))


def leather_exemplar(kind: str, severity: float, mm_per_px: float, *, seed: int) -> Scene:
    """A scene with one leather defect in its middle."""
    rng = stream(seed, kind)
    scene = stage(rng, mm_per_px, kind=kind)
    flaw = LeatherDefect(
        kind=kind,
        seed=int(rng.integers(2**31)),
        x_mm=scene.width_mm / 2,
        y_mm=scene.height_mm / 2,
        size_mm=round(SIZES[kind].at(severity), 3),
        angle_deg=round(float(rng.uniform(0, 180)), 2),
        strength=round(0.4 + 0.5 * severity, 3),
    )
    return replace(scene, leather_defects=(flaw,))


def thing_exemplar(kind: str, mm_per_px: float, *, seed: int) -> Scene:
    """A scene with one distractor in its middle."""
    rng = stream(seed, "thing", kind)
    scene = sewn_stage(rng, mm_per_px)
    drawn = sampling.a_thing(rng, scene.width_mm, kind=kind)
    thing: Distractor = replace(drawn, x_mm=scene.width_mm * 0.5, y_mm=scene.height_mm * 0.5)
    return replace(scene, distractors=(thing,))


def exemplar(kind: str, severity: float, mm_per_px: float, *, seed: int) -> Scene:
    """A scene with one defect of any kind in its middle."""
    if kind in stitch_defects.SIZES:
        return stitch_exemplar(kind, severity, mm_per_px, seed=seed)
    return leather_exemplar(kind, severity, mm_per_px, seed=seed)


def sheet(photos: Sequence[U8], columns: int) -> U8:
    """Photos of one size, side by side in rows; missing ones at the end are grey."""
    blank = np.full_like(photos[0], 128)
    rows = []
    for start in range(0, len(photos), columns):
        row = list(photos[start : start + columns])
        rows.append(np.hstack(row + [blank] * (columns - len(row))))
    return np.vstack(rows)


def outlined(sample: Sample) -> U8:
    """The photo with its truth drawn in: defects yellow, needle holes cyan."""
    shown = sample.rgb.copy()
    mask = (sample.truth.kinds > 0).astype(np.uint8)
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(shown, found, -1, (255, 230, 0), 1)
    for row in sample.truth.rows:
        for x, y in np.rint(row.holes_px).astype(int):
            cv2.circle(shown, (int(x), int(y)), 1, (0, 255, 255), -1)
    return shown


def write_gallery(
    out: Path, *, seed: int, real: Path | None, progress: Callable[[], object] = lambda: None
) -> None:
    """Writes the page and its pictures to the new folder ``out``, beside the photos of the folder ``real``.

    Raises
    ------
    ConflictError, StorageError : see `export.write_set`. ConfigurationError : ``real`` holds no photo.
    """
    photos = _real_photos(real) if real is not None else []
    with new_folder(out, need_bytes=80e6) as folder:
        parts = []
        for kind in SIZES:
            name = f"kind-{kind}.png"
            _save(folder / name, _kind_sheet(kind, seed))
            parts.append(_kind_section(kind, name))
            progress()
        rest = {"things": _things(seed), "families": _families(seed), "lights": _lights(seed)}
        if photos:
            rest["real photos"] = sheet(photos, 8)
        for title, picture in rest.items():
            name = f"{title.replace(' ', '-')}.png"
            _save(folder / name, picture)
            parts.append(f"<h2>{title}</h2><img src='{name}'>")
            progress()
        style = "body{font:16px sans-serif;background:#222;color:#ddd}img{max-width:100%}"
        page = f"<!doctype html><meta charset=utf-8><title>Synthetic leather</title><style>{style}</style>"
        (folder / "index.html").write_text(page + "\n".join(parts) + "\n", encoding="utf-8")


STEPS = len(SIZES) + 4
"""How often `write_gallery` tells its progress, at most."""


def _kind_sheet(kind: str, seed: int) -> U8:
    shown = []
    for number, scale in enumerate(SCALES_MM_PER_PX):
        samples = [render(exemplar(kind, severity, scale, seed=seed + number)) for severity in SEVERITIES]
        shown += [sample.rgb for sample in samples] + [outlined(sample) for sample in samples]
    return sheet(shown, 2 * len(SEVERITIES))


def _kind_section(kind: str, name: str) -> str:
    size = SIZES[kind]
    known = KINDS[kind]
    words = f"{html.escape(known.en)} · {known.zh}"
    limits = f"{size.minor_mm}, {size.middle_mm}, {size.severe_mm} mm"
    return f"<h2 id='{kind}'>{words}</h2><p>{html.escape(size.meaning)}: {limits}</p><img src='{name}'>"


def _things(seed: int) -> U8:
    shown = [
        render(thing_exemplar(kind, scale, seed=seed)).rgb
        for scale in SCALES_MM_PER_PX
        for kind in distractors.KINDS
    ]
    return sheet(shown, len(distractors.KINDS))


def _families(seed: int) -> U8:
    shown = []
    for scale in SCALES_MM_PER_PX:
        for family in Family:
            rng = stream(seed, "family", family.value)
            shown.append(render(replace(stage(rng, scale), base=sampling.a_leather(rng, family))).rgb)
    return sheet(shown, len(Family))


def _lights(seed: int) -> U8:
    shown = []
    for kind in rigs.LIGHTS:
        rng = stream(seed, "light", kind)
        shown.append(render(replace(sewn_stage(stream(seed, "lit"), 0.1), light=rigs.a_light(rng, kind))).rgb)
    return sheet(shown, len(rigs.LIGHTS))


def _real_photos(folder: Path) -> list[U8]:
    found = sorted(
        path for path in folder.rglob("*") if path.suffix in {".png", ".jpg"} and "mask" not in str(path)
    )
    if not found:
        raise ConfigurationError(
            f"{folder} holds no photos", hint="Give the datasets folder, or leave it out."
        )
    shown = []
    for path in found[:: max(1, len(found) // 32)][:32]:
        body = cv2.imread(str(path))
        if body is None or min(body.shape[:2]) < _SIDE_PX:
            continue
        top, left = (body.shape[0] - _SIDE_PX) // 2, (body.shape[1] - _SIDE_PX) // 2
        cut = np.asarray(body[top : top + _SIDE_PX, left : left + _SIDE_PX], np.uint8)
        shown.append(np.ascontiguousarray(cut[..., ::-1]))
    return shown


def _save(path: Path, rgb: U8) -> None:
    _, body = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))
    path.write_bytes(body.tobytes())
