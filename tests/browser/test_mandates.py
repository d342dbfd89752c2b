"""A mandate's way: proposed, released by another person, revoked; with JavaScript and without, and read by axe."""

import re
from collections.abc import Callable

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import both, page_in, violations
from threads.models import Mandate, Message, Reveal, Status, Thread, User

__all__ = ["page_in"]  # the fixture

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")

Propose = Callable[..., Mandate]
RELEASE, REVOKE = re.compile("^Freigeben"), re.compile("^Widerrufen")


def test_mandate_is_proposed_released_by_another_and_revoked(
    open_browser: Callable[..., Page], auditor: User, releaser: User
) -> None:
    _walk(open_browser, auditor, releaser)


def test_the_same_without_javascript(
    open_browser: Callable[..., Page], auditor: User, releaser: User
) -> None:
    _walk(open_browser, auditor, releaser, java_script_enabled=False)


def _walk(
    open_browser: Callable[..., Page], auditor: User, releaser: User, java_script_enabled: bool = True
) -> None:
    pages = (open_browser(user, java_script_enabled=java_script_enabled) for user in (auditor, releaser))
    theirs, council = pages
    theirs.goto("/review/")
    theirs.get_by_role("link", name="Prüfauftrag vorschlagen").click()
    theirs.get_by_label("Titel").fill("Stichprobe")
    theirs.get_by_role("button", name="Vorschlagen").click()
    expect(theirs.get_by_role("alert")).to_contain_text("Zweck")
    expect(theirs.get_by_label("Titel")).to_have_value("Stichprobe")
    theirs.get_by_label("Zweck").fill("Güte der Antworten")
    theirs.get_by_label("Rechtsgrundlage").fill("§ 7")
    theirs.get_by_label(auditor.email).check()
    theirs.get_by_role("button", name="Vorschlagen").click()
    expect(theirs.get_by_role("heading", level=1)).to_have_text("Stichprobe")
    expect(theirs.get_by_role("link", name=RELEASE)).to_have_count(0)

    council.goto("/review/")
    council.get_by_role("link", name="Stichprobe").click()
    council.get_by_role("link", name=RELEASE).click()
    expect(council.locator("main")).to_contain_text(auditor.email)
    council.get_by_role("button", name="Freigeben").click()
    expect(council.locator("main")).to_contain_text("in Kraft")
    assert Mandate.objects.granting(auditor).exists()

    theirs.goto("/review/")
    expect(theirs.get_by_role("region", name="Hier dürfen Sie lesen").get_by_role("link")).to_have_count(2)
    council.get_by_role("link", name=REVOKE).click()
    council.get_by_role("button", name="Widerrufen").click()
    expect(council.locator(".status")).to_have_text("widerrufen")
    assert Mandate.objects.get().status == Status.REVOKED
    assert not Mandate.objects.granting(auditor).exists()
    theirs.reload()
    expect(theirs.get_by_role("region", name="Hier dürfen Sie lesen")).to_contain_text("keine Unterhaltungen")


def test_name_is_revealed_without_javascript(
    open_browser: Callable[..., Page], grant: Propose, releaser: User, auditor: User,
    start: Callable[..., Thread],
) -> None:  # fmt: skip
    reveal = _asked_for(grant, auditor, start)
    page = open_browser(releaser, java_script_enabled=False)
    page.goto("/review/")
    page.get_by_role("button", name="Namen aufdecken").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("aufgedeckt")
    reveal.refresh_from_db()
    assert reveal.decided_by == releaser


@both
def test_pages_of_mandates_are_accessible(
    page_in: Callable[..., Page], propose: Propose, grant: Propose, auditor: User, releaser: User,
    start: Callable[..., Thread],
) -> None:  # fmt: skip
    releaser.groups.add(*auditor.groups.all())
    _asked_for(grant, auditor, start)
    proposed, sampled = propose(), grant(sample_per_week=5, holds=True, discloses_late=True)
    page = page_in(releaser)
    for path in (
        "/review/",
        "/review/mandates/new/",
        *(f"/review/mandates/{proposed.pk}/{step}" for step in ("", "release/", "refusal/", "revocation/")),
        f"/review/mandates/{sampled.pk}/",
        f"/review/mandates/{sampled.pk}/release/",  # which is not possible any more
    ):
        page.goto(path)
        assert violations(page) == [], path
        page.set_viewport_size({"width": 320, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/review/mandates/new/")
    page.locator(".mandate-form button").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []


def _asked_for(grant: Propose, auditor: User, start: Callable[..., Thread]) -> Reveal:
    with transaction.atomic():  # to the worker it has been answered ever since
        thread = start("Wer bin ich?")
        answers = Message.objects.filter(thread=thread).answers()
        answers.update(state="done", finished_at=thread.created_at)
    reveal = Reveal(case=grant().cases.get(), reason="Gefahr " * 20, requested_by=auditor)
    reveal.request()
    return reveal
