"""Erasing: the one way in which conversations and accounts go for good.

What is held stays until the hold has ended. Of the findings on a conversation the verdict stays and the texts go; files
that a conversation may be in go with it; the log keeps that it was erased, when and why, and nothing of what it said.

The order of locks, in each step: the owners, what hangs on their conversations (in ways that let what refers to it be
stored), and last the log. Whoever makes a hold records it, so that while we hold the log no new one comes about: what
is looked up then is what is so when we erase. Who was about to make one fails, as what it was for is gone.
"""

from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.utils import timezone

from threads.models import (
    Case,
    Event,
    Export,
    ExportKind,
    Finding,
    Happening,
    Kind,
    Mandate,
    Message,
    NotAllowed,
    Reveal,
    Thread,
    User,
)
from threads.models.thread import ThreadQuerySet

Row = TypeVar("Row", bound=models.Model)

AT_ONCE = 20  # conversations in a step, during which nobody else records events
AT_ONCE_BY_HAND = 400  # conversations of an account that somebody waits for; workers erase the others


class Because(StrEnum):
    """Why, as events say it."""

    OWNER = "owner"  # removed it for good
    UNDO_PAST = "undo_past"  # it was deleted, and the time for bringing it back is over
    RETENTION = "retention"
    ACCOUNT = "account"  # its owner's account is erased


class Left(StrEnum):
    """What is left of an account."""

    NOTHING = "nothing"
    NAME = "name"  # and the address, as mandates and findings rest on who released or made them
    CONVERSATIONS = "conversations"  # that are held, or that a worker is still to erase


# --- conversations ---


@transaction.atomic
def erase_threads(threads: ThreadQuerySet, because: Because, actor: User | None = None) -> list[Thread]:
    """Some of `threads`, at most `AT_ONCE`, with all that hangs on them; of those that are not held.

    Returns what was erased; nothing: there is no more. What is no longer among `threads` once it is locked stays.
    """
    found = dict(threads.not_held().order_by("pk").values_list("pk", "owner_id")[:AT_ONCE])
    _lock(set(found), owners=set(found.values()))
    Event.objects.hold()
    erased = list(threads.not_held().filter(pk__in=found).order_by("pk"))
    gone = [thread.pk for thread in erased]
    Finding.objects.filter(case__thread__in=gone).update(note="", second_note="")
    Thread.objects.filter(pk__in=gone).delete()
    Event.objects.record_all(
        Happening(
            Kind.THREAD_ERASED,
            actor,
            person_id=thread.owner_id,
            thread_id=thread.pk,
            details={"because": str(because)},
        )
        for thread in erased
    )
    return erased


def _lock(threads: set[UUID], owners: set[int]) -> None:
    """Whoever is at what hangs on these conversations, and is going to record it, ends before us."""
    list(_locked(User.objects.filter(pk__in=owners)))
    cases = {case.pk: case.mandate_id for case in _locked(Case.objects.filter(thread__in=threads))}
    list(_locked(Reveal.objects.filter(case__in=cases)))
    list(_locked(Finding.objects.filter(case__in=cases)))
    # Answers before conversations, as workers lock them. Then nothing refers anew to what goes, as collecting does.
    list(_locked(Message.objects.open().filter(thread__in=threads)))
    list(Thread.objects.filter(pk__in=threads).order_by("pk").select_for_update())
    # Who asks for another file now, and has it built, may still read what is not gone before we commit.
    exports = models.Q(owner__in=owners, kind=ExportKind.MY_DATA) | models.Q(mandate__in=set(cases.values()))
    Export.objects.filter(exports).remove()
    transaction.on_commit(Export.objects.filter(exports).remove)


def _locked(rows: models.QuerySet[Row]) -> models.QuerySet[Row]:
    return rows.order_by("pk").select_for_update(no_key=True)


@transaction.atomic
def remove_for_good(thread: Thread, owner: User) -> bool:
    """What its owner deleted, at once; False: it is held, is out of her sight, and is erased when that has ended.

    Raises `Thread.DoesNotExist` where it is not deleted, or no longer.
    """
    thread.give_up()
    return bool(erase_threads(Thread.objects.filter(pk=thread.pk), Because.OWNER, owner))


# --- accounts ---


