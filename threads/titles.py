"""A conversation's title, from its first question."""

import re

from threads.models.thread import TITLE_CHARACTERS
from threads.plain import one_line

# Not after “Abs.”, before a number: only a word and a capital letter make it the end of a sentence.
_BETWEEN_SENTENCES = re.compile(r"(?<=[?!])\s|(?<=[a-zäöüß]{2}\.)\s(?=[A-ZÄÖÜ])")


def title_of(question: str) -> str:
    """The question, if it is short; else the sentence in it that asks; else its beginning, cut between words."""
    text = one_line(question)
    if len(text) <= TITLE_CHARACTERS:
        return text
    for sentence in _BETWEEN_SENTENCES.split(text):
        if sentence.endswith("?") and len(sentence) <= TITLE_CHARACTERS:
            return sentence
    cut = text[: TITLE_CHARACTERS - 1]
    begun, _, _ = cut.rpartition(" ")
    return f"{begun} …" if len(begun) > TITLE_CHARACTERS / 2 else f"{cut}…"
