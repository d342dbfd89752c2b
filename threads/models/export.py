import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q, Sum
from django.db.models.functions import Length, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from threads.models.event import Event, Happening, Kind
from threads.models.mandate import Mandate, NotAllowed
from threads.models.user import User

KEPT_HOURS = 24  # then it is removed: it holds conversations


class Lost(Exception):
    """The export is no longer this worker's: it was revoked, erased, removed, or another one has it."""


@dataclass(frozen=True)
class Step:
    """What a builder has made since the step before. `happenings` are recorded when that is stored."""

    data: bytes
    done: int
    total: int
    happenings: tuple[Happening, ...] = ()


class ExportKind(models.TextChoices):
    REPORT_CSV = "report_csv", _("report as CSV")
    REPORT_JSONL = "report_jsonl", _("report as JSON Lines")
    MY_DATA = "my_data", _("my data")


class ExportState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    BUILDING = "building", _("being built")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")


class ExportQuerySet(models.QuerySet["Export"]):
    def visible_to(self, user: User) -> Self:
        """One's own, and of those made under a mandate what one may still see.

        Conversations are read from it, so the mandate has to grant that now; findings outlast it.
        """
        reading = Q(kind=ExportKind.REPORT_JSONL, mandate__in=Mandate.objects.granting(user))
        reporting = Q(kind=ExportKind.REPORT_CSV, mandate__in=Mandate.objects.reporting_to(user))
        return self.filter(Q(mandate=None) | reading | reporting, owner=user)

    @transaction.atomic
    def request(
        self, kind: ExportKind, owner: User, language: str, mandate: Mandate | None = None
    ) -> "Export":
        """To be built; the same one while it is under way. What was made before takes no more room."""
        owner.lock()
        before = self.filter(kind=kind, owner=owner, mandate=mandate)
        under_way = before.filter(state__in=(ExportState.WAITING, ExportState.BUILDING), language=language)
        if export := under_way.first():
            return export
        before.remove()
        return self.create(kind=kind, owner=owner, language=language, mandate=mandate)

    @transaction.atomic
    def claim(self) -> "Export | None":
        """The next to be built, also one of which the worker died: begun anew. None: there is nothing to do."""
        silent = Now() - timedelta(seconds=settings.ENVIRONMENT.recovery_seconds)
        due = self.filter(Q(state=ExportState.WAITING) | Q(state=ExportState.BUILDING, beat_at__lt=silent))
        export = due.order_by("created_at").select_for_update(skip_locked=True, no_key=True).first()
        if export is None:
            return None
        export.parts.all().delete()
        self.filter(pk=export.pk).update(state=ExportState.BUILDING, beat_at=Now(), done=0, total=None)
        export.refresh_from_db()
        return export

    def past_keeping(self) -> Self:
        """Ready for a day; or asked for a day ago and never ready."""
        day_ago = timezone.now() - timedelta(hours=KEPT_HOURS)
        is_ready = Q(state=ExportState.READY)
        return self.filter(is_ready & Q(finished_at__lte=day_ago) | ~is_ready & Q(created_at__lte=day_ago))

    @transaction.atomic
    def remove(self) -> int:
        """With all parts. Locked first: a worker that is storing another part would leave it without its export."""
        ids = list(self.order_by("pk").select_for_update().values_list("pk", flat=True))
        Export.objects.filter(pk__in=ids).delete()
        return len(ids)


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

    objects = ExportQuerySet.as_manager()

    if TYPE_CHECKING:
        mandate_id: uuid.UUID | None

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

    @property
    def is_under_way(self) -> bool:
        return self.state in (ExportState.WAITING, ExportState.BUILDING)

    @property
    def removed_at(self) -> datetime:
        """When it will be."""
        return (self.finished_at or self.created_at) + timedelta(hours=KEPT_HOURS)

    # --- for the worker that has claimed it: each raises `Lost` where it has not, or no longer ---

    def store(self, number: int, data: bytes, done: int, total: int, read: Sequence[Happening] = ()) -> None:
        """The next part, with what was read for it recorded. Raises `NotAllowed` where the mandate has ended."""
        with self._keep(done=done, total=total):
            if data:
                ExportPart.objects.create(export=self, number=number, data=data)
            if read and self.mandate:
                owner = User.objects.get(pk=self.owner_id)  # with the rights that she has now
                self.mandate.trace(owner, read)

    def finish(self) -> None:
        """With all that it was to have, as `done` and `total` say now."""
        kept = {"done": self.done, "total": self.total}
        with self._keep(state=ExportState.READY, finished_at=timezone.now(), **kept):
            pass

    def fail(self) -> None:
        with self._keep(state=ExportState.FAILED):
            self.parts.all().delete()

    def hand_back(self) -> None:
        """Another worker begins anew."""
        with self._keep(state=ExportState.WAITING):
            pass

    @contextmanager
    def _keep(self, **fields: Any) -> Iterator[None]:
        """Compare and set, as long as the last beat is ours, and what is done inside, in one transaction.

        It is a beat, too; ours is what was committed.
        """
        with transaction.atomic():
            mine = Export.objects.filter(pk=self.pk, state=ExportState.BUILDING, beat_at=self.beat_at)
            if not mine.update(beat_at=Now(), **fields):
                raise Lost(self.pk)
            beat_at = Export.objects.values_list("beat_at", flat=True).get(pk=self.pk)
            yield
        for name, value in {"beat_at": beat_at, **fields}.items():
            setattr(self, name, value)

    # --- for its owner ---

    def try_again(self) -> None:
        """Nothing happens where it has not failed."""
        mine = Export.objects.filter(pk=self.pk, state=ExportState.FAILED)
        mine.update(state=ExportState.WAITING, created_at=timezone.now())

    @transaction.atomic
    def take(self, user: User) -> int:
        """Record that the file leaves the house: the last step before it is sent. Its size in bytes.

        Looks once more, while nobody else can record: after a revocation nothing is sent. Raises `NotAllowed`.
        Of one's own data the first time counts: else anybody could fill the log, of which nothing is ever removed.
        """
        Event.objects.hold()
        mine = Export.objects.visible_to(user).filter(pk=self.pk, state=ExportState.READY)
        size = mine.aggregate(size=Sum(Length("parts__data")))["size"]
        if size is None:
            raise NotAllowed
        details = {"export": str(self.pk), "kind": str(self.kind), "count": self.done}
        if self.mandate_id:
            Event.objects.record(Kind.EXPORTED, user, mandate_id=self.mandate_id, details=details)
        elif not Event.objects.filter(actor_id=user.pk, kind=Kind.DATA_EXPORTED, details=details).exists():
            Event.objects.record(Kind.DATA_EXPORTED, user, person_id=user.pk, details=details)
        return int(size)

    def content(self) -> Iterator[bytes]:
        """Part by part, each looked up when it is due. Raises `Lost` where they are removed meanwhile."""
        count = self.parts.count()
        for number in range(count):
            part = self.parts.filter(number=number).first()
            if part is None:
                raise Lost(self.pk)
            yield bytes(part.data)


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
