import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from threads.days import begin_of
from threads.models import scope
from threads.models.assistant import Assistant
from threads.models.event import Event, Happening, Kind
from threads.models.message import MessageQuerySet
from threads.models.scope import Selection
from threads.models.user import BY_NAME, User, who_have

if TYPE_CHECKING:
    from threads.models.case import SampledWeek

COLLECTED_EVERY = timedelta(minutes=10)


class NotAllowed(Exception):
    """The mandate, or the request, is not in a state for that, or it is another's to decide."""


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
        return proposed.exclude(proposed_by=user).exclude(Exists(named(user)))

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


def named(user: User) -> QuerySet[models.Model]:
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
        return users.order_by(*BY_NAME)

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
        found = scope.look(self)
        self._lock()
        if not self.can_be_decided_by(user):
            raise NotAllowed
        self.released_by, self.released_at = user, timezone.now()
        self.save(update_fields=["released_by", "released_at"])
        weeks = scope.keep(self, found)
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

    def in_period(self) -> Q:
        """Of messages: those that this mandate lets auditors read. An answer goes with its question."""
        return scope.asked_between(begin_of(self.since), begin_of(self.until + timedelta(days=1)))

    @cached_property
    def named_auditors(self) -> list[User]:
        return list(self.auditors.order_by(*BY_NAME))

    def answers(self) -> MessageQuerySet:
        """Those that put their conversation under this mandate: ended ones, to questions of the period."""
        return scope.answers_of(self, self.since)

    def estimate(self) -> int:
        """How many conversations a release would put under it now; of more than `MOST_ESTIMATED`, one more."""
        return scope.estimate(self)

    @transaction.atomic
    def collect(self) -> bool:
        """Put under the mandate what has come into its scope since the last time, or a part; is there more?

        A conversation that was put there stays, also when an answer that failed was tried again since. Of several
        workers one does it. Looking takes longest, and comes before the lock: nobody who revokes waits for it.
        """
        if not self._is_collected_by_us():
            return False
        self.refresh_from_db()
        found = scope.look(self)
        self._lock()
        if self.status not in (Status.SCHEDULED, Status.IN_FORCE):
            return False
        self._record_drawn(scope.keep(self, found))
        return not found.is_all

    def _is_collected_by_us(self) -> bool:
        """Till the transaction ends, if nobody else is at it."""
        with connection.cursor() as cursor:
            key = "SELECT pg_try_advisory_xact_lock(hashtext('threads_mandate'), hashtext(%s))"
            cursor.execute(key, [str(self.pk)])
            return bool(cursor.fetchone()[0])

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
