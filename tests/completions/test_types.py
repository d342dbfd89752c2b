import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from tests.completions.conftest import ANSWER, ASSISTANT_ID, QUESTION, request
from threads.completions import (
    MAX_CONTENT_CHARACTERS,
    MAX_SOURCES,
    Assistant,
    Completion,
    CompletionRequest,
    RequestMessage,
    Source,
    error_details,
)

USER, ANSWERED, SYSTEM = (
    {"role": role, "content": f"{role} says {QUESTION}"} for role in ("user", "assistant", "system")
)


def types_of(error: ValidationError) -> list[str]:
    return [item["type"] for item in error_details(error)]


def completion(**values: Any) -> Completion:
    return Completion.model_validate({"content": ANSWER, **values})


# Rules for messages


@pytest.mark.parametrize(
    "messages",
    [
        [USER],
        [SYSTEM, USER],
        [USER, USER],
        [USER, ANSWERED, USER],
        [SYSTEM, USER, ANSWERED, USER, USER, ANSWERED, USER],
    ],
)
def test_conversation_in_order_is_accepted(messages: list[dict[str, str]]) -> None:
    assert len(request(messages=messages).messages) == len(messages)


@pytest.mark.parametrize(
    ("messages", "error_type"),
    [
        ([], "too_short"),
        ([SYSTEM], "last_message_not_user"),
        ([USER, ANSWERED], "last_message_not_user"),
        ([USER, SYSTEM, USER], "system_message_not_first"),
        ([SYSTEM, SYSTEM, USER], "system_message_not_first"),
        ([USER, SYSTEM], "system_message_not_first"),
        ([ANSWERED, USER], "answer_without_question"),
        ([SYSTEM, ANSWERED, USER], "answer_without_question"),
        ([USER, ANSWERED, ANSWERED, USER], "answer_without_question"),
        ([{"role": "tool", "content": "x"}], "literal_error"),
        ([{"role": "user"}], "missing"),
    ],
)
def test_conversation_out_of_order_is_refused(messages: list[dict[str, str]], error_type: str) -> None:
    with pytest.raises(ValidationError) as caught:
        request(messages=messages)
    assert types_of(caught.value) == [error_type]


@pytest.mark.parametrize(
    "content", ["?", "x" * MAX_CONTENT_CHARACTERS, "😀" * MAX_CONTENT_CHARACTERS, "👩‍👩‍👧\n"]
)
def test_text_within_the_rules_is_accepted(content: str) -> None:
    assert RequestMessage(role="user", content=content).content == content


