"""Database work of asynchronous code: in synchronous steps, away from the event loop."""

import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

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
