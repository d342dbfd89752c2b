"""What came of a mandate: figures, and the report that takes them along with mandate, scope, sample and findings.

Findings and figures hold no conversations, and outlast the mandate. Where questions and answers go along it is read
from conversations: only while the mandate grants it, and each is recorded as read.
Under pseudonyms nothing here names a person, a user, or a conversation but by its number.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext

from threads.exports import (
    ATTRIBUTION,
    DIGITAL_SOURCE_TYPE,
    Exchange,
    exchange_as_json,
    exchanges_of,
    terms_of_use,
)
from threads.models import (
    Case,
    Event,
    Export,
    ExportKind,
    Finding,
    Happening,
    Kind,
    Mandate,
    Message,
    NotAllowed,
    Severity,
    Step,
    User,
    Verdict,
)
from threads.reviewing import person_of
from threads.spreadsheets import BEGINNING, as_csv

JSON_FORMAT, JSON_VERSION = "chatsite-review", 1
MOST_PRINTED = 500  # findings on the page that is printed; the files have all
CASES_AT_ONCE = 20  # in the memory of who builds a file
FINDINGS_AT_ONCE = 500

_FAULTY = ~Q(verdict=Verdict.CORRECT)


# --- figures ---


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def percent(self) -> float | None:
        return 100 * self.part / self.whole if self.whole else None


@dataclass(frozen=True)
class VerdictFigures:
    verdict: Verdict
    by_severity: list[int]

    @property
    def total(self) -> int:
        return sum(self.by_severity)


@dataclass
class AssistantFigures:
    """Of the conversations with an assistant: all in scope, those read, and those read and found faulty."""

    name: str
    conversations: int = 0
    read: int = 0
    faulty: int = 0
    findings: int = 0

    @property
    def share(self) -> Share:
        return Share(self.faulty, self.read)


@dataclass(frozen=True)
class Figures:
    """Counted when it is asked for. Faulty is what was found to be anything but correct."""

    conversations: int
    read: int
    flagged: int
    with_finding: Share  # of the conversations that were read
    faulty: Share  # of the conversations that were read
    faulty_answers: Share  # of the answers that were judged
    findings: int
    open: int
    holding: int
    erased: int  # findings of which the conversation is gone
    agreed: Share  # of the findings with a second opinion
    verdicts: list[VerdictFigures]
    assistants: list[AssistantFigures]

    @property
    def closed(self) -> int:
        return self.findings - self.open


def figures_of(mandate: Mandate) -> Figures:
    """In six queries, however much there is."""
    cases, findings = Case.objects.filter(mandate=mandate), Finding.objects.filter(mandate=mandate)
    of_case = Finding.objects.filter(case=OuterRef("pk"))
    is_read = Q(read_at__isnull=False)
    counted = cases.aggregate(
        conversations=Count("pk"),
        read=Count("pk", filter=is_read),
        flagged=Count("pk", filter=Q(is_flagged=True)),
        with_finding=Count("pk", filter=Q(is_read, Exists(of_case))),
        faulty=Count("pk", filter=Q(is_read, Exists(of_case.filter(_FAULTY)))),
    )
    found = findings.aggregate(
        findings=Count("pk"),
        open=Count("pk", filter=Q(closed_at=None)),
        holding=Count("pk", filter=Q(closed_at=None, holds=True)),
        erased=Count("pk", filter=Q(case=None)),
    )
    answers = (
        findings.values("case_number", "position")
        .annotate(faults=Count("pk", filter=_FAULTY))
        .aggregate(judged=Count("case_number"), faulty=Count("case_number", filter=Q(faults__gt=0)))
    )
    verdicts, agreed = _by_verdict(
        findings.order_by().values_list("verdict", "severity", "second_verdict").annotate(Count("pk"))
    )
    return Figures(
        conversations=counted["conversations"],
        read=counted["read"],
        flagged=counted["flagged"],
        with_finding=Share(counted["with_finding"], counted["read"]),
        faulty=Share(counted["faulty"], counted["read"]),
        faulty_answers=Share(answers["faulty"], answers["judged"]),
        agreed=agreed,
        verdicts=verdicts,
        assistants=_by_assistant(mandate),
        **found,
    )


def _by_verdict(rows: Iterable[tuple[str, int, str, int]]) -> tuple[list[VerdictFigures], Share]:
    counts = {(verdict, severity): 0 for verdict in Verdict for severity in Severity}
    agreed = seconded = 0
    for verdict, severity, second, count in rows:
        counts[Verdict(verdict), Severity(severity)] += count
        seconded += count if second else 0
        agreed += count if second == verdict else 0
    by_verdict = [
        VerdictFigures(verdict, [counts[verdict, severity] for severity in Severity]) for verdict in Verdict
    ]
    return by_verdict, Share(agreed, seconded)


def _by_assistant(mandate: Mandate) -> list[AssistantFigures]:
    faults = Finding.objects.filter(_FAULTY, case=OuterRef("pk"))
    is_read = Q(read_at__isnull=False)
    by_assistant = {
        row["thread__assistant"]: AssistantFigures(
            row["thread__assistant__name"], row["conversations"], row["read"], row["faulty"]
        )
        for row in Case.objects.filter(mandate=mandate)
        .values("thread__assistant", "thread__assistant__name")
        .annotate(
            conversations=Count("pk"),
            read=Count("pk", filter=is_read),
            faulty=Count("pk", filter=Q(is_read, Exists(faults))),
        )
        .order_by("thread__assistant__name", "thread__assistant")
    }
    findings = Finding.objects.filter(mandate=mandate, case__isnull=False).order_by()
    for assistant, count in findings.values_list("case__thread__assistant").annotate(Count("pk")):
        by_assistant[assistant].findings = count
    return list(by_assistant.values())


# --- the report ---


@dataclass(frozen=True)
class Reported:
    """The findings on an answer, with question and answer where they may be read."""

    findings: list[Finding]
    number: int
    position: int
    person: str  # empty: the conversation was erased
    assistant: str
    exchange: Exchange | None = None


@dataclass
class Report:
    """As it is printed, by `maker`. `is_granted`: may she read conversations under the mandate now?"""

    mandate: Mandate
    maker: User
    is_granted: bool
    has_texts: bool
    made_at: datetime = field(default_factory=timezone.now)

    @cached_property
    def figures(self) -> Figures:
        return figures_of(self.mandate)

    @cached_property
    def log_head(self) -> str:
        return Event.objects.head()

    @cached_property
    def findings(self) -> list[Finding]:
        """The first `MOST_PRINTED` of them."""
        return list(_findings_of(self.mandate)[:MOST_PRINTED])

    @property
    def is_cut(self) -> bool:
        return self.figures.findings > len(self.findings)

    @cached_property
    def reported(self) -> list[Reported]:
        """By answer, in order."""
        exchanges = self._exchanges(self.findings) if self.has_texts else {}
        reported = []
        for (number, position), group in groupby(self.findings, attrgetter("case_number", "position")):
            findings = list(group)
            case, exchange = findings[0].case, exchanges.get(findings[0].message_id)
            person = person_of(case) if case else ""
            assistant = case.thread.assistant.name if case else ""
            reported.append(Reported(findings, number, position, person, assistant, exchange))
        return reported

    def _exchanges(self, findings: Iterable[Finding]) -> dict[UUID | None, Exchange]:
        """By the answer, those that may be read."""
        readable = Case.objects.readable_by(self.maker).filter(mandate=self.mandate)
        ids = [finding.message_id for finding in findings if finding.message_id]
        answers = Message.objects.filter(
            self.mandate.in_period(), pk__in=ids, thread__in=readable.values("thread")
        )
        answers = answers.select_related("question", "thread__assistant").prefetch_related("sources")
        return {answer.pk: Exchange(answer.question, answer) for answer in answers if answer.question}

    def happenings(self) -> list[Happening]:
        """What it is to have made it: each conversation that was read, once; and that it was taken along."""
        read = {each.number: each.findings[0].case for each in self.reported if each.exchange}
        exported = Happening(
            Kind.EXPORTED,
            self.maker,
            mandate_id=self.mandate.pk,
            details={"kind": "report", "count": len(self.findings), "conversations": len(read)},
        )
        cases = [case for case in read.values() if case]
        return [*(case.happening(Kind.THREAD_READ, self.maker, way="report") for case in cases), exported]

    def record(self) -> None:
        """The last step of the transaction that shows it. Raises `NotAllowed` where it is no longer granted."""
        if self.is_granted:
            self.mandate.trace(self.maker, self.happenings())
        else:
            Event.objects.record_all(self.happenings())


def _findings_of(mandate: Mandate) -> Any:
    about = ("case__mandate", "case__alias", "case__thread__owner", "case__thread__assistant")
    return Finding.objects.filter(mandate=mandate).with_people().select_related(*about).in_order()


# --- CSV ---


def build_csv(export: Export) -> Iterator[Step]:
    """A row per finding. With what spreadsheets need: a mark of the encoding, and the separator of the language."""
    mandate = _mandate_of(export)
    total = Finding.objects.filter(mandate=mandate).count()
    yield Step((BEGINNING + as_csv([_csv_head()])).encode(), 0, total)
    done, last, terms = 0, None, terms_of_use()
    while True:
        findings = _findings_of(mandate)
        findings = list((findings.after(last) if last else findings)[:FINDINGS_AT_ONCE])
        if not findings:
            return
        last = findings[-1]
        done += len(findings)
        rows = [_csv_row(finding, mandate, terms) for finding in findings]
        yield Step(as_csv(rows).encode(), done, max(done, total))


def _csv_head() -> list[str]:
    return [
        gettext("Mandate"),
        gettext("Conversation"),
        gettext("Message"),
        gettext("Person"),
        gettext("Assistant"),
        gettext("Verdict"),
        gettext("Severity"),
        gettext("Note"),
        gettext("Made by"),
        gettext("Made at"),
        gettext("Assigned to"),
        gettext("Legal hold"),
        gettext("Second verdict"),
        gettext("Second note"),
        gettext("Second opinion by"),
        gettext("Second opinion at"),
        gettext("Closed by"),
        gettext("Closed at"),
        gettext("Terms of use"),
    ]


def _csv_row(finding: Finding, mandate: Mandate, terms: str) -> list[str]:
    case = finding.case
    return [
        mandate.title,
        str(finding.case_number),
        str(finding.position),
        person_of(case) if case else "",
        case.thread.assistant.name if case else "",
        finding.get_verdict_display(),
        finding.get_severity_display(),
        finding.note,
        _name(finding.author),
        _minute(finding.created_at),
        _name(finding.assignee),
        gettext("yes") if finding.holds else gettext("no"),
        finding.get_second_verdict_display(),
        finding.second_note,
        _name(finding.second_by),
        _minute(finding.second_at),
        _name(finding.closed_by),
        _minute(finding.closed_at),
        terms,
    ]


def _name(user: User | None) -> str:
    return user.display_name if user else ""


def _minute(at: datetime | None) -> str:
    """As all spreadsheets take it for a time."""
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}" if at else ""


# --- JSON Lines ---


def build_jsonl(export: Export) -> Iterator[Step]:
    """The first line tells of the mandate, each that follows of a conversation. Times are ISO 8601.

        {"format": "chatsite-review", "version": 1, "made_at": time, "made_by": text,
         "ai_generated": true, "digital_source_type": URI, "attribution": text, "terms_of_use": text,
         "mandate": {terms}, "sample": [{"monday": day, "population": number, "drawn": number}],
         "figures": {}, "log_head": "number:hash", "conversations": number}
        {"conversation": number, "person": text, "assistant": {"id": uuid, "name": text},
         "read_at": time | null, "is_flagged": bool,
         "exchanges": [{"position": of the answer, "is_former": bool, "feedback": text,
                        "question": {}, "answer": {}}],  (as in `threads.exports`, without what may tell who asked)
         "findings": [{}]}

    Building it is reading: each conversation is recorded as read with the part of the file that it is in.
    """
    mandate, reader = _mandate_of(export), export.owner
    cases = Case.objects.readable_by(reader).filter(mandate=mandate).in_order()
    total, done, last = cases.count(), 0, 0
    yield Step(_line(_head_as_json(mandate, reader, total)), 0, total)
    while chunk := list(
        cases.filter(number__gt=last).select_related(
            "mandate", "alias", "thread__owner", "thread__assistant"
        )[:CASES_AT_ONCE]
    ):
        last = chunk[-1].number
        exchanges, findings = _exchanges_of(mandate, chunk), _findings_by_case(chunk)
        for case in chunk:
            done += 1
            line = _case_as_json(case, exchanges.get(case.thread_id, []), findings.get(case.pk, []))
            read = case.happening(Kind.THREAD_READ, reader, way=str(ExportKind.REPORT_JSONL))
            yield Step(_line(line), done, max(done, total), (read,))
    if not Mandate.objects.granting(reader).filter(pk=mandate.pk).exists():
        raise NotAllowed  # it ended meanwhile: that is why there were no more


def _exchanges_of(mandate: Mandate, cases: Iterable[Case]) -> dict[UUID, list[Exchange]]:
    messages = Message.objects.filter(mandate.in_period(), thread__in=[case.thread_id for case in cases])
    messages = messages.order_by("thread", "position").select_related("thread__assistant", "feedback")
    by_thread: dict[UUID, list[Message]] = {}
    for message in messages.prefetch_related("sources"):
        by_thread.setdefault(message.thread_id, []).append(message)
    return {thread_id: exchanges_of(messages) for thread_id, messages in by_thread.items()}


def _findings_by_case(cases: Iterable[Case]) -> dict[Any, list[Finding]]:
    by_case: dict[Any, list[Finding]] = {}
    for finding in Finding.objects.filter(case__in=list(cases)).with_people().in_order():
        by_case.setdefault(finding.case_id, []).append(finding)
    return by_case


def _line(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _head_as_json(mandate: Mandate, maker: User, total: int) -> dict[str, Any]:
    return {
        "format": JSON_FORMAT,
        "version": JSON_VERSION,
        "made_at": _iso(timezone.now()),
        "made_by": maker.name_and_address,
        "ai_generated": True,
        "digital_source_type": DIGITAL_SOURCE_TYPE,
        "attribution": ATTRIBUTION,
        "terms_of_use": terms_of_use(),
        "mandate": _mandate_as_json(mandate),
        "sample": [
            {"monday": week.monday.isoformat(), "population": week.population, "drawn": week.drawn}
            for week in mandate.weeks.all()
        ],
        "figures": asdict(figures_of(mandate)),
        "log_head": Event.objects.head(),
        "conversations": total,
    }


def _mandate_as_json(mandate: Mandate) -> dict[str, Any]:
    days = ("since", "until", "valid_from", "valid_until")
    same = ("title", "purpose", "legal_basis", "sample_per_week", "shows_names", "holds", "discloses_late")
    return {
        "id": str(mandate.pk),
        **{name: getattr(mandate, name) for name in same},
        **{name: getattr(mandate, name).isoformat() for name in days},
        "selection": str(mandate.selection),
        "status": str(mandate.status),
        "assistants": [assistant.name for assistant in mandate.assistants.all()],
        "auditors": [auditor.name_and_address for auditor in mandate.named_auditors],
        "proposed_by": mandate.proposed_by.name_and_address,
        "proposed_at": _iso(mandate.proposed_at),
        "released_by": mandate.released_by.name_and_address if mandate.released_by else None,
        "released_at": _iso(mandate.released_at),
    }


def _case_as_json(case: Case, exchanges: Iterable[Exchange], findings: Iterable[Finding]) -> dict[str, Any]:
    assistant = case.thread.assistant
    return {
        "conversation": case.number,
        "person": person_of(case),
        "assistant": {"id": str(assistant.remote_id), "name": assistant.name},
        "read_at": _iso(case.read_at),
        "is_flagged": case.is_flagged,
        "exchanges": [_exchange(exchange) for exchange in exchanges],
        "findings": [_finding_as_json(finding) for finding in findings],
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    data = exchange_as_json(exchange)
    for part in data.values():
        del part["id"]
    for source in data["answer"]["sources"]:
        del source["received"]  # what comes from elsewhere may tell who asked
    feedback = getattr(exchange.answer, "feedback", None)
    return {
        "position": exchange.answer.position,
        "is_former": exchange.answer.superseded_at is not None,
        "feedback": feedback.rating if feedback else "",
        **data,
    }


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    return {
        "id": str(finding.pk),
        "position": finding.position,
        "verdict": str(finding.verdict),
        "severity": int(finding.severity),
        "note": finding.note,
        "made_by": _name(finding.author),
        "made_at": _iso(finding.created_at),
        "assignee": _name(finding.assignee),
        "holds": finding.holds,
        "second_verdict": finding.second_verdict,
        "second_note": finding.second_note,
        "second_by": _name(finding.second_by),
        "second_at": _iso(finding.second_at),
        "closed_by": _name(finding.closed_by),
        "closed_at": _iso(finding.closed_at),
    }


def _iso(at: datetime | None) -> str | None:
    return timezone.localtime(at).isoformat() if at else None


def _mandate_of(export: Export) -> Mandate:
    if export.mandate is None:
        raise ValueError(f"export {export.pk} has no mandate")
    return export.mandate
