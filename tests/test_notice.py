"""The notice comes before the first page of the product; nothing that was sent is lost by it."""

import uuid
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.apps import apps
from django.contrib.auth import get_user
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tests.conftest import PASSWORD, page_of
from threads.models import Acknowledgement, Assistant, Message, Notice, Thread, User
from threads.urls import urlpatterns

pytestmark = pytest.mark.django_db

PAGE = reverse("threads:notice")
HTMX: Any = {"HX-Request": "true", "HX-Current-URL": "http://testserver/threads/?before=1"}
Start = Callable[..., Thread]


@pytest.fixture
def notice(asker: User) -> Notice:
    """A version that nobody has acknowledged; the one before everybody has."""
    notice = Notice(german="Neu <b>hier</b>.\n\nZweiter Absatz.", english="New <b>here</b>.\n\nSecond one.")
    Notice.objects.publish(notice)
    return notice


def fields_of(page: BeautifulSoup, path: str) -> dict[str, Any]:
    """What its button sends."""
    form = page.find("form", {"action": path})
    assert form
    return {str(field["name"]): field.get("value", "") for field in form.find_all(["input", "button"])}


def acknowledged(user: User) -> list[int]:
    return list(user.acknowledgements.order_by("pk").values_list("notice__version", flat=True))


# --- versions ---


def test_each_version_follows_the_one_before(notice: Notice) -> None:
    assert notice.version == 3
    assert Notice.objects.in_force() == notice


def test_acknowledged_is_once_and_the_first_time_counts(notice: Notice, asker: User) -> None:
    assert notice.acknowledged_at(asker) is None
    notice.acknowledge(asker)
    first = notice.acknowledged_at(asker)
    notice.acknowledge(asker)
    assert notice.acknowledged_at(asker) == first is not None


@pytest.fixture
def who_reads() -> Callable[[], None]:
    """The migration that adds the version that says who may read."""
    migration = import_module("threads.migrations.0014_notice_who_reads")
    return lambda: migration.add(apps, None)


def test_version_that_says_who_may_read_follows_the_one_that_a_site_began_with(
    who_reads: Callable[[], None],
) -> None:
    shown = Notice.objects.get(version=2)
    shown.delete()
    who_reads()
    added = Notice.objects.in_force()
    assert added
    assert (added.version, added.german, added.english) == (2, shown.german, shown.english)
    assert "Wer hat gelesen" in added.german


@pytest.mark.parametrize("changed", ["text", "version", "none"])
def test_notice_of_ones_own_is_never_overruled(who_reads: Callable[[], None], changed: str) -> None:
    Notice.objects.filter(version=2).delete()
    if changed == "text":
        Notice.objects.update(german="Unser eigener Text")
    elif changed == "version":
        Notice.objects.publish(Notice(german="Unser eigener Text", english="Our own text"))
    else:
        Notice.objects.all().delete()
    before = list(Notice.objects.values_list("version", "german"))
    who_reads()
    assert list(Notice.objects.values_list("version", "german")) == before


# --- the gate ---


def test_new_user_is_led_to_the_notice_and_back_to_where_she_wanted_to_go() -> None:
    user = User.objects.create_user("neu@example.org", PASSWORD)
    browser = Client()
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    response = browser.get("/threads/?before=1", follow=True)
    assert response.redirect_chain == [(f"{PAGE}?next=%2Fthreads%2F%3Fbefore%3D1", 302)]
    sent = fields_of(page_of(response), PAGE)
    assert browser.post(PAGE, sent)["Location"] == "/threads/?before=1"
    assert browser.get("/threads/").status_code == 200
    assert acknowledged(user) == [2]


def test_new_version_is_asked_for_anew(client: Client, asker: User, notice: Notice) -> None:
    assert client.get("/")["Location"].startswith(PAGE)
    client.post(PAGE, {"acknowledge": "3", "next": "/"})
    assert client.get("/").status_code == 200
    assert acknowledged(asker) == [2, 3]


def test_acknowledged_is_what_was_shown_and_not_what_came_since(client: Client, notice: Notice) -> None:
    sent = fields_of(page_of(client.get(PAGE)), PAGE)
    Notice.objects.publish(Notice(german="Noch neuer", english="Newer still"))
    client.post(PAGE, sent)
    assert client.get("/")["Location"].startswith(PAGE)


