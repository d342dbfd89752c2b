"""What is refused, and how: completions-api.md, Rules for messages and Errors."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from threads.completions.types import MAX_CONTENT_CHARACTERS, Assistant, Completion
from threads.sandbox import EMPLOYMENT_LAW, FAMILY, WORKING_TIME, Sandbox
from threads.sandbox.asgi import MAX_BODY_BYTES

from .conftest import QUESTION, Ask


def user(content: str = QUESTION) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: str = "Zwei Wochen.") -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def system(content: str = "Sei kurz.") -> dict[str, Any]:
    return {"role": "system", "content": content}


def assert_refused(response: httpx.Response, status: int, error_code: str) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"error_code", "detail"}
    assert response.json()["error_code"] == error_code
    return response.json()["detail"]


def assert_invalid(response: httpx.Response, *loc: str | int) -> None:
    details = assert_refused(response, 422, "validation_error")
    assert [set(item) for item in details] == [{"loc", "message", "type"}] * len(details)
    assert list(loc) in [item["loc"][: len(loc)] for item in details]


async def test_an_answer_has_the_contracts_shape(ask: Ask) -> None:
    response = await ask(user_id=str(uuid4()))
    answer = response.json()
    assert response.status_code == 200
    assert set(answer) == {"content", "created_at", "id", "meta_data", "role", "sources", "thread_id"}
    assert set(answer["meta_data"]) == {"intent", "legal_advice", "type"}
    assert answer["role"] == "assistant"
    created_at = datetime.strptime(answer["created_at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - created_at) < timedelta(minutes=1)
    assert UUID(answer["id"]) != UUID(answer["thread_id"])
    assert UUID(answer["meta_data"]["type"])


async def test_an_answer_is_one_for_the_client(ask: Ask) -> None:
    completion = Completion.model_validate_json((await ask()).content)
    assert completion.legal_advice is False
    assert [(s.document_title, s.section) for s in completion.sources][:1] == [
        ("Bürgerliches Gesetzbuch (BGB)", "§ 622 Abs. 3")
    ]


@pytest.mark.parametrize("key", ["", "wrong", "sandbox-key "])
async def test_a_wrong_key_is_refused_everywhere(client: httpx.AsyncClient, key: str) -> None:
    for method, path in [
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/assistants"),
        ("GET", f"/v1/assistants/{FAMILY}"),
        ("POST", "/sandbox/faults"),
        ("GET", "/sandbox/requests"),
        ("GET", "/elsewhere"),
    ]:
        response = await client.request(method, path, headers={"api-key": key})
        assert_refused(response, 401, "unauthorized")


@pytest.mark.parametrize(
    "messages",
    [
        [user()],
        [system(), user()],
        [user(), assistant(), user()],
        [user(), user()],
        [system(), user("Nie beantwortet"), user(), assistant() | {"sources": []}, user()],
        [user("x" * MAX_CONTENT_CHARACTERS)],
        [user("😀" * MAX_CONTENT_CHARACTERS)],
    ],
)
async def test_conversations_by_the_rules_are_answered(ask: Ask, messages: list[Any]) -> None:
    assert (await ask(messages=messages)).status_code == 200


@pytest.mark.parametrize(
    "messages",
    [
        None,
        "Hallo",
        [],
        [system()],
        [assistant(), user()],
        [system(), assistant(), user()],
        [user(), assistant()],
        [user(), assistant(), assistant(), user()],
        [user(), system(), user()],
        [system(), system(), user()],
        [user(), system()],
    ],
)
async def test_conversations_against_the_rules_are_invalid(ask: Ask, messages: Any) -> None:
    assert_invalid(await ask(messages=messages), "body", "messages")


@pytest.mark.parametrize(
    "message",
    [
        user(""),
        user(" \n\t\u00a0"),
        user("x" * (MAX_CONTENT_CHARACTERS + 1)),
        user("vor\x00nach"),
        {"role": "user"},
        {"role": "user", "content": None},
        {"role": "user", "content": 1},
        {"role": "tool", "content": "x"},
        {"content": "x"},
        "x",
    ],
)
async def test_messages_against_the_rules_are_invalid(ask: Ask, message: Any) -> None:
    assert_invalid(await ask(messages=[message]), "body", "messages", 0)


async def test_a_lone_surrogate_is_invalid(client: httpx.AsyncClient) -> None:
    body = json.dumps({"assistant_id": str(EMPLOYMENT_LAW), "messages": [user("\ud800")]})
    assert_invalid(await client.post("/v1/chat/completions", content=body), "body")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b'"x"', b"{'a': 1}", b'{"a": "\xfc"}', b"[" * 100_000]
)
async def test_a_body_that_is_no_json_object_is_invalid(client: httpx.AsyncClient, body: bytes) -> None:
    assert_invalid(await client.post("/v1/chat/completions", content=body), "body")


@pytest.mark.parametrize("given", [None, "", "EMPLOYMENT_LAW", 1])
async def test_the_assistant_id_must_be_a_uuid(ask: Ask, given: Any) -> None:
    assert_invalid(await ask(assistant_id=given), "body", "assistant_id")


@pytest.mark.parametrize("given", ["", "anna@example.org", 1])
async def test_the_user_id_must_be_a_uuid(ask: Ask, given: Any) -> None:
    assert_invalid(await ask(user_id=given), "body", "user_id")


async def test_the_user_id_may_be_left_out(ask: Ask) -> None:
    assert (await ask(user_id=None)).status_code == 200


async def test_an_unknown_assistant_is_not_found(ask: Ask, client: httpx.AsyncClient) -> None:
    assert_refused(await ask(assistant_id=str(uuid4())), 404, "assistant_not_found")
    assert_refused(await client.get(f"/v1/assistants/{uuid4()}"), 404, "assistant_not_found")
    assert_refused(await client.get("/v1/assistants/hr"), 404, "assistant_not_found")


@pytest.mark.parametrize(
    "meta_data", [None, {}, {"user_data": None}, {"user_data": {}}, {"user_data": {"licence": " "}}]
)
async def test_a_missing_licence_is_named(ask: Ask, meta_data: Any) -> None:
    response = await ask(assistant_id=str(WORKING_TIME), meta_data=meta_data)
    detail = assert_refused(response, 422, "request_metadata_missing_or_incomplete")
    assert "user_data.licence" in detail


async def test_with_a_licence_it_answers(ask: Ask) -> None:
    meta_data = {"user_data": {"licence": "PI12345"}}
    assert (await ask(assistant_id=str(WORKING_TIME), meta_data=meta_data)).status_code == 200


async def test_a_thread_goes_on_under_its_id(ask: Ask) -> None:
    thread_id = (await ask()).json()["thread_id"]
    assert (await ask(thread_id=thread_id)).json()["thread_id"] == thread_id
    assert (await ask()).json()["thread_id"] != thread_id


async def test_an_unknown_thread_is_not_found(ask: Ask) -> None:
    assert_refused(await ask(thread_id=str(uuid4())), 404, "resource_not_found")


@pytest.mark.parametrize("given", ["", "1", "x" * 36])
async def test_the_thread_id_must_be_a_uuid(ask: Ask, given: str) -> None:
    assert_invalid(await ask(thread_id=given), "query", "thread_id")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("POST", "/v1/assistants", "GET"),
        ("DELETE", f"/v1/assistants/{FAMILY}", "GET"),
        ("PUT", "/sandbox/faults", "GET, POST, DELETE"),
        ("POST", "/sandbox/requests", "GET"),
    ],
)
async def test_a_wrong_method_is_refused(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    response = await client.request(method, path)
    assert_refused(response, 405, "bad_request")
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/chat", "/v2/chat/completions", f"/v1/assistants/{FAMILY}/x"]
)
async def test_a_wrong_path_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert_refused(await client.post(path), 404, "resource_not_found")


async def test_a_body_may_be_so_long_and_no_longer(client: httpx.AsyncClient) -> None:
    assert_invalid(await client.post("/v1/chat/completions", content=b" " * MAX_BODY_BYTES), "body")
    response = await client.post("/v1/chat/completions", content=b" " * (MAX_BODY_BYTES + 1))
    assert_refused(response, 413, "bad_request")


async def test_refusals_never_repeat_what_was_sent(ask: Ask) -> None:
    response = await ask(messages=[user("Geheimes"), assistant("Geheimes")], user_id="Geheimes")
    assert response.status_code == 422
    assert "Geheimes" not in response.text


async def test_the_assistants_are_listed_as_the_contract_has_them(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/assistants")).json()
    assert [UUID(item["id"]) for item in listed] == [EMPLOYMENT_LAW, WORKING_TIME, FAMILY]
    assert set(listed[0]) == {
        "id", "name", "streaming", "meta_data_response_schema", "request_required_fields"
    }  # fmt: skip
    assert [Assistant.model_validate(item).requires_licence for item in listed] == [False, True, False]
    assert ["legal_advice" in item["meta_data_response_schema"]["properties"] for item in listed] == [
        True, True, False
    ]  # fmt: skip


async def test_one_assistant_can_be_read(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/assistants")).json()
    assert (await client.get(f"/v1/assistants/{WORKING_TIME}")).json() == listed[1]


async def test_what_was_received_is_kept_in_order(
    sandbox: Sandbox, client: httpx.AsyncClient, ask: Ask
) -> None:
    await client.get("/v1/assistants")
    await ask("Erste Frage")
    await ask("Zweite Frage", thread_id=str(uuid4()))
    await client.post("/v1/chat/completions", content=b"{kein JSON")
    received = (await client.get("/sandbox/requests")).json()
    assert received == list(sandbox.requests)
    assert [(r["method"], r["path"], r["status"]) for r in received] == [
        ("GET", "/v1/assistants", 200),
        ("POST", "/v1/chat/completions", 200),
        ("POST", "/v1/chat/completions", 404),
        ("POST", "/v1/chat/completions", 422),
    ]
    assert [r["body"]["messages"][0]["content"] for r in received[1:3]] == ["Erste Frage", "Zweite Frage"]
    assert UUID(received[2]["thread_id"])
    assert received[3]["body"] == "{kein JSON"


async def test_only_the_latest_requests_are_kept(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    for n in range(201):
        await client.get(f"/v1/{n}")
    assert [r["path"] for r in sandbox.requests] == [f"/v1/{n}" for n in range(1, 201)]
