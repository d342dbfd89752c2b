"""Reading the log: what is looked for, what of it is shown to whom, and the files it is taken along in.

Whom an event is about is withheld where that would say who stands behind a pseudonym:

- of events under a mandate that shows no names, from everybody: their pseudonym stands there instead;
- of what people do about themselves, such as signing in, from who is or was an auditor under such a mandate, or has
  the right to be named in one, as what was taken along before would serve as well: when somebody was there would
  tell whose a conversation of the same minute is.

Whatever else would tell it is withheld with it: the conversation's id, and the salt, without which persons could be
tried out on the hash. Nor is it looked for by the person.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import BooleanField, Exists, Q, Value, When
from django.db.models import Case as SqlCase
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from threads.days import begin_of
from threads.models import Event, Kind, Mandate, User
from threads.models.event import ABOUT_ONESELF, EventQuerySet
from threads.models.user import who_have
from threads.spreadsheets import BEGINNING, as_csv
from threads.telling import Names, names_for, told

PER_PAGE = 50
_ROWS_AT_ONCE = 1_000
_ROWS_IN_A_PART = 50  # what a slow reader has not taken yet waits in memory, part by part

_ABOUT_WHOM = ("person_id", "thread_id", "salt")
_BY_WHOM = ("actor_id", "actor_name")


@dataclass(frozen=True)
class Filters:
    """Empty: everything."""

    kinds: tuple[str, ...] = ()
    actor_id: int | None = None
    person_id: int | None = None
    mandate_id: UUID | None = None
    since: date | None = None
    until: date | None = None

    def as_details(self) -> dict[str, Any]:
        """For the event of reading: ids and days, nothing that was typed."""
        said = {
            "kinds": list(self.kinds),
            "actor": self.actor_id,
            "person": self.person_id,
            "mandate": str(self.mandate_id) if self.mandate_id else None,
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
        }
        return {name: value for name, value in said.items() if value}


@dataclass(frozen=True)
class Entry:
    """An event as it is shown: who, concerning whom, under which mandate, and what in particular."""

    event: Event
    who: str
    whom: str
    mandate: Mandate | None
    words: list[str]

    @property
    def kind(self) -> str:
        return str(Kind(self.event.kind).label) if self.event.kind in Kind.values else self.event.kind


@dataclass(frozen=True)
class Page:
    """`before`: the number that the next page comes before; None: there is no more."""

    entries: list[Entry]
    before: int | None


class Reading:
    """Of the log, by `reader`, with `filters`: what is shown, and what is recorded of it."""

    def __init__(self, reader: User, filters: Filters) -> None:
        self.reader = reader
        self.filters = filters
        self._withheld = _withheld_from(reader)
        self._language = (
            translation.get_language()
        )  # a file is made when the request has long been dealt with

    def page(self, before: int | None = None) -> Page:
        """Newest first. The number of queries is fixed."""
        found = self.events().newest_first()
        if before:
            found = found.filter(number__lt=before)
        rows = list(found[: PER_PAGE + 1])
        rows, more = rows[:PER_PAGE], rows[PER_PAGE:]
        return Page(_entries(rows), rows[-1].number if more else None)

    def events(self) -> EventQuerySet:
        """Each with `is_withheld`: see above."""
        filters = self.filters
        found = Event.objects.annotate(
            is_withheld=SqlCase(
                When(self._withheld, then=Value(True)), default=Value(False), output_field=BooleanField()
            )
        )
        if filters.kinds:
            found = found.filter(kind__in=filters.kinds)
        if filters.actor_id:
            found = found.filter(~Q(kind__in=ABOUT_ONESELF) | Q(is_withheld=False), actor_id=filters.actor_id)
        if filters.person_id:
            found = found.filter(person_id=filters.person_id, is_withheld=False)
        if filters.mandate_id:
            found = found.filter(mandate_id=filters.mandate_id)
        if filters.since:
            found = found.filter(at__gte=begin_of(filters.since))
        if filters.until:
            found = found.filter(at__lt=begin_of(filters.until + timedelta(days=1)))
        return found

    def record(self, view: str, **counts: int) -> Event:
        details = {"view": view, **self.filters.as_details(), **counts}
        return Event.objects.record(Kind.LOG_READ, self.reader, details=details)

    # --- files ---

    def json_lines(self, head: Event) -> Iterator[str]:
        """First what this is, then the events up to `head`, oldest first, and last how many they were.

        Where nothing is withheld, everybody can check an event's hash; and each names its predecessor's.
        """
        yield _json(self._preface(head))
        count = withheld = 0
        for rows in self._batches(head):
            count += len(rows)
            withheld += sum(row.is_withheld for row in rows)  # type: ignore[attr-defined]  # annotated
            names = names_for(rows)
            yield from _in_parts(_json(_plain(row, names)) for row in rows)
        yield _json({"end": {"events": count, "withheld": withheld, "head": head.head}})

    def csv(self, head: Event) -> Iterator[str]:
        """For people; the last line is the head."""
        with translation.override(self._language):
            head_row = [
                _("No."),
                _("When"),
                _("What"),
                _("Details"),
                _("Who"),
                _("Concerning"),
                _("Mandate"),
                _("Hash"),
            ]
            last_row = [head.number, _iso(head), _("Head of the log"), "", "", "", "", head.hash]
            first, last = as_csv([head_row]), as_csv([last_row])
        yield BEGINNING + first
        for rows in self._batches(head):
            with translation.override(self._language):
                lines = [as_csv([_cells(entry)]) for entry in _entries(rows)]
            yield from _in_parts(lines)
        yield last

    def _batches(self, head: Event) -> Iterator[list[Event]]:
        """What is recorded is never changed: so this needs no transaction to see one state of the log."""
        found = self.events().filter(number__lte=head.number).order_by("number")
        last = 0
        while rows := list(found.filter(number__gt=last)[:_ROWS_AT_ONCE]):
            yield rows
            last = rows[-1].number

    def _preface(self, head: Event) -> dict[str, Any]:
        return {
            "log": settings.ENVIRONMENT.site_name,
            "made_at": timezone.now().isoformat(timespec="seconds"),
            "head": head.head,
            "filters": self.filters.as_details(),
            "hash": {
                "of": list(head.content()),
                "how": "SHA-256 of the values of these columns, in this order, as a JSON array in UTF-8: no spaces, "
                "keys sorted, nothing but quotes, backslashes and control characters escaped. "
                "`previous_hash` is the `hash` of the event before, of the first one 64 zeros.",
            },
            "withheld": "Of an event that has `withheld`, the columns named there are left out, as they would tell "
            "who stands behind a pseudonym. Its hash can be checked by the operator only (manage.py verify_log), "
            "and that it stands in its place by everybody: the event after it names its hash. A file with "
            "filters has gaps in its chain; one without has none. A file without its line `end` is incomplete.",
        }


def _withheld_from(reader: User) -> Q:
    nameless = Mandate.objects.filter(shows_names=False)
    withheld = Q(mandate_id__in=nameless.values("pk")) & (
        Q(person_id__isnull=False) | Q(thread_id__isnull=False)
    )
    was_named = Exists(nameless.filter(auditors=reader, released_at__isnull=False))
    can_be_named = Exists(who_have("review_threads", by_name=True).filter(pk=reader.pk))
    if User.objects.filter(was_named | can_be_named, pk=reader.pk).exists():
        withheld |= Q(kind__in=ABOUT_ONESELF) & ~Q(person_id=reader.pk)
    return withheld


def _entries(rows: list[Event]) -> list[Entry]:
    names = names_for(rows)
    return [
        Entry(
            row,
            who=_who(row, names),
            whom=_whom(row, names),
            mandate=names.mandates.get(row.mandate_id) if row.mandate_id else None,
            words=told(row, names),
        )
        for row in rows
    ]


def _who(event: Any, names: Names) -> str:
    if event.is_withheld and event.kind in ABOUT_ONESELF:
        return _("withheld")
    if event.actor_name:
        return str(event.actor_name)
    if event.actor_id:
        return names.user(event.actor_id)
    return _("not known") if event.kind == Kind.SIGN_IN_FAILED else _("the site itself")


def _whom(event: Any, names: Names) -> str:
    if event.is_withheld and event.kind in ABOUT_ONESELF:
        return _("withheld")
    if event.is_withheld:
        return names.alias(event)
    return names.user(event.person_id) if event.person_id else ""


def _plain(event: Any, names: Names) -> dict[str, Any]:
    row: dict[str, Any] = event.content() | {"hash": event.hash}
    if not event.is_withheld:
        return row
    is_own = event.kind in ABOUT_ONESELF
    withheld = (*_BY_WHOM, *_ABOUT_WHOM) if is_own else _ABOUT_WHOM
    shown = {name: value for name, value in row.items() if name not in withheld}
    return shown | {"withheld": withheld} | ({} if is_own else {"pseudonym": names.code(event)})


def _cells(entry: Entry) -> list[Any]:
    event = entry.event
    mandate = entry.mandate.title if entry.mandate else ""
    words = "; ".join(entry.words)
    return [event.number, _iso(event), entry.kind, words, entry.who, entry.whom, mandate, event.hash]


def _iso(event: Event) -> str:
    return timezone.localtime(event.at).isoformat(timespec="seconds")


def _in_parts(lines: Iterable[str]) -> Iterator[str]:
    part: list[str] = []
    for line in lines:
        part.append(line)
        if len(part) == _ROWS_IN_A_PART:
            yield "".join(part)
            part = []
    if part:
        yield "".join(part)


def _json(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False) + "\n"
