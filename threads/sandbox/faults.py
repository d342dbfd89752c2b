"""What can be made to go wrong, in one table, and the orders for it.

A fault takes the place of an answer: it is ordered for the next calls through `POST /sandbox/faults`
(`Sandbox.order` in Python), or by words in a question, for that question only:

    !sandbox api_timeout_error        always
    !sandbox api_timeout_error 2      the first two calls with this question, then it is answered
    !sandbox slow 20s                 after 20 seconds more
    !sandbox help                     answers with the table below

A call that is refused for a reason of its own (key, limit, rules) uses no order up.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Json = dict[str, Any]


def error_body(error_code: str, detail: object) -> bytes:
    """The contract's form of an error (completions-api.md, Errors)."""
    return json.dumps({"error_code": error_code, "detail": detail}, ensure_ascii=False).encode()


@dataclass(frozen=True)
class Fault:
    what: str
    status: int = 200
    body: bytes | None = None  # instead of the answer
    content_type: str = "application/json"
    alter: Callable[[Json], object] | None = None  # the answer, to what is sent in its place
    delivery: Literal["whole", "slow", "drip", "broken_off", "dropped"] = "whole"


def _error(status: int, error_code: str, detail: object = "Ordered from the sandbox") -> Fault:
    return Fault(f"{status} with error_code {error_code}", status, error_body(error_code, detail))


def _without(*keys: str) -> Callable[[Json], object]:
    """Takes out what stands at the end of the path; "*" stands for every item of a list."""

    def alter(answer: Json) -> Json:
        tables: list[Json] = [answer]
        for key in keys[:-1]:
            tables = [item for table in tables for item in (table[key] if key == "sources" else [table[key]])]
        for table in tables:
            table.pop(keys[-1], None)
        return answer

    return alter


def _with(**values: Any) -> Callable[[Json], Json]:
    return lambda answer: answer | values


def _with_meta_data(**values: Any) -> Callable[[Json], Json]:
    return lambda answer: answer | {"meta_data": answer["meta_data"] | values}


def _with_unknown_keys(answer: Json) -> Json:
    unknown = {"x_new": {"nested": [1, None, "ä"]}, "_links": None}
    meta_data = answer["meta_data"] | unknown
    sources = [s | unknown | {"meta_data": s["meta_data"] | unknown} for s in answer["sources"]]
    return answer | unknown | {"meta_data": meta_data, "sources": sources}


def _huge(answer: Json) -> Json:
    paragraph = "Dieser Absatz wiederholt sich, um eine sehr lange Antwort zu ergeben. " * 5
    return answer | {"content": "\n\n".join(f"{n}. {paragraph}" for n in range(1, 3001))}


def _with_many_sources(answer: Json) -> Json:
    sources = [
        {
            "content": f"Die Quelle mit der Nummer {n} von vielen.",
            "meta_data": {"document_title": "Sammlung", "section": f"Nr. {n}"},
        }
        for n in range(1, 301)
    ]
    return answer | {"sources": sources}


CONTROL_CHARACTERS = (
    "Null \x00, Glocke \x07, Escape \x1b[31m, Löschen \x7f, nächste Zeile \x85, Zeilentrenner \u2028, "
    "links nach rechts \u202e verkehrt \u202c, Breite null \u200b, Marke \ufeff, allein \ud800."
)
HOSTILE = """# Überschrift <script>alert("h1")</script>

<script>alert(1)</script><style>body{display:none}</style>
<img src=x onerror=alert(2)> <svg onload=alert(3)> <iframe src="javascript:alert(4)"></iframe>
<form action="https://evil.example"><input name=password></form></article></div></body>

[klick](javascript:alert(5)) [klick](JaVaScRiPt&colon;alert(6)) [klick](data:text/html,<b>7</b>)
[klick](vbscript:x) [klick](//evil.example) [klick](https://evil.example "x\\" onmouseover=alert(8)")
![Bild](https://evil.example/pixel.png) ![Bild](javascript:alert(9)) <https://evil.example>

<a href="https://evil.example" target=_blank onclick=alert(10)>HTML-Link</a> {{ 7*7 }} {% debug %} ${7*7}

> > > > > > > > > > > > > > > > > > > > tief
- - - - - - - - - - - - - - - - - - - - - tief

[[[[[[[[[[[[[[[[[[[[[[]()]()]()]()]()]()]()]()
**__*_~~`unbeendet

| a | b |
|---|---|
| <script>alert(11)</script> | \\| |

```html
<script>alert(12)</script>
"""


