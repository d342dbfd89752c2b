"""What the person concerned sees and may do: who read, the data sheet, taking along, erasing the account."""

import json
import uuid
import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth import get_user
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from chatsite.settings import ENVIRONMENT
from tests.conftest import PASSWORD, page_of
from threads import disclosing, erasing, my_data
from threads.models import (
    Event,
    Export,
    ExportKind,
    Feedback,
    Kind,
    Mandate,
    Message,
    Rating,
    Shelf,
    Thread,
    User,
)

pytestmark = pytest.mark.django_db

Grant = Callable[..., Mandate]
Start = Callable[..., Thread]
Finish = Callable[..., Message]


def read(mandate: Mandate, thread: Thread, reader: User, kind: Kind = Kind.THREAD_READ) -> Event:
    return Event.objects.record(
        kind, reader, mandate_id=mandate.pk, thread_id=thread.pk, person_id=thread.owner_id
    )


def rows(client: Client, address: str = "/account/access/") -> list[list[str]]:
    page = page_of(client.get(address))
    found = page.select(".readings tbody tr")
    return [[" ".join(cell.get_text().split()) for cell in row.select("td")] for row in found]


# --- who has read ---


def test_nobody_has_read(client: Client) -> None:
    assert "Niemand hat Ihre Unterhaltungen gelesen" in client.get("/account/access/").text


def test_person_sees_who_read_what_when_and_why(
    client: Client, grant: Grant, start: Start, auditor: User
) -> None:
    thread, mandate = start("Welche Frist?"), grant(purpose="Güte <b>prüfen</b>")
    read(mandate, thread, auditor)
    page = page_of(client.get("/account/access/"))
    assert "Güte <b>prüfen</b>" in page.get_text()
    assert mandate.legal_basis in page.get_text()
    assert [row[1:] for row in rows(client)] == [
        ["Unterhaltung gelesen", "auditor@example.org", "Welche Frist?"]
    ]
    link = page.select_one(".readings td a")
    assert link
    assert link["href"] == thread.get_absolute_url()


def test_nobody_sees_what_was_read_of_others(
    client: Client, grant: Grant, start: Start, auditor: User, colleague: User
) -> None:
    read(grant(), start(owner=colleague), auditor)
    assert rows(client) == []


def test_what_others_than_readers_did_is_no_reading(client: Client, start: Start, asker: User) -> None:
    thread = start()
    Event.objects.record(Kind.THREAD_ERASED, asker, person_id=asker.pk, thread_id=thread.pk)
    assert rows(client) == []


def test_reading_outlives_what_was_read_and_who_read(
    client: Client, grant: Grant, start: Start, auditor: User, asker: User
) -> None:
    thread, deleted = start("Weg?"), start("Gelöscht?")
    mandate = grant()
    for each in (thread, deleted):
        read(mandate, each, auditor)
        each.move(Shelf.DELETED)
    erasing.remove_for_good(thread, asker)
    erasing.erase_account(auditor, auditor)
    assert [row[2:] for row in rows(client)] == [
        ["auditor@example.org", "Gelöscht? (gelöscht)"],
        ["auditor@example.org", "inzwischen gelöscht"],
    ]


@pytest.mark.parametrize("end", ["revoked", "over"])
def test_mandate_that_is_disclosed_late_is_told_of_once_it_has_ended(
    client: Client, grant: Grant, start: Start, auditor: User, releaser: User, end: str
) -> None:
    mandate = grant(discloses_late=True, title="Verdeckt", purpose="Geheim")
    before = page_of(client.get("/account/access/")).get_text()
    read(mandate, start(), auditor)
    for address in ("/account/access/", "/data-sheet/"):
        assert "Verdeckt" not in client.get(address).text
    if end == "revoked":
        mandate.revoke(releaser)
    else:
        yesterday = timezone.localdate() - timedelta(days=1)
        Mandate.objects.update(valid_from=yesterday, valid_until=yesterday)
    assert "erst nach seinem Ende" in before
    assert len(rows(client)) == 1
    assert "Verdeckt" in client.get("/data-sheet/").text


def test_page_says_the_same_whether_there_is_a_late_mandate_or_not(
    client: Client, grant: Grant, start: Start, auditor: User
) -> None:
    thread = start()
    before = page_of(client.get("/account/access/")).main
    read(grant(discloses_late=True), thread, auditor)
    assert page_of(client.get("/account/access/")).main == before


