import uuid

import pytest

from tests.conftest import RunningSandbox
from threads import completions, importing
from threads.models import Assistant, Connection
from threads.sandbox import EMPLOYMENT_LAW, FAMILY, WORKING_TIME

LICENCE = ["user_data.licence"]


def offer(name: str = "Steuern", **fields: object) -> completions.Assistant:
    return completions.Assistant.model_validate({"id": str(uuid.uuid4()), "name": name} | fields)


def import_all(connection: Connection, licence: str = "") -> list[Assistant]:
    return importing.import_assistants(connection, importing.offered(connection), licence=licence)


def test_what_the_key_may_use_becomes_assistants(sandbox: RunningSandbox, connection: Connection) -> None:
    new = import_all(connection)
    assert [assistant.remote_id for assistant in new] == [EMPLOYMENT_LAW, WORKING_TIME, FAMILY]
    first = connection.assistants.get(remote_id=EMPLOYMENT_LAW)
    assert (first.name, first.slug) == (
        "Personal & Arbeitsrecht (Beispiel)",
        "personal-arbeitsrecht-beispiel",
    )
    assert (first.required_fields, first.is_active) == ([], True)


def test_assistant_that_requires_more_stays_inactive(sandbox: RunningSandbox, connection: Connection) -> None:
    import_all(connection)
    assistant = connection.assistants.get(is_active=False)
    assert (assistant.remote_id, assistant.missing_fields) == (WORKING_TIME, LICENCE)


def test_licence_goes_to_those_that_require_one(sandbox: RunningSandbox, connection: Connection) -> None:
    import_all(connection, licence="L1")
    licences = dict(connection.assistants.values_list("remote_id", "licence"))
    assert licences == {EMPLOYMENT_LAW: "", WORKING_TIME: "L1", FAMILY: ""}
    assert not connection.assistants.filter(is_active=False)


def test_second_import_only_brings_required_fields_up_to_date(
    sandbox: RunningSandbox, connection: Connection
) -> None:
    import_all(connection)
    changed = {"required_fields": ["old"], "name": "Unser", "description": "Eigene", "is_active": False}
    connection.assistants.update(**changed)
    assert import_all(connection, licence="L2") == []
    assistant = connection.assistants.get(remote_id=WORKING_TIME)
    assert assistant.required_fields == LICENCE
    assert (assistant.name, assistant.description, assistant.licence) == ("Unser", "Eigene", "")
    assert not connection.assistants.filter(is_active=True)


def test_same_offer_twice_is_one_assistant(connection: Connection) -> None:
    same = offer()
    assert len(importing.import_assistants(connection, [same, same])) == 1


def test_same_assistant_through_several_keys_has_several_addresses(connection: Connection) -> None:
    same, slugs = offer(), []
    for name in ("A", "B", "C"):
        other = Connection.objects.create(name=name, base_url="https://api.example")
        slugs += [assistant.slug for assistant in importing.import_assistants(other, [same])]
    assert slugs == ["steuern", "steuern-2", "steuern-3"]


@pytest.mark.parametrize(
    ("name", "slug", "stored"),
    [
        ("Über Prüfung & Co.", "uber-prufung-co", "Über Prüfung & Co."),
        ("法律", "assistant", "法律"),
        ("ab" * 100, "ab" * 40, "ab" * 50),
    ],
)
def test_any_name_has_an_address(connection: Connection, name: str, slug: str, stored: str) -> None:
    [assistant] = importing.import_assistants(connection, [offer(name)])
    assert (assistant.slug, assistant.name) == (slug, stored)


def test_assistant_without_a_name_is_called_by_its_id(connection: Connection) -> None:
    nameless = offer("")
    [assistant] = importing.import_assistants(connection, [nameless])
    assert assistant.name == str(nameless.id)


def test_wrong_key_is_reported_without_showing_it(sandbox: RunningSandbox, connection: Connection) -> None:
    connection.api_key = "wrong-hunter2"
    with pytest.raises(completions.Unauthorized) as caught:
        importing.offered(connection)
    assert "hunter2" not in str(caught.value)
    assert caught.value.status == 401


def test_asking_costs_none_of_the_budget_for_answers(sandbox: RunningSandbox, connection: Connection) -> None:
    importing.offered(connection)
    [request] = sandbox.app.requests
    assert (request["method"], request["path"]) == ("GET", "/v1/assistants")
