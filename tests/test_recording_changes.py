"""What admins change is recorded, in whatever way they do it; never what stands in a field."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.test import Client

from tests.conftest import RunningSandbox, in_another_connection
from tests.test_admin import CONNECTION, NEW_USER, change, fields_of, url
from threads.models import Assistant, Connection, Event, Kind, Notice, User
from threads.recording import RecordedAdmin
from threads.sandbox import FAMILY, WORKING_TIME

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(admin: User) -> Client:
    """The admin's browser."""
    client = Client()
    client.force_login(admin)
    return client


def events() -> list[Event]:
    return list(Event.objects.exclude(kind=Kind.SIGNED_IN).order_by("number"))


def the_event() -> Event:
    [event] = events()
    return event


def test_everything_that_can_be_changed_in_the_admin_is_recorded() -> None:
    for model, model_admin in django_admin.site._registry.items():
        assert isinstance(model_admin, RecordedAdmin), model


def test_who_changes_what_is_recorded_with_a_name_that_stays(client: Client, admin: User) -> None:
    client.post(url(Connection, "add"), CONNECTION)
    event = the_event()
    assert (event.kind, event.actor_id, event.actor_name) == (Kind.CONNECTION_CHANGED, admin.pk, admin.email)
    assert event.details == {"done": "added", "id": Connection.objects.get().pk, "name": "Neu"}


def test_what_is_refused_is_not_recorded(client: Client) -> None:
    client.post(url(Connection, "add"), CONNECTION | {"name": ""})
    assert events() == []


def test_what_was_saved_without_a_change_is_not_recorded(client: Client, assistant: Assistant) -> None:
    client.post(url(Assistant, "change", assistant.pk), fields_of(assistant))
    assert events() == []


def test_of_a_key_is_recorded_that_it_changed(client: Client, connection: Connection) -> None:
    client.post(url(Connection, "change", connection.pk), CONNECTION)
    event = the_event()
    assert event.details["changed"] == [
        "api_key",
        "base_url",
        "name",
        "requests_per_minute",
        "requests_per_second",
    ]
    assert "hunter2" not in str(event.details)
    assert "api.example" not in str(event.details)


def test_deletion_is_recorded_with_what_it_was(client: Client, connection: Connection) -> None:
    pk = connection.pk
    client.post(url(Connection, "delete", pk), {"post": "yes"})
    assert the_event().details == {"done": "deleted", "id": pk, "name": "Test"}


def test_deletion_that_was_not_possible_is_not_recorded(client: Client, assistant: Assistant) -> None:
    client.post(url(Connection, "delete", assistant.connection.pk), {"post": "yes"})
    assert events() == []


def test_deletion_of_several_is_recorded_for_each(
    client: Client, make_assistant: Callable[..., Assistant]
) -> None:
    ids = [make_assistant(slug=name, remote_id=id_).pk for name, id_ in (("a", FAMILY), ("b", WORKING_TIME))]
    chosen = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    client.post(url(Assistant, "changelist"), chosen)
    assert not Assistant.objects.exists()
    assert {(event.details["slug"], event.details["done"]) for event in events()} == {
        ("a", "deleted"),
        ("b", "deleted"),
    }


def test_change_in_the_list_is_recorded_for_what_changed(
    client: Client, make_assistant: Callable[..., Assistant]
) -> None:
    one, other = make_assistant(slug="a", remote_id=FAMILY), make_assistant(slug="b", remote_id=WORKING_TIME)
    form = {
        "form-TOTAL_FORMS": 2, "form-INITIAL_FORMS": 2, "_save": "",
        "form-0-id": one.pk, "form-0-position": 0, "form-1-id": other.pk, "form-1-position": 7,
    }  # fmt: skip
    client.post(url(Assistant, "changelist"), form)
    assert the_event().details == {"done": "changed", "id": other.pk, "slug": "b", "changed": ["position"]}


def test_who_may_use_an_assistant_is_recorded(client: Client, assistant: Assistant) -> None:
    group = Group.objects.create(name="HR")
    page = url(Assistant, "change", assistant.pk)
    client.post(page, fields_of(assistant, groups=[group.pk]))
    client.post(page, fields_of(assistant))
    given, taken = (event.details for event in events())
    assert given["given"] == {"groups": ["HR"]}
    assert taken["taken"] == {"groups": ["HR"]}


def test_import_is_recorded_for_each_assistant(
    sandbox: RunningSandbox, client: Client, make_assistant: Callable[..., Assistant]
) -> None:
    there = make_assistant(remote_id=WORKING_TIME, slug="there")
    make_assistant(remote_id="00000000-0000-4000-8000-000000000000", slug="untouched")
    chosen = {"assistant": [str(FAMILY), str(WORKING_TIME)]}
    client.post(url(Connection, "import", there.connection.pk), chosen)
    new = Assistant.objects.get(remote_id=FAMILY)
    assert sorted((event.details for event in events()), key=lambda details: details["done"]) == [
        {"done": "added", "id": new.pk, "slug": new.slug, "imported": True},
        {
            "done": "changed",
            "id": there.pk,
            "slug": "there",
            "changed": ["required_fields"],
            "imported": True,
        },
    ]