def _hostile(answer: Json) -> Json:
    source = {
        "content": HOSTILE,
        "meta_data": {
            "document_title": '<script>alert(13)</script>"><img src=x onerror=alert(14)>',
            "section": "javascript:alert(15)",
            "app_doc_id": "../../evil?auth_realm=x#javascript:alert(16)",
        },
    }
    meta_data = answer["meta_data"] | {"intent": "<b onmouseover=alert(17)>Absicht</b>"}
    return answer | {"content": HOSTILE, "meta_data": meta_data, "sources": [source]}


_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

FAULTS: Mapping[str, Fault] = {
    # The error codes of the contract.
    "assistant_not_available": _error(403, "assistant_not_available"),
    "resource_not_found": _error(404, "resource_not_found"),
    "assistant_not_found": _error(404, "assistant_not_found"),
    "validation_error": _error(
        422, "validation_error", [{"loc": ["body", "messages", 0], "message": "Ordered", "type": "sandbox"}]
    ),
    "request_metadata_missing_or_incomplete": _error(
        422, "request_metadata_missing_or_incomplete", "Missing: meta_data.user_data.licence"
    ),
    "rate_limit_gateway": _error(429, "rate_limit_gateway"),
    "rate_limit_error": _error(429, "rate_limit_error"),
    "api_timeout_error": _error(500, "api_timeout_error"),
    "api_timeout_error_504": _error(504, "api_timeout_error"),
    "internal_service_error": _error(503, "internal_service_error"),
    "internal_service_error_500": _error(500, "internal_service_error"),
    "unauthorized": _error(401, "unauthorized"),
    "permission_denied": _error(403, "permission_denied"),
    "content_filter_error": _error(400, "content_filter_error"),
    "length_finish_reason_error": _error(400, "length_finish_reason_error"),
    "bad_request": _error(400, "bad_request"),
    "conflict_error": _error(409, "conflict_error"),
    "unprocessable_entity": _error(422, "unprocessable_entity"),
    "api_connection_error": _error(500, "api_connection_error"),
    "api_error": _error(500, "api_error"),
    "internal_server_error": _error(500, "internal_server_error"),
    "unknown_error_code": _error(500, "brand_new_error"),
    "unknown_error_code_400": _error(400, "brand_new_error"),
    # Bodies that are not the contract's JSON.
    "gateway_429": Fault("429 with the gateway's own body", 429, b'{"message": "Rate limit exceeded!"}'),
    "html_502": Fault("502 with a page of HTML", 502, _HTML, "text/html"),
    "html_200": Fault("200 with a page of HTML", 200, _HTML, "text/html"),
    "empty_500": Fault("500 without a body", 500, b""),
    "empty_200": Fault("200 without a body", 200, b""),
    "truncated_json": Fault(
        "200 with the first half of an answer", body=b'{"content": "Nach \xc2\xa7 622 Abs. 3 B'
    ),
    "not_utf8": Fault("200 with bytes that are not UTF-8", body=b'{"content": "K\xfcndigung"}'),
    "json_list": Fault("200 with a JSON list", body=b"[]"),
    "json_of_another_shape": Fault("200 with a JSON object that is no answer", body=b'{"status": "ok"}'),
    # The connection.
    "dropped": Fault("the connection is closed without an answer", delivery="dropped"),
    "broken_off": Fault("the connection is closed in the middle of the answer", delivery="broken_off"),
    "slow": Fault("the answer comes later, by 60 seconds if nothing else is ordered", delivery="slow"),
    "drip": Fault(
        "the answer comes in small pieces, over 60 seconds if nothing else is ordered", delivery="drip"
    ),
    # Answers with something missing or null, which the contract allows …
    "no_legal_advice": Fault("meta_data without legal_advice", alter=_without("meta_data", "legal_advice")),
    "null_legal_advice": Fault("legal_advice is null", alter=_with_meta_data(legal_advice=None)),
    "true_legal_advice": Fault("legal_advice is true", alter=_with_meta_data(legal_advice=True)),
    "false_legal_advice": Fault("legal_advice is false", alter=_with_meta_data(legal_advice=False)),
    "no_meta_data": Fault("no meta_data", alter=_without("meta_data")),
    "null_meta_data": Fault("meta_data is null", alter=_with(meta_data=None)),
    "no_sources": Fault("no sources key", alter=_without("sources")),
    "null_sources": Fault("sources is null", alter=_with(sources=None)),
    "empty_sources": Fault("sources is an empty list", alter=_with(sources=[])),
    "no_section": Fault("sources without section", alter=_without("sources", "meta_data", "section")),
    "no_document_title": Fault(
        "sources without document_title", alter=_without("sources", "meta_data", "document_title")
    ),
    "no_app_doc_id": Fault(
        "sources without app_doc_id", alter=_without("sources", "meta_data", "app_doc_id")
    ),
    "no_source_meta_data": Fault("sources without meta_data", alter=_without("sources", "meta_data")),
    "unknown_keys": Fault("unknown keys everywhere", alter=_with_unknown_keys),
    # … and some it does not allow, or that try the reader.
    "no_thread_id": Fault("no thread_id", alter=_without("thread_id")),
    "no_content": Fault("no content", alter=_without("content")),
    "null_content": Fault("content is null", alter=_with(content=None)),
    "blank_content": Fault("content is blank", alter=_with(content=" \n ")),
    "wrong_types": Fault(
        "legal_advice is a text, created_at a number, intent a list",
        alter=lambda answer: _with_meta_data(legal_advice="no", intent=[])(answer | {"created_at": 1}),
    ),
    "huge_answer": Fault("an answer of about a million characters", alter=_huge),
    "many_sources": Fault("300 sources", alter=_with_many_sources),
    "control_characters": Fault(
        "NUL, escape sequences, text direction, a lone surrogate", alter=_with(content=CONTROL_CHARACTERS)
    ),
    "hostile": Fault("Markdown and HTML that attack the page", alter=_hostile),
}


