"""Of what figures are wanted."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from threads.days import monday_of
from threads.forms.fields import DayField
from threads.insights import MOST_WEEKS, Period, last_day
from threads.models import Assistant

PERIODS = (
    (1, _("Last week")),
    (4, _("4 weeks")),
    (13, _("13 weeks")),
    (52, _("52 weeks")),
)
USUAL_WEEKS = 4


class InsightsForm(forms.Form):
    """So many weeks, or the weeks that two days lie in; the days win. Valid without any: then it is `USUAL_WEEKS`."""

    weeks = forms.TypedChoiceField(choices=PERIODS, coerce=int, required=False, empty_value=None)
    since = DayField(label=_("From"))
    until = DayField(label=_("Until"))
    assistant = forms.ModelChoiceField(
        Assistant.objects.all(),
        label=_("Assistant"),
        empty_label=_("All assistants"),
        to_field_name="slug",
        required=False,
        error_messages={"invalid_choice": _("There is no such assistant.")},
    )

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data, auto_id="insights-%s")

    @property
    def period(self) -> Period:
        data = self.cleaned_data
        if data["since"]:
            return Period.around(data["since"], data["until"] or last_day())
        return Period.last(data["weeks"] or USUAL_WEEKS)

    @property
    def chosen_weeks(self) -> int | None:
        """Of those that are offered, the one that is shown."""
        data = self.cleaned_data
        return None if self.errors or data["since"] else data["weeks"] or USUAL_WEEKS

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        since, until = data.get("since"), data.get("until")
        if until and not since and "since" not in self.errors:
            self.add_error("since", _("Please enter the first day, too."))
        elif since and since > last_day():
            self.add_error("since", _("This week is not over yet: there are figures of whole weeks only."))
        elif since and until and until < since:
            self.add_error("until", _("This is before the first day."))
        elif (
            since
            and "until" not in self.errors
            and (min(until or last_day(), last_day()) - monday_of(since)).days >= MOST_WEEKS * 7
        ):
            self.add_error("until", _("At most a year can be looked at at a time."))
        return data
