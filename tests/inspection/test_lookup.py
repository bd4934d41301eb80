"""Values between the cells of a map and the pixels of a photo."""

import cv2
import numpy as np

from inspection.seams.lookup import grey_at, look_up


def test_more_places_than_an_image_may_be_wide_are_looked_up_in_one_go() -> None:
    plane = np.arange(12, dtype=np.float32).reshape(3, 4)
    at = np.tile([1.5, 1.0], (100_000, 1))
    at[-1] = [3.0, 2.0]
    found = look_up(plane, at)
    assert (found[:-1] == 5.5).all()
    assert found[-1] == 11.0


def test_grey_values_are_those_of_the_whole_photo_turned_to_grey_over_its_edge_too() -> None:
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (400, 500, 3), dtype=np.uint8)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    for corner, reach in (
        ([20, 30], 10),
        ([-4, -3], 10),
        ([495, 395], 10),
        ([900, 30], 10),
        ([-20, -20], 540),
    ):
        at = corner + rng.uniform(0, reach, (25, 7, 2))
        assert np.array_equal(grey_at(rgb, at), look_up(grey, at, beyond=None))
