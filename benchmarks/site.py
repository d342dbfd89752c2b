"""The site as `manage.py demo` runs it, on a database of its own, before a stub of the API; and a browser."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import httpx
from playwright.sync_api import Page, sync_playwright

from tests.browser.chromium import ARGUMENTS, find

TEXT = "Während der Probezeit beträgt die Kündigungsfrist **zwei Wochen** (§ 622 Abs. 3 BGB). " * 10
SOURCE = {
    "content": "§ 622 Abs. 3 BGB: Während einer vereinbarten Probezeit, längstens für die Dauer von sechs "
    "Monaten, kann das Arbeitsverhältnis mit einer Frist von zwei Wochen gekündigt werden.",
    "meta_data": {"document_title": "Bürgerliches Gesetzbuch (BGB)", "section": "§ 622 Abs. 3"},
}
ASSISTANT = {"id": str(uuid.uuid4()), "name": "Arbeitsrecht", "streaming": False}
PASSWORD = secrets.token_urlsafe()
DONE = "article[data-role=assistant][data-state=done]"
STOP_SECONDS = 30


class Api(BaseHTTPRequestHandler):
    """Answers each question after `seconds`, the same."""

    seconds: ClassVar[float] = 0.5
    answered: ClassVar[list[float]] = []  # when each answer had been written, in milliseconds since 1970

    def do_GET(self) -> None:
        self._send([ASSISTANT])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.seconds)
        self._send({"content": TEXT, "meta_data": {"legal_advice": True}, "sources": [SOURCE] * 3})
        self.answered.append(time.time() * 1000)

    def _send(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def signed_in_page() -> Iterator[Page]:
    """A page of Chromium, signed in, on the home page; site, database and browser end with it."""
    api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    with _running_site(f"http://127.0.0.1:{api.server_port}") as base_url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=[*ARGUMENTS])
        page = browser.new_page(base_url=base_url)
        page.goto("/")
        page.locator("[name=login]").fill("anna@example.org")
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("[name=password]").press("Enter")
        page.locator("button[name=acknowledge]").click()
        page.wait_for_selector("[name=content]")
        yield page
        browser.close()
    api.shutdown()


def ask(page: Page, text: str) -> None:
    page.locator("[name=content]").fill(text)
    page.locator("[name=content]").press("Enter")


@contextlib.contextmanager
def _running_site(api_url: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as var:
        environment = os.environ | {
            "VAR_DIR": var,
            "PORT": str(port),
            "LOG_LEVEL": "WARNING",
            "DEMO_PASSWORD": PASSWORD,
            "COMPLETIONS_API_KEY": "benchmark",
            "COMPLETIONS_BASE_URL": api_url,
        }
        manage = [sys.executable, "manage.py"]
        subprocess.run([*manage, "collectstatic", "--noinput", "-v0"], env=environment, check=True)
        site = subprocess.Popen([*manage, "demo"], env=environment, stdout=subprocess.DEVNULL)
        base_url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                with contextlib.suppress(httpx.TransportError):
                    httpx.get(base_url)
                    break
                time.sleep(0.1)
            yield base_url
        finally:
            site.terminate()
            site.wait(STOP_SECONDS)
            time.sleep(1)  # the database ends with its last user, a moment later
