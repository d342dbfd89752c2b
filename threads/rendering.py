"""Hostile text to safe HTML: the one place that marks anything safe."""

import re
from collections.abc import Iterable

import nh3
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

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
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
# What has more is shown as plain text: parsing it would take long, at each view of the page.
LONGEST_MARKDOWN = 40_000  # characters
MOST_CELLS = 5_000  # of all tables together
_MARK, _END_OF_MARK = mark_safe("<mark>"), mark_safe("</mark>")


def render_text(text: str) -> SafeString:
    """The text of an answer as HTML, formatted where it has Markdown, and not altered by a character.

    Headings begin at the third level, above are the page's own, and skip none.
    """
    if len(text) > LONGEST_MARKDOWN or _count_cells(text) > MOST_CELLS:
        return _as_it_is(text)
    tokens = _markdown.parse(text)
    if any(token.type in _CONTAINERS and token.level >= _DEEPEST - 1 for token in tokens):
        return _as_it_is(text)
    _fit_headings(tokens)
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    return mark_safe(  # noqa: S308 sanitized
        nh3.clean(
            html,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            url_schemes={"https", "http", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )


def render_passage(pieces: Iterable[tuple[str, bool]]) -> SafeString:
    """Plain text; the pieces of which it is so are marked. What is marked is told apart from the text, not in it."""
    return format_html_join(
        "",
        "{}{}{}",
        ((_MARK, text, _END_OF_MARK) if is_marked else ("", text, "") for text, is_marked in pieces),
    )


def _as_it_is(text: str) -> SafeString:
    return mark_safe(f"<pre>{nh3.clean_text(text)}</pre>")  # noqa: S308 escaped


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
