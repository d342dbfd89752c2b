"""Reading under a mandate: which conversations, in their order, and what of each is shown to an auditor."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Count, Exists, Max, Min, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from threads.days import begin_of
from threads.models import (
    Assistant,
    Case,
    Finding,
    Mandate,
    Message,
    Rating,
    Reveal,
    Role,
    State,
    User,
)
from threads.models.case import CaseQuerySet, person_called
from threads.models.scope import asked_between

CASES_PER_PAGE = 30
MESSAGES_PER_PAGE = 30  # of a conversation, as on the page of its owner
METADATA_CHARACTERS = 20_000  # of an answer's, as they are shown


# --- which conversations ---


class AnsweredHow(models.TextChoices):
    DONE = State.DONE.value, _("answered")
    FAILED = State.FAILED.value, _("failed")
    STOPPED = State.STOPPED.value, _("withdrawn")


class Rated(models.TextChoices):
    NEGATIVE = "negative", _("negative")
    POSITIVE = "positive", _("positive")
    ANY = "any", _("with feedback")


class Found(models.TextChoices):
    NONE = "none", _("without findings")
    OPEN = "open", _("with open findings")
    CLOSED = "closed", _("with closed findings only")
    ANY = "any", _("with findings")


class HowFar(models.TextChoices):
    OPEN = "open", _("not read yet")
    READ = "read", _("read")
    FLAGGED = "flagged", _("flagged")


@dataclass(frozen=True)
class Filters:
    """Conversations that meet all of it; what is said of answers, one and the same of them meets."""

    assistant: Assistant | None = None
    since: date | None = None
    until: date | None = None
    with_notice: bool = False
    feedback: str = ""
    state: str = ""
    finding: str = ""
    progress: str = ""

    def period_of(self, mandate: Mandate) -> tuple[datetime, datetime]:
        """Of what was asked: the mandate's, or a part of it; begin and end."""
        since = max(self.since or mandate.since, mandate.since)
        until = min(self.until or mandate.until, mandate.until)
        return begin_of(since), begin_of(until + timedelta(days=1))

    @property
    def of_answers(self) -> Q:
        conditions = Q()
        if self.with_notice:
            conditions &= ~Q(legal_notice="")
        if self.state:
            conditions &= Q(state=self.state)
        if self.feedback:
            conditions &= _RATED[Rated(self.feedback)]
        return conditions

    @property
    def is_of_answers(self) -> bool:
        return bool(self.since or self.until or self.of_answers)

    @property
    def names(self) -> dict[str, object]:
        """Those that are set, for the log."""
        said = {
            "assistant": self.assistant and self.assistant.pk,
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
            "with_notice": self.with_notice,
            "feedback": self.feedback,
            "state": self.state,
            "finding": self.finding,
            "progress": self.progress,
        }
        return {name: value for name, value in said.items() if value}


_RATED = {
    Rated.NEGATIVE: Q(feedback__rating=Rating.DOWN),
    Rated.POSITIVE: Q(feedback__rating=Rating.UP),
    Rated.ANY: Q(feedback__isnull=False),
}


def cases_of(mandate: Mandate, user: User, filters: Filters) -> CaseQuerySet:
    """Those that the user may read now, in order."""
    cases = Case.objects.readable_by(user).filter(mandate=mandate)
    if filters.assistant:
        cases = cases.filter(thread__assistant=filters.assistant)
    first, end = filters.period_of(mandate)
    if filters.is_of_answers:
        answers = Message.objects.answers().filter(
            filters.of_answers, asked_between(first, end), thread=OuterRef("thread")
        )
        cases = cases.filter(Exists(answers))
    if filters.since or filters.until:
        # What begins after the period, or ended before it, is left out without a look at its messages.
        is_late = Q(thread__asked_at__gte=first) | Q(thread__answered_at__gte=first)
        cases = cases.filter(is_late, thread__created_at__lt=end)
    if filters.finding:
        cases = cases.filter(_found(Found(filters.finding)))
    if filters.progress:
        cases = cases.filter(_HOW_FAR[HowFar(filters.progress)])
    return cases.in_order()


def _found(found: Found) -> Q:
    findings = Finding.objects.filter(case=OuterRef("pk"))
    has_any, has_open = Q(Exists(findings)), Q(Exists(findings.open()))
    return {
        Found.NONE: ~has_any,
        Found.OPEN: has_open,
        Found.CLOSED: has_any & ~has_open,
        Found.ANY: has_any,
    }[found]


