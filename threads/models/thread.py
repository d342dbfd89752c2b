import uuid
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from threads.models.assistant import Assistant
from threads.models.user import User

TITLE_CHARACTERS = 80


class ThreadQuerySet(models.QuerySet["Thread"]):
    def visible_to(self, user: User) -> Self:
        """A conversation is its owner's, and nobody else's."""
        return self.filter(owner=user)

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
        )

    def __str__(self) -> str:
        return str(self.id)

    def learn_remote_id(self, remote_id: str | None) -> None:
        """The API's name for this conversation is sent along with the next question."""
        new = uuid.UUID(remote_id) if remote_id else None
        if new and new != self.remote_id:
            self.remote_id = new
            self.save(update_fields=["remote_id"])
