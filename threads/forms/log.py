"""What of the log to show."""

from typing import Any, ClassVar

from django import forms
from django.core.validators import MaxValueValidator
from django.db.models import Q
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from threads.forms.fields import DayField, FiltersForm
from threads.log import Filters
from threads.models import Event, Kind, Mandate, User

# What belongs together; the words stand above the kinds in the list to choose from.
GROUPS: dict[str, tuple[Any, tuple[Kind, ...]]] = {
    "reading": (
        _("Reading under mandates"),
        (Kind.THREAD_READ, Kind.SEARCHED, Kind.PASSAGE_SHOWN, Kind.EXPORTED),
    ),
    "reveals": (
        _("Revealing of names"),
        (Kind.REVEAL_REQUESTED, Kind.REVEAL_RELEASED, Kind.REVEAL_REFUSED),
    ),
    "mandates": (
        _("Mandates"),
        (Kind.MANDATE_PROPOSED, Kind.MANDATE_RELEASED, Kind.MANDATE_REFUSED, Kind.MANDATE_REVOKED,
         Kind.SAMPLE_DRAWN),
    ),
    "findings": (
        _("Findings"),
        (Kind.FINDING_MADE, Kind.FINDING_CHANGED, Kind.SECOND_OPINION, Kind.FINDING_CLOSED,
         Kind.FINDING_REOPENED),
    ),
    "administration": (
        _("Administration"),
        (Kind.CONNECTION_CHANGED, Kind.ASSISTANT_CHANGED, Kind.NOTICE_PUBLISHED, Kind.USER_CHANGED,
         Kind.GROUP_CHANGED),
    ),
    "sign_ins": (_("Signing in"), (Kind.SIGNED_IN, Kind.SIGN_IN_FAILED)),
    "own_data": (
        _("Own data, and erasure"),
        (Kind.DATA_EXPORTED, Kind.THREAD_ERASED, Kind.ACCOUNT_ERASED, Kind.RETENTION_RUN),
    ),
    "log": (_("The log"), (Kind.LOG_READ,)),
}  # fmt: skip


def _choices() -> list[Any]:
    groups = []
    for name, (label, kinds) in GROUPS.items():
        all_of_them = [(name, _("all of these"))] if len(kinds) > 1 else []
        groups.append((label, [*all_of_them, *((str(kind.value), kind.label) for kind in kinds)]))
    return [("", _("Everything")), *groups]


class AddressField(forms.EmailField):
    """An e-mail address; becomes the id of whose it is, or was when the log kept it. Never kept itself."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": _("Please enter an e-mail address."),
        "max_length": _("Please enter an e-mail address."),
        "unknown": _("Nobody in the log has this address."),
    }

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.EmailInput(attrs={"autocomplete": "off"})
        super().__init__(required=False, max_length=254, widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        address = super().clean(value)
        if not address:
            return None
        pk = User.objects.filter(email__iexact=address).values_list("pk", flat=True).first()
        kept = Event.objects.filter(Q(actor_name__iexact=address) | Q(actor_name__iendswith=f"<{address}>"))
        pk = pk or kept.newest_first().values_list("actor_id", flat=True).first()
        if not pk:
            raise forms.ValidationError(self.error_messages["unknown"], "unknown")
        return pk


class LogForm(FiltersForm):
    """`before`: only what is older than this event."""

    kind = forms.ChoiceField(label=_("What"), choices=_choices, required=False)
    mandate = forms.ModelChoiceField(
        Mandate.objects.none(), label=_("Mandate"), empty_label=_("All mandates"), required=False
    )
    actor = AddressField(label=_("Who (e-mail address)"))
    person = AddressField(label=_("Concerning (e-mail address)"))
    since = DayField(label=_("From"))
    until = DayField(label=_("Until"))
    before = forms.IntegerField(required=False, min_value=1, validators=[MaxValueValidator(2**63 - 1)])

    cursors = ("before",)

    def __init__(self, user: User, data: QueryDict) -> None:
        super().__init__(data, auto_id="log-%s")
        self.fields["mandate"].queryset = Mandate.objects.visible_to(user).newest_first()  # type: ignore[attr-defined]

    @property
    def filters(self) -> Filters:
        data = self.cleaned_data
        kind = data["kind"]
        kinds = GROUPS[kind][1] if kind in GROUPS else (kind,) if kind else ()
        return Filters(
            tuple(str(each) for each in kinds),
            data["actor"],
            data["person"],
            data["mandate"].pk if data["mandate"] else None,
            data["since"],
            data["until"],
        )
