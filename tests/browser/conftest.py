"""A real Chromium on the real server, with its worker and the sandbox."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser import chromium
from threads.models import Message, User

START_SECONDS = 20

expect.set_options(timeout=15_000)  # a machine may be busy


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):  # noqa: PTH120
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(autouse=True)
def _settled(transactional_db: None) -> Iterator[None]:
    """The tables are emptied after a test: not while the worker still writes to them."""
    yield
    deadline = time.monotonic() + START_SECONDS
    while Message.objects.filter(claimed_by__isnull=False).exists() and time.monotonic() < deadline:
        time.sleep(0.05)


# One module after another: while Playwright runs, asynchronous tests of other modules could not.


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        reason = "no Chromium was found, nor could one be installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*chromium.ARGUMENTS])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[str]:
    """The base URL of the site."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    name = str(settings.DATABASES["default"]["NAME"])
    process = subprocess.Popen([sys.executable, "-m", "tests.browser.serve", name, str(port)])
    base_url = f"http://127.0.0.1:{port}"
    try:
        _await(base_url, process)
        yield base_url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _await(base_url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(base_url)
            return
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.fixture
def open_browser(browser: Browser, site: str) -> Iterator[Callable[..., Page]]:
    """A new browser with a page, and with it the certainty that nothing went wrong unseen."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_browser(user: User | None = None, **options: Any) -> Page:
        context = browser.new_context(base_url=site, **({"locale": "de-DE"} | options))
        contexts.append(context)
        if user:
            client = Client()
            client.force_login(user)
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": site}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: problems.append(f"script: {error}"))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        return page

    yield open_browser
    for context in contexts:
        context.close()
    # What a test provokes, it looks for itself.
    expected = ("Failed to load resource", "htmx:", "Response Status Error")
    assert [problem for problem in problems if not problem.startswith(expected)] == []


@pytest.fixture
def page(open_browser: Callable[..., Page], asker: User) -> Page:
    """The asker's."""
    return open_browser(asker)


@pytest.fixture
def plain(open_browser: Callable[..., Page], asker: User) -> Page:
    """The asker's, without JavaScript."""
    return open_browser(asker, java_script_enabled=False)
