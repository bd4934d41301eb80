"""What the page of the model shows."""

from __future__ import annotations

from dataclasses import dataclass

from inspection import taxonomy
from inspection.registry import Manifest, Model
from inspection.web.contexts.filters import named_kind
from inspection.web.contexts.frame import Fact, Zone
from inspection.web.i18n import Words

__all__ = ["ModelContext", "ModelKind", "ShownMetric", "ShownModel", "Source", "model_of"]


@dataclass(frozen=True)
class ModelKind:
    """A kind that the model tells apart, with what it takes to count."""

    name: str
    colour: str
    threshold: str
    min_area: str


@dataclass(frozen=True)
class ShownMetric:
    """A measured figure of the model."""

    name: str
    data: str
    kind: str
    value: str
    interval: str
    count: str


@dataclass(frozen=True)
class Source:
    """A data set that the model learned from."""

    name: str
    licence: str
    attribution: str
    photos: int


@dataclass(frozen=True)
class ShownModel:
    """The model that serves; ``card`` is its CARD.md as text, empty when it has none."""

    name: str
    version: str
    facts: tuple[Fact, ...]
    kinds: tuple[ModelKind, ...]
    metrics: tuple[ShownMetric, ...]
    sources: tuple[Source, ...]
    card: str


@dataclass(frozen=True)
class ModelContext:
    """model.html; ``model`` is None while none serves."""

    model: ShownModel | None


def model_of(model: Model, *, words: Words, zone: Zone, card: str) -> ShownModel:
    """The model that serves, as shown."""
    manifest: Manifest = model.manifest
    facts = [
        Fact(words("model.fact.checksum"), manifest.sha256),
        Fact(words("model.fact.created"), zone.show(manifest.created_at).text),
        Fact(words("model.fact.scale"), words("model.scale_value", value=f"{manifest.mm_per_px:g}")),
    ]
    if manifest.false_rejects is not None:
        facts.append(Fact(words("model.fact.false_rejects"), f"{manifest.false_rejects:.1%}"))
    return ShownModel(
        name=manifest.name,
        version=manifest.version,
        facts=tuple(facts),
        kinds=tuple(
            ModelKind(
                name=words.kind(kind),
                colour=named_kind(kind, words).colour,
                threshold=f"{manifest.thresholds[kind]:.2f}",
                min_area=f"{manifest.min_area_mm2[kind]:g}",
            )
            for kind in manifest.kinds[1:]
        ),
        metrics=tuple(
            ShownMetric(
                name=metric.name,
                data=metric.data,
                kind=words.kind(metric.kind) if metric.kind in taxonomy.KINDS else words("model.all_kinds"),
                value=f"{metric.value:.3f}",
                interval=_interval(metric.low, metric.high),
                count=str(metric.n),
            )
            for metric in manifest.metrics
        ),
        sources=tuple(
            Source(source.name, source.licence, source.attribution, source.photos) for source in manifest.data
        ),
        card=card,
    )


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.3f} – {high:.3f}"
