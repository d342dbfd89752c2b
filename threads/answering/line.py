"""The line: whose question is next, and where one stands.

First goes the question with the smallest `turn`, then that of who has fewer waiting, then the oldest. So one
person's ten questions do not delay another's first, whoever came earlier.
"""

from dataclasses import dataclass

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from threads.answering import budget
from threads.answering.budget import Granted, Wait
from threads.models import Message, State, Worker

LATELY_MINUTES = 10

# Of one connection. `turn` is a question's number among its owner's, those taken lately included.
# A thread's questions are answered in order: while an earlier one is open, those behind it are not due.
_LINE = """
WITH taken AS (
    SELECT t.owner_id, count(*) AS taken
    FROM threads_message m
    JOIN threads_thread t ON t.id = m.thread_id
    JOIN threads_assistant a ON a.id = t.assistant_id
    WHERE a.connection_id = %(connection)s
      AND m.answering_at > clock_timestamp() - make_interval(secs => %(lately)s)
    GROUP BY t.owner_id
), line AS (
    SELECT m.id, m.not_before, m.created_at, m.position,
           row_number() OVER (PARTITION BY t.owner_id ORDER BY m.created_at, m.position)
               + coalesce(taken.taken, 0) AS turn,
           count(*) OVER (PARTITION BY t.owner_id) AS waiting,
           EXISTS (
               SELECT FROM threads_message e
               WHERE e.thread_id = m.thread_id AND e.position < m.position
                 AND e.state IN ('waiting', 'answering')
           ) AS behind
    FROM threads_message m
    JOIN threads_thread t ON t.id = m.thread_id
    JOIN threads_assistant a ON a.id = t.assistant_id
    LEFT JOIN taken ON taken.owner_id = t.owner_id
    WHERE m.state = 'waiting' AND a.connection_id = %(connection)s
)
"""
# ruff: noqa: S608 the pieces are our own constants
_NEXT = f"""{_LINE}
SELECT id, extract(epoch FROM not_before - clock_timestamp()) AS early
FROM line WHERE NOT behind
ORDER BY coalesce(not_before > clock_timestamp(), false), turn, waiting, created_at, position
LIMIT 1
"""
_PLACE = f"""{_LINE}
SELECT place FROM (
    SELECT id, row_number() OVER (ORDER BY turn, waiting, created_at, position) AS place FROM line
) AS places WHERE id = %(answer)s
"""


@dataclass(frozen=True)
class Claim:
    """An answer that is ours to fetch, and the slot in which its call may start."""

    answer: Message
    connection_id: int
    slot_id: int


@dataclass(frozen=True)
class Standing:
    """Where a waiting answer stands: `place` from 1, `seconds` until its call may start."""

    place: int
    seconds: float


def claim(worker: Worker) -> Claim | Wait | None:
    """Take the next question that may be sent; else say when to look again, or None: nobody waits."""
    waits: list[float] = []
    for connection_id in _connections_with_a_line():
        with transaction.atomic():
            budget.lock(connection_id)  # from here on, choosing and counting are one step
            answer_id, early = _next_of(connection_id)
            if answer_id is None:
                continue
            if early > 0:
                waits.append(early)
                continue
            slot = budget.take_slot(connection_id)
            if isinstance(slot, Wait):
                waits.append(slot.seconds)
                continue
            answer = Message.objects.get(pk=answer_id)
            answer.begin(worker)
        assert isinstance(slot, Granted)  # noqa: S101
        return Claim(answer, connection_id, slot.slot_id)
    return Wait(min(waits)) if waits else None


def standing_of(answer: Message) -> Standing | None:
    """None: the answer is not in a line, or waits for the one before it in its thread (see `with_place`)."""
    if answer.waits_behind or answer.state != State.WAITING:
        return None
    connection_id = answer.thread.assistant.connection_id
    with database.cursor() as cursor:
        cursor.execute(_PLACE, {**_parameters(connection_id), "answer": str(answer.pk)})
        row = cursor.fetchone()
    if not row:
        return None
    early = (answer.not_before - timezone.now()).total_seconds() if answer.not_before else 0
    return Standing(row[0], max(early, budget.seconds_until(connection_id, row[0])))


def _connections_with_a_line() -> list[int]:
    waiting = Message.objects.filter(state=State.WAITING)
    return list(waiting.values_list("thread__assistant__connection", flat=True).distinct().order_by("?"))


def _next_of(connection_id: int) -> tuple[str | None, float]:
    """Id, and the seconds by which it is too early (it is to be tried again later)."""
    with database.cursor() as cursor:
        cursor.execute(_NEXT, _parameters(connection_id))
        row = cursor.fetchone()
    return (row[0], float(row[1] or 0)) if row else (None, 0)


def _parameters(connection_id: int) -> dict[str, int | float]:
    return {
        "connection": connection_id,
        "lately": LATELY_MINUTES * settings.ENVIRONMENT.budget_minute_seconds,
    }
