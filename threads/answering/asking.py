"""Taking a question: what is stored before anything is sent."""

import textwrap
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import get_language

from threads.answering.job import answer_question
from threads.models import Assistant, Message, Role, State, Thread, User
from threads.models.thread import TITLE_CHARACTERS


@transaction.atomic
def start_thread(user: User, assistant: Assistant, text: str, client_token: UUID) -> Thread:
    """A new conversation with its first question; the same one when `client_token` comes twice."""
    thread, _ = Thread.objects.get_or_create(
        owner=user,
        client_token=client_token,
        defaults={
            "assistant": assistant,
            "title": textwrap.shorten(text, TITLE_CHARACTERS, placeholder=" …"),
            "asked_at": timezone.now(),
        },
    )
    ask(thread, text, client_token)
    return thread


@transaction.atomic
def ask(thread: Thread, text: str, client_token: UUID) -> Message:
    """Store the question, its waiting answer and the job that fetches it; all or nothing.

    Returns the answer; when `client_token` comes twice, that of the first time.
    """
    Thread.objects.select_for_update().get(pk=thread.pk)  # positions are given out one after another
    asked = thread.messages.filter(client_token=client_token).first()
    if asked:
        return asked.answers.get()
    position = thread.messages.aggregate(last=Max("position"))["last"] or 0
    question = Message.objects.create(
        thread=thread,
        position=position + 1,
        role=Role.USER,
        state=State.DONE,
        content=text,
        client_token=client_token,
    )
    answer = Message.objects.create(
        thread=thread,
        position=position + 2,
        role=Role.ASSISTANT,
        state=State.WAITING,
        question=question,
        created_at=question.created_at,
        language=get_language() or "de",
    )
    thread.asked_at = question.created_at
    thread.save(update_fields=["asked_at"])
    _defer(answer)
    return answer


@transaction.atomic
def ask_again(answer: Message) -> None:
    """Try a failed or stopped answer once more. Raises `IllegalTransition`."""
    answer.reopen()
    _defer(answer)


def _defer(answer: Message) -> None:
    """In the open transaction, as the queue uses Django's connection. The lock keeps a thread in order."""
    answer_question.configure(lock=str(answer.thread_id)).defer(answer_id=str(answer.pk))
