"""What can go wrong with a call, by what the product does about it (completions-api.md, Errors).

    CompletionsError
    ├── ConnectionFailed           broken connection, before or after the call was sent   again
    │   └── TimedOut               waited too long                                        again
    ├── InvalidResponse            2xx, but not the JSON it should be                     again
    ├── UpstreamError              5xx                                                    again
    ├── RateLimited                429: after `retry_after`, if given                     again
    ├── Unauthorized               401: the API key                                       final; tell admins
    ├── PermissionDenied           403                                                    final
    │   └── AssistantNotAvailable  not for this tenant                                    final; tell admins
    ├── NotFound                   404: wrong assistant                                   final
    ├── ContentFiltered            ask the user to rephrase                               final
    ├── TooLong                    once more with a shorter history, by the caller        final
    ├── UnexpectedRedirect         3xx: never followed, most likely a wrong base URL      final
    └── RequestRejected            any other 4xx, or held back by our own checks          final; our fault
        └── RequestMetadataMissing see `missing_fields`                                   final; tell admins

An error and its text never hold keys, questions, answers or what else stood in a body.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

MAX_RETRY_AFTER_SECONDS = 3600.0  # a longer wait is a mistake of somebody's clock
MAX_DETAILS = 20  # of one error: more say no more, and fill the log


class OwnCode(StrEnum):
    """Codes for what the service has no `error_code` for."""

    CONNECTION_ERROR = "connection_error"
    CONNECT_TIMEOUT = "connect_timeout"
    WRITE_TIMEOUT = "write_timeout"
    POOL_TIMEOUT = "pool_timeout"  # all connections of this process are busy
    READ_TIMEOUT = "read_timeout"
    INVALID_RESPONSE = "invalid_response"
    INVALID_REQUEST = "invalid_request"  # was not sent
    INVALID_API_KEY = "invalid_api_key"  # was not sent
    UNEXPECTED_REDIRECT = "unexpected_redirect"
    HTTP_ERROR = "http_error"  # a status that says no more than 4xx or 5xx, without an error_code


class Detail(NamedTuple):
    """Where a request is wrong ("body.messages.0.content") and how ("missing")."""

    loc: str
    type: str


class CompletionsError(Exception):
    """`error_code` is the service's or an `OwnCode`; `retry_after` is in seconds."""

    can_retry: ClassVar[bool] = False

    def __init__(
        self,
        error_code: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        details: Sequence[Detail] = (),
    ) -> None:
        super().__init__(error_code)
        self.error_code = str(error_code)  # plain, also where it is an OwnCode
        self.status = status
        self.retry_after = retry_after
        self.request_id = request_id
        self.details = tuple(details)

    def __str__(self) -> str:
        facts = {"status": self.status, "request": self.request_id}
        known = [f"{name} {value}" for name, value in facts.items() if value is not None]
        known += [f"{detail.loc} ({detail.type})" for detail in self.details]
        return ", ".join([self.error_code, *known])


class ConnectionFailed(CompletionsError):
    can_retry = True


class TimedOut(ConnectionFailed):
    pass


class InvalidResponse(CompletionsError):
    can_retry = True


class UpstreamError(CompletionsError):
    can_retry = True


class RateLimited(CompletionsError):
    can_retry = True


class Unauthorized(CompletionsError):
    pass


class PermissionDenied(CompletionsError):
    pass


class AssistantNotAvailable(PermissionDenied):
    pass


class NotFound(CompletionsError):
    pass


class ContentFiltered(CompletionsError):
    pass


class TooLong(CompletionsError):
    pass


class UnexpectedRedirect(CompletionsError):
    pass


class RequestRejected(CompletionsError):
    pass


class RequestMetadataMissing(RequestRejected):
    @property
    def missing_fields(self) -> list[str]:
        """Named as in `Assistant.required_fields`; the licence, if the service named none."""
        named = [re.sub(r"^(body\.)?(meta_data\.)?", "", detail.loc) for detail in self.details]
        return [name for name in named if name] or ["user_data.licence"]


_BY_CODE: dict[str, type[CompletionsError]] = {
    "assistant_not_available": AssistantNotAvailable,
    "resource_not_found": NotFound,
    "assistant_not_found": NotFound,
    "validation_error": RequestRejected,
    "request_metadata_missing_or_incomplete": RequestMetadataMissing,
    "rate_limit_gateway": RateLimited,
    "rate_limit_error": RateLimited,
    "api_timeout_error": UpstreamError,
    "internal_service_error": UpstreamError,
    "unauthorized": Unauthorized,
    "permission_denied": PermissionDenied,
    "content_filter_error": ContentFiltered,
    "length_finish_reason_error": TooLong,
    "bad_request": RequestRejected,
    "conflict_error": RequestRejected,
    "unprocessable_entity": RequestRejected,
    "api_connection_error": UpstreamError,
    "api_error": UpstreamError,
    "internal_server_error": UpstreamError,
}
_METADATA_FIELD = re.compile(r"\b(?:meta_data|user_data)(?:\.[a-z_]{1,64}){1,4}")
# What a status means when the body has no error_code (the gateway's 429, a proxy's HTML), or an unknown one.
_CODE_OF_STATUS = {
    401: "unauthorized",
    403: "permission_denied",
    404: "resource_not_found",
    429: "rate_limit_gateway",
}


def error_from(
    status: int, body: Any, *, retry_after: float | None, request_id: str | None
) -> CompletionsError:
    """The error that an answer with a status beyond 2xx means; `body` is parsed JSON, or None."""
    code: str = _CODE_OF_STATUS.get(status, OwnCode.HTTP_ERROR)
    kind = _BY_CODE.get(code, UpstreamError if status >= 500 else RequestRejected)
    details: list[Detail] = []
    if status < 400:
        kind, code = UnexpectedRedirect, OwnCode.UNEXPECTED_REDIRECT
    elif isinstance(body, Mapping):
        code = _word(body.get("error_code")) or code
        kind = _BY_CODE.get(code, kind)
        details = _details(body.get("detail"))
    return kind(code, status=status, retry_after=retry_after, request_id=request_id, details=details)


def _details(detail: Any) -> list[Detail]:
    if isinstance(detail, str):  # a text: only the names of metadata fields are taken from it
        return [Detail(name, "missing") for name in _METADATA_FIELD.findall(detail)[:MAX_DETAILS]]
    items = detail[:MAX_DETAILS] if isinstance(detail, list) else []
    return [_detail(item) for item in items if isinstance(item, Mapping)]


def _detail(item: Mapping[str, Any]) -> Detail:
    loc = item.get("loc")
    parts = loc[:MAX_DETAILS] if isinstance(loc, list) else []
    return Detail(".".join(_word(part) or "?" for part in parts), _word(item.get("type")) or "?")


def _word(value: Any) -> str | None:
    """An identifier. Sentences, which might quote the question, are none."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) else None


def request_id_from(headers: Mapping[str, str]) -> str | None:
    value = headers.get("x-request-id") or headers.get("x-correlation-id") or ""
    return re.sub(r"[^A-Za-z0-9_.:=+/-]", "", value)[:64] or None


def retry_after_from(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `Retry-After` as seconds or as an HTTP date; None when malformed."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(value)
        wait = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(wait, 0.0), MAX_RETRY_AFTER_SECONDS)
