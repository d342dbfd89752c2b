"""The page for who works on the design."""

import pytest
from django.test import Client

from tests.conftest import acknowledging, page_of
from tests.test_views import url
from threads.models import Message, State, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(admin: User) -> Client:
    client = Client()
    client.force_login(acknowledging(admin))
    return client


def test_employees_find_no_components(client: Client) -> None:
    assert client.get(url("components")).status_code == 404


def test_components_are_shown_in_all_states_and_stored_nowhere(staff: Client) -> None:
    page = page_of(staff.get(url("components")))
    states = {str(tag["data-state"]) for tag in page.select("article[data-role=assistant]")}
    assert states == {State.DONE, State.FAILED, State.STOPPED}
    assert len(page.select(".waiting")) == 5
    assert not Message.objects.exists()


def test_components_ask_the_server_for_nothing_by_themselves(staff: Client) -> None:
    triggers = {tag["hx-trigger"] for tag in page_of(staff.get(url("components"))).select("[hx-trigger]")}
    assert triggers == set()
