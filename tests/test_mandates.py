"""Mandates: four eyes, what they grant to whom, and what is in their scope."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import ProtectedError
from django.test import Client
from django.utils import timezone

from tests.test_admin import url
from threads.models import (
    Assistant,
    Case,
    Event,
    Kind,
    Mandate,
    Message,
    NotAllowed,
    Rating,
    SampledWeek,
    Selection,
    Status,
    Thread,
    User,
)
from threads.models.feedback import Feedback

pytestmark = pytest.mark.django_db

Propose = Callable[..., Mandate]
Start = Callable[..., Thread]
Finish = Callable[..., Message]


def kinds() -> list[str]:
    return [str(kind) for kind in Event.objects.order_by("number").values_list("kind", flat=True)]


def test_proposed_mandate_grants_nothing(propose: Propose, auditor: User) -> None:
    assert propose().status == Status.PROPOSED
    assert not Mandate.objects.granting(auditor).exists()


def test_released_by_another_it_grants_its_auditors(propose: Propose, auditor: User, releaser: User) -> None:
    mandate = propose()
    mandate.release(releaser)
    assert mandate.status == Status.IN_FORCE
    assert list(Mandate.objects.granting(auditor)) == [mandate]
    assert not Mandate.objects.granting(releaser).exists()
    assert kinds() == [Kind.MANDATE_PROPOSED, Kind.MANDATE_RELEASED]


def test_neither_who_proposed_it_nor_its_auditors_release_it(
    propose: Propose, admin: User, releaser: User
) -> None:
    for mandate in (propose(proposed_by=admin), propose(auditors=[admin])):
        with pytest.raises(NotAllowed):
            mandate.release(admin)
    assert not Mandate.objects.exclude(released_at=None).exists()


def test_assistant_that_a_mandate_names_is_not_deleted(
    propose: Propose, admin: User, releaser: User, make_assistant: Callable[..., Assistant]
) -> None:
    """Without any, it would be about all assistants, which nobody has released."""
    named = make_assistant(slug="named")
    propose(assistants=[named]).release(releaser)
    browser = Client()
    browser.force_login(admin)
    browser.post(url(Assistant, "delete", named.pk), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [named.pk], "post": "yes"}
    browser.post(url(Assistant, "changelist"), chosen)
    with pytest.raises(ProtectedError), transaction.atomic():
        named.delete()
    with pytest.raises(ProtectedError), transaction.atomic():
        Assistant.objects.all().delete()
    assert Mandate.objects.get().assistants.get() == named


def test_superuser_reads_nothing_without_a_mandate(grant: Propose, admin: User) -> None:
    grant()
    assert not Mandate.objects.granting(admin).exists()


def test_revoked_it_grants_nothing(grant: Propose, auditor: User, releaser: User) -> None:
    mandate = grant()
    mandate.revoke(releaser)
    assert not Mandate.objects.granting(auditor).exists()
    with pytest.raises(NotAllowed):
        mandate.trace(auditor, [])


@pytest.mark.parametrize(
    ("first", "last", "is_granted"), [(-1, 1, True), (0, 0, True), (1, 2, False), (-2, -1, False)]
)
def test_it_grants_from_its_first_to_its_last_day(
    grant: Propose, auditor: User, first: int, last: int, is_granted: bool
) -> None:
    today = timezone.localdate()
    grant(valid_from=today + timedelta(days=first), valid_until=today + timedelta(days=last))
    assert Mandate.objects.granting(auditor).exists() == is_granted


def test_who_lost_the_right_reads_no_longer(grant: Propose, auditor: User) -> None:
    grant()
    auditor.groups.clear()
    assert not Mandate.objects.granting(User.objects.get(pk=auditor.pk)).exists()


def test_selection_decides_what_is_in_scope(
    grant: Propose, start: Start, finish: Finish, auditor: User
) -> None:
    plain, noticed, disliked, failed, _waiting = (start() for _ in range(5))
    finish(plain)
    finish(noticed, legal_notice="Keine Rechtsberatung")
    Feedback.objects.give(finish(disliked), Rating.DOWN)
    answer = failed.messages.get(position=2)
    answer.fail("api_error")
    found = {
        selection: set(
            Case.objects.filter(mandate=grant(selection=selection)).values_list("thread", flat=True)
        )
        for selection in Selection
    }
    assert found == {
        Selection.ALL: {plain.pk, noticed.pk, disliked.pk, failed.pk},
        Selection.NOTICE: {noticed.pk},
        Selection.NEGATIVE: {disliked.pk},
        Selection.FAILED: {failed.pk},
    }


def test_what_comes_into_scope_later_follows(grant: Propose, start: Start, finish: Finish) -> None:
    first, second = start(), start()
    finish(first)
    mandate = grant()
    finish(second)
    mandate.collect()
    mandate.collect()
    assert list(mandate.cases.in_order().values_list("number", "thread")) == [(1, first.pk), (2, second.pk)]


def test_person_has_one_alias_in_a_mandate_and_another_in_another(
    grant: Propose, start: Start, finish: Finish
) -> None:
    for _ in range(2):
        finish(start())
    codes = [set(grant().cases.values_list("alias__code", flat=True)) for _ in range(2)]
    assert [len(code) for code in codes] == [1, 1]
    assert codes[0] != codes[1]


def test_sample_is_drawn_once_from_weeks_that_are_over(grant: Propose, start: Start, finish: Finish) -> None:
    for _ in range(5):
        finish(start())
    Message.objects.update(created_at=timezone.now() - timedelta(days=7))
    finish(start())  # of this week, which is not over
    mandate = grant(sample_per_week=3)
    mandate.collect()
    assert mandate.cases.count() == 3
    drawn = SampledWeek.objects.filter(population__gt=0)
    assert list(drawn.values_list("population", "drawn")) == [(5, 3)]
    assert kinds().count(Kind.SAMPLE_DRAWN) == SampledWeek.objects.count()
