"""Run as a module: are all texts of the product translated? Needs GNU gettext.

English is the language of the source; German is complete when nothing is new, missing, fuzzy or left over.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
GERMAN = Path("threads/locale/de/LC_MESSAGES/django.po")


def catalog(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale="de")


def main() -> int:
    if not shutil.which("xgettext"):
        sys.stderr.write("Translations can't be checked without GNU gettext: install it.\n")
        return 1
    with tempfile.TemporaryDirectory() as copy:
        ignored = shutil.ignore_patterns(".*", "var", "tests", "__pycache__")
        shutil.copytree(ROOT, copy, dirs_exist_ok=True, ignore=ignored)
        command = [sys.executable, "manage.py", "makemessages", "--locale", "de", "--no-obsolete", "-v0"]
        subprocess.run(command, check=True, cwd=copy)
        fresh = catalog(Path(copy) / GERMAN)
    ours = catalog(ROOT / GERMAN)
    problems = [f"fuzzy: {message.id}" for message in ours if message.id and message.fuzzy]
    problems += [
        f"not translated: {message.id}" for message in fresh if message.id and not _whole(message.string)
    ]
    problems += [f"left over: {message.id}" for message in ours if message.id and message.id not in fresh]
    problems += [f"{m.id}: {error}" for m in ours if m.id for error in m.check()]
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return bool(problems)


def _whole(string: object) -> bool:
    return all(string) if isinstance(string, tuple) else bool(string)


if __name__ == "__main__":
    sys.exit(main())
