"""Taking it along: a conversation, or one answer with its question, as Markdown, JSON or text.

An answer goes in as it came, by the terms of use not altered by a character; everything else is fitted to what
it goes into. Each says that AI wrote it, to people and to machines, names Haufe, and passes on the terms of use.
Former versions of questions that were put anew are not part of a conversation here, as they are not on its page;
each has a page of its own, and can be taken along from there.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext
from markdown_it import MarkdownIt

from threads import failures
from threads.models import Message, Role, Source, State, Thread
from threads.rendering import is_parsed

ATTRIBUTION = "Powered by Haufe"
# What IPTC calls media that a trained model has made.
DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
JSON_FORMAT, JSON_VERSION = "chatsite-export", 1


def terms_of_use() -> str:
    return gettext(
        "The terms of use apply: answers must not be used for machine learning, such as the training of models."
    )


@dataclass(frozen=True)
class Exchange:
    question: Message
    answer: Message

    @property
    def no_answer(self) -> str:
        """Why there is none; empty where there is one."""
        match self.answer.state:
            case State.DONE:
                return ""
            case State.FAILED:
                return gettext("No answer: %(reason)s") % {"reason": failures.reason(self.answer.error_code)}
            case State.STOPPED:
                return gettext("This question was stopped before it was answered.")
        return gettext("The answer is still to come.")

    @property
    def answered_at(self) -> datetime:
        return self.answer.finished_at or self.answer.created_at


@dataclass(frozen=True)
class Document:
    """What is taken along: of a conversation `exchanges`, oldest first; it may be one of them."""

    thread: Thread
    exchanges: list[Exchange]
    made_at: datetime = field(default_factory=timezone.now)

    @property
    def file_name(self) -> str:
        """Without the ending. The date makes a name of every title, also of one that no system takes as a name."""
        asked_at = self.exchanges[-1].question.created_at if self.exchanges else self.thread.created_at
        title = " ".join(re.sub(r"[^\w\s§(),.-]", " ", self.thread.title).split())
        return f"{timezone.localtime(asked_at):%Y-%m-%d} {title[:60]}".strip(" .")


def exchanges_of(messages: Iterable[Message]) -> list[Exchange]:
    """Of messages that are oldest first."""
    questions: dict[Any, Message] = {}
    exchanges = []
    for message in messages:
        if message.role == Role.USER:
            questions[message.pk] = message
        elif question := questions.get(message.question_id):
            exchanges.append(Exchange(question, message))
    return exchanges


# --- text ---


def as_text(exchange: Exchange) -> str:
    """The answer alone, with all that belongs to it."""
    answer = exchange.answer
    parts = [exchange.no_answer or answer.content]
    if answer.legal_notice:
        parts.append(f"{gettext('Legal notice')}\n{answer.legal_notice}")
    if sources := answer.sources.all():
        parts.append("\n".join([gettext("Sources"), *map(_source_as_text, sources)]))
    parts.append(" · ".join(_about(exchange)))
    parts.append(terms_of_use())
    return "\n\n".join(parts) + "\n"


def _source_as_text(source: Source) -> str:
    number = f"{source.position}. "
    lines = [_name_of(source), *_lines(source.content)] if source.content else [_name_of(source)]
    if source.app_doc_id:
        lines.append(_document_id(source))
    if source.url:
        lines.append(source.url)
    return number + f"\n{' ' * len(number)}".join(lines)


# --- Markdown ---


def as_markdown(document: Document) -> str:
    """CommonMark below a head in YAML, of which each value is a string as JSON has it (or true)."""
    thread = document.thread
    head: dict[str, str | bool] = {
        "title": thread.title,
        "assistant": thread.assistant.name,
        "exported_at": _iso(document.made_at),
        "ai_generated": True,
        "digital_source_type": DIGITAL_SOURCE_TYPE,
        "attribution": ATTRIBUTION,
        "terms_of_use": terms_of_use(),
    }
    yaml = "\n".join(f"{key}: {_yaml(value)}" for key, value in head.items())
    many = len(document.exchanges) > 1
    blocks = [f"---\n{yaml}\n---", f"# {_inline(thread.title)}"]
    for number, exchange in enumerate(document.exchanges, start=1):
        blocks += _exchange_as_markdown(exchange, f" {number}" if many else "")
    blocks += ["---", _inline(terms_of_use())]
    return "\n\n".join(blocks) + "\n"


def _exchange_as_markdown(exchange: Exchange, number: str) -> list[str]:
    question, answer = exchange.question, exchange.answer
    blocks = [
        f"## {gettext('Question')}{number}",
        _quote(question.content),
        _inline(f"{gettext('Asked')}: {_date(question.created_at)}"),
        f"## {gettext('Answer')}{number}",
        _inline(exchange.no_answer) or _answer_as_markdown(answer.content),
    ]
    if answer.legal_notice:
        blocks += [f"### {gettext('Legal notice')}", _quote(answer.legal_notice)]
    if sources := answer.sources.all():
        blocks += [f"### {gettext('Sources')}", *map(_source_as_markdown, sources)]
    if answer.state == State.DONE:
        blocks.append(_inline(" · ".join(_about(exchange))))
    return blocks


def _source_as_markdown(source: Source) -> str:
    number = f"{source.position}. "
    blocks = [f"**{_inline(_name_of(source))}**"]
    if source.content:
        blocks.append(_quote(source.content))
    if source.app_doc_id:
        blocks.append(_inline(_document_id(source)))
    if source.url:
        blocks.append(f"[{gettext('Open document')}](<{source.url}>)")
    return number + re.sub(r"\n(?=[^\n])", f"\n{' ' * len(number)}", "\n\n".join(blocks))


class _Reader(MarkdownIt):
    """Reads text as other programs may: to some, any address makes a link."""

    def validateLink(self, url: str) -> bool:  # noqa: N802 as it is called there
        return True


_reader, _table_reader = _Reader("commonmark"), _Reader("commonmark").enable("table")
_END = "end"
_FOREIGN = {"html_block", "html_inline", "image"}
_SAFE_ADDRESS = re.compile(r"(?:https?|mailto):|[^:]*(?:[/?#]|$)", re.IGNORECASE)
# More programs know these than read them alike.
_OTHER_ADDRESS = re.compile(r"\]\s*\(\s*(?:<\s*)?(?!https?:|mailto:)[^\s()<>/?#]+:", re.IGNORECASE)
_DEFINITION = re.compile(r"^[ \t>*+-]*\[[^\[\]\n]+\]:", re.MULTILINE)


def _answer_as_markdown(text: str) -> str:
    """As it came: as Markdown where that shows what the page shows and ends where the answer does, else as code.

    HTML and images are text on our pages; elsewhere, they would be requests to somebody's server, or worse. Other
    programs follow addresses that ours do not, and what one answer defines would hold for all others.
    """
    if is_parsed(text) and not _OTHER_ADDRESS.search(text) and not _DEFINITION.search(text):
        # Most programs know tables, some do not: what is code to the one may be a link, or an image, to the other.
        readers = (_reader, _table_reader) if "|" in text else (_reader,)
        if all(_is_alike(text, reader) for reader in readers):
            return text
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _is_alike(text: str, reader: MarkdownIt) -> bool:
    """Is it shown as on the page, and told apart from what stands before and after it?"""
    definitions: dict[str, Any] = {}
    tokens = reader.parse(f"{text}\n\n{_END}", definitions)
    inline = [child for token in tokens for child in token.children or ()]
    if definitions.get("references") or _FOREIGN & {token.type for token in (*tokens, *inline)}:
        return False
    if not all(
        _SAFE_ADDRESS.match(str(token.attrs["href"])) for token in inline if token.type == "link_open"
    ):
        return False
    headings = [after for token, after in pairwise(tokens) if token.type == "heading_open"]
    if any(_is_like_ours("".join(child.content for child in token.children or ())) for token in headings):
        return False
    return [(token.level, token.content) for token in tokens[-2:]] == [(1, _END), (0, "")]


def _is_like_ours(heading: str) -> bool:
    """May it be taken for a heading of the document, as "Frage 2"?"""
    letters = unicodedata.normalize("NFKD", heading)
    letters = "".join(letter for letter in letters if unicodedata.category(letter) not in ("Mn", "Cf"))
    words = re.findall(r"[^\W\d_]+", letters.casefold())
    if not "".join(words).isascii():  # letters of other scripts look like ours
        return True
    return any(words[: len(ours)] == ours and len(words) <= len(ours) + 1 for ours in _headings())


@cache
def _headings() -> list[list[str]]:
    """In all languages: of what a document was made in, no reader has to know."""
    found = []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            found += [gettext("Question"), gettext("Answer"), gettext("Legal notice"), gettext("Sources")]
    return [heading.casefold().split() for heading in found]


def _quote(text: str) -> str:
    """Plain text, its lines kept; whatever it holds, it stays in the quote."""
    lines = [_inline(line) for line in _lines(text)]
    breaks = ["  " if line and after else "" for line, after in zip(lines, [*lines[1:], ""], strict=True)]
    return "\n".join(f"> {line}{end}" if line else ">" for line, end in zip(lines, breaks, strict=True))


_MEANT = re.compile(r"[\\`*_\[\]<>~|]|&(?=[#\w])|^(?:[#+=-]|\d+(?=[.)]))")


def _inline(text: str) -> str:
    """Plain text in a line, to be read as it is."""
    text = " ".join(text.split())
    return _MEANT.sub(lambda match: _escaped(match[0]), text)


def _escaped(meant: str) -> str:
    return f"{meant}\\" if meant.isdigit() else f"\\{meant}"


_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def _yaml(value: str | bool) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


# --- JSON ---


def as_json(document: Document) -> str:
    """For other programs; what a name means does not change, and new names may come. Times are ISO 8601.

        {"format": "chatsite-export", "version": 1, "exported_at": time,
         "ai_generated": true, "digital_source_type": URI, "attribution": text, "terms_of_use": text,
         "assistant": {"id": uuid, "name": text},
         "thread": {"id": uuid, "title": text, "created_at": time},
         "exchanges": [{
           "question": {"id": uuid, "content": text, "created_at": time},
           "answer": {
             "id": uuid, "state": "waiting" | "answering" | "done" | "failed" | "stopped",
             "content": text, exactly as it came, "finished_at": time | null,
             "ai_generated": bool, "digital_source_type": URI | null,
             "error_code": text, "legal_advice": bool | null, "legal_notice": text, as it was shown,
             "intent": text,
             "sources": [{"position": from 1, "content": text, "document_title": text, "section": text,
                          "app_doc_id": text, "url": text, "received": all that came but for the text}]}}]}

    Texts that there are none of are empty.
    """
    thread = document.thread
    data = {
        "format": JSON_FORMAT,
        "version": JSON_VERSION,
        "exported_at": _iso(document.made_at),
        "ai_generated": True,
        "digital_source_type": DIGITAL_SOURCE_TYPE,
        "attribution": ATTRIBUTION,
        "terms_of_use": terms_of_use(),
        "assistant": {"id": str(thread.assistant.remote_id), "name": thread.assistant.name},
        "thread": {"id": str(thread.pk), "title": thread.title, "created_at": _iso(thread.created_at)},
        "exchanges": [_exchange_as_json(exchange) for exchange in document.exchanges],
    }
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def _exchange_as_json(exchange: Exchange) -> dict[str, Any]:
    question, answer = exchange.question, exchange.answer
    is_done = answer.state == State.DONE
    return {
        "question": {
            "id": str(question.pk),
            "content": question.content,
            "created_at": _iso(question.created_at),
        },
        "answer": {
            "id": str(answer.pk),
            "state": answer.state,
            "content": answer.content,
            "finished_at": _iso(answer.finished_at) if answer.finished_at else None,
            "ai_generated": is_done,
            "digital_source_type": DIGITAL_SOURCE_TYPE if is_done else None,
            "error_code": answer.error_code,
            "legal_advice": answer.legal_advice,
            "legal_notice": answer.legal_notice,
            "intent": answer.intent,
            "sources": [_source_as_json(source) for source in answer.sources.all()],
        },
    }


def _source_as_json(source: Source) -> dict[str, Any]:
    names = ("position", "content", "document_title", "section", "app_doc_id", "url", "received")
    return {name: getattr(source, name) for name in names}


# --- what they share ---


def _about(exchange: Exchange) -> list[str]:
    assistant = exchange.answer.thread.assistant
    if exchange.no_answer:
        return [assistant.name, _date(exchange.question.created_at)]
    return [ATTRIBUTION, gettext("Generated by AI"), assistant.name, _date(exchange.answered_at)]


def _name_of(source: Source) -> str:
    parts = (source.document_title, source.section)
    name = ", ".join(part for part in parts if part)
    return name or gettext("Source %(number)s") % {"number": source.position}


def _document_id(source: Source) -> str:
    return gettext("Document %(id)s") % {"id": source.app_doc_id}


_lines = partial(re.split, r"\r\n?|\n")


def _date(at: datetime) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def _iso(at: datetime) -> str:
    return timezone.localtime(at).isoformat()
