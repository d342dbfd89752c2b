import gzip
import json
import logging
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.completions.conftest import (
    ANSWER,
    ASSISTANT_ID,
    KEY,
    QUESTION,
    THREAD_ID,
    Service,
    client_to,
    request,
)
from threads.completions import (
    Client,
    CompletionsError,
    InvalidResponse,
    NotFound,
    RequestMessage,
    RequestMetaData,
    RequestRejected,
    Unauthorized,
    UserData,
    open_http,
)
from threads.completions.client import MAX_BODY_BYTES

# The example of completions-api.md, Response
EXAMPLE = {
    "content": ANSWER,
    "created_at": "2025-03-15T09:13:02.654321Z",
    "id": "5e6f7081-9012-def0-1234-556677889900",
    "meta_data": {"intent": "Kündigungsfrist Probezeit", "legal_advice": False, "type": "53aa66b7"},
    "role": "assistant",
    "sources": [
        {
            "content": "§ 622 Abs. 3 BGB: Während einer vereinbarten Probezeit, …",
            "meta_data": {"document_title": "Bürgerliches Gesetzbuch (BGB)", "section": "§ 622 Abs. 3"},
        }
    ],
    "thread_id": str(THREAD_ID),
}
UNKNOWN_THREAD = {"error_code": "resource_not_found", "detail": "no such thread"}


def body_of(call: httpx.Request) -> Any:
    return json.loads(call.content)


async def test_question_is_sent_as_in_the_contracts_example(client: Client, service: Service) -> None:
    service.replies_with(httpx.Response(200, json=EXAMPLE))
    await client.complete(request(user_id="f8e7d6c5-4321-fedc-ba98-765432109876"))
    [call] = service.calls
    assert (call.method, str(call.url)) == ("POST", "https://api.example/agents/v1/chat/completions")
    assert (call.headers["api-key"], call.headers["content-type"]) == (KEY, "application/json")
    assert "authorization" not in call.headers
    assert body_of(call) == {
        "assistant_id": "a1b2c3d4-5678-9abc-def0-1234567890ab",
        "messages": [{"content": QUESTION, "role": "user"}],
        "user_id": "f8e7d6c5-4321-fedc-ba98-765432109876",
    }


async def test_licence_and_empty_sources_are_sent_when_given(client: Client, service: Service) -> None:
    service.replies_with(httpx.Response(200, json=EXAMPLE))
    question = RequestMessage(role="user", content=QUESTION)
    answer = RequestMessage(role="assistant", content=ANSWER, sources=[])
    meta_data = RequestMetaData(user_data=UserData(licence="PI1"))
    await client.complete(request(messages=[question, answer, question], meta_data=meta_data))
    body = body_of(service.calls[0])
    assert body["messages"][1] == {"role": "assistant", "content": ANSWER, "sources": []}
    assert body["meta_data"] == {"user_data": {"licence": "PI1"}}


async def test_answer_comes_back_whole(client: Client, service: Service) -> None:
    service.replies_with(httpx.Response(200, json=EXAMPLE))
    answer = await client.complete(request())
    assert answer.raw == EXAMPLE
    assert (answer.content, answer.legal_advice, answer.thread_id) == (ANSWER, False, str(THREAD_ID))
    assert answer.sources[0].section == "§ 622 Abs. 3"


@pytest.mark.parametrize("base_url", ["http://localhost:1/agents", "http://localhost:1/agents/"])
async def test_base_url_may_end_with_a_slash(service: Service, base_url: str) -> None:
    service.replies_with(httpx.Response(200, json=[]))
    async with client_to(base_url, transport=httpx.MockTransport(service)) as client:
        await client.assistants()
    assert str(service.calls[0].url) == "http://localhost:1/agents/v1/assistants"


@pytest.mark.parametrize("thread_id", [THREAD_ID, str(THREAD_ID)])
async def test_thread_id_is_a_query_parameter(
    client: Client, service: Service, thread_id: UUID | str
) -> None:
    service.replies_with(httpx.Response(200, json=EXAMPLE))
    await client.complete(request(), thread_id=thread_id)
    assert dict(service.calls[0].url.params) == {"thread_id": str(THREAD_ID)}


@pytest.mark.parametrize("error_code", ["resource_not_found", "assistant_not_found"])
async def test_unknown_thread_id_is_dropped_once(client: Client, service: Service, error_code: str) -> None:
    service.replies_with(
        httpx.Response(404, json={"error_code": error_code}), httpx.Response(200, json=EXAMPLE)
    )
    await client.complete(request(), thread_id=THREAD_ID)
    first, second = service.calls
    assert ("thread_id" in first.url.params, "thread_id" in second.url.params) == (True, False)
    assert first.content == second.content


