"""Which of an answer's sources its text refers to, where it names the statute that the source quotes.

A citation is a chain: places ("§§ 622 Abs. 3, 626", joined by commas, "und", "bis", "i. V. m."), then the law
they are in ("BGB", "des Bürgerlichen Gesetzbuchs"). Read is each character once or within a fixed bound, so
that hostile text costs no more time than any other. A wrong link is worse than none: what can be read in two
ways, or fits two sources equally well, is no link.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from threads.laws import Laws, Named, arabic, is_qualified

MOST_LINKS = 200  # in one text: so many nobody follows, and each makes the page longer
_MOST_READ = 2_000  # citations of one text
_LONGEST_TEXT = 100_000  # characters: a longer text has links at its beginning only
_MOST_PLACES = 100  # of one chain
_LONGEST_SECTION = 300  # characters of a source's section
_MOST_QUOTED = 10  # places of one source
_MOST_IN_ONE = 50  # places in one section of a law: where sources quote more, what refers to which is a guess
_HIGHEST_PARAGRAPH = 60  # what is higher after "§ 622 Abs. 3, " is another §, not another Absatz

_WS = r"[^\S\n]{0,3}\n?[^\S\n]{0,3}"  # at most one line break: no citation runs over paragraphs
_NO_LETTER = r"(?![^\W\d_])"

_SPACE = re.compile(_WS)
_SIGN = re.compile(
    rf"(?P<plural>§§|(?<!\w)(?:Paragrafen|Paragraphen|Sections|Secs\.){_NO_LETTER})"
    rf"|§|(?<!\w)(?:Paragraf|Paragraph|Section|Sec\.){_NO_LETTER}"
    rf"|(?P<article>(?<!\w)(?:Artikel[ns]?|Artt\.|Art\.?|Articles?|Arts\.){_NO_LETTER})"
)
_NUMBER = re.compile(rf"{_WS}(\d{{1,4}})(?:([a-z]{{1,2}})(?!\w)|(?!\w))(?!\.\d)")
_SPACED_LETTER = re.compile(r"[^\S\n]([a-z])(?![\w.])")  # "§ 14 a TzBfG"
_FOLLOWING = re.compile(rf"{_WS}(?:ff\b\.?|f\.)(?!\w)")
_ROMAN = re.compile(rf"{_WS}([IVX]{{1,6}})(?!\w)")
_BRACKETED = re.compile(rf"{_WS}\((?:(\d{{1,2}}[a-z]?)|([a-z]))\)")  # Art. 6(1)(b)
_ORDINAL = re.compile(
    rf"{_WS}(\d)\.{_WS}(?:(?P<half>Halbs\.|HS\.?|Hs\.?|Halbsatz){_NO_LETTER}"
    rf"|(?P<alternative>Alt\.?|Alternative|Var\.?|Variante|Fall){_NO_LETTER})"
)
_LETTER = re.compile(rf"{_WS}(([a-z])\2?)(?!\w|\.\w)\)?")
_LEVEL_WORDS = {
    "paragraph": r"Absatz(?:es)?|Absätzen?|Abs\.?|paragraphs?|paras?\.?|subsections?|subs\.",
    "subparagraph": r"Unterabsatz|UAbs\.?|Unterabs\.|subparagraph",
    "sentence": r"Satz(?:es)?|Sätzen?|S\.|sentences?",
    "half": r"Halbsatz|Halbs\.|Hs\.?|HS\.?",
    "number": r"Nummern?|Nrn?\.?|Ziffern?|Ziff\.|[Nn]os?\.|numbers?",
    "letter": r"Buchstaben?|Buchst\.|lit\.?|letter|point",
    "alternative": r"Alternative|Alt\.?|Variante|Var\.",
}
_LEVEL = re.compile(
    rf"{_WS}(?:{'|'.join(f'(?P<{level}>{words})' for level, words in _LEVEL_WORDS.items())}){_NO_LETTER}"
)
_CONNECTOR = re.compile(
    rf"{_WS}(?:(?:,{_WS})?(?:(?:und/oder|und|oder|sowie|bzw\.|u\.|bis|and|or|to"
    rf"|i\.?\s?V\.?\s?m\.?|in{_WS}Verbindung{_WS}mit|in{_WS}conjunction{_WS}with){_NO_LETTER})|[,/‐‑–—-])"
)
# Before a sign: "Absatz 3 des § 622", of which more is meant than follows.
_PART_BEFORE = re.compile(
    r"(?<!\w)(?:Abs\.|Absatz|Absätze|Absätzen|Satz|Sätze|S\.|Nr\.|Nrn\.|Nummer|paragraph|sentence)"
    r"\s?\d{1,2}[a-z]?(?:\s?(?:,|und|oder|bis|and|or|[-–])\s?\d{1,2}[a-z]?){0,3}"
    r"\s{1,3}(?:(?:des|von|der|in|im|zu|of)\s{1,3})?$"
)
# After the law: "§ 622 BGB Abs. 3"
_PART_AFTER = re.compile(
    rf"{_WS}[,(]?{_WS}(?:{'|'.join(_LEVEL_WORDS.values())}){_NO_LETTER}{_WS}\(?(?:\d|[IVX]|[a-z]\b)"
)

Key = tuple[str, str, str]  # law, kind, number
Levels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Citation:
    """One place: `levels` are the Absatz, the sentence and so on, from the outside to the inside."""

    start: int
    end: int
    law: str
    kind: str  # "§" or "Art."
    number: str
    levels: Levels = ()
    is_vague: bool = False  # more was said of where in it, elsewhere in the sentence

    @property
    def key(self) -> Key:
        return self.law, self.kind, self.number


@dataclass(frozen=True)
class Link:
    """The text from `start` to `end` refers to the source with that index."""

    start: int
    end: int
    source: int


@dataclass
class _Place:
    start: int
    end: int
    kind: str
    number: str
    levels: list[tuple[str, str]] = field(default_factory=list)
    is_certain: bool = True


class Quoted:
    """What an answer's sources quote, as their titles and sections say: (`document_title`, `section`) each."""

    def __init__(self, sources: Iterable[tuple[str, str]]) -> None:
        sources = list(sources)
        self.laws = Laws(title for title, _section in sources)
        self._places: dict[Key, dict[Levels, list[int]]] = {}
        self._found: dict[tuple[Key, Levels, bool], int | None] = {}
        for index, (title, section) in enumerate(sources):
            quoted = _quoted_by(title, section, self.laws)
            for key, levels in islice(
                dict.fromkeys((place.key, place.levels) for place in quoted), _MOST_QUOTED
            ):
                quoting = self._places.setdefault(key, {}).setdefault(levels, [])
                if len(quoting) < 2:  # that there are several is all that counts
                    quoting.append(index)

    def __bool__(self) -> bool:
        return bool(self._places)

    def links(self, text: str, most: int = MOST_LINKS) -> list[Link]:
        """In the text's order. Places next to each other that one source quotes are one link."""
        links: list[Link] = []
        read = 0
        for chain in chains(text, self.laws) if self and most > 0 else ():
            for link in self._links_of(chain):
                links.append(link)
                if len(links) == most:
                    return links
            read += len(chain)
            if read > _MOST_READ:
                break
        return links

    def _links_of(self, chain: Sequence[Citation | None]) -> list[Link]:
        links: list[Link] = []
        before: int | None = None
        for citation in chain:
            source = self.source_of(citation) if citation else None
            if citation and source is not None:
                start = links.pop().start if source == before else citation.start
                links.append(Link(start, citation.end, source))
            before = source
        return links

    def source_of(self, citation: Citation) -> int | None:
        """The one source that quotes it: of several the more exact one, of equally good ones none."""
        wanted = (citation.key, citation.levels, citation.is_vague)
        if wanted not in self._found:
            self._found[wanted] = self._source_of(*wanted)
        return self._found[wanted]

    def _source_of(self, key: Key, levels: Levels, is_vague: bool) -> int | None:
        places = self._places.get(key, {})
        if len(places) > _MOST_IN_ONE:
            return None
        wanted = dict(levels)
        fitting: dict[
            tuple[int, bool], set[int]
        ] = {}  # how many levels agree, and whether there are no others
        for quoted, sources in places.items():
            agreeing = [level for level, value in quoted if level in wanted]
            is_exact = len(agreeing) == len(quoted)
            if any(wanted[level] != value for level, value in quoted if level in wanted):
                continue
            if is_exact or not is_vague:
                fitting.setdefault((len(agreeing), is_exact), set()).update(sources)
        if not fitting:
            return None
        best = fitting[max(fitting)]
        return best.pop() if len(best) == 1 else None


