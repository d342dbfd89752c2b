"""What is in the scope of a mandate, and how it comes to be under it: all of it, or samples that are drawn by week."""

import secrets
import string
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from django.db import connection, models
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.db.models.functions import TruncWeek
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from threads.days import begin_of, monday_of
from threads.models.feedback import Rating
from threads.models.message import Message, MessageQuerySet, State
from threads.models.thread import Thread

if TYPE_CHECKING:
    from threads.models.case import SampledWeek
    from threads.models.mandate import Mandate

# Letters and digits that are not taken for each other, and of which no words come: five of them are nearly
# eight million codes.
_ALIAS_CHARACTERS = "".join(sorted(set(string.ascii_uppercase + string.digits) - set("0O1IL5S8B" + "AEUY")))
ALIAS_LENGTH = 5

# What is open for longer does not keep a sample from being drawn.
_ANSWERED_WITHIN = timedelta(days=1)
# What ended while the last collecting was under way is looked at again.
_COLLECTED_AGAIN = timedelta(hours=1)
# Conversations that one transaction puts under a mandate: a second's work, of which nobody waits for more.
MOST_AT_ONCE = 5_000
MOST_ESTIMATED = 1_000


class Selection(models.TextChoices):
    """Which answers put their conversation under a mandate."""

    ALL = "all", _("all answers")
    NOTICE = "notice", _("answers with a legal notice")
    NEGATIVE = "negative", _("answers with negative feedback")
    FAILED = "failed", _("failed answers")


_SELECTED = {
    Selection.ALL: Q(),
    Selection.NOTICE: ~Q(legal_notice=""),
    Selection.NEGATIVE: Q(feedback__rating=Rating.DOWN),
    Selection.FAILED: Q(state=State.FAILED),
}


def asked_between(first: datetime, end: datetime) -> Q:
    """Of messages: an answer counts by its question, as one that is tried again begins anew."""
    asked = Q(question=None, created_at__gte=first, created_at__lt=end)
    return asked | Q(question__created_at__gte=first, question__created_at__lt=end)


def answers_of(mandate: "Mandate", first: date) -> MessageQuerySet:
    """To questions of its period from that day on; ended ones, as it selects them."""
    # By the question: an answer that is tried again begins anew, maybe after the period. It is never older
    # than its question, which lets the index on answers find where to begin.
    begin, end = begin_of(first), begin_of(mandate.until + timedelta(days=1))
    answers = Message.objects.answers().filter(
        finished_at__isnull=False,
        created_at__gte=begin,
        question__created_at__gte=begin,
        question__created_at__lt=end,
    )
    if assistants := list(mandate.assistants.values_list("pk", flat=True)):
        answers = answers.filter(thread__assistant__in=assistants)
    return answers.filter(_SELECTED[Selection(mandate.selection)])


def estimate(mandate: "Mandate") -> int:
    """How many conversations a release would put under it now; of more than `MOST_ESTIMATED`, one more."""
    found = _candidates(mandate, answers_of(mandate, mandate.since)).order_by()[: MOST_ESTIMATED + 1].count()
    if mandate.sample_per_week:
        drawn = mandate.sample_per_week * len(list(_weeks_over(mandate, timezone.now())))
        return min(found, drawn, MOST_ESTIMATED + 1)
    return found


def look(mandate: "Mandate") -> "Found":
    """What is in scope and not there yet. Without a lock: `keep` looks again where it matters."""
    now = timezone.now()
    if mandate.sample_per_week:
        return _draw(mandate, mandate.sample_per_week, now)
    answers = answers_of(mandate, mandate.since)
    if mandate.collected_at and mandate.collected_at >= begin_of(timezone.localdate(now)):
        answers = answers.filter(_is_new(mandate, mandate.collected_at - _COLLECTED_AGAIN))
    new = list(_candidates(mandate, answers)[: MOST_AT_ONCE + 1])
    return Found(now, new[:MOST_AT_ONCE], [], is_all=len(new) <= MOST_AT_ONCE)


def _is_new(mandate: "Mandate", since: datetime) -> Q:
    """It has come into scope after that, maybe. One condition at a time, each of which has its index."""
    if mandate.selection == Selection.NEGATIVE:  # which is given when the answer is there
        return Q(feedback__updated_at__gte=since)
    return Q(finished_at__gte=since)


def _candidates(mandate: "Mandate", answers: MessageQuerySet) -> "QuerySet[Thread, uuid.UUID]":
    """Conversations that are not there yet, oldest first."""
    threads = Thread.objects.filter(pk__in=answers.values("thread"), deleted_at=None)
    new = threads.exclude(Exists(mandate.cases.filter(thread=OuterRef("pk"))))
    return new.order_by("created_at", "pk").values_list("pk", flat=True)


def _draw(mandate: "Mandate", size: int, now: datetime) -> "Found":
    """Of each week that is over: what there is to draw from is then complete, and is drawn from once."""
    sampled = set(mandate.weeks.values_list("monday", flat=True))
    due = [monday for monday in _weeks_over(mandate, now) if monday not in sampled]
    draws: list[Draw] = []
    chosen: set[uuid.UUID] = set()
    for monday, candidates in _candidates_by_week(mandate, due):
        if monday not in due:
            continue
        if len(chosen) >= MOST_AT_ONCE:
            return Found(now, [], _with_empty(draws, due, before=monday), is_all=False)
        fresh = [pk for pk in candidates if pk not in chosen]
        drawn = secrets.SystemRandom().sample(fresh, min(size, len(fresh)))
        chosen.update(drawn)
        draws.append(Draw(monday, len(fresh), drawn))
    return Found(now, [], _with_empty(draws, due), is_all=True)


