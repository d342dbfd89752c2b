"""One call: from a claim to a stored answer, or to what is to be said instead."""

import asyncio
import contextlib
import logging
import random
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import httpx
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone, translation

from threads.answering import budget
from threads.answering.budget import Wait
from threads.answering.database import in_database
from threads.answering.history import messages_for
from threads.answering.line import Claim
from threads.completions import (
    Client,
    Completion,
    CompletionRequest,
    CompletionsError,
    ConnectionFailed,
    InvalidResponse,
    PermissionDenied,
    RateLimited,
    RequestMetaData,
    RequestMetadataMissing,
    TooLong,
    Unauthorized,
    UnexpectedRedirect,
    UpstreamError,
    UserData,
)
from threads.models import Assistant, IllegalTransition, Message, Source, Thread

log = logging.getLogger(__name__)

FAILURES = 5  # calls until an answer counts as failed, where what came was no answer
FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0  # seconds before the second call; twice as long before each that follows
DATABASE_AWAY_SECONDS = 300.0  # how long an answer that came is kept while it can't be stored

DATABASE_AWAY = (OperationalError, InterfaceError)  # it restarts, or a connection broke

# The answer was taken over or stopped, or removed with its conversation.
GONE = (IllegalTransition, Message.DoesNotExist, Thread.DoesNotExist)

# Upstream is down, as far as this one call can tell; several in a row pause the connection.
_DOWN = (ConnectionFailed, InvalidResponse, UpstreamError)
# These pass by themselves, sooner or later: a question outlasts them for settings.GIVE_UP_SECONDS.
_PASSING = (ConnectionFailed, RateLimited, UpstreamError)
# Nobody but an admin can mend it.
_FAULTS = (Unauthorized, PermissionDenied, RequestMetadataMissing, UnexpectedRedirect)

R = TypeVar("R")


@dataclass(frozen=True)
class Call:
    """All that a call to the API needs, read from the database in one step."""

    base_url: str
    api_key: str
    request: CompletionRequest
    shorter_request: CompletionRequest | None
    thread_id: UUID | None


async def answer(claim: Claim, http: httpx.AsyncClient) -> None:
    """Call the API, store what came. However this ends, the answer is in a state that says so."""
    try:
        call = await _surely(prepare, claim.answer)
        try:
            completion = await _send(call, claim, http)
        except CompletionsError as error:
            await _surely(settle_failure, claim, error)
        else:
            await _surely(store, claim, completion)
    except GONE:
        log.info("taken over, stopped or deleted meanwhile", extra=_about(claim, "answer_gone"))
    except Exception as error:
        # A fault of ours must not leave the question without an end.
        log.error("a fault of ours", extra=_about(claim, "answer_crashed") | where(error))
        with contextlib.suppress(*GONE):
            await _surely(fail, claim, "internal_error")


async def _send(call: Call, claim: Claim, http: httpx.AsyncClient) -> Completion:
    client = Client(http, base_url=call.base_url, api_key=call.api_key)
    slots = _Slots(claim)
    try:
        try:
            return await client.complete(
                call.request, thread_id=call.thread_id, on_sent=slots.sent, before_second=slots.take
            )
        except TooLong:
            if call.shorter_request is None:
                raise
            await slots.take()
            return await client.complete(call.shorter_request, on_sent=slots.sent)
    except CompletionsError as error:
        with contextlib.suppress(*DATABASE_AWAY):  # it is for figures alone
            await in_database(budget.note_error)(slots.slot_id, error.error_code)
        raise
    finally:
        await slots.settle()


class _Slots:
    """The slots of one claim: a call that has to be made twice takes another one from the budget."""

    def __init__(self, claim: Claim) -> None:
        self.connection_id = claim.connection_id
        self.slot_id = claim.slot_id
        self.stamping: set[asyncio.Task[None]] = set()

    def sent(self) -> None:
        self.stamping.add(asyncio.ensure_future(in_database(budget.sent)(self.slot_id, time.monotonic())))

    async def take(self) -> None:
        await self.settle()
        slot = await _surely(budget.take_slot, self.connection_id)
        while isinstance(slot, Wait):
            await asyncio.sleep(slot.seconds)
            slot = await _surely(budget.take_slot, self.connection_id)
        self.slot_id = slot.slot_id

    async def settle(self) -> None:
        """A slot whose call was never sent, as there was no connection, is nobody's."""
        await asyncio.gather(*self.stamping, return_exceptions=True)
        if not self.stamping:
            with contextlib.suppress(*DATABASE_AWAY):  # it then counts a while longer
                await in_database(budget.give_back)(self.slot_id)
        self.stamping.clear()


