"""Browsers that wait for an answer: held open before Django, woken by PostgreSQL.

A waiting answer's own GET carries ``?wait=<token>``: its id, and the state and place that the browser shows,
signed. `WaitingRoom` parks such a request until that state has changed, or its time is up, and
then hands it on to Django, which checks who asks and renders. A parked request costs neither a thread nor
a database connection; the signature keeps strangers from parking, not from reading.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import DatabaseError, InterfaceError

from threads.answering.database import DatabaseThread
from threads.answering.listening import listen
from threads.models import Message

log = logging.getLogger(__name__)

R = TypeVar("R")
Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SECONDS_AT_THE_FRONT = 2.0
MAX_WAITING_FOR_ONE_ANSWER = 20  # windows of one user: nobody fills the room alone

_signer = Signer(salt="threads.waiting")


@dataclass(frozen=True)
class Shown:
    """What a browser shows of an answer; `place` is 0 where it shows none."""

    answer_id: UUID
    state: str
    place: int = 0

    @property
    def seconds(self) -> float:
        """How long to hold the request. Places change without a word: the sooner one's turn, the oftener looked."""
        return (
            min(settings.WAIT_SECONDS, SECONDS_AT_THE_FRONT + self.place)
            if self.place
            else settings.WAIT_SECONDS
        )


def wait_token(shown: Shown) -> str:
    return _signer.sign(f"{shown.answer_id}:{shown.state}:{shown.place}")


def read_token(token: str) -> Shown | None:
    """None when the token is not one of ours."""
    try:
        answer_id, state, place = _signer.unsign(token).split(":")
        return Shown(UUID(answer_id), state, int(place))
    except (BadSignature, ValueError):
        return None


class Listener:
    """Hears, for a whole process and on one connection, which answers changed."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, set[asyncio.Future[None]]] = {}
        self._shown: dict[asyncio.Future[None], str] = {}
        self._closed = False
        self._database = DatabaseThread("listener")

    def __len__(self) -> int:
        return len(self._shown)

    def has_room_for(self, answer_id: UUID) -> bool:
        """Who is not let in is not refused: one's browser asks again every few seconds."""
        of_this = len(self._waiting.get(answer_id, ()))
        return len(self) < settings.MAX_WAITING and of_this < MAX_WAITING_FOR_ONE_ANSWER

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(listen(self._wake, self._look_again, self._database.run))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self.release()
            await self._database.close()

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

    async def _look_again(self) -> None:
        await self._look(self._waiting)

    def _wake(self, answer_id: UUID, state: str | None = None) -> None:
        for woken in self._waiting.get(answer_id, ()):
            if not woken.done() and self._shown[woken] != state:
                woken.set_result(None)

    async def _look(self, answer_ids: Iterable[UUID]) -> None:
        """Wake those whose answer is in another state than they show, or gone."""
        ids = list(answer_ids)
        try:
            states = await self._database.run(_states, ids)
        except (DatabaseError, InterfaceError) as error:
            log.warning("action=look_failed error=%s", type(error).__name__)
            return  # the listener is about to notice too, and looks again once it is back
        for answer_id in ids:
            self._wake(answer_id, states.get(answer_id))


def _states(answer_ids: list[UUID]) -> dict[UUID, str]:
    return dict(Message.objects.filter(pk__in=answer_ids).values_list("pk", "state"))


class WaitingRoom:
    """ASGI middleware: parks a request that carries a wait token, and hands all others on."""

    def __init__(self, app: App, listener: Listener) -> None:
        self.app = app
        self.listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shown = _shown(scope)
        if shown is None or not self.listener.has_room_for(shown.answer_id):
            await self.app(scope, receive, send)
            return
        first = await receive()  # the empty body of a GET; what comes next can only be a disconnect
        change = asyncio.ensure_future(self.listener.change(shown.answer_id, shown.state))
        gone = asyncio.ensure_future(receive())
        try:
            await asyncio.wait([change, gone], timeout=shown.seconds, return_when=asyncio.FIRST_COMPLETED)
            left = gone.done()
        finally:
            for task in (change, gone):
                task.cancel()
            await asyncio.gather(change, gone, return_exceptions=True)
        if not left:
            await self.app(scope, _replay(first, receive), send)


def _shown(scope: Scope) -> Shown | None:
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    token = parse_qs(scope["query_string"].decode("latin-1")).get("wait")
    return read_token(token[0]) if token else None


def _replay(first: Event, receive: Receive) -> Receive:
    events = [first]

    async def replayed() -> Event:
        return events.pop() if events else await receive()

    return replayed
