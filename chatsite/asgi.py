"""The ASGI application: parks who waits, hands everything else to synchronous Django.

Django's own ASGI handler would open a thread, and a database connection, for each request that waits.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
django_application = get_wsgi_application()

from chatsite.bodies import Bodies  # noqa: E402
from threads.answering.waking import App, Listener, Receive, Scope, Send, WaitingRoom  # noqa: E402
from threads.answering.worker import run_worker  # noqa: E402

# Parts of a response that wait for a slow reader, and not in its thread: enough for a page, which is one part,
# and for each static file, in parts of 4 kB.
SEND_QUEUE_SIZE = 1_000


class Site:
    """`with_worker`: answers questions in this process, too."""

    def __init__(self, *, with_worker: bool = False) -> None:
        self.with_worker = with_worker
        self.listener = Listener()
        pages = WSGIMiddleware(
            cast(Any, django_application),
            workers=settings.ENVIRONMENT.web_threads,
            send_queue_size=SEND_QUEUE_SIZE,
        )
        self.app = WaitingRoom(Bodies(cast(App, pages)), self.listener)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self.app(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        async with self.listener.running(), self._worker():
            await send({"type": "lifespan.startup.complete"})
            await receive()  # lifespan.shutdown
        await send({"type": "lifespan.shutdown.complete"})

    @contextlib.asynccontextmanager
    async def _worker(self) -> AsyncIterator[None]:
        if not self.with_worker:
            yield
            return
        task = asyncio.create_task(run_worker(install_signal_handlers=False))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


application = Site()
