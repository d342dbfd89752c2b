"""Signing in is recorded, and so is failing to; with each event a line of the site's log has the head."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from chatsite.logs import JsonFormatter, LineFormatter
from tests.conftest import PASSWORD
from tests.test_logs import written_by
from threads.models import Event, Kind, User

pytestmark = pytest.mark.django_db


def sign_in(email: str, password: str, page: str = "account_login") -> Client:
    client = Client()
    client.post(reverse(page), {"login": email, "password": password})
    return client


def recorded() -> list[tuple[str, int | None, int | None, str]]:
    columns = ("kind", "actor_id", "person_id", "actor_name")
    return list(Event.objects.order_by("number").values_list(*columns))


def test_sign_in_is_recorded_and_its_name_goes_with_the_account(asker: User) -> None:
    sign_in(asker.email, PASSWORD)
    assert recorded() == [(Kind.SIGNED_IN, asker.pk, asker.pk, "")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("email", ["asker@example.org", "Asker@Example.ORG"])
def test_failed_sign_in_is_recorded_with_whose_account_it_was(asker: User, email: str) -> None:
    sign_in(email, "wrong")
    assert recorded() == [(Kind.SIGN_IN_FAILED, None, asker.pk, "")]


def test_nothing_of_what_was_typed_is_recorded() -> None:
    sign_in("geheim@example.org", "wrong")
    [event] = Event.objects.values()
    assert (event["kind"], event["person_id"], event["details"]) == (Kind.SIGN_IN_FAILED, None, {})
    assert "geheim" not in str(event)


def test_right_password_of_a_deactivated_account_is_a_failed_sign_in(asker: User) -> None:
    User.objects.update(is_active=False)
    assert "_auth_user_id" not in sign_in(asker.email, PASSWORD).session
    assert recorded() == [(Kind.SIGN_IN_FAILED, None, asker.pk, "")]


def test_sign_in_to_the_admin_is_recorded_once(admin: User) -> None:
    client = Client()
    page = client.get(reverse("admin:index"), follow=True).redirect_chain[-1][0]
    assert client.post(page, {"login": admin.email, "password": PASSWORD})["Location"] == "/admin/"
    assert recorded() == [(Kind.SIGNED_IN, admin.pk, admin.pk, "")]


def test_guesses_beyond_the_limit_do_not_fill_the_log(asker: User) -> None:
    for _ in range(8):
        sign_in(asker.email, "wrong")
    assert len(recorded()) == 5


def test_nobody_signs_in_unrecorded(asker: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def record(*args: Any, **kwargs: Any) -> None:
        raise OSError

    monkeypatch.setattr("threads.models.event.EventQuerySet.record_all", record)
    client = Client(raise_request_exception=False)
    client.post(reverse("account_login"), {"login": asker.email, "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_head_is_in_the_log_of_the_site(
    asker: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with (
        written_by(JsonFormatter()) as lines,
        written_by(LineFormatter()) as plain,
        django_capture_on_commit_callbacks(execute=True),
    ):
        event = Event.objects.record(Kind.SIGNED_IN, asker, person_id=asker.pk)
    [line] = lines.of("event_recorded")
    assert f"{line['event']}:{line['hash']}" == event.head
    assert set(line) == {"time", "level", "logger", "message", "action", "event", "hash"}
    assert f"event recorded action=event_recorded event={event.number} hash={event.hash}\n" in plain.text
    assert asker.email not in lines.text
