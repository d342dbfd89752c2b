"""The sandbox as an ASGI application. What it refuses, and how, is completions-api.md's Rules and Errors."""

import asyncio
import json
import math
import random
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError

from ..completions.types import CompletionRequest, ErrorDetail, error_details
from .answers import SAMPLE_MARK_DE, compose
from .asgi import Call, Receive, RefusedError, Reply, Scope, Send, json_reply
from .assistants import ASSISTANTS, SandboxAssistant
from .faults import FAULTS, Order, Orders, altered, command_in, table
from .limits import SlidingWindows

API_KEY = "sandbox-key"

_DEFAULT_QUESTION = "Welche Kündigungsfristen gelten während der Probezeit?"
_OTHER_LIMITS = (60, 180)  # a second and a minute, of all calls but for answers (completions-api.md, Limits)
_LONG_ANSWER = 2000  # characters, from which on length adds no more delay
_KEPT_REQUESTS = 200
_KEPT_THREADS = 100_000  # the oldest is forgotten first, and its id unknown from then on
_DRIPS = 20


class Sandbox:
    """A stand-in for the completions API.

    `requests` holds what was received under /v1, oldest first: method, path, thread_id, body, status.
    Tests set `delay` to (0, 0), shorten `second` and `minute` to scale the limits down, and pass a `clock`
    or a `sleep` of their own where time itself is under test.
    """

    def __init__(
        self,
        *,
        api_keys: Collection[str] = (API_KEY,),
        delay: tuple[float, float] = (1.0, 5.0),
        requests_per_second: int = 15,
        requests_per_minute: int = 60,
        second: float = 1.0,
        minute: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.requests: deque[dict[str, Any]] = deque(maxlen=_KEPT_REQUESTS)
        self._delay = delay
        self._sleep = sleep
        self._orders = Orders()
        self._threads: OrderedDict[UUID, None] = OrderedDict()
        answers = [(requests_per_second, second), (requests_per_minute, minute)]
        others = [(_OTHER_LIMITS[0], second), (_OTHER_LIMITS[1], minute)]
        self._answer_budgets = {key: SlidingWindows(answers, clock) for key in api_keys}
        self._other_budgets = {key: SlidingWindows(others, clock) for key in api_keys}

    def order(
        self, fault: str, *, times: int | None = 1, seconds: float = 60.0, retry_after: int | None = None
    ) -> None:
        """Orders a fault for the next calls, after those ordered before. `times=None`: for all."""
        self._orders.add(Order(fault=fault, times=times, seconds=seconds, retry_after=retry_after))

    def clear_faults(self) -> None:
        self._orders.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # uvicorn asks for a lifespan, and goes on without
            return
        call = Call(scope, receive, send)
        record = self._record(call) if call.path.startswith("/v1/") else {}
        try:
            await self._route(call, record)
        except RefusedError as refused:
            await call.reply(refused.reply)
        finally:
            record["status"] = call.status

    def _record(self, call: Call) -> dict[str, Any]:
        record = {
            "method": call.method,
            "path": call.path,
            "thread_id": call.query("thread_id"),
            "body": None,
        }
        self.requests.append(record)
        return record

    async def _route(self, call: Call, record: dict[str, Any]) -> None:
        key = call.header("api-key")
        if key not in self._answer_budgets:
            raise RefusedError(401, "unauthorized", "The API key is missing or invalid")
        match call.path.split("/")[1:]:
            case ["v1", "chat", "completions"]:
                _allow(call, "POST")
                if wait := self._answer_budgets[key].seconds_to_wait():
                    return await call.reply(_rate_limited(wait))
                await self._complete(call, record)
            case ["v1", "assistants", *rest] if len(rest) < 2:
                _allow(call, "GET")
                if wait := self._other_budgets[key].seconds_to_wait():
                    return await call.reply(_rate_limited(wait))
                one = _assistant(rest[0]).as_json() if rest else None
                await call.reply(
                    json_reply(one or [assistant.as_json() for assistant in ASSISTANTS.values()])
                )
            case ["sandbox", "faults"]:
                _allow(call, "GET", "POST", "DELETE")
                await call.reply(await self._ordered(call))
            case ["sandbox", "requests"]:
                _allow(call, "GET")
                await call.reply(json_reply(list(self.requests)))
            case _:
                raise RefusedError(404, "resource_not_found", "There is nothing at this path")
        return None

    async def _ordered(self, call: Call) -> Reply:
        match call.method:
            case "GET":
                return json_reply({name: fault.what for name, fault in FAULTS.items()})
            case "DELETE":
                self._orders.clear()
                return Reply(204)
        try:
            order = Order.model_validate_json(await call.body())
        except ValidationError as error:
            raise _invalid(error_details(error)) from error
        self._orders.add(order)
        return json_reply(order.model_dump(), 201)

    async def _complete(self, call: Call, record: dict[str, Any]) -> None:
        body = await call.body()
        record["body"] = _as_json(body)
        try:
            request = CompletionRequest.model_validate_json(body)
        except ValidationError as error:
            raise _invalid(error_details(error)) from error
        thread_id = self._thread(call.query("thread_id"))
        assistant = _assistant(str(request.assistant_id))
        _require_licence(assistant, request)

        questions = [message.content for message in request.messages if message.role == "user"]
        order, answer = self._answer(assistant, request, questions)
        low, high = self._delay
        share = (random.random() + min(1.0, len(answer["content"]) / _LONG_ANSWER)) / 2  # noqa: S311
        await self._sleep(low + (high - low) * share)
        await self._deliver(call, order, self._signed(answer, thread_id))

    def _thread(self, given: str | None) -> UUID | None:
        if given is None:
            return None
        try:
            thread_id = UUID(given)
        except ValueError as error:
            detail = ErrorDetail(loc=["query", "thread_id"], message="Not a valid UUID", type="uuid_parsing")
            raise _invalid([detail], "") from error
        if thread_id not in self._threads:
            raise RefusedError(404, "resource_not_found", "There is no thread with this id")
        return thread_id

    def _answer(
        self, assistant: SandboxAssistant, request: CompletionRequest, questions: list[str]
    ) -> tuple[Order | None, dict[str, Any]]:
        commands = [command_in(question) for question in questions]
        plain = [c.question if c else q for c, q in zip(commands, questions, strict=True)]
        answer = compose(assistant, [*plain[:-1], plain[-1] or _DEFAULT_QUESTION])
        order = self._orders.next()
        if (command := commands[-1]) and not order:
            if command.order:
                order = self._orders.for_question(command.order, str(request.user_id), questions[-1])
            else:
                answer |= {"content": f"{table()}\n\n{SAMPLE_MARK_DE}", "sources": []}
        return order, answer

    def _signed(self, answer: dict[str, Any], thread_id: UUID | None) -> dict[str, Any]:
        thread_id = thread_id or uuid4()
        self._threads[thread_id] = None
        if len(self._threads) > _KEPT_THREADS:
            self._threads.popitem(last=False)
        created_at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return answer | {"id": str(uuid4()), "created_at": created_at, "thread_id": str(thread_id)}

    async def _deliver(self, call: Call, order: Order | None, answer: dict[str, Any]) -> None:
        if not order:
            return await call.reply(json_reply(answer))
        fault = FAULTS[order.fault]
        body = json.dumps(altered(fault, answer)).encode() if fault.body is None else fault.body
        retry_after = {"retry-after": str(order.retry_after)} if order.retry_after is not None else {}
        reply = Reply(fault.status, body, fault.content_type, retry_after if fault.status >= 400 else {})
        match fault.delivery:
            case "dropped":
                return await call.close()
            case "broken_off":
                await call.start(reply)
                await call.send(body[: len(body) // 2], more=True)
                return await call.close()
            case "drip":
                await call.start(reply)
                step = math.ceil(len(body) / _DRIPS)
                for start in range(0, len(body), step):
                    await self._sleep(order.seconds / _DRIPS)
                    await call.send(body[start : start + step], more=True)
                return await call.send(b"", more=False)
            case "slow":
                await self._sleep(order.seconds)
        return await call.reply(reply)


def _allow(call: Call, *methods: str) -> None:
    if call.method not in methods:
        raise RefusedError(405, "bad_request", "This method is not allowed here", allow=", ".join(methods))


def _rate_limited(wait: float) -> Reply:
    """With the gateway's own body; the one with an error_code is among the faults."""
    return Reply(429, FAULTS["gateway_429"].body or b"", headers={"retry-after": str(math.ceil(wait))})


def _invalid(details: list[ErrorDetail], inside: str = "body") -> RefusedError:
    prefix: list[str | int] = [inside] if inside else []
    return RefusedError(422, "validation_error", [item | {"loc": prefix + item["loc"]} for item in details])


def _assistant(given: str) -> SandboxAssistant:
    try:
        return ASSISTANTS[UUID(given)]
    except (ValueError, KeyError) as error:
        raise RefusedError(404, "assistant_not_found", "There is no assistant with this id") from error


def _require_licence(assistant: SandboxAssistant, request: CompletionRequest) -> None:
    user_data = request.meta_data and request.meta_data.user_data
    if assistant.requires_licence and not (user_data and (user_data.licence or "").strip()):
        detail = "Missing: meta_data.user_data.licence"
        raise RefusedError(422, "request_metadata_missing_or_incomplete", detail)


def _as_json(body: bytes) -> object:
    """What cannot be parsed is kept as text."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")
