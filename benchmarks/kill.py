"""Is anything lost, stored twice or stuck when processes are killed at random moments?

    uv run python -m benchmarks.kill [ROUNDS] [--seed SEED]

A web process, two workers and PostgreSQL run as in production: supervised, each started anew when it ends. In
each round browsers ask two questions in new conversations and two in others, over HTTP, each again with the
same form until it was taken, and one is then held open until it shows its answer. One of the processes, drawn
at random, gets SIGKILL. All of that happens at random moments of two seconds; rounds begin every 3.5 seconds
without waiting for those before.

The API echoes each question after 0.2 to 1.5 seconds, so that each answer can be told to be the right one. At
the end all get time to settle; then what is stored is compared with what the browsers were told.
"""

import argparse
import asyncio
import contextlib
import html
import os
import random
import re
import secrets
import signal
import statistics
import sys
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urljoin

import httpx
from django.db import connections

from benchmarks.api import Call, answer_to
from benchmarks.fleet import (
    Process,
    Promises,
    acknowledge,
    assistant_at_api,
    fleet,
    postgres,
    start_web,
    start_worker,
    wait_until,
)
from threads.models import Assistant, Message, Role, State, User

ROUNDS = 100
ROUND_SECONDS = 3.5
WITHIN_SECONDS = 2.0  # of a round, at random moments, it asks and kills
VICTIMS = ("worker", "web", "postgres")
ANSWER_AFTER = (0.2, 1.5)  # seconds
TAKEN_WITHIN_SECONDS = 60  # a browser that was not heard for so long gives up
SETTLE_SECONDS = 90
AGAIN_SECONDS = 0.3  # until a browser sends once more what failed
BROKEN_WITHIN_SECONDS = 0.5  # a call that ended so soon after a worker's death was that worker's
ANSWER = re.compile(r'<article [^>]*data-role="assistant" data-state="(?P<state>\w+)"(?P<rest>[^>]*)>')
EMAIL, PASSWORD = "user@example.org", secrets.token_urlsafe()


@dataclass
class Question:
    """Times are the wall clock's, as those that are stored."""

    text: str
    began_at: float = field(default_factory=time.time)
    posts: int = 0
    taken_at: float | None = None  # when the browser was told so
    place: str = ""  # where it was then sent


@dataclass(frozen=True)
class Kill:
    victim: str
    at: float


