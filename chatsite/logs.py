"""How log lines look: one line each, with facts that a machine can read.

    log.info("what happened", extra={"action": "listener_lost", "answer": answer.pk, "duration_ms": 12})

The message is a fixed text. What differs from call to call goes into `extra`, with an `action` to search for.
Ids, codes, counts and durations are logged; what people wrote, who they are, and keys never are. Nor is an
exception's text, which may quote any of these: of exceptions a line has the types and where they came from.
"""

import json
import logging
import math
import re
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError

_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEFT_OUT = _OF_EVERY_RECORD | {
    "color_message",  # uvicorn: the message once more
    "request",  # Django: its text has the query, and so what was searched for
    "server_time",  # Django: the time once more
}
# Their texts name hosts, files and settings, never a row's values.
_SPEAKING = (
    OSError,
    ImproperlyConfigured,
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)


class LineFormatter(logging.Formatter):
    """For people: time, level, logger, message, then the facts; a traceback follows."""

    def format(self, record: logging.LogRecord) -> str:
        facts = "".join(f" {name}={_word(value)}" for name, value in _facts(record).items())
        at = _time(record).astimezone().isoformat(" ", "milliseconds")
        line = _one_line(f"{at} {record.levelname} {record.name}: {record.getMessage()}{facts}")
        return "\n".join([line, *(text for text in _traces(record).values() if text)])


class JsonFormatter(logging.Formatter):
    """For machines: one JSON object per line, all of ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        fixed = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_traces(record),
        }
        line = {name: value for name, value in fixed.items() if value is not None}
        return json.dumps(line | {name: value for name, value in _facts(record).items() if name not in fixed})


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    return {name: _plain(value) for name, value in vars(record).items() if name not in _LEFT_OUT}


def _plain(value: Any) -> Any:
    """As JSON knows it. Of an object just the type: nobody knows what its text would quote."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case None | bool() | int() | float() | str():
            return value
        case UUID() | date():
            return str(value)
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case _:
            return f"<{type(value).__name__}>"


def _word(value: Any) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[^\s\"'=]+", value) else json.dumps(value)


def _one_line(text: str) -> str:
    """With line breaks and other control characters written out."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", lambda found: repr(found[0])[1:-1], text)


def _traces(record: logging.LogRecord) -> dict[str, str | None]:
    error = record.exc_info[1] if record.exc_info else None
    return {
        "exception": _name(error) if error else None,
        "traceback": "\n".join(_chain(error)) if error else None,
        "stack": record.stack_info,
    }


def _chain(error: BaseException | None) -> Iterator[str]:
    """Where each of the exceptions came from, the cause after what it caused."""
    seen: set[int] = set()
    while error and id(error) not in seen:
        seen.add(id(error))
        said = f": {_one_line(str(error))}" if isinstance(error, _SPEAKING) else ""
        yield f"{_name(error)}{said}\n{''.join(traceback.format_tb(error.__traceback__))}".rstrip()
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _chain(part)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
