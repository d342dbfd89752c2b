import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from threads.models.mandate import Mandate
from threads.models.user import User

KEPT_HOURS = 24  # then it is removed: it holds conversations


class ExportKind(models.TextChoices):
    REPORT_CSV = "report_csv", _("report as CSV")
    REPORT_JSONL = "report_jsonl", _("report as JSON Lines")
    MY_DATA = "my_data", _("my data")


class ExportState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    BUILDING = "building", _("being built")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")


class Export(models.Model):
    """A file that takes a while: workers build it, part by part, and its owner downloads it within a day.

    It goes when its mandate is revoked, and when a conversation that may be in it is erased.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12, choices=ExportKind)
    owner = models.ForeignKey(User, models.CASCADE, related_name="exports")
    mandate = models.ForeignKey(Mandate, models.CASCADE, null=True, related_name="exports")
    language = models.CharField(max_length=8, help_text="The reader's, when it was asked for.")
    state = models.CharField(max_length=8, choices=ExportState, default=ExportState.WAITING)
    done = models.PositiveIntegerField(default=0, help_text="Conversations that are in it by now.")
    total = models.PositiveIntegerField(null=True, help_text="Conversations that are to be in it.")
    created_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(null=True, help_text="When the worker that builds it last said so.")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        default_permissions = ()
        indexes = (
            # what is to be built, and what is to be removed, oldest first
            models.Index("state", "created_at", name="export_state"),
        )

    def __str__(self) -> str:
        return str(self.id)


class ExportPart(models.Model):
    """So much of an export's file as is built, and sent, in one piece."""

    export = models.ForeignKey(Export, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("part of an export")
        verbose_name_plural = _("parts of exports")
        default_permissions = ()
        constraints = (
            # also serves: the parts of an export, in order
            models.UniqueConstraint(fields=("export", "number"), name="export_part_once"),
        )

    def __str__(self) -> str:
        return f"{self.export_id} {self.number}"
