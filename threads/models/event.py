"""The log: events in a chain. Each carries the hash of the one before it, so that none can be changed unnoticed.

The database refuses to change or remove events (see the migration `0010_append_only_log`). Who can switch that off
still breaks the chain, which `manage.py verify_log` finds; and who writes the whole chain anew is found by a head
that was kept elsewhere: each is logged, printed and exported.
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self
from uuid import UUID

from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _

from threads.models.user import User

log = logging.getLogger(__name__)

BEFORE_THE_FIRST = "0" * 64


class Kind(models.TextChoices):
    """What happened. Texts are never part of an event: it can't be erased."""

    THREAD_READ = "thread_read", _("Conversation read")
    SEARCHED = "searched", _("Searched under a mandate")
    PASSAGE_SHOWN = "passage_shown", _("Passage of a conversation shown in a search")
    EXPORTED = "exported", _("Exported")

    REVEAL_REQUESTED = "reveal_requested", _("Name asked for")
    REVEAL_RELEASED = "reveal_released", _("Name revealed")
    REVEAL_REFUSED = "reveal_refused", _("Name not revealed")

    MANDATE_PROPOSED = "mandate_proposed", _("Mandate proposed")
    MANDATE_RELEASED = "mandate_released", _("Mandate released")
    MANDATE_REFUSED = "mandate_refused", _("Mandate refused")
    MANDATE_REVOKED = "mandate_revoked", _("Mandate revoked")
    SAMPLE_DRAWN = "sample_drawn", _("Sample drawn")

    FINDING_MADE = "finding_made", _("Finding made")
    FINDING_CHANGED = "finding_changed", _("Finding changed")
    SECOND_OPINION = "second_opinion", _("Second opinion given")
    FINDING_CLOSED = "finding_closed", _("Finding closed")
    FINDING_REOPENED = "finding_reopened", _("Finding reopened")

    CONNECTION_CHANGED = "connection_changed", _("Connection changed")
    ASSISTANT_CHANGED = "assistant_changed", _("Assistant changed")
    NOTICE_PUBLISHED = "notice_published", _("Notice for users published")
    USER_CHANGED = "user_changed", _("User or right changed")
    GROUP_CHANGED = "group_changed", _("Group changed")

    SIGNED_IN = "signed_in", _("Signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("Sign-in failed")

    DATA_EXPORTED = "data_exported", _("Own data exported")
    THREAD_ERASED = "thread_erased", _("Conversation erased")
    ACCOUNT_ERASED = "account_erased", _("Account erased")
    RETENTION_RUN = "retention_run", _("Retention run")
    LOG_READ = "log_read", _("Log read or exported")


@dataclass(frozen=True)
class Happening:
    """What is to become an event. `person_id`: whose conversation or data it is about."""

    kind: Kind
    actor: User | None = None
    person_id: int | None = None
    mandate_id: UUID | None = None
    thread_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)


# Done to oneself: the name of who did it goes with her account. Of all else it stays, as others rely on it.
ABOUT_ONESELF = {
    Kind.SIGNED_IN,
    Kind.SIGN_IN_FAILED,
    Kind.DATA_EXPORTED,
    Kind.THREAD_ERASED,
    Kind.ACCOUNT_ERASED,
}


