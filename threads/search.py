"""Searching one's own questions, answers and sources; and under a mandate, others'.

What is looked for is read as people write it: words, each found by its beginning ("Kündigung" finds
"Kündigungsfristen"), phrases in quotation marks, and a minus before what is not to be there. A number is found
whole: "6" is not "622"; so is a single letter, as nearly every word there is begins with one of a few. A hit is a
message: a question, or an answer that has everything in its text, or in one of its sources.

The words of each message and source stand, stemmed in German and in English, in a column that PostgreSQL keeps
(see the migration `0007_search`). There is no index on them. One's own conversations are walked through instead:
who has 500 messages waits some milliseconds for that, however many others have, whatever is looked for; an index
of everybody's words would have to read all that begin with "a" first.

What a search costs has a bound, whoever asks for whatever: a user's searches run one after another, the database
gives up one that takes long, and of the texts of a page of hits only so much is marked.

Under a mandate the same is done with its conversations, one after another in their order, and no further than to
the last hit of the page: what is frequent there is found at once, however many there are.
"""

import re
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, chain, islice, pairwise
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import BooleanField, TextField
from django.db.models.expressions import RawSQL
from psycopg.errors import LockNotAvailable, QueryCanceled

from threads.models import Assistant, Message, Role, Source, Thread, User
from threads.models.case import CaseQuerySet

HITS_PER_PAGE = 20
SOURCES_PER_HIT = 3  # whose passages are shown
MARKED_CHARACTERS = 10_000  # of a text, at its beginning: what lies behind is found, and not shown
MOST_MARKS = 1_000  # of a text, among which its passage is looked for
MAX_WORDS = 16
LONGEST_SEARCH = 3  # seconds, of each of its queries
LONGEST_WAIT = 0.5  # seconds, for one's former search to end
PASSAGE_CHARACTERS = 280
SOURCE_PASSAGE_CHARACTERS = 160
AROUND_MARK_CHARACTERS = 50
LONGEST_CUT_WORD = 30

# As the database's `search_text` has it: these become spaces, those go.
_SIGNS = re.compile(
    "[\x00-/:-@\\[-`{-\u00bf×÷\u1680\u2000-\u2bff\u3000-\u303f\ufe00-\ufe0f\ufffd\U0001f000-\U0001faff]"
)
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))

_QUOTATION_MARKS = dict.fromkeys(map(ord, "„“”«»"), '"')
_TERM = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')

# No text that was searched has one of these: they are signs.
_BEGIN, _END = "\x02", "\x03"


# --- what is looked for ---


@dataclass(frozen=True)
class Term:
    """Words that follow each other; `is_whole` in a phrase, else the last may be the beginning of one."""

    words: tuple[str, ...]
    is_whole: bool
    is_excluded: bool

    @property
    def tsquery(self) -> str:
        """In PostgreSQL's notation, which these words can't break: they hold no signs."""
        *former, last = (f"'{word}'" for word in self.words)
        is_whole = self.is_whole or self.words[-1].isdecimal() or len(self.words[-1]) == 1
        return " <-> ".join([*former, last if is_whole else f"{last}:*"])


@dataclass(frozen=True)
class Query:
    terms: Sequence[Term]
    assistant: Assistant | None = None
    since: datetime | None = None
    until: datetime | None = None
    with_notice: bool = False


def terms_of(text: str) -> list[Term]:
    """Without what has no words: an empty list where there is nothing but signs."""
    terms = []
    for found in _TERM.finditer(text.translate(_QUOTATION_MARKS)):
        is_phrase = found["phrase"] is not None
        words = tuple(_SIGNS.sub(" ", (found["phrase"] or found["word"] or "").translate(_UNSEEN)).split())
        if words:
            terms.append(Term(words, is_phrase, is_excluded=bool(found["minus"])))
    return terms


# --- finding ---


@dataclass(frozen=True)
class Piece:
    text: str
    is_marked: bool = False


Passage = list[Piece]


@dataclass(frozen=True)
class SourceHit:
    source: Source
    title: Passage
    section: Passage
    passage: Passage


@dataclass(frozen=True)
class Hit:
    """`passage` is empty where an answer was found by its sources alone: `sources`, and so many further ones."""

    message: Message
    passage: Passage
    sources: Sequence[SourceHit]
    further_sources: int = 0

    @property
    def kind(self) -> str:
        if self.message.role == Role.USER:
            return "question"
        return "answer" if self.passage else "source"


