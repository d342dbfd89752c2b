import uuid

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from threads.models.event import Event, Kind
from threads.models.mandate import Case, Mandate, NotAllowed
from threads.models.message import Message
from threads.models.user import User


class Verdict(models.TextChoices):
    CORRECT = "correct", _("correct")
    WRONG = "wrong", _("wrong")
    INCOMPLETE = "incomplete", _("incomplete")
    UNSUPPORTED = "unsupported", _("the source does not support it")
    NOTICE_MISSING = "notice_missing", _("the legal notice is missing")
    OTHER = "other", _("other")


class Severity(models.IntegerChoices):
    NONE = 0, _("none")
    LOW = 1, _("low")
    MEDIUM = 2, _("medium")
    HIGH = 3, _("high")


class FindingQuerySet(models.QuerySet["Finding"]):
    def open(self) -> "FindingQuerySet":
        return self.filter(closed_at=None)

    def holding(self) -> "FindingQuerySet":
        """What their conversations are not erased before."""
        return self.open().filter(holds=True)

    def in_order(self) -> "FindingQuerySet":
        return self.order_by("case_number", "position", "created_at", "pk")


class Finding(models.Model):
    """An auditor's verdict and note on an answer.

    When the conversation is erased the verdict stays, and its texts go: see `threads.erasing`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mandate = models.ForeignKey(Mandate, models.PROTECT, related_name="findings")
    case = models.ForeignKey(Case, models.SET_NULL, null=True, related_name="findings")
    message = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="findings")
    case_number = models.PositiveIntegerField(help_text="It stays when the conversation is erased.")
    position = models.PositiveIntegerField(help_text="The answer's, in its conversation.")

    verdict = models.CharField(_("verdict"), max_length=14, choices=Verdict)
    severity = models.PositiveSmallIntegerField(_("severity"), choices=Severity, default=Severity.NONE)
    note = models.TextField(_("note"), blank=True)
    assignee = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("assigned to")
    )
    holds = models.BooleanField(
        _("legal hold"),
        default=False,
        help_text=_("The conversation is not erased before this finding is closed."),
    )
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    second_verdict = models.CharField(_("second verdict"), max_length=14, choices=Verdict, blank=True)
    second_note = models.TextField(_("note"), blank=True)
    second_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    second_at = models.DateTimeField(null=True)

    closed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True)

    objects = FindingQuerySet.as_manager()

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        default_permissions = ()
        indexes = (
            # the findings of a mandate, in order
            models.Index("mandate", "case_number", "position", "created_at", "id", name="finding_list"),
            # what is held
            models.Index("case", condition=Q(holds=True, closed_at=None), name="finding_holds"),
        )

    def __str__(self) -> str:
        return str(self.id)

    @transaction.atomic
    def make(self) -> None:
        self.save(force_insert=True)
        self._record(Kind.FINDING_MADE, self.author, self._said())

    @transaction.atomic
    def change(self, user: User) -> None:
        """Keep verdict, severity, note, assignee and hold as they are now; only while it is open."""
        self._lock_open()
        self.save(update_fields=["verdict", "severity", "note", "assignee", "holds"])
        self._record(Kind.FINDING_CHANGED, user, self._said())

    @transaction.atomic
    def second(self, user: User, verdict: str, note: str) -> None:
        """By another auditor than who made it. Raises `NotAllowed`."""
        self._lock_open()
        if user.pk == self.author_id:
            raise NotAllowed
        self.second_verdict, self.second_note = verdict, note
        self.second_by, self.second_at = user, timezone.now()
        self.save(update_fields=["second_verdict", "second_note", "second_by", "second_at"])
        self._record(Kind.SECOND_OPINION, user, {"verdict": verdict})

    @transaction.atomic
    def close(self, user: User) -> None:
        self._lock_open()
        self.closed_by, self.closed_at = user, timezone.now()
        self.save(update_fields=["closed_by", "closed_at"])
        self._record(Kind.FINDING_CLOSED, user)

    @transaction.atomic
    def reopen(self, user: User) -> None:
        self.closed_by = self.closed_at = None
        self.save(update_fields=["closed_by", "closed_at"])
        self._record(Kind.FINDING_REOPENED, user)

    def _lock_open(self) -> None:
        open_ = Finding.objects.select_for_update(no_key=True).open().filter(pk=self.pk)
        if not open_.exists():
            raise NotAllowed

    def _said(self) -> dict[str, object]:
        return {"verdict": str(self.verdict), "severity": int(self.severity), "holds": self.holds}

    def _record(self, kind: Kind, actor: User, details: dict[str, object] | None = None) -> None:
        case = self.case
        Event.objects.record(
            kind,
            actor,
            mandate_id=self.mandate_id,
            thread_id=case.thread_id if case else None,
            person_id=case.thread.owner_id if case else None,
            details={"finding": str(self.pk), "conversation": self.case_number} | (details or {}),
        )
