"""Reading under a mandate: what is listed, found and shown to whom, and that none of it happens without an event."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.conftest import answer_of, in_another_connection, signed_in
from threads import answering, reviewing, search
from threads.models import (
    Assistant,
    Case,
    Event,
    Feedback,
    Finding,
    Kind,
    Mandate,
    Message,
    Progress,
    Rating,
    Reason,
    Reveal,
    Selection,
    Source,
    Thread,
    User,
    Verdict,
)

pytestmark = pytest.mark.django_db

Grant = Callable[..., Mandate]
Start = Callable[..., Thread]
Finish = Callable[..., Message]
HTMX: Any = {"HX-Request": "true"}


@pytest.fixture
def reader(auditor: User) -> Client:
    """The auditor's browser."""
    return signed_in(auditor)


@pytest.fixture
def say(start: Start, finish: Finish) -> Callable[..., Thread]:
    """A conversation of one question, and this answer to it."""

    def say(text: str = "Zwei Wochen.", question: str = "Was gilt?", **fields: Any) -> Thread:
        names = ("owner", "assistant")
        thread = start(question, **{name: fields.pop(name) for name in names if name in fields})
        finish(thread, text, **fields)
        return thread

    return say


Say = Callable[..., Thread]


def url_of(mandate: Mandate, number: int | None = None, what: str = "case") -> str:
    if number is None:
        return reverse("threads:cases", args=[mandate.pk])
    return reverse(f"threads:{what}", args=[mandate.pk, number])


def page_of(response: Any, status: int = 200) -> BeautifulSoup:
    assert response.status_code == status
    return BeautifulSoup(response.content, "html.parser")


def listed(client: Client, mandate: Mandate, **query: Any) -> list[int]:
    page = page_of(client.get(url_of(mandate), query))
    return [int(str(row["data-case"])) for row in page.select("tr[data-case]")]


def found(client: Client, mandate: Mandate, q: str, **query: Any) -> list[int]:
    page = page_of(client.get(url_of(mandate), {"q": q, **query}))
    return [int(str(hit["data-case"])) for hit in page.select(".hit")]


def read(client: Client, mandate: Mandate, number: int = 1, **query: Any) -> BeautifulSoup:
    return page_of(client.get(url_of(mandate, number), query))


def one(page: BeautifulSoup | Tag, selector: str) -> Tag:
    [tag] = page.select(selector)
    return tag


def events(*kinds: Kind) -> list[Event]:
    return list(Event.objects.filter(kind__in=kinds).order_by("number"))


# --- who, and when ---


def test_without_a_mandate_nobody_reads(
    grant: Grant, say: Say, auditor: User, asker: User, colleague: User, admin: User, releaser: User
) -> None:
    say()
    mandate = grant()
    for user in (asker, colleague, admin, releaser):
        for url in (url_of(mandate), f"{url_of(mandate)}?q=Wochen", url_of(mandate, 1)):
            assert signed_in(user).get(url).status_code == 404
        for what in ("flag", "reveal"):
            sent = signed_in(user).post(url_of(mandate, 1, what), {"reason": "x", "is_flagged": "on"})
            assert sent.status_code == 404
    assert signed_in(auditor).get(url_of(mandate, 1)).status_code == 200
    assert [event.actor_id for event in events(Kind.THREAD_READ, Kind.SEARCHED)] == [auditor.pk]


def test_nor_does_an_auditor_of_another_mandate(grant: Grant, say: Say, admin: User) -> None:
    say()
    mandate, theirs = grant(), grant(auditors=[admin])
    assert signed_in(admin).get(url_of(theirs, 1)).status_code == 200
    assert signed_in(admin).get(url_of(mandate, 1)).status_code == 404


@pytest.mark.parametrize("query", [{}, {"q": "Wochen"}])
def test_revocation_ends_reading_at_once(
    grant: Grant, say: Say, reader: Client, releaser: User, query: dict[str, str]
) -> None:
    say()
    mandate = grant()
    mandate.revoke(releaser)
    for url in (url_of(mandate), url_of(mandate, 1)):
        assert reader.get(url, query).status_code == 404
    assert events(Kind.THREAD_READ, Kind.SEARCHED, Kind.PASSAGE_SHOWN) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("number", "query"), [(1, {}), (None, {"q": "Wochen"})])
