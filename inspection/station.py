"""Runs the inspections of one service: a bounded queue, worker threads, results durable before they are told.

A photo is accepted or refused at once; what was accepted is inspected even when its camera stops waiting, so
that a repeat with the same idempotency key gets the answer. The photo, the surface map and the row are on
disk before the answer leaves. A probe thread opens the model, watches the storage, and makes the station
ready again by itself once what was broken works.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ulid import ULID

from inspection import assembling, drawing, imaging, pipeline, registry, runtime
from inspection.calibration.choosing import aged
from inspection.document import build_document, to_json
from inspection.domain import Calibration, Finding, Grade, Metadata, Photo, Verdict
from inspection.errors import (
    ConflictError,
    ModelError,
    PressureError,
    QueueFullError,
    StorageError,
    WeltError,
)
from inspection.novelty import FULL_SCALE
from inspection.pipeline import Setup
from inspection.recipe_book import RecipeBook
from inspection.recipes import Recipe, Recipes, open_recipes
from inspection.registry import Model
from inspection.settings import Settings
from inspection.standard_book import StandardBook
from inspection.standards import Standards, open_standards, seam_kind
from inspection.store import Photos, Store, calibrations, inspections, open_photos, open_store
from inspection.store.inspections import DuplicateKeyError, Fault, InspectionRecord, StoredInspection
from inspection.teaching import Banks

__all__ = ["Inspected", "ModelOpener", "Outcome", "Readiness", "Station", "open_station"]

log = logging.getLogger(__name__)

PROBE_S = 1.0
"""Pause between looks at a broken storage or model: the longest that a repaired one is kept waiting."""
HEALTHY_PROBE_S = 5.0
"""Pause between writing probes while all is well: often enough to tell before a photo comes, and free."""
RETRY_AFTER_S = 2
"""What a camera is told to wait when the station cannot take its photo."""
WEDGED_DEADLINES = 6.0
"""A worker busy for this many deadlines does not come back by itself."""


@dataclass(frozen=True)
class Outcome:
    """The answer to one photo.

    Attributes
    ----------
    document : JSON text of the result document, byte for byte as stored.
    created : False when the photo had been inspected before under the same idempotency key.
    """

    result_id: str
    document: str
    created: bool


@dataclass(frozen=True)
class Inspected:
    """Told to subscribers after a result became durable.

    Attributes
    ----------
    took_ms : time of each stage by its name, among them ``queue``, the wait for a worker, and ``store``, the
        wait until photo, map and row were on the disk.
    """

    stored: StoredInspection
    took_ms: dict[str, float]


@dataclass(frozen=True)
class Readiness:
    """Whether photos can be inspected now; ``reasons`` says why not, one sentence each."""

    reasons: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """True when nothing stands in the way."""
        return not self.reasons


Listener = Callable[[Inspected], None]


class ModelOpener(Protocol):
    """How the model that serves is opened; the seam for tests that need a slow or failing network."""

    def __call__(self, models_dir: Path, /, *, threads: int, precision: registry.Precision) -> Model:
        """See ``registry.open_serving``."""
        ...


@dataclass(eq=False)
class _Job:
    """One accepted photo on its way."""

    body: bytes
    sha256: str
    metadata: Metadata
    setup: Setup
    accepted_s: float
    answer: Future[Outcome] = field(default_factory=Future)

    @property
    def key(self) -> tuple[str, str] | None:
        """What makes a repeat the same photo; None when the camera gave no key."""
        if self.metadata.idempotency_key is None:
            return None
        return self.metadata.station, self.metadata.idempotency_key


class Station:
    """The inspections of one service. Made by `open_station`; safe to use from many threads.

    Attributes
    ----------
    store, photos, book, standard_book : what the service remembers and what it judges by.
    banks : what good parts look like, by recipe and view.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        photos: Photos,
        book: RecipeBook,
        standard_book: StandardBook,
        open_model: ModelOpener,
    ) -> None:
        self.settings = settings
        self._open = open_model
        self.store = store
        self.photos = photos
        self.book = book
        self.standard_book = standard_book
        self.banks = Banks(store, photos)
        self._queue: queue.Queue[_Job | None] = queue.Queue(maxsize=settings.queue_length)
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, str], _Job] = {}
        self._busy_since_s: dict[int, float] = {}
        self._closing = False
        self._listeners: list[Listener] = []
        self._model: Model | None = None
        self._model_error: ModelError = ModelError(
            "the model is being loaded", hint="Wait a moment.", retry_after_s=RETRY_AFTER_S
        )
        self._storage_error: StorageError | None = None
        self._needed_mb = 0.0
        self._failures = 0
        self._trial = threading.Lock()
        self._last_stored_s = float("-inf")
        self._wake_probe = threading.Event()
        # One per worker: each photo is written while its own inspection runs.
        self._writers = ThreadPoolExecutor(max_workers=settings.workers, thread_name_prefix="writer")
        # Daemons, so that a server that is forced to end without closing the station does end.
        self._workers = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(settings.workers)
        ]
        self._probe_thread = threading.Thread(target=self._probe, name="probe", daemon=True)

    # What the rest of the service asks ---------------------------------------------------------------------

    def submit(self, body: bytes, metadata: Metadata, *, sha256: str) -> Future[Outcome]:
        """Accept a photo, or refuse it at once. Does not wait, and asks neither disk nor database.

        Parameters
        ----------
        body : encoded photo.
        sha256 : hex digest of ``body``.

        Returns
        -------
        Future that ends with the answer, or with the WeltError that kept the photo from one. What was
        accepted is inspected whether or not anyone waits for it.

        Raises
        ------
        UnknownNameError, ScaleError : recipe, view, standard or scale cannot be used. (A calibration that
            does not exist is told by the future.)
        ConflictError : another photo under the same idempotency key is being inspected now.
        QueueFullError, StorageError, ModelError : not now.
        """
        # Which stored calibration holds is asked by the worker: this thread does not wait for the database.
        setup = pipeline.prepare(
            replace(metadata, calibration=None),
            model=self.model,
            recipes=self.recipes,
            standards=self.standards,
            taught=self.banks.get,
        )
        job = _Job(body=body, sha256=sha256, metadata=metadata, setup=setup, accepted_s=time.monotonic())
        # From here on a waiting caller that gives up cannot cancel the inspection.
        job.answer.set_running_or_notify_cancel()
        with self._lock:
            key = job.key
            before = None if key is None else self._under_way.get(key)
            if before is not None:
                if before.sha256 != sha256:
                    raise _other_photo(job.metadata)
                return _repeat_of(before.answer)
            self._check_open()
            try:
                self._queue.put_nowait(job)
            except queue.Full:
                raise QueueFullError(
                    f"Photos that are waiting already: {self.settings.queue_length}.",
                    hint="Send the photo again after Retry-After; another replica shortens the queue.",
                    retry_after_s=RETRY_AFTER_S,
                ) from None
            if key is not None:
                self._under_way[key] = job
        return job.answer

    def try_recipe(self, photo: Photo, metadata: Metadata, draft: Recipe) -> tuple[Finding, Setup]:
        """What a draft of a recipe would say of a photo; nothing is kept. One trial at a time.

        Raises
        ------
        RecipeError, UnknownNameError, ScaleError : the draft or the metadata cannot be used.
        """
        setup = pipeline.prepare(
            metadata, model=self.model, recipes=Recipes([draft]), standards=self.standards
        )
        with self._trial:
            reference = self.book.draft_reference(draft, setup.view)
            setup = replace(setup, reference=reference, foot=metadata.foot)
            return pipeline.inspect(photo, setup, clock=time.perf_counter), setup

    def readiness(self) -> Readiness:
        """Whether photos can be inspected now, and if not, why."""
        reasons = []
        if self._closing:
            reasons.append("The service is shutting down.")
        if self._model is None:
            reasons.append(f"Model: {self._model_error.detail}")
        storage_error = self._storage_error
        if storage_error is not None:
            reasons.append(f"Storage: {storage_error.detail}")
        alive = [worker for worker in self._workers if worker.is_alive()]
        if len(alive) < len(self._workers) and not self._closing:
            reasons.append(f"Workers: {len(self._workers) - len(alive)} of {len(self._workers)} ended.")
        limit_s = WEDGED_DEADLINES * self.settings.deadline_s
        now_s = time.monotonic()
        wedged = [since for since in tuple(self._busy_since_s.values()) if now_s - since > limit_s]
        if len(wedged) == len(self._workers):
            reasons.append(f"Queue: every worker has been busy with one photo for over {limit_s:.0f} s.")
        return Readiness(tuple(reasons))

    @property
    def model(self) -> Model:
        """The model that serves; ModelError while there is none."""
        if self._model is None:
            raise _again(self._model_error)
        return self._model

    @property
    def standards(self) -> Standards:
        """The standards in force, as last seen."""
        return self.standard_book.standards

    @property
    def recipes(self) -> Recipes:
        """The recipes in force, as last seen."""
        return self.book.recipes

    def queue_depth(self) -> int:
        """Photos that wait for a worker."""
        return self._queue.qsize()

    def busy(self) -> int:
        """Photos being inspected."""
        return len(self._busy_since_s)

    def subscribe(self, listener: Listener) -> None:
        """Have ``listener`` called, in a worker's thread, after each result became durable; must be quick."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Take no more photos, finish those that were accepted, close what was opened."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        self._wake_probe.set()
        for _ in self._workers:
            self._queue.put(None)
        for worker in self._workers:
            worker.join()
        self._probe_thread.join()
        self._writers.shutdown(wait=True)
        self.store.close()

    # Accepting ---------------------------------------------------------------------------------------------

    def _start(self) -> None:
        for thread in (*self._workers, self._probe_thread):
            thread.start()

    def _check_open(self) -> None:
        if self._closing:
            raise PressureError(
                "The service is shutting down.",
                hint="Send the photo again after Retry-After; it is taken once the service is back.",
                retry_after_s=2 * RETRY_AFTER_S,
            )
        storage_error = self._storage_error
        if storage_error is not None:
            raise _again(storage_error)

    # Inspecting --------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Inspect one photo after the other until told to end."""
        while True:
            job = self._queue.get()
            if job is None:
                return
            me = threading.get_ident()
            self._busy_since_s[me] = time.monotonic()
            outcome: Outcome | None = None
            error: WeltError | None = None
            try:
                outcome = self._inspect(job)
            except WeltError as known:
                error = known
            except Exception:
                log.exception("inspection crashed", extra={"photo_sha256": job.sha256})
                error = WeltError(
                    "The inspection of this photo failed in a way that nobody foresaw.",
                    hint="Send it again; if it fails again, keep the photo for those who maintain Welt.",
                )
            del self._busy_since_s[me]
            if isinstance(error, StorageError):
                self._storage_failed(error, needed_mb=2 * len(job.body) / 1e6)
            key = job.key
            if key is not None:
                with self._lock:
                    del self._under_way[key]
            if outcome is not None:
                job.answer.set_result(outcome)
            else:
                assert error is not None
                job.answer.set_exception(error)

    def _inspect(self, job: _Job) -> Outcome:
        started_s = time.monotonic()
        repeated = self._stored_before(job)
        if repeated is not None:
            return repeated
        setup = replace(job.setup, calibration=self._scale(job))
        clock = time.perf_counter
        mark_s = clock()
        photo = imaging.decode(
            job.body,
            max_pixels=int(self.settings.max_photo_mp * 1e6),
            colours=job.metadata.pair_id is not None,
        )
        decode_ms = (clock() - mark_s) * 1000
        # What somebody put into force since the photo came, on any replica, holds for it.
        standard = self.standard_book.refresh().get(job.setup.standard.id)
        setup = replace(setup, standard=standard)
        # The disk works while the network does.
        written = self._writers.submit(self.photos.put, job.body)
        try:
            reference = self.book.reference(setup.recipe, setup.view)
            setup = replace(setup, reference=reference, foot=job.metadata.foot)
            finding = pipeline.inspect(photo, setup, clock=clock)
            mark_s = clock()
            surface_png = drawing.encode_png(drawing.any_defect_u8(finding.maps))
            encode_ms = (clock() - mark_s) * 1000
        finally:
            # Also after a failure: nothing of this photo goes on once its answer is out.
            mark_s = clock()
            written_error = written.exception()
        if written_error is not None:
            raise written_error
        result_id = str(ULID())
        surface_ref = self.photos.put_named(f"{result_id}.surface.png", surface_png)
        if finding.novelty is not None:
            novelty_png = drawing.grey16_png(finding.novelty.grid, full_scale=FULL_SCALE)
            self.photos.put_named(f"{result_id}.novelty.png", novelty_png)
        created_at = datetime.now(UTC)
        took_ms = {
            "queue": (started_s - job.accepted_s) * 1000,
            "decode": decode_ms,
            "encode": encode_ms,
        }
        document = build_document(
            result_id=result_id,
            created_at=created_at,
            metadata=job.metadata,
            photo=photo,
            finding=finding,
            setup=setup,
            took_ms=took_ms,
        )
        text = to_json(document)
        metadata = job.metadata
        record = InspectionRecord(
            result_id=result_id,
            created_at=created_at,
            captured_at=metadata.captured_at,
            station=metadata.station,
            view=document.view,
            part_id=metadata.part_id,
            pair_id=metadata.pair_id,
            foot=metadata.foot,
            lot_id=metadata.lot_id,
            style=document.style,
            size=metadata.size,
            recipe=document.recipe.name,
            idempotency_key=metadata.idempotency_key,
            photo_sha256=job.sha256,
            surface_ref=surface_ref,
            grade=finding.verdict.grade,
            disposition=finding.verdict.disposition,
            kinds=frozenset(defect.kind for defect in finding.defects),
            faults=_faults(finding.verdict),
            document=text,
        )
        try:
            stored = inspections.add(self.store, record)
        except DuplicateKeyError:
            # Another replica was given the same photo at the same time and was first.
            repeated = self._stored_before(job)
            if repeated is None:
                raise
            return repeated
        self._keep_sets(stored)
        took_ms = {**took_ms, **finding.took_ms, "store": (clock() - mark_s) * 1000}
        self._last_stored_s = time.monotonic()
        log.info(
            "inspected",
            extra={
                "result_id": result_id,
                "station": metadata.station,
                "grade": record.grade.value,
                "defects": len(finding.defects),
                "took_s": round(time.monotonic() - job.accepted_s, 4),
            },
        )
        for listener in self._listeners:
            listener(Inspected(stored=stored, took_ms=took_ms))
        return Outcome(result_id=result_id, document=text, created=True)

    def _keep_sets(self, stored: StoredInspection) -> None:
        """Work out what the photo makes of its shoe and pair; its own result stands without that."""
        try:
            assembling.keep(self, stored)
        except StorageError as error:
            log.warning(
                "shoe and pair not worked out",
                extra={"result_id": stored.record.result_id, "detail": error.detail},
            )

    def _scale(self, job: _Job) -> Calibration | None:
        """The scale of a photo, as far as it is known before the photo is seen."""
        metadata, setup = job.metadata, job.setup
        stored = None
        if metadata.mm_per_px is None:
            stored = calibrations.for_photo(
                self.store, station=metadata.station, view=setup.view, name=metadata.calibration
            )
        scale = pipeline.scale_of(metadata, setup.recipe, setup.view, stored=stored)
        if scale is None:
            return None
        return aged(scale, now=datetime.now(UTC), max_age_days=self.settings.calibration_max_age_days)

    def _stored_before(self, job: _Job) -> Outcome | None:
        """The answer that this photo already got under its key, if it got one."""
        key = job.key
        if key is None:
            return None
        stored = inspections.by_idempotency_key(self.store, *key)
        if stored is None:
            return None
        record = stored.record
        if record.photo_sha256 != job.sha256:
            raise _other_photo(job.metadata)
        return Outcome(result_id=record.result_id, document=record.document, created=False)

    # Watching ----------------------------------------------------------------------------------------------

    def _storage_failed(self, error: StorageError, *, needed_mb: float) -> None:
        if self._storage_error is None:
            log.error("storage failed", extra={"detail": error.detail})
        self._storage_error = error
        # A probe of a few bytes fits where a photo does not.
        self._needed_mb = max(self._needed_mb, needed_mb)
        self._failures += 1
        self._wake_probe.set()

    def _probe(self) -> None:
        """Open the model, watch the storage, until the station closes."""
        seen: _Signature | None = None
        while not self._closing:
            if self._model is None:
                now = _signature(self.settings.models_dir)
                # A broken model is opened again only after a file has changed: opening costs a network run.
                if now != seen:
                    seen = now
                    self._open_model()
            self._check_storage()
            self._refresh_banks()
            troubled = self._model is None or self._storage_error is not None
            self._wake_probe.wait(PROBE_S if troubled else HEALTHY_PROBE_S)
            if self._storage_error is not None and self._wake_probe.is_set() and not self._closing:
                # Woken by a failure: what has just failed is given a moment before it is tried again.
                time.sleep(PROBE_S)
            self._wake_probe.clear()

    def _refresh_banks(self) -> None:
        if self._storage_error is not None:
            return
        try:
            self.banks.refresh()
        except StorageError as error:
            log.warning("novelty banks not looked for", extra={"detail": error.detail})

    def _open_model(self) -> None:
        threads = self.settings.inference_threads or runtime.cpu_quota()
        try:
            model = self._open(self.settings.models_dir, threads=threads, precision=self.settings.precision)
        except ModelError as error:
            log.error("model cannot be used", extra={"detail": error.detail})
            self._model_error = error
        else:
            log.info("model ready", extra={"model": f"{model.manifest.name}/{model.manifest.version}"})
            self._model = model

    def _check_storage(self) -> None:
        recent = time.monotonic() - self._last_stored_s < HEALTHY_PROBE_S
        failures = self._failures
        try:
            if self._storage_error is not None or not recent:
                self.store.check()
            self.photos.check(min_free_mb=max(self.settings.min_free_mb, self._needed_mb))
        except StorageError as error:
            if self._storage_error is None:
                log.error("storage failed", extra={"detail": error.detail})
            self._storage_error = error
            return
        # What has failed since this look began is not made good by it.
        if self._storage_error is not None and self._failures == failures:
            log.info("storage works again")
            self._storage_error = None
            self._needed_mb = 0.0


