"""Finishes answers as a worker does, in a process of its own: it sets off what `benchmarks.waiting` measures.

    python -m benchmarks.finish PER_SECOND < IDS     (0: all in one transaction)

Prints as JSON the moment of each answer's COMMIT, by the monotonic clock, which all processes share.
"""

import json
import sys
import time

import django

django.setup()

from django.db import transaction  # noqa: E402

from threads.models import Message  # noqa: E402

TEXT = "Während der Probezeit beträgt die Kündigungsfrist **zwei Wochen** (§ 622 Abs. 3 BGB). " * 10


def paced(ids: list[str], per_second: float) -> dict[str, float]:
    committed: dict[str, float] = {}
    began = time.monotonic()
    for number, answer_id in enumerate(ids):
        time.sleep(max(0.0, began + number / per_second - time.monotonic()))
        committed |= at_once([answer_id])
    return committed


def at_once(ids: list[str]) -> dict[str, float]:
    with transaction.atomic():
        for answer_id in ids:
            Message(pk=answer_id).finish(sources=[], content=TEXT, legal_advice=False)
        now = time.monotonic()
    return dict.fromkeys(ids, now)


if __name__ == "__main__":
    per_second = float(sys.argv[1])
    ids = sys.stdin.read().split()
    json.dump(paced(ids, per_second) if per_second else at_once(ids), sys.stdout)
