"""Exports that take a while: built part by part, handed over, taken along, revoked and removed."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.conftest import in_another_connection, page_of
from threads import building
from threads.answering import exporting
from threads.answering.database import in_database
from threads.building import PART_BYTES, Build, Builder
from threads.models import (
    Event,
    Export,
    ExportKind,
    ExportPart,
    ExportState,
    Happening,
    Kind,
    Lost,
    Mandate,
    Step,
    User,
)
from threads.models.export import KEPT_HOURS

pytestmark = pytest.mark.django_db

HTMX: Any = {"HX-Request": "true"}
CHUNK = b"x" * 100_000
Make = Callable[..., Export]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is built of any export in these tests: five steps, of which an error is raised."""
    steps: list[Any] = [Step(CHUNK, number, 5) for number in range(1, 6)]

    def build(export: Export) -> Iterator[Step]:
        for step in steps:
            if isinstance(step, Exception):
                raise step
            yield step

    monkeypatch.setattr(
        building, "BUILDERS", dict.fromkeys(ExportKind, Builder(build, "text/plain; charset=utf-8", "txt"))
    )
    return steps


@pytest.fixture
def make(steps: list[Any], asker: User) -> Make:
    def make(kind: ExportKind = ExportKind.MY_DATA, owner: User = asker, **fields: Any) -> Export:
        return Export.objects.request(kind, owner, "de", **fields)

    return make


def url(export: Export, name: str = "export") -> str:
    return reverse(f"threads:{name}", args=[export.pk])


def claimed() -> Build:
    export = Export.objects.claim()
    assert export
    return Build(export)


# --- building ---


def test_export_is_built_in_parts_and_says_how_far_it_is(make: Make) -> None:
    export = make()
    build = claimed()
    assert build.go_on()
    export.refresh_from_db()
    assert (export.state, export.done, export.total) == (ExportState.BUILDING, 3, 5)
    assert not build.go_on()
    export.refresh_from_db()
    assert (export.state, export.done, export.total) == (ExportState.READY, 5, 5)
    assert b"".join(export.content()) == 5 * CHUNK
    sizes = [len(part.data) for part in ExportPart.objects.order_by("number")]
    assert sizes == [PART_BYTES, 5 * len(CHUNK) - PART_BYTES]


def test_last_step_is_counted_though_it_has_no_data(make: Make, steps: list[Any]) -> None:
    steps.append(Step(b"", 6, 6))
    export = make()
    exporting.build_all()
    export.refresh_from_db()
    assert (export.done, export.total) == (6, 6)


def test_oldest_is_built_first_and_one_that_is_claimed_by_nobody_else(make: Make, colleague: User) -> None:
    first, second = make(), make(owner=colleague)
    assert [claimed().export, claimed().export] == [first, second]
    assert Export.objects.claim() is None


def test_asked_for_twice_it_is_one_while_it_is_under_way(make: Make) -> None:
    assert make() == make()


def test_made_anew_it_takes_the_place_of_the_former(make: Make) -> None:
    former = make()
    exporting.build_all()
    assert make() != former
    assert list(Export.objects.values_list("state", flat=True)) == [ExportState.WAITING]


def test_dead_workers_export_is_begun_anew_by_another(make: Make) -> None:
    make()
    dead = claimed()
    dead.go_on()
    silent_for = timedelta(seconds=settings.ENVIRONMENT.recovery_seconds + 1)
    before = timezone.now() - silent_for
    Export.objects.update(beat_at=before)
    dead.export.beat_at = before
    alive = claimed()
    assert alive.export == dead.export
    assert not ExportPart.objects.exists()
    with pytest.raises(Lost):
        dead.go_on()
    while alive.go_on():
        pass
    assert b"".join(alive.export.content()) == 5 * CHUNK


def test_worker_that_stops_hands_its_export_back(make: Make) -> None:
    make()
    build = claimed()
    build.go_on()
    build.export.hand_back()
    exporting.build_all()
    assert b"".join(Export.objects.get().content()) == 5 * CHUNK


