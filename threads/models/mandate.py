import secrets
import string
import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import TruncWeek
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from threads.models.assistant import Assistant
from threads.models.event import Event, Happening, Kind
from threads.models.feedback import Rating
from threads.models.message import Message, MessageQuerySet, State
from threads.models.thread import Thread
from threads.models.user import User

# Letters and digits that are not taken for each other.
_ALIAS_CHARACTERS = "".join(set(string.ascii_uppercase + string.digits) - set("0O1IL5S8B"))
_ALIAS_LENGTH = 4
# What ended while the last collecting was under way is looked at again.
_COLLECTED_AGAIN = timedelta(hours=1)


class NotAllowed(Exception):
    """The mandate, or the request, is not in a state for that, or it is another's to decide."""


class Selection(models.TextChoices):
    """Which answers put their conversation under a mandate."""

    ALL = "all", _("all answers")
    NOTICE = "notice", _("answers with a legal notice")
    NEGATIVE = "negative", _("answers with negative feedback")
    FAILED = "failed", _("failed answers")


class Status(models.TextChoices):
    """Of a mandate, at present."""

    PROPOSED = "proposed", _("proposed")
    REFUSED = "refused", _("refused")
    SCHEDULED = "scheduled", _("released, not valid yet")
    IN_FORCE = "in_force", _("in force")
    ENDED = "ended", _("ended")
    REVOKED = "revoked", _("revoked")


class MandateQuerySet(models.QuerySet["Mandate"]):
    def visible_to(self, user: User) -> Self:
        """The mandate itself, not what is read under it: all to those who release or read the log."""
        if user.has_perm("threads.release_mandate") or user.has_perm("threads.view_event"):
            return self
        return self.filter(Q(auditors=user) | Q(proposed_by=user)).distinct()

    def in_force(self) -> Self:
        today = timezone.localdate()
        return self.filter(
            released_at__isnull=False, revoked_at=None, valid_from__lte=today, valid_until__gte=today
        )

    def granting(self, user: User) -> Self:
        """Those under which the user may read now. This is the one place that decides it."""
        if not (user.is_active and user.has_perm("threads.review_threads")):
            return self.none()
        return self.in_force().filter(auditors=user)

    def reporting_to(self, user: User) -> Self:
        """Those of which the user may see findings and figures, which hold no conversations.

        To whom a mandate is granted, these are shown with it. When it has ended, they stay with its auditors, and
        with those who release mandates: they can tell then what came of it.
        """
        after = self.ended().filter(released_at__isnull=False)
        if not user.has_perm("threads.release_mandate"):
            is_auditor = user.is_active and user.has_perm("threads.review_threads")
            after = after.filter(auditors=user) if is_auditor else after.none()
        return self.filter(Q(pk__in=self.granting(user).values("pk")) | Q(pk__in=after.values("pk")))

    def ended(self) -> Self:
        """Nobody reads under them any more, or ever will."""
        over = Q(valid_until__lt=timezone.localdate(), released_at__isnull=False)
        return self.filter(over | Q(revoked_at__isnull=False) | Q(refused_at__isnull=False))

    def disclosed(self) -> Self:
        """Of which the persons concerned may know now; see `Mandate.is_disclosed`."""
        over = Q(revoked_at__isnull=False) | Q(
            valid_until__lt=timezone.localdate(), released_at__isnull=False
        )
        return self.filter(Q(discloses_late=False) | over)

    def newest_first(self) -> Self:
        return self.order_by("-proposed_at", "-id")