def test_fragment_leads_the_page_to_the_notice(client: Client, notice: Notice, start: Start) -> None:
    response = client.get(reverse("threads:thread", args=[start().pk]), headers=HTMX)
    assert response["HX-Redirect"] == f"{PAGE}?next=%2Fthreads%2F%3Fbefore%3D1"
    assert response.content == b""


PRODUCT: dict[str, Any] = {str(pattern.name): pattern for pattern in urlpatterns}
REACHABLE = {
    "notice", "preferences", "shortcuts", "accessibility", "language", "live", "ready", "metrics"
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCT)
def test_all_of_the_product_comes_after_the_notice_but_what_is_named_here(
    client: Client, notice: Notice, start: Start, name: str
) -> None:
    converters = PRODUCT[name].pattern.converters
    values = {key: {"slug": "a", "number": 1}.get(key, uuid.uuid4()) for key in converters}
    response = client.get(reverse(f"threads:{name}", kwargs=values))
    is_led = response.status_code == 302 and response["Location"].startswith(PAGE)
    assert is_led == (name not in REACHABLE)


def test_signing_out_and_the_administration_need_no_notice(admin: User, notice: Notice) -> None:
    browser = Client()
    browser.force_login(admin)
    assert browser.get("/admin/").status_code == 200
    assert browser.get("/accounts/password/change/").status_code == 200
    browser.post("/accounts/logout/")
    assert not get_user(browser).is_authenticated


def test_site_without_a_notice_asks_for_none(client: Client) -> None:
    Acknowledgement.objects.all().delete()
    Notice.objects.all().delete()
    assert client.get("/").status_code == 200
    assert "keinen Hinweis" in client.get(PAGE).text


