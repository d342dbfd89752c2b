"""What a user prefers: stored with her, shown from the first byte of each page, at the cost of no query."""

from typing import Any

import pytest
from bs4 import Tag
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from tests.conftest import page_of
from threads.models import ReadingWidth, Theme, User
from threads.views.about import STATED_ON

pytestmark = pytest.mark.django_db

PAGE = reverse("threads:preferences")
PREFERENCES = {
    "language": "en",
    "theme": "dark",
    "reading_width": "wide",
    "has_notifications": "on",
}  # without has_shortcuts: off


def root(response: Any) -> Tag:
    html = page_of(response).html
    assert html
    return html


def scheme(response: Any) -> Any:
    meta = page_of(response).find("meta", {"name": "color-scheme"})
    assert meta
    return meta["content"]


def test_preferences_are_stored_with_the_user(client: Client, asker: User) -> None:
    assert client.post(PAGE, PREFERENCES)["Location"] == PAGE
    asker.refresh_from_db()
    assert (asker.language, asker.theme, asker.reading_width) == ("en", Theme.DARK, ReadingWidth.WIDE)
    assert (asker.has_shortcuts, asker.has_notifications) == (False, True)


def test_preferences_are_those_of_the_page(client: Client) -> None:
    client.post(PAGE, PREFERENCES)
    response = client.get(PAGE)
    assert (root(response)["data-theme"], root(response)["data-width"]) == ("dark", "wide")
    assert (root(response)["data-shortcuts"], root(response)["lang"]) == ("off", "en")
    assert root(response)["data-notify"] == "An answer has arrived."
    assert scheme(response) == "dark"


def test_nothing_is_chosen_for_who_has_chosen_nothing(client: Client) -> None:
    response = client.get(PAGE)
    assert (root(response)["data-theme"], root(response)["data-width"]) == ("system", "normal")
    assert not {"data-shortcuts", "data-notify"} & set(root(response).attrs)
    assert scheme(response) == "light dark"


def test_page_shows_what_is_chosen_and_says_that_it_was_saved(client: Client) -> None:
    page = page_of(client.post(PAGE, PREFERENCES, follow=True))
    checked = {(field["name"], field.get("value")) for field in page.select("main input[checked]")}
    assert checked == {
        ("language", "en"), ("theme", "dark"), ("reading_width", "wide"), ("has_notifications", None)
    }  # fmt: skip
    assert "have been saved" in page.get_text()


@pytest.mark.parametrize(("name", "value"), [("theme", "<b>"), ("reading_width", ""), ("language", "fr")])
def test_what_can_not_be_chosen_is_refused(client: Client, asker: User, name: str, value: str) -> None:
    response = client.post(PAGE, PREFERENCES | {name: value})
    assert response.status_code == 422
    assert page_of(response).select_one(".field-errors")
    asker.refresh_from_db()
    assert asker.reading_width == ReadingWidth.NORMAL


def test_saving_leaves_the_rest_as_others_may_have_changed_it(asker: User) -> None:
    User.objects.filter(pk=asker.pk).update(first_name="Neu")
    asker.prefer(theme=Theme.DARK)
    asker.refresh_from_db()
    assert (asker.first_name, asker.theme) == ("Neu", Theme.DARK)


