"""Asking in the browser, from end to end."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from tests.conftest import PASSWORD, RunningSandbox, answer_of
from threads.models import Assistant, Connection, Message, State, Thread, User

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")

QUESTION = "Welche Kündigungsfristen gelten während der Probezeit?"
WIDTHS = (320, 768, 1440)


def ask(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Ihre Frage").fill(text)
    page.get_by_role("button", name="Fragen").click()


def answers(page: Page) -> Any:
    return page.locator("article[data-role=assistant]")


def test_employee_signs_in_and_gets_an_answer_with_its_sources(
    open_browser: Callable[..., Page], asker: User
) -> None:
    page = open_browser()
    page.goto("/")
    page.get_by_label("E-Mail").fill(asker.email)
    page.get_by_label("Passwort").fill(PASSWORD)
    page.get_by_role("button", name="Anmelden").click()
    ask(page, QUESTION)
    answer = answers(page)
    expect(answer).to_have_attribute("data-state", "done")
    expect(answer.locator(".message-text")).to_contain_text("§ 622 Abs. 3")
    expect(answer.locator(".attribution")).to_have_text("Powered by Haufe")
    source = answer.locator("details.source").first
    expect(source.locator("blockquote")).to_be_hidden()
    source.locator("summary").click()
    expect(source.locator("blockquote")).to_contain_text("zwei Wochen")
    expect(source.get_by_role("link", name="Dokument öffnen")).to_have_attribute(
        "href", re.compile(r"^https://products\.haufe\.de/PI1/document/.+auth_realm=haufepublic$")
    )


def test_follow_up_is_swapped_in_without_a_new_page(page: Page, sandbox: RunningSandbox) -> None:
    page.goto("/")
    ask(page, QUESTION)
    expect(answers(page)).to_have_attribute("data-state", "done")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.resource_type))
    ask(page, "Und nach zwei Jahren?")
    expect(answers(page).nth(1)).to_have_attribute("data-state", "done")
    assert set(requests) == {"xhr"}
    assert len(requests) <= 4  # the question, waiting → answering → done
    assert [len(body["messages"]) for body in sandbox.bodies] == [1, 3]


def test_question_stays_in_focus_and_the_composer_is_empty_after_asking(page: Page) -> None:
    page.goto("/")
    ask(page, QUESTION)
    box = page.get_by_role("textbox", name="Ihre Frage")
    box.fill("Und danach?")
    box.press("Enter")
    expect(page.locator("article[data-role=user]")).to_have_count(2)
    expect(box).to_have_value("")
    expect(box).to_be_focused()


def test_enter_sends_and_shift_enter_breaks_the_line(page: Page) -> None:
    page.goto("/")
    box = page.get_by_role("textbox", name="Ihre Frage")
    box.press_sequentially("eins")
    box.press("Shift+Enter")
    box.press_sequentially("zwei")
    box.press("Enter")
    expect(page.locator("article[data-role=user] .message-text")).to_contain_text("eins")
    assert Message.objects.get(position=1).content == "eins\nzwei"


def test_example_question_is_asked_with_a_click(page: Page) -> None:
    Assistant.objects.update(example_questions=[QUESTION])
    page.goto("/")
    page.get_by_role("button", name=QUESTION).click()
    expect(answers(page)).to_have_attribute("data-state", "done")


@pytest.mark.parametrize(
    ("words", "advice"),
    [("", None), ("!sandbox true_legal_advice", "true"), ("!sandbox no_legal_advice", "unknown")],
)
def test_legal_notice_follows_the_answer(page: Page, words: str, advice: str | None) -> None:
    page.goto("/")
    ask(page, f"{QUESTION} {words}")
    expect(answers(page)).to_have_attribute("data-state", "done")
    notice = page.locator("aside.legal-notice")
    if advice is None:
        expect(notice).to_have_count(0)
    else:
        expect(notice).to_have_attribute("data-legal-advice", advice)
        expect(notice).to_contain_text("keine Rechtsberatung")


def test_waiting_shows_at_once_with_elapsed_time_and_survives_a_reload(page: Page) -> None:
    page.goto("/")
    ask(page, f"{QUESTION} !sandbox slow 4s")
    expect(answers(page)).to_have_attribute("data-state", re.compile("waiting|answering"))
    expect(answers(page).locator(".elapsed")).to_have_text(re.compile(r"\d"))
    page.reload()
    expect(answers(page)).to_have_attribute("data-state", "answering")
    expect(answers(page)).to_have_attribute("data-state", "done")


def test_answer_comes_though_the_tab_was_closed(
    page: Page, open_browser: Callable[..., Page], asker: User
) -> None:
    page.goto("/")
    ask(page, f"{QUESTION} !sandbox slow 2s")
    expect(answers(page)).to_have_count(1)
    address = page.url
    page.close()
    elsewhere = open_browser(asker)
    elsewhere.goto(address)
    expect(answers(elsewhere)).to_have_attribute("data-state", "done")


def test_several_questions_at_once_are_answered_in_order(page: Page) -> None:
    page.goto("/")
    ask(page, QUESTION)
    expect(page.locator("#log")).to_be_visible()
    for number in range(3):
        ask(page, f"Frage {number}")
        expect(page.locator("article[data-role=user]")).to_have_count(number + 2)
    for number in range(4):
        expect(answers(page).nth(number)).to_have_attribute("data-state", "done")
    by_time = Message.objects.answers().order_by("finished_at").values_list("position", flat=True)
    assert list(by_time) == [2, 4, 6, 8]


def test_failure_says_what_happened_and_trying_again_helps(page: Page, sandbox: RunningSandbox) -> None:
    sandbox.app.order("content_filter_error")
    page.goto("/")
    ask(page, QUESTION)
    failure = page.locator(".failure")
    expect(failure).to_have_attribute("data-error", "content_filter_error")
    expect(failure).to_contain_text("formulieren Sie sie anders")
    page.get_by_role("button", name="Noch einmal versuchen").click()
    expect(answers(page)).to_have_attribute("data-state", "done")


def test_bad_question_keeps_its_text_and_says_what_is_wrong(page: Page) -> None:
    page.goto("/")
    ask(page, QUESTION)
    expect(answers(page)).to_have_attribute("data-state", "done")
    ask(page, "x" * 30_001)
    box = page.get_by_role("textbox", name="Ihre Frage")
    expect(page.locator("#composer-errors")).to_contain_text("zu lang")
    expect(box).to_have_value("x" * 30_001)
    expect(box).to_have_attribute("aria-invalid", "true")
    ask(page, "Kürzer?")
    expect(answers(page)).to_have_count(2)
    expect(page.locator("#composer-errors")).to_be_empty()


def test_text_is_kept_when_the_server_can_not_be_reached(page: Page) -> None:
    page.goto("/")
    ask(page, QUESTION)
    expect(answers(page)).to_have_attribute("data-state", "done")
    page.context.set_offline(True)
    ask(page, "Nicht verlieren")
    expect(page.locator("#notices")).to_contain_text("nicht erreichbar")
    expect(page.get_by_role("textbox", name="Ihre Frage")).to_have_value("Nicht verlieren")
    page.context.set_offline(False)
    page.get_by_role("button", name="Fragen").click()
    expect(answers(page)).to_have_count(2)


def test_hostile_answer_runs_nothing(page: Page) -> None:
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    page.goto("/")
    ask(page, f"{QUESTION} !sandbox hostile")
    expect(answers(page)).to_have_attribute("data-state", "done")
    assert page.locator("#log img, #log iframe, #log script, #log form[action*=logout]").count() == 0
    schemes = page.eval_on_selector_all("#log a", "links => links.map(link => link.protocol)")
    assert set(schemes) <= {"http:", "https:", "mailto:"}


def test_text_is_kept_when_the_session_has_ended(page: Page, start: Callable[..., Thread]) -> None:
    page.goto(f"/threads/{start(QUESTION).pk}/")
    expect(answers(page)).to_have_attribute("data-state", "done")
    page.context.clear_cookies(name="sessionid")
    ask(page, "Noch eine?")
    expect(page.locator("#notices")).to_contain_text("abgelaufen")
    expect(page.get_by_role("textbox", name="Ihre Frage")).to_have_value("Noch eine?")


def test_ended_session_leads_who_waits_to_sign_in_and_back(page: Page, start: Callable[..., Thread]) -> None:
    thread = start(f"{QUESTION} !sandbox slow 4s")
    page.goto(f"/threads/{thread.pk}/")
    Session.objects.all().delete()
    expect(page).to_have_url(re.compile(rf"/accounts/login/\?next=/threads/{thread.pk}/"))


def test_language_is_switched(page: Page) -> None:
    page.goto("/")
    page.get_by_text("Konto").click()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What would you like to know?")


def test_keyboard_alone_is_enough(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "content":
            break
    page.keyboard.type(QUESTION)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(answers(page)).to_have_attribute("data-state", "done")
    page.locator("details.source summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("details.source blockquote").first).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(page: Page, start: Callable[..., Thread], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    answer = answer_of(start("Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 3))
    answer.finish(
        content="| a | b |\n|-|-|\n| " + "Wort" * 60 + " | x |\n\n`" + "code" * 60 + "`", sources=[]
    )
    for path in ("/", "/threads/", f"/threads/{answer.thread_id}/", "/accounts/password/change/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_cold_conversation_page_is_light(page: Page, start: Callable[..., Thread]) -> None:
    thread = start(QUESTION)
    while answer_of(thread).state != State.DONE:
        time.sleep(0.05)
    sizes: list[tuple[str, int]] = []
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(f"/threads/{thread.pk}/", wait_until="networkidle")
    assert 0 < len(sizes) <= 8
    assert sum(sizes) <= 60_000  # type: ignore[arg-type]


def test_question_is_withdrawn_while_it_waits(page: Page, connection: Connection) -> None:
    connection.requests_per_minute = 1
    connection.save()
    page.goto("/")
    ask(page, QUESTION)
    expect(answers(page)).to_have_attribute("data-state", "done")
    ask(page, "Und danach?")
    waiting = answers(page).nth(1)
    expect(waiting.locator(".standing")).to_contain_text("in etwa 1 Minute")
    waiting.get_by_role("button", name="Frage zurückziehen").click()
    expect(waiting).to_have_attribute("data-state", "stopped")
    expect(waiting).to_contain_text("zurückgezogen")