@dataclass(frozen=True)
class Page:
    hits: Sequence[Hit]
    has_more: bool


class GaveUp(Exception):
    """The search took too long."""


class AlreadySearching(Exception):
    """The user's former search has not ended yet."""


# All for the transaction alone. To PostgreSQL texts that are stored apart from their rows cost nothing to read, and
# where it has seen answers with hundreds of sources, it would rather read everybody's for each of one's answers.
_BOUNDS = """
SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true),
    set_config('enable_seqscan', 'off', true), pg_advisory_xact_lock(hashtext('search'), %s::int)
"""

# A conversation's messages are looked at one conversation after another, a message's sources likewise: OFFSET 0 keeps
# PostgreSQL from reading all there are instead, when it thinks that a user has many.
# ruff: noqa: S611 the pieces are our own; what was typed goes in as parameters
_FIND = """
SELECT m.id
FROM ({threads}) AS t
CROSS JOIN LATERAL (
    SELECT m.id, m.created_at, m.position
    FROM threads_message m
    WHERE m.thread_id = t.{key} AND {filters}
      AND (m.words @@ {words} OR m.role = 'assistant' AND EXISTS (
          SELECT FROM threads_source s WHERE s.message_id = m.id AND s.words @@ {words} OFFSET 0
      ))
    OFFSET 0
) AS m
ORDER BY {order}
LIMIT {limit}
"""

_LIFT_BOUNDS = """
SET LOCAL statement_timeout TO DEFAULT; SET LOCAL lock_timeout TO DEFAULT; SET LOCAL enable_seqscan TO DEFAULT
"""

Condition = tuple[str, Sequence[Any]]  # SQL, and its parameters


@dataclass(frozen=True)
class Scope:
    """Where is looked: `threads` selects conversations, their ids as `key`; of these, messages that meet all `filters`.

    In SQL the former are `t`, and the latter `m`.
    """

    threads: Condition
    key: str
    filters: Sequence[Condition]
    order: str


def find(user: User, query: Query, after: Message | None = None) -> Page:
    """The newest hits, or those that follow `after`: in a fixed number of queries, however many there are.

    Raises `GaveUp` and `AlreadySearching`.
    """
    with _bounded(user):
        return _page(_own(user, query, after), query.terms)


def find_under_mandate(
    user: User,
    cases: CaseQuerySet,
    terms: Sequence[Term],
    period: tuple[datetime, datetime],
    after: tuple[int, int] | None = None,
) -> Page:
    """In the user's `cases`, at what was written in the `period`, former versions included; in fixed order.

    `after`: the case's number and the message's position of the hit that these follow. It is part of the caller's
    transaction, which holds the user's other searches up to its end; the bounds end here. Raises as `find` does.
    """
    with _bounded(user):
        page = _page(_of_mandate(cases, period, after), terms)
        with connection.cursor() as cursor:
            cursor.execute(_LIFT_BOUNDS)
        return page


def _page(scope: Scope, terms: Sequence[Term]) -> Page:
    ids = _find(scope, terms)
    return Page(_hits(ids[:HITS_PER_PAGE], terms), has_more=len(ids) > HITS_PER_PAGE)


@contextmanager
def _bounded(user: User) -> Iterator[None]:
    """No search is long, and a user has no two at a time: who sends the form twice waits for a moment."""
    milliseconds = (f"{1000 * seconds:.0f}" for seconds in (LONGEST_SEARCH, LONGEST_WAIT))
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(_BOUNDS, [*milliseconds, user.pk])
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise GaveUp from error
        if isinstance(error.__cause__, LockNotAvailable):
            raise AlreadySearching from error
        raise


def _own(user: User, query: Query, after: Message | None) -> Scope:
    threads = Thread.objects.visible_to(user)
    if query.assistant:
        threads = threads.filter(assistant=query.assistant)
    filters: list[Condition] = [("m.superseded_at IS NULL", [])]
    if query.since:
        filters.append(("m.created_at >= %s", [query.since]))
    if query.until:
        filters.append(("m.created_at < %s", [query.until]))
    if query.with_notice:
        filters.append(("m.legal_notice <> ''", []))
    if after:
        key = [after.created_at, after.position, after.pk]
        filters.append(("(m.created_at, m.position, m.id) < (%s, %s, %s)", key))
    newest_first = "m.created_at DESC, m.position DESC, m.id DESC"
    return Scope(threads.values("id").query.sql_with_params(), "id", filters, newest_first)


