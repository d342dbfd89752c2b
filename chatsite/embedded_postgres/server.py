"""Where the embedded server stands, seen from a process that uses it."""

import fcntl
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

PROJECT_DIR = Path(__file__).resolve().parents[2]
START_SECONDS = 60  # the first start makes the data folder: half a second here, more on a slow disk
RESTART_SECONDS = 3  # for who used it before: a page should rather say soon that the database is away


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

    @property
    def server_log(self) -> Path:
        return self.run / "server.log"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def pid(self) -> int | None:
        """Of the server that runs or, after it was killed, ran here."""
        lines = self._pid_file_lines()
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None

    def is_running(self) -> bool:
        """Is that a living server on this data, not some other process that got the number of a dead one?"""
        try:
            return self._is_server()
        except psutil.AccessDenied:  # /proc may be mounted with hidepid
            return self._accepts()
        except psutil.Error:
            return False

    def is_pid_taken(self) -> bool:
        """Does the number of a dead server belong to something else by now? Not, where that can't be told."""
        try:
            return not self._is_server()
        except psutil.ZombieProcess:
            return True
        except psutil.Error:
            return False

    def _is_server(self) -> bool:
        process = psutil.Process(self.pid() or 0)
        return process.name().startswith("postgres") and str(self.data) in process.cmdline()

    def _accepts(self) -> bool:
        lines = self._pid_file_lines()
        if len(lines) < 5:
            return False
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(f"{lines[4]}/.s.PGSQL.{lines[3]}")
            except OSError:
                return False
        return True

    def address(self) -> Address | None:
        """Of the server that is running and takes connections; None if there is none."""
        lines = self._pid_file_lines()  # pid, data, start time, port, socket folder, host, memory, status
        if len(lines) < 8 or lines[7].strip() != "ready" or not self.is_running():
            return None
        return Address(socket_dir=lines[4], port=int(lines[3]))

    def last_said(self) -> str:
        """The ends of the logs."""
        logs = (log for log in (self.server_log, self.keeper_log) if log.exists())
        return "\n".join(log.read_text(errors="replace").strip()[-2000:] for log in logs)

    def _pid_file_lines(self) -> list[str]:
        try:
            return self.pid_file.read_text().splitlines()
        except FileNotFoundError:
            return []


_held: dict[Path, IO[str]] = {}  # the shared locks of this process, held until it ends
_used: set[Path] = set()  # those that this process has seen running
_keepers: list[subprocess.Popen[bytes]] = []  # those that this process started; they outlive it


def ensure_running(path: Path) -> Address:
    """Start the server that has its data below `path`, unless it runs; it stays up while this process lives.

    Raises `EmbeddedPostgresError`.
    """
    try:
        return _ensure_running(Folder(path.resolve()))
    except OSError as error:
        raise EmbeddedPostgresError(f"The embedded PostgreSQL can't use {path}: {error}") from error


def _ensure_running(folder: Folder) -> Address:
    if folder.path not in _held:
        folder.path.mkdir(parents=True, exist_ok=True)
        lock = folder.users_lock.open("a")
        fcntl.flock(lock, fcntl.LOCK_SH)  # waits while a keeper, with no user left, stops the server
        _held[folder.path] = lock
    keeper: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + (RESTART_SECONDS if folder.path in _used else START_SECONDS)
    while not ((address := folder.address()) and _is_locked(folder.keeper_lock)):
        # One that ended well met another keeper, or only someone who looked for one.
        if (keeper is None or keeper.poll() == 0) and not _is_locked(folder.keeper_lock):
            keeper = _start_keeper(folder)
        if (keeper and keeper.poll()) or time.monotonic() > deadline:
            said = folder.last_said()
            raise EmbeddedPostgresError(f"The embedded PostgreSQL did not start in {folder.path}:\n{said}")
        time.sleep(0.02)
    _used.add(folder.path)
    return address


def _start_keeper(folder: Folder) -> subprocess.Popen[bytes]:
    """A process of its own session, so that Ctrl-C in a terminal ends its users and not the keeper."""
    with folder.keeper_log.open("wb") as log:
        keeper = subprocess.Popen(  # noqa: S603 our own module
            [sys.executable, "-m", "chatsite.embedded_postgres.keeper", str(folder.path)],
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
