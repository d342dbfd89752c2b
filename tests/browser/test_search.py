"""Searching in the browser, with and without JavaScript."""

import re
import uuid
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import both, page_in, violations
from tests.conftest import answer_of
from threads import answering
from threads.models import Assistant, Source, Thread, User
from threads.search import HITS_PER_PAGE

__all__ = ["page_in"]  # a fixture

WIDTHS = (320, 768, 1440)
LONG_WORD = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"


@pytest.fixture
def conversations(
    asker: User, assistant: Assistant, make_assistant: Callable[..., Assistant]
) -> list[Thread]:
    """More hits for "Kündigung" than a page has, of two assistants."""
    tax = make_assistant(name="Steuern", slug="steuern", remote_id=uuid.uuid4())
    threads = []
    with transaction.atomic():  # to the worker they have been answered ever since
        for n in range(HITS_PER_PAGE + 2):
            thread = answering.start_thread(
                asker, tax if n == 0 else assistant, f"Was gilt {n}?", uuid.uuid4()
            )
            source = Source(
                document_title=LONG_WORD, section="§ 622", content=f"Die Kündigungsfristen {LONG_WORD}"
            )
            answer_of(thread).finish(
                sources=[source], content=f"Die **Kündigung** Nummer {n} <b>ist</b> da. " * 20
            )
            threads.append(thread)
    return threads


@pytest.fixture
def page(open_browser: Callable[..., Page], asker: User) -> Page:
    return open_browser(asker)


def look_for(page: Page, text: str) -> None:
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("searchbox").press("Enter")


def test_results_are_swapped_in_and_the_address_can_be_shared(
    page: Page, conversations: list[Thread]
) -> None:
    page.goto("/search/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.evaluate("window.same = true")
    look_for(page, "Kündigung")
    expect(page.locator(".hit")).to_have_count(HITS_PER_PAGE)
    expect(page.get_by_role("status").first).to_have_text("Die 20 neuesten Treffer")
    expect(page.locator(".hit mark").first).to_have_text("Kündigung")
    expect(page.get_by_role("searchbox")).to_be_focused()
    assert page.evaluate("window.same")
    address = page.url
    assert address.endswith("/search/?q=K%C3%BCndigung")
    expect(page).to_have_title(re.compile("^Kündigung · Suche · "))
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator(".hit")).to_have_count(HITS_PER_PAGE)


def test_back_brings_the_former_results(page: Page, conversations: list[Thread]) -> None:
    page.goto("/search/?q=Nummer")
    look_for(page, "Seepferdchen")
    expect(page.get_by_role("status").first).to_have_text("Nichts gefunden")
    page.go_back()
    expect(page.locator(".hit")).to_have_count(HITS_PER_PAGE)
    expect(page.get_by_role("searchbox")).to_have_value("Nummer")


def test_more_results_follow_and_reading_goes_on_there(page: Page, conversations: list[Thread]) -> None:
    page.goto("/search/?q=Kündigung")
    page.get_by_role("link", name="Weitere Treffer").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".hit")).to_have_count(HITS_PER_PAGE + 2)
    expect(page.get_by_role("link", name="Weitere Treffer")).to_have_count(0)
    expect(page.get_by_role("list", name="Weitere Treffer")).to_be_focused()
    expect(page.get_by_role("status").first).to_have_text("2 weitere Treffer")


def test_refused_further_results_are_asked_for_again(
    page: Page, asker: User, conversations: list[Thread]
) -> None:
    page.goto("/search/?q=Kündigung")
    more = page.get_by_role("link", name="Weitere Treffer")
    elsewhere = connection.copy()
    with elsewhere.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('search'), %s::int)", [asker.pk])
        more.click()
        expect(page.get_by_role("searchbox")).to_have_accessible_description(re.compile("läuft noch"))
        expect(page.get_by_role("searchbox")).to_be_focused()
        expect(page.get_by_role("searchbox")).to_have_count(1)
        expect(page.locator(".hit")).to_have_count(HITS_PER_PAGE)
    elsewhere.close()
    more.click()
    expect(page.locator(".hit")).to_have_count(HITS_PER_PAGE + 2)


def test_hit_leads_to_its_message(page: Page, conversations: list[Thread]) -> None:
    page.goto('/search/?q="Nummer 3"')
    page.locator(".hit a").click()
    page.wait_for_url(
        re.compile(f"/threads/{conversations[3].pk}/.*#message-{answer_of(conversations[3]).pk}$")
    )


def test_mistake_is_said_at_the_field_and_mended(page: Page, conversations: list[Thread]) -> None:
    page.goto("/search/?q=Kündigung")
    look_for(page, "-Urlaub")
    field = page.get_by_role("searchbox")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("ohne Minus"))
    expect(field).to_be_focused()
    expect(page.locator(".hit")).to_have_count(0)
    look_for(page, "Kündigung -Urlaub")
    expect(page.locator(".hit")).to_have_count(HITS_PER_PAGE)


def test_filters(page: Page, conversations: list[Thread]) -> None:
    page.goto("/search/?q=Kündigung")
    page.get_by_text("Eingrenzen").click()
    page.get_by_label("Assistent").select_option("Steuern")
    page.get_by_role("button", name="Suchen").click()
    expect(page.locator(".hit")).to_have_count(1)
    page.get_by_label("Bis", exact=True).fill("2020-01-01")
    page.get_by_role("button", name="Suchen").click()
    expect(page.get_by_role("status").first).to_have_text("Nichts gefunden")
    page.get_by_role("link", name="ohne Eingrenzung suchen").click()
    expect(page.locator(".hit")).to_have_count(HITS_PER_PAGE)


def test_searching_without_script(plain: Page, conversations: list[Thread]) -> None:
    page = plain
    page.goto("/")
    page.get_by_role("link", name="Suche", exact=True).click()
    look_for(page, '"Die Kündigung"')
    expect(page.locator(".hit")).to_have_count(HITS_PER_PAGE)
    page.get_by_role("link", name="Weitere Treffer").click()
    expect(page.locator(".hit")).to_have_count(2)
    expect(page.get_by_role("searchbox")).to_have_value('"Die Kündigung"')
    page.get_by_role("link", name="Zurück zu den neuesten Treffern").click()
    expect(page.locator(".hit")).to_have_count(HITS_PER_PAGE)
    page.locator(".hit a").first.click()
    page.wait_for_url(re.compile(r"/threads/.*#message-"))


def test_mistake_without_script(plain: Page, conversations: list[Thread]) -> None:
    plain.goto("/search/")
    look_for(plain, "§ …")
    expect(plain.get_by_role("alert")).to_contain_text("auch ein Wort")
    expect(plain.get_by_role("searchbox")).to_have_value("§ …")


@both
def test_every_state_is_accessible(
    page_in: Callable[..., Page], asker: User, conversations: list[Thread]
) -> None:
    page = page_in(asker)
    for address in (
        "/search/",
        "/search/?q=Kündigung",
        "/search/?q=Seepferdchen&assistant=steuern&until=2099-01-01&with_notice=on",
        "/search/?q=-x&since=2026-03-02&until=2026-03-01&assistant=nowhere",
    ):
        page.goto(address)
        assert violations(page) == [], address
    page.goto("/search/?q=Kündigung")
    page.locator(".more a").click()
    expect(page.locator(".hit")).to_have_count(HITS_PER_PAGE + 2)
    assert violations(page) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(page: Page, conversations: list[Thread], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for address in (
        "/search/",
        "/search/?q=Kündigung",
        "/search/?q=x&until=2026-01-01",
        f"/search/?q={'x' * 201}",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
