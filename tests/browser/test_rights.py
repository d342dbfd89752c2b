"""Who read, the data sheet, taking along and erasing, in the browser."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import both, page_in, violations  # noqa: F401 a fixture
from tests.conftest import PASSWORD
from threads.models import Event, Kind, Mandate, Message, Shelf, Thread, User

pytestmark = pytest.mark.usefixtures("sandbox", "assistant")

PAGES = ("/account/access/", "/account/data/", "/account/erasure/", "/data-sheet/", "/threads/deleted/")
script = pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])


@pytest.fixture
def was_read(
    start: Callable[..., Thread], grant: Callable[..., Mandate], auditor: User
) -> Callable[[], Thread]:
    """Two conversations of the asker, of which an auditor has read both; one was deleted since, and is held."""

    def was_read() -> Thread:
        with transaction.atomic():  # to the worker they have been answered ever since
            threads = [start("Welche Kündigungsfrist gilt in der Probezeit?"), start("Gelöscht?")]
            for thread in threads:
                answer = thread.messages.get(position=2)
                Message.objects.filter(pk=answer.pk).update(
                    state="done", finished_at=thread.created_at, content="Zwei."
                )
        mandate = grant(holds=True, purpose="Güte der Antworten " * 10)
        for thread in threads:
            with transaction.atomic():
                Event.objects.record(
                    Kind.THREAD_READ,
                    auditor,
                    mandate_id=mandate.pk,
                    thread_id=thread.pk,
                    person_id=thread.owner_id,
                )
        threads[1].move(Shelf.DELETED)
        return threads[0]

    return was_read


@script
def test_person_finds_who_read_and_goes_to_the_conversation(
    open_browser: Callable[..., Page], asker: User, was_read: Callable[[], Thread], has_script: bool
) -> None:
    thread = was_read()
    page = open_browser(asker, java_script_enabled=has_script)
    page.goto("/")
    page.get_by_text("Konto").click()
    page.get_by_role("link", name="Wer hat gelesen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Wer hat meine Unterhaltungen gelesen?")
    page.get_by_role("row", name="auditor@example.org").get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"/threads/{thread.pk}/"))


@script
def test_data_are_taken_along(
    open_browser: Callable[..., Page], asker: User, was_read: Callable[[], Thread], has_script: bool
) -> None:
    was_read()
    page = open_browser(asker, java_script_enabled=has_script)
    page.goto("/account/data/")
    page.get_by_role("button", name="Datei erstellen").click()
    link = page.get_by_role("link", name="Herunterladen")
    expect(link).to_be_visible(timeout=20_000)
    with page.expect_download() as download:
        link.click()
    archive = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert archive.testzip() is None
    assert len(archive.namelist()) == 8


@script
def test_account_is_erased(
    open_browser: Callable[..., Page], asker: User, start: Callable[..., Thread], has_script: bool
) -> None:
    page = open_browser(asker, java_script_enabled=has_script)
    page.goto("/account/data/")
    page.get_by_role("link", name="Mein Konto löschen").click()
    page.get_by_label("Passwort").fill("falsch")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="endgültig löschen").click()
    expect(page.locator(".field-errors")).to_be_visible()
    page.get_by_label("Passwort").fill(PASSWORD)
    page.get_by_role("button", name="endgültig löschen").click()
    expect(page.get_by_text("Ihr Konto ist gelöscht")).to_be_visible()
    assert not User.objects.filter(pk=asker.pk).exists()
    page.goto("/account/data/")
    expect(page.locator("[name=login]")).to_be_visible()


@both
def test_pages_are_accessible(
    page_in: Callable[..., Page],  # noqa: F811
    asker: User,
    was_read: Callable[[], Thread],
) -> None:
    page = page_in(asker)
    for path in PAGES:  # without anything to tell of
        page.goto(path)
        assert violations(page) == [], path
    was_read()
    for path in PAGES:
        page.goto(path)
        assert violations(page) == [], path
    page.goto("/account/erasure/")
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.locator("main form button").click()
    expect(page.locator(".field-errors").first).to_be_visible()
    assert violations(page) == []


def test_nothing_is_wider_than_a_small_screen(
    open_browser: Callable[..., Page], asker: User, was_read: Callable[[], Thread]
) -> None:
    was_read()
    page = open_browser(asker, viewport={"width": 320, "height": 640})
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 320, path
    frame = page.goto("/account/access/") and page.locator(".table-box").first
    assert frame
    assert frame.evaluate("frame => frame.scrollWidth > frame.clientWidth")


def test_sheet_is_printed_whole(open_browser: Callable[..., Page], asker: User) -> None:
    page = open_browser(asker)
    page.goto("/data-sheet/")
    page.emulate_media(media="print")
    expect(page.locator(".print-bar")).to_be_hidden()
    page.set_viewport_size({"width": 643, "height": 900})  # A4 less its margins, at 96 dpi
    for frame in page.locator(".table-box").all():
        assert frame.evaluate("frame => frame.scrollWidth <= frame.clientWidth")