def test_revoked_between_looking_up_and_recording_it_shows_nothing(
    grant: Grant,
    say: Say,
    reader: Client,
    releaser: User,
    monkeypatch: pytest.MonkeyPatch,
    number: int | None,
    query: dict[str, str],
) -> None:
    say()
    mandate = grant()
    trace = Mandate.trace

    def revoked_before(*args: Any) -> None:
        other, errors = in_another_connection(lambda: mandate.revoke(releaser))
        other.join()
        assert errors == []
        trace(*args)

    monkeypatch.setattr(Mandate, "trace", revoked_before)
    assert reader.get(url_of(mandate, number), query).status_code == 404
    assert events(Kind.THREAD_READ, Kind.SEARCHED, Kind.PASSAGE_SHOWN) == []
    assert not Case.objects.filter(read_at__isnull=False).exists()


def test_no_event_no_view(grant: Grant, say: Say, reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    say()
    mandate = grant()
    monkeypatch.setattr(Event.objects.__class__, "record_all", lambda *args: 1 / 0)
    for url in (url_of(mandate, 1), f"{url_of(mandate)}?q=Wochen"):
        with pytest.raises(ZeroDivisionError):
            reader.get(url)
    assert not Case.objects.filter(read_at__isnull=False).exists()


@pytest.mark.parametrize("path", ["2/", "0/", "99999999999999/"])
def test_what_is_not_under_the_mandate_is_not_there(
    grant: Grant, say: Say, reader: Client, path: str
) -> None:
    say()
    assert reader.get(url_of(grant()) + path).status_code == 404


def test_what_its_owner_deleted_is_there_only_while_it_is_held(
    grant: Grant, say: Say, reader: Client
) -> None:
    thread = say()
    plain, holding = grant(), grant(holds=True)
    Thread.objects.filter(pk=thread.pk).update(deleted_at=timezone.now())
    assert listed(reader, plain) == []
    assert found(reader, plain, "Wochen") == []
    assert reader.get(url_of(plain, 1)).status_code == 404
    assert listed(reader, holding) == [1]
    assert "Löschsperre" in read(reader, holding).get_text()


# --- the list ---


def test_list_shows_nothing_of_what_was_written_and_is_no_event(
    grant: Grant, say: Say, reader: Client, asker: User
) -> None:
    thread = say("Geheimnis der Antwort", question="Geheimnis der Frage")
    Feedback.objects.give(answer_of(thread), Rating.DOWN, comment="Geheimnis der Rückmeldung")
    before = Event.objects.count()
    mandate = grant()
    after = Event.objects.count()
    content = reader.get(url_of(mandate)).content.decode()
    assert Event.objects.count() == after > before
    for secret in ("Geheimnis", asker.email, "Asta", str(thread.pk)):
        assert secret not in content
    assert Case.objects.get(mandate=mandate).alias.code in content


def test_names_are_listed_where_the_mandate_shows_them(
    grant: Grant, say: Say, reader: Client, asker: User
) -> None:
    say()
    page = page_of(reader.get(url_of(grant(shows_names=True))))
    assert asker.name_and_address in page.get_text()


@pytest.fixture
def several(say: Say, make_assistant: Callable[..., Assistant], start: Start) -> list[Thread]:
    """1: plain; 2: with a notice and liked; 3: disliked, of another assistant; 4: failed; 5: withdrawn."""
    tax = make_assistant(slug="steuern", name="Steuern", remote_id="00000000-0000-0000-0000-000000000001")
    threads = [say(), say(legal_notice="Keine Rechtsberatung"), say(assistant=tax), start(), start()]
    Feedback.objects.give(answer_of(threads[1]), Rating.UP)
    Feedback.objects.give(answer_of(threads[2]), Rating.DOWN, reason=Reason.WRONG)
    answer_of(threads[3]).fail("api_error")
    answer_of(threads[4]).stop()
    return threads


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"assistant": "steuern"}, [3]),
        ({"with_notice": "on"}, [2]),
        ({"feedback": "negative"}, [3]),
        ({"feedback": "positive"}, [2]),
        ({"feedback": "any"}, [2, 3]),
        ({"state": "done"}, [1, 2, 3]),
        ({"state": "failed"}, [4]),
        ({"state": "stopped"}, [5]),
        ({"feedback": "any", "with_notice": "on"}, [2]),
        ({"feedback": "negative", "with_notice": "on"}, []),
    ],
)
def test_filters(
    grant: Grant, several: list[Thread], reader: Client, query: dict[str, str], numbers: list[int]
) -> None:
    assert listed(reader, grant(), **query) == numbers


def test_filters_of_answers_are_met_by_one_answer(
    grant: Grant, say: Say, finish: Finish, reader: Client, ask: Callable[..., Message]
) -> None:
    thread = say(legal_notice="Keine Rechtsberatung")
    ask(thread, "Und dann?")
    Feedback.objects.give(finish(thread), Rating.DOWN)
    mandate = grant()
    assert listed(reader, mandate, with_notice="on") == listed(reader, mandate, feedback="negative") == [1]
    assert listed(reader, mandate, with_notice="on", feedback="negative") == []