def test_gate_costs_no_query(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(
        5
    ):  # session, user, conversations, pinned ones, whether there is a sandbox
        assert client.get("/threads/").status_code == 200


def test_being_led_to_the_notice_costs_session_and_user(
    client: Client, notice: Notice, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        client.get("/threads/")


def test_user_who_was_deactivated_is_signed_out(client: Client, asker: User) -> None:
    User.objects.update(is_active=False)
    assert client.get("/")["Location"].startswith("/accounts/login/")


# --- what was sent is kept ---


@pytest.fixture
def question() -> dict[str, str]:
    return {"content": "Nicht <verlieren>\nund so", "client_token": str(uuid.uuid4())}


def test_question_is_kept_in_the_page_and_asked_with_the_acknowledgement(
    client: Client, asker: User, assistant: Assistant, notice: Notice, question: dict[str, str]
) -> None:
    path = reverse("threads:assistant", args=[assistant.slug])
    response = client.post(path, question)
    assert response.status_code == 409
    assert not Message.objects.exists()
    page = page_of(response)
    assert "Nicht <verlieren>" in page.get_text()
    sent = fields_of(page, path)
    assert sent | question == sent
    assert client.post(path, sent)["Location"].startswith("/threads/")
    assert Message.objects.get(position=1).content == question["content"]
    assert acknowledged(asker) == [2, 3]


def test_field_with_several_values_keeps_them(client: Client, start: Start, notice: Notice) -> None:
    path = reverse("threads:messages", args=[start().pk])
    page = page_of(client.post(path, {"content": "?", "reason": ["a", "b"]}))
    assert [field["value"] for field in page.select(f'form[action="{path}"] [name=reason]')] == ["a", "b"]


def test_question_of_htmx_is_refused_where_it_was_typed(
    client: Client, start: Start, notice: Notice, question: dict[str, str]
) -> None:
    response = client.post(reverse("threads:messages", args=[start().pk]), question, headers=HTMX)
    assert (response.status_code, response.content) == (428, b"")
    assert not response.has_header("HX-Redirect")
    assert Message.objects.count() == 2


@pytest.mark.parametrize("version", ["2", "4", "x", ""])
def test_question_with_another_version_is_not_asked(
    client: Client, start: Start, notice: Notice, question: dict[str, str], version: str
) -> None:
    path = reverse("threads:messages", args=[start().pk])
    assert client.post(path, question | {"acknowledge": version}).status_code == 409
    assert Message.objects.count() == 2


def test_page_that_keeps_a_question_leads_nowhere_else(
    client: Client, start: Start, notice: Notice, question: dict[str, str]
) -> None:
    page = page_of(client.post(reverse("threads:messages", args=[start().pk]), question))
    assert not page.select("header a, header form")


def test_acknowledgement_of_a_stranger_to_the_form_is_refused(
    asker: User, start: Start, notice: Notice, question: dict[str, str]
) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(asker)
    path = reverse("threads:messages", args=[start().pk])
    assert browser.post(path, question | {"acknowledge": "3"}).status_code == 403
    assert acknowledged(asker) == [2]


# --- the page ---


def test_text_is_text_by_paragraphs_in_the_readers_language(
    client: Client, asker: User, notice: Notice
) -> None:
    page = page_of(client.get(PAGE))
    assert [p.get_text() for p in page.select(".prose p")] == ["Neu <b>hier</b>.", "Zweiter Absatz."]
    asker.prefer(language="en")
    page = page_of(client.get(PAGE))
    assert [p.get_text() for p in page.select(".prose p")] == ["New <b>here</b>.", "Second one."]


def test_notice_stays_readable_and_says_when_it_was_acknowledged(client: Client, asker: User) -> None:
    page = page_of(client.get("/"))
    assert page.select_one(f'footer a[href="{PAGE}"]')
    assert page.select_one(f'header a[href="{PAGE}"]')
    page = page_of(client.get(PAGE))
    times = [time["datetime"] for time in page.select("main time")]
    assert len(times) == 2
    assert "Fassung 2" in page.get_text()
    assert not page.select("main form")


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil", "", "threads/"]
)
def test_back_is_on_this_site(client: Client, notice: Notice, target: str) -> None:
    page = page_of(client.get(PAGE, {"next": target}))
    assert fields_of(page, PAGE)["next"] == "/"
    assert client.post(PAGE, {"next": target, "acknowledge": "3"})["Location"] == "/"


@pytest.mark.parametrize(("version", "status"), [("99", 404), ("x", 302), ("", 302), ("9" * 30, 302)])
def test_version_that_is_none_is_not_acknowledged(client: Client, version: str, status: int) -> None:
    assert client.post(PAGE, {"acknowledge": version}).status_code == status


# --- the admin ---


@pytest.fixture
def administration(admin: User) -> Client:
    browser = Client()
    browser.force_login(admin)
    return browser


def test_admin_publishes_the_next_version(administration: Client) -> None:
    form = page_of(administration.get(reverse("admin:threads_notice_add")))
    assert "Alle müssen sie zur Kenntnis nehmen" in form.get_text()
    administration.post(reverse("admin:threads_notice_add"), {"german": "Neu", "english": "New"})
    newest = Notice.objects.in_force()
    assert newest
    assert (newest.version, newest.german) == (3, "Neu")


def test_version_in_the_admin_is_read_only(administration: Client) -> None:
    notice = Notice.objects.get(version=2)
    change = reverse("admin:threads_notice_change", args=[notice.pk])
    page = page_of(administration.get(change))
    assert notice.german.splitlines()[0] in page.get_text()
    assert not page.select("textarea, [name=_save], .deletelink")
    assert administration.post(change, {"german": "x", "english": "y"}).status_code == 403
    assert administration.post(reverse("admin:threads_notice_delete", args=[notice.pk])).status_code == 403


@pytest.mark.parametrize("count", [0, 3])
def test_admin_sees_how_many_have_acknowledged_each_version(
    administration: Client, notice: Notice, count: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(count):
        notice.acknowledge(User.objects.create_user(f"{number}@example.org"))
    with django_assert_max_num_queries(6):
        page = page_of(administration.get(reverse("admin:threads_notice_changelist")))
    # the admin and the asker have acknowledged the one before, and nobody the very first
    assert [cell.get_text() for cell in page.select(".field-acknowledged")] == [str(count), "2", "0"]
    assert not page.select("[name=action]")


# --- home explains itself ---


def test_home_explains_itself_until_there_is_a_conversation(
    client: Client, assistant: Assistant, start: Start
) -> None:
    assert len(page_of(client.get("/")).select(".first-steps li")) == 3
    start()
    assert not page_of(client.get("/")).select(".first-steps")
