"""What an auditor looks for under a mandate, and what she asks for."""

from typing import Any

from django import forms
from django.db.models import Exists, Q, QuerySet
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from threads import search
from threads.forms.fields import DayField, LongTextField
from threads.forms.searching import WordsForm
from threads.models import Assistant, Mandate
from threads.reviewing import AnsweredHow, Filters, Found, HowFar, Rated

MAX_REASON_CHARACTERS = 2_000
_LARGEST = 2**31 - 1  # that the database takes for a number


def _choice(label: Any, choices: Any, empty: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=[("", empty), *choices], required=False)


def _number() -> forms.IntegerField:
    return forms.IntegerField(min_value=0, max_value=_LARGEST, required=False)


class FilterForm(WordsForm):
    """Which conversations of a mandate, and what is looked for in them."""

    assistant = forms.ModelChoiceField(
        Assistant.objects.none(),
        label=_("Assistant"),
        empty_label=_("All assistants"),
        to_field_name="slug",
        required=False,
        error_messages={"invalid_choice": _("This assistant is not part of the mandate.")},
    )
    since = DayField(label=_("From"))
    until = DayField(label=_("Until"))
    state = _choice(_("Answer"), AnsweredHow.choices, _("all"))
    feedback = _choice(_("Feedback"), Rated.choices, _("with or without"))
    finding = _choice(_("Findings"), Found.choices, _("with or without"))
    progress = _choice(_("Progress"), HowFar.choices, _("all"))
    with_notice = forms.BooleanField(label=_("Only with a legal notice"), required=False)

    def __init__(self, mandate: Mandate, data: QueryDict) -> None:
        super().__init__(data, auto_id="search-%s")
        self.mandate = mandate
        self.fields["q"].label = _("Search in questions, answers and sources")
        self.fields["assistant"].queryset = self._assistants()  # type: ignore[attr-defined]

    def _assistants(self) -> QuerySet[Assistant]:
        """Those that the mandate names; else all."""
        named = Mandate.assistants.through.objects.filter(mandate=self.mandate)
        return Assistant.objects.filter(Q(pk__in=named.values("assistant")) | ~Exists(named))

    @cached_property
    def assistants(self) -> list[Assistant]:
        return list(self.fields["assistant"].queryset)  # type: ignore[attr-defined]

    @property
    def choices(self) -> list[forms.BoundField]:
        return [self[name] for name in ("state", "feedback", "finding", "progress")]

    @cached_property
    def terms(self) -> list[search.Term]:
        return search.terms_of(self.cleaned_data["q"])

    @cached_property
    def filters(self) -> Filters:
        return Filters(**{name: self.cleaned_data[name] for name in FilterForm.base_fields if name != "q"})

    def clean_since(self) -> Any:
        return self._in_period("since")

    def clean_until(self) -> Any:
        return self._in_period("until")

    def _in_period(self, name: str) -> Any:
        day = self.cleaned_data[name]
        if day and not self.mandate.since <= day <= self.mandate.until:
            raise forms.ValidationError(
                _("The mandate is about the time from %(since)s to %(until)s."),
                params={
                    "since": date_format(self.mandate.since, "SHORT_DATE_FORMAT"),
                    "until": date_format(self.mandate.until, "SHORT_DATE_FORMAT"),
                },
            )
        return day


class CasesForm(FilterForm):
    """And which page: what follows the conversation `after`, or comes before `before`.

    Of hits those that follow the one at the message `position` of the conversation `after`.
    """

    after = _number()
    before = _number()
    position = _number()

    cursors = ("after", "before", "position")

    @property
    def is_lost(self) -> bool:
        """No page begins there."""
        return any(name in self.errors for name in ("after", "before", "position"))

    @property
    def after_hit(self) -> tuple[int, int] | None:
        number = self.cleaned_data["after"]
        return None if number is None else (number, self.cleaned_data["position"] or 0)


class CaseForm(FilterForm):
    """And from which message on: what follows the position `behind`."""

    behind = _number()

    cursors = ("behind",)


class FlagForm(forms.Form):
    is_flagged = forms.BooleanField(required=False)


class RevealForm(forms.Form):
    reason = LongTextField(
        label=_("Why has the name to be known?"),
        max_length=MAX_REASON_CHARACTERS,
        error_messages={
            "required": _("Please give a reason: who decides about it has to know."),
            "max_length": _(
                "The reason is too long: %(show_value)s characters, at most %(limit_value)s are possible."
            ),
            "null_characters_not_allowed": _("The reason contains a character that can't be stored."),
        },
    )
