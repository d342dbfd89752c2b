"""Erasing: all of it goes, but for what is held; and the log still holds together."""

import base64
import json
import pickle
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.conftest import PASSWORD, in_another_connection
from threads import erasing
from threads.answering import removing
from threads.erasing import Because, Left
from threads.models import (
    Assistant,
    Event,
    Export,
    ExportKind,
    ExportPart,
    Feedback,
    Finding,
    Kind,
    Mandate,
    Message,
    NotAllowed,
    Rating,
    Reveal,
    Shelf,
    Source,
    Thread,
    User,
    Verdict,
)

pytestmark = pytest.mark.django_db

Grant = Callable[..., Mandate]
Start = Callable[..., Thread]
Finish = Callable[..., Message]
MARK = "Xylophonkonzert"


@pytest.fixture
def found(grant: Grant, start: Start, finish: Finish, auditor: User) -> Callable[..., tuple[Thread, Finding]]:
    """A conversation under a mandate, with a finding on its answer."""

    def found(mandate: dict[str, Any] | None = None, **fields: Any) -> tuple[Thread, Finding]:
        thread = start()
        answer = finish(thread)
        case = grant(**(mandate or {})).cases.get(thread=thread)
        finding = Finding(
            mandate=case.mandate,
            case=case,
            message=answer,
            case_number=case.number,
            position=2,
            verdict=Verdict.WRONG,
            note="Falsch",
            author=auditor,
            **fields,
        )
        finding.make()
        return thread, finding

    return found


def long_ago(thread: Thread, days: int = 40) -> None:
    Thread.objects.filter(pk=thread.pk).update(asked_at=timezone.now() - timedelta(days=days))


def erase(*threads: Thread) -> list[Thread]:
    return erasing.erase_threads(
        Thread.objects.filter(pk__in=[thread.pk for thread in threads]), Because.OWNER
    )


def erasures() -> list[tuple[Any, ...]]:
    events = Event.objects.filter(kind=Kind.THREAD_ERASED).order_by("number")
    return list(events.values_list("thread_id", "person_id", "details"))


def assert_log_fits() -> None:
    before = "0" * 64
    for event in Event.objects.order_by("number"):
        assert (event.previous_hash, event.fingerprint()) == (before, event.hash), event.number
        before = event.hash


# --- conversations ---


def test_each_conversation_that_is_erased_is_in_the_log(start: Start, asker: User) -> None:
    threads = sorted((start(), start()), key=lambda thread: thread.pk)
    kept = start()
    assert erase(*threads) == threads
    assert list(Thread.objects.all()) == [kept]
    assert erasures() == [(thread.pk, asker.pk, {"because": "owner"}) for thread in threads]


def test_nothing_is_recorded_where_nothing_is_erased() -> None:
    assert erase() == []
    assert not Event.objects.exists()


def test_finding_keeps_its_verdict_and_loses_its_texts(
    found: Callable[..., tuple[Thread, Finding]],
) -> None:
    thread, finding = found()
    Finding.objects.update(second_note="Auch falsch")
    erase(thread)
    finding.refresh_from_db()
    assert (finding.verdict, finding.case_number, finding.case) == (Verdict.WRONG, 1, None)
    assert (finding.note, finding.second_note) == ("", "")


def test_files_that_it_may_be_in_go_with_it(
    found: Callable[..., tuple[Thread, Finding]], grant: Grant, auditor: User, asker: User, colleague: User
) -> None:
    thread, finding = found()
    other = grant(since=date(2020, 1, 1), until=date(2020, 1, 2))
    for owner, mandate in ((auditor, finding.mandate), (auditor, other), (asker, None), (colleague, None)):
        kind = ExportKind.REPORT_CSV if mandate else ExportKind.MY_DATA
        Export.objects.create(kind=kind, owner=owner, mandate=mandate, language="de")
    erase(thread)
    assert set(Export.objects.values_list("owner", "mandate")) == {
        (auditor.pk, other.pk),
        (colleague.pk, None),
    }


