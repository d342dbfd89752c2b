import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from threads.models.event import Happening, Kind
from threads.models.mandate import Mandate
from threads.models.message import Message, MessageQuerySet
from threads.models.scope import ALIAS_LENGTH
from threads.models.thread import Thread
from threads.models.user import User


class SampledWeek(models.Model):
    """From how many conversations of a week how many were drawn."""

    mandate = models.ForeignKey(Mandate, models.PROTECT, related_name="weeks")
    monday = models.DateField()
    population = models.PositiveIntegerField()
    drawn = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("sampled week")
        verbose_name_plural = _("sampled weeks")
        default_permissions = ()
        ordering = ("monday",)
        constraints = (models.UniqueConstraint(fields=("mandate", "monday"), name="week_sampled_once"),)

    def __str__(self) -> str:
        return f"{self.mandate_id} {self.monday}"


def person_called(code: str) -> str:
    """As a person is named by a pseudonym, wherever it stands."""
    return gettext("Person %(code)s") % {"code": code}


class Alias(models.Model):
    """What a person is called under a mandate, drawn at random: it says nothing under another one."""

    mandate = models.ForeignKey(Mandate, models.PROTECT, related_name="aliases")
    owner = models.ForeignKey(User, models.CASCADE, related_name="aliases")
    code = models.CharField(max_length=ALIAS_LENGTH)

    class Meta:
        verbose_name = _("pseudonym")
        verbose_name_plural = _("pseudonyms")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("mandate", "owner"), name="alias_once_per_person"),
            models.UniqueConstraint(fields=("mandate", "code"), name="alias_of_one_person"),
        )

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True)
class Progress:
    """How many conversations are under a mandate, and how far its auditors are with them."""

    total: int
    read: int
    flagged: int

    @property
    def open(self) -> int:
        return self.total - self.read


class CaseQuerySet(models.QuerySet["Case"]):
    def readable_by(self, user: User) -> Self:
        """Under mandates that grant it now."""
        return self.kept().filter(mandate__in=Mandate.objects.granting(user))

    def kept(self) -> Self:
        """Without what its owner deleted, but for what is held."""
        return self.filter(Q(thread__deleted_at=None) | _is_held())

    def progress(self, mandates: "Sequence[Mandate]") -> "dict[uuid.UUID, Progress]":
        """By the ids of the mandates, in four queries.

        Counted in the indexes that hold just those; the few that their owners have deleted are then taken off.
        """
        cases = self.filter(mandate__in=[mandate.pk for mandate in mandates]).order_by()
        is_open, is_flagged = Q(read_at=None), Q(is_flagged=True)
        total, open_, flagged = (
            dict(cases.filter(those).values_list("mandate").annotate(all=Count("*")))
            for those in (Q(), is_open, is_flagged)
        )
        hidden = cases.filter(~_is_held(), thread__deleted_at__isnull=False).values_list("mandate")
        counts = hidden.annotate(
            all=Count("*"), open=Count("pk", filter=is_open), flagged=Count("pk", filter=is_flagged)
        )
        taken_off = {mandate_id: of_it for mandate_id, *of_it in counts}
        progress = {}
        for pk in (mandate.pk for mandate in mandates):
            off = taken_off.get(pk, (0, 0, 0))
            all_, unread = total.get(pk, 0) - off[0], open_.get(pk, 0) - off[1]
            progress[pk] = Progress(all_, all_ - unread, flagged.get(pk, 0) - off[2])
        return progress

    def in_order(self) -> Self:
        return self.order_by("number")


def _is_held() -> Q:
    findings = apps.get_model("threads", "Finding").objects.holding()  # its module imports this one
    return Q(mandate__holds=True) | Q(Exists(findings.filter(case=OuterRef("pk"))))


class Case(models.Model):
    """A conversation under a mandate, with its place there, and how far the auditors are with it."""

    mandate = models.ForeignKey(Mandate, models.PROTECT, related_name="cases")
    number = models.PositiveIntegerField(help_text="From 1, in the order in which they are read.")
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="cases")
    alias = models.ForeignKey(Alias, models.CASCADE, related_name="cases")
    read_at = models.DateTimeField(null=True, help_text="When an auditor first read it.")
    read_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    is_flagged = models.BooleanField(default=False, help_text="To be looked at again.")

    objects = CaseQuerySet.as_manager()

    if TYPE_CHECKING:
        mandate_id: uuid.UUID
        thread_id: uuid.UUID

    class Meta:
        verbose_name = _("conversation under a mandate")
        verbose_name_plural = _("conversations under mandates")
        default_permissions = ()
        constraints = (
            # also serves: a mandate's conversations, in order
            models.UniqueConstraint(fields=("mandate", "number"), name="case_once_per_number"),
            models.UniqueConstraint(fields=("mandate", "thread"), name="case_once_per_thread"),
        )
        indexes = (
            # progress: how many were read, are open, are flagged, and the next of them
            models.Index("mandate", "number", condition=Q(read_at=None), name="case_open"),
            models.Index("mandate", "number", condition=Q(is_flagged=True), name="case_flagged"),
        )

    def __str__(self) -> str:
        return f"{self.mandate_id} {self.number}"

    def messages(self) -> MessageQuerySet:
        """Those that the mandate lets auditors read: what was asked in its period, with all former versions.

        An answer goes with its question, also when it was tried again after the period.
        """
        return Message.objects.filter(self.mandate.in_period(), thread=self.thread_id).oldest_first()

    def happening(self, kind: Kind, actor: User, **details: Any) -> Happening:
        """What somebody does with it, to be recorded under its mandate."""
        return Happening(
            kind,
            actor,
            person_id=self.thread.owner_id,
            mandate_id=self.mandate_id,
            thread_id=self.thread_id,
            details={"conversation": self.number, **details},
        )

    def mark_read(self, user: User) -> None:
        """The first time counts."""
        Case.objects.filter(pk=self.pk, read_at=None).update(read_at=timezone.now(), read_by=user)

    def flag(self, is_flagged: bool) -> None:
        Case.objects.filter(pk=self.pk).update(is_flagged=is_flagged)
        self.is_flagged = is_flagged
