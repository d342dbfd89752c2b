"""The whole way of a review, by three people in three browsers, with and without JavaScript."""

from collections.abc import Callable

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from threads.models import Event, Kind, Mandate, Message, Source, Thread, User

Open = Callable[..., Page]

pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture
def conversation(start: Callable[..., Thread], finish: Callable[..., Message]) -> Thread:
    with transaction.atomic():  # to the worker it has been answered ever since
        thread = start("Welche Frist gilt in der Probezeit?")
        finish(thread, "Zwei Wochen.", sources=[Source(content="§ 622 Abs. 3 BGB")])
    return thread


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
def test_review_from_proposal_to_revocation(
    open_browser: Open, conversation: Thread, asker: User, auditor: User, releaser: User, has_script: bool
) -> None:
    reads, releases, asks = (
        open_browser(user, java_script_enabled=has_script) for user in (auditor, releaser, asker)
    )
    _propose(reads, auditor)
    _release(releases)
    case_url = _read(reads, conversation, asker)
    _find(reads)
    _report(reads)
    _reveal(reads, releases, case_url, asker)
    _see(asks, conversation)
    _revoke(releases)
    for page in (case_url, case_url.rsplit("conversations/")[0] + "conversations/"):
        response = reads.goto(page)
        assert response
        assert response.status == 404
    read = Event.objects.filter(kind=Kind.THREAD_READ)
    assert set(read.values_list("actor_id", "person_id")) == {(auditor.pk, asker.pk)}


def _propose(page: Page, auditor: User) -> None:
    page.goto("/review/mandates/new/")
    page.get_by_label("Titel").fill("Probezeit")
    page.get_by_label("Zweck").fill("Güte der Antworten")
    page.get_by_label("Rechtsgrundlage").fill("Betriebsvereinbarung, § 7")
    page.get_by_label(auditor.email).check()
    page.get_by_role("button", name="Vorschlagen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Probezeit")
    assert not Mandate.objects.granting(auditor).exists()


def _release(page: Page) -> None:
    page.goto("/review/")
    page.get_by_role("link", name="Probezeit").click()
    page.get_by_role("link", name="Freigeben").click()
    page.get_by_role("button", name="Freigeben").click()
    expect(page.locator("main")).to_contain_text("in Kraft")


def _read(page: Page, conversation: Thread, asker: User) -> str:
    page.goto("/review/")
    page.get_by_role("link", name="Zu den Unterhaltungen").click()
    expect(page.locator("main")).not_to_contain_text(conversation.title)
    page.get_by_role("link", name="Nächste offene").click()
    expect(page.locator(".message-text").last).to_have_text("Zwei Wochen.")
    expect(page.locator("main")).to_contain_text("Person ")
    expect(page.locator("main")).not_to_contain_text(asker.email)
    return page.url.split("?")[0]


def _find(page: Page) -> None:
    findings = page.locator("#findings-2")
    findings.locator(".finding-new summary").click()
    findings.locator("input[value=incomplete]").check()
    findings.locator("textarea").fill("Die Tarifklausel fehlt.")
    findings.locator("form button").click()
    expect(findings.locator(".finding-note")).to_have_text("Die Tarifklausel fehlt.")


def _report(page: Page) -> None:
    page.get_by_role("link", name="Befunde").first.click()
    page.get_by_role("link", name="Bericht drucken").click()
    for text in ("Güte der Antworten", "Die Tarifklausel fehlt.", "Zwei Wochen.", "§ 622 Abs. 3 BGB"):
        expect(page.locator("body")).to_contain_text(text)


def _reveal(reads: Page, releases: Page, case_url: str, asker: User) -> None:
    reads.goto(case_url)
    reads.locator("#reveal summary").click()
    reads.locator("#reveal textarea").fill("Die Person braucht Hilfe.")
    reads.locator("#reveal form button").click()
    expect(reads.locator("#reveal")).to_contain_text("Die Person braucht Hilfe.")
    expect(reads.locator("main")).not_to_contain_text(asker.email)
    releases.goto("/review/")
    releases.locator("button[value=release]").click()
    reads.goto(case_url)
    expect(reads.locator("main")).to_contain_text(asker.email)


def _see(page: Page, conversation: Thread) -> None:
    page.goto("/account/access/")
    for text in ("auditor@example.org", "Probezeit", "Güte der Antworten", conversation.title):
        expect(page.locator("main")).to_contain_text(text)


def _revoke(page: Page) -> None:
    page.goto("/review/")
    page.get_by_role("link", name="Probezeit").first.click()
    page.get_by_role("link", name="Widerrufen").click()
    page.get_by_role("button", name="Widerrufen").click()
    expect(page.locator(".status")).to_have_text("widerrufen")