def test_preferences_are_behind_the_sign_in_and_cost_no_query(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert Client().get(PAGE)["Location"].startswith("/accounts/login/")
    with django_assert_num_queries(5):  # session, user, the side bar (2), whether there is a sandbox
        client.get(PAGE)


def test_error_page_is_in_the_theme_of_the_reader(client: Client, asker: User) -> None:
    asker.prefer(theme=Theme.DARK)
    response = client.get("/nowhere/")
    assert (response.status_code, root(response)["data-theme"], scheme(response)) == (404, "dark", "dark")
    assert root(Client().get("/nowhere/"))["data-theme"] == "system"


def test_without_a_database_nobody_is_asked_what_the_reader_prefers(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("threads.accounts.AuthenticationBackend.get_user", away)
    client.raise_request_exception = False
    response = client.get("/")
    assert (response.status_code, root(response)["data-theme"]) == (503, "system")
    assert "no-store" in response["Cache-Control"]


# --- language ---


def test_users_language_goes_before_the_browsers(client: Client, asker: User) -> None:
    english: Any = {"Accept-Language": "en"}
    assert root(client.get("/", headers=english))["lang"] == "en"
    asker.prefer(language="de")
    assert root(client.get("/", headers=english))["lang"] == "de"


def test_stored_language_is_that_of_fragments_too(client: Client, asker: User) -> None:
    asker.prefer(language="en")
    headers: Any = {"HX-Request": "true"}
    assert "Keyboard shortcuts" in client.get(reverse("threads:shortcuts"), headers=headers).text


def test_buttons_for_the_language_store_it_too(client: Client, asker: User) -> None:
    client.post(reverse("threads:language"), {"language": "en", "next": "/"})
    asker.refresh_from_db()
    assert asker.language == "en"


@pytest.mark.parametrize("language", ["fr", "xx", ""])
def test_language_that_is_not_offered_is_not_stored(client: Client, asker: User, language: str) -> None:
    client.post(reverse("threads:language"), {"language": language, "next": "/"})
    asker.refresh_from_db()
    assert asker.language == ""


def test_signing_in_elsewhere_the_cookie_keeps_pace_for_the_page_to_sign_in(asker: User) -> None:
    asker.prefer(language="en")
    elsewhere = Client()
    elsewhere.force_login(asker)
    elsewhere.get("/")
    elsewhere.post("/accounts/logout/")
    assert root(elsewhere.get("/accounts/login/"))["lang"] == "en"


def test_language_of_the_browser_is_chosen_again(client: Client) -> None:
    client.post(PAGE, PREFERENCES)
    page = page_of(client.post(PAGE, PREFERENCES | {"language": ""}, follow=True))
    assert page.html
    assert page.html["lang"] == "de"
    assert "sind gespeichert" in page.get_text()


# --- the pages that help ---


def test_sheet_of_shortcuts_is_a_page_and_alone_a_fragment(client: Client) -> None:
    headers: Any = {"HX-Request": "true"}
    page = client.get(reverse("threads:shortcuts"))
    fragment = client.get(reverse("threads:shortcuts"), headers=headers)
    assert page_of(page).select("html main h1")
    assert not page_of(fragment).select("html, h1")
    assert page_of(page).select(".shortcuts kbd") == page_of(fragment).select(".shortcuts kbd") != []


def test_sheet_leads_to_where_shortcuts_are_turned_off(client: Client, asker: User) -> None:
    page = page_of(client.get(reverse("threads:shortcuts")))
    assert page.select_one(f'main a[href="{PAGE}"]')
    assert "lassen sich abschalten" in page.get_text()
    asker.prefer(has_shortcuts=False)
    assert "haben die Tastenkürzel abgeschaltet" in client.get(reverse("threads:shortcuts")).text


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/signup/", "/nowhere/", "/threads/"])
def test_accessibility_statement_is_linked_on_every_page(client: Client, path: str) -> None:
    browser = Client() if path.startswith("/accounts/") else client
    link = page_of(browser.get(path)).select_one(f'footer a[href="{reverse("threads:accessibility")}"]')
    assert link


@pytest.mark.parametrize(("language", "word"), [("de", "teilweise vereinbar"), ("en", "partially compliant")])
def test_accessibility_statement_is_public_and_in_both_languages(db: None, language: str, word: str) -> None:
    headers: Any = {"Accept-Language": language}
    page = page_of(Client().get(reverse("threads:accessibility"), headers=headers))
    assert word in page.get_text()
    stated = page.select_one("main time")
    assert stated
    assert stated["datetime"] == STATED_ON.isoformat()


@pytest.mark.parametrize(
    ("contact", "href"),
    [("a@example.org", "mailto:a@example.org"), ("https://example.org/a", "https://example.org/a")],
)
def test_barriers_are_told_to_the_operator(settings: Settings, contact: str, href: str) -> None:
    given = {"accessibility_contact": contact, "operator_name": "Muster <GmbH>"}
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update=given)
    page = page_of(Client().get(reverse("threads:accessibility")))
    assert page.select_one(f'main a[href="{href}"]')
    assert "Betreiber: Muster <GmbH>." in page.get_text()


def test_without_a_contact_the_administrators_are_named() -> None:
    assert "an die Administration" in Client().get(reverse("threads:accessibility")).text


def test_choice_that_was_refused_is_told_with_its_group(client: Client) -> None:
    page = page_of(client.post(PAGE, PREFERENCES | {"theme": "pink"}))
    group: Any = page.select_one("fieldset[aria-describedby]")
    assert group.legend.get_text() == "Farbschema"
    assert "pink" in page.find(id=group["aria-describedby"]).get_text()  # type: ignore[union-attr]
    assert not page.select("fieldset[aria-invalid]")


@pytest.mark.parametrize("name", ["shortcuts", "preferences"])
def test_what_needs_scripts_says_so(client: Client, name: str) -> None:
    page = page_of(client.get(reverse(f"threads:{name}")))
    notes = [note.get_text() for note in page.select("main noscript")]
    assert len(notes) == (1 if name == "shortcuts" else 2)
    assert all("JavaScript" in note for note in notes)
