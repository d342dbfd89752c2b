import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, BaseUserManager, Permission
from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class Theme(models.TextChoices):
    SYSTEM = "system", _("as on the device")
    LIGHT = "light", _("light")
    DARK = "dark", _("dark")


class ReadingWidth(models.TextChoices):
    NARROW = "narrow", _("narrow")
    NORMAL = "normal", _("normal")
    WIDE = "wide", _("wide")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """With a usable password only where one is given."""
        user = self.model(email=email.lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email__iexact=email)


class User(AbstractUser):
    """Someone who signs in with an e-mail address."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail address"), unique=True)
    pseudonym = models.UUIDField(
        _("pseudonym"),
        default=uuid.uuid4,
        unique=True,
        editable=False,
        help_text=_("What the API gets as the user's id; made at random."),
    )

    # preferences
    language = models.CharField(
        _("language"),
        max_length=8,
        choices=settings.LANGUAGES,
        blank=True,
        db_default="",
        help_text=_("Empty: as in the browser."),
    )
    theme = models.CharField(
        _("theme"), max_length=6, choices=Theme, default=Theme.SYSTEM, db_default=Theme.SYSTEM
    )
    reading_width = models.CharField(
        _("reading width"),
        max_length=6,
        choices=ReadingWidth,
        default=ReadingWidth.NORMAL,
        db_default=ReadingWidth.NORMAL,
    )
    has_shortcuts = models.BooleanField(_("keyboard shortcuts"), default=True, db_default=True)
    has_notifications = models.BooleanField(
        _("notifications of the browser"), default=False, db_default=False
    )

    owes_notice: bool = False
    """Has the version of the notice that is in force still to be acknowledged? Known of who is signed in."""

    sees_review: bool = False
    """Has she any right in reviewing? Known of who is signed in; see `with_rights`."""
    sees_insights: bool = False

    erasing_since = models.DateTimeField(
        null=True, editable=False, help_text="Since when the account is to be erased, once nothing is held."
    )

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = (
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_any_case",
                violation_error_message=_("There is a user with this e-mail address already."),
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.email

    @property
    def name_and_address(self) -> str:
        """For where it has to be clear who it was, also later."""
        full = self.get_full_name()
        return f"{full} <{self.email}>"[:254] if full else self.email

    def lock(self) -> None:
        """Till the transaction ends, nobody else asks for this user, or moves her conversations."""
        User.objects.select_for_update(no_key=True).get(pk=self.pk)

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()  # before it is compared with the others'

    def prefer(self, **preferences: Any) -> None:
        """Keep these fields, and leave the rest as others may have changed it."""
        for name, value in preferences.items():
            setattr(self, name, value)
        self.save(update_fields=list(preferences))


BY_NAME = ("last_name", "first_name", "email")

REVIEW_RIGHTS = ("review_threads", "propose_mandate", "release_mandate", "view_event")


def with_rights(users: models.QuerySet[User]) -> models.QuerySet[User]:
    """What each page has to know to show the way to it: `sees_review`, `sees_insights`. In the same query.

    What is behind the way asks `has_perm`.
    """
    return users.annotate(  # type: ignore[no-redef]  # what others have by default
        sees_review=has_one_of(*REVIEW_RIGHTS), sees_insights=has_one_of("view_insights")
    )


def who_have(right: str, *, by_name: bool = False) -> models.QuerySet[User]:
    """Active users with this right of `threads`. `by_name`: superusers only where it was given to them, too."""
    has_it = _was_given(right) if by_name else has_one_of(right)
    return User.objects.filter(has_it, is_active=True)


def has_one_of(*codenames: str) -> Any:
    """Of users: has each of them one of these rights of `threads`?"""
    is_superuser = Q(is_superuser=Value(value=True))
    return Q(is_superuser) | Q(_was_given(*codenames))


def _was_given(*codenames: str) -> Exists:
    rights = Permission.objects.filter(content_type__app_label="threads", codename__in=codenames)
    return Exists(rights.filter(Q(group__user=OuterRef("pk")) | Q(user=OuterRef("pk"))))