def test_export_that_is_removed_meanwhile_is_built_no_further(make: Make) -> None:
    make()
    build = claimed()
    build.go_on()
    Export.objects.all().remove()
    with pytest.raises(Lost):
        build.go_on()
    assert not ExportPart.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_revoked_while_a_part_is_being_stored_it_is_gone_whole(
    make: Make, auditor: User, releaser: User, grant: Callable[..., Mandate], monkeypatch: pytest.MonkeyPatch
) -> None:
    mandate = grant()
    make(ExportKind.REPORT_CSV, auditor, mandate=mandate)
    build = claimed()
    revoking: list[Any] = []

    def revoke_meanwhile(**fields: Any) -> ExportPart:
        part = ExportPart(**fields)
        revoking.append(in_another_connection(lambda: mandate.revoke(releaser)))
        part.save()
        return part

    monkeypatch.setattr(ExportPart.objects, "create", revoke_meanwhile)
    while exporting.go_on(build):
        pass
    ((other, errors),) = revoking
    other.join()
    assert errors == []
    assert not Export.objects.exists()
    assert not ExportPart.objects.exists()


def test_what_was_read_is_recorded_with_the_part_it_is_in(
    make: Make, steps: list[Any], auditor: User, grant: Callable[..., Mandate]
) -> None:
    mandate = grant()
    steps[:] = [
        Step(CHUNK, n, 5, (Happening(Kind.THREAD_READ, auditor, mandate_id=mandate.pk, details={"n": n}),))
        for n in range(1, 6)
    ]
    make(ExportKind.REPORT_JSONL, auditor, mandate=mandate)
    build = claimed()
    read = Event.objects.filter(kind=Kind.THREAD_READ).order_by("number").values_list("details__n", flat=True)
    build.go_on()
    assert list(read.all()) == [1, 2, 3]
    build.go_on()
    assert list(read.all()) == [1, 2, 3, 4, 5]


def test_nothing_is_stored_once_the_right_to_read_is_lost(
    make: Make, steps: list[Any], auditor: User, grant: Callable[..., Mandate]
) -> None:
    mandate = grant()
    steps[:] = [Step(CHUNK, 1, 1, (Happening(Kind.THREAD_READ, auditor, mandate_id=mandate.pk),))]
    export = make(ExportKind.REPORT_JSONL, auditor, mandate=mandate)
    auditor.groups.clear()
    exporting.build_all()
    export.refresh_from_db()
    assert export.state == ExportState.FAILED
    assert not ExportPart.objects.exists()
    assert not Event.objects.filter(kind=Kind.THREAD_READ).exists()


# --- the worker ---


@pytest.mark.django_db(transaction=True)
def test_worker_builds_what_waits_and_what_crashes_fails_without_a_word_of_its_texts(
    make: Make, steps: list[Any], colleague: User, caplog: pytest.LogCaptureFixture
) -> None:
    export, other = make(), make(owner=colleague)
    steps[1] = ValueError("a secret text")
    run_worker_until(lambda: Export.objects.filter(state=ExportState.FAILED).count() == 2)
    assert not ExportPart.objects.exists()
    assert "a secret text" not in caplog.text
    steps[1] = Step(b"", 1, 1)
    for each in (export, other):
        each.try_again()
    run_worker_until(lambda: Export.objects.filter(state=ExportState.READY).count() == 2)


