"""Findings: who makes them, changes them and gives a second opinion, how they are listed and counted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.conftest import PASSWORD, _in_group, acknowledging, answer_of, page_of, signed_in
from threads import reports
from threads.forms.findings import MAX_NOTE_CHARACTERS
from threads.models import (
    Case,
    Event,
    Finding,
    Kind,
    Mandate,
    Message,
    NotAllowed,
    Severity,
    Thread,
    User,
    Verdict,
)
from threads.roles import AUDITOR
from threads.views.review.findings import PAGE_SIZE

pytestmark = pytest.mark.django_db

HTMX: Any = {"HX-Request": "true"}
Grant = Callable[..., Mandate]
Make = Callable[..., Finding]


@pytest.fixture
def answered(start: Callable[..., Thread], finish: Callable[..., Message]) -> Message:
    return finish(start("Eine geheime Frage"), "Eine geheime Antwort.")


@pytest.fixture
def mandate(grant: Grant, answered: Message, auditor: User, second: User) -> Mandate:
    return grant(auditors=[auditor, second])


@pytest.fixture
def case(mandate: Mandate) -> Case:
    return mandate.cases.get()


@pytest.fixture
def make(mandate: Mandate, auditor: User, answered: Message) -> Make:
    def make(**fields: Any) -> Finding:
        defaults = {
            "mandate": mandate,
            "case": mandate.cases.get(),
            "message": answered,
            "case_number": 1,
            "position": 2,
            "verdict": Verdict.WRONG,
            "severity": Severity.HIGH,
            "author": auditor,
        }
        finding = Finding(**(defaults | fields))
        finding.make()
        return finding

    return make


@pytest.fixture
def browser(auditor: User) -> Client:
    return signed_in(auditor)


def form_url(case: Case) -> str:
    return reverse("threads:findings_of_case", args=[case.mandate_id, case.number])


def url(finding: Finding, name: str = "finding") -> str:
    return reverse(f"threads:{name}", args=[finding.pk])


def list_url(mandate: Mandate) -> str:
    return reverse("threads:findings", args=[mandate.pk])


def sent(**fields: Any) -> dict[str, Any]:
    return {"position": 2, "verdict": "wrong", "severity": "3", "note": "Die Frist ist falsch.", **fields}


def end(mandate: Mandate) -> None:
    yesterday = timezone.localdate() - timedelta(days=1)
    Mandate.objects.filter(pk=mandate.pk).update(valid_from=yesterday, valid_until=yesterday)


# --- making one ---


def test_finding_is_stored_and_recorded_without_its_note(browser: Client, case: Case, auditor: User) -> None:
    response = browser.post(form_url(case), sent(assignee=auditor.pk, holds="on"), headers=HTMX)
    finding = Finding.objects.get()
    assert (finding.verdict, finding.severity, finding.assignee) == ("wrong", Severity.HIGH, auditor)
    assert (finding.message, finding.position, finding.holds) == (answer_of(case.thread), 2, True)
    page = page_of(response)
    assert page.select_one("#findings-2")
    assert "Die Frist ist falsch." in page.text
    event = Event.objects.get(kind=Kind.FINDING_MADE)
    assert (event.actor_id, event.person_id) == (auditor.pk, case.thread.owner_id)
    assert "Frist" not in str(event.details)


def test_without_script_it_leads_back_to_the_answer(browser: Client, case: Case) -> None:
    response = browser.post(form_url(case), sent())
    place = reverse("threads:case", args=[case.mandate_id, case.number])
    assert response["Location"] == f"{place}#findings-2"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"verdict": ""}, "verdict"),
        ({"verdict": "other", "note": " "}, "note"),
        ({"verdict": "correct"}, "severity"),
        ({"note": "x" * (MAX_NOTE_CHARACTERS + 1)}, "note"),
        ({"note": "a\0b"}, "note"),
        ({"assignee": "0"}, "assignee"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_errors_come_back_into_the_form_with_what_was_typed(
    browser: Client, case: Case, fields: dict[str, Any], field: str, headers: Any
) -> None:
    response = browser.post(form_url(case), sent(**fields), headers=headers)
    page = page_of(response)
    assert response.status_code == 422
    assert page.select_one(f"#finding-2-{field}-errors")
    note = page.select_one("textarea[name=note]")
    assert note
    assert note.text.removeprefix("\n") == sent(**fields)["note"]
    assert not Finding.objects.exists()


def test_finding_is_made_on_an_answer_that_is_in_the_mandates_period(browser: Client, case: Case) -> None:
    for position in (1, 3, "x"):
        assert browser.post(form_url(case), sent(position=position)).status_code == 404
    Message.objects.update(created_at=timezone.now() - timedelta(days=60))
    assert browser.post(form_url(case), sent()).status_code == 404


def test_nobody_makes_one_without_a_mandate_that_grants_it(
    case: Case, asker: User, admin: User, releaser: User, browser: Client
) -> None:
    for user in (asker, admin, releaser):
        assert signed_in(user).post(form_url(case), sent()).status_code == 404
    case.mandate.revoke(releaser)
    assert browser.post(form_url(case), sent()).status_code == 404
    assert not Finding.objects.exists()


def test_what_is_revoked_before_it_is_recorded_is_not_stored(
    make: Make, mandate: Mandate, releaser: User
) -> None:
    finding = make()
    mandate.revoke(releaser)
    for change in (
        make,
        lambda: finding.change(finding.author),
        lambda: finding.close(finding.author),
    ):
        with pytest.raises(NotAllowed):
            change()
    assert Finding.objects.get().is_open


def test_note_is_shown_as_the_text_that_it_is(browser: Client, case: Case) -> None:
    page = page_of(browser.post(form_url(case), sent(note="<b>fett</b>"), headers=HTMX))
    assert "<b>fett</b>" in page.text
    assert not page.select(".finding-note b")


# --- what becomes of it ---


def test_it_is_changed_as_long_as_it_is_open(browser: Client, make: Make, second: User) -> None:
    finding = make()
    changed = sent(verdict="incomplete", severity="1", note="Nur die halbe Antwort.", assignee=second.pk)
    assert browser.post(url(finding), changed).status_code == 302
    finding.refresh_from_db()
    assert (finding.verdict, finding.severity, finding.assignee) == ("incomplete", Severity.LOW, second)
    finding.close(second)
    response = browser.post(url(finding), sent(note="Zu spät"))
    assert response.status_code == 422
    finding.refresh_from_db()
    assert finding.verdict == "incomplete"


def test_change_that_another_was_quicker_than_is_refused_and_not_lost(
    browser: Client, make: Make, second: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = make()
    change = Finding.change

    def close_and_change(finding: Finding, user: User) -> None:
        Finding.objects.get(pk=finding.pk).close(second)
        change(finding, user)

    monkeypatch.setattr(Finding, "change", close_and_change)
    response = browser.post(url(finding), sent(note="Mein Text"))
    assert response.status_code == 422
    assert page_of(response).select_one("[role=alert]")


def test_second_opinion_is_another_auditors(browser: Client, make: Make, second: User) -> None:
    finding = make()
    opinion = {"verdict": "correct", "note": "Die Frist stimmt."}
    assert browser.post(url(finding, "second_opinion"), opinion).status_code == 422
    assert signed_in(second).post(url(finding, "second_opinion"), opinion).status_code == 302
    finding.refresh_from_db()
    assert (finding.second_verdict, finding.second_by) == ("correct", second)
    assert finding.verdict == Verdict.WRONG
    event = Event.objects.get(kind=Kind.SECOND_OPINION)
    assert "Frist" not in str(event.details)


def test_who_gave_the_second_opinion_changes_it_and_nobody_else(
    make: Make, mandate: Mandate, second: User, auditor: User
) -> None:
    third = _in_group(User.objects.create_user("third@example.org", PASSWORD), AUDITOR)
    mandate.auditors.add(third)
    finding = make()
    finding.second(second, "correct", "")
    finding.second(second, "wrong", "")
    with pytest.raises(NotAllowed):
        Finding.objects.get().second(third, "other", "")
    assert Finding.objects.get().is_agreed


def test_second_opinion_with_errors_comes_back(make: Make, second: User) -> None:
    response = signed_in(second).post(url(make(), "second_opinion"), {"note": "Meine Gründe"})
    page = page_of(response)
    assert response.status_code == 422
    assert page.select_one("#second-verdict-errors")
    assert "Meine Gründe" in page.text


def test_it_is_closed_and_opened_again(browser: Client, make: Make, auditor: User) -> None:
    finding = make(holds=True)
    browser.post(url(finding, "finding_state"), {"to": "closed"})
    finding.refresh_from_db()
    assert (finding.is_open, finding.closed_by) == (False, auditor)
    assert not Finding.objects.holding().exists()
    assert browser.post(url(finding, "finding_state"), {"to": "closed"}).status_code == 422
    browser.post(url(finding, "finding_state"), {"to": "open"})
    finding.refresh_from_db()
    assert finding.is_open
    kinds = Event.objects.order_by("number").values_list("kind", flat=True)
    assert list(kinds)[-2:] == [Kind.FINDING_CLOSED, Kind.FINDING_REOPENED]


def test_what_was_erased_with_its_conversation_is_not_written_anew(browser: Client, make: Make) -> None:
    finding = make(note="geheim")
    Finding.objects.update(note="")
    Thread.objects.all().delete()
    assert browser.post(url(finding), sent()).status_code == 422
    assert Finding.objects.get().note == ""
    assert browser.post(url(finding, "finding_state"), {"to": "closed"}).status_code == 302


def test_pages_of_findings_say_nothing_of_the_conversation(
    browser: Client, make: Make, answered: Message
) -> None:
    finding = make()
    for path in (url(finding), list_url(finding.mandate)):
        response = browser.get(path)
        assert response.status_code == 200
        for text in ("geheime", str(answered.pk), str(answered.thread_id), "asker@example.org", "Asta"):
            assert text not in response.text
    assert not Event.objects.filter(kind=Kind.THREAD_READ).exists()


# --- who sees them ---


def statuses(user: User, finding: Finding) -> list[int]:
    report = reverse("threads:report", args=[finding.mandate_id])
    return [
        signed_in(user).get(path).status_code for path in (url(finding), list_url(finding.mandate), report)
    ]


def test_in_force_they_are_its_auditors_and_later_also_those_of_who_releases(
    make: Make, auditor: User, releaser: User, admin: User, asker: User, second: User
) -> None:
    finding = make()
    stranger = _in_group(acknowledging(User.objects.create_user("stranger@example.org", PASSWORD)), AUDITOR)
    assert [statuses(user, finding) for user in (auditor, second)] == [[200] * 3] * 2
    assert [statuses(user, finding) for user in (releaser, admin, asker, stranger)] == [[404] * 3] * 4
    end(finding.mandate)
    assert [statuses(user, finding) for user in (auditor, releaser)] == [[200] * 3] * 2
    assert [statuses(user, finding) for user in (asker, stranger)] == [[404] * 3] * 2


def test_mandates_page_leads_to_them_who_may_see_them(make: Make, auditor: User, releaser: User) -> None:
    mandate = make().mandate
    page = reverse("threads:mandate", args=[mandate.pk])

    def is_led(user: User) -> bool:
        return list_url(mandate) in signed_in(user).get(page).text

    assert [is_led(auditor), is_led(releaser)] == [True, False]
    end(mandate)
    assert [is_led(auditor), is_led(releaser)] == [True, True]


def test_after_the_end_nobody_changes_them(make: Make, browser: Client, auditor: User, second: User) -> None:
    finding = make()
    end(finding.mandate)
    assert not page_of(browser.get(url(finding))).select("main form")
    assert browser.post(url(finding), sent()).status_code == 422
    assert browser.post(url(finding, "finding_state"), {"to": "closed"}).status_code == 422
    assert signed_in(second).post(url(finding, "second_opinion"), {"verdict": "wrong"}).status_code == 422
    assert Finding.objects.get().is_open


def test_hold_of_a_finding_can_be_ended_after_its_mandate(
    make: Make, browser: Client, auditor: User, releaser: User, asker: User
) -> None:
    """Else one tick of one auditor would keep a conversation for ever."""
    kept, other = make(holds=True), make(holds=True)
    end(kept.mandate)
    assert signed_in(asker).post(url(kept, "finding_state"), {"to": "closed"}).status_code == 404
    assert page_of(browser.get(url(kept))).select_one('main form [name=to][value="closed"]')
    assert browser.post(url(kept, "finding_state"), {"to": "closed"}).status_code == 302
    assert signed_in(releaser).post(url(other, "finding_state"), {"to": "closed"}).status_code == 302
    assert not Thread.objects.held().exists()
    closed = Event.objects.filter(kind=Kind.FINDING_CLOSED).order_by("number")
    assert [event.actor_id for event in closed] == [auditor.pk, releaser.pk]


def test_hold_is_not_made_anew_after_the_end_of_its_mandate(make: Make, browser: Client) -> None:
    finding = make(holds=True)
    end(finding.mandate)
    browser.post(url(finding, "finding_state"), {"to": "closed"})
    assert not page_of(browser.get(url(finding))).select("main form")
    assert browser.post(url(finding, "finding_state"), {"to": "open"}).status_code == 422
    assert not Thread.objects.held().exists()


def test_auditor_who_lost_the_right_sees_none_of_them(make: Make, auditor: User) -> None:
    finding = make()
    auditor.groups.clear()
    assert statuses(auditor, finding) == [404] * 3
    end(finding.mandate)
    assert statuses(auditor, finding) == [404] * 3


# --- the list ---


def rows(response: Any) -> int:
    return len(page_of(response).select("tbody tr a"))


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 3),
        ({"verdict": "wrong"}, 2),
        ({"severity": "0"}, 1),
        ({"state": "closed"}, 1),
        ({"state": "open", "verdict": "wrong"}, 1),
        ({"assignee": "0"}, 2),
        ({"verdict": "nonsense"}, 3),
    ],
)
def test_list_is_filtered(
    browser: Client, make: Make, auditor: User, filters: dict[str, str], count: int
) -> None:
    make(assignee=auditor).close(auditor)
    make()
    make(verdict=Verdict.CORRECT, severity=Severity.NONE)
    assert rows(browser.get(list_url(Mandate.objects.get()), filters)) == count


def test_list_goes_on_where_its_page_ends(browser: Client, make: Make) -> None:
    findings = [make() for _ in range(PAGE_SIZE + 1)]
    first = page_of(browser.get(list_url(findings[0].mandate), {"verdict": "wrong"}))
    more = first.select_one(".more a")
    assert more
    assert rows(browser.get(list_url(findings[0].mandate) + str(more["href"]).replace("#list", ""))) == 1


def test_list_takes_as_many_queries_however_long_it_is(
    browser: Client, make: Make, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        make()
    queries = 16
    with django_assert_num_queries(queries):
        browser.get(list_url(Mandate.objects.get()))
    for _ in range(20):
        make()
    with django_assert_num_queries(queries):
        browser.get(list_url(Mandate.objects.get()))


# --- figures ---


def test_figures_count_by_verdict_severity_state_and_agreement(
    make: Make, mandate: Mandate, auditor: User, second: User, case: Case
) -> None:
    case.mark_read(auditor)
    make().second(second, "wrong", "")
    make(severity=Severity.LOW).second(second, "correct", "")
    make(verdict=Verdict.CORRECT, severity=Severity.NONE).close(auditor)
    figures = reports.figures_of(mandate)
    assert (figures.findings, figures.open, figures.closed) == (3, 2, 1)
    by_verdict = {each.verdict: each.by_severity for each in figures.verdicts}
    assert by_verdict[Verdict.WRONG] == [0, 1, 0, 1]
    assert by_verdict[Verdict.CORRECT] == [1, 0, 0, 0]
    assert (figures.agreed.part, figures.agreed.whole) == (1, 2)
    assert (figures.faulty_answers.part, figures.faulty_answers.whole) == (1, 1)


def test_error_rate_is_of_the_conversations_that_were_read(
    grant: Grant, start: Callable[..., Thread], finish: Callable[..., Message], auditor: User
) -> None:
    for _ in range(4):
        finish(start())
    mandate = grant()
    for number, verdict in enumerate((Verdict.WRONG, Verdict.CORRECT, None), start=1):
        case = mandate.cases.get(number=number)
        case.mark_read(auditor)
        if verdict:
            message = answer_of(case.thread)
            Finding(
                mandate=mandate, case=case, message=message, case_number=number, position=2,
                verdict=verdict, author=auditor,
            ).make()  # fmt: skip
    figures = reports.figures_of(mandate)
    assert (figures.conversations, figures.read) == (4, 3)
    assert (figures.faulty.part, figures.faulty.whole) == (1, 3)
    assert (figures.with_finding.part, figures.with_finding.whole) == (2, 3)
    (of_assistant,) = figures.assistants
    assert (of_assistant.conversations, of_assistant.read, of_assistant.findings) == (4, 3, 2)


def test_of_nothing_read_there_is_no_rate(mandate: Mandate) -> None:
    assert reports.figures_of(mandate).faulty.percent is None


def test_what_was_erased_stays_counted(make: Make, mandate: Mandate) -> None:
    make()
    Thread.objects.all().delete()
    figures = reports.figures_of(mandate)
    assert (figures.findings, figures.erased, figures.conversations) == (1, 1, 0)
