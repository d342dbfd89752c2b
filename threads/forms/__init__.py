"""All that comes from browsers goes through one of these."""

from threads.forms.account import NoticeForm, PreferencesForm
from threads.forms.asking import QuestionForm
from threads.forms.feedback import FeedbackForm
from threads.forms.reading import NextForm, PageForm, ShelfForm, TitleForm, WindowForm
from threads.forms.reviewing import CaseForm, CasesForm, FlagForm, RevealForm
from threads.forms.searching import SearchForm

__all__ = [
    "CaseForm",
    "CasesForm",
    "FeedbackForm",
    "FlagForm",
    "NextForm",
    "NoticeForm",
    "PageForm",
    "PreferencesForm",
    "QuestionForm",
    "RevealForm",
    "SearchForm",
    "ShelfForm",
    "TitleForm",
    "WindowForm",
]
