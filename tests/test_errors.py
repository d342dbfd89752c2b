"""A database that is away, full or read-only."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.db import OperationalError
from django.db import connection as database
from django.test import Client
from django.urls import reverse

from threads.models import Message, Thread, User

Start = Callable[..., Thread]


@pytest.fixture
def browser(asker: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(asker)
    return client


@pytest.mark.django_db(transaction=True)
def test_question_that_a_read_only_database_refuses_stays_in_the_composer(
    browser: Client, start: Start
) -> None:
    path = reverse("threads:messages", args=[start().pk])
    sent = {"content": "Nicht <verlieren>", "client_token": str(uuid.uuid4())}
    with database.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        response = browser.post(path, sent)
        cursor.execute("SET default_transaction_read_only = off")
    form = BeautifulSoup(response.content, "html.parser").find("form", {"action": path})
    assert response.status_code == 503
    assert form
    fields = {
        tag["name"]: tag.get("value") or tag.get_text().strip()
        for tag in form.find_all(["input", "textarea"])
    }
    assert fields | sent == fields
    browser.post(path, fields)
    assert Message.objects.get(position=3).content == "Nicht <verlieren>"


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_database_that_is_away_is_said_to_be(
    browser: Client, start: Start, monkeypatch: pytest.MonkeyPatch, headers: Any
) -> None:
    def away(*args: object, **options: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("threads.views.chat._visible_thread", away)
    response = browser.get(reverse("threads:thread", args=[start().pk]), headers=headers)
    assert response.status_code == 503
    assert response["Retry-After"]
    assert "server closed" not in response.content.decode()
