"""The job that fetches one answer."""

import logging
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone, translation
from procrastinate import BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from threads.answering.database import in_database
from threads.answering.history import messages_for
from threads.completions import (
    Client,
    Completion,
    CompletionRequest,
    CompletionsError,
    RequestMetaData,
    TooLong,
    UserData,
)
from threads.models import IllegalTransition, Message, Source

log = logging.getLogger(__name__)

ATTEMPTS = 5  # calls until an answer counts as failed, where trying again can help
WAITS = (2, 5, 10, 20)  # seconds before the second call, the third …
LONGEST_WAIT = 60  # seconds, whatever Retry-After says


class TryAgain(Exception):
    """The job is to run again in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds:.1f} s")
        self.seconds = seconds


class WhenTold(BaseRetryStrategy):
    """Again after `TryAgain`, or when the database was away (it restarts, or a connection broke)."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, TryAgain):
            seconds = exception.seconds
        elif isinstance(exception, (OperationalError, InterfaceError)):
            seconds = 1
        else:
            return None
        return RetryDecision(retry_at=timezone.now() + timedelta(seconds=seconds))


@dataclass(frozen=True)
class Call:
    """All that a call to the API needs, read from the database in one step."""

    base_url: str
    api_key: str
    request: CompletionRequest
    shorter_request: CompletionRequest | None
    thread_id: UUID | None

    async def send(self, http: httpx.AsyncClient) -> Completion:
        client = Client(http, base_url=self.base_url, api_key=self.api_key)
        try:
            return await client.complete(self.request, thread_id=self.thread_id)
        except TooLong:
            if self.shorter_request is None:
                raise
            return await client.complete(self.shorter_request, thread_id=self.thread_id)


@app.task(name="answer_question", pass_context=True, retry=WhenTold())
async def answer_question(context: JobContext, *, answer_id: str) -> None:
    """Claim the answer, call the API, store what came.

    Runs again when a worker dies, so the API may be called twice; the state decides whose answer is stored.
    """
    try:
        call = await in_database(claim)(answer_id)
        try:
            completion = await call.send(context.additional_context["http"])
        except CompletionsError as error:
            seconds = await in_database(settle_failure)(answer_id, error)
            if seconds is not None:
                raise TryAgain(seconds) from None
        else:
            await in_database(store)(answer_id, completion)
    except (IllegalTransition, Message.DoesNotExist):
        log.info("action=answer_gone answer=%s", answer_id)  # stored, stopped or deleted meanwhile
    except (TryAgain, OperationalError, InterfaceError):
        raise
    except Exception as error:
        # A fault of ours must not leave the question without an end. The type alone: its text may quote.
        log.exception("action=answer_crashed answer=%s error=%s", answer_id, type(error).__name__)
        await in_database(fail)(answer_id, "internal_error")


def claim(answer_id: str) -> Call:
    """Raises `IllegalTransition` when there is nothing left to do."""
    answer = Message.objects.select_related("thread__assistant__connection", "thread__owner", "question").get(
        pk=answer_id
    )
    answer.begin()
    thread, assistant = answer.thread, answer.thread.assistant
    requests = [
        CompletionRequest(
            assistant_id=assistant.remote_id,
            messages=messages_for(answer, characters=characters),
            user_id=thread.owner.pseudonym,
            meta_data=(
                RequestMetaData(user_data=UserData(licence=assistant.licence)) if assistant.licence else None
            ),
        )
        for characters in (settings.HISTORY_CHARACTERS, settings.HISTORY_CHARACTERS // 4)
    ]
    return Call(
        base_url=assistant.connection.base_url,
        api_key=assistant.connection.api_key,
        request=requests[0],
        shorter_request=requests[1] if requests[1] != requests[0] else None,
        thread_id=thread.remote_id,
    )


def settle_failure(answer_id: str, error: CompletionsError) -> float | None:
    """Seconds until the next try; None when the answer has failed for good."""
    answer = Message.objects.get(pk=answer_id)
    if error.can_retry and answer.attempts < ATTEMPTS:
        answer.wait_again(error.error_code)
        wait = error.retry_after or WAITS[answer.attempts - 1] * random.uniform(0.75, 1.25)  # noqa: S311
        return min(wait, LONGEST_WAIT)
    answer.fail(error.error_code)
    return None


def store(answer_id: str, completion: Completion) -> None:
    answer = Message.objects.select_related("thread__assistant").get(pk=answer_id)
    with translation.override(answer.language):
        # No word on legal advice counts as legal advice: the safe side (completions-api.md, Response).
        notice = "" if completion.legal_advice is False else answer.thread.assistant.legal_notice()
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


def fail(answer_id: str, error_code: str) -> None:
    Message.objects.get(pk=answer_id).fail(error_code)


def _without(received: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in received.items() if key not in keys}