def test_files_that_were_asked_for_meanwhile_go_too(
    found: Callable[..., tuple[Thread, Finding]],
    auditor: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    thread, finding = found()
    lock = erasing._lock

    def lock_and_export(*args: Any, **kwargs: Any) -> None:
        lock(*args, **kwargs)
        Export.objects.request(ExportKind.REPORT_JSONL, auditor, "de", finding.mandate)

    monkeypatch.setattr(erasing, "_lock", lock_and_export)
    with django_capture_on_commit_callbacks(execute=True):
        erase(thread)
    assert not Export.objects.exists()


@pytest.mark.parametrize(
    ("mandate", "finding"), [({"holds": True}, {}), ({}, {"holds": True})], ids=["mandate", "finding"]
)
def test_what_is_held_stays_until_the_hold_has_ended(
    found: Callable[..., tuple[Thread, Finding]],
    auditor: User,
    releaser: User,
    mandate: dict[str, Any],
    finding: dict[str, Any],
) -> None:
    thread, holding = found(mandate, **finding)
    assert erase(thread) == []
    holding.refresh_from_db()
    assert holding.note == "Falsch"
    holding.close(auditor)
    holding.mandate.revoke(releaser)
    assert erase(thread) == [thread]


@pytest.mark.django_db(transaction=True)
def test_hold_that_is_made_meanwhile_is_never_lost(
    found: Callable[..., tuple[Thread, Finding]], auditor: User
) -> None:
    """Either it came first, and the conversation stays; or the conversation is gone, and there is no such finding."""
    thread, finding = found()
    fresh = Finding.objects.get(pk=finding.pk)
    with transaction.atomic():
        fresh.holds = True
        fresh.change(auditor)
        other, errors = in_another_connection(lambda: erase(thread))
        assert other.is_alive()  # waits
    other.join()
    assert not errors
    assert Thread.objects.filter(pk=thread.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_finding_that_is_made_meanwhile_finds_no_conversation(
    found: Callable[..., tuple[Thread, Finding]], auditor: User
) -> None:
    thread, finding = found()
    late = Finding(
        mandate=finding.mandate, case=finding.case, message=finding.message, case_number=1, position=2,
        verdict=Verdict.OTHER, note=MARK, holds=True, author=auditor,
    )  # fmt: skip
    with transaction.atomic():
        assert erase(thread) == [thread]
        other, errors = in_another_connection(late.make)
        assert other.is_alive()
    other.join()
    assert len(errors) == 1
    assert list(Finding.objects.values_list("note", flat=True)) == [""]


# --- its owner ---


def page(client: Client) -> str:
    return client.get("/threads/deleted/").text


def test_owner_is_told_why_what_she_deleted_stays(
    client: Client, found: Callable[..., tuple[Thread, Finding]], releaser: User
) -> None:
    thread, finding = found({"holds": True, "discloses_late": True})
    thread.move(Shelf.DELETED)
    assert "Löschsperre" in page(client)
    said = client.post(f"/threads/{thread.pk}/erasure/", follow=True).text
    assert "Löschsperre" in said
    for text in (page(client), said):
        assert finding.mandate.title not in text
        assert "auditor@" not in text
    assert "1 Unterhaltung" in page(client)
    assert client.post(f"/threads/{thread.pk}/shelf/", {"to": "listed"}).status_code == 404
    removing.remove_some(set())
    assert Thread.objects.exists()
    finding.mandate.revoke(releaser)
    removing.remove_some(set())
    assert not Thread.objects.exists()
    assert "Löschsperre" not in page(client)


def test_owner_removes_what_is_not_held_at_once(client: Client, start: Start, asker: User) -> None:
    thread = start()
    thread.move(Shelf.DELETED)
    client.post(f"/threads/{thread.pk}/erasure/")
    assert erasures() == [(thread.pk, asker.pk, {"because": "owner"})]
    assert Event.objects.get(kind=Kind.THREAD_ERASED).actor_name == ""


# --- retention ---


def run_retention() -> Counter[int]:
    erased: Counter[int] = Counter()
    while removing.retain_some(set(), erased):
        pass
    removing.record_retention(erased)
    return erased


def test_assistant_keeps_for_as_long_as_it_says(
    start: Start, make_assistant: Callable[..., Assistant], assistant: Assistant
) -> None:
    for_ever = make_assistant(slug="b", remote_id=uuid.uuid4())
    Assistant.objects.filter(pk=assistant.pk).update(retention_days=30)
    old, young, other = start(), start(), start(assistant=for_ever)
    for thread in (old, other):
        long_ago(thread)
    long_ago(young, 29)
    assert run_retention() == {assistant.pk: 1}
    assert set(Thread.objects.all()) == {young, other}
    event = Event.objects.get(kind=Kind.RETENTION_RUN)
    assert event.details == {"erased_by_assistant": {str(assistant.pk): 1}}
    assert erasures()[0][2] == {"because": "retention"}


def test_run_that_erased_nothing_is_no_event(start: Start, assistant: Assistant) -> None:
    Assistant.objects.update(retention_days=30)
    start()
    run_retention()
    assert not Event.objects.exists()


def test_retention_leaves_out_what_is_held(
    found: Callable[..., tuple[Thread, Finding]], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "AT_ONCE", 1)
    held, _finding = found({"holds": True})
    Assistant.objects.update(retention_days=30)
    for thread in (held, start(), start()):
        long_ago(thread)
    assert sum(run_retention().values()) == 2
    assert list(Thread.objects.all()) == [held]


def test_conversation_that_goes_on_meanwhile_is_kept(
    start: Start, assistant: Assistant, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Assistant.objects.update(retention_days=30)
    assistant.refresh_from_db()
    thread = start()
    long_ago(thread)
    lock = erasing._lock

    def ask_and_lock(*args: Any, **kwargs: Any) -> None:
        Thread.objects.update(asked_at=timezone.now())
        lock(*args, **kwargs)

    monkeypatch.setattr(erasing, "_lock", ask_and_lock)
    assert erasing.erase_threads(Thread.objects.past_retention(assistant), Because.RETENTION) == []
    assert Thread.objects.exists()


# --- accounts ---


def test_account_goes_with_all_that_hangs_on_it(asker: User, start: Start, finish: Finish) -> None:
    finish(start())
    assert erasing.erase_account(asker, asker) == Left.NOTHING
    assert not User.objects.filter(pk=asker.pk).exists()
    assert [e.details for e in Event.objects.filter(kind=Kind.ACCOUNT_ERASED).order_by("number")] == [
        {"is_complete": False},
        {"is_complete": True, "left": "nothing"},
    ]


def test_account_with_something_held_is_closed_and_reduced_and_erased_later(
    asker: User, found: Callable[..., tuple[Thread, Finding]], start: Start, releaser: User
) -> None:
    held, finding = found({"holds": True})
    start()
    browser = Client()
    browser.force_login(asker)
    assert erasing.erase_account(asker, asker) == Left.CONVERSATIONS
    asker = User.objects.get(pk=asker.pk)
    assert list(Thread.objects.all()) == [held]
    assert (asker.first_name, asker.is_active, asker.has_usable_password()) == ("", False, False)
    assert asker.email == f"erased-{asker.pseudonym}@invalid"
    assert browser.get("/").status_code == 302
    assert not removing.erase_account(asker)
    assert Thread.objects.exists()
    finding.mandate.revoke(releaser)
    while removing.erase_account(asker):
        pass
    assert not User.objects.filter(pk=asker.pk).exists()


def test_of_who_acted_in_a_review_the_name_stays_and_nothing_else(
    found: Callable[..., tuple[Thread, Finding]], auditor: User, start: Start
) -> None:
    found()
    start(owner=auditor)
    browser = Client()
    browser.force_login(auditor)
    assert erasing.erase_account(auditor, auditor) == Left.NAME
    auditor = User.objects.get(pk=auditor.pk)
    assert (auditor.email, auditor.is_active, auditor.erasing_since) == ("auditor@example.org", False, None)
    assert not auditor.has_usable_password()
    assert not Thread.objects.filter(owner=auditor).exists()
    assert not auditor.acknowledgements.exists()
    assert not Session.objects.exists()


def test_who_was_to_read_under_a_mandate_stays_named(
    grant: Grant, colleague: User, propose: Grant, asker: User
) -> None:
    grant(auditors=[colleague])
    propose(auditors=[asker])  # which nobody has released
    assert erasing.erase_account(colleague, colleague) == Left.NAME
    assert erasing.erase_account(asker, asker) == Left.NOTHING


def test_last_superuser_stays(admin: User) -> None:
    with pytest.raises(NotAllowed):
        erasing.erase_account(admin, admin)
    User.objects.create_superuser("second@example.org", PASSWORD)
    assert erasing.erase_account(admin, admin) == Left.NOTHING


def test_others_sessions_stay(asker: User, colleague: User) -> None:
    for user in (asker, asker, colleague):
        Client().force_login(user)
    erasing.erase_account(asker, asker)
    assert [session.get_decoded()["_auth_user_id"] for session in Session.objects.all()] == [
        str(colleague.pk)
    ]


def test_sessions_are_not_looked_through_while_nobody_else_can_record(
    asker: User, colleague: User, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who deletes many accounts at once holds the log from the first of them on."""
    monkeypatch.setattr(erasing, "_end_sessions", lambda user: pytest.fail("in the same transaction"))
    browser = Client()
    browser.force_login(admin)
    ids = [asker.pk, colleague.pk]
    chosen = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    browser.post(reverse("admin:threads_user_changelist"), chosen)
    assert User.objects.filter(pk__in=ids, is_active=False).count() == 2


def test_counts_of_attempts_are_removed_once_they_count_no_longer() -> None:
    cache.set("ended", 1, timeout=-1)
    cache.set("counts", 1)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO cache VALUES ('old', 'x', now() - interval '1 hour')")
        removing.clear_counts()
        cursor.execute("SELECT cache_key FROM cache")
        assert [key for (key,) in cursor.fetchall()] == [":1:counts"]


# --- nothing is left ---


def everything() -> dict[str, str]:
    """All that stands in the database, by table and column, as text; packed values unpacked."""
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, udt_name FROM information_schema.columns "
            "JOIN information_schema.tables USING (table_schema, table_name) "
            "WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'"
        )
        for table, column, type_ in cursor.fetchall():
            value = f"convert_from(\"{column}\", 'LATIN1')" if type_ == "bytea" else f'"{column}"::text'
            cursor.execute(f'SELECT {value} FROM "{table}" WHERE "{column}" IS NOT NULL')  # noqa: S608 names of ours
            values = [str(row[0]) for row in cursor.fetchall()]
            if (table, column) == ("django_session", "session_data"):
                values += [json.dumps(session.get_decoded()) for session in Session.objects.all()]
            if (table, column) == ("cache", "value"):
                values += [repr(pickle.loads(base64.b64decode(each))) for each in values]  # noqa: S301 our own
            found[f"{table}.{column}"] = "\n".join(values)
    return found


def where_is(*marks: str) -> dict[str, set[str]]:
    columns = everything()
    assert len({name.split(".")[0] for name in columns}) > 25  # all tables, not some
    return {
        mark: {name for name, text in columns.items() if mark.casefold() in text.casefold()} for mark in marks
    }


def test_nothing_of_an_erased_user_is_left_in_any_table(
    start: Start, ask: Any, finish: Finish, grant: Grant, auditor: User, second: User, admin: User
) -> None:
    marks = {name: f"{MARK}{name}" for name in (
        "question", "answer", "source", "received", "title", "comment", "note", "second", "reason", "part",
        "first", "last", "session", "intent", "notice", "token",
    )}  # fmt: skip
    email = f"{MARK.lower()}@example.org"
    user = User.objects.create_user(email, PASSWORD, first_name=marks["first"], last_name=marks["last"])
    EmailAddress.objects.create(user=user, email=email, primary=True)
    LogEntry.objects.create(
        user=admin,
        content_type_id=_type_of(user),
        object_id=str(user.pk),
        object_repr=email,
        action_flag=CHANGE,
    )
    browser = Client()
    browser.post("/accounts/login/", {"login": email, "password": "wrong"})
    browser.post("/accounts/login/", {"login": email, "password": PASSWORD})
    browser.get("/")
    browser.post("/notice/", {"acknowledge": "1"})
    session = browser.session
    session["draft"] = marks["session"]
    session.save()

    thread = start(marks["question"], owner=user)
    source = Source(
        content=marks["source"], received={"title": marks["source"]}, document_title=marks["source"]
    )
    answer = finish(
        thread,
        marks["answer"],
        sources=[source],
        received={"x": {"y": [marks["received"]]}},
        intent=marks["intent"],
        legal_notice=marks["notice"],
    )
    thread.rename(marks["title"])
    Feedback.objects.give(answer, Rating.DOWN, reason="wrong", comment=marks["comment"])
    mandate = grant(auditors=[auditor, second])
    case = mandate.cases.get()
    finding = Finding(
        mandate=mandate, case=case, message=answer, case_number=1, position=2, verdict=Verdict.WRONG,
        note=marks["note"], author=auditor,
    )  # fmt: skip
    finding.make()
    finding.second(second, Verdict.OTHER, marks["second"])
    Reveal(case=case, reason=marks["reason"], requested_by=auditor).request()
    for kind, owner, of in ((ExportKind.REPORT_CSV, auditor, mandate), (ExportKind.MY_DATA, user, None)):
        export = Export.objects.create(kind=kind, owner=owner, mandate=of, language="de")
        ExportPart.objects.create(export=export, number=1, data=marks["part"].encode())

    looked_for = [mark for name, mark in marks.items() if name != "token"] + [email, str(user.pseudonym)]
    before = where_is(*looked_for)
    assert all(before.values()), before  # what is looked for can be found
    assert "threads_exportpart.data" in before[marks["part"]]
    assert "django_session.session_data" in before[marks["session"]]

    assert erasing.erase_account(user, user) == Left.NOTHING
    assert not {mark: places for mark, places in where_is(*looked_for).items() if places}
    assert Finding.objects.get().verdict == Verdict.WRONG
    assert_log_fits()
    assert Event.objects.filter(kind=Kind.THREAD_ERASED, thread_id=thread.pk).exists()


def _type_of(user: User) -> int:
    return ContentType.objects.get_for_model(user).pk
