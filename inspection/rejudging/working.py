"""Judges a long stretch of stored results again, on several cores, telling how far it is."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from inspection.rejudging.comparing import Comparison, compare
from inspection.standards import Standard
from inspection.store import Store, judged, open_store

__all__ = ["Span", "rejudge"]

_STEP = 2000
"""Sequences of one task: a second or less, so that progress is steady and no transaction is long."""
_READ = 500
"""Sequences of one read."""
_ALONE = 4000
"""Sequences that one process judges faster than others start."""

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Span:
    """A span of time, from inside and until outside; None leaves an end open."""

    created_from: datetime | None = None
    created_until: datetime | None = None


@dataclass(frozen=True)
class _Task:
    before: str
    after: str
    first: int
    last: int
    span: Span


def rejudge(
    url: str,
    before: Standard,
    after: Standard,
    span: Span,
    *,
    cores: int,
    progress: Progress = lambda results: None,
) -> Comparison:
    """Judge the results of a span of time by both standards; nothing is changed.

    Parameters
    ----------
    url : of the database; each process opens it for itself.
    cores : processes at work; 1 works in this one.
    progress : told how many more results were judged, in this process.
    """
    found = Comparison()
    with closing(open_store(url)) as store:
        held = judged.stretch(store, created_from=span.created_from, created_until=span.created_until)
        tasks = [
            _Task(before.text(), after.text(), first, min(first + _STEP - 1, held.last), span)
            for first in range(held.first, held.last + 1, _STEP)
        ]
        if cores <= 1 or held.last - held.first < _ALONE:
            for task in tasks:
                part = _judge(store, task)
                found.take(part)
                progress(part.results)
            return found
    # Spawned, not forked: the parent may have threads, and open connections that no child must share.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        max_workers=cores, mp_context=context, initializer=_open, initargs=(url,)
    ) as pool:
        parts = {pool.submit(_judge_in_worker, task): task.first for task in tasks}
        by_first: dict[int, Comparison] = {}
        for future in as_completed(parts):
            part = future.result()
            by_first[parts[future]] = part
            progress(part.results)
    for first in sorted(by_first):
        found.take(by_first[first])
    return found


_store: Store
"""The database as one worker process has it open, for all of its tasks."""


def _open(url: str) -> None:
    global _store
    _store = open_store(url)


def _judge_in_worker(task: _Task) -> Comparison:
    return _judge(_store, task)


def _judge(store: Store, task: _Task) -> Comparison:
    before, after = Standard.model_validate_json(task.before), Standard.model_validate_json(task.after)
    found = Comparison()
    for first in range(task.first, task.last + 1, _READ):
        results = judged.read(
            store,
            first=first,
            last=min(first + _READ - 1, task.last),
            created_from=task.span.created_from,
            created_until=task.span.created_until,
        )
        found.take(compare(results, before, after))
    return found
