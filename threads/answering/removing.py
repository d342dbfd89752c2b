"""Removing for good, every hour: what was deleted so long ago that it can't be brought back, what an assistant keeps no
longer, accounts that are to be erased, and what has ended: sessions, and counts of attempts to sign in."""

import asyncio
import logging
from collections import Counter
from uuid import UUID

from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.utils import timezone

from threads import erasing
from threads.answering.calling import DATABASE_AWAY, where
from threads.answering.database import DatabaseThread
from threads.erasing import Because
from threads.models import Assistant, Event, Kind, Thread, User
from threads.models.thread import ThreadQuerySet

log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0


async def remove_for_ever() -> None:
    """Until cancelled, whatever goes wrong; on a connection of its own, for who deleted much takes a while."""
    database = DatabaseThread("removing")
    try:
        while True:
            await _remove_all(database)
            await asyncio.sleep(EVERY_SECONDS)
    finally:
        await database.close()


async def _remove_all(database: DatabaseThread) -> None:
    """In small steps: a worker that is to stop waits for the end of one."""
    stuck: set[UUID] = set()
    erased: Counter[int] = Counter()
    try:
        while await database.run(remove_some, stuck):
            pass
        try:
            while await database.run(retain_some, stuck, erased):
                pass
        finally:
            await database.run(record_retention, erased)
        for user in await database.run(list, User.objects.filter(erasing_since__isnull=False)):
            while await database.run(erase_account, user):
                pass
        await database.run(SessionStore.clear_expired)
        await database.run(clear_counts)
    except DATABASE_AWAY as error:
        log.warning("database away", extra={"action": "database_away", "error": type(error).__name__})
    except Exception as error:
        log.error("a fault of ours", extra={"action": "removing_crashed"} | where(error))


def remove_some(stuck: set[UUID]) -> bool:
    """Some of what is past undoing; is there more? What can't be removed joins those that are `stuck`."""
    erased, is_more = _erase_some(Thread.objects.past_undoing(), Because.UNDO_PAST, stuck)
    if erased:
        log.info(
            "removed what was deleted", extra={"action": "deleted_removed", "conversations": len(erased)}
        )
    return is_more


def retain_some(stuck: set[UUID], erased: Counter[int]) -> bool:
    """Some of what an assistant keeps no longer, counted for each in `erased`; is there more?"""
    for assistant in Assistant.objects.exclude(retention_days=None):
        some, is_more = _erase_some(Thread.objects.past_retention(assistant), Because.RETENTION, stuck)
        if some:
            erased[assistant.pk] += len(some)
        if is_more:
            return True
    return False


@transaction.atomic
def record_retention(erased: Counter[int]) -> None:
    """One event for the run, where it has erased anything; each conversation has one of its own."""
    if erased:
        counts = {str(assistant): count for assistant, count in sorted(erased.items())}
        Event.objects.record(Kind.RETENTION_RUN, details={"erased_by_assistant": counts})


def erase_account(user: User) -> bool:
    """A step; is there more to do now? One that can't be erased must not keep the others."""
    try:
        return erasing.continue_erasing(user)
    except DATABASE_AWAY:
        raise
    except Exception as error:
        about = {"action": "account_not_erased", "user": user.pk}
        log.error("a fault of ours", extra=about | where(error))
        return False


def clear_counts() -> None:
    """Of attempts to sign in, once they count no longer: Django leaves them until there are too many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cache WHERE expires < %s", [timezone.now()])


def _erase_some(threads: ThreadQuerySet, because: Because, stuck: set[UUID]) -> tuple[list[Thread], bool]:
    """What was erased; and was anything done, so that there may be more?"""
    threads = threads.exclude(pk__in=stuck)
    try:
        erased = erasing.erase_threads(threads, because)
    except DATABASE_AWAY:
        raise
    except Exception:
        return _erase_each(threads, because, stuck), True
    return erased, bool(erased)


def _erase_each(threads: ThreadQuerySet, because: Because, stuck: set[UUID]) -> list[Thread]:
    """One conversation that hangs on something must not keep all others."""
    erased = []
    for thread_id in list(threads.not_held().order_by("pk").values_list("pk", flat=True)[: erasing.AT_ONCE]):
        try:
            erased += erasing.erase_threads(threads.filter(pk=thread_id), because)
        except DATABASE_AWAY:
            raise
        except Exception as error:
            about = {"action": "removing_failed", "conversation": str(thread_id)}
            log.error("a fault of ours", extra=about | where(error))
            stuck.add(thread_id)
    return erased
