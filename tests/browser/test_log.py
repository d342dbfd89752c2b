"""The log in a real browser: found, filtered, read on, taken along, with and without JavaScript."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import both, page_in, violations  # noqa: F401 a fixture
from threads.log import PER_PAGE
from threads.models import Event, Happening, Kind, Mandate, Thread, User

Open = Callable[..., Page]


@pytest.fixture
def events(
    asker: User,
    auditor: User,
    start: Callable[..., Thread],
    finish: Callable[..., object],
    grant: Callable[..., Mandate],
) -> None:
    """More than a page of them, and the newest about a conversation that was read under a pseudonym."""
    with transaction.atomic():  # to the worker it has been answered ever since
        thread = start()
        finish(thread)
    mandate = grant()
    signed_in = [Happening(Kind.SIGNED_IN, asker, asker.pk) for _ in range(PER_PAGE + 5)]
    read = Happening(Kind.THREAD_READ, auditor, asker.pk, mandate.pk, thread.pk, {"conversation": 1})
    with transaction.atomic():
        Event.objects.record_all([*signed_in, read])


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_log_is_found_filtered_and_read_on(
    open_browser: Open, releaser: User, events: None, java_script_enabled: bool
) -> None:
    page = open_browser(releaser, java_script_enabled=java_script_enabled)
    page.goto("/review/")
    page.get_by_role("link", name="Protokoll").click()
    rows = page.locator(".log-table tbody tr")
    expect(rows).to_have_count(PER_PAGE)
    expect(rows.filter(has_text="Unterhaltung gelesen")).to_contain_text("Person ")
    page.get_by_role("link", name="Ältere Ereignisse").click()
    expect(rows.last).to_contain_text("Prüfauftrag vorgeschlagen")
    page.get_by_label("Was").select_option(label="Unterhaltung gelesen")
    page.get_by_role("button", name="Anzeigen").click()
    expect(rows).to_have_count(1)
    rows.locator("summary").click()
    expect(rows.locator("details")).to_contain_text(Event.objects.get(kind=Kind.THREAD_READ).hash)


def test_log_is_taken_along(open_browser: Open, releaser: User, events: None, tmp_path: Path) -> None:
    page = open_browser(releaser)
    page.goto("/review/log/")
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON Lines").click()
    download.value.save_as(tmp_path / "log.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    head = Event.objects.filter(kind=Kind.LOG_READ).newest_first()[0]
    assert lines[0]["head"] == lines[-1]["end"]["head"] == head.head
    assert lines[-1]["end"]["events"] == head.number == len(lines) - 2


@both
def test_log_is_accessible(page_in: Open, releaser: User, events: None) -> None:  # noqa: F811
    page = page_in(releaser)
    for path in (
        "/review/log/",
        "/review/log/?kind=searched",
        "/review/log/?actor=nobody",
        "/review/log/head/",
    ):
        page.goto(path)
        assert violations(page) == [], path
    page.goto("/review/log/")
    page.locator(".log-table summary").first.click()
    assert violations(page) == []


def test_only_the_table_is_wider_than_a_phone(open_browser: Open, releaser: User, events: None) -> None:
    page = open_browser(releaser, viewport={"width": 320, "height": 700})
    page.goto("/review/log/")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    table = page.locator(".table-box")
    table.focus()
    expect(table).to_be_focused()
    page.keyboard.press("ArrowRight")
    for _ in range(100):  # `wait_for_function` would evaluate a string, which the page's policy forbids
        if table.evaluate("box => box.scrollLeft") > 0:
            return
        page.wait_for_timeout(100)
    pytest.fail("the table does not scroll")
