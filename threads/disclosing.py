"""What the person concerned is told: who read her conversations under which mandate, and what is kept of her."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Min

from threads.models import Assistant, Event, Kind, Mandate, Thread, User
from threads.models.event import EventQuerySet

PER_PAGE = 50
# Of those that are about somebody.
READINGS = (
    Kind.THREAD_READ,
    Kind.PASSAGE_SHOWN,
    Kind.EXPORTED,
    Kind.REVEAL_REQUESTED,
    Kind.REVEAL_RELEASED,
    Kind.REVEAL_REFUSED,
)


@dataclass(frozen=True)
class Reading:
    event: Event
    thread: Thread | None  # None: it was erased since

    @property
    def what(self) -> str:
        return str(Kind(self.event.kind).label)


@dataclass(frozen=True)
class Readings:
    """Under one mandate, newest first."""

    mandate: Mandate
    readings: list[Reading] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """`last`: number of the event that the next page follows; None: there is no more."""

    groups: list[Readings]
    last: int | None


@dataclass(frozen=True)
class Stored:
    """One's conversations with an assistant."""

    assistant: Assistant
    count: int
    since: datetime


def readings_of(user: User) -> EventQuerySet:
    """Newest first; without those under mandates that she is told of only when they have ended."""
    disclosed = Mandate.objects.disclosed().values("pk")
    mine = Event.objects.filter(person_id=user.pk, kind__in=READINGS, mandate_id__in=disclosed)
    return mine.newest_first()


def page_of(user: User, before: int | None = None) -> Page:
    """In three queries."""
    events = readings_of(user)
    if before is not None:
        events = events.filter(number__lt=before)
    found = list(events[: PER_PAGE + 1])
    more, found = len(found) > PER_PAGE, found[:PER_PAGE]
    return Page(_grouped(user, found), found[-1].number if more else None)


def _grouped(user: User, events: list[Event]) -> list[Readings]:
    """By mandate, the one that was read under last first."""
    mandates = Mandate.objects.in_bulk({event.mandate_id for event in events if event.mandate_id})
    threads = _threads_of(user, {event.thread_id for event in events if event.thread_id})
    groups: dict[UUID, Readings] = {}
    for event in events:
        assert event.mandate_id  # noqa: S101 see `readings_of`
        group = groups.setdefault(event.mandate_id, Readings(mandates[event.mandate_id]))
        group.readings.append(Reading(event, threads.get(event.thread_id) if event.thread_id else None))
    return list(groups.values())


def all_readings_of(user: User) -> Iterator[tuple[Mandate, Reading]]:
    """However many they are: looked up page by page, and on each by mandate."""
    before = None
    while True:
        page = page_of(user, before)
        for group in page.groups:
            for reading in group.readings:
                yield group.mandate, reading
        if page.last is None:
            return
        before = page.last


def stored_of(user: User) -> list[Stored]:
    """By assistant, in one query for conversations and one for assistants; also what is deleted, but still there."""
    mine = (
        Thread.objects.filter(owner=user).values("assistant").annotate(n=Count("pk"), since=Min("created_at"))
    )
    counts = {row["assistant"]: row for row in mine.order_by()}
    assistants = Assistant.objects.filter(pk__in=counts)
    return [Stored(each, counts[each.pk]["n"], counts[each.pk]["since"]) for each in assistants]


def _threads_of(user: User, ids: set[UUID]) -> dict[UUID, Thread]:
    return Thread.objects.filter(owner=user).in_bulk(ids)
