"""The pages and fragments: who sees what, what a form does, how many queries a page costs."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from tests.conftest import answer_of, page_of
from threads.answering.waking import Shown, wait_token
from threads.models import Assistant, Message, Shelf, Source, State, Thread, User
from threads.templatetags.threads import about

pytestmark = pytest.mark.django_db

Start = Callable[..., Thread]
Ask = Callable[[Thread, str], Message]
HTMX: Any = {"HX-Request": "true"}


def token_of(answer: Message, place: int = 0) -> str:
    return wait_token(Shown(answer.pk, answer.state, place))


def url(name: str, *args: Any) -> str:
    return reverse(f"threads:{name}", args=args)


def question(text: str = "Und dann?") -> dict[str, str]:
    return {"content": text, "client_token": str(uuid.uuid4())}


@pytest.fixture
def stranger(colleague: User) -> Client:
    client = Client()
    client.force_login(colleague)
    return client


@pytest.fixture
def superuser(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def finish(answer: Message, sources: int = 0, **fields: Any) -> None:
    answer.finish(
        sources=[
            Source(content=f"Zitat {n}", document_title="BGB", section=f"§ {n}") for n in range(sources)
        ],
        **({"content": "Zwei Wochen."} | fields),
    )


# --- access ---


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize(
    ("method", "name", "of"),
    [
        ("get", "thread", "thread"),
        ("post", "messages", "thread"),
        ("get", "message", "question"),
        ("get", "message", "answer"),
        ("post", "attempts", "answer"),
    ],
)
def test_others_things_are_not_found(
    start: Start, stranger: Client, superuser: Client, method: str, name: str, of: str, headers: Any
) -> None:
    thread = start()
    question_, answer = thread.messages.oldest_first()
    answer.fail("api_error")
    target = {"thread": thread, "question": question_, "answer": answer}[of]
    for client in (stranger, superuser):
        response = getattr(client, method)(url(name, target.pk), question(), headers=headers)
        assert response.status_code == 404
    answer.refresh_from_db()
    assert (thread.messages.count(), answer.state) == (2, State.FAILED)


def test_token_for_waiting_does_not_open_others_messages(start: Start, stranger: Client) -> None:
    answer = answer_of(start())
    response = stranger.get(url("message", answer.pk), {"wait": token_of(answer)}, headers=HTMX)
    assert response.status_code == 404


def test_others_threads_are_not_listed(start: Start, stranger: Client) -> None:
    start("Geheime Frage")
    for name in ("home", "threads"):
        assert "Geheime Frage" not in stranger.get(url(name)).content.decode()


def test_others_thread_is_no_place_in_the_list(start: Start, stranger: Client) -> None:
    assert stranger.get(url("threads"), {"before": str(start().pk)}).status_code == 404


@pytest.mark.parametrize("name", ["home", "threads"])
def test_anonymous_is_sent_to_sign_in(name: str) -> None:
    response: Any = Client().get(url(name))
    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={url(name)}")


def test_fragment_of_an_ended_session_leads_to_sign_in_and_back(start: Start) -> None:
    thread = start()
    headers: Any = HTMX | {"HX-Current-URL": f"http://testserver{url('thread', thread.pk)}"}
    response = Client().get(url("message", answer_of(thread).pk), headers=headers)
    assert response["HX-Redirect"] == f"/accounts/login/?next={url('thread', thread.pk)}"


def test_question_of_an_ended_session_is_refused_where_it_was_typed(start: Start) -> None:
    response = Client().post(url("messages", start().pk), question(), headers=HTMX)
    assert response.status_code == 403
    assert "HX-Redirect" not in response


@pytest.mark.parametrize("name", ["home", "threads"])
def test_lists_take_no_post(client: Client, name: str) -> None:
    assert client.post(url(name)).status_code == 405


def test_posts_without_csrf_token_are_refused(asker: User, start: Start) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(asker)
    assert client.post(url("messages", start().pk), question()).status_code == 403


def test_assistant_for_a_group_is_for_its_members(
    client: Client, asker: User, make_assistant: Callable[..., Assistant]
) -> None:
    group = Group.objects.create(name="HR")
    make_assistant().groups.add(group)
    assert client.get(url("assistant", "arbeitsrecht")).status_code == 404
    assert client.post(url("assistant", "arbeitsrecht"), question()).status_code == 404
    asker.groups.add(group)
    assert client.get(url("assistant", "arbeitsrecht")).status_code == 200


def test_thread_of_an_assistant_no_longer_offered_stays_readable(
    client: Client, start: Start, assistant: Assistant
) -> None:
    thread = start("Was gilt?")
    Assistant.objects.update(is_active=False)
    page = page_of(client.get(url("thread", thread.pk)))
    assert "Was gilt?" in page.get_text()
    assert page.find(id="composer") is None
    assert client.post(url("messages", thread.pk), question()).status_code == 409
    assert thread.messages.count() == 2


# --- asking ---


def test_first_question_makes_a_thread(client: Client, assistant: Assistant) -> None:
    response = client.post(url("assistant", assistant.slug), question("Was gilt?"))
    thread = Thread.objects.get()
    assert (response.status_code, response["Location"]) == (302, url("thread", thread.pk))
    assert thread.messages.get(position=1).content == "Was gilt?"


def test_question_of_a_form_leads_to_its_place_in_the_thread(client: Client, start: Start) -> None:
    thread = start()
    response = client.post(url("messages", thread.pk), question())
    asked = thread.messages.get(position=3)
    assert response["Location"] == f"{url('thread', thread.pk)}#message-{asked.pk}"


def test_question_of_htmx_comes_back_with_its_waiting_answer_and_a_new_token(
    client: Client, start: Start
) -> None:
    thread, sent = start(), question("Und dann?")
    page = page_of(client.post(url("messages", thread.pk), sent, headers=HTMX))
    articles = [(tag["data-role"], tag["data-state"]) for tag in page.find_all("article")]
    assert articles == [("user", "done"), ("assistant", "waiting")]
    token = page.find("input", {"name": "client_token"})
    assert token
    assert token["value"] != sent["client_token"]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Frage"),
        (" \n ", "Frage"),
        ("\u200b\u00ad", "Frage"),
        ("x" * 30_001, "30001"),
        ("a\x00b", "Zeichen"),
    ],
    ids=["empty", "blank", "invisible", "too long", "NUL"],
)
def test_bad_question_comes_back_with_what_is_wrong(
    client: Client, start: Start, text: str, says: str, headers: Any
) -> None:
    thread = start()
    response = client.post(url("messages", thread.pk), question(text), headers=headers)
    page = page_of(response)
    field = page.find("textarea", {"name": "content"})
    assert field
    error = page.find(id=str(field["aria-describedby"]).split()[0])
    assert response.status_code == 422
    assert field["aria-invalid"] == "true"
    assert error
    assert says in error.get_text()
    assert field.get_text().strip() == text.strip().replace("\x00", "\ufffd") or "\x00" in text
    assert thread.messages.count() == 2


def test_bad_first_question_comes_back_too(client: Client, assistant: Assistant) -> None:
    response = client.post(url("assistant", assistant.slug), question("x" * 30_001))
    assert response.status_code == 422
    assert "x" * 30_001 in response.content.decode()


def test_longest_question_is_taken(client: Client, start: Start) -> None:
    thread = start()
    client.post(url("messages", thread.pk), question("ä" * 30_000))
    assert thread.messages.get(position=3).content == "ä" * 30_000


def test_text_is_kept_when_its_token_is_broken(client: Client, start: Start) -> None:
    sent = question("Nicht verlieren") | {"client_token": "x"}
    response = client.post(url("messages", start().pk), sent)
    assert response.status_code == 422
    assert "Nicht verlieren" in response.content.decode()


@pytest.mark.parametrize(("second", "questions"), [("Was gilt?", 1), ("Was gilt dann?", 2)])
def test_form_sent_twice_asks_twice_if_its_text_was_changed(
    client: Client, start: Start, second: str, questions: int
) -> None:
    thread, sent = start(), question("Was gilt?")
    client.post(url("messages", thread.pk), sent)
    client.post(url("messages", thread.pk), sent | {"content": second})
    assert thread.messages.filter(role="user", position__gt=1).count() == questions


def test_line_break_counts_as_one_character(client: Client, start: Start) -> None:
    thread = start()
    client.post(url("messages", thread.pk), question("x" * 29_997 + "\r\ny"))
    assert thread.messages.get(position=3).content == "x" * 29_997 + "\ny"


def test_reloading_the_page_of_a_refused_question_shows_the_thread(client: Client, start: Start) -> None:
    thread = start()
    response: Any = client.get(url("messages", thread.pk))
    assert response["Location"] == url("thread", thread.pk)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_nothing_is_stored_in_a_conversation_that_was_deleted_meanwhile(
    client: Client, start: Start, delete_meanwhile: Callable[[], None], headers: Any
) -> None:
    thread = start()
    delete_meanwhile()
    assert client.post(url("messages", thread.pk), question(), headers=headers).status_code == 404
    assert thread.messages.count() == 2


def test_first_question_sent_again_after_its_conversation_was_deleted_is_asked_in_a_new_one(
    client: Client, assistant: Assistant
) -> None:
    sent = question()
    client.post(url("assistant", assistant.slug), sent)
    Thread.objects.get().move(Shelf.DELETED)
    response: Any = client.post(url("assistant", assistant.slug), sent, follow=True)
    assert response.status_code == 200
    assert page_of(response).select_one("article[data-role=user]")


# --- answers ---


def test_waiting_answer_asks_for_itself_held_open(client: Client, start: Start) -> None:
    thread = start()
    answer = page_of(client.get(url("thread", thread.pk))).find(id=f"message-{answer_of(thread).pk}")
    assert answer
    assert "wait=" in str(answer["hx-get"])
    assert answer["aria-busy"] == "true"


def test_of_several_open_answers_the_first_one_alone_is_held_open(
    client: Client, start: Start, ask: Ask
) -> None:
    thread = start()
    ask(thread, "zwei")
    ask(thread, "drei")
    page = page_of(client.get(url("thread", thread.pk)))
    urls = [str(tag["hx-get"]) for tag in page.select("article[hx-get]")]
    assert ["wait=" in each for each in urls] == [True, False, False]


def test_finished_answer_carries_no_trigger_and_wakes_the_one_behind(client: Client, start: Start) -> None:
    answer = answer_of(start())
    finish(answer)
    response = client.get(url("message", answer.pk), headers=HTMX)
    assert "hx-trigger" not in response.content.decode()
    assert "answered" in response["HX-Trigger-After-Swap"]


@pytest.mark.parametrize(
    ("shown", "now", "status"), [("waiting", "waiting", 204), ("waiting", "answering", 200)]
)
def test_nothing_is_sent_to_who_shows_the_present_state(
    client: Client, start: Start, shown: str, now: str, status: int
) -> None:
    answer = answer_of(start())
    token = token_of(answer, place=1)
    if now == "answering":
        answer.begin()
    response = client.get(url("message", answer.pk), {"wait": token}, headers=HTMX)
    assert response.status_code == status


def test_answer_behind_another_is_sent_anew_once_it_is_next(client: Client, start: Start, ask: Ask) -> None:
    thread = start()
    second = ask(thread, "zwei")
    shown = {"shown": token_of(second)}
    assert client.get(url("message", second.pk), shown, headers=HTMX).status_code == 204
    finish(answer_of(thread))
    response = client.get(url("message", second.pk), shown, headers=HTMX)
    assert "wait=" in response.content.decode()


def test_message_in_the_browsers_own_navigation_is_its_place_in_the_thread(
    client: Client, start: Start
) -> None:
    answer = answer_of(start())
    response: Any = client.get(url("message", answer.pk))
    assert response["Location"] == f"{url('thread', answer.thread_id)}#message-{answer.pk}"


@pytest.mark.parametrize(
    ("legal_advice", "notice", "shown"),
    [(True, "Kein Rat", "true"), (None, "Kein Rat", "unknown"), (False, "", None)],
)
def test_legal_notice_is_the_stored_one(
    client: Client, start: Start, legal_advice: bool | None, notice: str, shown: str | None
) -> None:
    thread = start()
    finish(answer_of(thread), legal_advice=legal_advice, legal_notice=notice)
    tag = page_of(client.get(url("thread", thread.pk))).select_one("aside.legal-notice[role=note]")
    assert (tag and (tag["data-legal-advice"], tag.get_text().strip())) == (shown and (shown, notice))


def test_sources_are_numbered_and_expandable(client: Client, start: Start) -> None:
    thread = start()
    finish(answer_of(thread), sources=3)
    sources = page_of(client.get(url("thread", thread.pk))).select("article details.source")
    summaries = [" ".join(tag.summary.get_text(" ").split()) for tag in sources if tag.summary]
    assert [text.replace(" ,", ",") for text in summaries] == ["1 BGB, § 0", "2 BGB, § 1", "3 BGB, § 2"]
    quotes = [tag.blockquote.get_text() for tag in sources if tag.blockquote]
    assert quotes == ["Zitat 0", "Zitat 1", "Zitat 2"]


def test_source_links_to_its_document(client: Client, start: Start) -> None:
    answer = answer_of(start())
    finish(answer)
    Source.objects.create(message=answer, position=1, app_doc_id="HI 1/2")
    link = page_of(client.get(url("thread", answer.thread_id))).select_one("details.source a")
    assert link
    assert link["href"] == "https://products.haufe.de/PI1/document/HI%201%2F2?auth_realm=haufepublic"


def test_haufe_is_named_at_each_answer(client: Client, start: Start, ask: Ask) -> None:
    thread = start()
    finish(answer_of(thread))
    finish(ask(thread, "zwei"))
    attributions = page_of(client.get(url("thread", thread.pk))).select("article .attribution")
    assert [tag.get_text() for tag in attributions] == ["Powered by Haufe"] * 2


def test_hostile_text_is_text_wherever_it_stands(client: Client, start: Start) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=y>"
    thread = start(evil)
    Assistant.objects.update(name=evil[:50], welcome=evil, description=evil, example_questions=[evil])
    finish(answer_of(thread), content=evil, legal_notice=evil)
    Source.objects.create(
        message=answer_of(thread), position=1, content=evil, document_title=evil, section=evil
    )
    for path in (url("home"), url("threads"), url("thread", thread.pk), url("assistant", "arbeitsrecht")):
        page = page_of(client.get(path))
        assert "alert(1)" in page.get_text() or "alert(1)" in str(page.find_all("button"))
        assert not page.find_all("img")
        assert all(tag.has_attr("src") for tag in page.find_all("script"))


def test_failed_answer_says_why_and_can_be_tried_again(client: Client, start: Start) -> None:
    answer = answer_of(start())
    answer.fail("content_filter_error")
    failure = page_of(client.get(url("thread", answer.thread_id))).select_one("p.failure[role=status]")
    assert failure
    assert failure["data-error"] == "content_filter_error"
    assert str(answer.pk)[:8] in failure.get_text()
    page = page_of(client.post(url("attempts", answer.pk), headers=HTMX))
    article = page.find(id=f"message-{answer.pk}")
    assert article
    assert article["data-state"] == "waiting"


def test_trying_again_what_is_not_failed_shows_what_is(client: Client, start: Start) -> None:
    answer = answer_of(start())
    finish(answer)
    response = client.post(url("attempts", answer.pk))
    assert response.status_code == 302
    answer.refresh_from_db()
    assert answer.state == State.DONE


def test_without_script_a_waiting_page_reloads_itself_and_a_finished_one_does_not(
    client: Client, start: Start
) -> None:
    thread = start()
    refresh = "noscript meta[http-equiv=refresh]"
    assert page_of(client.get(url("thread", thread.pk))).select(refresh)
    finish(answer_of(thread))
    assert not page_of(client.get(url("thread", thread.pk))).select(refresh)


# --- lists, headers, cost ---


def test_list_goes_on_where_the_page_before_ended(
    client: Client, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threads.listing.PER_PAGE", 2)
    for number in range(5):
        start(f"Frage {number}")
    seen, path = [], url("threads")
    for _ in range(3):
        page = page_of(client.get(path))
        seen += [str(next(tag.strings)) for tag in page.select(".threads-title")]
        older = page.select_one("a[href*='before=']")
        path = str(older["href"]) if older else ""
    assert seen == [f"Frage {number}" for number in (4, 3, 2, 1, 0)]
    assert path == ""


def test_list_refuses_a_place_that_is_none(client: Client) -> None:
    assert client.get(url("threads"), {"before": "x"}).status_code == 200


@override_settings(MAX_WAITING_PER_USER=100)
@pytest.mark.parametrize("count", [1, 12])
def test_pages_cost_a_fixed_number_of_queries(
    client: Client,
    start: Start,
    ask: Ask,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    thread = start()
    finish(answer_of(thread), sources=3)
    for number in range(count):
        start(f"Thread {number}")
        finish(ask(thread, f"Frage {number}"), sources=3)
    for path, queries in (
        (url("home"), 6),
        (url("threads"), 5),
        (url("archived"), 4),
        (url("deleted"), 5),  # also how many are held beyond the time for undoing
        (url("title", thread.pk), 6),
        (url("thread", thread.pk), 9),
        (url("assistant", "arbeitsrecht"), 6),
    ):
        client.get(path)  # the first time, what came is marked as seen
        with django_assert_num_queries(queries, info=path):
            client.get(path)
    fragment = url("message", answer_of(thread).pk)
    with django_assert_num_queries(4):
        client.get(fragment, headers=HTMX)
    entry = url("entry", thread.pk)
    with django_assert_num_queries(3):
        client.get(entry, headers=HTMX)


@pytest.mark.parametrize(
    "path", ["/", "/threads/", "/assistants/arbeitsrecht/", "/accounts/login/", "/accounts/logout/",
             "/accounts/password/change/", "/accounts/signup/", "/nowhere/", "/admin/"],
)  # fmt: skip
def test_every_page_has_a_strict_policy_and_nothing_inline(
    superuser: Client, assistant: Assistant, path: str
) -> None:
    response: Any = superuser.get(path)
    if response.status_code == 302:  # signed in, there is nothing to sign in for
        response = Client().get(path)
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "no-store" in response["Cache-Control"]
    page = page_of(response)
    assert not page.find_all("style")
    assert not page.find_all(lambda tag: any(name == "style" or name.startswith("on") for name in tag.attrs))
    assert all(
        tag.has_attr("src") or tag.get("type") == "application/json" for tag in page.find_all("script")
    )


def test_language_is_switched_and_kept_for_signing_in(client: Client) -> None:
    assert page_of(client.get("/")).html["lang"] == "de"  # type: ignore[index]
    client.post(url("language"), {"language": "en", "next": "/"})
    assert page_of(client.get("/")).html["lang"] == "en"  # type: ignore[index]
    client.post("/accounts/logout/")
    assert "Password" in page_of(client.get("/accounts/login/")).get_text()


def test_language_form_leads_nowhere_else(client: Client) -> None:
    response: Any = client.post(url("language"), {"language": "en", "next": "https://evil.example/"})
    assert "evil" not in response["Location"]


# --- waiting in line ---


def test_waiting_answer_says_where_it_stands(client: Client, start: Start, colleague: User) -> None:
    start("vorher", owner=colleague)
    thread = start("nachher")
    page = page_of(client.get(url("thread", thread.pk)))
    standing = page.select_one(".standing")
    assert standing
    assert "2" in standing.get_text()


def test_place_that_changed_is_sent_anew(client: Client, start: Start, colleague: User) -> None:
    first = start("vorher", owner=colleague)
    answer = answer_of(start("nachher"))
    token = {"wait": token_of(answer, place=2)}
    assert client.get(url("message", answer.pk), token, headers=HTMX).status_code == 204
    answer_of(first).stop()
    assert client.get(url("message", answer.pk), token, headers=HTMX).status_code == 200


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_question_is_withdrawn_while_it_waits(client: Client, start: Start, headers: Any) -> None:
    answer = answer_of(start())
    response = client.post(url("withdrawal", answer.pk), headers=headers)
    assert response.status_code == (200 if headers else 302)
    answer.refresh_from_db()
    assert answer.state == State.STOPPED


def test_question_that_is_being_answered_is_not_withdrawn(client: Client, start: Start) -> None:
    answer = answer_of(start())
    answer.begin()
    page = page_of(client.post(url("withdrawal", answer.pk), headers=HTMX))
    article = page.find(id=f"message-{answer.pk}")
    assert article
    assert article["data-state"] == "answering"
    assert not page.select(".withdrawal")


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_beyond_the_limit_the_text_is_kept(client: Client, start: Start, settings: Any, headers: Any) -> None:
    thread = start()
    settings.MAX_WAITING_PER_USER = 1
    for path in (url("messages", thread.pk), url("assistant", "arbeitsrecht")):
        response = client.post(path, question("Nicht verlieren"), headers=headers)
        page = page_of(response)
        assert response.status_code == 422
        assert "Nicht verlieren" in page.get_text()
        assert "1 Frage" in page.get_text()
    assert Message.objects.count() == 2


def test_trying_again_needs_an_assistant_that_is_offered(client: Client, start: Start) -> None:
    answer = answer_of(start())
    answer.fail("api_error")
    Assistant.objects.update(is_active=False)
    assert client.post(url("attempts", answer.pk)).status_code == 409
    answer.refresh_from_db()
    assert answer.state == State.FAILED


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize(
    ("limit", "says"), [("MAX_WAITING_PER_USER", "1 Frage"), ("MAX_QUESTIONS_PER_HOUR", "1 Fragen")]
)
def test_trying_again_beyond_the_limit_says_so_at_the_answer(
    client: Client, start: Start, ask: Ask, settings: Any, limit: str, says: str, headers: Any
) -> None:
    thread = start()
    answer = answer_of(thread)
    answer.fail("api_error")
    ask(thread, "Und dann?")
    setattr(settings, limit, 1)
    response = client.post(url("attempts", answer.pk), headers=headers)
    form = page_of(response).select_one(f"form.again[action='{url('attempts', answer.pk)}']")
    assert response.status_code == 422
    assert form
    assert says in form.select_one(".field-errors").get_text()  # type: ignore[union-attr]
    assert bool(page_of(response).find(id=f"message-{answer.pk}")) == (not headers)
    answer.refresh_from_db()
    assert (answer.state, answer.error_code) == (State.FAILED, "api_error")


def test_last_question_that_may_wait_can_be_tried_again(client: Client, start: Start, settings: Any) -> None:
    settings.MAX_WAITING_PER_USER = 1
    answer = answer_of(start())
    answer.fail("api_error")
    for _ in range(2):  # the second time it waits already
        assert client.post(url("attempts", answer.pk)).status_code == 302
    answer.refresh_from_db()
    assert answer.state == State.WAITING


def test_nothing_is_tried_again_in_a_conversation_that_was_deleted_meanwhile(
    client: Client, start: Start, delete_meanwhile: Callable[[], None]
) -> None:
    answer = answer_of(start())
    answer.fail("api_error")
    delete_meanwhile()
    assert client.post(url("attempts", answer.pk)).status_code == 404
    answer.refresh_from_db()
    assert answer.state == State.FAILED


def test_pages_answer_head(client: Client, start: Start) -> None:
    for path in (url("home"), url("threads"), url("thread", start().pk)):
        assert client.head(path).status_code == 200


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "jeden Moment"), (12, "20 Sekunden"), (58, "1 Minute"), (130, "2 Minuten"), (3600, "60 Minuten")],
)
def test_estimate_is_no_more_exact_than_it_is(seconds: float, text: str) -> None:
    with translation.override("de"):
        assert text in about(seconds)


def test_answer_and_its_sources_say_in_which_language_they_are(client: Client, start: Start) -> None:
    Assistant.objects.update(language="en")
    answer = answer_of(start())
    finish(answer, sources=1)
    page = page_of(client.get(url("thread", answer.thread_id)))
    parts = page.select(".answer .message-text, .source-name, .source blockquote")
    assert [part["lang"] for part in parts] == ["en"] * 3
