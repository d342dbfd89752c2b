"""Database work of asynchronous code: in synchronous steps, away from the event loop."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connections

P = ParamSpec("P")
R = TypeVar("R")


def in_database(step: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Make `step` awaitable. Outside a request all steps share one thread, and so one connection.

    No request begins or ends here, so a connection that broke is noticed, and replaced, before each step.
    """

    @functools.wraps(step)
    def with_fresh_connection(*args: P.args, **kwargs: P.kwargs) -> R:
        close_old_connections()
        return step(*args, **kwargs)

    return sync_to_async(with_fresh_connection)


class DatabaseThread:
    """A thread with a connection of its own, for steps that must not wait for others, nor others for them."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        def with_fresh_connection() -> R:
            close_old_connections()
            return step(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, with_fresh_connection)

    async def close(self) -> None:
        await self.run(connections.close_all)
        self._thread.shutdown()