def altered(fault: Fault, answer: Json) -> object:
    return fault.alter(deepcopy(answer)) if fault.alter else answer


def _known(name: str) -> str:
    if name not in FAULTS:
        raise ValueError(f"There is no fault {name!r}")
    return name


class Order(BaseModel):
    """The body of `POST /sandbox/faults`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: Annotated[str, AfterValidator(_known)]
    times: Annotated[int, Field(ge=1)] | None = 1  # None: until the orders are cleared
    seconds: Annotated[float, Field(ge=0)] = 60.0  # of slow and drip
    retry_after: Annotated[int, Field(ge=0)] | None = None  # the header, with statuses from 400 on


_COMMAND = re.compile(r"!sandbox\b(?: +(\w+))?(?: +(\d+)(?!\w))?(?: +(\d+)s\b)?")
_MAX_QUESTIONS = 10_000  # whose calls are counted; the oldest is forgotten first


@dataclass(frozen=True)
class Command:
    """What `!sandbox …` in a question asks for. Without an order: the table, for it names no known fault."""

    order: Order | None
    question: str  # without the command


def command_in(question: str) -> Command | None:
    match = _COMMAND.search(question)
    if not match:
        return None
    name, times, seconds = match.groups()
    order = None
    if name in FAULTS and times != "0":
        order = Order(fault=name, times=int(times) if times else None, seconds=float(seconds or 60))
    return Command(order, (question[: match.start()] + question[match.end() :]).strip())


class Orders:
    """The orders that are still open: a queue for any call, and the calls counted for each question."""

    def __init__(self) -> None:
        self._queue: list[tuple[Order, int | None]] = []
        self._calls: OrderedDict[tuple[str, str], int] = OrderedDict()

    def add(self, order: Order) -> None:
        self._queue.append((order, order.times))

    def clear(self) -> None:
        self._queue.clear()
        self._calls.clear()

    def next(self) -> Order | None:
        """The order for a call that comes now; uses it up by one."""
        if not self._queue:
            return None
        order, left = self._queue[0]
        if left is not None:
            self._queue[:1] = [(order, left - 1)] if left > 1 else []
        return order

    def for_question(self, order: Order, user: str, question: str) -> Order | None:
        """The order that stands in a question, unless this user's calls with it have used it up."""
        calls = self._calls.pop((user, question), 0) + 1
        self._calls[user, question] = calls
        if len(self._calls) > _MAX_QUESTIONS:
            self._calls.popitem(last=False)
        return order if order.times is None or calls <= order.times else None


def table() -> str:
    """The faults as a Markdown table."""
    rows = [f"| `{name}` | {fault.what} |" for name, fault in FAULTS.items()]
    return "\n".join(["| `!sandbox …` | |", "| --- | --- |", *rows])
