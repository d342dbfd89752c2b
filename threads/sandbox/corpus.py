"""The passages the sandbox answers from: corpus.md beside this file, one passage per Absatz."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Passage:
    statute: str  # "Bürgerliches Gesetzbuch"
    abbreviation: str  # "BGB"
    section: str  # "§ 622 Abs. 3", or "§ 623" where the section has no Absätze
    heading: str
    text: str  # a line per item of a list

    @property
    def citation(self) -> str:
        return f"{self.section} {self.abbreviation}"

    @property
    def document_title(self) -> str:
        return f"{self.statute} ({self.abbreviation})"

    @property
    def app_doc_id(self) -> str:
        """Made up: no such document exists outside the sandbox."""
        parts = re.findall(r"[a-z0-9]+", f"{self.abbreviation} {self.section.replace('Abs.', '')}".lower())
        return "-".join(["HI-sandbox", *parts])


@cache
def passages() -> tuple[Passage, ...]:
    text = Path(__file__).with_name("corpus.md").read_text(encoding="utf-8")
    found: list[Passage] = []
    for statute in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        title, *sections = re.split(r"^## ", statute, flags=re.MULTILINE)
        name, abbreviation = title.strip().removesuffix(")").rsplit(" (", 1)
        for section in sections:
            head, body = section.strip().split("\n", 1)
            sign, number, heading = head.split(" ", 2)
            # Splitting keeps the Absatz's number: "", "1", its text, "2", its text, …
            parts = re.split(r"^\((\d+[a-z]?)\) ", body.strip(), flags=re.MULTILINE)
            absaetze = zip(parts[1::2], parts[2::2], strict=True) if len(parts) > 1 else [("", parts[0])]
            for absatz, words in absaetze:
                where = f"{sign} {number} Abs. {absatz}" if absatz else f"{sign} {number}"
                found.append(Passage(name, abbreviation, where, heading, words.strip()))
    return tuple(found)
