"""Reading under a mandate in the browser, with and without JavaScript."""

import re
import uuid
from collections.abc import Callable

import pytest
from django.db import transaction
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import both, page_in, violations
from tests.conftest import answer_of
from threads import answering
from threads.models import Assistant, Case, Feedback, Mandate, Rating, Reason, Reveal, Source, Thread, User

__all__ = ["page_in"]  # a fixture

LONG_WORD = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"


@pytest.fixture
def conversations(asker: User, assistant: Assistant) -> list[Thread]:
    """Three, each answered; to the worker they have been so ever since."""
    threads = []
    with transaction.atomic():
        for number in range(1, 4):
            thread = answering.start_thread(asker, assistant, f"Was gilt {number}?", uuid.uuid4())
            answer_of(thread).finish(
                sources=[Source(document_title=LONG_WORD, section="§ 622", content=f"Frist {LONG_WORD}")],
                content=f"Nach § 622 BGB gilt die **Frist** Nummer {number}.",
                legal_notice="Keine Rechtsberatung" if number == 1 else "",
                legal_advice=number == 1,
                received={"meta_data": {"type": LONG_WORD * 3}},
            )
            threads.append(thread)
    Feedback.objects.give(answer_of(threads[0]), Rating.DOWN, reason=Reason.WRONG, comment="Stimmt nicht.")
    return threads


@pytest.fixture
def mandate(conversations: list[Thread], grant: Callable[..., Mandate]) -> Mandate:
    return grant(title=f"Prüfung {LONG_WORD}")


@pytest.fixture
def reader(open_browser: Callable[..., Page], auditor: User, mandate: Mandate) -> Page:
    """The auditor's browser, at the list."""
    page = open_browser(auditor)
    page.goto(list_of(mandate))
    return page


@pytest.fixture
def plain_reader(open_browser: Callable[..., Page], auditor: User, mandate: Mandate) -> Page:
    page = open_browser(auditor, java_script_enabled=False)
    page.goto(list_of(mandate))
    return page


def list_of(mandate: Mandate) -> str:
    return reverse("threads:cases", args=[mandate.pk])


def url_of(mandate: Mandate, number: int) -> str:
    return reverse("threads:case", args=[mandate.pk, number])


def test_from_one_to_the_next_with_the_keyboard(reader: Page, mandate: Mandate) -> None:
    reader.get_by_role("link", name="Nächste offene lesen: 1").click()
    heading = reader.get_by_role("heading", level=1)
    expect(heading).to_have_text("Unterhaltung 1")
    for number, key in ((2, "J"), (3, "J"), (3, "J"), (2, "K")):
        reader.keyboard.press(key)
        expect(heading).to_have_text(f"Unterhaltung {number}")
    reader.goto(list_of(mandate))
    assert [figure.inner_text() for figure in reader.locator(".case-figures dd").all()] == [
        "3",
        "3",
        "0",
        "0",
    ]


def test_keys_for_messages_and_sources_are_as_elsewhere(reader: Page, mandate: Mandate) -> None:
    reader.goto(url_of(mandate, 1))
    reader.keyboard.press("j")
    expect(reader.locator("article.question")).to_be_focused()
    reader.keyboard.press("o")
    expect(reader.locator("details.source")).to_have_attribute("open", "")


def test_flag_is_set_in_place_with_the_keyboard(reader: Page, mandate: Mandate) -> None:
    reader.goto(url_of(mandate, 1))
    button = reader.get_by_role("button", name="Für später vormerken")
    expect(button).to_have_attribute("aria-pressed", "false")
    reader.keyboard.press("f")
    expect(button).to_have_attribute("aria-pressed", "true")
    assert Case.objects.get(mandate=mandate, number=1).is_flagged
    button.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(button).to_be_focused()


def test_filters_are_alone_in_the_address(reader: Page) -> None:
    reader.locator(".search-filters summary").click()
    reader.get_by_label("Rückmeldung").select_option("negative")
    reader.get_by_role("button", name="Suchen").click()
    expect(reader).to_have_url(re.compile(r"/conversations/\?feedback=negative$"))
    expect(reader.locator("tr[data-case]")).to_have_count(1)


