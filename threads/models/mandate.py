import secrets
import string
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, TruncWeek
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from threads.models.assistant import Assistant
from threads.models.event import Event, Happening, Kind
from threads.models.feedback import Rating
from threads.models.message import Message, MessageQuerySet, State
from threads.models.thread import Thread
from threads.models.user import User, who_have

# Letters and digits that are not taken for each other, and of which no words come: five of them are nearly
# eight million codes.
_ALIAS_CHARACTERS = "".join(sorted(set(string.ascii_uppercase + string.digits) - set("0O1IL5S8B" + "AEUY")))
_ALIAS_LENGTH = 5

COLLECTED_EVERY = timedelta(minutes=10)
# What ended while the last collecting was under way is looked at again.
_COLLECTED_AGAIN = timedelta(hours=1)
# What is open for longer does not keep a sample from being drawn.
_ANSWERED_WITHIN = timedelta(days=1)
# Conversations that one transaction puts under a mandate: a second's work, of which nobody waits for more.
MOST_AT_ONCE = 5_000
MOST_ESTIMATED = 1_000


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

    def holding(self) -> Self:
        """What is in their scope is not erased now: from their release on, also while they are not valid yet."""
        is_over = Q(valid_until__lt=timezone.localdate())
        return self.filter(~is_over, holds=True, released_at__isnull=False, revoked_at=None)

    def to_be_decided_by(self, user: User) -> Self:
        """To release or refuse: by four eyes neither by who proposed it nor by who is to read under it."""
        if not user.has_perm("threads.release_mandate"):
            return self.none()
        proposed = self.filter(released_at=None, refused_at=None, revoked_at=None)
        if not settings.ENVIRONMENT.four_eyes:
            return proposed
        return proposed.exclude(proposed_by=user).exclude(Exists(_named(user)))

    def to_be_collected(self) -> Self:
        """Those in force, every ten minutes while their period lasts and answers to it may still come.

        All of them once a day: a conversation may come into scope late, as an answer that failed is tried again,
        or as a deleted one is brought back. That day begins with the first of validity, too.
        """
        begins = begin_of(timezone.localdate())
        is_lasting = Q(until__gte=timezone.localdate() - timedelta(days=1)) | Q(selection=Selection.NEGATIVE)
        is_due = is_lasting & Q(collected_at__lte=timezone.now() - COLLECTED_EVERY)
        return self.in_force().filter(is_due | Q(collected_at=None) | Q(collected_at__lt=begins))

    def before(self, mandate: "Mandate") -> Self:
        """What follows `mandate` in a list that is newest first."""
        at = mandate.proposed_at
        return self.filter(Q(proposed_at__lt=at) | Q(proposed_at=at, id__lt=mandate.id))

    def ended(self) -> Self:
        """Nobody reads under them any more, or ever will."""
        over = Q(valid_until__lt=timezone.localdate(), released_at__isnull=False)
        return self.filter(over | Q(revoked_at__isnull=False) | Q(refused_at__isnull=False))

    def newest_first(self) -> Self:
        return self.order_by("-proposed_at", "-id")


