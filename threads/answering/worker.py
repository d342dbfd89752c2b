"""Claims what is due and calls the API, in the server's process or in one of its own."""

import asyncio
import contextlib
import functools
import logging
import signal
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from threads.answering import calling, line
from threads.answering.budget import Wait
from threads.answering.calling import DATABASE_AWAY
from threads.answering.collecting import collect_for_ever
from threads.answering.database import DatabaseThread, in_database
from threads.answering.exporting import export_for_ever
from threads.answering.line import Claim
from threads.answering.listening import listen
from threads.answering.removing import remove_for_ever
from threads.completions import open_http
from threads.models import IllegalTransition, Message, State, Worker
from threads.models.worker import heartbeat

log = logging.getLogger(__name__)

LONGEST_NAP = 5.0  # seconds; changes are announced, this is for those of an admin to the limits
UNHEARD_AFTER = timedelta(seconds=5)  # a claim reaches its worker within milliseconds, or never
GRACE_SECONDS = 20.0  # for calls in flight when the worker is to stop; then they are handed back


async def run_worker(*, install_signal_handlers: bool) -> None:
    """Until a signal comes, or this task is cancelled."""
    stop = asyncio.Event()
    if install_signal_handlers:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_http(read=settings.ENVIRONMENT.read_timeout) as http:
        await AnsweringWorker(http).run(stop)


class AnsweringWorker:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.row = Worker()
        self.claims = DatabaseThread("claims")  # where it waits while others claim
        self.calls: set[asyncio.Task[None]] = set()
        self.held: set[UUID] = set()  # the answers that these calls are for
        self.something = asyncio.Event()  # happened, that may make a question due

    async def run(self, stop: asyncio.Event) -> None:
        log.info("worker started", extra={"action": "worker_started", "worker": str(self.row.pk)})
        try:
            async with self._in_background():
                claiming = asyncio.create_task(self._claim_for_ever())
                stopping = asyncio.create_task(stop.wait())
                await asyncio.wait([claiming, stopping], return_when=asyncio.FIRST_COMPLETED)
                await _cancelled(claiming, stopping)
                await self._finish()
        except asyncio.CancelledError:
            await self._finish()
            raise
        finally:
            await self.claims.close()
            log.info("worker stopped", extra={"action": "worker_stopped", "worker": str(self.row.pk)})

    async def work_off(self) -> None:
        """Answer what is due, and what becomes due by that; then leave. For tests and benchmarks."""
        await in_database(heartbeat)(self.row)
        while True:
            claim = await self._claim()
            if isinstance(claim, Claim):
                self._start(claim)
            elif self.calls:
                await asyncio.wait(self.calls, return_when=asyncio.FIRST_COMPLETED)
            else:
                break
        await in_database(hand_back_all)(self.row)
        await self.claims.close()

    @contextlib.asynccontextmanager
    async def _in_background(self) -> AsyncIterator[None]:
        await self._beat_once()
        beating = asyncio.create_task(self._beat())
        removing = asyncio.create_task(remove_for_ever())
        collecting = asyncio.create_task(collect_for_ever())
        exporting = asyncio.create_task(export_for_ever())
        listening = asyncio.create_task(
            listen(self._heard, self._look_again, lambda step: in_database(step)())
        )
        try:
            yield
        finally:
            await _cancelled(beating, removing, collecting, exporting, listening)

    def _heard(self, answer_id: UUID, state: str) -> None:
        """A new question may be due. What ends is looked after by the worker where it ends."""
        if state == State.WAITING:
            self.something.set()

    async def _look_again(self) -> None:
        self.something.set()

    async def _claim_for_ever(self) -> None:
        while True:
            self.something.clear()
            if len(self.calls) >= settings.ENVIRONMENT.worker_concurrency:
                await asyncio.wait(self.calls, return_when=asyncio.FIRST_COMPLETED)
            claim = await self._claim()
            if isinstance(claim, Claim):
                self._start(claim)
                continue
            nap = min(claim.seconds, LONGEST_NAP) if claim else LONGEST_NAP
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(nap):
                    await self.something.wait()

    async def _claim(self) -> Claim | Wait | None:
        try:
            return await self.claims.run(line.claim, self.row)
        except IntegrityError:  # this worker was taken for dead, and is no longer entered
            await self._beat_once()
            return Wait(0.0)
        except calling.GONE:  # withdrawn or deleted just now: the next one
            return Wait(0.0)
        except DATABASE_AWAY as error:
            log.warning("database away", extra={"action": "database_away", "error": type(error).__name__})
            return Wait(1.0)
        except Exception as error:
            # One answer that can't be claimed must not end the worker, and with it all others.
            log.error("a fault of ours", extra={"action": "claim_crashed"} | calling.where(error))
            return Wait(1.0)

    def _start(self, claim: Claim) -> None:
        task = asyncio.create_task(calling.answer(claim, self.http))
        self.calls.add(task)
        self.held.add(claim.answer.pk)
        task.add_done_callback(functools.partial(self._ended, claim.answer.pk))

    def _ended(self, answer_id: UUID, task: asyncio.Task[None]) -> None:
        self.calls.discard(task)
        self.held.discard(answer_id)
        self.something.set()  # its thread's next question may be due

    async def _finish(self) -> None:
        """Let calls in flight end, within the grace period, and hand the rest back."""
        if self.calls:
            await asyncio.wait(self.calls, timeout=GRACE_SECONDS)
        await _cancelled(*self.calls)
        with contextlib.suppress(*DATABASE_AWAY):
            await in_database(hand_back_all)(self.row)

    async def _beat(self) -> None:
        """Say that this worker lives, and take over from those that do not. Whatever goes wrong, it goes on."""
        interval = settings.ENVIRONMENT.recovery_seconds / 5
        last = time.monotonic()
        while True:
            await asyncio.sleep(interval)
            try:
                if await self._beat_once():
                    before, last = last, time.monotonic()
                    # After a gap of our own, say as the database was away, others could not say that they live.
                    await self._look_after(others_could_beat=last - before < 2 * interval)
            except Exception as error:
                log.error("a fault of ours", extra={"action": "beat_crashed"} | calling.where(error))

    async def _look_after(self, *, others_could_beat: bool) -> None:
        with contextlib.suppress(*DATABASE_AWAY):
            await in_database(hand_back_unheard)(self.row, self.held.copy())
        if others_could_beat:
            with contextlib.suppress(*DATABASE_AWAY):
                await in_database(take_over)()

    async def _beat_once(self) -> bool:
        try:
            await in_database(heartbeat)(self.row)
        except DATABASE_AWAY:
            return False
        return True


def take_over() -> None:
    for worker in Worker.objects.dead():
        log.warning("worker died", extra={"action": "worker_died", "worker": str(worker.pk)})
        hand_back_all(worker)


def hand_back_unheard(worker: Worker, held: set[UUID]) -> None:
    """Claims that were committed, but of which the connection broke before the worker heard."""
    while_ago = timezone.now() - UNHEARD_AFTER
    claimed = Message.objects.filter(claimed_by=worker, state=State.ANSWERING, answering_at__lt=while_ago)
    for answer in claimed.exclude(pk__in=held):
        with contextlib.suppress(IllegalTransition):
            answer.hand_back()


def hand_back_all(worker: Worker) -> None:
    for answer in Message.objects.filter(claimed_by=worker, state=State.ANSWERING):
        with contextlib.suppress(IllegalTransition):  # it was stored after all
            answer.hand_back()
    Worker.objects.filter(pk=worker.pk).delete()


async def _cancelled(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
