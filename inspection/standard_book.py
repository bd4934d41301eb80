"""The standards in force: those of the files, with the editions that people put into force over them.

Every replica asks the database before each photo whether anything changed, so a change holds from the next
photo on, everywhere, without a restart.
"""

from __future__ import annotations

import threading

from inspection.errors import ConflictError, NotFoundError, StandardError
from inspection.standards import Standard, Standards, check_text
from inspection.store import Store, standards
from inspection.store.standards import Activation, Added, Edition

__all__ = ["StandardBook"]


class StandardBook:
    """Standards of files and of the database; safe to use from many threads.

    Parameters
    ----------
    files : standards of the service's files.

    Raises
    ------
    StorageError : the database cannot be asked.
    """

    def __init__(self, store: Store, files: Standards) -> None:
        self._store = store
        self.files = files
        self._lock = threading.Lock()
        self._seen = -1
        self._standards = files
        self.refresh()

    @property
    def standards(self) -> Standards:
        """The standards in force, as last seen."""
        return self._standards

    def refresh(self) -> Standards:
        """The standards in force now; asks the database."""
        if standards.latest(self._store) != self._seen:
            with self._lock:
                self._seen, editions = standards.in_force(self._store)
                self._standards = self.files.over(_read(edition) for edition in editions)
        return self._standards

    def get(self, standard_id: str, edition: str | None = None) -> Standard:
        """One edition, or that of the files for None; NotFoundError when there is none."""
        if edition is None:
            if standard_id not in self.files.ids():
                raise NotFoundError(
                    f"no file holds a standard {standard_id!r}", hint="Put one of its editions into force."
                )
            return self.files.get(standard_id)
        for held in standards.editions(self._store, standard_id):
            if held.edition == edition:
                return _read(held)
        raise NotFoundError(
            f"{standard_id!r} has no edition {edition!r}", hint="See its editions, or add this one first."
        )

    def add(self, text: str, *, by: str, note: str = "", origin: str = "standard.toml") -> Added:
        """Check a file and keep it as an edition; it is not in force yet.

        Parameters
        ----------
        origin : name of the file, for its faults.

        Raises
        ------
        StandardError : the file has faults, each told with its line.
        ConflictError : the edition exists with other content.
        """
        found = check_text(text, origin, self.files)
        if not isinstance(found, Standard):
            raise StandardError([(str(fault), fault.hint) for fault in found])
        if found.id in self.files.ids():
            held = self.files.get(found.id)
            if held.edition == found.edition and held.text() != found.text():
                raise ConflictError(
                    f"edition {found.edition!r} of {found.id!r} is in a file here, with other content",
                    hint="Give the changed standard another edition: results name the one that judged them.",
                )
        return standards.add(
            self._store,
            found.id,
            found.edition,
            content=found.text(),
            source=text,
            by=by,
            note=note,
        )

    def activate(
        self, standard_id: str, edition: str | None, *, by: str, note: str, seen: int | None = None
    ) -> Activation:
        """Put an edition into force from the next photo on; None goes back to the one of the files."""
        self.get(standard_id, edition)
        made = standards.activate(self._store, standard_id, edition, by=by, note=note, seen=seen)
        self.refresh()
        return made


def _read(edition: Edition) -> Standard:
    return Standard.model_validate_json(edition.content)
