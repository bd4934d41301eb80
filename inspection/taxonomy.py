"""The kinds of defect, named once: identifier, English, Chinese, group, clause of the footwear vocabulary.

Terms follow ISO 20537:2025 "Footwear - Identification of defects during visual inspection - Vocabulary",
whose clauses 3.2 (material), 3.3.1 (upper) and 3.4.3 (sewing) give the groups. It sets no limits itself:
those are in the standard files. The manifest of a model lists which of these kinds it can tell; ``sound`` is
index 0 in every model.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SOUND = "sound"
UNKNOWN = "unknown"


class Group(StrEnum):
    """Where a defect belongs in the vocabulary."""

    MATERIAL = "material"
    SEWING = "sewing"
    SOILING = "soiling"
    OTHER = "other"


@dataclass(frozen=True)
class Kind:
    """One kind of defect.

    Attributes
    ----------
    id : stable identifier, used in manifests, standards, results and URLs.
    en, zh : what people read.
    group : part of the vocabulary.
    colour : ``#rrggbb`` on overlays and charts; kinds that a model tells apart have colours that differ.
    """

    id: str
    en: str
    zh: str
    group: Group
    colour: str


_KINDS = (
    Kind("cut", "cut", "刀伤", Group.MATERIAL, "#e6194b"),
    Kind("hole", "hole", "破洞", Group.MATERIAL, "#f58231"),
    Kind("pinhole", "pinhole", "针孔", Group.MATERIAL, "#ffb000"),
    Kind("scratch", "scratch", "划伤", Group.MATERIAL, "#4363d8"),
    Kind("wrinkle", "wrinkle or fold", "皱褶", Group.MATERIAL, "#911eb4"),
    Kind("scar", "scar, healed injury", "疤痕", Group.MATERIAL, "#00a0a0"),
    Kind("grain_damage", "damaged grain", "粒面损伤", Group.MATERIAL, "#9a6324"),
    Kind("stain", "stain", "污渍", Group.SOILING, "#808000"),
    Kind("glue_mark", "glue mark", "胶渍", Group.SOILING, "#469990"),
    Kind("colour_difference", "colour difference", "色差", Group.MATERIAL, "#f032e6"),
    Kind("loose_grain", "loose grain", "松面", Group.MATERIAL, "#bfa100"),
    Kind("finish_crack", "finish crack", "裂浆", Group.MATERIAL, "#800000"),
    Kind("burn", "burn", "烫伤", Group.MATERIAL, "#5a2d0c"),
    Kind("skipped_stitch", "skipped stitch", "跳针", Group.SEWING, "#e6194b"),
    Kind("broken_thread", "broken thread", "断线", Group.SEWING, "#f58231"),
    Kind("loose_thread", "loose thread", "浮线", Group.SEWING, "#ffb000"),
    Kind("thread_end", "thread end", "线头", Group.SEWING, "#4363d8"),
    Kind("run_off", "run-off", "越轨", Group.SEWING, "#911eb4"),
    Kind("insect_bite", "insect bite", "虻眼", Group.MATERIAL, "#3cb44b"),
    Kind("vein", "vein or growth mark", "血筋/生长纹", Group.MATERIAL, "#aa6e28"),
    Kind("pipe_wrinkle", "pipe wrinkle", "管皱", Group.MATERIAL, "#b45cff"),
    Kind("water_mark", "water mark", "水渍", Group.SOILING, "#42d4f4"),
    Kind("scuff", "scuff", "擦伤", Group.MATERIAL, "#6b8e23"),
    Kind("uneven_pitch", "uneven pitch", "针距不均", Group.SEWING, "#00a0a0"),
    Kind("off_edge", "off-edge stitch", "落边", Group.SEWING, "#9a6324"),
    Kind("wrong_margin", "wrong edge distance", "边距不一", Group.SEWING, "#808000"),
    Kind("uneven_rows", "rows not parallel", "双线间距不均", Group.SEWING, "#469990"),
    Kind("merged_stitch", "merged or double stitch", "重针", Group.SEWING, "#f032e6"),
    Kind("under_thread", "under-thread shows", "露底线", Group.SEWING, "#bfa100"),
    Kind("empty_hole", "needle hole without thread", "空针", Group.SEWING, "#800000"),
    Kind("needle_damage", "needle damage", "针伤", Group.SEWING, "#5a2d0c"),
    Kind("pucker", "pucker", "起皱", Group.SEWING, "#3cb44b"),
    Kind(UNKNOWN, "unknown", "未知缺陷", Group.OTHER, "#d0d0d0"),
)

KINDS: dict[str, Kind] = {kind.id: kind for kind in _KINDS}
