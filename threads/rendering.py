"""Hostile text to safe HTML: the one place that marks anything safe."""

import re
import secrets
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import nh3
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from markdown_it import MarkdownIt
from markdown_it.token import Token

from threads.citations import MOST_LINKS, Link, Quoted

if TYPE_CHECKING:
    from threads.models import Message, Source

# CommonMark and tables. Line breaks stay line breaks, HTML stays visible text, images stay the text they were
# written as (an image is a request to somebody else's server), nothing is replaced or "improved".
_DEEPEST = 20  # levels; the parser leaves out what lies deeper
_markdown = MarkdownIt(
    "commonmark",
    {"html": False, "breaks": True, "linkify": False, "typographer": False, "maxNesting": _DEEPEST},
)
_markdown.enable("table")
_markdown.disable(["image", "html_block", "html_inline"])

_TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "code", "pre", "blockquote", "a"),
    *("ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"),
}
_CONTAINERS = {"blockquote_open", "list_item_open"}
_REL = "noopener noreferrer nofollow"  # of links in a text
_OURS = re.compile(rf'<a href="#(?P<secret>[0-9a-f]{{32}})-(?P<number>\d+)" rel="{_REL}">')
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
# What has more is shown as plain text: parsing it would take long, at each view of the page, in each print and export.
LONGEST_MARKDOWN = 40_000  # characters
MOST_EFFORT = 3_000  # see `_effort`: some 30 milliseconds; a usual answer of 17,000 characters comes to 500
_MARK, _END_OF_MARK = mark_safe("<mark>"), mark_safe("</mark>")


@dataclass(frozen=True)
class Reference:
    """A place in an answer's text that refers to a source: the `id` of its link, and what stands there.

    `count` tells places with the same text apart.
    """

    id: str
    text: str
    count: int = 1


@dataclass(frozen=True)
class RenderedAnswer:
    html: SafeString
    references: Mapping[UUID, tuple[Reference, ...]]  # to each source that is referred to by name, in order


def render_text(text: str) -> SafeString:
    """The text of an answer as HTML, formatted where it has Markdown, and not altered by a character.

    Headings begin at the third level, above are the page's own, and skip none.
    """
    return _render(text, _Citations())


def render_answer(message: "Message") -> RenderedAnswer:
    """Its text, where what names a statute that one of its sources quotes is a link to that source.

    The link leads into the source's `<details>`, which browsers open then, to the element `quote-<id>`.
    """
    sources = list(message.sources.all())
    citations = _Citations(message, sources)
    html = _render(message.content, citations)
    return RenderedAnswer(html, citations.references())


class _Citations:
    """The links of one text. While it is rendered they carry a secret: nothing in the text can pass for one."""

    def __init__(self, message: "Message | None" = None, sources: "Sequence[Source]" = ()) -> None:
        self.message = message
        self.sources = sources
        self.quoted = Quoted((source.document_title, source.section) for source in sources)
        self.found: list[tuple[Source, str]] = []
        self.secret = secrets.token_hex(16)

    def links(self, text: str) -> list[Link]:
        return self.quoted.links(text, MOST_LINKS - len(self.found))

    def add(self, link: Link, text: str) -> int:
        """Its number."""
        self.found.append((self.sources[link.source], " ".join(text[link.start : link.end].split())))
        return len(self.found) - 1

    def href(self, number: int) -> str:
        return f"#{self.secret}-{number}"

    def id_of(self, number: int) -> str:
        return f"citation-{self.message.pk if self.message else ''}-{number + 1}"

    def start_tag(self, number: int) -> SafeString:
        source, _text = self.found[number]
        return format_html(
            '<a class="citation" id="{}" href="#quote-{}" title="{}">',
            self.id_of(number),
            source.pk,
            gettext("Open source %(number)s") % {"number": source.position},
        )

    def references(self) -> dict[UUID, tuple[Reference, ...]]:
        counts: Counter[tuple[UUID, str]] = Counter()
        found: dict[UUID, tuple[Reference, ...]] = {}
        for number, (source, text) in enumerate(self.found):
            counts[source.pk, text] += 1
            reference = Reference(self.id_of(number), text, counts[source.pk, text])
            found[source.pk] = (*found.get(source.pk, ()), reference)
        return found

    def complete(self, html: str) -> str:
        """With the links' own tags in place of those that the sanitizer let through."""
        if not self.found:
            return html
        return _OURS.sub(self._completed, html)

    def _completed(self, match: re.Match[str]) -> str:
        return self.start_tag(int(match["number"])) if match["secret"] == self.secret else match[0]


def _render(text: str, citations: _Citations) -> SafeString:
    if not is_parsed(text):
        return _as_it_is(text, citations)
    tokens = _markdown.parse(text)
    if any(token.type in _CONTAINERS and token.level >= _DEEPEST - 1 for token in tokens):
        return _as_it_is(text, citations)
    _fit_headings(tokens)
    for token in tokens:
        if token.type == "inline" and token.children and citations.quoted:
            token.children = _linked(token.children, citations)
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    html = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"https", "http", "mailto"},
        link_rel=_REL,
    )
    return mark_safe(citations.complete(html))  # noqa: S308 sanitized


