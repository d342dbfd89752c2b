"""What the demo begins with, so that there is something to review: colleagues who asked, a mandate, findings.

The answers are the sandbox's own, by the way that every question goes; only the dates are moved into the past.
"""

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from threads import answering
from threads.answering.worker import AnsweringWorker
from threads.completions import open_http
from threads.days import monday_of
from threads.models import (
    Assistant,
    Case,
    Finding,
    Kind,
    Mandate,
    Message,
    Notice,
    Rating,
    Reveal,
    Selection,
    Severity,
    Thread,
    User,
    Verdict,
)
from threads.models.feedback import Feedback
from threads.sandbox import EMPLOYMENT_LAW, FAMILY, WORKING_TIME

COLLEAGUES = (
    ("bernd@example.org", "Bernd", "Brandt"),
    ("carla@example.org", "Carla", "Conrad"),
    ("david@example.org", "David", "Decker"),
    ("elif@example.org", "Elif", "Erdem"),
    ("felix@example.org", "Felix", "Franke"),
    ("greta@example.org", "Greta", "Graf"),
)


@dataclass(frozen=True)
class Conversation:
    owner: str
    assistant: uuid.UUID
    questions: tuple[str, ...]
    week: int  # so many before the present one
    weekday: (
        int  # 0: Monday; five people ask on the same day, so that there is something to see in the figures
    )
    feedback: dict[str, str] = field(default_factory=dict)  # on the last answer


CONVERSATIONS = (
    Conversation(
        "anna@example.org",
        EMPLOYMENT_LAW,
        (
            "Welche Kündigungsfristen gelten während der Probezeit?",
            "Welche Kündigungsfrist gilt nach der Probezeit?",
        ),
        1,
        1,
    ),
    Conversation(
        "bernd@example.org",
        EMPLOYMENT_LAW,
        ("Muss eine Kündigung schriftlich erfolgen?",),
        3,
        2,
    ),
    Conversation(
        "bernd@example.org",
        WORKING_TIME,
        ("Wie lange darf ich höchstens am Tag arbeiten?", "Welche Pausen stehen mir zu?"),
        2,
        3,
        {"rating": Rating.UP},
    ),
    Conversation(
        "carla@example.org",
        FAMILY,
        ("Wie lange dauert die Elternzeit?", "Bis wann muss ich Elternzeit verlangen?"),
        3,
        3,
        {"rating": Rating.UP},
    ),
    Conversation(
        "carla@example.org",
        EMPLOYMENT_LAW,
        ("Wie oft darf ein Vertrag befristet werden?",),
        1,
        1,
        {"rating": Rating.DOWN, "reason": "incomplete", "comment": "Was gilt bei einem neuen Sachgrund?"},
    ),
    Conversation(
        "david@example.org",
        EMPLOYMENT_LAW,
        ("Bekomme ich weiter Lohn, wenn ich krank bin?",),
        2,
        3,
    ),
    Conversation(
        "david@example.org",
        WORKING_TIME,
        ("Wann verfällt nicht genommener Urlaub?",),
        1,
        1,
        {"rating": Rating.UP},
    ),
    Conversation(
        "elif@example.org",
        WORKING_TIME,
        ("Wie viele Urlaubstage stehen mir mindestens zu?", "Gilt das auch in Teilzeit?"),
        2,
        3,
    ),
    Conversation(
        "elif@example.org",
        EMPLOYMENT_LAW,
        ("!sandbox content_filter_error",),
        1,
        1,
    ),
    Conversation(
        "felix@example.org",
        FAMILY,
        ("Welche Schutzfristen gelten vor und nach der Entbindung?",),
        2,
        3,
        {"rating": Rating.DOWN, "reason": "unclear", "comment": ""},
    ),
    Conversation(
        "greta@example.org",
        EMPLOYMENT_LAW,
        ("Habe ich Anspruch auf ein Arbeitszeugnis?",),
        1,
        1,
    ),
    Conversation(
        "greta@example.org",
        WORKING_TIME,
        ("Darf ich sonntags arbeiten?",),
        2,
        3,
    ),
)


async def make() -> None:
    """Ask, let a worker answer, and begin the review; the demo's own users and the sandbox are there."""
    threads = await sync_to_async(_ask)()
    async with open_http(read=30) as http:
        for _ in range(20):
            await AnsweringWorker(http).work_off()
            if not await Message.objects.open().aexists():
                break
            await asyncio.sleep(0.25)  # the budget has no slot in this second
    await sync_to_async(_review)(threads)


@transaction.atomic
def _ask() -> list[Thread]:
    notice = Notice.objects.in_force()
    for email, first_name, last_name in COLLEAGUES:
        colleague = User.objects.create_user(email, first_name=first_name, last_name=last_name)
        if notice:
            notice.acknowledge(colleague)
    return [_start(conversation) for conversation in CONVERSATIONS]


