"""An answer that comes while one is elsewhere. Visibility, and the browser's notifications, are stand-ins."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_chat import QUESTION, answers
from threads.models import Thread, User

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")

STAND_INS = """(() => {
  const away = () => sessionStorage.getItem("away") !== null;
  Object.defineProperty(document, "hidden", { get: away });
  window.leave = () => sessionStorage.setItem("away", "");
  window.comeBack = () => {
    sessionStorage.removeItem("away");
    document.dispatchEvent(new Event("visibilitychange"));
  };
  window.shown = [];
  window.asked = 0;
  window.Notification = class {
    static permission = "PERMISSION";
    static async requestPermission() {
      window.asked += 1;
      return (this.permission = "ANSWER");
    }
    constructor(title, options) {
      window.shown.push({ title, ...options });
      window.last = this;
    }
    close() { window.wasClosed = true; }
  };
  window.focus = () => { window.focused = true; };
})()"""


@pytest.fixture
def open_with(open_browser: Callable[..., Page], asker: User) -> Callable[..., Page]:
    """The asker's page in a browser that has the `permission`, and says `answer` when it is asked for it."""

    def open_with(permission: str = "granted", answer: str = "granted") -> Page:
        page = open_browser(asker)
        page.add_init_script(STAND_INS.replace("PERMISSION", permission).replace("ANSWER", answer))
        return page

    return open_with


def wait_elsewhere(page: Page, thread: Thread) -> None:
    page.goto(f"/threads/{thread.pk}/")
    page.evaluate("leave()")
    expect(answers(page)).to_have_attribute("data-state", "done")


def slow(start: Callable[..., Thread], words: str = "") -> Thread:
    return start(f"{QUESTION} !sandbox slow 2s {words}")


def test_answer_is_told_of_without_a_word_of_it(
    open_with: Callable[..., Page], asker: User, start: Callable[..., Thread]
) -> None:
    asker.prefer(has_notifications=True)
    page, thread = open_with(), slow(start)
    wait_elsewhere(page, thread)
    assert page.evaluate("shown") == [
        {"title": "Auskunft", "body": "Eine Antwort ist da.", "tag": f"/threads/{thread.pk}/"}
    ]
    page.evaluate("last.onclick()")
    assert page.evaluate("[focused, wasClosed]") == [True, True]


def test_title_is_marked_until_one_is_back(
    open_with: Callable[..., Page], start: Callable[..., Thread]
) -> None:
    page = open_with()
    wait_elsewhere(page, slow(start))
    title = page.title()
    assert title.startswith("● ")
    assert page.evaluate("shown") == []  # not wanted: the mark alone
    page.evaluate("comeBack()")
    assert page.title() == title.removeprefix("● ")


def test_who_looks_on_is_told_nothing(
    open_with: Callable[..., Page], asker: User, start: Callable[..., Thread]
) -> None:
    asker.prefer(has_notifications=True)
    page = open_with()
    page.goto(f"/threads/{slow(start).pk}/")
    expect(answers(page)).to_have_attribute("data-state", "done")
    assert page.evaluate("shown") == []
    assert not page.title().startswith("●")


@pytest.mark.parametrize("permission", ["default", "denied"])
def test_without_permission_the_mark_is_all(
    open_with: Callable[..., Page], asker: User, start: Callable[..., Thread], permission: str
) -> None:
    asker.prefer(has_notifications=True)
    page = open_with(permission)
    wait_elsewhere(page, slow(start))
    assert page.title().startswith("● ")
    assert page.evaluate("[shown.length, asked]") == [0, 0]


def test_answer_in_another_conversation_is_told_of_too(open_with: Callable[..., Page], asker: User) -> None:
    asker.prefer(has_notifications=True)
    page = open_with()
    page.goto("/")
    page.evaluate("leave()")
    page.evaluate("""document.dispatchEvent(
        new CustomEvent("thread:answered", { detail: { url: "/threads/x/" } }))""")
    assert page.evaluate("shown.map((each) => each.tag)") == ["/threads/x/"]
    assert page.title().startswith("● ")


# --- asking the browser ---


@pytest.mark.parametrize(
    ("permission", "answer", "text", "asked"),
    [
        ("default", "granted", "darf Benachrichtigungen zeigen", 1),
        ("default", "denied", "blockiert", 1),
        ("default", "default", "darf noch keine", 1),
        ("denied", "denied", "blockiert", 0),
        ("granted", "granted", "darf Benachrichtigungen zeigen", 0),
    ],
)
def test_browser_is_asked_by_the_click_that_wants_them(
    open_with: Callable[..., Page], permission: str, answer: str, text: str, asked: int
) -> None:
    page = open_with(permission, answer)
    page.goto("/account/preferences/")
    expect(page.locator("#permission")).to_be_empty()
    box: Any = page.get_by_role("checkbox", name="Benachrichtigen")
    box.check()
    expect(page.locator("#permission")).to_contain_text(text)
    assert page.evaluate("asked") == asked
    box.uncheck()
    expect(page.locator("#permission")).to_be_empty()


def test_another_browser_says_that_it_may_not_yet(open_with: Callable[..., Page], asker: User) -> None:
    asker.prefer(has_notifications=True)
    page = open_with("default")
    page.goto("/account/preferences/")
    expect(page.locator("#permission")).to_contain_text("darf noch keine")
    assert page.evaluate("asked") == 0


def test_without_script_the_page_says_that_it_is_needed(
    open_browser: Callable[..., Page], asker: User
) -> None:
    page = open_browser(asker, java_script_enabled=False)
    page.goto("/account/preferences/")
    expect(page.locator("#permission ~ noscript p")).to_be_visible()
