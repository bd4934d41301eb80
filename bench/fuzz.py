"""Mutated image files through the real service: no crash, no hang, no 500."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import httpx2 as httpx
import numpy as np

from bench.photos import read_bgr, sample_photos
from bench.service import STATION, Service
from bench.table import Figure

HANG_S = 2.0


def measure(models_dir: Path, *, count: int = 10_000, seed: int = 20537) -> list[Figure]:
    """Post mutated files; every answer must come in time and below 500."""
    chance = random.Random(seed)
    seeds = seed_files()
    statuses: Counter[int] = Counter()
    slowest_s, hangs = 0.0, 0
    with TemporaryDirectory(prefix="welt-fuzz-") as folder, Service(Path(folder), models_dir) as service:
        pid = service.pid
        with service.client() as client:
            for done in range(count):
                body = mutate(chance.choice(seeds), chance)
                began = time.perf_counter()
                answer = post(client, body)
                took_s = time.perf_counter() - began
                slowest_s, hangs = max(slowest_s, took_s), hangs + (took_s > HANG_S)
                statuses[answer.status_code] += 1
                if took_s > HANG_S:
                    print(f"\nfile {done} ({len(body)} bytes): {answer.status_code} after {took_s:.2f} s")
                if answer.status_code >= 500:
                    print(f"\n{answer.status_code} {answer.text[:300]}")
                if done % 100 == 99:
                    print(f"\r{done + 1} of {count}: {dict(sorted(statuses.items()))}", end="", flush=True)
        alive = service.process is not None and service.process.poll() is None and service.pid == pid
    print()
    faults = sum(n for status, n in statuses.items() if status >= 500)
    return [
        Figure(f"{count} mutated image files: answers of 500 and up", str(faults), "0", faults == 0),
        Figure(
            "mutated files: slowest answer",
            f"{slowest_s:.2f} s, {hangs} over {HANG_S:.0f} s",
            f"<= {HANG_S:.0f} s",
            hangs == 0,
        ),
        Figure("mutated files: the same process still runs", str(alive), "True", alive),
    ]


def post(client: httpx.Client, body: bytes) -> httpx.Response:
    """One raw post."""
    return client.post(
        "/api/v1/inspections",
        params={"station": STATION, "mm_per_px": 0.15},
        headers={"Content-Type": "application/octet-stream"},
        content=body,
    )


def seed_files() -> list[bytes]:
    """Small sound files of every accepted format, from real photos."""
    files: list[bytes] = []
    for path in sample_photos()[:6]:
        bgr = cv2.resize(read_bgr(path), (96, 96), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
        for picture, suffix in (
            (bgr, ".jpg"),
            (bgr, ".png"),
            (bgr, ".webp"),
            (bgr, ".tiff"),
            (bgr, ".bmp"),
            (grey, ".jpg"),
            (bgr.astype(np.uint16) * 257, ".png"),
            (np.dstack([bgr, grey]), ".png"),
        ):
            encoded, buffer = cv2.imencode(suffix, picture)
            if not encoded:
                raise RuntimeError(f"OpenCV could not encode {suffix}")
            files.append(buffer.tobytes())
    return files


def mutate(body: bytes, chance: random.Random) -> bytes:
    """Flip, cut, insert, repeat or overwrite bytes, more often near the header, one to eight times."""
    changed = bytearray(body)
    for _ in range(chance.randint(1, 8)):
        if not changed:
            break
        reach = len(changed) if chance.random() < 0.5 else min(len(changed), 64)
        at = chance.randrange(reach)
        match chance.randrange(6):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at] = chance.choice((0, 1, 127, 128, 255))
            case 2:
                del changed[chance.randrange(len(changed)) :]
            case 3:
                changed[at:at] = chance.randbytes(chance.randint(1, 32))
            case 4:
                end = min(len(changed), at + chance.randint(1, 64))
                changed[at:at] = changed[at:end]
            case _:
                changed[at : at + 4] = chance.choice(
                    (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff", chance.randbytes(4))
                )
    return bytes(changed)
