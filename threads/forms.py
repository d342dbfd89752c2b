import uuid
from datetime import date, datetime, time, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from threads import search
from threads.completions import MAX_CONTENT_CHARACTERS
from threads.models import Assistant, Rating, Reason, Shelf, Thread, User
from threads.models.thread import TITLE_CHARACTERS

MAX_SEARCH_CHARACTERS = 200
MAX_COMMENT_CHARACTERS = 2_000


class LongTextField(forms.CharField):
    def to_python(self, value: Any) -> str:
        """With line breaks as one character, before they are counted: browsers send two."""
        return str(super().to_python(value)).replace("\r\n", "\n")


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


class SearchForm(forms.Form):
    """What to look for, where, and after which hit: all of it stands in the address.

    Valid without anything to look for; `query` is then None.
    """

    q = forms.CharField(
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
    def is_filtered(self) -> bool:
        return any(self[name].data for name in ("assistant", "since", "until", "with_notice"))

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
            _begin_of(data["since"]) if data["since"] else None,
            _begin_of(data["until"] + timedelta(days=1)) if data["until"] else None,
            data["with_notice"],
        )

    def clean_q(self) -> str:
        text: str = self.cleaned_data["q"]
        try:
            text.encode()
        except UnicodeEncodeError:
            raise forms.ValidationError(_("It contains a character that can't be searched for.")) from None
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

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("since") and data.get("until") and data["until"] < data["since"]:
            self.add_error("until", _("This is before the first day."))
        return data


def _begin_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


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


class NextForm(forms.Form):
    """Where to go afterwards: a page of this site, else home."""

    next = forms.CharField(required=False)

    def clean_next(self) -> str:
        page: str = self.cleaned_data["next"]
        is_here = page.startswith("/") and url_has_allowed_host_and_scheme(page, allowed_hosts=None)
        return page if is_here else "/"


class ShelfForm(NextForm):
    to = forms.TypedChoiceField(choices=Shelf.choices, coerce=Shelf)


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
