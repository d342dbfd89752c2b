"""The ways between the pages of a review: where one is, and what there is under the same mandate."""

from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse

from threads.models import Finding, Mandate, Message, Thread, User, Verdict

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(auditor: User) -> Client:
    auditor.prefer(language="en")
    client = Client()
    client.force_login(auditor)
    return client


@pytest.fixture
def mandate(
    start: Callable[..., Thread], finish: Callable[..., Message], grant: Callable[..., Mandate]
) -> Mandate:
    finish(start())
    return grant()


def page_of(browser: Client, url: str) -> BeautifulSoup:
    response: Any = browser.get(url)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def current(page: BeautifulSoup) -> list[str]:
    return [each.get_text() for each in page.select("main .tabs [aria-current]")]


def test_tabs_say_where_one_is(browser: Client, mandate: Mandate, auditor: User) -> None:
    case = mandate.cases.get()
    answer = case.messages().answers().get()
    finding = Finding(mandate=mandate, case=case, message=answer, case_number=1, position=2,
                      author=auditor, verdict=Verdict.WRONG)  # fmt: skip
    finding.make()
    of_mandate = [mandate.pk]
    assert current(page_of(browser, reverse("threads:review"))) == ["Mandates"]
    assert current(page_of(browser, reverse("threads:log"))) == ["The log"]
    assert current(page_of(browser, reverse("threads:mandate", args=of_mandate))) == ["Mandates"]
    cases, findings = reverse("threads:cases", args=of_mandate), reverse("threads:findings", args=of_mandate)
    assert current(page_of(browser, cases)) == ["Mandates", "Conversations"]
    assert current(page_of(browser, f"{cases}1/")) == ["Mandates", "Conversations"]
    assert current(page_of(browser, findings)) == ["Mandates", "Findings"]
    assert current(page_of(browser, reverse("threads:finding", args=[finding.pk]))) == [
        "Mandates",
        "Findings",
    ]


def test_tab_of_the_conversations_keeps_what_they_are_narrowed_to(browser: Client, mandate: Mandate) -> None:
    cases = reverse("threads:cases", args=[mandate.pk])
    page = page_of(browser, f"{cases}1/?feedback=any")
    assert page.select_one(f'.under [href="{cases}?feedback=any"]')


def test_way_to_the_report_says_first_what_it_records(browser: Client, mandate: Mandate) -> None:
    """Not straight to the report, whose conversations count as read."""
    findings = reverse("threads:findings", args=[mandate.pk])
    for url in (reverse("threads:mandate", args=[mandate.pk]), findings):
        page = page_of(browser, url)
        assert [link["href"] for link in page.find_all("a", string="Report")] == [f"{findings}#report"]
    assert page_of(browser, findings).select_one("h2#report")


def test_mandate_leads_to_its_events(browser: Client, mandate: Mandate) -> None:
    log = f"{reverse('threads:log')}?mandate={mandate.pk}"
    assert page_of(browser, reverse("threads:mandate", args=[mandate.pk])).select_one(f'[href="{log}"]')
    assert "Mandate released" in page_of(browser, log).get_text()


def test_mandate_does_not_lead_to_a_log_that_one_may_not_read(
    browser: Client, mandate: Mandate, auditor: User
) -> None:
    for group in auditor.groups.all():
        group.permissions.remove(*group.permissions.filter(codename="view_event"))
    page = page_of(browser, reverse("threads:mandate", args=[mandate.pk]))
    assert not page.select(f'[href^="{reverse("threads:log")}"]')


def test_findings_of_several_answers_are_no_landmarks(
    browser: Client, start: Callable[..., Thread], finish: Callable[..., Message],
    ask: Callable[..., Message], grant: Callable[..., Mandate],
) -> None:  # fmt: skip
    thread = start()
    finish(thread)
    ask(thread, "Und dann?")
    finish(thread)
    page = page_of(browser, f"{reverse('threads:cases', args=[grant().pk])}1/")
    assert [each["role"] for each in page.select(".findings")] == ["group", "group"]


def test_page_of_an_export_is_named_and_leads_back(browser: Client, mandate: Mandate) -> None:
    page = page_of(
        browser,
        browser.post(reverse("threads:exports", args=[mandate.pk]), {"kind": "report_csv"})["Location"],
    )
    assert page.title
    assert page.title.get_text().startswith("Export: report as CSV")
    assert page.select_one(f'main [href="{reverse("threads:findings", args=[mandate.pk])}#report"]')
    page = page_of(browser, browser.post(reverse("threads:my_data_exports"))["Location"])
    assert page.select_one(f'main [href="{reverse("threads:my_data")}"]')


def test_password_managers_are_told_whose_account_is_erased(browser: Client, auditor: User) -> None:
    field = page_of(browser, reverse("threads:account_erasure")).select_one('form [autocomplete="username"]')
    assert field
    assert field["value"] == auditor.email


def test_who_has_no_conversation_is_not_told_of_all_0(browser: Client) -> None:
    for name in ("my_data", "account_erasure"):
        assert "All 0" not in (text := page_of(browser, reverse(f"threads:{name}")).get_text())
        assert "all 0" not in text
