"""Exports that take a while: a worker builds one part by part, and its owner downloads it when it is ready.

What is in a file of a kind, a *builder* says: it makes it step by step, reads from the database in small
portions, and holds no transaction meanwhile. A step takes seconds at most, for between two of them the worker says
that it lives.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone, translation

from threads import my_data, reports
from threads.models import Export, ExportKind, Happening, Step

PART_BYTES = 256 * 1024


@dataclass(frozen=True)
class Builder:
    """How a kind of file is made, and what it is."""

    build: Callable[[Export], Iterator[Step]]
    content_type: str
    ending: str


BUILDERS: dict[ExportKind, Builder] = {
    ExportKind.REPORT_CSV: Builder(reports.build_csv, "text/csv; charset=utf-8", "csv"),
    ExportKind.REPORT_JSONL: Builder(reports.build_jsonl, "application/jsonl; charset=utf-8", "jsonl"),
    ExportKind.MY_DATA: Builder(my_data.build, "application/zip", "zip"),
}


def file_name(export: Export) -> str:
    """It begins with the day, so that there is one whatever the mandate is called."""
    with translation.override(export.language):
        what = str(export.get_kind_display())
    of = f" {export.mandate.title}" if export.mandate else ""
    day = timezone.localtime(export.finished_at or export.created_at).date()
    return f"{day.isoformat()}{of} {what}.{BUILDERS[ExportKind(export.kind)].ending}"


class Build:
    """An export that a worker has claimed, on its way to be ready."""

    def __init__(self, export: Export) -> None:
        self.export = export
        with translation.override(export.language):
            self._steps = BUILDERS[ExportKind(export.kind)].build(export)
        self._parts = 0
        self._data = bytearray()
        self._read: list[Happening] = []

    def go_on(self) -> bool:
        """Build and store the next part; is there more? Raises `Lost`, `NotAllowed`, and what the builder raises."""
        export = self.export
        until = time.monotonic() + settings.ENVIRONMENT.recovery_seconds / 5
        with translation.override(export.language):
            for step in self._steps:
                self._data += step.data
                self._read += step.happenings
                if len(self._data) >= PART_BYTES or time.monotonic() > until:
                    self._store(step.done, step.total)
                    return True
                export.done, export.total = step.done, step.total
        while self._data or self._read:
            self._store(export.done, export.total or 0)
        export.finish()
        return False

    def _store(self, done: int, total: int) -> None:
        """As many whole parts as there are, or else what there is; the rest goes into the next one.

        All that was read is recorded with the first of them: before any of it is stored, or with it.
        """
        read, self._read = self._read, []
        while True:
            data = bytes(self._data[:PART_BYTES])
            self.export.store(self._parts, data, done, total, read)
            self._parts += 1 if data else 0
            del self._data[:PART_BYTES]
            read = []
            if len(self._data) < PART_BYTES:
                return
