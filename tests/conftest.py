"""The cast, the things they use, and the machinery around them."""

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from bs4 import BeautifulSoup
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection as database
from django.db import connections
from django.test import Client
from django.utils import timezone

from threads import answering
from threads.answering.worker import AnsweringWorker
from threads.completions import open_http
from threads.models import Assistant, Connection, Mandate, Message, Notice, Thread, User
from threads.roles import AUDITOR, RELEASER, Role, make_groups
from threads.sandbox import API_KEY, EMPLOYMENT_LAW, Sandbox, running

# The browser tests' own fixtures run an event loop in this thread; Django's guard would refuse the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

PASSWORD = "a password for tests"


@pytest.fixture(scope="session", autouse=True)
def _static_files() -> None:
    """As they are served: bundled, hashed, compressed. That takes seconds, so only where something is new."""
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    made_at = manifest.stat().st_mtime if manifest.exists() else 0
    if any(path.stat().st_mtime > made_at for path in (settings.BASE_DIR / "static").rglob("*")):
        call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests that commit empty the tables afterwards, which the log refuses. Its rows are protected all the same."""
    with django_db_blocker.unblock(), database.cursor() as cursor:
        cursor.execute("ALTER TABLE threads_event DISABLE TRIGGER events_stay")


@pytest.fixture
def asker(db: None) -> User:
    return acknowledging(User.objects.create_user("asker@example.org", PASSWORD, first_name="Asta"))


@pytest.fixture
def colleague(db: None) -> User:
    return acknowledging(User.objects.create_user("colleague@example.org", PASSWORD))


@pytest.fixture
def auditor(db: None) -> User:
    return _in_group(acknowledging(User.objects.create_user("auditor@example.org", PASSWORD)), AUDITOR)


@pytest.fixture
def second(db: None) -> User:
    """Another auditor."""
    return _in_group(acknowledging(User.objects.create_user("second@example.org", PASSWORD)), AUDITOR)


@pytest.fixture
def releaser(db: None) -> User:
    """Releases mandates: say for the works council."""
    return _in_group(acknowledging(User.objects.create_user("releaser@example.org", PASSWORD)), RELEASER)


def _in_group(user: User, role: Role) -> User:
    make_groups()  # they are gone once the tables were emptied
    user.groups.add(Group.objects.get(name=role.name))
    return user


@pytest.fixture
def propose(auditor: User) -> Callable[..., Mandate]:
    """A mandate of this week that names the auditor; all can be overridden."""

    def propose(
        auditors: Sequence[User] = (), assistants: Sequence[Assistant] = (), **fields: Any
    ) -> Mandate:
        today = timezone.localdate()
        defaults = {
            "title": "Stichprobe",
            "purpose": "Güte der Antworten",
            "legal_basis": "Betriebsvereinbarung KI, § 7",
            "since": today - timedelta(days=30),
            "until": today,
            "valid_from": today,
            "valid_until": today + timedelta(days=30),
            "proposed_by": auditor,
        }
        mandate = Mandate(**(defaults | fields))
        mandate.propose(assistants, auditors or [auditor])
        return mandate

    return propose


@pytest.fixture
def grant(propose: Callable[..., Mandate], releaser: User) -> Callable[..., Mandate]:
    """A mandate in force, as `propose` makes it; what is in its scope by now is collected."""

    def grant(**fields: Any) -> Mandate:
        mandate = propose(**fields)
        mandate.release(releaser)
        return mandate

    return grant


@pytest.fixture
def finish() -> Callable[..., Message]:
    """Answer the last question of a conversation, as a worker would."""

    def finish(thread: Thread, text: str = "Zwei Wochen.", **received: Any) -> Message:
        answer = thread.messages.open().oldest_first()[0]
        answer.begin()
        answer.finish(sources=received.pop("sources", []), content=text, **received)
        return answer

    return finish


@pytest.fixture
def admin(db: None) -> User:
    return acknowledging(User.objects.create_superuser("admin@example.org", PASSWORD))


def acknowledging(user: User) -> User:
    """Who has read the notice. There is none once the tables were emptied after a test that commits."""
    if notice := Notice.objects.in_force():
        notice.acknowledge(user)
    return user


@pytest.fixture
def client(asker: User) -> Client:
    """The asker's browser."""
    client = Client()
    client.force_login(asker)
    return client


