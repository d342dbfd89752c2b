"""What to look for."""

from datetime import timedelta
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from threads import search
from threads.days import begin_of
from threads.forms.fields import DayField, FiltersForm, LongTextField
from threads.models import Assistant, Thread, User

MAX_SEARCH_CHARACTERS = 200


class WordsForm(FiltersForm):
    """What to look for. Valid without anything."""

    q = LongTextField(
        label=_("Search in your questions, answers and sources"),
        max_length=MAX_SEARCH_CHARACTERS,
        required=False,
        error_messages={
            "max_length": _(
                "This is too long to search for: %(show_value)s characters, at most %(limit_value)s are possible."
            ),
            "null_characters_not_allowed": _("It contains a character that can't be searched for."),
        },
    )

    def clean_q(self) -> str:
        text: str = self.cleaned_data["q"]
        terms = search.terms_of(text)
        if text and not terms:
            raise forms.ValidationError(_("Please enter a word, too: signs are not searched for."))
        if terms and all(term.is_excluded for term in terms):
            raise forms.ValidationError(
                _("Please enter a word without a minus, too: with a minus it is only left out.")
            )
        words = sum(len(term.words) for term in terms)
        if words > search.MAX_WORDS:
            raise forms.ValidationError(
                _("These are too many words: %(words)s, at most %(most)s are possible."),
                params={"words": words, "most": search.MAX_WORDS},
            )
        return text


class SearchForm(WordsForm):
    """What to look for, where, and after which hit: all of it stands in the address.

    Valid without anything to look for; `query` is then None.
    """

    assistant = forms.ModelChoiceField(
        Assistant.objects.none(),
        label=_("Assistant"),
        empty_label=_("All assistants"),
        to_field_name="slug",
        required=False,
        error_messages={"invalid_choice": _("You have no conversation with this assistant.")},
    )
    since = DayField(label=_("From"))
    until = DayField(label=_("Until"))
    with_notice = forms.BooleanField(label=_("Only answers with a legal notice"), required=False)
    after = forms.UUIDField(required=False)

    cursors = ("after",)

    def __init__(self, user: User, data: QueryDict) -> None:
        super().__init__(data, auto_id="search-%s")
        self._mine = Assistant.objects.filter(pk__in=Thread.objects.visible_to(user).values("assistant"))
        self.fields["assistant"].queryset = self._mine  # type: ignore[attr-defined]

    @cached_property
    def assistants(self) -> list[Assistant]:
        """To choose from: where there is but one, nothing."""
        found = list(self._mine)
        return found if len(found) > 1 or self["assistant"].data else []

    @property
    def without_filters(self) -> str:
        return urlencode({"q": self.cleaned_data["q"]})

    @property
    def query(self) -> search.Query | None:
        data = self.cleaned_data
        if not data["q"]:
            return None
        return search.Query(
            search.terms_of(data["q"]),
            data["assistant"],
            begin_of(data["since"]) if data["since"] else None,
            begin_of(data["until"] + timedelta(days=1)) if data["until"] else None,
            data["with_notice"],
        )