@pytest.mark.django_db(transaction=True)
def test_worker_that_is_cancelled_hands_back_what_it_is_at(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    monkeypatch.setattr(Build, "go_on", lambda build: True)  # it never comes to an end
    run_worker_until(lambda: Export.objects.filter(state=ExportState.BUILDING).exists())
    assert Export.objects.get().state == ExportState.WAITING


def run_worker_until(is_so: Callable[[], bool]) -> None:
    async def run() -> None:
        task = asyncio.create_task(exporting.export_for_ever())
        try:
            async with asyncio.timeout(10):
                while not await in_database(is_so)():
                    await asyncio.sleep(0.05)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async_to_sync(run)()


# --- its page ---


def test_page_asks_again_until_there_is_a_file(client: Client, make: Make) -> None:
    export = make()
    page = page_of(client.get(url(export)))
    assert page.select_one("#export[hx-trigger]")
    assert page.select_one("head noscript meta[http-equiv=refresh]")
    exporting.build_all()
    page = page_of(client.get(url(export), {"shown": "waiting"}, headers=HTMX))
    assert page.select_one("#export[data-state=ready]:not([hx-get])")
    assert page.select_one(f'a[href="{url(export, "export_file")}"]')
    assert page.select_one("#export-said[hx-swap-oob]")


def test_what_is_shown_already_is_not_announced_again(client: Client, make: Make) -> None:
    page = page_of(client.get(url(make()), {"shown": "waiting"}, headers=HTMX))
    assert not page.select("#export-said")


def test_what_failed_is_tried_again(client: Client, make: Make, steps: list[Any]) -> None:
    export = make()
    claimed().export.fail()
    form = page_of(client.get(url(export))).select_one("#export form")
    assert form
    client.post(str(form["action"]))
    exporting.build_all()
    export.refresh_from_db()
    assert export.state == ExportState.READY


@pytest.mark.parametrize("name", ["export", "export_file"])
def test_it_is_its_owners_alone(make: Make, colleague: User, admin: User, name: str) -> None:
    export = make()
    exporting.build_all()
    for other in (colleague, admin):
        browser = Client()
        browser.force_login(other)
        assert browser.get(url(export, name)).status_code == 404


# --- its file ---


def test_file_is_sent_whole_and_of_ones_own_data_the_first_time_is_an_event(
    client: Client, make: Make, asker: User
) -> None:
    export = make()
    exporting.build_all()
    response: Any = client.get(url(export, "export_file"))
    assert b"".join(response.streaming_content) == 5 * CHUNK
    assert response["Content-Length"] == str(5 * len(CHUNK))
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert "attachment" in response["Content-Disposition"]
    client.get(url(export, "export_file"))
    events = Event.objects.filter(kind=Kind.DATA_EXPORTED, person_id=asker.pk)
    assert [event.details["count"] for event in events] == [5]


def test_there_is_no_file_before_it_is_ready(client: Client, make: Make) -> None:
    export = make()
    assert client.get(url(export, "export_file")).status_code == 404


def test_download_ends_unfinished_where_the_export_is_removed_meanwhile(client: Client, make: Make) -> None:
    export = make()
    exporting.build_all()
    response: Any = client.get(url(export, "export_file"))
    pieces = iter(response.streaming_content)
    next(pieces)
    Export.objects.all().remove()
    with pytest.raises(Lost):
        list(pieces)


def test_under_a_mandate_its_download_is_recorded_there(
    make: Make, auditor: User, grant: Callable[..., Mandate]
) -> None:
    mandate = grant(title="Quartal 1")
    export = make(ExportKind.REPORT_CSV, auditor, mandate=mandate)
    exporting.build_all()
    browser = Client()
    browser.force_login(auditor)
    response = browser.get(url(export, "export_file"))
    assert "Quartal" in response["Content-Disposition"]
    event = Event.objects.get(kind=Kind.EXPORTED)
    assert (event.mandate_id, event.actor_id) == (mandate.pk, auditor.pk)
    assert event.details == {"export": str(export.pk), "kind": "report_csv", "count": 5}
    browser.get(url(export, "export_file"))
    assert Event.objects.filter(kind=Kind.EXPORTED).count() == 2


def test_conversations_are_downloaded_as_long_as_the_mandate_grants_and_findings_longer(
    make: Make, auditor: User, grant: Callable[..., Mandate]
) -> None:
    mandate = grant()
    conversations = make(ExportKind.REPORT_JSONL, auditor, mandate=mandate)
    findings = make(ExportKind.REPORT_CSV, auditor, mandate=mandate)
    exporting.build_all()
    browser = Client()
    browser.force_login(auditor)

    def statuses() -> list[int]:
        exports = (conversations, findings)
        return [
            browser.get(url(each, name)).status_code for each in exports for name in ("export", "export_file")
        ]

    assert statuses() == [200, 200, 200, 200]
    yesterday = timezone.localdate() - timedelta(days=1)
    Mandate.objects.update(valid_from=yesterday, valid_until=yesterday)
    assert statuses() == [404, 404, 200, 200]


def test_revoked_mandates_exports_are_gone(
    make: Make, auditor: User, releaser: User, grant: Callable[..., Mandate]
) -> None:
    mandate = grant()
    make(ExportKind.REPORT_CSV, auditor, mandate=mandate)
    exporting.build_all()
    mandate.revoke(releaser)
    assert not ExportPart.objects.exists()


# --- removal ---


def test_export_is_removed_a_day_after_it_was_ready(make: Make, colleague: User) -> None:
    old, young = make(), make(owner=colleague)
    exporting.build_all()
    Export.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(hours=KEPT_HOURS))
    exporting.remove_old()
    assert list(Export.objects.all()) == [young]


def test_export_that_was_never_ready_is_removed_a_day_after_it_was_asked_for(make: Make) -> None:
    make()
    Export.objects.update(created_at=timezone.now() - timedelta(hours=KEPT_HOURS))
    exporting.remove_old()
    assert not Export.objects.exists()