def test_disclosed_means_the_same_in_the_database_as_in_a_mandate(
    grant: Grant, propose: Grant, releaser: User
) -> None:
    today = timezone.localdate()
    for late in (False, True):
        propose(discloses_late=late)
        propose(discloses_late=late).refuse(releaser)
        grant(discloses_late=late)
        grant(discloses_late=late).revoke(releaser)
        grant(
            discloses_late=late, valid_from=today - timedelta(days=2), valid_until=today - timedelta(days=1)
        )
        grant(discloses_late=late, valid_from=today + timedelta(days=1))
    disclosed = set(Mandate.objects.disclosed())
    assert disclosed == {mandate for mandate in Mandate.objects.all() if mandate.is_disclosed}
    assert len(disclosed) == 8


def test_readings_come_page_by_page(
    client: Client, grant: Grant, start: Start, auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disclosing, "PER_PAGE", 2)
    mandate = grant()
    for number in range(3):
        read(mandate, start(f"Frage {number}"), auditor)
    page = page_of(client.get("/account/access/"))
    assert [row[3] for row in rows(client)] == ["Frage 2", "Frage 1"]
    older = page.select_one(".more a")
    assert older
    address = str(older["href"])
    assert [row[3] for row in rows(client, address)] == ["Frage 0"]
    assert not page_of(client.get(address)).select('.more a[href*="before"]')
    for odd in ("x", "0", "-1", "9" * 30):
        assert len(rows(client, f"/account/access/?before={odd}")) == 2


