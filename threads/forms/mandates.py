"""The terms of a mandate, as they are proposed; and what is decided."""

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from threads.forms.fields import DayField, LongTextField, check_order
from threads.models import Assistant, Mandate, User
from threads.models.user import BY_NAME, who_have
from threads.plain import one_line

MAX_TERM_CHARACTERS = 4_000
LONGEST_DAYS = 366  # of validity: then it is decided anew
MOST_PER_WEEK = 1_000
DEFAULT_DAYS = timedelta(days=30)


class TermField(LongTextField):
    def __init__(self, *, missing: Any, **kwargs: Any) -> None:
        super().__init__(
            error_messages={
                "required": missing,
                "max_length": _(
                    "This is too long: %(show_value)s characters, at most %(limit_value)s are possible."
                ),
                "null_characters_not_allowed": _("It contains a character that can't be stored."),
            },
            **kwargs,
        )


class AuditorsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # takes none at run time
    def label_from_instance(self, user: User) -> str:
        return user.name_and_address


class MandateForm(forms.ModelForm):  # type: ignore[type-arg]  # takes none at run time
    """All terms of a mandate. `token` is made with the form, so that a form sent twice proposes once."""

    title = TermField(
        label=_("Title"),
        max_length=120,
        missing=_("Please enter a title."),
        help_text=_("As all who see the mandate know it, also the persons concerned."),
    )
    purpose = TermField(
        label=_("Purpose"),
        max_length=MAX_TERM_CHARACTERS,
        missing=_("Please say what the reading is for."),
        help_text=_(
            "What is to be found out, and what happens with the result. The persons concerned read this. "
            "For example: “To check whether answers on notice periods quote the right source. Errors are "
            "reported to the publisher; nobody is assessed by her questions.”"
        ),
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    legal_basis = TermField(
        label=_("Legal basis"),
        max_length=MAX_TERM_CHARACTERS,
        missing=_("Please say what permits the reading."),
        help_text=_(
            "What permits it: the paragraph of the works agreement, or the law, and who agreed to it and when. "
            "For example: “Works agreement on AI assistants of 1 March 2026, § 7 (2)”."
        ),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    assistants = forms.ModelMultipleChoiceField(
        Assistant.objects.order_by("position", "name"),
        label=_("Assistants"),
        required=False,
        help_text=_("If none is ticked, the mandate covers all of them."),
        error_messages={
            "invalid_choice": _("Please choose from those that are offered."),
            "invalid_pk_value": _("Please choose from those that are offered."),
        },
        widget=forms.CheckboxSelectMultiple,
    )
    since = DayField(label=_("Questions from"))
    until = DayField(
        label=_("Questions until"),
        help_text=_("This day included. It may be yet to come: what is asked till then follows by itself."),
    )
    sample_per_week = forms.IntegerField(
        label=_("Random sample per week"),
        min_value=1,
        max_value=MOST_PER_WEEK,
        required=False,
        help_text=_(
            "So many conversations are drawn at random from each week, when it is over and all its questions are "
            "answered; what gets its feedback later is not drawn any more. Empty: no sample, but all of them."
        ),
        error_messages={
            "invalid": _("Please enter a whole number, or nothing."),
            "min_value": _("Please enter at least %(limit_value)s, or nothing."),
            "max_value": _("At most %(limit_value)s are possible."),
        },
    )
    auditors = AuditorsField(
        User.objects.none(),
        label=_("Auditors"),
        help_text=_(
            "They alone read under this mandate. To choose from are all who were given the right to review."
        ),
        error_messages={
            "required": _("Please choose at least one auditor."),
            "invalid_choice": _("Please choose from those that are offered."),
            "invalid_pk_value": _("Please choose from those that are offered."),
        },
        widget=forms.CheckboxSelectMultiple,
    )
    valid_from = DayField(label=_("Valid from"))
    valid_until = DayField(
        label=_("Valid until"),
        help_text=_("This day included; a year at the most. It can be revoked at any time."),
    )
    token = forms.UUIDField(widget=forms.HiddenInput)

    class Meta:
        model = Mandate
        fields = (
            "title",
            "purpose",
            "legal_basis",
            "assistants",
            "since",
            "until",
            "selection",
            "sample_per_week",
            "auditors",
            "valid_from",
            "valid_until",
            "shows_names",
            "holds",
            "discloses_late",
        )
        widgets = {"selection": forms.RadioSelect}  # noqa: RUF012
        error_messages = {  # noqa: RUF012
            "selection": {
                "required": _("Please choose which answers are meant."),
                "invalid_choice": _("Please choose from those that are offered."),
            }
        }

    def __init__(self, user: User, data: QueryDict | None = None, like: Mandate | None = None) -> None:
        initial = _defaults() | (_terms_of(like) if like else {}) | {"token": uuid.uuid4()}
        super().__init__(data, instance=Mandate(proposed_by=user), initial=initial, auto_id="mandate-%s")
        auditors = who_have("review_threads", by_name=True)
        self.fields["auditors"].queryset = auditors.order_by(*BY_NAME)  # type: ignore[attr-defined]
        for name in ("since", "until", "valid_from", "valid_until"):
            self.fields[name].required = True
            self.fields[name].error_messages["required"] = _("Please enter a date.")

    def clean_title(self) -> str:
        return one_line(self.cleaned_data["title"])

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        since = data.get("since")
        valid_from, valid_until = data.get("valid_from"), data.get("valid_until")
        check_order(self, "since", "until")
        check_order(self, "valid_from", "valid_until")
        if valid_from and valid_from < timezone.localdate():
            self.add_error(
                "valid_from", _("This day has passed: nobody can be permitted to have read before.")
            )
        if valid_from and valid_until and (valid_until - valid_from).days >= LONGEST_DAYS:
            self.add_error(
                "valid_until",
                _(
                    "This is longer than a year. Whether others' conversations are read is to be decided anew "
                    "at least once a year: propose another mandate then."
                ),
            )
        if since and valid_until and since > valid_until:
            self.add_error("since", _("What is asked after the mandate has ended can't be read under it."))
        if "token" in data:
            data["token"] = uuid.uuid5(data["token"], repr(sorted(_sent(self.data))))
        return data

    def proposed(self) -> Mandate:
        """What is to be proposed; sent twice, it has the same id."""
        mandate: Mandate = self.instance
        mandate.pk = self.cleaned_data["token"]
        return mandate


def _sent(data: Any) -> list[tuple[str, list[str]]]:
    """Without what is new each time that the page is made."""
    return [
        (name, values) for name, values in data.lists() if name not in ("csrfmiddlewaretoken", "acknowledge")
    ]


def _defaults() -> dict[str, Any]:
    today = timezone.localdate()
    return {
        "since": today - DEFAULT_DAYS,
        "until": today,
        "valid_from": today,
        "valid_until": today + DEFAULT_DAYS,
    }


def _terms_of(mandate: Mandate) -> dict[str, Any]:
    """Those that can be proposed again: the days only while it would still be valid."""
    today = timezone.localdate()
    names = [name for name in MandateForm.Meta.fields if not hasattr(getattr(mandate, name), "all")]
    terms = {name: getattr(mandate, name) for name in names}
    terms |= {name: list(getattr(mandate, name).all()) for name in ("assistants", "auditors")}
    if mandate.valid_until < today:
        return terms | _defaults()
    return terms | {"valid_from": max(today, mandate.valid_from)}


class LikeForm(forms.Form):
    """Which mandate a new one is to be like."""

    like = forms.UUIDField(required=False)


class DecisionForm(forms.Form):
    """What is decided on a name that was asked for."""

    decision = forms.ChoiceField(choices=[("release", ""), ("refuse", "")])

    @property
    def is_released(self) -> bool:
        return bool(self.cleaned_data["decision"] == "release")
