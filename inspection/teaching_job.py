"""Teaches in a process of its own, so the line is not kept waiting and a killed teaching changes nothing.

``Jobs.start`` runs ``python -m inspection.teaching_job``, one thread at a low priority. The two speak
through the row of the teaching: what is asked for, how far it is, how it ended.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any

from inspection import registry, teaching
from inspection.errors import StorageError, WeltError
from inspection.novelty import check_count
from inspection.recipe_book import RecipeBook
from inspection.recipes import Recipe, Recipes
from inspection.settings import Settings
from inspection.store import Store, banks, open_photos, open_store
from inspection.store.banks import State, TaughtPhoto, Teaching

__all__ = ["Jobs", "asked", "run"]

log = logging.getLogger(__name__)

TOLD_EVERY = 0.02
"""Progress is written in steps of two per cent: some forty small writes."""

NICENESS = 10
"""Priority below that of the inspections: they get nine tenths of a core that both want."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What keeps matrix products on one core, by the library that numpy is built with."""


def asked(
    photos: tuple[TaughtPhoto, ...],
    *,
    false_rejects: float,
    keep: frozenset[str] = frozenset(),
    replace: bool = False,
    why: str = "",
) -> dict[str, Any]:
    """The details of a teaching, as its row holds them."""
    return {
        "photos": [asdict(photo) for photo in photos],
        "false_rejects": false_rejects,
        "keep": sorted(keep),
        "replace": replace,
        "why": why,
    }


class Jobs:
    """The teachings that this service has started; they end with it, and change nothing then."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, store: Store, recipe: Recipe, view: str, *, by: str, details: Mapping[str, Any]
    ) -> Teaching:
        """Begin a teaching.

        Raises
        ------
        ConflictError : the view is being taught already.
        TeachingError : too few or too many photos.
        """
        check_count(len(details["photos"]))
        # The recipe goes along as it is in force now, whether it comes from a file or was published.
        said = {**details, "recipe": recipe.model_dump(mode="json", by_alias=True)}
        begun = banks.begin_teaching(store, recipe.name, view, by=by, details=said)
        environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1")}
        process = subprocess.Popen(
            [sys.executable, "-m", "inspection.teaching_job", begun.teaching_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=environment,
        )
        assert process.stdin is not None
        process.stdin.write(self._settings.model_dump_json().encode())
        process.stdin.close()
        with self._lock:
            self._running[begun.teaching_id] = process
        threading.Thread(target=self._reap, args=(begun.teaching_id, process), daemon=True).start()
        return begun

    def close(self) -> None:
        """End what still runs."""
        with self._lock:
            running = list(self._running.values())
        for process in running:
            process.terminate()
        for process in running:
            process.wait()

    def _reap(self, teaching_id: str, process: subprocess.Popen[bytes]) -> None:
        ended = process.wait()
        with self._lock:
            self._running.pop(teaching_id, None)
        log.info("teaching ended", extra={"teaching_id": teaching_id, "exit_code": ended})


def run(settings: Settings, teaching_id: str) -> None:
    """Do what the row of a teaching asks for, and write there how it ended."""
    with closing(open_store(settings.database)) as store:
        job = banks.teaching(store, teaching_id)
        try:
            banks.note_progress(store, teaching_id, progress=1.0, **_ended(_teach(settings, store, job)))
        except WeltError as error:
            problem = {"kind": error.kind, "detail": error.detail, "hint": error.hint}
            banks.note_progress(
                store, teaching_id, progress=job.progress, state=State.FAILED, details={"problem": problem}
            )


def _teach(settings: Settings, store: Store, job: Teaching) -> teaching.Lot:
    told = 0.0

    def progress(share: float) -> None:
        nonlocal told
        if share - told >= TOLD_EVERY:
            told = share
            banks.note_progress(store, job.teaching_id, progress=share)

    details = job.details
    recipe = Recipe.model_validate(details["recipe"])
    photos = open_photos(settings.photos)
    max_pixels = int(settings.max_photo_mp * 1e6)
    book = RecipeBook(store, photos, Recipes([recipe]), max_pixels=max_pixels)
    model = registry.open_serving(settings.models_dir, threads=1, precision=settings.precision)
    order = teaching.Order(
        recipe=recipe,
        view=job.view,
        photos=tuple(TaughtPhoto(**photo) for photo in details["photos"]),
        false_rejects=details["false_rejects"],
        keep=frozenset(details["keep"]),
        replace=details["replace"],
        why=details["why"],
        reference=book.reference(recipe, job.view),
    )
    return teaching.teach(
        order,
        store=store,
        photos=photos,
        model=model,
        by=job.started_by,
        max_pixels=max_pixels,
        progress=progress,
    )


def _ended(lot: teaching.Lot) -> dict[str, Any]:
    if lot.version is not None:
        return {"state": State.DONE, "details": {"version": lot.version.version}}
    suspects = [
        {
            "sha256": photo.sha256,
            "name": photo.name,
            "score": round(suspect.score, 3),
            "at_px": [round(value) for value in suspect.at_px],
            "objection": suspect.objection,
        }
        for photo, suspect in lot.suspects
    ]
    return {"state": State.WAITING, "details": {"suspects": suspects}}


def main() -> None:
    """Entry point of the process: settings on standard input, the teaching's id as the only argument."""
    os.nice(NICENESS)
    settings = Settings(**json.loads(sys.stdin.read()))
    try:
        run(settings, sys.argv[1])
    except StorageError as error:
        # The row cannot be written; it is seen to be dead when it says nothing more.
        log.error("teaching cannot be noted", extra={"detail": error.detail})
        sys.exit(1)


if __name__ == "__main__":
    main()