def _start(conversation: Conversation) -> Thread:
    owner = User.objects.get(email=conversation.owner)
    assistant = Assistant.objects.get(remote_id=conversation.assistant, connection__is_sandbox=True)
    first, *later = conversation.questions
    thread = answering.start_thread(owner, assistant, first, uuid.uuid4())
    for question in later:
        answering.ask(thread, question, uuid.uuid4())
    return thread


@transaction.atomic
def _review(threads: list[Thread]) -> None:
    for number, (thread, conversation) in enumerate(zip(threads, CONVERSATIONS, strict=True)):
        _move_back(thread, conversation, minutes=37 * number)
        if conversation.feedback:
            answer = thread.messages.answers().order_by("-position")[0]
            Feedback.objects.give(answer, **conversation.feedback)
    auditor = User.objects.get(email="auditor@example.org")
    admin = User.objects.get(email="admin@example.org")
    mandate = _propose(
        auditor,
        title="Güte der Antworten, Stichprobe",
        purpose="Prüfen, ob die Antworten fachlich richtig sind und ihre Quellen sie tragen. "
        "Leistung und Verhalten der Beschäftigten werden nicht bewertet.",
        legal_basis="Betriebsvereinbarung „KI-Auskunft“ (Beispiel), § 7; Art. 6 Abs. 1 Buchst. f DSGVO",
        sample_per_week=5,
    )
    mandate.release(admin)
    _find(mandate, auditor)
    _propose(
        auditor,
        title="Fehlgeschlagene Antworten",
        purpose="Klären, welche Fragen ohne Antwort bleiben, und warum.",
        legal_basis="Betriebsvereinbarung „KI-Auskunft“ (Beispiel), § 7",
        selection=Selection.FAILED,
    )


def _move_back(thread: Thread, conversation: Conversation, minutes: int) -> None:
    """To an hour at which people work."""
    day = (
        monday_of(timezone.localdate())
        - timedelta(weeks=conversation.week)
        + timedelta(days=conversation.weekday)
    )
    begin = timezone.make_aware(datetime.combine(day, time(8))) + timedelta(minutes=minutes % 480)
    by = thread.created_at - begin
    times = ("created_at", "answering_at", "finished_at")
    thread.messages.update(**{name: F(name) - by for name in times})
    names = ("created_at", "asked_at", "answered_at")
    moved = {name: F(name) - by for name in names}
    Thread.objects.filter(pk=thread.pk).update(**moved, seen_at=timezone.now())


def _propose(auditor: User, **terms: object) -> Mandate:
    today = timezone.localdate()
    mandate = Mandate(
        proposed_by=auditor,
        since=today - timedelta(days=28),
        until=today + timedelta(days=28),
        valid_from=today,
        valid_until=today + timedelta(days=60),
        **terms,
    )
    mandate.propose([], [auditor])
    return mandate


FINDINGS: dict[str, dict[str, Any]] = {
    "Welche Kündigungsfristen gelten während der Probezeit?": {
        "verdict": Verdict.CORRECT,
        "note": "Frist und Fundstelle stimmen.",
    },
    "Wie oft darf ein Vertrag befristet werden?": {
        "verdict": Verdict.INCOMPLETE,
        "severity": Severity.MEDIUM,
        "note": "Nur die Befristung ohne Sachgrund; die mit Sachgrund fehlt in der Antwort.",
    },
    "Gilt das auch in Teilzeit?": {
        "verdict": Verdict.WRONG,
        "severity": Severity.HIGH,
        "note": "Gefragt war nach dem Urlaub in Teilzeit, beantwortet ist der Anspruch auf Teilzeit.",
        "holds": True,
    },
}
ASKED_WHO = "Bekomme ich weiter Lohn, wenn ich krank bin?"
WHY = "Die Person sollte erfahren, an wen sie sich im Betrieb wenden kann."


def _find(mandate: Mandate, auditor: User) -> None:
    """Some conversations are read and judged; for one the name is asked for, which the admin may decide."""
    for question, words in FINDINGS.items():
        answer = Message.objects.get(question__content=question)
        case = mandate.cases.select_related("thread").get(thread=answer.thread_id)
        _read(mandate, case, auditor)
        Finding(
            mandate=mandate,
            case=case,
            message=answer,
            case_number=case.number,
            position=answer.position,
            author=auditor,
            **words,
        ).make()
    case = mandate.cases.select_related("thread").get(thread__messages__content=ASKED_WHO)
    _read(mandate, case, auditor)
    case.flag(is_flagged=True)
    Reveal(case=case, reason=WHY, requested_by=auditor).request()


def _read(mandate: Mandate, case: Case, auditor: User) -> None:
    case.mark_read(auditor)
    positions = [1, case.messages().count()]
    mandate.trace(auditor, [case.happening(Kind.THREAD_READ, auditor, positions=positions, named=False)])
