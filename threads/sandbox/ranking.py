"""Finds the passages that fit a question: BM25 over folded words and, for German compounds, parts of words.

"Urlaubstage" shares parts with "Urlaubsanspruch", and "Kündigungsfristen" with "kündigen". A passage that
the question cites ("§ 622 Abs. 3 BGB") comes before everything else.
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from .corpus import Passage
from .words import STOP_WORDS, SYNONYMS

_PART = 5  # letters
_PART_WEIGHT = 0.9  # of all parts of a word together
_SYNONYM_WEIGHT = 0.7
_HEADING_WEIGHT = 2
_EARLIER_WEIGHT = 0.4  # of the question before; of the one before that, its square
_CITED = 100.0
_ENOUGH = 5.0  # a best score below this is chance: nothing fits
_CITATION = re.compile(
    r"§+\s*(\d+[a-z]?)\b(?:\s*(?i:abs\.|absatz)\s*(\d+[a-z]?)\b)?(?:\s*(?i:s\.|satz)\s*\d+)?"
    r"(?:\s+([A-Z]\w*[A-Z](?: [IVX]+)?)\b)?"
)
_FOLDED = str.maketrans("äöü", "aou")


def fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower().translate(_FOLDED).replace("ß", "ss")


def _terms(words: Iterable[str]) -> Counter[str]:
    terms: Counter[str] = Counter()
    for word in words:
        terms[re.sub(r"(?<=....)(?:en|em|er|es|e|n|s)$", "", word)] += 1
        terms.update(f"~{word[i : i + _PART]}" for i in range(len(word) - _PART + 1))
    return terms


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z]+|\d+", fold(text)) if word not in STOP_WORDS]


def _question_terms(question: str) -> dict[str, float]:
    weights: defaultdict[str, float] = defaultdict(float)
    for word in _words(_CITATION.sub(" ", question)):
        alike = [w for start, others in SYNONYMS.items() if word.startswith(start) for w in others.split()]
        for term, weight in [(word, 1.0), *((other, _SYNONYM_WEIGHT) for other in alike)]:
            parts = _terms([term])
            for part in parts:  # the parts of a word weigh as much as the word, however long it is
                share = _PART_WEIGHT / (len(parts) - 1) if part[0] == "~" else 1.0
                weights[part] = max(weights[part], weight * share)
    return weights


def _cites(question: str, passage: Passage) -> float:
    number, _, absatz = passage.section.removeprefix("§ ").partition(" Abs. ")
    return sum(
        2 * _CITED if cited_absatz == absatz else _CITED
        for cited, cited_absatz, statute in _CITATION.findall(question)
        if cited == number and statute in ("", passage.abbreviation)
    )


class Index:
    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = passages
        self._counts = [
            _terms(_words(p.text)) + _terms(_words(p.heading) * _HEADING_WEIGHT) for p in passages
        ]
        self._lengths = [counts.total() for counts in self._counts]
        self._mean_length = sum(self._lengths) / len(passages)
        known = Counter(term for counts in self._counts for term in counts)
        self._rarity = {t: math.log(1 + (len(passages) - n + 0.5) / (n + 0.5)) for t, n in known.items()}

    def search(self, questions: Sequence[str]) -> list[tuple[float, Passage]]:
        """The passages that fit the last of these questions, best first; the earlier ones count less."""
        weights: defaultdict[str, float] = defaultdict(float)
        for age, question in enumerate(reversed(questions[-3:])):
            for term, weight in _question_terms(question).items():
                weights[term] = max(weights[term], weight * _EARLIER_WEIGHT**age)
        scores = [
            self._score(weights, i) + _cites(questions[-1], passage)
            for i, passage in enumerate(self.passages)
        ]
        ranked = sorted(zip(scores, self.passages, strict=True), key=lambda found: -found[0])
        return [found for found in ranked if found[0] >= _ENOUGH]

    def _score(self, weights: dict[str, float], i: int) -> float:
        counts = self._counts[i]
        damping = 1.2 * (0.4 + 0.6 * self._lengths[i] / self._mean_length)
        return sum(
            weight * self._rarity[term] * counts[term] * 2.2 / (counts[term] + damping)
            for term, weight in weights.items()
            if term in counts
        )
