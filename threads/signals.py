"""What happens by Django's signals, as it holds for every way: signing in, of which who does it, and where it fails, is
recorded; and deleting an assistant, where that would change what a mandate permits."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import models, transaction

from threads.models import Assistant, Event, Kind, Mandate, User


def connect() -> None:
    user_logged_in.connect(record_sign_in, dispatch_uid="threads.record_sign_in")
    user_login_failed.connect(record_failure, dispatch_uid="threads.record_failure")
    models.signals.pre_delete.connect(
        keep_what_mandates_name, sender=Assistant, dispatch_uid="threads.keep_what_mandates_name"
    )


def keep_what_mandates_name(instance: Assistant, **kwargs: Any) -> None:
    """A mandate is never changed: one that names no assistant any more would be about all of them."""
    Assistant.objects.select_for_update().filter(pk=instance.pk).first()  # nobody names it from now on
    mandates: set[models.Model] = set(Mandate.objects.filter(assistants=instance))
    if mandates:
        raise models.ProtectedError("mandates name this assistant", mandates)


@transaction.atomic
def record_sign_in(user: User, **kwargs: Any) -> None:
    """What can't be recorded does not happen: the session is stored after this."""
    Event.objects.record(Kind.SIGNED_IN, user, person_id=user.pk)


@transaction.atomic
def record_failure(credentials: dict[str, Any], **kwargs: Any) -> None:
    """Whose account it was, if anybody's; never what was typed, which may be a password in the wrong field.

    What the limits on guessing refuse is not tried, and so not recorded: nobody fills the log by it.
    """
    typed = credentials.get("email") or credentials.get("username") or ""
    person_id = User.objects.filter(email__iexact=typed).values_list("pk", flat=True).first()
    Event.objects.record(Kind.SIGN_IN_FAILED, person_id=person_id)
