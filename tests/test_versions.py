"""Putting the last question anew: where it is offered, what becomes of the former version."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from tests.conftest import answer_of, in_another_connection, page_of
from threads import answering
from threads.models import Assistant, IllegalTransition, Message, State, Thread, User

pytestmark = pytest.mark.django_db

Start = Callable[..., Thread]
Ask = Callable[[Thread, str], Message]
HTMX: Any = {"HX-Request": "true"}
BOTH = pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])


def url(name: str, *args: Any) -> str:
    return reverse(f"threads:{name}", args=args)


def sent(text: str | None = "Und in der Probezeit?") -> dict[str, str]:
    content = {} if text is None else {"content": text}
    return {"client_token": str(uuid.uuid4())} | content


@pytest.fixture
def answered(start: Start) -> Thread:
    thread = start("Welche Frist gilt?")
    answer_of(thread).finish(content="Zwei Wochen.", sources=[])
    return thread


@pytest.fixture
def question(answered: Thread) -> Message:
    return answered.messages.get(position=1)


def asked_anew(question: Message, text: str = "Und in der Probezeit?") -> Message:
    answer = answering.ask_anew(question, text, uuid.uuid4())
    assert answer.question
    return answer.question


# --- where it is offered ---


def offers(client: Client, thread: Thread) -> list[str]:
    """The questions that the conversation's page offers to edit."""
    return [str(tag["href"]) for tag in page_of(client.get(url("thread", thread.pk))).select("a.tools-anew")]


def test_last_question_is_offered_to_be_edited(client: Client, answered: Thread, ask: Ask) -> None:
    second = ask(answered, "zwei")
    second.finish(content="Ja.", sources=[])
    assert offers(client, answered) == [url("versions", second.question_id)]


@pytest.mark.parametrize(
    ("state", "again"), [("done", ["Frage wiederholen"]), ("failed", []), ("stopped", [])]
)
def test_question_without_an_answer_is_offered_too(
    client: Client, answered: Thread, state: str, again: list[str]
) -> None:
    answered.messages.answers().update(state=state)
    page = page_of(client.get(url("thread", answered.pk)))
    assert len(page.select("a.tools-anew")) == 1
    assert [tag.get_text(strip=True) for tag in page.select("form.tools-anew button")] == again
    assert bool(page.select("form.again")) == (state != "done")


def test_nothing_is_offered_while_something_is_open(client: Client, answered: Thread, ask: Ask) -> None:
    ask(answered, "zwei")
    assert offers(client, answered) == []
    ask(answered, "drei").stop()  # behind one that still waits
    assert offers(client, answered) == []


def test_nothing_is_offered_where_the_assistant_no_longer_is(client: Client, answered: Thread) -> None:
    Assistant.objects.update(is_active=False)
    assert offers(client, answered) == []


def test_answer_that_has_just_come_offers_it(client: Client, answered: Thread) -> None:
    page = page_of(client.get(url("message", answer_of(answered).pk), headers=HTMX))
    assert page.select("a.tools-anew")


@BOTH
def test_form_has_the_question(client: Client, question: Message, headers: Any) -> None:
    page = page_of(client.get(url("versions", question.pk), headers=headers))
    field: Any = page.select_one("textarea[name=content]")
    assert field.get_text().strip() == question.content
    assert bool(page.find("html")) == (not headers)
    assert page.select_one("form.edit a")["href"] == (  # type: ignore[index]
        f"{url('thread', question.thread_id)}#message-{question.pk}"
    )


def test_cancelling_brings_the_question_back(client: Client, question: Message) -> None:
    page = page_of(client.get(url("versions", question.pk), headers=HTMX))
    back = page.select_one("form.edit a")["hx-get"]  # type: ignore[index]
    article: Any = page_of(client.get(str(back), headers=HTMX)).article
    assert (article["id"], article.form) == (f"message-{question.pk}", None)


# --- asking anew ---


@pytest.mark.parametrize("text", ["Und in der Probezeit?", None], ids=["edited", "once more"])
def test_new_version_takes_the_place_of_the_former_one(
    client: Client, question: Message, answered: Thread, text: str | None
) -> None:
    former = answer_of(answered)
    page = page_of(client.post(url("versions", question.pk), sent(text), headers=HTMX))
    new, answer = answered.messages.current().oldest_first()
    assert (new.content, new.replaces, answer.state) == (text or question.content, question, State.WAITING)
    assert [tag["id"] for tag in page.find_all("article")] == [f"message-{new.pk}", f"message-{answer.pk}"]
    assert [tag["id"] for tag in page.select("[hx-swap-oob=delete]")] == [f"message-{former.pk}"]


