import contextlib
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from threads.models.thread import Thread
from threads.models.user import User
from threads.models.worker import Worker

if TYPE_CHECKING:
    from threads.models.finding import Finding
    from threads.models.source import Source

# PostgreSQL channel on which each change of an answer's state is announced: its id, and the new state.
CHANNEL = "answer_state"


class Role(models.TextChoices):
    USER = "user", _("Question")
    ASSISTANT = "assistant", _("Answer")


class State(models.TextChoices):
    """Of an answer; a question is always done."""

    WAITING = "waiting", _("waiting")
    ANSWERING = "answering", _("being answered")
    DONE = "done", _("answered")
    FAILED = "failed", _("failed")
    STOPPED = "stopped", _("withdrawn")


OPEN_STATES = (State.WAITING, State.ANSWERING)


class IllegalTransition(Exception):
    """The answer is not, or no longer, in a state from which it can go there."""


def announce(answer: "Message", state: State) -> None:
    """Tell, on commit, who listens: browsers that wait for this answer, and workers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{answer.pk} {state}"])


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(thread__in=Thread.objects.visible_to(user))

    def answers(self) -> Self:
        return self.filter(role=Role.ASSISTANT)

    def current(self) -> Self:
        """Without questions that were put anew, and what had been answered to them."""
        return self.filter(superseded_at=None)

    def open(self) -> Self:
        """Answers that are still to come."""
        return self.answers().filter(state__in=OPEN_STATES)

    def with_place(self) -> Self:
        """Each with its place in its conversation, as of now.

        `waits_behind`: is an earlier answer still to come? `is_last`: does no message follow? What was put anew is
        followed by what it was replaced by, so that this is the same for the messages that are current.
        """
        earlier = Message.objects.filter(
            thread=models.OuterRef("thread"),
            position__lt=models.OuterRef("position"),
            state__in=OPEN_STATES,
        )
        later = Message.objects.filter(
            thread=models.OuterRef("thread"), position__gt=models.OuterRef("position")
        )
        return self.annotate(waits_behind=models.Exists(earlier), is_last=~models.Exists(later))

    def exchange_of(self, message: "Message") -> Self:
        """The question that `message` is, or answers, with its answer."""
        question_id = message.question_id or message.pk
        return self.filter(models.Q(pk=question_id) | models.Q(question=question_id))

    def oldest_first(self) -> Self:
        return self.order_by("position")

    def for_display(self) -> Self:
        """Oldest first, with all that a message shows, in two queries."""
        messages = self.with_place().oldest_first()
        return messages.select_related("thread__assistant", "feedback").prefetch_related("sources")


class Message(models.Model):
    """A question or an answer. An answer keeps what came whole; what is derived from it stands beside it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="messages")
    position = models.PositiveIntegerField(help_text="From 1; a question's answer follows it.")
    role = models.CharField(max_length=9, choices=Role)
    state = models.CharField(max_length=9, choices=State)
    content = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    superseded_at = models.DateTimeField(null=True, help_text="When the question was put anew.")

    # questions only
    client_token = models.UUIDField(null=True, help_text="Made with the form: sent twice, asked once.")
    replaces = models.OneToOneField(
        "self",
        models.SET_NULL,
        null=True,
        related_name="replaced_by",
        help_text="The former version of this question; it stays reachable.",
    )

    # answers only
    question = models.ForeignKey("self", models.CASCADE, null=True, related_name="answers")
    language = models.CharField(
        max_length=8, blank=True, help_text="The reader's, when the question was asked."
    )
    attempts = models.PositiveIntegerField(default=0, help_text="How often a worker began.")
    failures = models.PositiveIntegerField(default=0, help_text="How many calls failed for now.")
    claimed_by = models.ForeignKey(
        Worker,
        models.SET_NULL,
        null=True,
        related_name="answers",
        db_index=False,
        help_text="While answering.",
    )
    not_before = models.DateTimeField(null=True, help_text="When it is to be tried again.")
    answering_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=100, blank=True)

    # all that came but for the text and the sources (completions-api.md, Response)
    received = models.JSONField(default=dict, blank=True)

    # derived
    legal_advice = models.BooleanField(null=True)
    intent = models.TextField(blank=True)
    legal_notice = models.TextField(blank=True, help_text="What was shown; empty: none was.")

    # and `words`, here and with sources, which only search knows: see the migration `0007_search`

    objects = MessageQuerySet.as_manager()

    if TYPE_CHECKING:
        waits_behind: bool  # see `MessageQuerySet.with_place`
        question_number: int  # of a question in its conversation, from 1; see `threads.windows`
        is_in_text: bool  # what is searched for, and not in its sources alone; see `threads.search`
        is_last: bool
        refusal: str  # why it is not tried again now; see `_again.html`
        # what an auditor is shown beside it; see `threads.reviewing`
        case_findings: list["Finding"]
        case_metadata: str
        is_selected: bool

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = (
            # also serves: the messages of a conversation, in order
            models.UniqueConstraint(fields=("thread", "position"), name="message_once_per_position"),
            models.UniqueConstraint(
                fields=("thread", "client_token"),
                condition=models.Q(client_token__isnull=False),
                name="message_once_per_client_token",
            ),
            models.CheckConstraint(
                condition=models.Q(role=Role.USER, state=State.DONE, question=None)
                | models.Q(role=Role.ASSISTANT, question__isnull=False),
                name="message_role_and_state",
            ),
        )
        indexes = (
            # what is still to be answered, oldest first
            models.Index("created_at", condition=models.Q(state__in=OPEN_STATES), name="message_open"),
            # what came to an end lately, for /metrics
            models.Index(
                "finished_at", condition=models.Q(finished_at__isnull=False), name="message_finished"
            ),
            # a period's answers, for mandates and for figures
            models.Index("created_at", condition=models.Q(role="assistant"), name="message_answers"),
            # conversations in which an answer failed or was withdrawn, of which there are few
            models.Index(
                "thread",
                "state",
                condition=models.Q(state__in=[State.FAILED, State.STOPPED]),
                name="message_without_answer",
            ),
            # what a worker that died was at
            models.Index("claimed_by", condition=models.Q(claimed_by__isnull=False), name="message_claimed"),
            # whose questions were taken lately
            models.Index(
                "answering_at", condition=models.Q(answering_at__isnull=False), name="message_taken"
            ),
        )

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def can_be_asked_anew(self) -> bool:
        """Of an answer fetched `with_place`, without a query: is its question offered to be put anew?

        `answering.ask_anew` decides when it is.
        """
        is_settled = not self.is_open and not self.waits_behind
        return is_settled and self.is_last and self.thread.assistant.is_active

    def begin(self, worker: Worker | None = None) -> None:
        """A worker has taken the question."""
        self._move(
            [State.WAITING],
            State.ANSWERING,
            answering_at=timezone.now(),
            attempts=models.F("attempts") + 1,
            claimed_by=worker,
            not_before=None,
        )

    def wait_again(self, error_code: str, seconds: float) -> None:
        """The call failed for now, and is to be tried again after `seconds`."""
        self._wait(
            error_code=error_code,
            failures=models.F("failures") + 1,
            not_before=timezone.now() + timedelta(seconds=seconds),
        )

    def hand_back(self) -> None:
        """Its worker ended, or died: another takes it."""
        self._wait()

    @transaction.atomic
    def _wait(self, **fields: Any) -> None:
        """Again; but in a conversation that was deleted meanwhile nobody waits any more."""
        self._move([State.ANSWERING], State.WAITING, claimed_by=None, **fields)
        if Thread.objects.filter(pk=self.thread_id, deleted_at__isnull=False).exists():
            self.stop()

    def stop(self) -> None:
        """The question is withdrawn, while it waits."""
        self._move([State.WAITING], State.STOPPED, finished_at=timezone.now())

    def stop_if_waiting(self) -> None:
        with contextlib.suppress(IllegalTransition):  # a worker was quicker
            self.stop()

    def finish(self, *, sources: Iterable["Source"], **received: Any) -> None:
        """Store the answer, whole; `received` are fields of this model."""
        with transaction.atomic():
            self._end(State.DONE, "", **received)
            sources = list(sources)
            for position, source in enumerate(sources, start=1):
                source.message, source.position = self, position
            self.sources.bulk_create(sources)

    def fail(self, error_code: str) -> None:
        self._end(State.FAILED, error_code)

    def reopen(self) -> None:
        """Back to `waiting`, to be tried again because the user says so; not once its question was put anew."""
        self._move(
            [State.FAILED, State.STOPPED],
            State.WAITING,
            only_if=models.Q(superseded_at=None),
            created_at=timezone.now(),
            answering_at=None,
            finished_at=None,
            error_code="",
            failures=0,
            not_before=None,
        )

    @transaction.atomic
    def _end(self, new: State, error_code: str, **fields: Any) -> None:
        """Its conversation then has something to read."""
        now = timezone.now()
        self._move(OPEN_STATES, new, finished_at=now, error_code=error_code, claimed_by=None, **fields)
        Thread.objects.filter(pk=self.thread_id).update(answered_at=now)

    def _move(
        self, expected: Iterable[State], new: State, *, only_if: models.Q | None = None, **fields: Any
    ) -> None:
        """Compare and set: of two that finish the same answer, one does. Wakes who waits, on commit.

        `attempts` tells two workers apart, of whom one was taken for dead. Raises `IllegalTransition`.
        """
        with transaction.atomic():
            mine = Message.objects.filter(
                only_if or models.Q(),
                pk=self.pk,
                role=Role.ASSISTANT,
                state__in=expected,
                attempts=self.attempts,
            )
            if not mine.update(state=new, **fields):
                raise IllegalTransition(f"answer {self.pk} → {new}")
            announce(self, new)
        self.refresh_from_db()
