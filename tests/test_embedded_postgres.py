"""Real servers, each in a folder of its own, used by real processes."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg
import pytest
from django.db import OperationalError, connections

from chatsite.embedded_postgres import Address, EmbeddedPostgresError, base, ensure_running, server
from chatsite.embedded_postgres.keeper import LOOK_EVERY_SECONDS
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

    @cached_property
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
    """A folder for servers, open to others than root, unlike pytest's own. All in it ends with the test."""
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


Use = Callable[..., User]


@pytest.fixture
def use(folder: Folder) -> Iterator[Use]:
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


def sql(address: Address, statement: LiteralString) -> object:
    parameters: dict[str, Any] = {"host": address.socket_dir, "port": address.port, "user": "postgres"}
    with psycopg.connect(**parameters, autocommit=True) as database:
        cursor = database.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def server_of(folder: Folder) -> psutil.Process:
    pid = folder.pid()
    assert pid
    return psutil.Process(pid)


def keeper_of(folder: Folder) -> psutil.Process:
    [keeper] = keepers_of(folder)
    return keeper


def keepers_of(folder: Folder) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if is_keeper(process, folder)]


def is_keeper(process: psutil.Process, folder: Folder) -> bool:
    try:
        return process.cmdline()[-2:] == ["chatsite.embedded_postgres.keeper", str(folder.path)]
    except psutil.Error:
        return False


def has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("name", ["with spaces", "$HOME, `id`, 'quotes\", ümlauts" + 100 * "a"])
def test_first_start_makes_a_database_wherever_it_lies(top: Path, use: Use, name: str) -> None:
    user = use(top / name)
    address = user.address
    assert sql(address, "SELECT lower('ÄÖÜ ẞ')") == "äöü ß"
    assert sql(address, "SELECT current_setting('listen_addresses')") == ""
    assert Path(address.socket_dir).stat().st_mode & 0o777 == 0o700
    end(user, Folder(top / name))
    assert Path(address.socket_dir).parent == top / name or not Path(address.socket_dir).exists()


@pytest.mark.skipif(not IS_ROOT, reason="PostgreSQL has to run as another user only for root")
def test_root_needs_no_other_folder_than_one_of_its_own(top: Path, use: Use) -> None:
    (top / "private").mkdir(mode=0o700)
    assert sql(use(top / "private" / "postgres").address, "SELECT 1") == 1


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a folder away")
def test_data_may_belong_to_someone_without_a_name_here(folder: Folder, use: Use) -> None:
    end(use(), folder)
    for path in (folder.data, *folder.data.rglob("*")):
        os.chown(path, 12345, 12345)
    assert sql(use().address, "SELECT 1") == 1
    assert server_of(folder).uids().effective == 12345


def end(user: User, folder: Folder) -> None:
    """With it, as the only user, the server ends."""
    assert user.address
    server = server_of(folder)
    user.process.communicate(timeout=20)
    until(lambda: has_ended(server) and not keepers_of(folder))


def test_users_share_a_server_that_ends_with_the_last_of_them(folder: Folder, use: Use) -> None:
    users = [use(), use(), use()]
    assert len({user.address for user in users}) == 1
    server, keeper = server_of(folder), keeper_of(folder)
    users[0].process.communicate(timeout=20)
    users[1].process.kill()
    time.sleep(3 * LOOK_EVERY_SECONDS)
    assert not has_ended(server)
    users[2].process.kill()
    until(lambda: has_ended(server) and has_ended(keeper))
    assert not folder.pid_file.exists()  # it was not killed


def test_user_who_comes_as_the_server_ends_gets_another(folder: Folder, use: Use) -> None:
    first = use()
    assert first.address
    server = server_of(folder)
    first.process.kill()
    until(lambda: has_ended(server))
    assert sql(use().address, "SELECT 1") == 1


def test_server_that_is_killed_comes_up_again_with_its_data(folder: Folder, use: Use) -> None:
    address = use().address
    sql(address, "CREATE TABLE kept AS SELECT 42 AS answer")
    server = server_of(folder)
    server.kill()
    until(lambda: folder.address() and has_ended(server))
    assert sql(address, "SELECT answer FROM kept") == 42