_HOW_FAR = {
    HowFar.OPEN: Q(read_at=None),
    HowFar.READ: Q(read_at__isnull=False),
    HowFar.FLAGGED: Q(is_flagged=True),
}


# --- a page of them ---


@dataclass(frozen=True)
class Row:
    """A conversation in the list: nothing of what was written in it."""

    case: Case
    person: str
    first_at: datetime | None
    last_at: datetime | None
    answers: int
    notices: int
    negative: int
    failed: int
    findings: int
    open_findings: int


@dataclass(frozen=True)
class CasesPage:
    rows: Sequence[Row]
    has_earlier: bool
    has_later: bool


def page_of(cases: CaseQuerySet, after: int | None = None, before: int | None = None) -> CasesPage:
    """What follows the number `after`, or comes before `before`; three queries."""
    part = cases.select_related("mandate", "thread__assistant", "thread__owner", "alias")
    if before is not None:
        found = list(part.filter(number__lt=before).order_by("-number")[: CASES_PER_PAGE + 1])
        page = found[:CASES_PER_PAGE][::-1]
        return CasesPage(_rows(page), len(found) > CASES_PER_PAGE, has_later=True)
    found = list(part.filter(number__gt=after or 0)[: CASES_PER_PAGE + 1])
    return CasesPage(_rows(found[:CASES_PER_PAGE]), after is not None, len(found) > CASES_PER_PAGE)


def _rows(cases: Sequence[Case]) -> list[Row]:
    if not cases:
        return []
    first, end = Filters().period_of(cases[0].mandate)
    threads = [case.thread_id for case in cases]
    messages = (
        Message.objects.filter(asked_between(first, end), thread__in=threads)
        .order_by()
        .values_list("thread")
        .annotate(
            first_at=Min("created_at"),
            last_at=Max("created_at"),
            answered=Count("pk", filter=Q(role=Role.ASSISTANT)),
            noticed=Count("pk", filter=~Q(legal_notice="")),
            negative=Count("pk", filter=_RATED[Rated.NEGATIVE]),
            failed=Count("pk", filter=Q(state=State.FAILED)),
        )
    )
    findings = (
        Finding.objects.filter(case__in=cases)
        .order_by()
        .values_list("case")
        .annotate(all=Count("pk"), open=Count("pk", filter=Q(closed_at=None)))
    )
    written: dict[Any, list[Any]] = {thread: list(figures) for thread, *figures in messages}
    found: dict[Any, list[Any]] = {case: list(figures) for case, *figures in findings}
    return [
        Row(case, person_of(case), *written.get(case.thread_id, _NOTHING), *found.get(case.pk, (0, 0)))
        for case in cases
    ]


_NOTHING = (None, None, 0, 0, 0, 0)


@dataclass(frozen=True)
class Neighbours:
    """Numbers of the conversations before and after one, and of the next that was not read yet."""

    previous: int | None
    next: int | None
    next_open: int | None


def neighbours_of(case: Case, cases: CaseQuerySet) -> Neighbours:
    numbers = cases.values_list("number", flat=True)
    return Neighbours(
        numbers.filter(number__lt=case.number).order_by("-number").first(),
        numbers.filter(number__gt=case.number).first(),
        next_open(cases.exclude(pk=case.pk), case.number),
    )


def next_open(cases: CaseQuerySet, after: int = 0) -> int | None:
    """After that number; else the first of all."""
    numbers = cases.filter(read_at=None).values_list("number", flat=True)
    following = numbers.filter(number__gt=after).first()
    return following if following is not None or not after else numbers.first()


# --- whose it is ---


def person_of(case: Case) -> str:
    """What its owner is called under the mandate."""
    if case.mandate.shows_names:
        return case.thread.owner.name_and_address
    return person_called(case.alias.code)


@dataclass(frozen=True)
class Identity:
    """`name`: whom the pseudonym stands for, once that was revealed for this conversation. `reveals`: newest first."""

    person: str
    is_pseudonym: bool = False
    name: str = ""
    reveals: Sequence[Reveal] = ()

    @property
    def is_named(self) -> bool:
        """Does who reads the conversation learn whose it is?"""
        return bool(self.name) or not self.is_pseudonym

    @property
    def is_asked_for(self) -> bool:
        return any(not (reveal.released_at or reveal.refused_at) for reveal in self.reveals)


