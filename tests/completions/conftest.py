from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest

from threads.completions import Client, CompletionRequest, RequestMessage, open_http

KEY = "sk-Geheim_4711"
QUESTION = "Welche Kündigungsfristen gelten während der Probezeit?"
ANSWER = "Während der Probezeit beträgt die Frist zwei Wochen."
ASSISTANT_ID = UUID("a1b2c3d4-5678-9abc-def0-1234567890ab")
THREAD_ID = UUID("1a2b3c4d-5678-9abc-def0-112233445566")


def request(**overrides: Any) -> CompletionRequest:
    messages = [RequestMessage(role="user", content=QUESTION)]
    return CompletionRequest(**{"assistant_id": ASSISTANT_ID, "messages": messages, **overrides})


@asynccontextmanager
async def client_to(base_url: str, **options: Any) -> AsyncIterator[Client]:
    """A client on real sockets, or on `transport`."""
    async with open_http(**options) as http:
        yield Client(http, base_url=base_url, api_key=KEY)


class Service:
    """Answers each call with the next of `replies` (the last one again and again), and remembers calls."""

    def __init__(self) -> None:
        self.replies: list[httpx.Response | Exception] = []
        self.calls: list[httpx.Request] = []

    def __call__(self, call: httpx.Request) -> httpx.Response:
        self.calls.append(call)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def replies_with(self, *replies: httpx.Response | Exception) -> None:
        self.replies = list(replies)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def client(service: Service) -> AsyncIterator[Client]:
    async with client_to("https://api.example/agents", transport=httpx.MockTransport(service)) as client:
        yield client
