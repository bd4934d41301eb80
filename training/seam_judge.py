"""The judge of stitches: a small network over straightened rows, its fitting, its export.

A strip goes through strided convolutions until each stitch is one column of features. What it differs by from
the mean of those around is set beside it, so that a stitch is compared with its row, and convolutions along
the row let neighbours speak. Two heads tell whether the thread of a stitch is there, and whether a stitch
locked at a place between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from inspection.registry import serving_name
from inspection.seams.judging import Judge
from inspection.seams.strips import COLUMNS, LANES, PAD
from training.onnx_files import onnx_of
from training.seam_crops import CROP, crops
from training.seam_strips import GONE, PASSED, UNKNOWN, Strip, read_strips

__all__ = ["JudgeNetwork", "Made", "Seen", "export", "fit", "judged", "make"]

U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]

CHANNELS = (16, 32, 48, 64)
AROUND = 8
"""Stitches on either side that one is compared with: not all of its row, which may be traced wrongly."""
BATCH = 32
RATE, DECAY = 3e-3, 1e-3
FAULT_WEIGHT = 2.0
"""In the loss, of a fault: there are few."""
FAULTY_ROW = 4.0
"""How much likelier a row with a fault is drawn than a sound one."""
FLOOR_LEVELS = 4.0
"""Grey levels added to a strip's spread, so that noise alone is not blown up."""
_COARSE = (LANES // 4, COLUMNS // 2)
THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
CHECKED = 12
"""One photo in so many is left out of fitting, to judge by."""


class JudgeNetwork(nn.Module):
    """Logits for strips."""

    def __init__(self) -> None:
        super().__init__()
        one, two, three, four = CHANNELS
        self.encoder = nn.Sequential(
            _block(4, one, (5, 5), (2, 2), 2),
            _block(one, two, (3, 3), (2, 2), 1),
            _block(two, three, (3, 3), (2, 2), 1),
            _block(three, four, (4, 3), (1, 3), 0),
        )
        self.compared = nn.Conv1d(2 * four, four, 3, padding=1)
        self.along = nn.ModuleList(
            [nn.Conv1d(four, four, 3, padding=2, dilation=2), nn.Conv1d(four, four, 3, padding=1)]
        )
        self.stitch = nn.Conv1d(four, 2, 1)
        self.place = nn.Conv1d(four, 3, 2)

    def forward(self, strip: Tensor, shown: Tensor) -> tuple[Tensor, Tensor]:
        """Of stitches (B, 2, W) and of the places between them (B, 3, W - 1).

        Parameters
        ----------
        strip : (B, 3, LANES, COLUMNS * W) levels 0..255. shown : (B, W) 1 where the strip has a stitch, 0
            where it only fills up the batch.
        """
        columns = shown.repeat_interleave(COLUMNS, 1)[:, None, None]
        count = 3 * LANES * COLUMNS * shown.sum(1)[:, None, None, None]
        away = (strip - (strip * columns).sum((1, 2, 3), keepdim=True) / count) * columns
        spread = ((away * away).sum((1, 2, 3), keepdim=True) / count).sqrt()  # a power takes far longer
        levels = torch.cat([away / (spread + FLOOR_LEVELS), _locally(away)], 1)
        features = self.encoder(levels)[:, :, 0] * shown[:, None]
        told = torch.relu(self.compared(torch.cat([features, features - _around(features, shown)], 1)))
        for layer in self.along:
            told = told + torch.relu(layer(told))
        return self.stitch(told), self.place(told)


def _locally(away: Tensor) -> Tensor:
    """Brightness (B, 1, H, W) of levels (B, 3, H, W) as it differs from that around, in units of how much it
    differs there: faint thread beside dark perforations stands out like any other."""

    def around(values: Tensor) -> Tensor:
        coarse = functional.avg_pool2d(values, _COARSE)
        coarse = functional.avg_pool2d(coarse, 3, 1, 1, count_include_pad=False)
        return functional.interpolate(coarse, scale_factor=_COARSE, mode="bilinear", align_corners=False)

    light = away.mean(1, keepdim=True)
    light = light - around(light)
    return light / (around(light * light).sqrt() + FLOOR_LEVELS / 2)


def _around(features: Tensor, shown: Tensor) -> Tensor:
    """Mean of the features (B, C, W) of the stitches around each, itself with them."""
    window = 2 * AROUND + 1

    def summed(values: Tensor) -> Tensor:
        return functional.avg_pool1d(values, window, stride=1, padding=AROUND)

    # Far beyond the end of a short row there is none.
    return summed(features) / summed(shown[:, None]).clamp(min=1 / window)


def _block(wide: int, out: int, kernel: tuple[int, int], stride: tuple[int, int], padding: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(wide, out, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    )


def fit(
    strips: Sequence[Strip], checkpoint: Path, *, epochs: int, seed: int, quiet: bool = False
) -> JudgeNetwork:
    """Fit a judge; goes on from ``checkpoint``, which is written after every epoch."""
    torch.manual_seed(seed)
    network = JudgeNetwork()
    per_epoch = max(1, 2 * len(strips) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, epochs * per_epoch, pct_start=0.1)
    begun = 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        begun = state["epoch"]
        for part, name in ((network, "network"), (optimizer, "optimizer"), (schedule, "schedule")):
            part.load_state_dict(state[name])
    chances = np.array([_chance(strip) for strip in strips])
    weights = torch.tensor([1.0, FAULT_WEIGHT]), torch.tensor([1.0, FAULT_WEIGHT, 1.0])
    for epoch in range(begun, epochs):
        rng = np.random.default_rng((seed, epoch))
        losses = []
        for _ in tqdm(range(per_epoch), desc=f"epoch {epoch + 1} of {epochs}", disable=quiet, leave=False):
            drawn = rng.choice(len(strips), BATCH, p=chances / chances.sum())
            strip, shown, *truth = crops([strips[i] for i in drawn], rng)
            told = network(strip, shown)
            stitches, places = (
                functional.cross_entropy(said, true, weight, ignore_index=UNKNOWN)
                for said, true, weight in zip(told, truth, weights, strict=True)
            )
            loss = stitches + places
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        if not quiet:
            tqdm.write(f"epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.4f}")
        partial = checkpoint.with_suffix(".partial")
        torch.save(
            {
                "epoch": epoch + 1,
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
            },
            partial,
        )
        partial.replace(checkpoint)
    return network.eval()


def _chance(strip: Strip) -> float:
    faulty = (strip.stitches == GONE).any() or (strip.places > 0).any()
    return float(np.sqrt(min(len(strip.stitches), 3 * CROP)) * (FAULTY_ROW if faulty else 1.0))


class _Exported(nn.Module):
    """The network as the program runs it: one whole row of a photo, probabilities."""

    def __init__(self, network: JudgeNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, strip: Tensor) -> tuple[Tensor, Tensor]:
        levels = strip.permute(0, 3, 1, 2).float()
        shown = torch.ones_like(levels[:, 0, 0, ::COLUMNS])
        stitches, places = self.network(levels, shown)
        return stitches.softmax(1).transpose(1, 2), places.softmax(1).transpose(1, 2)


def export(network: JudgeNetwork) -> bytes:
    """The ONNX file that ``inspection.seams.judging.Judge`` opens: rows of any length."""
    stitches = torch.export.Dim("stitches", min=2 * PAD + 1, max=4096)
    return onnx_of(
        _Exported(network),
        torch.zeros((1, LANES, COLUMNS * (CROP + 2 * PAD), 3), dtype=torch.uint8),
        inputs={"strip": {2: COLUMNS * stitches}},
        outputs=["stitches", "places"],
    )


@dataclass(frozen=True)
class Seen:
    """What a judge calls from ``threshold`` on: faults there, found; sound ones there, called wrongly."""

    what: str
    threshold: float
    there: int
    found: int
    sound: int
    false: int


def judged(judge: Judge, strips: Sequence[Strip], *, thresholds: Sequence[float]) -> list[Seen]:
    """Missing thread and passed places of rows, stitch by stitch."""
    said = [judge.look(strip.rgb) for strip in strips]
    told = []
    for what, probability, true, fault in (
        ("stitches without thread", [each.gone for each in said], [s.stitches for s in strips], GONE),
        ("places passed over", [each.passed for each in said], [s.places for s in strips], PASSED),
    ):
        chance, known = np.concatenate(probability), np.concatenate(true)
        for threshold in thresholds:
            called = chance >= threshold
            there, sound = known == fault, (known != fault) & (known != UNKNOWN)
            counts = (there.sum(), (called & there).sum(), sound.sum(), (called & sound).sum())
            told.append(Seen(what, threshold, *map(int, counts)))
    return told


@dataclass(frozen=True, eq=False)
class Made:
    """A judge as an ONNX file, and its card in Markdown."""

    model: bytes
    card: str


def make(
    folder: Path,
    *,
    photos: int,
    epochs: int,
    seed: int,
    workers: int,
    datasets_dir: Path,
    models_dir: Path,
    quiet: bool = False,
) -> Made:
    """Render rows, fit a judge on most of them, and tell what it finds in the others.

    Parameters
    ----------
    folder : of the run: rendered rows and the checkpoint stay there, and what is there is not made again.
    """
    strips = read_strips(
        folder,
        photos=photos,
        seed=seed,
        workers=workers,
        datasets_dir=datasets_dir,
        models_dir=models_dir,
        quiet=quiet,
    )
    kept, left_out = [s for s in strips if s.photo % CHECKED], [s for s in strips if not s.photo % CHECKED]
    checkpoint = folder / f"judge-{seed}-{photos}-{epochs}.pt"
    model = export(fit(kept, checkpoint, epochs=epochs, seed=seed, quiet=quiet))
    seen = judged(Judge(model), left_out, thresholds=THRESHOLDS)
    card = _card(kept, left_out, seen, traced_by=serving_name(models_dir), seed=seed, epochs=epochs)
    return Made(model, f"{card}\nSHA-256 of the ONNX file: `{hashlib.sha256(model).hexdigest()}`\n")


def _card(
    kept: Sequence[Strip],
    left_out: Sequence[Strip],
    seen: Sequence[Seen],
    *,
    traced_by: str,
    seed: int,
    epochs: int,
) -> str:
    def counted(strips: Sequence[Strip]) -> str:
        stitches = sum(len(strip.stitches) for strip in strips)
        return f"{stitches} stitches in {len(strips)} rows of {len({s.photo for s in strips})} photos"

    lines = [
        "# The judge of stitches",
        "",
        f"Made by `python -m training judge`, seed {seed}, {epochs} epochs. All photos are synthetic:",
        f"rendered leather and thread, the held-out families left out; rows as `{traced_by}` traces them.",
        "",
        f"* Learned from: {counted(kept)}.",
        f"* Judged below: {counted(left_out)}, drawn like those, not learned from. Faults that hardly",
        "  show, or not at all, are among them.",
        "",
        "| what | from a probability of | found | called wrongly, per 1000 sound ones |",
        "|---|---|---|---|",
    ]
    for each in seen:
        found = f"{each.found} of {each.there} ({each.found / max(1, each.there):.0%})"
        false = f"{1000 * each.false / max(1, each.sound):.2f} (n = {each.sound})"
        lines.append(f"| {each.what} | {each.threshold} | {found} | {false} |")
    return "\n".join(lines) + "\n"