# An answer goes with its question: as `asked_between` of the mandates has it.
_ASKED = """
CASE WHEN m.question_id IS NULL THEN m.created_at >= %s AND m.created_at < %s ELSE EXISTS (
    SELECT FROM threads_message q WHERE q.id = m.question_id AND q.created_at >= %s AND q.created_at < %s
) END
"""


def _of_mandate(
    cases: CaseQuerySet, period: tuple[datetime, datetime], after: tuple[int, int] | None
) -> Scope:
    """The conversations come in their order, which lets PostgreSQL stop where a page is full."""
    filters: list[Condition] = [(_ASKED, [*period, *period])]
    if after:
        cases = cases.filter(number__gte=after[0])
        filters.append(("(t.number, m.position) > (%s, %s)", after))
    threads = cases.in_order().values("thread_id", "number").query.sql_with_params()
    return Scope(threads, "thread_id", filters, "t.number, m.position")


def _find(scope: Scope, terms: Sequence[Term]) -> list[UUID]:
    threads, thread_parameters = scope.threads
    words, words_parameters = _words(terms)
    sql = _FIND.format(
        threads=threads,
        key=scope.key,
        filters=" AND ".join(condition for condition, _ in scope.filters),
        words=words,
        order=scope.order,
        limit=HITS_PER_PAGE + 1,
    )
    filter_parameters = [parameter for _, parameters in scope.filters for parameter in parameters]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*thread_parameters, *filter_parameters, *words_parameters, *words_parameters])
        return [id_ for (id_,) in cursor.fetchall()]


def _words(terms: Iterable[Term]) -> tuple[str, list[str]]:
    """All in one language; what is excluded, in neither. Words too common in a language are left out there."""
    wanted = " & ".join(term.tsquery for term in terms if not term.is_excluded)
    excluded = " | ".join(term.tsquery for term in terms if term.is_excluded)
    sql, parameters = "(to_tsquery('german', %s) || to_tsquery('english', %s))", [wanted, wanted]
    if excluded:
        sql = f"({sql} && !!to_tsquery('german', %s) && !!to_tsquery('english', %s))"
        parameters += [excluded, excluded]
    return sql, parameters


# --- showing ---


_SOURCES = """
SELECT s.id, s.message_id, s.position, s.document_title, s.section,
    found.among, {beginning} AS beginning, {marked} AS marked
FROM (
    SELECT id, count(*) OVER (PARTITION BY message_id) AS among,
        row_number() OVER (PARTITION BY message_id ORDER BY position) AS place
    FROM threads_source
    WHERE message_id = ANY(%s) AND words @@ {words}
) AS found
JOIN threads_source s ON s.id = found.id
WHERE found.place <= {most}
ORDER BY s.position
"""


def _hits(ids: Sequence[UUID], terms: Sequence[Term]) -> list[Hit]:
    shown = (
        "role",
        "created_at",
        "finished_at",
        "position",
        "superseded_at",
        "thread__archived_at",
        "thread__title",
        "thread__assistant__name",
    )
    beginning = _beginning("threads_message.content")
    found = {
        "is_in_text": _has("threads_message", terms),
        "beginning": RawSQL(beginning, [], TextField()),
        "marked": RawSQL(*_marked(beginning, terms), TextField()),
    }
    messages = (
        Message.objects.filter(pk__in=ids)
        .select_related("thread__assistant")
        .only("thread", "thread__assistant", *shown)
        .annotate(**found)
    )
    sources = _sources_of(ids, terms)
    by_id = {message.pk: message for message in messages}
    return [_hit(by_id[id_], sources.get(id_, [])) for id_ in ids if id_ in by_id]


def _hit(message: Message, sources: Sequence[Source]) -> Hit:
    passage: Passage = []
    if message.is_in_text:
        passage = _excerpt(*_marks(message), PASSAGE_CHARACTERS)
        passage = passage if message.role == Role.USER else _without_markup(passage)
    further = sources[0].among - len(sources) if sources else 0  # type: ignore[attr-defined] # annotated
    return Hit(message, passage, [_source_hit(source) for source in sources], further)


def _sources_of(ids: Sequence[UUID], terms: Sequence[Term]) -> dict[UUID, list[Source]]:
    """Those that are shown: of an answer with hundreds the others are counted, and not marked."""
    beginning = _beginning("s.document_title || ' ' || s.section || ' ' || s.content")
    marked, marked_parameters = _marked(beginning, terms)
    words, words_parameters = _words(terms)
    sql = _SOURCES.format(beginning=beginning, marked=marked, words=words, most=SOURCES_PER_HIT)
    sources: dict[UUID, list[Source]] = {}
    for source in Source.objects.raw(sql, [*marked_parameters, list(ids), *words_parameters]):
        sources.setdefault(source.message_id, []).append(source)
    return sources


