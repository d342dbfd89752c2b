"""What machines are told: alive, ready, and the figures; that none of it is about persons."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, connections
from django.db import connection as database
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from pytest_django import DjangoDbBlocker, Settings

from tests.conftest import answer_of
from threads import health
from threads.models import Connection, Message, Slot, Thread, Worker
from threads.sandbox import API_KEY

Start = Callable[..., Thread]
Ask = Callable[[Thread, str], Message]
TOKEN = "a-token-of-some-length"
PATHS = ("/health/live", "/health/ready", "/metrics")


@pytest.fixture
def machine() -> Client:
    """It has never signed in."""
    return Client()


@pytest.fixture
def worker(db: None) -> None:
    _worker_seen(0)


def _worker_seen(seconds_ago: float) -> None:
    Worker.objects.all().delete()
    Worker.objects.create(seen_at=timezone.now() - timedelta(seconds=seconds_ago))


@pytest.fixture
def database_away(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Where it should be, nobody listens."""
    present = connections["default"]
    connections["default"] = DatabaseWrapper(
        present.settings_dict | {"HOST": "127.0.0.1", "PORT": "9", "PASSWORD": "hunter2"}, alias="default"
    )
    with django_db_blocker.unblock():
        yield
    connections["default"] = present


def use(settings: Settings, **fields: Any) -> None:
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update=fields)


def older(answer: Message, **times: float) -> None:
    """Move its times to so many seconds ago."""
    now = timezone.now()
    Message.objects.filter(pk=answer.pk).update(
        **{name: now - timedelta(seconds=seconds) for name, seconds in times.items()}
    )


def failing(response: Any) -> list[str]:
    return [name for name, check in response.json()["checks"].items() if not check["ok"]]


def figures(client: Client) -> dict[tuple[str, ...], float]:
    """Each by its name and the values of its labels."""
    text = client.get("/metrics").content.decode()
    families = text_string_to_metric_families(text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


# --- alive ---


def test_alive_without_a_database(machine: Client) -> None:  # the test may not use any
    response = machine.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"ok": True})


# --- ready ---


@pytest.mark.usefixtures("worker")
def test_ready(machine: Client) -> None:
    response = machine.get("/health/ready")
    assert response.status_code == 200
    assert response.json()["ok"] is True
    assert list(response.json()["checks"]) == ["database", "migrations", "worker", "oldest_waiting"]


@pytest.mark.usefixtures("database_away")
def test_not_ready_without_the_database(machine: Client, caplog: pytest.LogCaptureFixture) -> None:
    response = machine.get("/health/ready")
    assert (response.status_code, failing(response)) == (503, list(health.CHECKS))
    assert b"Traceback" not in response.content
    assert "hunter2" not in response.content.decode() + caplog.text


@pytest.mark.usefixtures("worker")
def test_not_ready_before_the_migrations(machine: Client) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE id = "
            "(SELECT max(id) FROM django_migrations WHERE app = 'threads')"
        )
    response = machine.get("/health/ready")
    assert (response.status_code, failing(response)) == (503, ["migrations"])


def test_not_ready_where_nothing_was_ever_set_up(machine: Client, db: None) -> None:
    with database.cursor() as cursor:
        cursor.execute("DROP TABLE threads_worker CASCADE")
    assert failing(machine.get("/health/ready")) == ["worker"]


@pytest.mark.usefixtures("db")
def test_not_ready_without_a_worker(machine: Client) -> None:
    response = machine.get("/health/ready")
    assert (response.status_code, failing(response)) == (503, ["worker"])


@pytest.mark.parametrize(("seconds", "expected"), [(10, []), (20, ["worker"])])
def test_worker_that_is_silent_counts_as_dead(
    machine: Client, db: None, seconds: int, expected: list[str]
) -> None:
    _worker_seen(seconds)
    assert failing(machine.get("/health/ready")) == expected


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("seconds", "expected"), [(50, []), (70, ["oldest_waiting"])])
@pytest.mark.parametrize("begun", [False, True])
def test_not_ready_when_a_question_waits_for_too_long(
    machine: Client, start: Start, settings: Settings, seconds: int, expected: list[str], begun: bool
) -> None:
    use(settings, ready_waiting_seconds=60)
    answer = answer_of(start())
    if begun:
        answer.begin()
    older(answer, created_at=seconds)
    assert failing(machine.get("/health/ready")) == expected


