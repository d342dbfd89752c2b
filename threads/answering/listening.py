"""Hearing of changes: one connection that LISTENs, for as long as the process lives."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection as database

from threads.models.message import CHANNEL

log = logging.getLogger(__name__)

RECONNECT_SECONDS = (0.1, 0.5, 1, 2, 5)  # between tries, while the database is away
PROBE_SECONDS = 20  # a connection that is silent for so long is asked whether it lives

Run = Callable[[Callable[[], dict[str, Any]]], Awaitable[dict[str, Any]]]


async def listen(
    on_change: Callable[[UUID, str], None], on_connect: Callable[[], Awaitable[None]], in_database: Run
) -> None:
    """Until cancelled. `on_connect` looks for what was announced between two connections, to nobody."""
    failures = 0
    while True:
        try:
            parameters = await in_database(_parameters)
            async with await psycopg.AsyncConnection.connect(**parameters, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                failures = 0
                await on_connect()
                while True:
                    async for notify in connection.notifies(timeout=PROBE_SECONDS):
                        answer_id, state = notify.payload.split()
                        on_change(UUID(answer_id), state)
                    async with asyncio.timeout(PROBE_SECONDS):
                        await connection.execute("SELECT 1")
        except (
            Exception
        ) as error:  # whatever it is, a process that no longer listens leaves its browsers waiting
            wait = RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)]
            failures += 1
            log.warning(
                "listener lost its connection",
                extra={"action": "listener_lost", "error": type(error).__name__, "again_in": wait},
            )
            await asyncio.sleep(wait)


def _parameters() -> dict[str, Any]:
    """Of Django's own connection, in words that psycopg understands."""
    parameters = database.get_connection_params()
    return {key: value for key, value in parameters.items() if key not in ("cursor_factory", "context")}
