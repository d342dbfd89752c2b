"""Building exports, one after another, and removing those that were kept long enough."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from threads.answering.calling import DATABASE_AWAY, where
from threads.answering.database import DatabaseThread
from threads.building import Build
from threads.models import Export, Lost, NotAllowed

log = logging.getLogger(__name__)

R = TypeVar("R")

EVERY_SECONDS = 2.0  # it is looked whether something is to be built
REMOVED_EVERY_SECONDS = 60.0


async def export_for_ever() -> None:
    """Until cancelled, whatever goes wrong; on a connection of its own, for a long export takes a while."""
    database = DatabaseThread("exporting")
    removed_at = -REMOVED_EVERY_SECONDS
    try:
        while True:
            if time.monotonic() - removed_at > REMOVED_EVERY_SECONDS:
                removed_at = time.monotonic()
                await _if_possible(database, remove_old)
            export = await _if_possible(database, Export.objects.claim)
            if export:
                await _build(database, export)
            else:
                await asyncio.sleep(EVERY_SECONDS)
    finally:
        await database.close()


async def _if_possible(database: DatabaseThread, step: Callable[[], R]) -> R | None:
    try:
        return await database.run(step)
    except DATABASE_AWAY as error:
        log.warning("database away", extra={"action": "database_away", "error": type(error).__name__})
    except Exception as error:
        log.error("a fault of ours", extra={"action": "exporting_crashed"} | where(error))
    return None


async def _build(database: DatabaseThread, export: Export) -> None:
    """Part by part, so that a worker that is to stop waits for one of them alone."""
    try:
        build = await database.run(Build, export)
        while await database.run(go_on, build):
            pass
    except asyncio.CancelledError:
        with contextlib.suppress(Lost, *DATABASE_AWAY):
            await database.run(export.hand_back)
        raise
    except DATABASE_AWAY as error:  # it stays claimed, and is begun anew as if this worker had died
        log.warning("database away", extra={"action": "database_away", "error": type(error).__name__})
    except Exception as error:
        log.error("a fault of ours", extra=_about(export, "export_crashed") | where(error))
        with contextlib.suppress(Lost, *DATABASE_AWAY):
            await database.run(export.fail)


def build_all() -> None:
    """What is due, at once. For tests and benchmarks."""
    while export := Export.objects.claim():
        build = Build(export)
        while go_on(build):
            pass


def go_on(build: Build) -> bool:
    """Is there more? An export that is no longer ours, or no longer granted, is nobody's fault."""
    try:
        if build.go_on():
            return True
        log.info("export built", extra=_about(build.export, "export_built"))
    except Lost:
        log.info("export removed or taken over meanwhile", extra=_about(build.export, "export_lost"))
    except NotAllowed:
        log.info("the export's mandate has ended", extra=_about(build.export, "export_ended"))
        with contextlib.suppress(Lost):
            build.export.fail()
    return False


def remove_old() -> None:
    if removed := Export.objects.past_keeping().remove():
        log.info("removed old exports", extra={"action": "exports_removed", "exports": removed})


def _about(export: Export, action: str) -> dict[str, str]:
    return {"action": action, "export": str(export.pk), "kind": str(export.kind)}
