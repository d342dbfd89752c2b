"""Serves the sandbox over real HTTP, beside whatever else the process does."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import Sandbox
from .asgi import CLOSE_EXTENSION, Receive, Scope, Send


class _ClosableProtocol(H11Protocol):
    """Lets the application close its connection, which ASGI has no word for."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def closable(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[CLOSE_EXTENSION] = {"close": transport.close}
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:  # the server stops
                transport.close()
                while (await receive())["type"] != "http.disconnect":
                    pass

        self.app = closable


class _GuestServer(uvicorn.Server):
    """Leaves the signals to its host."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: Sandbox) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_ClosableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )


@contextlib.asynccontextmanager
async def serve(app: Sandbox, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serves within the running event loop; yields the base URL. Port 0: any free one.

    At the end, calls under way are broken off.
    """
    listener = socket.create_server((host, port))
    server = _GuestServer(_config(app))
    task = asyncio.create_task(server.serve([listener]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
            if task.done():
                task.result()
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        broken_off: set[asyncio.Task[None]] = set()
        while not task.done():
            late = server.server_state.tasks - broken_off
            for call in late:
                call.cancel()
            broken_off |= late
            await asyncio.wait([task], timeout=0.05)
        listener.close()
        task.result()


@contextlib.contextmanager
def running(app: Sandbox, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serves in a thread of its own; yields the base URL."""
    started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        stop = asyncio.Event()
        try:
            async with serve(app, host=host, port=port) as base_url:
                started.set_result((base_url, asyncio.get_running_loop(), stop))
                await stop.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="sandbox", daemon=True)
    thread.start()
    base_url, loop, stop = started.result()
    try:
        yield base_url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
