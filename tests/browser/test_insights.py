"""Insights in the browser: with and without JavaScript, on a phone, on paper, and for axe."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import both, page_in, violations  # noqa: F401 page_in is a fixture
from tests.test_insights import Asked, asked, give_feedback, people  # noqa: F401 fixtures
from threads.models import User


@pytest.fixture
def used(asked: Asked, people: list[User]) -> None:  # noqa: F811
    """A year in which all is to be seen: small days, failures, feedback."""
    for weeks_ago in (1, 2, 3, 30):
        for weekday, size in enumerate([9, 7, 12, 8, 3]):
            give_feedback(asked(people[:size], weeks_ago, weekday), "up" if weekday % 2 else "down")
    asked(people[:6], state="failed", error_code="api_error")
    asked(people[6:12], state="failed", error_code="read_timeout", legal_advice=None)


@both
@pytest.mark.usefixtures("used")
def test_axe_finds_nothing(page_in: Callable[..., Page], auditor: User) -> None:  # noqa: F811
    page = page_in(auditor)
    for path in ("/insights/", "/insights/?weeks=52", "/insights/?since=2099-01-01&assistant=x"):
        page.goto(path)
        for summary in page.locator(".figures-table summary").all():
            summary.click()
        assert violations(page) == [], path


@both
def test_axe_finds_nothing_where_nobody_asked(page_in: Callable[..., Page], auditor: User) -> None:  # noqa: F811
    page = page_in(auditor)
    page.goto("/insights/")
    assert violations(page) == []


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_period_and_assistant_are_chosen(
    open_browser: Callable[..., Page], auditor: User, *, java_script_enabled: bool
) -> None:
    page = open_browser(auditor, java_script_enabled=java_script_enabled)
    page.goto("/")
    page.locator(".site-header .menu summary").click()
    page.get_by_role("link", name="Auswertung").click()
    expect(page.locator(".insights .tabs [aria-current]")).to_have_text("4 Wochen")
    page.get_by_role("link", name="Letzte Woche").click()
    expect(page.locator(".key-figure").first).to_have_text("51")
    page.locator("[name=assistant]").select_option("arbeitsrecht")
    page.get_by_role("button", name="Anzeigen").click()
    expect(page.locator(".insights-period")).to_contain_text("Arbeitsrecht")
    expect(page.get_by_role("img", name="Fragen nach Wochen")).to_be_visible()
    expect(page.locator(".key-figure").first).to_have_text("51")
    page.get_by_role("link", name="13 Wochen").click()
    expect(page.locator("[name=assistant]")).to_have_value("arbeitsrecht")


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("path", ["/insights/", "/insights/?weeks=52"])
def test_phone_shows_all_of_it_legibly(open_browser: Callable[..., Page], auditor: User, path: str) -> None:
    page = open_browser(auditor, viewport={"width": 320, "height": 700})
    page.goto(path)
    for summary in page.locator(".figures-table summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for plot in page.get_by_role("img").all():
        labels = [box for each in plot.locator("text").all() if (box := each.bounding_box())]
        assert labels
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= 320 and box["height"] >= 11 for box in labels)
        along = sorted((box for box in labels if box["y"] == labels[-1]["y"]), key=lambda box: box["x"])
        assert all(a["x"] + a["width"] < b["x"] for a, b in pairwise(along))


@pytest.mark.usefixtures("used")
def test_paper_has_the_tables_too(open_browser: Callable[..., Page], auditor: User) -> None:
    page = open_browser(auditor)
    page.goto("/insights/")
    expect(page.get_by_role("table").first).not_to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("table").first).to_be_visible()
    expect(page.get_by_role("button", name="Anzeigen")).not_to_be_visible()
