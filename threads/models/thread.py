import uuid
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from threads.models.assistant import Assistant
from threads.models.user import User

TITLE_CHARACTERS = 80
MOST_PINNED = 20
UNDO_DAYS = 7  # for so long a deleted conversation can be brought back


class TooManyPinned(Exception):
    """`MOST_PINNED` are: they stand on each page."""


class Shelf(models.TextChoices):
    """Where its owner keeps a conversation."""

    PINNED = "pinned", _("pinned")
    LISTED = "listed", _("in the list")
    ARCHIVED = "archived", _("archived")
    DELETED = "deleted", _("deleted")


class ThreadQuerySet(models.QuerySet["Thread"]):
    def visible_to(self, user: User) -> Self:
        """A conversation is its owner's, and nobody else's; a deleted one is nobody's."""
        return self.filter(owner=user, deleted_at=None)

    def kept_for(self, user: User) -> Self:
        """Those too that were deleted, and can still be brought back."""
        since = timezone.now() - timedelta(days=UNDO_DAYS)
        return self.filter(models.Q(deleted_at=None) | models.Q(deleted_at__gt=since), owner=user)

    def on(self, shelf: Shelf) -> Self:
        return self.filter(**_SHELVES[shelf])

    def past_undoing(self) -> Self:
        """Deleted so long ago that nothing of it may be kept."""
        return self.filter(deleted_at__lte=timezone.now() - timedelta(days=UNDO_DAYS))

    def past_retention(self, assistant: Assistant) -> Self:
        """With this assistant, and kept no longer."""
        if assistant.retention_days is None:
            return self.none()
        asked_before = timezone.now() - timedelta(days=assistant.retention_days)
        return self.filter(assistant=assistant, asked_at__lt=asked_before)

    def held(self) -> Self:
        """Not to be erased now: a mandate until it has ended, or a finding while it is open, says so."""
        return self.filter(_is_held())

    def not_held(self) -> Self:
        return self.filter(~_is_held())

    def with_hold(self) -> Self:
        """Each with `is_held`, and `held_until`, where a mandate says how long."""
        holding = _holding_mandates().filter(cases__thread=models.OuterRef("pk")).order_by("-valid_until")
        return self.annotate(
            is_held=_is_held(), held_until=models.Subquery(holding.values("valid_until")[:1])
        )

    def with_waiting(self) -> Self:
        """Each with `is_waiting`: is an answer still to come?"""
        # By its name: the module of messages imports this one.
        messages = apps.get_model("threads", "Message").objects
        return self.annotate(is_waiting=models.Exists(messages.open().filter(thread=models.OuterRef("pk"))))

    def newest_first(self) -> Self:
        return self.order_by("-asked_at", "-id")

    def before(self, thread: "Thread") -> Self:
        """What follows `thread` in a list that is newest first."""
        return self.filter(
            models.Q(asked_at__lt=thread.asked_at) | models.Q(asked_at=thread.asked_at, id__lt=thread.id)
        )


def _holding_mandates() -> "models.QuerySet[Any]":
    # By their names, here and below: the modules of mandates and findings import this one.
    holding: models.QuerySet[Any] = apps.get_model("threads", "Mandate").objects.holding()
    return holding


def _is_held() -> models.Exists:
    by_finding = apps.get_model("threads", "Finding").objects.holding().values("case")
    holds = models.Q(mandate__in=_holding_mandates()) | models.Q(pk__in=by_finding)
    cases = apps.get_model("threads", "Case").objects
    return models.Exists(cases.filter(holds, thread=models.OuterRef("pk")))


_SHELVES: dict[Shelf, dict[str, bool]] = {
    Shelf.PINNED: {"pinned_at__isnull": False, "deleted_at__isnull": True},
    Shelf.LISTED: {"pinned_at__isnull": True, "archived_at__isnull": True, "deleted_at__isnull": True},
    Shelf.ARCHIVED: {"archived_at__isnull": False, "deleted_at__isnull": True},
    Shelf.DELETED: {"deleted_at__isnull": False},
}


