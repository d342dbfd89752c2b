"""Reading the log: who may, what is found, what is withheld from whom, and the files it is taken along in."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone, translation
from pytest_django import DjangoAssertNumQueries

from tests.conftest import page_of
from tests.test_views import url
from threads.log import PER_PAGE, Filters, Reading
from threads.models import Alias, Event, Happening, Kind, Mandate, Thread, User

pytestmark = pytest.mark.django_db

COLUMNS = ("number", "at", "kind", "actor_id", "actor_name", "person_id", "mandate_id", "thread_id", "details",
           "salt", "previous_hash")  # fmt: skip
Grant = Callable[..., Mandate]
Start = Callable[..., Thread]


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def reader(releaser: User) -> Client:
    """Reads the log, and no conversations: say for the works council."""
    return client_of(releaser)


def rows(client: Client, **filters: Any) -> list[list[str]]:
    response = client.get(url("log"), filters)
    assert response.status_code == 200
    cells = [row.select("th, td") for row in page_of(response).select(".log-table tbody tr")]
    return [[cell.get_text(" ", strip=True) for cell in row] for row in cells]


def kinds(client: Client, **filters: Any) -> list[str]:
    """Newest first."""
    numbers = [int(row[0]) for row in rows(client, **filters)]
    found = Event.objects.in_bulk(numbers)
    return [found[number].kind for number in numbers]


def read(thread: Thread, mandate: Mandate, auditor: User) -> Event:
    about = {"mandate_id": mandate.pk, "thread_id": thread.pk, "person_id": thread.owner_id}
    return Event.objects.record(Kind.THREAD_READ, auditor, **about, details={"conversation": 1})


@pytest.fixture
def thread(start: Start, finish: Callable[..., Any]) -> Thread:
    thread = start()
    finish(thread)
    return thread


# --- who may ---


@pytest.mark.parametrize("name", ["log", "log_head", "log_jsonl", "log_csv"])
def test_only_who_may_read_the_log_finds_it(
    name: str, asker: User, auditor: User, releaser: User, admin: User
) -> None:
    assert client_of(asker).get(url(name)).status_code == 404
    for user in (auditor, releaser, admin):
        assert client_of(user).get(url(name)).status_code == 200
    assert Client().get(url(name)).status_code == 302
    assert client_of(admin).post(url(name)).status_code == 405


def test_tab_leads_there_only_who_may(asker: User, reader: Client) -> None:
    asker.user_permissions.add(Permission.objects.get(codename="propose_mandate"))
    assert not page_of(client_of(asker).get(url("review"))).select(f".tabs [href='{url('log')}']")
    assert page_of(reader.get(url("review"))).select(f".tabs [href='{url('log')}']")


# --- reading is an event ---


def test_each_page_is_one_event_without_what_was_typed(reader: Client, releaser: User, asker: User) -> None:
    reader.get(url("log"), {"person": "Asker@example.org", "kind": "reading", "since": "2026-01-02"})
    event = Event.objects.newest_first()[0]
    assert (event.kind, event.actor_id) == (Kind.LOG_READ, releaser.pk)
    assert event.details == {
        "view": "page",
        "kinds": ["thread_read", "searched", "passage_shown", "exported"],
        "person": asker.pk,
        "since": "2026-01-02",
        "shown": 0,
    }
    assert Event.objects.filter(kind=Kind.LOG_READ).count() == 1


@pytest.mark.parametrize("name", ["log_jsonl", "log_csv"])
def test_each_file_is_one_event(reader: Client, name: str) -> None:
    b"".join(reader.get(url(name), {"kind": "log_read"}))
    event = Event.objects.get(kind=Kind.LOG_READ)
    assert event.details == {"view": name[4:], "kinds": ["log_read"], "count": 0}


def test_head_alone_is_no_event(reader: Client) -> None:
    before = Event.objects.head()
    hash_ = before.split(":")[1]
    page = reader.get(url("log_head")).text
    assert f"--head {before}" in page
    assert page.count(hash_) == 2
    assert Event.objects.head() == before


def test_nothing_is_read_unrecorded(reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def record(*args: Any, **kwargs: Any) -> None:
        raise OSError

    monkeypatch.setattr("threads.models.event.EventQuerySet.record_all", record)
    reader.raise_request_exception = False
    for name in ("log", "log_jsonl", "log_csv"):
        assert reader.get(url(name)).status_code == 500


# --- filters ---


@pytest.fixture
def events(auditor: User, admin: User, asker: User, thread: Thread, grant: Grant) -> list[Event]:
    mandate = grant(shows_names=True)
    return [
        Event.objects.record(Kind.SIGNED_IN, asker, person_id=asker.pk),
        read(thread, mandate, auditor),
        Event.objects.record(Kind.USER_CHANGED, admin, person_id=asker.pk, details={"done": "changed"}),
    ]


def test_log_is_filtered_by_kind_and_by_group_of_kinds(reader: Client, events: list[Event]) -> None:
    assert kinds(reader, kind="thread_read") == [Kind.THREAD_READ]
    assert kinds(reader, kind="mandates") == [Kind.MANDATE_RELEASED, Kind.MANDATE_PROPOSED]
    assert kinds(reader, kind="administration") == [Kind.USER_CHANGED]


def test_every_kind_can_be_looked_for(reader: Client) -> None:
    options = page_of(reader.get(url("log"))).select("#log-kind option")
    assert {str(kind.value) for kind in Kind} <= {str(option["value"]) for option in options}


def test_log_is_filtered_by_who_and_concerning_whom(reader: Client, events: list[Event]) -> None:
    assert kinds(reader, actor="admin@example.org") == [Kind.USER_CHANGED]
    assert kinds(reader, person="asker@example.org") == [Kind.USER_CHANGED, Kind.THREAD_READ, Kind.SIGNED_IN]


def test_log_is_filtered_by_who_had_an_address_once(reader: Client, events: list[Event], admin: User) -> None:
    admin.delete()
    assert kinds(reader, actor="Admin@example.org") == [Kind.USER_CHANGED]
    assert "admin@example.org" in rows(reader, actor="admin@example.org")[0][3]


def test_log_is_filtered_by_mandate_and_days(reader: Client, events: list[Event]) -> None:
    mandate = Mandate.objects.get()
    assert kinds(reader, mandate=mandate.pk)[0] == Kind.THREAD_READ
    today = timezone.localdate()
    assert len(rows(reader, since=today, until=today)) == len(rows(reader)) - 1
    assert rows(reader, since=today + timedelta(days=1)) == []
    assert rows(reader, until=today - timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "nothing"),
        ("actor", "nobody@example.org"),
        ("actor", "nobody"),
        ("person", "a\x00@example.org"),
        ("mandate", "x"),
        ("since", "yesterday"),
        ("until", "9999-12-31"),
    ],
)
def test_what_can_not_be_understood_shows_and_records_nothing(reader: Client, name: str, value: str) -> None:
    before = Event.objects.head()
    response = reader.get(url("log"), {name: value})
    assert response.status_code == 422
    page = page_of(response)
    [field] = page.select("[aria-invalid]")
    assert page.find(id=str(field["aria-describedby"])).get_text(strip=True)  # type: ignore[union-attr]
    assert not page.select(".log-table")
    assert reader.get(url("log_csv"), {name: value}).status_code == 404
    assert Event.objects.head() == before


def test_last_day_before_the_first_is_refused(reader: Client) -> None:
    assert reader.get(url("log"), {"since": "2026-02-02", "until": "2026-02-01"}).status_code == 422


# --- pages ---


@pytest.mark.parametrize("before", ["x", "0", "-1", str(2**63)])
def test_place_that_is_none_is_not_found(reader: Client, before: str) -> None:
    assert reader.get(url("log"), {"before": before}).status_code == 404


def test_older_events_follow_and_keep_the_filters(reader: Client, asker: User) -> None:
    Event.objects.record_all(Happening(Kind.SIGNED_IN, asker, asker.pk) for _ in range(PER_PAGE + 4))
    first = page_of(reader.get(url("log"), {"kind": "signed_in"}))
    older = first.select_one("a[rel=next]")
    assert older
    assert len(first.select(".log-table tbody tr")) == PER_PAGE
    second = page_of(reader.get(url("log") + str(older["href"])))
    assert len(second.select(".log-table tbody tr")) == 5  # with the reader's own
    assert not second.select("a[rel=next]")
    assert second.select("a[href='?kind=signed_in']")


@pytest.mark.parametrize("count", [1, 40])
def test_page_asks_the_database_as_often_for_many_as_for_few(
    reader: Client, auditor: User, thread: Thread, grant: Grant, count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    for number in range(count):
        if number % 10 == 0:
            mandate = grant(title=f"M{number}")
        read(thread, mandate, auditor)
    # Session, user, rights (2), mandates to choose from, head, is the reader an auditor without names, events, names
    # (4), sandbox, the event (3), and the transactions of both (4).
    with django_assert_num_queries(18):
        reader.get(url("log"))


# --- names ---


def test_who_did_it_and_whom_it_concerns_are_named(reader: Client, events: list[Event], asker: User) -> None:
    [row] = rows(reader, kind="thread_read")
    assert row[3:6] == ["auditor@example.org", "Asta <asker@example.org>", "Stichprobe"]
    pk = asker.pk
    asker.delete()
    [row] = rows(reader, kind="thread_read")
    assert row[4] == f"gelöschtes Konto (Nr. {pk})"


def test_who_failed_to_sign_in_is_not_known(reader: Client, asker: User) -> None:
    Event.objects.record(Kind.SIGN_IN_FAILED, person_id=asker.pk)
    [row] = rows(reader, kind="sign_in_failed")
    assert row[3:5] == ["nicht bekannt", "Asta <asker@example.org>"]


def test_hostile_names_stay_text(reader: Client, asker: User) -> None:
    User.objects.filter(pk=asker.pk).update(first_name="<script>alert(1)</script>")
    Event.objects.record(
        Kind.GROUP_CHANGED, asker, person_id=asker.pk, details={"name": "<img src=x>", "<b>": ["<i>"]}
    )
    page = page_of(reader.get(url("log"), {"kind": "group_changed"}))
    assert not page.select("td img, td b, td i, td script")
    assert "<script>" in page.select(".log-name")[1].get_text()


# --- pseudonyms ---


@pytest.fixture
def pseudonymous(auditor: User, asker: User, thread: Thread, grant: Grant) -> Event:
    """A conversation was read under a mandate that shows no names."""
    return read(thread, grant(), auditor)


@pytest.mark.parametrize("who", ["auditor", "releaser", "admin"])
def test_behind_a_pseudonym_the_log_names_nobody_to_anybody(
    who: str, request: pytest.FixtureRequest, pseudonymous: Event, asker: User, thread: Thread
) -> None:
    client = client_of(request.getfixturevalue(who))
    code = Alias.objects.get().code
    [row] = rows(client, kind="thread_read")
    assert row[4] == f"Person {code}"
    pages = [client.get(url("log"), {"kind": "thread_read"}).content]
    pages += [b"".join(client.get(url(name), {"kind": "thread_read"})) for name in ("log_csv", "log_jsonl")]
    for page in pages:
        text = page.decode()
        assert code in text
        for secret in (asker.email, "Asta", str(thread.pk), pseudonymous.salt, f'"person_id": {asker.pk}'):
            assert secret not in text


def test_behind_a_pseudonym_nobody_is_found_by_name(admin: User, pseudonymous: Event, asker: User) -> None:
    client = client_of(admin)
    assert Kind.THREAD_READ not in kinds(client, person=asker.email)
    lines = list(lines_of(client, person=asker.email))
    assert [line["kind"] for line in lines[1:-1]] == []
    assert Event.objects.newest_first()[0].details["count"] == 0


def test_person_can_not_be_tried_out_on_the_hash(admin: User, pseudonymous: Event, thread: Thread) -> None:
    """Even who knows all persons and conversations lacks the salt."""
    [line] = [line for line in lines_of(client_of(admin)) if line.get("kind") == "thread_read"]
    tried = line | {"person_id": thread.owner_id, "thread_id": str(thread.pk), "salt": ""}
    assert hash_of(tried) != line["hash"]
    assert hash_of(tried | {"salt": pseudonymous.salt}) == line["hash"]


def test_auditor_under_pseudonyms_does_not_see_who_signed_in_when(
    auditor: User, releaser: User, admin: User, asker: User, pseudonymous: Event
) -> None:
    event = Event.objects.record(Kind.SIGNED_IN, asker, person_id=asker.pk)
    mine, others = client_of(auditor), client_of(releaser)
    [signed_in] = [row for row in rows(mine, kind="signed_in") if int(row[0]) == event.number]
    assert signed_in[3:5] == ["vorenthalten", "vorenthalten"]
    assert event.number not in {int(row[0]) for row in rows(mine, actor=asker.email)}
    assert rows(mine, person=asker.email) == []
    [line] = [line for line in lines_of(mine) if line.get("number") == event.number]
    assert line["withheld"] == ["actor_id", "actor_name", "person_id", "thread_id", "salt"]
    assert not set(line) & set(line["withheld"])
    assert (
        asker.email in next(row for row in rows(others, kind="signed_in") if int(row[0]) == event.number)[3]
    )


def test_who_may_become_an_auditor_takes_no_times_of_signing_in_along_before(
    auditor: User, asker: User, admin: User
) -> None:
    """She knows them as well when the mandate is there."""
    event = Event.objects.record(Kind.SIGNED_IN, asker, person_id=asker.pk)
    [signed_in] = [row for row in rows(client_of(auditor), kind="signed_in") if int(row[0]) == event.number]
    assert signed_in[3:5] == ["vorenthalten", "vorenthalten"]
    assert asker.name_and_address in {row[3] for row in rows(client_of(admin), kind="signed_in")}


def test_auditor_sees_her_own_signing_in(auditor: User, pseudonymous: Event) -> None:
    [row] = rows(client_of(auditor), kind="signed_in")
    assert row[3:5] == ["auditor@example.org", "auditor@example.org"]


def test_pseudonym_of_who_is_erased_is_gone(reader: Client, pseudonymous: Event, asker: User) -> None:
    asker.delete()
    [row] = rows(reader, kind="thread_read")
    assert row[4] == "gelöschtes Konto"


# --- files ---


def lines_of(client: Client, **filters: Any) -> list[dict[str, Any]]:
    body = b"".join(client.get(url("log_jsonl"), filters)).decode()
    return [json.loads(line) for line in body.splitlines()]


def hash_of(line: dict[str, Any], columns: Any = None) -> str:
    """As the file's first line says; nothing of ours is used."""
    values = [line[name] for name in columns or COLUMNS]
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threads.log._ROWS_AT_ONCE", 3)
    monkeypatch.setattr("threads.log._ROWS_IN_A_PART", 2)


