import uuid
from typing import Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from threads.models.case import Case
from threads.models.event import Event, Happening, Kind
from threads.models.mandate import Mandate, NotAllowed, named
from threads.models.user import User


class RevealQuerySet(models.QuerySet["Reveal"]):
    def to_be_decided_by(self, user: User) -> Self:
        """By four eyes neither by who asks nor by another auditor of the mandate; while that is in force."""
        if not user.has_perm("threads.release_mandate"):
            return self.none()
        in_force = Mandate.objects.in_force()
        if settings.ENVIRONMENT.four_eyes:
            in_force = in_force.exclude(Exists(named(user)))
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
    def request(self) -> bool:
        """False: the name was asked for before, or is revealed.

        Raises `NotAllowed` where the conversation is gone, or the mandate does not grant reading any more.
        """
        if not Case.objects.select_for_update(no_key=True).filter(pk=self.case.pk).exists():
            raise NotAllowed
        if self.case.reveals.filter(refused_at=None).exists():
            return False
        self.save(force_insert=True)
        asked = self._happening(Kind.REVEAL_REQUESTED, self.requested_by)
        self.case.mandate.trace(self.requested_by, [asked])
        return True

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
        kind = Kind.REVEAL_RELEASED if is_released else Kind.REVEAL_REFUSED
        Event.objects.record_all([self._happening(kind, user)])

    def _happening(self, kind: Kind, actor: User) -> Happening:
        return self.case.happening(kind, actor, reveal=str(self.pk))