def test_form_leads_to_the_new_version_without_script(client: Client, question: Message) -> None:
    response: Any = client.post(url("versions", question.pk), sent())
    new = Message.objects.get(replaces=question)
    assert response["Location"] == f"{url('thread', question.thread_id)}#message-{new.pk}"


def test_conversation_shows_the_present_version_alone(client: Client, question: Message) -> None:
    new = asked_anew(question)
    page = page_of(client.get(url("thread", question.thread_id)))
    assert [tag["id"] for tag in page.select("article[data-role=user]")] == [f"message-{new.pk}"]
    assert page.select_one(".question-version a")["href"] == url("message", question.pk)  # type: ignore[index]


def test_form_sent_twice_asks_once(client: Client, question: Message, answered: Thread) -> None:
    form = sent()
    for _ in range(2):
        assert client.post(url("versions", question.pk), form).status_code == 302
    assert answered.messages.count() == 4


@BOTH
@pytest.mark.parametrize(("text", "says"), [(" ", "Frage ein"), ("x" * 30_001, "30001")])
def test_bad_question_comes_back_with_what_is_wrong(
    client: Client, question: Message, text: str, says: str, headers: Any
) -> None:
    response = client.post(url("versions", question.pk), sent(text), headers=headers)
    page = page_of(response)
    assert response.status_code == 422
    assert says in page.find(id="edit-errors").get_text()  # type: ignore[union-attr]
    assert page.select_one("textarea#edit").get_text().strip() == text.strip()  # type: ignore[union-attr]
    assert question.thread.messages.count() == 2


@BOTH
def test_question_that_is_no_longer_the_last_keeps_its_text(
    client: Client, question: Message, ask: Ask, headers: Any
) -> None:
    ask(question.thread, "inzwischen eine andere")
    response = client.post(url("versions", question.pk), sent("Nicht verlieren"), headers=headers)
    page = page_of(response)
    assert response.status_code == 422
    assert "inzwischen weitergefragt" in page.get_text()
    assert "Nicht verlieren" in page.get_text()


@BOTH
def test_beyond_the_limit_the_text_is_kept(
    client: Client, question: Message, settings: Any, headers: Any
) -> None:
    settings.MAX_QUESTIONS_PER_HOUR = 1
    response = client.post(url("versions", question.pk), sent("Nicht verlieren"), headers=headers)
    assert response.status_code == 422
    assert "Nicht verlieren" in response.content.decode()
    question.refresh_from_db()
    assert question.superseded_at is None


def test_refusal_of_asking_again_stands_in_the_place_of_the_question(
    client: Client, question: Message, settings: Any
) -> None:
    settings.MAX_QUESTIONS_PER_HOUR = 1
    response: Any = client.post(url("versions", question.pk), sent(None), headers=HTMX)
    assert (response["HX-Retarget"], response["HX-Reswap"]) == (f"#message-{question.pk}", "outerHTML")


@BOTH
def test_assistant_that_is_no_longer_offered_is_not_asked(
    client: Client, question: Message, headers: Any
) -> None:
    Assistant.objects.update(is_active=False)
    response = client.post(url("versions", question.pk), sent("Nicht verlieren"), headers=headers)
    assert response.status_code == 409
    assert "Nicht verlieren" in response.content.decode()
    assert question.thread.messages.count() == 2


@BOTH
def test_nothing_is_asked_anew_in_a_conversation_that_was_deleted_meanwhile(
    client: Client, question: Message, delete_meanwhile: Callable[[], None], headers: Any
) -> None:
    delete_meanwhile()
    assert client.post(url("versions", question.pk), sent(), headers=headers).status_code == 404
    assert question.thread.messages.count() == 2


@pytest.mark.parametrize("method", ["get", "post"])
def test_answers_and_others_questions_are_not_found(
    client: Client, answered: Thread, colleague: User, method: str
) -> None:
    stranger = Client()
    stranger.force_login(colleague)
    question, answer = answered.messages.oldest_first()
    for who, message in ((client, answer), (stranger, question)):
        assert getattr(who, method)(url("versions", message.pk), sent()).status_code == 404
    assert answered.messages.count() == 2