class Mandate(models.Model):
    """What lets auditors read others' conversations. It is never changed: who wants another one proposes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(_("title"), max_length=120)
    purpose = models.TextField(_("purpose"))
    legal_basis = models.TextField(_("legal basis"))

    # scope
    assistants = models.ManyToManyField(
        Assistant, verbose_name=_("assistants"), blank=True, help_text=_("None: all of them.")
    )
    since = models.DateField(_("questions from"))
    until = models.DateField(_("questions until"), help_text=_("This day included."))
    selection = models.CharField(_("selection"), max_length=8, choices=Selection, default=Selection.ALL)
    sample_per_week = models.PositiveSmallIntegerField(
        _("random sample per week"),
        null=True,
        blank=True,
        help_text=_("So many conversations of each week, drawn at random. Empty: all of them."),
    )

    # who, when, how
    auditors = models.ManyToManyField(User, verbose_name=_("auditors"), related_name="mandates")
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), help_text=_("This day included."))
    shows_names = models.BooleanField(
        _("show names"), default=False, help_text=_("Otherwise each person has a pseudonym.")
    )
    holds = models.BooleanField(
        _("legal hold"),
        default=False,
        help_text=_("What is in scope is not erased before the mandate has ended."),
    )
    discloses_late = models.BooleanField(
        _("disclosed when it has ended"),
        default=False,
        help_text=_("The persons concerned see who read what only after the end of the mandate."),
    )

    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(default=timezone.now)
    released_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    released_at = models.DateTimeField(null=True)
    refused_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    refused_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)
    collected_at = models.DateTimeField(null=True, help_text="When what is in scope was last looked up.")

    objects = MandateQuerySet.as_manager()

    class Meta:
        verbose_name = _("mandate")
        verbose_name_plural = _("mandates")
        default_permissions = ()
        permissions = (
            ("propose_mandate", _("Can propose mandates")),
            ("release_mandate", _("Can release mandates and the revealing of names")),
            ("review_threads", _("Can read conversations under a mandate that names them as an auditor")),
            ("view_insights", _("Can see figures on the use of the site")),
        )
        indexes = (models.Index(F("proposed_at").desc(), F("id").desc(), name="mandate_list"),)
        constraints = (
            models.CheckConstraint(condition=Q(until__gte=F("since")), name="mandate_period"),
            models.CheckConstraint(condition=Q(valid_until__gte=F("valid_from")), name="mandate_validity"),
            models.CheckConstraint(
                condition=Q(released_at=None) | Q(refused_at=None), name="mandate_one_decision"
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def status(self) -> Status:
        today = timezone.localdate()
        if self.revoked_at:
            return Status.REVOKED
        if self.refused_at:
            return Status.REFUSED
        if not self.released_at:
            return Status.PROPOSED
        if today < self.valid_from:
            return Status.SCHEDULED
        return Status.IN_FORCE if today <= self.valid_until else Status.ENDED

    @property
    def is_disclosed(self) -> bool:
        """May the persons concerned know of it now?"""
        return not self.discloses_late or self.status in (Status.ENDED, Status.REVOKED)

    def can_be_decided_by(self, user: User) -> bool:
        """To release or refuse it: by four eyes neither who proposed it nor who is to read under it."""
        if self.status != Status.PROPOSED or not user.has_perm("threads.release_mandate"):
            return False
        if not settings.ENVIRONMENT.four_eyes:
            return True
        return user.pk != self.proposed_by_id and not self.auditors.filter(pk=user.pk).exists()

    def can_be_revoked_by(self, user: User) -> bool:
        """By whoever releases, and by who proposed it: stopping is made easy."""
        is_theirs = user.pk == self.proposed_by_id or user.has_perm("threads.release_mandate")
        return is_theirs and self.status in (Status.PROPOSED, Status.SCHEDULED, Status.IN_FORCE)

    @transaction.atomic
    def propose(self, assistants: Sequence[Assistant], auditors: Sequence[User]) -> None:
        """Store it, by `proposed_by`; it grants nothing before it is released."""
        self.save(force_insert=True)
        self.assistants.set(assistants)
        self.auditors.set(auditors)
        self._record(Kind.MANDATE_PROPOSED, self.proposed_by, self._terms())

    @transaction.atomic
    def release(self, user: User) -> None:
        """What is in scope by now is collected. Raises `NotAllowed`."""
        self._lock()
        if not self.can_be_decided_by(user):
            raise NotAllowed
        self.released_by, self.released_at = user, timezone.now()
        self.save(update_fields=["released_by", "released_at"])
        weeks = self._collect()
        self._record(Kind.MANDATE_RELEASED, user, self._terms())
        self._record_drawn(weeks)

    @transaction.atomic
    def refuse(self, user: User) -> None:
        self._lock()
        if not self.can_be_decided_by(user):
            raise NotAllowed
        self.refused_by, self.refused_at = user, timezone.now()
        self.save(update_fields=["refused_by", "refused_at"])
        self._record(Kind.MANDATE_REFUSED, user)

    @transaction.atomic
    def revoke(self, user: User) -> None:
        """At once: whoever reads records it, and whatever is recorded after this is refused."""
        self._lock()
        if not self.can_be_revoked_by(user):
            raise NotAllowed
        self.revoked_by, self.revoked_at = user, timezone.now()
        self.save(update_fields=["revoked_by", "revoked_at"])
        self.exports.all().remove()
        self._record(Kind.MANDATE_REVOKED, user)

    def trace(self, user: User, happenings: Iterable[Happening]) -> None:
        """Record what the user has read under this mandate: the last step of the transaction that shows it.

        Looks once more, while nobody else can record: after a revocation there is no event, and so no view.
        Raises `NotAllowed`.
        """
        Event.objects.hold()
        if not Mandate.objects.granting(user).filter(pk=self.pk).exists():
            raise NotAllowed
        Event.objects.record_all(happenings)

    def _lock(self) -> None:
        Mandate.objects.select_for_update(no_key=True).get(pk=self.pk)
        self.refresh_from_db()

    def _record(self, kind: Kind, actor: User | None, details: dict[str, object] | None = None) -> None:
        Event.objects.record(kind, actor, mandate_id=self.pk, details=details or {})

    def _terms(self) -> dict[str, object]:
        """What was agreed, by ids and numbers: its texts stand with the mandate, which is never changed."""
        return {
            "assistants": sorted(self.assistants.values_list("pk", flat=True)),
            "auditors": sorted(self.auditors.values_list("pk", flat=True)),
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "selection": str(self.selection),
            "sample_per_week": self.sample_per_week,
            "valid_from": self.valid_from.isoformat(),
            "valid_until": self.valid_until.isoformat(),
            "shows_names": self.shows_names,
            "holds": self.holds,
            "discloses_late": self.discloses_late,
        }

    # --- scope ---

    def answers(self) -> MessageQuerySet:
        """Those that put their conversation under this mandate: ended ones, of the period."""
        first, end = begin_of(self.since), begin_of(self.until + timedelta(days=1))
        answers = Message.objects.answers().filter(
            finished_at__isnull=False, created_at__gte=first, created_at__lt=end
        )
        if assistants := list(self.assistants.values_list("pk", flat=True)):
            answers = answers.filter(thread__assistant__in=assistants)
        return answers.filter(_SELECTED[Selection(self.selection)])

    @transaction.atomic
    def collect(self) -> None:
        """Put under the mandate what has come into its scope since the last time.

        A conversation that was put there stays, also when an answer that failed was tried again since.
        """
        self._lock()
        self._record_drawn(self._collect())

    def _collect(self) -> "list[SampledWeek]":
        now = timezone.now()
        weeks: list[SampledWeek] = []
        if self.sample_per_week:
            new, weeks = self._draw(self.sample_per_week, now)
        else:
            new = self._all_new()
        self._add(new)
        self.collected_at = now
        self.save(update_fields=["collected_at"])
        return weeks

    def _record_drawn(self, weeks: "Iterable[SampledWeek]") -> None:
        for week in weeks:
            drawn = {"week": week.monday.isoformat(), "population": week.population, "drawn": week.drawn}
            self._record(Kind.SAMPLE_DRAWN, None, drawn)

    def _candidates(self, answers: MessageQuerySet) -> list[uuid.UUID]:
        """Conversations that are not there yet, oldest first."""
        there = Case.objects.filter(mandate=self, thread=OuterRef("pk"))
        threads = Thread.objects.filter(
            Exists(answers.filter(thread=OuterRef("pk"))), ~Exists(there), deleted_at=None
        )
        return list(threads.order_by("created_at", "pk").values_list("pk", flat=True))

    def _all_new(self) -> list[uuid.UUID]:
        answers = self.answers()
        if self.collected_at:
            lately = self.collected_at - _COLLECTED_AGAIN
            answers = answers.filter(Q(finished_at__gte=lately) | Q(feedback__updated_at__gte=lately))
        return self._candidates(answers)

    def _draw(self, size: int, now: datetime) -> "tuple[list[uuid.UUID], list[SampledWeek]]":
        """Of each week that is over: what there is to draw from is then complete, and is drawn from once."""
        today = timezone.localdate(now)
        over = self.answers().filter(created_at__lt=begin_of(today - timedelta(days=today.weekday())))
        weeks = over.annotate(week=TruncWeek("created_at")).values_list("week", flat=True).distinct()
        chosen: list[uuid.UUID] = []
        sampled = []
        for week in sorted(
            {timezone.localdate(week) for week in weeks} - set(self.weeks.values_list("monday", flat=True))
        ):
            of_week = over.filter(
                created_at__gte=begin_of(week), created_at__lt=begin_of(week + timedelta(days=7))
            )
            candidates = [pk for pk in self._candidates(of_week) if pk not in chosen]
            drawn = secrets.SystemRandom().sample(candidates, min(size, len(candidates)))
            chosen += drawn
            sampled.append(
                SampledWeek(mandate=self, monday=week, population=len(candidates), drawn=len(drawn))
            )
        return chosen, SampledWeek.objects.bulk_create(sampled)

    def _add(self, new: Sequence[uuid.UUID]) -> None:
        owners = dict(Thread.objects.filter(pk__in=new).values_list("pk", "owner_id"))
        aliases = self._aliases_of(set(owners.values()))
        number = self.cases.aggregate(last=models.Max("number"))["last"] or 0
        Case.objects.bulk_create(
            (
                Case(mandate=self, number=number + n, thread_id=pk, alias_id=aliases[owners[pk]])
                for n, pk in enumerate((pk for pk in new if pk in owners), start=1)
            ),
            batch_size=5_000,
        )

    def _aliases_of(self, owners: set[int]) -> dict[int, int]:
        known = dict(self.aliases.filter(owner__in=owners).values_list("owner", "pk"))
        taken = set(self.aliases.values_list("code", flat=True))
        new = []
        for owner in sorted(owners - set(known)):
            while (code := _random_code()) in taken:
                pass
            taken.add(code)
            new.append(Alias(mandate=self, owner_id=owner, code=code))
        return known | {
            alias.owner_id: alias.pk for alias in Alias.objects.bulk_create(new, batch_size=5_000)
        }


_SELECTED = {
    Selection.ALL: Q(),
    Selection.NOTICE: ~Q(legal_notice=""),
    Selection.NEGATIVE: Q(feedback__rating=Rating.DOWN),
    Selection.FAILED: Q(state=State.FAILED),
}


def begin_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _random_code() -> str:
    return "".join(secrets.choice(_ALIAS_CHARACTERS) for _ in range(_ALIAS_LENGTH))


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


class Alias(models.Model):
    """What a person is called under a mandate, drawn at random: it says nothing under another one."""

    mandate = models.ForeignKey(Mandate, models.PROTECT, related_name="aliases")
    owner = models.ForeignKey(User, models.CASCADE, related_name="aliases")
    code = models.CharField(max_length=_ALIAS_LENGTH)

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


class CaseQuerySet(models.QuerySet["Case"]):
    def readable_by(self, user: User) -> Self:
        """Under mandates that grant it now. What its owner deleted is not, but for what is held."""
        findings = apps.get_model("threads", "Finding").objects.holding()  # its module imports this one
        is_held = Q(mandate__holds=True) | Exists(findings.filter(case=OuterRef("pk")))
        return self.filter(Q(thread__deleted_at=None) | is_held, mandate__in=Mandate.objects.granting(user))

    def in_order(self) -> Self:
        return self.order_by("number")


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
        """Those that the mandate lets auditors read: what was asked in its period, with all former versions."""
        first, end = begin_of(self.mandate.since), begin_of(self.mandate.until + timedelta(days=1))
        in_period = Message.objects.filter(thread=self.thread_id, created_at__gte=first, created_at__lt=end)
        return in_period.oldest_first()

    def mark_read(self, user: User) -> None:
        """The first time counts."""
        Case.objects.filter(pk=self.pk, read_at=None).update(read_at=timezone.now(), read_by=user)

    def flag(self, is_flagged: bool) -> None:
        Case.objects.filter(pk=self.pk).update(is_flagged=is_flagged)
        self.is_flagged = is_flagged


class Reveal(models.Model):
    """That the name behind a pseudonym is asked for, for one conversation, and what a second person decided."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, models.CASCADE, related_name="reveals")
    reason = models.TextField(_("reason"))
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    released_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("revealing of a name")
        verbose_name_plural = _("revealings of names")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("case",),
                condition=Q(released_at=None, refused_at=None),
                name="reveal_one_open_per_case",
            ),
        )

    def __str__(self) -> str:
        return str(self.id)

    def can_be_decided_by(self, user: User) -> bool:
        """By a second person: neither who asks nor another auditor of the mandate, while that is in force."""
        mandate = self.case.mandate
        is_open = self.released_at is None and self.refused_at is None and mandate.status == Status.IN_FORCE
        if not is_open or not user.has_perm("threads.release_mandate"):
            return False
        if not settings.ENVIRONMENT.four_eyes:
            return True
        return user.pk != self.requested_by_id and not mandate.auditors.filter(pk=user.pk).exists()

    @transaction.atomic
    def request(self) -> None:
        self.save(force_insert=True)
        self._record(Kind.REVEAL_REQUESTED, self.requested_by)

    @transaction.atomic
    def decide(self, user: User, is_released: bool) -> None:
        """Raises `NotAllowed`."""
        fresh = Reveal.objects.select_for_update(of=("self",), no_key=True).select_related(
            "case__mandate", "case__thread"
        )
        current = fresh.get(pk=self.pk)
        if not current.can_be_decided_by(user):
            raise NotAllowed
        now = timezone.now()
        self.decided_by = user
        self.released_at, self.refused_at = (now, None) if is_released else (None, now)
        self.save(update_fields=["decided_by", "released_at", "refused_at"])
        self._record(Kind.REVEAL_RELEASED if is_released else Kind.REVEAL_REFUSED, user)

    def _record(self, kind: Kind, actor: User) -> None:
        Event.objects.record(
            kind,
            actor,
            mandate_id=self.case.mandate_id,
            thread_id=self.case.thread_id,
            person_id=self.case.thread.owner_id,
            details={"reveal": str(self.pk), "conversation": self.case.number},
        )
