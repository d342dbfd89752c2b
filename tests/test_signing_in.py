"""Guessing is limited, and nobody locks out others with it."""

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from tests.conftest import PASSWORD
from threads.models import User

pytestmark = pytest.mark.django_db


def sign_in(email: str, password: str) -> bool:
    client = Client()
    client.post(reverse("account_login"), {"login": email, "password": password})
    return "_auth_user_id" in client.session


def test_password_of_one_person_is_guessed_five_times_at_most(asker: User) -> None:
    for _ in range(5):
        sign_in(asker.email, "wrong")
    assert not sign_in(asker.email, PASSWORD)


def test_who_mistypes_locks_out_no_one_else_behind_the_same_address(asker: User) -> None:
    for number in range(31):
        sign_in(f"{number}@example.org", "wrong")
    assert sign_in(asker.email, PASSWORD)


def test_many_counts_are_kept() -> None:
    keys = [str(number) for number in range(302)]
    for key in keys:
        cache.set(key, 1)
    assert len(cache.get_many(keys)) == len(keys)


@pytest.mark.parametrize("path", ["/accounts/logout/", "/admin/logout/"])
def test_signing_out_leaves_nothing_in_the_browser(admin: User, path: str) -> None:
    client = Client()
    client.force_login(admin)
    assert "Clear-Site-Data" not in client.get("/accounts/logout/")
    assert client.post(path)["Clear-Site-Data"] == '"storage"'