def _faults(verdict: Verdict) -> Counter[Fault]:
    """What broke a rule for certain, counted; a photo that has to be looked at again has no say yet."""
    return Counter(
        Fault(kind, reason.zone or "", reason.severity)
        for reason in verdict.reasons
        if reason.severity is not None
        and reason.grade is not Grade.RECHECK
        and (kind := reason.kind or seam_kind(reason.quantity)) is not None
    )


_Signature = tuple[tuple[str, int, int], ...]


def _signature(models_dir: Path) -> _Signature:
    """Names, sizes and times of the files in the models folder: changes when any of them does."""
    found = []
    for file in sorted(models_dir.rglob("*")):
        try:
            status = file.stat()
        except FileNotFoundError:
            continue
        found.append((str(file), status.st_size, status.st_mtime_ns))
    return tuple(found)


def _again(error: ModelError | StorageError) -> ModelError | StorageError:
    """The same error for another caller; one exception raised in two threads would mix their tracebacks."""
    return type(error)(error.detail, hint=error.hint, retry_after_s=error.retry_after_s or RETRY_AFTER_S)


def _other_photo(metadata: Metadata) -> ConflictError:
    return ConflictError(
        f"Station {metadata.station!r} has used the idempotency key {metadata.idempotency_key!r} "
        "for another photo.",
        hint="Give each photo a key of its own, and send a repeat with exactly the same bytes.",
    )


