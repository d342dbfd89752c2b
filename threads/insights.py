"""Figures on the use of the site, of which none tells anything about a single person.

What is counted are answers: each stands for one question that was asked. A question that was put anew counts
anew, as it was asked, waited for and answered anew; one that is tried again counts when it was last tried.

**No group smaller than five people.** What is not shown is not counted either, so that nothing can be found by
subtraction. In detail:

- Figures are made of *groups*: the answers of one whole week (Monday to Sunday) by one assistant, and of failures
  also of one cause. A group counts if at least five different people stand behind it. Those that are too small
  are put together within their week (across assistants, and then also across causes); if five people stand behind
  them together, they count as "other assistants" or "other causes"; else they are left out of every figure.
- All counts are sums of groups that don't overlap, the same ones on every page: whichever period and assistant one
  chooses, and whatever one subtracts from whatever, what is left is again such groups, or nothing. Therefore
  periods are whole weeks, and only weeks that are over: else a page read twice a day would tell what came between.
- Within a week, days are shown for all assistants together only. A day with fewer than five people goes into the
  "other days" of its week, together with the smallest of the days that could be shown: what is left of a week when
  the days shown are taken away has five people behind it, too. Days and assistants are two ways to divide a
  week of which only the sums are known; no cell of such a table follows from its sums.
- How many people asked would be no such sum: the same ones come again. So it is told only week by week and for all
  assistants or the one chosen, in steps of five; for a period as the mean of its weeks.
- Notices and feedback are told as shares, in whole per cent, of a group: five asked, or five gave feedback.

What this does not prevent: who knows how the "other days" come about can narrow down how few questions the small ones
among them had, as the one that goes with them has five at least. And answers are removed when their owners or the
rules of retention erase them: who looks at a past week before and after can see that something was removed.

No query here gives back anybody's id.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import QueryCanceled

from threads import failures
from threads.days import begin_of, monday_of
from threads.models import Assistant

FEWEST = 5  # people behind a figure
MOST_WEEKS = 53  # those that a year touches
DAILY_WEEKS = 5  # periods of so many weeks are shown by day
LONGEST = 10  # seconds, of each query

WEEK = timedelta(weeks=1)


class GaveUp(Exception):
    """Counting took too long."""


# --- what is looked at ---


@dataclass(frozen=True)
class Period:
    """Whole weeks that are over."""

    since: date
    until: date
    """The last day: a Sunday."""

    @classmethod
    def last(cls, weeks: int) -> Self:
        until = last_day()
        return cls(until - weeks * WEEK + timedelta(days=1), until)

    @classmethod
    def around(cls, since: date, until: date) -> Self:
        """The weeks that these days lie in, as far as they are over."""
        sunday = monday_of(until) + timedelta(days=6)
        return cls(monday_of(since), min(sunday, last_day()))

    @property
    def mondays(self) -> list[date]:
        return [self.since + n * WEEK for n in range(((self.until - self.since).days + 1) // 7)]

    @property
    def is_daily(self) -> bool:
        return len(self.mondays) <= DAILY_WEEKS


def last_day() -> date:
    """Of the last week that is over."""
    return monday_of(timezone.localdate()) - timedelta(days=1)


# --- what is seen ---


class Times(NamedTuple):
    """Seconds."""

    median: float
    p95: float


@dataclass(frozen=True)
class Usage:
    """Of the answers that count. None: fewer than five people."""

    questions: int
    waiting: Times | None
    answering: Times | None
    with_notice: int
    """Per cent of the questions, as is the next."""
    notice_unknown: int


@dataclass(frozen=True)
class Week:
    monday: date
    people: int | None
    """In steps of five."""
    usage: Usage | None


@dataclass(frozen=True)
class Day:
    day: date
    usage: Usage | None


@dataclass(frozen=True)
class DaysOfWeek:
    days: Sequence[Day]
    others: int | None
    """Questions on the days that are not shown by themselves; None: there are no such days."""


@dataclass(frozen=True)
class Ratings:
    given: int
    helpful: int
    """Per cent, as is the next."""

    @property
    def unhelpful(self) -> int:
        return 100 - self.helpful


@dataclass(frozen=True)
class OfAssistant:
    """`assistant` is None for those too small to be shown by themselves."""

    assistant: Assistant | None
    usage: Usage | None
    ratings: Ratings | None


@dataclass(frozen=True)
class Failures:
    """How many by cause, most first; a cause is the code of the first error of which users are told the same."""

    causes: Sequence[tuple[str, int]]
    others: int
    are_complete: bool
    """Was none left out?"""


@dataclass(frozen=True)
class Figures:
    period: Period
    assistant: Assistant | None
    is_empty: bool
    """Did nobody ask at all?"""
    are_complete: bool
    """Was no question left out?"""
    usage: Usage | None
    ratings: Ratings | None
    weeks: Sequence[Week]
    days: Sequence[DaysOfWeek]
    assistants: Sequence[OfAssistant]
    failures: Failures

    @cached_property
    def people_a_week(self) -> int | None:
        """The mean of the weeks in which five asked."""
        known = [week.people for week in self.weeks if week.people]
        return round(sum(known) / len(known)) if known else None


def figures(period: Period, assistant: Assistant | None = None) -> Figures:
    """In a fixed number of queries. Raises `GaveUp`."""
    with _bounded():
        rows = _usage(period, assistant)
        ratings = _ratings(period, assistant)
        failed = _failures(period, assistant)
        assistants = Assistant.objects.in_bulk([row.assistant for row in rows if row.assistant])
    total = next(row for row in rows if row.kind == "total")
    return Figures(
        period=period,
        assistant=assistant,
        is_empty=not total.all_questions,
        are_complete=total.all_questions == total.questions,
        usage=_usage_of(total),
        ratings=ratings.get("total", {}).get(None),
        weeks=list(_weeks(period, [row for row in rows if row.kind == "week"])),
        days=list(_days(period, [row for row in rows if row.kind == "day"])),
        assistants=[
            OfAssistant(
                assistants[row.assistant] if row.assistant else None,
                _usage_of(row),
                ratings.get("assistant", {}).get(row.assistant),
            )
            for row in sorted(rows, key=lambda row: (row.assistant is None, -row.questions))
            if row.kind == "assistant" and not assistant
        ],
        failures=failed,
    )


@contextmanager
def _bounded() -> Iterator[None]:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                # Sorting in memory what a year brings takes half as long.
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, true), set_config('work_mem', '64MB', true)",
                    [f"{1000 * LONGEST:.0f}"],
                )
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise GaveUp from error
        raise


# --- counting ---

# The one place that decides what counts. `counted` has each answer of the period for which `condition` holds, with
# `is_counted`, and with its assistant and its cause where these are shown by themselves.
# Where one assistant is looked at, small causes are not put together: taken from all other causes of the week, that
# sum would leave those of the other assistants, behind which there may be fewer people.
_COUNTED = """
WITH answer AS MATERIALIZED (
    SELECT m.id, (m.created_at AT TIME ZONE %(zone)s)::date AS day,
        date_trunc('week', m.created_at AT TIME ZONE %(zone)s)::date AS week,
        t.assistant_id AS assistant, t.owner_id AS person, {columns}
    FROM threads_message m JOIN threads_thread t ON t.id = m.thread_id {join}
    WHERE m.role = 'assistant' AND m.created_at >= %(since)s AND m.created_at < %(until)s
        AND (%(assistant)s::bigint IS NULL OR t.assistant_id = %(assistant)s) AND {condition}
), cell AS (
    SELECT week, assistant, cause, count(DISTINCT person) >= %(fewest)s AS is_open
    FROM answer GROUP BY week, assistant, cause
), others AS (
    SELECT week, cause, count(DISTINCT person) >= %(fewest)s AS is_open
    FROM answer JOIN cell USING (week, assistant, cause) WHERE NOT cell.is_open
    GROUP BY week, cause
), rest AS (
    SELECT week, count(DISTINCT person) >= %(fewest)s AND %(assistant)s::bigint IS NULL AS is_open
    FROM answer JOIN cell USING (week, assistant, cause) JOIN others USING (week, cause)
    WHERE NOT cell.is_open AND NOT others.is_open
    GROUP BY week
), counted AS (
    SELECT answer.id, day, week, person, {names},
        CASE WHEN cell.is_open THEN assistant END AS assistant,
        CASE WHEN cell.is_open OR others.is_open THEN cause END AS cause,
        cell.is_open OR others.is_open OR rest.is_open AS is_counted
    FROM answer JOIN cell USING (week, assistant, cause)
        LEFT JOIN others USING (week, cause) LEFT JOIN rest USING (week)
)
"""

_EACH_QUESTION = {
    "columns": """'' AS cause, m.state = 'done' AND m.legal_advice AS with_notice,
        m.state = 'done' AND m.legal_advice IS NULL AS notice_unknown,
        extract(epoch FROM m.answering_at - m.created_at)::float AS waited,
        CASE WHEN m.state = 'done' THEN extract(epoch FROM m.finished_at - m.answering_at)::float END AS took""",
    "names": "with_notice, notice_unknown, waited, took",
    "join": "",
    "condition": "true",
}
_EACH_FEEDBACK = {
    "columns": "'' AS cause, f.rating",
    "names": "rating",
    "join": "JOIN threads_feedback f ON f.message_id = m.id",
    "condition": "true",
}
_EACH_FAILURE = {
    "columns": "coalesce(%(alike)s::jsonb ->> m.error_code, %(unknown)s) AS cause",
    "names": "''",
    "join": "",
    "condition": "m.state = 'failed'",
}

_USAGE = """
SELECT CASE WHEN {day} IS NOT NULL THEN 'day' WHEN grouping(week) = 0 THEN 'week'
        WHEN grouping(assistant) = 0 THEN 'assistant' ELSE 'total' END AS kind,
    week, {day} AS day, assistant, count(*) AS all_questions,
    count(*) FILTER (WHERE is_counted) AS questions,
    count(DISTINCT person) FILTER (WHERE is_counted) AS people,
    count(DISTINCT person) FILTER (WHERE is_counted AND waited IS NOT NULL) AS waiting_people,
    count(DISTINCT person) FILTER (WHERE is_counted AND took IS NOT NULL) AS answered_people,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY waited) FILTER (WHERE is_counted) AS waited,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY took) FILTER (WHERE is_counted) AS took,
    count(*) FILTER (WHERE is_counted AND with_notice) AS with_notice,
    count(*) FILTER (WHERE is_counted AND notice_unknown) AS notice_unknown