@pytest.mark.parametrize("taken_by", [None, "postgres-of-another"])
def test_start_after_a_crash_of_everything_finds_the_data(
    top: Path, folder: Folder, use: Use, taken_by: str | None
) -> None:
    """The dead server's number may be another process's by now, even another PostgreSQL's."""
    user = use()
    sql(user.address, "CREATE TABLE kept AS SELECT 42 AS answer")
    server, keeper = server_of(folder), keeper_of(folder)
    for process in (keeper, server, user.process):
        process.kill()
    user.process.wait()
    until(lambda: has_ended(server) and has_ended(keeper))
    with contextlib.ExitStack() as stack:
        if taken_by:
            other = stack.enter_context(process_named(top / taken_by, owner=folder.data.stat().st_uid))
            for file in (folder.pid_file, folder.run / ".s.PGSQL.5432.lock"):
                file.write_text(file.read_text().replace(str(server.pid), str(other.pid), 1))
        assert sql(use().address, "SELECT answer FROM kept") == 42
        assert not taken_by or other.poll() is None


@contextlib.contextmanager
def process_named(path: Path, *, owner: int) -> Iterator[subprocess.Popen[bytes]]:
    path.symlink_to("/bin/sh")
    with subprocess.Popen([path, "-c", "read line"], stdin=subprocess.PIPE, user=owner) as process:
        yield process


def test_keeper_that_is_killed_is_replaced_at_the_next_use(folder: Folder, use: Use) -> None:
    first = use()
    address, server, keeper = first.address, server_of(folder), keeper_of(folder)
    keeper.kill()
    until(lambda: has_ended(keeper))
    second = use()
    assert second.address == address
    assert server_of(folder) == server
    first.process.kill()
    second.process.kill()
    until(lambda: has_ended(server) and not keepers_of(folder))


def test_keeper_is_started_again_where_it_took_a_look_for_another_keeper(folder: Folder, use: Use) -> None:
    folder.path.mkdir()
    with folder.keeper_lock.open("a") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        user = use()
        until(lambda: keepers_of(folder))
        until(lambda: not keepers_of(folder))
    assert sql(user.address, "SELECT 1") == 1


def test_folder_that_is_a_file_is_refused(folder: Folder, use: Use) -> None:
    folder.path.touch()
    assert f"EmbeddedPostgresError: The embedded PostgreSQL can't use {folder.path}: " in use().error


def test_what_the_server_said_is_told_when_it_does_not_start(folder: Folder, use: Use) -> None:
    folder.data.mkdir(parents=True)
    (folder.data / "PG_VERSION").write_text("9")
    error = use().error
    assert f"EmbeddedPostgresError: The embedded PostgreSQL did not start in {folder.path}:" in error
    assert "postgresql.conf" in error


@pytest.fixture
def down(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """A server that this process used before, and whose keeper can't get it up again."""
    held: dict[Path, Any] = {}
    monkeypatch.setattr(server, "_held", held)
    monkeypatch.setattr(server, "_used", {folder.path})
    monkeypatch.setattr(server, "RESTART_SECONDS", 0.1)
    folder.path.mkdir()
    with folder.keeper_lock.open("a") as keeper:
        fcntl.flock(keeper, fcntl.LOCK_EX)
        yield folder
    for lock in held.values():
        lock.close()


def test_who_used_the_server_before_does_not_wait_long_for_it(down: Folder) -> None:
    started = time.monotonic()
    with pytest.raises(EmbeddedPostgresError):
        ensure_running(down.path)
    assert time.monotonic() - started < 5


def test_server_that_is_down_is_to_django_a_database_that_is_away(down: Folder) -> None:
    settings: Any = connections["default"].settings_dict | {"HOST": str(down.path)}
    with pytest.raises(OperationalError, match="did not start"):
        base.DatabaseWrapper(settings).get_connection_params()


def test_server_that_may_not_be_looked_at_lives_if_it_answers(
    folder: Folder, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = use().address
    monkeypatch.setattr(psutil.Process, "name", denied)
    assert folder.address() == address
    (Path(address.socket_dir) / ".s.PGSQL.5432").unlink()
    assert folder.address() is None


def test_number_of_a_process_that_may_not_be_looked_at_is_not_taken_for_a_dead_servers(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.data.mkdir(parents=True)
    folder.pid_file.write_text(f"{os.getpid()}\n")
    assert folder.is_pid_taken()
    monkeypatch.setattr(psutil.Process, "name", denied)
    assert not folder.is_pid_taken()


def denied(process: psutil.Process) -> str:
    raise psutil.AccessDenied(process.pid)


def test_what_users_typed_is_in_no_log_though_it_be_refused(folder: Folder, use: Use) -> None:
    address = use().address
    sql(address, "CREATE TABLE asked (question text CHECK (question = ''))")
    with pytest.raises(psycopg.IntegrityError):
        sql(address, "INSERT INTO asked (SELECT 'secret')")
    said = folder.server_log.read_text()
    assert "violates check constraint" in said
    assert "secret" not in said
