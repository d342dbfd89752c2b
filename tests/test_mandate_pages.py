"""The pages of mandates: the overview, proposing, deciding, revoking; and the names that are asked for."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.conftest import in_another_connection, page_of
from threads.models import (
    Assistant,
    Case,
    Event,
    Kind,
    Mandate,
    Message,
    NotAllowed,
    Reveal,
    Status,
    Thread,
    User,
)
from threads.views.review.mandates import PER_PAGE

pytestmark = pytest.mark.django_db

Propose = Callable[..., Mandate]
Start = Callable[..., Thread]
Finish = Callable[..., Message]
NEW, REVIEW = reverse("threads:mandate_new"), reverse("threads:review")
STEPS = ("mandate_release", "mandate_refusal", "mandate_revocation")


def main_of(response: Any) -> Tag:
    main = page_of(response).main
    assert main
    return main


def as_user(user: User) -> Client:
    user.prefer(language="en")
    client = Client()
    client.force_login(user)
    return client


def url_of(mandate: Mandate, name: str = "mandate") -> str:
    return reverse(f"threads:{name}", args=[mandate.pk])


def titles(response: Any, section: str) -> list[str]:
    found = page_of(response).select(f"section[aria-labelledby={section}] li h3")
    return [title.get_text() for title in found]


def form_of(page: BeautifulSoup | Tag) -> dict[str, Any]:
    """What a browser sends of the form in it, unchanged."""
    form = page.select_one("main form") or page
    fields: dict[str, Any] = {}
    for field in form.select("input[name], textarea[name]"):
        if field.get("type") in ("checkbox", "radio") and not field.has_attr("checked"):
            continue
        missing = "on" if field.get("type") == "checkbox" else ""
        value = (
            field.get_text().removeprefix("\n") if field.name == "textarea" else field.get("value", missing)
        )
        fields.setdefault(str(field["name"]), []).append(value)
    return fields


@pytest.fixture
def terms(auditor: User) -> dict[str, Any]:
    """As the form proposes them, with what has to be filled in."""
    form = form_of(page_of(as_user(auditor).get(NEW)))
    texts = {"title": "Stichprobe", "purpose": "Güte\nder <b>Antworten</b>", "legal_basis": "§ 7"}
    return form | texts | {"auditors": [auditor.pk]}


# --- who sees what ---


@pytest.mark.parametrize("path", [REVIEW, NEW])
def test_others_find_nothing(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.post(path).status_code in (404, 405)


def test_mandate_is_not_there_for_an_employee_and_for_a_stranger(
    client: Client, propose: Propose, auditor: User
) -> None:
    mandate = propose()
    for name in ("mandate", *STEPS):
        assert client.get(url_of(mandate, name)).status_code == 404
        assert Client().get(url_of(mandate, name))["Location"].startswith("/accounts/login/")


def test_who_only_releases_does_not_propose(releaser: User, auditor: User) -> None:
    assert as_user(releaser).get(NEW).status_code == 404
    assert NEW not in as_user(releaser).get(REVIEW).text
    assert NEW in as_user(auditor).get(REVIEW).text


def test_overview_says_so_where_there_is_nothing(auditor: User, releaser: User, admin: User) -> None:
    assert "you read no conversations" in main_of(as_user(auditor).get(REVIEW)).get_text()
    text = main_of(as_user(releaser).get(REVIEW)).get_text()
    assert "Nothing waits for your decision." in text
    assert "you read no conversations" not in text
    assert as_user(admin).get(REVIEW).status_code == 200


def test_overview_is_grouped_by_what_the_user_does_with_it(
    propose: Propose, grant: Propose, auditor: User, releaser: User
) -> None:
    propose(title="Neu")
    grant(title="Gilt")
    grant(title="Vorbei").revoke(releaser)
    response = as_user(auditor).get(REVIEW)
    assert (titles(response, "to-read"), titles(response, "others")) == (["Gilt"], ["Vorbei", "Neu"])
    response = as_user(releaser).get(REVIEW)
    assert (titles(response, "to-decide"), titles(response, "others")) == (["Neu"], ["Vorbei", "Gilt"])


def test_overview_shows_the_progress(grant: Propose, start: Start, finish: Finish, auditor: User) -> None:
    for _ in range(2):
        finish(start())
    case = grant().cases.in_order()[0]
    case.mark_read(auditor)
    case.flag(is_flagged=True)
    assert "1 of 2 conversations read, 1 flagged" in main_of(as_user(auditor).get(REVIEW)).get_text()


def test_overview_goes_on_page_by_page(propose: Propose, auditor: User) -> None:
    for number in range(PER_PAGE + 1):
        propose(title=str(number))
    browser = as_user(auditor)
    first = browser.get(REVIEW)
    assert titles(first, "others") == [str(number) for number in range(PER_PAGE, 0, -1)]
    more = page_of(first).select_one("a[rel=next]")
    assert more
    second = browser.get(REVIEW + str(more["href"]).removeprefix(REVIEW))
    assert titles(second, "others") == ["0"]
    assert not page_of(second).select("a[rel=next], #to-read")


@pytest.mark.parametrize("before", ["x", "00000000-0000-0000-0000-000000000000"])
def test_cursor_that_is_none(auditor: User, before: str) -> None:
    assert as_user(auditor).get(REVIEW, {"before": before}).status_code in (200, 404)


@pytest.mark.parametrize("count", [1, 6])
def test_overview_takes_the_same_queries_however_much_there_is(
    propose: Propose, grant: Propose, start: Start, finish: Finish, auditor: User, releaser: User,
    count: int, django_assert_num_queries: Any,
) -> None:  # fmt: skip
    releaser.groups.add(*auditor.groups.all())
    for _ in range(count):
        finish(start())
        propose()
        case = grant().cases.in_order()[0]
        Reveal(case=case, reason="Warum", requested_by=auditor).request()
        propose(auditors=[releaser]).release(
            User.objects.create_superuser(f"{Mandate.objects.count()}@x.example")
        )
    browser = as_user(releaser)
    # session, user, groups' and own rights, proposed, reveals, read under, progress (4), others, sandbox
    with django_assert_num_queries(13):
        browser.get(REVIEW)


# --- proposing ---


def test_form_has_good_defaults(auditor: User, admin: User, assistant: Assistant) -> None:
    today = timezone.localdate()
    response = as_user(auditor).get(NEW)
    fields = form_of(page_of(response))
    assert [fields[name] for name in ("since", "until", "valid_from", "valid_until")] == [
        [str(day)] for day in (today - timedelta(days=30), today, today, today + timedelta(days=30))
    ]
    assert fields["selection"] == ["all"]
    assert not {"assistants", "auditors", "shows_names", "holds", "discloses_late"} & set(fields)
    # a superuser is nobody's auditor by that alone
    names = [label.get_text(strip=True) for label in page_of(response).select("#mandate-auditors label")]
    assert names == ["auditor@example.org"]


def test_mandate_is_proposed_and_shown_as_text(
    auditor: User, terms: dict[str, Any], assistant: Assistant
) -> None:
    browser = as_user(auditor)
    sent = terms | {"assistants": [assistant.pk], "sample_per_week": 5, "holds": "on"}
    response = browser.post(NEW, sent)
    mandate = Mandate.objects.get()
    assert response["Location"] == url_of(mandate)
    assert (mandate.status, mandate.proposed_by, mandate.sample_per_week) == (Status.PROPOSED, auditor, 5)
    assert (mandate.holds, mandate.shows_names, mandate.discloses_late) == (True, False, False)
    assert list(mandate.assistants.all()) == [assistant]
    assert Event.objects.exclude(kind=Kind.SIGNED_IN).get().kind == Kind.MANDATE_PROPOSED
    text = main_of(browser.get(url_of(mandate)))
    assert not text.select(".terms b")
    for part in ("<b>Antworten</b>", "§ 7", "5 conversations per week", "Arbeitsrecht", "pseudonyms"):
        assert part in text.get_text()


def test_form_sent_twice_proposes_once(auditor: User, terms: dict[str, Any]) -> None:
    browser = as_user(auditor)
    assert browser.post(NEW, terms)["Location"] == browser.post(NEW, terms)["Location"]
    browser.post(NEW, terms | {"title": "Doch anders"})
    assert Mandate.objects.count() == 2
    assert Event.objects.filter(kind=Kind.MANDATE_PROPOSED).count() == 2


def day(days: int) -> str:
    return str(timezone.localdate() + timedelta(days=days))


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"title": " \u200b"}, "title", "Please enter a title."),
        ({"title": "x" * 121}, "title", "at most 120"),
        ({"purpose": ""}, "purpose", "what the reading is for"),
        ({"purpose": "x" * 4001}, "purpose", "4001 characters"),
        ({"legal_basis": "\x00"}, "legal_basis", "can't be stored"),
        ({"auditors": []}, "auditors", "at least one"),
        ({"auditors": [0]}, "auditors", "that are offered"),
        ({"auditors": ["x"]}, "auditors", "that are offered"),
        ({"assistants": [0]}, "assistants", "that are offered"),
        ({"selection": "some"}, "selection", "that are offered"),
        ({"since": "gestern"}, "since", "enter a date"),
        ({"since": ""}, "since", "enter a date"),
        ({"since": "0001-01-01"}, "since", "enter a date"),
        ({"until": day(-31)}, "until", "before the first day"),
        ({"since": day(31), "until": day(32)}, "since", "after the mandate has ended"),
        ({"valid_from": day(-1)}, "valid_from", "has passed"),
        ({"valid_from": day(2), "valid_until": day(1)}, "valid_until", "before the first day"),
        ({"valid_until": day(366)}, "valid_until", "longer than a year"),
        ({"sample_per_week": "0"}, "sample_per_week", "at least 1"),
        ({"sample_per_week": "1.5"}, "sample_per_week", "whole number"),
        ({"sample_per_week": "99999"}, "sample_per_week", "At most 1000"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(
    auditor: User, terms: dict[str, Any], wrong: dict[str, Any], field: str, said: str
) -> None:
    sent = terms | {"shows_names": "on"} | wrong
    response = as_user(auditor).post(NEW, sent)
    page = page_of(response)
    assert response.status_code == 422
    error = page.select_one(f"#mandate-{field}_error")
    assert error
    assert said in error.get_text()
    described = page.select_one(f"[aria-describedby~=mandate-{field}_error]")
    assert described
    assert page.select_one(f".notice a[href='#mandate-{field}']")
    assert page.select_one(f"#mandate-{field}")
    kept = form_of(page)
    unchanged = {"title", "purpose", "legal_basis", "auditors", "valid_until", "shows_names", "token"} - {
        field
    }
    assert {name: [str(value) for value in kept[name]] for name in unchanged} == {
        name: [str(value) for value in (sent[name] if isinstance(sent[name], list) else [sent[name]])]
        for name in unchanged
    }
    assert not Mandate.objects.exists()


def test_year_is_the_longest_validity(auditor: User, terms: dict[str, Any]) -> None:
    assert as_user(auditor).post(NEW, terms | {"valid_until": day(365)}).status_code == 302


def test_errors_are_in_the_readers_language(auditor: User, terms: dict[str, Any]) -> None:
    browser = as_user(auditor)
    auditor.prefer(language="de")
    page = page_of(browser.post(NEW, terms | {"valid_until": day(500), "auditors": []}))
    said = " ".join(error.get_text() for error in page.select(".field-errors"))
    assert "länger als ein Jahr" in said
    assert "mindestens einen Prüfer" in said


def test_another_one_like_this_has_its_terms(
    propose: Propose, auditor: User, assistant: Assistant, releaser: User
) -> None:
    like = propose(assistants=[assistant], shows_names=True, sample_per_week=3, selection="notice",
                   valid_until=timezone.localdate() + timedelta(days=9))  # fmt: skip
    fields = form_of(page_of(as_user(auditor).get(NEW, {"like": str(like.pk)})))
    assert (fields["title"], fields["purpose"], fields["selection"]) == (
        [like.title], [like.purpose], ["notice"]
    )  # fmt: skip
    assert (fields["auditors"], fields["assistants"]) == ([str(auditor.pk)], [str(assistant.pk)])
    assert (fields["shows_names"], fields["sample_per_week"]) == (["on"], ["3"])
    assert fields["valid_until"] == [day(9)]


def test_days_of_what_has_ended_are_not_proposed_again(propose: Propose, auditor: User) -> None:
    ended = timezone.localdate() - timedelta(days=1)
    like = propose(valid_from=ended, valid_until=ended, since=ended - timedelta(days=400))
    fields = form_of(page_of(as_user(auditor).get(NEW, {"like": str(like.pk)})))
    assert (fields["since"], fields["valid_from"]) == ([day(-30)], [day(0)])


def test_terms_of_what_one_does_not_see_are_not_given_away(
    propose: Propose, auditor: User, admin: User
) -> None:
    mandate = propose(auditors=[admin], proposed_by=admin)
    auditor.groups.all()[0].permissions.remove(
        *auditor.groups.all()[0].permissions.filter(codename="view_event")
    )
    assert as_user(auditor).get(NEW, {"like": str(mandate.pk)}).status_code == 404


# --- deciding ---


def test_who_can_decide_is_named(propose: Propose, auditor: User, releaser: User) -> None:
    text = main_of(as_user(auditor).get(url_of(propose()))).get_text()
    assert "releaser@example.org" in text
    assert "Nobody reads under it yet." in text


def test_where_nobody_can_decide_the_page_says_so(propose: Propose, auditor: User) -> None:
    assert "Nobody can decide on it" in main_of(as_user(auditor).get(url_of(propose()))).get_text()


@pytest.mark.parametrize("step", ["mandate_release", "mandate_refusal"])
def test_who_proposed_it_and_who_reads_under_it_do_not_decide(
    propose: Propose, auditor: User, admin: User, releaser: User, step: str
) -> None:
    auditor.groups.add(*releaser.groups.all())
    for mandate, user in ((propose(), auditor), (propose(auditors=[releaser]), releaser),
                          (propose(proposed_by=admin), admin)):  # fmt: skip
        browser = as_user(user)
        assert url_of(mandate, step) not in browser.get(url_of(mandate)).text
        for response in (browser.get(url_of(mandate, step)), browser.post(url_of(mandate, step))):
            assert response.status_code == 403
            assert "another person decides" in main_of(response).get_text()
    assert {mandate.status for mandate in Mandate.objects.all()} == {Status.PROPOSED}


def test_release_says_what_will_happen_and_then_it_does(
    propose: Propose, start: Start, finish: Finish, auditor: User, releaser: User
) -> None:
    for _ in range(3):
        finish(start())
    mandate = propose(discloses_late=True)
    browser = as_user(releaser)
    page = main_of(browser.get(url_of(mandate, "mandate_release")))
    for said in (
        "auditor@example.org",
        "these are 3 conversations",
        "follows by itself",
        "only when the mandate",
    ):
        assert said in " ".join(page.get_text().split())
    assert Mandate.objects.get().status == Status.PROPOSED
    assert browser.post(url_of(mandate, "mandate_release"))["Location"] == url_of(mandate)
    assert Mandate.objects.get().status == Status.IN_FORCE
    text = main_of(browser.get(url_of(mandate))).get_text()
    assert "0 of 3 conversations read" in text
    assert "Released" in text


def test_estimate_of_very_much_is_bounded(
    propose: Propose, start: Start, finish: Finish, releaser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threads.models.scope.MOST_ESTIMATED", 1)
    monkeypatch.setattr("threads.views.review.mandates.MOST_ESTIMATED", 1)
    for _ in range(3):
        finish(start())
    assert "more than 1 conversations" in as_user(releaser).get(url_of(propose(), "mandate_release")).text


def test_what_would_grant_nothing_is_only_refused(propose: Propose, releaser: User) -> None:
    ended = timezone.localdate() - timedelta(days=1)
    mandate = propose(valid_from=ended, valid_until=ended)
    browser = as_user(releaser)
    response = browser.post(url_of(mandate, "mandate_release"))
    assert (response.status_code, "Its validity ended" in response.text) == (409, True)
    assert url_of(mandate, "mandate_release") not in browser.get(url_of(mandate)).text
    browser.post(url_of(mandate, "mandate_refusal"))
    assert Mandate.objects.get().status == Status.REFUSED


@pytest.mark.parametrize("step", ["mandate_release", "mandate_refusal"])
def test_what_was_decided_is_not_decided_again(grant: Propose, releaser: User, step: str) -> None:
    mandate = grant()
    for send in (as_user(releaser).get, as_user(releaser).post):
        response = send(url_of(mandate, step))
        assert (response.status_code, "nothing to decide any more" in response.text) == (409, True)


@pytest.mark.parametrize("step", STEPS)
def test_who_is_second_hears_what_has_happened(
    propose: Propose, releaser: User, admin: User, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the page's own look and the decision under the lock."""
    mandate = propose()
    Mandate.objects.get().refuse(admin)

    def too_late(*args: Any) -> None:
        raise NotAllowed

    name = {"mandate_release": "release", "mandate_refusal": "refuse", "mandate_revocation": "revoke"}[step]
    monkeypatch.setattr(Mandate, name, too_late)
    monkeypatch.setattr(Mandate, "can_be_decided_by", lambda *args: True)
    monkeypatch.setattr(Mandate, "can_be_revoked_by", lambda *args: True)
    response = as_user(releaser).post(url_of(mandate, step))
    assert (response.status_code, "refused" in main_of(response).get_text()) == (409, True)