class EventQuerySet(models.QuerySet["Event"]):
    def record(self, kind: Kind, actor: User | None = None, **about: Any) -> "Event":
        """The last step of the transaction that does what is recorded: all other writers wait for its end.

        `about` are fields of `Happening`; `details` hold ids, numbers and names of things, never texts.
        """
        return self.record_all([Happening(kind, actor, **about)])[0]

    def record_all(self, happenings: Iterable[Happening]) -> "list[Event]":
        """Several, in this order; see `record`."""
        number, hash_, now = self.hold()
        events = []
        for happening in happenings:
            event = Event(
                number=(number := number + 1),
                at=now,
                kind=happening.kind,
                actor_id=happening.actor.pk if happening.actor else None,
                actor_name=_name_to_keep(happening),
                person_id=happening.person_id,
                mandate_id=happening.mandate_id,
                thread_id=happening.thread_id,
                details=happening.details,
                previous_hash=hash_,
            )
            event.hash = hash_ = event.fingerprint()
            events.append(event)
        self.bulk_create(events)
        if events:
            transaction.on_commit(partial(_log_head, number, hash_))
        return events

    def hold(self) -> tuple[int, str, datetime]:
        """Till the transaction ends nobody else records. Number and hash of the last event, and the time.

        What is looked up after this is what is so when the event is recorded.
        """
        if not connection.in_atomic_block:
            raise transaction.TransactionManagementError("an event is recorded with what it records")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('threads_event'))")
            # A statement of its own: it has to see what was committed while the first one waited.
            cursor.execute(
                "SELECT coalesce(max(number), 0), "
                "coalesce((SELECT hash FROM threads_event ORDER BY number DESC LIMIT 1), %s), clock_timestamp() "
                "FROM threads_event",
                [BEFORE_THE_FIRST],
            )
            number, hash_, now = cursor.fetchone()
        return number, hash_, now

    def newest_first(self) -> Self:
        return self.order_by("-number")

    def head(self) -> str:
        """Number and hash of the last event, as `verify_log --head` takes it; kept elsewhere, it proves the log."""
        last = self.order_by("-number").first()
        return last.head if last else f"0:{BEFORE_THE_FIRST}"


def new_salt() -> str:
    return secrets.token_hex(16)


class Event(models.Model):
    """A row of the append-only log. It refers by bare ids: what they name may be erased, and the event stays."""

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=20, choices=Kind)
    actor_id = models.BigIntegerField(null=True, help_text="Who did it; empty: nobody, or the site itself.")
    actor_name = models.CharField(max_length=254, blank=True)
    person_id = models.BigIntegerField(null=True, help_text="Whose conversation or data it is about.")
    mandate_id = models.UUIDField(null=True)
    thread_id = models.UUIDField(null=True)
    details = models.JSONField(default=dict, blank=True)
    # At random, and withheld where it is withheld whom an event is about: the hash, which everybody sees, would
    # else tell who tries out all persons.
    salt = models.CharField(max_length=32, default=new_salt)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        default_permissions = ("view",)
        indexes = (
            # the log by kind, by actor, and under a mandate
            models.Index("kind", models.F("number").desc(), name="event_kind"),
            models.Index("actor_id", models.F("number").desc(), name="event_actor"),
            models.Index("mandate_id", models.F("number").desc(), name="event_mandate"),
            # the log of some days
            models.Index("at", name="event_at"),
            # who read one's conversations
            models.Index("person_id", models.F("number").desc(), name="event_person"),
        )

    def __str__(self) -> str:
        return str(self.number)

    @property
    def head(self) -> str:
        return f"{self.number}:{self.hash}"

    def content(self) -> dict[str, Any]:
        """All that the event says, as JSON knows it, with its predecessor's hash; the order is that of the hash."""
        return {
            "number": self.number,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "kind": str(self.kind),
            "actor_id": self.actor_id,
            "actor_name": self.actor_name,
            "person_id": self.person_id,
            "mandate_id": str(self.mandate_id) if self.mandate_id else None,
            "thread_id": str(self.thread_id) if self.thread_id else None,
            "details": self.details,
            "salt": self.salt,
            "previous_hash": self.previous_hash,
        }

    def fingerprint(self) -> str:
        """SHA-256 over the values of its content, as a JSON array: what `hash` has to be."""
        values = list(self.content().values())
        canonical = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def _name_to_keep(happening: Happening) -> str:
    actor = happening.actor
    if actor is None or (happening.kind in ABOUT_ONESELF and happening.person_id == actor.pk):
        return ""
    return actor.name_and_address


def _log_head(number: int, hash_: str) -> None:
    """Outside of the database, where who changes it there can't reach."""
    log.info("event recorded", extra={"action": "event_recorded", "event": number, "hash": hash_})
