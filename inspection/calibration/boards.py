"""ChArUco boards: what they look like, and where their corners are in a photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inspection.domain import Photo
from inspection.errors import BoardError, UnknownNameError

__all__ = ["BOARDS", "Board", "Sighting", "board_named", "find_board"]

MIN_CORNERS = 12
"""Corners of the board below which its pose in a photo is too weak to help."""
_SHARP_ENOUGH = 0.02
"""Mean step between neighbouring pixels along the board's edges, as a share of its contrast, below which a
photo without a marker is said to be blurred. Measured on rendered boards: sharp 0.1 and more, unreadable
0.01."""
_MISFIT_SHARE = 0.1
"""Of a square: markers farther from their places than this belong to a board of another layout. A strongly
bent lens moves them by 0.03."""
_REFINE_SHARE = 0.13
"""Half of the window that sharpens a corner, as a share of a square in the photo: the markers begin at 0.136
of a square from the corner."""
_MAX_WINDOW_PX = 11


@dataclass(frozen=True)
class Board:
    """A chessboard with a marker in each white square (ChArUco).

    Attributes
    ----------
    squares : (columns, rows).
    square_mm, marker_mm : sides of a square and of a marker, as they should be printed.
    first_id : markers are numbered from here, so that boards do not share any.
    paper : size of its sheet, ``A4`` or ``A3``.
    """

    name: str
    squares: tuple[int, int]
    square_mm: float
    marker_mm: float
    first_id: int
    paper: str

    @property
    def size_mm(self) -> tuple[float, float]:
        """(width, height) of the pattern."""
        return self.squares[0] * self.square_mm, self.squares[1] * self.square_mm

    @property
    def marker_count(self) -> int:
        """Markers on the board."""
        return self.squares[0] * self.squares[1] // 2

    @property
    def corner_count(self) -> int:
        """Inner corners of the chessboard."""
        return (self.squares[0] - 1) * (self.squares[1] - 1)

    def pattern(self) -> cv2.aruco.CharucoBoard:
        """As OpenCV knows it; x to the right, y down, the origin at the outer top left corner."""
        ids = np.arange(self.first_id, self.first_id + self.marker_count)
        return cv2.aruco.CharucoBoard(self.squares, self.square_mm, self.marker_mm, dictionary(), ids)

    def black_mm(self) -> npt.NDArray[np.float64]:
        """(N, 4) black rectangles (x, y, width, height): squares, and runs of black cells of markers."""
        square, marker = self.square_mm, self.marker_mm
        columns, rows = self.squares
        black = [(x * square, y * square, square, square)
                 for y in range(rows) for x in range(columns) if (x + y) % 2 == 0]  # fmt: skip
        words = dictionary()
        count = words.markerSize + 2  # cells of a side, with the black border
        cell = marker / count
        places = np.asarray(self.pattern().getObjPoints(), np.float64)
        for number, corners in enumerate(places):
            left, top = corners[:, :2].min(axis=0)
            drawn = np.asarray(words.generateImageMarker(self.first_id + number, count), np.uint8) < 128
            for y, row in enumerate(drawn):
                edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
                black += [(left + start * cell, top + y * cell, (end - start) * cell, cell)
                          for start, end in edges.reshape(-1, 2)]  # fmt: skip
        return np.array(black, np.float64)

    def corners_mm(self) -> npt.NDArray[np.float64]:
        """(corner_count, 2) places of the inner corners, row by row."""
        return np.asarray(self.pattern().getChessboardCorners(), np.float64)[:, :2]


BOARDS = {
    board.name: board
    for board in (
        # Large enough to fill a sheet with room for the ruler, and a cell of a marker is 2 pixels at 1 mm/px.
        Board("a4", (12, 8), 22.0, 16.0, first_id=0, paper="A4"),
        Board("a3", (14, 10), 26.0, 19.0, first_id=100, paper="A3"),
    )
}
"""The boards that ``welt calibrate board`` prints, by name."""


def dictionary() -> cv2.aruco.Dictionary:
    """Markers of 5 x 5 cells: 250 of them differ in at least 7 cells, so one is hardly read as another."""
    return cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_250)


@dataclass(frozen=True, eq=False)
class Sighting:
    """The corners of a board in one photo.

    Attributes
    ----------
    label : of the photo, for messages.
    ids : (N,) int, index into ``board.corners_mm()``.
    corners_px : (N, 2) float64.
    """

    label: str
    board: Board
    ids: npt.NDArray[np.int64]
    corners_px: npt.NDArray[np.float64]
    photo_size_px: tuple[int, int]

    @property
    def places_mm(self) -> npt.NDArray[np.float64]:
        """(N, 2) places of the corners on the board."""
        return self.board.corners_mm()[self.ids]


def board_named(name: str) -> Board:
    """The board of that name; UnknownNameError lists the known ones."""
    if name not in BOARDS:
        raise UnknownNameError(f"There is no board named {name!r}.", hint=f"Boards: {', '.join(BOARDS)}.")
    return BOARDS[name]


def find_board(photo: Photo, board: Board, *, label: str) -> Sighting:
    """Find the corners of a board, to a few hundredths of a pixel in a sharp photo.

    Parameters
    ----------
    label : of the photo, for messages.

    Raises
    ------
    BoardError : no board, another one, a mirrored, blurred or cut off one, or corners on one line.
    """
    grey = np.asarray(cv2.cvtColor(photo.rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    markers, marker_ids = _markers(grey)
    own = [i for i, id_ in enumerate(marker_ids) if 0 <= id_ - board.first_id < board.marker_count]
    if not own:
        raise _not_found(grey, marker_ids, board, label)
    if len(own) >= 3:
        _check_layout([markers[i] for i in own], marker_ids[own], board, label)
    detector = cv2.aruco.CharucoDetector(board.pattern())
    corners, ids, _, _ = detector.detectBoard(grey)
    found = 0 if ids is None else len(ids)
    size_px = photo.width_px, photo.height_px
    ids = np.zeros(0, np.int64) if ids is None else np.asarray(ids, np.int64).reshape(-1)
    places = board.corners_mm()[ids]
    # Before they are counted: what is missing is another line of them.
    if found >= 3 and np.linalg.matrix_rank(places - places[0], tol=1e-3) < 2:
        raise BoardError(
            f"{label}: the {found} corners that were found lie on one line, which is not enough.",
            hint="Show more of the board: at least three rows of squares have to be seen.",
        )
    if found < MIN_CORNERS:
        raise _too_few(found, [markers[i] for i in own], marker_ids[own], board, label, size_px)
    corners_px = np.asarray(corners, np.float64).reshape(-1, 2)
    return Sighting(label, board, ids, _refined(grey, corners_px, places), size_px)


def _markers(grey: npt.NDArray[np.uint8]) -> tuple[list[npt.NDArray[np.float64]], npt.NDArray[np.int64]]:
    corners, ids, _ = cv2.aruco.ArucoDetector(dictionary()).detectMarkers(grey)
    if ids is None:
        return [], np.zeros(0, np.int64)
    return [np.asarray(c, np.float64).reshape(4, 2) for c in corners], np.asarray(ids, np.int64).reshape(-1)


def _refined(
    grey: npt.NDArray[np.uint8], corners_px: npt.NDArray[np.float64], places_mm: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Corners sharpened from as much of the photo round each as shows nothing but its four squares."""
    to_photo, _ = cv2.findHomography(places_mm, corners_px)
    steps = np.linalg.norm(places_mm[:, None] - places_mm[None], axis=2)
    square_mm = steps[steps > 0].min()
    size_px = []
    for step in ((square_mm, 0.0), (0.0, square_mm)):
        there = cv2.perspectiveTransform((places_mm + step).reshape(-1, 1, 2), to_photo).reshape(-1, 2)
        here = cv2.perspectiveTransform(places_mm.reshape(-1, 1, 2), to_photo).reshape(-1, 2)
        size_px.append(np.linalg.norm(there - here, axis=1).min())
    half = int(np.clip(_REFINE_SHARE * min(size_px), 2, _MAX_WINDOW_PX))
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-4)
    start = corners_px.astype(np.float32).reshape(-1, 1, 2).copy()
    sharp = cv2.cornerSubPix(grey, start, (half, half), (-1, -1), until).reshape(-1, 2).astype(np.float64)
    # A corner that ran away has found something else: what the markers said is better.
    ran = np.linalg.norm(sharp - corners_px, axis=1) > half
    return np.where(ran[:, None], corners_px, sharp)


