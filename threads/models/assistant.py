from typing import Self

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from threads.models.connection import Connection
from threads.models.user import User


class AssistantQuerySet(models.QuerySet["Assistant"]):
    def usable_by(self, user: User) -> Self:
        """Active, and open to everyone or to one of the user's groups."""
        mine = Q(groups__isnull=True) | Q(groups__in=user.groups.all())
        return self.filter(mine, is_active=True).distinct()


class Assistant(models.Model):
    """An assistant of a connection, as offered to users."""

    connection = models.ForeignKey(
        Connection, models.PROTECT, related_name="assistants", verbose_name=_("connection")
    )
    remote_id = models.UUIDField(_("id at the API"))
    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(
        _("address"), max_length=100, unique=True, help_text=_("Last part of its page's address.")
    )
    description = models.CharField(
        _("description"),
        max_length=300,
        blank=True,
        help_text=_("One or two sentences, shown where users choose an assistant."),
    )
    language = models.CharField(
        _("language"),
        max_length=8,
        choices=settings.LANGUAGES,
        default="de",
        db_default="de",
        help_text=_("In which it answers: screen readers then read the answers aloud in it."),
    )
    welcome = models.TextField(
        _("welcome"), blank=True, help_text=_("Shown above a new conversation, before the first question.")
    )
    example_questions = ArrayField(
        models.CharField(max_length=300),
        verbose_name=_("example questions"),
        default=list,
        blank=True,
        help_text=_("One per line; a click asks it."),
    )
    licence = models.CharField(
        _("licence"),
        max_length=200,
        blank=True,
        help_text=_("Sent with each question, where the assistant requires it."),
    )
    required_fields = ArrayField(
        models.CharField(max_length=200),
        verbose_name=_("required fields"),
        default=list,
        blank=True,
        editable=False,
        help_text=_("What the API says that each question must bring along."),
    )
    license_id = models.CharField(
        _("product id (PI)"),
        max_length=100,
        blank=True,
        help_text=_("Of your Haufe product; sources link to its documents. Empty: no links."),
    )
    auth_realm = models.CharField(
        _("sign-in realm"),
        max_length=100,
        blank=True,
        help_text=_("Of the links to documents, for instance “haufepublic”."),
    )
    notice_text = models.TextField(
        _("legal notice"),
        blank=True,
        help_text=_("Shown with answers that touch on legal advice. Empty: the standard wording."),
    )
    groups = models.ManyToManyField(
        Group, verbose_name=_("groups"), blank=True, help_text=_("Who may use it. None: all users.")
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Inactive: no new questions; conversations stay readable."),
    )
    position = models.PositiveIntegerField(_("order"), default=0, help_text=_("Smaller numbers come first."))

    retention_days = models.PositiveIntegerField(
        _("retention"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Days after the last question when a conversation is erased. Empty: it is kept until its owner deletes it."
        ),
    )

    fault = models.CharField(
        _("fault"), max_length=100, blank=True, editable=False, help_text=_("What an admin has to mend.")
    )

    objects = AssistantQuerySet.as_manager()

    class Meta:
        verbose_name = _("assistant")
        verbose_name_plural = _("assistants")
        ordering = ("position", "name")
        constraints = (
            models.UniqueConstraint(fields=("connection", "remote_id"), name="assistant_once_per_connection"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def missing_fields(self) -> list[str]:
        """Of what the API requires, what is not filled in here (completions-api.md, Assistants)."""
        known = {"user_data.licence": self.licence}
        return [field for field in self.required_fields if not known.get(field)]

    def is_usable_by(self, user: User) -> bool:
        return Assistant.objects.usable_by(user).filter(pk=self.pk).exists()

    def legal_notice(self) -> str:
        """The wording in the language that is active now."""
        return self.notice_text or gettext(
            "This answer is general information and no legal advice. It does not replace an examination "
            "of your individual case by a lawyer or another competent body."
        )
