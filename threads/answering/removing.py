"""Removing for good: what was deleted so long ago that it can't be brought back, with all that hangs on it; and
sessions that have ended."""

import asyncio
import logging
from uuid import UUID

from django.contrib.sessions.backends.db import SessionStore

from threads.answering.calling import DATABASE_AWAY, where
from threads.answering.database import DatabaseThread
from threads.models import Thread

log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
AT_ONCE = 20  # conversations in a step: a worker that is to stop waits for its end


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
    stuck: set[UUID] = set()
    try:
        while await database.run(remove_some, stuck):
            pass
        await database.run(SessionStore.clear_expired)
    except DATABASE_AWAY as error:
        log.warning("database away", extra={"action": "database_away", "error": type(error).__name__})
    except Exception as error:
        log.error("a fault of ours", extra={"action": "removing_crashed"} | where(error))


def remove_some(stuck: set[UUID]) -> bool:
    """Some of what is past undoing; is there more? What can't be removed joins those that are `stuck`."""
    gone = Thread.objects.past_undoing().exclude(pk__in=stuck).values_list("pk", flat=True)
    ids = list(gone[: AT_ONCE + 1])
    for thread_id in ids[:AT_ONCE]:
        try:
            Thread.objects.filter(pk=thread_id).delete()
        except DATABASE_AWAY:
            raise
        except Exception as error:
            # One conversation that hangs on something must not keep all others.
            about = {"action": "removing_failed", "conversation": str(thread_id)}
            log.error("a fault of ours", extra=about | where(error))
            stuck.add(thread_id)
    if removed := len(ids[:AT_ONCE]) - len(stuck.intersection(ids)):
        log.info("removed what was deleted", extra={"action": "deleted_removed", "conversations": removed})
    return len(ids) > AT_ONCE