def _marker_places(board: Board, marker_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(M, 4, 2) places of the markers' corners on the board."""
    places = np.asarray(board.pattern().getObjPoints(), np.float64)[:, :, :2]
    return places[marker_ids - board.first_id]


def _check_layout(
    markers: list[npt.NDArray[np.float64]], ids: npt.NDArray[np.int64], board: Board, label: str
) -> None:
    """Refuse markers that are ours by number, but do not lie as on our board."""
    places = _marker_places(board, ids).reshape(-1, 2)
    seen = np.concatenate(markers)
    to_board, _ = cv2.findHomography(seen, places, cv2.RANSAC, _MISFIT_SHARE * board.square_mm)
    if to_board is None:
        return
    off = np.linalg.norm(cv2.perspectiveTransform(seen.reshape(-1, 1, 2), to_board)[:, 0] - places, axis=1)
    if np.mean(off > _MISFIT_SHARE * board.square_mm) > 0.25:
        raise BoardError(
            f"{label}: the markers do not lie as on the board {board.name} of "
            f"{board.squares[0]} x {board.squares[1]} squares; this is a board of another size or layout.",
            hint=f"Use the board that welt calibrate board --board {board.name} prints.",
        )


def _not_found(
    grey: npt.NDArray[np.uint8], marker_ids: npt.NDArray[np.int64], board: Board, label: str
) -> BoardError:
    """Say why there is no marker of the board."""
    for other in BOARDS.values():
        if np.any((marker_ids >= other.first_id) & (marker_ids < other.first_id + other.marker_count)):
            return BoardError(
                f"{label}: this is the board {other.name}, not {board.name}.",
                hint=f"Say --board {other.name}, or photograph the board {board.name}.",
            )
    if len(_markers(np.ascontiguousarray(grey[:, ::-1]))[1]) >= 3:
        return BoardError(
            f"{label}: the board is mirrored.",
            hint="Switch off the mirroring of the camera, or do not photograph by way of a mirror.",
        )
    if len(marker_ids):
        return BoardError(
            f"{label}: its markers (such as number {marker_ids[0]}) belong to no board of Welt.",
            hint="Print a board with welt calibrate board; boards of other makers have other markers.",
        )
    if _sharpness(grey) < _SHARP_ENOUGH:
        return BoardError(
            f"{label}: the photo is blurred, or shows nothing; no board can be read.",
            hint="Focus on the plane of the part, hold the board still, and take the photo again.",
        )
    return BoardError(
        f"{label}: there is no board in the photo, or no more than a strip of it.",
        hint="Show the whole board, flat, evenly lit and without glare: corners in one line are not enough; "
        "print it with welt calibrate board.",
    )


def _sharpness(grey: npt.NDArray[np.uint8]) -> float:
    """Strongest steps between neighbouring pixels as a share of the contrast of the photo, 0..1."""
    low, high = np.percentile(grey, (2, 98))
    if high - low < 10:  # of 255: an empty photo
        return 0.0
    step = np.abs(np.diff(grey.astype(np.float32), axis=1))
    return float(np.percentile(step, 99.5) / (high - low)) / 4


def _too_few(
    found: int,
    markers: list[npt.NDArray[np.float64]],
    ids: npt.NDArray[np.int64],
    board: Board,
    label: str,
    size_px: tuple[int, int],
) -> BoardError:
    """Say that too few corners were found, and whether the edge of the photo is to blame."""
    told = f"{label}: only {found} of {board.corner_count} corners of the board were found"
    to_photo, _ = cv2.findHomography(_marker_places(board, ids).reshape(-1, 2), np.concatenate(markers))
    if to_photo is not None:
        width_mm, height_mm = board.size_mm
        outline = np.array([[[0, 0]], [[width_mm, 0]], [[width_mm, height_mm]], [[0, height_mm]]], np.float64)
        corners = cv2.perspectiveTransform(outline, to_photo)[:, 0]
        over = np.any((corners < -1) | (corners > np.array(size_px)), axis=1).sum()
        if over >= 2:
            return BoardError(
                f"{told}: it is cut off by the edge of the photo.",
                hint=f"Show at least {MIN_CORNERS} corners: move the board into view, or use a smaller one.",
            )
    return BoardError(
        f"{told}; at least {MIN_CORNERS} are needed.",
        hint="Uncover the board, light it evenly without glare, and bring it closer.",
    )
