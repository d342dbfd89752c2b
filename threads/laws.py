"""Laws by their names: abbreviations and full names, as texts and titles of documents have them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST_NAME = 12  # words
_LONGEST_TITLE = 300  # characters

# What employees of companies ask about; for documents whose title has only the one or the other name.
_KNOWN = {
    "AEntG": "Arbeitnehmer-Entsendegesetz",
    "AGG": "Allgemeines Gleichbehandlungsgesetz",
    "AktG": "Aktiengesetz",
    "AltTZG": "Altersteilzeitgesetz",
    "AO": "Abgabenordnung",
    "ArbGG": "Arbeitsgerichtsgesetz",
    "ArbPlSchG": "Arbeitsplatzschutzgesetz",
    "ArbSchG": "Arbeitsschutzgesetz",
    "ArbStättV": "Arbeitsstättenverordnung",
    "ArbZG": "Arbeitszeitgesetz",
    "ASiG": "Arbeitssicherheitsgesetz",
    "AufenthG": "Aufenthaltsgesetz",
    "AÜG": "Arbeitnehmerüberlassungsgesetz",
    "BBiG": "Berufsbildungsgesetz",
    "BDSG": "Bundesdatenschutzgesetz",
    "BEEG": "Bundeselterngeld- und Elternzeitgesetz",
    "BetrAVG": "Betriebsrentengesetz",
    "BetrVG": "Betriebsverfassungsgesetz",
    "BewG": "Bewertungsgesetz",
    "BGB": "Bürgerliches Gesetzbuch",
    "BPersVG": "Bundespersonalvertretungsgesetz",
    "BUrlG": "Bundesurlaubsgesetz",
    "DSGVO": "Datenschutz-Grundverordnung",
    "EFZG": "Entgeltfortzahlungsgesetz",
    "EntgTranspG": "Entgelttransparenzgesetz",
    "ErbStG": "Erbschaftsteuer- und Schenkungsteuergesetz",
    "EStDV": "Einkommensteuer-Durchführungsverordnung",
    "EStG": "Einkommensteuergesetz",
    "FPfZG": "Familienpflegezeitgesetz",
    "GewO": "Gewerbeordnung",
    "GewStG": "Gewerbesteuergesetz",
    "GG": "Grundgesetz",
    "GrEStG": "Grunderwerbsteuergesetz",
    "GrStG": "Grundsteuergesetz",
    "HGB": "Handelsgesetzbuch",
    "HinSchG": "Hinweisgeberschutzgesetz",
    "InsO": "Insolvenzordnung",
    "JArbSchG": "Jugendarbeitsschutzgesetz",
    "KSchG": "Kündigungsschutzgesetz",
    "KStG": "Körperschaftsteuergesetz",
    "LkSG": "Lieferkettensorgfaltspflichtengesetz",
    "LStDV": "Lohnsteuer-Durchführungsverordnung",
    "MiLoG": "Mindestlohngesetz",
    "MitbestG": "Mitbestimmungsgesetz",
    "MuSchG": "Mutterschutzgesetz",
    "NachwG": "Nachweisgesetz",
    "PflegeZG": "Pflegezeitgesetz",
    "SprAuG": "Sprecherausschussgesetz",
    "StGB": "Strafgesetzbuch",
    "StPO": "Strafprozessordnung",
    "TVG": "Tarifvertragsgesetz",
    "TzBfG": "Teilzeit- und Befristungsgesetz",
    "UmwG": "Umwandlungsgesetz",
    "UStDV": "Umsatzsteuer-Durchführungsverordnung",
    "UStG": "Umsatzsteuergesetz",
    "UWG": "Gesetz gegen den unlauteren Wettbewerb",
    "VwGO": "Verwaltungsgerichtsordnung",
    "VwVfG": "Verwaltungsverfahrensgesetz",
    "WEG": "Wohnungseigentumsgesetz",
    "ZPO": "Zivilprozessordnung",
}
_OTHER_NAMES = {
    "DS-GVO": "DSGVO",
    "EU-DSGVO": "DSGVO",
    "EU-DS-GVO": "DSGVO",
    "GDPR": "DSGVO",
    "EntgFG": "EFZG",
    "Abgabenordnung 1977": "AO",
    "German Civil Code": "BGB",
    "General Data Protection Regulation": "DSGVO",
}
_BOOKS = (
    *("erstes", "zweites", "drittes", "viertes", "fünftes", "sechstes", "siebtes", "achtes", "neuntes"),
    *("zehntes", "elftes", "zwölftes", "dreizehntes", "vierzehntes"),
)
# Courts, kinds of agreements and of companies: too common to tell one from another, or no law at all.
_NO_LAW = {
    *("EU", "EG", "EWG", "VO", "RL", "BV", "GBV", "KBV", "TV", "AV", "DV", "AGB", "AZ", "GMBH", "KG", "OHG"),
    *("BAG", "BGH", "BFH", "BSG", "BVERFG", "BVERWG", "EUGH", "LAG", "ARBG", "FG", "OLG", "LG", "AG", "BMF"),
}
# A document that is about a law, or another country's, or no longer in force.
_NO_STATUTE = re.compile(
    r"kommentar|handbuch|lexikon|urteil|beschluss|entscheidung|rechtsprechung|zeitschrift|checkliste|muster"
    r"|entwurf|österreich|schweiz|\bDDR\b|\ba\.\s?F\.|alte Fassung|Fassung bis",
    re.IGNORECASE,
)
_FULL_NAME_ENDINGS = ("gesetz", "gesetzbuch", "ordnung")
_GENERIC = {
    *("gesetz", "ordnung", "verordnung", "rechtsverordnung", "betriebsordnung", "hausordnung", "anordnung"),
    *("arbeitsordnung", "geschäftsordnung", "dienstordnung", "wahlordnung", "prüfungsordnung"),
}

_WORD = re.compile(r"[^\S\n]{0,3}\n?[^\S\n]{0,3}([^\W_][\w‑-]{0,70})(?!\w)")
_PARTS = re.compile(r"\s+[-–—]\s+|[()\[\],:;|]")
_ARTICLE = re.compile(r"\s{1,3}(?:des|der|dem|im|of\s{1,3}the|of)(?=\s)")
_ENGLISH = re.compile(
    r"(?:\s{1,3}[A-Z][a-z-]{1,20}){0,6}\s{1,3}(?:Act|Code|Law|Regulation|Constitution)(?=\s?\()"
)
_BRACKETS = re.compile(r"\s{0,3}\(([^()\n]{2,20})\)")
_REGIONS = (
    "Bay|Bbg|Berl|Bln|Brem|Hbg|Hess|Hmb|M-V|Nds|Nordrhein-Westfalen|Rh-Pf|S-H|Saarl|Sächs|SachsAnh|Thür"
)
# After a law's name: that makes another law of it, an earlier version, or a book about it.
_QUALIFIED = re.compile(
    r"\w|[-‐‑/][^\W_]"
    r"|\s{1,3}\(?(?:a\.?\s?F\b|alte[rn]?\s(?:Fassung|Recht)|i\.?\s?d\.?\s?[FR]\b"
    r"|in\sder\s(?:bis|vor|alten|früheren|damaligen|ursprünglichen|seinerzeit)\b)"
    rf"|\s{{1,3}}(?:[A-ZÄÖÜ]{{2,}}(?![a-zäöüß])|[IVX]+\b|(?:19|20)\d\d\b|(?:{_REGIONS})\b)"
    r"|,?\s{0,3}(?:Rn|Rdnr|RdNr|Rz|Tz|Anm)\b"
)
_ROMAN = re.compile(r"[IVX]{1,6}")

Name = tuple[str, ...]  # the words of a name, see `_fold`


@dataclass(frozen=True)
class Named:
    law: str
    end: int


class Laws:
    """The laws that are known, and those that the titles of documents name."""

    def __init__(self, titles: Iterable[str] = ()) -> None:
        self._names = dict(_KNOWN_NAMES)  # an empty law: the name is that of several
        self._titles = {title: self._learn(title[:_LONGEST_TITLE]) for title in dict.fromkeys(titles)}
        self._first_words = {name[0] for name in self._names}

    def of_title(self, title: str) -> str:
        """The law that a document with this title is; empty: none, or none for certain."""
        return self._titles.get(title, "")

    def at(self, text: str, start: int, *, with_article: bool = False) -> Named | None:
        """The law that is named at `start`, and where its name ends. Any abbreviation counts as a law's."""
        if with_article and (article := _ARTICLE.match(text, start)):
            start = article.end()
            if english := _ENGLISH.match(text, start):
                return self._in_brackets(text, english.end())
        words = self._words(text, start)
        for count in range(len(words), 0, -1):
            name = tuple(word for word, _end in words[:count])
            if name in self._names:
                return self._confirmed(text, name, words[count - 1][1])
        if words and _is_abbreviation((words[0][0],)):
            return Named(*words[0])
        return None

    def _words(self, text: str, start: int) -> list[tuple[str, int]]:
        """With where each ends; only the first, if no name of several words begins with it."""
        words: list[tuple[str, int]] = []
        match = _WORD.match(text, start)
        while match and len(words) < _LONGEST_NAME:
            words.append((_fold(match[1]), match.end()))
            if words[0][0] not in self._first_words:
                break
            match = _WORD.match(text, match.end())
        return words

    def _in_brackets(self, text: str, start: int) -> Named | None:
        match = _BRACKETS.match(text, start)
        law = self._names.get(_name_of(match[1])) if match else ""
        return Named(law, match.end()) if match and law else None

    def _confirmed(self, text: str, name: Name, end: int) -> Named | None:
        """A full name may be followed by an abbreviation: that had better be the same law's."""
        law = self._names[name]
        match = _BRACKETS.match(text, end)
        if match and not _is_abbreviation(name) and _is_abbreviation(short := _name_of(match[1])):
            if self._names.get(short, " ".join(short)) != law:
                return None
            end = match.end()
        return Named(law, end) if law else None

    def _learn(self, title: str) -> str:
        if _NO_STATUTE.search(title):
            return ""
        parts = [name for part in _PARTS.split(title) if (name := _name_of(part))]
        found = {
            law for name in [_name_of(title), *parts] if (law := _KNOWN_NAMES.get(name) or _book_of(name))
        }
        found |= {" ".join(name) for name in parts if _is_abbreviation(name) and name not in _KNOWN_NAMES}
        if any(law.startswith("SGB ") for law in found):
            found.discard("SGB")
        if len(found) != 1:
            return ""
        law = found.pop()
        for name in parts:
            if name not in _KNOWN_NAMES and (_is_abbreviation(name) or _is_full_name(name)):
                self._names[name] = law if self._names.get(name, law) == law else ""
        return law