async def test_unknown_assistant_is_final_after_the_thread_id_was_dropped(
    client: Client, service: Service
) -> None:
    service.replies_with(httpx.Response(404, json=UNKNOWN_THREAD))
    with pytest.raises(NotFound):
        await client.complete(request(), thread_id=THREAD_ID)
    assert len(service.calls) == 2


@pytest.mark.parametrize(
    ("thread_id", "reply"),
    [
        (None, httpx.Response(404, json=UNKNOWN_THREAD)),
        (THREAD_ID, httpx.Response(422, json={"error_code": "validation_error"})),
        (THREAD_ID, httpx.Response(503)),
    ],
)
async def test_nothing_else_is_sent_twice(
    client: Client, service: Service, thread_id: UUID | None, reply: httpx.Response
) -> None:
    service.replies_with(reply)
    with pytest.raises(CompletionsError):
        await client.complete(request(), thread_id=thread_id)
    assert len(service.calls) == 1


@pytest.mark.parametrize(
    ("messages", "detail"),
    [
        ([], ("messages", "too_short")),
        ([RequestMessage.model_construct(role="user", content="")], ("messages.0.content", "content_blank")),
    ],
)
async def test_request_that_was_spoiled_after_it_was_built_is_not_sent(
    client: Client, service: Service, messages: list[RequestMessage], detail: tuple[str, str]
) -> None:
    spoiled = request()
    spoiled.messages[:] = messages
    with pytest.raises(RequestRejected) as caught:
        await client.complete(spoiled)
    assert (caught.value.error_code, caught.value.details) == ("invalid_request", (detail,))
    assert service.calls == []


async def test_sources_that_are_no_unicode_are_not_sent(client: Client, service: Service) -> None:
    message = RequestMessage(role="user", content=QUESTION, sources=[{"x": "\ud800"}])
    with pytest.raises(RequestRejected):
        await client.complete(request(messages=[message]))
    assert service.calls == []


@pytest.mark.parametrize("api_key", ["", "a b", "a\n", "schlüssel", "a\x00"])
async def test_key_that_no_header_can_hold_is_an_error_without_the_key(api_key: str) -> None:
    async with open_http() as http:
        with pytest.raises(Unauthorized) as caught:
            await Client(http, base_url="http://localhost:1", api_key=api_key).assistants()
    assert str(caught.value) == "invalid_api_key"
    assert caught.value.__context__ is None


NOT_AN_ANSWER = {
    "empty": b"",
    "html": b"<html>Login</html>",
    "truncated": b'{"content": "abc',
    "null": b"null",
    "list": b"[]",
    "text": b'"abc"',
    "error": b'{"error_code": "internal_service_error", "detail": "x"}',
    "no content": b'{"id": "x"}',
    "blank": b'{"content": "  "}',
    "content no text": b'{"content": 5}',
    "nul": b'{"content": "a\\u0000b"}',
    "nul after backslashes": b'{"content": "a\\\\\\u0000b"}',
    "nul deep inside": b'{"content": "a", "meta_data": {"x": [{"y\\u0000": 1}]}}',
    "nul raw": b'{"content": "a\x00"}',
    "surrogate": b'{"content": "a\\ud83d"}',
    "surrogate in a key": b'{"content": "a", "\\udc00": 1}',
    "surrogate raw": b'{"content": "a\xed\xa0\x80"}',
    "not utf-8": b'{"content": "\xe4"}',
    "nan": b'{"content": "a", "x": NaN}',
    "infinity": b'{"content": "a", "x": [-Infinity]}',
    "float beyond": b'{"content": "a", "meta_data": {"x": 1e400}}',
    "long integer": b'{"content": "a", "x": ' + b"9" * 1_000_000 + b"}",
    "deep list": b'{"content": "a", "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deep object": b'{"a":' * 200_000,
    "too many sources": b'{"content": "a", "sources": [' + b"{}," * 500 + b"{}]}",
    "too large": b'{"content": "' + b"a" * MAX_BODY_BYTES + b'"}',
}


@pytest.mark.parametrize("body", NOT_AN_ANSWER.values(), ids=NOT_AN_ANSWER)
async def test_success_with_another_body_is_an_invalid_response(
    client: Client, service: Service, body: bytes
) -> None:
    service.replies_with(httpx.Response(200, content=body, headers={"x-request-id": "r-1"}))
    with pytest.raises(InvalidResponse) as caught:
        await client.complete(request())
    error = caught.value
    assert (error.error_code, error.can_retry) == ("invalid_response", True)
    assert (error.status, error.request_id) == (200, "r-1")


@pytest.mark.parametrize("body", [rb'{"content": "C:\\u0000"}', b'{"content": "\\ud83d\\ude00"}'])
async def test_what_only_looks_unstorable_is_an_answer(client: Client, service: Service, body: bytes) -> None:
    service.replies_with(httpx.Response(200, content=body))
    assert (await client.complete(request())).content == json.loads(body)["content"]


async def test_gzip_is_unpacked(client: Client, service: Service) -> None:
    packed = gzip.compress(json.dumps(EXAMPLE).encode())
    service.replies_with(httpx.Response(200, content=packed, headers={"content-encoding": "gzip"}))
    assert (await client.complete(request())).content == ANSWER


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(bytes(MAX_BODY_BYTES + 1))),
        ("gzip, gzip", gzip.compress(gzip.compress(json.dumps(EXAMPLE).encode()))),
    ],
)
async def test_body_packed_otherwise_is_an_invalid_response(
    client: Client, service: Service, encoding: str, body: bytes
) -> None:
    # As a stream: a response made from bytes would be unpacked right here.
    stream = httpx.ByteStream(body)
    service.replies_with(httpx.Response(200, stream=stream, headers={"content-encoding": encoding}))
    with pytest.raises(InvalidResponse):
        await client.complete(request())


