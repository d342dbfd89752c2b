"""The links in an answer's text to its sources, and back from them."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse
from django.utils import translation
from markdown_it.token import Token
from pytest_django import DjangoAssertNumQueries

from tests.conftest import answer_of
from tests.test_rendering import text_of
from threads.citations import MOST_LINKS
from threads.models import Message, Source, Thread
from threads.rendering import LONGEST_MARKDOWN, RenderedAnswer, _markdown, render_answer, render_text
from threads.sandbox.answers import compose
from threads.sandbox.assistants import ASSISTANTS, EMPLOYMENT_LAW
from threads.sandbox.corpus import passages
from threads.sandbox.faults import CONTROL_CHARACTERS, FAULTS, HOSTILE, altered

BGB, KSCHG = "Bürgerliches Gesetzbuch (BGB)", "Kündigungsschutzgesetz (KSchG)"
QUOTED = ((BGB, "§ 622 Abs. 3"), (KSCHG, "§ 9"))


def answered(text: str, *quoted: tuple[str, str]) -> tuple[RenderedAnswer, list[Source]]:
    """An answer that no database knows."""
    message = Message(content=text)
    sources = [
        Source(document_title=title, section=section, position=position, content="Zitat")
        for position, (title, section) in enumerate(quoted or QUOTED, start=1)
    ]
    message._prefetched_objects_cache = {"sources": sources}  # type: ignore[attr-defined]
    return render_answer(message), sources


def page_of(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def links_in(text: str) -> list[tuple[str, int]]:
    """What is linked, and to which source."""
    answer, sources = answered(text)
    positions = {f"#quote-{source.pk}": source.position for source in sources}
    return [(a.get_text(), positions[str(a["href"])]) for a in page_of(answer.html).select("a.citation")]


def test_statute_in_the_text_is_a_link_into_the_source_that_quotes_it() -> None:
    with translation.override("de"):
        answer, (source, _other) = answered("Nach § 622 Abs. 3 BGB gilt: zwei Wochen.")
    link = page_of(answer.html).a
    assert link
    assert link.attrs == {
        "class": ["citation"],
        "id": answer.references[source.pk][0].id,
        "href": f"#quote-{source.pk}",
        "title": "Quelle 1 öffnen",
    }
    assert link.get_text() == "§ 622 Abs. 3 BGB"


def test_source_knows_where_it_is_referred_to() -> None:
    answer, (source, other) = answered("§ 622 Abs. 3 BGB, § 622\nIII BGB, § 622 Abs. 3 BGB")
    references = answer.references[source.pk]
    assert [(each.text, each.count) for each in references] == [
        ("§ 622 Abs. 3 BGB", 1),
        ("§ 622 III BGB", 1),
        ("§ 622 Abs. 3 BGB", 2),
    ]
    assert len({each.id for each in references}) == 3
    assert other.pk not in answer.references


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("**§ 9 KSchG** gilt", [("§ 9 KSchG", 2)]),
        ("**§ 9** KSchG", [("§ 9 KSchG", 2)]),
        ("§ 9 **KSchG**", [("§ 9 KSchG", 2)]),
        ("**§ 622** *Abs. 3* BGB", [("§ 622 Abs. 3 BGB", 1)]),
        ("*a **§ 9** KSchG* b", [("§ 9 KSchG", 2)]),
        ("**nach § 9** KSchG", []),  # a link can't begin in what ends in it
        ("§ 9\nKSchG", [("§ 9\nKSchG", 2)]),
        ("§&nbsp;9 KSchG", [("§\u00a09 KSchG", 2)]),
        ("# § 9 KSchG", [("§ 9 KSchG", 2)]),
        ("> - § 9 KSchG", [("§ 9 KSchG", 2)]),
        ("| § 9 KSchG |\n|---|\n| § 622 Abs. 3 BGB |", [("§ 9 KSchG", 2), ("§ 622 Abs. 3 BGB", 1)]),
        ("§ 9\n\nKSchG", []),
        ("- § 9\n- KSchG", []),
        ("`§ 9 KSchG`", []),
        ("§ 9 `x` KSchG", []),
        ("```\n§ 9 KSchG\n```", []),
        ("[§ 9 KSchG](https://example.org)", []),
        ("§ 9 [KSchG](https://example.org)", []),
        ("<https://example.org/§ 9 KSchG>", [("§ 9 KSchG", 2)]),
        ("[**§ 9** x](https://example.org) KSchG", []),
        ("§ 9 KSchG§ 9 KSchG", [("§ 9 KSchG", 2), ("§ 9 KSchG", 2)]),
        ("x" * LONGEST_MARKDOWN + " § 9 KSchG", [("§ 9 KSchG", 2)]),
    ],
)
def test_links_stand_only_where_they_may(text: str, links: list[tuple[str, int]]) -> None:
    assert links_in(text) == links


def sandbox_answers() -> list[tuple[str, list[tuple[str, str]]]]:
    """To a question for each passage, of each assistant; and what the faults make of one."""
    answers = [
        compose(assistant, [f"Was gilt bei {passage.heading}?"])
        for assistant in ASSISTANTS.values()
        for passage in passages()
    ]
    answers.append(compose(ASSISTANTS[EMPLOYMENT_LAW], ["What is the notice period during probation?"]))
    one = compose(ASSISTANTS[EMPLOYMENT_LAW], ["Welche Kündigungsfristen gelten?"])
    answers += [altered(fault, one) for fault in FAULTS.values() if fault.alter]  # type: ignore[misc]
    found = {}
    for answer in answers:
        text = str(answer.get("content") or "").replace("\ud800", "")  # the client lets none through
        metas = [source.get("meta_data") or {} for source in answer.get("sources") or []]
        quoted = [(str(meta.get("document_title", "")), str(meta.get("section", ""))) for meta in metas]
        found[text, str(quoted)] = (text, quoted)
    return list(found.values())


def test_each_answer_of_the_sandbox_links_what_it_quotes_and_nothing_else() -> None:
    linked = 0
    for text, quoted in sandbox_answers():
        answer, sources = answered(text, *(quoted or [("", "")]))
        named = {
            f"{source.section} {source.document_title.rsplit('(', 1)[1].rstrip(')')}": f"#quote-{source.pk}"
            for source in sources
            if source.section.startswith("§") and source.document_title.endswith(")")
        }
        links = page_of(answer.html).select("a.citation")
        assert [(link.get_text(), link["href"]) for link in links] == [
            (citation, href) for citation, href in named.items() if citation in text
        ]
        linked += len(links)
    assert linked > 200


TEXTS = [
    HOSTILE,
    CONTROL_CHARACTERS.replace("\ud800", ""),
    "§ 9 KSchG <a class=citation href=#x>§ 9 KSchG</a>",
    "**§ 9 *KSchG** § 9* KSchG ~~§ 9 KSchG~~",
    "§ 9\nKSchG  \n§ 9 KSchG\\\n§ 9 KSchG",
    "&sect; 9 KSchG &amp; § 9&#32;KSchG &lt;b&gt;",
    "***§ 9** KSchG* _§ 9_ __KSchG__ *§ 622 **Abs. 3* BGB**",
    "| § 9 KSchG | **§ 9** KSchG |\n|-|-|\n| § 622 \\| Abs. 3 BGB | `§ 9 KSchG` |",
    "§ 9 KSchG " * 10_000,
    "> " * 30 + "§ 9 KSchG",
    "§ 9 KSchG\u2028\u202e§ 9\u200b KSchG\ufeff\x7f",
    "\ufffc§ 9 KSchG\ufffc",
]


def test_not_a_character_of_the_text_is_altered() -> None:
    for text, quoted in [*sandbox_answers(), *((text, list(QUOTED)) for text in TEXTS)]:
        answer, _sources = answered(text, *(quoted or [("", "")]))
        assert text_of(answer.html) == text_of(render_text(text))


def test_but_for_the_links_the_markup_is_the_same() -> None:
    for text in TEXTS:
        page = page_of(answered(text)[0].html)
        for link in page.select("a.citation"):
            link.unwrap()
        assert str(page) == str(page_of(render_text(text)))


@pytest.mark.parametrize(
    "text",
    [
        '<a class="citation" id="citation-1" href="#quote-1">§ 1 BGB</a>',
        '[§ 1 BGB](#quote-1 "citation")',
        "[x](#citation-1){.citation #citation-1}",
        "[x](#" + "0" * 32 + "-0)",
        "[§ 9 KSchG]: #quote-1\n\n[§ 9 KSchG]",
        '<a href="#0-0" rel="noopener noreferrer nofollow">',
    ],
)
def test_link_of_an_answer_can_not_pass_for_a_citation(text: str) -> None:
    page = page_of(answered(text)[0].html)
    assert page.select("[class], [id]") == []
    for link in page.find_all("a"):
        assert link["rel"] == ["noopener", "noreferrer", "nofollow"]


def test_ids_are_an_answers_own() -> None:
    ids = [
        str(link["id"]) for _ in range(2) for link in page_of(answered("§ 9 KSchG, § 9 KSchG")[0].html)("a")
    ]
    assert len(set(ids)) == 4


def test_links_of_an_answer_have_an_end() -> None:
    answer, _sources = answered("§ 9 KSchG\n\n" * (MOST_LINKS * 2))
    assert len(page_of(answer.html).select("a.citation")) == MOST_LINKS


@pytest.mark.parametrize(
    "part",
    ["**§ 9** KSchG ", "§ 9 **KSchG ", "*§ 9 KSchG", "*a*", "[§ 9 KSchG](", "§ 9 KSchG|", "§ 1 *", "`§ 9 "],
)
def test_text_made_to_be_slow_is_linked_all_the_same(part: str) -> None:
    started = time.process_time()
    answered(f"{'§ 9 KSchG ' * 100}{part * ((LONGEST_MARKDOWN - 1_000) // len(part))}")
    assert time.process_time() - started < 3  # a fraction of that, on a machine with nothing else to do


# --- on the page ---

Start = Callable[..., Thread]
TEXT = "Nach **§ 622 Abs. 3 BGB** gilt: zwei Wochen. Siehe § 622 Abs. 3 BGB und § 9 KSchG."


def finish(answer: Message, text: str = TEXT) -> None:
    sources = [
        Source(content="Zitat", document_title=title, section=section)
        for title, section in (*QUOTED, (BGB, "§ 623"))
    ]
    answer.finish(sources=sources, content=text)


def shown(client: Client, thread: Thread) -> BeautifulSoup:
    response: Any = client.get(reverse("threads:thread", args=[thread.pk]), headers={"Accept-Language": "de"})
    return page_of(response.content.decode())


@pytest.mark.django_db
def test_links_and_their_ways_back_lead_to_what_is_on_the_page(client: Client, start: Start) -> None:
    thread = start()
    finish(answer_of(thread))
    page = shown(client, thread)
    links = page.select(".message-text a.citation, .source-references a")
    assert len(links) == 6
    for link in links:
        assert len(page.select(str(link["href"]))) == 1
    for link in page.select("a.citation"):
        target = page.select_one(str(link["href"]))
        assert target
        assert "details" in [parent.name for parent in target.parents]


@pytest.mark.django_db
def test_each_source_says_where_it_is_referred_to(client: Client, start: Start) -> None:
    thread = start()
    finish(answer_of(thread))
    said = [
        " ".join(references.get_text().split())
        if (references := source.select_one(".source-references"))
        else ""
        for source in shown(client, thread).select("details.source")
    ]
    assert said == ["Im Text: § 622 Abs. 3 BGB, § 622 Abs. 3 BGB (2)", "Im Text: § 9 KSchG", ""]


@pytest.mark.django_db
def test_what_is_put_in_a_question_is_no_link(client: Client, start: Start) -> None:
    thread = start("Was sagt § 9 KSchG?")
    finish(answer_of(thread), "Nichts.")
    assert shown(client, thread).select("a.citation") == []


@pytest.mark.django_db
def test_rendering_costs_no_query_where_sources_are_there(
    start: Start, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    finish(answer_of(start()))
    message = Message.objects.prefetch_related("sources").answers().get()
    with django_assert_num_queries(0):
        assert len(render_answer(message).references) == 2


@pytest.mark.django_db
def test_markdown_of_an_answer_is_parsed_once(
    client: Client, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = f"§ 9 KSchG {uuid.uuid4()}"
    thread = start()
    finish(answer_of(thread), marker)
    parsed: list[str] = []
    parse = _markdown.parse

    def counted(text: str) -> list[Token]:
        parsed.append(text)
        return parse(text)

    monkeypatch.setattr(_markdown, "parse", counted)
    shown(client, thread)
    assert parsed.count(marker) == 1
