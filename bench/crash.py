"""Load and SIGKILL, over and over: what was acknowledged must be there, once, in an intact database."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2 as httpx

from bench.photos import camera_jpeg
from bench.service import STATION, Service
from bench.table import Figure

UP_BAR_S = 10.0
CLIENTS = 4


def measure(models_dir: Path, *, cycles: int = 50, load_s: float = 2.0) -> list[Figure]:
    """Cycles of load and SIGKILL on one data folder; after each, every acknowledged result is looked for."""
    acknowledged: dict[str, str] = {}  # idempotency key -> result id
    lost, changed, slowest_s = 0, 0, 0.0
    photos = [camera_jpeg(width=320, height=240, variant=i) for i in range(8)]
    chance = random.Random(20537)
    with TemporaryDirectory(prefix="welt-crash-") as folder:
        service = Service(Path(folder), models_dir)
        try:
            for cycle in range(cycles):
                slowest_s = max(slowest_s, service.start())
                # a camera repeats what it got no answer for: the same key must give the same result
                for key in chance.sample(sorted(acknowledged), min(5, len(acknowledged))):
                    again = post(service, key, photos)
                    changed += again is None or again != acknowledged[key]
                stop = threading.Event()
                threads = [
                    threading.Thread(target=load, args=(service, f"{cycle}-{n}", photos, acknowledged, stop))
                    for n in range(CLIENTS)
                ]
                for thread in threads:
                    thread.start()
                time.sleep(load_s * chance.uniform(0.5, 1.5))
                service.kill()
                stop.set()
                for thread in threads:
                    thread.join()
                stored, twice, broken = look(Path(folder) / "welt.db", Path(folder) / "photos")
                lost = len(set(acknowledged.values()) - stored)
                print(
                    f"\rcycle {cycle + 1}/{cycles}: {len(acknowledged)} acknowledged, "
                    f"{lost} lost, {twice} twice",
                    end="",
                    flush=True,
                )
                if broken:
                    raise RuntimeError(broken)
        finally:
            service.kill()
        print()
        return [
            Figure(
                f"acknowledged results lost in {cycles} cycles of load and kill -9",
                f"{lost} of {len(acknowledged)}",
                "0",
                lost == 0,
            ),
            Figure(
                "results stored twice, or answered otherwise on repeat",
                str(twice + changed),
                "0",
                twice + changed == 0,
            ),
            Figure("database after each kill", "intact", "intact", True),
            Figure(
                "slowest start to ready", f"{slowest_s:.1f} s", f"< {UP_BAR_S:.0f} s", slowest_s < UP_BAR_S
            ),
        ]


def post(service: Service, key: str, photos: list[bytes]) -> str | None:
    """Post a photo under a key; its result id once acknowledged, None when the service died meanwhile."""
    body = photos[sum(key.encode()) % len(photos)]
    try:
        answer = httpx.post(
            f"{service.url}/api/v1/inspections",
            params={"station": STATION, "mm_per_px": 0.15},
            headers={
                "Authorization": f"Bearer {service.key}",
                "Content-Type": "image/jpeg",
                "Idempotency-Key": key,
            },
            content=body,
            timeout=15.0,
        )
    except httpx.TransportError:
        return None
    return str(answer.json()["result_id"]) if answer.status_code in {200, 201} else None


def load(
    service: Service, name: str, photos: list[bytes], acknowledged: dict[str, str], stop: threading.Event
) -> None:
    """One camera: photo after photo until the service is gone."""
    count = 0
    while not stop.is_set():
        key = f"{name}-{count}"
        result_id = post(service, key, photos)
        if result_id is not None:
            acknowledged[key] = result_id
        count += 1


def look(database: Path, photos: Path) -> tuple[set[str], int, str]:
    """Result ids in the database, how many keys stand twice, and what is broken ('' when nothing is)."""
    connection = sqlite3.connect(database)
    try:
        check = connection.execute("PRAGMA integrity_check").fetchone()[0]
        rows = connection.execute(
            "SELECT result_id, idempotency_key, photo_sha256 FROM inspections"
        ).fetchall()
    finally:
        connection.close()
    keys = [key for _, key, _ in rows if key is not None]
    names = {path.name.split(".")[0] for path in photos.rglob("*") if path.is_file()}
    missing = {sha for *_, sha in rows} - names
    broken = f"integrity_check says {check}" if check != "ok" else ""
    if missing:
        broken = f"{len(missing)} rows without their photo"
    return {row[0] for row in rows}, len(keys) - len(set(keys)), broken
