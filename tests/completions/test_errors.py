from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from tests.completions.conftest import ANSWER, KEY, QUESTION, Service, request
from threads.completions import (
    AssistantNotAvailable,
    Client,
    CompletionsError,
    ConnectionFailed,
    ContentFiltered,
    InvalidResponse,
    NotFound,
    PermissionDenied,
    RateLimited,
    RequestMetadataMissing,
    RequestRejected,
    TimedOut,
    TooLong,
    Unauthorized,
    UnexpectedRedirect,
    UpstreamError,
)


async def failure(client: Client) -> CompletionsError:
    with pytest.raises(CompletionsError) as caught:
        await client.complete(request())
    return caught.value


@pytest.mark.parametrize(
    ("error_code", "status", "kind", "can_retry"),
    [
        ("assistant_not_available", 403, AssistantNotAvailable, False),
        ("resource_not_found", 404, NotFound, False),
        ("assistant_not_found", 404, NotFound, False),
        ("validation_error", 422, RequestRejected, False),
        ("request_metadata_missing_or_incomplete", 422, RequestMetadataMissing, False),
        ("rate_limit_gateway", 429, RateLimited, True),
        ("rate_limit_error", 429, RateLimited, True),
        ("api_timeout_error", 500, UpstreamError, True),
        ("api_timeout_error", 504, UpstreamError, True),
        ("internal_service_error", 503, UpstreamError, True),
        ("internal_service_error", 500, UpstreamError, True),
        ("unauthorized", 401, Unauthorized, False),
        ("permission_denied", 403, PermissionDenied, False),
        ("content_filter_error", 400, ContentFiltered, False),
        ("length_finish_reason_error", 400, TooLong, False),
        ("bad_request", 400, RequestRejected, False),
        ("conflict_error", 409, RequestRejected, False),
        ("unprocessable_entity", 422, RequestRejected, False),
        ("api_connection_error", 500, UpstreamError, True),
        ("api_error", 500, UpstreamError, True),
        ("internal_server_error", 500, UpstreamError, True),
        # the code decides before the status
        ("content_filter_error", 500, ContentFiltered, False),
        ("api_timeout_error", 400, UpstreamError, True),
        # unknown codes: the status decides
        ("new_code", 400, RequestRejected, False),
        ("new_code", 401, Unauthorized, False),
        ("new_code", 403, PermissionDenied, False),
        ("new_code", 404, NotFound, False),
        ("new_code", 418, RequestRejected, False),
        ("new_code", 429, RateLimited, True),
        ("new_code", 500, UpstreamError, True),
        ("new_code", 599, UpstreamError, True),
    ],
)
async def test_error_code_decides_what_to_do(
    client: Client,
    service: Service,
    error_code: str,
    status: int,
    kind: type[CompletionsError],
    can_retry: bool,
) -> None:
    service.replies_with(httpx.Response(status, json={"error_code": error_code, "detail": QUESTION}))
    error = await failure(client)
    assert (type(error), error.can_retry) == (kind, can_retry)
    assert (error.error_code, error.status) == (error_code, status)


BODIES = [
    b"",
    b"<html>Bad Gateway</html>",
    b'{"error_code": "unautho',
    b'{"message": "Rate limit exceeded!"}',
    b"null",
    b"[]",
    b'"unauthorized"',
    b'{"error_code": null, "detail": null}',
    b'{"error_code": ["unauthorized"], "detail": 5}',
    b'{"error_code": "", "detail": [5, {}, {"loc": 5, "type": []}]}',
    b'{"error_code": "Eine Frage mit Leerzeichen"}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"detail": "\\u0000"}',
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("status", "kind", "error_code"),
    [
        (400, RequestRejected, "http_error"),
        (401, Unauthorized, "unauthorized"),
        (403, PermissionDenied, "permission_denied"),
        (404, NotFound, "resource_not_found"),
        (422, RequestRejected, "http_error"),
        (429, RateLimited, "rate_limit_gateway"),
        (502, UpstreamError, "http_error"),
    ],
)
async def test_status_decides_when_the_body_does_not(
    client: Client,
    service: Service,
    body: bytes,
    status: int,
    kind: type[CompletionsError],
    error_code: str,
) -> None:
    service.replies_with(httpx.Response(status, content=body))
    error = await failure(client)
    assert (type(error), error.error_code, error.status) == (kind, error_code, status)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_redirect_is_not_followed(client: Client, service: Service, status: int) -> None:
    service.replies_with(httpx.Response(status, headers={"location": "https://elsewhere.example/"}))
    error = await failure(client)
    assert (type(error), error.error_code, error.can_retry) == (
        UnexpectedRedirect,
        "unexpected_redirect",
        False,
    )
    assert len(service.calls) == 1