def is_qualified(text: str, end: int) -> bool:
    """Is the law that was named up to `end` another one, or not as it is now?"""
    return text[end - 1 : end] == "-" or bool(_QUALIFIED.match(text, end))


def arabic(roman: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10}[letter] for letter in roman]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def _name_of(text: str) -> Name:
    return tuple(_fold(word) for word in re.findall(r"[^\W_][\w‑-]*", text)[:_LONGEST_NAME])


def _fold(word: str) -> str:
    """Without its ending, as "Bürgerlichen Gesetzbuchs"; an abbreviation in capitals; a number as a number."""
    word = word.replace("‑", "-").rstrip("-")
    if _ROMAN.fullmatch(word):
        return f"#{arabic(word)}"
    if word.isdecimal():
        return f"#{word}"
    if sum(map(str.isupper, word)) >= 2 and all(_is_short(part) for part in word.split("-")):
        return word.upper()
    word = word.casefold()
    for ending in ("es", "en", "er", "em", "e", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word.removesuffix(ending)
    return word


def _is_short(part: str) -> bool:
    return len(part) == 1 or sum(map(str.isupper, part)) >= 2


def _is_abbreviation(name: Name) -> bool:
    first, *others = name or ("",)
    return (
        first.isupper()
        and first not in _NO_LAW
        and len(others) < 3
        and all(word.isupper() or word.startswith("#") for word in others)
    )


def _is_full_name(name: Name) -> bool:
    """One that tells it from others: not “Gesetz über …”, whose end can't be told in a text."""
    is_generic = name[0] in _GENERIC or name[-1] in _GENERIC
    return name[-1].endswith(_FULL_NAME_ENDINGS) and not is_generic


def _book_of(title: Name) -> str:
    """“Sozialgesetzbuch (SGB) Neuntes Buch (IX) – Rehabilitation …”"""
    if not {"sozialgesetzbuch", "SGB"} & set(title):
        return ""
    numbers = {_ORDINALS.get(word, word) for word in title if word.startswith("#") or word in _ORDINALS}
    return f"SGB {numbers.pop()[1:]}" if len(numbers) == 1 else ""


_ORDINALS = {_fold(ordinal): f"#{number}" for number, ordinal in enumerate(_BOOKS, start=1)}


def _known_names() -> Iterable[tuple[Name, str]]:
    for abbreviation, full in _KNOWN.items():
        yield _name_of(abbreviation), abbreviation.upper()
        yield _name_of(full), abbreviation.upper()
    for other, abbreviation in _OTHER_NAMES.items():
        yield _name_of(other), abbreviation.upper()
    for ordinal, number in _ORDINALS.items():
        law = f"SGB {number[1:]}"
        yield ("SGB", number), law
        yield ("sozialgesetzbuch", number), law
        yield ("sozialgesetzbuch", ordinal, "buch"), law
        yield (ordinal, "buch", "sozialgesetzbuch"), law
        yield (ordinal, "buch", "des", "sozialgesetzbuch"), law
        yield (ordinal, "buch", "SGB"), law


_KNOWN_NAMES = dict(_known_names())
