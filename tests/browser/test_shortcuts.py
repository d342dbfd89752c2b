"""Keys: what they do, and when they do nothing."""

import re
import uuid
from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_accessibility import both, page_in, violations  # noqa: F401 a fixture
from tests.browser.test_chat import answers
from threads.models import Assistant, Role, State, Thread, User

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")


@pytest.fixture
def thread(asker: User, assistant: Assistant) -> Thread:
    """Two questions, answered with two sources each; not by the worker, which would take its time."""
    thread = Thread.objects.create(
        owner=asker, assistant=assistant, title="?", client_token=uuid.uuid4(), asked_at=timezone.now()
    )
    for position in (1, 3):
        question = thread.messages.create(position=position, role=Role.USER, state=State.DONE, content="?")
        answer = thread.messages.create(
            position=position + 1, role=Role.ASSISTANT, state=State.DONE, question=question, content="Ja."
        )
        for number in (1, 2):
            answer.sources.create(position=number, content=f"Zitat {number}")
    return thread


@pytest.fixture
def conversation(page: Page, thread: Thread) -> Page:
    page.goto(f"/threads/{thread.pk}/")
    return page


def messages(page: Page) -> Locator:
    return page.locator("article.message")


def opened(page: Page) -> list[int]:
    """How many sources each answer shows."""
    return [answer.locator("details.source[open]").count() for answer in answers(page).all()]


def test_new_conversation(conversation: Page) -> None:
    conversation.keyboard.press("n")
    expect(conversation).to_have_url(re.compile(":[0-9]+/$"))


def test_slash_goes_to_the_field_for_searching(conversation: Page) -> None:
    conversation.keyboard.press("/")
    field = conversation.locator("[name=q]")
    expect(field).to_be_focused()
    conversation.keyboard.type("neu/")
    expect(field).to_have_value("neu/")


def test_slash_goes_to_the_page_for_searching_where_there_is_no_room_for_a_field(conversation: Page) -> None:
    conversation.set_viewport_size({"width": 360, "height": 700})
    conversation.keyboard.press("/")
    expect(conversation).to_have_url(re.compile("/search/"))
    expect(conversation.locator("#search-q")).to_be_focused()


def test_moving_from_message_to_message(conversation: Page) -> None:
    conversation.evaluate("scrollTo(0, 0)")
    conversation.keyboard.press("j")
    expect(messages(conversation).first).to_be_focused()
    conversation.keyboard.press("j")
    expect(messages(conversation).nth(1)).to_be_focused()
    conversation.keyboard.press("k")
    conversation.keyboard.press("k")
    expect(messages(conversation).first).to_be_focused()
    for _ in range(5):
        conversation.keyboard.press("j")
    expect(messages(conversation).last).to_be_focused()
    expect(messages(conversation).last).to_be_in_viewport()


def test_sources_of_the_focused_answer_else_of_the_last_are_opened_and_closed(conversation: Page) -> None:
    conversation.keyboard.press("o")
    assert opened(conversation) == [0, 2]
    conversation.keyboard.press("o")
    assert opened(conversation) == [0, 0]
    messages(conversation).first.focus()  # a question: its answer's
    conversation.keyboard.press("o")
    assert opened(conversation) == [2, 0]
    answers(conversation).first.locator("summary").first.click()
    conversation.keyboard.press("o")
    assert opened(conversation) == [2, 0]


def test_answer_is_copied(conversation: Page) -> None:
    conversation.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answers(conversation).first.focus()
    conversation.keyboard.press("c")
    expect(answers(conversation).first.locator(".tools-said")).to_have_text("Kopiert")
    assert "Ja." in conversation.evaluate("navigator.clipboard.readText()")
    expect(answers(conversation).first).to_be_focused()


def test_last_question_is_edited(conversation: Page) -> None:
    conversation.keyboard.press("e")
    expect(conversation.locator("article").nth(2).locator("textarea")).to_be_focused()


