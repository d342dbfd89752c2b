"""What can be seen of a text."""

import unicodedata


def is_visible(text: str) -> bool:
    """Has it a character that leaves a trace: no space, no control or format character?"""
    return any(unicodedata.category(character)[0] not in "CZ" for character in text)


def one_line(text: str) -> str:
    """On one line, and without what only steers how the rest is shown: controls, and marks of direction."""
    visible = (
        character if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf") else ""
        for character in text
    )
    return " ".join("".join(visible).split())