def _named(user: User) -> QuerySet[models.Model]:
    """That the mandate, or that of the outer query, names the user as an auditor."""
    return Mandate.auditors.through._default_manager.filter(mandate=OuterRef("pk"), user=user)


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
    last_number = models.PositiveIntegerField(
        default=0, help_text="Of its conversations: none is given twice, also when one was erased."
    )

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
    def is_expired(self) -> bool:
        """It would grant nothing any more, if it were released now."""
        return timezone.localdate() > self.valid_until

    @property
    def is_lasting(self) -> bool:
        """Questions that are still to be asked can come into its scope."""
        return timezone.localdate() <= min(self.until, self.valid_until)

    @property
    def is_disclosed(self) -> bool:
        """May the persons concerned know of it now?"""
        return not self.discloses_late or self.status in (Status.ENDED, Status.REVOKED)

    def can_be_decided_by(self, user: User) -> bool:
        return Mandate.objects.to_be_decided_by(user).filter(pk=self.pk).exists()

    def deciders(self) -> QuerySet[User]:
        """Who can release or refuse it, while it is proposed."""
        users = who_have("release_mandate")
        if settings.ENVIRONMENT.four_eyes:
            users = users.exclude(pk=self.proposed_by_id).exclude(mandates=self)
        return users.order_by("last_name", "first_name", "email")

    def can_be_revoked_by(self, user: User) -> bool:
        """By whoever releases, and by who proposed it: stopping is made easy."""
        is_theirs = user.pk == self.proposed_by_id or user.has_perm("threads.release_mandate")
        return is_theirs and self.status in (Status.PROPOSED, Status.SCHEDULED, Status.IN_FORCE)

    @transaction.atomic
    def propose(self, assistants: Sequence[Assistant], auditors: Sequence[User]) -> None:
        """Store it, by `proposed_by`; it grants nothing before it is released. With the same id twice, once."""
        self.proposed_by.lock()
        if Mandate.objects.filter(pk=self.pk).exists():
            return
        self.save(force_insert=True)
        self.assistants.set(assistants)
        self.auditors.set(auditors)
        self._record(Kind.MANDATE_PROPOSED, self.proposed_by, self._terms())

    @transaction.atomic
    def release(self, user: User) -> None:
        """What is in scope by now is collected; of very much, the first part. Raises `NotAllowed`."""
        if not self.can_be_decided_by(user):
            raise NotAllowed
        found = self._look()
        self._lock()
        if not self.can_be_decided_by(user):
            raise NotAllowed
        self.released_by, self.released_at = user, timezone.now()
        self.save(update_fields=["released_by", "released_at"])
        weeks = self._keep(found)
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
        self.exports.all().delete()
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
        """Those that put their conversation under this mandate: ended ones, to questions of the period."""
        return self._answers_from(self.since)

    def _answers_from(self, first: date) -> MessageQuerySet:
        # By the question: an answer that is tried again begins anew, maybe after the period. It is never older
        # than its question, which lets the index on answers find where to begin.
        begin, end = begin_of(first), begin_of(self.until + timedelta(days=1))
        answers = Message.objects.answers().filter(
            finished_at__isnull=False,
            created_at__gte=begin,
            question__created_at__gte=begin,
            question__created_at__lt=end,
        )
        if assistants := list(self.assistants.values_list("pk", flat=True)):
            answers = answers.filter(thread__assistant__in=assistants)
        return answers.filter(_SELECTED[Selection(self.selection)])

    def estimate(self) -> int:
        """How many conversations a release would put under it now; of more than `MOST_ESTIMATED`, one more."""
        found = self._candidates(self.answers()).order_by()[: MOST_ESTIMATED + 1].count()
        if self.sample_per_week:
            drawn = self.sample_per_week * len(list(self._weeks_over(timezone.now())))
            return min(found, drawn, MOST_ESTIMATED + 1)
        return found

    @transaction.atomic
    def collect(self) -> bool:
        """Put under the mandate what has come into its scope since the last time, or a part; is there more?

        A conversation that was put there stays, also when an answer that failed was tried again since. Of several
        workers one does it. Looking takes longest, and comes before the lock: nobody who revokes waits for it.
        """
        if not self._is_collected_by_us():
            return False
        self.refresh_from_db()
        found = self._look()
        self._lock()
        if self.status not in (Status.SCHEDULED, Status.IN_FORCE):
            return False
        self._record_drawn(self._keep(found))
        return not found.is_all

    def _is_collected_by_us(self) -> bool:
        """Till the transaction ends, if nobody else is at it."""
        with connection.cursor() as cursor:
            key = "SELECT pg_try_advisory_xact_lock(hashtext('threads_mandate'), hashtext(%s))"
            cursor.execute(key, [str(self.pk)])
            return bool(cursor.fetchone()[0])

    def _look(self) -> "_Found":
        """What is in scope and not there yet. Without a lock: `_keep` looks again where it matters."""
        now = timezone.now()
        if self.sample_per_week:
            return self._draw(self.sample_per_week, now)
        answers = self.answers()
        if self.collected_at and self.collected_at >= begin_of(timezone.localdate(now)):
            answers = answers.filter(self._is_new(self.collected_at - _COLLECTED_AGAIN))
        new = list(self._candidates(answers)[: MOST_AT_ONCE + 1])
        return _Found(now, new[:MOST_AT_ONCE], [], is_all=len(new) <= MOST_AT_ONCE)

    def _is_new(self, since: datetime) -> Q:
        """It has come into scope after that, maybe. One condition at a time, each of which has its index."""
        if self.selection == Selection.NEGATIVE:  # which is given when the answer is there
            return Q(feedback__updated_at__gte=since)
        return Q(finished_at__gte=since)

    def _candidates(self, answers: MessageQuerySet) -> "QuerySet[Thread, uuid.UUID]":
        """Conversations that are not there yet, oldest first."""
        threads = Thread.objects.filter(pk__in=answers.values("thread"), deleted_at=None)
        new = threads.exclude(Exists(Case.objects.filter(mandate=self, thread=OuterRef("pk"))))
        return new.order_by("created_at", "pk").values_list("pk", flat=True)

    def _draw(self, size: int, now: datetime) -> "_Found":
        """Of each week that is over: what there is to draw from is then complete, and is drawn from once."""
        sampled = set(self.weeks.values_list("monday", flat=True))
        due = [monday for monday in self._weeks_over(now) if monday not in sampled]
        draws: list[_Draw] = []
        chosen: set[uuid.UUID] = set()
        for monday, candidates in self._candidates_by_week(due):
            if monday not in due:
                continue
            if len(chosen) >= MOST_AT_ONCE:
                return _Found(now, [], _with_empty(draws, due, before=monday), is_all=False)
            fresh = [pk for pk in candidates if pk not in chosen]
            drawn = secrets.SystemRandom().sample(fresh, min(size, len(fresh)))
            chosen.update(drawn)
            draws.append(_Draw(monday, len(fresh), drawn))
        return _Found(now, [], _with_empty(draws, due), is_all=True)

    def _weeks_over(self, now: datetime) -> Iterator[date]:
        """The weeks of the period, by their Mondays, of which all questions have been answered, or have failed."""
        open_ = Message.objects.open().filter(created_at__gte=now - _ANSWERED_WITHIN)
        oldest = open_.aggregate(asked=Min("question__created_at"))["asked"]
        answered_until = min(now, oldest or now)
        monday = _monday_of(self.since)
        while monday <= self.until:
            if begin_of(min(monday + timedelta(days=7), self.until + timedelta(days=1))) > answered_until:
                return
            yield monday
            monday += timedelta(days=7)

    def _candidates_by_week(self, mondays: list[date]) -> "Iterator[tuple[date, Iterator[uuid.UUID]]]":
        """Of all weeks in one query, and in memory one after another."""
        if not mondays:
            return
        there = Case.objects.filter(mandate=self, thread=OuterRef("thread"))
        answers = self._answers_from(max(mondays[0], self.since)).filter(thread__deleted_at=None)
        rows = (
            answers.exclude(Exists(there))
            .annotate(monday=TruncWeek("question__created_at", output_field=models.DateField()))
            .values_list("monday", "thread")
            .distinct()
            .order_by("monday", "thread")
        )
        for monday, of_week in groupby(rows.iterator(), itemgetter(0)):
            yield monday, (pk for _, pk in of_week)

    def _keep(self, found: "_Found") -> "list[SampledWeek]":
        """Under the lock: what was not put there meanwhile."""
        sampled = set(self.weeks.values_list("monday", flat=True))
        draws = [draw for draw in found.draws if draw.monday not in sampled]
        self._add([*found.threads, *(pk for draw in draws for pk in draw.threads)])
        if found.is_all:
            self.collected_at = found.at
        self.save(update_fields=["collected_at", "last_number"])
        return SampledWeek.objects.bulk_create(
            SampledWeek(mandate=self, monday=draw.monday, population=draw.population, drawn=len(draw.threads))
            for draw in draws
        )

    def _record_drawn(self, weeks: "Iterable[SampledWeek]") -> None:
        drawn = [
            Happening(
                Kind.SAMPLE_DRAWN,
                mandate_id=self.pk,
                details={
                    "week": week.monday.isoformat(),
                    "population": week.population,
                    "drawn": week.drawn,
                },
            )
            for week in weeks
        ]
        if drawn:
            Event.objects.record_all(drawn)

    def _add(self, new: Sequence[uuid.UUID]) -> None:
        owners = _kept_from_erasure(new)
        there = set(self.cases.filter(thread__in=new).values_list("thread", flat=True))
        new = [pk for pk in new if pk in owners and pk not in there]
        aliases = self._aliases_of({owners[pk] for pk in new})
        Case.objects.bulk_create(
            (
                Case(mandate=self, number=number, thread_id=pk, alias_id=aliases[owners[pk]])
                for number, pk in enumerate(new, start=self.last_number + 1)
            ),
            batch_size=MOST_AT_ONCE,
        )
        self.last_number += len(new)

    def _aliases_of(self, owners: set[int]) -> dict[int, int]:
        known = dict(self.aliases.filter(owner__in=owners).values_list("owner", "pk"))
        new = list(owners - set(known))
        # Nothing of an alias, not even when it was made, is to tell whose it is.
        secrets.SystemRandom().shuffle(new)
        taken = set(self.aliases.values_list("code", flat=True)) if new else set()
        aliases = []
        for owner in new:
            while (code := _random_code()) in taken:
                pass
            taken.add(code)
            aliases.append(Alias(mandate=self, owner_id=owner, code=code))
        made = Alias.objects.bulk_create(aliases, batch_size=MOST_AT_ONCE)
        return known | {alias.owner_id: alias.pk for alias in made}