@pytest.mark.usefixtures("worker")
def test_slow_query_does_not_hold_up(machine: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow() -> health.Check:
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")
        return health.Check(ok=True)

    monkeypatch.setattr(health, "STATEMENT_TIMEOUT", "50ms")
    monkeypatch.setitem(health.CHECKS, "worker", slow)
    assert failing(machine.get("/health/ready")) == ["worker"]


# --- all three ---


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("path", PATHS)
def test_is_for_machines(machine: Client, client: Client, path: str) -> None:
    for asker in (machine, client):
        response = asker.get(path)
        assert response.status_code == 200
        assert not response.cookies
        assert response["Cache-Control"] == "no-store"
        assert "Vary" not in response
    assert machine.head(path).status_code == 200
    assert machine.post(path).status_code == 405
    assert machine.get(f"{path}/").status_code in (302, 404)  # not here


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("path", PATHS)
def test_is_asked_by_address_and_in_plain_http(machine: Client, settings: Settings, path: str) -> None:
    settings.ALLOWED_HOSTS = ["chat.example.org"]
    settings.SECURE_SSL_REDIRECT = True
    assert machine.get(path, headers={"host": "10.0.0.7:8000"}).status_code == 200


# --- who may read the figures ---


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.7", {}, 403),
        ("", {}, 403),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, 403),
        ("127.0.0.1", {"x-forwarded-proto": "https"}, 403),
        ("127.0.0.1", {"forwarded": "for=10.0.0.7"}, 403),
        ("10.0.0.7", {"authorization": "Bearer "}, 403),
    ],
)
def test_without_a_token_this_machine_only(
    machine: Client, address: str, headers: dict[str, str], status: int
) -> None:
    response = machine.get("/metrics", headers=headers, REMOTE_ADDR=address)
    assert response.status_code == status
    assert (b"chatsite_" in response.content) == (status == 200)


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        ("Bearer", 401),
        ("Bearer ä", 401),
        ("", 401),
    ],
)
def test_with_a_token_whoever_brings_it(
    machine: Client, settings: Settings, authorization: str, status: int
) -> None:
    use(settings, metrics_token=SecretStr(TOKEN))
    response = machine.get("/metrics", headers={"authorization": authorization})
    assert response.status_code == status
    assert (b"chatsite_" in response.content) == (status == 200)


# --- the figures ---


@pytest.mark.usefixtures("worker")
def test_figures_of_a_small_scenario(machine: Client, start: Start, ask: Ask) -> None:
    done, failed, strange, trying, waiting = (answer_of(start()) for _ in range(5))
    for answer in (done, failed, strange, trying):
        answer.begin()
    done.finish(sources=[], content="Zwei Wochen.")
    older(done, created_at=40, answering_at=30, finished_at=10)
    failed.fail("content_filter_error")
    older(failed, created_at=400, answering_at=399, finished_at=299)
    strange.fail("Mueller_gesucht")
    older(strange, created_at=400, answering_at=400, finished_at=301)
    trying.wait_again("rate_limit_error", seconds=5)
    older(waiting, created_at=1000)
    Slot.objects.create(
        connection=done.thread.assistant.connection, granted_at=timezone.now(), error_code="api_error"
    )
    found = figures(machine)
    assert found["chatsite_budget_used", str(done.thread.assistant.connection_id)] == 1
    assert found["chatsite_recent_api_errors", "api_error"] == 1
    assert found["chatsite_recent_questions",] == 2  # done, trying
    assert found["chatsite_open_answers", "waiting"] == 2
    assert found["chatsite_open_answers", "answering"] == 0
    assert found["chatsite_oldest_open_answer_seconds",] == pytest.approx(1000, abs=10)
    assert found["chatsite_retrying_answers", "rate_limit_error"] == 1
    assert found["chatsite_recent_answers", "done"] == 1
    assert found["chatsite_recent_answers", "failed"] == 1
    assert found["chatsite_recent_answers", "stopped"] == 0
    assert found["chatsite_recent_failures", "content_filter_error"] == 1
    assert found["chatsite_recent_waiting_seconds", "0.5"] == pytest.approx(1)
    assert found["chatsite_recent_waiting_seconds", "1.0"] == pytest.approx(10)
    assert found["chatsite_recent_answering_seconds", "0.95"] == pytest.approx(100)
    assert found["chatsite_workers",] == 1


@pytest.mark.usefixtures("db")
def test_nothing_was_asked_yet(machine: Client) -> None:
    found = figures(machine)
    assert found["chatsite_recent_questions",] == 0
    assert found["chatsite_oldest_open_answer_seconds",] == 0
    assert found["chatsite_workers",] == 0


def test_unknown_error_codes_are_one_series(machine: Client, start: Start) -> None:
    for code in ("Mueller_gesucht", "made_up"):
        answer_of(start()).fail(code)
    found = figures(machine)
    assert found["chatsite_recent_failures", "other"] == 2


def test_costs_the_same_for_one_and_for_many(machine: Client, start: Start, settings: Settings) -> None:
    settings.MAX_WAITING_PER_USER = 100

    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            machine.get("/metrics")
        return len(captured)

    answer_of(start()).fail("api_error")
    before = queries()
    for number in range(20):
        answer = answer_of(start())
        if number % 2:
            answer.begin()
            answer.finish(sources=[], content="…")
    assert queries() == before


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("path", PATHS)
def test_no_personal_data(
    machine: Client, start: Start, connection: Connection, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.DEBUG)
    thread = start("Geheimwort Donnerstag?")
    answer_of(thread).finish(sources=[], content="Antwort Freitag")
    text = machine.get(path).content.decode() + caplog.text
    for secret in (
        "Donnerstag",
        "Freitag",
        thread.owner.email,
        str(thread.owner.pseudonym),
        str(thread.pk),
        thread.assistant.name,
        connection.name,
        API_KEY,
    ):
        assert secret not in text


@pytest.mark.usefixtures("database_away")
def test_no_figures_without_the_database(machine: Client, caplog: pytest.LogCaptureFixture) -> None:
    response = machine.get("/metrics")
    assert (response.status_code, response.content) == (503, b"")
    assert "hunter2" not in caplog.text


def test_no_figures_where_a_query_fails(machine: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Iterator[Any]:
        raise DataError
        yield

    monkeypatch.setattr(health, "_budget", fail)
    assert machine.get("/metrics").status_code == 503
