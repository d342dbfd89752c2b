"""Composes an answer from the statutes' own words, and marks it as a sample."""

import re
from collections.abc import Sequence
from typing import Any

from .assistants import SandboxAssistant
from .corpus import Passage
from .ranking import fold
from .words import ENGLISH, GERMAN

SAMPLE_MARK_DE = (
    "*Beispielantwort der Sandbox: keine Rechtsauskunft. Sie gibt Auszüge aus Gesetzen wieder, "
    "Stand: 17. April 2026.*"
)
SAMPLE_MARK_EN = (
    "*Sample answer by the sandbox: not legal information. It quotes excerpts from German statutes "
    "as of 17 April 2026.*"
)
NOTHING_FOUND_DE = (
    "Dazu steht in den Beispieltexten der Sandbox nichts. Sie enthalten nur Auszüge aus dem deutschen "
    "Arbeitsrecht.\n\nFragen Sie zum Beispiel: „Welche Kündigungsfristen gelten während der Probezeit?“"
)
NOTHING_FOUND_EN = (
    "The sandbox’s sample texts say nothing about that. They hold only excerpts from German employment "
    "law.\n\nTry, for example: “What is the notice period during probation?”"
)

_MAX_SOURCES = 4
_NEAR_BEST = 0.5  # of the best passage's score
_MAX_QUOTE = 600  # characters of a passage after the first
_OWN_CASE = re.compile(
    r"\b(?:(?i:ich|mir|mich|mein(?:e[mnrs]?)?|wir|uns|unser(?:e[mnrs]?)?|me|my|mine|we|our|ours)|us|I)\b"
)


def asks_for_legal_advice(question: str) -> bool:
    """Whether it is about the asker's own case."""
    return bool(_OWN_CASE.search(question))


def is_english(question: str) -> bool:
    words = re.findall(r"[a-z]+", fold(question))
    return sum(word in ENGLISH for word in words) > sum(word in GERMAN for word in words)


def compose(assistant: SandboxAssistant, questions: Sequence[str]) -> dict[str, Any]:
    """`content`, `meta_data`, `role` and `sources` of the answer to the last question (API: Response)."""
    found = assistant.index.search(questions)
    fitting = [passage for score, passage in found if score >= _NEAR_BEST * found[0][0]][:_MAX_SOURCES]
    english = is_english(questions[-1])
    meta_data: dict[str, Any] = {
        "intent": fitting[0].heading if fitting else "Sonstiges",
        "type": str(assistant.answer_type),
    }
    if assistant.says_legal_advice:
        meta_data["legal_advice"] = asks_for_legal_advice(questions[-1])
    return {
        "content": _text(fitting, english=english),
        "meta_data": meta_data,
        "role": "assistant",
        "sources": [_source(passage) for passage in fitting],
    }


def _source(passage: Passage) -> dict[str, Any]:
    return {
        "content": f"{passage.citation}: {passage.text}",
        "meta_data": {
            "app_doc_id": passage.app_doc_id,
            "document_title": passage.document_title,
            "heading": passage.heading,
            "section": passage.section,
        },
    }


def _text(passages: Sequence[Passage], *, english: bool) -> str:
    mark = SAMPLE_MARK_EN if english else SAMPLE_MARK_DE
    if not passages:
        return f"{NOTHING_FOUND_EN if english else NOTHING_FOUND_DE}\n\n{mark}"
    first, *others = passages
    if english:
        blocks = [f"**{first.citation}** ({first.heading}) says, in German:", _quoted(first.text)]
        further = "{citation} adds: “{quote}”"
    else:
        blocks = [f"Nach **{first.citation}** ({first.heading}) gilt:", _quoted(first.text)]
        further = "{citation} bestimmt außerdem: „{quote}“"
    if others:
        quotes = [further.format(citation=p.citation, quote=_shortened(p.text)) for p in others]
        blocks.append("\n".join(f"- {quote}" for quote in quotes))
    return "\n\n".join([*blocks, mark])


def _quoted(text: str) -> str:
    """As a Markdown quote; an empty line separates a list from the sentence after it."""
    lines = re.sub(r"(^\d+\. .*\n)(?!\d+\. )", r"\1\n", text, flags=re.MULTILINE).split("\n")
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _shortened(text: str) -> str:
    """Whole sentences as far as they fit. A full stop after a short word is taken as an abbreviation's."""
    text = " ".join(text.split())
    if len(text) <= _MAX_QUOTE:
        return text
    ends = [match.end() for match in re.finditer(r"[a-zäöüß]{4}\.(?= [A-ZÄÖÜ])", text[:_MAX_QUOTE])]
    return f"{text[: ends[-1]] if ends else text[:_MAX_QUOTE].rsplit(' ', 1)[0]} …"