@pytest.mark.parametrize(
    ("cause", "kind", "error_code", "can_retry"),
    [
        (httpx.ConnectTimeout("x"), TimedOut, "connect_timeout", True),
        (httpx.WriteTimeout("x"), TimedOut, "write_timeout", True),
        (httpx.PoolTimeout("x"), TimedOut, "pool_timeout", True),
        (httpx.ReadTimeout("x"), TimedOut, "read_timeout", True),
        (httpx.ConnectError("x"), ConnectionFailed, "connection_error", True),
        (httpx.ReadError("x"), ConnectionFailed, "connection_error", True),
        (httpx.WriteError("x"), ConnectionFailed, "connection_error", True),
        (httpx.CloseError("x"), ConnectionFailed, "connection_error", True),
        (httpx.ProxyError("x"), ConnectionFailed, "connection_error", True),
        (httpx.DecodingError("x"), InvalidResponse, "invalid_response", True),
        (httpx.UnsupportedProtocol("x"), RequestRejected, "invalid_request", False),
        (httpx.InvalidURL("x"), RequestRejected, "invalid_request", False),
    ],
)
async def test_broken_connection_is_an_error_of_ours(
    client: Client,
    service: Service,
    cause: Exception,
    kind: type[CompletionsError],
    error_code: str,
    can_retry: bool,
) -> None:
    service.replies_with(cause)
    error = await failure(client)
    assert (type(error), error.error_code, error.can_retry) == (kind, error_code, can_retry)
    assert (error.status, error.__cause__) == (None, cause)


@pytest.mark.parametrize(
    ("cause", "kind"),
    [(httpx.RemoteProtocolError, ConnectionFailed), (httpx.LocalProtocolError, RequestRejected)],
)
async def test_protocol_error_that_quotes_what_was_sent_is_not_shown(
    client: Client, service: Service, cause: type[Exception], kind: type[CompletionsError]
) -> None:
    service.replies_with(cause(f"illegal header {KEY} {ANSWER}"))
    error = await failure(client)
    assert (type(error), error.__cause__, error.__suppress_context__) == (kind, None, True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 120 ", 120),
        ("3601", 3600),
        ("9" * 5000, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        (None, None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("nan", None),
        ("٣", None),
        ("1, 2", None),
        ("Wed, 99 Foo 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_bounded_seconds(
    client: Client, service: Service, status: int, header: str | None, seconds: float | None
) -> None:
    headers = {} if header is None else {b"retry-after": header.encode()}
    service.replies_with(httpx.Response(status, headers=list(headers.items())))
    assert (await failure(client)).retry_after == seconds


async def test_retry_after_may_be_a_date(client: Client, service: Service) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    service.replies_with(httpx.Response(429, headers={"retry-after": at}))
    assert (await failure(client)).retry_after == pytest.approx(60, abs=5)


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [
        ({"x-request-id": "r-1:2/3="}, "r-1:2/3="),
        ({"x-correlation-id": "c-1"}, "c-1"),
        ({"x-request-id": "a b\t<c>ä"}, "abc"),
        ({"x-request-id": "x" * 1000}, "x" * 64),
        ({"x-request-id": KEY}, None),
        ({}, None),
    ],
)
async def test_request_id_is_short_and_printable(
    client: Client, service: Service, headers: dict[str, str], request_id: str | None
) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    service.replies_with(httpx.Response(500, headers=encoded))
    assert (await failure(client)).request_id == request_id


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        (
            [{"loc": ["body", "messages", 0, "content"], "message": QUESTION, "type": "too_long"}],
            [("body.messages.0.content", "too_long")],
        ),
        ([{"loc": [QUESTION, "x"], "type": QUESTION, "input": QUESTION}], [("?.x", "?")]),
        ([{"loc": ["a"], "type": "b"}] * 100, [("a", "b")] * 20),
        (QUESTION, []),
    ],
)
async def test_details_name_places_and_never_texts(
    client: Client, service: Service, detail: Any, expected: Sequence[tuple[str, str]]
) -> None:
    service.replies_with(httpx.Response(422, json={"error_code": "validation_error", "detail": detail}))
    error = await failure(client)
    assert error.details == tuple(expected)
    assert QUESTION not in str(error)


@pytest.mark.parametrize(
    ("detail", "missing"),
    [
        ([{"loc": ["body", "meta_data", "user_data", "licence"], "type": "missing"}], ["user_data.licence"]),
        ([{"loc": ["meta_data", "region"], "type": "missing"}], ["region"]),
        (
            "Missing: meta_data.user_data.region, user_data.licence.",
            ["user_data.region", "user_data.licence"],
        ),
        ("Request metadata is incomplete", ["user_data.licence"]),
        (None, ["user_data.licence"]),
    ],
)
async def test_missing_metadata_is_named(
    client: Client, service: Service, detail: Any, missing: list[str]
) -> None:
    body = {"error_code": "request_metadata_missing_or_incomplete", "detail": detail}
    service.replies_with(httpx.Response(422, json=body))
    error = await failure(client)
    assert isinstance(error, RequestMetadataMissing)
    assert error.missing_fields == missing


def test_text_of_an_error_says_code_status_request_and_details() -> None:
    error = RateLimited("rate_limit_error", status=429, request_id="r-1")
    assert str(error) == "rate_limit_error, status 429, request r-1"
    assert repr(error) == "RateLimited('rate_limit_error')"
