"""axe on each page and state, in both themes and languages."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.test_chat import QUESTION, answers
from tests.conftest import answer_of
from threads.models import Assistant, Message, Source, Thread, User

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIGNED_IN = ("/", "/threads/", "/assistants/arbeitsrecht/", "/accounts/password/change/",
             "/accounts/logout/", "/nowhere/")  # fmt: skip
MARKDOWN = (
    "# Titel\n\nText mit `code`, [Link](https://example.org).\n\n| a | b |\n|-|-|\n| 1 | 2 |\n\n- x\n- y"
)


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}}).response["violations"]
    return [f"{each['id']}: {json.dumps([n['html'][:200] for n in each['nodes']])}" for each in found]


@pytest.fixture
def page_in(open_browser: Callable[..., Page], request: pytest.FixtureRequest) -> Callable[..., Page]:
    scheme, locale = request.param
    return lambda user=None, **options: open_browser(user, color_scheme=scheme, locale=locale, **options)


both = pytest.mark.parametrize(
    "page_in", [("light", "de-DE"), ("dark", "en-GB")], indirect=True, ids=["light-de", "dark-en"]
)


@both
def test_pages_for_anybody(page_in: Callable[..., Page]) -> None:
    page = page_in()
    for path in ("/accounts/login/", "/accounts/signup/"):
        page.goto(path)
        assert violations(page) == [], path


@both
def test_sign_in_that_failed(page_in: Callable[..., Page]) -> None:
    page = page_in()
    page.goto("/accounts/login/")
    page.locator("[name=login]").fill("nobody@example.org")
    page.locator("[name=password]").fill("wrong")
    page.locator("main form button").first.click()
    expect(page.get_by_role("alert").first).to_be_visible()
    assert violations(page) == []


@both
def test_pages_without_a_conversation(page_in: Callable[..., Page], asker: User) -> None:
    page = page_in(asker)
    for path in SIGNED_IN:
        page.goto(path)
        assert violations(page) == [], path


@both
def test_home_without_an_assistant_and_with_several(
    page_in: Callable[..., Page], asker: User, make_assistant: Callable[..., Assistant]
) -> None:
    page = page_in(asker)
    Assistant.objects.update(is_active=False)
    page.goto("/")
    assert violations(page) == []
    for number in range(3):
        make_assistant(
            slug=f"a{number}", name=f"Assistent {number}", remote_id=f"00000000-0000-0000-0000-{number:012}",
            description="Fragen zu allem.", example_questions=["Was gilt?", "Und dann?"],
        )  # fmt: skip
    page.goto("/")
    assert violations(page) == []


@both
def test_conversation_with_answers_in_every_state(
    page_in: Callable[..., Page], asker: User, start: Callable[..., Thread], ask: Callable[..., Message]
) -> None:
    thread = start(QUESTION)
    page = page_in(asker)
    page.goto(f"/threads/{thread.pk}/")
    expect(answers(page)).to_have_attribute("data-state", "done")
    states: dict[str, dict[str, Any]] = {
        "done": {"content": MARKDOWN, "legal_notice": "Kein Rat.", "legal_advice": True},
        "failed": {"error_code": "api_error"},
        "stopped": {},
        "answering": {},
        "waiting": {},
    }
    position = 2
    for state, fields in states.items():
        question = Message.objects.create(
            thread=thread, position=position + 1, role="user", state="done", content="?"
        )
        answer = Message.objects.create(
            thread=thread, position=position + 2, role="assistant", state=state, question=question, **fields
        )
        position += 2
    Source.objects.create(message=answer_of(thread), position=9, content="Ohne Titel", app_doc_id="1")
    page.reload()
    assert answer.state == "waiting"
    page.locator("details.source").last.locator("summary").click()
    assert violations(page) == []


@both
def test_question_that_was_refused(
    page_in: Callable[..., Page], asker: User, start: Callable[..., Thread]
) -> None:
    page = page_in(asker)
    page.goto(f"/threads/{start(QUESTION).pk}/")
    page.locator("[name=content]").fill("x" * 30_001)
    page.locator("#composer button").click()
    expect(page.locator("#composer-errors")).not_to_be_empty()
    assert violations(page) == []


@both
def test_assistant_that_is_no_longer_offered(
    page_in: Callable[..., Page], asker: User, start: Callable[..., Thread]
) -> None:
    thread = start(QUESTION)
    Assistant.objects.update(is_active=False)
    page = page_in(asker)
    page.goto(f"/threads/{thread.pk}/")
    assert violations(page) == []
