"""The site as it runs in production, process by process, on a database of its own, before a strict API.

Importing this gives the benchmark's own process Django on that same database: it makes users, asks, and looks
at what was stored. The budget's minute is scaled down; `BUDGET_MINUTE_SECONDS=60` makes it a real one.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import django
from django.core.management import call_command
from django.db import connections

from benchmarks.api import Call
from chatsite.embedded_postgres import server as embedded_postgres

REQUESTS_PER_SECOND, REQUESTS_PER_MINUTE = 15, 60
MINUTE_SECONDS = float(os.environ.setdefault("BUDGET_MINUTE_SECONDS", "12"))
START_SECONDS, STOP_SECONDS = 60, 30
RESTART_SECONDS = 0.2  # until a supervised process that ended is started anew

_var_dir = Path(tempfile.mkdtemp(prefix="benchmark-"))
for _name in ("DATABASE_URL", "SECRETS_DIR"):
    os.environ.pop(_name, None)
os.environ |= {"DJANGO_SETTINGS_MODULE": "chatsite.settings", "VAR_DIR": str(_var_dir)}
os.environ |= {"MAX_WAITING_PER_USER": "1000", "MAX_QUESTIONS_PER_HOUR": "10000"}  # one asks for many
os.environ.setdefault("LOG_LEVEL", "WARNING")
django.setup()

from threads.models import Acknowledgement, Assistant, Connection, Notice, User  # noqa: E402

postgres = embedded_postgres.Folder(_var_dir / "postgres")
_processes: list["Process"] = []


@contextlib.contextmanager
def fleet() -> Iterator[None]:
    """The database, set up; at the end it is deleted, and all processes that were started are stopped."""
    signal.signal(signal.SIGTERM, _end)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        call_command("migrate", verbosity=0)
        yield
    except Exception:
        print("\n".join(process.last_said() for process in _processes), file=sys.stderr)
        raise
    finally:
        with ThreadPoolExecutor() as together:
            list(together.map(Process.stop, _processes))
        connections.close_all()
        for lock in embedded_postgres._held.values():  # its keeper stops it with its last user
            lock.close()
        wait_until(lambda: not postgres.is_running(), STOP_SECONDS)
        shutil.rmtree(_var_dir, ignore_errors=True)


def _end(signal_number: int, frame: FrameType | None) -> None:
    sys.exit(128 + signal_number)


class Process:
    """One of the site's processes. It is supervised: started anew whenever it ends by itself or is killed."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.name = f"{arguments[0]}-{uuid.uuid4().hex[:4]}"
        self.log = _var_dir / f"{self.name}.log"
        self._arguments = [sys.executable, "manage.py", *arguments]
        self._environment = os.environ | environment
        self._stopping = threading.Event()
        self._starting = threading.Lock()  # none is started while, or after, all are stopped
        self._process = self._start()
        _processes.append(self)
        threading.Thread(target=self._supervise, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> bool:
        """False when it was just not there."""
        if self._process.poll() is not None:
            return False
        self._process.kill()
        return True

    def stop(self) -> None:
        with self._starting:
            self._stopping.set()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_said(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"--- {self.name}", *lines[-15:]])

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(self._arguments, env=self._environment, stdout=log, stderr=log)

    def _supervise(self) -> None:
        while True:
            self._process.wait()
            self._stopping.wait(RESTART_SECONDS)
            with self._starting:
                if self._stopping.is_set():
                    return
                self._process = self._start()


def acknowledge(users: Iterable[User]) -> None:
    """They have read the notice, and so reach the pages."""
    notice = Notice.objects.in_force()
    assert notice
    Acknowledgement.objects.bulk_create(Acknowledgement(user=user, notice=notice) for user in users)


def start_worker() -> Process:
    return Process("worker")


def start_web(**environment: str) -> tuple[Process, str]:
    """Process and base URL, once it answers."""
    call_command("collectstatic", interactive=False, verbosity=0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    web = Process("serve", PORT=str(port), **environment)
    if not wait_until(lambda: _answers(port), START_SECONDS):
        raise TimeoutError("the web process does not answer")
    return web, f"http://127.0.0.1:{port}"


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Api:
    """The strict API of `benchmarks.api`, which has a process of its own."""

    def __init__(self, *, after: tuple[float, float]) -> None:
        limits = [REQUESTS_PER_SECOND, REQUESTS_PER_MINUTE, MINUTE_SECONDS]
        arguments = [str(argument) for argument in (*limits, *after)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.api", *arguments], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.base_url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def calls(self) -> list[Call]:
        """All that came so far, in the order in which they came."""
        with urllib.request.urlopen(f"{self.base_url}/calls", timeout=10) as response:  # noqa: S310
            return [Call(**call) for call in json.load(response)]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


@contextlib.contextmanager
def assistant_at_api(*, after: tuple[float, float]) -> Iterator[tuple[Assistant, Api]]:
    """An assistant on a connection, and so a budget, of its own; the API answers `after` so many seconds."""
    api = Api(after=after)
    try:
        name = f"benchmark-{uuid.uuid4().hex[:8]}"
        connection = Connection(
            name=name,
            base_url=api.base_url,
            requests_per_second=REQUESTS_PER_SECOND,
            requests_per_minute=REQUESTS_PER_MINUTE,
        )
        connection.api_key = uuid.uuid4().hex
        connection.save()
        yield connection.assistants.create(remote_id=uuid.uuid4(), name=name, slug=name), api
    finally:
        api.stop()


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Look five times a second; False when it was not so within `seconds`."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


class Promises:
    """Prints what is checked, and remembers what was broken."""

    def __init__(self) -> None:
        self.broken = False

    def check(self, is_kept: bool, text: str) -> None:
        self.broken |= not is_kept
        print(f"{'kept  ' if is_kept else 'BROKEN'} {text}", flush=True)
