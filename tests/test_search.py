"""Search: what is found, whose, how it is shown, and what it costs."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Timer
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from bs4 import BeautifulSoup, Tag
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from tests.conftest import answer_of
from threads import answering
from threads.forms import SearchForm
from threads.forms.searching import MAX_SEARCH_CHARACTERS
from threads.models import Assistant, Message, Shelf, Source, Thread, User
from threads.rendering import render_passage
from threads.search import (
    HITS_PER_PAGE,
    MARKED_CHARACTERS,
    PASSAGE_CHARACTERS,
    SOURCES_PER_HIT,
    Query,
    Term,
    find,
    terms_of,
)
from threads.search import _excerpt as excerpt

pytestmark = pytest.mark.django_db

Start = Callable[..., Thread]
Ask = Callable[[Thread, str], Message]
Say = Callable[..., Thread]
HTMX: Any = {"HX-Request": "true"}
# Session, user, assistants, hits, messages, sources, sandbox, the side bar (2), and a transaction with its bounds (3).
FIXED_QUERIES = 12


@pytest.fixture
def say(start: Start) -> Say:
    """A conversation: a question that nothing finds, and this answer to it."""

    def say(content: str = "", sources: tuple[dict[str, str], ...] = (), **kwargs: Any) -> Thread:
        fields = {name: kwargs.pop(name) for name in ("legal_notice",) if name in kwargs}
        thread = start(kwargs.pop("question", "Was gilt?"), **kwargs)
        answer_of(thread).finish(sources=[Source(**each) for each in sources], content=content, **fields)
        return thread

    return say


def search(client: Client, q: str, status: int = 200, headers: Any = None, **fields: str) -> BeautifulSoup:
    response = client.get("/search/", {"q": q, **fields}, headers=headers)
    assert response.status_code == status
    return BeautifulSoup(response.content, "html.parser")


def hits(page: BeautifulSoup) -> list[Tag]:
    return page.select(".hit")


def found(client: Client, q: str, **fields: Any) -> int:
    return len(hits(search(client, q, **fields)))


def marks(page: BeautifulSoup) -> list[str]:
    return [mark.get_text() for mark in page.select("mark")]


# --- words ---


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("Die Kündigungsfristen sind lang.", "Kündigung"),
        ("Die Kündigungsfristen sind lang.", "Kündigungsfr"),
        ("Die Kündigung ist da.", "Kündigu"),
        ("Die Kündigung ist da.", "Kündigungen"),
        ("Die Kündigung ist da.", "KÜNDIGUNG"),
        ("Die Kündigung ist da.", "Kuendigung"),
        ("Eine Kuendigung ist da.", "Kündigung"),
        ("Zwei Häuser", "Haus"),
        ("In der Straße", "Strasse"),
        ("In der STRASSE", "straße"),
        ("Die Öffnungszeiten", "öffnung"),
        ("Policies of the company", "policy"),
        ("He was terminated.", "termination"),
        ("The employer's duties", "duty"),
        ("Arbeitgeber/Arbeitnehmer", "Arbeitnehmer"),
        ("und/oder Urlaub.Dann Pause", "Urlaub Pause"),
        ("Nach Abs.3 gilt", "3"),
        ("Von 2024-2025", "2025"),
        ("Nach §622 BGB", "§ 622"),
        ("„Urlaub“ – danach", "Urlaub"),
        ("«Urlaub» … danach", "Urlaub danach"),
        ("Die E-Mail-Adresse", "Mail"),
        ("Die E-Mail-Adresse", "E-Mail"),
        ("Kündi\u00adgungs\u00adfrist", "Kündigungsfrist"),
        ("Mitarbeiter:innen, Arbeitnehmer*innen", "innen"),
        ("<b>Urlaub</b> &amp; Pause", "Urlaub"),
        ("**Urlaub**_und_Pause", "Pause"),
        ("max@example.org schrieb", "example"),
        ("Kinder 👶Urlaub", "Urlaub"),
        ("Résumé", "résumé"),
        ("漢字 Urlaub", "漢字"),
        ("Anlage K zum Vertrag", "K"),
    ],
)
def test_word_is_found(client: Client, say: Say, text: str, q: str) -> None:
    say(text)
    assert found(client, q) == 1


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("Urlaub", "Kündigung"),
        ("Urlaub und Pause", "Urlaub Kündigung"),
        ("Nach § 622 BGB", "62"),
        ("Mietvertragskündigung", "Kündigung"),
        ("Kündigung", "k"),
    ],
)
def test_what_is_not_there_is_not_found(client: Client, say: Say, text: str, q: str) -> None:
    say(text)
    assert found(client, q) == 0


def test_words_in_any_order_are_all_needed(client: Client, say: Say) -> None:
    say("Erst Probezeit, dann Kündigung")
    say("Nur Kündigung")
    assert found(client, "Kündigung Probezeit") == 1


def test_words_that_are_too_common_do_not_stand_in_the_way(client: Client, say: Say) -> None:
    say("Kündigung in Probezeit")
    assert found(client, "die Kündigung wegen der Probezeit") == 0
    assert found(client, "die Kündigung in der Probezeit") == 1


def test_only_words_that_are_too_common_find_nothing(client: Client, say: Say) -> None:
    say("in an so will")
    page = search(client, "in an")
    assert hits(page) == []
    assert "Nichts gefunden" in page.get_text()


# --- phrases and exclusions ---


@pytest.mark.parametrize(
    "q", ['"fristlose Kündigung"', "„fristlose Kündigung“", "“fristlose Kündigung”", '"fristlose Kündigung']
)
def test_phrase_is_found_as_it_stands(client: Client, say: Say, q: str) -> None:
    say("Die fristlose Kündigung ist selten.")
    say("Die Kündigung ist fristlos.")
    say("Eine fristlose Kündigungsfrist gibt es nicht.")
    page = search(client, q)
    assert len(hits(page)) == 1
    assert marks(page) == ["fristlose", "Kündigung"]


def test_phrase_with_a_word_that_is_too_common(client: Client, say: Say) -> None:
    say("Die Kündigung des Arbeitnehmers")
    assert found(client, '"Kündigung des Arbeitnehmers"') == 1


def test_phrase_and_word(client: Client, say: Say) -> None:
    say("Die fristlose Kündigung in der Probezeit")
    assert found(client, 'Probezeit "fristlose Kündigung"') == 1
    assert found(client, 'Urlaub "fristlose Kündigung"') == 0


def test_minus_excludes(client: Client, say: Say) -> None:
    say("Kündigung im Urlaub")
    wanted = say("Kündigung in der Krankheit")
    page = search(client, "Kündigung -Urlaub")
    assert [hit.a["href"] for hit in hits(page) if hit.a] == [f"/messages/{answer_of(wanted).pk}/"]
    assert marks(page) == ["Kündigung"]


@pytest.mark.parametrize("text", ["Kündigung der Häuser", "Kündigung des Hauses", "Kündigung HAUS"])
def test_minus_excludes_all_forms_of_a_word(client: Client, say: Say, text: str) -> None:
    say(text)
    assert found(client, "Kündigung -Haus") == 0


def test_minus_excludes_a_phrase(client: Client, say: Say) -> None:
    say("Die fristlose Kündigung")
    say("Die Kündigung, fristlose gibt es nicht")
    assert found(client, 'Kündigung -"fristlose Kündigung"') == 1


def test_hyphen_within_a_word_and_a_dash_exclude_nothing(client: Client, say: Say) -> None:
    say("Das Home-Office")
    assert found(client, "Home-Office") == 1
    assert found(client, "Home - Office") == 1


def test_terms_are_read_as_people_write_them() -> None:
    assert terms_of('-"a b" c -d e-f § "" - "g') == [
        Term(("a", "b"), is_whole=True, is_excluded=True),
        Term(("c",), is_whole=False, is_excluded=False),
        Term(("d",), is_whole=False, is_excluded=True),
        Term(("e", "f"), is_whole=False, is_excluded=False),
        Term(("g",), is_whole=True, is_excluded=False),
    ]


# --- kinds of hits ---


def test_question_is_found(client: Client, start: Start) -> None:
    thread = start("Welche Kündigungsfrist gilt?")
    [hit] = hits(search(client, "Kündigung"))
    assert hit["data-kind"] == "question"
    assert hit.a
    assert hit.a["href"] == f"/messages/{thread.messages.get(position=1).pk}/"
    assert hit.select_one("mark")


def test_answer_is_found_with_its_conversation(client: Client, say: Say) -> None:
    thread = say("Zwei Wochen Probezeit", question="Wie lange?")
    [hit] = hits(search(client, "Probezeit"))
    assert hit["data-kind"] == "answer"
    text = hit.get_text(" ")
    assert "Wie lange?" in text
    assert "Arbeitsrecht" in text
    assert "Antwort" in text
    finished_at = answer_of(thread).finished_at
    assert finished_at
    assert hit.time
    assert datetime.fromisoformat(str(hit.time["datetime"])) == finished_at


def test_source_is_found_with_its_document(client: Client, say: Say) -> None:
    source = {"document_title": "BGB", "section": "§ 622", "content": "Die Kündigungsfrist beträgt …"}
    thread = say("Ja.", (source,))
    [hit] = hits(search(client, "Kündigung"))
    assert hit["data-kind"] == "source"
    assert hit.a
    assert hit.a["href"] == f"/messages/{answer_of(thread).pk}/"
    shown = hit.select_one(".hit-sources")
    assert shown
    assert re.search(r"1\s+BGB,\s+§ 622\s+Die Kündigungsfrist", shown.get_text())
    assert marks(BeautifulSoup(str(shown), "html.parser")) == ["Kündigungsfrist"]


@pytest.mark.parametrize(("q", "mark"), [("Gesetzbuch", "Gesetzbuch"), ("622", "622")])
def test_source_is_found_by_its_title_and_section(client: Client, say: Say, q: str, mark: str) -> None:
    say("Ja.", ({"document_title": "Bürgerliches Gesetzbuch", "section": "§ 622", "content": "Text"},))
    page = search(client, q)
    assert len(hits(page)) == 1
    assert marks(page) == [mark]


def test_answer_and_its_sources_are_one_hit(client: Client, say: Say) -> None:
    say("Kündigung", tuple({"content": f"Kündigung {n}"} for n in range(5)))
    [hit] = hits(search(client, "Kündigung"))
    assert len(hit.select(".hit-source")) == 3
    assert "und 2 weitere Quellen" in hit.get_text()
    assert "Quelle 1" in hit.get_text()


def test_words_have_to_be_together_in_one_text(client: Client, say: Say) -> None:
    say("Kündigung", ({"content": "Probezeit"},))
    assert found(client, "Kündigung Probezeit") == 0


# --- whose, and which ---


def test_only_ones_own_is_found(client: Client, say: Say, colleague: User) -> None:
    say("Kündigung", ({"content": "Kündigung"},), owner=colleague, question="Kündigung?")
    assert found(client, "Kündigung") == 0


def test_deleted_is_not_found_until_it_is_restored(client: Client, say: Say) -> None:
    thread = say("Kündigung", ({"content": "Kündigung"},))
    thread.move(Shelf.DELETED)
    assert found(client, "Kündigung") == 0
    thread.move(Shelf.LISTED)
    assert found(client, "Kündigung") == 1


def test_archived_is_found_and_says_so(client: Client, say: Say) -> None:
    thread = say("Kündigung")
    assert "archiviert" not in search(client, "Kündigung").get_text().replace("archivierte", "")
    thread.move(Shelf.ARCHIVED)
    [hit] = hits(search(client, "Kündigung"))
    assert "archiviert" in hit.get_text()


def test_former_version_of_a_question_is_not_found(client: Client, say: Say) -> None:
    thread = say("Kündigung", ({"content": "Kündigung"},), question="Kündigung?")
    answering.ask_anew(thread.messages.get(position=1), "Urlaub?", thread.pk)
    assert found(client, "Kündigung") == 0
    assert found(client, "Urlaub") == 1


def test_stopped_and_waiting_answers_are_not_found_and_their_questions_are(
    client: Client, start: Start
) -> None:
    thread = start("Kündigung?")
    answer_of(thread).stop()
    assert [hit["data-kind"] for hit in hits(search(client, "Kündigung"))] == ["question"]


def test_anonymous_signs_in_first(db: None) -> None:
    response = Client().get("/search/?q=a")
    assert (response.status_code, response.headers["Location"]) == (
        302,
        f"/accounts/login/?next={quote('/search/?q=a')}",
    )


def test_nothing_is_posted(client: Client) -> None:
    assert client.post("/search/", {"q": "a"}).status_code == 405


# --- filters ---


def test_filter_by_assistant(client: Client, say: Say, make_assistant: Callable[..., Assistant]) -> None:
    say("Kündigung")
    tax = make_assistant(name="Steuern", slug="steuern", remote_id="00000000-0000-0000-0000-000000000001")
    say("Kündigung", assistant=tax)
    page = search(client, "Kündigung", assistant="steuern")
    assert len(hits(page)) == 1
    assert "Steuern" in hits(page)[0].get_text()
    chosen = page.select_one("option[selected]")
    assert chosen
    assert chosen["value"] == "steuern"
    assert page.select_one("details[open]")


def test_a_single_assistant_is_no_choice(client: Client, say: Say) -> None:
    say("Kündigung")
    assert not search(client, "Kündigung").select("select")


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"since": "2026-03-01"}, 1),
        ({"since": "2026-03-02"}, 0),
        ({"until": "2026-03-01"}, 1),
        ({"until": "2026-02-28"}, 0),
        ({"since": "2026-03-01", "until": "2026-03-01"}, 1),
    ],
)
def test_filter_by_period_in_the_sites_time(
    client: Client, say: Say, fields: dict[str, str], count: int
) -> None:
    thread = say("Kündigung")
    thread.messages.update(created_at=datetime(2026, 2, 28, 23, 30, tzinfo=UTC))  # half past midnight
    assert found(client, "Kündigung", **fields) == count


def test_filter_by_legal_notice(client: Client, say: Say) -> None:
    say("Kündigung", question="Kündigung?")
    say("Kündigung", ({"content": "Kündigung"},), question="Kündigung?", legal_notice="Kein Rat.")
    page = search(client, "Kündigung", with_notice="on")
    assert [hit["data-kind"] for hit in hits(page)] == ["answer"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"since": "gestern"}, "since"),
        ({"until": "9999-12-31"}, "until"),
        ({"since": "0001-01-01"}, "since"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "until"),
        ({"assistant": "nowhere"}, "assistant"),
        ({"assistant": "fremd"}, "assistant"),
        ({"assistant": "a\x00b"}, "assistant"),
        ({"since": "a\x00b"}, "since"),
    ],
)
def test_bad_filter_is_said_at_its_field(
    client: Client, make_assistant: Callable[..., Assistant], fields: dict[str, str], field: str
) -> None:
    make_assistant(slug="fremd")  # with which one has no conversation
    page = search(client, "Kündigung", status=422, **fields)
    said = page.select_one(f"#search-{field}-errors")
    assert said
    assert said.get_text(strip=True)
    described = page.select_one(f"#search-{field}")
    assert described
    assert described["aria-describedby"] == f"search-{field}-errors"


# --- order and pages ---


@pytest.fixture
def many(say: Say) -> list[Thread]:
    """Oldest first, the last three at the same moment."""
    threads = [say(f"Kündigung {n}", ({"content": f"Kündigung {n}"},)) for n in range(HITS_PER_PAGE + 5)]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for n, thread in enumerate(threads):
        thread.messages.update(created_at=now + timedelta(hours=min(n, HITS_PER_PAGE + 2)))
    return threads


def paths(page: BeautifulSoup) -> list[str]:
    return [str(hit.a["href"]) for hit in hits(page) if hit.a]


def test_newest_first(client: Client, many: list[Thread]) -> None:
    newest = [f"/messages/{answer_of(thread).pk}/" for thread in reversed(many)]
    page = search(client, "Kündigung")
    assert paths(page)[3:] == newest[3:HITS_PER_PAGE]
    assert set(paths(page)[:3]) == set(newest[:3])
    assert "Die 20 neuesten Treffer" in page.get_text()


def test_pages_have_every_hit_once(client: Client, many: list[Thread]) -> None:
    first = search(client, "Kündigung")
    more = first.select_one(".more a")
    assert more
    second = BeautifulSoup(client.get(f"/search/{more['href']}").content, "html.parser")
    assert not second.select_one(".more a")
    assert len(hits(second)) == 5
    assert sorted(paths(first) + paths(second)) == sorted(f"/messages/{answer_of(t).pk}/" for t in many)
    assert "Zurück zu den neuesten Treffern" in second.get_text()


def test_more_keeps_the_filters(client: Client, many: list[Thread]) -> None:
    more = search(client, "Kündigung", until="2026-12-31").select_one(".more a")
    assert more
    assert QueryDict(str(more["href"])[1:])["until"] == "2026-12-31"


def test_more_for_htmx_is_only_what_follows(client: Client, many: list[Thread]) -> None:
    more = search(client, "Kündigung").select_one(".more a")
    assert more
    response = client.get(f"/search/{more['href']}", headers=HTMX)
    page = BeautifulSoup(response.content, "html.parser")
    assert len(hits(page)) == 5
    assert not page.select("html, form")
    assert page.ol
    assert page.ol["id"] == more["hx-target"][1:]


def test_paging_goes_on_after_a_hit_that_was_deleted(client: Client, many: list[Thread]) -> None:
    more = search(client, "Kündigung").select_one(".more a")
    many[5].move(Shelf.DELETED)
    assert more
    page = BeautifulSoup(client.get(f"/search/{more['href']}").content, "html.parser")
    assert len(hits(page)) == 5


def test_page_after_a_strangers_message_is_not_found(client: Client, say: Say, colleague: User) -> None:
    stranger = answer_of(say("Kündigung", owner=colleague))
    search(client, "Kündigung", status=404, after=str(stranger.pk))
    search(client, "Kündigung", status=404, after="nonsense")


# --- the page ---


def test_nothing_asked_yet(client: Client) -> None:
    page = search(client, "")
    assert page.select_one("input[type=search][name=q]")
    assert "So suchen Sie" in page.get_text()
    assert not hits(page)


def test_nothing_found_says_what_to_try(client: Client, say: Say) -> None:
    page = search(client, "Seepferdchen", until="2026-12-31")
    assert "Nichts gefunden" in page.get_text()
    assert page.find("a", href="?q=Seepferdchen")


def test_header_leads_to_it(client: Client) -> None:
    link = search(client, "").select_one(".site-nav a[href='/search/']")
    assert link
    assert link["aria-current"] == "page"


def test_htmx_gets_the_results_and_what_is_said_of_them(client: Client, say: Say) -> None:
    say("Kündigung")
    page = search(client, "Kündigung", headers=HTMX)
    assert len(hits(page)) == 1
    assert not page.select("html, form")
    status = page.select_one("#search-status[hx-swap-oob]")
    assert status
    assert status.get_text(strip=True) == "1 Treffer"


def test_htmx_gets_the_form_with_what_is_wrong(client: Client) -> None:
    page = search(client, "§", status=422, headers=HTMX)
    assert page.select_one("form #search-q-errors")
    assert page.select_one("#results[hx-swap-oob]")
    assert not page.select("html")


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize(
    ("q", "said"),
    [
        ("x" * (MAX_SEARCH_CHARACTERS + 1), {"de": "zu lang", "en": "too long"}),
        ("x" * 10_000, {"de": "10000", "en": "10000"}),
        ("?!§ …„“", {"de": "auch ein Wort ein", "en": "enter a word"}),
        ("-", {"de": "auch ein Wort ein", "en": "enter a word"}),
        ("-Urlaub", {"de": "ohne Minus", "en": "without a minus"}),
        ('-"a b" -c', {"de": "ohne Minus", "en": "without a minus"}),
        ("a\x00b", {"de": "ein Zeichen", "en": "a character"}),
        (" ".join("abcdefghijklmnopq"), {"de": "zu viele Wörter: 17", "en": "too many words: 17"}),
    ],
)
def test_bad_input_is_said_at_the_field(client: Client, language: str, q: str, said: dict[str, str]) -> None:
    response = client.get("/search/", {"q": q}, headers={"Accept-Language": language})
    assert response.status_code == 422
    page = BeautifulSoup(response.content, "html.parser")
    error = page.select_one("#search-q-errors")
    assert error
    assert said[language] in error.get_text()
    field = page.select_one("#search-q")
    assert field
    assert field["aria-invalid"] == "true"
    if "\x00" not in q:
        assert field["value"] == q
    assert not hits(page)


def test_lone_surrogate_is_refused(asker: User) -> None:
    data = QueryDict(mutable=True)
    data["q"] = "Urlaub \ud800"
    with translation.override("en"):
        assert "a character" in str(SearchForm(asker, data).errors["q"])


@pytest.mark.parametrize("query", ["q=%ED%A0%80", "q=%FF%FE", "q=Urlaub%ED%A0%80x", "q=a&q=b", "q[]=a"])
def test_address_that_is_no_text_breaks_nothing(client: Client, query: str) -> None:
    assert client.get(f"/search/?{query}").status_code in (200, 422)


HOSTILE = [
    "'",
    "a'b",
    "'; DROP TABLE threads_message; --",
    "a & b | !c <-> d:*",
    "a:* (b)",
    "\\",
    "a\\'b",
    "%s %(a)s",
    "' OR 1=1",
    "a <1> b",
    "::tsquery",
    "{0}",
    "\x01\x02a\x03",
    "İ ſ ﬃ Ⅷ ½",
    "🙂",
    "a🙂b",
    "\u202e\u200b",
    "x" * MAX_SEARCH_CHARACTERS,
    "𠀀" * 100,
    " ".join("abcdefghijklmnop"),
    '"a b c d e f g h i j k l m n o p"',
    "a -b -c -d",
    "\u0661\u0662",
    "1e5 0x1F 1.5 -3",
    "http://a.b/c?d=e&f",
    "a\u00ad",
]


@pytest.mark.parametrize("q", HOSTILE)
def test_hostile_input_breaks_nothing(client: Client, say: Say, q: str) -> None:
    say("Kündigung")
    assert client.get("/search/", {"q": q}).status_code in (200, 422)


@pytest.mark.parametrize("q", [q for q in HOSTILE if terms_of(q) and "-" not in q])
def test_hostile_text_is_found_by_itself(client: Client, say: Say, q: str) -> None:
    say(q)
    assert found(client, q) == 1


# --- passages ---


def test_hostile_text_is_escaped(client: Client, say: Say) -> None:
    evil = "<script>alert(1)</script> <mark>Urlaub</mark> \"'& Kündigung"
    say(evil, ({"content": evil, "document_title": evil, "section": evil},), question=evil)
    page = search(client, "Kündigung")
    assert marks(page) == ["Kündigung"] * 5
    assert not page.select("#results script")
    assert len(page.find_all(string=re.compile(r"<mark>Urlaub</mark>"))) >= 4


@pytest.mark.parametrize("sign", ["\x01", "\x02", "\x03", "\ue000", "\ufdd0", "\u200b"])
def test_marks_can_not_be_forged(client: Client, say: Say, sign: str) -> None:
    say(f"a {sign}Urlaub{sign} b {sign}{sign} Kündigung {sign}")
    assert marks(search(client, "Kündigung")) == ["Kündigung"]


def test_passage_is_the_text_as_it_was_stored(asker: User, say: Say) -> None:
    text = (
        "Die „fristlose Kündi\u00adgung“ (§\u00a0626\tBGB) –\u200b gilt/gelten  👍 <b>sofort</b>; "
        "3,5 % & mehr_oder weniger\x02!"
    )
    say("Ja.", ({"content": text},))
    [hit] = find(asker, Query(terms_of("Kündigung sofort weniger"))).hits
    assert "".join(piece.text for piece in hit.sources[0].passage) == text
    marked = [piece.text for piece in hit.sources[0].passage if piece.is_marked]
    assert marked == ["Kündi\u00adgung", "sofort", "weniger"]


def test_passage_of_an_answer_is_without_markdown(asker: User, say: Say) -> None:
    say("# Frist\n\n- Die **Kündigung**\n- `zwei` Wochen\n\n| a | b |\n|---|---|\n| c | d |\n\n3 * 4 - x_y")
    [hit] = find(asker, Query(terms_of("Kündigung"))).hits
    text = " ".join("".join(piece.text for piece in hit.passage).split())
    assert text == "# Frist Die Kündigung zwei Wochen a b c d 3 * 4 - x_y"


def test_passage_is_cut_around_what_was_found(asker: User, say: Say) -> None:
    say("Kündigung " + "Wort " * 500 + "Kündigung in der Probezeit " + "Wort " * 500)
    [hit] = find(asker, Query(terms_of("Kündigung Probezeit"))).hits
    text = "".join(piece.text for piece in hit.passage)
    assert text.startswith("… Wort ")
    assert text.endswith("Wort …")
    assert len(text) <= PASSAGE_CHARACTERS + 4
    assert [piece.text for piece in hit.passage if piece.is_marked] == ["Kündigung", "Probezeit"]


def test_passage_of_one_endless_word_is_cut() -> None:
    passage = excerpt("x" * 5_000 + "y" * 5_000, [(0, 5_000)], PASSAGE_CHARACTERS)
    assert sum(len(piece.text) for piece in passage) <= PASSAGE_CHARACTERS + 4


def test_many_marks_are_looked_through_quickly() -> None:
    began = time.process_time()
    text = "".join(f"{n:05} " for n in range(50_000))
    excerpt(text, [(6 * n, 6 * n + 5) for n in range(50_000)], PASSAGE_CHARACTERS)
    assert time.process_time() - began < 1


def test_rendered_passage_is_escaped() -> None:
    assert render_passage([("<b>", False), ("{}&", True)]) == "&lt;b&gt;<mark>{}&amp;</mark>"


# --- long texts ---


def distinct_words(first: int, count: int) -> str:
    """Each a character of four bytes, with one of three."""
    return " ".join(chr(first + n // 5_000) + chr(0x4E00 + n % 5_000) for n in range(count))


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"w{n:x}" for n in range(500_000)),
        distinct_words(0x20000, 200_000),
        " ".join(chr(0x20000 + n) for n in range(40_000)) * 5,
        "x" * 3_000_000,
        "𠀀" * 1_000_000,
        "Ⱥ" * 1_500 + " " + " ".join(f"Ⱥ{n}" for n in range(300_000)),
        "a b " * 500_000,
        "\x01\x02\x03" * 500_000,
    ],
    ids=[
        "words",
        "four bytes",
        "one character",
        "one word",
        "one word of four bytes",
        "grows",
        "few",
        "signs",
    ],
)
def test_answer_of_megabytes_is_stored_and_found_by_its_beginning(asker: User, say: Say, text: str) -> None:
    thread = say(f"Kündigung {text}", ({"content": f"Kündigung {text}", "document_title": text[:100]},))
    assert len(answer_of(thread).content) > 400_000
    [hit] = find(asker, Query(terms_of("Kündigung"))).hits
    assert hit.kind == "answer"
    assert len(hit.sources) == 1


def test_what_lies_far_behind_is_found_and_not_shown(asker: User, say: Say) -> None:
    say("Wort " * 15_000 + "Kündigung " + "Wort " * 10_000 + "Urlaub")
    [hit] = find(asker, Query(terms_of("Kündigung"))).hits
    assert not any(piece.is_marked for piece in hit.passage)
    assert find(asker, Query(terms_of("Urlaub"))).hits == []


def test_words_are_no_part_of_what_a_page_loads(say: Say) -> None:
    thread = say("Kündigung", ({"content": "Kündigung"},))
    assert '"words"' not in str(thread.messages.all().query)
    assert '"words"' not in str(Source.objects.all().query)


def test_words_follow_the_text(asker: User, say: Say) -> None:
    thread = say("Kündigung")
    thread.messages.update(content="Urlaub")
    assert find(asker, Query(terms_of("Kündigung"))).hits == []
    assert len(find(asker, Query(terms_of("Urlaub"))).hits) == 2


def test_database_and_search_agree_on_what_is_a_sign() -> None:
    """All of Unicode, but for what a text in PostgreSQL can't have."""
    characters = [chr(n) for n in range(1, 0x20000) if not 0xD800 <= n < 0xE000]
    with connection.cursor() as cursor:
        for first in range(0, len(characters), 20_000):
            part = characters[first : first + 20_000]
            cursor.execute("SELECT search_text(%s)", ["".join(f"x{c}x " for c in part)])
            theirs = [word for word in cursor.fetchone()[0].split(" ") if word]
            assert [word for c in part for term in terms_of(f"x{c}x") for word in term.words] == theirs