@dataclass
class Browser:
    """Signed in. It does not give up: what fails is sent again."""

    http: httpx.AsyncClient
    shown: dict[str, float] = field(default_factory=dict)  # when each answer that was waited for was there

    async def sign_in(self) -> None:
        await self.http.get("/accounts/login/")
        form = {"login": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": self.http.cookies["csrftoken"]}
        response = await self.http.post("/accounts/login/", data=form)
        assert response.is_redirect, f"could not sign in: {response.status_code}"

    async def ask(self, path: str, question: Question) -> None:
        form = {
            "content": question.text,
            "client_token": str(uuid.uuid4()),
            "csrfmiddlewaretoken": self.http.cookies["csrftoken"],
        }
        while time.time() < question.began_at + TAKEN_WITHIN_SECONDS:
            question.posts += 1
            with contextlib.suppress(httpx.TransportError):
                response = await self.http.post(path, data=form, timeout=10)
                if response.is_redirect:
                    question.taken_at = time.time()
                    question.place = urljoin(path, response.headers["location"]).partition("#")[0]
                    return
            await asyncio.sleep(AGAIN_SECONDS)

    async def wait(self, question: Question) -> None:
        """For the first answer of its conversation, as the page does: asks again until it is there."""
        url, headers = question.place, dict[str, str]()
        while True:
            with contextlib.suppress(httpx.TransportError):
                response = await self.http.get(url, headers=headers, timeout=40)
                answer = ANSWER.search(response.text) if response.status_code == 200 else None
                if answer and answer["state"] in (State.DONE, State.FAILED):
                    if answer_to(question.text) in html.unescape(response.text):
                        self.shown[question.text] = time.time()
                    return
                if answer and (wait_url := re.search(r'hx-get="([^"]+)"', answer["rest"])):
                    url, headers = html.unescape(wait_url[1]), {"HX-Request": "true"}
                    continue
            await asyncio.sleep(AGAIN_SECONDS)


class Run:
    def __init__(
        self, seed: int, browser: Browser, home: str, web: Process, workers: Sequence[Process]
    ) -> None:
        self.seed = seed
        self.browser = browser
        self.home = home  # where a new conversation with the assistant begins
        self.web = web
        self.workers = workers
        self.questions: list[Question] = []
        self.waited_for: list[Question] = []
        self.kills: list[Kill] = []

    async def all_rounds(self, rounds: int) -> None:
        tasks = []
        for number in range(rounds):
            tasks.append(asyncio.create_task(self.round(number)))
            await asyncio.sleep(ROUND_SECONDS)
        _, late = await asyncio.wait(tasks, timeout=SETTLE_SECONDS)
        for task in late:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def round(self, number: int) -> None:
        draw = random.Random(f"{self.seed} {number}")  # noqa: S311
        victims = draw.sample(VICTIMS, k=len(VICTIMS))
        kill = self.kill_one(draw.uniform(0, WITHIN_SECONDS), victims, draw.choice(self.workers))
        moments = [draw.uniform(0, WITHIN_SECONDS) for _ in range(4)]
        known = sorted({question.place for question in self.questions[-20:] if question.place})
        places = ["", "", *draw.choices(known or [""], k=2)]
        asks = [
            self.ask(f"Frage {number}{letter}?", place, moment)
            for letter, place, moment in zip("abcd", places, moments, strict=True)
        ]
        first, *_ = (await asyncio.gather(asyncio.gather(*asks), kill))[0]
        if first.place:
            self.waited_for.append(first)
            await self.browser.wait(first)

    async def ask(self, text: str, place: str, moment: float) -> Question:
        await asyncio.sleep(moment)
        question = Question(text)
        self.questions.append(question)
        await self.browser.ask(f"{place}messages/" if place else self.home, question)
        return question

    async def kill_one(self, moment: float, victims: Sequence[str], worker: Process) -> None:
        await asyncio.sleep(moment)
        for victim in victims:  # the first that is there: it may just be starting anew
            if victim == "postgres" and (pid := postgres.pid()) and postgres.is_running():
                os.kill(pid, signal.SIGKILL)
            elif victim == "postgres" or not (self.web if victim == "web" else worker).kill():
                continue
            self.kills.append(Kill(victim, time.time()))
            return


def main(rounds: int, seed: int) -> bool:
    promises = Promises()
    print(f"{rounds} rounds, seed {seed}")
    with fleet(), assistant_at_api(after=ANSWER_AFTER) as (assistant, api):
        acknowledge([User.objects.create_user(EMAIL, PASSWORD)])
        web, base_url = start_web()
        workers = [start_worker() for _ in range(2)]
        run = asyncio.run(run_rounds(rounds, seed, base_url, assistant, web, workers))
        connections.close_all()  # it did not survive the kills
        open_answers = Message.objects.open()
        deadline = max(question.began_at for question in run.questions) + SETTLE_SECONDS
        wait_until(lambda: not open_answers.exists(), deadline - time.time())
        report(run, api.calls(), promises)
    return promises.broken


async def run_rounds(
    rounds: int, seed: int, base_url: str, assistant: Assistant, web: Process, workers: Sequence[Process]
) -> Run:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx.AsyncClient(base_url=base_url, limits=limits) as http:
        browser = Browser(http)
        await browser.sign_in()
        run = Run(seed, browser, f"/assistants/{assistant.slug}/", web, workers)
        began = time.monotonic()
        await run.all_rounds(rounds)
        print(f"took {time.monotonic() - began:.0f} s with the time to settle")
    return run


def report(run: Run, calls: Sequence[Call], promises: Promises) -> None:
    killed = Counter(kill.victim for kill in run.kills)
    print("killed: " + ", ".join(f"{victim} {killed[victim]}" for victim in VICTIMS))
    taken = [question for question in run.questions if question.taken_at]
    until_taken = [question.taken_at - question.began_at for question in taken if question.taken_at]
    sent = sum(question.posts for question in run.questions)
    print(
        f"questions: {len(run.questions)}, taken {len(taken)}, sent {sent} times; "
        f"longest until taken {max(until_taken):.1f} s"
    )

    stored = Counter(Message.objects.filter(role=Role.USER).values_list("content", flat=True))
    answers = list(Message.objects.answers().select_related("question").order_by("thread", "position"))
    lost = sum(question.text not in stored for question in taken)
    twice = sum(count - 1 for count in stored.values())
    twice += len(answers) - len({answer.question_id for answer in answers})
    wrong = sum(
        answer.state == State.DONE and answer.content != answer_to(_text(answer)) for answer in answers
    )
    stuck = sum(answer.is_open for answer in answers) + max(0, stored.total() - len(answers))
    failed = Counter(answer.error_code for answer in answers if answer.state == State.FAILED)
    promises.check(
        not (lost or twice or wrong or stuck), f"lost {lost}, doubled {twice + wrong}, stuck {stuck}"
    )
    promises.check(not failed, f"failed {failed.total()} {dict(failed)}")
    promises.check(len(taken) == len(run.questions), f"not taken {len(run.questions) - len(taken)}")

    disorder = sum(
        bool(before.finished_at and after.finished_at and before.finished_at > after.finished_at)
        for before, after in pairwise(answers)
        if before.thread_id == after.thread_id
    )
    promises.check(disorder == 0, f"answered before an earlier question of the conversation: {disorder}")
    not_shown = [question.text for question in run.waited_for if question.text not in run.browser.shown]
    promises.check(
        not not_shown, f"waiting browsers: {len(run.waited_for)}, without an answer {len(not_shown)}"
    )
    over = sum(bool(call.is_over) for call in calls)
    promises.check(over == 0, f"calls: {len(calls)} for {stored.total()} questions, over a limit {over}")

    finished = {
        _text(answer): answer.finished_at.timestamp() for answer in answers if answer.finished_at is not None
    }
    took = sorted(finished[q.text] - q.began_at for q in run.questions if q.text in finished)
    print(
        f"from asking to the stored answer: median {statistics.median(took):.1f} s, longest {took[-1]:.1f} s"
    )
    recoveries = sorted(recovered(run.kills, calls, finished))
    if recoveries:
        print(
            f"from a worker's death to the answers of its {len(recoveries)} calls: "
            f"median {statistics.median(recoveries):.1f} s, longest {recoveries[-1]:.1f} s"
        )


def recovered(kills: Sequence[Kill], calls: Sequence[Call], finished: dict[str, float]) -> list[float]:
    """Seconds from the death of a worker to each answer that it was fetching."""
    to_wall_clock = time.time() - time.monotonic()
    seconds = []
    for call in calls:
        broken_at = (call.ended_at or 0) + to_wall_clock
        for kill in kills:
            soon = 0 <= broken_at - kill.at < BROKEN_WITHIN_SECONDS
            if call.status == 0 and kill.victim == "worker" and soon and call.question in finished:
                seconds.append(finished[call.question] - kill.at)
    return seconds


def _text(answer: Message) -> str:
    assert answer.question
    return answer.question.content


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", type=int, nargs="?", default=ROUNDS)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    options = parser.parse_args()
    sys.exit(main(options.rounds, options.seed))
