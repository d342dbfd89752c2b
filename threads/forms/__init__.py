"""All that comes from browsers goes through one of these."""

from threads.forms.account import NoticeForm, PreferencesForm
from threads.forms.asking import QuestionForm
from threads.forms.exporting import ShownExportForm
from threads.forms.feedback import FeedbackForm
from threads.forms.reading import NextForm, PageForm, ShelfForm, TitleForm, WindowForm
from threads.forms.rights import AccessForm, ErasureForm
from threads.forms.searching import SearchForm

__all__ = [
    "AccessForm",
    "ErasureForm",
    "FeedbackForm",
    "NextForm",
    "NoticeForm",
    "PageForm",
    "PreferencesForm",
    "QuestionForm",
    "SearchForm",
    "ShelfForm",
    "ShownExportForm",
    "TitleForm",
    "WindowForm",
]
