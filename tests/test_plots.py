"""Plots: how an axis is divided, and what stands where."""

import pytest
from django.utils import translation

from threads.plots import HEIGHT, MOST_LABELS, TOP, Mark, Series, bars, columns, lines, ticks_up_to


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, [0, 1]),
        (0.6, [0, 0.2, 0.4, 0.6]),
        (1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (7, [0, 2, 4, 6, 8]),
        (34, [0, 10, 20, 30, 40]),
        (1_200, [0, 500, 1_000, 1_500]),
    ],
)
def test_axis_goes_in_steps_of_one_two_or_five(highest: float, ticks: list[float]) -> None:
    assert ticks_up_to(highest) == ticks


@pytest.mark.parametrize("highest", [0, 1, 2, 3, 5, 9, 10, 99, 101, 999_999])
def test_axis_of_counts_has_whole_steps_and_reaches_the_highest(highest: int) -> None:
    ticks = ticks_up_to(highest, is_whole=True)
    assert ticks[0] == 0
    assert highest <= ticks[-1]
    assert len(ticks) <= 6
    assert all(tick == int(tick) for tick in ticks)


def test_columns_stand_on_the_base_and_what_is_not_told_is_marked() -> None:
    marks = [Mark("a", 10), Mark("b", None, is_hidden=True), Mark("c", 0), Mark("d", 5)]
    plot = columns("id", "title", "description", "unit", marks)
    assert [(column.x, column.y, column.height) for column in plot.columns] == [
        ("3.75%", str(TOP), str(HEIGHT)),
        ("78.75%", str(TOP + HEIGHT // 2), str(HEIGHT // 2)),
    ]
    assert plot.hidden == ["37.5%"]


def test_line_has_no_part_across_a_gap() -> None:
    plot = lines("id", "title", "description", "s", list("abcde"), [Series("x", [1, 2, None, 3, None])])
    assert len(plot.lines[0].points) == 3
    assert [(a.x, b.x) for a, b in plot.lines[0].segments] == [("10%", "30%")]


def test_labels_are_few_enough_for_a_phone() -> None:
    plot = columns("id", "title", "description", "unit", [Mark(str(n), n) for n in range(53)])
    assert len(plot.marks) <= MOST_LABELS


def test_numbers_are_written_as_the_language_does_and_places_are_not() -> None:
    with translation.override("de"):
        plot = bars("title", [Mark("a", 1_500), Mark("b", 500.5)])
    assert [(bar.value, bar.width) for bar in plot.bars] == [("1.500", "100%"), ("500,5", "33.37%")]


def test_without_anything_there_is_an_axis_all_the_same() -> None:
    assert [tick.label for tick in columns("id", "title", "description", "unit", []).rows] == ["0", "1"]
    assert bars("title", []).bars == []