async def _surely(step: Callable[..., R], *args: Any) -> R:
    """Do `step` in the database, though it be away for a while: what was fetched is not thrown away."""
    deadline = asyncio.get_running_loop().time() + DATABASE_AWAY_SECONDS
    run: Callable[..., Awaitable[R]] = in_database(step)
    while True:
        try:
            return await run(*args)
        except DATABASE_AWAY as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            log.warning("database away", extra={"action": "database_away", "error": type(error).__name__})
            await asyncio.sleep(0.5)


def prepare(answer: Message) -> Call:
    answer = Message.objects.select_related("thread__assistant__connection", "thread__owner", "question").get(
        pk=answer.pk
    )
    thread, assistant = answer.thread, answer.thread.assistant
    request, shorter = (
        CompletionRequest(
            assistant_id=assistant.remote_id,
            messages=messages_for(answer, characters=characters),
            user_id=thread.owner.pseudonym,
            meta_data=(
                RequestMetaData(user_data=UserData(licence=assistant.licence)) if assistant.licence else None
            ),
        )
        for characters in (settings.HISTORY_CHARACTERS, settings.HISTORY_CHARACTERS // 4)
    )
    return Call(
        base_url=assistant.connection.base_url,
        api_key=assistant.connection.api_key,
        request=request,
        shorter_request=shorter if shorter != request else None,
        thread_id=thread.remote_id,
    )


def settle_failure(claim: Claim, error: CompletionsError) -> None:
    """Try again later, or fail; and let the connection pause where the error is not of this question."""
    answer = claim.answer
    if isinstance(error, RateLimited):
        budget.limited(claim.connection_id, error.retry_after)
    elif isinstance(error, _DOWN):
        budget.failed(claim.connection_id)
    elif isinstance(error, _FAULTS):
        Assistant.objects.filter(threads=answer.thread_id).update(fault=error.error_code)
    age = (timezone.now() - answer.created_at).total_seconds()
    again = age < settings.GIVE_UP_SECONDS if isinstance(error, _PASSING) else answer.failures + 1 < FAILURES
    about = {"error_code": error.error_code, "failures": answer.failures + 1}
    if error.can_retry and again:
        answer.wait_again(error.error_code, seconds_before_next(answer.failures, error.retry_after))
        log.info("is to be asked again", extra=_about(claim, "answer_waits_again") | about)
    else:
        answer.fail(error.error_code)
        log.warning("answer failed", extra=_about(claim, "answer_failed") | about)


def seconds_before_next(failures: int, retry_after: float | None) -> float:
    """What the service says, else twice as long after each failure, give or take a quarter."""
    if retry_after:
        return retry_after
    wait: float = min(FIRST_WAIT * 2.0 ** min(failures, 10), LONGEST_WAIT)
    return wait * random.uniform(0.75, 1.25)  # noqa: S311


def store(claim: Claim, completion: Completion) -> None:
    answer = claim.answer
    assistant = answer.thread.assistant
    with translation.override(answer.language):
        # No word on legal advice counts as legal advice: the safe side (completions-api.md, Response).
        notice = "" if completion.legal_advice is False else assistant.legal_notice()
    raw = completion.raw
    raw_sources = raw.get("sources") or []
    with transaction.atomic():
        answer.finish(
            content=completion.content,
            received=_without(raw, "content", "sources"),
            legal_advice=completion.legal_advice,
            intent=completion.intent,
            legal_notice=notice,
            sources=[
                Source(
                    content=source.content,
                    received=_without(raw_source, "content"),
                    document_title=source.document_title,
                    section=source.section,
                    app_doc_id=source.app_doc_id,
                )
                for source, raw_source in zip(completion.sources, raw_sources, strict=True)
            ],
        )
        answer.thread.learn_remote_id(completion.thread_id)
    budget.succeeded(claim.connection_id)
    if assistant.fault:
        Assistant.objects.filter(pk=assistant.pk).update(fault="")


def fail(claim: Claim, error_code: str) -> None:
    claim.answer.fail(error_code)


def where(error: Exception) -> dict[str, str]:
    """What can be logged of an error: its own words may quote a question."""
    return {"error": type(error).__name__, "traceback": "".join(traceback.format_tb(error.__traceback__))}


def _without(received: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in received.items() if key not in keys}


def _about(claim: Claim, action: str) -> dict[str, object]:
    return {"action": action, "answer": str(claim.answer.pk), "connection": claim.connection_id}