@dataclass(frozen=True)
class _Draw:
    monday: date
    population: int
    threads: list[uuid.UUID]


@dataclass(frozen=True)
class _Found:
    """What is to come under a mandate: conversations, or samples of weeks. `is_all`: that was all, at that time."""

    at: datetime
    threads: list[uuid.UUID]
    draws: list[_Draw]
    is_all: bool


def _with_empty(draws: list[_Draw], due: list[date], before: date = date.max) -> list[_Draw]:
    """With the weeks in which there was nothing to draw from: that is a draw, too, and the only one."""
    drawn = {draw.monday: draw for draw in draws}
    return [drawn.get(monday) or _Draw(monday, 0, []) for monday in due if monday < before]


def _kept_from_erasure(threads: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Of those that are there, their owners; nobody erases them till the transaction ends.

    What is being erased at this moment is passed over, not waited for. (Django has no lock as weak as this one,
    which is in nobody else's way.)
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, owner_id FROM threads_thread WHERE id = ANY(%s) AND deleted_at IS NULL "
            "FOR KEY SHARE SKIP LOCKED",
            [list(threads)],
        )
        return dict(cursor.fetchall())


def _monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


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
        findings = apps.get_model("threads", "Finding").objects.holding()  # its module imports this one
        is_held = Q(mandate__holds=True) | Exists(findings.filter(case=OuterRef("pk")))
        return self.filter(Q(thread__deleted_at=None) | is_held)

    def progress(self, mandates: "Sequence[Mandate]") -> "dict[uuid.UUID, Progress]":
        """By the ids of the mandates, in one query: a tenth of a second for 250,000 conversations."""
        figures = (
            self.kept()
            .filter(mandate__in=[mandate.pk for mandate in mandates])
            .order_by()
            .values_list("mandate")
            .annotate(
                total=Count("pk"), read=Count("read_at"), flagged=Count("pk", filter=Q(is_flagged=True))
            )
        )
        known = {mandate_id: Progress(*counts) for mandate_id, *counts in figures}
        return {mandate.pk: known.get(mandate.pk, Progress(0, 0, 0)) for mandate in mandates}

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
        """Those that the mandate lets auditors read: what was asked in its period, with all former versions.

        An answer goes with its question, also when it was tried again after the period.
        """
        first, end = begin_of(self.mandate.since), begin_of(self.mandate.until + timedelta(days=1))
        asked_at = Coalesce("question__created_at", "created_at")
        messages = Message.objects.filter(thread=self.thread_id).alias(asked_at=asked_at)
        return messages.filter(asked_at__gte=first, asked_at__lt=end).oldest_first()

    def mark_read(self, user: User) -> None:
        """The first time counts."""
        Case.objects.filter(pk=self.pk, read_at=None).update(read_at=timezone.now(), read_by=user)

    def flag(self, is_flagged: bool) -> None:
        Case.objects.filter(pk=self.pk).update(is_flagged=is_flagged)
        self.is_flagged = is_flagged


class RevealQuerySet(models.QuerySet["Reveal"]):
    def to_be_decided_by(self, user: User) -> Self:
        """By four eyes neither by who asks nor by another auditor of the mandate; while that is in force."""
        if not user.has_perm("threads.release_mandate"):
            return self.none()
        in_force = Mandate.objects.in_force()
        if settings.ENVIRONMENT.four_eyes:
            in_force = in_force.exclude(Exists(_named(user)))
        open_ = self.filter(released_at=None, refused_at=None, case__mandate__in=in_force)
        return open_.exclude(requested_by=user) if settings.ENVIRONMENT.four_eyes else open_


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

    objects = RevealQuerySet.as_manager()

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
        return Reveal.objects.to_be_decided_by(user).filter(pk=self.pk).exists()

    @transaction.atomic
    def request(self) -> None:
        self.save(force_insert=True)
        self._record(Kind.REVEAL_REQUESTED, self.requested_by)

    @transaction.atomic
    def decide(self, user: User, is_released: bool) -> None:
        """Raises `NotAllowed`."""
        Reveal.objects.select_for_update(no_key=True).get(pk=self.pk)
        Event.objects.hold()  # nothing is revealed after the event of a revocation
        if not self.can_be_decided_by(user):
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