def test_refused_it_says_by_whom(propose: Propose, releaser: User, auditor: User) -> None:
    mandate = propose()
    browser = as_user(releaser)
    assert "This can't be taken back" in browser.get(url_of(mandate, "mandate_refusal")).text.replace(
        "&#x27;", "'"
    )
    browser.post(url_of(mandate, "mandate_refusal"))
    text = main_of(as_user(auditor).get(url_of(mandate))).get_text()
    assert "Refused" in text
    assert "releaser@example.org" in text


def test_revoked_by_who_proposed_it_and_by_who_releases(
    grant: Propose, auditor: User, releaser: User, admin: User
) -> None:
    for user in (auditor, releaser, admin):
        mandate = grant()
        browser = as_user(user)
        assert url_of(mandate, "mandate_revocation") in browser.get(url_of(mandate)).text
        assert browser.get(url_of(mandate, "mandate_revocation")).status_code == 200
        browser.post(url_of(mandate, "mandate_revocation"))
        mandate.refresh_from_db()
        assert mandate.status == Status.REVOKED
    assert not Mandate.objects.granting(auditor).exists()


def test_other_auditor_does_not_revoke(grant: Propose, auditor: User, admin: User) -> None:
    mandate = grant(proposed_by=admin)
    response = as_user(auditor).post(url_of(mandate, "mandate_revocation"))
    assert (response.status_code, "Only who proposed" in response.text) == (403, True)
    assert url_of(mandate, "mandate_revocation") not in as_user(auditor).get(url_of(mandate)).text


