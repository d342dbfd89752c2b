"""Is the log whole? Exit code 1 and the first event that does not fit, where it is not."""

import re
import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from threads.verifying import missing_triggers, verify


class Command(BaseCommand):
    help = (
        "Reads the whole log and names the first event that does not fit: changed, missing, or out of its place. "
        "Whoever rewrites the log from some event on, or cuts off its end, is found by a head that was kept "
        "elsewhere: the site logs one with each event (action=event_recorded), and prints and exports them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            type=_head,
            metavar="NUMBER:HASH",
            help="a head that was kept elsewhere; may be given several times",
        )

    def handle(self, *args: Any, head: list[tuple[int, str]], **options: Any) -> None:
        heads = dict(head)
        if len(set(head)) > len(heads):
            raise CommandError(
                "Of one event, two different heads were given: one of them is no head of this log."
            )
        started = time.monotonic()
        if missing := missing_triggers():
            self.stderr.write(
                "Warning: at present the database does not refuse changes of the log. Missing, or switched off: "
                f"{', '.join(missing)}."
            )
        verified = verify(heads)
        took = f"({time.monotonic() - started:.1f} s)"
        if verified.fault:
            raise CommandError(f"{verified.fault}\nEvents that fit: {verified.count:,}, up to it {took}.")
        self.stdout.write(f"Events: {verified.count:,}, and all fit {took}.")
        if heads:
            self.stdout.write(f"Heads that were kept elsewhere: {len(heads)}, and all are in the log.")
        self.stdout.write(f"Head: {verified.head}")


def _head(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text.strip().lower())
    if not found:
        raise ArgumentTypeError(f"{text} is no head: a number, a colon, and a hash of 64 digits")
    return int(found[1]), found[2]
