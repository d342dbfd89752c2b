"""Whatever is changed in the log behind the site's back, `verify_log` finds and names it."""

import contextlib
import io
import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.db.backends.utils import CursorWrapper

from threads.models import Event, Happening, Kind, User

COUNT = 5
FIRST, MIDDLE, LAST = 1, 3, COUNT
# Another value for each column, and what no driver or parser reads.
CHANGES = {
    "at": ["at + interval '1 microsecond'", "'infinity'", "'-infinity'", "'12026-01-01'", "'0044-03-15 BC'"],
    "kind": ["'searched'", "''"],
    "actor_id": ["actor_id + 1", "NULL"],
    "actor_name": ["actor_name || ' '", "''"],
    "person_id": ["person_id + 1", "NULL"],
    "mandate_id": ["gen_random_uuid()", "NULL"],
    "thread_id": ["gen_random_uuid()", "NULL"],
    "details": [
        "details || '{\"n\": 9}'",
        "'{\"n\": 0.99999999999999999999}'",
        "'{}'",
        "'null'",
        "'[]'",
        "('{\"n\": 1' || repeat('0', 5000) || '}')::jsonb",
        "(repeat('[', 2000) || repeat(']', 2000))::jsonb",
    ],
    "salt": ["repeat('0', 32)", "''"],
    "previous_hash": ["repeat('0', 63) || '1'", "''"],
    "hash": ["repeat('0', 64)", "''"],
}


@pytest.fixture
def events(asker: User, auditor: User) -> list[Event]:
    """A log in which no column is empty."""
    return Event.objects.record_all(
        Happening(Kind.THREAD_READ, auditor, asker.pk, uuid.uuid4(), uuid.uuid4(), {"n": n})
        for n in range(COUNT)
    )


