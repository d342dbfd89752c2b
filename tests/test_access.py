"""Who reaches what: each URL of the product, asked as each role.

The rows are all that the URLconf has; a URL that no rule is written down for fails. What came is in docs/access.md:

    WRITE_ACCESS_TABLE=1 python -m pytest tests/test_access.py
"""

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from tests.conftest import PASSWORD, acknowledging
from threads.models import (
    Export,
    ExportKind,
    ExportState,
    Finding,
    Mandate,
    Message,
    Notice,
    Reveal,
    Shelf,
    Thread,
    User,
    Verdict,
)
from threads.roles import ADMIN, AUDITOR, RELEASER, make_groups

pytestmark = pytest.mark.django_db

TABLE = Path(__file__).parent.parent / "docs" / "access.md"

ANONYMOUS, OTHER, OWNER, AUDITOR_WITHOUT, AUDITOR_WITH, RELEASES, ADMINISTERS, SUPERUSER = ROLES = (
    "anonymous",
    "another employee",
    "owner",
    "auditor without a mandate",
    "auditor with a mandate",
    "releases mandates",
    "administers",
    "superuser",
)
EVERYBODY = set(ROLES)
SIGNED_IN = EVERYBODY - {ANONYMOUS}
AUDITORS = {AUDITOR_WITHOUT, AUDITOR_WITH}
ADMINS = {ADMINISTERS, SUPERUSER}
REVIEWERS = AUDITORS | {RELEASES} | ADMINS
DECIDES = {RELEASES, SUPERUSER}
READS = {AUDITOR_WITH}


@dataclass
class World:
    """One of each, of which the owner's conversation is under the mandate of the auditor with one."""

    users: dict[str, User]
    things: dict[str, Any] = field(default_factory=dict)


Things = Callable[[World], dict[str, Any]]


@dataclass(frozen=True)
class Rule:
    """`who` reaches it, by `method`, with `things` in the address and `data` in the form."""

    who: set[str]
    method: str = "get"
    things: Things = lambda world: {}
    data: dict[str, Any] = field(default_factory=dict)
    refusal: str = "404"  # what others get; 403 where they may see the thing, and not do that to it


def of(name: str, key: str = "pk") -> Things:
    return lambda world: {key: world.things[name].pk}


def thread(world: World) -> dict[str, Any]:
    return {"thread_id": world.things["thread"].pk}


def answer(world: World) -> dict[str, Any]:
    return {"message_id": world.things["answer"].pk}


def mandate(world: World) -> dict[str, Any]:
    return {"mandate_id": world.things["mandate"].pk}


def case(world: World) -> dict[str, Any]:
    return mandate(world) | {"number": world.things["case"].number}