def test_file_of_json_lines_can_be_checked_by_anybody(admin: User, events: list[Event]) -> None:
    first, *rest, end = lines_of(client_of(admin))
    previous = "0" * 64
    for number, line in enumerate(rest, start=1):
        assert line["number"] == number
        assert line["previous_hash"] == previous
        assert hash_of(line, first["hash"]["of"]) == line["hash"]
        previous = line["hash"]
    assert rest[-1]["kind"] == Kind.LOG_READ
    assert first["head"] == end["end"]["head"] == f"{len(rest)}:{previous}"
    assert end["end"]["events"] == len(rest)
    assert end["end"]["withheld"] == 0
    call_command("verify_log", f"--head={first['head']}")


def test_chain_of_a_file_is_whole_also_where_something_is_withheld(admin: User, pseudonymous: Event) -> None:
    _, *rest, end = lines_of(client_of(admin))
    assert end["end"]["withheld"] == 1
    for before, line in pairwise(rest):
        assert line["previous_hash"] == before["hash"]
    assert all(hash_of(line) == line["hash"] for line in rest if "withheld" not in line)


def test_what_is_recorded_while_a_file_is_sent_is_not_in_it(admin: User, events: list[Event]) -> None:
    parts = iter(client_of(admin).get(url("log_jsonl")))
    next(parts)
    Event.objects.record(Kind.SIGNED_IN, admin, person_id=admin.pk)
    lines = [json.loads(line) for line in b"".join(parts).decode().splitlines()]
    assert lines[-2]["kind"] == Kind.LOG_READ


