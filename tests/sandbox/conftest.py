from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx
import pytest

from threads.sandbox import API_KEY, EMPLOYMENT_LAW, Sandbox

QUESTION = "Welche Kündigungsfristen gelten während der Probezeit?"

Ask = Callable[..., Coroutine[Any, Any, httpx.Response]]


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(delay=(0, 0), requests_per_second=1000, requests_per_minute=1000)


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(sandbox)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://sandbox", headers={"api-key": API_KEY}
    ) as client:
        yield client


@pytest.fixture
def ask(client: httpx.AsyncClient) -> Ask:
    """Asks one question; keywords replace or add keys of the body."""

    async def ask(question: str = QUESTION, *, thread_id: str | None = None, **body: Any) -> httpx.Response:
        messages = [{"role": "user", "content": question}]
        return await client.post(
            "/v1/chat/completions",
            params={} if thread_id is None else {"thread_id": thread_id},
            json={"assistant_id": str(EMPLOYMENT_LAW), "messages": messages} | body,
        )

    return ask
