"""Does the log still fit together? Read from the first event to the last, each on its predecessor."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import TextField
from django.db.models.functions import Cast

from threads.models import Event
from threads.models.event import BEFORE_THE_FIRST

_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Verified:
    """How many events fit, the last of them, and what is wrong with the one after; empty: there is nothing wrong."""

    count: int
    head: str
    fault: str = ""


def verify(heads: Mapping[int, str]) -> Verified:
    """`heads`: hashes that were kept elsewhere, by the number of their event.

    What is recorded meanwhile is not looked at. Nobody waits for this, and memory is bounded.
    """
    count, hash_ = 0, BEFORE_THE_FIRST
    for event in _events():
        fault = _fault_of(event, count, hash_, heads)
        if fault:
            return Verified(count, f"{count}:{hash_}", fault)
        count, hash_ = event.number, event.hash
    if heads.get(0, BEFORE_THE_FIRST) != BEFORE_THE_FIRST:
        return Verified(count, f"{count}:{hash_}", "There is no event 0: the first one is event 1.")
    missing = min((number for number in heads if number > count), default=None)
    fault = "" if missing is None else f"Event {missing} is gone: the log ends with event {count}."
    return Verified(count, f"{count}:{hash_}", fault)


_TRIGGERS = {"event_stays", "events_stay"}  # see the migration `0010_append_only_log`


def missing_triggers() -> list[str]:
    """Those of the database that refuse changes, and are not there or switched off, say since a restore."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'threads_event'::regclass AND tgenabled IN ('O', 'A')"
        )
        return sorted(_TRIGGERS - {name for (name,) in cursor.fetchall()})


@dataclass(frozen=True)
class _Row:
    number: int
    previous_hash: str
    hash: str
    fingerprint: str  # empty: what stands there is nothing that could have been recorded


def _fault_of(row: _Row, last: int, hash_: str, heads: Mapping[int, str]) -> str:
    if row.number > last + 1:
        return f"Event {last + 1} is missing: event {row.number} comes after event {last}."
    if row.number < last + 1:
        return f"Event {row.number} does not belong there: the first one is event 1."
    if row.previous_hash != hash_:
        return f"Event {row.number} does not follow on event {last}: it names another predecessor."
    if row.fingerprint != row.hash:
        return f"Event {row.number} was changed: its hash is not that of its content."
    if heads.get(row.number, row.hash) != row.hash:
        return f"Event {row.number} is not the one that was kept: its hash is another one."
    return ""


def _events() -> Iterator[_Row]:
    # As text, and so unread: whoever changes a row may put there what no driver or parser takes.
    rows = Event.objects.annotate(at_text=Cast("at", TextField()), json=Cast("details", TextField()))
    columns = ("number", "kind", "actor_id", "actor_name", "person_id", "mandate_id", "thread_id", "salt",
               "previous_hash", "hash")  # fmt: skip
    with transaction.atomic():  # where the database keeps a place in the rows, instead of all of them
        for at, details, *values in (
            rows.order_by("number").values_list("at_text", "json", *columns).iterator(_ROWS_AT_ONCE)
        ):
            yield _read(at, details, dict(zip(columns, values, strict=True)))


def _read(at: str, details: str, values: dict[str, Any]) -> _Row:
    event = Event(**values)
    try:
        event.at, event.details = datetime.fromisoformat(at), json.loads(details, parse_float=_exactly)
        fingerprint = event.fingerprint()
    except (TypeError, ValueError, OverflowError, RecursionError):
        fingerprint = ""
    return _Row(event.number, event.previous_hash, event.hash, fingerprint)


def _exactly(text: str) -> float:
    """Raises `ValueError` where the database holds more digits than were ever recorded: they would be lost here."""
    number = float(text)
    if Decimal(repr(number)) != Decimal(text):
        raise ValueError(text)
    return number