OWN = {OWNER}
RULES: dict[str, Rule] = {
    # to everybody
    "account_login": Rule(EVERYBODY),
    "account_signup": Rule(EVERYBODY),
    "account_inactive": Rule(EVERYBODY),
    "threads:accessibility": Rule(EVERYBODY),
    "threads:language": Rule(EVERYBODY, "post", data={"language": "de"}),
    "threads:live": Rule(EVERYBODY),
    "threads:ready": Rule(EVERYBODY),
    "threads:metrics": Rule(EVERYBODY),  # it asks for its own token: see test_health.py
    # to who is signed in
    "account_logout": Rule(SIGNED_IN),
    "account_change_password": Rule(SIGNED_IN),
    "threads:home": Rule(SIGNED_IN),
    "threads:assistant": Rule(SIGNED_IN, things=lambda world: {"slug": world.things["assistant"].slug}),
    "threads:threads": Rule(SIGNED_IN),
    "threads:archived": Rule(SIGNED_IN),
    "threads:deleted": Rule(SIGNED_IN),
    "threads:search": Rule(SIGNED_IN, data={"q": "Frist"}),
    "threads:preferences": Rule(SIGNED_IN),
    "threads:notice": Rule(SIGNED_IN),
    "threads:shortcuts": Rule(SIGNED_IN),
    # one's own
    "threads:thread": Rule(OWN, things=thread),
    "threads:entry": Rule(OWN, things=thread),
    "threads:title": Rule(OWN, things=thread),
    "threads:shelf": Rule(OWN, "post", thread, {"to": "archived"}),
    "threads:erasure": Rule(OWN, "post", of("deleted", "thread_id")),
    "threads:messages": Rule(OWN, "post", thread, {"content": "Und dann?", "client_token": uuid.uuid4()}),
    "threads:thread_print": Rule(OWN, things=thread),
    "threads:thread_markdown": Rule(OWN, things=thread),
    "threads:thread_json": Rule(OWN, things=thread),
    "threads:message": Rule(OWN, things=answer),
    "threads:attempts": Rule(OWN, "post", answer),
    "threads:withdrawal": Rule(OWN, "post", answer),
    "threads:versions": Rule(OWN, things=of("question", "message_id")),
    "threads:feedback": Rule(OWN, "post", answer, {"rating": "up"}),
    "threads:message_print": Rule(OWN, things=answer),
    "threads:message_markdown": Rule(OWN, things=answer),
    "threads:message_json": Rule(OWN, things=answer),
    "threads:message_text": Rule(OWN, things=answer),
    "threads:message_html": Rule(OWN, things=answer),
    "threads:access": Rule(SIGNED_IN),
    "threads:my_data": Rule(SIGNED_IN),
    "threads:my_data_exports": Rule(SIGNED_IN, "post"),
    "threads:account_erasure": Rule(SIGNED_IN),
    "threads:export": Rule(OWN, things=of("my_data", "export_id")),
    "threads:export_attempts": Rule(OWN, "post", of("my_data", "export_id")),
    "threads:export_file": Rule(OWN, things=of("my_data", "export_id")),
    # to all, as the persons concerned
    "threads:data_sheet": Rule(SIGNED_IN),
    # of the review: mandates and the log
    "threads:review": Rule(REVIEWERS),
    "threads:mandate": Rule(REVIEWERS, things=mandate),
    "threads:mandate_new": Rule(REVIEWERS - {RELEASES}),
    "threads:mandate_release": Rule(DECIDES, "post", of("proposed", "mandate_id")),
    "threads:mandate_refusal": Rule(DECIDES, "post", of("proposed", "mandate_id")),
    "threads:mandate_revocation": Rule(
        DECIDES | {AUDITOR_WITH},  # also by who proposed it
        "post",
        mandate,
        refusal="403",
    ),
    "threads:reveal_decision": Rule(DECIDES, "post", of("reveal", "reveal_id"), {"decision": "release"}),
    "threads:log": Rule(REVIEWERS),
    "threads:log_head": Rule(REVIEWERS),
    "threads:log_jsonl": Rule(REVIEWERS),
    "threads:log_csv": Rule(REVIEWERS),
    # under a mandate, what others asked and were answered
    "threads:cases": Rule(READS, things=mandate),
    "threads:case": Rule(READS, things=case),
    "threads:flag": Rule(READS, "post", case, {"is_flagged": "on"}),
    "threads:reveal": Rule(READS, "post", case, {"reason": "Rückfrage"}),
    "threads:findings_of_case": Rule(READS, "post", case, {"position": 2, "verdict": "correct"}),
    "threads:findings": Rule(READS, things=mandate),
    "threads:finding": Rule(READS, things=of("finding", "finding_id")),
    "threads:second_opinion": Rule(READS, "post", of("others_finding", "finding_id"), {"verdict": "wrong"}),
    "threads:finding_state": Rule(READS, "post", of("finding", "finding_id"), {"to": "closed"}),
    "threads:report": Rule(READS, things=mandate),
    "threads:exports": Rule(READS, "post", mandate, {"kind": "report_csv"}),
    # figures, of no fewer than five people
    "threads:insights": Rule(REVIEWERS - {RELEASES}),
    # of the administration
    "threads:components": Rule(ADMINS),
    "admin:logout": Rule(SIGNED_IN, "post"),
    # of Django's admin, but not used here
    "admin:autocomplete": Rule(set()),
    "admin:view_on_site": Rule(set(), things=lambda world: {"content_type_id": 1, "object_id": 1}),
    "admin:threads_notice_delete": Rule(set(), things=of("notice", "object_id")),
}


def rule_of(name: str) -> Rule:
    if name in RULES:
        return RULES[name]
    if name.startswith("admin:"):
        return _rule_of_admin(name)
    pytest.fail(f"who may reach {name}? Write a rule for it.")


def _rule_of_admin(name: str) -> Rule:
    """The administration is for staff, and what it shows of each model for who has the right."""
    model = next(
        (model for model in ("connection", "assistant", "notice", "user", "group") if model in name), ""
    )
    if name == "admin:app_list":
        return Rule(ADMINS, things=lambda world: {"app_label": "threads"})
    if not model:
        return Rule(ADMINS)
    if name.endswith("_import"):
        return Rule(ADMINS, things=of(model))
    if name.endswith("_test"):
        return Rule(ADMINS, "post", of(model))
    if name.endswith("_password_change"):
        return Rule(ADMINS, things=of(model, "id"))
    if name.endswith(("_changelist", "_add")):
        return Rule(ADMINS)
    return Rule(ADMINS, things=of(model, "object_id"))


# --- the URLconf ---


def _urls(resolver: URLResolver, prefix: str = "", namespace: str = "") -> Iterator[tuple[str, str]]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _urls(pattern, route, inner)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield f"{namespace}{pattern.name}", route


