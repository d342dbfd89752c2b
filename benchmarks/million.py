"""Do the pages stay fast with a million messages?

    uv run python -m benchmarks.million [MESSAGES]

Fills a database of its own, first with 10,000 messages, then with MESSAGES (a million): 500 of each user, in
conversations of mixed length, one of them with 500 messages; half of the messages are answers, with three
sources each. Rows are stored in the order in which people asked, so that one's messages lie scattered among
those of all others. Then it asks, as random users, for each page a hundred times, through Django's test client
in this process: signed in, with all its middleware and queries, without HTTP. Each visit is made once before it
is measured, as PostgreSQL's own cache of 128 MB is far too small, and the machine's is not: that is how it is in
a site that is in use. At last there is someone with 5,000 conversations more.

It promises that no page's p95 grows by more than twice between the two, and takes 6 GB of disk meanwhile.
"""

import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.core.management import call_command
from django.db import connection as database
from django.db import connections
from django.db.models import Count, Func
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmarks.fleet import Promises, fleet  # first: it chooses the database
from threads.models import Acknowledgement, Assistant, Connection, Message, Notice, Role, Thread, User
from threads.search import Query, find, terms_of

FEW, MANY = 10_000, 1_000_000
PER_USER = 500  # messages
LONG = 500  # messages of the longest conversation
HEAVY_THREADS, HEAVY_EXCHANGES = 5_000, 2
SOURCES = 3
TEXTS = {"question": 3_000, "answer": 6_000, "source": 9_000}
ROUNDS = 100
GROWS_AT_MOST = 2.0
SEED = 622

STEMS = """Kündigung Urlaub Arbeit Arbeitgeber Arbeitnehmer Vertrag Lohn Gehalt Überstunden Krankheit Mutterschutz
Elternzeit Pflege Betrieb Betriebsrat Tarif Frist Zeugnis Abmahnung Abfindung Probezeit Befristung Teilzeit Minijob
Steuer Sozialversicherung Rente Fortbildung Homeoffice Dienstreise Datenschutz Schwerbehinderung Entgelt Zulage
Feiertag Nachtarbeit Schicht Pause Ruhezeit Freistellung Beschäftigung Weisung Versetzung Aufhebung Ausbildung
Praktikum Werkstudent Haftung Schaden Unfall Beitrag Prämie Gratifikation Provision""".split()  # noqa: SIM905
TAILS = """frist vertrag anspruch gesetz schutz recht regelung zeit ordnung pflicht klage grund erklärung
vereinbarung entgelt ausgleich abgeltung fortzahlung verfahren nachweis bescheinigung beginn ende dauer antrag
gespräch schreiben anzeige berechnung grenze ausnahme""".split()  # noqa: SIM905
SMALL = """der die das und oder bei nach vor während wegen einer eines dem den nicht nur auch wenn sofern ist wird
kann muss darf soll innerhalb außerhalb spätestens mindestens höchstens grundsätzlich insbesondere schriftlich
ordentliche fristlose gesetzliche vertragliche betriebliche""".split()  # noqa: SIM905


@dataclass(frozen=True)
class Visit:
    """A page that a user asks for."""

    user: User
    url: str


@dataclass(frozen=True)
class Figures:
    """Milliseconds, and the numbers of queries that were seen."""

    p50: float
    p95: float
    queries: set[int]

    def __str__(self) -> str:
        queries = " to ".join(map(str, sorted({min(self.queries), max(self.queries)})))
        return f"p50 {self.p50:6.1f} ms, p95 {self.p95:6.1f} ms, {queries} queries"


def main(many: int) -> bool:
    promises = Promises()
    with fleet():
        set_up()
        before = measure_with(FEW)
        after = measure_with(many)
        for page, figures in after.items():
            ratio = figures.p95 / before[page].p95
            promises.check(
                ratio <= GROWS_AT_MOST and max(figures.queries) <= max(before[page].queries),
                f"{page}: p95 {before[page].p95:.1f} ms → {figures.p95:.1f} ms, {ratio:.2f} times",
            )
        measure_heavy()
    return promises.broken


def set_up() -> None:
    call_command("collectstatic", interactive=False, verbosity=0)
    connection = Connection(name="benchmark")
    connection.api_key = uuid.uuid4().hex
    connection.save()
    for number in range(3):
        connection.assistants.create(
            remote_id=uuid.uuid4(), name=f"Assistent {number}", slug=f"assistent-{number}"
        )
    fill_texts()


