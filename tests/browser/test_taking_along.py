"""Taking along a conversation or an answer: on paper, and as files; with JavaScript and without."""

import json
import re
import zlib
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import both, page_in, violations
from tests.browser.test_chat import QUESTION, answers
from tests.conftest import answer_of
from threads.models import Connection, Message, Thread, User

__all__ = ["page_in"]  # a fixture, for `both`

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")


@pytest.fixture
def thread(start: Callable[..., Thread]) -> Thread:
    return start(f"{QUESTION} !sandbox true_legal_advice")


def opened(page: Page, thread: Thread) -> None:
    page.goto(f"/threads/{thread.pk}/")
    expect(answers(page)).to_have_attribute("data-state", "done")


def sheets(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def fonts_and_text(pdf: bytes) -> int:
    """How much its pages draw: the size of all streams that can be unpacked."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return sum(len(zlib.decompressobj().decompress(stream)) for stream in streams if stream[:1] == b"x")


def test_conversation_is_printed_from_its_menu(page: Page, thread: Thread) -> None:
    opened(page, thread)
    page.locator(".thread-head summary").click()
    page.locator(".thread-head").get_by_role("link", name="Drucken oder als PDF speichern").click()
    page.evaluate("window.print = () => document.body.dataset.printed = 'yes'")
    page.get_by_role("button", name="Drucken oder als PDF speichern").click()
    expect(page.locator("body")).to_have_attribute("data-printed", "yes")
    page.get_by_role("link", name="Zurück zur Unterhaltung").click()
    expect(page).to_have_url(re.compile(f"/threads/{thread.pk}/$"))


def test_print_page_has_everything_on_numbered_sheets(
    page: Page, thread: Thread, ask: Callable[..., Message]
) -> None:
    for number in range(3):
        ask(thread, f"{QUESTION} {number}")
    page.goto(f"/threads/{thread.pk}/")
    for number in range(4):
        expect(answers(page).nth(number)).to_have_attribute("data-state", "done")
    page.goto(f"/threads/{thread.pk}/print/")
    pdf = page.pdf()
    assert sheets(pdf) > 1
    page.emulate_media(media="print")
    expect(page.locator(".print-bar")).to_be_hidden()
    for part in (".legal-notice", ".print-source blockquote", ".print-source a", ".attribution", "time"):
        expect(page.locator(part).first).to_be_visible()
    expect(page.locator(".print-foot")).to_contain_text("maschinelles Lernen")


@pytest.mark.parametrize(("locale", "word"), [("de-DE", "german"), ("en-GB", "english")])
def test_sheets_are_numbered_in_the_readers_language(
    open_browser: Callable[..., Page], asker: User, thread: Thread, locale: str, word: str
) -> None:
    page = open_browser(asker, locale=locale)
    page.goto(f"/threads/{thread.pk}/print/")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).page") == word
    numbered = fonts_and_text(page.pdf())
    page.evaluate("document.body.lang = 'fr'")
    assert fonts_and_text(page.pdf()) < numbered


def test_print_page_without_script_tells_how(plain: Page, thread: Thread) -> None:
    opened(plain, thread)
    plain.locator(".tools summary").click()
    plain.locator(".tools").get_by_role("link", name="Drucken oder als PDF speichern").click()
    expect(plain.get_by_text("Drucken Sie diese Seite mit Ihrem Browser")).to_be_visible()
    expect(plain.get_by_role("button")).to_have_count(0)
    plain.get_by_role("link", name="Zurück zur Unterhaltung").click()
    expect(plain).to_have_url(re.compile(f"#message-{answer_of(thread).pk}$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_conversation_itself_prints_decently(
    open_browser: Callable[..., Page], asker: User, thread: Thread, scheme: str
) -> None:
    page = open_browser(asker, color_scheme=scheme)
    opened(page, thread)
    page.emulate_media(media="print", color_scheme=scheme)  # type: ignore[arg-type]
    for part in (".site-header", ".tools", "#composer", ".thread-head .menu"):
        expect(page.locator(part)).to_be_hidden()
    box = page.locator("details.source blockquote").first.bounding_box()
    assert box
    assert box["height"] > 10  # it is open
    colours = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert sheets(page.pdf()) >= 1


WIDE = "| " + " | ".join(f"Spalte {n} Kündigungsfristen" for n in range(14)) + " |\n" + "|-" * 14 + "|\n"


@pytest.mark.parametrize("path", ["threads/{}/", "threads/{}/print/"])
def test_all_columns_of_a_table_are_on_paper(page: Page, thread: Thread, path: str) -> None:
    opened(page, thread)
    Message.objects.filter(pk=answer_of(thread).pk).update(content=WIDE + "| Zwei Wochen " * 14 + "|")
    page.set_viewport_size({"width": 640, "height": 900})
    page.goto(f"/{path.format(thread.pk)}")
    page.emulate_media(media="print")
    cut = page.evaluate(
        """[...document.querySelectorAll("th, td")].filter((cell) => {
          const text = document.createRange();
          text.selectNodeContents(cell);
          const { left, right } = text.getBoundingClientRect();
          return left < 0 || right > innerWidth || cell.scrollWidth > cell.clientWidth;
        }).length"""
    )
    expect(page.locator("th, td")).to_have_count(28)
    assert cut == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


@pytest.mark.parametrize("width", [320, 1440])
def test_printed_sources_have_their_numbers_on_the_sheet(page: Page, thread: Thread, width: int) -> None:
    opened(page, thread)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/threads/{thread.pk}/print/")
    for media in ("screen", "print"):
        page.emulate_media(media=media)
        sheet = page.locator("#main").bounding_box()
        number = page.locator(".print-source .source-number").first.bounding_box()
        name = page.locator(".print-source-name").first.bounding_box()
        assert sheet and number and name  # noqa: PT018
        assert number["x"] >= max(sheet["x"], 0)
        assert number["x"] + number["width"] <= name["x"] + 1
        assert abs(number["y"] - name["y"]) < 2


def test_samples_are_marked_on_paper(page: Page, thread: Thread) -> None:
    Connection.objects.update(is_sandbox=True)
    opened(page, thread)
    page.emulate_media(media="print")
    expect(page.locator(".banner")).to_be_visible()


def test_sources_are_open_on_paper_and_closed_again_afterwards(page: Page, thread: Thread) -> None:
    opened(page, thread)
    page.locator("details.source summary").first.click()
    closed = page.locator("details.source:not([open])")
    before = closed.count()
    assert before
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(closed).to_have_count(0)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(closed).to_have_count(before)


@pytest.mark.parametrize("script", [True, False])
def test_files_are_downloaded(
    open_browser: Callable[..., Page], asker: User, thread: Thread, script: bool
) -> None:
    page = open_browser(asker, java_script_enabled=script)
    opened(page, thread)
    for place in (".thread-head", ".tools"):
        for name, ending in (("Markdown-Datei", ".md"), ("JSON-Datei", ".json")):
            menu = page.locator(f"{place} .menu")
            if menu.get_attribute("open") is None:
                menu.locator("summary").click()
            with page.expect_download() as download:
                menu.get_by_role("link", name=name).click()
            assert download.value.suggested_filename.endswith(ending)
            text = download.value.path().read_text("utf-8")
            if ending == ".json":
                text = json.loads(text)["exchanges"][0]["answer"]["content"]
            assert answer_of(thread).content in text


@both
def test_print_page_is_accessible_and_fits_a_phone(
    page_in: Callable[..., Page], asker: User, thread: Thread
) -> None:
    page = page_in(asker, viewport={"width": 320, "height": 700})
    opened(page, thread)
    page.locator(".thread-head summary").click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for path in (f"/threads/{thread.pk}/print/", f"/messages/{answer_of(thread).pk}/print/"):
        page.goto(path)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
