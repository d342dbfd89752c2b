"""A thumb on an answer, its reason and comment: given, changed, taken back, by its owner alone."""

from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse

from tests.conftest import answer_of, page_of
from threads.forms.feedback import MAX_COMMENT_CHARACTERS
from threads.models import Feedback, Message, Rating, Reason, Thread, User

pytestmark = pytest.mark.django_db

HTMX: Any = {"HX-Request": "true"}


def url(answer: Message) -> str:
    return reverse("threads:feedback", args=[answer.pk])


@pytest.fixture
def answer(start: Callable[..., Thread]) -> Message:
    answer = answer_of(start())
    answer.finish(content="Zwei Wochen.", sources=[])
    return answer


def pressed(page: BeautifulSoup) -> list[str]:
    return [str(tag["aria-pressed"]) for tag in page.select("button[aria-pressed]")]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_thumb_is_stored_at_once_and_asks_for_more(client: Client, answer: Message, headers: Any) -> None:
    response = client.post(url(answer), {"rating": "down"}, headers=headers, follow=True)
    page = page_of(response)
    assert Feedback.objects.get().rating == Rating.DOWN
    assert pressed(page) == ["false", "true"]
    assert page.select("select[name=reason], textarea[name=comment]")


def test_reason_is_asked_for_a_thumb_down_only(client: Client, answer: Message) -> None:
    page = page_of(client.post(url(answer), {"rating": "up"}, headers=HTMX))
    assert page.select("textarea[name=comment]")
    assert not page.select("select[name=reason]")


def test_reason_and_comment_are_stored_and_the_form_closes(client: Client, answer: Message) -> None:
    client.post(url(answer), {"rating": "down"}, headers=HTMX)
    sent = {"rating": "down", "reason": "wrong", "comment": "§ 622\r\nist gemeint"}
    page = page_of(client.post(url(answer), sent, headers=HTMX))
    feedback = Feedback.objects.get()
    assert (feedback.reason, feedback.comment) == (Reason.WRONG, "§ 622\nist gemeint")
    assert not page.select("textarea")
    assert "gespeichert" in page.get_text()


def test_what_was_sent_leads_back_to_the_answer_without_script(client: Client, answer: Message) -> None:
    client.post(url(answer), {"rating": "down"})
    response: Any = client.post(url(answer), {"rating": "down", "reason": "", "comment": "Zu kurz"})
    assert response["Location"].endswith(f"#message-{answer.pk}")


def test_other_thumb_keeps_the_comment_and_drops_the_reason(client: Client, answer: Message) -> None:
    Feedback.objects.give(answer, Rating.DOWN, reason=Reason.OTHER, comment="Hm")
    client.post(url(answer), {"rating": "up"}, headers=HTMX)
    feedback = Feedback.objects.get()
    assert (feedback.rating, feedback.reason, feedback.comment) == (Rating.UP, "", "Hm")


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_pressed_thumb_takes_the_feedback_back(client: Client, answer: Message, headers: Any) -> None:
    Feedback.objects.give(answer, Rating.UP)
    page = page_of(client.get(url(answer), headers=HTMX))
    value = page.select_one("button[aria-pressed=true]")["value"]  # type: ignore[index]
    client.post(url(answer), {"rating": value}, headers=headers)
    assert not Feedback.objects.exists()


def test_taking_back_what_was_not_given_does_nothing(client: Client, answer: Message) -> None:
    assert client.post(url(answer), {"rating": ""}, headers=HTMX).status_code == 200


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize(
    ("comment", "says"), [("x" * (MAX_COMMENT_CHARACTERS + 1), "2001"), ("a\x00b", "Zeichen")]
)
def test_bad_comment_comes_back_with_what_is_wrong(
    client: Client, answer: Message, comment: str, says: str, headers: Any
) -> None:
    sent = {"rating": "down", "reason": "unclear", "comment": comment}
    response = client.post(url(answer), sent, headers=headers)
    page = page_of(response)
    field: Any = page.select_one("textarea[name=comment][aria-invalid=true]")
    assert response.status_code == 422
    assert says in page.find(id=field["aria-describedby"]).get_text()  # type: ignore[union-attr]
    assert comment in field.get_text() or "\x00" in comment
    assert page.select_one("option[selected]")["value"] == "unclear"  # type: ignore[index]
    assert not Feedback.objects.exists()


def test_longest_comment_is_stored(client: Client, answer: Message) -> None:
    client.post(url(answer), {"rating": "up", "comment": "ä" * MAX_COMMENT_CHARACTERS})
    assert Feedback.objects.get().comment == "ä" * MAX_COMMENT_CHARACTERS


def test_comment_is_shown_as_text(client: Client, answer: Message) -> None:
    Feedback.objects.give(answer, Rating.DOWN, comment="</textarea><script>alert(1)</script>")
    page = page_of(client.get(url(answer)))
    assert "alert(1)" in page.select_one("textarea").get_text()  # type: ignore[union-attr]


@pytest.mark.parametrize("bad", ["sideways", "UP"])
def test_unknown_rating_is_refused(client: Client, answer: Message, bad: str) -> None:
    assert client.post(url(answer), {"rating": bad}).status_code == 422
    assert not Feedback.objects.exists()


def test_thumb_shows_in_the_conversation(client: Client, answer: Message) -> None:
    Feedback.objects.give(answer, Rating.UP)
    page = page_of(client.get(reverse("threads:thread", args=[answer.thread_id])))
    assert pressed(page) == ["true", "false"]
    assert not page.select(".feedback textarea")


@pytest.mark.parametrize("state", ["waiting", "answering", "failed", "stopped"])
def test_only_an_answer_takes_feedback(client: Client, start: Callable[..., Thread], state: str) -> None:
    question, answer = start().messages.oldest_first()
    Message.objects.filter(pk=answer.pk).update(state=state)
    for message in (question, answer):
        assert client.post(url(message), {"rating": "up"}).status_code == 404


@pytest.mark.parametrize("method", ["get", "post"])
def test_others_answers_are_not_found(answer: Message, colleague: User, method: str) -> None:
    stranger = Client()
    stranger.force_login(colleague)
    assert getattr(stranger, method)(url(answer), {"rating": "up"}).status_code == 404
    assert not Feedback.objects.exists()