def test_filter_by_days(grant: Grant, say: Say, reader: Client) -> None:
    today = timezone.localdate()
    for days in (9, 5, 0):
        at = timezone.now() - timedelta(days=days)
        thread = say()
        Message.objects.filter(thread=thread).update(created_at=at)
        Thread.objects.filter(pk=thread.pk).update(created_at=at, asked_at=at, answered_at=at)
    mandate = grant(since=today - timedelta(days=9))
    assert listed(reader, mandate, since=today - timedelta(days=5)) == [2, 3]
    assert listed(reader, mandate, until=today - timedelta(days=5)) == [1, 2]
    assert listed(reader, mandate, since=today, until=today) == [3]


def note(case: Case, author: User, **fields: Any) -> Finding:
    finding = Finding(
        mandate=case.mandate,
        case=case,
        message=answer_of(case.thread),
        case_number=case.number,
        position=2,
        verdict=Verdict.WRONG,
        author=author,
        **fields,
    )
    finding.make()
    return finding


def test_filter_by_findings_and_progress(grant: Grant, say: Say, reader: Client, auditor: User) -> None:
    for _ in range(4):
        say()
    mandate = grant()
    cases = list(mandate.cases.in_order())
    note(cases[0], auditor)
    note(cases[1], auditor).close(auditor)
    note(cases[2], auditor)
    note(cases[2], auditor).close(auditor)
    expected = {"none": [4], "open": [1, 3], "closed": [2], "any": [1, 2, 3]}
    assert {name: listed(reader, mandate, finding=name) for name in expected} == expected
    cases[0].mark_read(auditor)
    cases[1].flag(True)
    expected = {"open": [2, 3, 4], "read": [1], "flagged": [2]}
    assert {name: listed(reader, mandate, progress=name) for name in expected} == expected
    figures = page_of(reader.get(url_of(mandate))).select(".case-figures dd")
    assert [figure.get_text() for figure in figures] == ["4", "1", "3", "1"]


def test_figures_leave_out_what_cannot_be_read(grant: Grant, say: Say, auditor: User) -> None:
    say()
    gone = say()
    mandate, holding = grant(), grant(holds=True)
    Thread.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    assert Case.objects.progress([mandate]) == {mandate.pk: Progress(1, 0, 0)}
    assert Case.objects.progress([holding]) == {holding.pk: Progress(2, 0, 0)}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"since": "2001-01-01"}, 422),
        ({"assistant": "nowhere"}, 422),
        ({"state": "unknown"}, 422),
        ({"q": "-nicht"}, 422),
        ({"after": "x"}, 404),
        ({"before": "-1"}, 404),
        ({"q": "a", "position": "99999999999999"}, 404),
    ],
)
def test_what_is_wrong_is_refused(
    grant: Grant, say: Say, reader: Client, query: dict[str, str], status: int
) -> None:
    say()
    page = page_of(reader.get(url_of(grant()), query), status)
    assert bool(page.select(".field-errors")) == (status == 422)
    assert page.select("tr[data-case]") == []


def test_assistant_that_is_not_part_of_the_mandate_is_not_offered(
    grant: Grant, several: list[Thread], assistant: Assistant, reader: Client
) -> None:
    mandate = grant(assistants=[assistant])
    assert page_of(reader.get(url_of(mandate), {"assistant": "steuern"}), 422)
    assert page_of(reader.get(url_of(mandate))).select("#search-assistant") == []
    assert len(page_of(reader.get(url_of(grant()))).select("#search-assistant option")) == 3