@dataclass
class RunningSandbox:
    base_url: str
    app: Sandbox

    @property
    def bodies(self) -> list[Any]:
        """Of the questions that came, oldest first."""
        return [request["body"] for request in self.app.requests if request["method"] == "POST"]


@pytest.fixture(scope="session")
def _sandbox() -> Iterator[RunningSandbox]:
    """Answers at once, and without a limit that a test could meet by chance."""
    app = Sandbox(delay=(0, 0), requests_per_second=10_000, requests_per_minute=10_000)
    with running(app) as base_url:
        yield RunningSandbox(base_url, app)


@pytest.fixture
def sandbox(_sandbox: RunningSandbox) -> RunningSandbox:
    _sandbox.app.requests.clear()
    _sandbox.app.clear_faults()
    return _sandbox


@pytest.fixture
def connection(db: None, request: pytest.FixtureRequest) -> Connection:
    """To the sandbox, in tests that use it; else to nowhere."""
    sandbox = request.getfixturevalue("sandbox") if "sandbox" in request.fixturenames else None
    connection = Connection(
        name="Test",
        base_url=sandbox.base_url if sandbox else "http://127.0.0.1:9",
        requests_per_second=10_000,
        requests_per_minute=10_000,
    )
    connection.api_key = API_KEY
    connection.save()
    return connection


@pytest.fixture
def make_assistant(connection: Connection) -> Callable[..., Assistant]:
    def make(**fields: Any) -> Assistant:
        defaults = {
            "connection": connection,
            "remote_id": EMPLOYMENT_LAW,
            "name": "Arbeitsrecht",
            "slug": "arbeitsrecht",
            "license_id": "PI1",
            "auth_realm": "haufepublic",
        }
        return Assistant.objects.create(**(defaults | fields))

    return make


@pytest.fixture
def assistant(make_assistant: Callable[..., Assistant]) -> Assistant:
    return make_assistant()


@pytest.fixture
def start(asker: User, assistant: Assistant) -> Callable[..., Thread]:
    """Begin a conversation: the question is stored, its answer waits."""

    def start(text: str = "Welche Kündigungsfrist gilt?", owner: User = asker, **kwargs: Any) -> Thread:
        return answering.start_thread(
            owner, kwargs.get("assistant", assistant), text, kwargs.get("client_token", uuid.uuid4())
        )

    return start


@pytest.fixture
def ask() -> Callable[[Thread, str], Message]:
    return lambda thread, text: answering.ask(thread, text, uuid.uuid4())


@pytest.fixture
def work(transactional_db: None) -> Callable[..., None]:
    """Let a real worker do what is due, until nothing is. Takes what `open_http` takes."""

    async def work(read: float = 5, **options: Any) -> None:
        async with open_http(read=read, **options) as http:
            await AnsweringWorker(http).work_off()

    return async_to_sync(work)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries again without a wait."""
    monkeypatch.setattr("threads.answering.calling.FIRST_WAIT", 0)
    monkeypatch.setattr("threads.answering.budget.pause", lambda *args: None)


@pytest.fixture
def delete_meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From then on, another tab deletes each conversation after it was looked up to be asked in."""
    lock = Thread.lock

    def delete_and_lock(thread: Thread) -> None:
        Thread.objects.filter(pk=thread.pk).update(deleted_at=timezone.now())
        lock(thread)

    return lambda: monkeypatch.setattr(Thread, "lock", delete_and_lock)


def in_another_connection(do: Callable[[], Any]) -> tuple[threading.Thread, list[Exception]]:
    """Started, given the time to come to a lock that is held here, and what went wrong in it. To be joined."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            do()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    other = threading.Thread(target=run)
    other.start()
    other.join(0.5)
    return other, errors


def answer_of(thread: Thread, position: int = 2) -> Message:
    return thread.messages.get(position=position)


def signed_in(user: User) -> Client:
    """A browser of hers."""
    client = Client()
    client.force_login(user)
    return client


def page_of(response: Any) -> BeautifulSoup:
    return BeautifulSoup(response.content, "html.parser")
