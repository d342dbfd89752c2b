"""What log lines look like, and what never stands in them."""

import contextlib
import io
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from chatsite.logs import JsonFormatter, LineFormatter
from tests.conftest import PASSWORD, answer_of
from threads.models import Thread
from threads.sandbox import API_KEY

Start = Callable[..., Thread]
SECRET = "Geheimwort Donnerstag"
HOSTILE = "asked\n2026-01-01 INFO root: forged\r\x1b[2J\u2028\x85"

log = logging.getLogger("tests.logs")


class Lines:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    def __iter__(self) -> Iterator[Any]:
        return (json.loads(line) for line in self.text.splitlines())

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def of(self, action: str) -> list[Any]:
        return [line for line in self if line.get("action") == action]


@contextlib.contextmanager
def written_by(formatter: logging.Formatter) -> Iterator[Lines]:
    """What comes to the root logger, whatever its level."""
    lines = Lines()
    handler = logging.StreamHandler(lines.stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def lines() -> Iterator[Lines]:
    with written_by(JsonFormatter()) as lines:
        yield lines


@pytest.fixture
def plain() -> Iterator[Lines]:
    with written_by(LineFormatter()) as lines:
        yield lines


# --- a line ---


def test_line_of_json(lines: Lines) -> None:
    log.warning("called %s", "it", extra={"action": "called", "answer": uuid.UUID(int=1), "duration_ms": 12})
    [line] = lines
    at = datetime.fromisoformat(line.pop("time"))
    assert at.utcoffset() == timedelta(0)
    assert line == {
        "level": "WARNING",
        "logger": "tests.logs",
        "message": "called it",
        "action": "called",
        "answer": str(uuid.UUID(int=1)),
        "duration_ms": 12,
    }


def test_line_for_people(plain: Lines) -> None:
    log.info("called", extra={"action": "called", "status": None, "note": "two words", "ids": {"thread": 1}})
    assert plain.text.endswith(
        ' INFO tests.logs: called action=called status=null note="two words" ids={"thread": 1}\n'
    )


def test_hostile_text_stays_in_its_line(lines: Lines, plain: Lines) -> None:
    log.info("%s", HOSTILE, extra={"note": HOSTILE, HOSTILE: 1})
    assert next(iter(lines))["note"] == HOSTILE
    for text in (lines.text, plain.text):
        assert len(text.splitlines()) == 1
        assert "\x1b" not in text


@pytest.mark.parametrize("value", [float("nan"), {1: (2, {3})}, "\ud800", object(), None])
def test_every_value_can_be_written(lines: Lines, plain: Lines, value: Any) -> None:
    log.info("called", extra={"value": value, "time": "forged"})
    [line] = lines
    assert "value" in line
    assert line["time"] != "forged"
    plain.text.encode()


def test_of_an_object_only_its_type_is_written(lines: Lines) -> None:
    log.info("called", extra={"error": ValueError(SECRET), "items": [ValueError(SECRET)]})
    [line] = lines
    assert (line["error"], line["items"]) == ("<ValueError>", ["<ValueError>"])


# --- an exception ---


def fall_over() -> None:
    local = SECRET
    try:
        raise KeyError(local)
    except KeyError as error:
        raise ValueError(f"{local}?") from error


def test_exception_has_its_types_and_places_but_no_text(lines: Lines, plain: Lines) -> None:
    try:
        fall_over()
    except ValueError:
        log.exception("it fell over")
    [line] = lines
    assert line["exception"] == "ValueError"
    for text in (line["traceback"], plain.text):
        assert "KeyError" in text
        assert "in fall_over" in text
        assert SECRET not in text


def test_every_one_of_a_group_is_there(lines: Lines) -> None:
    try:
        raise ExceptionGroup("two", [ValueError(SECRET), TypeError(SECRET)])
    except ExceptionGroup:
        log.exception("they fell over")
    [line] = lines
    assert "ValueError" in line["traceback"]
    assert "TypeError" in line["traceback"]
    assert SECRET not in line["traceback"]


def test_what_is_wrong_with_the_database_is_said(lines: Lines) -> None:
    try:
        raise OperationalError("connection refused\nIs the server running?")
    except OperationalError:
        log.exception("it fell over")
    [line] = lines
    assert r"connection refused\nIs the server running?" in line["traceback"]


# --- requests ---


def test_request_is_a_line(lines: Lines, start: Start, client: Client) -> None:
    thread = start()
    client.get(reverse("threads:thread", args=[thread.pk]))
    [line] = lines.of("request")
    assert line.pop("duration_ms") >= 0
    del line["time"]
    assert line == {
        "level": "INFO",
        "logger": "chatsite.requests",
        "message": "request answered",
        "action": "request",
        "method": "GET",
        "route": "threads:thread",
        "ids": {"thread_id": str(thread.pk)},
        "status": 200,
    }


@pytest.mark.usefixtures("db")
def test_what_was_not_found_is_not_quoted(lines: Lines) -> None:
    assert Client().get(f"/{SECRET}/", {"q": SECRET}).status_code in (302, 404)
    assert lines.of("request")[0]["route"] is None
    assert "Donnerstag" not in lines.text


@pytest.mark.parametrize("path", ["/health/live", "/health/nothing", "/static/nothing.css"])
def test_probes_and_files_are_logged_for_debugging_only(lines: Lines, db: None, path: str) -> None:
    Client().get(path)
    [line] = lines.of("request")
    assert line["level"] == "DEBUG"


def test_fault_of_ours_is_logged_without_what_was_posted(
    lines: Lines, start: Start, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(thread: Thread, text: str, token: uuid.UUID) -> None:
        raise ValueError(text)

    thread = start()
    monkeypatch.setattr("threads.answering.ask", ask)
    client.raise_request_exception = False
    question = {"content": SECRET, "client_token": str(uuid.uuid4())}
    assert client.post(reverse("threads:messages", args=[thread.pk]), question).status_code == 500
    [line] = [line for line in lines if line["logger"] == "django.request"]
    assert line["exception"] == "ValueError"
    assert "in messages" in line["traceback"]
    assert "Donnerstag" not in lines.text


@pytest.mark.usefixtures("sandbox")
def test_neither_text_nor_key_nor_person_is_logged(
    lines: Lines, start: Start, client: Client, work: Callable[[], None]
) -> None:
    thread = start("Wie geht das?")
    place = reverse("threads:messages", args=[thread.pk])
    client.post(place, {"content": SECRET, "client_token": str(uuid.uuid4())})
    client.post(place, {"content": SECRET, "client_token": "none"})  # refused
    client.get("/", {"q": SECRET})
    login = {"login": thread.owner.email, "password": f"{PASSWORD}?"}
    Client().post(reverse("account_login"), login)
    work()
    assert lines.of("complete")
    assert len(lines.of("request")) == 4
    for secret in (
        "Donnerstag",
        "Wie geht das",
        answer_of(thread).content[:30],
        API_KEY,
        PASSWORD,
        thread.owner.email,
        str(thread.owner.pseudonym),
    ):
        assert secret not in lines.text


def test_nothing_is_mailed() -> None:
    assert not logging.getLogger("django").handlers
