"""What the service adds to a photo: posted and answered, against the same network called directly.

Both sides get 1280 x 960 photos, in rounds that alternate, so that a noisy machine hits both alike. The
direct side decodes, brings to scale and runs the network in one process: no grading, no storing, no HTTP. A
client is a thread that calls the network, or posts to the service and waits.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.photos import camera_jpeg
from bench.service import STATION, Service
from bench.table import Figure
from inspection import imaging, registry, runtime

WIDTH, HEIGHT = 1280, 960
MM_PER_PX = 0.15
BAR = 1.25


def measure(models_dir: Path, *, rounds: int = 6, per_round: int = 6) -> list[Figure]:
    """Median times at 1 and 4 clients, and their ratio."""
    photos = [camera_jpeg(width=WIDTH, height=HEIGHT, variant=i) for i in range(per_round * 4 * rounds * 2)]
    model = registry.open_serving(models_dir, threads=runtime.cpu_quota())

    def direct(body: bytes) -> None:
        photo = imaging.decode(body, max_pixels=WIDTH * HEIGHT)
        runtime.infer(model.network, photo.rgb, photo_mm_per_px=MM_PER_PX, spec=model.spec)

    figures = []
    with (
        TemporaryDirectory(prefix="welt-bench-") as folder,
        Service(Path(folder), models_dir) as service,
        service.client() as client,
    ):

        def posted(body: bytes) -> None:
            answer = client.post(
                "/api/v1/inspections",
                params={"station": STATION, "mm_per_px": MM_PER_PX},
                headers={"Content-Type": "image/jpeg"},
                content=body,
            )
            if answer.status_code != 201:
                raise RuntimeError(f"{answer.status_code}: {answer.text}")

        supply = iter(photos)
        for clients in (1, 4):
            took: dict[str, list[float]] = {"direct": [], "posted": []}
            run(direct, [next(supply)], clients=1)
            run(posted, [next(supply)], clients=1)
            for _ in range(rounds // 2):
                batch = [next(supply) for _ in range(per_round * clients)]
                took["direct"] += run(direct, batch, clients=clients)
                took["posted"] += run(posted, batch, clients=clients)
            straight, service_s = statistics.median(took["direct"]), statistics.median(took["posted"])
            ratio = service_s / straight
            figures.append(
                Figure(
                    name=f"posted {WIDTH} x {HEIGHT} JPEG against the direct call, {clients} client(s)",
                    measured=f"{ratio:.2f} x ({service_s * 1e3:.0f} ms against {straight * 1e3:.0f} ms, "
                    f"n = {len(took['posted'])})",
                    bar=f"<= {BAR} x",
                    met=ratio <= BAR,
                )
            )
    return figures


def run(call: Callable[[bytes], None], bodies: list[bytes], *, clients: int) -> list[float]:
    """Seconds of each call, made by ``clients`` threads that share the bodies."""
    waiting, took, lock = iter(bodies), [], threading.Lock()

    def client() -> None:
        while True:
            with lock:
                body = next(waiting, None)
            if body is None:
                return
            began = time.perf_counter()
            call(body)
            took.append(time.perf_counter() - began)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(took) != len(bodies):
        raise RuntimeError(f"only {len(took)} of {len(bodies)} calls ended; see the traceback above")
    return took
