"""Puts the service together: settings in, application out."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from inspection import registry
from inspection.settings import Settings
from inspection.station import ModelOpener, open_station
from inspection.teaching_job import Jobs
from inspection.web import (
    api,
    api_lots,
    api_novelty,
    api_sets,
    calibrations,
    events,
    health,
    middleware,
    openapi,
    pages,
    pictures,
    problems,
    recipes_api,
    standards_api,
)
from inspection.web.telemetry import Telemetry
from inspection.web.uploads import UploadBudget

__all__ = ["create_app"]


def create_app(settings: Settings, *, open_model: ModelOpener = registry.open_serving) -> FastAPI:
    """The whole service; it opens its database, model and workers when it is started, not before.

    Parameters
    ----------
    open_model : how the model is opened; for tests.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        station = await run_in_threadpool(open_station, settings, open_model=open_model)
        try:
            feed = events.Feed(station.store, loop=asyncio.get_running_loop())
            station.subscribe(app.state.telemetry.observe)
            station.subscribe(lambda _: feed.wake())
            app.state.station = station
            app.state.feed = feed
            app.state.telemetry.watch(
                queue_depth=station.queue_depth,
                busy=station.busy,
                ready=lambda: station.readiness().ready,
                listeners=lambda: feed.listeners,
            )
            feeding = asyncio.create_task(feed.run())
            with _ends_streams(feed.stop):
                yield
            feed.stop()
            await feeding
        finally:
            await run_in_threadpool(app.state.jobs.close)
            await run_in_threadpool(station.close)
            app.state.renderer.pool.shutdown(wait=True)

    app = FastAPI(
        title="Welt",
        summary="Footwear inspection: photos in, graded and measured results out.",
        version=openapi.API_VERSION,
        lifespan=lifespan,
        # The interactive pages of FastAPI load scripts from the internet; a factory has none.
        docs_url=None,
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.state.settings = settings
    app.state.jobs = Jobs(settings)
    app.state.telemetry = Telemetry()
    app.state.renderer = pictures.Renderer()
    limit_bytes = int(settings.max_upload_mb * 1e6)
    app.state.upload_budget = UploadBudget(limit_bytes * (settings.queue_length + settings.workers))
    problems.install(app)
    app.include_router(health.router)
    app.include_router(api.router)
    app.include_router(api_novelty.router)
    app.include_router(api_sets.router)
    app.include_router(recipes_api.router)
    app.include_router(api_lots.router)
    app.include_router(calibrations.router)
    app.include_router(events.router)
    pages.install(app)
    app.include_router(standards_api.router)
    openapi.install(app)
    # The last added is the outermost.
    app.add_middleware(middleware.CountRequests, telemetry=app.state.telemetry)
    app.add_middleware(middleware.SecurityHeaders)
    app.add_middleware(middleware.Linger, limit_bytes=limit_bytes)
    return app


@contextmanager
def _ends_streams(stop: Callable[[], None]) -> Iterator[None]:
    """End event streams as soon as the server is told to stop.

    The server waits for open answers before it tells the application to end, and an event stream has no end
    of its own.
    """
    signals = (signal.SIGINT, signal.SIGTERM)
    before: dict[signal.Signals, Any] = {}

    def on_signal(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        elif handler == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    loop = asyncio.get_running_loop()
    try:
        for number in signals:
            before[number] = signal.getsignal(number)
            signal.signal(number, on_signal)
    except ValueError:  # not the main thread, so signals are someone else's
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is on_signal:
                signal.signal(number, handler)