def test_many_readings_cost_no_more_queries(
    client: Client,
    grant: Grant,
    start: Start,
    auditor: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _number in range(3):
        mandate = grant()
        for _again in range(3):
            read(mandate, start(), auditor)
    with django_assert_num_queries(8):  # session, user, events, mandates, conversations, 2 of stored, sandbox
        client.get("/account/access/")


def test_person_sees_what_is_kept_for_how_long(client: Client, start: Start) -> None:
    thread = start()
    start()
    thread.assistant.retention_days = 90
    thread.assistant.save()
    text = page_of(client.get("/account/access/")).get_text(" ")
    assert "90 Tage nach der letzten Frage" in text
    assert "bis ihr Eigentümer sie löscht" not in text


# --- the data sheet ---


def sheet(client: Client) -> str:
    return " ".join(page_of(client.get("/data-sheet/")).get_text(" ").split())


def test_sheet_is_made_from_the_settings(client: Client, start: Start, settings: Settings) -> None:
    settings.ENVIRONMENT = ENVIRONMENT.model_copy(
        update={
            "operator_name": "Muster GmbH",
            "data_protection_contact": "dsb@muster.example",
            "four_eyes": False,
        }
    )
    assistant = start().assistant
    assistant.retention_days = 30
    assistant.save()
    text = sheet(client)
    for said in (
        "Muster GmbH",
        "dsb@muster.example",
        "30 Tage nach der letzten",
        "ausgeschaltet",
        "127.0.0.1: Arbeitsrecht",
        "Fassung 2",
    ):
        assert said in text, said
    assert "Vier Augen:" not in text
    assert Event.objects.head() in text


def test_sheet_tells_of_mandates_with_functions_and_no_names(client: Client, grant: Grant) -> None:
    grant(title="Stichprobe Q4", sample_per_week=20)
    text = sheet(client)
    functions = "(Freigabe)", "(Prüfung)"
    for said in (
        "Stichprobe Q4",
        "20 Unterhaltungen jeder Woche",
        "in Kraft",
        "alle Assistenten",
        *functions,
    ):
        assert said in text, said
    assert "@example.org" not in text


def test_sheet_leaves_out_what_was_only_proposed_or_refused(
    client: Client, propose: Grant, releaser: User
) -> None:
    propose(title="Nur vorgeschlagen")
    propose(title="Abgelehnt").refuse(releaser)
    text = sheet(client)
    assert "Nur vorgeschlagen" not in text
    assert "Abgelehnt" not in text
    assert "Es ist kein Prüfauftrag freigegeben worden" in text


def test_sheet_counts_who_has_each_right(client: Client, auditor: User, releaser: User, admin: User) -> None:
    cells = page_of(client.get("/data-sheet/")).select("td.number")
    # a superuser has all of them; auditors read, propose, see the log and figures; who releases sees the log
    assert [cell.get_text() for cell in cells] == ["2", "2", "2", "3", "2", "1"]
    User.objects.filter(pk=auditor.pk).update(is_active=False)
    cells = page_of(client.get("/data-sheet/")).select("td.number")
    assert cells[0].get_text() == "1"


@pytest.mark.parametrize("count", [1, 4])
def test_sheet_costs_the_same_for_many_mandates(
    client: Client, grant: Grant, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(count):
        grant()
    client.get("/")
    with django_assert_num_queries(11):
        client.get("/data-sheet/")


# --- taking along ---


def archive_of(user: User, language: str = "de") -> zipfile.ZipFile:
    export = Export.objects.create(kind=ExportKind.MY_DATA, owner=user, language=language)
    steps = list(my_data.build(export))
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total
    archive = zipfile.ZipFile(BytesIO(b"".join(step.data for step in steps)))
    assert archive.testzip() is None
    return archive


def test_file_holds_all_of_mine(
    asker: User, start: Start, finish: Finish, grant: Grant, auditor: User, colleague: User, ask: Any
) -> None:
    thread = start("Welche Frist?")
    Feedback.objects.give(finish(thread), Rating.DOWN, comment="Passt nicht")
    read(grant(), thread, auditor)
    deleted = start("Gelöscht?")
    deleted.move(Shelf.DELETED)
    start("Von anderen?", owner=colleague)
    archive = archive_of(asker)
    day = timezone.localdate().isoformat()
    assert archive.namelist() == [
        "README.txt",
        "account.json",
        "feedback.json",
        "access.json",
        f"conversations/00001 {day} Welche Frist.json",
        f"conversations/00001 {day} Welche Frist.md",
        f"conversations/00002 {day} Gelöscht.json",
        f"conversations/00002 {day} Gelöscht.md",
    ]
    conversation = json.loads(archive.read(archive.namelist()[4]))
    assert conversation["exchanges"][0]["answer"]["content"] == "Zwei Wochen."
    account = json.loads(archive.read("account.json"))
    assert (account["email"], account["first_name"]) == ("asker@example.org", "Asta")
    assert [notice["version"] for notice in account["notices_acknowledged"]] == [2]
    assert json.loads(archive.read("feedback.json"))[0]["comment"] == "Passt nicht"
    access = json.loads(archive.read("access.json"))
    assert [(each["who"], each["mandate"]["title"]) for each in access] == [
        ("auditor@example.org", "Stichprobe")
    ]


def test_file_does_not_tell_of_mandates_that_are_disclosed_late(
    asker: User, start: Start, grant: Grant, auditor: User
) -> None:
    read(grant(discloses_late=True), start(), auditor)
    assert json.loads(archive_of(asker).read("access.json")) == []


def test_former_versions_are_in_the_file(asker: User, start: Start, finish: Finish) -> None:
    from threads import answering

    thread = start("Erste Fassung?")
    finish(thread)
    answering.ask_anew(thread.messages.get(position=1), "Zweite Fassung?", uuid.uuid4())
    archive = archive_of(asker)
    former = [name for name in archive.namelist() if "frühere Fassungen" in name]
    assert len(former) == 2
    assert "Erste Fassung?" in archive.read(former[1]).decode()


def test_file_is_built_piece_by_piece(asker: User, start: Start, finish: Finish) -> None:
    """What is held at once is one conversation."""
    for number in range(5):
        finish(start(f"Frage {number}"), f"{number}" + "".join(str(uuid.uuid4()) for _ in range(2_000)))
    export = Export.objects.create(kind=ExportKind.MY_DATA, owner=asker, language="de")
    sizes = [len(step.data) for step in my_data.build(export)]
    assert len(sizes) == 7
    assert max(sizes) < 0.4 * sum(sizes)


def test_file_is_asked_for_built_and_taken(client: Client, start: Start, finish: Finish) -> None:
    from threads.answering.exporting import build_all

    finish(start())
    page = page_of(client.get("/account/data/"))
    assert page.select_one('form[action="/account/data/exports/"]')
    where: str = client.post("/account/data/exports/")["Location"]
    build_all()
    assert client.get(where).status_code == 200
    response: Any = client.get(f"{where}file/")
    assert response["Content-Type"] == "application/zip"
    assert zipfile.ZipFile(BytesIO(b"".join(response.streaming_content))).testzip() is None
    assert Event.objects.filter(kind=Kind.DATA_EXPORTED).count() == 1
    assert where in client.get("/account/data/").text


# --- erasing the account ---

ERASURE = "/account/erasure/"
MEANT = {"password": PASSWORD, "is_meant": "on"}


def test_account_is_erased_with_the_password(client: Client, start: Start, asker: User) -> None:
    start()
    asked = client.get(ERASURE).text
    assert "1 Unterhaltung" in asked
    assert "Ihr Name und" not in asked
    response = client.post(ERASURE, MEANT, follow=True)
    assert "Ihr Konto ist gelöscht" in response.text
    assert not get_user(client).is_authenticated
    assert not User.objects.filter(pk=asker.pk).exists()


@pytest.mark.parametrize(
    "sent", [{"password": "wrong", "is_meant": "on"}, {"password": PASSWORD}, {}, {"is_meant": "on"}]
)
def test_nothing_is_erased_without_password_and_confirmation(
    client: Client, asker: User, sent: dict[str, str]
) -> None:
    response = client.post(ERASURE, sent)
    assert response.status_code == 422
    assert page_of(response).select(".field-errors")
    assert User.objects.get(pk=asker.pk).is_active


def test_password_is_not_guessed_here(client: Client, asker: User) -> None:
    for _ in range(10):
        client.post(ERASURE, {"password": "wrong", "is_meant": "on"})
    response = client.post(ERASURE, MEANT)
    assert response.status_code == 429
    assert User.objects.get(pk=asker.pk).is_active


def test_who_has_no_password_types_the_address(client: Client, asker: User) -> None:
    asker.set_unusable_password()
    asker.save()
    client.force_login(asker)
    assert client.post(ERASURE, MEANT).status_code == 422
    assert client.post(ERASURE, {"email": "other@example.org", "is_meant": "on"}).status_code == 422
    client.post(ERASURE, {"email": " Asker@Example.org", "is_meant": "on"})
    assert not User.objects.filter(pk=asker.pk).exists()


def test_last_superuser_is_told_why_the_account_stays(admin: User) -> None:
    browser = Client()
    browser.force_login(admin)
    page = page_of(browser.get(ERASURE))
    assert page.select_one('.notice[data-kind="warning"]')
    assert not page.select('main form[action="/account/erasure/"]')
    browser.post(ERASURE, MEANT)
    assert User.objects.get(pk=admin.pk).is_active


def test_who_acted_in_reviews_is_told_what_stays(grant: Grant, auditor: User) -> None:
    grant()
    browser = Client()
    browser.force_login(auditor)
    asked = browser.get(ERASURE).text
    assert "Ihr Name und Ihre E-Mail-Adresse:" in asked
    assert "Ihr Name und Ihre E-Mail-Adresse im Protokoll" in asked
    assert "Ihr Name bleibt" in browser.post(ERASURE, MEANT, follow=True).text


def test_nobody_erases_by_the_address_of_the_page(client: Client, asker: User) -> None:
    assert client.get(ERASURE, MEANT).status_code == 200
    assert client.get("/account/data/exports/").status_code == 405
    assert User.objects.filter(pk=asker.pk).exists()


# --- the administration ---


@pytest.fixture
def administration(admin: User) -> Client:
    browser = Client()
    browser.force_login(admin)
    return browser


def test_admin_deletes_a_user_the_same_way(
    administration: Client, asker: User, start: Start, django_capture_on_commit_callbacks: Any
) -> None:
    start()
    address = f"/admin/threads/user/{asker.pk}/delete/"
    asked = administration.get(address).text
    assert "1 Unterhaltung" in asked
    assert "Kündigungsfrist" not in asked
    with django_capture_on_commit_callbacks(execute=True):
        administration.post(address, {"post": "yes"})
    assert not User.objects.filter(pk=asker.pk).exists()
    assert Event.objects.filter(kind=Kind.ACCOUNT_ERASED, person_id=asker.pk).count() == 2
    assert Event.objects.filter(kind=Kind.THREAD_ERASED, person_id=asker.pk).count() == 1


def test_admin_is_told_what_stays(
    administration: Client, asker: User, auditor: User, start: Start, finish: Finish, grant: Grant
) -> None:
    finish(start())
    grant(holds=True)
    response = administration.post(
        "/admin/threads/user/",
        {"action": "delete_selected", "_selected_action": [asker.pk, auditor.pk], "post": "yes"},
        follow=True,
    )
    warnings = page_of(response).select(".messagelist .warning")
    said = " ".join(each.get_text() for each in warnings).lower()
    assert "asker@example.org ist deaktiviert" in said
    assert "auditor@example.org hat an prüfungen mitgewirkt" in said
    assert Thread.objects.exists()
    assert not User.objects.filter(pk__in=[asker.pk, auditor.pk], is_active=True).exists()


def test_admin_can_not_delete_the_last_superuser(administration: Client, admin: User) -> None:
    address = f"/admin/threads/user/{admin.pk}/delete/"
    assert not page_of(administration.get(address)).select("#content [type=submit]")
    administration.post(address, {"post": "yes"})
    assert User.objects.get(pk=admin.pk).is_active


def test_admin_sets_retention_with_the_assistant(administration: Client, start: Start) -> None:
    assistant = start().assistant
    page = page_of(administration.get(f"/admin/threads/assistant/{assistant.pk}/change/"))
    assert page.select_one("[name=retention_days]")


# --- ways ---


def test_ways_lead_there(client: Client) -> None:
    page = page_of(client.get("/"))
    for place, address in (
        ("header", "/account/access/"),
        ("header", "/account/data/"),
        ("footer", "/data-sheet/"),
    ):
        assert page.select_one(f'{place} a[href="{address}"]'), address


def test_all_of_it_needs_signing_in(db: None) -> None:
    for address in ("/account/access/", "/account/data/", "/account/erasure/", "/data-sheet/"):
        assert Client().get(address)["Location"].startswith("/accounts/login/")