def _source_hit(source: Source) -> SourceHit:
    text, marks = _marks(source)
    section = len(source.document_title) + 1
    content = section + len(source.section) + 1
    parts = [(0, section - 1), (section, content - 1), (content, len(text))]
    return SourceHit(
        source, *(_excerpt(*_part(text, marks, *part), SOURCE_PASSAGE_CHARACTERS) for part in parts)
    )


def _has(table: str, terms: Iterable[Term]) -> RawSQL:
    words, parameters = _words(terms)
    return RawSQL(f"{table}.words @@ {words}", parameters, BooleanField())


def _beginning(text: str) -> str:
    return f"left({text}, {MARKED_CHARACTERS})"


def _marked(beginning: str, terms: Iterable[Term]) -> tuple[str, list[str]]:
    """What was searched, with all that was found in it marked."""
    words, parameters = _words([term for term in terms if not term.is_excluded])
    options = f"HighlightAll=true, StartSel={_BEGIN}, StopSel={_END}"
    german = f"ts_headline('german', search_text({beginning}), {words}, %s)"
    return f"ts_headline('english', {german}, {words}, %s)", [*[*parameters, options] * 2]


Marks = list[tuple[int, int]]  # begin and end of each


def _marks(row: Any) -> tuple[str, Marks]:
    """The text as it is stored, and where the database marked its own version of it: the one without signs."""
    text: str = row.beginning
    lengths = [len(part) for part in re.split(f"[{_BEGIN}{_END}]+", row.marked)]
    seen = [place for place, character in enumerate(text) if ord(character) not in _UNSEEN]
    if sum(lengths) != len(seen):  # a word that was too long for it was left out
        return text, []
    seen.append(len(text))
    places = [seen[place] for place in accumulate(lengths[:-1])]
    return text, list(zip(places[::2], places[1::2], strict=True))


def _part(text: str, marks: Marks, first: int, last: int) -> tuple[str, Marks]:
    inside = marks[bisect_left(marks, (first, 0)) : bisect_left(marks, (last, 0))]
    return text[first:last], [(begin - first, min(end, last) - first) for begin, end in inside]


def _excerpt(text: str, marks: Marks, length: int) -> Passage:
    """Where most different marked words are together, cut between words."""
    if len(text) <= length:
        return _pieces(text, marks)
    first = max(0, _densest(text, marks, length - 2 * AROUND_MARK_CHARACTERS) - AROUND_MARK_CHARACTERS)
    last = min(len(text), first + length)
    if first:
        first = max(first, text.find(" ", first, first + LONGEST_CUT_WORD) + 1)
    if last < len(text):
        last = max(text.rfind(" ", last - LONGEST_CUT_WORD, last), 0) or last
    before, after = [Piece("… ")] * (first > 0), [Piece(" …")] * (last < len(text))
    return [*before, *_pieces(*_part(text, marks, first, last)), *after]


def _pieces(text: str, marks: Marks) -> Passage:
    places = [0, *chain.from_iterable(marks), len(text)]
    pieces = [Piece(text[first:last], n % 2 == 1) for n, (first, last) in enumerate(pairwise(places))]
    return [piece for piece in pieces if piece.text]


def _densest(text: str, marks: Marks, length: int) -> int:
    """Where the first of those marks begins."""
    best, most = 0, (0, 0)
    words: Counter[str] = Counter()
    within: deque[tuple[int, str]] = deque()
    for begin, end in islice(marks, MOST_MARKS):
        within.append((begin, text[begin:end].lower()))
        words[within[-1][1]] += 1
        while within[0][0] < begin - length:
            _, gone = within.popleft()
            words[gone] -= 1
            if not words[gone]:
                del words[gone]
        if (len(words), len(within)) > most:
            best, most = within[0][0], (len(words), len(within))
    return best


_MARKUP = re.compile(r"\*\*|__|~~|`+|\||-{3,}|(?<=\n)[ \t]*(?:#{1,6}|[-*+>])[ \t]")


def _without_markup(passage: Passage) -> Passage:
    """What Markdown would not show would only be in the way here."""
    return [piece if piece.is_marked else Piece(_MARKUP.sub("", piece.text)) for piece in passage]