def _quoted_by(title: str, section: str, laws: Laws) -> list[Citation]:
    """The places at the beginning of the section, or a title that is a citation and nothing else."""
    text = (section or title)[:_LONGEST_SECTION].strip()
    before = laws.at(text, 0)  # "BGB § 622"
    sign = _SIGN.match(text, _skip_space(text, before.end) if before else 0)
    if not sign:
        return []
    places, end = _read_places(text, sign)
    after = laws.at(text, end, with_article=True)
    named = {law.law for law in (before, after) if law}
    law = laws.of_title(title) if not named else named.pop() if len(named) == 1 else ""
    end = after.end if after else end
    if not law or is_qualified(text, end) or (not section and text[end:].strip()):
        return []
    return [_citation(place, law) for place in places if place.is_certain]


def chains(text: str, laws: Laws) -> Iterator[list[Citation | None]]:
    """The places that are named together, with the law that is named after them; None: an uncertain one."""
    sign = _SIGN.search(text)
    while sign and sign.start() < _LONGEST_TEXT:
        places, end = _read_places(text, sign)
        law = laws.at(text, end, with_article=True) if places else None
        if law:
            end = places[-1].end = law.end
            if not is_qualified(text, end):
                yield list(_citations(text, places, law))
        sign = _SIGN.search(text, max(end, sign.end()))