def _repeat_of(first: Future[Outcome]) -> Future[Outcome]:
    """The answer of a photo under way, for a repeat of it."""
    repeat: Future[Outcome] = Future()
    repeat.set_running_or_notify_cancel()

    def follow(ended: Future[Outcome]) -> None:
        error = ended.exception()
        if error is not None:
            repeat.set_exception(error)
        else:
            outcome = ended.result()
            repeat.set_result(Outcome(result_id=outcome.result_id, document=outcome.document, created=False))

    first.add_done_callback(follow)
    return repeat


def open_station(settings: Settings, *, open_model: ModelOpener = registry.open_serving) -> Station:
    """Open database, photos, recipes, standards, and start the workers; the model follows in the background.

    Raises
    ------
    ConfigurationError : a recipe, standard or URL cannot be used.
    StorageError : the database or the photos cannot be reached.
    """
    recipes = open_recipes([] if settings.recipes_dir is None else [settings.recipes_dir])
    standards = open_standards([] if settings.standards_dir is None else [settings.standards_dir])
    photos = open_photos(settings.photos)
    store = open_store(settings.database)
    try:
        standard_book = StandardBook(store, standards)
        book = RecipeBook(store, photos, recipes, max_pixels=int(settings.max_photo_mp * 1e6))
        # Those of files; what was published was checked then, and its standard is looked for at each photo.
        for name in recipes.names():
            standard_book.standards.get(recipes.get(name).standard)
    except WeltError:
        store.close()
        raise
    station = Station(
        settings,
        store=store,
        photos=photos,
        book=book,
        standard_book=standard_book,
        open_model=open_model,
    )
    station.banks.refresh()
    station._start()
    return station