async def test_cookies_are_not_kept(client: Client, service: Service) -> None:
    service.replies_with(httpx.Response(200, json=[], headers={"set-cookie": "session=1; Path=/"}))
    await client.assistants()
    await client.assistants()
    assert "cookie" not in service.calls[1].headers


# Assistants

TAX = {
    "id": str(ASSISTANT_ID),
    "name": "Haufe Copilot Tax",
    "streaming": True,
    "meta_data_response_schema": {"type": "object"},
    "request_required_fields": {"__root__": ["user_data"], "user_data": ["licence"]},
    "colour": "red",
}


async def test_assistants_of_the_key_are_listed(client: Client, service: Service) -> None:
    service.replies_with(httpx.Response(200, json=[TAX]))
    [assistant] = await client.assistants()
    assert (assistant.id, assistant.name, assistant.streaming) == (ASSISTANT_ID, "Haufe Copilot Tax", True)
    assert assistant.requires_licence
    assert (service.calls[0].method, service.calls[0].headers["api-key"]) == ("GET", KEY)


async def test_one_assistant_can_be_fetched(client: Client, service: Service) -> None:
    service.replies_with(httpx.Response(200, json=TAX))
    assert (await client.assistant(ASSISTANT_ID)).name == "Haufe Copilot Tax"
    assert service.calls[0].url.path == f"/agents/v1/assistants/{ASSISTANT_ID}"


@pytest.mark.parametrize("body", [{}, {"data": []}, [None], [{"id": ANSWER}], [{"name": ANSWER}]])
async def test_other_lists_of_assistants_are_invalid(client: Client, service: Service, body: Any) -> None:
    service.replies_with(httpx.Response(200, json=body))
    with pytest.raises(InvalidResponse) as caught:
        await client.assistants()
    assert ANSWER not in str(caught.value.__cause__)


# Logs


async def test_call_is_logged_in_one_line_of_facts(
    client: Client, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="threads.completions")
    service.replies_with(httpx.Response(200, json=EXAMPLE, headers={"x-request-id": "r-1"}))
    await client.complete(request())
    [record] = [record for record in caplog.records if record.name == "threads.completions"]
    facts = {**vars(record)}
    assert (facts["action"], facts["status"], facts["request_id"]) == ("complete", 200, "r-1")
    assert (facts["messages"], facts["sources"]) == (1, 1)
    assert facts["sent_bytes"] == len(service.calls[0].content)
    assert facts["received_bytes"] > 0
    assert facts["duration_ms"] >= 0


@pytest.mark.parametrize("key_of_body", ["detail", "error_code", "content", "message"])
@pytest.mark.parametrize("status", [200, 302, 400, 422, 429, 500])
async def test_neither_key_nor_text_reaches_errors_or_logs(
    client: Client,
    service: Service,
    caplog: pytest.LogCaptureFixture,
    status: int,
    key_of_body: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    echoed = {key_of_body: f"{QUESTION} {ANSWER} {KEY}", "error_code": KEY}
    headers = {"x-request-id": KEY, "retry-after": KEY, "location": f"https://{KEY}/"}
    service.replies_with(httpx.Response(status, json=echoed, headers=headers))
    shown = ""
    try:
        await client.complete(request())
    except CompletionsError as error:
        shown = f"{error} {error!r} {vars(error)} {error.__cause__!r} {client!r}"
    shown += " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "complete" in shown
    assert [secret for secret in (KEY, QUESTION, ANSWER) if secret in shown] == []