def test_proposal_is_withdrawn_by_who_made_it(propose: Propose, auditor: User) -> None:
    mandate = propose()
    browser = as_user(auditor)
    assert "Withdraw this proposal?" in browser.get(url_of(mandate, "mandate_revocation")).text
    response = browser.post(url_of(mandate, "mandate_revocation"), follow=True)
    assert "The proposal is withdrawn." in response.text
    assert browser.post(url_of(mandate, "mandate_revocation")).status_code == 409


def test_steps_need_the_token_of_the_form(propose: Propose, releaser: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(releaser)
    assert browser.post(url_of(propose(), "mandate_release")).status_code == 403
    assert Mandate.objects.get().status == Status.PROPOSED


def test_sampled_weeks_stand_in_a_table(grant: Propose, start: Start, finish: Finish, auditor: User) -> None:
    finish(start())
    monday = timezone.localdate() - timedelta(days=7 + timezone.localdate().weekday())
    Message.objects.update(created_at=timezone.now() - timedelta(days=7))
    mandate = grant(sample_per_week=1, since=monday)
    table = main_of(as_user(auditor).get(url_of(mandate))).select_one("table")
    assert table
    assert [cell.get_text() for cell in table.select("td")] == ["1", "1"]


def test_page_takes_the_same_queries_however_much_is_under_it(
    grant: Propose, start: Start, finish: Finish, auditor: User, django_assert_num_queries: Any
) -> None:
    def queries() -> None:
        # session, user, rights (2), mandate, assistants, auditors, progress (4), granting, findings, sandbox
        with django_assert_num_queries(14):
            browser.get(url_of(mandate))

    browser, mandate = as_user(auditor), grant()
    queries()
    for _ in range(3):
        finish(start())
    mandate.collect()
    queries()


# --- names that are asked for ---


@pytest.fixture
def reveal(grant: Propose, start: Start, finish: Finish, auditor: User) -> Reveal:
    finish(start())
    reveal = Reveal(case=grant().cases.get(), reason="Verdacht <i>auf</i>", requested_by=auditor)
    reveal.request()
    return reveal


def decision_of(reveal: Reveal) -> str:
    return reverse("threads:reveal_decision", args=[reveal.pk])


def test_name_that_is_asked_for_waits_for_a_decision(reveal: Reveal, releaser: User, asker: User) -> None:
    section = page_of(as_user(releaser).get(REVIEW)).select_one("section[aria-labelledby=to-decide]")
    assert section
    for part in ("conversation 1", "Stichprobe", "Verdacht <i>auf</i>", "auditor@example.org"):
        assert part in section.get_text()
    assert asker.email not in section.get_text()
    assert str(reveal.case.thread_id) not in str(section)


@pytest.mark.parametrize(
    ("decision", "kind"), [("release", Kind.REVEAL_RELEASED), ("refuse", Kind.REVEAL_REFUSED)]
)
def test_second_person_decides_on_a_name(reveal: Reveal, releaser: User, decision: str, kind: str) -> None:
    browser = as_user(releaser)
    assert browser.post(decision_of(reveal), {"decision": decision})["Location"] == REVIEW
    reveal.refresh_from_db()
    assert (reveal.decided_by, bool(reveal.released_at)) == (releaser, decision == "release")
    assert Event.objects.newest_first()[0].kind == kind
    assert decision_of(reveal) not in browser.get(REVIEW).text


def test_auditor_never_decides_on_a_name(reveal: Reveal, auditor: User, releaser: User) -> None:
    assert as_user(auditor).post(decision_of(reveal), {"decision": "release"}).status_code == 404
    auditor.groups.add(*releaser.groups.all())
    browser = as_user(auditor)
    assert decision_of(reveal) not in browser.get(REVIEW).text
    assert browser.post(decision_of(reveal), {"decision": "release"}).status_code == 403
    reveal.refresh_from_db()
    assert not reveal.released_at


def test_name_is_decided_on_once_and_only_under_a_mandate_in_force(
    reveal: Reveal, releaser: User, grant: Propose
) -> None:
    browser = as_user(releaser)
    browser.post(decision_of(reveal), {"decision": "refuse"})
    assert browser.post(decision_of(reveal), {"decision": "release"}).status_code == 409
    again = Reveal(case=reveal.case, reason="Doch", requested_by=reveal.requested_by)
    again.request()
    Mandate.objects.get().revoke(releaser)
    assert browser.post(decision_of(again), {"decision": "release"}).status_code == 409
    assert decision_of(again) not in browser.get(REVIEW).text


@pytest.mark.parametrize("sent", [{}, {"decision": "perhaps"}])
def test_decision_that_is_none_decides_nothing(reveal: Reveal, releaser: User, sent: dict[str, str]) -> None:
    assert as_user(releaser).post(decision_of(reveal), sent)["Location"] == REVIEW
    assert as_user(releaser).get(decision_of(reveal)).status_code == 405
    reveal.refresh_from_db()
    assert not reveal.decided_by


def test_no_name_is_asked_for_after_a_revocation(reveal: Reveal, releaser: User, auditor: User) -> None:
    reveal.decide(releaser, False)
    reveal.case.mandate.revoke(releaser)
    again = Reveal(case=reveal.case, reason="Warum", requested_by=auditor)
    with pytest.raises(NotAllowed), transaction.atomic():
        again.request()
    assert Reveal.objects.get() == reveal
    assert Event.objects.newest_first()[0].kind == Kind.MANDATE_REVOKED


@pytest.mark.django_db(transaction=True)
def test_nothing_is_revealed_after_a_revocation(
    reveal: Reveal, releaser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = type(Event.objects.all()).hold

    def hold_after_a_revocation(events: Any) -> Any:
        if not Mandate.objects.exclude(revoked_at=None).exists():
            monkeypatch.undo()
            other, errors = in_another_connection(lambda: Mandate.objects.get().revoke(releaser))
            other.join(5)
            assert errors == []
        return hold(events)

    monkeypatch.setattr("threads.models.event.EventQuerySet.hold", hold_after_a_revocation)
    with pytest.raises(NotAllowed):
        reveal.decide(releaser, is_released=True)
    assert Case.objects.exists()