# --- measuring ---


def measure_with(messages: int) -> dict[str, Figures]:
    began = time.monotonic()
    fill(messages)
    print(
        f"\n{messages:,} messages of {User.objects.count():,} users in {Thread.objects.count():,} conversations, "
        f"filled in {time.monotonic() - began:.0f} s, {disk_gb():.1f} GB",
        flush=True,
    )
    users = list(User.objects.exclude(pk=owner_of_the_long_one().pk))
    return {page: report(page, visit, users) for page, visit in VISITS.items()}


def measure_heavy() -> None:
    heavy = fill_heavy(HEAVY_THREADS)
    print(f"\na user with {heavy.threads.count():,} conversations, and as many others as before", flush=True)
    for page, visit in VISITS.items():
        if visit is not long_conversation:
            report(page, visit, [heavy])


def report(page: str, visit: Callable[[User], Visit], users: Sequence[User]) -> Figures:
    chance = random.Random(SEED)  # noqa: S311
    visits = [visit(chance.choice(users)) for _ in range(ROUNDS)]
    clients: dict[int, Client] = {}
    for each in visits:
        if each.user.pk not in clients:
            clients[each.user.pk] = client = Client(SERVER_NAME="127.0.0.1")
            client.force_login(each.user)
    queries = {count_queries(clients[each.user.pk], each.url) for each in visits}  # from a cold cache
    times = sorted(milliseconds_of(clients[each.user.pk], each.url) for each in visits)
    figures = Figures(statistics.median(times), times[int(len(times) * 0.95)], queries)
    print(f"{page:32} {figures}", flush=True)
    return figures


def milliseconds_of(client: Client, url: str) -> float:
    began = time.perf_counter()
    response = client.get(url)
    took = time.perf_counter() - began
    assert response.status_code == 200, (url, response.status_code)
    return took * 1000


def count_queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(database) as queries:
        client.get(url)
    return len(queries)


def disk_gb() -> float:
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return float(cursor.fetchone()[0] / 1e9)


# --- what is visited ---


def conversations(user: User) -> Visit:
    return Visit(user, "/threads/")


def conversation(user: User) -> Visit:
    """One of 20 messages, or of nearly as many."""
    nearest = user.threads.annotate(away=Func(Count("messages") - 20, function="abs")).order_by("away", "id")
    return Visit(user, f"/threads/{nearest[0].pk}/")


def long_conversation(user: User) -> Visit:
    owner = owner_of_the_long_one()
    return Visit(owner, f"/threads/{owner.threads.get().pk}/")


def owner_of_the_long_one() -> User:
    return User.objects.earliest("pk")


def search(user: User, **query: str) -> Visit:
    return Visit(user, f"/search/?{urlencode(query)}")


def frequent(user: User) -> Visit:
    return search(user, q="Kündigung")


def rare(user: User) -> Visit:
    """What only one answer of theirs has."""
    answers = Message.objects.filter(thread__owner=user, role=Role.ASSISTANT)
    return search(user, q=answers.order_by("id")[0].content.split()[-1].strip("."))


def absent(user: User) -> Visit:
    return search(user, q="Seepferdchen")


def phrase(user: User) -> Visit:
    return search(user, q='"fristlose Kündigung"')


def filtered(user: User) -> Visit:
    year_ago = timezone.localdate() - timedelta(days=365)
    return search(
        user, q="Urlaub Frist", assistant="assistent-1", since=year_ago.isoformat(), with_notice="on"
    )


def second_page(user: User) -> Visit:
    first = find(user, Query(terms_of("Kündigung")))
    return search(user, q="Kündigung", after=str(first.hits[-1].message.pk))


VISITS: dict[str, Callable[[User], Visit]] = {
    "list of conversations": conversations,
    "conversation of 20 messages": conversation,
    f"conversation of {LONG} messages": long_conversation,
    "search: a frequent word": frequent,
    "search: a rare word": rare,
    "search: a word that is not there": absent,
    "search: a phrase": phrase,
    "search: two words, filtered": filtered,
    "search: second page": second_page,
}


# --- texts ---


