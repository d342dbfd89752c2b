"""Tables as files (CSV) that spreadsheets open."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from django.utils.translation import get_language

BEGINNING = "\ufeff"  # by which spreadsheets tell that it is UTF-8


def as_csv(rows: Iterable[Iterable[Any]]) -> str:
    """With the separator that spreadsheets expect in the language that is active."""
    file = io.StringIO()
    delimiter = ";" if get_language() == "de" else ","
    csv.writer(file, delimiter=delimiter).writerows([_harmless(cell) for cell in row] for row in rows)
    return file.getvalue()


def _harmless(cell: Any) -> Any:
    """Text that a spreadsheet would take for a formula stays text."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