@pytest.mark.parametrize(
    ("content", "error_type"),
    [
        ("", "content_blank"),
        (" \n\t\u00a0\u2003", "content_blank"),
        ("x" * (MAX_CONTENT_CHARACTERS + 1), "string_too_long"),
        ("😀" * (MAX_CONTENT_CHARACTERS + 1), "string_too_long"),
        ("a\x00b", "string_unicode"),
        ("a\ud83d", "string_unicode"),
        ("\udc00b", "string_unicode"),
        (4711, "string_type"),
        (None, "string_type"),
    ],
)
def test_text_outside_the_rules_is_refused(content: Any, error_type: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RequestMessage(role="user", content=content)
    assert types_of(caught.value) == [error_type]


def test_the_limit_is_the_contracts() -> None:
    assert MAX_CONTENT_CHARACTERS == 30_000


@pytest.mark.parametrize("user_id", ["", "4711", 4711])
def test_user_id_must_be_a_uuid(user_id: Any) -> None:
    with pytest.raises(ValidationError):
        request(user_id=user_id)


@pytest.mark.parametrize(
    ("body", "loc", "error_type"),
    [
        (b"{", [], "json_invalid"),
        (b"[]", [], "model_type"),
        (b"[" * 100_000, [], "json_invalid"),
        (b'{"assistant_id": "%s", "messages": "x"}', ["messages"], "list_type"),
        (
            b'{"assistant_id": "%s", "messages": [{"role": "user", "content": "  "}]}',
            ["messages", 0, "content"],
            "content_blank",
        ),
        (
            b'{"assistant_id": "%s", "messages": [{"role": "user", "content": "\\ud800"}]}',
            [],
            "json_invalid",
        ),
    ],
)
def test_bytes_are_refused_with_the_place_of_the_fault(body: bytes, loc: list[Any], error_type: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CompletionRequest.model_validate_json(body.replace(b"%s", str(ASSISTANT_ID).encode()))
    [detail] = error_details(caught.value)
    assert (detail["loc"], detail["type"], set(detail)) == (loc, error_type, {"loc", "message", "type"})


def test_request_without_licence_can_be_parsed() -> None:
    parsed = CompletionRequest.model_validate({**request().model_dump(), "meta_data": {"user_data": {}}})
    assert parsed.meta_data is not None
    assert parsed.meta_data.user_data is not None
    assert parsed.meta_data.user_data.licence is None


def test_errors_and_representations_hide_the_text() -> None:
    with pytest.raises(ValidationError) as caught:
        request(messages=[{"role": "user", "content": f"\x00{QUESTION}"}])
    shown = f"{caught.value!r} {caught.value} {error_details(caught.value)} {request()!r} {completion()}"
    assert QUESTION not in shown
    assert ANSWER not in shown


# Answers


@pytest.mark.parametrize(("value", "expected"), [(True, True), (False, False)])
def test_legal_advice_is_what_the_service_says(value: bool, expected: bool) -> None:
    assert completion(meta_data={"legal_advice": value}).legal_advice is expected


@pytest.mark.parametrize("value", [None, 0, 1, "false", "true", [], {}])
def test_legal_advice_is_unknown_unless_it_is_a_boolean(value: Any) -> None:
    assert completion(meta_data={"legal_advice": value}).legal_advice is None


@pytest.mark.parametrize("meta_data", [None, {}])
def test_legal_advice_is_unknown_when_missing(meta_data: Any) -> None:
    assert completion(meta_data=meta_data).legal_advice is None


@pytest.mark.parametrize(("value", "expected"), [("Probezeit", "Probezeit"), (None, ""), (5, "")])
def test_intent_is_a_text(value: Any, expected: str) -> None:
    assert completion(meta_data={"intent": value}).intent == expected


def test_what_is_missing_is_empty() -> None:
    bare = completion()
    assert (bare.created_at, bare.id, bare.thread_id, bare.role, bare.intent) == (None, None, None, None, "")
    assert (bare.meta_data, bare.sources, bare.raw) == ({}, [], {"content": ANSWER})


def test_null_counts_as_missing() -> None:
    nulls = completion(**dict.fromkeys(("created_at", "id", "thread_id", "role", "meta_data", "sources")))
    assert (nulls.created_at, nulls.id, nulls.thread_id, nulls.role) == (None, None, None, None)
    assert (nulls.meta_data, nulls.sources) == ({}, [])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-03-15T09:13:02.654321Z", datetime(2025, 3, 15, 9, 13, 2, 654321, UTC)),
        ("2025-03-15T10:13:02+01:00", datetime(2025, 3, 15, 9, 13, 2, 0, UTC)),
        ("2025-03-15T09:13:02", datetime(2025, 3, 15, 9, 13, 2, 0, UTC)),
        ("2025-03-15T09:13:02.654321987Z", datetime(2025, 3, 15, 9, 13, 2, 654321, UTC)),
        ("gestern", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("", None),
        (1742029982, None),
    ],
)
def test_created_at_is_a_time_in_utc_or_none_and_stays_in_raw(value: Any, expected: datetime | None) -> None:
    answer = completion(created_at=value)
    assert answer.created_at == expected
    assert answer.raw["created_at"] == value


@pytest.mark.parametrize("value", ["t-1", "", 5, {}])
def test_thread_id_that_can_not_be_sent_again_is_none(value: Any) -> None:
    assert completion(thread_id=value).thread_id is None


def test_unknown_keys_are_kept() -> None:
    body = {
        "content": ANSWER,
        "usage": {"tokens": 5},
        "raw": "x",
        "meta_data": {"type": None, "grade": 1.5},
        "sources": [{"content": "§ 622", "rank": 1, "meta_data": {"page": [7]}}],
    }
    answer = Completion.model_validate(body)
    assert json.loads(json.dumps(answer.raw)) == body
    assert answer.model_extra == {"usage": {"tokens": 5}, "raw": "x"}
    assert answer.meta_data == {"type": None, "grade": 1.5}
    assert (answer.sources[0].model_extra, answer.sources[0].meta_data) == ({"rank": 1}, {"page": [7]})


@pytest.mark.parametrize("value", [None, "", " \n", 5, [ANSWER]])
def test_answer_without_text_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        completion(content=value)


@pytest.mark.parametrize(
    "values",
    [
        {"sources": "x"},
        {"sources": [None]},
        {"sources": ["§ 622"]},
        {"sources": [{"content": 5}]},
        {"sources": [{"meta_data": []}]},
        {"sources": [{}] * (MAX_SOURCES + 1)},
        {"meta_data": []},
        {"meta_data": "x"},
    ],
)
def test_answer_of_another_shape_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        completion(**values)


def test_as_many_sources_as_allowed_are_kept() -> None:
    assert len(completion(sources=[{}] * MAX_SOURCES).sources) == MAX_SOURCES


def test_source_has_its_document_and_section() -> None:
    source = Source.model_validate(
        {"content": "§", "meta_data": {"document_title": "BGB", "section": "§ 622"}}
    )
    assert (source.content, source.document_title, source.section) == ("§", "BGB", "§ 622")


@pytest.mark.parametrize("values", [{}, {"content": None, "meta_data": None}, {"meta_data": {"section": 5}}])
def test_source_without_details_has_empty_ones(values: dict[str, Any]) -> None:
    source = Source.model_validate(values)
    assert (source.content, source.document_title, source.section, source.app_doc_id) == ("", "", "", "")


@pytest.mark.parametrize(
    ("value", "expected"), [("HI123", "HI123"), (123, "123"), (True, ""), (1.5, ""), (None, ""), (["1"], "")]
)
def test_app_doc_id_is_a_text(value: Any, expected: str) -> None:
    assert Source(meta_data={"app_doc_id": value}).app_doc_id == expected


# Assistants


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"__root__": ["user_data"], "user_data": ["licence"]}, ["user_data.licence"]),
        ({"__root__": ["user_data", "region"]}, ["user_data", "region"]),
        ({"__root__": ["a"], "a": ["b"], "b": ["c", "d"]}, ["a.b.c", "a.b.d"]),
        ({"__root__": ["a"], "a": ["a"]}, ["a.a"]),
        ({"user_data": ["licence"]}, []),
        ({"__root__": "user_data"}, []),
        ({"__root__": [None, "a"]}, ["a"]),
        ({}, []),
        (None, []),
    ],
)
def test_required_fields_are_dotted_paths(fields: Any, expected: list[str]) -> None:
    assistant = Assistant.model_validate({"id": ASSISTANT_ID, "request_required_fields": fields})
    assert assistant.required_fields == expected
    assert assistant.requires_licence == (expected == ["user_data.licence"])


def many(name: Callable[[int], str]) -> dict[str, list[str]]:
    return {name(n): [name(n + 1)] * 2 for n in range(100)}


def test_required_fields_that_fan_out_come_to_an_end() -> None:
    fields = {"__root__": ["f0"], **many("f{}".format)}
    assistant = Assistant.model_validate({"id": ASSISTANT_ID, "request_required_fields": fields})
    assert len(assistant.required_fields) == 101


def test_assistant_keeps_unknown_keys() -> None:
    assistant = Assistant.model_validate({"id": str(ASSISTANT_ID), "name": None, "colour": "red"})
    assert (assistant.id, assistant.name, assistant.streaming) == (ASSISTANT_ID, "", False)
    assert assistant.model_extra == {"colour": "red"}
