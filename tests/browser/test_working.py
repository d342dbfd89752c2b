"""Working with an answer: copying, feedback, asking again and anew, the link; with JavaScript and without."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.conf import settings
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_accessibility import both, page_in, violations
from tests.browser.test_chat import QUESTION, answers
from tests.conftest import answer_of
from threads.models import Feedback, Message, Rating, Reason, Role, State, Thread, User

__all__ = ["page_in"]  # a fixture, for `both`

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")


@pytest.fixture
def thread(start: Callable[..., Thread]) -> Thread:
    return start(f"{QUESTION} !sandbox true_legal_advice")


def opened(page: Page, thread: Thread) -> Locator:
    """The tools of its answer, which has come."""
    page.goto(f"/threads/{thread.pk}/")
    expect(answers(page)).to_have_attribute("data-state", "done")
    return page.locator(".tools")


def clipboard(page: Page) -> Any:
    return page.evaluate("navigator.clipboard.readText()")


def questions(page: Page) -> Locator:
    return page.locator("article[data-role=user]")


# --- copying ---


def test_answer_is_copied_with_a_click_and_that_is_said(page: Page, thread: Thread) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tools = opened(page, thread)
    link = tools.get_by_role("link", name="Kopieren", exact=True)
    link.focus()
    page.keyboard.press("Enter")
    expect(tools.get_by_role("status")).to_have_text("Kopiert")
    expect(link).to_be_focused()
    answer = answer_of(thread)
    text = clipboard(page).replace("\r\n", "\n")
    assert text.startswith(answer.content)
    for part in (answer.legal_notice, "1. Bürgerliches", "Powered by Haufe · Von einer KI erzeugt"):
        assert part in text


def test_answer_is_copied_with_its_formatting(page: Page, thread: Thread) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, thread)
    Message.objects.filter(pk=answer_of(thread).pk).update(
        content="**Zwei** Wochen\n\n| a | b |\n|-|-|\n| 1 | 2 |"
    )
    page.reload()
    page.get_by_role("link", name="Kopieren", exact=True).click()
    expect(page.locator(".tools-said")).to_have_text("Kopiert")
    assert clipboard(page).startswith("**Zwei** Wochen")
    html = page.evaluate(
        "navigator.clipboard.read().then(([item]) => item.getType('text/html')).then((blob) => blob.text())"
    )
    copied = BeautifulSoup(html, "html.parser")
    assert copied.strong and copied.strong.get_text() == "Zwei"  # noqa: PT018
    assert [cell.get_text() for cell in copied.select("td")] == ["1", "2"]
    assert copied.select("ol > li[value='1'] blockquote")
    for part in (answer_of(thread).legal_notice, "Powered by Haufe · Von einer KI erzeugt"):
        assert part in copied.get_text()


def test_answer_is_copied_as_markdown(page: Page, thread: Thread) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tools = opened(page, thread)
    tools.get_by_text("Exportieren").click()
    tools.get_by_role("link", name="Als Markdown kopieren").click()
    expect(tools.get_by_role("status")).to_have_text("Kopiert")
    expect(tools.locator(".menu-items")).to_be_hidden()
    expect(tools.locator("summary")).to_be_focused()
    assert clipboard(page).startswith('---\r\ntitle: "') or clipboard(page).startswith('---\ntitle: "')


def test_link_to_an_answer_is_copied_and_leads_to_it(page: Page, thread: Thread) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tools = opened(page, thread)
    tools.get_by_role("link", name="Link kopieren", exact=True).click()
    expect(tools.get_by_role("status")).to_have_text("Kopiert")
    page.goto(clipboard(page))
    expect(page).to_have_url(re.compile(rf"/threads/{thread.pk}/#message-{answer_of(thread).pk}$"))


@pytest.mark.parametrize("fault", ["offline", "signed out"])
def test_copying_that_failed_is_said(page: Page, thread: Thread, fault: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tools = opened(page, thread)
    page.evaluate("navigator.clipboard.writeText('vorher')")
    if fault == "offline":
        page.context.set_offline(True)
    else:
        page.context.clear_cookies(name="sessionid")
    tools.get_by_role("link", name="Kopieren", exact=True).click()
    expect(tools.get_by_role("status")).to_contain_text("nicht möglich")
    assert clipboard(page) == "vorher"


def test_without_script_the_text_opens(plain: Page, thread: Thread) -> None:
    tools = opened(plain, thread)
    tools.get_by_text("Exportieren").click()
    expect(tools.get_by_role("link", name="kopieren")).to_have_count(0)
    tools.get_by_role("link", name="Als Text", exact=True).click()
    expect(plain.locator("body")).to_contain_text("Powered by Haufe · Von einer KI erzeugt")


# --- feedback ---


def test_feedback_is_given_changed_and_taken_back(page: Page, thread: Thread) -> None:
    tools = opened(page, thread)
    down = tools.get_by_role("button", name="Nicht hilfreich")
    down.focus()
    page.keyboard.press("Enter")
    expect(down).to_have_attribute("aria-pressed", "true")
    expect(down).to_be_focused()
    expect(tools.get_by_role("status")).to_contain_text("gespeichert")
    tools.get_by_label("Was stimmt daran nicht?").select_option("sources")
    tools.get_by_label("Kommentar").fill("§ 622 fehlt")
    tools.get_by_role("button", name="Rückmeldung senden").press("Enter")
    change = tools.get_by_role("link", name="Rückmeldung ändern")
    expect(change).to_be_focused()
    feedback = Feedback.objects.get()
    assert (feedback.rating, feedback.reason, feedback.comment) == (
        Rating.DOWN, Reason.SOURCES, "§ 622 fehlt",
    )  # fmt: skip
    change.click()
    expect(tools.get_by_label("Kommentar")).to_have_value("§ 622 fehlt")
    down.click()
    expect(down).to_have_attribute("aria-pressed", "false")
    expect(tools.get_by_role("status")).to_contain_text("zurückgenommen")
    assert not Feedback.objects.exists()


def test_what_can_be_said_opens_above_the_composer(page: Page, thread: Thread) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    tools = opened(page, thread)
    page.evaluate("scrollTo(0, 0)")
    tools.get_by_role("button", name="Nicht hilfreich").evaluate("e => e.scrollIntoView({ block: 'end' })")
    tools.get_by_role("button", name="Nicht hilfreich").click()
    send = tools.get_by_role("button", name="Rückmeldung senden")
    expect(send).to_be_visible()
    page.wait_for_timeout(500)  # it is scrolled, or it never is
    bottom = tools.locator(".feedback-more").evaluate("e => e.getBoundingClientRect().bottom")
    assert bottom <= page.locator(".thread-foot").evaluate("e => e.getBoundingClientRect().top")


@pytest.mark.parametrize("width", [320, 1440])
def test_thumbs_stay_where_they_are(page: Page, thread: Thread, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    tools = opened(page, thread)
    thumb = tools.get_by_role("button", name="Hilfreich", exact=True)
    place = "e => { const a = e.getBoundingClientRect(), b = e.closest('.tools').getBoundingClientRect();"
    place += " return [a.x - b.x, a.y - b.y]; }"
    before = thumb.evaluate(place)
    thumb.click()
    tools.get_by_role("button", name="Rückmeldung senden").click()
    expect(tools.get_by_role("link", name="Rückmeldung ändern")).to_be_visible()
    assert thumb.evaluate(place) == before


@pytest.mark.parametrize("width", [320, 420, 1440])
@pytest.mark.parametrize("locale", ["de-DE", "en-GB"])
def test_menu_opens_beside_its_button_and_on_the_screen(
    open_browser: Callable[..., Page], asker: User, thread: Thread, width: int, locale: str
) -> None:
    page = open_browser(asker, locale=locale, viewport={"width": width, "height": 900})
    tools = opened(page, thread)
    button = tools.locator("summary")
    button.click()
    assert tools.locator(".menu").evaluate("e => getComputedStyle(e).marginInlineStart") == "0px"
    its, menu = button.bounding_box(), tools.locator(".menu-items").bounding_box()
    assert its and menu  # noqa: PT018
    assert abs(menu["y"] + menu["height"] - its["y"]) < 2
    assert menu["x"] <= its["x"] + its["width"]
    assert its["x"] <= menu["x"] + menu["width"]
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= width


def test_other_thumb_keeps_what_was_typed(page: Page, thread: Thread) -> None:
    tools = opened(page, thread)
    tools.get_by_role("button", name="Nicht hilfreich").click()
    tools.get_by_label("Kommentar").fill("Nicht verlieren")
    tools.get_by_role("button", name="Hilfreich", exact=True).click()
    expect(tools.get_by_role("button", name="Hilfreich", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(tools.get_by_label("Kommentar")).to_have_value("Nicht verlieren")


def test_comment_that_is_too_long_comes_back(page: Page, thread: Thread) -> None:
    tools = opened(page, thread)
    tools.get_by_role("button", name="Hilfreich", exact=True).click()
    tools.get_by_label("Kommentar").fill("x" * 2_001)
    tools.get_by_role("button", name="Rückmeldung senden").click()
    expect(tools.get_by_role("alert")).to_contain_text("zu lang")
    expect(tools.get_by_label("Kommentar")).to_have_value("x" * 2_001)


def test_feedback_without_script(plain: Page, thread: Thread) -> None:
    opened(plain, thread).get_by_role("button", name="Nicht hilfreich").click()
    plain.get_by_label("Was stimmt daran nicht?").select_option("wrong")
    plain.get_by_label("Kommentar").fill("Falsch")
    plain.get_by_role("button", name="Rückmeldung senden").click()
    expect(plain).to_have_url(re.compile(f"#message-{answer_of(thread).pk}$"))
    expect(plain.get_by_text("Danke, Ihre Rückmeldung ist gespeichert.")).to_be_in_viewport(ratio=1)
    assert Feedback.objects.get().comment == "Falsch"


# --- asking again, asking anew ---


def test_question_is_asked_again_in_its_place(page: Page, thread: Thread) -> None:
    tools = opened(page, thread)
    former = answer_of(thread)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.resource_type))
    tools.get_by_role("button", name="Frage wiederholen").press("Enter")
    expect(page.locator(f"#message-{former.pk}")).to_have_count(0)
    expect(questions(page)).to_be_focused()
    expect(answers(page)).to_have_attribute("data-state", "done")
    expect(questions(page)).to_have_count(1)
    expect(questions(page)).to_be_in_viewport()
    assert set(requests) == {"xhr"}
    assert thread.messages.current().get(role="user").content == former.question.content  # type: ignore[union-attr]


def test_question_is_edited_where_it_stands(page: Page, thread: Thread) -> None:
    opened(page, thread).get_by_role("link", name="Frage bearbeiten").press("Enter")
    field = page.get_by_label("Frage bearbeiten")
    expect(field).to_be_focused()
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Und danach?")
    page.keyboard.press("Enter")
    expect(questions(page)).to_contain_text("Und danach?")
    expect(questions(page)).to_be_focused()
    expect(answers(page)).to_have_attribute("data-state", "done")
    page.get_by_role("link", name="Frühere Fassung").click()
    expect(page.locator("main")).to_contain_text("Diese Frage wurde neu gestellt")
    expect(page.locator("article")).to_have_count(2)
    page.get_by_role("link", name="Zur jetzigen Fassung").click()
    expect(questions(page)).to_contain_text("Und danach?")


def test_editing_is_cancelled(page: Page, thread: Thread) -> None:
    edit = opened(page, thread).get_by_role("link", name="Frage bearbeiten")
    edit.press("Enter")
    page.get_by_label("Frage bearbeiten").fill("Doch nicht")
    page.get_by_role("link", name="Abbrechen").press("Enter")
    expect(page.locator("form.edit")).to_have_count(0)
    expect(questions(page)).to_contain_text(QUESTION)
    expect(edit).to_be_focused()


def test_escape_gives_up_editing(page: Page, thread: Thread) -> None:
    edit = opened(page, thread).get_by_role("link", name="Frage bearbeiten")
    edit.press("Enter")
    page.get_by_label("Frage bearbeiten").press("Escape")
    expect(questions(page)).to_contain_text(QUESTION)
    expect(edit).to_be_focused()


def test_edit_that_was_begun_is_offered_again_until_it_is_given_up_or_sent(
    page: Page, thread: Thread
) -> None:
    edit, field = page.get_by_role("link", name="Frage bearbeiten"), page.get_by_label("Frage bearbeiten")
    opened(page, thread)
    edit.click()
    field.fill("Halb geschr")
    page.reload()
    edit.click()
    expect(field).to_have_value("Halb geschr")
    page.get_by_role("link", name="Abbrechen").click()
    edit.click()
    expect(field).to_have_value(re.compile(QUESTION[:20]))
    field.fill("Anders?")
    field.press("Enter")
    expect(questions(page)).to_contain_text("Anders?")
    assert "Anders?" not in page.evaluate("JSON.stringify(sessionStorage)")


def test_refused_question_keeps_its_text(page: Page, thread: Thread) -> None:
    opened(page, thread).get_by_role("link", name="Frage bearbeiten").click()
    page.get_by_label("Frage bearbeiten").fill("x" * 30_001)
    page.get_by_role("button", name="Frage neu stellen").click()
    expect(page.locator("#edit-errors")).to_contain_text("zu lang")
    expect(page.get_by_label("Frage bearbeiten")).to_have_value("x" * 30_001)
    expect(page.get_by_label("Frage bearbeiten")).to_be_focused()
    page.get_by_label("Frage bearbeiten").fill("Kürzer?")
    page.get_by_role("button", name="Frage neu stellen").click()
    expect(answers(page)).to_have_attribute("data-state", "done")
    expect(questions(page)).to_contain_text("Kürzer?")


def test_asking_again_that_is_refused_says_why_at_the_question(
    page: Page, thread: Thread, ask: Callable[..., Message]
) -> None:
    tools = opened(page, thread)
    ask(thread, "In einem anderen Tab").stop_if_waiting()
    tools.get_by_role("button", name="Frage wiederholen").click()
    expect(page.locator("#edit-errors")).to_contain_text("inzwischen weitergefragt")


def test_edit_that_came_too_late_goes_along_to_where_one_asks_now(
    page: Page, thread: Thread, ask: Callable[..., Message]
) -> None:
    opened(page, thread).get_by_role("link", name="Frage bearbeiten").click()
    ask(thread, "In einem anderen Tab").stop_if_waiting()
    page.get_by_label("Frage bearbeiten").fill("Nicht verlieren")
    page.get_by_label("Frage bearbeiten").press("Enter")
    page.get_by_role("link", name="Jetzigen Stand anzeigen").click()
    expect(questions(page)).to_have_count(2)
    expect(page.get_by_role("textbox", name="Ihre Frage")).to_have_value("Nicht verlieren")


def test_only_the_last_question_can_be_asked_anew(page: Page, thread: Thread) -> None:
    opened(page, thread)
    page.get_by_role("textbox", name="Ihre Frage").fill("Und danach?")
    page.get_by_role("button", name="Fragen", exact=True).click()
    expect(answers(page).nth(1)).to_have_attribute("data-state", "done")
    expect(page.get_by_role("link", name="Frage bearbeiten")).to_have_count(1)
    expect(answers(page).nth(1).get_by_role("link", name="Frage bearbeiten")).to_be_visible()


def test_failed_question_is_edited(page: Page, start: Callable[..., Thread], sandbox: Any) -> None:
    sandbox.app.order("content_filter_error")
    page.goto(f"/threads/{start(QUESTION).pk}/")
    expect(page.get_by_role("button", name="Noch einmal versuchen")).to_have_class("tool")
    expect(page.locator(".answer .button-main")).to_have_text("Frage bearbeiten")
    page.get_by_role("link", name="Frage bearbeiten").click()
    expect(questions(page)).to_have_attribute("data-number", "1")
    page.get_by_label("Frage bearbeiten").fill("Anders?")
    page.get_by_role("button", name="Frage neu stellen").click()
    expect(answers(page)).to_have_attribute("data-state", "done")
    expect(page.locator(".failure")).to_have_count(0)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_trying_again_beyond_the_limit_says_so_where_it_was_pressed(
    open_browser: Callable[..., Page], asker: User, start: Callable[..., Thread], sandbox: Any, script: bool
) -> None:
    sandbox.app.order("content_filter_error")
    thread = start(QUESTION)
    page = open_browser(asker, java_script_enabled=script)
    page.goto(f"/threads/{thread.pk}/")
    again = page.get_by_role("button", name="Noch einmal versuchen")
    expect(again).to_be_visible()
    Message.objects.bulk_create(
        Message(thread=thread, position=position, role=Role.USER, state=State.DONE)
        for position in range(3, 3 + settings.MAX_QUESTIONS_PER_HOUR)
    )
    again.click()
    expect(page.locator("form.again .field-errors")).to_contain_text("innerhalb einer Stunde")
    expect(again).to_be_focused()
    expect(again).to_have_accessible_description(re.compile("innerhalb einer Stunde"))
    expect(page.locator("article[data-role=assistant]")).to_have_attribute("data-state", "failed")


def test_asking_anew_without_script(plain: Page, thread: Thread) -> None:
    opened(plain, thread).get_by_role("link", name="Frage bearbeiten").click()
    plain.get_by_label("Frage bearbeiten").fill("Und danach?")
    plain.get_by_role("button", name="Frage neu stellen").click()
    expect(answers(plain)).to_have_attribute("data-state", "done")
    expect(questions(plain)).to_contain_text("Und danach?")
    plain.get_by_role("button", name="Frage wiederholen").click()
    expect(answers(plain)).to_have_attribute("data-state", "done")
    assert thread.messages.filter(role="user").count() == 3


def test_finished_answer_invites_to_ask_on(page: Page, start: Callable[..., Thread]) -> None:
    page.goto(f"/threads/{start(f'{QUESTION} !sandbox slow 2s').pk}/")
    hint = page.get_by_text("Fragen Sie weiter")
    expect(answers(page)).not_to_have_attribute("data-state", "done")
    expect(hint).to_be_hidden()
    expect(answers(page)).to_have_attribute("data-state", "done")
    expect(hint).to_be_visible()


# --- for everybody ---


@both
def test_every_state_is_accessible_and_fits_a_phone(
    page_in: Callable[..., Page], asker: User, thread: Thread
) -> None:
    page = page_in(asker, viewport={"width": 320, "height": 700})
    tools = opened(page, thread)

    def check(state: str) -> None:
        assert violations(page) == [], state
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, state

    check("answered")
    tools.locator("summary").click()
    check("menu open")
    page.keyboard.press("Escape")
    thumb = tools.locator("button[aria-pressed]").last
    thumb.click()
    expect(thumb).to_have_attribute("aria-pressed", "true")
    tools.locator("textarea").fill("x" * 2_001)
    tools.locator(".feedback-more button").click()
    expect(tools.locator(".field-errors")).to_be_visible()
    check("bad comment")
    page.goto(f"/messages/{answer_of(thread).pk}/feedback/")
    check("page of the feedback")
    question = answer_of(thread).question_id
    opened(page, thread)
    page.locator("a.tools-anew").click()
    page.locator("#edit").fill("y" * 30_001)
    page.locator("form.edit button").click()
    expect(page.locator("#edit-errors")).not_to_be_empty()
    check("bad edit")
    page.goto(f"/messages/{question}/versions/")
    check("page of the edit")
    page.locator("#edit").fill("Neu?")
    page.locator("form.edit button").click()
    expect(answers(page)).to_have_attribute("data-state", "done")
    check("asked anew")
    page.goto(f"/messages/{question}/")
    check("former version")


def luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@both
def test_what_fields_invite_to_can_be_read(page_in: Callable[..., Page], asker: User, thread: Thread) -> None:
    page = page_in(asker, viewport={"width": 1440, "height": 900})
    opened(page, thread)
    for field in ("#content", "#side-bar-q"):
        colour, background, opacity = page.locator(field).evaluate(
            """(e) => [getComputedStyle(e, "::placeholder").color, getComputedStyle(e).backgroundColor,
                       getComputedStyle(e, "::placeholder").opacity]"""
        )
        lighter, darker = sorted([luminance(colour), luminance(background)], reverse=True)
        assert opacity == "1"
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (field, colour, background)


def test_focused_answer_is_marked_beside_its_text(page: Page, thread: Thread) -> None:
    opened(page, thread)
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    answer = answers(page)
    expect(answer).to_be_focused()
    assert answer.evaluate("e => getComputedStyle(e).outlineStyle") == "none"
    text = answer.locator(".message-text")
    line, height = text.evaluate(
        "e => [getComputedStyle(e, '::after').borderInlineStartWidth, getComputedStyle(e, '::after').height]"
    )
    assert line == "3px"
    assert abs(float(height.removesuffix("px")) - text.evaluate("e => e.offsetHeight")) < 1
