"""Calls the completions API. Whether and when to try again is the caller's (`CompletionsError.can_retry`)."""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar
from uuid import UUID

import httpx
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json

from .errors import (
    CompletionsError,
    ConnectionFailed,
    Detail,
    InvalidResponse,
    NotFound,
    OwnCode,
    RequestRejected,
    TimedOut,
    Unauthorized,
    error_from,
    request_id_from,
    retry_after_from,
)
from .types import Assistant, Completion, CompletionRequest, error_details

MAX_CONNECTIONS = 100  # of one process: at 500 calls at once each costs five times the CPU
MAX_BODY_BYTES = 10_000_000  # of one response, unpacked: real ones have tens of kilobytes

logger = logging.getLogger("threads.completions")

T = TypeVar("T")
_assistants = TypeAdapter(list[Assistant], config=ConfigDict(hide_input_in_errors=True))


def open_http(
    *,
    connect: float = 5.0,
    write: float = 10.0,
    pool: float = 10.0,
    read: float = 120.0,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """The HTTP side, made once per process and shared by all clients; close it with `aclose()`.

    Time-outs are in seconds. `read` is also the deadline of a whole call: no drip outlasts it.
    """
    return httpx.AsyncClient(
        timeout=httpx.Timeout(connect=connect, write=write, pool=pool, read=read),
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none: they would cross API keys
        transport=transport,
    )


class Client:
    """One connection: a base URL and its API key. Cheap to make. Calls raise `CompletionsError` only."""

    def __init__(self, http: httpx.AsyncClient, *, base_url: str, api_key: str) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key

    async def complete(
        self,
        request: CompletionRequest,
        *,
        thread_id: UUID | str | None = None,
        on_sent: Callable[[], None] | None = None,
        before_second: Callable[[], Awaitable[None]] | None = None,
    ) -> Completion:
        """Asks for an answer.

        When the service does not know `thread_id`, it is asked once more without it: the answer then
        carries another `thread_id`. `on_sent` is called whenever a body starts being sent, so twice then;
        `before_second` is awaited in between, as the second call counts against the limits, too.
        """
        body = _checked_body(request)

        async def ask(params: dict[str, str]) -> Completion:
            return await self._call(
                "complete",
                "POST",
                "/v1/chat/completions",
                Completion.model_validate,
                params=params,
                body=body,
                on_sent=on_sent,
                facts={"messages": len(request.messages)},
            )

        if thread_id:
            with suppress(NotFound):
                return await ask({"thread_id": str(thread_id)})
            if before_second:
                await before_second()
        return await ask({})

    async def assistants(self) -> list[Assistant]:
        """All assistants that the key may use."""
        return await self._call("assistants", "GET", "/v1/assistants", _assistants.validate_python)

    async def assistant(self, assistant_id: UUID) -> Assistant:
        return await self._call(
            "assistant", "GET", f"/v1/assistants/{assistant_id}", Assistant.model_validate
        )

    async def _call(
        self,
        action: str,
        method: str,
        path: str,
        parse: Callable[[Any], T],
        *,
        params: dict[str, str] | None = None,
        body: bytes = b"",
        on_sent: Callable[[], None] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> T:
        facts = {"action": action, "status": None, "sent_bytes": len(body), **(facts or {})}
        started = time.monotonic()
        try:
            response, content = await self._send(method, path, params or {}, body, on_sent)
            request_id = self._request_id(response)
            facts |= {
                "status": response.status_code,
                "received_bytes": len(content),
                "request_id": request_id,
            }
            if not response.is_success:
                raise self._error(response, content)
            try:
                result = parse(_storable_json(content))
            except ValueError as error:
                raise InvalidResponse(
                    OwnCode.INVALID_RESPONSE, status=response.status_code, request_id=request_id
                ) from error
            if isinstance(result, Completion):
                facts["sources"] = len(result.sources)
            return result
        except CompletionsError as error:
            facts |= {"status": error.status, "error_code": error.error_code, "details": error.details}
            raise
        finally:
            facts["duration_ms"] = round((time.monotonic() - started) * 1000)
            level = logging.WARNING if "error_code" in facts else logging.INFO
            logger.log(level, "called the API", extra=facts)

    async def _send(
        self,
        method: str,
        path: str,
        params: dict[str, str],
        body: bytes,
        on_sent: Callable[[], None] | None,
    ) -> tuple[httpx.Response, bytes]:
        if not re.fullmatch(r"[\x21-\x7e]+", self._api_key):  # httpx would quote it in its error
            raise Unauthorized(OwnCode.INVALID_API_KEY)
        headers = {"api-key": self._api_key, "accept": "application/json", "accept-encoding": "gzip"}
        if body:
            headers["content-type"] = "application/json"

        async def trace(event: str, info: object) -> None:
            if on_sent and event == "http11.send_request_body.started":
                on_sent()

        content = bytearray()
        try:
            async with (
                asyncio.timeout(self._http.timeout.read),
                self._http.stream(
                    method,
                    self._base_url + path,
                    params=params,
                    content=body,
                    headers=headers,
                    follow_redirects=False,
                    extensions={"trace": trace},
                ) as response,
            ):
                invalid = InvalidResponse(
                    OwnCode.INVALID_RESPONSE,
                    status=response.status_code,
                    request_id=self._request_id(response),
                )
                # 64 kB of gzip unpack to 66 MB at most; of brotli or of gzip in gzip to far more.
                if response.headers.get("content-encoding", "identity").lower() not in ("identity", "gzip"):
                    raise invalid
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > MAX_BODY_BYTES:
                        raise invalid
        except TimeoutError as error:
            raise TimedOut(OwnCode.READ_TIMEOUT) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # A protocol error quotes what was sent or received, and a traceback shows the cause.
            raise _error_of_transport(error) from (None if isinstance(error, httpx.ProtocolError) else error)
        return response, bytes(content)

    def _error(self, response: httpx.Response, content: bytes) -> CompletionsError:
        try:
            body = _storable_json(self._without_key(content.decode()).encode())
        except ValueError:
            body = None  # a proxy's HTML, or nothing
        return error_from(
            response.status_code,
            body,
            retry_after=retry_after_from(response.headers),
            request_id=self._request_id(response),
        )

    def _request_id(self, response: httpx.Response) -> str | None:
        return request_id_from({name: self._without_key(value) for name, value in response.headers.items()})

    def _without_key(self, text: str) -> str:
        """As a word only: a short key of a sandbox must not tear holes into error codes."""
        return re.sub(rf"(?<!\w){re.escape(self._api_key)}(?!\w)", "", text)


def _checked_body(request: CompletionRequest) -> bytes:
    """Checks again: a request's lists can be changed after it was built."""
    try:
        return CompletionRequest.model_validate(request).model_dump_json(exclude_none=True).encode()
    except ValidationError as error:
        details = [Detail(".".join(map(str, item["loc"])), item["type"]) for item in error_details(error)]
        raise RequestRejected(OwnCode.INVALID_REQUEST, details=details) from error
    except PydanticSerializationError as error:  # `sources` may hold anything
        raise RequestRejected(OwnCode.INVALID_REQUEST) from error


def _error_of_transport(error: httpx.HTTPError | httpx.InvalidURL) -> CompletionsError:
    match error:
        case httpx.ConnectTimeout():
            return TimedOut(OwnCode.CONNECT_TIMEOUT)
        case httpx.WriteTimeout():
            return TimedOut(OwnCode.WRITE_TIMEOUT)
        case httpx.PoolTimeout():
            return TimedOut(OwnCode.POOL_TIMEOUT)
        case httpx.TimeoutException():
            return TimedOut(OwnCode.READ_TIMEOUT)
        case httpx.DecodingError():
            return InvalidResponse(OwnCode.INVALID_RESPONSE)
        case httpx.InvalidURL() | httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return RequestRejected(OwnCode.INVALID_REQUEST)
        case _:
            return ConnectionFailed(OwnCode.CONNECTION_ERROR)


def _storable_json(content: bytes) -> Any:
    """Parses JSON that PostgreSQL can store as text and jsonb; anything else is a ValueError.

    Refused: NUL, lone surrogates, NaN and infinities (1e400 is one), integers of more than 4,300 digits,
    more than 200 levels.
    """
    if re.search(rb"(?<!\\)(?:\\\\)*\\u0000", content):
        raise ValueError("NUL")
    data = from_json(content, allow_inf_nan=False)
    json.dumps(data, allow_nan=False)
    return data
