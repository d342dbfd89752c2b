from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class KeyUnreadable(Exception):
    """The stored API key was encrypted with none of the present ENCRYPTION_KEYS."""


class Connection(models.Model):
    """A base URL with an API key and its limits: one budget."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    base_url = models.CharField(
        _("base URL"),
        max_length=500,
        default="https://api.haufe.ai/agents",
        validators=[
            # Elsewhere than on this machine the key would cross the network in clear text.
            RegexValidator(
                r"^(https://[^\s/]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/\S*)?$",
                _("An address that begins with https:// (http:// only on this machine)."),
            )
        ],
    )
    encrypted_api_key = models.TextField(_("API key"), editable=False)
    requests_per_second = models.PositiveIntegerField(
        _("requests per second"), default=15, validators=[MinValueValidator(1)]
    )
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"), default=60, validators=[MinValueValidator(1)]
    )
    is_sandbox = models.BooleanField(
        _("sandbox"),
        default=False,
        editable=False,
        help_text=_("Answers are samples; every page says so."),
    )
    paused_until = models.DateTimeField(_("pauses until"), null=True, editable=False)
    failures = models.PositiveIntegerField(
        _("failures"), default=0, editable=False, help_text=_("Calls that failed in a row.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def api_key(self) -> str:
        """Raises `KeyUnreadable`."""
        try:
            return _fernet().decrypt(self.encrypted_api_key.encode()).decode()
        except InvalidToken:
            raise KeyUnreadable(f"connection {self.pk}") from None

    @api_key.setter
    def api_key(self, key: str) -> None:
        self.encrypted_api_key = _fernet().encrypt(key.encode()).decode()


def _fernet() -> MultiFernet:
    """Encrypts with the first of the keys, decrypts with any: a key is changed by putting a new one first."""
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])