def test_keys_that_find_nothing_do_nothing(page: Page) -> None:
    page.goto("/")
    page.evaluate("document.activeElement.blur()")
    for key in "jkoce":
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(":[0-9]+/$"))


def test_typing_is_typing(conversation: Page) -> None:
    box = conversation.get_by_role("textbox", name="Ihre Frage")
    box.press_sequentially("no/j?k")
    expect(box).to_have_value("no/j?k")
    expect(box).to_be_focused()
    expect(conversation.locator("dialog")).to_have_count(0)


@pytest.mark.parametrize(
    "event",
    [
        {"ctrlKey": True}, {"metaKey": True}, {"altKey": True}, {"isComposing": True}, {"keyCode": 229},
    ],
    ids=lambda event: next(iter(event)),
)  # fmt: skip
def test_with_another_key_or_while_composing_it_is_no_shortcut(
    conversation: Page, event: dict[str, object]
) -> None:
    press = """(event) => document.body.dispatchEvent(
        new KeyboardEvent("keydown", { key: "o", bubbles: true, ...event }))"""
    conversation.evaluate(press, event)
    assert opened(conversation) == [0, 0]
    conversation.evaluate(press, {})
    assert opened(conversation) == [0, 2]


@pytest.mark.parametrize("event", [{"isComposing": True}, {"keyCode": 229}], ids=["composing", "229"])
def test_enter_that_ends_composing_sends_nothing(conversation: Page, event: dict[str, object]) -> None:
    conversation.evaluate("document.addEventListener('submit', () => { window.sent = true; }, true)")
    box = conversation.get_by_role("textbox", name="Ihre Frage")
    box.fill("にほん")
    press = """(box, event) => box.dispatchEvent(
        new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...event }))"""
    assert box.evaluate(press, event)  # the browser goes on with it
    assert not conversation.evaluate("window.sent")
    expect(box).to_have_value("にほん")
    box.evaluate(press, {})
    expect(messages(conversation)).to_have_count(6)


def test_who_turned_them_off_has_none(conversation: Page, asker: User) -> None:
    asker.prefer(has_shortcuts=False)
    conversation.reload()
    for key in "o?nj":
        conversation.keyboard.press(key)
    assert opened(conversation) == [0, 0]
    expect(conversation.locator("dialog")).to_have_count(0)
    expect(conversation).to_have_url(re.compile("/threads/"))


# --- the help sheet ---


def test_help_opens_over_the_page_and_gives_the_focus_back(conversation: Page) -> None:
    messages(conversation).first.focus()
    conversation.keyboard.press("?")
    sheet = conversation.get_by_role("dialog", name="Tastenkürzel")
    expect(sheet.get_by_role("heading")).to_be_focused()
    conversation.keyboard.press("o")
    assert opened(conversation) == [0, 0]  # below the sheet, nothing moves
    conversation.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    expect(messages(conversation).first).to_be_focused()
    conversation.keyboard.press("?")
    sheet.get_by_role("button", name="Schließen").click()
    expect(sheet).to_have_count(0)
    expect(messages(conversation).first).to_be_focused()


def test_help_after_the_session_has_ended_leads_to_sign_in(conversation: Page) -> None:
    conversation.context.clear_cookies(name="sessionid")
    conversation.keyboard.press("?")
    expect(conversation).to_have_url(re.compile("/accounts/login/"))


@both
def test_help_sheet_has_no_barriers(page_in: Callable[..., Page], asker: User) -> None:  # noqa: F811
    page = page_in(asker, viewport={"width": 320, "height": 500})
    page.goto("/threads/")
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.querySelector('dialog').scrollWidth") <= 320


def test_help_is_a_page_without_script(open_browser: Callable[..., Page], asker: User) -> None:
    page = open_browser(asker, java_script_enabled=False)
    page.goto("/")
    page.locator("footer").get_by_role("link", name="Tastenkürzel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tastenkürzel")
