from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("shown", "after"),
    [
        ("http://testserver/threads/?before=1#end", "/threads/%3Fbefore%3D1%23end"),
        ("http://testserver", "/"),
        ("http://testserver//evil.example/", "/"),
        ("http://evil.example/threads/", "/"),
        ("javascript:alert(1)", "/"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_sign_in_leads_back_to_the_page_that_was_shown(shown: str, after: str) -> None:
    headers: Any = {"HX-Request": "true", "HX-Current-URL": shown}
    response = Client().get(reverse("threads:threads"), headers=headers)
    assert (response.status_code, response["HX-Redirect"]) == (200, f"/accounts/login/?next={after}")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (f"{FORM}; charset=utf-16", "a=b"),
        (
            "multipart/form-data; boundary=x; charset=hex",
            '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--',
        ),
        ("multipart/form-data", "a"),
        (FORM, "a&" * 1_001),
        (FORM, "a" * 101),
    ],
    ids=["encoding", "no encoding", "no boundary", "too many fields", "too large"],
)
def test_form_that_can_not_be_read_is_a_bad_request(settings: Settings, content_type: str, body: str) -> None:
    if len(body) == 101:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    client = Client(enforce_csrf_checks=True)
    client.get(reverse("account_login"))  # for the cookie
    response = client.generic("POST", reverse("account_login"), body, content_type)
    assert response.status_code == 400
    assert "<h1" in response.text
