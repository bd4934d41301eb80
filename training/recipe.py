"""Reads training recipes: everything that decides what a run learns, in one TOML file."""

from __future__ import annotations

import hashlib
import json
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from inspection import taxonomy
from inspection.errors import ConfigurationError
from training.networks import MULTIPLE

__all__ = ["PROJECT", "Architecture", "BoxUse", "Device", "Precision", "Recipe", "read_recipe"]

PROJECT = Path(__file__).resolve().parents[1]
"""The checkout: data sets, runs and models are found beside this package."""


class BoxUse(StrEnum):
    """What loose boxes teach; the ablation in the model card compares them."""

    NOTHING = "nothing"
    """Photos with boxes are left out of training."""
    OUTSIDE = "outside"
    """Only that what lies outside all boxes is sound."""
    FULL = "full"
    """Also that each box holds its kind: contrast prior, most likely pixels, and the averaged network's own
    answers."""


class Precision(StrEnum):
    """Of the numbers inside the network; losses, weights and averages are always of 32 bits."""

    FULL = "32-true"
    BFLOAT16 = "bf16-mixed"
    """Half the bits where products are summed: twice as fast on processors that know bfloat16."""


class Device(StrEnum):
    """Where it is learned. The weights do not depend on it but for rounding."""

    CPU = "cpu"
    CUDA = "cuda"
    AUTO = "auto"
    """A GPU where there is one."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Architecture(StrEnum):
    """Which network learns."""

    LEATHER = "leather"
    """The one that ships: ``networks.LeatherNet``."""
    PLAIN_UNET = "unet-resnet34"
    """The usual choice, to compare with: ``plain_unet.PlainUnet``."""


class NetworkPart(_Part):
    """See ``networks.LeatherNet``; all but ``architecture`` is of that one alone."""

    architecture: Architecture = Architecture.LEATHER
    decoder_channels: tuple[int, int, int, int] = (96, 48, 32, 16)
    frozen_stages: int = Field(default=2, ge=-1, le=7)


class ScenesPart(_Part):
    """Rendered scenes that are mixed in; see ``scenes``.

    Attributes
    ----------
    count : pieces in the pool. share : of the crops.
    focus : share of the rendered crops that are cut round a defect, of a kind drawn first, so that a rare
        kind is learned too and being rendered is no sign of being sound.
    on_photos : whether some leathers are made from sound pieces of training photos.
    scale_jitter_share : share of the pieces whose scale is not quite the model's.
    """

    count: int = Field(ge=1)
    share: float = Field(gt=0, le=1)
    focus: float = Field(default=0.6, ge=0, le=1)
    on_photos: bool = True
    scale_jitter_share: float = Field(default=0.5, ge=0, le=1)


class DataPart(_Part):
    """What is learned from, and how it is mixed.

    Attributes
    ----------
    boxes : what boxes teach.
    crop_px : side of a training crop at model scale.
    box_share : share of crops that come from photos with boxes.
    focus : share of crops that are centred on a defect, the others lie anywhere.
    paste : share of crops that get real defects of other training photos transplanted.
    sound_share : share of crops that come from unlabelled photos taken for sound.
    scenes : rendered scenes, where they are wanted.
    only_scenes : no real photo is learned from; for the ablation that asks what rendering alone is worth.
    """

    sets: tuple[str, ...] = Field(min_length=1)
    boxes: BoxUse = BoxUse.FULL
    crop_px: int = Field(default=256, ge=64, multiple_of=MULTIPLE)
    box_share: float = Field(default=0.6, ge=0, le=1)
    focus: float = Field(default=0.6, ge=0, le=1)
    paste: float = Field(default=0.5, ge=0, le=1)
    sound_share: float = Field(default=0.08, ge=0, le=1)
    scenes: ScenesPart | None = None
    only_scenes: bool = False
    limit: int | None = Field(default=None, ge=4, description="Photos per set and split; for quick trials.")


class FitPart(_Part):
    """How it is learned.

    Attributes
    ----------
    steps, batch : optimizer steps, crops per step over all processes.
    processes : that share each step, each with its threads on the CPU or with a GPU of its own; their number
        changes which crops are drawn, so a run goes on with as many as it began with.
    rate : peak learning rate of the decoder; the encoder's is ``encoder_factor`` times that.
    warm_up : steps of rising rate; then it falls along a half cosine to a hundredth.
    averaging : decay per step of the running mean of the weights that is validated and exported.
    self_training_from : share of the steps after which the averaged network labels the inside of boxes.
    validate_every : steps between validations; a checkpoint is written as often.
    precision : of the numbers inside the network.
    device : where; a run may go on elsewhere than it began.
    """

    steps: int = Field(ge=2)
    batch: int = Field(default=8, ge=2)
    rate: float = Field(default=2e-3, gt=0)
    encoder_factor: float = Field(default=0.1, ge=0, le=1)
    weight_decay: float = Field(default=1e-3, ge=0)
    warm_up: int = Field(default=50, ge=0)
    averaging: float = Field(default=0.995, ge=0, lt=1)
    self_training_from: float = Field(default=0.35, ge=0, le=1)
    validate_every: int = Field(default=250, ge=1)
    processes: int = Field(default=1, ge=1, le=16)
    threads: int = Field(default=2, ge=1)
    workers: int = Field(default=1, ge=0, le=8)
    stitch_weight: float = Field(default=0.5, ge=0)
    precision: Precision = Precision.FULL
    device: Device = Device.CPU


class FinishPart(_Part):
    """A last stretch with another mix, at a lower rate, from the averaged network of the first.

    The first stretch learns from as many defects as it can get; this one from a mix nearer to the line, where
    most of what there is to see is sound, so that what the network calls likely is likely.

    Attributes
    ----------
    box_share, focus, paste, sound_share : as in ``DataPart``.
    scenes_share, scenes_focus : ``share`` and ``focus`` of ``ScenesPart``.
    """

    steps: int = Field(ge=2)
    rate: float = Field(gt=0)
    averaging: float = Field(default=0.99, ge=0, lt=1)
    box_share: float = Field(ge=0, le=1)
    focus: float = Field(ge=0, le=1)
    paste: float = Field(ge=0, le=1)
    sound_share: float = Field(ge=0, le=1)
    scenes_share: float = Field(gt=0, le=1)
    scenes_focus: float = Field(ge=0, le=1)


class ExportPart(_Part):
    """How the model runs at the line and when its answers count.

    Attributes
    ----------
    sound_pass : share of sound validation patches on which the thresholds stay silent.
    alarms_per_sound_photo : of a whole shoe taken for sound, seams, laces and floor included; thresholds rise
        until validation photos keep to it.
    min_area_mm2 : per kind, regions below it are noise.
    int8 : whether to make an INT8 form too, which ships when it is as good and faster; see ``quantising``.
    golden : stems of photos whose defects become golden crops of ``golden_px``.
    note : what the card should say of how these very weights came about.
    golden_sound : stems of photos that give a golden crop without any defect.
    """

    model: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    version: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    tile_px: int = Field(default=512, multiple_of=MULTIPLE)
    overlap_px: int = Field(default=64, ge=0)
    sound_pass: float = Field(default=0.95, gt=0, lt=1)
    alarms_per_sound_photo: float = Field(default=0.5, ge=0)
    min_area_mm2: dict[str, Annotated[float, Field(ge=0)]]
    golden: tuple[str, ...] = Field(min_length=1)
    golden_sound: tuple[str, ...] = ()
    note: str = ""
    int8: bool = False
    golden_px: int = Field(default=256, ge=32)


class Recipe(_Part):
    """One training run.

    Attributes
    ----------
    kinds : planes of the network, sound first.
    mm_per_px : scale that the network is trained at; ``scale_note`` says why.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    purpose: str
    seed: int = 0
    kinds: tuple[str, ...]
    mm_per_px: float = Field(gt=0, le=5)
    scale_note: str
    network: NetworkPart = Field(default_factory=NetworkPart)
    data: DataPart
    fit: FitPart
    finish: FinishPart | None = None
    export: ExportPart

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.kinds[:1] != (taxonomy.SOUND,) or set(self.kinds[1:]) - set(taxonomy.KINDS):
            raise ValueError("kinds begin with 'sound' and are in the taxonomy")
        if set(self.export.min_area_mm2) != set(self.kinds[1:]):
            raise ValueError("export.min_area_mm2 names each kind but sound")
        if self.fit.batch % self.fit.processes:
            raise ValueError("fit.batch is a multiple of fit.processes")
        if self.data.only_scenes and self.data.scenes is None:
            raise ValueError("data.only_scenes needs data.scenes")
        return self

    @property
    def last_stretch(self) -> Recipe | None:
        """The recipe of the last stretch; None when there is none."""
        finish = self.finish
        if finish is None:
            return None
        scenes = self.data.scenes
        if scenes is not None:
            mix = {"share": finish.scenes_share, "focus": finish.scenes_focus}
            scenes = scenes.model_copy(update=mix)
        mixed = finish.model_dump(include={"box_share", "focus", "paste", "sound_share"})
        data = self.data.model_copy(update={**mixed, "scenes": scenes})
        fit = self.fit.model_copy(
            update={
                **finish.model_dump(include={"steps", "rate", "averaging"}),
                "self_training_from": 0.0,
                "warm_up": min(20, finish.steps // 4),
                "validate_every": max(1, finish.steps // 2),
            }
        )
        changed = {"data": data, "fit": fit, "finish": None, "name": f"{self.name}-finish"}
        return self.model_copy(update={**changed, "seed": self.seed + 1})  # other crops than before

    @property
    def fingerprint(self) -> str:
        """Digest of what decides the weights; a checkpoint of another fingerprint is not resumed."""
        parts = self.model_dump(mode="json", include={"seed", "kinds", "mm_per_px", "network", "data", "fit"})
        for name in ("threads", "workers", "validate_every", "device"):
            del parts["fit"][name]
        # Runs begun before there was a choice go on.
        if self.fit.precision is Precision.FULL:
            del parts["fit"]["precision"]
        if self.network.architecture is Architecture.LEATHER:
            del parts["network"]["architecture"]
        decides = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(decides.encode()).hexdigest()


def read_recipe(file: Path) -> Recipe:
    """Read and check one recipe."""
    try:
        return Recipe.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}", hint="Recipes are in training/recipes."
        ) from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigurationError(f"{file}: {error}", hint="Correct the recipe.") from error
