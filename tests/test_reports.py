"""The report on a mandate: on paper, as CSV, as JSON Lines; what is in it, and what under pseudonyms is not."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from tests.conftest import signed_in
from threads import reports
from threads.answering import exporting
from threads.building import Build
from threads.models import (
    Case,
    Event,
    Export,
    ExportKind,
    ExportState,
    Feedback,
    Finding,
    Kind,
    Lost,
    Mandate,
    Message,
    Rating,
    Severity,
    Source,
    Thread,
    User,
    Verdict,
)

pytestmark = pytest.mark.django_db

Grant = Callable[..., Mandate]


@pytest.fixture
def answered(start: Callable[..., Thread], finish: Callable[..., Message]) -> Message:
    answer = finish(
        start("Eine geheime Frage"),
        "Eine **geheime** Antwort.",
        legal_notice="Kein Rechtsrat.",
        sources=[Source(content="Wortlaut", document_title="BGB", received={"user_id": "verraten"})],
    )
    Feedback.objects.give(answer, Rating.DOWN)
    return answer


@pytest.fixture
def grant_found(grant: Grant, answered: Message, auditor: User) -> Grant:
    """A mandate with a finding on the conversation in its scope."""

    def grant_found(**fields: Any) -> Mandate:
        mandate = grant(**fields)
        Finding(
            mandate=mandate,
            case=mandate.cases.get(),
            message=answered,
            case_number=1,
            position=2,
            verdict=Verdict.WRONG,
            severity=Severity.HIGH,
            note="=1+1 stimmt nicht",
            author=auditor,
        ).make()
        return mandate

    return grant_found


@pytest.fixture
def mandate(grant_found: Grant) -> Mandate:
    return grant_found()


@pytest.fixture
def browser(auditor: User) -> Client:
    return signed_in(auditor)


def url(mandate: Mandate, name: str = "report") -> str:
    return reverse(f"threads:{name}", args=[mandate.pk])


def built(kind: ExportKind, user: User, mandate: Mandate) -> str:
    export = Export.objects.request(kind, user, "de", mandate)
    exporting.build_all()
    return b"".join(export.content()).decode()


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))


def end(mandate: Mandate) -> None:
    yesterday = timezone.localdate() - timedelta(days=1)
    Mandate.objects.filter(pk=mandate.pk).update(valid_from=yesterday, valid_until=yesterday)


def kinds() -> list[str]:
    kinds = Event.objects.filter(kind__in=(Kind.THREAD_READ, Kind.EXPORTED)).order_by("number")
    return [str(kind) for kind in kinds.values_list("kind", flat=True)]


# --- on paper ---


def test_report_has_mandate_findings_notices_sources_terms_and_head(
    browser: Client, mandate: Mandate
) -> None:
    head = Event.objects.head()
    page = BeautifulSoup(browser.get(url(mandate)).content, "html.parser")
    for text in (
        mandate.title, mandate.purpose, mandate.legal_basis, "releaser@example.org", "stimmt nicht",
        "Eine geheime Frage", "Eine geheime Antwort.", "Kein Rechtsrat.", "Wortlaut", "BGB", "Powered by Haufe",
        head,
    ):  # fmt: skip
        assert text in page.text, text
    meta = page.select_one("meta[name=rights]")
    assert meta
    assert str(meta["content"]) in page.text


def test_reading_it_is_recorded_by_conversation_and_as_an_export(
    browser: Client, mandate: Mandate, answered: Message
) -> None:
    browser.get(url(mandate))
    assert kinds() == [Kind.THREAD_READ, Kind.EXPORTED]
    read = Event.objects.get(kind=Kind.THREAD_READ)
    assert (read.person_id, read.thread_id) == (answered.thread.owner_id, answered.thread_id)
    assert Event.objects.get(kind=Kind.EXPORTED).details["conversations"] == 1


def test_without_conversations_nothing_is_read(browser: Client, mandate: Mandate) -> None:
    response = browser.get(url(mandate), {"texts": "no"})
    assert "geheime" not in response.text
    assert "stimmt nicht" in response.text
    assert kinds() == [Kind.EXPORTED]


def test_after_the_end_it_has_no_conversations(browser: Client, mandate: Mandate, releaser: User) -> None:
    end(mandate)
    for client in (browser, signed_in(releaser)):
        response = client.get(url(mandate))
        assert response.status_code == 200
        assert "stimmt nicht" in response.text
        assert "geheime" not in response.text
        assert "Kein Rechtsrat" not in response.text
    assert kinds() == [Kind.EXPORTED, Kind.EXPORTED]


def test_revoked_while_it_is_made_it_is_not_shown(
    browser: Client, mandate: Mandate, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = reports.Report.record

    def revoke_and_record(report: reports.Report) -> None:
        Mandate.objects.update(revoked_at=timezone.now())
        record(report)

    monkeypatch.setattr(reports.Report, "record", revoke_and_record)
    assert browser.get(url(mandate)).status_code == 404
    assert kinds() == []


def test_answer_that_is_outside_of_the_period_by_now_is_not_in_it(
    browser: Client, mandate: Mandate, answered: Message
) -> None:
    Message.objects.update(created_at=timezone.now() - timedelta(days=60))
    assert "geheime" not in browser.get(url(mandate)).text


def test_what_its_owner_deleted_is_not_in_it_unless_it_is_held(
    browser: Client, mandate: Mandate, answered: Message
) -> None:
    Thread.objects.update(deleted_at=timezone.now())
    assert "geheime" not in browser.get(url(mandate)).text
    Finding.objects.update(holds=True)
    assert "geheime" in browser.get(url(mandate)).text


def test_long_report_says_that_it_is_cut(
    browser: Client, mandate: Mandate, auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MOST_PRINTED", 1)
    Finding(
        mandate=mandate, case_number=9, position=2, verdict=Verdict.OTHER, note="die zweite", author=auditor
    ).make()
    response = browser.get(url(mandate))
    assert "die zweite" not in response.text
    assert "1 von 2" in response.text or "first 1 of 2" in response.text


def test_sample_says_from_how_many_was_drawn(
    grant: Grant,
    answered: Message,
    browser: Client,
    start: Callable[..., Thread],
    finish: Callable[..., Message],
) -> None:
    finish(start())
    Message.objects.update(created_at=timezone.now() - timedelta(days=7))
    mandate = grant(sample_per_week=1)
    rows = BeautifulSoup(browser.get(url(mandate)).content, "html.parser").select(".of-figures tbody tr")
    assert ["2", "1"] in [[cell.text for cell in row.select("td")] for row in rows]


# --- CSV ---


def test_csv_has_a_row_per_finding_that_no_spreadsheet_calculates(mandate: Mandate, auditor: User) -> None:
    text = built(ExportKind.REPORT_CSV, auditor, mandate)
    with translation.override("de"):
        head = reports._csv_head()
    assert text.startswith("\ufeff")
    (row,) = table(text)
    assert list(row) == head
    values = list(row.values())
    assert values[:5] == [mandate.title, "1", "2", f"Person {Case.objects.get().alias.code}", "Arbeitsrecht"]
    assert "'=1+1 stimmt nicht" in values
    assert "geheime" not in text


def test_csv_is_built_in_portions(mandate: Mandate, auditor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "FINDINGS_AT_ONCE", 2)
    for position in range(4, 12, 2):
        Finding(
            mandate=mandate, case_number=1, position=position, verdict=Verdict.OTHER, author=auditor
        ).make()
    rows = table(built(ExportKind.REPORT_CSV, auditor, mandate))
    assert [list(row.values())[2] for row in rows] == ["2", "4", "6", "8", "10"]


# --- JSON Lines ---


def test_jsonl_has_the_mandate_first_and_then_each_conversation(mandate: Mandate, auditor: User) -> None:
    head, conversation = lines(built(ExportKind.REPORT_JSONL, auditor, mandate))
    assert head["mandate"]["purpose"] == mandate.purpose
    assert head["figures"]["faulty_answers"] == {"part": 1, "whole": 1}
    assert (head["conversations"], head["ai_generated"]) == (1, True)
    assert head["terms_of_use"]
    number, hash_ = head["log_head"].split(":")
    assert Event.objects.get(number=number).hash == hash_
    (exchange,) = conversation["exchanges"]
    assert exchange["question"]["content"] == "Eine geheime Frage"
    assert exchange["answer"]["content"] == "Eine **geheime** Antwort."
    assert exchange["answer"]["legal_notice"] == "Kein Rechtsrat."
    assert exchange["answer"]["sources"][0]["content"] == "Wortlaut"
    assert exchange["feedback"] == "down"
    assert conversation["findings"][0]["verdict"] == "wrong"


def test_jsonl_has_all_conversations_in_order_and_each_is_recorded_as_read(
    grant: Grant, start: Callable[..., Thread], finish: Callable[..., Message], auditor: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(reports, "CASES_AT_ONCE", 2)
    threads = [finish(start()).thread_id for _ in range(5)]
    mandate = grant()
    _head, *conversations = lines(built(ExportKind.REPORT_JSONL, auditor, mandate))
    assert [each["conversation"] for each in conversations] == [1, 2, 3, 4, 5]
    read = Event.objects.filter(kind=Kind.THREAD_READ).order_by("number")
    assert list(read.values_list("thread_id", flat=True)) == threads
    assert {event.actor_id for event in read} == {auditor.pk}


def test_former_versions_are_in_it_as_such(mandate: Mandate, auditor: User, answered: Message) -> None:
    Message.objects.update(superseded_at=timezone.now())
    _head, conversation = lines(built(ExportKind.REPORT_JSONL, auditor, mandate))
    assert conversation["exchanges"][0]["is_former"]


def test_revoked_while_it_is_built_nothing_of_it_is_left(
    grant: Grant, start: Callable[..., Thread], finish: Callable[..., Message], auditor: User, releaser: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("threads.building.PART_BYTES", 500)  # each step makes parts of its own
    for _ in range(3):
        finish(start())
    mandate = grant()
    Export.objects.request(ExportKind.REPORT_JSONL, auditor, "de", mandate)
    export = Export.objects.claim()
    assert export
    build = Build(export)
    build.go_on()
    build.go_on()
    assert Event.objects.filter(kind=Kind.THREAD_READ).count() == 1
    mandate.revoke(releaser)
    with pytest.raises(Lost):
        build.go_on()
    assert Event.objects.filter(kind=Kind.THREAD_READ).count() == 1
    assert not Export.objects.exists()


def test_mandate_that_ends_while_it_is_built_ends_the_building(mandate: Mandate, auditor: User) -> None:
    export = Export.objects.request(ExportKind.REPORT_JSONL, auditor, "de", mandate)
    claimed = Export.objects.claim()
    assert claimed
    build = Build(claimed)
    next(build._steps)  # it has begun, and looked up what is in scope
    end(mandate)
    while exporting.go_on(build):
        pass
    export.refresh_from_db()
    assert export.state == ExportState.FAILED
    assert not Event.objects.filter(kind=Kind.THREAD_READ).exists()
    assert not export.parts.exists()


# --- pseudonyms ---


def told(user: User, mandate: Mandate) -> str:
    page = signed_in(user).get(url(mandate)).text
    files = [built(kind, user, mandate) for kind in (ExportKind.REPORT_CSV, ExportKind.REPORT_JSONL)]
    return "\n".join([page, *files])


def test_under_pseudonyms_nothing_names_the_person_or_the_conversation(
    mandate: Mandate, auditor: User, answered: Message
) -> None:
    thread = answered.thread
    Thread.objects.update(title="Ein anderer Titel")
    told_ = told(auditor, mandate)
    assert told_.count(Case.objects.get().alias.code) >= 3
    unsaid = [thread.pk, thread.owner.pseudonym, thread.client_token, answered.pk, answered.question_id]
    for secret in (*unsaid, "Asta", "asker@example.org", "Ein anderer Titel", "verraten"):
        assert str(secret) not in told_, secret


def test_with_names_they_are_said(grant_found: Grant, auditor: User) -> None:
    told_ = told(auditor, grant_found(shows_names=True))
    assert told_.count("Asta") >= 3


# --- asking for a file ---


def test_file_is_asked_for_and_its_page_shown(browser: Client, mandate: Mandate) -> None:
    response = browser.post(url(mandate, "exports"), {"kind": "report_jsonl"})
    export = Export.objects.get()
    assert response["Location"] == reverse("threads:export", args=[export.pk])
    assert (export.kind, export.mandate_id) == ("report_jsonl", mandate.pk)
    exporting.build_all()
    response = browser.get(reverse("threads:export_file", args=[export.pk]))
    assert response.status_code == 200
    assert response["Content-Disposition"].endswith(('.jsonl"', ".jsonl"))


@pytest.mark.parametrize("kind", ["", "my_data", "nonsense"])
def test_other_kinds_are_not_asked_for_here(browser: Client, mandate: Mandate, kind: str) -> None:
    assert browser.post(url(mandate, "exports"), {"kind": kind}).status_code == 404


def test_after_the_end_findings_are_exported_and_no_conversations(
    browser: Client, mandate: Mandate, releaser: User
) -> None:
    assert signed_in(releaser).post(url(mandate, "exports"), {"kind": "report_csv"}).status_code == 404
    end(mandate)
    for client in (browser, signed_in(releaser)):
        assert client.post(url(mandate, "exports"), {"kind": "report_jsonl"}).status_code == 404
        response = client.post(url(mandate, "exports"), {"kind": "report_csv"})
        exporting.build_all()
        assert client.get(f"{response['Location']}file/").status_code == 200