def erase_account(user: User, actor: User) -> Left:
    """Nobody signs in with it any more; all goes that may. Raises `NotAllowed` for the last superuser."""
    close_account(user, actor)
    return erase_closed(user, actor)


def erase_closed(user: User, actor: User) -> Left:
    """In steps of their own; not in a larger transaction, which would keep all others from recording events.

    Nor are sessions looked through in one: those of who is not active any more open nothing.
    """
    _end_sessions(user)
    for _step in range(AT_ONCE_BY_HAND // AT_ONCE):
        if not erase_threads(_of(user), Because.ACCOUNT, actor):
            break
    return _finish(user, actor)


def continue_erasing(user: User) -> bool:
    """A step with an account that was closed before: conversations, at last the account; is there more to do now?"""
    if erase_threads(_of(user), Because.ACCOUNT):
        return True
    _finish(user, None)
    return False


def what_stays(user: User) -> Left:
    """If it were erased now."""
    if _of(user).held().exists():
        return Left.CONVERSATIONS
    return Left.NAME if has_acted(user) else Left.NOTHING


def is_last_superuser(user: User) -> bool:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and user.is_active and not others.exists()


def is_named_in_log(user: User) -> bool:
    """Has she done something, other than to herself, of which events keep who it was?"""
    return Event.objects.filter(actor_id=user.pk).exclude(actor_name="").exists()


def has_acted(user: User) -> bool:
    """Do reviews rest on who she is: has she proposed, released or found something, or was she to read?"""
    named = Mandate.objects.filter(auditors=user, released_at__isnull=False)
    return named.exists() or any(
        relation.related_model._base_manager.filter(**{relation.field.name: user.pk}).exists()
        for relation in User._meta.get_fields(include_hidden=True)
        if isinstance(relation, models.ManyToOneRel) and relation.on_delete is models.PROTECT
    )


def _of(user: User) -> ThreadQuerySet:
    return Thread.objects.filter(owner=user.pk)


@transaction.atomic
def close_account(user: User, actor: User) -> None:
    """The first step: all that knows her goes, and the conversations follow. Raises `NotAllowed`, see above."""
    list(_locked(User.objects.filter(models.Q(is_superuser=True) | models.Q(pk=user.pk))))
    user.refresh_from_db()
    if is_last_superuser(user):
        raise NotAllowed
    _forget(user)
    if not has_acted(user):
        user.first_name = user.last_name = ""
        user.email = f"erased-{user.pseudonym}@invalid"
        user.groups.clear()
    user.user_permissions.clear()
    user.is_active = user.is_staff = user.is_superuser = False
    user.set_unusable_password()
    user.language, user.last_login = "", None
    user.erasing_since = user.erasing_since or timezone.now()
    user.save()
    _record(user, actor, is_complete=False)


def _forget(user: User) -> None:
    """All that knows her by her name or address, or that only who signs in needs."""
    theirs = models.Q(user=user) | models.Q(
        content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk)
    )
    LogEntry.objects.filter(theirs).delete()
    EmailAddress.objects.filter(user=user).delete()
    user.acknowledgements.all().delete()
    Export.objects.filter(owner=user).remove()


def _end_sessions(user: User) -> None:
    """A session does not say whose it is before it is opened."""
    theirs = [
        session.pk
        for session in Session.objects.iterator(chunk_size=1_000)
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    Session.objects.filter(pk__in=theirs).delete()


@transaction.atomic
def _finish(user: User, actor: User | None) -> Left:
    """Once no conversation is left, the account goes; for who has acted in reviews a name and an address stay."""
    if not _locked(User.objects.filter(pk=user.pk)):
        return Left.NOTHING
    if not has_acted(user):  # what she was to do, or looked at, goes on without her
        Finding.objects.filter(assignee=user).update(assignee=None)
        Case.objects.filter(read_by=user).update(read_by=None)
    Event.objects.hold()
    if _of(user).exists():
        return Left.CONVERSATIONS
    if has_acted(user):
        User.objects.filter(pk=user.pk).update(erasing_since=None)
        left = Left.NAME
    else:
        User.objects.filter(pk=user.pk).delete()
        left = Left.NOTHING
    _record(user, actor, is_complete=True, left=str(left))
    return left


def _record(user: User, actor: User | None, **details: object) -> None:
    Event.objects.record(Kind.ACCOUNT_ERASED, actor, person_id=user.pk, details=details)
