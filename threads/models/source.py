import uuid
from urllib.parse import urlsplit

import uritemplate
from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from threads.models.message import Message


class Source(models.Model):
    """A passage an answer rests on, as it came (completions-api.md, Response).

    `document_title`, `section` and `app_doc_id` are derived from `received`, where they may be missing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(Message, models.CASCADE, related_name="sources")
    position = models.PositiveIntegerField(help_text="From 1, in the order in which they came.")
    content = models.TextField(blank=True)
    received = models.JSONField(default=dict, blank=True, help_text="All that came but for the text.")
    document_title = models.TextField(blank=True)
    section = models.TextField(blank=True)
    app_doc_id = models.TextField(blank=True)

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ("position",)
        constraints = (
            # also serves: the sources of a page of messages, in order
            models.UniqueConstraint(fields=("message", "position"), name="source_once_per_position"),
        )

    def __str__(self) -> str:
        return str(self.id)

    @property
    def name(self) -> str:
        """Where it says what it is from; else its number."""
        parts = [part for part in (self.document_title, self.section) if part]
        return ", ".join(parts) or gettext("Source %(number)s") % {"number": self.position}

    @property
    def url(self) -> str:
        """Where the document can be opened; empty where its data or the assistant's do not allow a link."""
        assistant = self.message.thread.assistant
        if not (self.app_doc_id and assistant.license_id):
            return ""
        url = uritemplate.expand(
            settings.DOCUMENT_URL_TEMPLATE,
            license_id=assistant.license_id,
            app_doc_id=self.app_doc_id,
            auth_realm=assistant.auth_realm or None,
        )
        return url if urlsplit(url).scheme == "https" else ""
