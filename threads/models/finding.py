import uuid
from typing import TYPE_CHECKING, Self

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from threads.models.case import Case
from threads.models.event import Event, Happening, Kind
from threads.models.mandate import Mandate, NotAllowed
from threads.models.message import Message
from threads.models.thread import Thread
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
    def visible_to(self, user: User) -> Self:
        return self.filter(mandate__in=Mandate.objects.reporting_to(user))

    def open(self) -> Self:
        return self.filter(closed_at=None)

    def holding(self) -> Self:
        """What their conversations are not erased before."""
        return self.open().filter(holds=True)

    def in_order(self) -> Self:
        return self.order_by(*_ORDER)

    def after(self, finding: "Finding") -> Self:
        """What follows `finding` in a list that is in order."""
        following, same = Q(), Q()
        for name in _ORDER:
            value = getattr(finding, name)
            following |= same & Q(**{f"{name}__gt": value})
            same &= Q(**{name: value})
        return self.filter(following)

    def with_people(self) -> Self:
        return self.select_related("author", "assignee", "second_by", "closed_by")


_ORDER = ("case_number", "position", "created_at", "pk")


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

    if TYPE_CHECKING:
        mandate_id: uuid.UUID
        author_id: int
        second_by_id: int | None

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

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def is_agreed(self) -> bool:
        """Does the second opinion say the same?"""
        return self.second_verdict == self.verdict

    @property
    def is_erased(self) -> bool:
        """The conversation is gone, and with it what was said of it."""
        return self.case is None

    def can_be_changed_by(self, user: User) -> bool:
        return self.is_open and not self.is_erased and self._is_granted_to(user)

    def can_be_seconded_by(self, user: User) -> bool:
        """Once, by another auditor than who made it; who has given the second opinion can change it."""
        is_theirs = user.pk != self.author_id and self.second_by_id in (None, user.pk)
        return is_theirs and self.can_be_changed_by(user)

    def can_be_closed_by(self, user: User) -> bool:
        """While the mandate grants it; one that holds also after the end, by all who see it: else it held for ever."""
        return self._is_granted_to(user) or (self.holds and self._is_reported_to(user))

    def can_be_reopened_by(self, user: User) -> bool:
        return self._is_granted_to(user)

    def _is_granted_to(self, user: User) -> bool:
        return Mandate.objects.granting(user).filter(pk=self.mandate_id).exists()

    def _is_reported_to(self, user: User) -> bool:
        return Mandate.objects.reporting_to(user).filter(pk=self.mandate_id).exists()

    # Each raises `NotAllowed` where the mandate does not grant it to who does it, or where another was quicker.

    @transaction.atomic
    def make(self) -> None:
        if self.case:
            try:
                self.case.thread.lock()  # else it could be erased before this is stored
            except (Thread.DoesNotExist, User.DoesNotExist):
                raise NotAllowed from None
        self.save(force_insert=True)
        self._record(Kind.FINDING_MADE, self.author, **self._said())

    @transaction.atomic
    def change(self, user: User) -> None:
        """Keep verdict, severity, note, assignee and hold as they are now; only while it is open."""
        self._lock(Q(closed_at=None, case__isnull=False))
        self.save(update_fields=["verdict", "severity", "note", "assignee", "holds"])
        self._record(Kind.FINDING_CHANGED, user, **self._said())

    @transaction.atomic
    def second(self, user: User, verdict: str, note: str) -> None:
        """By another auditor than who made it, while it is open."""
        is_theirs = Q(second_by=None) | Q(second_by=user)
        self._lock(is_theirs & ~Q(author=user) & Q(closed_at=None, case__isnull=False))
        self.second_verdict, self.second_note = verdict, note
        self.second_by, self.second_at = user, timezone.now()
        self.save(update_fields=["second_verdict", "second_note", "second_by", "second_at"])
        self._record(Kind.SECOND_OPINION, user, verdict=verdict)

    @transaction.atomic
    def close(self, user: User) -> None:
        self._lock(Q(closed_at=None))
        self.closed_by, self.closed_at = user, timezone.now()
        self.save(update_fields=["closed_by", "closed_at"])
        Event.objects.hold()  # as `Mandate.trace` does
        if not self.can_be_closed_by(user):
            raise NotAllowed
        Event.objects.record_all([self._happening(Kind.FINDING_CLOSED, user)])

    @transaction.atomic
    def reopen(self, user: User) -> None:
        self._lock(Q(closed_at__isnull=False))
        self.closed_by = self.closed_at = None
        self.save(update_fields=["closed_by", "closed_at"])
        self._record(Kind.FINDING_REOPENED, user)

    def _lock(self, allowed: Q) -> None:
        """Till the transaction ends; an erasure empties its texts before or after, and not in between."""
        if not Finding.objects.select_for_update(no_key=True).filter(allowed, pk=self.pk).exists():
            raise NotAllowed

    def _said(self) -> dict[str, object]:
        return {"verdict": str(self.verdict), "severity": int(self.severity), "holds": self.holds}

    def _record(self, kind: Kind, actor: User, **said: object) -> None:
        self.mandate.trace(actor, [self._happening(kind, actor, **said)])

    def _happening(self, kind: Kind, actor: User, **said: object) -> Happening:
        said["finding"] = str(self.pk)
        if self.case:
            return self.case.happening(kind, actor, **said)
        said["conversation"] = self.case_number
        return Happening(kind, actor, mandate_id=self.mandate_id, details=said)
