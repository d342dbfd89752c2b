"""Fields, and what several forms have in common."""

from datetime import date
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from threads.plain import is_visible


class LongTextField(forms.CharField):
    """What is in it can be stored, and where it is required there is something to be read in it."""

    def to_python(self, value: Any) -> str:
        """With line breaks as one character, before they are counted: browsers send two."""
        return str(super().to_python(value)).replace("\r\n", "\n")

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise self._error("null_characters_not_allowed") from None
        if self.required and not is_visible(text):
            raise self._error("required")
        return text

    def _error(self, code: str) -> forms.ValidationError:
        return forms.ValidationError(self.error_messages[code], code)


class DayField(forms.DateField):
    """A day on which there may be conversations: what lies far off is a slip, or more than a clock can tell."""

    def __init__(self, **kwargs: Any) -> None:
        first, last = date(2000, 1, 1), date(2100, 12, 31)
        super().__init__(
            required=False,
            error_messages={"invalid": _("Please enter a date.")},
            validators=[
                MinValueValidator(first, _("Please enter a date.")),
                MaxValueValidator(last, _("Please enter a date.")),
            ],
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "min": first, "max": last}),
            **kwargs,
        )


def check_order(form: forms.BaseForm, first: str, last: str) -> None:
    """Of two days, where both are there."""
    data = form.cleaned_data
    if data.get(first) and data.get(last) and data[last] < data[first]:
        form.add_error(last, _("This is before the first day."))


class FiltersForm(forms.Form):
    """What of a list is wanted, and where its page begins: all of it stands in the address."""

    cursors: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that say where a page begins."""

    @property
    def kept(self) -> str:
        """All but where a page begins, as the end of an address."""
        names = [name for name in self.fields if name not in self.cursors]
        query = urlencode({name: self.data[name] for name in names if self.data.get(name)})
        return f"?{query}" if query else ""

    @property
    def is_filtered(self) -> bool:
        """By more than words."""
        return any(self[name].data for name in self.fields if name not in (*self.cursors, "q"))

    def clean(self) -> dict[str, Any]:
        check_order(self, "since", "until")
        return self.cleaned_data
