"""What is sent to the completions API and what comes back, as completions-api.md has it.

Models never show their values in `repr` or in validation errors: questions and answers stay out of logs.
"""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    model_validator,
)
from pydantic_core import PydanticCustomError

MAX_CONTENT_CHARACTERS = 30_000  # of one message sent; Unicode code points (completions-api.md, Rules)
MAX_SOURCES = 500  # of one answer; real ones have a few: more is a broken service, and a page nobody can read


class _Model(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return []


# Requests: the one definition of the rules for `messages`, for the client and the sandbox alike.


def _storable_text(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("content_blank", "The content is blank")
    if "\x00" in text:  # pydantic itself refuses lone surrogates, by the same type
        raise PydanticCustomError("string_unicode", "The content holds a NUL")
    return text


class RequestMessage(_Model):
    model_config = ConfigDict(frozen=True, revalidate_instances="always")

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(max_length=MAX_CONTENT_CHARACTERS), AfterValidator(_storable_text)]
    sources: list[dict[str, Any]] | None = None  # None: not sent


def _in_order(messages: list[RequestMessage]) -> list[RequestMessage]:
    roles = [message.role for message in messages]
    if "system" in roles[1:]:
        raise PydanticCustomError("system_message_not_first", "A system message may only stand first")
    if any(role == "assistant" and before != "user" for before, role in pairwise([None, *roles])):
        raise PydanticCustomError("answer_without_question", "An answer must directly follow a question")
    if roles[-1] != "user":
        raise PydanticCustomError("last_message_not_user", "The last message must be a user message")
    return messages


class UserData(_Model):
    licence: str | None = None


class RequestMetaData(_Model):
    """Everything may be missing here: only some assistants require it (`Assistant.required_fields`)."""

    user_data: UserData | None = None


class CompletionRequest(_Model):
    """The body of a call. Building one raises pydantic's `ValidationError`; see `error_details`.

    Whatever is None is not sent. Unknown keys are ignored.
    """

    model_config = ConfigDict(frozen=True, revalidate_instances="always")

    assistant_id: UUID
    messages: Annotated[list[RequestMessage], Field(min_length=1), AfterValidator(_in_order)]
    user_id: UUID | None = None
    meta_data: RequestMetaData | None = None


class ErrorDetail(TypedDict):
    """An item of `detail` in the body of a 422 (completions-api.md, Errors)."""

    loc: list[str | int]
    message: str
    type: str


def error_details(error: ValidationError) -> list[ErrorDetail]:
    """Says what is wrong with a request, never what was in it."""
    return [
        {"loc": list(item["loc"]), "message": item["msg"], "type": item["type"]}
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


# Responses: unknown keys are kept, null counts as missing.


def _str_or_none(value: object) -> object:
    return value if isinstance(value, str) else None


def _uuid_or_none(value: object) -> object:
    try:
        return value if isinstance(value, str) and UUID(value) else None
    except ValueError:
        return None


def _utc_or_none(value: object) -> object:
    """A time without a zone is taken as UTC. One that leaves datetime's range in UTC is no time."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
        return parsed and (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
_Table = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]
_OptionalText = Annotated[str | None, BeforeValidator(_str_or_none)]


class _Response(_Model):
    model_config = ConfigDict(extra="allow")  # unknown keys: `model_extra`


class Source(_Response):
    content: _Text = ""
    meta_data: _Table = {}

    @property
    def document_title(self) -> str:
        return _text_of(self.meta_data, "document_title")

    @property
    def section(self) -> str:
        return _text_of(self.meta_data, "section")

    @property
    def app_doc_id(self) -> str:
        return _text_of(self.meta_data, "app_doc_id", int)


class Completion(_Response):
    """An answer. `raw` is everything that came, as JSON-able data: store it to keep what came, whole.

    The fields are for use and may say less than `raw` does: null, or a value of another type in `id`,
    `thread_id`, `created_at` or `role`, counts as missing.
    """

    content: Annotated[str, AfterValidator(_storable_text)]
    created_at: Annotated[datetime | None, BeforeValidator(_utc_or_none)] = None
    id: _OptionalText = None
    # None unless it is a UUID: only such a one may be sent with the next question.
    thread_id: Annotated[str | None, BeforeValidator(_uuid_or_none)] = None
    role: _OptionalText = None
    meta_data: _Table = {}
    sources: Annotated[
        list[Source],
        Field(max_length=MAX_SOURCES),
        BeforeValidator(lambda value: [] if value is None else value),
    ] = []
    _raw: dict[str, Any] = {}

    @model_validator(mode="wrap")
    @classmethod
    def _keep_raw(cls, data: Any, handler: ValidatorFunctionWrapHandler) -> "Completion":
        completion: Completion = handler(data)
        if isinstance(data, dict):
            completion._raw = data
        return completion

    @property
    def raw(self) -> dict[str, Any]:
        return self._raw

    @property
    def legal_advice(self) -> bool | None:
        """None when the service did not say: the product then treats the answer as legal advice."""
        value = self.meta_data.get("legal_advice")
        return value if isinstance(value, bool) else None

    @property
    def intent(self) -> str:
        return _text_of(self.meta_data, "intent")


class Assistant(_Response):
    id: UUID
    name: _Text = ""
    streaming: Annotated[bool, BeforeValidator(lambda value: value is True)] = False
    meta_data_response_schema: _Table = {}
    request_required_fields: _Table = {}

    @property
    def required_fields(self) -> list[str]:
        """What the request's `meta_data` must fill, as dotted paths: `["user_data.licence"]`."""
        required, open_paths, seen = [], self._parts("__root__"), {"__root__"}
        while open_paths:
            path = open_paths.pop(0)
            name = path.rpartition(".")[2]
            parts = self._parts(name)
            if parts and name not in seen:  # it comes from outside, and might lead in a circle
                seen.add(name)
                open_paths += [f"{path}.{part}" for part in parts]
            else:
                required.append(path)
        return required

    def _parts(self, name: str) -> list[str]:
        parts = self.request_required_fields.get(name)
        return [part for part in parts if isinstance(part, str)] if isinstance(parts, list) else []

    @property
    def requires_licence(self) -> bool:
        return "user_data.licence" in self.required_fields


def _text_of(table: dict[str, Any], key: str, *also: type) -> str:
    value = table.get(key)
    return str(value) if isinstance(value, (str, *also)) and not isinstance(value, bool) else ""
