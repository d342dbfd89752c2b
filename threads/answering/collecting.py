"""Collecting: what comes into the scope of mandates is put under them, and samples are drawn."""

import asyncio
import logging
from uuid import UUID

from django.db import connections

from threads.answering.calling import DATABASE_AWAY, where
from threads.answering.database import DatabaseThread
from threads.models import Mandate

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0  # each mandate has its turn as `MandateQuerySet.to_be_collected` says


async def collect_for_ever() -> None:
    """Until cancelled, whatever goes wrong; on a connection of its own, for the scope may be large."""
    database = DatabaseThread("collecting")
    try:
        while True:
            await _collect_all(database)
            await database.run(connections.close_all)  # none is kept open for the minute between
            await asyncio.sleep(EVERY_SECONDS)
    finally:
        await database.close()


async def _collect_all(database: DatabaseThread) -> None:
    try:
        for mandate_id in await database.run(due):
            # Part after part: a worker that is to stop waits for the end of one.
            while await database.run(collect_some, mandate_id):
                pass
    except DATABASE_AWAY as error:
        log.warning("database away", extra={"action": "database_away", "error": type(error).__name__})
    except Exception as error:
        log.error("a fault of ours", extra={"action": "collecting_crashed"} | where(error))


def due() -> list[UUID]:
    return list(Mandate.objects.to_be_collected().values_list("pk", flat=True))


def collect_some(mandate_id: UUID) -> bool:
    """For one mandate, if it is still its turn; is there more? What goes wrong must not keep the others."""
    mandate = Mandate.objects.to_be_collected().filter(pk=mandate_id).first()
    try:
        return mandate is not None and mandate.collect()
    except DATABASE_AWAY:
        raise
    except Exception as error:
        about = {"action": "collecting_failed", "mandate": str(mandate_id)}
        log.error("a fault of ours", extra=about | where(error))
        return False
