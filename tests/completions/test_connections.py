"""The client over real sockets: what a fake transport can't show."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.completions.conftest import ANSWER, THREAD_ID, client_to, request
from threads.completions import CompletionsError, ConnectionFailed, InvalidResponse, TimedOut

BODY = json.dumps({"content": ANSWER}).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(BODY)

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(script: Script) -> AsyncIterator[str]:
    """A server that reads each request, then runs `script`, then closes."""
    running: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            await script(writer)
            await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running)


def sends(*pieces: bytes, pause: float = 0) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return script


async def test_answer_in_pieces_is_put_together() -> None:
    async with served(sends(HEAD, BODY[:5], BODY[5:], pause=0.01)) as url, client_to(url) as client:
        assert (await client.complete(request())).content == ANSWER


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ([], ConnectionFailed),
        ([b"HTTP/1.1 200"], ConnectionFailed),
        ([HEAD], ConnectionFailed),
        ([HEAD, BODY[:-1]], ConnectionFailed),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b'5\r\n{"con'], ConnectionFailed),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", BODY], ConnectionFailed),
        ([f"{ANSWER}\r\n\r\n".encode()], ConnectionFailed),
        ([b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", BODY[:-1]], InvalidResponse),
    ],
)
async def test_broken_answer_is_worth_another_try(pieces: list[bytes], kind: type[CompletionsError]) -> None:
    async with served(sends(*pieces)) as url, client_to(url) as client:
        with pytest.raises(kind) as caught:
            await client.complete(request())
    assert caught.value.can_retry


async def test_nobody_listening_is_a_failed_connection() -> None:
    async with served(sends()) as url:
        pass
    async with client_to(url) as client:
        with pytest.raises(ConnectionFailed):
            await client.complete(request())


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(sends(b"", pause=30), id="silent"),
        pytest.param(sends(HEAD, pause=30), id="silent after the head"),
        pytest.param(sends(HEAD, *[b" "] * 20, pause=0.05), id="dripping body"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n"] * 20, pause=0.05), id="dripping head"),
    ],
)
async def test_slow_answer_ends_at_the_read_timeout(script: Script) -> None:
    async with served(script) as url, client_to(url, read=0.2) as client, asyncio.timeout(5):
        with pytest.raises(TimedOut) as caught:
            await client.complete(request())
    assert (caught.value.error_code, caught.value.can_retry) == ("read_timeout", True)


async def test_endless_body_is_cut_off() -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" " * 1_000_000)
            await writer.drain()

    async with served(flood) as url, client_to(url) as client, asyncio.timeout(10):
        with pytest.raises(InvalidResponse):
            await client.complete(request())


async def test_cancelling_a_call_cancels_it() -> None:
    async with served(sends(b"", pause=30)) as url, client_to(url) as client:
        task = asyncio.create_task(client.complete(request()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_on_sent_is_called_before_the_answer_and_for_each_call() -> None:
    events: list[str] = []

    async def not_found(writer: asyncio.StreamWriter) -> None:
        events.append("received")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")

    async with served(not_found) as url, client_to(url) as client:
        with pytest.raises(CompletionsError):
            await client.complete(request(), thread_id=THREAD_ID, on_sent=lambda: events.append("sent"))
    assert events == ["sent", "received", "sent", "received"]


async def test_on_sent_is_not_called_when_nothing_was_sent() -> None:
    sent: list[bool] = []
    async with served(sends()) as url:
        pass
    async with client_to(url) as client:
        with pytest.raises(ConnectionFailed):
            await client.complete(request(), on_sent=lambda: sent.append(True))
    assert sent == []


async def test_busy_connections_are_a_pool_timeout() -> None:
    async with served(sends(b"", pause=30)) as url, client_to(url, pool=0.05) as client:
        client._http._transport._pool._max_connections = 1  # type: ignore[attr-defined]
        first = asyncio.create_task(client.complete(request()))
        await asyncio.sleep(0.1)
        with pytest.raises(TimedOut, match="pool_timeout"):
            await client.complete(request())
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