# --- what it costs ---


def test_fixed_number_of_queries(
    client: Client, many: list[Thread], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(FIXED_QUERIES):
        assert found(client, "Kündigung") == HITS_PER_PAGE
    Thread.objects.exclude(pk=many[0].pk).delete()
    with django_assert_num_queries(FIXED_QUERIES):
        assert found(client, "Kündigung") == 1


def test_others_messages_are_not_read(asker: User, say: Say) -> None:
    """Even where PostgreSQL thinks that reading everybody's would be quicker, it has no way to do so."""
    say("Kündigung")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
        with CaptureQueriesContext(connection) as queries:
            find(asker, Query(terms_of("Kündigung")))
        [sql] = [query["sql"] for query in queries if "LATERAL" in query["sql"]]
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "thread_id = " in plan
    assert "message_id = " in plan
    assert "Nested Loop" in plan
    assert "Hash" not in plan
    assert "hashed" not in plan


def test_source_that_is_not_shown_is_counted_and_not_marked(asker: User, say: Say) -> None:
    say("Kündigung", tuple({"content": f"Kündigung {n}"} for n in range(500)))
    with CaptureQueriesContext(connection) as queries:
        [hit] = find(asker, Query(terms_of("Kündigung"))).hits
    assert (len(hit.sources), hit.further_sources) == (SOURCES_PER_HIT, 497)
    [sql] = [query["sql"] for query in queries if "row_number" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, VERBOSE) {sql}")
        plan = [line for (line,) in cursor.fetchall()]
    marking = [plan[n - 1] for n, line in enumerate(plan) if "Output" in line and "ts_headline(" in line]
    assert marking
    assert all(f"rows={SOURCES_PER_HIT}" in line for line in marking)


def test_so_much_of_a_text_is_marked(asker: User, say: Say) -> None:
    text = "Wort " * (MARKED_CHARACTERS // 5 - 3)
    say(f"{text}Kündigung", ({"content": f"{text}Kündigung"},))
    say(f"{text}{20 * ' '}Kündigung", ({"content": f"{text}{20 * ' '}Kündigung"},))
    behind, within = find(asker, Query(terms_of("Kündigung"))).hits
    for passages, is_marked in ((within, True), (behind, False)):
        for passage in (passages.passage, passages.sources[0].passage):
            assert any(piece.text == "Kündigung" and piece.is_marked for piece in passage) == is_marked


def refusals(client: Client) -> Iterator[tuple[int, str]]:
    """What is said at the field of the page, of its fragment, and where further results are asked for."""
    after = str(Message.objects.answers().first().pk)  # type: ignore[union-attr]
    for headers, fields in ((None, {}), (HTMX, {}), (HTMX, {"after": after})):
        response = client.get("/search/", {"q": "Kündigung", **fields}, headers=headers)
        page = BeautifulSoup(response.content, "html.parser")
        assert bool(page.select("html")) == (headers is None)
        assert response.headers.get("HX-Retarget") == ("#search" if headers else None)
        assert bool(page.select("#results[hx-swap-oob]")) == (headers is not None and not fields)
        yield response.status_code, page.select_one("#search-q-errors").get_text()  # type: ignore[union-attr]


def test_database_gives_up_what_takes_too_long(
    client: Client, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(*args: Any) -> list[UUID]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")
        return []

    say("Kündigung")
    monkeypatch.setattr("threads.search.LONGEST_SEARCH", 0.05)
    with monkeypatch.context() as patched:
        patched.setattr("threads.search._find", sleep)
        said = list(refusals(client))
    assert [status for status, _ in said] == [503, 422, 422]
    assert all("Die Suche hat zu lange gedauert" in text for _, text in said)


def test_one_searches_once_at_a_time(
    client: Client, asker: User, colleague: User, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("Kündigung")
    monkeypatch.setattr("threads.search.LONGEST_WAIT", 0.05)
    elsewhere = connection.copy()
    try:
        with elsewhere.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext('search'), %s::int)", [asker.pk])
        said = list(refusals(client))
        assert find(colleague, Query(terms_of("Kündigung"))).hits == []
    finally:
        elsewhere.close()
    assert [status for status, _ in said] == [429, 422, 422]
    assert all("letzte Suche läuft noch" in text for _, text in said)
    assert found(client, "Kündigung") == 1


def test_who_sends_the_form_twice_finds_twice(client: Client, asker: User, say: Say) -> None:
    say("Kündigung")
    elsewhere = connection.copy()
    with elsewhere.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('search'), %s::int)", [asker.pk])
    ending = Timer(0.1, elsewhere.connection.close)
    ending.start()
    assert found(client, "Kündigung") == 1
    ending.join()
