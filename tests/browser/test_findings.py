"""Findings, from the answer they are about to the report, with and without JavaScript."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import both, page_in, violations
from threads.models import Event, Finding, Kind, Mandate, Message, Source, Thread, User

__all__ = ["page_in"]  # a fixture

Open = Callable[..., Page]
scripts = pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])


@pytest.fixture
def mandate(
    start: Callable[..., Thread],
    finish: Callable[..., Message],
    grant: Callable[..., Mandate],
    auditor: User,
    second: User,
) -> Mandate:
    with transaction.atomic():  # to the worker they have been answered ever since
        for text in ("Zwei Wochen.", "Einen Monat."):
            finish(start(), text, legal_notice="Kein Rechtsrat.", sources=[Source(content="Wortlaut")])
    return grant(auditors=[auditor, second])


def under(mandate: Mandate, path: str) -> str:
    return f"/review/mandates/{mandate.pk}/{path}"


def find(page: Page, mandate: Mandate) -> None:
    page.goto(under(mandate, "conversations/1/"))
    findings = page.locator("#findings-2")
    findings.locator(".finding-new summary").click()
    findings.locator("input[value=wrong]").check()
    findings.locator("select[name=severity]").select_option("3")
    findings.locator("textarea").fill("Die Frist ist zu kurz.")
    findings.locator("form button").click()
    expect(findings.locator(".finding-note")).to_have_text("Die Frist ist zu kurz.")


@scripts
def test_finding_is_made_seconded_and_closed(
    open_browser: Open, mandate: Mandate, auditor: User, second: User, has_script: bool
) -> None:
    page = open_browser(auditor, java_script_enabled=has_script)
    find(page, mandate)
    other = open_browser(second, java_script_enabled=has_script)
    other.goto(under(mandate, "findings/"))
    other.locator("tbody th a").first.click()
    other.locator("main input[value=incomplete]").first.check()
    other.locator("form[action$='second-opinion/'] button").click()
    expect(other.locator(".finding-second")).to_contain_text("weicht ab")
    page.goto(f"/review/findings/{Finding.objects.get().pk}/")
    page.locator("button[value=closed]").click()
    expect(page.locator("button[value=open]")).to_be_visible()
    kinds = Event.objects.filter(kind__in=(Kind.FINDING_MADE, Kind.SECOND_OPINION, Kind.FINDING_CLOSED))
    assert kinds.count() == 3


@scripts
def test_finding_with_an_error_comes_back_with_what_was_typed(
    open_browser: Open, mandate: Mandate, auditor: User, has_script: bool
) -> None:
    page = open_browser(auditor, java_script_enabled=has_script)
    page.goto(under(mandate, "conversations/1/"))
    findings = page.locator("#findings-2")
    findings.locator(".finding-new summary").click()
    findings.locator("input[value=correct]").check()
    findings.locator("select[name=severity]").select_option("3")
    findings.locator("textarea").fill("Doch nicht?")
    findings.locator("form button").click()
    expect(page.locator("#finding-2-severity-errors")).to_be_visible()
    expect(page.locator("#finding-2-note")).to_have_value("Doch nicht?")
    expect(page.locator("#finding-2-severity")).to_be_focused()
    page.locator("#finding-2-severity").select_option("0")
    page.locator("#finding-form-2 button").click()
    expect(page.locator("#findings-2 .finding-verdict")).to_be_visible()
    assert Finding.objects.get().note == "Doch nicht?"


def test_stored_without_a_new_page_it_has_the_focus(
    open_browser: Open, mandate: Mandate, auditor: User
) -> None:
    page = open_browser(auditor)
    find(page, mandate)
    expect(page.locator("#findings-2")).to_be_focused()
    expect(page.locator("#findings-2 .finding-new")).not_to_have_attribute("open", "")


@scripts
def test_report_is_printed_and_taken_along_as_files(
    open_browser: Open, mandate: Mandate, auditor: User, has_script: bool
) -> None:
    page = open_browser(auditor, java_script_enabled=has_script)
    find(page, mandate)
    page.goto(under(mandate, "report/"))
    expect(page.locator(".reported .answer .message-text")).to_have_text("Zwei Wochen.")
    expect(page.locator(".reported .legal-notice")).to_be_visible()
    assert "Person " in page.locator(".reported").inner_text()
    lines = downloaded(page, mandate, "report_jsonl").decode().splitlines()
    head, *conversations = map(json.loads, lines)
    assert head["mandate"]["title"] == mandate.title
    assert [each["conversation"] for each in conversations] == [1, 2]
    table = downloaded(page, mandate, "report_csv").decode("utf-8-sig").splitlines()
    assert "Die Frist ist zu kurz." in table[1]
    exported = Event.objects.filter(kind=Kind.EXPORTED).order_by("number")
    assert [event.details["kind"] for event in exported] == ["report", "report_jsonl", "report_csv"]


def downloaded(page: Page, mandate: Mandate, kind: str) -> bytes:
    page.goto(under(mandate, "findings/"))
    page.locator(f"button[value={kind}]").click()
    link = page.locator("#export[data-state=ready] a")
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.click()
    return Path(download.value.path()).read_bytes()


def test_export_says_when_it_is_ready(open_browser: Open, mandate: Mandate, auditor: User) -> None:
    page = open_browser(auditor)
    page.goto(under(mandate, "findings/"))
    page.locator("button[value=report_csv]").click()
    expect(page.locator("#export-said")).to_have_text("Der Export ist fertig.")


@both
def test_pages_are_accessible(page_in: Any, mandate: Mandate, auditor: User, second: User) -> None:
    page = page_in(auditor)
    find(page, mandate)
    page.locator("#findings-2 .finding-new summary").click()
    assert violations(page) == []
    finding = Finding.objects.get()
    finding.second(second, "wrong", "Das sehe ich auch so.")
    finding = Finding(
        mandate=mandate, case=finding.case, message=finding.message, case_number=1, position=2,
        verdict="other", note="Anders", author=second,
    )  # fmt: skip
    finding.make()
    for path in (under(mandate, "findings/"), f"/review/findings/{finding.pk}/", under(mandate, "report/")):
        page.goto(path)
        assert violations(page) == [], path
    page.goto(under(mandate, "findings/"))
    page.locator("button[value=report_csv]").click()
    expect(page.locator("#export[data-state=ready]")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("width", [320, 1440])
def test_nothing_is_wider_than_the_window(
    open_browser: Open, mandate: Mandate, auditor: User, width: int
) -> None:
    page = open_browser(auditor, viewport={"width": width, "height": 800})
    find(page, mandate)
    page.locator("#findings-2 .finding-new summary").click()
    for path in (
        None,
        under(mandate, "findings/"),
        under(mandate, "report/"),
        f"/review/findings/{Finding.objects.get().pk}/",
    ):
        if path:
            page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
