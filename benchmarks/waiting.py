"""What do waiting browsers cost one web process, and how soon do they have their answers?

    uv run python -m benchmarks.waiting [BROWSERS]

Each browser is another user's, signed in, with a conversation whose answer is still to come. It opens the
conversation's page, holds the address open that the page tells it to, on a connection of its own, and asks
again when it is sent away without an answer. Measured in two scenes, each with new conversations:

paced       100 answers a second are stored
at once     all answers are stored in one transaction

Memory, threads and connections to the database are the web process's: before anybody waits (it has served all
pages by then), and while all wait. Times are from just before an answer's COMMIT, by another process, to the
last byte at the browser. The browsers run in this process, on the same machine as everything else.
"""

import asyncio
import gzip
import html
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from benchmarks.fleet import Process, Promises, acknowledge, fleet, start_web
from threads import answering
from threads.models import Assistant, Connection, Thread, User

BROWSERS = 1000
PER_SECOND = 100
PAGES_AT_ONCE = 8
PARK_SECONDS = 3  # after the last has asked: the web process still looks up what they wait for
ANSWERED_WITHIN_SECONDS = 60  # after the last answer was stored
KILOBYTES_PER_BROWSER = 50  # promised: a waiting browser costs kilobytes, not a thread or a connection
OPEN_ANSWER = re.compile(r'<article id="message-([^"]+)"[^>]* data-role="assistant"[^>]* hx-get="([^"]+)"')
DONE = 'data-state="done"'


class Response(NamedTuple):
    status: int
    body: str
    at: float  # when its last byte was there


@dataclass
class Browser:
    host: str
    port: int
    cookie: str
    answer_id: str = ""
    wait_url: str = ""
    times_asked: int = 0
    answered_at: float | None = None

    async def open_page(self, thread: Thread) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        page = await self._get(reader, writer, f"/threads/{thread.pk}/")
        writer.close()
        found = OPEN_ANSWER.search(page.body)
        assert found, f"no waiting answer on the page ({page.status})"
        self.answer_id, self.wait_url = found[1], html.unescape(found[2])
        self.times_asked, self.answered_at = 0, None

    async def wait(self) -> None:
        """Until the answer is there, as htmx would."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            while self.answered_at is None:
                self.times_asked += 1
                response = await self._get(reader, writer, self.wait_url, "HX-Request: true\r\n")
                if DONE in response.body:
                    self.answered_at = response.at
                elif found := OPEN_ANSWER.search(response.body):
                    self.wait_url = html.unescape(found[2])
                elif response.status != 204:
                    await asyncio.sleep(1)
        finally:
            writer.close()

    async def _get(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, headers: str = ""
    ) -> Response:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nCookie: {self.cookie}\r\n"
            f"Accept-Encoding: gzip\r\n{headers}\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = re.search(r"content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        at = time.monotonic()
        body = gzip.decompress(body) if "content-encoding: gzip" in head else body
        return Response(int(head.split()[1]), body.decode(), at)


@dataclass(frozen=True)
class Cost:
    """Of the web process."""

    megabytes: float
    threads: int
    database_connections: int

    @classmethod
    def of(cls, web: Process) -> "Cost":
        process = psutil.Process(web.pid)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
            connections = cursor.fetchone()[0] - 1  # without this one
        return cls(process.memory_info().rss / 1e6, process.num_threads(), connections)

    def __str__(self) -> str:
        return (
            f"{self.megabytes:.1f} MB, {self.threads} threads, "
            f"{self.database_connections} connections to the database"
        )


def main(count: int) -> bool:
    promises = Promises()
    with fleet():
        remote = Connection(name="nowhere", base_url="http://127.0.0.1:9")
        remote.api_key = "benchmark"
        remote.save()
        assistant = remote.assistants.create(remote_id=uuid.uuid4(), name="Arbeitsrecht", slug="arbeitsrecht")
        users = User.objects.bulk_create(User(email=f"user-{n}@example.org") for n in range(count))
        acknowledge(users)
        web, base_url = start_web(MAX_WAITING=str(count + 100))
        browsers = [signed_in(user, base_url) for user in users]
        for scene, per_second in ((f"paced, {PER_SECOND} a second", PER_SECOND), ("at once", 0)):
            print(f"\n{scene}: {count} browsers")
            threads = ask(users, assistant)
            asyncio.run(run(web, browsers, threads, per_second, promises))
    return promises.broken


def signed_in(user: User, base_url: str) -> Browser:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    address = urlsplit(base_url)
    return Browser(address.hostname or "", address.port or 0, f"{name}={client.cookies[name].value}")


@transaction.atomic
def ask(users: Sequence[User], assistant: Assistant) -> list[Thread]:
    return [answering.start_thread(user, assistant, "Und dann?", uuid.uuid4()) for user in users]


async def run(
    web: Process, browsers: Sequence[Browser], threads: Sequence[Thread], per_second: int, promises: Promises
) -> None:
    await open_pages(browsers, threads)
    before = await asyncio.to_thread(Cost.of, web)
    waits = [asyncio.create_task(browser.wait()) for browser in browsers]
    await asyncio.sleep(PARK_SECONDS)
    held = await asyncio.to_thread(Cost.of, web)
    parked = sum(not wait.done() for wait in waits)
    committed = await finish([browser.answer_id for browser in browsers], per_second)
    _, late = await asyncio.wait(waits, timeout=ANSWERED_WITHIN_SECONDS)
    for wait in late:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)

    kilobytes = (held.megabytes - before.megabytes) * 1000 / len(browsers)
    print(f"       before: {before}\n       while {parked} wait: {held}")
    promises.check(kilobytes < KILOBYTES_PER_BROWSER, f"memory for each: {kilobytes:.1f} kB")
    promises.check(held.threads <= before.threads, f"threads more: {held.threads - before.threads}")
    more = held.database_connections - before.database_connections
    promises.check(more <= 1, f"database connections more: {more} (one looks up what all wait for)")
    delays = sorted(
        (browser.answered_at - committed[browser.answer_id]) * 1000
        for browser in browsers
        if browser.answered_at is not None
    )
    promises.check(len(delays) == len(browsers), f"answered: {len(delays)} of {len(browsers)}")
    print(
        f"       from COMMIT to the browser: median {delays[len(delays) // 2]:.1f} ms, "
        f"p99 {delays[int(len(delays) * 0.99)]:.1f} ms, longest {delays[-1]:.1f} ms"
    )
    print(f"       asked for the answer: {max(browser.times_asked for browser in browsers)} times at most")


async def open_pages(browsers: Sequence[Browser], threads: Sequence[Thread]) -> None:
    a_few = asyncio.Semaphore(PAGES_AT_ONCE)

    async def open_page(browser: Browser, thread: Thread) -> None:
        async with a_few:
            await browser.open_page(thread)

    await asyncio.gather(*map(open_page, browsers, threads))


async def finish(ids: Sequence[str], per_second: int) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "benchmarks.finish", str(per_second)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    output, _ = await process.communicate("\n".join(ids).encode())
    committed: dict[str, float] = json.loads(output)
    return committed


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else BROWSERS))
