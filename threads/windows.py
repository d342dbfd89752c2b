"""Parts of a long conversation: a page shows a window of it, and loads what lies before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    if around or after:
        first = after.position + 1 if after else around.position - BEFORE if around else 0
        found = list(messages.filter(position__gte=first).oldest_first()[: SIZE + 1])
        has_later, found = len(found) > SIZE, found[:SIZE]
    else:
        until = messages.filter(position__lt=before.position) if before else messages
        found = list(until.order_by("-position")[:SIZE])[::-1]
        has_later = before is not None
    return Window(found, count_questions(messages, found), has_later)


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