def identity_of(case: Case) -> Identity:
    if case.mandate.shows_names:
        return Identity(person_of(case))
    reveals = list(case.reveals.select_related("requested_by", "decided_by").order_by("-requested_at", "-pk"))
    is_revealed = any(reveal.released_at for reveal in reveals)
    name = case.thread.owner.name_and_address if is_revealed else ""
    return Identity(person_of(case), is_pseudonym=True, name=name, reveals=reveals)


# --- one of them ---


@dataclass(frozen=True)
class Reading:
    """A part of a conversation, all that is shown of it looked up.

    `outside`: so many messages are not to be read. `earlier`, `later`: after which positions the parts before and
    behind it begin; None: there is none.
    """

    messages: list[Message]
    outside: int
    earlier: int | None
    later: int | None

    @property
    def positions(self) -> list[int]:
        """The first and the last."""
        return [message.position for message in (self.messages[:1] + self.messages[-1:])]


def read(case: Case, after: int = 0) -> Reading:
    """What follows the position `after`. Messages know all that is shown beside them (see `Message`)."""
    messages = case.messages()
    shown = messages.filter(position__gt=after).select_related("feedback").prefetch_related("sources")
    found = list(shown[: MESSAGES_PER_PAGE + 1])
    page = found[:MESSAGES_PER_PAGE]
    findings = findings_of(case)
    selected = set(case.mandate.answers().filter(thread=case.thread_id).values_list("pk", flat=True))
    for message in page:
        message.thread = case.thread
        message.case_findings = findings.get(message.pk, [])
        message.case_metadata = metadata_of(message)
        message.is_selected = message.pk in selected
    has_earlier = after > 0 and messages.filter(position__lte=after).exists()
    everything = Message.objects.filter(thread=case.thread_id)
    return Reading(
        page,
        outside=everything.exclude(case.mandate.in_period()).count(),
        earlier=max(0, after - MESSAGES_PER_PAGE) if has_earlier else None,
        later=page[-1].position if len(found) > MESSAGES_PER_PAGE else None,
    )


def page_with(position: int) -> int:
    """After which position the page begins that shows this one."""
    return (position - 1) // MESSAGES_PER_PAGE * MESSAGES_PER_PAGE


def findings_of(case: Case) -> dict[UUID, list[Finding]]:
    """By the answers that they are about, in order; one query."""
    found = case.findings.select_related("author", "assignee", "second_by", "closed_by").in_order()
    by_message: dict[UUID, list[Finding]] = {}
    for finding in found:
        if finding.message_id:
            by_message.setdefault(finding.message_id, []).append(finding)
    return by_message


# What may say who asked: names of such data, wherever they stand.
_IDENTIFYING = re.compile(
    r"user|person|owner|mail|login|account|session|thread|conversation|pseudonym", re.IGNORECASE
)
_DEEPEST = 20  # levels of metadata that are shown


def metadata_of(answer: Message) -> str:
    """All that came with it and its sources, as JSON, but for what may tell who asked; empty where nothing came."""
    sources = [source.received for source in answer.sources.all()]
    if not any((answer.received, *sources)):
        return ""
    thread, owner = answer.thread, answer.thread.owner
    secrets = [owner.pseudonym, owner.email, thread.pk, *([thread.remote_id] if thread.remote_id else [])]
    known = re.compile("|".join(re.escape(str(secret)) for secret in secrets), re.IGNORECASE)
    received = {"answer": answer.received} | ({"sources": sources} if sources else {})
    text = json.dumps(_without_identity(received, known, _DEEPEST), ensure_ascii=False, indent=2)
    return text if len(text) <= METADATA_CHARACTERS else f"{text[:METADATA_CHARACTERS]} …"


def _without_identity(value: Any, known: re.Pattern[str], levels: int) -> Any:
    if isinstance(value, dict | list) and not levels:
        return "…"
    if isinstance(value, dict):
        kept = {key: part for key, part in value.items() if not _IDENTIFYING.search(key)}
        return {known.sub("…", key): _without_identity(part, known, levels - 1) for key, part in kept.items()}
    if isinstance(value, list):
        return [_without_identity(part, known, levels - 1) for part in value]
    return known.sub("…", value) if isinstance(value, str) else value
