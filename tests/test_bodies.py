"""What arrives slowly, or never, and what is too much, is kept from the threads that make pages."""

import asyncio
from typing import Any

import pytest
from pytest_django import Settings

from chatsite import bodies
from chatsite.asgi import Site
from chatsite.bodies import Bodies

Event = dict[str, Any]
GONE = {"type": "http.disconnect"}


def part(body: bytes, *, more: bool = False) -> Event:
    return {"type": "http.request", "body": body, "more_body": more}


class Browser:
    """Sends `events` and nothing more; remembers what came back, if it reads at all."""

    def __init__(self, *events: Event, reads: bool = True) -> None:
        self.events = list(events)
        self.reads = reads
        self.came: list[Event] = []

    async def ask(self, app: Any, method: str = "POST", path: str = "/", **headers: str) -> None:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await app(scope, self.receive, self.send)

    async def receive(self) -> Event:
        if self.events:
            return self.events.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, event: Event) -> None:
        if not self.reads:
            await asyncio.Event().wait()
        self.came.append(event)

    @property
    def status(self) -> int | None:
        return self.came[0]["status"] if self.came else None


class Pages:
    """Stands for Django: reads what it is given at one go."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        event = await asyncio.wait_for(receive(), 0.1)
        assert not event["more_body"]
        self.bodies.append(event["body"])
        self.headers = scope["headers"]


@pytest.fixture
def pages() -> Pages:
    return Pages()


async def test_form_in_parts_is_handed_on_whole(pages: Pages) -> None:
    await Browser(part(b"a=", more=True), part(b"b")).ask(Bodies(pages))
    assert pages.bodies == [b"a=b"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "ODD"])
async def test_form_that_does_not_arrive_is_refused(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.01)
    browser = Browser(part(b"a=", more=True))
    await browser.ask(Bodies(pages), method)
    assert (browser.status, pages.bodies) == (408, [])


@pytest.mark.parametrize(("size", "status"), [(10, None), (11, 413)])
async def test_form_that_is_too_large_is_refused(
    pages: Pages, settings: Settings, size: int, status: int | None
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    browser = Browser(part(b"a" * 9, more=True), part(b"b" * (size - 9), more=size > 10))
    await browser.ask(Bodies(pages))
    assert browser.status == status
    assert len(pages.bodies) == (status is None)


async def test_who_leaves_while_sending_is_forgotten(pages: Pages) -> None:
    browser = Browser(part(b"a=", more=True), GONE)
    await browser.ask(Bodies(pages))
    assert (browser.came, pages.bodies) == ([], [])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_header_that_only_looks_like_the_proxys_own_is_dropped(pages: Pages, method: str) -> None:
    given = {"x_forwarded_proto": "http", "x-forwarded-proto": "https"}
    await Browser(part(b"")).ask(Bodies(pages), method, **given)
    assert pages.headers == [(b"x-forwarded-proto", b"https")]


async def test_browsers_that_do_not_read_or_send_keep_nobody_from_the_site(settings: Settings) -> None:
    site = Site()
    files = (path for path in settings.STATIC_ROOT.rglob("*") if path.suffix in (".js", ".css"))
    largest = max(files, key=lambda path: path.stat().st_size)
    path = settings.STATIC_URL + largest.relative_to(settings.STATIC_ROOT).as_posix()
    form = {"content-type": "application/x-www-form-urlencoded", "content-length": "1000"}
    async with asyncio.TaskGroup() as group:
        idle = []
        for _ in range(settings.ENVIRONMENT.web_threads):
            who_sends_no_more, who_reads_nothing = Browser(part(b"a=", more=True)), Browser(reads=False)
            idle.append(group.create_task(who_sends_no_more.ask(site, "POST", "/accounts/login/", **form)))
            idle.append(group.create_task(who_reads_nothing.ask(site, "GET", path)))
        await asyncio.sleep(0)
        reader = Browser(part(b""))
        await asyncio.wait_for(reader.ask(site, "GET", path), 5)
        for task in idle:
            task.cancel()
    assert reader.status == 200
    assert sum(len(event.get("body", b"")) for event in reader.came) == largest.stat().st_size > 100_000
