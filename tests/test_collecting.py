"""What is in a mandate's scope, and how it comes to be put under the mandate: once, by one worker, in parts."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connections, transaction
from django.utils import timezone

from tests.conftest import answer_of, in_another_connection
from threads.answering import collecting
from threads.models import (
    Alias,
    Case,
    Event,
    Kind,
    Mandate,
    Message,
    Rating,
    Selection,
    Status,
    Thread,
    User,
)
from threads.models.feedback import Feedback
from threads.models.mandate import Progress, begin_of

pytestmark = pytest.mark.django_db

Grant = Callable[..., Mandate]
Start = Callable[..., Thread]
Finish = Callable[..., Message]
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def answered(start: Start, finish: Finish) -> Callable[..., Thread]:
    """A conversation whose question was put, and answered, at some time."""

    def answered(at: datetime | None = None, **fields: Any) -> Thread:
        thread = start(**fields)
        finish(thread)
        if at:
            thread.messages.update(created_at=at)
            Thread.objects.filter(pk=thread.pk).update(created_at=at)
        return thread

    return answered


def threads_of(mandate: Mandate) -> list[Any]:
    return list(mandate.cases.in_order().values_list("thread", flat=True))


def weeks_of(mandate: Mandate) -> list[tuple[date, int, int]]:
    return list(mandate.weeks.values_list("monday", "population", "drawn"))


def in_the_past(mandate: Mandate, **ago: int) -> None:
    """It was last collected so long ago."""
    Mandate.objects.filter(pk=mandate.pk).update(collected_at=timezone.now() - timedelta(**ago))
    mandate.refresh_from_db()


# --- scope ---


def test_answer_goes_with_its_question_also_when_it_was_tried_again_after_the_period(
    grant: Grant, answered: Callable[..., Thread]
) -> None:
    thread = answered(timezone.now() - timedelta(days=10))
    answer = answer_of(thread)
    Message.objects.filter(pk=answer.pk).update(state="failed")
    answer.refresh_from_db()
    answer.reopen()
    answer.begin()
    answer.finish(sources=[], content="Doch.")
    until = timezone.localdate() - timedelta(days=5)
    mandate = grant(until=until)
    assert [message.content for message in mandate.cases.get().messages()][1:] == ["Doch."]
    assert not grant(since=until + timedelta(days=1)).cases.exists()


@pytest.mark.parametrize(("days", "is_in_scope"), [(0, True), (-1, False)])
def test_period_ends_with_the_midnight_of_its_last_day(
    grant: Grant, answered: Callable[..., Thread], days: int, is_in_scope: bool
) -> None:
    until = date(2026, 10, 25)  # an hour longer than others, as clocks went back
    answered(datetime(2026, 10, 25, 23, 59, tzinfo=BERLIN))
    mandate = grant(since=date(2026, 10, 20), until=until + timedelta(days=days))
    assert mandate.cases.exists() == is_in_scope


def test_feedback_that_comes_later_brings_its_conversation_into_scope(
    grant: Grant, answered: Callable[..., Thread]
) -> None:
    thread = answered()
    mandate = grant(selection=Selection.NEGATIVE)
    Message.objects.update(finished_at=timezone.now() - timedelta(days=2))
    Feedback.objects.give(answer_of(thread), Rating.DOWN)
    mandate.collect()
    assert threads_of(mandate) == [thread.pk]


def test_deleted_conversation_that_is_brought_back_is_found_the_next_day(
    grant: Grant, answered: Callable[..., Thread]
) -> None:
    thread = answered()
    Message.objects.update(finished_at=timezone.now() - timedelta(hours=5))
    Thread.objects.update(deleted_at=timezone.now())
    mandate = grant()
    Thread.objects.update(deleted_at=None)
    in_the_past(mandate, days=1)
    mandate.collect()
    assert threads_of(mandate) == [thread.pk]


def test_estimate_is_what_a_release_collects(
    propose: Grant, answered: Callable[..., Thread], releaser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        answered()
    mandate = propose()
    assert mandate.estimate() == 3
    monkeypatch.setattr("threads.models.mandate.MOST_ESTIMATED", 1)
    assert mandate.estimate() == 2
    assert propose(sample_per_week=5, since=timezone.localdate()).estimate() == 0  # no week of it is over
    mandate.release(releaser)
    assert mandate.cases.count() == 3


def test_estimate_of_a_sample_is_at_most_so_many_of_each_week(
    propose: Grant, answered: Callable[..., Thread]
) -> None:
    monday = timezone.localdate() - timedelta(days=7 + timezone.localdate().weekday())
    for _ in range(3):
        answered(begin_of(monday) + timedelta(hours=12))
    assert propose(sample_per_week=2, since=monday, until=monday + timedelta(days=6)).estimate() == 2
    assert propose(sample_per_week=2, since=monday - timedelta(days=7)).estimate() == 3


# --- numbers and aliases ---


def test_number_is_not_given_again_when_its_conversation_was_erased(
    grant: Grant, answered: Callable[..., Thread]
) -> None:
    first, second = answered(), answered()
    mandate = grant()
    second.delete()
    third = answered()
    mandate.collect()
    assert list(mandate.cases.in_order().values_list("number", "thread")) == [(1, first.pk), (3, third.pk)]


def test_thousands_of_persons_have_an_alias_each(grant: Grant) -> None:
    mandate = grant()
    users = User.objects.bulk_create(
        User(email=f"{number}@example.org", password="") for number in range(3_000)
    )
    aliases = mandate._aliases_of({user.pk for user in users})
    assert len(set(aliases.values())) == 3_000
    assert len(set(mandate.aliases.values_list("code", flat=True))) == 3_000


def test_order_of_aliases_is_not_that_of_persons(grant: Grant) -> None:
    mandate = grant()
    users = User.objects.bulk_create(User(email=f"{number}@example.org", password="") for number in range(50))
    mandate._aliases_of({user.pk for user in users})
    owners = list(Alias.objects.order_by("pk").values_list("owner", flat=True))
    assert owners != sorted(owners)


def test_progress_leaves_out_what_its_owner_deleted_but_for_what_is_held(
    grant: Grant, answered: Callable[..., Thread], auditor: User, django_assert_num_queries: Any
) -> None:
    deleted, read, flagged, _ = (answered() for _ in range(4))
    mandates = [grant(), grant(holds=True), grant(selection=Selection.FAILED)]
    for mandate in mandates[:2]:
        mandate.cases.get(thread=read).mark_read(auditor)
        mandate.cases.get(thread=flagged).flag(is_flagged=True)
    Thread.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    with django_assert_num_queries(1):
        found = Case.objects.progress(mandates)
    assert [found[mandate.pk] for mandate in mandates] == [
        Progress(3, 1, 1), Progress(4, 1, 1), Progress(0, 0, 0)
    ]  # fmt: skip


# --- samples ---


def test_week_is_of_seven_local_days_also_when_clocks_change(
    grant: Grant, answered: Callable[..., Thread]
) -> None:
    before, within, after = (
        answered(datetime(2026, 10, day, hour, minute, tzinfo=BERLIN))
        for day, hour, minute in ((18, 23, 59), (25, 23, 59), (26, 0, 0))
    )
    mandate = grant(sample_per_week=9, since=date(2026, 10, 12), until=date(2026, 11, 1))
    assert weeks_of(mandate) == [
        (date(2026, 10, 12), 1, 1), (date(2026, 10, 19), 1, 1), (date(2026, 10, 26), 1, 1)
    ]  # fmt: skip
    assert threads_of(mandate) == [before.pk, within.pk, after.pk]


def test_parts_of_weeks_at_both_ends_are_drawn_from_too(
    grant: Grant, answered: Callable[..., Thread]
) -> None:
    for day in (13, 14, 20, 21):  # Tuesday, Wednesday
        answered(datetime(2026, 10, day, 12, tzinfo=BERLIN))
    mandate = grant(sample_per_week=9, since=date(2026, 10, 14), until=date(2026, 10, 20))
    assert weeks_of(mandate) == [(date(2026, 10, 12), 1, 1), (date(2026, 10, 19), 1, 1)]


def test_week_without_anything_is_drawn_from_too_and_not_again(
    grant: Grant, answered: Callable[..., Thread]
) -> None:
    thread = answered(datetime(2026, 10, 14, 12, tzinfo=BERLIN))
    days = {"since": date(2026, 10, 12), "until": date(2026, 10, 18)}
    mandate = grant(sample_per_week=9, selection=Selection.NEGATIVE, **days)
    Feedback.objects.give(answer_of(thread), Rating.DOWN)
    mandate.collect()
    assert weeks_of(mandate) == [(date(2026, 10, 12), 0, 0)]
    assert Event.objects.filter(kind=Kind.SAMPLE_DRAWN).count() == 1


def test_week_is_not_drawn_from_while_an_answer_is_still_to_come(
    grant: Grant, answered: Callable[..., Thread], start: Start, finish: Finish
) -> None:
    answered(datetime(2026, 10, 14, 12, tzinfo=BERLIN))
    late = start()
    late.messages.filter(role="user").update(created_at=datetime(2026, 10, 18, 23, tzinfo=BERLIN))
    mandate = grant(sample_per_week=9, since=date(2026, 10, 12), until=date(2026, 10, 18))
    assert weeks_of(mandate) == []
    finish(late)
    mandate.collect()
    assert weeks_of(mandate) == [(date(2026, 10, 12), 2, 2)]


def test_answer_that_never_comes_does_not_keep_a_week_from_being_drawn_from(
    grant: Grant, start: Start
) -> None:
    start().messages.update(created_at=datetime(2026, 10, 18, 23, tzinfo=BERLIN))
    mandate = grant(sample_per_week=9, since=date(2026, 10, 12), until=date(2026, 10, 18))
    assert weeks_of(mandate) == [(date(2026, 10, 12), 0, 0)]


def test_conversation_is_drawn_once_though_it_went_on_for_weeks(
    grant: Grant, answered: Callable[..., Thread], ask: Callable[..., Message], finish: Finish
) -> None:
    thread = answered(datetime(2026, 10, 14, 12, tzinfo=BERLIN))
    ask(thread, "Und dann?")
    finish(thread)
    thread.messages.filter(position__gt=2).update(created_at=datetime(2026, 10, 20, 12, tzinfo=BERLIN))
    mandate = grant(sample_per_week=1, since=date(2026, 10, 12), until=date(2026, 10, 25))
    assert weeks_of(mandate) == [(date(2026, 10, 12), 1, 1), (date(2026, 10, 19), 0, 0)]
    assert threads_of(mandate) == [thread.pk]


def test_samples_are_drawn_in_parts(
    grant: Grant, answered: Callable[..., Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threads.models.mandate.MOST_AT_ONCE", 1)
    for day in (14, 21, 28):
        answered(datetime(2026, 10, day, 12, tzinfo=BERLIN))
    mandate = grant(sample_per_week=1, since=date(2026, 10, 5), until=date(2026, 11, 1))
    assert weeks_of(mandate) == [(date(2026, 10, 5), 0, 0), (date(2026, 10, 12), 1, 1)]
    assert mandate.collect()
    assert not mandate.collect()
    assert [drawn for _, _, drawn in weeks_of(mandate)] == [0, 1, 1, 1]


# --- parts, locks, turns ---


def test_much_is_collected_in_parts(
    grant: Grant, answered: Callable[..., Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threads.models.mandate.MOST_AT_ONCE", 2)
    threads = [answered() for _ in range(5)]
    mandate = grant()
    assert (mandate.cases.count(), mandate.collected_at) == (2, None)
    assert mandate.collect()
    assert not mandate.collect()
    assert threads_of(mandate) == [thread.pk for thread in threads]
    assert mandate.collected_at


@pytest.mark.parametrize("ended", ["revoked_at", "valid_until"])
def test_what_has_ended_collects_nothing(grant: Grant, answered: Callable[..., Thread], ended: str) -> None:
    mandate = grant(valid_from=timezone.localdate() - timedelta(days=3))
    answered()
    day_ago = timezone.now() - timedelta(days=1)
    Mandate.objects.update(**{ended: day_ago if ended == "revoked_at" else timezone.localdate(day_ago)})
    assert not mandate.collect()
    assert not mandate.cases.exists()


@pytest.mark.parametrize(
    ("until", "selection", "ago", "is_due"),
    [
        (0, Selection.ALL, {"minutes": 9}, False),
        (0, Selection.ALL, {"minutes": 11}, True),
        (-9, Selection.ALL, {"minutes": 11}, False),
        (-9, Selection.NEGATIVE, {"minutes": 11}, True),
        (-9, Selection.ALL, {"days": 1}, True),
    ],
)
def test_turn_of_a_mandate(
    grant: Grant, monkeypatch: pytest.MonkeyPatch, until: int, selection: str, ago: Any, is_due: bool
) -> None:
    noon = begin_of(timezone.localdate()) + timedelta(hours=12)
    monkeypatch.setattr("django.utils.timezone.now", lambda: noon)
    mandate = grant(until=timezone.localdate() + timedelta(days=until), selection=selection)
    in_the_past(mandate, **ago)
    assert (collecting.due() == [mandate.pk]) == is_due


def test_mandate_that_becomes_valid_has_its_turn(grant: Grant, monkeypatch: pytest.MonkeyPatch) -> None:
    tomorrow = timezone.localdate() + timedelta(days=1)
    grant(valid_from=tomorrow, until=timezone.localdate() - timedelta(days=9))
    assert collecting.due() == []
    monkeypatch.setattr("django.utils.timezone.now", lambda: begin_of(tomorrow))
    assert len(collecting.due()) == 1


def test_legal_hold_begins_with_the_release(grant: Grant, answered: Callable[..., Thread]) -> None:
    thread = answered()
    tomorrow = timezone.localdate() + timedelta(days=1)
    mandate = grant(holds=True, valid_from=tomorrow, valid_until=tomorrow)
    assert mandate.status == Status.SCHEDULED
    assert list(Thread.objects.held()) == [thread]


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_collects(grant: Grant, answered: Callable[..., Thread]) -> None:
    mandate = grant()
    answered()
    with transaction.atomic():
        mandate.collect()
        other, errors = in_another_connection(lambda: Mandate.objects.get(pk=mandate.pk).collect())
        assert not other.is_alive()  # it does not wait
    assert errors == []
    assert mandate.cases.count() == 1


@pytest.mark.django_db(transaction=True)
def test_revoking_does_not_wait_for_who_looks(
    grant: Grant, answered: Callable[..., Thread], releaser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mandate = grant()
    answered()
    look = Mandate._look

    def look_while_it_is_revoked(self: Mandate) -> Any:
        found = look(self)
        other, errors = in_another_connection(lambda: Mandate.objects.get(pk=self.pk).revoke(releaser))
        other.join(5)
        assert (other.is_alive(), errors) == (False, [])
        return found

    monkeypatch.setattr(Mandate, "_look", look_while_it_is_revoked)
    assert not mandate.collect()
    assert not Case.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_conversation_that_is_being_erased_is_passed_over(
    grant: Grant, answered: Callable[..., Thread]
) -> None:
    mandate = grant()
    gone, stays = answered(), answered()
    with transaction.atomic():
        gone.delete()
        other, errors = in_another_connection(lambda: Mandate.objects.get(pk=mandate.pk).collect())
        assert not other.is_alive()
    assert errors == []
    assert threads_of(mandate) == [stays.pk]


# --- the worker ---


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [RuntimeError, OperationalError])
async def test_collecting_goes_on_after_an_error(
    grant: Grant,
    answered: Callable[..., Thread],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: type[Exception],
) -> None:
    mandate = await sync_to_async(grant)()
    await sync_to_async(answered)()
    await sync_to_async(in_the_past)(mandate, days=1)
    collect, tries = Mandate.collect, []

    def broken(self: Mandate) -> bool:
        tries.append(self.pk)
        if len(tries) < 3:
            raise error("Eine Frage")
        return collect(self)

    monkeypatch.setattr(Mandate, "collect", broken)
    monkeypatch.setattr(collecting, "EVERY_SECONDS", 0.01)
    task = asyncio.create_task(collecting.collect_for_ever())
    async with asyncio.timeout(10):
        while not await Case.objects.aexists():
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await sync_to_async(connections.close_all)()  # of the thread in which this test used the database
    assert "Eine Frage" not in caplog.text


def test_mandate_that_fails_keeps_no_other(
    grant: Grant, answered: Callable[..., Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    mandates = [grant(), grant()]
    answered()
    for mandate in mandates:
        in_the_past(mandate, days=1)
    collect = Mandate.collect

    def broken(self: Mandate) -> bool:
        if self.pk == mandates[0].pk:
            raise RuntimeError
        return collect(self)

    monkeypatch.setattr(Mandate, "collect", broken)
    assert [collecting.collect_some(mandate.pk) for mandate in mandates] == [False, False]
    assert [mandate.cases.count() for mandate in mandates] == [0, 1]


def test_mandate_whose_turn_has_passed_is_not_collected_again(
    grant: Grant, django_assert_num_queries: Any
) -> None:
    mandate = grant()
    with django_assert_num_queries(1):
        assert not collecting.collect_some(mandate.pk)
