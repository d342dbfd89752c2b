import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class WorkerQuerySet(models.QuerySet["Worker"]):
    def alive(self) -> "WorkerQuerySet":
        return self.exclude(pk__in=self.dead().values("pk"))

    def dead(self) -> "WorkerQuerySet":
        """Silent for so long that they count as ended, or cut off."""
        return self.filter(seen_at__lt=Now() - timedelta(seconds=settings.ENVIRONMENT.recovery_seconds))


class Worker(models.Model):
    """A process that answers questions. What it was at when it died is handed to another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    objects = WorkerQuerySet.as_manager()

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return str(self.id)


def heartbeat(worker: Worker) -> None:
    """The worker lives. One that was taken for dead is entered anew; what it had claimed is another's."""
    if not Worker.objects.filter(pk=worker.pk).update(seen_at=Now()):
        Worker.objects.create(pk=worker.pk)