def _weeks_over(mandate: "Mandate", now: datetime) -> Iterator[date]:
    """The weeks of the period, by their Mondays, of which all questions have been answered, or have failed."""
    open_ = Message.objects.open().filter(created_at__gte=now - _ANSWERED_WITHIN)
    oldest = open_.aggregate(asked=Min("question__created_at"))["asked"]
    answered_until = min(now, oldest or now)
    monday = monday_of(mandate.since)
    while monday <= mandate.until:
        if begin_of(min(monday + timedelta(days=7), mandate.until + timedelta(days=1))) > answered_until:
            return
        yield monday
        monday += timedelta(days=7)


def _candidates_by_week(
    mandate: "Mandate", mondays: list[date]
) -> "Iterator[tuple[date, Iterator[uuid.UUID]]]":
    """Of all weeks in one query, and in memory one after another."""
    if not mondays:
        return
    there = mandate.cases.filter(thread=OuterRef("thread"))
    answers = answers_of(mandate, max(mondays[0], mandate.since)).filter(thread__deleted_at=None)
    rows = (
        answers.exclude(Exists(there))
        .annotate(monday=TruncWeek("question__created_at", output_field=models.DateField()))
        .values_list("monday", "thread")
        .distinct()
        .order_by("monday", "thread")
    )
    for monday, of_week in groupby(rows.iterator(), itemgetter(0)):
        yield monday, (pk for _, pk in of_week)


def keep(mandate: "Mandate", found: "Found") -> "list[SampledWeek]":
    """Under the lock: what was not put there meanwhile."""
    sampled = set(mandate.weeks.values_list("monday", flat=True))
    draws = [draw for draw in found.draws if draw.monday not in sampled]
    _add(mandate, [*found.threads, *(pk for draw in draws for pk in draw.threads)])
    if found.is_all:
        mandate.collected_at = found.at
    mandate.save(update_fields=["collected_at", "last_number"])
    return mandate.weeks.bulk_create(
        mandate.weeks.model(
            mandate=mandate, monday=draw.monday, population=draw.population, drawn=len(draw.threads)
        )
        for draw in draws
    )


def _add(mandate: "Mandate", new: Sequence[uuid.UUID]) -> None:
    owners = _kept_from_erasure(new)
    there = set(mandate.cases.filter(thread__in=new).values_list("thread", flat=True))
    new = [pk for pk in new if pk in owners and pk not in there]
    aliases = aliases_of(mandate, {owners[pk] for pk in new})
    mandate.cases.bulk_create(
        (
            mandate.cases.model(mandate=mandate, number=number, thread_id=pk, alias_id=aliases[owners[pk]])
            for number, pk in enumerate(new, start=mandate.last_number + 1)
        ),
        batch_size=MOST_AT_ONCE,
    )
    mandate.last_number += len(new)


def aliases_of(mandate: "Mandate", owners: set[int]) -> dict[int, int]:
    """By the owners; those who have none get one."""
    known = dict(mandate.aliases.filter(owner__in=owners).values_list("owner", "pk"))
    new = list(owners - set(known))
    # Nothing of an alias, not even when it was made, is to tell whose it is.
    secrets.SystemRandom().shuffle(new)
    taken = set(mandate.aliases.values_list("code", flat=True)) if new else set()
    aliases = []
    for owner in new:
        while (code := _random_code()) in taken:
            pass
        taken.add(code)
        aliases.append(mandate.aliases.model(mandate=mandate, owner_id=owner, code=code))
    made = mandate.aliases.bulk_create(aliases, batch_size=MOST_AT_ONCE)
    return known | {alias.owner_id: alias.pk for alias in made}


@dataclass(frozen=True)
class Draw:
    monday: date
    population: int
    threads: list[uuid.UUID]


@dataclass(frozen=True)
class Found:
    """What is to come under a mandate: conversations, or samples of weeks. `is_all`: that was all, at that time."""

    at: datetime
    threads: list[uuid.UUID]
    draws: list[Draw]
    is_all: bool


def _with_empty(draws: list[Draw], due: list[date], before: date = date.max) -> list[Draw]:
    """With the weeks in which there was nothing to draw from: that is a draw, too, and the only one."""
    drawn = {draw.monday: draw for draw in draws}
    return [drawn.get(monday) or Draw(monday, 0, []) for monday in due if monday < before]


def _kept_from_erasure(threads: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Of those that are there, their owners; nobody erases them till the transaction ends.

    What is being erased at this moment is passed over, not waited for. (Django has no lock as weak as this one,
    which is in nobody else's way.)
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, owner_id FROM threads_thread WHERE id = ANY(%s) AND deleted_at IS NULL "
            "FOR KEY SHARE SKIP LOCKED",
            [list(threads)],
        )
        return dict(cursor.fetchall())


def _random_code() -> str:
    return "".join(secrets.choice(_ALIAS_CHARACTERS) for _ in range(ALIAS_LENGTH))
