"""How long does it take to verify the log, and how many writers does its one chain bear?

    uv run python -m benchmarks.log

verify    100,000 events, of all kinds that reading brings, recorded as the site records them; then the command
          verify_log, three times. Printed is the slowest, and by how much the process grew meanwhile.
writers   Each writer is a thread with a connection of its own, and records one event per transaction, as fast as it
          can. They wait for each other: of 50, each gets its turn, and together they should not be slower than one.
          The two are measured in turns in one run, so that a busy machine slows both.
reading   A page of that log, as its page shows it, with and without filters, and all of it as a file.

Broken is a promise where an event does not fit, where verifying takes longer than SECONDS_AT_MOST, or where 50
writers record less than SHARE_AT_LEAST of what one does.
"""

import io
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Iterator

import psutil
from django.core.management import call_command
from django.db import connections, transaction

from benchmarks.fleet import Promises, fleet
from threads.log import Filters, Reading
from threads.models import Event, Happening, Kind, User

EVENTS, IN_ONE_TRANSACTION = 100_000, 1_000
SECONDS_AT_MOST = 30.0
WRITERS, ROUNDS, ROUND_SECONDS = 50, 3, 4.0
SHARE_AT_LEAST = 0.5


def main() -> bool:
    promises = Promises()
    with fleet():
        users = User.objects.bulk_create(User(email=f"user-{n}@example.org") for n in range(200))
        fill(users)
        print(f"\nverify: {EVENTS:,} events")
        verify(promises)
        print(f"\nreading: {EVENTS:,} events")
        read(users)
        print(f"\nwriters: 1 and {WRITERS}, {ROUNDS} rounds of {ROUND_SECONDS:.0f} s each in turns")
        write(promises)
    return promises.broken


def fill(users: list[User]) -> None:
    began = time.monotonic()
    happenings = happenings_of(users)
    for _ in range(EVENTS // IN_ONE_TRANSACTION):
        with transaction.atomic():
            Event.objects.record_all(next(happenings) for _ in range(IN_ONE_TRANSACTION))
    print(f"       recorded in {time.monotonic() - began:.0f} s, {IN_ONE_TRANSACTION:,} in a transaction")


def happenings_of(users: list[User]) -> Iterator[Happening]:
    mandates = [uuid.uuid4() for _ in range(20)]
    for n in range(EVENTS):
        user, mandate = users[n % len(users)], mandates[n % len(mandates)]
        auditor = users[n % 7]
        match n % 4:
            case 0:
                yield Happening(Kind.SIGNED_IN, user, user.pk)
            case 1:
                details = {
                    "count": n % 90,
                    "assistants": [1, 2],
                    "since": "2026-01-01",
                    "until": "2026-06-30",
                }
                yield Happening(Kind.SEARCHED, auditor, mandate_id=mandate, details=details)
            case _:
                details = {"conversation": n}
                yield Happening(Kind.THREAD_READ, auditor, user.pk, mandate, uuid.uuid4(), details)


def verify(promises: Promises) -> None:
    took = []
    before = memory()
    for _ in range(3):
        began = time.monotonic()
        said = io.StringIO()
        call_command("verify_log", stdout=said)
        took.append(time.monotonic() - began)
    grown = memory() - before
    promises.check(f"Events: {EVENTS:,}, and all fit" in said.getvalue(), "all events fit")
    promises.check(
        max(took) <= SECONDS_AT_MOST, f"verified in {max(took):.1f} s; the process grew by {grown:.0f} MB"
    )


def read(users: list[User]) -> None:
    reader = users[0]
    for name, filters in (
        ("a page", Filters()),
        ("a page of one person", Filters(person_id=users[5].pk)),
        ("a page of a kind that is rare", Filters(kinds=(Kind.LOG_READ,))),
    ):
        took = []
        for _ in range(20):
            began = time.monotonic()
            Reading(reader, filters).page()
            took.append((time.monotonic() - began) * 1000)
        print(f"       {name}: median {statistics.median(took):.0f} ms")
    for name in ("json_lines", "csv"):
        with transaction.atomic():
            reading = Reading(reader, Filters())
            head = reading.record(name)
        before, began = memory(), time.monotonic()
        size = sum(len(part.encode()) for part in getattr(reading, name)(head))
        took_s = time.monotonic() - began
        print(
            f"       {name}: {size / 1e6:.0f} MB in {took_s:.1f} s; the process grew by {memory() - before:.0f} MB"
        )


def write(promises: Promises) -> None:
    rates: dict[int, list[float]] = {1: [], WRITERS: []}
    for _ in range(ROUNDS):
        for writers, measured in rates.items():
            measured.append(rate_of(writers))
    one, many = (statistics.median(measured) for measured in rates.values())
    said = io.StringIO()
    call_command("verify_log", stdout=said)
    promises.check("and all fit" in said.getvalue(), f"one unbroken chain: {said.getvalue().splitlines()[0]}")
    promises.check(
        many >= SHARE_AT_LEAST * one,
        f"{WRITERS} writers record {many:,.0f} events a second, one records {one:,.0f}: {many / one:.2f} times as many",
    )


def rate_of(writers: int) -> float:
    """Events per second, of all of them together."""
    together = threading.Barrier(writers + 1)
    counts = [0] * writers
    over = threading.Event()

    def run(writer: int) -> None:
        connections["default"].ensure_connection()
        together.wait()
        while not over.is_set():
            with transaction.atomic():
                Event.objects.record(Kind.SEARCHED, details={"count": counts[writer]})
            counts[writer] += 1
        connections.close_all()

    threads = [threading.Thread(target=run, args=[writer]) for writer in range(writers)]
    for thread in threads:
        thread.start()
    together.wait()
    began = time.monotonic()
    time.sleep(ROUND_SECONDS)
    over.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)


def memory() -> float:
    """Of this process, in MB."""
    return float(psutil.Process().memory_info().rss) / 1e6


if __name__ == "__main__":
    sys.exit(main())