def words(chance: random.Random) -> str:
    """A word of the trade, often a compound; a few are in every other text, most are rare."""
    stem = STEMS[int(len(STEMS) * chance.random() ** 2)]
    if chance.random() < 0.4:
        return stem
    tail = TAILS[int(len(TAILS) * chance.random() ** 2)]
    joint = "s" if stem.endswith(("ung", "heit", "keit", "schaft", "ion")) else ""
    compound = f"{stem}{joint}{tail}"
    if chance.random() < 0.1:
        compound = f"{chance.choice(STEMS)}s{compound.lower()}"
    return compound


def sentence(chance: random.Random, length: int) -> str:
    parts = [words(chance) if chance.random() < 0.3 else chance.choice(SMALL) for _ in range(length)]
    if chance.random() < 0.3:
        parts.append(f"(§ {chance.randint(1, 999)} Abs. {chance.randint(1, 6)} BGB)")
    return f"{' '.join(parts)}.".capitalize() if chance.random() < 0.1 else f"{' '.join(parts)}."


def text(kind: str, chance: random.Random) -> str:
    if kind == "question":
        return f"{sentence(chance, chance.randint(5, 18))[:-1]}?"
    sentences = chance.randint(6, 22) if kind == "answer" else chance.randint(2, 7)
    return " ".join(sentence(chance, chance.randint(6, 14)) for _ in range(sentences))


# --- filling ---

PLAN = """
CREATE UNLOGGED TABLE plan AS
SELECT row_number() OVER (ORDER BY asked_at) AS nr, *, gen_random_uuid() AS question, gen_random_uuid() AS answer
FROM (
    SELECT thread, exchange, began_at + exchange * interval '40 minutes' * (0.5 + random()) AS asked_at
    FROM plan_thread, generate_series(0, exchanges - 1) AS exchange
) AS exchanges
"""
THREADS = """
INSERT INTO threads_thread (id, owner_id, assistant_id, title, client_token, created_at, asked_at, answered_at,
    seen_at)
SELECT thread, owner, assistant, left(text.content, 80), gen_random_uuid(), began_at, last, last + interval '8 s',
    last + interval '9 s'
FROM plan_thread t
JOIN (SELECT thread, max(asked_at) AS last FROM plan GROUP BY thread) AS p USING (thread)
JOIN text ON text.kind = 'question' AND text.nr = t.text
ORDER BY last
"""
QUESTIONS = """
INSERT INTO threads_message (id, thread_id, position, role, state, content, created_at, client_token, language,
    attempts, failures, error_code, received, intent, legal_notice, words)
SELECT question, thread, 2 * exchange + 1, 'user', 'done', text.content, asked_at, gen_random_uuid(), '',
    0, 0, '', '{}', '', '', text.words
FROM plan JOIN text ON text.kind = 'question' AND text.nr = 1 + plan.nr * 7919 %% %(question)s
WHERE plan.nr BETWEEN %(first)s AND %(last)s ORDER BY plan.nr
"""
ANSWERS = """
INSERT INTO threads_message (id, thread_id, position, role, state, content, created_at, question_id, language,
    attempts, failures, answering_at, finished_at, error_code, received, legal_advice, intent, legal_notice,
    words)
SELECT answer, thread, 2 * exchange + 2, 'assistant', 'done',
    format('%%s Aktenzeichen AZ%%s.', text.content, plan.nr), asked_at, question, 'de',
    1, 0, asked_at + interval '1 s', asked_at + interval '8 s', '', '{"language": "de"}', plan.nr %% 3 = 0, '',
    CASE WHEN plan.nr %% 3 = 0 THEN 'Diese Antwort ist eine allgemeine Information und keine Rechtsberatung.'
    ELSE '' END, text.words || search_words('Aktenzeichen AZ' || plan.nr)
FROM plan JOIN text ON text.kind = 'answer' AND text.nr = 1 + plan.nr * 7919 %% %(answer)s
WHERE plan.nr BETWEEN %(first)s AND %(last)s ORDER BY plan.nr
"""
SOURCES_OF = """
INSERT INTO threads_source (id, message_id, position, content, received, document_title, section, app_doc_id, words)
SELECT gen_random_uuid(), answer, position, text.content, '{"document_title": "Haufe Personal Office"}',
    'Haufe Personal Office', '§ ' || (plan.nr + position) %% 900, 'HI' || (plan.nr + position) %% 90000,
    search_words('Haufe Personal Office ' || (plan.nr + position) %% 900) || text.words
FROM plan CROSS JOIN generate_series(1, %(sources)s) AS position
JOIN text ON text.kind = 'source' AND text.nr = 1 + (plan.nr * 7919 + position) %% %(source)s
WHERE plan.nr BETWEEN %(first)s AND %(last)s ORDER BY plan.nr, position
"""


