"""How long does it take to count for /insights/?

    uv run python -m benchmarks.insights [MESSAGES]

Fills a database of its own as `benchmarks.million` does, with MESSAGES (a million), spread over two years; then one in
twenty answers has failed, and one in ten has feedback. The page is asked for as an admin would, through Django's test
client, ten times for each period that it offers: of the weeks in which all of them asked.
"""

import statistics
import sys
from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benchmarks.fleet import fleet  # first: it chooses the database
from benchmarks.million import count_queries, execute, fill, milliseconds_of, set_up
from threads.forms.insights import PERIODS
from threads.models import Message, Notice, User

MANY = 1_000_000
ROUNDS = 10
UNTIL = timezone.localdate() - timedelta(weeks=6)  # new conversations begin until a month ago
FAILURES = """
UPDATE threads_message SET state = 'failed', error_code = 'api_error'
WHERE role = 'assistant' AND hashtext(id::text) %% 20 = 0
"""
FEEDBACK = """
INSERT INTO threads_feedback (message_id, rating, reason, comment, created_at, updated_at)
SELECT id, CASE WHEN hashtext(id::text) %% 4 = 0 THEN 'down' ELSE 'up' END, '', '', created_at, created_at
FROM threads_message WHERE role = 'assistant' AND hashtext(id::text) %% 10 = 1
"""


def main(messages: int) -> None:
    with fleet():
        set_up()
        fill(messages)
        for sql in (FAILURES, FEEDBACK, "VACUUM ANALYZE", "CHECKPOINT"):
            execute(sql, {})
        admin = User.objects.create_superuser("admin@example.org", "!")
        if notice := Notice.objects.in_force():
            notice.acknowledge(admin)
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(admin)
        print(f"{Message.objects.count():,} messages of {User.objects.count():,} users", flush=True)
        for weeks, _ in PERIODS:
            since = UNTIL - timedelta(weeks=weeks - 1)
            url = f"{reverse('threads:insights')}?since={since}&until={UNTIL}"
            queries = count_queries(client, url)  # from a cold cache
            times = [milliseconds_of(client, url) for _ in range(ROUNDS)]
            median, most = statistics.median(times), max(times)
            print(
                f"{weeks:3} weeks: median {median:6.0f} ms, most {most:6.0f} ms, {queries} queries",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)
