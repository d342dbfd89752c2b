"""Parts of a long conversation: a page shows a window of it, and loads what lies before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from threads.models import Message, Role
from threads.models.message import MessageQuerySet

SIZE = 30  # messages; a question and its answer are two
BEFORE = 6  # of them before the one that is asked for


@dataclass(frozen=True)
class Window:
    messages: list[Message]
    has_earlier: bool
    has_later: bool

    @property
    def latest(self) -> Message | None:
        """The last question."""
        return next((message for message in reversed(self.messages) if message.role == Role.USER), None)


def window(
    messages: MessageQuerySet,
    *,
    around: Message | None = None,
    before: Message | None = None,
    after: Message | None = None,
) -> Window:
    """Of a conversation's `messages`: the part that is asked for, else the end. Questions know their `question_number`.

    One query, with those that messages prefetch, and another one where something comes before.
    """
    if around:
        return _from(messages, _position_of_the_question(around) - BEFORE)
    if after:
        return _from(messages, after.position + 1)
    until = messages.filter(position__lt=before.position) if before else messages
    found = list(until.order_by("-position")[:SIZE])[::-1]
    return Window(found, count_questions(messages, found), has_later=before is not None)


def _from(messages: MessageQuerySet, first: int) -> Window:
    found = list(messages.filter(position__gte=first).oldest_first()[: SIZE + 1])
    return Window(found[:SIZE], count_questions(messages, found[:SIZE]), has_later=len(found) > SIZE)


def _position_of_the_question(message: Message) -> int:
    """A window begins with a question; its answer follows it."""
    return message.position if message.role == Role.USER else message.position - 1


def count_questions(messages: MessageQuerySet, part: Sequence[Message]) -> bool:
    """Tell the questions of `part`, which follow each other among `messages`, their number. Does any come before?"""
    if not part:
        return False
    asked_before = 0
    if part[0].position > 1:
        asked_before = messages.filter(position__lt=part[0].position, role=Role.USER).count()
    for number, question in enumerate((m for m in part if m.role == Role.USER), start=asked_before + 1):
        question.question_number = number
    return asked_before > 0


def is_in_the_last(messages: MessageQuerySet, message: Message) -> bool:
    """Does the window at the end of the conversation show it, with something before it?"""
    return messages.filter(position__gt=message.position).count() < SIZE - BEFORE


def newly_asked(answer: Message) -> list[Message]:
    """What a question adds to its conversation: itself, with its number, and its answer; both for display."""
    added = list(Message.objects.exchange_of(answer).for_display())
    count_questions(answer.thread.messages.current(), added)
    return added


def place_of(message: Message) -> str:
    """Of the message in its conversation, of which a page may show a part only; else the page of its own."""
    if message.superseded_at:
        return reverse("threads:message", args=[message.pk])
    query = "" if is_in_the_last(message.thread.messages.current(), message) else f"?around={message.pk}"
    return f"{reverse('threads:thread', args=[message.thread_id])}{query}#message-{message.pk}"
