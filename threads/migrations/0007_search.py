r"""Columns that search looks words up in; `threads.search` uses them.

They are no fields of the models, so that no page that shows messages loads them, and PostgreSQL keeps them up to date
by itself. Adding them writes both tables anew, under a lock: 6 minutes for a million messages with their sources.

Of an answer or a source the first 100,000 characters are searched. A tsvector holds at most 1 MB, a character has up
to 4 bytes, and each word is in it twice: a longer one might be refused, and with it the answer.
"""

from django.db import migrations

# The parser takes “und/oder”, “Abs.3” or “2024-2025” for one word, and in a database whose LC_CTYPE is C each quote or
# dash beyond ASCII for a letter. So each sign becomes a space, and what stands within a word unseen, as the soft
# hyphen, goes. `threads.search` does the same to what is looked for.
SEARCH_TEXT = r"""
CREATE FUNCTION search_text(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN regexp_replace(
    translate(left(content, 100000), E'\u00ad\u200b\u200c\u200d\u2060\ufeff', ''),
    E'[\u0001-/:-@\\[-`{-\u00bf×÷\u1680\u2000-\u2bff\u3000-\u303f\ufe00-\ufe0f\ufffd\U0001f000-\U0001faff]', ' ', 'g'
)
"""
SEARCH_WORDS = """
CREATE FUNCTION search_words(content text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN (
    SELECT to_tsvector('pg_catalog.german'::regconfig, plain) || to_tsvector('pg_catalog.english'::regconfig, plain)
    FROM (SELECT search_text(content) AS plain OFFSET 0) AS once
)
"""


class Migration(migrations.Migration):
    dependencies = [("threads", "0006_first_notice")]

    operations = [
        migrations.RunSQL(SEARCH_TEXT, "DROP FUNCTION search_text(text)"),
        migrations.RunSQL(SEARCH_WORDS, "DROP FUNCTION search_words(text)"),
        migrations.RunSQL(
            "ALTER TABLE threads_message ADD COLUMN words tsvector "
            "GENERATED ALWAYS AS (search_words(content)) STORED",
            "ALTER TABLE threads_message DROP COLUMN words",
        ),
        migrations.RunSQL(
            "ALTER TABLE threads_source ADD COLUMN words tsvector GENERATED ALWAYS AS "
            "(search_words(document_title || ' ' || section || ' ' || content)) STORED",
            "ALTER TABLE threads_source DROP COLUMN words",
        ),
    ]
