"""The parts that pages are made of, each in all its states: for who works on the design."""

import uuid
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from threads.answering.line import Standing
from threads.forms import QuestionForm, TitleForm
from threads.models import Assistant, Connection, Feedback, Message, Rating, Role, Source, State, Thread
from threads.search import Hit, Piece, SourceHit
from threads.views.request import Request

COLOURS = (
    *("page", "surface", "tint", "hairline", "edge", "text", "muted"),
    *(
        "accent",
        "accent-strong",
        "accent-tint",
        "on-accent",
        "caution",
        "caution-tint",
        "wrong",
        "wrong-tint",
    ),
)
COMPOUND = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
MARKDOWN = """## Kündigungsfrist

Während einer vereinbarten **Probezeit** gilt eine Frist von zwei Wochen (§ 622 Abs. 3 BGB):

1. längstens sechs Monate,
2. zu *jedem* Tag.

| Dauer | Frist |
| --- | --- |
| Probezeit | zwei Wochen |
| danach | vier Wochen |

> Ein Zitat, `Code` und ein [Verweis](https://example.org/)."""


@require_safe
def components(request: Request) -> HttpResponse:
    """Rendered by the templates of the pages themselves, with samples that are stored nowhere."""
    if not request.user.is_staff:
        raise Http404
    return render(
        request,
        "threads/components.html",
        {
            "colours": COLOURS,
            "questions": [
                _question("Welche Kündigungsfrist gilt?"),
                _question("Wort " * 60),
                _question(COMPOUND),
            ],
            "answers": _answers(),
            "waiting": _waiting(),
            "sources": _sources(),
            "threads": _threads(),
            "here": _thread("Wo man gerade ist"),
            "hits": _hits(),
            "assistant": _assistant(),
            "form": QuestionForm(),
            "refused": QuestionForm({"content": "", "client_token": uuid.uuid4()}),
            "title_form": TitleForm({"title": ""}),
        },
    )


def _assistant() -> Assistant:
    return Assistant(
        connection=Connection(),
        name="Arbeitsrecht",
        slug="arbeitsrecht",
        description="Fragen zu Arbeitsvertrag, Kündigung und Zeugnis.",
        example_questions=["Welche Kündigungsfrist gilt?", f"Was ist eine {COMPOUND}?"],
        license_id="PI1",
    )


def _thread(title: str, **fields: Any) -> Thread:
    thread = Thread(assistant=_assistant(), title=title, asked_at=timezone.now(), **fields)
    thread.is_waiting = False
    return thread


def _threads() -> list[Thread]:
    now = timezone.now()
    unread = _thread("Eine Antwort kam, während man anderswo war", answered_at=now)
    waiting = _thread("Die Antwort steht noch aus")
    waiting.is_waiting = True
    return [_thread("Gelesen"), unread, waiting, _thread("Angeheftet", pinned_at=now), _thread(COMPOUND)]


def _question(text: str) -> Message:
    question = Message(thread=_thread("?"), position=1, role=Role.USER, state=State.DONE, content=text)
    question.question_number = 1
    return question


def _answer(state: State, sources: int = 0, **fields: Any) -> Message:
    question = _question("?")
    answer = Message(
        thread=question.thread, question=question, position=2, role=Role.ASSISTANT, state=state, **fields
    )
    answer.waits_behind, answer.is_last = False, True
    quoted = [
        Source(
            message=answer,
            position=position,
            content="Während einer vereinbarten Probezeit … mit einer Frist von zwei Wochen.",
            document_title="Bürgerliches Gesetzbuch (BGB)",
            section=f"§ 622 Abs. {position}",
            app_doc_id="HI1",
        )
        for position in range(1, sources + 1)
    ]
    answer._prefetched_objects_cache = {"sources": quoted}  # type: ignore[attr-defined]
    return answer


def _answers() -> list[tuple[str, Message]]:
    notice = _assistant().legal_notice()
    rated = _answer(State.DONE, content="Ja.")
    rated.feedback = Feedback(message=rated, rating=Rating.DOWN)
    return [
        ("done, Markdown, sources", _answer(State.DONE, 4, content=MARKDOWN)),
        ("legal_advice true", _answer(State.DONE, content="Ja.", legal_notice=notice, legal_advice=True)),
        ("legal_advice absent", _answer(State.DONE, content="Ja.", legal_notice=notice)),
        ("feedback given", rated),
        ("failed", _answer(State.FAILED, error_code="api_timeout_error")),
        ("failed, by its wording", _answer(State.FAILED, error_code="content_filter_error")),
        ("stopped", _answer(State.STOPPED)),
    ]


def _waiting() -> list[tuple[str, Message, Standing | None]]:
    behind = _answer(State.WAITING)
    behind.waits_behind = True
    late = _answer(State.ANSWERING, created_at=timezone.now() - timedelta(seconds=42))
    again = _answer(State.WAITING, error_code="api_error")
    return [
        ("waiting, next", _answer(State.WAITING), Standing(1, 2)),
        ("waiting in line", _answer(State.WAITING), Standing(12, 75)),
        ("waiting behind another one", behind, None),
        ("to be tried again", again, Standing(1, 30)),
        ("answering", late, None),
    ]


def _sources() -> list[Source]:
    answer = _answer(State.DONE, 1)
    whole: Source = answer._prefetched_objects_cache["sources"][0]  # type: ignore[attr-defined]
    return [whole, Source(message=answer, position=2, content=COMPOUND), Source(message=answer, position=3)]


def _hits() -> list[Hit]:
    passage = [Piece("Die "), Piece("Kündigungsfrist", is_marked=True), Piece(" beträgt zwei Wochen.")]
    source = _sources()[0]
    found = SourceHit(source, [Piece(source.document_title)], [Piece(source.section)], passage)
    return [
        Hit(_question("?"), passage, []),
        Hit(_answer(State.DONE), passage, []),
        Hit(_answer(State.DONE), [], [found] * 3, further_sources=1),
    ]
