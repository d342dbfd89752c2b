"""Whatever the API does, an answer ends as a stored one or as a clear failure; and no page breaks.

Each fault of completions-api.md and of the sandbox, and worse: state, error code and number of calls.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.test import Client, override_settings
from django.urls import reverse

from tests.conftest import RunningSandbox, answer_of
from threads import failures
from threads.answering.calling import FAILURES
from threads.models import Message, State, Thread
from threads.sandbox.faults import FAULTS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("impatient")]

Start = Callable[..., Thread]
Work = Callable[..., None]
QUESTION = "Welche Kündigungsfristen gelten während der Probezeit?"

# One call, and no more: trying again does not help.
FINAL = {
    **{code: code for code in (
        "assistant_not_available", "resource_not_found", "assistant_not_found", "validation_error",
        "request_metadata_missing_or_incomplete", "unauthorized", "permission_denied", "content_filter_error",
        "length_finish_reason_error", "bad_request", "conflict_error", "unprocessable_entity",
    )},
    "unknown_error_code_400": "brand_new_error",
}  # fmt: skip
# These pass: tried again until they do, or the question is given up.
PASSING = {
    **{code: code for code in (
        "rate_limit_gateway", "rate_limit_error", "api_timeout_error", "internal_service_error",
        "api_connection_error", "api_error", "internal_server_error",
    )},
    "api_timeout_error_504": "api_timeout_error",
    "internal_service_error_500": "internal_service_error",
    "unknown_error_code": "brand_new_error",
    "gateway_429": "rate_limit_gateway",
    "html_502": "http_error",
    "empty_500": "http_error",
    "dropped": "connection_error",
    "broken_off": "connection_error",
}  # fmt: skip
# No answer, though it looked like one: tried again a few times.
NO_ANSWER = (
    "html_200", "empty_200", "truncated_json", "not_utf8", "json_list", "json_of_another_shape",
    "no_content", "null_content", "blank_content", "control_characters",
)  # fmt: skip
TOO_SLOW = ("slow", "drip")
ANSWERS = FAULTS.keys() - FINAL.keys() - PASSING.keys() - set(NO_ANSWER) - set(TOO_SLOW)


def outcome(thread: Thread, sandbox: RunningSandbox) -> tuple[str, str, int]:
    answer = answer_of(thread)
    return answer.state, answer.error_code, len(sandbox.bodies)


@pytest.mark.parametrize(("fault", "code"), FINAL.items())
def test_final_fault(sandbox: RunningSandbox, start: Start, work: Work, fault: str, code: str) -> None:
    thread = start(f"{QUESTION} !sandbox {fault}")
    work()
    assert outcome(thread, sandbox) == (State.FAILED, code, 1)


@pytest.mark.parametrize(("fault", "code"), PASSING.items())
def test_passing_fault(sandbox: RunningSandbox, start: Start, work: Work, fault: str, code: str) -> None:
    thread = start(f"{QUESTION} !sandbox {fault} 7")
    work()
    assert outcome(thread, sandbox) == (State.DONE, "", 8)
    with override_settings(GIVE_UP_SECONDS=0):
        lasting = start(f"{QUESTION} !sandbox {fault}")
        work()
    assert outcome(lasting, sandbox) == (State.FAILED, code, 9)


@pytest.mark.parametrize("fault", NO_ANSWER)
def test_what_is_no_answer(sandbox: RunningSandbox, start: Start, work: Work, fault: str) -> None:
    thread = start(f"{QUESTION} !sandbox {fault}")
    work()
    assert outcome(thread, sandbox) == (State.FAILED, "invalid_response", FAILURES)


@pytest.mark.parametrize("fault", TOO_SLOW)
@override_settings(GIVE_UP_SECONDS=0)
def test_answer_that_does_not_come_in_time(
    sandbox: RunningSandbox, start: Start, work: Work, fault: str
) -> None:
    thread = start(f"{QUESTION} !sandbox {fault} 20s")
    work(read=0.4)
    assert outcome(thread, sandbox) == (State.FAILED, "read_timeout", 1)


@pytest.mark.parametrize("fault", sorted(ANSWERS))
def test_answer_of_another_shape_is_stored_and_shown(
    sandbox: RunningSandbox, start: Start, work: Work, client: Client, fault: str
) -> None:
    thread = start(f"{QUESTION} !sandbox {fault}")
    work()
    assert outcome(thread, sandbox) == (State.DONE, "", 1)
    assert client.get(reverse("threads:thread", args=[thread.pk])).status_code == 200


def answer_with(**fields: Any) -> bytes:
    return json.dumps({"content": "Ja.", "sources": [], "meta_data": {}} | fields).encode()


def nested(depth: int) -> bytes:
    return b'{"content": "Ja.", "meta_data": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


WORSE = {
    "20 MB of text": answer_with(content="x" * 20_000_000),
    "5,000 sources": answer_with(sources=[{"content": "x"}] * 5000),
    "100,000 levels deep": nested(100_000),
    "NUL in the text": answer_with(content="a\x00b"),
    "NUL deep in the metadata": answer_with(meta_data={"a": [{"b\x00": 1}]}),
    "lone surrogate": b'{"content": "a\\ud800b"}',
    "lone surrogate in a key": b'{"content": "Ja.", "meta_data": {"\\udc00": 1}}',
    "content is a number": answer_with(content=5),
    "content is a list": answer_with(content=["Ja."]),
    "sources is a text": answer_with(sources="BGB"),
    "a source is a text": answer_with(sources=["BGB"]),
    "meta_data is a list": answer_with(meta_data=[1]),
    "not a number": b'{"content": "Ja.", "meta_data": {"a": NaN}}',
    "a number of 10,000 digits": b'{"content": "Ja.", "meta_data": {"a": ' + b"9" * 10_000 + b"}}",
    "two answers": answer_with() * 2,
    "nothing but a byte order mark": b"\xef\xbb\xbf",
    "random bytes": hashlib.shake_256(b"1").digest(1000),
}  # fmt: skip
ODD = {
    "9 MB of text": answer_with(content="Wort " * 1_800_000),
    "escape sequences and text direction": answer_with(content="\x1b[31mrot\x07 \u202eeddE\u202c \u2066x"),
    "nothing but emoji": answer_with(content="👩🏽‍⚖️" * 50),
    "50 levels deep": nested(50),
    "wrong types in the metadata": answer_with(meta_data={"legal_advice": "nein", "intent": 5, "type": []}),
    "wrong types beside it": answer_with(id=5, created_at="yesterday", thread_id="x", role=None),
    "wrong types in a source": answer_with(
        sources=[{"content": None, "meta_data": {"section": 3, "app_doc_id": {}, "document_title": None}}]
    ),
    "a source of a megabyte": answer_with(sources=[{"content": "x" * 1_000_000}]),
    "keys twice": b'{"content": "Nein.", "content": "Ja."}',
}


def work_on(body: bytes, work: Work) -> int:
    calls = []

    def respond(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(200, content=body)

    work(transport=httpx.MockTransport(respond))
    return len(calls)


@pytest.mark.parametrize("body", WORSE.values(), ids=WORSE.keys())
def test_bad_answer_is_a_clear_failure(start: Start, work: Work, client: Client, body: bytes) -> None:
    thread = start()
    assert work_on(body, work) == FAILURES
    answer = answer_of(thread)
    assert (answer.state, answer.error_code) == (State.FAILED, "invalid_response")
    page = client.get(reverse("threads:thread", args=[thread.pk]))
    assert str(failures.reason("invalid_response")) in page.content.decode()


@pytest.mark.parametrize("body", ODD.values(), ids=ODD.keys())
def test_odd_answer_is_stored_and_shown(start: Start, work: Work, client: Client, body: bytes) -> None:
    thread = start()
    assert work_on(body, work) == 1
    assert answer_of(thread).state == State.DONE
    assert client.get(reverse("threads:thread", args=[thread.pk])).status_code == 200


def test_every_fault_is_in_a_table() -> None:
    tables = [*FINAL, *PASSING, *NO_ANSWER, *TOO_SLOW, *ANSWERS]
    assert sorted(tables) == sorted(FAULTS)
    assert "no_legal_advice" in ANSWERS


@pytest.mark.parametrize(
    "code", sorted({*FINAL.values(), *PASSING.values(), "invalid_response", "read_timeout"})
)
def test_every_failure_has_a_reason_that_a_user_understands(code: str) -> None:
    assert str(failures.reason(code)).endswith(".")
    assert code not in str(failures.reason(code))


def test_nothing_is_left_open(sandbox: RunningSandbox, start: Start, work: Work) -> None:
    for fault in ("hostile", "dropped 2", "html_200", "unauthorized"):
        start(f"{QUESTION} !sandbox {fault}")
    work()
    assert not Message.objects.open().exists()
