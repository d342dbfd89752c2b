"""Whose question is next, and when its call may start."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.test import override_settings
from django.utils import timezone

from tests.conftest import answer_of
from threads import answering
from threads.answering import budget, line
from threads.answering.budget import Granted, Wait
from threads.answering.line import Claim
from threads.models import Connection, Message, Slot, State, Thread, User, Worker
from threads.models.worker import heartbeat

pytestmark = pytest.mark.django_db

Start = Callable[..., Thread]
Ask = Callable[[Thread, str], Message]


@pytest.fixture
def worker(db: None) -> Worker:
    worker = Worker()
    heartbeat(worker)
    return worker


@pytest.fixture
def limited(connection: Connection) -> Connection:
    """Three calls a second, five a minute."""
    connection.requests_per_second, connection.requests_per_minute = 3, 5
    connection.save()
    return connection


def use(connection: Connection, seconds_ago: float, sent: bool = True) -> Slot:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    return Slot.objects.create(connection=connection, granted_at=at, sent_at=at if sent else None)


def wait_for(connection: Connection) -> float:
    slot = budget.take_slot(connection.pk)
    return slot.seconds if isinstance(slot, Wait) else 0


def in_turn(worker: Worker) -> list[str]:
    """The questions, in the order in which they are claimed."""
    claimed = []
    while isinstance(claim := line.claim(worker), Claim):
        assert claim.answer.question
        claimed.append(claim.answer.question.content)
    return claimed


# --- budget ---


def test_as_many_slots_as_the_second_has(limited: Connection) -> None:
    assert [wait_for(limited) > 0 for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("ages", "wait"),
    [
        ([], 0),
        ([0.5, 0.5], 0),
        ([0.5, 0.4, 0.3], 0.6),  # the second is full until the oldest of three leaves it, and the margin
        ([2, 1.5, 1.2], 0),
        ([50, 40, 30, 20], 0),
        ([50, 40, 30, 20, 10], 10.1),
        ([70, 40, 30, 20, 10], 0),
        ([50, 40, 30, 0.2, 0.1], 10.1),
    ],
)
def test_window_is_full_while_the_oldest_call_is_in_it(
    limited: Connection, ages: list[float], wait: float
) -> None:
    for age in ages:
        use(limited, age)
    assert wait_for(limited) == pytest.approx(wait, abs=0.05)


def test_slot_that_was_granted_and_not_used_counts_as_now(limited: Connection) -> None:
    for _ in range(3):
        use(limited, seconds_ago=20, sent=False)
    assert wait_for(limited) > 1


def test_slot_of_a_worker_that_died_grows_older_in_the_end(limited: Connection) -> None:
    for _ in range(3):
        use(limited, seconds_ago=40, sent=False)
    assert wait_for(limited) == 0


def test_budget_of_another_connection_is_its_own(limited: Connection) -> None:
    other = Connection.objects.create(name="Other", encrypted_api_key="x")
    for _ in range(5):
        use(limited, 0.1)
    assert wait_for(other) == 0


def test_limits_are_changed_without_a_restart(limited: Connection) -> None:
    for _ in range(3):
        use(limited, 0.1)
    Connection.objects.update(requests_per_second=4)
    assert wait_for(limited) == 0


def test_slot_whose_call_was_not_sent_is_given_back(limited: Connection) -> None:
    slots = [budget.take_slot(limited.pk) for _ in range(3)]
    assert isinstance(slots[0], Granted)
    budget.give_back(slots[0].slot_id)
    assert wait_for(limited) == 0


def test_slots_of_the_past_are_not_kept(limited: Connection) -> None:
    use(limited, seconds_ago=1000)
    budget.take_slot(limited.pk)
    assert Slot.objects.count() == 1


@pytest.mark.parametrize(("retry_after", "least", "most"), [(7, 6.9, 7.1), (None, 0.9, 3.1)])
def test_after_429_the_whole_connection_pauses(
    limited: Connection, retry_after: float | None, least: float, most: float
) -> None:
    budget.limited(limited.pk, retry_after)
    assert least < wait_for(limited) < most


def test_pause_is_never_shortened(limited: Connection) -> None:
    budget.limited(limited.pk, 30)
    budget.limited(limited.pk, 5)
    assert wait_for(limited) > 25


def test_failures_in_a_row_pause_longer_each_time_and_a_success_ends_it(limited: Connection) -> None:
    pauses = []
    for _ in range(12):
        Connection.objects.update(paused_until=None)
        budget.failed(limited.pk)
        pauses.append(round(wait_for(limited)))
        Slot.objects.all().delete()
    assert pauses == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    budget.succeeded(limited.pk)
    Connection.objects.update(paused_until=None)
    budget.failed(limited.pk)
    assert wait_for(limited) == 0


@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_no_more_than_there_is(limited: Connection) -> None:
    def take(_: int) -> bool:
        try:
            with transaction.atomic():
                return isinstance(budget.take_slot(limited.pk), Granted)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(take, range(30))) == 3


# --- the line ---


def test_first_come_is_first_claimed(start: Start, worker: Worker, colleague: User) -> None:
    for number in range(3):
        start(f"{number}", owner=User.objects.create_user(f"{number}@example.org"))
    assert in_turn(worker) == ["0", "1", "2"]


def test_ten_questions_of_one_do_not_delay_anothers_first(
    start: Start, worker: Worker, colleague: User
) -> None:
    for number in range(4):
        start(f"asker {number}")
    for number in range(3):
        start(f"colleague {number}", owner=colleague)
    assert in_turn(worker) == [
        "colleague 0",  # who has fewer waiting goes first
        "asker 0",
        "colleague 1",
        "asker 1",
        "colleague 2",
        "asker 2",
        "asker 3",
    ]


def test_who_was_served_lately_lets_others_go_first(start: Start, worker: Worker, colleague: User) -> None:
    start("asker 0")
    line.claim(worker)
    start("asker 1")
    start("colleague 0", owner=colleague)
    assert in_turn(worker) == ["colleague 0", "asker 1"]


def test_question_behind_an_open_one_of_its_thread_is_not_due(start: Start, ask: Ask, worker: Worker) -> None:
    thread = start("eins")
    ask(thread, "zwei")
    assert in_turn(worker) == ["eins"]
    answer_of(thread).finish(content="Ja.", sources=[])
    assert in_turn(worker) == ["zwei"]


def test_question_that_is_to_be_tried_again_later_lets_others_go_first(
    start: Start, worker: Worker, colleague: User
) -> None:
    answer = answer_of(start("later"))
    answer.begin()
    answer.wait_again("api_error", seconds=30)
    start("now", owner=colleague)
    assert in_turn(worker) == ["now"]
    wait = line.claim(worker)
    assert isinstance(wait, Wait)
    assert wait.seconds == pytest.approx(30, abs=1)


def test_nothing_is_claimed_without_a_slot(start: Start, worker: Worker, limited: Connection) -> None:
    answer = answer_of(start())
    for _ in range(5):
        use(limited, 1)
    assert isinstance(line.claim(worker), Wait)
    answer.refresh_from_db()
    assert answer.state == State.WAITING


def test_no_slot_is_taken_where_nobody_waits(worker: Worker, limited: Connection) -> None:
    assert line.claim(worker) is None
    assert not Slot.objects.exists()


def test_claim_says_whose_it_is(start: Start, worker: Worker) -> None:
    start()
    claim = line.claim(worker)
    assert isinstance(claim, Claim)
    assert (claim.answer.state, claim.answer.claimed_by, claim.answer.attempts) == (
        State.ANSWERING,
        worker,
        1,
    )


@pytest.mark.django_db(transaction=True)
def test_many_at_once_claim_each_question_once(start: Start, worker: Worker) -> None:
    for number in range(20):
        start(f"{number}", owner=User.objects.create_user(f"{number}@example.org"))

    def claim(_: int) -> str:
        try:
            claim = line.claim(worker)
            assert isinstance(claim, Claim)
            return str(claim.answer.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(claim, range(20)))) == 20


# --- where one stands ---


def standing(thread: Thread) -> line.Standing | None:
    return line.standing_of(Message.objects.with_place().get(thread=thread, position=2))


def test_places_are_those_of_the_line(start: Start, colleague: User) -> None:
    mine = [start("eins"), start("zwei")]
    theirs = start("drei", owner=colleague)
    places = [each.place for thread in (*mine, theirs) if (each := standing(thread))]
    assert places == [2, 3, 1]


def test_estimate_is_that_of_the_budget(start: Start, limited: Connection) -> None:
    threads = [start(f"{n}", owner=User.objects.create_user(f"{n}@example.org")) for n in range(7)]
    for _ in range(4):
        use(limited, seconds_ago=20)
    seconds = [each.seconds for thread in threads if (each := standing(thread))]
    # One slot is free; four come free 60 s after their calls; the sixth a minute after the first.
    assert seconds[0] == pytest.approx(0, abs=0.5)
    assert seconds[1:5] == pytest.approx([40, 40, 40, 40], abs=1)
    assert seconds[5] == pytest.approx(60, abs=1)


def test_estimate_minds_when_it_is_to_be_tried_again(start: Start) -> None:
    thread = start()
    answer = answer_of(thread)
    answer.begin()
    answer.wait_again("api_error", seconds=30)
    each = standing(thread)
    assert each
    assert each.seconds == pytest.approx(30, abs=1)


def test_who_is_being_answered_stands_in_no_line(start: Start, worker: Worker) -> None:
    thread = start()
    line.claim(worker)
    assert standing(thread) is None


# --- limits of one user ---


@override_settings(MAX_WAITING_PER_USER=2)
def test_so_many_questions_may_wait(start: Start, colleague: User) -> None:
    start()
    thread = start()
    with pytest.raises(answering.LimitReached, match="2"):
        start()
    start(owner=colleague)
    answer_of(thread).finish(content="Ja.", sources=[])
    start()


@override_settings(MAX_QUESTIONS_PER_HOUR=2)
def test_so_many_questions_fit_in_an_hour(start: Start, asker: User) -> None:
    for _ in range(2):
        answer_of(start()).finish(content="Ja.", sources=[])
    with pytest.raises(answering.LimitReached, match="2"):
        start()
    Message.objects.update(created_at=timezone.now() - timedelta(hours=2))
    start()


@override_settings(MAX_WAITING_PER_USER=1)
def test_question_that_was_taken_is_not_refused_when_it_is_sent_again(start: Start) -> None:
    token = uuid.uuid4()
    assert start(client_token=token) == start(client_token=token)


# --- stopping ---


def test_question_is_withdrawn_while_it_waits(start: Start, worker: Worker) -> None:
    answer = answer_of(start())
    answer.stop()
    assert answer.state == State.STOPPED
    assert line.claim(worker) is None


@override_settings(MAX_WAITING_PER_USER=100)
def test_claims_cost_a_fixed_number_of_queries(
    start: Start, worker: Worker, django_assert_num_queries: Callable[..., object]
) -> None:
    for number in range(12):
        start(f"{number}")
    for _ in range(2):
        with django_assert_num_queries(12):  # type: ignore[attr-defined]
            line.claim(worker)
