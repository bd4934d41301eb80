"""Counts and times what the service does, for Prometheus to fetch."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from inspection.station import Inspected

__all__ = ["CONTENT_TYPE", "Telemetry"]

CONTENT_TYPE = CONTENT_TYPE_LATEST

STAGE_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Telemetry:
    """The figures of one application, in a registry of its own: two in one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._stages = Histogram(
            "welt_stage_seconds", "Time of one stage of an inspection.", ["stage"],
            buckets=STAGE_BUCKETS_S, registry=self._registry,
        )  # fmt: skip
        self._inspections = Histogram(
            "welt_inspection_seconds", "Time from the acceptance of a photo until its result was durable.",
            buckets=STAGE_BUCKETS_S, registry=self._registry,
        )  # fmt: skip
        self._verdicts = Counter(
            "welt_verdicts", "Verdicts given.", ["grade", "station"], registry=self._registry
        )
        self._errors = Counter("welt_errors", "Errors answered, by kind.", ["kind"], registry=self._registry)
        self._requests = Counter(
            "welt_http_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._queue_depth = Gauge(
            "welt_queue_depth", "Photos that wait for a worker.", registry=self._registry
        )
        self._busy = Gauge("welt_workers_busy", "Photos being inspected.", registry=self._registry)
        self._ready = Gauge("welt_ready", "1 while photos can be inspected.", registry=self._registry)
        self._listeners = Gauge("welt_event_listeners", "Open event streams.", registry=self._registry)

    def watch(
        self,
        *,
        queue_depth: Callable[[], int],
        busy: Callable[[], int],
        ready: Callable[[], bool],
        listeners: Callable[[], int],
    ) -> None:
        """Say where the present values are found; they are read when Prometheus fetches."""
        self._queue_depth.set_function(queue_depth)
        self._busy.set_function(busy)
        self._ready.set_function(lambda: float(ready()))
        self._listeners.set_function(listeners)

    def observe(self, inspected: Inspected) -> None:
        """Count one result and its times."""
        for stage, took_ms in inspected.took_ms.items():
            self._stages.labels(stage=stage).observe(took_ms / 1000)
        self._inspections.observe(sum(inspected.took_ms.values()) / 1000)
        record = inspected.stored.record
        self._verdicts.labels(grade=record.grade, station=record.station).inc()

    def count_error(self, kind: str) -> None:
        """Count one error answered."""
        self._errors.labels(kind=kind).inc()

    def count_request(self, *, method: str, route: str, status: int) -> None:
        """Count one request answered."""
        self._requests.labels(method=method, route=route, status=str(status)).inc()

    def exposition(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)
