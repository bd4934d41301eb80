"""What happens to every request and answer, as plain ASGI so that streams stay streams."""

from __future__ import annotations

import asyncio

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inspection.web.telemetry import Telemetry

__all__ = ["SECURITY_HEADERS", "CountRequests", "Linger", "SecurityHeaders"]

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

LINGER_S = 2.0
"""How long a refused upload may go on before the connection is closed under it."""
LINGER_UPLOADS = 8
"""As many times the size of the largest upload is thrown away at most."""


class SecurityHeaders:
    """Adds the headers that keep pages to themselves: nothing from elsewhere runs, nothing frames them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class CountRequests:
    """Counts answers by method, route and status; addresses that match no route count together."""

    def __init__(self, app: ASGIApp, *, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._telemetry.count_request(method=method, route=route, status=message["status"])
            await send(message)

        await self._app(scope, receive, send_counted)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Linger:
    """Lets a camera read why its upload was refused.

    An answer may come before the upload was read whole. If the connection were closed then, the camera would
    meet a reset instead of the answer. So the answer goes out at once, and what still comes is thrown away
    for a while.
    """

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        # A client that asked first sends nothing after a refusal.
        asked_first = b"expect" in headers
        has_body = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        ended = not has_body

        async def receive_watched() -> Message:
            nonlocal ended
            message = await receive()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                ended = True
            return message

        async def drain() -> None:
            left = LINGER_UPLOADS * self._limit_bytes
            while not ended and left > 0:
                message = await receive_watched()
                left -= len(message.get("body", b""))

        async def send_lingering(message: Message) -> None:
            if ended or asked_first:
                await send(message)
                return
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
                await send(message)
            elif message.get("more_body", False):
                await send(message)
            else:
                await send({**message, "more_body": True})
                try:
                    async with asyncio.timeout(LINGER_S):
                        await drain()
                except TimeoutError:
                    pass
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app(scope, receive_watched, send_lingering)
