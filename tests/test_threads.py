"""The list of one's conversations, and what one does with a conversation as a whole."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.db import IntegrityError, connection
from django.db.models.signals import pre_delete
from django.test import Client
from django.utils import timezone

from tests.conftest import answer_of, page_of
from tests.test_views import HTMX, question, url
from threads import answering, erasing, listing, windows
from threads.answering import removing
from threads.answering.history import messages_for
from threads.models import Message, Role, Shelf, State, Thread, User

pytestmark = pytest.mark.django_db

Start = Callable[..., Thread]


def titles(page: BeautifulSoup) -> list[str]:
    return [str(next(tag.strings)) for tag in page.select("main .threads-title")]


def asked(thread: Thread, **ago: int) -> None:
    Thread.objects.filter(pk=thread.pk).update(asked_at=timezone.now() - timedelta(**ago))


def long_thread(thread: Thread, exchanges: int) -> list[Message]:
    """Its first question, and those that follow; the answers are there."""
    answer_of(thread).finish(content="Ja.", sources=[])
    for number in range(2, exchanges + 1):
        asked = Message.objects.create(
            thread=thread,
            position=2 * number - 1,
            role=Role.USER,
            state=State.DONE,
            content=f"Frage {number}",
        )
        Message.objects.create(
            thread=thread,
            position=2 * number,
            role=Role.ASSISTANT,
            state=State.DONE,
            question=asked,
            content=f"Antwort {number}",
        )
    return list(thread.messages.filter(role=Role.USER).oldest_first())


def numbers(page: BeautifulSoup) -> list[int]:
    return [int(str(tag["data-number"])) for tag in page.select("article[data-number]")]


# --- what was deleted ---


def test_deleted_conversation_is_offered_to_its_owner_alone(
    client: Client, start: Start, colleague: User
) -> None:
    thread = start("Vertraulich?")
    thread.move(Shelf.DELETED)
    stranger = Client()
    stranger.force_login(colleague)
    mine, others, part = (
        client.get(url("thread", thread)),
        stranger.get(url("thread", thread)),
        client.get(url("thread", thread), headers=HTMX),
    )
    assert {mine.status_code, others.status_code, part.status_code} == {404}
    assert page_of(mine).select_one(f"form[action='{url('shelf', thread)}'] button[value=listed]")
    for response in (others, part):
        assert "Vertraulich?" not in response.text
        assert url("shelf", thread) not in response.text


# --- the list ---


@pytest.mark.parametrize(
    ("day", "label"),
    [
        ("2026-11-26 08:00", "Heute"),
        ("2026-11-26 00:01", "Heute"),
        ("2026-11-25 23:59", "Gestern"),
        ("2026-11-24 12:00", "Diese Woche"),
        ("2026-11-23 00:00", "Diese Woche"),
        ("2026-11-22 23:59", "November 2026"),
        ("2025-03-01 12:00", "März 2025"),
    ],
)
def test_group_by_the_day_of_the_last_question_in_local_time(day: str, label: str) -> None:
    thread = Thread(asked_at=timezone.make_aware(datetime.fromisoformat(day)))
    assert listing.label_of(thread, datetime(2026, 11, 26).date()) == label  # noqa: DTZ001 a Thursday


def test_list_is_grouped_and_pinned_ones_come_first(client: Client, start: Start) -> None:
    for text, days in (("Heute?", 0), ("Früher?", 400), ("Angeheftet?", 500)):
        asked(start(text), days=days)
    Thread.objects.get(title="Angeheftet?").move(Shelf.PINNED)
    page = page_of(client.get(url("threads")))
    assert titles(page) == ["Angeheftet?", "Heute?", "Früher?"]
    labels = [tag.get_text() for tag in page.select("main .threads-group")]
    assert labels[:2] == ["Angeheftet", "Heute"]
    assert len(labels) == 3


def test_group_that_goes_on_has_its_heading_once(
    client: Client, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threads.listing.PER_PAGE", 2)
    for number in range(3):
        start(f"Frage {number}")
    more = page_of(client.get(url("threads"))).select_one("main .more a")
    assert more
    fragment = page_of(client.get(str(more["hx-get"]), headers=HTMX))
    assert [str(next(tag.strings)) for tag in fragment.select(".threads-title")] == ["Frage 0"]
    assert fragment.select(".threads-group, html, .more") == []


def test_list_loses_and_repeats_none_of_those_asked_at_the_same_moment(
    start: Start, asker: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PER_PAGE", 2)
    ids = [start(f"Frage {number}").pk for number in range(7)]
    Thread.objects.update(asked_at=timezone.now())
    with connection.cursor() as cursor:  # the index would sort, even if nobody asked for that
        cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
    seen: list[Thread] = []
    last = None
    while len(seen) < len(ids):
        page = listing.page_of(Thread.objects.visible_to(asker), Shelf.LISTED, last)
        seen += page.recent
        last = page.last
        if not last:
            break
    assert [thread.pk for thread in seen] == sorted(ids, reverse=True)


def test_each_conversation_stands_on_one_shelf(client: Client, start: Start) -> None:
    for shelf in Shelf:
        start(shelf.value).move(shelf)
    assert titles(page_of(client.get(url("threads")))) == ["pinned", "listed"]
    assert titles(page_of(client.get(url("archived")))) == ["archived"]
    assert titles(page_of(client.get(url("deleted")))) == ["deleted"]


@pytest.mark.parametrize("name", ["threads", "archived", "deleted"])
def test_conversations_are_where_one_is_on_each_of_their_lists(client: Client, name: str) -> None:
    current = page_of(client.get(url(name))).select(".site-nav [aria-current=page]")
    assert [tag.get_text() for tag in current] == ["Unterhaltungen"]


@pytest.mark.parametrize("name", ["threads", "archived", "deleted"])
def test_empty_shelf_explains_itself(client: Client, name: str) -> None:
    assert page_of(client.get(url(name))).select_one("main .empty")


def test_side_bar_shows_where_one_is(client: Client, start: Start) -> None:
    thread, other = start("Hier?"), start("Dort?")
    page = page_of(client.get(url("thread", thread.pk)))
    current = page.select(".side-bar [aria-current=page]")
    assert [tag.get_text(strip=True) for tag in current] == ["Hier?"]
    assert page.select_one(f"#entry-{other.pk}")


def test_side_bar_shows_where_one_is_once_if_that_would_come_later(
    client: Client, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threads.listing.PER_PAGE", 1)
    thread, _ = start("Hier?"), start("Neuer?")
    page = page_of(client.get(url("thread", thread.pk)))
    current = page.select_one(
        f".side-bar .threads-group + ol > #entry-{thread.pk}:first-child [aria-current=page]"
    )
    assert current
    assert page.select_one(".side-bar .threads-group").get_text() == "Diese Unterhaltung"  # type: ignore[union-attr]
    more = page.select_one("#side-bar-more a")
    assert more
    headers: Any = HTMX | {"HX-Target": "side-bar-more"}
    assert not page_of(client.get(str(more["hx-get"]), headers=headers)).select(f"#entry-{thread.pk}")


# --- shelves ---


@pytest.mark.parametrize("to", list(Shelf))
@pytest.mark.parametrize("begin", list(Shelf))
def test_conversation_moves_from_each_shelf_to_each(
    client: Client, start: Start, begin: Shelf, to: Shelf
) -> None:
    thread = start()
    thread.move(begin)
    response: Any = client.post(url("shelf", thread.pk), {"to": to}, follow=True)
    thread.refresh_from_db()
    assert thread.shelf == to
    assert response.status_code == 200
    undo = page_of(response).select("main .notice button")
    can_be_undone = to in (Shelf.ARCHIVED, Shelf.DELETED) and begin != to
    assert [button["value"] for button in undo] == ([begin] if can_be_undone else [])


@pytest.mark.parametrize("begin", [Shelf.LISTED, Shelf.PINNED, Shelf.ARCHIVED])
def test_deleting_can_be_undone(client: Client, start: Start, begin: Shelf) -> None:
    thread = start("Weg?")
    thread.move(begin)
    page = page_of(client.post(url("shelf", thread.pk), {"to": "deleted"}, follow=True))
    assert client.get(url("thread", thread.pk)).status_code == 404
    undo, button = page.select_one("main .notice form"), page.select_one("main .notice button")
    assert undo
    assert button
    client.post(str(undo["action"]), {"to": str(button["value"])})
    thread.refresh_from_db()
    assert thread.shelf == begin
    assert client.get(url("thread", thread.pk)).status_code == 200


@pytest.mark.parametrize("shelf", list(Shelf))
def test_moving_where_it_stands_changes_nothing(start: Start, shelf: Shelf) -> None:
    thread = start()
    thread.move(shelf)
    times = (thread.pinned_at, thread.archived_at, thread.deleted_at)
    thread.move(shelf)
    thread.refresh_from_db()
    assert (thread.pinned_at, thread.archived_at, thread.deleted_at) == times


def test_deleting_withdraws_what_waits(start: Start) -> None:
    thread = start()
    thread.move(Shelf.DELETED)
    assert answer_of(thread).state == State.STOPPED


def test_nothing_of_a_deleted_conversation_can_be_reached(client: Client, start: Start) -> None:
    thread = start()
    answer = answer_of(thread)
    thread.move(Shelf.DELETED)
    for method, address in (
        ("get", url("thread", thread.pk)),
        ("post", url("messages", thread.pk)),
        ("get", url("title", thread.pk)),
        ("get", url("entry", thread.pk)),
        ("get", url("message", answer.pk)),
        ("post", url("attempts", answer.pk)),
        ("post", url("withdrawal", answer.pk)),
    ):
        assert getattr(client, method)(address, question()).status_code == 404, address


def test_after_the_time_for_undoing_it_is_gone_and_removed_with_all_that_hangs_on_it(
    client: Client, start: Start
) -> None:
    thread, kept = start("Weg?"), start("Noch da?")
    for each in (thread, kept):
        each.move(Shelf.DELETED)
    Thread.objects.filter(pk=thread.pk).update(deleted_at=timezone.now() - timedelta(days=7))
    assert titles(page_of(client.get(url("deleted")))) == ["Noch da?"]
    assert client.post(url("shelf", thread.pk), {"to": "listed"}).status_code == 404
    removing.remove_some(set())
    assert list(Thread.objects.all()) == [kept]
    assert not Message.objects.filter(thread=thread.pk).exists()


def deleted_long_ago(threads: list[Thread]) -> None:
    long_ago = timezone.now() - timedelta(days=8)
    Thread.objects.filter(pk__in=[thread.pk for thread in threads]).update(deleted_at=long_ago)


def test_what_was_deleted_is_removed_little_by_little(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "AT_ONCE", 2)
    deleted_long_ago([start(f"Frage {number}") for number in range(4)])
    left = []
    while True:
        more = removing.remove_some(set())
        left.append(Thread.objects.count())
        if not more:
            break
    assert left == [2, 0, 0]


@pytest.mark.django_db(transaction=True)
def test_what_can_not_be_removed_does_not_keep_the_others(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "AT_ONCE", 1)
    threads = [start(f"Frage {number}") for number in range(3)]
    deleted_long_ago(threads)

    def refuse(instance: Thread, **kwargs: Any) -> None:
        if instance == threads[0]:
            raise IntegrityError

    stuck: set[Any] = set()
    pre_delete.connect(refuse, sender=Thread)
    try:
        while removing.remove_some(stuck):
            pass
    finally:
        pre_delete.disconnect(refuse, sender=Thread)
    assert list(Thread.objects.all()) == [threads[0]]
    assert stuck == {threads[0].pk}


def test_only_what_was_deleted_can_be_removed_for_good(client: Client, start: Start) -> None:
    thread = start()
    assert client.post(url("erasure", thread.pk)).status_code == 404
    thread.move(Shelf.DELETED)
    assert client.post(url("erasure", thread.pk)).status_code == 302
    assert not Message.objects.exists()


def test_moving_leads_back_to_the_list_and_nowhere_else(client: Client, start: Start) -> None:
    for to, leads in (
        (url("archived"), url("archived")),
        ("https://example.org/", "/"),
        ("//example.org", "/"),
    ):
        response = client.post(url("shelf", start().pk), {"to": "deleted", "next": to})
        assert response["Location"] == leads


def test_unknown_shelf_is_refused(client: Client, start: Start) -> None:
    thread = start()
    assert client.post(url("shelf", thread.pk), {"to": "floor"}).status_code == 422
    assert Thread.objects.get().shelf == Shelf.LISTED


@pytest.mark.parametrize("name", ["title", "shelf", "erasure", "entry"])
def test_others_conversations_are_not_found(start: Start, colleague: User, admin: User, name: str) -> None:
    thread = start()
    stands = Shelf.DELETED if name == "erasure" else Shelf.LISTED
    thread.move(stands)
    for user in (colleague, admin):
        stranger = Client()
        stranger.force_login(user)
        method = stranger.get if name == "entry" else stranger.post
        assert method(url(name, thread.pk), {"title": "x", "to": "archived"}).status_code == 404
    thread.refresh_from_db()
    assert (thread.title, thread.shelf) == ("Welche Kündigungsfrist gilt?", stands)


def test_what_is_pinned_is_few_as_it_stands_on_each_page(
    client: Client, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threads.models.thread.MOST_PINNED", 1)
    first, second = start(), start()
    first.move(Shelf.PINNED)
    response: Any = client.post(url("shelf", second.pk), {"to": "pinned"}, follow=True)
    second.refresh_from_db()
    assert second.shelf == Shelf.LISTED
    notice = page_of(response).select_one("main .notice[data-kind=error]")
    assert notice
    assert "angeheftet" in notice.get_text()


def test_what_was_brought_back_in_another_tab_is_not_erased(start: Start, asker: User) -> None:
    thread = start()
    thread.move(Shelf.DELETED)
    Thread.objects.get(pk=thread.pk).move(Shelf.LISTED)
    with pytest.raises(Thread.DoesNotExist):
        erasing.remove_for_good(thread, asker)
    assert Thread.objects.filter(pk=thread.pk).exists()


# --- titles ---


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_title_is_changed_in_place(client: Client, start: Start, headers: Any) -> None:
    thread = start()
    form = page_of(client.get(url("title", thread.pk), headers=headers)).select_one(
        "form#title input[name=title]"
    )
    assert form
    assert form["value"] == "Welche Kündigungsfrist gilt?"
    response = client.post(url("title", thread.pk), {"title": " Probezeit "}, headers=headers)
    thread.refresh_from_db()
    assert thread.title == "Probezeit"
    if headers:
        page = page_of(response)
        assert [tag.get_text(strip=True) for tag in page.select("#title h1, li[hx-swap-oob] a")] == [
            "Probezeit"
        ] * 2
    else:
        assert response["Location"] == thread.get_absolute_url()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize(("title", "says"), [(" ", "Titel"), ("\u200b\u202e", "Titel"), ("x" * 81, "81")])
def test_bad_title_comes_back_with_what_is_wrong(
    client: Client, start: Start, title: str, says: str, headers: Any
) -> None:
    thread = start()
    response = client.post(url("title", thread.pk), {"title": title}, headers=headers)
    field = page_of(response).select_one("[name=title]")
    error = page_of(response).select_one("#title-errors")
    assert response.status_code == 422
    assert field
    assert error
    assert (field["value"], field["aria-describedby"]) == (title, "title-errors")
    assert says in error.get_text()


def test_title_that_was_made_of_a_long_question_can_be_saved(client: Client, start: Start) -> None:
    thread = start("gilt " * 40)
    assert client.post(url("title", thread.pk), {"title": thread.title}).status_code == 302


def test_renaming_is_given_up(client: Client, start: Start) -> None:
    thread = start()
    client.post(url("title", thread.pk), {"title": "", "cancel": "1"})
    thread.refresh_from_db()
    assert thread.title == "Welche Kündigungsfrist gilt?"


# --- unread ---


def test_answer_that_came_elsewhere_is_marked_until_it_was_seen(client: Client, start: Start) -> None:
    thread = start()
    entry = url("entry", thread.pk)
    assert "hx-get" in page_of(client.get(entry)).select_one("li").attrs  # type: ignore[union-attr]
    answer_of(thread).finish(content="Ja.", sources=[])
    page = page_of(client.get(entry))
    assert page.select_one("[data-unread]")
    assert page.select_one("[hx-get]") is None
    client.get(url("thread", thread.pk))
    assert page_of(client.get(entry)).select_one("[data-unread]") is None


def test_answer_that_comes_where_one_waits_is_not_marked(client: Client, start: Start) -> None:
    thread = start()
    client.get(url("thread", thread.pk))
    answer = answer_of(thread)
    answer.fail("api_error")
    client.get(url("message", answer.pk), headers=HTMX)
    thread.refresh_from_db()
    assert not thread.is_unread


def test_head_request_sees_nothing(client: Client, start: Start) -> None:
    thread = start()
    answer_of(thread).finish(content="Ja.", sources=[])
    client.head(url("thread", thread.pk))
    thread.refresh_from_db()
    assert thread.is_unread


# --- long conversations ---


def test_long_conversation_opens_at_its_end(client: Client, start: Start) -> None:
    thread = start()
    long_thread(thread, 250)
    page = page_of(client.get(url("thread", thread.pk)))
    assert numbers(page) == list(range(236, 251))
    assert page.select_one("#latest + article[data-number='250']")
    assert page.select_one("#composer")


def test_earlier_parts_follow_one_another_to_the_beginning(client: Client, start: Start) -> None:
    thread = start()
    long_thread(thread, 40)
    seen: list[int] = []
    page = page_of(client.get(url("thread", thread.pk)))
    while link := page.select_one("#earlier a"):
        page = page_of(client.get(str(link["hx-get"]), headers=HTMX))
        assert page.select("html, #composer, #later") == []
        seen = numbers(page) + seen
    assert seen == list(range(1, 26))


def test_earlier_part_is_a_page_without_script(client: Client, start: Start) -> None:
    thread = start()
    questions = long_thread(thread, 40)
    page = page_of(client.get(url("thread", thread.pk), {"before": str(questions[25].pk)}))
    assert numbers(page) == list(range(11, 26))
    assert page.select_one("#later a")
    assert page.select_one("#composer") is None  # a question would follow an earlier answer
    assert page.select_one("[role=log]") is None


@pytest.mark.parametrize(("index", "first", "last"), [(0, 1, 15), (20, 18, 32), (35, 33, 40)])
def test_link_to_a_message_opens_the_part_around_it(
    client: Client, start: Start, index: int, first: int, last: int
) -> None:
    thread = start()
    message = long_thread(thread, 40)[index]
    response: Any = client.get(url("message", message.pk))
    address, _, fragment = response["Location"].partition("#")
    assert fragment == f"message-{message.pk}"
    shown = numbers(page_of(client.get(address)))
    assert (index + 1) in shown
    if "around" in address:
        assert (shown[0], shown[-1]) == (first, last)


def test_later_parts_follow_one_another_to_the_end(client: Client, start: Start) -> None:
    thread = start()
    questions = long_thread(thread, 40)
    page = page_of(client.get(url("thread", thread.pk), {"around": str(questions[0].pk)}))
    seen = numbers(page)
    while link := page.select_one("#later a"):
        page = page_of(client.get(str(link["hx-get"]), headers=HTMX))
        assert page.select("html, #earlier") == []
        seen += numbers(page)
    assert seen == list(range(1, 41))


@pytest.mark.parametrize("name", ["around", "before", "after"])
def test_part_around_anothers_message_is_not_found(
    client: Client, start: Start, colleague: User, name: str
) -> None:
    foreign = answer_of(start(owner=colleague))
    assert client.get(url("thread", start().pk), {name: str(foreign.pk)}).status_code == 404


def test_new_question_has_its_number(client: Client, start: Start) -> None:
    thread = start()
    long_thread(thread, 20)
    page = page_of(client.post(url("messages", thread.pk), question(), headers=HTMX))
    assert numbers(page) == [21]


def test_question_that_is_loaded_alone_has_its_number(client: Client, start: Start) -> None:
    asked = long_thread(start(), 20)[16]
    assert numbers(page_of(client.get(url("message", asked.pk), headers=HTMX))) == [17]


def test_question_that_is_put_anew_keeps_its_number(client: Client, start: Start) -> None:
    asked = long_thread(start(), 20)[-1]
    for _ in range(2):
        page = page_of(client.post(url("versions", asked.pk), question(), headers=HTMX))
        assert numbers(page) == [20]
        asked = Message.objects.get(replaces=asked)
        asked.answers.get().finish(content="Ja.", sources=[])


@pytest.mark.parametrize("index", [0, 2, 3, 20])
def test_part_around_an_answer_begins_with_a_question(client: Client, start: Start, index: int) -> None:
    thread = start()
    answer = long_thread(thread, 40)[index].answers.get()
    page = page_of(client.get(url("thread", thread.pk), {"around": str(answer.pk)}))
    roles = [tag["data-role"] for tag in page.select("#log article")]
    assert roles == ["user", "assistant"] * (windows.SIZE // 2)
    assert numbers(page)[0] == max(1, index + 1 - windows.BEFORE // 2)


def test_short_window_ends_a_conversation_of_its_very_size(client: Client, start: Start) -> None:
    thread = start()
    long_thread(thread, windows.SIZE // 2)
    page = page_of(client.get(url("thread", thread.pk)))
    assert len(numbers(page)) == windows.SIZE // 2
    assert page.select_one("#earlier") is None


# --- asking anew ---


def test_superseded_exchange_is_neither_shown_nor_sent_nor_counted(client: Client, start: Start) -> None:
    thread = start("Alt?")
    old, question_ = answer_of(thread), thread.messages.get(position=1)
    old.finish(content="Alte Antwort", sources=[])
    assert answering.ask_anew(question_, "Neu?", thread.client_token) == old  # the first form, sent again
    new = answering.ask_anew(question_, "Neu?", uuid.uuid4())
    thread.refresh_from_db()
    page = page_of(client.get(url("thread", thread.pk)))
    assert numbers(page) == [1]
    assert "Alte Antwort" not in page.get_text()
    assert thread.title == "Neu?"
    assert new.question
    assert new.question.replaces == question_
    assert [message.content for message in messages_for(new, characters=10_000)] == ["Neu?"]
