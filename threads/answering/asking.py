"""Taking a question: what is stored before anything is sent.

The waiting answer is its own job: workers take the next one from the line (see `line`), whose order is that of
the moment at which a call may start. So there is no queue to be kept in step with the answers' states.
"""

from datetime import timedelta
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import get_language, gettext, ngettext

from threads.models import Assistant, Message, Role, State, Thread, User
from threads.models.message import announce
from threads.titles import title_of


class LimitReached(Exception):
    """The user has too many questions under way; the text says so to the user."""


class NotTheLast(Exception):
    """Only the last question can be put anew, and only when nothing is under way to answer it."""


class Gone(Exception):
    """The conversation was deleted, say in another tab."""


class NotUsable(Exception):
    """The assistant is not, or no longer, for this user."""


@transaction.atomic
def start_thread(user: User, assistant: Assistant, text: str, client_token: UUID) -> Thread:
    """A new conversation with its first question; the same one when `client_token` comes twice.

    Looked for under the lock: of two at once the database would refuse one, and its log would quote the title.
    Raises `NotUsable` and `LimitReached`.
    """
    user.lock()
    thread = user.threads.filter(client_token=client_token).first()
    if (
        thread and thread.deleted_at
    ):  # the form was sent once more after that: the question is asked all the same
        return start_thread(user, assistant, text, uuid5(client_token, str(thread.pk)))
    thread = thread or Thread.objects.create(
        owner=user,
        assistant=assistant,
        title=title_of(text),
        client_token=client_token,
        asked_at=timezone.now(),
    )
    ask(thread, text, client_token)
    return thread


@transaction.atomic
def ask(thread: Thread, text: str, client_token: UUID) -> Message:
    """Store the question and its waiting answer, which workers hear of on commit; all or nothing.

    Returns the answer; when `client_token` comes twice, that of the first time. Raises `Gone`, `NotUsable`
    and `LimitReached`.
    """
    _lock(thread)
    asked = thread.messages.filter(client_token=client_token).first()
    if asked:
        return asked.answers.get()
    _check_usable(thread)
    _check_limits(thread.owner)
    return _store(thread, text, client_token)


@transaction.atomic
def ask_anew(question: Message, text: str, client_token: UUID) -> Message:
    """Put the last question of its conversation in other words, or once more. The former version stays reachable.

    Returns the new answer; when `client_token` comes twice, that of the first time. Raises `Gone`, `NotUsable`,
    `NotTheLast` and `LimitReached`.
    """
    thread = question.thread
    _lock(thread)
    asked = thread.messages.filter(client_token=client_token).first()
    if asked:
        return asked.answers.get()
    _check_usable(thread)
    exchange = Message.objects.exchange_of(question)
    # What is superseded must not be tried again meanwhile: nobody would see what is then paid for.
    list(exchange.select_for_update())
    if not _can_be_asked_anew(question):
        raise NotTheLast(question.pk)
    _check_limits(thread.owner)
    exchange.update(superseded_at=timezone.now())
    if thread.title == title_of(question.content) and not thread.messages.current().exists():
        thread.rename(title_of(text))
    return _store(thread, text, client_token, replaces=question)


@transaction.atomic
def retry(answer: Message) -> None:
    """Let an answer that failed, or was stopped, wait again.

    Raises `Gone`, `NotUsable`, `LimitReached`, and `IllegalTransition` where there is nothing to be tried again.
    """
    _lock(answer.thread)
    _check_usable(answer.thread)
    answer.reopen()  # first: what was tried again already is beyond no limit
    _check_limits(answer.thread.owner, besides=answer)


def _can_be_asked_anew(question: Message) -> bool:
    current = question.thread.messages.current()
    last = current.filter(role=Role.USER).order_by("-position").first()
    return last == question and not current.open().exists()


def _lock(thread: Thread) -> None:
    """One after another: positions are given out, and the owner's questions counted. Raises `Gone`."""
    try:
        thread.lock()
    except Thread.DoesNotExist:
        raise Gone(thread.pk) from None
    if thread.deleted_at:
        raise Gone(thread.pk)


def _store(thread: Thread, text: str, client_token: UUID, replaces: Message | None = None) -> Message:
    position = thread.messages.aggregate(last=Max("position"))["last"] or 0
    question = Message.objects.create(
        thread=thread,
        position=position + 1,
        role=Role.USER,
        state=State.DONE,
        content=text,
        client_token=client_token,
        replaces=replaces,
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
    announce(answer, State.WAITING)
    return answer


def _check_usable(thread: Thread) -> None:
    if not thread.assistant.is_usable_by(thread.owner):
        raise NotUsable(thread.assistant_id)


def _check_limits(owner: User, *, besides: Message | None = None) -> None:
    """What is waiting is few, and the threads of an hour are: both have an index (`message_open`, `thread_list`)."""
    open_answers = Message.objects.filter(thread__owner=owner).open()
    waiting = open_answers.exclude(pk=besides.pk).count() if besides else open_answers.count()
    if waiting >= settings.MAX_WAITING_PER_USER:
        text = ngettext(
            "You have %(count)s question waiting. Please wait for its answer, or withdraw it.",
            "You have %(count)s questions waiting. Please wait for an answer, or withdraw one.",
            waiting,
        )
        raise LimitReached(text % {"count": waiting})
    hour_ago = timezone.now() - timedelta(hours=1)
    asked = Message.objects.filter(
        thread__owner=owner, thread__asked_at__gt=hour_ago, created_at__gt=hour_ago, role=Role.USER
    )
    if asked.count() >= settings.MAX_QUESTIONS_PER_HOUR:
        text = gettext(
            "You have asked %(count)s questions within an hour. Please wait a while before the next one."
        )
        raise LimitReached(text % {"count": settings.MAX_QUESTIONS_PER_HOUR})
