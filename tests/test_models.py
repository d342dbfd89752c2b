import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db import connection as database
from django.utils.translation import override
from pytest_django import Settings

from tests.conftest import answer_of
from threads.models import Assistant, Connection, Source, Thread, User
from threads.models.connection import KeyUnreadable
from threads.sandbox import API_KEY

MakeAssistant = Callable[..., Assistant]
LICENCE = "user_data.licence"

# Users


def test_pseudonym_is_random_and_stays(asker: User, colleague: User) -> None:
    assert asker.pseudonym.version == 4
    assert asker.pseudonym != colleague.pseudonym
    asker.email = "new@example.org"
    asker.save()
    assert User.objects.get(email="new@example.org").pseudonym == asker.pseudonym


@pytest.mark.django_db
def test_pseudonym_follows_from_nothing_about_the_user() -> None:
    before = User.objects.create_user("same@example.org")
    pseudonym, pk = before.pseudonym, before.pk
    before.delete()
    assert User.objects.create_user("same@example.org", pk=pk).pseudonym != pseudonym


def test_pseudonym_is_unique(asker: User) -> None:
    with pytest.raises(IntegrityError):
        User.objects.create_user("other@example.org", pseudonym=asker.pseudonym)


@pytest.mark.django_db
def test_email_is_stored_in_lower_case() -> None:
    assert User.objects.create_user("Ärztin@Example.ORG").email == "ärztin@example.org"


@pytest.mark.parametrize("email", ["asker@example.org", "ASKER@Example.org"])
def test_email_belongs_to_one_user_in_any_case(asker: User, email: str) -> None:
    with pytest.raises(ValidationError) as caught:
        User(email=email, password="x").full_clean()
    assert list(caught.value.message_dict) == ["email"]
    with pytest.raises(IntegrityError):
        User(email=email).save()


def test_user_is_found_by_email_in_any_case(asker: User) -> None:
    assert User.objects.get_by_natural_key("Asker@EXAMPLE.org") == asker


@pytest.mark.django_db
def test_user_without_a_password_can_not_sign_in_with_one() -> None:
    assert not User.objects.create_user("x@example.org").has_usable_password()


# Connections


def test_api_key_is_stored_encrypted(connection: Connection) -> None:
    with database.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(c)::text FROM threads_connection c")
        [(row,)] = cursor.fetchall()
    assert API_KEY not in row
    assert Connection.objects.get().api_key == API_KEY


def test_api_key_is_readable_while_its_encryption_key_is_kept(
    connection: Connection, settings: Settings
) -> None:
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ENCRYPTION_KEYS]
    assert connection.api_key == API_KEY
    connection.api_key = "new"
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    assert connection.api_key == "new"


@pytest.mark.parametrize("stored", [None, "", "x", "ä"])
def test_api_key_that_can_not_be_read_is_an_error_without_it(
    connection: Connection, settings: Settings, stored: str | None
) -> None:
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    if stored is not None:
        connection.encrypted_api_key = stored
    with pytest.raises(KeyUnreadable) as caught:
        _ = connection.api_key
    assert str(caught.value) == f"connection {connection.pk}"


@pytest.mark.parametrize(
    ("base_url", "allowed"),
    [
        ("https://api.haufe.ai/agents", True),
        ("https://api.example:8443", True),
        ("http://localhost", True),
        ("http://localhost:8765/agents", True),
        ("http://127.0.0.1:8765", True),
        ("http://[::1]:8765/", True),
        ("http://api.haufe.ai/agents", False),
        ("http://localhost.example", False),
        ("http://localhost@evil.example", False),
        ("http://localhost:80@evil.example/", False),
        ("http://127.0.0.10", False),
        ("http://evil.example/http://localhost", False),
        ("https://", False),
        ("https://api.example/a b", False),
        ("ftp://localhost", False),
        ("javascript:https://x", False),
        ("", False),
    ],
)
def test_key_never_crosses_the_network_in_clear_text(base_url: str, allowed: bool) -> None:
    connection = Connection(name="A", base_url=base_url, encrypted_api_key="x")
    if allowed:
        connection.clean_fields()
    else:
        with pytest.raises(ValidationError) as caught:
            connection.clean_fields()
        assert list(caught.value.message_dict) == ["base_url"]


@pytest.mark.parametrize("field", ["requests_per_second", "requests_per_minute"])
def test_budget_allows_at_least_one_request(field: str) -> None:
    connection = Connection(name="A", encrypted_api_key="x")
    setattr(connection, field, 0)
    with pytest.raises(ValidationError, match=field):
        connection.clean_fields()


