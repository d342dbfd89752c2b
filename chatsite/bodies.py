"""ASGI middleware: a form is here in full before one of the few threads for pages takes care of it.

Else a handful of browsers that send slowly, or never send the rest, would keep everybody from the site.
"""

import asyncio

from django.conf import settings

from threads.answering.waking import App, Event, Receive, Scope, Send

SECONDS = 10  # for a form to arrive; the longest question needs about one on a phone

_TOO_SLOW = 408, "Die Anfrage kam nicht vollständig an.\nThe request did not arrive in full.\n"
_TOO_LARGE = 413, "Die Anfrage ist zu groß.\nThe request is too large.\n"


class Bodies:
    """Hands a request on with its body; refuses one that is too large for Django, or takes too long."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # To WSGI, an X_Forwarded_Proto of a stranger's is the same as the proxy's own X-Forwarded-Proto.
        headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
        scope = {**scope, "headers": headers}
        if scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(SECONDS):
                body = await _read(receive)
        except TimeoutError:
            await _refuse(send, *_TOO_SLOW)
            return
        if body is None:
            return
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            await _refuse(send, *_TOO_LARGE)
        else:
            await self.app(scope, _replay(body, receive), send)


async def _read(receive: Receive) -> bytes | None:
    """No more than is needed to see that it is too much; None: whoever sent it has left."""
    body = bytearray()
    more = True
    while more and len(body) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body += event.get("body", b"")
        more = event.get("more_body", False)
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    events: list[Event] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Event:
        return events.pop() if events else await receive()

    return replayed


async def _refuse(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
