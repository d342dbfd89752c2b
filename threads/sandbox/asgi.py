"""One HTTP call, as the sandbox needs it: no more of ASGI than that."""

import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from .faults import error_body

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 8 * 1024 * 1024
CLOSE_EXTENSION = "sandbox.close"  # in the scope's extensions: closes the connection; `server` provides it


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(content: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(content).encode())


class RefusedError(Exception):
    """Ends a call with an error in the contract's form (completions-api.md, Errors)."""

    def __init__(self, status: int, error_code: str, detail: object, **headers: str) -> None:
        super().__init__(error_code)
        self.reply = Reply(status, error_body(error_code, detail), headers=headers)


class Call:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"].rstrip("/")
        self.status: int | None = None
        self._scope = scope
        self._receive = receive
        self._send = send

    def header(self, name: str) -> str:
        """Empty when it was not sent."""
        return next(
            (v.decode("latin-1") for k, v in self._scope["headers"] if k.decode("latin-1") == name), ""
        )

    def query(self, name: str) -> str | None:
        """The last one sent, also when it is empty."""
        values = parse_qs(self._scope["query_string"].decode("latin-1"), keep_blank_values=True).get(name)
        return values[-1] if values else None

    async def body(self) -> bytes:
        body = bytearray()
        while True:
            message = await self._receive()
            body += message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                raise RefusedError(413, "bad_request", f"The body is longer than {MAX_BODY_BYTES} bytes")
            if not message.get("more_body"):
                return bytes(body)

    async def reply(self, reply: Reply) -> None:
        await self.start(reply)
        await self.send(reply.body, more=False)

    async def start(self, reply: Reply) -> None:
        """Sends all but the body."""
        self.status = reply.status
        headers = {
            "content-type": reply.content_type,
            "content-length": str(len(reply.body)),
            **{name.replace("_", "-").lower(): value for name, value in reply.headers.items()},
        }
        if reply.status == 204:
            headers = {}
        raw: Sequence[tuple[bytes, bytes]] = [(k.encode(), v.encode()) for k, v in headers.items()]
        await self._send({"type": "http.response.start", "status": reply.status, "headers": raw})

    async def send(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def close(self) -> None:
        """Closes the connection with what was sent so far. Without a real one, raises."""
        close = self._scope.get("extensions", {}).get(CLOSE_EXTENSION)
        if close is None:
            raise ConnectionResetError("The sandbox closes the connection here")
        close["close"]()
        while (await self._receive())["type"] != "http.disconnect":
            pass
