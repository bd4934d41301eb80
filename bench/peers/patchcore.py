"""anomalib's PatchCore, run by ``bench.novelty`` with the Python of an environment of its own.

Arguments: folder of features, threads, side in pixels at which the photos are compared, vectors to keep
there. Writes ``<name>.map.npz`` beside each ``<name>.npz``, and prints one line of JSON. Nothing of Welt is
imported here, and nothing of anomalib there.
"""

import json
import resource
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from anomalib.models.image.patchcore.torch_model import PatchcoreModel

USUAL_PX = 256
"""anomalib's usual size for PatchCore."""
USUAL_SHARE = 0.1
"""anomalib's usual share of the features that are kept."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _ready(photos: np.ndarray, side: int) -> torch.Tensor:
    """(N, 3, side, side) as the backbone wants them."""
    batch = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255
    batch = torch.nn.functional.interpolate(batch, size=(side, side), mode="bilinear", antialias=True)
    return (batch - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def _fill(model: PatchcoreModel, embedding: torch.Tensor, share: float) -> None:
    """Choose the memory bank from features (N, C)."""
    model.embedding_store = [embedding]
    model.subsample_embedding(share)


def speed(folder: Path, side: int, keep: int | None) -> dict[str, float]:
    """Seconds to teach, median of one photo, from decoded pixels on, and the process's memory.

    ``keep`` vectors, else anomalib's usual share of them.
    """
    with np.load(folder / "speed.npz") as archive:
        photos = archive["photos"]
    model = PatchcoreModel(layers=("layer2", "layer3"), backbone="wide_resnet50_2", pre_trained=False)
    began, began_cpu = time.perf_counter(), time.process_time()
    model.train()
    model.feature_extractor.eval()
    embedding = torch.cat([model(_ready(photos[k : k + 1], side)) for k in range(len(photos))])
    _fill(model, embedding, USUAL_SHARE if keep is None else (keep + 0.5) / len(embedding))
    teach_s, teach_cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    del embedding
    model.eval()
    times, cpu_times = [], []
    for k in range(8):
        began, began_cpu = time.perf_counter(), time.process_time()
        model(_ready(photos[k : k + 1], side))
        times.append(time.perf_counter() - began)
        cpu_times.append(time.process_time() - began_cpu)
    return {
        "teach_s": teach_s,
        "teach_cpu_s": teach_cpu_s,
        "photo_s": statistics.median(times),
        "photo_cpu_s": statistics.median(cpu_times),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def maps_on_our_features(folder: Path) -> None:
    """PatchCore with the features of Welt's network: its pooling, coreset, neighbours and smoothing."""
    model = PatchcoreModel(layers=("layer2", "layer3"), backbone="resnet18", pre_trained=False)
    for file in sorted(folder.glob("*.npz")):
        if file.stem == "speed" or file.name.endswith(".map.npz"):
            continue
        with np.load(file) as archive:
            taught, scored = archive["taught"].astype(np.float32), archive["scored"].astype(np.float32)
            height, width = archive["valid"].shape
        pooled = model.feature_pooler(torch.from_numpy(taught))
        embedding = pooled.permute(0, 2, 3, 1).reshape(-1, taught.shape[1])
        model.train()
        _fill(model, embedding, USUAL_SHARE)
        model.eval()
        query = model.feature_pooler(torch.from_numpy(scored[None]))
        rows, columns = query.shape[2:]
        distances, _ = model.nearest_neighbors(
            embedding=query.permute(0, 2, 3, 1).reshape(-1, scored.shape[0]), n_neighbors=1
        )
        grid = distances.reshape(1, 1, rows, columns)
        smooth = model.anomaly_map_generator(grid, (height, width))
        np.savez(file.with_suffix(".map.npz"), grid=smooth[0, 0].numpy())


def main() -> None:
    """Entry point."""
    folder, (threads, side, keep) = Path(sys.argv[1]), map(int, sys.argv[2:])
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    usual, same = speed(folder, USUAL_PX, None), speed(folder, side, keep)
    maps_on_our_features(folder)
    print(json.dumps({"version": version("anomalib"), "usual": usual, "same": same}))


if __name__ == "__main__":
    main()