@pytest.fixture
def sql(events: list[Event]) -> Iterator[CursorWrapper]:
    """As whoever owns the table, with the triggers out of the way."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE threads_event DISABLE TRIGGER USER")
        yield cursor


def verify(*heads: str) -> str:
    out = io.StringIO()
    call_command("verify_log", *(f"--head={head}" for head in heads), stdout=out)
    return out.getvalue()


def fault(*heads: str) -> str:
    with pytest.raises(CommandError) as caught:
        verify(*heads)
    assert caught.value.returncode == 1
    return str(caught.value).splitlines()[0]


# --- a log that is whole ---


@pytest.mark.django_db
def test_empty_log_is_whole() -> None:
    assert f"Head: 0:{'0' * 64}" in verify()


def test_whole_log_is_told_with_its_head_and_the_time_it_took(events: list[Event]) -> None:
    said = verify(events[0].head, events[-1].head)
    assert "Events: 5, and all fit (0." in said
    assert "elsewhere: 2, and all are" in said
    assert f"Head: {events[-1].head}\n" in said


@pytest.mark.parametrize("head", ["", "1", "1:abc", f"x:{'0' * 64}", f"-1:{'0' * 64}", f"1:{'g' * 64}"])
@pytest.mark.django_db
def test_what_is_no_head_is_refused(head: str) -> None:
    with pytest.raises(CommandError, match="is no head"):
        verify(head)


def test_two_heads_of_one_event_can_not_both_be_right(events: list[Event]) -> None:
    assert "two different heads" in fault(events[1].head, f"2:{'0' * 64}")


def test_log_is_read_in_parts(events: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threads.verifying._ROWS_AT_ONCE", 2)
    assert "Events: 5" in verify()


# --- a change ---


def test_every_column_is_tried() -> None:
    assert {field.column for field in Event._meta.concrete_fields} == set(CHANGES) | {"number"}


@pytest.mark.parametrize("number", [FIRST, MIDDLE, LAST])
@pytest.mark.parametrize(("column", "value"), [(name, value) for name in CHANGES for value in CHANGES[name]])
def test_change_of_any_column_of_any_row_is_found(
    sql: CursorWrapper, number: int, column: str, value: str
) -> None:
    sql.execute(f"UPDATE threads_event SET {column} = {value} WHERE number = {number}")  # noqa: S608
    assert sql.rowcount == 1
    assert fault().startswith(f"Event {number} ")


@pytest.mark.parametrize(
    ("number", "new", "said"),
    [
        (FIRST, 0, "Event 0 does not belong there"),
        (FIRST, -1, "Event -1 does not belong there"),
        (FIRST, 9, "Event 1 is missing"),
        (MIDDLE, 9, "Event 3 is missing"),
        (LAST, 9, "Event 5 is missing"),
    ],
)
def test_change_of_a_number_is_found(sql: CursorWrapper, number: int, new: int, said: str) -> None:
    sql.execute("UPDATE threads_event SET number = %s WHERE number = %s", [new, number])
    assert fault().startswith(said)


def test_change_with_a_hash_that_fits_is_found_at_what_follows(
    sql: CursorWrapper, events: list[Event]
) -> None:
    rewrite(events[1], kind=Kind.SEARCHED)
    assert fault().startswith("Event 3 does not follow on event 2")


# --- taking away, putting in, exchanging ---


@pytest.mark.parametrize("number", [FIRST, MIDDLE])
def test_removed_row_is_found(sql: CursorWrapper, number: int) -> None:
    sql.execute("DELETE FROM threads_event WHERE number = %s", [number])
    assert fault().startswith(f"Event {number} is missing")


@pytest.mark.parametrize("kept", [FIRST, MIDDLE, LAST])
def test_removed_row_is_found_also_where_those_after_it_moved_up(
    sql: CursorWrapper, events: list[Event], kept: int
) -> None:
    sql.execute("DELETE FROM threads_event WHERE number = 1")
    sql.execute("UPDATE threads_event SET number = -number")
    sql.execute("UPDATE threads_event SET number = -number - 1")
    assert fault(events[kept - 1].head).startswith("Event 1 does not follow on event 0")


def test_end_that_was_cut_off_is_found_by_a_head(sql: CursorWrapper, events: list[Event]) -> None:
    sql.execute("DELETE FROM threads_event WHERE number >= 4")
    assert "Events: 3" in verify(events[2].head)
    assert fault(events[2].head, events[4].head).startswith("Event 5 is gone: the log ends with event 3")


def test_emptied_log_is_found_by_a_head(sql: CursorWrapper, events: list[Event]) -> None:
    sql.execute("DELETE FROM threads_event")
    assert fault(events[0].head).startswith("Event 1 is gone: the log ends with event 0")


@pytest.mark.parametrize("one", range(1, COUNT))
def test_exchange_of_two_rows_is_found(sql: CursorWrapper, one: int) -> None:
    exchange = "UPDATE threads_event SET number = %s WHERE number = %s"
    for new, old in ((0, one), (one, one + 1), (one + 1, 0)):
        sql.execute(exchange, [new, old])
    assert fault().startswith(f"Event {one} does not follow")


def test_row_put_between_two_is_found(sql: CursorWrapper, events: list[Event]) -> None:
    sql.execute("UPDATE threads_event SET number = -number WHERE number > 2")
    sql.execute("UPDATE threads_event SET number = -number + 1 WHERE number < 0")
    forged = Event(number=3, at=events[1].at, kind=Kind.LOG_READ, previous_hash=events[1].hash)
    forged.hash = forged.fingerprint()
    forged.save(force_insert=True)
    assert fault().startswith("Event 4 does not follow on event 3")


def test_row_put_at_the_end_without_its_hash_is_found(sql: CursorWrapper, events: list[Event]) -> None:
    Event(number=6, at=events[1].at, kind=Kind.LOG_READ, previous_hash=events[4].hash, hash="0" * 64).save()
    assert fault().startswith("Event 6 was changed")


def test_log_that_was_written_anew_is_found_by_a_head(sql: CursorWrapper, events: list[Event]) -> None:
    heads = [event.head for event in events]
    hash_ = events[0].hash
    for event in events[1:]:
        rewrite(event, kind=Kind.SEARCHED, previous_hash=hash_)
        hash_ = event.hash
    assert "Events: 5" in verify(heads[0])
    assert fault(heads[3]).startswith("Event 4 is not the one that was kept")


def rewrite(event: Event, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(event, name, value)
    event.hash = event.fingerprint()
    Event.objects.filter(pk=event.pk).update(**fields, hash=event.hash)


# --- many who write at once ---


@pytest.mark.django_db(transaction=True)
def test_fifty_writers_at_once_keep_one_chain() -> None:
    together = threading.Barrier(50)

    def write(writer: int) -> None:
        together.wait(30)
        for n in range(4):
            with transaction.atomic():
                Event.objects.record(Kind.LOG_READ, details={"writer": writer, "n": n})
        connections.close_all()

    writers = [threading.Thread(target=write, args=[n]) for n in range(50)]
    started = time.monotonic()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert time.monotonic() - started < 30
    assert "Events: 200, and all fit" in verify()
    written = {
        (details["writer"], details["n"]) for details in Event.objects.values_list("details", flat=True)
    }
    assert len(written) == 200


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_leaves_no_gap() -> None:
    for fails in (False, True, False):
        with contextlib.suppress(KeyError), transaction.atomic():
            Event.objects.record(Kind.LOG_READ)
            if fails:
                raise KeyError
    assert "Events: 2" in verify()


def test_details_come_back_as_they_were_hashed(asker: User) -> None:
    details = {"text": 'ü " \\ \n 👶', "n": 2**60, "deep": [{"b": None, "a": [True, 1.5]}], "": ""}
    Event.objects.record(Kind.LOG_READ, asker, details=json.loads(json.dumps(details)))
    assert "Events: 1" in verify()


def test_log_that_the_database_does_not_protect_is_told(events: list[Event]) -> None:
    """As after a restore without triggers: nothing was changed yet."""
    said = []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE threads_event ENABLE TRIGGER USER")
        for change in ("", "ALTER TABLE threads_event DISABLE TRIGGER event_stays"):
            if change:
                cursor.execute(change)
            call_command("verify_log", stdout=io.StringIO(), stderr=(warning := io.StringIO()))
            said.append(warning.getvalue())
    assert said[0] == ""
    assert "event_stays" in said[1]
