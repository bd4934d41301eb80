"""Writes the log as one line an event: time, level, where, what, then name=value pairs."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["LineFormatter", "start_logging"]

_PROBES = ("/healthz", "/readyz", "/metrics")
_OWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


class LineFormatter(logging.Formatter):
    """``2026-03-01T08:00:00.123Z INFO inspection.station inspected grade=A took_ms=41.2``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the values hold: a line break in a value must not look like another event."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        pairs = [
            f"{name}={_value(value)}" for name, value in record.__dict__.items() if name not in _OWN_FIELDS
        ]
        message = record.getMessage().replace("\n", "\\n").replace("\r", "\\r")
        line = " ".join([at.replace("+00:00", "Z"), record.levelname, record.name, message, *pairs])
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    plain = text.isprintable() and text and not any(character in text for character in ' "=')
    return text if plain else json.dumps(text, ensure_ascii=False)


class _NoProbes(logging.Filter):
    """Leaves out the requests that ask every few seconds whether the service is well."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.args if isinstance(record.args, tuple) else ()
        return not (len(said) > 2 and str(said[2]).startswith(_PROBES))


def start_logging(level: str, *, file: Path | None = None) -> None:
    """Send every event of this level and above to standard error, or to the end of a file."""
    handler = (
        logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file, encoding="utf-8")
    )
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.access").addFilter(_NoProbes())