def execute(sql: str, parameters: dict[str, int] | None = None) -> None:
    with database.cursor() as cursor:
        cursor.execute(sql, parameters)


def fill_texts() -> None:
    chance = random.Random(SEED)  # noqa: S311
    execute("CREATE TABLE text (kind text, nr int, content text, PRIMARY KEY (kind, nr))")
    with database.cursor() as cursor, cursor.copy("COPY text FROM STDIN") as copy:
        for kind, count in TEXTS.items():
            for number in range(1, count + 1):
                copy.write_row((kind, number, text(kind, chance)))
    execute("ALTER TABLE text ADD words tsvector GENERATED ALWAYS AS (search_words(content)) STORED")
    # What PostgreSQL would work out for each row is taken from the text's: filling is several times faster.
    for table in ("message", "source"):
        execute(f"ALTER TABLE threads_{table} ALTER words DROP EXPRESSION")


def fill(messages: int) -> None:
    """Users with their conversations; everything that was there before goes."""
    execute("TRUNCATE threads_user, threads_thread CASCADE")
    make_users(max(1, messages // PER_USER))
    assistants = list(Assistant.objects.values_list("pk", flat=True))
    chance = random.Random(SEED)  # noqa: S311
    threads: list[tuple[int, int, int]] = []
    for owner in User.objects.values_list("pk", flat=True):
        left = PER_USER // 2
        if not threads:
            threads.append((owner, assistants[0], LONG // 2))
            continue
        while left:
            exchanges = min(left, 1 + int(chance.expovariate(1 / 4)))
            threads.append((owner, chance.choice(assistants), exchanges))
            left -= exchanges
    store(threads)


def fill_heavy(threads: int) -> User:
    """One more user, with many conversations."""
    make_users(1, "heavy")
    heavy = User.objects.get(email="heavy-0@example.org")
    assistants = list(Assistant.objects.values_list("pk", flat=True))
    store([(heavy.pk, assistants[n % len(assistants)], HEAVY_EXCHANGES) for n in range(threads)])
    return heavy


def make_users(count: int, name: str = "user") -> None:
    users = User.objects.bulk_create(
        User(email=f"{name}-{n}@example.org", password="!") for n in range(count)
    )
    if notice := Notice.objects.in_force():
        Acknowledgement.objects.bulk_create(Acknowledgement(user=user, notice=notice) for user in users)


def store(threads: Sequence[tuple[int, int, int]]) -> None:
    """Of each: owner, assistant, number of exchanges."""
    execute("DROP TABLE IF EXISTS plan, plan_thread")
    execute("CREATE UNLOGGED TABLE plan_thread (owner bigint, assistant bigint, exchanges int)")
    with database.cursor() as cursor, cursor.copy("COPY plan_thread FROM STDIN") as copy:
        for row in threads:
            copy.write_row(row)
    execute(
        "ALTER TABLE plan_thread ADD thread uuid DEFAULT gen_random_uuid(), "
        f"ADD text int DEFAULT 1 + floor(random() * {TEXTS['question']}), "
        "ADD began_at timestamptz DEFAULT now() - random() * interval '700 days' - interval '30 days'"
    )
    execute(PLAN)
    execute("ALTER TABLE plan ADD PRIMARY KEY (nr)")
    execute("ANALYZE plan; ANALYZE plan_thread; ANALYZE text")
    execute(THREADS)
    exchanges = sum(exchanges for *_, exchanges in threads)
    with ThreadPoolExecutor(2) as together:
        step = max(1, min(5_000, exchanges // 2))
        list(
            together.map(
                lambda first: _store_messages(first, first + step - 1), range(1, exchanges + 1, step)
            )
        )
        list(together.map(lambda _: connections.close_all(), range(4)))
    execute("DROP TABLE plan, plan_thread")
    execute("VACUUM ANALYZE")
    execute("CHECKPOINT")  # now, not while pages are measured


def _store_messages(first: int, last: int) -> None:
    execute("SET session_replication_role = replica")  # foreign keys need no check
    for sql in (QUESTIONS, ANSWERS, SOURCES_OF):
        execute(sql, {**TEXTS, "sources": SOURCES, "first": first, "last": last})


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY))
