"""The errors that may happen, as a tree, each with its HTTP status.

    WeltError
    ├── PhotoError                    the photo itself
    │   ├── EmptyPhotoError           no bytes
    │   ├── NotAPhotoError            bytes of another kind of file
    │   ├── BrokenPhotoError          truncated or damaged
    │   ├── TooManyPixelsError        claims more pixels than allowed
    │   ├── TooFewPixelsError         too small to be judged
    │   └── MultiFramePhotoError      animated or multi-page
    ├── UploadTooLargeError           more bytes than allowed
    ├── MetadataError                 meta is malformed or out of range
    │   └── ScaleError                mm_per_px of 0, negative, not a number, absurd
    ├── CalibrationError              photos or lengths that no calibration can be made of
    │   └── BoardError                a photo of a board that cannot be read
    ├── SeveralFaultsError            what may be wrong several times
    │   └── StandardError             a standard's file with faults
    ├── RecipeError                   a recipe that photos could not be judged by
    ├── GaugeError                    measurements that no gauge study can be made of
    ├── LotError                      a lot, AQL or count that cannot be planned or judged
    ├── TeachingError                 photos that no novelty can be taught from
    ├── UnknownNameError              a recipe, station, view, standard that does not exist
    ├── NotFoundError                 a result, photo, page that does not exist
    ├── ConflictError                 the same key with other content, a stale revision
    ├── AccessError                   who is asking
    │   ├── NotAuthenticatedError
    │   ├── TooManyAttemptsError      too many wrong passwords for one name
    │   └── ForbiddenError
    ├── PressureError                 try again: nothing was stored
    │   ├── QueueFullError
    │   └── DeadlineError
    ├── StorageError                  disk or database cannot take the result now
    ├── ModelError                    a model is missing, damaged or does not reproduce its golden answers
    └── ConfigurationError            settings, recipes, standards that cannot be used
        └── FileFaultsError           a file with faults, each told by itself

Every error carries what happened (``detail``, with the value) and what to do (``hint``).
``inspection.web.problems`` turns each into an RFC 9457 problem document; ``docs/errors.md`` lists them all,
and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class WeltError(Exception):
    """Something that may happen, told to the person who meets it.

    Parameters
    ----------
    detail : what happened, with the value that caused it.
    hint : what to do about it, one sentence.
    retry_after_s : seconds after which the same request may succeed, where that is known.
    """

    kind: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"
    status: ClassVar[int] = 500

    def __init__(self, detail: str, *, hint: str, retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.retry_after_s = retry_after_s


class PhotoError(WeltError):
    """The photo cannot be inspected."""

    kind = "photo"
    title = "The photo cannot be inspected"
    status = 422


class EmptyPhotoError(PhotoError):
    """The body holds no bytes."""

    kind = "empty-photo"
    title = "The photo is empty"
    status = 400


class NotAPhotoError(PhotoError):
    """The bytes are not of a supported image format."""

    kind = "not-a-photo"
    title = "The file is not a supported photo"
    status = 415


class BrokenPhotoError(PhotoError):
    """The image file is truncated or damaged."""

    kind = "broken-photo"
    title = "The photo is damaged"


class TooManyPixelsError(PhotoError):
    """The image header claims more pixels than the service accepts."""

    kind = "too-many-pixels"
    title = "The photo has too many pixels"
    status = 413


class TooFewPixelsError(PhotoError):
    """The photo is so small that nothing on it could be judged."""

    kind = "too-few-pixels"
    title = "The photo has too few pixels"


class MultiFramePhotoError(PhotoError):
    """The file holds several frames or pages, so which one to inspect is unclear."""

    kind = "multi-frame-photo"
    title = "The file holds more than one picture"


class UploadTooLargeError(WeltError):
    """The upload has more bytes than the service accepts."""

    kind = "upload-too-large"
    title = "The upload is too large"
    status = 413


class MetadataError(WeltError):
    """The metadata of a photo is malformed or out of range."""

    kind = "metadata"
    title = "The metadata cannot be used"
    status = 422


class ScaleError(MetadataError):
    """The stated scale is not a usable number of millimetres per pixel."""

    kind = "scale"
    title = "The scale cannot be used"


class CalibrationError(WeltError):
    """No calibration can be made of these photos or lengths."""

    kind = "calibration"
    title = "The camera cannot be calibrated with this"
    status = 422


class BoardError(CalibrationError):
    """The calibration board in a photo cannot be read."""

    kind = "board"
    title = "The calibration board cannot be read"


class SeveralFaultsError(WeltError):
    """Several things may be wrong with a file, each told by itself.

    Attributes
    ----------
    faults : what is wrong and what to do about it, two sentences each.
    """

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple((wrong.rstrip("."), to_do) for wrong, to_do in faults)
        super().__init__("; ".join(wrong for wrong, _ in self.faults) + ".", hint=self.faults[0][1])


class StandardError(SeveralFaultsError):
    """A standard's file has faults, each told with its line."""

    kind = "standard"
    title = "The standard has faults"
    status = 422


