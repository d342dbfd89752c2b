"""Which part of a list or a conversation, and what one does with a conversation as a whole."""

from django import forms
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from threads.models import Shelf
from threads.models.thread import TITLE_CHARACTERS
from threads.plain import is_visible, one_line


class PageForm(forms.Form):
    """Where a page of a list that is newest first begins: after the thread `before`. `here`: the one that is read."""

    before = forms.UUIDField(required=False)
    here = forms.UUIDField(required=False)


class WindowForm(forms.Form):
    """Which part of a long conversation: the one around a message, or what comes before or after it."""

    around = forms.UUIDField(required=False)
    before = forms.UUIDField(required=False)
    after = forms.UUIDField(required=False)


class TitleForm(forms.Form):
    title = forms.CharField(
        label=_("Title"),
        max_length=TITLE_CHARACTERS,
        error_messages={
            "required": _("Please enter a title."),
            "max_length": _(
                "The title is too long: %(show_value)s characters, at most %(limit_value)s are possible."
            ),
        },
    )

    def clean_title(self) -> str:
        title = one_line(self.cleaned_data["title"])
        if not is_visible(title):
            raise forms.ValidationError(self.fields["title"].error_messages["required"], "required")
        return title


class NextForm(forms.Form):
    """Where to go afterwards: a page of this site, else home."""

    next = forms.CharField(required=False)

    def clean_next(self) -> str:
        page: str = self.cleaned_data["next"]
        is_here = page.startswith("/") and url_has_allowed_host_and_scheme(page, allowed_hosts=None)
        return page if is_here else "/"


class ShelfForm(NextForm):
    to = forms.TypedChoiceField(choices=Shelf.choices, coerce=Shelf)
