"""Findings: an auditor's verdict on an answer, another one's, and which of them to list."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from threads.forms.fields import FiltersForm, LongTextField
from threads.models import ExportKind, Finding, Mandate, Severity, User, Verdict

MAX_NOTE_CHARACTERS = 10_000


class NoteField(LongTextField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Note"),
            max_length=MAX_NOTE_CHARACTERS,
            required=False,
            error_messages={
                "max_length": _(
                    "The note is too long: %(show_value)s characters, at most %(limit_value)s are possible."
                ),
                "null_characters_not_allowed": _("The note contains a character that can't be stored."),
            },
            **kwargs,
        )


class PositionForm(forms.Form):
    """On which answer of the conversation."""

    position = forms.IntegerField(min_value=1, max_value=2**31 - 1)


class OpinionForm(forms.Form):
    """A verdict, and why."""

    verdict = forms.ChoiceField(
        label=_("Verdict"),
        choices=Verdict.choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Please choose a verdict."),
            "invalid_choice": _("Please choose a verdict."),
        },
    )
    note = NoteField()

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if (
            data.get("verdict") == Verdict.OTHER
            and not data.get("note", "").strip()
            and "note" not in self.errors
        ):
            self.add_error("note", _("Please say in the note what it is."))
        return data


class FindingForm(OpinionForm):
    """What is said of an answer, and who looks after it."""

    severity = forms.TypedChoiceField(
        label=_("Severity"), choices=Severity.choices, coerce=int, initial=int(Severity.NONE)
    )
    assignee = forms.TypedChoiceField(label=_("Assigned to"), required=False, coerce=int, empty_value=None)
    holds = forms.BooleanField(
        label=_("Legal hold: the conversation is not erased before this finding is closed"), required=False
    )

    def __init__(self, mandate: Mandate, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["assignee"].choices = [("", _("nobody")), *_named(mandate.named_auditors)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("verdict") == Verdict.CORRECT and data.get("severity"):
            self.add_error("severity", _("What is correct has no severity."))
        return data

    def put_into(self, finding: Finding) -> Finding:
        """All that was chosen; it is stored by who calls this."""
        data = self.cleaned_data
        finding.verdict, finding.severity, finding.note = data["verdict"], data["severity"], data["note"]
        finding.assignee_id, finding.holds = data["assignee"], data["holds"]
        return finding

    @classmethod
    def on(cls, mandate: Mandate, position: int, data: Any = None) -> "FindingForm":
        """On an answer, beside others' forms."""
        return cls(mandate, data, auto_id=f"finding-{position}-%s")

    @classmethod
    def of(cls, finding: Finding, **kwargs: Any) -> "FindingForm":
        """Filled in with what it says now."""
        initial = {
            "verdict": finding.verdict,
            "severity": finding.severity,
            "note": finding.note,
            "assignee": finding.assignee_id or "",
            "holds": finding.holds,
        }
        return cls(finding.mandate, initial=initial, **kwargs)


class FindingStateForm(forms.Form):
    to = forms.ChoiceField(choices=[("open", _("open")), ("closed", _("closed"))])


class FindingsForm(FiltersForm):
    """Which findings to list, and after which one."""

    verdict = forms.ChoiceField(label=_("Verdict"), required=False)
    severity = forms.TypedChoiceField(label=_("Severity"), required=False, coerce=int, empty_value=None)
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("all")), ("open", _("open")), ("closed", _("closed"))],
    )
    assignee = forms.TypedChoiceField(label=_("Assigned to"), required=False, coerce=int, empty_value=None)
    after = forms.UUIDField(required=False)

    cursors = ("after",)

    def __init__(self, mandate: Mandate, data: Any) -> None:
        super().__init__(data, auto_id="findings-%s")
        chosen: dict[str, Iterable[Any]] = {
            "verdict": Verdict.choices,
            "severity": Severity.choices,
            "assignee": [(0, _("nobody")), *_named(mandate.named_auditors)],
        }
        for name, choices in chosen.items():
            self.fields[name].choices = [("", _("all")), *choices]  # type: ignore[attr-defined]

    @property
    def filters(self) -> list[forms.BoundField]:
        return [self[name] for name in ("verdict", "severity", "state", "assignee")]

    @property
    def chosen(self) -> Q:
        """Which findings are meant; what is not understood is nothing that could be filtered by."""
        data = self.cleaned_data
        chosen = Q()
        if data.get("verdict"):
            chosen &= Q(verdict=data["verdict"])
        if data.get("severity") is not None:
            chosen &= Q(severity=data["severity"])
        if data.get("state"):
            chosen &= Q(closed_at__isnull=data["state"] == "open")
        if data.get("assignee") is not None:
            chosen &= Q(assignee=data["assignee"] or None)
        return chosen


class ReportForm(forms.Form):
    """`texts`: with questions and answers, where they may be read; that is so unless it says no."""

    texts = forms.ChoiceField(choices=[("no", "no")], required=False)


class ReportExportForm(forms.Form):
    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in (ExportKind.REPORT_CSV, ExportKind.REPORT_JSONL)]
    )


def _named(users: Iterable[User]) -> list[tuple[int, str]]:
    return [(user.pk, user.display_name) for user in users]
