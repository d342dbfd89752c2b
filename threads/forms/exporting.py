"""Exports that take a while."""

from django import forms

from threads.models import ExportState


class ShownExportForm(forms.Form):
    """What a page that asks again shows already: that need not be said once more."""

    shown = forms.ChoiceField(choices=ExportState.choices, required=False)
