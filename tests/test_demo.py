"""The demo's connections: to the sandbox or the API, there and back, beside those that admins made."""

from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError

from tests.conftest import RunningSandbox
from threads import importing
from threads.management import example
from threads.management.commands import demo
from threads.models import (
    Assistant,
    Connection,
    Event,
    Finding,
    Kind,
    Mandate,
    Message,
    Reveal,
    Status,
    User,
)
from threads.roles import make_groups
from threads.sandbox import API_KEY, EMPLOYMENT_LAW

pytestmark = pytest.mark.django_db
Make = Callable[..., Assistant]


@pytest.fixture
def use_sandbox(sandbox: RunningSandbox) -> Callable[[], None]:
    return lambda: demo.use_sandbox(sandbox.base_url)


@pytest.fixture
def use_api(sandbox: RunningSandbox) -> Callable[[], Connection]:
    """The API is the sandbox, under a name that says another thing."""

    def use_api() -> Connection:
        connection = demo.use_api(sandbox.base_url.replace("127.0.0.1", "localhost"), API_KEY)
        importing.import_assistants(connection, importing.offered(connection), licence="L1")
        return connection

    return use_api


def active() -> set[tuple[bool, int]]:
    """Whether of the sandbox, and how many."""
    flags = list(Assistant.objects.filter(is_active=True).values_list("connection__is_sandbox", flat=True))
    return {(flag, flags.count(flag)) for flag in flags}


def test_sandbox_is_described(use_sandbox: Callable[[], None]) -> None:
    use_sandbox()
    assistant = Assistant.objects.get(remote_id=EMPLOYMENT_LAW)
    assert assistant.slug == "arbeitsrecht"
    assert assistant.example_questions
    assert active() == {(True, 3)}


def test_key_that_comes_and_goes_changes_who_answers(
    use_sandbox: Callable[[], None], use_api: Callable[[], Connection]
) -> None:
    for _ in range(2):
        use_api()
        assert active() == {(False, 3)}
        use_sandbox()
        assert active() == {(True, 3)}
    assert Assistant.objects.count() == 6


def test_what_an_admin_made_inactive_stays_so(use_sandbox: Callable[[], None]) -> None:
    use_sandbox()
    Assistant.objects.filter(remote_id=EMPLOYMENT_LAW).update(is_active=False)
    use_sandbox()
    assert active() == {(True, 2)}


def test_connection_that_an_admin_made_is_left_alone(
    use_sandbox: Callable[[], None], use_api: Callable[[], Connection], make_assistant: Make
) -> None:
    theirs = make_assistant().connection
    url = use_api().base_url
    Connection.objects.filter(pk=theirs.pk).update(base_url=url, encrypted_api_key="theirs")
    use_sandbox()
    use_api()
    use_sandbox()
    theirs.refresh_from_db()
    assert theirs.encrypted_api_key == "theirs"
    assert theirs.assistants.get().is_active
    assert Connection.objects.count() == 3


def test_start_that_was_interrupted_is_finished_by_the_next(
    use_sandbox: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(demo, "_describe", lambda assistant: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            use_sandbox()
    use_sandbox()
    assert Assistant.objects.exclude(description="").count() == 3


def test_other_key_is_stored_at_the_next_start(db: None) -> None:
    for key in ("old", "new"):
        demo.use_api("https://api.example/agents", key)
    assert Connection.objects.get().api_key == "new"


def test_address_of_any_length_has_a_connection(db: None) -> None:
    for end in ("a", "b"):
        demo.use_api("https://api.example/" + "x" * 200 + end, "key")
    assert Connection.objects.get().base_url.endswith("b")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8123", "http://localhost/agents", "https://api.example"])
def test_key_goes_to_this_machine_or_over_https(url: str) -> None:
    assert demo.use_api(url, "key").base_url == url


@pytest.mark.parametrize("url", ["http://api.example", "http://10.0.0.1:80", "http://localhost.example"])
def test_key_is_not_sent_in_clear_text(url: str) -> None:
    with pytest.raises(CommandError, match="in clear text"):
        demo.use_api(url, "key")
    assert not Connection.objects.exists()


# --- what there is to review ---


@pytest.mark.django_db(transaction=True)
def test_demo_begins_with_a_mandate_in_force_and_findings(use_sandbox: Callable[[], None]) -> None:
    make_groups()  # gone, where a test before this one emptied the tables
    demo.make_users()
    use_sandbox()
    async_to_sync(example.make)()
    assert not Message.objects.open().exists()
    in_force, proposed = Mandate.objects.order_by("proposed_at")
    assert (in_force.status, proposed.status) == (Status.IN_FORCE, Status.PROPOSED)
    assert set(Finding.objects.values_list("verdict", flat=True)) == {"correct", "incomplete", "wrong"}
    read = Event.objects.filter(kind=Kind.THREAD_READ).values_list("person_id", flat=True)
    assert User.objects.get(email="anna@example.org").pk in read
    assert Reveal.objects.get().decided_by is None