def test_csv_is_in_the_readers_language_and_ends_with_the_head(reader: Client, events: list[Event]) -> None:
    body = b"".join(reader.get(url("log_csv"))).decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(body), delimiter=";"))
    assert table[0][:3] == ["Nr.", "Wann", "Was"]
    assert [row[2] for row in table if row[0] == str(events[1].number)] == ["Unterhaltung gelesen"]
    head = Event.objects.get(kind=Kind.LOG_READ)
    assert (table[-1][0], table[-1][-1]) == (str(head.number), head.hash)
    assert len({row[0] for row in table}) == head.number + 1


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_cell_of_the_csv_is_a_formula(reader: Client, asker: User, name: str) -> None:
    User.objects.filter(pk=asker.pk).update(first_name=name, last_name="x")
    Event.objects.record(Kind.SIGNED_IN, asker, person_id=asker.pk)
    body = b"".join(reader.get(url("log_csv"), {"kind": "signed_in"})).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(body, newline=""), delimiter=";") for cell in row]
    assert any(name.strip() in cell for cell in cells)
    assert not [cell for cell in cells if re.match(r"[=+\-@\t\r]", cell)]


def test_files_are_sent_in_small_parts(reader: Client, asker: User) -> None:
    Event.objects.record_all(Happening(Kind.SIGNED_IN, asker, asker.pk) for _ in range(20))
    parts = list(reader.get(url("log_jsonl")))
    assert len(parts) > 12


