"""The standards that are known: those that ship, those of further folders, and editions put over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from inspection.errors import ConfigurationError, UnknownNameError
from inspection.standards.checking import check
from inspection.standards.model import Standard
from inspection.standards.reading import Fault, Source, read_file, read_source
from inspection.standards.resolving import Resolved, resolve

__all__ = ["SHIPPED_STANDARDS", "Standards", "check_file", "check_text", "open_standards", "refuse"]

SHIPPED_STANDARDS = Path(__file__).parent.parent / "standards_data"


class Standards:
    """The standards that are known, by id.

    Parameters
    ----------
    sources : the files that they come from, for standards that build on them.
    """

    def __init__(self, standards: Iterable[Standard], sources: Mapping[str, Source] | None = None) -> None:
        self._by_id = {standard.id: standard for standard in standards}
        self.sources: Mapping[str, Source] = sources or {}

    def get(self, standard_id: str) -> Standard:
        """Standard of that id; UnknownNameError lists the known ones."""
        if standard_id not in self._by_id:
            raise UnknownNameError(
                f"There is no standard named {standard_id!r}.",
                hint=f"Known standards: {', '.join(self.ids())}.",
            )
        return self._by_id[standard_id]

    def ids(self) -> tuple[str, ...]:
        """Ids, sorted."""
        return tuple(sorted(self._by_id))

    def over(self, editions: Iterable[Standard]) -> Standards:
        """These standards with other editions in the place of some, and new ones beside them."""
        return Standards({**self._by_id, **{each.id: each for each in editions}}.values(), self.sources)


def open_standards(folders: Iterable[Path] = ()) -> Standards:
    """Read the standards that ship, and those of further folders.

    Raises
    ------
    ConfigurationError : a folder that is missing, a file with a fault (told with its line), or two files with
        one id.
    """
    sources = _sources([SHIPPED_STANDARDS, *folders])
    standards = []
    for source in sources.values():
        faults = _faults(found := resolve(source, sources))
        if faults:
            raise refuse(faults)
        assert isinstance(found, Resolved)
        standards.append(found.standard)
    return Standards(standards, sources)


def check_file(path: Path, known: Standards) -> Standard | list[Fault]:
    """The standard of a file, or everything that is wrong with it; may build on the known ones.

    It may not build on files beside it, but they tell more of a base that is not known: that it leads back to
    this file, or where it is.
    """
    source = read_file(path)
    if isinstance(source, Fault):
        return [source]
    found = _checked(source, known)
    missing = _missing_base(source, known.sources)
    if missing is None or isinstance(found, Standard):
        return found
    beside = {
        other.id: other
        for other in map(read_file, sorted(path.parent.glob("*.toml")))
        if isinstance(other, Source) and other.id
    }
    way = resolve(source, {**beside, **known.sources, source.id: source})
    if isinstance(way, list) and way[0].key == "extends":
        return way
    return [replace(found[0], hint=f"It is in {beside[missing].origin}: name that file, too.")]


def check_text(text: str, origin: str, known: Standards) -> Standard | list[Fault]:
    """The standard of TOML text, or everything that is wrong with it; may build on the known ones."""
    source = read_source(text, origin)
    return [source] if isinstance(source, Fault) else _checked(source, known)


def refuse(faults: list[Fault]) -> ConfigurationError:
    """The error that tells of faults; its hint is that of the first."""
    return ConfigurationError(
        "; ".join(str(fault).rstrip(".") for fault in faults) + ".", hint=faults[0].hint
    )


def _checked(source: Source, known: Standards) -> Standard | list[Fault]:
    found = resolve(source, {**known.sources, source.id: source})
    faults = _faults(found)
    if faults or not isinstance(found, Resolved):
        return faults
    return found.standard


def _missing_base(source: Source, known: Mapping[str, Source]) -> str | None:
    """Id of the first standard on the way to the last base that is not known."""
    here, seen = source, {source.id}
    while here.extends is not None and here.extends not in seen:
        if here.extends not in known:
            return here.extends
        seen.add(here.extends)
        here = known[here.extends]
    return None


def _faults(found: Resolved | list[Fault]) -> list[Fault]:
    return check(found) if isinstance(found, Resolved) else found


def _sources(folders: Iterable[Path]) -> dict[str, Source]:
    by_id: dict[str, Source] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ConfigurationError(
                f"{folder} is not a folder.", hint="Make it, or correct the setting that names it."
            )
        for path in sorted(folder.glob("*.toml")):
            source = read_file(path)
            if isinstance(source, Fault):
                raise refuse([source])
            # Without an id it is refused below, by its own faults.
            name = source.id or str(path)
            if name in by_id:
                raise ConfigurationError(
                    f"{path}: id: {name!r} is already the id of {by_id[name].origin}.",
                    hint="Give the standard another id.",
                )
            by_id[name] = source
    return by_id
