"""Feedback on an answer."""

from django import forms
from django.utils.translation import gettext_lazy as _

from threads.forms.fields import LongTextField
from threads.models import Rating, Reason

MAX_COMMENT_CHARACTERS = 2_000


class FeedbackForm(forms.Form):
    """A thumb, and what its user says about it; without a rating, the feedback is taken back."""

    rating = forms.ChoiceField(choices=Rating.choices, required=False)
    reason = forms.ChoiceField(
        label=_("What is wrong with it?"),
        choices=[("", _("No reason given")), *Reason.choices],
        required=False,
    )
    comment = LongTextField(
        label=_("Comment"),
        max_length=MAX_COMMENT_CHARACTERS,
        required=False,
        error_messages={
            "max_length": _(
                "The comment is too long: %(show_value)s characters, at most %(limit_value)s are possible."
            ),
            "null_characters_not_allowed": _("The comment contains a character that can't be stored."),
        },
    )
