import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from threads.sandbox import API_KEY, EMPLOYMENT_LAW, Sandbox, running, serve

HEADERS = {"api-key": API_KEY}
BODY = {"assistant_id": str(EMPLOYMENT_LAW), "messages": [{"role": "user", "content": "Hallo"}]}


def is_open(base_url: str) -> bool:
    url = httpx.URL(base_url)
    with socket.socket() as client:
        return client.connect_ex((url.host, url.port or 0)) == 0


async def test_it_serves_within_a_running_loop_and_stops(sandbox: Sandbox) -> None:
    async with serve(sandbox) as base_url, httpx.AsyncClient(base_url=base_url, headers=HEADERS) as client:
        assert (await client.get("/v1/assistants")).status_code == 200
        assert (await client.post("/v1/chat/completions", json=BODY)).status_code == 200
    assert not is_open(base_url)


def test_it_serves_from_a_thread_and_stops(sandbox: Sandbox) -> None:
    with running(sandbox) as base_url:
        assert httpx.get(f"{base_url}/v1/assistants", headers=HEADERS).status_code == 200
    assert not is_open(base_url)


def test_two_at_once_get_different_ports(sandbox: Sandbox) -> None:
    with running(sandbox) as one, running(sandbox) as two:
        assert one != two


async def test_signals_stay_with_the_host(sandbox: Sandbox) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with serve(sandbox):
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_stopping_breaks_off_a_slow_answer(sandbox: Sandbox) -> None:
    sandbox.order("slow", seconds=60)
    async with httpx.AsyncClient(headers=HEADERS) as client:
        started = time.monotonic()
        async with serve(sandbox) as base_url:
            call = asyncio.create_task(client.post(f"{base_url}/v1/chat/completions", json=BODY))
            while not sandbox.requests:
                await asyncio.sleep(0.01)
        with pytest.raises(httpx.RemoteProtocolError):
            await call
    assert time.monotonic() - started < 5


def test_a_taken_port_is_an_error(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"), running(sandbox, port=port):
            pass


def test_it_runs_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "threads.sandbox", "--port", str(port), "--fast"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": ""},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert f"http://127.0.0.1:{port}" in process.stderr.readline()
        response = httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", headers=HEADERS, json=BODY)
        assert response.status_code == 200
    finally:
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "Traceback" not in rest