def _as_it_is(text: str, citations: _Citations) -> SafeString:
    pieces: list[str] = []
    at = 0
    for link in citations.links(text):
        number = citations.add(link, text)
        words = nh3.clean_text(text[link.start : link.end])
        pieces += [nh3.clean_text(text[at : link.start]), citations.start_tag(number), words, "</a>"]
        at = link.end
    pieces.append(nh3.clean_text(text[at:]))
    return mark_safe(f"<pre>{''.join(pieces)}</pre>")  # noqa: S308 escaped


_NO_TEXT = "\ufffc"  # stands for what no citation runs over: code, and links


def _linked(tokens: list[Token], citations: _Citations) -> list[Token]:
    """What stands in one paragraph, heading or cell, with links around the citations."""
    texts = list(_texts(tokens))
    text = "".join(texts)
    links = citations.links(text)
    if not links:
        return tokens
    tokens = _cut(tokens, texts, sorted({at for link in links for at in (link.start, link.end)}))
    texts = list(_texts(tokens))
    starts: dict[int, int] = {}  # where in the text: the first token with text from there on
    ends: dict[int, int] = {}
    at = 0
    for index, piece in enumerate(texts):
        if piece:
            starts[at] = index
            at += len(piece)
            ends[at] = index + 1
    opening: dict[int, Token] = {}
    closing: dict[int, Token] = {}
    for link in links:
        span = _balanced(tokens, starts[link.start], ends[link.end])
        if span:
            href = citations.href(citations.add(link, text))
            opening[span[0]] = Token("link_open", "a", 1, attrs={"href": href})
            closing[span[1]] = Token("link_close", "a", -1)
    result: list[Token] = []
    for index, token in enumerate([*tokens, None]):
        result += [added[index] for added in (closing, opening) if index in added]
        if token:
            result.append(token)
    return result


def _texts(tokens: Sequence[Token]) -> Iterator[str]:
    """What each token adds to the text that is read."""
    in_links = 0
    for token in tokens:
        in_links += token.nesting if token.type in ("link_open", "link_close") else 0
        if token.type == "text" and not in_links:
            yield token.content
        elif token.type in ("softbreak", "hardbreak") and not in_links:
            yield "\n"
        else:
            yield "" if token.nesting and not token.type.startswith("link") else _NO_TEXT


def _cut(tokens: list[Token], texts: list[str], places: list[int]) -> list[Token]:
    """Tokens of text end where a link begins or ends."""
    result: list[Token] = []
    start = 0
    for token, text in zip(tokens, texts, strict=True):
        inner = places[bisect_right(places, start) : bisect_left(places, start + len(text))]
        within = [place - start for place in inner]
        start += len(text)
        if not within:
            result.append(token)
            continue
        for begin, end in zip([0, *within], [*within, len(text)], strict=True):
            result.append(token.copy(content=text[begin:end]))
    return result


def _balanced(tokens: list[Token], start: int, end: int) -> tuple[int, int] | None:
    """Around the same, but so that what is opened in it is closed in it: “**§ 622** BGB” with its asterisks."""
    depth = lowest = 0
    for token in tokens[start:end]:
        depth += token.nesting
        lowest = min(lowest, depth)
    for _ in range(-lowest):
        if start == 0 or tokens[start - 1].nesting != 1 or tokens[start - 1].type == "link_open":
            return None
        start -= 1
    for _ in range(depth - lowest):
        if end == len(tokens) or tokens[end].nesting != -1 or tokens[end].type == "link_close":
            return None
        end += 1
    return start, end


def render_passage(pieces: Iterable[tuple[str, bool]]) -> SafeString:
    """Plain text; the pieces of which it is so are marked. What is marked is told apart from the text, not in it."""
    return format_html_join(
        "",
        "{}{}{}",
        ((_MARK, text, _END_OF_MARK) if is_marked else ("", text, "") for text, is_marked in pieces),
    )


_INLINE = "[]*_`!<>&\\"
_LINE = re.compile(r"[^ \t\r\n][^\r\n]*")
_ITEM = re.compile(r"(?:[-+*]|\d[.)])(?=\s)")  # that many lists may begin in one line


def is_parsed(text: str) -> bool:
    """Is it read as Markdown? What would take long is not, whatever it holds."""
    return len(text) <= LONGEST_MARKDOWN and _effort(text) <= MOST_EFFORT


def _effort(text: str) -> int:
    """How long it takes to parse and to render, in hundredths of a millisecond, if it is made to take long.

    By what the parser stops at: a character that may mean something, a cell, a line or an item, which costs more.
    """
    inline = sum(map(text.count, _INLINE))
    return inline + _count_cells(text) + 3 * (len(_LINE.findall(text)) + len(_ITEM.findall(text)))


def _count_cells(text: str) -> int:
    """At least as many as its tables have: each row is filled up to the columns that the line below the head has."""
    cells = columns = 0
    for line in re.split(r"\r\n?|\n", text):
        if not line.strip():
            columns = 0  # here a table ends
        elif set(line) <= set("|:->\t "):
            columns = max(columns, line.count("|") + 1)
        cells += columns
    return cells


def _fit_headings(tokens: list[Token]) -> None:
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    levels = sorted({token.tag for token in headings})
    above = 2
    for token in headings:
        if token.type == "heading_open":
            above = min(levels.index(token.tag) + 3, above + 1, 6)
        token.tag = f"h{above}"
