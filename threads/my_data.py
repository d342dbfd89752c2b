"""All that is stored of a user, as one file (ZIP) for her: made conversation by conversation, never whole in memory."""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from threads import exports
from threads.disclosing import all_readings_of
from threads.exports import Document
from threads.models import Export, Feedback, Step, Thread, User
from threads.models.message import MessageQuerySet

_FORMER = gettext_lazy("former versions")


class _Outbox(io.RawIOBase):
    """What was written since it was last emptied. There is no way back in it, so that nothing has to be kept."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def emptied(self) -> bytes:
        data = bytes(self._written)
        self._written.clear()
        return data


def build(export: Export) -> Iterator[Step]:
    """Conversation by conversation; what is asked or erased meanwhile may be in it or not."""
    owner = export.owner
    ids = list(Thread.objects.filter(owner=owner).order_by("created_at", "pk").values_list("pk", flat=True))
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _readme(owner))
        _write_json(archive, "account.json", _account(owner))
        _write_array(archive, "feedback.json", _feedback(owner))
        yield Step(outbox.emptied(), 0, len(ids))
        _write_array(archive, "access.json", _access(owner))
        for number, thread_id in enumerate(ids, start=1):
            _write_thread(archive, number, thread_id, owner)
            yield Step(outbox.emptied(), number, len(ids))
    yield Step(outbox.emptied(), len(ids), len(ids))


def _write_thread(archive: zipfile.ZipFile, number: int, thread_id: UUID, owner: User) -> None:
    threads = Thread.objects.filter(owner=owner, pk=thread_id).select_related("assistant")
    if thread := threads.first():
        messages = (
            thread.messages.oldest_first().select_related("thread__assistant").prefetch_related("sources")
        )
        _write_document(archive, f"{number:05}", thread, messages.current())
        former = messages.filter(superseded_at__isnull=False)
        if former.exists():
            _write_document(archive, f"{number:05} ({_FORMER})", thread, former)


def _write_document(archive: zipfile.ZipFile, number: str, thread: Thread, messages: MessageQuerySet) -> None:
    document = Document(thread, exports.exchanges_of(messages))
    name = f"conversations/{number} {document.file_name}"
    archive.writestr(f"{name}.json", exports.as_json(document))
    archive.writestr(f"{name}.md", exports.as_markdown(document))


def _account(user: User) -> dict[str, Any]:
    acknowledged = user.acknowledgements.order_by("pk").values_list("notice__version", "created_at")
    return {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "pseudonym_at_the_api": str(user.pseudonym),
        "account_since": user.date_joined,
        "last_sign_in": user.last_login,
        "groups": sorted(user.groups.values_list("name", flat=True)),
        "preferences": {
            "language": user.language,
            "theme": user.theme,
            "reading_width": user.reading_width,
            "has_shortcuts": user.has_shortcuts,
            "has_notifications": user.has_notifications,
        },
        "notices_acknowledged": [{"version": version, "at": at} for version, at in acknowledged],
        "exported_at": timezone.now(),
    }


def _feedback(user: User) -> Iterator[dict[str, Any]]:
    given = Feedback.objects.filter(message__thread__owner=user).order_by("created_at", "pk")
    for feedback in given.select_related("message").iterator(chunk_size=200):
        yield {
            "thread": feedback.message.thread_id,
            "answer": feedback.message_id,
            "rating": feedback.rating,
            "reason": feedback.reason,
            "comment": feedback.comment,
            "created_at": feedback.created_at,
            "updated_at": feedback.updated_at,
        }


def _access(user: User) -> Iterator[dict[str, Any]]:
    """As on the page: without mandates that she is told of only when they have ended."""
    for mandate, reading in all_readings_of(user):
        event = reading.event
        yield {
            "at": event.at,
            "what": event.kind,
            "who": event.actor_name,
            "thread": event.thread_id,
            "is_erased": reading.thread is None,
            "mandate": {
                "title": mandate.title,
                "purpose": mandate.purpose,
                "legal_basis": mandate.legal_basis,
            },
        }


def _write_json(archive: zipfile.ZipFile, name: str, data: Any) -> None:
    archive.writestr(name, _json(data) + "\n")


def _write_array(archive: zipfile.ZipFile, name: str, items: Iterable[Any]) -> None:
    """Item by item."""
    with archive.open(name, "w") as file:
        before = "[\n"
        for item in items:
            file.write((before + _json(item)).encode())
            before = ",\n"
        file.write(b"[]\n" if before == "[\n" else b"\n]\n")


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2, default=_value)


def _value(value: Any) -> str:
    return timezone.localtime(value).isoformat() if hasattr(value, "isoformat") else str(value)


def _readme(user: User) -> str:
    lines = [
        _("What %(site)s stores of %(person)s") % {"site": settings.ENVIRONMENT.site_name, "person": user.email},
        "",
        _("conversations/: each conversation twice, as .md for reading and as .json for other programs, with all "
          "sources. Former versions of questions that you put anew have files of their own."),
        _("account.json: your account, your preferences, and the notices that you have acknowledged."),
        _("feedback.json: your feedback on answers."),
        _("access.json: who has read your conversations, when, and under which mandate. Mandates may be disclosed "
          "only when they have ended; until then what was read under them is not in here."),
        "",
        _("Not in here: your password, which is stored only in a form that can't be read, and what is needed only to "
          "find your texts again."),
        exports.terms_of_use(),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
