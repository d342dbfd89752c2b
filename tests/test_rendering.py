import time

import pytest
from bs4 import BeautifulSoup

from threads import rendering
from threads.rendering import LONGEST_MARKDOWN, _count_cells, is_parsed, render_text
from threads.sandbox.answers import _text as answer_from
from threads.sandbox.corpus import passages


def text_of(html: str) -> str:
    return BeautifulSoup(html, "html.parser").get_text()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Zwei Wochen.", "<p>Zwei Wochen.</p>"),
        ("**fett** und *kursiv*", "<p><strong>fett</strong> und <em>kursiv</em></p>"),
        ("eins\nzwei", "<p>eins<br>\nzwei</p>"),
        ("# Titel", "<h3>Titel</h3>"),
        ("###### Tief", "<h3>Tief</h3>"),
        ("## a\n### b\n## c", "<h3>a</h3>\n<h4>b</h4>\n<h3>c</h3>"),
        ("### a\n# b\n###### c", "<h3>a</h3>\n<h3>b</h3>\n<h4>c</h4>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. drei", '<ol start="3">\n<li>drei</li>\n</ol>'),
        ("> Zitat", "<blockquote>\n<p>Zitat</p>\n</blockquote>"),
        (
            "[a](https://example.org)",
            '<p><a href="https://example.org" rel="noopener noreferrer nofollow">a</a></p>',
        ),
    ],
)
def test_markdown_is_formatted(text: str, html: str) -> None:
    assert render_text(text).strip() == html


def test_table_is_formatted() -> None:
    table = BeautifulSoup(render_text("| a | b |\n|---|---|\n| 1 | 2 |"), "html.parser").table
    assert table
    assert [cell.get_text() for cell in table.find_all(["th", "td"])] == ["a", "b", "1", "2"]


@pytest.mark.parametrize(
    "text",
    [
        "§ 622 Abs. 3 BGB: „zwei Wochen“ – nicht mehr & nicht < weniger > …",
        "(c) (tm) ... -- 'einfach' \"doppelt\" 1/2",
        "Summe: 3 * 4 * 5, Datei_name_mit_Strichen, 100 %",
        "www.example.org und https://example.org bleiben Text",
        "![Bild](https://example.org/x.png)",
        "<b>HTML</b> bleibt <script>sichtbarer Text</script>",
        "Emoji 👩🏽‍⚖️ und Umlaute ÄÖÜß",
    ],
)
def test_not_a_character_of_plain_text_is_altered(text: str) -> None:
    shown = text_of(render_text(text)).strip()
    assert shown == text.replace("![Bild](https://example.org/x.png)", "!Bild")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "<javascript:alert(1)>",
        '[x](https://a.example "onmouseover=alert(1)")',
        "![x](https://tracker.example/pixel.png)",
        "[x]: javascript:alert(1)\n\n[x]",
        "<iframe src=https://a.example></iframe>",
        "<style>*{display:none}</style>",
        '<a href="https://a.example" onclick="x()" style="x">y</a>',
        "<form action=/accounts/logout/><button>Klick</button></form>",
        "`<script>`",
        "```\n</code></pre><script>alert(1)</script>\n```",
        '<p id="composer">',
        "a\n\n<!-- <script> --> b",
        "<![CDATA[<script>]]>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "[\x01javascript:x](\x01javascript:alert(1))",
    ],
)
def test_hostile_text_comes_out_as_text(text: str) -> None:
    page = BeautifulSoup(render_text(text), "html.parser")
    allowed = {"p", "br", "a", "code", "pre", "em", "strong"}
    assert {tag.name for tag in page.find_all(True)} <= allowed
    for tag in page.find_all(True):
        assert set(tag.attrs) <= {"href", "rel", "title"}
        assert str(tag.get("href", "https:")).startswith(("https:", "http:", "mailto:"))


SLOW = [
    *(
        "[",
        "[a](",
        "*[",
        "[*",
        "*a_",
        "[\n",
        "[[]",
        "_*",
        "1) a\n\n",
        "- a\n",
        "- - - - a\n",
        "a\r",
        "a\n\n",
        "# a\n",
    ),
    *(
        "<a@b.c>",
        "<http://a.b>",
        "![",
        "[](()",
        "a|b\n-|-\nc|d\n\n",
        "* a\n  * b\n",
        ">>>>>a\n",
        "`a` ",
        "&amp;",
    ),
    *("\\*", "\u00a0\n\n", "\x0c\n\n"),
]


@pytest.mark.parametrize("part", SLOW)
def test_text_made_to_be_slow_is_shown_as_it_is(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering._markdown, "parse", lambda text: pytest.fail("parsed"))
    text = part * (LONGEST_MARKDOWN // len(part))
    shown = render_text(text)
    assert shown.startswith("<pre>")
    assert text_of(shown) == text


@pytest.mark.parametrize("part", [*SLOW, "`a", "> > ", "* * * * a\n", "|-\n", "\n"])
def test_text_made_to_be_just_not_too_slow_is_not(part: str) -> None:
    text = part * (LONGEST_MARKDOWN // len(part))
    while not is_parsed(text):
        text = text[: len(text) * 9 // 10]
    started = time.process_time()
    render_text(text)
    assert time.process_time() - started < 0.3  # a tenth of that, on a machine with nothing else to do


def test_long_answers_of_the_usual_kind_are_formatted() -> None:
    found = passages()
    text = "\n\n".join(f"## {n}\n\n{answer_from(found[4 * n :][:4], english=False)}" for n in range(20))
    assert 30_000 < len(text) < LONGEST_MARKDOWN
    page = BeautifulSoup(render_text(text), "html.parser")
    assert len(page.find_all("h3")) == 20
    assert not page.pre


def table(columns: int, rows: int, end: str = "\n") -> str:
    """Of rows with one cell each, which a browser would be sent as many."""
    return end.join(["|".join("a" * columns), "|".join("-" * columns), *["x"] * rows, "", ""])


@pytest.mark.parametrize(
    "text",
    [
        table(300, 200),
        table(50, 20) * 10,
        table(100, 60, "\r\n"),
        table(100, 60, "\r"),
        "> " + table(100, 60, "\n> "),
        "1. " + table(100, 60, "\n   "),
    ],
)
def test_tables_of_very_many_cells_are_shown_as_text(text: str) -> None:
    page = BeautifulSoup(render_text(text), "html.parser")
    assert [tag.name for tag in page.find_all(True)] == ["pre"]
    assert text_of(render_text(text)) == text


def test_cells_are_counted_as_many_as_there_are() -> None:
    text = f"Text\n\n{table(3, 4)}- {table(2, 1, chr(10) + '  ')}"
    page = BeautifulSoup(render_text(text), "html.parser")
    assert _count_cells(text) == len(page.find_all(["td", "th"])) == 3 * 5 + 2 * 2


@pytest.mark.parametrize("text", ["> " * 30 + "x", "".join(f"{'  ' * n}- {n}\n" for n in range(15))])
def test_nothing_is_lost_however_deep_it_lies(text: str) -> None:
    assert text_of(render_text(text)) == text


def test_very_long_text_is_shown_as_it_is() -> None:
    text = "**x** <b> " * (LONGEST_MARKDOWN // 10 + 1)
    assert text_of(render_text(text)) == text
