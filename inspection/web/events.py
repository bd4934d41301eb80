"""Tells pages and programs of new results and reviews as they come, by server-sent events.

One loop asks the database for what is new and hands it to all listeners, so a listener more costs next to
nothing. The loop is woken by what this process stores, and looks now and then for what other replicas do.

Events: ``inspected`` (its id is the place in the feed, so a listener that was away resumes there),
``reviewed``, and ``lagged`` to one who missed too much and should ask the list instead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from inspection.errors import PressureError, StorageError
from inspection.store import Store, inspections, reviews
from inspection.store.inspections import StoredInspection
from inspection.store.reviews import Review
from inspection.web.deps import Reader
from inspection.web.schemas import InspectionSummary, ReviewAnswer

__all__ = ["Feed", "router"]

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""Pause between looks for what other replicas stored."""
GATHER_S = 0.05
"""Results of one such time are asked for together."""
HEARTBEAT_S = 15.0
"""Silence after which a comment is sent, so that proxies keep the connection and dead ones are noticed."""
LONGEST_STREAM_S = 900.0
"""Streams end after this and are opened anew by the browser, so that a revoked right ends too."""
BACKLOG = 200
"""Results that a listener may have missed and still be told one by one."""
WAITING = 256
"""Events that may wait for one slow listener."""
MAX_LISTENERS = 500

_END = b""
_LAGGED = b"event: lagged\ndata: {}\n\n"


class Feed:
    """New results and reviews, handed to whoever listens. All but ``wake`` belongs to the event loop."""

    def __init__(self, store: Store, *, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._loop = loop
        self._queues: set[asyncio.Queue[bytes]] = set()
        self._changed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._joining = asyncio.Lock()
        self.sequence = 0
        self._review_sequence = 0

    @property
    def listeners(self) -> int:
        """Open streams."""
        return len(self._queues)

    def wake(self) -> None:
        """Say, from any thread, that there is a new result or review."""
        self._from_anywhere(self._changed.set)

    def _from_anywhere(self, call: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def stop_from_anywhere(self) -> None:
        """End all streams, asked from another thread."""
        self._from_anywhere(self.stop)

    def stop(self) -> None:
        """End all streams."""
        self._stopped.set()
        self._changed.set()
        for waiting in self._queues:
            _put(waiting, _END)

    async def run(self) -> None:
        """Look for what is new until stopped."""
        while not self._stopped.is_set():
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._changed.wait()
                    await asyncio.sleep(GATHER_S)
            except TimeoutError:
                pass
            self._changed.clear()
            if not self._queues or self._stopped.is_set():
                continue
            try:
                async with self._joining:
                    await self._look()
            except StorageError as error:
                log.warning("events wait", extra={"detail": error.detail})

    async def _look(self) -> None:
        while True:
            found = await run_in_threadpool(inspections.newer_than, self._store, self.sequence)
            for stored in found:
                self._tell(_event(stored))
                self.sequence = stored.sequence
            if not found:
                break
        while True:
            said = await run_in_threadpool(reviews.newer_than, self._store, self._review_sequence)
            for review in said:
                self._tell(_review_event(review))
                self._review_sequence = review.sequence
            if not said:
                return

    def _tell(self, event: bytes) -> None:
        for waiting in self._queues:
            _put(waiting, event)

    def check_room(self) -> None:
        """Raise PressureError when no further listener can be served."""
        if self._stopped.is_set() or len(self._queues) >= MAX_LISTENERS:
            raise PressureError(
                f"Open event streams: {len(self._queues)}, or the service is shutting down.",
                hint="Close other pages, or try again.",
                retry_after_s=5,
            )

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[tuple[asyncio.Queue[bytes], int]]:
        """A queue of all events after the sequence given with it."""
        waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        async with self._joining:
            if not self._queues:
                self.sequence = await run_in_threadpool(inspections.latest_sequence, self._store)
                self._review_sequence = await run_in_threadpool(reviews.latest_sequence, self._store)
            self._queues.add(waiting)
            start = self.sequence
        if self._stopped.is_set():  # while this one was on its way in
            _put(waiting, _END)
        try:
            yield waiting, start
        finally:
            self._queues.discard(waiting)


def _put(waiting: asyncio.Queue[bytes], event: bytes) -> None:
    """Add an event; a listener that lets too many wait is told so, and the rest is dropped."""
    if waiting.full():
        while not waiting.empty():
            waiting.get_nowait()
        waiting.put_nowait(_LAGGED)
    waiting.put_nowait(event)


def _event(stored: StoredInspection) -> bytes:
    body = InspectionSummary.of(stored).model_dump_json()
    return f"id: {stored.sequence}\nevent: inspected\ndata: {body}\n\n".encode()


def _review_event(review: Review) -> bytes:
    body = ReviewAnswer.of(review).model_dump_json()
    return f"event: reviewed\ndata: {body}\n\n".encode()


async def _stream(feed: Feed, store: Store, last_sequence: int | None) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + LONGEST_STREAM_S
    async with feed.listen() as (waiting, start):
        yield f"retry: 1000\nid: {start}\n: listening\n\n".encode()
        if last_sequence is not None and last_sequence < start:
            missed = await run_in_threadpool(inspections.newer_than, store, last_sequence, limit=BACKLOG + 1)
            if len(missed) > BACKLOG:
                yield _LAGGED
            else:
                for stored in missed:
                    if stored.sequence <= start:
                        yield _event(stored)
        while loop.time() < ends_at:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    event = await waiting.get()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if event == _END:
                return
            yield event


router = APIRouter(tags=["events"])


# Not in the OpenAPI document: an answer that never ends is beyond what it can describe. docs/api.md does.
@router.get("/api/v1/events", name="events", include_in_schema=False)
async def events(
    request: Request,
    caller: Reader,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> StreamingResponse:
    """Results and reviews as they come."""
    feed: Feed = request.app.state.feed
    feed.check_room()
    # Anything but a number comes from no stream of ours, so there is nothing to resume.
    known = last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit()
    resume = int(last_event_id) if last_event_id is not None and known else None
    return StreamingResponse(
        _stream(feed, request.app.state.station.store, resume),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
