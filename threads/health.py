"""What machines want to know: is the site ready, and its figures for Prometheus. Nothing about persons.

All is read from the database. So each web process tells the same, and workers need no port of their own.
"""

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, F, Max, Min, Q
from django.db.models.functions import Now
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily as Gauge
from prometheus_client.registry import Collector

from threads import failures
from threads.models import Connection, Message, Slot, State, Worker
from threads.models.message import OPEN_STATES

UNREACHABLE = (Error, OSError)  # the database is away, too slow, or not set up
STATEMENT_TIMEOUT = "2s"  # of each query here: who asks would rather have no answer than a late one
RECENT = timedelta(minutes=5)
QUANTILES = (0.5, 0.95, 1.0)


@contextlib.contextmanager
def _quickly() -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
        yield


# --- ready ---


@dataclass(frozen=True)
class Check:
    ok: bool
    found: float | None = None  # what was looked at: a number, or an age in seconds


def readiness() -> dict[str, Check]:
    """Each check by its name. Without the database none of the others is tried: each would wait for it."""
    checks = dict.fromkeys(CHECKS, Check(ok=False))
    for name, check in CHECKS.items():
        try:
            with _quickly():
                checks[name] = check()
        except UNREACHABLE:
            if name == "database":
                break
    return checks


def _database() -> Check:
    return Check(ok=True)  # `_quickly` has asked it something


def _migrations() -> Check:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return Check(ok=not missing, found=missing)


def _worker() -> Check:
    silent = _seconds(Worker.objects.aggregate(age=Now() - Max("seen_at"))["age"])
    return Check(ok=silent is not None and silent < settings.ENVIRONMENT.recovery_seconds, found=silent)


def _oldest_waiting() -> Check:
    """Of questions whose answer is still to come, in whichever way it got stuck."""
    age = _seconds(Message.objects.open().aggregate(age=Now() - Min("created_at"))["age"])
    return Check(ok=age is None or age < settings.ENVIRONMENT.ready_waiting_seconds, found=age)


CHECKS: dict[str, Callable[[], Check]] = {
    "database": _database,
    "migrations": _migrations,
    "worker": _worker,
    "oldest_waiting": _oldest_waiting,
}


# --- metrics ---


class Figures(Collector):
    """Read when they are asked for, at a cost that does not grow with the number of messages.

    Totals since ever would: they count all rows. They would also fall whenever conversations are erased,
    which Prometheus takes for a restart. So what happened is told as gauges over the last minutes
    (`chatsite_recent_…`), which the index `message_finished` serves.
    """

    def collect(self) -> Iterator[Gauge]:
        with _quickly():
            yield Gauge("chatsite_recent_window_seconds", "What recent means.", RECENT.total_seconds())
            yield from _answers()
            yield from _budget()
            yield Gauge("chatsite_workers", "Workers alive.", Worker.objects.alive().count())


def _answers() -> Iterator[Gauge]:
    is_recent = Q(created_at__gte=Now() - RECENT)
    still_open = list(
        Message.objects.open()
        .values("state", "error_code")
        .annotate(number=Count("pk"), recent=Count("pk", filter=is_recent), age=Now() - Min("created_at"))
    )
    ended = list(
        Message.objects.answers()
        .filter(finished_at__gte=Now() - RECENT)
        .annotate(
            is_recent=is_recent,
            waiting=F("answering_at") - F("created_at"),
            answering=F("finished_at") - F("answering_at"),
        )
        .values("state", "error_code", "is_recent", "waiting", "answering")
    )
    in_state, trying_again = Counter[str](), Counter[str]()
    for row in still_open:
        in_state[row["state"]] += row["number"]
        if row["error_code"]:
            trying_again[_code(row["error_code"])] += row["number"]

    yield Gauge(
        "chatsite_recent_questions",
        "Questions asked recently.",
        # Each is either still to be answered, or was so recently.
        sum(row["recent"] for row in still_open) + sum(row["is_recent"] for row in ended),
    )
    yield _labelled("chatsite_open_answers", "Answers still to come.", "state", in_state, OPEN_STATES)
    yield Gauge(
        "chatsite_oldest_open_answer_seconds",
        "Age of the oldest question whose answer is still to come; 0 without one.",
        max((row["age"].total_seconds() for row in still_open), default=0),
    )
    yield _labelled(
        "chatsite_retrying_answers",
        "Answers still to come whose last call to the API failed.",
        "error_code",
        trying_again,
    )
    yield _labelled(
        "chatsite_recent_answers",
        "Answers that came to an end recently.",
        "state",
        Counter(row["state"] for row in ended),
        [state for state in State if state not in OPEN_STATES],
    )
    yield _labelled(
        "chatsite_recent_failures",
        "Answers that failed for good recently.",
        "error_code",
        Counter(_code(row["error_code"]) for row in ended if row["state"] == State.FAILED),
    )
    yield _quantiles(
        "chatsite_recent_waiting_seconds",
        "From the question to the beginning of the last call to the API.",
        [row["waiting"].total_seconds() for row in ended if row["waiting"]],
    )
    yield _quantiles(
        "chatsite_recent_answering_seconds",
        "From the beginning of the last call to the API to the stored answer.",
        [row["answering"].total_seconds() for row in ended if row["answering"]],
    )


def _budget() -> Iterator[Gauge]:
    """By the connection's id: its name is whatever an admin typed."""
    minute = Q(slots__granted_at__gt=Now() - timedelta(seconds=settings.ENVIRONMENT.budget_minute_seconds))
    used = Gauge("chatsite_budget_used", "Calls to the API in the last minute.", labels=["connection"])
    limit = Gauge("chatsite_budget_limit", "Calls to the API that a minute allows.", labels=["connection"])
    for row in Connection.objects.annotate(used=Count("slots", filter=minute)).order_by("pk"):
        used.add_metric([str(row.pk)], row.used)
        limit.add_metric([str(row.pk)], row.requests_per_minute)
    yield from (used, limit)
    errors = Slot.objects.filter(granted_at__gte=Now() - RECENT).exclude(error_code="")
    yield _labelled(
        "chatsite_recent_api_errors",
        "Calls to the API that failed recently, also where trying again helped.",
        "error_code",
        Counter(_code(code) for code in errors.values_list("error_code", flat=True)),
    )


_registry = CollectorRegistry()
_registry.register(Figures())


def metrics() -> bytes:
    """In Prometheus' text format. Raises what is `UNREACHABLE`."""
    return generate_latest(_registry)


def _labelled(name: str, text: str, label: str, numbers: Counter[str], always: Sequence[str] = ()) -> Gauge:
    gauge = Gauge(name, text, labels=[label])
    for value in [*always, *sorted(numbers.keys() - set(always))]:
        gauge.add_metric([value], numbers[value])
    return gauge


def _quantiles(name: str, text: str, seconds: list[float]) -> Gauge:
    """Nothing but the name where nothing was measured."""
    gauge = Gauge(name, text, labels=["quantile"])
    seconds.sort()
    for quantile in QUANTILES if seconds else ():
        gauge.add_metric([str(quantile)], seconds[math.ceil(quantile * len(seconds)) - 1])
    return gauge


def _code(error_code: str) -> str:
    """One of a closed list: each value of a label is a time series of its own."""
    return error_code if error_code in failures.KNOWN_CODES else "other"


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds(), 1)
