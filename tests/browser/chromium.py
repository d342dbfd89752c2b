"""Finds a Chromium for the browser tests; run as a module, it installs one where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_SECONDS = 300
ARGUMENTS = (
    "--no-sandbox",  # containers and CI run as root
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


def find() -> str | None:
    """The path of a Chromium: that of the variable CHROMIUM, one on the machine, or Playwright's own."""
    for name in (os.environ.get("CHROMIUM", ""), *NAMES):
        if name and (path := shutil.which(name)):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Playwright's own; where its download is not to be had, Debian's."""
    commands = [[sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]]
    if shutil.which("apt-get"):
        sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
        debian = [[*sudo, "apt-get", "update"], [*sudo, "apt-get", "install", "--yes", "chromium"]]
        commands = [*debian, *commands] if os.geteuid() == 0 else [*commands, *debian]
    for command in commands:
        sys.stderr.write(f"No Chromium for the browser tests: {' '.join(command)}\n")
        try:
            subprocess.run(command, check=False, timeout=INSTALL_SECONDS, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired) as error:
            sys.stderr.write(f"{error}\n")
        if find():
            return
    sys.stderr.write("Browser tests will not run: install Chromium, or set CHROMIUM to one.\n")


if __name__ == "__main__" and not find():
    install()
