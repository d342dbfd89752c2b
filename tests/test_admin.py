import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.contrib import admin as django_admin
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import reverse
from django.utils.translation import override
from pytest_django import Settings

from tests.conftest import PASSWORD, RunningSandbox
from threads import failures
from threads.models import Assistant, Connection, User
from threads.sandbox import API_KEY, EMPLOYMENT_LAW, FAMILY, WORKING_TIME

CONNECTION = {
    "name": "Neu",
    "base_url": "https://api.example/agents",
    "api_key": "hunter2-key",
    "requests_per_second": "15",
    "requests_per_minute": "60",
}
REGISTERED = sorted(django_admin.site._registry, key=lambda model: model._meta.label)
Make = Callable[..., Assistant]


@pytest.fixture
def client(admin: User) -> Client:
    """The admin's browser."""
    client = Client()
    client.force_login(admin)
    return client


def url(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def shown(response: HttpResponseBase, selector: str) -> list[str]:
    page = BeautifulSoup(response.getvalue(), "html.parser")
    return [element.get_text(" ", strip=True) for element in page.select(selector)]


def staff(*permissions: str) -> Client:
    user = User.objects.create_user("staff@example.org", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


# What there is


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_lists_and_forms_open(client: Client, model: type[Model]) -> None:
    assert client.get(url(model, "changelist")).status_code == 200
    adds = django_admin.site._registry[model].has_add_permission(
        client.get(reverse("admin:index")).wsgi_request
    )
    assert client.get(url(model, "add")).status_code == (200 if adds else 403)


def test_forms_of_what_exists_open(client: Client, admin: User, assistant: Assistant) -> None:
    for thing in (admin, assistant, assistant.connection):
        assert client.get(url(type(thing), "change", thing.pk)).status_code == 200


def test_list_of_users_does_not_tell_whose_something_is(client: Client, asker: User) -> None:
    """As the address of a list can be given what is not in the list."""
    for lookup in ("threads", "threads__isnull", "aliases", "aliases__gt", "exports", "mandates__isnull"):
        assert client.get(url(User, "changelist"), {lookup: "1"}).status_code == 400, lookup
    assert client.get(url(User, "changelist"), {"email__startswith": "a"}).status_code == 200


def test_conversations_are_not_administered() -> None:
    labels = {model._meta.label for model in REGISTERED}
    assert {"threads.Assistant", "threads.Connection", "threads.User"} <= labels
    assert {label for label in labels if label.startswith("threads.")} == {
        "threads.Assistant",
        "threads.Connection",
        "threads.Notice",
        "threads.User",
    }
    assert "account.EmailAddress" not in labels


# Connections


def test_connection_is_added_with_its_key_encrypted(client: Client) -> None:
    client.post(url(Connection, "add"), CONNECTION)
    connection = Connection.objects.get()
    assert (connection.name, connection.api_key) == ("Neu", "hunter2-key")
    assert "hunter2" not in connection.encrypted_api_key


def test_page_of_a_connection_shows_no_key(client: Client, connection: Connection) -> None:
    response = client.get(url(Connection, "change", connection.pk))
    assert API_KEY not in response.text
    assert connection.encrypted_api_key not in response.text
    assert shown(response, "#id_api_key_helptext")


def test_new_connection_requires_a_key(client: Client) -> None:
    response = client.post(url(Connection, "add"), CONNECTION | {"api_key": ""})
    assert shown(response, ".field-api_key .errorlist")
    assert not Connection.objects.exists()


@pytest.mark.parametrize(("entered", "stored"), [("", API_KEY), ("  ", API_KEY), (" new ", "new")])
def test_key_is_kept_unless_another_is_entered(
    client: Client, connection: Connection, entered: str, stored: str
) -> None:
    kept = {"base_url": connection.base_url, "api_key": entered}
    client.post(url(Connection, "change", connection.pk), CONNECTION | kept)
    connection.refresh_from_db()
    assert (connection.name, connection.api_key) == ("Neu", stored)


@pytest.mark.parametrize("entered", ["", "  "])
def test_stored_key_is_not_sent_to_another_address(
    client: Client, connection: Connection, entered: str
) -> None:
    response = client.post(url(Connection, "change", connection.pk), CONNECTION | {"api_key": entered})
    assert len(shown(response, ".field-api_key .errorlist li")) == 1
    before = connection.base_url
    connection.refresh_from_db()
    assert connection.base_url == before


def test_key_may_be_entered_with_another_address(client: Client, connection: Connection) -> None:
    client.post(url(Connection, "change", connection.pk), CONNECTION)
    connection.refresh_from_db()
    assert (connection.base_url, connection.api_key) == (CONNECTION["base_url"], "hunter2-key")


def test_form_that_comes_back_with_an_error_does_not_hold_the_key(client: Client) -> None:
    response = client.post(url(Connection, "add"), CONNECTION | {"base_url": "http://api.example"})
    assert shown(response, ".field-base_url .errorlist")
    assert "hunter2" not in response.text
    assert not Connection.objects.exists()


def test_connection_to_this_machine_needs_no_https(client: Client) -> None:
    client.post(url(Connection, "add"), CONNECTION | {"base_url": "http://127.0.0.1:8765"})
    assert Connection.objects.get().base_url == "http://127.0.0.1:8765"


def test_history_of_a_connection_does_not_hold_the_key(client: Client, connection: Connection) -> None:
    client.post(url(Connection, "change", connection.pk), CONNECTION)
    response = client.get(url(Connection, "history", connection.pk))
    assert len(shown(response, "#change-history tbody tr")) == 1
    assert "hunter2" not in response.text


def test_connection_in_use_is_not_deleted(client: Client, assistant: Assistant) -> None:
    client.post(url(Connection, "delete", assistant.connection.pk), {"post": "yes"})
    assert Connection.objects.exists()


# Trying a connection


def test_connection_that_works_says_so(
    sandbox: RunningSandbox, client: Client, connection: Connection
) -> None:
    response = client.post(url(Connection, "test", connection.pk), follow=True)
    [message] = shown(response, ".messagelist .success")
    assert "3" in message


@pytest.fixture
def web_page() -> Iterator[str]:
    """The address of something that answers with HTML, whatever it is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<h1>It works!</h1>")

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def wrong_key(connection: Connection, _: str) -> None:
    connection.api_key = "hunter2"


def malformed_key(connection: Connection, _: str) -> None:
    connection.api_key = "hünter2 "


def nothing_there(connection: Connection, _: str) -> None:
    connection.base_url = "http://127.0.0.1:9"


def html(connection: Connection, web_page: str) -> None:
    connection.base_url = web_page


FAULTS = [
    (wrong_key, "unauthorized"),
    (malformed_key, "invalid_api_key"),
    (nothing_there, "connection_error"),
    (html, "invalid_response"),
]


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize(("fault", "error_code"), FAULTS)
@pytest.mark.parametrize("page", ["test", "import"])
def test_what_is_wrong_with_a_connection_is_told_in_the_language_of_the_admin(
    sandbox: RunningSandbox,
    client: Client,
    connection: Connection,
    web_page: str,
    page: str,
    fault: Callable[[Connection, str], None],
    error_code: str,
    language: str,
) -> None:
    fault(connection, web_page)
    connection.save()
    ask = client.post if page == "test" else client.get
    response = ask(url(Connection, page, connection.pk), follow=True, headers={"Accept-Language": language})
    [message] = shown(response, ".messagelist .error")
    with override(language):
        assert message.startswith(f"{failures.for_admins(error_code)} ({error_code}")
    assert connection.api_key not in response.text
    assert connection.encrypted_api_key not in response.text


@pytest.mark.parametrize("error_code", [code for _, code in FAULTS])
def test_what_is_wrong_is_not_the_same_in_both_languages(error_code: str) -> None:
    with override("de"):
        german = str(failures.for_admins(error_code))
    with override("en"):
        assert str(failures.for_admins(error_code)) != german


def test_key_of_other_encryption_keys_has_to_be_entered_anew(client: Client, connection: Connection) -> None:
    connection.encrypted_api_key = "unreadable"
    connection.save()
    response = client.post(url(Connection, "test", connection.pk), follow=True)
    [message] = shown(response, ".messagelist .error")
    assert "ENCRYPTION_KEYS" in message
    client.post(url(Connection, "change", connection.pk), CONNECTION)
    connection.refresh_from_db()
    assert connection.api_key == "hunter2-key"


def test_trying_a_connection_is_no_link(client: Client, connection: Connection) -> None:
    assert client.get(url(Connection, "test", connection.pk)).status_code == 405


@pytest.mark.parametrize("page", ["test", "import"])
def test_connection_that_does_not_exist_is_not_found(client: Client, page: str) -> None:
    assert client.post(url(Connection, page, 1)).status_code == 404
    assert staff().post(url(Connection, page, 1)).status_code == 403


# Importing


def test_import_lists_what_the_key_may_use(
    sandbox: RunningSandbox, client: Client, connection: Connection
) -> None:
    response = client.get(url(Connection, "import", connection.pk))
    rows = shown(response, ".results tbody tr")
    assert len(rows) == 3
    assert ["user_data.licence" in row for row in rows] == [False, True, False]
    assert not Assistant.objects.exists()


def test_only_the_chosen_assistants_are_imported(
    sandbox: RunningSandbox, client: Client, connection: Connection
) -> None:
    chosen = {"assistant": [str(EMPLOYMENT_LAW), str(WORKING_TIME), "no-uuid"]}
    response = client.post(url(Connection, "import", connection.pk), chosen, follow=True)
    assert set(connection.assistants.values_list("remote_id", "is_active")) == {
        (EMPLOYMENT_LAW, True),
        (WORKING_TIME, False),
    }
    assert response.status_code == 200
    assert len(shown(response, "#result_list tbody tr")) == 2


def test_import_names_what_exists_already(
    sandbox: RunningSandbox, client: Client, make_assistant: Make
) -> None:
    assistant = make_assistant(remote_id=FAMILY, name="Unser Name")
    response = client.get(url(Connection, "import", assistant.connection.pk))
    checked = BeautifulSoup(response.content, "html.parser").select("input[name=assistant][checked]")
    assert [box["value"] for box in checked] == [str(EMPLOYMENT_LAW), str(WORKING_TIME)]
    assert "Unser Name" in shown(response, ".results tbody tr")[2]


# Who may


@pytest.mark.parametrize(
    ("permissions", "page", "status"),
    [
        ([], "test", 403),
        (["view_connection"], "test", 403),
        (["change_connection"], "test", 302),
        ([], "import", 403),
        (["add_assistant"], "import", 403),
        (["change_connection"], "import", 403),
        (["change_connection", "add_assistant"], "import", 302),
    ],
)
def test_staff_may_only_what_they_are_permitted(
    sandbox: RunningSandbox, connection: Connection, permissions: list[str], page: str, status: int
) -> None:
    response = staff(*permissions).post(url(Connection, page, connection.pk), {"assistant": str(FAMILY)})
    assert response.status_code == status
    assert Assistant.objects.exists() == (page == "import" and status == 302)


def test_staff_without_a_permission_see_no_lists(db: None) -> None:
    client = staff()
    assert client.get(reverse("admin:index")).status_code == 200
    assert {client.get(url(model, "changelist")).status_code for model in REGISTERED} == {403}


def test_employee_is_denied(asker: User, connection: Connection) -> None:
    client = Client()
    client.force_login(asker)
    for page in (reverse("admin:index"), url(Connection, "change", connection.pk)):
        assert client.get(page, follow=True).status_code == 403


def test_stranger_has_to_sign_in_on_the_page_for_it(db: None) -> None:
    response = Client().get(reverse("admin:index"), follow=True)
    path, status = response.redirect_chain[-1]
    assert (path, status) == (f"{reverse('account_login')}?next=%2Fadmin%2F", 302)


def test_passwords_are_not_guessed_through_the_admin(admin: User) -> None:
    """It has no form of its own: that of the site counts the attempts."""
    client = Client()
    right = {"username": admin.email, "login": admin.email, "password": PASSWORD}
    response = client.post(reverse("admin:login"), right)
    assert response.headers["Location"].startswith(reverse("account_login"))
    wrong = right | {"password": "wrong"}
    for _ in range(6):
        response = client.post(reverse("account_login"), wrong)
    client.post(reverse("account_login"), right)
    assert "_auth_user_id" not in client.session


# Assistants


def fields_of(assistant: Assistant, **changed: Any) -> dict[str, Any]:
    names = ("name", "slug", "description", "welcome", "notice_text", "licence", "license_id", "auth_realm")
    unchanged = {name: getattr(assistant, name) for name in names}
    ids = {
        "connection": assistant.connection.pk,
        "remote_id": assistant.remote_id,
        "position": 0,
        "language": "de",
    }
    return unchanged | ids | {"is_active": "on"} | changed


@pytest.mark.parametrize(
    ("entered", "stored"),
    [
        ("Was gilt?\r\nUnd dann?", ["Was gilt?", "Und dann?"]),
        ("\r\n  Was gilt?  \r\n\r\n \r\n", ["Was gilt?"]),
        ("Eins, zwei?", ["Eins, zwei?"]),
        ("", []),
    ],
)
def test_example_questions_stand_one_per_line(
    client: Client, assistant: Assistant, entered: str, stored: list[str]
) -> None:
    page = url(Assistant, "change", assistant.pk)
    client.post(page, fields_of(assistant, example_questions=entered))
    assistant.refresh_from_db()
    assert assistant.example_questions == stored
    assert shown(client.get(page), "#id_example_questions") == ["\n".join(stored)]


def test_example_question_that_is_too_long_is_refused(client: Client, assistant: Assistant) -> None:
    page = url(Assistant, "change", assistant.pk)
    response = client.post(page, fields_of(assistant, example_questions="a" * 301))
    assert shown(response, ".field-example_questions .errorlist")


def test_what_an_assistant_lacks_is_shown(client: Client, make_assistant: Make) -> None:
    assistant = make_assistant(required_fields=["user_data.licence"])
    assert "user_data.licence" in shown(client.get(url(Assistant, "changelist")), ".field-missing")
    client.post(url(Assistant, "change", assistant.pk), fields_of(assistant, licence="L1"))
    assert shown(client.get(url(Assistant, "changelist")), ".field-missing") == ["–"]


@pytest.mark.parametrize("size", [1, 5])
def test_list_of_assistants_asks_the_database_as_often_for_many_as_for_one(
    client: Client, make_assistant: Make, django_assert_max_num_queries: Any, size: int
) -> None:
    for number in range(size):
        make_assistant(slug=f"a{number}", remote_id=f"{EMPLOYMENT_LAW}"[:-1] + str(number))
    with django_assert_max_num_queries(12):
        client.get(url(Assistant, "changelist"))


# Users

NEW_USER = {
    "email": "Neue.Person@Example.org",
    "usable_password": "true",
    "password1": "correct horse battery",
    "password2": "correct horse battery",
}


def test_user_is_added_by_email(client: Client) -> None:
    client.post(url(User, "add"), NEW_USER)
    user = User.objects.get(email="neue.person@example.org")
    assert user.check_password("correct horse battery")
    assert not user.is_staff


def test_user_who_was_added_signs_in(client: Client, settings: Settings) -> None:
    client.post(url(User, "add"), NEW_USER)
    browser = Client()
    login = {"login": "NEUE.Person@example.ORG", "password": NEW_USER["password1"]}
    browser.post(reverse("account_login"), login)
    assert "_auth_user_id" in browser.session


def test_user_may_be_added_without_a_password(client: Client) -> None:
    fields = NEW_USER | {"usable_password": "false", "password1": "", "password2": ""}
    client.post(url(User, "add"), fields)
    assert not User.objects.get(email="neue.person@example.org").has_usable_password()


@pytest.mark.parametrize("password", ["short", "password1234", "neue.person@example"])
def test_weak_password_is_refused(client: Client, password: str) -> None:
    response = client.post(url(User, "add"), NEW_USER | {"password1": password, "password2": password})
    assert shown(response, ".errorlist")
    assert not User.objects.filter(email="neue.person@example.org").exists()


@pytest.mark.parametrize("email", ["asker@example.org", "Asker@EXAMPLE.org"])
def test_second_user_of_an_email_is_refused_at_the_field(client: Client, asker: User, email: str) -> None:
    response = client.post(url(User, "add"), NEW_USER | {"email": email})
    assert len(shown(response, ".field-email .errorlist li")) == 1
    assert User.objects.filter(email__iexact=email).count() == 1


def change(client: Client, user: User, **fields: str) -> HttpResponseBase:
    page = url(User, "change", user.pk)
    return client.post(
        page, {"email": user.email, "is_active": "on", "first_name": "", "last_name": ""} | fields
    )


def test_changed_email_is_stored_in_lower_case(client: Client, asker: User) -> None:
    change(client, asker, email="New@Example.ORG")
    asker.refresh_from_db()
    assert asker.email == "new@example.org"


def test_email_is_not_changed_to_that_of_another(client: Client, asker: User, colleague: User) -> None:
    response = change(client, asker, email="Colleague@example.org")
    assert len(shown(response, ".field-email .errorlist li")) == 1
    asker.refresh_from_db()
    assert asker.email == "asker@example.org"


def test_pseudonym_is_shown_and_stays(client: Client, asker: User) -> None:
    page = client.get(url(User, "change", asker.pk))
    assert str(asker.pseudonym) in shown(page, ".field-pseudonym .readonly")
    change(client, asker, pseudonym="00000000-0000-4000-8000-000000000000", first_name="Anna")
    changed = User.objects.get(pk=asker.pk)
    assert (changed.first_name, changed.pseudonym) == ("Anna", asker.pseudonym)
