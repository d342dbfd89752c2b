import uuid
from datetime import timedelta
from typing import Self

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from threads.models.assistant import Assistant
from threads.models.user import User

TITLE_CHARACTERS = 80
UNDO_DAYS = 7  # for so long a deleted conversation can be brought back


class ThreadQuerySet(models.QuerySet["Thread"]):
    def visible_to(self, user: User) -> Self:
        """A conversation is its owner's, and nobody else's; a deleted one is nobody's."""
        return self.filter(owner=user, deleted_at=None)

    def deleted_by(self, user: User) -> Self:
        """What its owner deleted, and can still bring back."""
        return self.filter(owner=user, deleted_at__gt=timezone.now() - timedelta(days=UNDO_DAYS))

    def past_undoing(self) -> Self:
        """Deleted so long ago that nothing of it may be kept."""
        return self.filter(deleted_at__lte=timezone.now() - timedelta(days=UNDO_DAYS))

    def newest_first(self) -> Self:
        return self.order_by("-asked_at", "-id")

    def before(self, thread: "Thread") -> Self:
        """What follows `thread` in a list that is newest first."""
        return self.filter(
            models.Q(asked_at__lt=thread.asked_at) | models.Q(asked_at=thread.asked_at, id__lt=thread.id)
        )


class Thread(models.Model):
    """One user's conversation with one assistant."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, models.CASCADE, related_name="threads")
    assistant = models.ForeignKey(Assistant, models.PROTECT, related_name="threads")
    title = models.CharField(max_length=TITLE_CHARACTERS + 1)
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
            # what is to be removed for good
            models.Index("deleted_at", condition=models.Q(deleted_at__isnull=False), name="thread_deleted"),
        )

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_unread(self) -> bool:
        """An answer came while its owner was elsewhere."""
        return self.answered_at is not None and (self.seen_at is None or self.seen_at < self.answered_at)

    def learn_remote_id(self, remote_id: str | None) -> None:
        """The API's name for this conversation is sent along with the next question."""
        new = uuid.UUID(remote_id) if remote_id else None
        if new and new != self.remote_id:
            self.remote_id = new
            self.save(update_fields=["remote_id"])

    def see(self) -> None:
        """Its owner has it before her."""
        if self.is_unread:
            self.seen_at = timezone.now()
            self.save(update_fields=["seen_at"])

    def rename(self, title: str) -> None:
        self.title = title
        self.save(update_fields=["title"])

    def pin(self) -> None:
        self.pinned_at = timezone.now()
        self.save(update_fields=["pinned_at"])

    def unpin(self) -> None:
        self.pinned_at = None
        self.save(update_fields=["pinned_at"])

    def archive(self) -> None:
        """Out of the list, and no longer pinned: it is found by search, and among the archived ones."""
        self.archived_at, self.pinned_at = timezone.now(), None
        self.save(update_fields=["archived_at", "pinned_at"])

    def unarchive(self) -> None:
        self.archived_at = None
        self.save(update_fields=["archived_at"])

    @transaction.atomic
    def put_in_trash(self) -> None:
        """Deleted, as its owner sees it; what waits in it is withdrawn. See `restore`."""
        self.deleted_at = timezone.now()
        self.save(update_fields=["deleted_at"])
        for answer in self.messages.open():
            answer.stop_if_waiting()

    def restore(self) -> None:
        self.deleted_at = None
        self.save(update_fields=["deleted_at"])
