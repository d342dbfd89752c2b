"""A connection's budget: requests per second and per minute, over all processes (completions-api.md, Limits).

The rules are one function in the database, `take_slot`, under a lock per connection and by the database's
clock. What is counted is when a call was sent, not when it was allowed to: between the two lie milliseconds
that differ from call to call, and a burst could slip through.
"""

import logging
import random
import time
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection as database
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from threads.models import Connection, Slot

log = logging.getLogger(__name__)

SECOND = 1.0
# Seconds added to both windows: a call arrives a little later than it was sent, and not each by as much.
MARGIN = 0.1
FAILURES_UNTIL_PAUSE = 5  # in a row, of any questions: then the API itself is taken to be down
LONGEST_PAUSE = 60.0  # seconds between two calls that try whether it is back


@dataclass(frozen=True)
class Granted:
    slot_id: int


@dataclass(frozen=True)
class Wait:
    """Nothing is due; look again in `seconds`."""

    seconds: float


def lock(connection_id: int) -> None:
    """Until the transaction ends, nobody else takes a slot of the connection."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('take_slot'), %s)", [connection_id])


def take_slot(connection_id: int) -> Granted | Wait:
    """A slot, if one is due now. Later ones are not given out: they would be lost with who waits for them."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT slot, wait FROM take_slot(%s, %s, %s, %s)",
            [connection_id, SECOND, settings.ENVIRONMENT.budget_minute_seconds, MARGIN],
        )
        slot_id, wait = cursor.fetchone()
    return Wait(wait) if slot_id is None else Granted(slot_id)


def sent(slot_id: int, at: float) -> None:
    """The call's body began to leave, by `time.monotonic()`: on the database's clock that is so long ago as here."""
    ago = timedelta(seconds=time.monotonic() - at)
    Slot.objects.filter(pk=slot_id).update(sent_at=database_clock() - ago)


def give_back(slot_id: int) -> None:
    """Nothing was sent: the slot is as if it had not been."""
    Slot.objects.filter(pk=slot_id, sent_at=None).delete()


def note_error(slot_id: int, error_code: str) -> None:
    Slot.objects.filter(pk=slot_id).update(error_code=error_code)


def succeeded(connection_id: int) -> None:
    Connection.objects.filter(pk=connection_id).exclude(failures=0).update(failures=0)


def failed(connection_id: int) -> None:
    """After several in a row the connection pauses, longer each time: to ask who is down costs budget, too."""
    Connection.objects.filter(pk=connection_id).update(failures=F("failures") + 1)
    failures = Connection.objects.values_list("failures", flat=True).get(pk=connection_id)
    if failures >= FAILURES_UNTIL_PAUSE:
        pause(connection_id, min(2.0 ** (failures - FAILURES_UNTIL_PAUSE), LONGEST_PAUSE), "failures")


def limited(connection_id: int, retry_after: float | None) -> None:
    """429: someone else uses the key, too. All wait, not one question after another."""
    pause(connection_id, retry_after or random.uniform(1, 3), "429")  # noqa: S311


def pause(connection_id: int, seconds: float, reason: str) -> None:
    until = timezone.now() + timedelta(seconds=seconds)
    paused = Connection.objects.filter(pk=connection_id).exclude(paused_until__gte=until)
    if paused.update(paused_until=until):
        log.warning(
            "connection pauses",
            extra={
                "action": "paused",
                "connection": connection_id,
                "seconds": round(seconds, 1),
                "reason": reason,
            },
        )


def seconds_until(connection_id: int, place: int) -> float:
    """When the call at `place` in the line (from 1) may start, if nothing else happens."""
    connection = Connection.objects.get(pk=connection_id)
    minute = settings.ENVIRONMENT.budget_minute_seconds
    rounds, rest = divmod(place - 1, connection.requests_per_minute)
    now = timezone.now()
    used = list(
        Slot.objects.filter(connection=connection_id, granted_at__gt=now - timedelta(seconds=minute))
        .order_by("granted_at")
        .values_list("granted_at", flat=True)
    )
    free = connection.requests_per_minute - len(used)
    wait = rounds * minute
    if rest >= free:
        wait += max(0.0, minute - (now - used[min(rest - free, len(used) - 1)]).total_seconds())
    paused = (connection.paused_until - now).total_seconds() if connection.paused_until else 0
    return max(wait, (place - 1) / connection.requests_per_second, paused, 0.0)


def database_clock() -> Now:
    return Now(template="CLOCK_TIMESTAMP()")