class Thread(models.Model):
    """One user's conversation with one assistant."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, models.CASCADE, related_name="threads")
    assistant = models.ForeignKey(Assistant, models.PROTECT, related_name="threads")
    title = models.CharField(max_length=TITLE_CHARACTERS)
    remote_id = models.UUIDField(null=True, help_text="What the API calls this conversation, once known.")
    client_token = models.UUIDField(help_text="Made with the form: a form sent twice makes one thread.")
    created_at = models.DateTimeField(auto_now_add=True)
    asked_at = models.DateTimeField(help_text="When the last question was asked.")
    answered_at = models.DateTimeField(null=True, help_text="When an answer last came, or failed.")
    seen_at = models.DateTimeField(null=True, help_text="When its owner last saw it.")
    pinned_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True, help_text="It can be brought back for a while.")

    objects = ThreadQuerySet.as_manager()

    if TYPE_CHECKING:
        is_waiting: bool  # see `ThreadQuerySet.with_waiting`
        is_held: bool  # see `ThreadQuerySet.with_hold`
        held_until: date | None

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        constraints = (
            models.UniqueConstraint(fields=("owner", "client_token"), name="thread_once_per_client_token"),
        )
        indexes = (
            # the list of one's threads
            models.Index("owner", models.F("asked_at").desc(), models.F("id").desc(), name="thread_list"),
            # those above the list, in the order in which they were pinned
            models.Index(
                "owner",
                models.F("pinned_at").desc(),
                condition=models.Q(pinned_at__isnull=False),
                name="thread_pinned",
            ),
            # what an assistant keeps no longer
            models.Index("assistant", "asked_at", name="thread_retention"),
            # what is to be removed for good
            models.Index("deleted_at", condition=models.Q(deleted_at__isnull=False), name="thread_deleted"),
        )

    def __str__(self) -> str:
        return str(self.id)

    def get_absolute_url(self) -> str:
        """Of its page, at the last question."""
        return f"{reverse('threads:thread', args=[self.pk])}#latest"

    @property
    def is_unread(self) -> bool:
        """An answer came while its owner was elsewhere."""
        return self.answered_at is not None and (self.seen_at is None or self.seen_at < self.answered_at)

    def learn_remote_id(self, remote_id: str | None) -> None:
        """The API's name for this conversation is sent along with the next question."""
        new = uuid.UUID(remote_id) if remote_id else None
        if new and new != self.remote_id:
            self._update(remote_id=new)

    def see(self) -> None:
        """Its owner has it before her."""
        if self.is_unread:
            self._update(seen_at=timezone.now())

    def _update(self, **fields: Any) -> None:
        """Those alone; nothing happens to a conversation that was erased meanwhile."""
        Thread.objects.filter(pk=self.pk).update(**fields)
        for name, value in fields.items():
            setattr(self, name, value)

    def rename(self, title: str) -> None:
        self._update(title=title)

    @property
    def shelf(self) -> Shelf:
        if self.deleted_at:
            return Shelf.DELETED
        if self.archived_at:
            return Shelf.ARCHIVED
        return Shelf.PINNED if self.pinned_at else Shelf.LISTED

    def lock(self) -> None:
        """Till the transaction ends, of all its owner's conversations none is asked in or moved but by us.

        Its shelf is then as it is now. Raises `Thread.DoesNotExist`.
        """
        self.owner.lock()
        self.refresh_from_db(fields=["pinned_at", "archived_at", "deleted_at"])

    @transaction.atomic
    def move(self, shelf: Shelf) -> Shelf:
        """Deleted, it can be brought back for `UNDO_DAYS`; what waits in it is withdrawn. Returns where it stood.

        Raises `TooManyPinned`, and `Thread.DoesNotExist` where it was erased meanwhile.
        """
        self.lock()
        before, now = self.shelf, timezone.now()
        if before == shelf:
            return before
        if (
            shelf == Shelf.PINNED
            and Thread.objects.filter(owner=self.owner_id).on(shelf).count() >= MOST_PINNED
        ):
            raise TooManyPinned
        self.pinned_at = now if shelf == Shelf.PINNED else None
        self.archived_at = now if shelf == Shelf.ARCHIVED else None
        self.deleted_at = now if shelf == Shelf.DELETED else None
        self.save(update_fields=["pinned_at", "archived_at", "deleted_at"])
        if shelf == Shelf.DELETED:
            for answer in self.messages.open():
                answer.stop_if_waiting()
        return before

    @transaction.atomic
    def give_up(self) -> None:
        """It can't be brought back any more; only what is deleted. Then it is erased: see `threads.erasing`.

        Raises `Thread.DoesNotExist` where it is not deleted, or no longer.
        """
        self.lock()
        if self.deleted_at is None:
            raise Thread.DoesNotExist
        self._update(deleted_at=min(self.deleted_at, timezone.now() - timedelta(days=UNDO_DAYS)))