def test_new_notice_is_recorded_with_its_version(client: Client) -> None:
    client.post(url(Notice, "add"), {"german": "Geheim", "english": "Secret"})
    event = the_event()
    assert event.kind == Kind.NOTICE_PUBLISHED
    assert event.details["version"] == Notice.objects.in_force().version  # type: ignore[union-attr]
    assert "Geheim" not in str(event.details)


# --- users and their rights ---


def test_new_user_is_recorded_by_id(client: Client) -> None:
    client.post(url(User, "add"), NEW_USER)
    event = the_event()
    assert event.person_id == User.objects.get(email="neue.person@example.org").pk
    assert event.details == {"done": "added"}


def test_rights_that_are_given_and_taken_are_recorded_by_name(client: Client, asker: User) -> None:
    group = Group.objects.get(name="Prüfung")
    right = Permission.objects.get(codename="view_event")
    change(client, asker, is_staff="on", groups=str(group.pk), user_permissions=str(right.pk))
    change(client, asker)
    given, taken = events()
    rights = {"groups": ["Prüfung"], "user_permissions": ["threads.view_event"], "is_staff": True}
    assert (given.kind, given.person_id) == (Kind.USER_CHANGED, asker.pk)
    assert (given.details["given"], "taken" in given.details) == (rights, False)
    assert (taken.details["taken"], "given" in taken.details) == (rights, False)


def test_of_a_user_neither_name_nor_address_is_recorded(client: Client, asker: User) -> None:
    change(client, asker, email="other@example.org", first_name="Xaver", is_superuser="on")
    event = the_event()
    assert event.details["changed"] == ["email", "first_name", "is_superuser"]
    assert event.details["given"] == {"is_superuser": True}
    assert "Xaver" not in str(event.details)
    assert "example.org" not in str(event.details)


@pytest.mark.parametrize(
    "fields",
    [
        {
            "usable_password": "true",
            "password1": "correct horse battery",
            "password2": "correct horse battery",
        },
        {"usable_password": "false", "unset-password": "", "password1": "", "password2": ""},
    ],
)
def test_password_that_an_admin_sets_is_recorded_without_it(
    client: Client, asker: User, fields: dict[str, str]
) -> None:
    client.post(f"/admin/threads/user/{asker.pk}/password/", fields)
    asker.refresh_from_db()
    assert asker.has_usable_password() == (fields["usable_password"] == "true")
    event = the_event()
    assert (event.kind, event.person_id) == (Kind.USER_CHANGED, asker.pk)
    assert event.details == {"done": "changed", "changed": ["password"]}


def test_deletion_of_a_user_is_recorded_by_id(client: Client, asker: User) -> None:
    client.post(url(User, "delete", asker.pk), {"post": "yes"})
    last = events()[-1]
    assert (last.kind, last.person_id, last.details) == (Kind.USER_CHANGED, asker.pk, {"done": "deleted"})


def test_change_of_a_group_is_recorded_with_its_rights_and_members(client: Client, asker: User) -> None:
    right = Permission.objects.get(codename="view_event")
    client.post(url(Group, "add"), {"name": "HR", "permissions": [right.pk]})
    group = Group.objects.get(name="HR")
    asker.groups.add(group)
    client.post(url(Group, "change", group.pk), {"name": "People"})
    client.post(url(Group, "delete", group.pk), {"post": "yes"})
    rights = {"permissions": ["threads.view_event"]}
    assert [event.details for event in events()] == [
        {"done": "added", "id": group.pk, "name": "HR", "members": 0, "given": rights},
        {"done": "changed", "id": group.pk, "name": "People", "members": 1, "changed": ["name", "permissions"],
         "taken": rights},
        {"done": "deleted", "id": group.pk, "name": "People", "members": 1},
    ]  # fmt: skip
    assert {event.kind for event in events()} == {Kind.GROUP_CHANGED}


# --- all or nothing ---


def test_nothing_is_changed_unrecorded(
    client: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(*args: Any, **kwargs: Any) -> None:
        raise OSError

    monkeypatch.setattr("threads.models.event.EventQuerySet.record_all", record)
    client.raise_request_exception = False
    assert client.post(url(Connection, "change", connection.pk), CONNECTION).status_code == 500
    assert client.post(url(Connection, "delete", connection.pk), {"post": "yes"}).status_code == 500
    assert Connection.objects.get().name == "Test"


@pytest.mark.django_db(transaction=True)
def test_of_two_admins_at_once_each_change_is_recorded_as_it_was(client: Client, asker: User) -> None:
    """The second one's form said nothing of the group that the first one gave: so it takes it."""
    group = Group.objects.create(name="HR")
    page = url(User, "change", asker.pk)
    form = {"email": asker.email, "is_active": "on", "first_name": "", "last_name": ""}
    with transaction.atomic():
        User.objects.select_for_update().get(pk=asker.pk)
        asker.groups.add(group)
        other, errors = in_another_connection(lambda: client.post(page, form | {"first_name": "A"}))
    other.join(10)
    assert errors == []
    asker.refresh_from_db()
    assert (asker.first_name, list(asker.groups.all())) == ("A", [])
    assert the_event().details["taken"] == {"groups": ["HR"]}