FROM counted GROUP BY GROUPING SETS ((), (week), (assistant){by_day})
"""
_RATINGS = """
SELECT CASE WHEN grouping(assistant) = 1 THEN 'total' ELSE 'assistant' END, assistant, count(*),
    count(*) FILTER (WHERE rating = 'up')
FROM counted WHERE is_counted GROUP BY GROUPING SETS ((), (assistant))
"""
_FAILURES = """
SELECT cause, count(*), count(*) FILTER (WHERE is_counted) FROM counted GROUP BY cause
"""


class _Row(NamedTuple):
    """Of `_USAGE`."""

    kind: str
    week: date | None
    day: date | None
    assistant: int | None
    all_questions: int
    questions: int
    people: int
    waiting_people: int
    answered_people: int
    waited: list[float] | None
    took: list[float] | None
    with_notice: int
    notice_unknown: int


def _usage(period: Period, assistant: Assistant | None) -> list[_Row]:
    is_daily = period.is_daily and not assistant
    daily = {"day": "day", "by_day": ", (week, day)"} if is_daily else {"day": "NULL::date", "by_day": ""}
    sql = _COUNTED.format(**_EACH_QUESTION) + _USAGE.format(**daily)
    return [_Row(*row) for row in _select(sql, period, assistant)]


def _ratings(period: Period, assistant: Assistant | None) -> dict[str, dict[int | None, Ratings]]:
    """By what they are of: the total, or an assistant."""
    found: dict[str, dict[int | None, Ratings]] = {}
    for kind, of, given, helpful in _select(_COUNTED.format(**_EACH_FEEDBACK) + _RATINGS, period, assistant):
        if given:
            found.setdefault(kind, {})[of] = Ratings(given, _percent(helpful, given))
    return found


def _failures(period: Period, assistant: Assistant | None) -> Failures:
    rows = list(_select(_COUNTED.format(**_EACH_FAILURE) + _FAILURES, period, assistant))
    causes = [(cause, counted) for cause, _, counted in rows if cause is not None and counted]
    return Failures(
        causes=sorted(causes, key=lambda cause: (-cause[1], cause[0])),
        others=sum(counted for cause, _, counted in rows if cause is None),
        are_complete=all(failed == counted for _, failed, counted in rows),
    )


def _select(sql: str, period: Period, assistant: Assistant | None) -> Iterable[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "zone": settings.TIME_ZONE,
                "since": begin_of(period.since),
                "until": begin_of(period.until + timedelta(days=1)),
                "assistant": assistant.pk if assistant else None,
                "alike": json.dumps(failures.first_alike()),
                "unknown": failures.UNKNOWN_CODE,
                "fewest": FEWEST,
            },
        )
        return list(cursor.fetchall())


# --- telling ---


def _weeks(period: Period, rows: Iterable[_Row]) -> Iterator[Week]:
    found = {row.week: row for row in rows}
    for monday in period.mondays:
        row = found.get(monday)
        people = in_steps(row.people) if row and row.questions else None
        yield Week(monday, people if row else 0, _usage_of(row) if row else NOTHING)


def _days(period: Period, rows: Sequence[_Row]) -> Iterator[DaysOfWeek]:
    """None where there are no rows: of long periods, and of single assistants."""
    for monday in period.mondays if rows else ():
        of_week = {row.day: row for row in rows if row.week == monday}
        if of_week and not any(row.questions for row in of_week.values()):
            yield DaysOfWeek([Day(day, None if day in of_week else NOTHING) for day in _seven(monday)], None)
            continue
        counted = [row for row in of_week.values() if row.questions]
        hidden = set(hidden_days({row.day: (row.questions, row.people) for row in counted if row.day}))
        yield DaysOfWeek(
            [
                Day(day, None if day in hidden else _usage_of(of_week[day]) if day in of_week else NOTHING)
                for day in _seven(monday)
            ],
            sum(row.questions for row in counted if row.day in hidden) if hidden else None,
        )


def _seven(monday: date) -> list[date]:
    return [monday + timedelta(days=n) for n in range(7)]


def hidden_days(days: dict[date, tuple[int, int]]) -> list[date]:
    """Of the days of a week, with their questions and people: those with too few, and the smallest of the others.

    Without that one, what is left of the week would be the days with too few.
    """
    small = [day for day, (_, people) in days.items() if people < FEWEST]
    others = sorted((questions, day) for day, (questions, _) in days.items() if day not in small)
    return sorted([*small, *(day for _, day in others[:1])]) if small else []


NOTHING = Usage(0, None, None, 0, 0)


def _usage_of(row: _Row) -> Usage | None:
    if not row.questions:
        return None
    return Usage(
        row.questions,
        _times(row.waited, row.waiting_people),
        _times(row.took, row.answered_people),
        _percent(row.with_notice, row.questions),
        _percent(row.notice_unknown, row.questions),
    )


def _times(seconds: list[float] | None, people: int) -> Times | None:
    return Times(*map(_rounded, seconds)) if seconds and people >= FEWEST else None


def _rounded(seconds: float) -> float:
    return round(max(seconds, 0), 1 if seconds < 10 else None)


def _percent(part: int, whole: int) -> int:
    return round(100 * part / whole)


def in_steps(people: int) -> int:
    """Of at least five."""
    return max(FEWEST, FEWEST * round(people / FEWEST))