URLS = dict(_urls(get_resolver()))


@pytest.fixture
def world(
    asker: User,
    colleague: User,
    auditor: User,
    releaser: User,
    admin: User,
    start: Callable[..., Thread],
    finish: Callable[..., Message],
    grant: Callable[..., Mandate],
    propose: Callable[..., Mandate],
) -> World:
    make_groups()
    without, administers = (
        acknowledging(User.objects.create_user(f"{name}@example.org", PASSWORD))
        for name in ("without", "staff")
    )
    without.groups.add(Group.objects.get(name=AUDITOR.name))
    administers.groups.add(Group.objects.get(name=ADMIN.name))
    User.objects.filter(pk=administers.pk).update(is_staff=True)
    users = {
        OTHER: colleague,
        OWNER: asker,
        AUDITOR_WITHOUT: without,
        AUDITOR_WITH: auditor,
        RELEASES: releaser,
        ADMINISTERS: administers,
        SUPERUSER: admin,
    }
    thread, deleted = start(), start()
    answer = finish(thread)
    deleted.move(Shelf.DELETED)
    mandate = grant()
    case = mandate.cases.get()
    finding, others_finding = (
        Finding(
            mandate=mandate,
            case=case,
            message=answer,
            case_number=case.number,
            position=answer.position,
            verdict=Verdict.CORRECT,
            author=author,
        )
        for author in (auditor, auditor)
    )
    finding.make()
    others_finding.make()
    Finding.objects.filter(pk=others_finding.pk).update(author=without)
    reveal = Reveal(case=case, reason="Rückfrage", requested_by=auditor)
    reveal.request()
    my_data = Export.objects.create(
        kind=ExportKind.MY_DATA,
        owner=asker,
        language="de",
        state=ExportState.READY,
        finished_at=timezone.now(),
    )
    my_data.parts.create(number=0, data=b"PK")
    things = {
        "assistant": thread.assistant,
        "connection": thread.assistant.connection,
        "thread": thread,
        "deleted": deleted,
        "answer": answer,
        "question": answer.question,
        "mandate": mandate,
        "proposed": propose(),
        "case": case,
        "finding": finding,
        "others_finding": others_finding,
        "reveal": reveal,
        "my_data": my_data,
        "user": colleague,
        "group": Group.objects.get(name=RELEASER.name),
        "notice": Notice.objects.in_force(),
    }
    return World(users, things)


# --- asking ---


def ask_as(role: str, name: str, rule: Rule, world: World) -> str:
    """What came, in a word; what it did is undone."""
    browser = Client(raise_request_exception=True)
    with transaction.atomic():
        if role != ANONYMOUS:
            browser.force_login(world.users[role])
        url = reverse(name, kwargs=rule.things(world))
        response = getattr(browser, rule.method)(url, rule.data)
        transaction.set_rollback(True)
    to = response.get("Location", "")
    if to.startswith((reverse("account_login"), reverse("admin:login"))):
        return "login"
    return str(response.status_code)


def is_reached(came: str) -> bool:
    return came not in ("login", "403", "404", "405")


def test_each_url_is_reached_by_those_it_is_for_and_by_nobody_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threads.importing.offered", lambda connection: [])
    rows, wrong = [], []
    for name, route in URLS.items():
        rule = rule_of(name)
        came = {role: ask_as(role, name, rule, world) for role in ROLES}
        rows.append(f"| `/{route}` | {rule.method.upper()} | {' | '.join(came.values())} |")
        reached = {role for role in ROLES if is_reached(came[role])}
        # What is others' is not there; that there is an administration, all may know.
        denied = {came[role] for role in SIGNED_IN - rule.who}
        if reached != rule.who or not (denied <= {"404", rule.refusal} or name.startswith("admin:")):
            wrong.append((name, came))
    table = f"{INTRODUCTION}{HEAD}{NEW_LINE.join(rows)}\n"
    print(table)  # noqa: T201 with `pytest -s`, or where it fails
    if os.environ.get("WRITE_ACCESS_TABLE"):
        TABLE.write_text(table)
    assert not wrong
    assert table == TABLE.read_text(), "docs/access.md is out of date: see above"


def test_no_rule_is_left_over() -> None:
    assert set(RULES) <= set(URLS)


NEW_LINE = "\n"
HEAD = f"| {' | '.join(['address', 'method', *ROLES])} |\n|{' --- |' * (2 + len(ROLES))}\n"
INTRODUCTION = """# Who reaches what

Each address of the product, asked as each role, and what came: the status of the response, or `login` where the way
led to signing in. The conversation in these addresses is the *owner*'s; the *auditor with a mandate* may read it, and
nobody else. What belongs to others is not found (404). `tests/test_access.py` asks all of this anew with each run of
the tests, and wrote this table.

"""