class RecipeError(WeltError):
    """A recipe cannot be published: a zone, a seam or a reference photo is not right."""

    kind = "recipe"
    title = "The recipe cannot be used"
    status = 422


class GaugeError(WeltError):
    """No gauge study can be made of these measurements."""

    kind = "gauge"
    title = "The gauge study cannot be made of this"
    status = 422


class LotError(WeltError):
    """A lot cannot be planned or judged as asked."""

    kind = "lot"
    title = "The lot cannot be planned or judged"
    status = 422


class TeachingError(WeltError):
    """These photos cannot be taught from; what was taught before still serves."""

    kind = "teaching"
    title = "This cannot be taught"
    status = 422


class UnknownNameError(WeltError):
    """A recipe, station, view or standard of that name does not exist."""

    kind = "unknown-name"
    title = "That name is not known"
    status = 422


class NotFoundError(WeltError):
    """What was asked for does not exist."""

    kind = "not-found"
    title = "Not found"
    status = 404


class ConflictError(WeltError):
    """The same key came with other content, or the thing changed meanwhile."""

    kind = "conflict"
    title = "Conflicts with what is stored"
    status = 409


class AccessError(WeltError):
    """The caller may not do this."""

    kind = "access"
    title = "Access refused"
    status = 403


class NotAuthenticatedError(AccessError):
    """No key or session, or one that is wrong, expired or revoked."""

    kind = "not-authenticated"
    title = "Who is asking is not known"
    status = 401


class TooManyAttemptsError(AccessError):
    """Too many wrong passwords in a row for one name."""

    kind = "too-many-attempts"
    title = "Too many wrong passwords"
    status = 429


class ForbiddenError(AccessError):
    """The caller is known, but this is not theirs to do."""

    kind = "forbidden"
    title = "Not allowed"


class PressureError(WeltError):
    """The service is too busy now; nothing of this request was stored or nothing is lost."""

    kind = "pressure"
    title = "Too busy"
    status = 503


class QueueFullError(PressureError):
    """As many photos wait as the service accepts; this one was not taken."""

    kind = "queue-full"
    title = "The queue is full"


class DeadlineError(PressureError):
    """The inspection did not end within the deadline."""

    kind = "deadline"
    title = "The inspection took too long"
    status = 504


class StorageError(WeltError):
    """The disk or the database cannot take the result now; it was not acknowledged."""

    kind = "storage"
    title = "The result cannot be stored now"
    status = 503


class ModelError(WeltError):
    """A model is missing, damaged, or does not reproduce its golden answers."""

    kind = "model"
    title = "The model cannot be used"
    status = 503


class ConfigurationError(WeltError):
    """A setting, recipe or standard cannot be used."""

    kind = "configuration"
    title = "The configuration cannot be used"
    status = 500


class FileFaultsError(SeveralFaultsError, ConfigurationError):
    """A file of the service, such as a recipe's, has faults, each told by its key."""
