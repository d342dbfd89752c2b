"""One's preferences, and the notice."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from threads.forms.reading import NextForm
from threads.models import User


class NoticeForm(NextForm):
    """That the version `acknowledge` of the notice was read."""

    acknowledge = forms.IntegerField(min_value=1, max_value=2**31 - 1)


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    class Meta:
        model = User
        fields = ("language", "theme", "reading_width", "has_shortcuts", "has_notifications")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [
            (code, get_language_info(code)["name_local"].capitalize()) for code, _name in settings.LANGUAGES
        ]
        language = cast(forms.ChoiceField, self.fields["language"])
        language.choices = [("", _("as in the browser")), *names]
