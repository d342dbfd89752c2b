"""Does a budget hold over several processes, is all of it used, and is its order fair?

    uv run python -m benchmarks.budget

Three workers share a budget of 15 calls a second and 60 a minute, which is scaled down to 12 seconds
(`BUDGET_MINUTE_SECONDS=60` makes it a real one). A strict API notes when each call arrives, counts over every
span of a second and of a minute, and refuses what is beyond. Measured in two scenes, on budgets of their own:

even      20 users ask 10 questions each, all at one instant, stored user by user, as unfairly as can be.
uneven    One user asks 100 questions, nine ask three each at the same instant; then, while these wait, ten
          more come one after another with a single question.

"Used" compares how long the last call had to wait with how long it would have, had each call gone out at the
first moment that the limits allowed: a share of the calls that were possible while there was a backlog.

"Fair": the k-th question of somebody starts within k × (number of users) calls after it was asked. As calls
of different processes may overtake each other on their way, one more for each process is tolerated.
"""

import statistics
import sys
import time
import uuid
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction

from benchmarks.api import Call, answer_to
from benchmarks.fleet import (
    MINUTE_SECONDS,
    REQUESTS_PER_MINUTE,
    REQUESTS_PER_SECOND,
    Api,
    Promises,
    assistant_at_api,
    fleet,
    start_worker,
    wait_until,
)
from threads import answering
from threads.models import Assistant, Message, State, User

WORKERS = 3
ANSWER_AFTER = (0.5, 3.0)  # seconds
LIMITS = ((REQUESTS_PER_SECOND, 1.0), (REQUESTS_PER_MINUTE, MINUTE_SECONDS))
USED_AT_LEAST = 0.97
START_SECONDS = 5  # for the workers, whose start is not what is measured
GRACE_SECONDS = 60  # beyond the time that the limits demand, until the rest counts as not answered


@dataclass
class Question:
    text: str
    user: int
    number: int  # of its user, from 1
    asked_at: float = 0.0


def main() -> bool:
    promises = Promises()
    with fleet():
        users = User.objects.bulk_create(User(email=f"user-{n}@example.org") for n in range(20))
        for _ in range(WORKERS):
            start_worker()
        time.sleep(START_SECONDS)
        for scene, batches in (("even", even(len(users))), ("uneven", uneven(len(users)))):
            print(f"\n{scene}: {WORKERS} workers, {len(users)} users")
            with assistant_at_api(after=ANSWER_AFTER) as (assistant, api):
                run(batches, users, assistant, api, promises)
    return promises.broken


# Seconds since the batch before; the users who then ask at one instant, as often as they are named.
Batch = tuple[float, Sequence[int]]


def even(users: int) -> Iterator[Batch]:
    yield 0, [user for user in range(users) for _ in range(10)]


def uneven(users: int) -> Iterator[Batch]:
    yield 0, [0] * 100 + [user for user in range(1, users // 2) for _ in range(3)]
    for user in range(users // 2, users):
        yield MINUTE_SECONDS / 12, [user]


def run(
    batches: Iterator[Batch], users: Sequence[User], assistant: Assistant, api: Api, promises: Promises
) -> None:
    questions: list[Question] = []
    for seconds, askers in batches:
        time.sleep(seconds)
        questions += ask(assistant, users, askers)
    open_answers = Message.objects.open().filter(thread__assistant=assistant)
    wait_until(lambda: not open_answers.exists(), seconds_needed(len(questions)) + GRACE_SECONDS)
    calls = api.calls()
    report_answers(assistant, questions, calls, promises)
    report_limits(calls, promises)
    report_use(questions, calls, promises)
    report_order(len(users), questions, calls, promises)


def ask(assistant: Assistant, users: Sequence[User], askers: Sequence[int]) -> list[Question]:
    asked = Counter[int]()
    questions = []
    with transaction.atomic():
        for user in askers:
            asked[user] += 1
            questions.append(Question(f"Frage {asked[user]} von {user}?", user, asked[user]))
            answering.start_thread(users[user], assistant, questions[-1].text, uuid.uuid4())
    now = time.monotonic()
    for question in questions:
        question.asked_at = now
    return questions


def seconds_needed(count: int) -> float:
    """When the last of so many calls starts, if each starts at the first moment that the limits allow."""
    starts: list[float] = []
    for _ in range(count):
        earliest = [starts[-most] + seconds for most, seconds in LIMITS if len(starts) >= most]
        starts.append(max(earliest, default=0.0))
    return starts[-1]


def report_answers(
    assistant: Assistant, questions: Sequence[Question], calls: Sequence[Call], promises: Promises
) -> None:
    answers = Message.objects.answers().filter(thread__assistant=assistant).select_related("question")
    right = sum(
        answer.state == State.DONE
        and answer.question is not None
        and answer.content == answer_to(answer.question.content)
        for answer in answers
    )
    states = Counter(answer.state for answer in answers)
    promises.check(
        right == len(questions) == len(answers),
        f"answered: {right} of {len(questions)} ({dict(states)}), in {len(calls)} calls",
    )


def report_limits(calls: Sequence[Call], promises: Promises) -> None:
    for name, (most, seconds) in zip(("second", "minute"), LIMITS, strict=True):
        over = sum(name in call.is_over for call in calls)
        densest = max_within([call.at for call in calls], seconds)
        promises.check(
            over == 0,
            f"over the limit of {most} in {seconds:g} s: {over} calls; most in any such span: {densest}",
        )
    print(f"       refused (429): {sum(call.status == 429 for call in calls)}")


def max_within(times: Sequence[float], seconds: float) -> int:
    first = most = 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def report_use(questions: Sequence[Question], calls: Sequence[Call], promises: Promises) -> None:
    began, times = questions[0].asked_at, [call.at for call in calls if not call.is_over]
    took, needed = times[-1] - began, seconds_needed(len(times))
    used = needed / took
    promises.check(
        used >= USED_AT_LEAST,
        f"used: {used:.1%}; the last call started after {took:.2f} s, at best it could after {needed:.2f} s",
    )
    idle = sorted(
        at - max([began, *(times[number - most] + seconds for most, seconds in LIMITS if number >= most)])
        for number, at in enumerate(times)
    )
    print(
        f"       a slot that came free was taken after: median {statistics.median(idle) * 1000:.0f} ms, "
        f"p95 {idle[int(len(idle) * 0.95)] * 1000:.0f} ms, longest {idle[-1] * 1000:.0f} ms"
    )


def report_order(
    users: int, questions: Sequence[Question], calls: Sequence[Call], promises: Promises
) -> None:
    started: dict[str, float] = {}
    for call in calls:
        started.setdefault(call.question, call.at)
    starts = sorted(started.values())
    places: dict[int, list[int]] = {}  # of the k-th questions: 1 for the first call after it was asked
    for question in questions:
        if question.text in started:
            before = bisect(starts, question.asked_at)
            places.setdefault(question.number, []).append(bisect(starts, started[question.text]) - before)
    late = sum(place > number * users + WORKERS for number, found in places.items() for place in found)
    promises.check(late == 0, f"fair: {late} questions started later than within k × {users} calls")
    for number, found in sorted(places.items())[:10]:
        print(f"       {number}. questions of {len(found)} users: places {min(found)} to {max(found)}")
    asked = Counter(question.user for question in questions)
    single = [
        bisect(starts, started[question.text]) - bisect(starts, question.asked_at)
        for question in questions
        if asked[question.user] == 1 and question.text in started
    ]
    if single:
        print(f"       who asked a single question: places {', '.join(map(str, single))}")


if __name__ == "__main__":
    sys.exit(main())
