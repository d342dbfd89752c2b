"""The log: a chain that nothing is taken out of."""

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from threads.models import Event, Kind, User

pytestmark = pytest.mark.django_db


def record(count: int = 1, **about: Any) -> list[Event]:
    return [Event.objects.record(Kind.LOG_READ, **about) for _ in range(count)]


def test_events_are_chained_from_the_first() -> None:
    first, second, third = record(3)
    assert [event.number for event in (first, second, third)] == [1, 2, 3]
    assert first.previous_hash == "0" * 64
    assert second.previous_hash == first.hash
    assert Event.objects.head() == f"3:{third.hash}"


def test_what_is_stored_has_the_hash_that_was_stored(asker: User) -> None:
    record(1, actor=asker, person_id=7, details={"b": [1, "ü"], "a": None})
    event = Event.objects.get()
    assert event.fingerprint() == event.hash


@pytest.mark.parametrize("sql", ["UPDATE threads_event SET kind = 'searched'", "DELETE FROM threads_event"])
def test_database_refuses_to_change_or_remove_events(sql: str) -> None:
    record()
    with pytest.raises(DatabaseError, match="neither changed nor removed"), transaction.atomic():
        connection.cursor().execute(sql)


def test_database_refuses_to_empty_the_log() -> None:
    record()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE threads_event ENABLE TRIGGER events_stay")
        with pytest.raises(DatabaseError, match="neither changed nor removed"), transaction.atomic():
            cursor.execute("TRUNCATE threads_event CASCADE")


@pytest.mark.django_db(transaction=True)
def test_event_is_recorded_only_with_what_it_records() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        record()
    assert not Event.objects.exists()


def test_name_of_who_reads_others_stays(auditor: User, asker: User) -> None:
    read = Event.objects.record(Kind.THREAD_READ, auditor, person_id=asker.pk)
    own = Event.objects.record(Kind.SIGNED_IN, asker, person_id=asker.pk)
    assert (read.actor_name, own.actor_name) == ("auditor@example.org", "")
