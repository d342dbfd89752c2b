"""The figures as plots, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from django.utils.formats import date_format
from django.utils.translation import gettext

from threads import failures
from threads.insights import Figures, Usage
from threads.plots import Bars, Mark, OverTime, Series, bars, columns, lines

PER_CENT = "\u00a0%"


@dataclass(frozen=True)
class Plots:
    figures: Figures

    @cached_property
    def questions(self) -> OverTime:
        title = gettext("Questions by day") if self.figures.days else gettext("Questions by week")
        marks = [
            Mark(_short(day), usage.questions if usage else None, is_hidden=usage is None)
            for day, usage in self._over_time
        ]
        return columns("plot-questions", title, _described(marks), gettext("Questions"), marks)

    @cached_property
    def times(self) -> OverTime:
        over_time = self._over_time
        waiting = [usage.waiting.median if usage and usage.waiting else None for _, usage in over_time]
        answering = [usage.answering.median if usage and usage.answering else None for _, usage in over_time]
        return lines(
            "plot-times",
            gettext("Waiting and answering times (median)"),
            gettext("Two lines over time. All figures stand in the table below."),
            gettext("Seconds"),
            [_short(day) for day, _ in over_time],
            [Series(gettext("Waiting time"), waiting), Series(gettext("Answering time"), answering)],
        )

    @cached_property
    def assistants(self) -> Bars:
        marks = [
            Mark(
                each.assistant.name if each.assistant else gettext("Other assistants"),
                each.usage.questions if each.usage else None,
            )
            for each in self.figures.assistants
            if each.usage
        ]
        return bars(gettext("Questions by assistant"), marks)

    @cached_property
    def failures(self) -> Bars:
        marks = [Mark(failures.what_happened(cause), count) for cause, count in self.figures.failures.causes]
        if self.figures.failures.others:
            marks.append(Mark(gettext("Other causes"), self.figures.failures.others))
        return bars(gettext("Failed answers by cause"), marks)

    @cached_property
    def notices(self) -> Bars | None:
        if not (usage := self.figures.usage):
            return None
        marks = [
            Mark(gettext("The assistant says: it touches on legal advice"), usage.with_notice),
            Mark(gettext("Shown as a precaution: the assistant does not say"), usage.notice_unknown),
        ]
        title = gettext("Questions whose answer carries the legal notice")
        return bars(title, marks, PER_CENT, highest=100)

    @cached_property
    def feedback(self) -> Bars | None:
        if not (ratings := self.figures.ratings):
            return None
        marks = [
            Mark(gettext("Helpful"), ratings.helpful),
            Mark(gettext("Not helpful"), ratings.unhelpful),
        ]
        return bars(gettext("Feedback"), marks, PER_CENT, highest=100)

    @property
    def _over_time(self) -> Sequence[tuple[date, Usage | None]]:
        if self.figures.days:
            return [(day.day, day.usage) for week in self.figures.days for day in week.days]
        return [(week.monday, week.usage) for week in self.figures.weeks]


def _short(day: date) -> str:
    return date_format(day, gettext("j M"))


def _described(marks: Sequence[Mark]) -> str:
    """What one sees at a glance."""
    highest = max((mark for mark in marks if mark.value is not None), key=_value, default=None)
    if highest is None:
        return gettext("All figures stand in the table below.")
    said = gettext("The highest: %(number)s (%(day)s). All figures stand in the table below.")
    return said % {"number": int(_value(highest)), "day": highest.label}


def _value(mark: Mark) -> float:
    return mark.value or 0
