"""Taking along: print page, Markdown, JSON, text. Whole, unaltered, marked as made by AI, safe whatever it holds."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from markdown_it import MarkdownIt
from pytest_django import DjangoAssertNumQueries

from tests.conftest import answer_of
from threads import answering, exports
from threads.exports import DIGITAL_SOURCE_TYPE, Document, exchanges_of
from threads.models import Message, Shelf, Source, State, Thread, User
from threads.sandbox.answers import _text as answer_from
from threads.sandbox.corpus import passages

pytestmark = pytest.mark.django_db

Start = Callable[..., Thread]
Ask = Callable[[Thread, str], Message]

OF_THREADS = ("thread_print", "thread_markdown", "thread_json")
OF_MESSAGES = ("message_print", "message_markdown", "message_json", "message_text", "message_html")
NOTICE = "Das ist\nkein Rat."
ANSWER = "# Frist\n\n- **zwei** Wochen\n- `§ 622`\n\n> Abs. 3\n\n| a | b |\n|---|---|\n| 1 | 2 |"
AT = datetime(2026, 3, 5, 13, 3, tzinfo=UTC)
HOSTILE = [
    "---\nevil: true\n---",
    "```",
    "~~~\nx",
    "<!-- ",
    "<script>alert(1)",
    "<div>",
    "![](https://evil.example/pixel)",
    "text <img src=https://evil.example/pixel>",
    "> " * 30 + "deep",
    "[x]: https://evil.example\n\n[x]",
    "a\r\rb\u2028c\x85d\x0ce",
    "` `` ``` ````",
    "Setext\n===",
    "1. \n    ```",
    "\\",
    "&copy; &#60;b&#62;",
    "",
]


def url(name: str, *args: Any) -> str:
    return reverse(f"threads:{name}", args=args)


@pytest.fixture
def thread(start: Start) -> Thread:
    """With an answer that has everything."""
    thread = start("Welche Frist gilt?")
    finish(answer_of(thread))
    thread.messages.update(created_at=AT, finished_at=AT)
    return thread


def finish(answer: Message, content: str = ANSWER, **source: Any) -> None:
    fields = {
        "content": "§ 622 Abs. 3 BGB:\nzwei Wochen",
        "document_title": "Bürgerliches Gesetzbuch (BGB)",
        "section": "§ 622 Abs. 3",
        "app_doc_id": "HI 1",
        "received": {"meta_data": {"unknown": [1]}},
    }
    answer.finish(
        content=content, legal_advice=True, legal_notice=NOTICE, sources=[Source(**(fields | source))]
    )


def document_of(thread: Thread) -> Document:
    return Document(thread, exchanges_of(thread.messages.current().oldest_first()), made_at=AT)


def markdown_of(thread: Thread) -> str:
    with translation.override("de"):
        return exports.as_markdown(document_of(thread))


def body_of(markdown: str) -> BeautifulSoup:
    """As another program shows it, which lets HTML through."""
    assert markdown.startswith("---\n")
    _, _, body = markdown.split("---\n", 2)
    return BeautifulSoup(MarkdownIt("commonmark").enable("table").render(body), "html.parser")


def head_of(markdown: str) -> dict[str, Any]:
    lines = markdown.split("---\n", 2)[1].splitlines()
    return {key: json.loads(value) for key, value in (line.split(": ", 1) for line in lines)}


# --- access, headers ---


@pytest.mark.parametrize("name", [*OF_THREADS, *OF_MESSAGES])
def test_others_things_are_not_found(thread: Thread, colleague: User, name: str) -> None:
    stranger = Client()
    stranger.force_login(colleague)
    pk = thread.pk if name in OF_THREADS else answer_of(thread).pk
    assert stranger.get(url(name, pk)).status_code == 404
    assert Client().get(url(name, pk)).status_code == 302
    thread.move(Shelf.DELETED)
    client = Client()
    client.force_login(thread.owner)
    assert client.get(url(name, pk)).status_code == 404


@pytest.mark.parametrize("name", [*OF_THREADS, *OF_MESSAGES])
def test_reading_alone_is_possible(client: Client, thread: Thread, name: str) -> None:
    pk = thread.pk if name in OF_THREADS else answer_of(thread).pk
    assert client.post(url(name, pk)).status_code == 405
    assert client.head(url(name, pk)).status_code == 200


@pytest.mark.parametrize(
    ("name", "content_type", "disposition"),
    [
        ("thread_markdown", "text/markdown; charset=utf-8", "attachment"),
        ("thread_json", "application/json; charset=utf-8", "attachment"),
        ("message_markdown", "text/markdown; charset=utf-8", "attachment"),
        ("message_json", "application/json; charset=utf-8", "attachment"),
        ("message_text", "text/plain; charset=utf-8", "inline"),
    ],
)
def test_files_have_a_type_a_name_and_are_kept_by_no_cache(
    client: Client, thread: Thread, name: str, content_type: str, disposition: str
) -> None:
    pk = thread.pk if name in OF_THREADS else answer_of(thread).pk
    response = client.get(url(name, pk))
    assert response["Content-Type"] == content_type
    ending = url(name, pk).rpartition(".")[2]
    assert response["Content-Disposition"] == (
        f'{disposition}; filename="2026-03-05 Welche Frist gilt.{ending}"'
    )
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Kündigung § 622?", "2026-03-05 Kündigung § 622"),
        ('../..\\a:b*"c\r\nd', "2026-03-05 .. .. a b c d"),
        ("???", "2026-03-05"),
        ("x" * 80, "2026-03-05 " + "x" * 60),
    ],
)
def test_file_name_holds_what_any_system_takes(thread: Thread, title: str, name: str) -> None:
    thread.title = title
    assert document_of(thread).file_name == name


def test_umlauts_of_the_file_name_are_encoded(client: Client, thread: Thread) -> None:
    thread.rename("Kündigung")
    response = client.get(url("thread_json", thread.pk))
    assert "filename*=utf-8''2026-03-05%20K%C3%BCndigung.json" in response["Content-Disposition"]


@pytest.mark.parametrize("count", [1, 6])
def test_cost_a_fixed_number_of_queries(
    client: Client, thread: Thread, ask: Ask, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        finish(ask(thread, f"Frage {number}"))
    for name, queries in (("thread_print", 6), ("thread_markdown", 5), ("thread_json", 5)):
        with django_assert_num_queries(queries, info=name):
            client.get(url(name, thread.pk))
    path = url("message_text", answer_of(thread).pk)
    with django_assert_num_queries(5):
        client.get(path)


# --- what goes in ---


def test_everything_is_in_each_of_them(client: Client, thread: Thread) -> None:
    paths = [url(name, thread.pk) for name in OF_THREADS]
    paths += [url(name, message.pk) for name in OF_MESSAGES for message in thread.messages.all()]
    for path in paths:
        text = client.get(path).content.decode()
        if path.endswith((".json", ".html", "/")):
            text = text.replace("\\n", "\n").replace("&amp;", "&")
        for part in (
            *("Bürgerliches Gesetzbuch (BGB)", "§ 622 Abs. 3 BGB:", "Powered by Haufe", "Arbeitsrecht"),
            *("https://products.haufe.de/PI1/document/HI%201?auth_realm=haufepublic", "HI 1"),
            *("kein Rat.", "zwei", "maschinelles Lernen"),
        ):
            assert part in text, (path, part)
        assert "5. März 2026 14:03" in text or "2026-03-05T14:03:00+01:00" in text, path
        assert "Von einer KI erzeugt" in text or DIGITAL_SOURCE_TYPE in text, path
        if not path.endswith((".txt", ".html")):
            assert "Welche Frist gilt?" in text, path
            assert DIGITAL_SOURCE_TYPE in text, path


def test_answer_is_not_altered(client: Client, thread: Thread) -> None:
    answer = answer_of(thread)
    assert client.get(url("message_text", answer.pk)).content.decode().startswith(ANSWER + "\n\n")
    assert f"\n\n{ANSWER}\n\n" in client.get(url("message_markdown", answer.pk)).content.decode()
    answer_json = client.get(url("message_json", answer.pk)).json()["exchanges"][0]["answer"]
    assert answer_json["content"] == ANSWER


def test_json_holds_what_its_description_says(client: Client, thread: Thread) -> None:
    answer = answer_of(thread)
    data = client.get(url("thread_json", thread.pk)).json()
    with translation.override("de"):
        terms = exports.terms_of_use()
    exported_at = datetime.fromisoformat(data.pop("exported_at"))
    assert timezone.now() - exported_at < timedelta(minutes=1)
    assert data == {
        "format": "chatsite-export",
        "version": 1,
        "ai_generated": True,
        "digital_source_type": DIGITAL_SOURCE_TYPE,
        "attribution": "Powered by Haufe",
        "terms_of_use": terms,
        "assistant": {"id": str(thread.assistant.remote_id), "name": "Arbeitsrecht"},
        "thread": {
            "id": str(thread.pk),
            "title": "Welche Frist gilt?",
            "created_at": timezone.localtime(thread.created_at).isoformat(),
        },
        "exchanges": [
            {
                "question": {
                    "id": str(answer.question_id),
                    "content": "Welche Frist gilt?",
                    "created_at": "2026-03-05T14:03:00+01:00",
                },
                "answer": {
                    "id": str(answer.pk),
                    "state": "done",
                    "content": ANSWER,
                    "finished_at": "2026-03-05T14:03:00+01:00",
                    "ai_generated": True,
                    "digital_source_type": DIGITAL_SOURCE_TYPE,
                    "error_code": "",
                    "legal_advice": True,
                    "legal_notice": NOTICE,
                    "intent": "",
                    "sources": [
                        {
                            "position": 1,
                            "content": "§ 622 Abs. 3 BGB:\nzwei Wochen",
                            "document_title": "Bürgerliches Gesetzbuch (BGB)",
                            "section": "§ 622 Abs. 3",
                            "app_doc_id": "HI 1",
                            "url": "https://products.haufe.de/PI1/document/HI%201?auth_realm=haufepublic",
                            "received": {"meta_data": {"unknown": [1]}},
                        }
                    ],
                },
            }
        ],
    }


def test_head_of_markdown_is_for_machines(thread: Thread) -> None:
    head = head_of(markdown_of(thread))
    assert head["ai_generated"] is True
    assert head["digital_source_type"] == DIGITAL_SOURCE_TYPE
    assert head["exported_at"] == "2026-03-05T14:03:00+01:00"
    assert (head["title"], head["assistant"]) == ("Welche Frist gilt?", "Arbeitsrecht")


def test_print_page_is_marked_for_machines_and_has_its_sources_open(client: Client, thread: Thread) -> None:
    page = BeautifulSoup(client.get(url("thread_print", thread.pk)).content, "html.parser")
    assert page.select_one("meta[name=digital-source-type]")["content"] == DIGITAL_SOURCE_TYPE  # type: ignore[index]
    assert "zwei Wochen" in page.select_one(".print-source blockquote").get_text()  # type: ignore[union-attr]
    assert not page.find_all("details")


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (State.FAILED, "Keine Antwort: Der Dienst"),
        (State.STOPPED, "zurückgezogen"),
        (State.WAITING, "steht noch aus"),
        (State.ANSWERING, "steht noch aus"),
    ],
)
def test_question_without_an_answer_says_so(client: Client, start: Start, state: State, says: str) -> None:
    thread = start("Welche Frist gilt?")
    thread.messages.answers().update(state=state, error_code="api_error")
    for name in ("thread_print", "thread_markdown"):
        text = client.get(url(name, thread.pk)).content.decode()
        assert says in text
        assert "Von einer KI erzeugt" not in text
    assert says in client.get(url("message_text", answer_of(thread).pk)).content.decode()
    answer = client.get(url("thread_json", thread.pk)).json()["exchanges"][0]["answer"]
    assert (answer["state"], answer["ai_generated"], answer["content"]) == (state, False, "")


def test_former_versions_are_left_out_of_a_conversation_and_can_be_taken_along_alone(
    client: Client, thread: Thread
) -> None:
    question = thread.messages.get(position=1)
    answering.ask_anew(question, "Und nun?", uuid.uuid4())
    questions = [each["question"] for each in client.get(url("thread_json", thread.pk)).json()["exchanges"]]
    assert [each["content"] for each in questions] == ["Und nun?"]
    assert client.get(url("message_json", question.pk)).json()["exchanges"][0]["answer"]["content"] == ANSWER


def test_conversation_without_messages_can_be_taken_along(client: Client, thread: Thread) -> None:
    thread.messages.all().delete()
    for name in OF_THREADS:
        assert client.get(url(name, thread.pk)).status_code == 200


def test_source_without_a_name_or_document_has_a_number(start: Start) -> None:
    thread = start()
    finish(answer_of(thread), document_title="", section="", app_doc_id="")
    item: Any = body_of(markdown_of(thread)).select_one("ol > li")
    assert "Quelle 1" in item.get_text()
    assert item.a is None


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_text_is_text_where_it_is_pasted(client: Client, start: Start, evil: str) -> None:
    thread = start("eins")
    source = Source(content=evil, document_title=evil, section=evil)
    answer_of(thread).finish(content=evil, legal_notice=evil, sources=[source])
    piece = BeautifulSoup(client.get(url("message_html", answer_of(thread).pk)).content, "html.parser")
    assert not piece.select("script, img, iframe, style")
    assert len(piece.select("body, div")) == 1


def test_language_is_the_readers(client: Client, thread: Thread) -> None:
    client.cookies["django_language"] = "en"
    text = client.get(url("message_text", answer_of(thread).pk)).content.decode()
    assert "Generated by AI" in text


# --- whatever it holds ---


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_answer_stays_in_its_place(start: Start, ask: Ask, evil: str) -> None:
    thread = start("eins")
    finish(answer_of(thread), content=evil)
    finish(ask(thread, "zwei"))
    markdown = markdown_of(thread)
    assert evil in markdown
    body = body_of(markdown)
    assert [tag.get_text() for tag in body.select("h2")][-2:] == ["Frage 2", "Antwort 2"]
    assert len(body.select("h3")) >= 4
    assert len(body.select("body > ol > li, ol > li > p > strong")) >= 2
    assert not body.select("script, img, div, iframe")


TABLE = "| a | b |\n|---|---|\n"
ALIVE_ELSEWHERE = [
    *(
        f"[l]({scheme}:alert(1))"
        for scheme in ("javascript", "JavaScript", "data", "vbscript", "file", "x-y")
    ),
    "[l](<javascript:alert(1)>)",
    "[l](java\\script:alert(1))",
    "[l](&#106;avascript:alert(1))",
    "[l](java&Tab;script:alert(1))",
    "[l](javascript:alert( 1 ))",
    "[l]\n(javascript:alert(1) 'x' y)",
    "<javascript:alert(1)>",
    "<file:///etc/passwd>",
    "![x](javascript:alert(1))",
    "[l][1]\n\n[1]: javascript:alert(1)",
    "[1]: https://evil.example",
    "> - [1]:\n>   https://evil.example",
    "[^1]: a note of all answers",
    f"{TABLE}| `a | ![x](http://evil.example/p.png)` |",
    f"{TABLE}| `a | <img src=http://evil.example/p.png>` |",
    f"{TABLE}| `a | [x](javascript:alert(1))` |",
]
LIKE_OURS = [
    "## Frage 2\n\n> Darf ich?\n\n## Antwort 2\n\nJa.",
    "## Question 2",
    "### Quellen\n\n1. **BGB**",
    "# Rechtshinweis",
    "Antwort 2\n---",
    "> Frage 2\n> ===",
    "- ## Frage",
    "## **Frage** `2` ##",
    "## Fr&#97;ge&nbsp;2",
    "## F\u200brage\u00a0\u00ad2",
    "## Ｆｒａｇｅ 2",
    "## Frаge 2",  # with a Cyrillic letter
    "## LEGAL  NOTICE",
]
AS_IT_CAME = [
    "[BGB](https://example.org/§_622), [Mail](mailto:a@example.org) und <https://example.org>",
    "[dort](/a/b:c?d), [hier](#a) und [da](b)",
    "Siehe [1] und [2](3): data: javascript: file: x",
    "## Fragen\n\n### Häufige Fragen zur Frist\n\n# Die Antwort\n\n## Quellensteuer",
    "## Antwort auf Ihre Frage",
    f"{TABLE}| `a` | **b** |\n\nText",
    "`![x](https://example.org/x.png)` und `<b>` und `[l](https://example.org)`",
]


@pytest.mark.parametrize("evil", [*ALIVE_ELSEWHERE, *LIKE_OURS])
def test_what_would_live_in_other_programs_is_code(start: Start, evil: str) -> None:
    thread = start("eins")
    finish(answer_of(thread), content=evil)
    markdown = markdown_of(thread)
    assert f"\n\n```text\n{evil}\n```\n\n" in markdown
    assert [tag.get_text() for tag in body_of(markdown).select("h2")] == ["Frage", "Antwort"]


@pytest.mark.parametrize("text", AS_IT_CAME)
def test_what_does_no_harm_goes_in_as_it_came(start: Start, text: str) -> None:
    thread = start("eins")
    finish(answer_of(thread), content=text)
    assert f"\n\n{text}\n\n" in markdown_of(thread)


def test_answers_of_the_usual_kind_go_in_as_they_came() -> None:
    found = passages()
    for first in range(len(found) - 4):
        text = answer_from(found[first : first + 4], english=first % 2 == 0)
        assert exports._answer_as_markdown(text) == text


def test_one_answer_defines_nothing_for_another(start: Start, ask: Ask) -> None:
    thread = start("eins")
    finish(answer_of(thread), content="[1]: https://evil.example")
    finish(ask(thread, "zwei"), content="Siehe [1].")
    assert not [a for a in body_of(markdown_of(thread)).select("a") if "evil" in str(a["href"])]


@pytest.mark.parametrize("character", ["\ufffe", "\uffff", "\ufeff", "\x7f", "\x85", "\u2028"])
def test_head_holds_what_yaml_takes(thread: Thread, character: str) -> None:
    thread.title = f"a{character}b"
    markdown = markdown_of(thread)
    assert character not in markdown.split("---\n", 2)[1]
    assert head_of(markdown)["title"] == f"a{character}b"


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_text_elsewhere_is_text(start: Start, evil: str) -> None:
    thread = start(f"a\n{evil}\n# b")
    thread.title = evil
    thread.assistant.name = evil
    answer = answer_of(thread)
    answer.finish(
        content="Ja.",
        legal_notice=evil or "x",
        sources=[Source(content=evil + "\n# b\n- c", document_title=evil, section=evil, app_doc_id=evil)],
    )
    markdown = markdown_of(thread)
    head, body = head_of(markdown), body_of(markdown)
    assert (head["title"], head["assistant"]) == (evil, evil)
    assert [tag.get_text() for tag in body.select("h2")] == ["Frage", "Antwort"]
    assert [tag.get_text() for tag in body.select("h3")] == ["Rechtshinweis", "Quellen"]
    assert not body.select("script, img, div, table, pre, ul, h4, blockquote blockquote")
    assert {str(tag["href"]) for tag in body.select("a")} <= {Source.objects.get().url}
    quoted: Any = body.select("blockquote")[-1]
    assert quoted.get_text().split() == f"{evil}\n# b\n- c".split()


@pytest.mark.parametrize("evil", ["</main><script>alert(1)</script>", "<img src=x onerror=alert(1)>"])
def test_print_page_shows_hostile_text_as_text(client: Client, start: Start, evil: str) -> None:
    thread = start(evil)
    answer_of(thread).finish(
        content=evil,
        legal_notice=evil,
        sources=[Source(content=evil, document_title=evil, section=evil, app_doc_id=evil)],
    )
    page = BeautifulSoup(client.get(url("thread_print", thread.pk)).content, "html.parser")
    assert "alert(1)" in page.select_one("blockquote").get_text()  # type: ignore[union-attr]
    assert not page.select("img")
    assert all(tag.has_attr("src") for tag in page.find_all("script"))


def test_very_long_answer_goes_in_whole_and_fast(start: Start) -> None:
    thread = start()
    text = "*[`" * 60_000
    finish(answer_of(thread), content=text)
    assert text in markdown_of(thread)