# --- former versions ---


@pytest.mark.parametrize("position", [1, 2], ids=["question", "answer"])
def test_former_version_has_a_page_and_leads_to_the_present_one(
    client: Client, question: Message, position: int
) -> None:
    second = asked_anew(question)
    second.answers.get().finish(content="Ja.", sources=[])
    third = asked_anew(second, "drei")
    page = page_of(client.get(url("message", question.thread.messages.get(position=position).pk)))
    assert "Welche Frist gilt?" in page.get_text()
    assert "Zwei Wochen." in page.get_text()
    assert page.select_one(".notice a")["href"] == url("message", third.pk)  # type: ignore[index]
    assert not page.select("#composer, .tools-anew, .again")
    assert page.select(".feedback")


def test_chain_of_versions_goes_back(client: Client, question: Message) -> None:
    second = asked_anew(question)
    second.answers.get().stop()
    asked_anew(second, "drei")
    page = page_of(client.get(url("message", second.pk)))
    assert page.select_one(".question-version a")["href"] == url("message", question.pk)  # type: ignore[index]


def test_former_version_that_failed_is_not_tried_again(client: Client, question: Message) -> None:
    answer = question.answers.get()
    Message.objects.filter(pk=answer.pk).update(state=State.FAILED)
    asked_anew(question)
    assert not page_of(client.get(url("message", answer.pk))).select("form.again")
    client.post(url("attempts", answer.pk))
    answer.refresh_from_db()
    assert answer.state == State.FAILED
    with pytest.raises(IllegalTransition):
        answer.reopen()


def test_answer_that_was_loaded_before_its_question_was_put_anew_is_not_tried_again(
    question: Message,
) -> None:
    Message.objects.answers().update(state=State.FAILED)
    stale = question.answers.get()
    asked_anew(question)
    with pytest.raises(IllegalTransition):
        stale.reopen()
    assert question.answers.get().state == State.FAILED


@pytest.mark.django_db(transaction=True)
def test_what_is_tried_again_is_not_put_anew_at_the_same_time(question: Message) -> None:
    """Two connections: the answer is reopened, and that is not committed yet, when its question is put anew."""
    Message.objects.answers().update(state=State.FAILED)
    with transaction.atomic():
        question.answers.get().reopen()
        asking, refused = in_another_connection(lambda: asked_anew(question))
    asking.join()
    assert [type(error) for error in refused] == [answering.NotTheLast]
    assert question.thread.messages.count() == 2


def test_what_is_done_at_a_former_version_leads_back_to_it(client: Client, question: Message) -> None:
    answer = question.answers.get()
    asked_anew(question)
    there = url("message", answer.pk)
    thumb = {"rating": "up"}
    client.post(url("feedback", answer.pk), thumb)
    for name, sent_ in (("feedback", thumb), ("feedback", {}), ("attempts", {}), ("withdrawal", {})):
        response: Any = client.post(url(name, answer.pk), sent_)
        assert response["Location"] == there, name
    page = page_of(client.get(url("versions", question.pk)))
    assert page.select_one("form.edit a")["href"] == url("message", question.pk)  # type: ignore[index]


def test_others_former_versions_are_not_found(question: Message, colleague: User) -> None:
    stranger = Client()
    stranger.force_login(colleague)
    asked_anew(question)
    assert stranger.get(url("message", question.pk)).status_code == 404


def test_former_version_is_hostile_text_too(client: Client, start: Start) -> None:
    evil = "<script>alert(1)</script>"
    question = start(evil).messages.get(position=1)
    question.answers.get().finish(content=evil, sources=[])
    asked_anew(question)
    text = client.get(url("message", question.pk)).content.decode()
    assert escape(evil) in text
    assert evil not in text


@pytest.mark.parametrize("versions", [1, 4])
def test_pages_with_versions_cost_a_fixed_number_of_queries(
    client: Client, question: Message, versions: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, present = question, question
    for number in range(versions):
        present = asked_anew(present, f"Fassung {number}")
        present.answers.get().finish(content="Ja.", sources=[])
    client.get(url("thread", question.thread_id))  # the first time, what came is marked as seen
    with django_assert_num_queries(10):
        client.get(url("thread", question.thread_id))
    with django_assert_num_queries(10):
        client.get(url("message", first.pk))