def test_pages_of_the_list_in_fixed_order(
    grant: Grant, say: Say, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threads.reviewing.CASES_PER_PAGE", 2)
    for _ in range(5):
        say()
    mandate = grant()
    seen, url = [], url_of(mandate)
    for _ in range(3):
        page = page_of(reader.get(url))
        seen.append([int(str(row["data-case"])) for row in page.select("tr[data-case]")])
        [*links] = page.select("[rel=next]")
        url = url_of(mandate) + str(links[0]["href"]) if links else ""
    assert seen == [[1, 2], [3, 4], [5]]
    assert url == ""
    assert listed(reader, mandate, before=5) == [3, 4]


def test_next_open_one_within_the_filter(
    grant: Grant, several: list[Thread], reader: Client, auditor: User
) -> None:
    mandate = grant()
    mandate.cases.get(number=1).mark_read(auditor)
    page = page_of(reader.get(url_of(mandate), {"state": "done"}))
    assert one(page, ".button-main[href*='/2/']")["href"] == f"{url_of(mandate, 2)}?state=done"


LIST_QUERIES = 17


@pytest.fixture
def few_and_many(grant: Grant, say: Say) -> tuple[Mandate, Mandate]:
    """A mandate of one conversation, and one of six."""
    say()
    few = grant()
    for _ in range(5):
        say()
    return few, grant()


def test_list_asks_a_fixed_number_of_queries(
    few_and_many: tuple[Mandate, Mandate],
    reader: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for mandate in few_and_many:
        with django_assert_num_queries(LIST_QUERIES):
            reader.get(url_of(mandate))
        with django_assert_num_queries(LIST_QUERIES):
            reader.get(url_of(mandate), {"state": "done", "feedback": "", "finding": "none", "since": ""})


# --- searching ---


def test_search_shows_passages_and_where_they_are(
    grant: Grant, say: Say, reader: Client, asker: User
) -> None:
    thread = say("Die Frist beträgt zwei Wochen.", sources=[Source(content="Wochenfrist", section="§ 622")])
    mandate = grant()
    page = page_of(reader.get(url_of(mandate), {"q": "Wochen"}))
    hit = one(page, ".hit")
    assert [mark.get_text() for mark in hit.select("mark")] == ["Wochen", "Wochenfrist"]
    link = str(one(hit, "a")["href"])
    assert link == f"{url_of(mandate, 1)}?q=Wochen#message-{answer_of(thread).pk}"
    assert asker.email not in str(page)
    assert str(thread.pk) not in str(page)
    assert thread.title not in str(page)


def test_search_finds_questions_sources_and_former_versions(
    grant: Grant, say: Say, finish: Finish, reader: Client
) -> None:
    thread = say(question="Was gilt im Urlaub?", sources=[Source(content="Bundesurlaubsgesetz")])
    answering.ask_anew(thread.messages.get(position=1), "Was gilt bei Krankheit?", uuid.uuid4())
    finish(thread, "Anderes.")
    mandate = grant()
    page = page_of(reader.get(url_of(mandate), {"q": "Urlaub"}))
    assert "frühere Fassung" in one(page, ".hit").get_text()
    assert found(reader, mandate, "Bundesurlaubsgesetz") == found(reader, mandate, "Krankheit") == [1]


def test_search_finds_nothing_outside_of_the_mandate(
    grant: Grant, say: Say, finish: Finish, reader: Client, ask: Callable[..., Message]
) -> None:
    thread = say("Alte Antwort")
    Message.objects.filter(thread=thread).update(created_at=timezone.now() - timedelta(days=60))
    ask(thread, "Neue Frage")
    finish(thread, "Neue Antwort")
    mandate = grant()
    say("Spätere Antwort")
    assert found(reader, mandate, "Antwort") == [1]
    assert found(reader, mandate, "Alte") == found(reader, mandate, "Spätere") == []


def test_search_within_filters(grant: Grant, several: list[Thread], reader: Client) -> None:
    mandate = grant()
    assert found(reader, mandate, "Wochen") == [1, 2, 3]
    assert found(reader, mandate, "Wochen", with_notice="on") == [2]
    assert found(reader, mandate, "Wochen", progress="read") == []
    assert found(reader, mandate, "Wochen", since=timezone.localdate()) == [1, 2, 3]


def test_pages_of_hits_follow_each_other(
    grant: Grant, say: Say, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threads.search.HITS_PER_PAGE", 3)
    for _ in range(3):
        say("Zwei Wochen.", question="Wie viele Wochen?")
    mandate = grant()
    first = page_of(reader.get(url_of(mandate), {"q": "Wochen"}))
    assert [hit["data-case"] for hit in first.select(".hit")] == ["1", "1", "2"]
    query = parse_qs(urlsplit(str(one(first, ".more a")["href"])).query)
    second = page_of(reader.get(url_of(mandate), query))
    assert [hit["data-case"] for hit in second.select(".hit")] == ["2", "3", "3"]
    assert second.select(".more") == []


def test_search_is_recorded_without_its_words(
    grant: Grant, say: Say, reader: Client, auditor: User, asker: User
) -> None:
    first, _ = say("Wochen", question="Wochen?"), say("Wochen")
    mandate = grant()
    reader.get(url_of(mandate), {"q": "Wochen -Geheimnis", "state": "done"})
    searched, *shown = events(Kind.SEARCHED, Kind.PASSAGE_SHOWN)
    assert (searched.actor_id, searched.mandate_id, searched.person_id) == (auditor.pk, mandate.pk, None)
    assert searched.details == {
        "terms": 2, "filters": {"state": "done"}, "hits": 3, "conversations": 2,
    }  # fmt: skip
    assert [(event.person_id, event.details) for event in shown] == [
        (asker.pk, {"conversation": 1, "positions": [1, 2]}),
        (asker.pk, {"conversation": 2, "positions": [2]}),
    ]
    assert shown[0].thread_id == first.pk
    assert "Geheimnis" not in json.dumps([event.details for event in Event.objects.all()])


def test_search_that_finds_nothing_is_recorded_too(grant: Grant, say: Say, reader: Client) -> None:
    say()
    assert found(reader, grant(), "Seepferdchen") == []
    [searched] = events(Kind.SEARCHED)
    assert searched.details["hits"] == 0


def test_search_that_takes_too_long_says_how_to_narrow_it_down_and_is_recorded(
    grant: Grant, say: Say, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(*args: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")

    say()
    mandate = grant()
    monkeypatch.setattr("threads.search.LONGEST_SEARCH", 0.05)
    monkeypatch.setattr("threads.search._find", sleep)
    page = page_of(reader.get(url_of(mandate), {"q": "Wochen"}), 503)
    assert "Zeitraum" in one(page, "#search-q-errors").get_text()
    [searched] = events(Kind.SEARCHED)
    assert searched.details["gave_up"] is True


def test_one_searches_once_at_a_time(
    grant: Grant, say: Say, reader: Client, auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    say()
    mandate = grant()
    monkeypatch.setattr("threads.search.LONGEST_WAIT", 0.05)
    elsewhere = connection.copy()
    try:
        with elsewhere.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext('search'), %s::int)", [auditor.pk])
        assert page_of(reader.get(url_of(mandate), {"q": "Wochen"}), 429)
    finally:
        elsewhere.close()
    assert found(reader, mandate, "Wochen") == [1]


def settings() -> list[str]:
    names = ("statement_timeout", "lock_timeout", "enable_seqscan")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s), current_setting(%s), current_setting(%s)", names)
        return list(cursor.fetchone())


def test_bounds_of_a_search_end_with_it(grant: Grant, say: Say, auditor: User) -> None:
    """What follows in the transaction waits for other events as long as it takes."""
    say()
    mandate, before = grant(), settings()
    filters = reviewing.Filters()
    cases = reviewing.cases_of(mandate, auditor, filters)
    with transaction.atomic():
        search.find_under_mandate(auditor, cases, search.terms_of("Wochen"), filters.period_of(mandate))
        assert settings() == before


def test_search_stops_where_a_page_is_full(grant: Grant, say: Say, auditor: User) -> None:
    for _ in range(40):
        say()
    mandate, filters = grant(), reviewing.Filters()
    with CaptureQueriesContext(connection) as queries:
        search.find_under_mandate(
            auditor,
            reviewing.cases_of(mandate, auditor, filters),
            search.terms_of("Wochen"),
            filters.period_of(mandate),
        )
    [sql] = [query["sql"] for query in queries if "LATERAL" in query["sql"]]
    analyse()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        [[[plan]]] = cursor.fetchall()
    walked = [
        node["Actual Loops"] for node in nodes(plan["Plan"]) if node.get("Relation Name") == "threads_message"
    ]
    assert walked
    assert max(walked) < 30


def analyse() -> None:
    """So that PostgreSQL knows how much there is."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE threads_case, threads_message, threads_source, threads_thread")


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]


SEARCH_QUERIES = 27


def test_search_asks_a_fixed_number_of_queries(
    few_and_many: tuple[Mandate, Mandate],
    reader: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for mandate in few_and_many:
        with django_assert_num_queries(SEARCH_QUERIES):
            assert found(reader, mandate, "Wochen")


# --- reading ---


def test_conversation_is_shown_as_its_owner_saw_it(
    grant: Grant, say: Say, reader: Client, client: Client
) -> None:
    thread = say(
        "**Zwei** Wochen nach § 622 Abs. 3 BGB.",
        question="Welche <b>Frist</b> gilt?",
        legal_notice="Keine Rechtsberatung",
        legal_advice=True,
        sources=[
            Source(
                content="Während der Probezeit",
                document_title="Bürgerliches Gesetzbuch (BGB)",
                section="§ 622 Abs. 3",
                app_doc_id="HI1",
            )
        ],
    )
    theirs = page_of(client.get(f"/threads/{thread.pk}/"))
    ours = read(reader, grant())
    for selector in (
        ".question h2", ".answer .message-text", ".legal-notice", ".sources", ".message-foot",
    ):  # fmt: skip
        assert str(one(ours, selector)) == str(one(theirs, selector))
    assert one(ours, ".legal-notice")["data-legal-advice"] == "true"
    assert one(ours, ".source a[target]")["href"] == one(theirs, ".source a[target]")["href"]


def test_nothing_of_the_owners_tools_is_there(grant: Grant, say: Say, reader: Client) -> None:
    thread = say()
    page = read(reader, grant())
    assert page.select(".tools, .feedback, #composer, [data-edit], [data-copy]") == []
    own = [str(thread.pk), "/messages/", "/threads/0", "/threads/1"]
    links = [str(tag.get("href") or tag.get("action") or "") for tag in page.select("a, form")]
    assert [link for link in links if any(part in link for part in own)] == []


def test_reading_is_an_event_and_progress_but_not_the_owners_seeing(
    grant: Grant, say: Say, reader: Client, auditor: User, asker: User
) -> None:
    thread = say()
    mandate = grant()
    read(reader, mandate)
    read(reader, mandate)
    thread.refresh_from_db()
    case = mandate.cases.get()
    first, _second = events(Kind.THREAD_READ)
    assert (first.actor_id, first.person_id, first.mandate_id, first.thread_id) == (
        auditor.pk, asker.pk, mandate.pk, thread.pk,
    )  # fmt: skip
    assert first.details == {"conversation": 1, "positions": [1, 2], "named": False}
    assert case.read_by == auditor
    assert case.read_at is not None
    assert thread.seen_at is None
    assert thread.is_unread


def test_messages_outside_of_the_period_are_counted_and_not_shown(
    grant: Grant, say: Say, finish: Finish, reader: Client, ask: Callable[..., Message]
) -> None:
    thread = say("Alte Antwort")
    Message.objects.filter(thread=thread).update(created_at=timezone.now() - timedelta(days=60))
    ask(thread, "Neue Frage")
    finish(thread, "Neue Antwort")
    page = read(reader, grant())
    assert "Alte Antwort" not in page.get_text()
    assert one(page, "[data-outside]")["data-outside"] == "2"
    assert [tag["data-position"] for tag in page.select("article.message")] == ["3", "4"]
    assert one(page, ".question")["data-number"] == "2"
    assert events(Kind.THREAD_READ)[0].details["positions"] == [3, 4]


def test_former_versions_are_marked(grant: Grant, say: Say, finish: Finish, reader: Client) -> None:
    thread = say()
    answering.ask_anew(thread.messages.get(position=1), "Anders gefragt?", uuid.uuid4())
    finish(thread, "Anderes.")
    page = read(reader, grant())
    assert [tag.has_attr("data-former") for tag in page.select("article.message")] == [
        True,
        True,
        False,
        False,
    ]
    assert [tag["data-number"] for tag in page.select("[data-number]")] == ["1"]
    assert page.get_text().count("Frühere Fassung") == 2


def test_feedback_failures_and_times(grant: Grant, say: Say, start: Start, reader: Client) -> None:
    rated, failed = say(), start()
    Feedback.objects.give(
        answer_of(rated), Rating.DOWN, reason=Reason.WRONG, comment="Das <i>stimmt</i> nicht."
    )
    asked = timezone.now() - timedelta(minutes=3)
    Message.objects.filter(pk=answer_of(rated).pk).update(
        created_at=asked, answering_at=asked + timedelta(seconds=8), finished_at=asked + timedelta(seconds=85)
    )
    answer_of(failed).fail("content_filter_error")
    mandate = grant()
    feedback = one(read(reader, mandate, 1), ".case-feedback").get_text()
    assert "Das <i>stimmt</i> nicht." in feedback
    assert "nicht hilfreich" in feedback
    facts = one(read(reader, mandate, 1), ".case-facts").get_text()
    assert "8 Sekunden" in facts
    assert "1 min 17 s" in facts
    failure = one(read(reader, mandate, 2), ".failure")
    assert failure["data-error"] == "content_filter_error"
    assert "content_filter_error" in failure.get_text()


def test_answers_still_to_come_are_not_waited_for(
    grant: Grant, say: Say, ask: Callable[..., Message], reader: Client
) -> None:
    ask(say(), "Und dann?")
    page = read(reader, grant())
    assert page.select("[hx-get], [hx-trigger]") == []
    assert "Die Antwort steht noch aus." in page.get_text()


def test_answers_of_the_selection_are_marked(
    grant: Grant, say: Say, finish: Finish, ask: Callable[..., Message], reader: Client
) -> None:
    thread = say(legal_notice="Keine Rechtsberatung")
    ask(thread, "Und dann?")
    finish(thread)
    page = read(reader, grant(selection=Selection.NOTICE))
    marked = [bool(tag.select("[data-selected]")) for tag in page.select(".answer")]
    assert marked == [True, False]
    assert read(reader, grant()).select("[data-selected]") == []


# --- whose it is ---


def test_metadata_is_shown_without_what_tells_who_asked(
    grant: Grant, say: Say, reader: Client, asker: User
) -> None:
    remote_id = "1a2b3c4d-5678-9abc-def0-112233445566"
    thread = say(
        received={
            "id": "5e6f7081",
            "thread_id": remote_id,
            "meta_data": {
                "type": "t<1>",
                "user_id": "u-1",
                "note": f"für {asker.email.upper()}",
                "trace": [remote_id, str(asker.pseudonym)],
            },
        },
        sources=[Source(content="Quelle", received={"meta_data": {"document_title": "BGB", "score": 0.5}})],
    )
    Thread.objects.filter(pk=thread.pk).update(remote_id=remote_id)
    shown = json.loads(one(read(reader, grant()), ".case-facts pre").get_text())
    assert shown == {
        "answer": {"id": "5e6f7081", "meta_data": {"type": "t<1>", "note": "für …", "trace": ["…", "…"]}},
        "sources": [{"meta_data": {"document_title": "BGB", "score": 0.5}}],
    }


def test_metadata_that_lies_deep_or_is_long_breaks_nothing(grant: Grant, say: Say, reader: Client) -> None:
    deep: Any = "tief"
    for _ in range(500):
        deep = [deep]
    say(received={"deep": deep, "long": "x" * 100_000})
    shown = one(read(reader, grant()), ".case-facts pre").get_text()
    assert "tief" not in shown
    assert len(shown) < reviewing.METADATA_CHARACTERS + 10


def test_pseudonym_stands_for_the_person_everywhere(
    grant: Grant, say: Say, reader: Client, asker: User
) -> None:
    thread = say()
    mandate = grant()
    code = mandate.cases.get().alias.code
    html = reader.get(url_of(mandate, 1)).content.decode()
    assert f"Person {code}" in html
    for secret in (asker.email, "Asta", str(thread.pk), str(asker.pseudonym), f'data-user="{asker.pk}"'):
        assert secret not in html
    assert "können nicht ersetzt werden" in html


def test_names_are_shown_where_the_mandate_shows_them(
    grant: Grant, say: Say, reader: Client, asker: User
) -> None:
    say()
    mandate = grant(shows_names=True)
    page = read(reader, mandate)
    assert asker.name_and_address in page.get_text()
    assert page.select("#reveal") == []
    assert events(Kind.THREAD_READ)[0].details["named"] is True
    assert reader.post(url_of(mandate, 1, "reveal"), {"reason": "Wozu?"}).status_code == 404


def test_name_is_asked_for_and_revealed_for_one_conversation(
    grant: Grant, say: Say, reader: Client, releaser: User, asker: User
) -> None:
    say(), say()
    mandate = grant()
    assert reader.post(url_of(mandate, 1, "reveal"), {"reason": "Verdacht"}).status_code == 302
    page = read(reader, mandate)
    assert one(page, ".case-request")["data-state"] == "open"
    assert page.select("#reveal form") == []
    Reveal.objects.get().decide(releaser, is_released=True)
    page = read(reader, mandate)
    assert one(page, "[data-revealed]").get_text() == asker.name_and_address
    assert one(page, ".case-request")["data-state"] == "released"
    assert asker.email not in str(read(reader, mandate, 2))
    assert asker.email not in reader.get(url_of(mandate)).content.decode()
    assert [event.details["named"] for event in events(Kind.THREAD_READ)] == [False, True, False]


def test_name_that_was_refused_can_be_asked_for_again(
    grant: Grant, say: Say, reader: Client, releaser: User
) -> None:
    say()
    mandate = grant()
    for _ in range(2):  # the second time, the first is still to be decided
        reader.post(url_of(mandate, 1, "reveal"), {"reason": "Verdacht"})
    reveal = Reveal.objects.get()
    reveal.decide(releaser, is_released=False)
    page = read(reader, mandate)
    assert one(page, ".case-request")["data-state"] == "refused"
    reader.post(url_of(mandate, 1, "reveal"), {"reason": "Neuer Verdacht"}, headers=HTMX)
    assert Reveal.objects.count() == 2
    assert len(events(Kind.REVEAL_REQUESTED)) == 2


@pytest.mark.parametrize("reason", ["", " \u200b ", "x" * 2_001, "a\x00b"])
@pytest.mark.parametrize("headers", [None, HTMX])
def test_name_is_not_asked_for_without_a_reason(
    grant: Grant, say: Say, reader: Client, reason: str, headers: Any
) -> None:
    say()
    mandate = grant()
    response = reader.post(url_of(mandate, 1, "reveal"), {"reason": reason}, headers=headers)
    page = page_of(response, 422)
    assert page.select("#reveal-reason-errors")
    assert bool(page.select("html")) == (headers is None)
    assert not Reveal.objects.exists()
    assert "Zwei Wochen" not in page.get_text()


# --- on from one to the next ---


def test_ways_to_the_neighbours_keep_the_filter(
    grant: Grant, several: list[Thread], reader: Client, auditor: User
) -> None:
    mandate = grant()
    page = read(reader, mandate, 2, state="done")
    ways = one(page, ".case-head nav")
    assert one(ways, "[rel=prev]")["href"] == f"{url_of(mandate, 1)}?state=done"
    assert one(ways, "[rel=next]")["href"] == f"{url_of(mandate, 3)}?state=done"
    assert read(reader, mandate, 3, state="done").select("[rel=next]") == []
    assert len(read(reader, mandate, 3).select(".case-head [rel=next]")) == 1


def test_next_open_one_is_found_from_the_end_too(
    grant: Grant, several: list[Thread], reader: Client, auditor: User
) -> None:
    mandate = grant()
    for number in (2, 3, 4):
        mandate.cases.get(number=number).mark_read(auditor)
    page = read(reader, mandate, 5)
    assert [link["href"] for link in page.select(".case-head nav .button")] == [
        url_of(mandate, 4),
        url_of(mandate, 1),
    ]


def test_filter_that_is_none_is_not_found(grant: Grant, say: Say, reader: Client) -> None:
    say()
    assert reader.get(url_of(grant(), 1), {"state": "unknown"}).status_code == 404


def test_flag_is_set_and_taken_off(grant: Grant, say: Say, reader: Client) -> None:
    say()
    mandate = grant()
    response = reader.post(url_of(mandate, 1, "flag") + "?state=done", {"is_flagged": "on"})
    assert response["Location"] == f"{url_of(mandate, 1)}?state=done"
    assert mandate.cases.get().is_flagged
    fragment = page_of(reader.post(url_of(mandate, 1, "flag"), {"is_flagged": ""}, headers=HTMX))
    assert one(fragment, "button")["aria-pressed"] == "false"
    assert not mandate.cases.get().is_flagged
    assert reader.get(url_of(mandate, 1, "flag")).status_code == 405


def test_long_conversation_comes_in_parts_each_of_which_is_recorded(
    grant: Grant, say: Say, finish: Finish, ask: Callable[..., Message], reader: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("threads.reviewing.MESSAGES_PER_PAGE", 2)
    thread = say()
    for _ in range(2):
        ask(thread, "Und dann?")
        finish(thread, "Seepferdchen")
    mandate = grant()
    url, seen = url_of(mandate, 1), []
    for _ in range(3):
        page = page_of(reader.get(url))
        seen.append([int(str(tag["data-position"])) for tag in page.select("article.message")])
        links = [str(link["href"]) for link in page.select(".page-main > .more a")]
        url = url_of(mandate, 1) + links[-1]
    assert seen == [[1, 2], [3, 4], [5, 6]]
    assert [event.details["positions"] for event in events(Kind.THREAD_READ)] == [[1, 2], [3, 4], [5, 6]]
    assert links == ["?behind=2"]
    assert reader.get(url_of(mandate, 1), {"behind": 6}).status_code == 404
    hit = page_of(reader.get(url_of(mandate), {"q": "Seepferdchen"})).select(".hit a")[1]
    assert f"message-{answer_of(thread, 6).pk}" in reader.get(str(hit["href"])).content.decode()


# --- what it costs ---


CASE_QUERIES = 30


def test_conversation_asks_a_fixed_number_of_queries(
    grant: Grant, say: Say, finish: Finish, ask: Callable[..., Message], reader: Client, auditor: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    say(sources=[Source(content="Quelle", app_doc_id="HI1")])
    long = say()
    for _ in range(10):
        ask(long, "Und dann?")
        answer = finish(long, sources=[Source(content="Quelle", app_doc_id="HI1")])
        Feedback.objects.give(answer, Rating.UP)
    say()
    mandate = grant()
    for _ in range(3):
        note(mandate.cases.get(number=2), auditor)
    for number in (1, 2):
        with django_assert_num_queries(CASE_QUERIES):
            read(reader, mandate, number)


def test_findings_stand_with_their_answers(grant: Grant, say: Say, auditor: User) -> None:
    thread = say()
    case = grant().cases.get()
    findings = [note(case, auditor), note(case, auditor)]
    assert reviewing.findings_of(case) == {answer_of(thread).pk: findings}
    question, answer = reviewing.read(case).messages
    assert (question.case_findings, answer.case_findings) == ([], findings)
