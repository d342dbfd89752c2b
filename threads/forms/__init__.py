"""All that comes from browsers goes through one of these."""

from threads.forms.account import NoticeForm, PreferencesForm
from threads.forms.asking import QuestionForm
from threads.forms.exporting import ShownExportForm
from threads.forms.feedback import FeedbackForm
from threads.forms.findings import (
    FindingForm,
    FindingsForm,
    FindingStateForm,
    OpinionForm,
    PositionForm,
    ReportExportForm,
    ReportForm,
)
from threads.forms.log import LogForm
from threads.forms.mandates import DecisionForm, LikeForm, MandateForm
from threads.forms.reading import NextForm, PageForm, ShelfForm, TitleForm, WindowForm
from threads.forms.reviewing import CaseForm, CasesForm, FlagForm, RevealForm
from threads.forms.rights import AccessForm, ErasureForm
from threads.forms.searching import SearchForm

__all__ = [
    "AccessForm",
    "CaseForm",
    "CasesForm",
    "DecisionForm",
    "ErasureForm",
    "FeedbackForm",
    "FindingForm",
    "FindingStateForm",
    "FindingsForm",
    "FlagForm",
    "LikeForm",
    "LogForm",
    "MandateForm",
    "NextForm",
    "NoticeForm",
    "OpinionForm",
    "PageForm",
    "PositionForm",
    "PreferencesForm",
    "QuestionForm",
    "ReportExportForm",
    "ReportForm",
    "RevealForm",
    "SearchForm",
    "ShelfForm",
    "ShownExportForm",
    "TitleForm",
    "WindowForm",
]