# Assistants


@pytest.mark.parametrize(
    ("is_active", "groups", "mine", "usable"),
    [
        (True, [], [], True),
        (True, [], ["hr"], True),
        (True, ["hr"], [], False),
        (True, ["hr"], ["tax"], False),
        (True, ["hr"], ["hr"], True),
        (True, ["hr", "tax"], ["tax"], True),
        (True, ["hr", "tax"], ["hr", "tax"], True),
        (False, [], [], False),
        (False, ["hr"], ["hr"], False),
    ],
)
def test_assistant_is_usable_by_all_or_by_its_groups(
    asker: User,
    make_assistant: MakeAssistant,
    is_active: bool,
    groups: list[str],
    mine: list[str],
    usable: bool,
) -> None:
    named = {name: Group.objects.create(name=name) for name in ("hr", "tax")}
    assistant = make_assistant(is_active=is_active)
    assistant.groups.set(named[name] for name in groups)
    asker.groups.set(named[name] for name in mine)
    assert list(Assistant.objects.usable_by(asker)) == ([assistant] if usable else [])
    assert assistant.is_usable_by(asker) is usable


def test_assistants_stand_in_the_order_given_to_them(asker: User, make_assistant: MakeAssistant) -> None:
    for name, position in (("C", 1), ("B", 2), ("A", 2)):
        make_assistant(name=name, slug=name, position=position, remote_id=uuid.uuid4())
    assert [assistant.name for assistant in Assistant.objects.usable_by(asker)] == ["C", "A", "B"]


@pytest.mark.parametrize(
    ("required", "licence", "missing"),
    [
        ([], "", []),
        ([LICENCE], "L1", []),
        ([LICENCE], "", [LICENCE]),
        (["user_data.tenant", LICENCE], "L1", ["user_data.tenant"]),
    ],
)
def test_missing_is_what_is_required_and_not_filled_in(
    required: list[str], licence: str, missing: list[str]
) -> None:
    assert Assistant(required_fields=required, licence=licence).missing_fields == missing


@pytest.mark.parametrize(("language", "words"), [("en", "no legal advice"), ("de", "keine Rechtsberatung")])
def test_legal_notice_is_in_the_language_of_the_user(language: str, words: str) -> None:
    with override(language):
        assert words in Assistant().legal_notice()
        assert Assistant(notice_text="Unser Hinweis.").legal_notice() == "Unser Hinweis."


# Sources


@pytest.fixture
def source(start: Callable[..., Thread]) -> Source:
    return Source(message=answer_of(start()), position=1)


@pytest.mark.parametrize(
    ("license_id", "auth_realm", "app_doc_id", "url"),
    [
        ("PI1", "haufepublic", "HI7", "https://products.haufe.de/PI1/document/HI7?auth_realm=haufepublic"),
        ("PI1", "", "HI7", "https://products.haufe.de/PI1/document/HI7"),
        ("PI1", "a b&c", "HI7", "https://products.haufe.de/PI1/document/HI7?auth_realm=a%20b%26c"),
        ("", "haufepublic", "HI7", ""),
        ("PI1", "haufepublic", "", ""),
        ("", "", "", ""),
    ],
)
def test_source_leads_to_its_document(
    source: Source, license_id: str, auth_realm: str, app_doc_id: str, url: str
) -> None:
    assistant = source.message.thread.assistant
    assistant.license_id, assistant.auth_realm = license_id, auth_realm
    source.app_doc_id = app_doc_id
    assert source.url == url


@pytest.mark.parametrize(
    ("app_doc_id", "encoded"),
    [
        ("../../x?y#z", "..%2F..%2Fx%3Fy%23z"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("//evil.example/", "%2F%2Fevil.example%2F"),
        ("\\\\evil.example", "%5C%5Cevil.example"),
        ("@evil.example", "%40evil.example"),
        ('"><script>', "%22%3E%3Cscript%3E"),
        ("%2e%2e", "%252e%252e"),
        ("{auth_realm}", "%7Bauth_realm%7D"),
        ("a\nb", "a%0Ab"),
        ("§ 1", "%C2%A7%201"),
    ],
)
def test_hostile_document_stays_a_document(source: Source, app_doc_id: str, encoded: str) -> None:
    source.app_doc_id = app_doc_id
    assert source.url == f"https://products.haufe.de/PI1/document/{encoded}?auth_realm=haufepublic"
    assert urlsplit(source.url).hostname == "products.haufe.de"
