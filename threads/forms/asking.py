"""A question, as it is typed."""

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from threads.completions import MAX_CONTENT_CHARACTERS
from threads.forms.fields import LongTextField


class QuestionForm(forms.Form):
    """A question, as the composer sends it.

    `client_token` is made with the form, so that a form sent twice asks once. A form whose text was changed
    in between, as after going back, asks twice: the cleaned token is one of form and text together.
    """

    content = LongTextField(
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

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if "content" in data and "client_token" in data:
            data["client_token"] = uuid.uuid5(data["client_token"], data["content"])
        return data
