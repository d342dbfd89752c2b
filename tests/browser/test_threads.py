"""The side bar, the list, long conversations, drafts: with and without JavaScript."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import both, page_in, violations  # noqa: F401 a fixture
from tests.browser.test_chat import QUESTION, answers, ask
from tests.conftest import PASSWORD, answer_of
from tests.test_threads import long_thread
from threads import answering
from threads.models import Message, Role, Shelf, State, Thread, User

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")

Start = Callable[..., Thread]
Open = Callable[..., Page]
WIDE = {"width": 1440, "height": 900}
TOP_OF = "article => article.getBoundingClientRect().top"


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def page_either(request: pytest.FixtureRequest, open_browser: Open, asker: User) -> Page:
    return open_browser(asker, java_script_enabled=request.param)


@pytest.fixture
def finished(start: Start) -> Callable[[str], Thread]:
    """A conversation whose answer is there, and was seen."""

    def finished(text: str) -> Thread:
        thread = start(text)
        answer = answer_of(thread)
        while answer.state != State.DONE:  # the worker of the site may be quicker
            answer.refresh_from_db()
        thread.refresh_from_db()
        thread.see()
        return thread

    return finished


@pytest.fixture
def many(asker: User, finished: Callable[[str], Thread]) -> list[Thread]:
    first = finished("Frage 0")
    now = timezone.now()
    return Thread.objects.bulk_create(
        Thread(
            owner=asker,
            assistant=first.assistant,
            title=f"Frage {number}",
            client_token=uuid.uuid4(),
            asked_at=now - timedelta(hours=number),
        )
        for number in range(1, 80)
    )


def test_conversation_is_renamed_pinned_archived_and_deleted(
    page_either: Page, finished: Callable[[str], Thread]
) -> None:
    page, thread = page_either, finished("Was gilt?")
    page.goto(f"/threads/{thread.pk}/")
    page.locator(".thread-rename").click()
    page.get_by_label("Titel").fill("Probezeit")
    page.get_by_role("button", name="Speichern").click()
    expect(page.locator(".thread-head h1")).to_have_text("Probezeit")
    for button, shelf, said in (
        ("Anheften", Shelf.PINNED, "angeheftet"),
        ("Archivieren", Shelf.ARCHIVED, "archiviert"),
    ):
        page.locator(".thread-menu summary").click()
        page.locator(".thread-menu").get_by_role("button", name=button, exact=True).click()
        expect(page.locator("main .notice")).to_contain_text(said)
        thread.refresh_from_db()
        assert (thread.title, thread.shelf) == ("Probezeit", shelf)
    page.goto("/threads/archived/")
    page.locator(".thread-menu summary").click()
    page.get_by_role("button", name="Löschen", exact=True).click()
    expect(page).to_have_url(re.compile("/threads/archived/$"))
    page.get_by_role("button", name="Rückgängig").click()
    expect(page.locator("main .notice")).to_contain_text("archiviert")
    thread.refresh_from_db()
    assert thread.shelf == Shelf.ARCHIVED


def test_escape_gives_up_renaming_and_focus_stays_near(page: Page, finished: Callable[[str], Thread]) -> None:
    thread = finished("Was gilt?")
    page.goto(f"/threads/{thread.pk}/")
    page.locator(".thread-rename").click()
    field = page.get_by_label("Titel")
    expect(field).to_be_focused()
    expect(field).to_have_js_property("selectionStart", 0)
    expect(field).to_have_js_property("selectionEnd", len("Was gilt?"))
    assert field.evaluate("e => getComputedStyle(e).color") == page.locator("body").evaluate(
        "e => getComputedStyle(e).color"
    )
    field.fill("Anders")
    field.press("Escape")
    expect(page.locator(".thread-head h1")).to_have_text("Was gilt?")
    expect(page.locator(".thread-rename")).to_be_focused()
    thread.refresh_from_db()
    assert thread.title == "Was gilt?"


def test_renaming_changes_the_side_bar_and_the_title_of_the_window(
    open_browser: Open, asker: User, finished: Callable[[str], Thread]
) -> None:
    page = open_browser(asker, viewport=WIDE)
    page.goto(f"/threads/{finished('Was gilt?').pk}/")
    page.locator(".thread-rename").click()
    page.get_by_label("Titel").fill("Probezeit")
    page.get_by_label("Titel").press("Enter")
    expect(page.locator(".side-bar [aria-current]")).to_have_text("Probezeit")
    expect(page).to_have_title(re.compile("^Probezeit"))


def test_renaming_is_said_once_and_leads_back_to_where_it_began(
    page: Page, finished: Callable[[str], Thread]
) -> None:
    page.goto(f"/threads/{finished('Was gilt?').pk}/")
    page.locator(".thread-rename").click()
    page.get_by_label("Titel").fill("Probezeit")
    page.evaluate(LISTEN)
    page.get_by_label("Titel").press("Enter")
    expect(page.locator(".thread-rename")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text("Umbenannt")
    assert page.evaluate("window.told") == ["Umbenannt"]


def test_page_for_renaming_leads_back_to_the_conversation(
    page_either: Page, finished: Callable[[str], Thread]
) -> None:
    page = page_either
    thread = finished("Was gilt?")
    page.goto(f"/threads/{thread.pk}/title/")
    page.get_by_label("Titel").fill("Probezeit")
    page.get_by_role("button", name="Speichern").click()
    expect(page).to_have_url(re.compile(f"/threads/{thread.pk}/(#latest)?$"))


def test_first_question_put_anew_renames_the_conversation_everywhere(
    open_browser: Open, asker: User, finished: Callable[[str], Thread]
) -> None:
    page = open_browser(asker, viewport=WIDE)
    page.goto(f"/threads/{finished('Was gilt?').pk}/")
    page.get_by_role("link", name="Frage bearbeiten").click()
    page.get_by_label("Frage bearbeiten").fill("Was gilt in der Probezeit?")
    page.get_by_label("Frage bearbeiten").press("Enter")
    expect(page.locator(".thread-head h1")).to_have_text("Was gilt in der Probezeit?")
    expect(page.locator(".side-bar [aria-current]")).to_have_text("Was gilt in der Probezeit?")
    expect(page).to_have_title(re.compile(r"^Was gilt in der Probezeit\?"))
    expect(page.locator("article[data-role=user]")).to_be_focused()
    page.get_by_role("link", name="Frühere Fassung").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Frühere Fassung")


@pytest.mark.parametrize("shelf", [Shelf.LISTED, Shelf.PINNED])
def test_conversation_that_goes_on_comes_first_in_the_side_bar(
    open_browser: Open, asker: User, finished: Callable[[str], Thread], shelf: Shelf
) -> None:
    thread, other = finished("Was gilt gestern?"), finished("Was gilt heute?")
    thread.move(shelf)
    Thread.objects.filter(pk=thread.pk).update(asked_at=timezone.now() - timedelta(days=1))
    page = open_browser(asker, viewport=WIDE)
    page.goto(f"/threads/{thread.pk}/")
    groups = page.locator(".side-bar .threads-group")
    before = groups.all_inner_texts()
    ask(page, "Und danach?")
    expect(answers(page)).to_have_count(2)
    if shelf == Shelf.LISTED:
        expect(groups).to_have_text(["Heute"])
    assert page.locator(".side-bar li").first.get_attribute("id") == f"entry-{thread.pk}"
    assert page.locator(f".side-bar #entry-{other.pk}").count() == 1
    assert (groups.all_inner_texts() == before) == (shelf == Shelf.PINNED)


def test_list_loads_more_as_one_scrolls(open_browser: Open, asker: User, many: list[Thread]) -> None:
    page = open_browser(asker, viewport=WIDE)
    page.goto("/threads/")
    rows = page.locator("main .threads-row")
    while rows.count() < 80:
        count = rows.count()
        page.mouse.wheel(0, 20_000)
        expect(rows.nth(count)).to_be_attached()
    assert len(set(rows.locator(".threads-title").all_inner_texts())) == 80
    page.goto("/")
    entries = page.locator(".side-bar li")
    expect(entries).to_have_count(30)
    page.locator(".side-bar .more").scroll_into_view_if_needed()
    expect(entries.nth(30)).to_be_attached()


def test_list_has_pages_without_script(open_browser: Open, asker: User, many: list[Thread]) -> None:
    page = open_browser(asker, java_script_enabled=False)
    page.goto("/threads/")
    page.get_by_role("link", name="Ältere Unterhaltungen").click()
    expect(page.locator("main .threads-row").first).to_contain_text("Frage 30")


def test_answer_that_comes_elsewhere_marks_its_conversation(
    open_browser: Open, asker: User, start: Start
) -> None:
    page = open_browser(asker, viewport=WIDE)
    thread = start(f"{QUESTION} !sandbox slow 3s")
    page.goto("/")
    page.evaluate("document.addEventListener('thread:answered', () => { document.title = 'told'; })")
    entry = page.locator(f"#entry-{thread.pk}")
    expect(entry.locator(".mark-waiting")).to_be_attached()
    expect(entry.locator("[data-unread]")).to_be_attached()
    expect(page).to_have_title("told")
    entry.get_by_role("link").click()
    expect(page.locator(".mark")).to_have_count(0)


def test_side_bar_that_asks_is_quiet_about_what_fails(
    open_browser: Open, asker: User, finished: Callable[[str], Thread], start: Start
) -> None:
    here, waiting = finished("Was gilt?"), start(f"{QUESTION} !sandbox slow 8s")
    page = open_browser(asker, viewport=WIDE)
    page.clock.install()
    page.goto(f"/threads/{here.pk}/")
    notices, entry = page.locator("#notices"), page.locator(f"#entry-{waiting.pk}")
    page.evaluate("document.getElementById('notices').textContent = 'Nicht gesendet'")
    page.route("**/entry/", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.clock.fast_forward(10_000)
    expect(notices).to_have_text("Nicht gesendet")
    page.unroute("**/entry/")
    with page.expect_response(re.compile("/entry/$")):
        page.clock.fast_forward(10_000)
    expect(notices).to_have_text("Nicht gesendet")
    waiting.move(Shelf.DELETED)
    page.clock.fast_forward(10_000)
    expect(entry).to_have_count(0)
    expect(notices).to_have_text("Nicht gesendet")


def test_side_bar_stays_where_it_was_and_shows_where_one_is(
    open_browser: Open, asker: User, many: list[Thread]
) -> None:
    page = open_browser(asker, viewport={"width": 1440, "height": 500})
    page.goto("/")
    page.locator(f"#entry-{many[20].pk}").scroll_into_view_if_needed()
    scrolled = "document.querySelector('.side-bar-list').scrollTop"
    before = page.evaluate(scrolled)
    page.locator(f"#entry-{many[20].pk} a").click()
    current = page.locator(".side-bar [aria-current]")
    expect(current).to_have_text("Frage 21")
    assert before
    assert page.evaluate(scrolled) == before
    page.locator(".side-bar .more").scroll_into_view_if_needed()
    page.locator(f"#entry-{many[50].pk} a").click()
    expect(current).to_have_text("Frage 51")
    expect(current).to_be_in_viewport()
    expect(page.locator(".side-bar .threads-group").first).to_be_in_viewport()


# --- long conversations ---


def test_long_conversation_opens_at_its_end_and_loads_upwards_without_jumping(
    page: Page, finished: Callable[[str], Thread]
) -> None:
    thread = _long(finished("Frage 1"))
    page.goto(thread.get_absolute_url())
    questions = page.locator("article[data-role=user]")
    expect(questions.last).to_be_in_viewport()
    expect(questions).to_have_count(15)
    page.mouse.move(600, 300)
    first = page.locator("article").first.element_handle()
    assert first
    page.evaluate("scrollTo({ top: 650, behavior: 'instant' })")
    before = first.evaluate(TOP_OF)
    page.evaluate("scrollTo({ top: 500, behavior: 'instant' })")  # near enough: earlier ones are loaded
    expect(questions).to_have_count(30)
    page.wait_for_timeout(200)
    assert abs(first.evaluate(TOP_OF) - before - 150) <= 1


def test_conversation_of_one_question_opens_at_its_top(page: Page, finished: Callable[[str], Thread]) -> None:
    page.set_viewport_size({"width": 900, "height": 500})
    thread = finished("Frage 1")
    for address in (f"/threads/{thread.pk}/", thread.get_absolute_url()):
        page.goto(address)
        page.wait_for_timeout(200)
        assert page.evaluate("scrollY") == 0


def test_what_was_done_with_a_long_conversation_is_said_where_one_reads(
    page_either: Page, finished: Callable[[str], Thread]
) -> None:
    page = page_either
    page.goto(_long(finished("Frage 1")).get_absolute_url())
    page.locator(".thread-menu summary").click()
    page.get_by_role("button", name="Anheften").click()
    expect(page.get_by_text("wurde angeheftet")).to_be_in_viewport()


def test_earlier_questions_come_by_keyboard_and_are_read_from_there(
    page: Page, finished: Callable[[str], Thread]
) -> None:
    thread = _long(finished("Frage 1"))
    page.goto(thread.get_absolute_url())
    first = page.locator("article").first.get_attribute("id")
    page.locator("#earlier a").evaluate("link => link.focus({ preventScroll: true })")
    page.keyboard.press("Enter")
    expect(page.locator("article[data-role=user]")).to_have_count(30)
    focused = page.locator("article:focus")
    expect(focused).to_contain_text("Antwort 45")
    assert first == f"message-{thread.messages.get(content='Frage 46').pk}"


def test_link_to_a_message_opens_its_part_and_goes_on_to_the_end(
    page_either: Page, finished: Callable[[str], Thread]
) -> None:
    thread = _long(finished("Frage 1"))
    message = thread.messages.get(content="Frage 20")
    page_either.goto(f"/messages/{message.pk}/")
    expect(page_either.locator(f"#message-{message.pk}")).to_be_in_viewport()
    page_either.get_by_role("link", name="Zur letzten Frage").click()
    expect(page_either.locator("article[data-role=user]").last).to_contain_text("Frage 60")
    expect(page_either.locator("#composer")).to_be_visible()


@pytest.mark.parametrize("way", ["reload", "back"])
def test_one_reads_on_where_one_was(page: Page, finished: Callable[[str], Thread], way: str) -> None:
    thread = _long(finished("Frage 1"))
    page.goto(thread.get_absolute_url())
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    expect(page.locator("article[data-role=user]")).to_have_count(30)
    question = page.locator("article[data-number='38']")
    question.evaluate("question => { question.scrollIntoView({ behavior: 'instant' }); scrollBy(0, 30); }")
    page.wait_for_timeout(300)
    before = question.evaluate(TOP_OF)
    _return(page, way)
    expect(question).to_be_in_viewport()
    page.wait_for_timeout(300)
    assert abs(question.evaluate(TOP_OF) - before) <= 1
    assert re.search(r"\?around=([0-9a-f-]{36})#message-\1$", page.url)


@pytest.mark.parametrize("way", ["reload", "back"])
def test_one_goes_on_in_the_list_where_one_was(page: Page, many: list[Thread], way: str) -> None:
    page.goto("/threads/")
    rows = page.locator("main .threads-row")
    while rows.count() < 80:
        page.mouse.wheel(0, 20_000)
        page.wait_for_timeout(50)
    row = page.locator(f"#row-{many[59].pk}")
    row.evaluate("row => scrollTo({ top: row.offsetTop + 10, behavior: 'instant' })")
    page.wait_for_timeout(300)
    before = row.evaluate(TOP_OF)
    _return(page, way)
    expect(row).to_be_in_viewport()
    page.wait_for_timeout(300)
    assert abs(row.evaluate(TOP_OF) - before) <= 1
    page.get_by_role("link", name="Zu den neuesten Unterhaltungen").click()
    expect(rows.first).to_contain_text("Frage 0")
    expect(rows.first).to_be_in_viewport()


def test_going_back_from_a_citation_leads_to_where_it_stands(page: Page, start: Start) -> None:
    page.set_viewport_size({"width": 900, "height": 400})
    page.goto(f"/threads/{start(QUESTION).pk}/")
    citation = page.locator("a.citation").first
    citation.evaluate("link => link.scrollIntoView({ block: 'center', behavior: 'instant' })")
    page.wait_for_timeout(300)
    before = citation.evaluate(TOP_OF)
    citation.click()
    page.wait_for_timeout(300)
    assert abs(citation.evaluate(TOP_OF) - before) > 50
    page.go_back()
    page.wait_for_timeout(300)
    assert abs(citation.evaluate(TOP_OF) - before) <= 1


def _return(page: Page, way: str) -> None:
    if way == "reload":
        page.reload()
    else:
        page.goto("/shortcuts/")
        page.go_back()


def _long(thread: Thread) -> Thread:
    thread.messages.all().delete()
    question = Message.objects.create(
        thread=thread, position=1, role=Role.USER, state=State.DONE, content="Frage 1"
    )
    Message.objects.create(
        thread=thread, position=2, role=Role.ASSISTANT, state=State.ANSWERING, question=question
    )
    long_thread(thread, 60)
    return thread


# --- drafts, going back ---


def test_draft_survives_reload_and_other_pages_and_ends_when_it_is_sent(
    page: Page, finished: Callable[[str], Thread]
) -> None:
    thread = finished("Was gilt?")
    box = page.get_by_role("textbox", name="Ihre Frage")
    page.goto(f"/threads/{thread.pk}/")
    box.fill("Und was gilt, wenn")
    page.reload()
    expect(box).to_have_value("Und was gilt, wenn")
    page.goto("/threads/")
    page.goto("/")
    expect(box).to_have_value("")
    page.goto(f"/threads/{thread.pk}/")
    expect(box).to_have_value("Und was gilt, wenn")
    box.press("Enter")
    expect(answers(page)).to_have_count(2)
    page.reload()
    expect(box).to_have_value("")


def test_first_question_that_did_not_arrive_is_still_there(page: Page) -> None:
    box = page.get_by_role("textbox", name="Ihre Frage")
    page.goto("/assistants/arbeitsrecht/")
    box.fill("Nicht verlieren")
    page.context.set_offline(True)
    box.press("Enter")
    page.wait_for_timeout(500)  # the browser's own page
    page.context.set_offline(False)
    page.goto("/assistants/arbeitsrecht/")
    expect(box).to_have_value("Nicht verlieren")
    box.press("Enter")
    expect(answers(page)).to_have_count(1)
    page.goto("/assistants/arbeitsrecht/")
    expect(box).to_have_value("")


def test_draft_is_its_writers_alone(page: Page, start: Start, colleague: User) -> None:
    page.goto("/")
    page.get_by_role("textbox", name="Ihre Frage").fill("Vertraulich")
    page.get_by_text("Konto").click()
    page.get_by_role("button", name="Abmelden").click()
    page.get_by_label("E-Mail").fill(colleague.email)
    page.get_by_label("Passwort").fill(PASSWORD)
    page.get_by_role("button", name="Anmelden").click()
    expect(page.get_by_role("textbox", name="Ihre Frage")).to_have_value("")
    assert "Vertraulich" not in page.evaluate("JSON.stringify(sessionStorage)")


def test_drafts_of_all_tabs_go_with_signing_out_in_one(page: Page, finished: Callable[[str], Thread]) -> None:
    page.goto(f"/threads/{finished('Was gilt?').pk}/")
    page.get_by_role("textbox", name="Ihre Frage").fill("Vertraulich")
    assert "Vertraulich" in page.evaluate("JSON.stringify(sessionStorage)")
    other = page.context.new_page()
    other.goto("/accounts/logout/")
    other.locator("main").get_by_role("button", name="Abmelden").click()
    other.get_by_label("Passwort").wait_for()
    assert "Vertraulich" not in page.evaluate("JSON.stringify(sessionStorage)")


def test_going_back_shows_what_has_come_since(page_either: Page) -> None:
    page = page_either
    page.goto("/")
    ask(page, QUESTION)
    expect(answers(page)).to_have_attribute("data-state", "done")
    ask(page, "Und danach?")
    expect(answers(page).nth(1)).to_have_attribute("data-state", "done")
    page.goto("/threads/")
    page.go_back()
    expect(answers(page)).to_have_count(2)
    expect(answers(page).nth(1)).to_have_attribute("data-state", "done")


def test_going_back_to_what_was_deleted_offers_to_bring_it_back(
    page_either: Page, finished: Callable[[str], Thread]
) -> None:
    page, thread = page_either, finished("Was gilt?")
    page.goto("/threads/")
    page.locator("main .threads-title").click()
    page.locator(".thread-menu summary").click()
    page.locator(".thread-menu").get_by_role("button", name="Löschen", exact=True).click()
    expect(page.get_by_role("button", name="Rückgängig")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Wiederherstellen").click()
    expect(page.locator("article[data-role=user]")).to_contain_text("Was gilt?")
    thread.refresh_from_db()
    assert thread.shelf == Shelf.LISTED


RETURN_TO_THE_TAB = "document.dispatchEvent(new Event('visibilitychange'))"


def test_who_returns_to_a_tab_sees_what_was_asked_elsewhere(
    page: Page, finished: Callable[[str], Thread], request: pytest.FixtureRequest
) -> None:
    elsewhere = request.getfixturevalue("ask")  # the name is that of what the page does
    thread = finished("Was gilt?")
    page.goto(f"/threads/{thread.pk}/")
    page.evaluate(LISTEN)
    with page.expect_response(re.compile("after=")):
        page.evaluate(RETURN_TO_THE_TAB)
    expect(page.locator("#catch-up:not(.htmx-request)")).to_be_attached()
    for number in (2, 3):
        elsewhere(thread, f"Frage {number}?")
        page.evaluate(RETURN_TO_THE_TAB)
        expect(answers(page)).to_have_count(number)
        expect(answers(page).last).to_have_attribute("data-state", "done")
    expect(page.locator("article[data-role=user]")).to_have_text(
        [re.compile("Was gilt"), re.compile("Frage 2"), re.compile("Frage 3")]
    )
    told: list[str] = page.evaluate("window.told")
    assert sum("Frage 2?" in text for text in told) == 1
    thread.refresh_from_db()
    assert not thread.is_unread


def test_question_put_anew_elsewhere_takes_the_place_of_the_former_one(
    page: Page, finished: Callable[[str], Thread]
) -> None:
    thread = finished("Was gilt?")
    page.goto(f"/threads/{thread.pk}/")
    question = thread.messages.get(role=Role.USER)
    answering.ask_anew(question, "Was gilt heute?", uuid.uuid4())
    page.evaluate(RETURN_TO_THE_TAB)
    expect(page.locator("article[data-role=user]")).to_have_text([re.compile("Was gilt heute")])
    expect(answers(page)).to_have_attribute("data-state", "done")
    expect(answers(page)).to_have_count(1)


# --- screen readers ---

# What a live region tells, by the rules of ARIA: what is added below the nearest aria-live that is not "off".
LISTEN = """
window.told = [];
new MutationObserver((records) => {
  for (const { target, addedNodes } of records) for (const node of addedNodes) {
    const element = node.nodeType === 1 ? node : target;
    const region = element.closest("[aria-live], [role=log], [role=status], [role=alert]");
    if (region && region.getAttribute("aria-live") !== "off" && node.textContent.trim()) {
      window.told.push(node.textContent.replace(/\\s+/g, " ").trim());
    }
  }
}).observe(document, { subtree: true, childList: true });
"""


def test_question_and_answer_are_told_once_and_how_it_fares(
    page: Page, finished: Callable[[str], Thread]
) -> None:
    thread = finished("Was gilt?")
    page.goto(f"/threads/{thread.pk}/")
    page.evaluate(LISTEN)
    ask(page, f"{QUESTION} !sandbox slow 3s")
    expect(answers(page).nth(1)).to_have_attribute("data-state", "done")
    told: list[str] = page.evaluate("window.told")
    assert sum("Kündigungsfristen gelten" in text for text in told) == 1
    assert told.count("Ihre Frage wird beantwortet.") == 1
    assert sum("§ 622 Abs. 3" in text for text in told) == 1
    assert not any("in der Reihe" in text or "Position" in text for text in told)


def test_earlier_questions_are_told_to_nobody(page: Page, finished: Callable[[str], Thread]) -> None:
    thread = _long(finished("Frage 1"))
    page.goto(f"/threads/{thread.pk}/")
    page.evaluate(LISTEN)
    page.locator("#earlier a").click()
    expect(page.locator("article[data-role=user]")).to_have_count(30)
    assert page.evaluate("window.told") == []


# --- everybody ---


@both
def test_lists_and_menus(page_in: Open, asker: User, many: list[Thread]) -> None:  # noqa: F811
    page = page_in(asker, viewport=WIDE)
    for shelf, thread in zip(Shelf, many, strict=False):
        thread.move(shelf)
    for path in (
        "/",
        "/threads/",
        "/threads/archived/",
        "/threads/deleted/",
        f"/threads/{many[9].pk}/title/",
        f"/threads/{many[3].pk}/",  # deleted
    ):
        page.goto(path)
        assert violations(page) == [], path
    page.goto("/threads/")
    page.locator(".thread-menu summary").first.click()
    assert violations(page) == []
    page.goto(f"/threads/{many[9].pk}/")
    page.locator(".thread-rename").click()
    page.locator("#title-field").wait_for()
    assert violations(page) == []
    page.locator(".thread-menu summary").click()
    page.locator(".thread-menu").get_by_role("button").last.click()
    page.locator("main .notice").wait_for()
    assert violations(page) == []


@both
def test_part_of_a_long_conversation(page_in: Open, asker: User, finished: Callable[[str], Thread]) -> None:  # noqa: F811
    thread = _long(finished("Frage 1"))
    page = page_in(asker, viewport=WIDE)
    page.goto(f"/messages/{thread.messages.get(content='Frage 30').pk}/")
    assert violations(page) == []


def test_lists_are_no_wider_than_the_window(open_browser: Open, asker: User, many: list[Thread]) -> None:
    many[0].rename("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft")
    page = open_browser(asker, viewport={"width": 320, "height": 700})
    for path in (
        "/",
        "/threads/",
        "/threads/deleted/",
        f"/threads/{many[0].pk}/",
        f"/threads/{many[0].pk}/title/",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
