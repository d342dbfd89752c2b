"""Waiting before Django: parked, woken, and let go."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection as database
from django.db import connections
from django.test import override_settings

from tests.conftest import answer_of
from threads.answering.waking import Listener, Shown, WaitingRoom, read_token, wait_token
from threads.models import Message, Thread

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 0.5  # seconds, far less than a wait
Start = Callable[..., Thread]


def token_of(answer: Message, place: int = 0) -> str:
    return wait_token(Shown(answer.pk, answer.state, place))


class Site:
    """Stands for Django: counts who was handed on to it."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        self.requests.append(scope["query_string"].decode())


@pytest.fixture
def answer(start: Start) -> Message:
    return answer_of(start())


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    async with listener.running():
        yield listener
    await sync_to_async(connections.close_all)()  # those of the thread that async tests work in


def request(room: WaitingRoom, query: str, method: str = "GET") -> "asyncio.Task[None]":
    events = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if events:
            return events.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(event: Any) -> None:
        raise AssertionError

    scope = {"type": "http", "method": method, "path": "/", "query_string": query.encode()}
    return asyncio.create_task(room(scope, receive, send))


async def parked(listener: Listener, count: int = 1) -> None:
    async with asyncio.timeout(5):
        while len(listener) != count:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # let it look, too


async def test_request_is_handed_on_when_the_answer_changes(listener: Listener, answer: Message) -> None:
    site = Site()
    waiting = request(WaitingRoom(site, listener), f"wait={token_of(answer)}")
    await parked(listener)
    assert not site.requests
    await sync_to_async(answer.begin)()
    await asyncio.wait_for(waiting, AT_ONCE)
    assert len(site.requests) == 1
    assert len(listener) == 0


async def test_change_of_another_answer_wakes_nobody(
    listener: Listener, answer: Message, start: Start
) -> None:
    site = Site()
    waiting = request(WaitingRoom(site, listener), f"wait={token_of(answer)}")
    await parked(listener)
    await sync_to_async(lambda: answer_of(start()).begin())()
    await asyncio.sleep(0.2)
    assert not site.requests
    waiting.cancel()


async def test_change_that_is_rolled_back_wakes_nobody(listener: Listener, answer: Message) -> None:
    def begin_and_roll_back() -> None:
        database.set_autocommit(False)
        answer.begin()
        database.rollback()
        database.set_autocommit(True)

    site = Site()
    waiting = request(WaitingRoom(site, listener), f"wait={token_of(answer)}")
    await parked(listener)
    await sync_to_async(begin_and_roll_back)()
    await asyncio.sleep(0.2)
    assert not site.requests
    waiting.cancel()


async def test_change_before_the_request_is_noticed(listener: Listener, answer: Message) -> None:
    token = token_of(answer)
    await sync_to_async(answer.begin)()
    await asyncio.wait_for(request(WaitingRoom(Site(), listener), f"wait={token}"), AT_ONCE)


async def test_answer_that_is_gone_is_noticed(listener: Listener, answer: Message) -> None:
    token = token_of(answer)
    await sync_to_async(answer.thread.delete)()
    await asyncio.wait_for(request(WaitingRoom(Site(), listener), f"wait={token}"), AT_ONCE)


@override_settings(WAIT_SECONDS=0.3)
async def test_wait_ends_by_itself(listener: Listener, answer: Message) -> None:
    site = Site()
    await asyncio.wait_for(request(WaitingRoom(site, listener), f"wait={token_of(answer)}"), 2)
    assert len(site.requests) == 1


async def test_several_who_wait_for_one_answer_are_all_woken(listener: Listener, answer: Message) -> None:
    site = Site()
    room = WaitingRoom(site, listener)
    waiting = [request(room, f"wait={token_of(answer)}") for _ in range(5)]
    await parked(listener, 5)
    await sync_to_async(answer.fail)("api_error")
    await asyncio.wait_for(asyncio.gather(*waiting), AT_ONCE)
    assert len(site.requests) == 5


@pytest.mark.parametrize(
    "query", ["", "wait=", "wait=x", "wait=00000000-0000-0000-0000-000000000000:waiting:x"]
)
async def test_request_without_a_token_of_ours_is_handed_on(listener: Listener, query: str) -> None:
    site = Site()
    await asyncio.wait_for(request(WaitingRoom(site, listener), query), AT_ONCE)
    assert site.requests == [query]


async def test_post_is_never_parked(listener: Listener, answer: Message) -> None:
    room = WaitingRoom(Site(), listener)
    await asyncio.wait_for(request(room, f"wait={token_of(answer)}", method="POST"), AT_ONCE)


@override_settings(MAX_WAITING=1)
async def test_beyond_the_limit_nobody_is_parked(listener: Listener, answer: Message) -> None:
    site = Site()
    room = WaitingRoom(site, listener)
    first = request(room, f"wait={token_of(answer)}")
    await parked(listener)
    await asyncio.wait_for(request(room, f"wait={token_of(answer)}"), AT_ONCE)
    assert len(site.requests) == 1
    first.cancel()


async def test_who_leaves_is_forgotten_and_not_handed_on(listener: Listener, answer: Message) -> None:
    site = Site()
    events = [{"type": "http.disconnect"}, {"type": "http.request"}]

    async def receive() -> dict[str, Any]:
        return events.pop()

    scope = {"type": "http", "method": "GET", "query_string": f"wait={token_of(answer)}".encode()}
    await asyncio.wait_for(WaitingRoom(site, listener)(scope, receive, receive), AT_ONCE)  # type: ignore[arg-type]
    assert not site.requests
    assert len(listener) == 0


async def test_change_while_the_listener_was_cut_off_is_noticed(listener: Listener, answer: Message) -> None:
    def cut_off_and_begin() -> None:
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE 'LISTEN answer_state%%' AND datname = current_database()"
            )
            assert cursor.fetchall() == [(True,)]
        answer.begin()

    waiting = request(WaitingRoom(Site(), listener), f"wait={token_of(answer)}")
    await parked(listener)
    await sync_to_async(cut_off_and_begin)()
    await asyncio.wait_for(waiting, 2)


async def test_all_are_let_go_when_the_process_is_to_end(listener: Listener, answer: Message) -> None:
    site = Site()
    room = WaitingRoom(site, listener)
    waiting = request(room, f"wait={token_of(answer)}")
    await parked(listener)
    listener.release()
    await asyncio.wait_for(waiting, AT_ONCE)
    await asyncio.wait_for(request(room, f"wait={token_of(answer)}"), AT_ONCE)
    assert len(site.requests) == 2


def test_token_says_what_is_shown(answer: Message) -> None:
    assert read_token(token_of(answer)) == Shown(answer.pk, "waiting")


def test_token_that_was_tampered_with_is_refused(answer: Message) -> None:
    assert read_token(token_of(answer).replace("waiting", "done")) is None


@override_settings(WAIT_SECONDS=25)
@pytest.mark.parametrize(("place", "seconds"), [(0, 25), (1, 3), (5, 7), (100, 25)])
def test_the_sooner_ones_turn_the_oftener_the_place_is_looked_at(
    answer: Message, place: int, seconds: int
) -> None:
    assert Shown(answer.pk, "waiting", place).seconds == seconds
