"""What a user prefers, the notice that comes first, and the pages beside them, in the browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import both, page_in, violations  # noqa: F401 a fixture
from tests.browser.test_chat import QUESTION, WIDTHS, answers, ask
from threads.models import Message, Notice, Theme, Thread, User

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")

PAGES = ("/account/preferences/", "/notice/", "/shortcuts/", "/accessibility/")
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 3
script = pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])


@pytest.fixture
def notice(asker: User) -> Notice:
    """In force, and acknowledged by nobody."""
    notice = Notice(german=f"Neu.\n\n{LONG}", english=f"New.\n\n{LONG}")
    Notice.objects.publish(notice)
    return notice


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


# --- preferences ---


@script
def test_preferences_are_saved(open_browser: Callable[..., Page], asker: User, has_script: bool) -> None:
    page = open_browser(asker, java_script_enabled=has_script)
    page.goto("/")
    page.get_by_text("Konto").click()
    page.get_by_role("link", name="Einstellungen").click()
    page.get_by_role("radio", name="English").check()
    page.get_by_role("radio", name="dunkel").check()
    page.get_by_role("radio", name="breit").check()
    page.get_by_role("checkbox", name="Tastenkürzel").uncheck()
    page.get_by_role("button", name="Speichern").click()
    expect(page.get_by_role("status").first).to_have_text("Your preferences have been saved.")
    asker.refresh_from_db()
    assert (asker.language, asker.theme, asker.reading_width) == ("en", "dark", "wide")
    assert not asker.has_shortcuts


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_chosen_theme_goes_before_that_of_the_device(
    open_browser: Callable[..., Page], asker: User, scheme: Any
) -> None:
    page = open_browser(asker, color_scheme=scheme)
    page.goto("/")
    of_the_device = background(page)
    asker.prefer(theme=Theme.LIGHT)
    page.reload()
    light = background(page)
    asker.prefer(theme=Theme.DARK)
    page.reload()
    dark = background(page)
    assert (light, dark) == ("rgb(253, 253, 251)", "rgb(18, 24, 26)")
    assert of_the_device == {"light": light, "dark": dark}[scheme]


def test_paper_is_light(open_browser: Callable[..., Page], asker: User) -> None:
    asker.prefer(theme=Theme.DARK)
    page = open_browser(asker)
    page.goto("/")
    page.emulate_media(media="print")
    assert background(page) == "rgb(255, 255, 255)"


def test_chosen_width_is_that_of_the_text(open_browser: Callable[..., Page], asker: User) -> None:
    page = open_browser(asker, viewport={"width": 1440, "height": 800})
    widths = []
    for width in ("narrow", "normal", "wide"):
        asker.prefer(reading_width=width)
        page.goto("/accessibility/")
        widths.append(page.locator(".page-main").evaluate("e => e.getBoundingClientRect().width"))
    assert widths == sorted(set(widths))


# --- the notice ---


@script
def test_new_user_reads_the_notice_first_and_goes_where_she_wanted(
    open_browser: Callable[..., Page], asker: User, notice: Notice, has_script: bool
) -> None:
    page = open_browser(asker, java_script_enabled=has_script)
    page.goto("/assistants/arbeitsrecht/")
    expect(page).to_have_url(re.compile("/notice/"))
    page.get_by_role("button", name="Verstanden").click()
    expect(page).to_have_url(re.compile("/assistants/arbeitsrecht/$"))
    page.get_by_role("link", name="Hinweis für Nutzer").last.click()
    expect(page.get_by_text("Von Ihnen zur Kenntnis genommen")).to_be_visible()
    assert notice.acknowledged_at(asker)


@script
def test_question_typed_before_a_new_version_came_is_asked_after_it(
    open_browser: Callable[..., Page],
    asker: User,
    start: Callable[..., Thread],
    request: pytest.FixtureRequest,
    has_script: bool,
) -> None:
    page = open_browser(asker, java_script_enabled=has_script)
    page.goto(f"/threads/{start(QUESTION).pk}/")
    expect(answers(page)).to_have_attribute("data-state", "done")
    request.getfixturevalue("notice")
    ask(page, "Nicht verlieren\nund so")
    expect(page.get_by_text("Nichts ist verloren")).to_be_visible()
    expect(page.locator(".carried")).to_have_text("Nicht verlieren\nund so")
    assert Message.objects.count() == 2
    page.get_by_role("button", name="Verstanden").click()
    expect(answers(page)).to_have_count(2)
    assert Message.objects.get(position=3).content == "Nicht verlieren\nund so"
    expect(page.get_by_role("textbox", name="Ihre Frage")).to_have_value("")


def test_who_waits_is_led_to_a_new_version_and_back(
    page: Page, start: Callable[..., Thread], request: pytest.FixtureRequest
) -> None:
    thread = start(f"{QUESTION} !sandbox slow 3s")
    page.goto(f"/threads/{thread.pk}/")
    request.getfixturevalue("notice")
    expect(page).to_have_url(re.compile("/notice/"))
    page.get_by_role("button", name="Verstanden").click()
    expect(page).to_have_url(re.compile(f"/threads/{thread.pk}/"))


# --- on every screen, for everybody ---


@both
def test_pages_have_no_barriers(page_in: Callable[..., Page], asker: User) -> None:  # noqa: F811
    page = page_in(asker)
    for path in PAGES:
        page.goto(path)
        assert violations(page) == [], path
    page.goto("/account/preferences/")
    page.get_by_role("checkbox").last.check()
    expect(page.locator("#permission")).not_to_be_empty()
    assert violations(page) == []


@both
def test_notice_that_comes_first_has_no_barriers(
    page_in: Callable[..., Page],  # noqa: F811
    asker: User,
    start: Callable[..., Thread],
    request: pytest.FixtureRequest,
) -> None:
    page = page_in(asker)
    page.goto(f"/threads/{start(QUESTION).pk}/")
    expect(answers(page)).to_have_attribute("data-state", "done")
    request.getfixturevalue("notice")
    page.locator("[name=content]").fill("Und dann?")
    page.locator("#composer button").click()
    expect(page.locator(".carried")).to_be_visible()
    assert violations(page) == []
    page.goto("/")
    expect(page).to_have_url(re.compile("/notice/"))
    assert violations(page) == []


@both
def test_accessibility_statement_is_for_anybody(page_in: Callable[..., Page]) -> None:  # noqa: F811
    page = page_in()
    page.goto("/accounts/login/")
    page.locator("footer a").click()
    expect(page).to_have_url(re.compile("/accessibility/"))
    assert violations(page) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_are_no_wider_than_the_window(page: Page, notice: Notice, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    for path in ("/accounts/password/change/", *PAGES):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
