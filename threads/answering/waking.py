"""Browsers that wait for an answer: held open before Django, woken by PostgreSQL.

A waiting answer's own GET carries ``?wait=<token>``: its id and the state that the browser shows, signed.
`WaitingRoom` parks such a request until that state has changed, or `settings.WAIT_SECONDS` have passed, and
then hands it on to Django, which checks who asks and renders. A parked request costs neither a thread nor
a database connection; the signature keeps strangers from parking, not from reading.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

import psycopg
from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from procrastinate.contrib.django.utils import connector_params

from threads.models import Message
from threads.models.message import CHANNEL

log = logging.getLogger(__name__)

R = TypeVar("R")
Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

RECONNECT_SECONDS = (0.1, 0.5, 1, 2, 5)  # between tries, while the database is away
PROBE_SECONDS = 20  # a connection that is silent for so long is asked whether it lives

_signer = Signer(salt="threads.waiting")


def wait_token(answer: Message) -> str:
    return _signer.sign(f"{answer.pk}:{answer.state}")


def read_token(token: str) -> tuple[UUID, str] | None:
    """Id and state that the browser shows; None when the token is not one of ours."""
    try:
        answer_id, state = _signer.unsign(token).split(":")
        return UUID(answer_id), state
    except (BadSignature, ValueError):
        return None


class Listener:
    """Hears, for a whole process and on one connection, which answers changed."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, set[asyncio.Future[None]]] = {}
        self._shown: dict[asyncio.Future[None], str] = {}
        self._closed = False
        # Its one thread has a database connection of its own, besides those of the pages.
        self._database = ThreadPoolExecutor(1, thread_name_prefix="listener")

    def __len__(self) -> int:
        return len(self._shown)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self.release()
            await self._in_database(connections.close_all)
            self._database.shutdown()

    async def change(self, answer_id: UUID, shown: str) -> None:
        """Return once the answer's state is not `shown`: subscribe, then look, then wait."""
        if self._closed:
            return
        woken = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(answer_id, set()).add(woken)
        self._shown[woken] = shown
        try:
            await self._look([answer_id])
            await woken
        finally:
            del self._shown[woken]
            self._waiting[answer_id].discard(woken)
            if not self._waiting[answer_id]:
                del self._waiting[answer_id]

    def release(self) -> None:
        """Wake everybody, and park nobody more: the process is about to end, the browsers ask another one."""
        self._closed = True
        for answer_id in self._waiting:
            self._wake(answer_id)

    def _wake(self, answer_id: UUID, state: str | None = None) -> None:
        for woken in self._waiting.get(answer_id, ()):
            if not woken.done() and self._shown[woken] != state:
                woken.set_result(None)

    async def _look(self, answer_ids: Iterable[UUID]) -> None:
        """Wake those whose answer is in another state than they show, or gone."""
        ids = list(answer_ids)
        try:
            states = await self._in_database(_states, ids)
        except (DatabaseError, InterfaceError) as error:
            facts = {"action": "look_failed", "error": type(error).__name__}
            log.warning("states of answers could not be read", extra=facts)
            return  # the listener is about to notice too, and looks again once it is back
        for answer_id in ids:
            self._wake(answer_id, states.get(answer_id))

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    failures = 0
                    # What happened between two connections was announced to nobody.
                    await self._look(self._waiting)
                    while True:
                        async for notify in connection.notifies(timeout=PROBE_SECONDS):
                            self._wake(UUID(notify.payload))
                        async with asyncio.timeout(PROBE_SECONDS):
                            await connection.execute("SELECT 1")
            except (psycopg.Error, OSError, DatabaseError) as error:
                wait = RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)]
                failures += 1
                facts = {"action": "listener_lost", "error": type(error).__name__, "again_in_seconds": wait}
                log.warning("listener lost its connection", extra=facts)
                await asyncio.sleep(wait)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        parameters = await self._in_database(connector_params)
        return await psycopg.AsyncConnection.connect(**parameters, autocommit=True)

    async def _in_database(self, step: Callable[..., R], *args: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._database, step, *args)


def _states(answer_ids: list[UUID]) -> dict[UUID, str]:
    close_old_connections()
    return dict(Message.objects.filter(pk__in=answer_ids).values_list("pk", "state"))


class WaitingRoom:
    """ASGI middleware: parks a request that carries a wait token, and hands all others on."""

    def __init__(self, app: App, listener: Listener) -> None:
        self.app = app
        self.listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waits_for = _waits_for(scope)
        if waits_for is None or len(self.listener) >= settings.MAX_WAITING:
            await self.app(scope, receive, send)
            return
        first = await receive()  # the empty body of a GET; what comes next can only be a disconnect
        change = asyncio.ensure_future(self.listener.change(*waits_for))
        gone = asyncio.ensure_future(receive())
        try:
            await asyncio.wait(
                [change, gone], timeout=settings.WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            left = gone.done()
        finally:
            for task in (change, gone):
                task.cancel()
            await asyncio.gather(change, gone, return_exceptions=True)
        if not left:
            await self.app(scope, _replay(first, receive), send)


def _waits_for(scope: Scope) -> tuple[UUID, str] | None:
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    token = parse_qs(scope["query_string"].decode("latin-1")).get("wait")
    return read_token(token[0]) if token else None


def _replay(first: Event, receive: Receive) -> Receive:
    events = [first]

    async def replayed() -> Event:
        return events.pop() if events else await receive()

    return replayed
