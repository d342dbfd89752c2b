"""Plots as SVG: columns over time, lines over time, and bars one below the other.

Our own, and not a library's: matplotlib and its like weigh tens of megabytes, want a font cache, and write styles
into the SVG, which the Content-Security-Policy forbids; those that draw in the browser are scripts. What is needed
here is to divide an axis sensibly. Places along the width are in per cent and all others in pixels, so a plot takes
the width there is while its letters stay as large as they are; `plot.css` gives the colours, in both themes. The
names and values of bars are text of the page, as SVG does not wrap it.

Here is worked out what stands where; `elements/plot_*.html` render it. What a plot shows stands in a table, too.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.utils.formats import number_format

HEIGHT = 180  # of the area between the axes, in pixels
TOP, BOTTOM = 14, 30  # above and below it
MOST_LABELS = 5  # along the width: they have to find room in 320 pixels


@dataclass(frozen=True)
class Mark:
    """What is at one place. `value` is None where nothing is known, and is a gap; `is_hidden`: known, but not told."""

    label: str
    value: float | None
    is_hidden: bool = False


@dataclass(frozen=True)
class Series:
    name: str
    values: Sequence[float | None]


# --- what templates draw: places are strings, as a language's comma would break SVG ---


@dataclass(frozen=True)
class Tick:
    at: str
    label: str


@dataclass(frozen=True)
class Column:
    x: str
    width: str
    y: str
    height: str


@dataclass(frozen=True)
class Point:
    x: str
    y: str


@dataclass(frozen=True)
class Line:
    name: str
    points: Sequence[Point]
    segments: Sequence[tuple[Point, Point]]
    """Between neighbours; none across a gap."""


@dataclass(frozen=True)
class Bar:
    label: str
    value: str
    width: str


@dataclass(frozen=True)
class OverTime:
    id: str
    title: str
    description: str
    unit: str
    rows: Sequence[Tick]
    """Of the axis of values."""
    marks: Sequence[Tick]
    """Along the width."""
    columns: Sequence[Column] = ()
    hidden: Sequence[str] = ()
    """Where something is not told."""
    lines: Sequence[Line] = ()
    base: int = TOP + HEIGHT
    label_at: int = TOP + HEIGHT + 20
    height: int = TOP + HEIGHT + BOTTOM


@dataclass(frozen=True)
class Bars:
    title: str
    bars: Sequence[Bar]


def columns(id_: str, title: str, description: str, unit: str, marks: Sequence[Mark]) -> OverTime:
    ticks = ticks_up_to(max((mark.value or 0 for mark in marks), default=0), is_whole=True)
    width = 100 / max(len(marks), 1)
    return OverTime(
        id_,
        title,
        description,
        unit,
        rows=_rows(ticks),
        marks=_labels([mark.label for mark in marks]),
        columns=[
            Column(
                _percent((n + 0.15) * width),
                _percent(0.7 * width),
                _number(_y(mark.value, ticks[-1])),
                _number(TOP + HEIGHT - _y(mark.value, ticks[-1])),
            )
            for n, mark in enumerate(marks)
            if mark.value
        ],
        hidden=[_percent((n + 0.5) * width) for n, mark in enumerate(marks) if mark.is_hidden],
    )


def lines(
    id_: str, title: str, description: str, unit: str, labels: Sequence[str], series: Sequence[Series]
) -> OverTime:
    ticks = ticks_up_to(max((value or 0 for each in series for value in each.values), default=0))
    return OverTime(
        id_,
        title,
        description,
        unit,
        rows=_rows(ticks),
        marks=_labels(labels),
        lines=[_line(each, ticks[-1]) for each in series],
    )


def bars(title: str, marks: Sequence[Mark], unit: str = "", highest: float = 0) -> Bars:
    """Each with its value written out. `highest`: of the axis, if it is more than that of the marks."""
    top = max([highest, *(mark.value or 0 for mark in marks)]) or 1
    return Bars(
        title,
        [
            Bar(mark.label, f"{_written(mark.value or 0)}{unit}", _percent(100 * (mark.value or 0) / top))
            for mark in marks
        ],
    )


def ticks_up_to(highest: float, *, is_whole: bool = False, most: int = 5) -> list[float]:
    """From nought to `highest` or a little more, in at most so many steps of 1, 2 or 5, or of these times tens."""
    step = next(step for step in _steps(highest, is_whole=is_whole) if highest <= step * most)
    return [round(step * n, 10) for n in range(max(math.ceil(round(highest / step, 9)), 1) + 1)]


def _steps(highest: float, *, is_whole: bool) -> Iterator[float]:
    exponent = 0 if is_whole or highest <= 0 else math.floor(math.log10(highest)) - 1
    while True:
        yield from (factor * 10.0**exponent for factor in (1, 2, 5))
        exponent += 1


def _rows(ticks: Sequence[float]) -> list[Tick]:
    return [Tick(_number(_y(value, ticks[-1])), _written(value)) for value in ticks]


def _labels(labels: Sequence[str]) -> list[Tick]:
    """Every so manieth, so that they don't touch."""
    every = math.ceil(len(labels) / MOST_LABELS) or 1
    return [
        Tick(_percent((n + 0.5) * 100 / len(labels)), label)
        for n, label in enumerate(labels)
        if n % every == 0
    ]


def _line(series: Series, highest: float) -> Line:
    width = 100 / max(len(series.values), 1)
    points = [
        None if value is None else Point(_percent((n + 0.5) * width), _number(_y(value, highest)))
        for n, value in enumerate(series.values)
    ]
    return Line(series.name, list(_known(points)), [(a, b) for a, b in pairwise(points) if a and b])


def _known(points: Iterable[Point | None]) -> Iterator[Point]:
    return (point for point in points if point)


def _y(value: float | None, highest: float) -> float:
    return TOP + HEIGHT * (1 - (value or 0) / highest)


def _percent(value: float) -> str:
    return f"{_number(value)}%"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _written(value: float) -> str:
    return number_format(int(value) if value == int(value) else value, force_grouping=True)
