"""Where the embedded server stands, seen from a process that uses it."""

import fcntl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from chatsite.environment import PROJECT_DIR

START_SECONDS = 60  # the first start makes the data folder: half a second here, more on a slow disk


class EmbeddedPostgresError(Exception):
    """The embedded server could not be started; the message has what it said."""


@dataclass(frozen=True)
class Address:
    socket_dir: str
    port: int


@dataclass(frozen=True)
class Folder:
    """Where the parts lie below ``var/postgres``."""

    path: Path

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def run(self) -> Path:
        """Socket and log: the one place besides `data` that the server writes to."""
        return self.path / "run"

    @property
    def users_lock(self) -> Path:
        return self.path / "users.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.path / "keeper.lock"

    @property
    def keeper_log(self) -> Path:
        return self.path / "keeper.log"

    def postmaster_pid(self) -> int | None:
        lines = self._pid_file()
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None

    def address(self) -> Address | None:
        """Of the server that is running and takes connections; None if there is none."""
        lines = self._pid_file()  # pid, data folder, start time, port, socket folder, host, memory, status
        if len(lines) < 8 or lines[7].strip() != "ready" or not is_postgres(self.postmaster_pid()):
            return None
        return Address(socket_dir=lines[4], port=int(lines[3]))

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def is_postgres(pid: int | None) -> bool:
    """Is `pid` a living PostgreSQL, not some other process that got the number of a dead one?"""
    if pid is None:
        return False
    try:
        process = psutil.Process(pid)
        return process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


_held: dict[Path, IO[str]] = {}  # the shared locks of this process, held until it ends
_keepers: list[subprocess.Popen[bytes]] = []  # those that this process started; they outlive it


def ensure_running(path: Path) -> Address:
    """Start the server that has its data below `path`, unless it runs; it stays up while this process lives.

    Raises `EmbeddedPostgresError`.
    """
    folder = Folder(path)
    if path not in _held:
        path.mkdir(parents=True, exist_ok=True)
        lock = folder.users_lock.open("a")
        fcntl.flock(lock, fcntl.LOCK_SH)  # waits while a keeper, with no user left, stops the server
        _held[path] = lock
    keeper: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + START_SECONDS
    while not ((address := folder.address()) and _is_locked(folder.keeper_lock)):
        if keeper is None and not _is_locked(folder.keeper_lock):
            keeper = _start_keeper(folder)
        if (keeper and keeper.poll()) or time.monotonic() > deadline:
            said = folder.keeper_log.read_text(errors="replace").strip()
            raise EmbeddedPostgresError(f"The embedded PostgreSQL did not start in {path}:\n{said[-2000:]}")
        time.sleep(0.02)
    return address


def _start_keeper(folder: Folder) -> subprocess.Popen[bytes]:
    """A process of its own session, so that Ctrl-C in a terminal ends its users and not the keeper."""
    with folder.keeper_log.open("wb") as log:
        keeper = subprocess.Popen(  # noqa: S603 our own module
            [sys.executable, "-m", "chatsite.embedded_postgres.keeper", str(folder.path.resolve())],
            cwd=PROJECT_DIR,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _keepers.append(keeper)
    return keeper


def _is_locked(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
