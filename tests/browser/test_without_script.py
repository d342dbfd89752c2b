"""The same with JavaScript off: forms post and redirect, a waiting page reloads itself."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_chat import QUESTION, answers, ask
from tests.conftest import PASSWORD, RunningSandbox, answer_of
from threads.models import State, Thread, User

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")


@pytest.fixture
def page(open_browser: Callable[..., Page], asker: User) -> Page:
    return open_browser(asker, java_script_enabled=False)


def test_sign_in_ask_and_read_the_sources(open_browser: Callable[..., Page], asker: User) -> None:
    page = open_browser(java_script_enabled=False)
    page.goto("/")
    page.get_by_label("E-Mail").fill(asker.email)
    page.get_by_label("Passwort").fill(PASSWORD)
    page.get_by_role("button", name="Anmelden").click()
    ask(page, QUESTION)
    expect(answers(page)).to_have_attribute("data-state", "done")
    page.locator("details.source summary").first.click()
    expect(page.locator("details.source blockquote").first).to_contain_text("zwei Wochen")


def test_waiting_page_reloads_itself_until_the_answer_is_there(page: Page) -> None:
    page.goto("/")
    ask(page, f"{QUESTION} !sandbox slow 3s")
    expect(answers(page)).to_have_attribute("data-state", re.compile("waiting|answering"))
    expect(page.locator("#composer")).to_be_hidden()
    expect(answers(page)).to_have_attribute("data-state", "done")
    expect(page.locator("#composer")).to_be_visible()


def test_follow_up(page: Page, sandbox: RunningSandbox) -> None:
    page.goto("/")
    ask(page, QUESTION)
    expect(answers(page)).to_have_attribute("data-state", "done")
    ask(page, "Und nach zwei Jahren?")
    expect(answers(page).nth(1)).to_have_attribute("data-state", "done")
    assert [len(body["messages"]) for body in sandbox.bodies] == [1, 3]


def test_bad_question_keeps_its_text(page: Page) -> None:
    page.goto("/")
    ask(page, "x" * 30_001)
    expect(page.locator("#composer-errors")).to_contain_text("zu lang")
    expect(page.get_by_role("textbox", name="Ihre Frage")).to_have_value("x" * 30_001)


def test_failed_answer_is_tried_again(
    page: Page, start: Callable[..., Thread], sandbox: RunningSandbox
) -> None:
    sandbox.app.order("content_filter_error")
    thread = start(QUESTION)
    page.goto(f"/threads/{thread.pk}/")
    page.get_by_role("button", name="Noch einmal versuchen").click()
    expect(answers(page)).to_have_attribute("data-state", "done")
    assert answer_of(thread).state == State.DONE


def test_account_menu_works(page: Page) -> None:
    page.goto("/")
    page.get_by_text("Konto").click()
    page.get_by_role("button", name="Abmelden").click()
    expect(page.get_by_label("Passwort")).to_be_visible()
