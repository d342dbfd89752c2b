"""The figures as plots, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, pgettext

from threads import failures
from threads.insights import Figures, Usage
from threads.plots import Mark, OverTime, Series, SideBySide, bars, columns, lines


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
            gettext("Half of the questions were quicker: waiting and answering"),
            gettext("Two lines over time. All figures stand in the table below."),
            gettext("Seconds"),
            [_short(day) for day, _ in over_time],
            [Series(gettext("Waiting"), waiting), Series(gettext("Answering"), answering)],
        )

    @cached_property
    def assistants(self) -> SideBySide:
        marks = [
            Mark(
                each.assistant.name if each.assistant else gettext("Other assistants"),
                each.usage.questions if each.usage else None,
            )
            for each in self.figures.assistants
            if each.usage
        ]
        return bars("plot-assistants", gettext("Questions by assistant"), _listed(marks), "", marks)

    @cached_property
    def failures(self) -> SideBySide:
        marks = [Mark(failures.what_happened(cause), count) for cause, count in self.figures.failures.causes]
        if self.figures.failures.others:
            marks.append(Mark(gettext("Other causes"), self.figures.failures.others))
        return bars("plot-failures", gettext("Failed answers by cause"), _listed(marks), "", marks)

    @cached_property
    def notices(self) -> SideBySide | None:
        if not (usage := self.figures.usage):
            return None
        marks = [
            Mark(gettext("The assistant says: it touches on legal advice"), usage.with_notice),
            Mark(gettext("Shown to be safe: the assistant does not say"), usage.notice_unknown),
        ]
        title = gettext("Questions whose answer carries the legal notice")
        return bars("plot-notices", title, _listed(marks, " %"), "\u00a0%", marks, highest=100)

    @cached_property
    def feedback(self) -> SideBySide | None:
        if not (ratings := self.figures.ratings):
            return None
        marks = [
            Mark(gettext("Helpful"), ratings.helpful),
            Mark(gettext("Not helpful"), ratings.unhelpful),
        ]
        return bars("plot-feedback", gettext("Feedback"), _listed(marks, " %"), "\u00a0%", marks, highest=100)

    @property
    def _over_time(self) -> Sequence[tuple[date, Usage | None]]:
        if self.figures.days:
            return [(day.day, day.usage) for week in self.figures.days for day in week.days]
        return [(week.monday, week.usage) for week in self.figures.weeks]


def _short(day: date) -> str:
    return date_format(day, pgettext("day and month, short", "j M"))


def _described(marks: Sequence[Mark]) -> str:
    """What one sees at a glance."""
    highest = max((mark for mark in marks if mark.value is not None), key=_value, default=None)
    if highest is None:
        return gettext("All figures stand in the table below.")
    number = int(_value(highest))
    said = ngettext(
        "The most are %(number)s question, on %(day)s. All figures stand in the table below.",
        "The most are %(number)s questions, on %(day)s. All figures stand in the table below.",
        number,
    )
    return said % {"number": number, "day": highest.label}


def _listed(marks: Sequence[Mark], unit: str = "") -> str:
    return "; ".join(f"{mark.label}: {_value(mark):.0f}{unit}" for mark in marks)


def _value(mark: Mark) -> float:
    return mark.value or 0
