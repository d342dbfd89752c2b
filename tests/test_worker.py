"""Workers that end, die, and are cut off."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.db import IntegrityError, OperationalError, connections
from django.utils import timezone

from tests.conftest import RunningSandbox, answer_of
from threads import erasing
from threads.answering import budget, calling, line, removing
from threads.answering import worker as worker_module
from threads.answering.line import Claim
from threads.answering.worker import AnsweringWorker, take_over
from threads.completions import open_http
from threads.models import IllegalTransition, Message, State, Thread, Worker
from threads.models.worker import heartbeat

pytestmark = pytest.mark.django_db(transaction=True)

Start = Callable[..., Thread]
QUESTION = "Welche Kündigungsfristen gelten während der Probezeit?"
SOON = 10  # seconds; a machine may be busy


@pytest.fixture(autouse=True)
async def _no_connection_stays() -> AsyncIterator[None]:
    """Of the thread in which asynchronous tests use the database."""
    yield
    await sync_to_async(connections.close_all)()


@contextlib.asynccontextmanager
async def at_work() -> AsyncIterator[tuple[AnsweringWorker, asyncio.Event]]:
    stop = asyncio.Event()
    async with open_http(read=30) as http:
        worker = AnsweringWorker(http)
        running = asyncio.create_task(worker.run(stop))
        try:
            yield worker, stop
        finally:
            stop.set()
            await running


async def comes_to(thread: Thread, state: State) -> Message:
    async with asyncio.timeout(SOON):
        while (answer := await sync_to_async(answer_of)(thread)).state != state:
            await asyncio.sleep(0.02)
    return answer


async def is_calling(worker: AnsweringWorker) -> None:
    """The state alone says less: between claim and call, a worker that is to stop hands back."""
    async with asyncio.timeout(SOON):
        while not worker.calls:
            await asyncio.sleep(0.02)


@pytest.fixture
def dead() -> Worker:
    worker = Worker()
    heartbeat(worker)
    return worker


def bury(worker: Worker) -> None:
    Worker.objects.filter(pk=worker.pk).update(seen_at=timezone.now() - timedelta(minutes=5))


async def test_question_is_answered_as_soon_as_it_is_asked(sandbox: RunningSandbox, start: Start) -> None:
    async with at_work():
        await asyncio.sleep(0.5)  # nothing to do
        thread = await sync_to_async(start)(QUESTION)
        asked = asyncio.get_running_loop().time()
        await comes_to(thread, State.DONE)
        assert asyncio.get_running_loop().time() - asked < worker_module.LONGEST_NAP / 2


async def test_next_question_of_a_thread_follows_at_once(
    sandbox: RunningSandbox, start: Start, ask: Callable[[Thread, str], Message]
) -> None:
    thread = await sync_to_async(start)("eins")
    for text in ("zwei", "drei", "vier"):
        await sync_to_async(ask)(thread, text)
    async with at_work(), asyncio.timeout(worker_module.LONGEST_NAP):
        while await sync_to_async(thread.messages.filter(state=State.DONE, role="assistant").count)() < 4:
            await asyncio.sleep(0.02)


@pytest.mark.usefixtures("sandbox")
def test_what_a_dead_worker_was_at_is_handed_back(start: Start, dead: Worker) -> None:
    thread = start()
    line.claim(dead)
    take_over()
    assert answer_of(thread).state == State.ANSWERING  # it lives
    bury(dead)
    take_over()
    assert answer_of(thread).state == State.WAITING
    assert not Worker.objects.exists()


async def test_another_worker_answers_what_a_dead_one_was_at(
    sandbox: RunningSandbox, start: Start, dead: Worker, settings: Any
) -> None:
    from chatsite.settings import ENVIRONMENT

    settings.ENVIRONMENT = ENVIRONMENT.model_copy(update={"recovery_seconds": 1.0})
    thread = await sync_to_async(start)(QUESTION)
    await sync_to_async(line.claim)(dead)
    await sync_to_async(bury)(dead)
    async with at_work():
        await comes_to(thread, State.DONE)


@pytest.mark.usefixtures("sandbox")
def test_worker_that_was_taken_for_dead_stores_nothing(start: Start, dead: Worker) -> None:
    thread = start()
    late = line.claim(dead)
    bury(dead)
    take_over()
    successor = Worker()
    heartbeat(successor)
    line.claim(successor)
    assert isinstance(late, Claim)
    with pytest.raises(IllegalTransition):
        late.answer.finish(content="Zu spät.", sources=[])
    with pytest.raises(IllegalTransition):
        late.answer.fail("api_error")
    answer = answer_of(thread)
    assert (answer.state, answer.claimed_by) == (State.ANSWERING, successor)


async def gone_long_ago(start: Start) -> Thread:
    thread = await sync_to_async(start)("Weg?")
    long_ago = timezone.now() - timedelta(days=8)
    await Thread.objects.filter(pk=thread.pk).aupdate(deleted_at=long_ago)
    await Message.objects.filter(thread=thread).answers().aupdate(state=State.STOPPED)
    return thread


async def until_gone(thread: Thread) -> None:
    async with asyncio.timeout(SOON):
        while await Thread.objects.filter(pk=thread.pk).aexists():
            await asyncio.sleep(0.02)


async def test_what_was_deleted_long_ago_is_removed_in_batches_until_nothing_is_left(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "AT_ONCE", 1)
    threads = [await gone_long_ago(start) for _ in range(3)]
    async with at_work():
        for thread in threads:
            await until_gone(thread)


async def test_sessions_that_have_ended_are_removed() -> None:
    ended = timezone.now() - timedelta(seconds=1)
    await sync_to_async(Session.objects.create)(session_key="ended", session_data="", expire_date=ended)
    async with at_work(), asyncio.timeout(SOON):
        while await sync_to_async(Session.objects.exists)():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("error", [IntegrityError, OperationalError])
async def test_removing_goes_on_after_an_error(
    start: Start, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    remove, tries = removing.remove_some, []

    def broken(stuck: set[Any]) -> bool:
        tries.append(threading.current_thread().name)
        if len(tries) < 3:
            raise error
        return remove(stuck)

    monkeypatch.setattr(removing, "remove_some", broken)
    monkeypatch.setattr(removing, "EVERY_SECONDS", 0.01)
    thread = await gone_long_ago(start)
    async with at_work():
        await until_gone(thread)
    assert all(name.startswith("removing") for name in tries)  # nobody waits for it


async def test_heart_beats_on_after_an_error(
    monkeypatch: pytest.MonkeyPatch, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from chatsite.settings import ENVIRONMENT

    settings.ENVIRONMENT = ENVIRONMENT.model_copy(update={"recovery_seconds": 0.25})
    tries = []

    def broken() -> None:
        tries.append(1)
        raise IntegrityError

    monkeypatch.setattr(worker_module, "take_over", broken)
    async with at_work(), asyncio.timeout(SOON):
        while len(tries) < 3:
            await asyncio.sleep(0.02)
    assert "beat_crashed" in [getattr(record, "action", "") for record in caplog.records]


async def test_call_in_flight_is_finished_when_the_worker_is_to_stop(
    sandbox: RunningSandbox, start: Start
) -> None:
    thread = await sync_to_async(start)(f"{QUESTION} !sandbox slow 1s")
    async with at_work() as (worker, stop):
        await is_calling(worker)
        stop.set()
    assert (await sync_to_async(answer_of)(thread)).state == State.DONE


async def test_call_that_takes_longer_than_the_grace_period_is_handed_back(
    sandbox: RunningSandbox, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "GRACE_SECONDS", 0.2)
    thread = await sync_to_async(start)(f"{QUESTION} !sandbox slow 20s")
    async with at_work() as (worker, stop):
        await is_calling(worker)
        stop.set()
    answer = await sync_to_async(answer_of)(thread)
    assert (answer.state, answer.claimed_by_id) == (State.WAITING, None)
    assert not await sync_to_async(Worker.objects.exists)()


async def test_worker_that_is_to_stop_claims_no_more(sandbox: RunningSandbox, start: Start) -> None:
    async with at_work() as (_, stop):
        stop.set()
    thread = await sync_to_async(start)(QUESTION)
    await asyncio.sleep(0.3)
    assert (await sync_to_async(answer_of)(thread)).state == State.WAITING


@pytest.mark.parametrize("step", ["calling.prepare", "calling.store", "budget.sent", "budget.succeeded"])
async def test_answer_that_came_is_kept_while_the_database_is_away(
    sandbox: RunningSandbox, start: Start, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    module, name = {"calling": calling, "budget": budget}[step.split(".")[0]], step.split(".")[1]
    do, tries = getattr(module, name), []

    def away(*args: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError
        return do(*args)

    monkeypatch.setattr(module, name, away)
    thread = await sync_to_async(start)(QUESTION)
    async with at_work():
        await comes_to(thread, State.DONE)
    assert len(sandbox.bodies) == 1


async def test_worker_outlasts_a_database_that_is_away(
    sandbox: RunningSandbox, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, tries = line.claim, []

    def away(worker: Worker) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError
        return claim(worker)

    monkeypatch.setattr(line, "claim", away)
    thread = await sync_to_async(start)(QUESTION)
    async with at_work():
        await comes_to(thread, State.DONE)


@pytest.fixture
def own_pid(db: None) -> int:
    """Of the connection that the fixtures and the tidying up use."""
    connections["default"].ensure_connection()
    return int(connections["default"].connection.info.backend_pid)


@pytest.mark.usefixtures("sandbox")
def test_claim_of_which_the_worker_never_heard_is_handed_back(start: Start, dead: Worker) -> None:
    held, unheard, fresh = start("gehalten"), start("verloren"), start("eben erst")
    for _ in range(3):
        line.claim(dead)
    long_ago = timezone.now() - timedelta(minutes=1)
    Message.objects.filter(thread__in=[held, unheard]).update(answering_at=long_ago)
    worker_module.hand_back_unheard(dead, {answer_of(held).pk})
    states = [answer_of(thread).state for thread in (held, unheard, fresh)]
    assert states == [State.ANSWERING, State.WAITING, State.ANSWERING]


async def test_connections_that_were_cut_are_replaced(
    sandbox: RunningSandbox, start: Start, own_pid: int
) -> None:
    def cut() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
                [own_pid],
            )
            assert cursor.rowcount

    async with at_work():
        await asyncio.sleep(0.3)
        await sync_to_async(cut)()
        thread = await sync_to_async(start)(QUESTION)
        await comes_to(thread, State.DONE)


async def test_worker_that_was_taken_for_dead_goes_on_answering(
    sandbox: RunningSandbox, start: Start
) -> None:
    async with at_work():
        await asyncio.sleep(0.3)
        await sync_to_async(Worker.objects.all().delete)()
        thread = await sync_to_async(start)(QUESTION)
        async with asyncio.timeout(1.5):
            await comes_to(thread, State.DONE)


async def test_no_more_calls_at_once_than_allowed(
    sandbox: RunningSandbox, start: Start, settings: Any
) -> None:
    from chatsite.settings import ENVIRONMENT

    settings.ENVIRONMENT = ENVIRONMENT.model_copy(update={"worker_concurrency": 2})
    for number in range(4):
        await sync_to_async(start)(f"Frage {number} !sandbox slow 1s")
    async with at_work() as (worker, _):
        await asyncio.sleep(0.7)
        assert len(worker.calls) == 2
        assert await sync_to_async(Message.objects.filter(state=State.ANSWERING).count)() == 2


async def test_question_that_is_withdrawn_as_it_is_claimed_is_no_fault(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    withdrawn = await sync_to_async(start)("Zurückgezogen?")
    find = line._next_of

    def next_of(connection_id: int) -> tuple[str | None, float]:
        found = find(connection_id)
        answer_of(withdrawn).stop_if_waiting()
        return found

    monkeypatch.setattr(line, "_next_of", next_of)
    async with at_work() as (worker, _):
        assert await worker._claim() == budget.Wait(0.0)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