def test_file_is_read_outside_of_the_transaction_that_records_it(
    reader: Client, releaser: User, asker: User
) -> None:
    """Else all others who record would wait for whoever downloads it."""
    depth = len(connection.savepoint_ids)
    parts = Reading(releaser, Filters()).json_lines(Event.objects.record(Kind.LOG_READ, releaser))
    next(parts)
    assert len(connection.savepoint_ids) == depth
    response: Any = reader.get(url("log_jsonl"))
    assert response.streaming


# --- words ---


@pytest.mark.parametrize(
    ("kind", "details", "said"),
    [
        (Kind.USER_CHANGED, {"done": "changed", "changed": ["groups"], "given": {"groups": ["Prüfung"]}},
         "Gruppe Prüfung gegeben"),
        (Kind.USER_CHANGED, {"done": "changed", "changed": ["is_superuser"], "taken": {"is_superuser": True}},
         "alle Rechte entzogen"),
        (Kind.USER_CHANGED, {"done": "changed", "changed": ["email", "password"]},
         "geändert: E-Mail-Adresse, Passwort"),
        (Kind.GROUP_CHANGED, {"done": "added", "name": "HR", "given": {"permissions": ["threads.view_event"]}},
         "„HR“, angelegt, Recht gegeben: Ereignisse ansehen"),
        (Kind.CONNECTION_CHANGED, {"done": "changed", "name": "Neu", "changed": ["api_key"]},
         "„Neu“, geändert: API-Schlüssel"),
        (Kind.SAMPLE_DRAWN, {"week": "2026-03-02", "population": 40, "drawn": 5},
         "Woche ab 02.03.2026: 5 von 40 Unterhaltungen"),
        (Kind.FINDING_MADE, {"conversation": 3, "finding": "0f0f0f0f-aaaa", "verdict": "wrong", "severity": 2,
         "holds": True},
         "Unterhaltung 3, Befund 0f0f0f0f, Urteil: falsch, Schwere: mittel, Löschsperre"),
        (Kind.EXPORTED, {"kind": "report", "conversations": 3}, "Bericht zum Drucken, Unterhaltungen: 3"),
        (Kind.RETENTION_RUN, {"something_new": 3, "none": None}, "something new: 3"),
    ],
)  # fmt: skip
def test_details_are_told_in_words(
    reader: Client, admin: User, kind: Kind, details: dict[str, Any], said: str
) -> None:
    Event.objects.record(kind, admin, details=details)
    page = page_of(reader.get(url("log"), {"kind": kind}))
    told = page.select_one(".log-what p")
    assert told
    assert told.get_text() == said


def test_terms_of_a_mandate_are_told(reader: Client, grant: Grant, auditor: User) -> None:
    grant(sample_per_week=5)
    told = rows(reader, kind="mandate_released")[0][2]
    for phrase in ("auditor@example.org", "alle Assistenten", "5 Unterhaltungen je Woche", "mit Pseudonymen"):
        assert phrase in told


@pytest.mark.parametrize("details", [[], 7, {"given": 3, "changed": [], "auditors": "x", "week": None}])
def test_whatever_the_details_are_the_page_is_shown(reader: Client, admin: User, details: Any) -> None:
    Event.objects.record(Kind.USER_CHANGED, admin, details=details)
    assert len(rows(reader, kind="user_changed")) == 1


def test_log_speaks_english_too(reader: Client) -> None:
    with translation.override("en"):
        response = reader.get(url("log"), headers={"Accept-Language": "en"})
    assert "Log read or exported" in BeautifulSoup(response.content, "html.parser").get_text()
