"""Does reviewing stay fast in a database of a million messages?

    uv run python -m benchmarks.review [MESSAGES]

Fills a database of its own as `benchmarks.million` does, and releases two mandates there: a usual one (60 days of one
assistant, of which the whole is read) and the broadest there can be (all assistants, two years: each conversation).
Then an auditor opens a hundred different conversations under each, lists them with filters, and searches, through
Django's test client in this process: signed in, with all its middleware and queries, and with the event that each view
records and commits, without HTTP.

It promises that a conversation opens in under 100 ms (p95), also under the broadest mandate, and that all pages make
as many queries there as under the usual one. It takes 6 GB of disk meanwhile.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from django.apps import apps
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from benchmarks.fleet import Promises, acknowledge, fleet  # first: it chooses the database
from benchmarks.million import (
    MANY,
    ROUNDS,
    SEED,
    Figures,
    count_queries,
    disk_gb,
    fill,
    milliseconds_of,
    set_up,
)
from threads.models import Assistant, Event, Mandate, Thread, User
from threads.roles import AUDITOR, RELEASER, make_groups
from threads.search import LONGEST_SEARCH

OPENS_WITHIN = 100.0  # ms, p95
GAVE_UP = 503

FILTERS = {
    "list": "",
    "list: with a legal notice": "?with_notice=on",
    "list: no finding yet": "?finding=none",
    "list: open": "?progress=open",
    "list: failed, of which there are none": "?state=failed",
}
SEARCHES = {
    "search: a frequent word": "?q=Kündigung",
    "search: a phrase": "?q=%22fristlose+Kündigung%22",
    "search: a word that is not there": "?q=Seepferdchen",
}
# Each text has to be looked through for it; that of a hundred thousand conversations is given up after 3 s.
MAY_GIVE_UP = "search: a word that is not there"


def main(many: int) -> bool:
    promises = Promises()
    with fleet():
        set_up()
        began = time.monotonic()
        fill(many)
        print(
            f"{many:,} messages in {Thread.objects.count():,} conversations, "
            f"filled in {time.monotonic() - began:.0f} s, {disk_gb():.1f} GB",
            flush=True,
        )
        auditor, releaser = make_reviewers()
        usual = release("usual", auditor, releaser, 60, [Assistant.objects.earliest("pk")])
        broadest = release("broadest", auditor, releaser, 800, [])
        figures = {mandate: measure(mandate, auditor) for mandate in (usual, broadest)}
        figures[broadest].pop(MAY_GIVE_UP, None)
        for page, of_broadest in figures[broadest].items():
            promises.check(
                max(of_broadest.queries) <= max(figures[usual][page].queries),
                f"{page}: {max(of_broadest.queries)} queries under the broadest mandate, not more than otherwise",
            )
        for mandate in (usual, broadest):
            opened = figures[mandate]["a conversation"]
            promises.check(
                opened.p95 < OPENS_WITHIN,
                f"{mandate}: a conversation opens in {opened.p95:.1f} ms (p95), within {OPENS_WITHIN:.0f} ms",
            )
        print(f"{Event.objects.count():,} events were recorded by this")
    return promises.broken


def make_reviewers() -> tuple[User, User]:
    make_groups()
    found: list[User] = []
    for role in (AUDITOR, RELEASER):
        user = User.objects.create_user(f"{len(found)}@review.example")
        user.groups.add(apps.get_model("auth.Group").objects.get(name=role.name))
        found.append(user)
    acknowledge(found)
    return found[0], found[1]


def release(title: str, auditor: User, releaser: User, days: int, assistants: list[Assistant]) -> Mandate:
    today = timezone.localdate()
    mandate = Mandate(
        title=title,
        purpose="benchmark",
        legal_basis="benchmark",
        since=today - timedelta(days=days),
        until=today,
        valid_from=today,
        valid_until=today + timedelta(days=7),
        proposed_by=auditor,
    )
    mandate.propose(assistants, [auditor])
    began = time.monotonic()
    mandate.release(releaser)
    released = time.monotonic() - began
    while mandate.collect():  # of very many the workers put the rest under it
        pass
    took = time.monotonic() - began
    print(
        f"\n{title} mandate: {mandate.cases.count():,} conversations, released in {released:.1f} s, "
        f"all collected after {took:.1f} s",
        flush=True,
    )
    with database.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE threads_case")  # as PostgreSQL does by itself in a while
    return mandate


def measure(mandate: Mandate, auditor: User) -> dict[str, Figures]:
    print(f"\nunder the {mandate} mandate", flush=True)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(auditor)
    base = f"/review/mandates/{mandate.pk}/conversations/"
    chance = random.Random(SEED)  # noqa: S311
    numbers = list(mandate.cases.values_list("number", flat=True))
    pages: dict[str, Callable[[], str]] = {
        "a conversation": lambda: f"{base}{chance.choice(numbers)}/",
        **{page: lambda query=query: base + query for page, query in FILTERS.items()},  # type: ignore[misc]
        **{page: lambda query=query: base + query for page, query in SEARCHES.items()},  # type: ignore[misc]
    }
    return {page: found for page, url in pages.items() if (found := report(page, client, url))}


def report(page: str, client: Client, url: Callable[[], str]) -> Figures | None:
    """None: it was given up, and said so."""
    if page == MAY_GIVE_UP and client.get(url()).status_code == GAVE_UP:
        print(f"{page:34} given up after {LONGEST_SEARCH} s: the auditor is asked to narrow it down")
        return None
    urls = [url() for _ in range(ROUNDS if page == "a conversation" else ROUNDS // 5)]
    queries = {count_queries(client, each) for each in urls}  # from a cold cache
    times = sorted(milliseconds_of(client, each) for each in urls)
    figures = Figures(statistics.median(times), times[int(len(times) * 0.95)], queries)
    print(f"{page:34} {figures}", flush=True)
    return figures


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY))
