"""All that comes from browsers goes through one of these."""

from threads.forms.account import NoticeForm, PreferencesForm
from threads.forms.asking import QuestionForm
from threads.forms.feedback import FeedbackForm
from threads.forms.log import LogForm
from threads.forms.mandates import DecisionForm, LikeForm, MandateForm
from threads.forms.reading import NextForm, PageForm, ShelfForm, TitleForm, WindowForm
from threads.forms.searching import SearchForm

__all__ = [
    "DecisionForm",
    "FeedbackForm",
    "LikeForm",
    "LogForm",
    "MandateForm",
    "NextForm",
    "NoticeForm",
    "PageForm",
    "PreferencesForm",
    "QuestionForm",
    "SearchForm",
    "ShelfForm",
    "TitleForm",
    "WindowForm",
]
