"""Real servers, each in a folder of its own, used by real processes."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from chatsite.embedded_postgres import Address
from chatsite.embedded_postgres.server import PROJECT_DIR, Folder

USER = """
import sys
from pathlib import Path
from chatsite.embedded_postgres import ensure_running
address = ensure_running(Path(sys.argv[1]))
print(address.socket_dir, address.port, sep="\\n", flush=True)
sys.stdin.read()
"""
IS_ROOT = os.geteuid() == 0


@dataclass
class User:
    """A process that uses the server, until its input ends."""

    process: subprocess.Popen[str]

    @property
    def address(self) -> Address:
        assert self.process.stdout
        socket_dir, port = (self.process.stdout.readline().strip() for _ in range(2))
        assert port, self.error
        return Address(socket_dir, int(port))

    @property
    def error(self) -> str:
        return self.process.communicate(timeout=30)[1]


@pytest.fixture
def top() -> Iterator[Path]:
    """A folder for servers; whatever uses it has ended when the test has. pytest's own are private to root."""
    top = Path(tempfile.mkdtemp(prefix="chatsite-test-")).resolve()
    top.chmod(0o755)
    yield top
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(str(top) in argument for argument in process.cmdline()):
                process.kill()
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def folder(top: Path) -> Folder:
    return Folder(top / "postgres")


@pytest.fixture
def use(folder: Folder) -> Iterator[Callable[..., User]]:
    users = []

    def use(path: Path = folder.path) -> User:
        process = subprocess.Popen(
            [sys.executable, "-c", USER, str(path)],
            cwd=PROJECT_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        users.append(process)
        return User(process)

    yield use
    for process in users:
        process.kill()
        process.communicate()


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def sql(address: Address, statement: str) -> object:
    with psycopg.connect(host=address.socket_dir, port=address.port, user="postgres", autocommit=True) as database:
        cursor = database.execute(statement.encode())
        return cursor.fetchone()[0] if cursor.description else None  # type: ignore[index]


def pid(folder: Folder) -> int:
    pid = folder.pid()
    assert pid
    return pid


def keeper(folder: Folder) -> psutil.Process:
    """There is one."""
    (keeper,) = (
        process
        for process in psutil.process_iter()
        if process.info if False else process.cmdline()[-2:] == ["chatsite.embedded_postgres.keeper", str(folder.path)]
    )
    return keeper
