"""A strict stand-in for the completions API: answers late, counts exactly, refuses what is beyond the limits.

    python -m benchmarks.api PER_SECOND PER_MINUTE MINUTE_SECONDS AFTER_AT_LEAST AFTER_AT_MOST

Runs in a process of its own, so that nothing else delays its clock, and prints its port. An answer echoes its
question, so that each can be told to be the right one. `GET /calls` tells of all calls so far.
"""

import asyncio
import json
import math
import random
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

HEAD_END = b"\r\n\r\n"


def answer_to(question: str) -> str:
    return f"Antwort auf: {question}"


@dataclass
class Call:
    """Times are of the machine's monotonic clock, which all processes share."""

    question: str
    at: float  # when its head had arrived
    ended_at: float | None = None
    status: int = 0  # 0: under way, or broken off by the caller
    is_over: list[str] = field(default_factory=list)  # the limits that it was beyond


class Window:
    """At most `count` calls may start within any span of `seconds`; calls that are refused do not count."""

    def __init__(self, name: str, count: int, seconds: float) -> None:
        self.name = name
        self.seconds = seconds
        self.starts: deque[float] = deque(maxlen=count)

    def seconds_to_wait(self, now: float) -> float:
        if len(self.starts) < (self.starts.maxlen or 0):
            return 0.0
        return max(0.0, self.starts[0] + self.seconds - now)


class Api:
    def __init__(self, windows: list[Window], after: tuple[float, float]) -> None:
        self.windows = windows
        self.after = after
        self.calls: list[Call] = []

    def take(self, call: Call) -> float:
        """Count the call; seconds that the caller should have waited."""
        waits = {window.name: window.seconds_to_wait(call.at) for window in self.windows}
        call.is_over = [name for name, wait in waits.items() if wait > 0]
        self.calls.append(call)
        if not call.is_over:
            for window in self.windows:
                window.starts.append(call.at)
        return max(waits.values(), default=0.0)


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive; one request after another, as httpx sends them."""

    transport: asyncio.Transport

    def __init__(self, api: Api) -> None:
        self.api = api
        self.buffer = b""
        self.head_at = 0.0
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.task:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        had_head = HEAD_END in self.buffer
        self.buffer += data
        if HEAD_END not in self.buffer:
            return
        if not had_head:
            self.head_at = time.monotonic()
        head, _, body = self.buffer.partition(HEAD_END)
        request, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if len(body) >= int(headers.get("content-length", 0)):
            self.buffer = b""
            self.task = asyncio.ensure_future(self._respond(request, body))

    async def _respond(self, request: str, body: bytes) -> None:
        if request.startswith("GET"):
            self._send(200, [asdict(call) for call in self.api.calls])
            return
        call = Call(question=json.loads(body)["messages"][-1]["content"], at=self.head_at)
        wait = self.api.take(call)
        try:
            if call.is_over:
                self._send(429, {"message": "Rate limit exceeded!"}, f"Retry-After: {math.ceil(wait)}\r\n")
                call.status = 429
            else:
                await asyncio.sleep(random.uniform(*self.api.after))  # noqa: S311
                self._send(200, {"content": answer_to(call.question), "meta_data": {"legal_advice": True}})
                call.status = 200
        finally:
            call.ended_at = time.monotonic()

    def _send(self, status: int, body: Any, headers: str = "") -> None:
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        self.transport.write((head + headers + "\r\n").encode() + data)


async def main() -> None:
    per_second, per_minute = int(sys.argv[1]), int(sys.argv[2])
    minute_seconds, after_at_least, after_at_most = map(float, sys.argv[3:])
    windows = [Window("second", per_second, 1.0), Window("minute", per_minute, minute_seconds)]
    api = Api(windows, (after_at_least, after_at_most))
    server = await asyncio.get_running_loop().create_server(lambda: Connection(api), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