def _citations(text: str, places: Sequence[_Place], law: Named) -> Iterator[Citation | None]:
    start = places[0].start
    is_part_before = bool(_PART_BEFORE.search(text[max(0, start - 50) : start]))
    is_part_after = bool(_PART_AFTER.match(text, law.end))
    for place in places:
        is_vague = is_part_after or (is_part_before and place is places[0])
        yield _citation(place, law.law, is_vague) if place.is_certain else None


def _citation(place: _Place, law: str, is_vague: bool = False) -> Citation:
    return Citation(place.start, place.end, law, place.kind, place.number, tuple(place.levels), is_vague)


def _skip_space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start


def _read_places(text: str, sign: re.Match[str]) -> tuple[list[_Place], int]:
    """The places from `sign` on, and where they end. Empty: the sign has no number."""
    reader = _Reader(text)
    reader.read(sign)
    return reader.places, reader.at


class _Reader:
    """Goes forward through one chain of places; never back."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: list[_Place] = []
        self.is_plural = False

    def read(self, sign: re.Match[str]) -> None:
        self.at = sign.end()
        if not self._sign(sign):
            return
        while len(self.places) < _MOST_PLACES and (
            self._level() or self._next() or self._sign_without_connector()
        ):
            self.places[-1].end = self.at

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    # --- numbers of sections ---

    def _sign(self, sign: re.Match[str]) -> bool:
        """A § with its number, at the present place: a new place."""
        kind = "Art." if sign["article"] else "§"
        self.at = sign.end()
        number = self._take(_NUMBER)
        if not number:
            return False
        self.is_plural = bool(sign["plural"]) or kind == "Art."
        self._section(sign.start(), kind, number)
        return True

    def _section(self, start: int, kind: str, match: re.Match[str]) -> None:
        number, letter = match[1], match[2] or ""
        is_certain = True
        if letter == "ff":
            letter = ""
            self.at += self.text[self.at : self.at + 1] == "."
        elif letter == "f" and self.text[self.at : self.at + 1] == ".":
            is_certain = False  # § 7f, or § 7 and the following?
        elif not letter and (spaced := _SPACED_LETTER.match(self.text, self.at)):
            letter, self.at = spaced[1], spaced.end()
            is_certain = letter != "f"
        self.places.append(_Place(start, self.at, kind, number.lstrip("0") + letter, [], is_certain))
        if not letter:
            self._take(_FOLLOWING)
        self.places[-1].end = self.at

    def _sign_without_connector(self) -> bool:
        """“Art. 229 § 5 EGBGB”: what is meant is neither the article alone nor the section."""
        before = self.at
        sign = _SIGN.match(self.text, _skip_space(self.text, before))
        if not sign or not self._sign(sign):
            self.at = before
            return False
        self.places[-1].is_certain = self.places[-2].is_certain = False
        return True

    # --- what is in a section ---

    def _level(self) -> bool:
        """“Abs. 3”, “III”, “(3)”, “2. Halbsatz” within the last place."""
        found = self._read_level()
        if not found:
            return False
        level, value = found
        place = self.places[-1]
        place.is_certain &= level not in dict(place.levels)
        place.levels.append((level, value))
        if level != "letter":
            self._take(_FOLLOWING)
        return True

    def _read_level(self) -> tuple[str, str] | None:
        start = self.at
        if word := self._take(_LEVEL):
            level = str(word.lastgroup)
            if value := self._value(level):
                return level, value
            self.at = start
            return None
        if ordinal := self._take(_ORDINAL):
            return str(ordinal.lastgroup), ordinal[1]
        levels = [level for level, _value in self.places[-1].levels]
        if bracketed := self._take(_BRACKETED):
            if bracketed[1] and not levels:
                return "paragraph", bracketed[1]
            if bracketed[2] and "paragraph" in levels:
                return "letter", bracketed[2]
            self.at = start
            return None
        if not levels and (roman := self._take(_ROMAN)):
            return "paragraph", str(arabic(roman[1]))
        if levels == ["paragraph"] and self._after_roman() and (number := self._take(_NUMBER)):
            return "sentence", number[1]
        return None

    def _after_roman(self) -> bool:
        return self.text[self.at - 1 : self.at] in {"I", "V", "X"}

    def _value(self, level: str) -> str:
        if level == "letter":
            letter = self._take(_LETTER)
            return letter[1] if letter else ""
        if number := self._take(_NUMBER):
            return number[1].lstrip("0") + (number[2] or "").removesuffix("ff")
        if level == "paragraph":
            if bracketed := self._take(_BRACKETED):
                return bracketed[1] or ""
            if roman := self._take(_ROMAN):
                return str(arabic(roman[1]))
        return ""

    # --- the next place ---

    def _next(self) -> bool:
        """After a comma, “und”, “bis” …: another §, or another part of the same."""
        before = self.at
        if not self._take(_CONNECTOR):
            return False
        start = _skip_space(self.text, self.at)
        if (sign := _SIGN.match(self.text, start)) and self._sign(sign):
            return True
        self.at = start
        if _LEVEL.match(self.text, start) and (found := self._read_level()):
            self._part(start, *found)
            return True
        if self._bare(start):
            return True
        self.at = before
        return False

    def _bare(self, start: int) -> bool:
        """A number without a word: of the same kind as the last one, if that is certain."""
        last = self.places[-1]
        level = last.levels[-1][0] if last.levels else ""
        if number := self._take(_NUMBER):
            value = int(number[1])
            if not level or value > _HIGHEST_PARAGRAPH:
                self._section(start, last.kind, number)
                return True
            # "§§ 1 Abs. 2, 3 KSchG": Absatz 3, or § 3?
            is_certain = level != "letter" and not self.is_plural
            self._part(start, level, number[1].lstrip("0") + (number[2] or ""), is_certain)
            return True
        if "paragraph" in dict(last.levels) and (roman := self._take(_ROMAN)):
            self._part(start, "paragraph", str(arabic(roman[1])))
            return True
        if level == "letter" and (letter := self._take(_LETTER)):
            self._part(start, "letter", letter[1])
            return True
        return False

    def _part(self, start: int, level: str, value: str, is_certain: bool = True) -> None:
        last = self.places[-1]
        names = [name for name, _value in last.levels]
        keep = names.index(level) if level in names else 0 if level == "paragraph" else len(names)
        levels = [*last.levels[:keep], (level, value)]
        certain = last.is_certain and is_certain
        self.places.append(_Place(start, self.at, last.kind, last.number, levels, certain))
