import pytest

from threads.models.thread import TITLE_CHARACTERS
from threads.titles import title_of


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Was gilt?", "Was gilt?"),
        (" Was\n gilt? ", "Was gilt?"),
        ("Was \u202egilt\x07?", "Was gilt?"),
        (
            "Guten Tag, wir haben seit vielen Jahren einen Betriebsrat. Nun zieht die Firma um. Was gilt dann?",
            "Was gilt dann?",
        ),
        (
            "Was gilt nach § 622 Abs. 3 BGB? "
            + "Dazu muss man wissen, dass die Probezeit schon endete. " * 3,
            "Was gilt nach § 622 Abs. 3 BGB?",
        ),
        ("gilt " * 40, "gilt " * 14 + "gilt …"),
        ("x" * 200, "x" * 79 + "…"),
        ("ja " + "x" * 200, "ja " + "x" * 76 + "…"),
    ],
)
def test_title(question: str, title: str) -> None:
    assert title_of(question) == title
    assert len(title) <= TITLE_CHARACTERS


def test_longest_question_has_a_title_at_once() -> None:
    assert title_of("ab " * 10_000).endswith("…")
