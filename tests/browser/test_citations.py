"""From a statute that is named in an answer to the source that quotes it, and back."""

import re
from collections.abc import Callable

import pytest
from django.db import transaction
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_accessibility import both, page_in, violations  # noqa: F401 a fixture
from tests.conftest import answer_of
from threads.models import Source, Thread, User

TEXT = (
    "Nach **§ 622 Abs. 3 BGB** gilt eine Frist von zwei Wochen.\n\n"
    + "Ein Absatz, der die Seite länger macht als das Fenster. " * 60
    + "\n\nZur Abfindung siehe § 9 KSchG, zur Frist noch einmal § 622 Abs. 3\nBGB."
)


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def page(open_browser: Callable[..., Page], asker: User, request: pytest.FixtureRequest) -> Page:
    return open_browser(asker, java_script_enabled=request.param)


@pytest.fixture
def address(start: Callable[..., Thread]) -> str:
    """Of a conversation with such an answer."""
    sources = [
        Source(
            content="Während einer vereinbarten Probezeit. " * 20,
            document_title="Bürgerliches Gesetzbuch (BGB)",
            section="§ 622 Abs. 3",
            app_doc_id="1",
        ),
        Source(content="Abfindung.", document_title="Kündigungsschutzgesetz (KSchG)", section="§ 9 Abs. 1"),
    ]
    with transaction.atomic():  # before the worker sees the question
        thread = start()
        answer_of(thread).finish(sources=sources, content=TEXT)
    return f"/threads/{thread.pk}/"


def citation(page: Page, number: int) -> Locator:
    return page.locator("a.citation").nth(number)


def source(page: Page, number: int) -> Locator:
    return page.locator("details.source").nth(number)


def test_link_opens_its_source_and_no_other(page: Page, address: str) -> None:
    page.goto(address)
    citation(page, 0).click()
    quote = source(page, 0).locator("blockquote")
    expect(quote).to_be_visible()
    expect(quote).to_be_in_viewport()
    expect(source(page, 0).locator("summary")).to_be_in_viewport()
    expect(source(page, 1).locator("blockquote")).to_be_hidden()


def test_source_that_was_closed_is_opened_again(page: Page, address: str) -> None:
    page.goto(address)
    for _ in range(2):
        citation(page, 0).click()
        expect(source(page, 0).locator("blockquote")).to_be_visible()
        source(page, 0).locator("summary").click()
        expect(source(page, 0).locator("blockquote")).to_be_hidden()


def test_address_with_the_quote_opens_it(page: Page, address: str) -> None:
    page.goto(f"{address}#quote-{Source.objects.get(position=2).pk}")
    expect(source(page, 1).locator("blockquote")).to_be_in_viewport()


def test_way_back_leads_to_the_place_in_the_text(page: Page, address: str) -> None:
    page.goto(address)
    citation(page, 0).click()
    expect(citation(page, 0)).not_to_be_in_viewport()
    source(page, 0).get_by_role("link", name="§ 622 Abs. 3 BGB", exact=True).click()
    expect(citation(page, 0)).to_be_in_viewport()
    assert page.evaluate("document.querySelector(':target').matches('a.citation')")


def test_browsers_own_way_back_works_too(page: Page, address: str) -> None:
    page.goto(address)
    citation(page, 0).click()
    expect(citation(page, 0)).not_to_be_in_viewport()
    page.go_back()
    expect(citation(page, 0)).to_be_in_viewport()


def test_with_the_keyboard_one_goes_on_reading_at_the_quote(page: Page, address: str) -> None:
    page.goto(address)
    citation(page, 0).focus()
    page.keyboard.press("Enter")
    expect(source(page, 0).locator(".source-body")).to_be_focused()
    page.keyboard.press("Tab")
    expect(source(page, 0).locator(".source-references a").first).to_be_focused()


def test_one_sees_where_one_landed(page: Page, address: str) -> None:
    page.goto(address)
    body = source(page, 0).locator(".source-body")
    before = body.evaluate("element => getComputedStyle(element).backgroundColor")
    citation(page, 0).click()
    expect(body).not_to_have_css("background-color", before)


def test_quote_does_not_land_under_the_composer(page: Page, address: str) -> None:
    page.goto(address)
    citation(page, 1).click()
    box, foot = (
        source(page, 1).locator("blockquote").bounding_box(),
        page.locator(".thread-foot").bounding_box(),
    )
    assert box
    assert foot
    assert box["y"] + box["height"] <= foot["y"]


def test_link_stays_in_the_page_and_looks_like_one(page: Page, address: str) -> None:
    page.goto(address)
    link = page.get_by_role("link", name="§ 622 Abs. 3 BGB").first
    expect(link).to_have_attribute("title", re.compile("Quelle 1"))
    expect(link).to_have_css("text-decoration-line", "underline")
    assert link.get_attribute("target") is link.get_attribute("rel") is None


def test_nothing_sticks_out_on_a_small_phone(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(address)
    citation(page, 0).click()
    expect(source(page, 0).locator("blockquote")).to_be_in_viewport()
    sizes = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert sizes[0] <= sizes[1]


def test_on_paper_a_link_is_not_blue(page: Page, address: str) -> None:
    page.goto(address)
    colour = "element => getComputedStyle(element).color"
    page.emulate_media(media="print")
    assert citation(page, 1).evaluate(colour) == page.locator(".message-text").last.evaluate(colour)


@both
def test_axe_finds_nothing(page_in: Callable[..., Page], asker: User, address: str) -> None:  # noqa: F811
    page = page_in(asker)
    page.goto(address)
    citation(page, 0).click()
    assert violations(page) == []
    source(page, 0).locator(".source-references a").first.click()
    assert violations(page) == []
