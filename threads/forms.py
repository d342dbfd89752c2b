import uuid
from typing import Any, cast

from django import forms
from django.conf import settings
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from threads.completions import MAX_CONTENT_CHARACTERS
from threads.models import User


class QuestionField(forms.CharField):
    def to_python(self, value: Any) -> str:
        """With line breaks as one character, before they are counted: browsers send two."""
        return str(super().to_python(value)).replace("\r\n", "\n")


class QuestionForm(forms.Form):
    """A question, as the composer sends it.

    `client_token` is made with the form, so that a form sent twice asks once. A form whose text was changed
    in between, as after going back, asks twice: the cleaned token is one of form and text together.
    """

    content = QuestionField(
        label=_("Your question"),
        max_length=MAX_CONTENT_CHARACTERS,
        error_messages={
            "required": _("Please enter a question."),
            "max_length": _(
                "The question is too long: %(show_value)s characters, at most %(limit_value)s are possible."
            ),
            "null_characters_not_allowed": _("The question contains a character that can't be sent."),
        },
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off"}),
    )
    client_token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("client_token", uuid.uuid4())
        super().__init__(*args, **kwargs)

    def clean_content(self) -> str:
        text: str = self.cleaned_data["content"]
        try:
            text.encode()
        except UnicodeEncodeError:
            raise forms.ValidationError(_("The question contains a character that can't be sent.")) from None
        return text

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if "content" in data and "client_token" in data:
            data["client_token"] = uuid.uuid5(data["client_token"], data["content"])
        return data


class PageForm(forms.Form):
    """Where a page of a list that is newest first begins: after the thread `before`."""

    before = forms.UUIDField(required=False)


class NextForm(forms.Form):
    """Where to go afterwards: a page of this site, else home."""

    next = forms.CharField(required=False)

    def clean_next(self) -> str:
        page: str = self.cleaned_data["next"]
        is_here = page.startswith("/") and url_has_allowed_host_and_scheme(page, allowed_hosts=None)
        return page if is_here else "/"


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
        language.choices = [("", _("As the browser asks for")), *names]