def test_search_leads_to_the_message(reader: Page, conversations: list[Thread]) -> None:
    reader.get_by_role("searchbox").fill("Nummer")
    reader.get_by_role("searchbox").press("Enter")
    expect(reader.locator(".hit")).to_have_count(3)
    reader.locator(".hit a").nth(1).click()
    target = reader.locator(f"#message-{answer_of(conversations[1]).pk}")
    expect(target).to_be_in_viewport()
    reader.get_by_role("link", name="Zurück zur Suche").click()
    expect(reader.locator(".hit")).to_have_count(3)


def test_name_is_asked_for_in_place(reader: Page, mandate: Mandate, releaser: User, asker: User) -> None:
    reader.goto(url_of(mandate, 1))
    reader.get_by_text("Aufdeckung des Namens beantragen").click()
    field = reader.get_by_label("Warum muss der Name bekannt sein?")
    field.fill("\u200b")
    reader.get_by_role("button", name="Antrag senden").click()
    expect(reader.locator("#reveal-reason-errors")).to_contain_text("Grund")
    field.fill("Hinweis auf Mobbing")
    reader.get_by_role("button", name="Antrag senden").click()
    expect(reader.locator(".case-request")).to_contain_text("Entscheidung einer zweiten Person")
    Reveal.objects.get().decide(releaser, is_released=True)
    reader.reload()
    expect(reader.locator("[data-revealed]")).to_have_text(asker.name_and_address)


def test_revoked_the_page_is_gone(reader: Page, mandate: Mandate, releaser: User) -> None:
    reader.goto(url_of(mandate, 1))
    mandate.revoke(releaser)
    reader.keyboard.press("J")
    expect(reader.locator("article")).to_have_count(0)
    expect(reader.get_by_role("heading", level=1)).to_have_text("Nicht gefunden")
    reader.go_back()
    expect(reader.locator("article")).to_have_count(0)


def test_without_script_all_of_it_works(
    plain_reader: Page, mandate: Mandate, conversations: list[Thread]
) -> None:
    page = plain_reader
    page.locator(".search-filters summary").click()
    page.get_by_label("Nur mit Rechtshinweis").check()
    page.get_by_role("button", name="Suchen").click()
    expect(page.locator("tr[data-case]")).to_have_count(1)
    page.locator("tr[data-case] a").click()
    expect(page.locator(".legal-notice")).to_contain_text("Keine Rechtsberatung")
    page.get_by_role("button", name="Für später vormerken").click()
    expect(page.get_by_role("button", name="Für später vormerken")).to_have_attribute("aria-pressed", "true")
    page.get_by_text("Aufdeckung des Namens beantragen").click()
    page.get_by_label("Warum muss der Name bekannt sein?").fill("\u200b")
    page.get_by_role("button", name="Antrag senden").click()
    expect(page.locator("#reveal-reason-errors")).to_contain_text("Grund")
    page.get_by_label("Warum muss der Name bekannt sein?").fill("Hinweis")
    page.get_by_role("button", name="Antrag senden").click()
    expect(page.locator("main > .notice")).to_contain_text("beantragt")
    assert Reveal.objects.get().reason == "Hinweis"


@pytest.mark.parametrize("width", [320, 768, 1440])
def test_nothing_runs_over_the_edge(
    open_browser: Callable[..., Page], auditor: User, mandate: Mandate, width: int
) -> None:
    page = open_browser(auditor, viewport={"width": width, "height": 800})
    for path in (list_of(mandate), f"{list_of(mandate)}?q=Frist&state=done", url_of(mandate, 1)):
        page.goto(path)
        for details in page.locator("main details").all():
            details.evaluate("each => { each.open = true }")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@both
def test_axe(page_in: Callable[..., Page], auditor: User, mandate: Mandate, releaser: User) -> None:
    page = page_in(auditor)
    case = mandate.cases.get(number=2)
    case.flag(True)
    Reveal(case=case, requested_by=auditor, reason="Wozu?").request()
    list_url = list_of(mandate)
    for path in (
        list_url,
        f"{list_url}?feedback=any&since=2001-01-01",
        f"{list_url}?q=Frist",
        f"{list_url}?q=Seepferdchen",
        url_of(mandate, 1),
        url_of(mandate, 2),
    ):
        page.goto(path)
        for details in page.locator("main details").all():
            details.evaluate("each => { each.open = true }")
        assert violations(page) == [], path
