from datetime import datetime

from django.db import models
from django.db.models import Exists, Max, OuterRef, Subquery
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from threads.models.user import User


class NoticeQuerySet(models.QuerySet["Notice"]):
    def publish(self, notice: "Notice") -> None:
        """The next version, which is in force from now on. Of two at one instant the constraint refuses one."""
        newest: int | None = self.aggregate(newest=Max("version"))["newest"]
        notice.version = (newest or 0) + 1
        notice.save(force_insert=True)

    def in_force(self) -> "Notice | None":
        """The newest version; None: the site has no notice."""
        return self.order_by("-version").first()


class Notice(models.Model):
    """What users are told before they ask for the first time: a version is never changed, a new one is added."""

    version = models.PositiveIntegerField(_("version"), unique=True, editable=False)
    german = models.TextField(_("text in German"))
    english = models.TextField(_("text in English"))
    created_at = models.DateTimeField(_("in force since"), auto_now_add=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice for users")
        verbose_name_plural = _("notices for users")
        ordering = ("-version",)

    def __str__(self) -> str:
        return str(self.version)

    @property
    def text(self) -> str:
        """In the language that is active now."""
        return self.english if get_language() == "en" else self.german

    def acknowledge(self, user: User) -> None:
        """Once is enough, and the first time counts."""
        Acknowledgement.objects.get_or_create(user=user, notice=self)

    def acknowledged_at(self, user: User) -> datetime | None:
        return self.acknowledgements.filter(user=user).values_list("created_at", flat=True).first()


class Acknowledgement(models.Model):
    """That a user has read a version of the notice, and when."""

    user = models.ForeignKey(User, models.CASCADE, related_name="acknowledgements")
    notice = models.ForeignKey(Notice, models.PROTECT, related_name="acknowledgements")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("acknowledgement")
        verbose_name_plural = _("acknowledgements")
        constraints = (
            models.UniqueConstraint(fields=("user", "notice"), name="acknowledged_once_per_version"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} {self.notice_id}"


def with_what_is_owed(users: models.QuerySet[User]) -> models.QuerySet[User]:
    """`owes_notice` of each is right: has the version in force still to be acknowledged? In the same query."""
    in_force = Notice.objects.order_by("-version").values("pk")[:1]
    acknowledged = Acknowledgement.objects.filter(user=OuterRef("pk"), notice=Subquery(in_force))
    owes_notice = Exists(Notice.objects.all()) & ~Exists(acknowledged)
    return users.annotate(owes_notice=owes_notice)  # type: ignore[no-redef]  # what others have by default
